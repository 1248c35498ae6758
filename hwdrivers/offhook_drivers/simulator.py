"""A software E1 card with a simulated network behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .callees import CallPlan, plan_call
from .contract import Dial, Event
from .planned import CHANNELS_PER_SPAN, PlannedDriver, Truth
from .scenario import Scenario, ScenarioError
from .span_faults import SpanFaults

if TYPE_CHECKING:
    from .softcard import SoftCard

__all__ = ["Simulator", "Truth"]

MAX_SPANS = 32
REMEMBERED_NUMBERS = 25_000  # at least so many numbers have their attempts counted, at most twice as many


class Simulator(PlannedDriver):
    """Software E1 card; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        scenario: Who is behind the numbers; None takes the built-in ``cn``.
        spans: E1 spans of 30 B-channels, 1 to 32.
        realtime: True: ticks come every 20 ms; False: whenever the core asks for one.
        audio: False runs the signalling alone; ``media`` is then None and keys that callees press come as ``Digit``.
        seed: Replaces the scenario's.
        capture_s: Seconds of what we send that are kept per channel after a machine's beep, 0 = none (8 kB a second and channel).

    A call depends on the seed, the called number and the count of calls to that number, on nothing else. Callees that listen to us
    (a second hello, a key pressed after the prompt) react to the audio that we send.

    Raises:
        ValueError: A value is out of range.
        ScenarioError: The scenario's tone plan is unknown, or a fault of it names a span that the card lacks.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        spans: int = 8,
        realtime: bool = True,
        audio: bool = True,
        seed: int | None = None,
        capture_s: float = 0.0,
    ) -> None:
        if not 1 <= spans <= MAX_SPANS:
            raise ValueError(f"spans is {spans}: choose 1 to {MAX_SPANS}")
        if not 0 <= capture_s <= 120:
            raise ValueError(f"capture_s is {capture_s:g}: choose 0 to 120")
        self.scenario = scenario if scenario is not None else Scenario.builtin("cn")
        for number, fault in enumerate(self.scenario.fault, 1):
            if fault.span >= spans:
                raise ScenarioError(f"{self.scenario.source}: fault.{number}.span is {fault.span}: the card has 0 to {spans - 1}")
        self.seed = self.scenario.seed if seed is None else seed
        self.realtime = realtime
        self.on_fault: Callable[[int, int], None] = self.set_alarm
        """Takes the alarms of the scenario; a driver around this one puts itself here."""
        self._faults = SpanFaults(self.scenario.fault, lambda span, bits: self.on_fault(span, bits), self.set_errors)
        self._attempts: dict[int, int] = {}
        self._before: dict[int, int] = {}  # the generation before: forgotten whole, for a table that turns over piece by piece grows
        channels = spans * CHANNELS_PER_SPAN
        card: SoftCard | None = None
        if audio:
            from .softcard import SoftCard  # only here: without audio the C library is not needed

            card = SoftCard(
                channels,
                CHANNELS_PER_SPAN,
                realtime=realtime,
                capture_s=capture_s,
                clips=self.scenario.clips(),
                plan=self.scenario.plan,
                noises=[self.scenario.line.noise],
            )
        super().__init__(channels, card)

    async def start(self, on_event: Callable[[Event], None]) -> None:
        """Bring all spans up; the faults of the scenario count from now."""
        await super().start(on_event)
        self._faults.start()

    async def close(self) -> None:
        """See :meth:`PlannedDriver.close`."""
        self._faults.close()
        await super().close()

    @property
    def name(self) -> str:
        """``"simulator"``."""
        return "simulator"

    def _plan(self, dial: Dial) -> tuple[CallPlan, int]:
        called = dial.called.lstrip("+")
        key = hash(called)  # the numbers themselves would take several times the room
        attempt = (self._attempts.get(key) or self._before.get(key, 0)) + 1
        self._attempts[key] = attempt
        if len(self._attempts) >= REMEMBERED_NUMBERS:
            self._attempts, self._before = {}, self._attempts
        return plan_call(self.scenario, called, attempt, self.seed), attempt
