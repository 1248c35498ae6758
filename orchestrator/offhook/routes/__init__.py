"""Which way a number takes (S08-S10, S13, S14, D43): tables in a file, and a pure function that follows them.

:class:`Routes` is the file, :func:`decide` the way of one number at one moment, with every step told.
"""

from .decide import Choice, Decision, Step, decide
from .tables import Route, Routes, Rule, Tariff, Trunk

__all__ = ["Choice", "Decision", "Route", "Routes", "Rule", "Step", "Tariff", "Trunk", "decide"]
