"""Drivers: cards and lines that the engine dials through.

A driver fills the two planes of :mod:`offhook_drivers.contract`: audio in C, signalling as messages. This package has

* ``simulator``: a software E1 card with people, machines and networks behind it, described by a :class:`Scenario`;
* ``replay``: recordings as channels.

:func:`open_driver` makes one from its settings.
"""

from .contract import Driver
from .scenario import Scenario, ScenarioError
from .simulator import Simulator, Truth

__all__ = ["Driver", "Scenario", "ScenarioError", "Simulator", "Truth"]
