"""Agents: who is there, who takes which person, and how many calls go out for them."""
