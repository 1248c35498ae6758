"""Persons: contacts and their numbers, lists they are on, the ledger of what was done, and the policy that says whether to call again."""

from offhook.contacts.policy import ContactCap, ContactPolicy, ContactRest, Effect
from offhook.contacts.screen import Finding, Verdict

__all__ = ["ContactCap", "ContactPolicy", "ContactRest", "Effect", "Finding", "Verdict"]
