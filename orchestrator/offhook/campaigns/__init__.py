"""Campaigns: their life, their limits, what they learn, and the loop that dials."""
