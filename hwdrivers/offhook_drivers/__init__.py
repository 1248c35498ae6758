"""Drivers: cards and lines that the engine dials through.

A driver fills the two planes of :mod:`offhook_drivers.contract`: audio in C, signalling as messages. This package has

* :class:`Simulator`: a software E1 card with people, machines and networks behind it, described by a :class:`Scenario`;
* :class:`Replay`: recordings as channels.

:func:`open_driver` makes one from its settings.
"""

from .audio import ClipError
from .contract import Driver
from .replay import Recording, Replay
from .scenario import Scenario, ScenarioError
from .settings import ReplaySettings, SimulatorSettings, open_driver
from .simulator import Simulator, Truth

__all__ = [
    "ClipError",
    "Driver",
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
