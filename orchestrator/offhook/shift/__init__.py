"""The shift simulator: a day of calls in seconds, paced by the policies that pace live traffic. Needs numpy and pydantic alone."""

from __future__ import annotations

from .cli import simulate, whatif
from .measured import Record, measured
from .scenario import Scenario, ScenarioError, load, parse
from .simulator import Report, Simulator, paced

__all__ = ["Record", "Report", "Scenario", "ScenarioError", "Simulator", "load", "measured", "paced", "parse", "simulate", "whatif"]
