"""Calling rules of countries and regions as dated, versioned packs: hours, days without calls, consent, caps, rests, ring time (D46, D49).

A pack is a TOML file with its sources and its own examples; :mod:`offhook.rules.judge` applies the packs in force to one number.
The packs that come with offhook are engineering defaults, not legal advice: the owner of a campaign checks them.
"""

from offhook.rules.judge import Finding, RuleBook, Verdict
from offhook.rules.pack import Kind, PackError, RulePack, builtin_packs, load_pack

__all__ = ["Finding", "Kind", "PackError", "RuleBook", "RulePack", "Verdict", "builtin_packs", "load_pack"]
