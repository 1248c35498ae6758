"""Drivers: cards and lines that the engine dials through.

A driver fills the two planes of :mod:`offhook_drivers.contract`: audio in C, signalling as messages. This package has

* :class:`Simulator`: a software E1 card with people, machines and networks behind it, described by a :class:`Scenario`;
* :class:`PriSimulator`: the same behind real Q.931;
* :class:`Replay`: recordings as channels;
* :class:`PriDriver` and :class:`DahdiDriver`: E1 with ISDN PRI (``docs/e1.md``).

:func:`open_driver` makes one from its settings.
"""

from .audio import ClipError
from .contract import Driver
from .dahdi import DahdiDriver
from .exchange import PriSimulator
from .pri import PriDriver
from .prid import PriError
from .replay import Recording, Replay
from .scenario import Scenario, ScenarioError
from .settings import PriSettings, ReplaySettings, SimulatorSettings, open_driver
from .simulator import Simulator, Truth

__all__ = [
    "ClipError",
    "DahdiDriver",
    "Driver",
    "PriDriver",
    "PriError",
    "PriSettings",
    "PriSimulator",
    "Recording",
    "Replay",
    "ReplaySettings",
    "Scenario",
    "ScenarioError",
    "Simulator",
    "SimulatorSettings",
    "Truth",
    "open_driver",
]
