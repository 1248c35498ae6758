"""A driver whose calls are worked out before they begin.

:class:`PlannedDriver` runs a :class:`~offhook_drivers.callees.CallPlan` for every ``Dial``: it tells the acts as events, plays their
sounds on a :class:`~offhook_drivers.softcard.SoftCard` and lets callees who listen react to what we say. Where the plans come from is the
subclass's affair. All timers are those of the running event loop, so that a loop with a virtual clock runs a day of calls in seconds.
"""

from __future__ import annotations

import abc
import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .callees import Act, Again, Answers, CallPlan, Clears, KeyPress, Proceeds, Progresses, Rings, Sound
from .contract import (
    Alarm,
    Answer,
    Answered,
    Block,
    Cause,
    Cleared,
    Command,
    Dial,
    Digit,
    Event,
    Hangup,
    Link,
    Location,
    Party,
    Proceeding,
    Progress,
    Ringing,
    SendDigits,
    SpanErrors,
    Stamp,
    Unblock,
)

if TYPE_CHECKING:
    from .softcard import SoftCard

log = logging.getLogger(__name__)

CHANNELS_PER_SPAN = 30
DOWN = 8 | 16 | 32 | 64 | 128  # RED, BLUE, LOS, LFA, LMFA: no call survives them
LISTEN_S = 0.25  # how often an answered callee attends to what we say
SPOKE_TICKS = 5  # 100 ms of voice: we have begun to speak
ENDED_S = 1.0  # of silence after it: our prompt has ended
QUIET_PROMPT_S = (1.0, 9.0)  # without audio our prompt is taken to begin and end then, counted from the answer
KEPT_TRUTHS = 10_000  # of calls that nobody asked for


@dataclass(slots=True)
class Truth:
    """What really happened in a call; the detectors never see it.

    Attributes:
        behaviour: Kind in the scenario, ``"person"``.
        name: Name of the behaviour in the scenario, else its kind.
        meaning: Of an announcement, SIT coding, screening or false answer; else empty.
        answered: Answer was signalled.
        answered_at: Then, in seconds of the loop's clock.
        digits: Keys that the callee pressed.
        beep_at: End of the beep in seconds after the answer, None when there is none or the call ended before.
        message: A-law octets that we sent after the beep, empty unless the simulator captures.
        heard_s: Seconds of voice that the callee heard from us.
        faults: Of the line.
    """

    call_id: str
    called: str
    attempt: int
    behaviour: str
    name: str
    meaning: str = ""
    answered: bool = False
    answered_at: float | None = None
    digits: str = ""
    beep_at: float | None = None
    message: bytes = b""
    heard_s: float = 0.0
    said_again: bool = False
    cause: int = 0
    who: Party = Party.DRIVER
    faults: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Call:
    """One channel's call, from ``Dial`` to ``Cleared``."""

    dial: Dial
    plan: CallPlan
    truth: Truth
    serial: int
    next_act: int = 0
    cleared: Cleared | None = None  # decided, not yet told
    again: Again | None = None
    press: KeyPress | None = None
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)


class PlannedDriver(abc.ABC):
    """The call plane that ``simulator`` and ``replay`` share; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        channels: B-channels, 30 to a span.
        card: Their audio, or None: signalling alone. The driver closes it.
    """

    def __init__(self, channels: int, card: SoftCard | None) -> None:
        self._channels = channels
        self._card = card
        self._calls: dict[int, _Call] = {}
        self._blocked: set[int] = set()
        self._alarms = [0] * self.spans
        self._truths: OrderedDict[str, Truth] = OrderedDict()
        self._serial = 0
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_event: Callable[[Event], None] = lambda event: None

    @abc.abstractmethod
    def _plan(self, dial: Dial) -> tuple[CallPlan, int]:
        """How this call will go, and the how manyth to its number it is."""

    # -- the contract -------------------------------------------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What operators call it."""

    @property
    def channels(self) -> int:
        """B-channels, numbered from 0."""
        return self._channels

    @property
    def spans(self) -> int:
        """Spans; the last may have fewer channels than 30."""
        return (self._channels - 1) // CHANNELS_PER_SPAN + 1

    @property
    def channels_per_span(self) -> int:
        """30."""
        return CHANNELS_PER_SPAN

    @property
    def media(self) -> int | None:
        """Address of the ``oh_media``, None without audio. Valid until :meth:`close` returns."""
        return None if self._card is None else self._card.media

    def tick(self) -> int:
        """Number of the media tick that comes next; 0 without audio."""
        return 0 if self._card is None else self._card.now()

    async def start(self, on_event: Callable[[Event], None]) -> None:
        """Bring all spans up; a ``Link`` for each follows."""
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        for span in range(self.spans):
            self._loop.call_soon(self._report_link, span, True)

    def send(self, command: Command) -> None:
        """Take a command; what comes of it arrives as events.

        Raises:
            ValueError: No such channel, or a ``Dial`` on a channel that has a call.
            RuntimeError: The driver is not started, is being closed, or closed.
        """
        if self._loop is None:
            raise RuntimeError(f"the {self.name} is not started")
        if self._closing and isinstance(command, Dial):
            raise RuntimeError(f"the {self.name} is being closed")
        channel = command.channel
        if not 0 <= channel < self.channels:
            raise ValueError(f"channel {channel}: there are 0 to {self.channels - 1}")
        match command:
            case Dial():
                self._dial(command)
            case Hangup():
                call = self._calls.get(channel)
                if call is not None:
                    self._end(call, command.cause, Location.USER, Party.US)
            case Block():
                self._blocked.add(channel)
            case Unblock():
                self._blocked.discard(channel)
            case SendDigits() | Answer():
                pass  # numbers are complete with Dial, callees do not listen to keys, and nobody calls us

    async def close(self) -> None:
        """End every call, each with its ``Cleared``, and give the card back. The core must have stopped using :attr:`media`."""
        self._closing = True
        try:
            for call in self._calls.values():
                self._end(call, Cause.TEMPORARY_FAILURE, Location.PRIVATE_LOCAL, Party.DRIVER)
            await asyncio.sleep(0)  # one turn of the loop tells them all
        finally:
            self._loop = None
            if self._card is not None:
                self._card.close()
                self._card = None

    # -- for tests and the demo ---------------------------------------------------------------------------------------------------

    def truth(self, call_id: str) -> Truth | None:
        """Take what really happened in a cleared call; None when unknown, still running or already taken."""
        return self._truths.pop(call_id, None)

    def set_alarm(self, span: int, bits: int) -> None:
        """Put a span into alarm (``OH_ALARM_*`` bits, 0 = none). Red, blue and the losses end all its calls.

        Raises:
            ValueError: No such span.
            RuntimeError: The driver is not started.
        """
        if self._loop is None:
            raise RuntimeError(f"the {self.name} is not started")
        self._check_span(span)
        before, self._alarms[span] = self._alarms[span], bits
        if bits == before:
            return
        if self._card is not None:
            self._card.set_alarm(span, bits)
        log.info("span %d: alarm bits %#x", span, bits)
        self._loop.call_soon(self._report, Alarm(self._stamp(), span, bits))
        if bool(bits & DOWN) == bool(before & DOWN):
            return
        self._loop.call_soon(self._report_link, span, not bits & DOWN)
        if bits & DOWN:
            for call in [c for c in self._calls.values() if c.dial.channel // CHANNELS_PER_SPAN == span]:
                self._end(call, Cause.NETWORK_OUT_OF_ORDER, Location.PRIVATE_LOCAL, Party.DRIVER)

    def set_errors(self, span: int, slip_every: int, crc4_every: int) -> None:
        """Let the span's line slip, and have CRC4 errors, every so many ticks of 20 ms, 0 for none. Without audio none happen.

        Raises:
            ValueError: No such span.
        """
        self._check_span(span)
        if self._card is not None:
            self._card.set_errors(span, slip_every, crc4_every)

    def errors(self, span: int) -> SpanErrors:
        """Errors of the span's line so far."""
        self._check_span(span)
        return SpanErrors() if self._card is None else self._card.errors(span)

    def _check_span(self, span: int) -> None:
        if not 0 <= span < self.spans:
            raise ValueError(f"span {span}: there are 0 to {self.spans - 1}")

    # -- a call -------------------------------------------------------------------------------------------------------------------

    def _dial(self, dial: Dial) -> None:
        channel = dial.channel
        if channel in self._calls:
            raise ValueError(f"channel {channel} has call {self._calls[channel].dial.call_id!r}: wait for its Cleared")
        plan, attempt = self._plan(dial)
        truth = Truth(dial.call_id, dial.called, attempt, plan.behaviour, plan.name, plan.meaning, faults=plan.path.faults)
        self._serial = self._serial % 0xFFFFFFFF + 1
        call = self._calls[channel] = _Call(dial, plan, truth, self._serial, again=plan.again, press=plan.press)
        if channel in self._blocked:
            self._end(call, Cause.REQUESTED_CIRCUIT_UNAVAILABLE, Location.PRIVATE_LOCAL, Party.DRIVER)
        elif self._alarms[channel // CHANNELS_PER_SPAN] & DOWN:
            self._end(call, Cause.NETWORK_OUT_OF_ORDER, Location.PRIVATE_LOCAL, Party.DRIVER)
        else:
            if self._card is not None:
                self._card.begin(channel, call.serial, plan.media_seed)
            self._wait_for_act(call)

    def _wait_for_act(self, call: _Call) -> None:
        if call.next_act < len(call.plan.acts):
            self._later(call, "act", call.plan.acts[call.next_act].after_s, self._act)

    def _act(self, call: _Call) -> None:
        act = call.plan.acts[call.next_act]
        call.next_act += 1
        if act.sound is not None:
            self._play(call, act.sound)
        call.truth.digits += act.digits
        self._wait_for_act(call)  # first, so that a handler that fails does not end the story
        self._tell(call, act)

    def _tell(self, call: _Call, act: Act) -> None:
        """Turn an act's message into an event."""
        at, channel, call_id = self._stamp(), call.dial.channel, call.dial.call_id
        match act.message:
            case Proceeds():
                self._report(Proceeding(at, channel, call_id))
            case Progresses(inband, cause):
                self._report(Progress(at, channel, call_id, inband, cause))
            case Rings(inband):
                self._report(Ringing(at, channel, call_id, inband))
            case Answers():
                call.truth.answered = True
                call.truth.answered_at = at.seconds
                self._attend(call)
                self._report(Answered(at, channel, call_id))
            case Clears(cause, location):
                network = location not in (Location.USER, Location.PRIVATE_REMOTE)
                self._end(call, cause, location, Party.NETWORK if network else Party.THEM)
            case None:
                pass
        if act.digits and self._card is None:
            for digit in act.digits:
                self._report(Digit(at, channel, call_id, digit))

    def _end(self, call: _Call, cause: int, location: Location, who: Party) -> None:
        """Decide how the call ends; ``Cleared`` comes with the loop's next turn. Only the first decision counts."""
        if call.cleared is not None:
            return
        for timer in call.timers.values():
            timer.cancel()
        call.truth.cause = cause
        call.truth.who = who
        call.cleared = Cleared(self._stamp(), call.dial.channel, call.dial.call_id, cause, location, who)
        self._finish_truth(call)
        if self._card is not None:
            self._card.end(call.dial.channel)
        self._running().call_soon(self._clear, call)

    def _clear(self, call: _Call) -> None:
        """Free the channel and tell it, once."""
        if call.cleared is None or self._calls.get(call.dial.channel) is not call:
            return
        del self._calls[call.dial.channel]
        self._truths[call.dial.call_id] = call.truth
        if len(self._truths) > KEPT_TRUTHS:
            self._truths.popitem(last=False)
        self._report(call.cleared)

    def _finish_truth(self, call: _Call) -> None:
        truth, beep = call.truth, call.plan.beep_at_s
        if truth.answered_at is not None and beep is not None and self._running().time() - truth.answered_at >= beep:
            truth.beep_at = beep
        if self._card is not None:
            truth.heard_s = self._card.heard(call.dial.channel, call.serial).voice_ticks * 0.02
            truth.message = self._card.captured(call.dial.channel, call.serial)

    # -- callees that listen ------------------------------------------------------------------------------------------------------

    def _attend(self, call: _Call) -> None:
        """From the answer on: react to what we say."""
        plan = call.plan
        if plan.again is None and plan.press is None and plan.hang_after_prompt_s is None and plan.gives_up_at_s is None:
            return
        if self._card is not None:
            self._later(call, "listen", LISTEN_S, self._listen)
            return
        begun, ended = QUIET_PROMPT_S
        if plan.press is not None:
            self._later(call, "press", (begun if plan.press.when == "prompt_begun" else ended) + plan.press.after_s, self._press)
            ended += plan.press.after_s
        if plan.hang_after_prompt_s is not None:
            self._later(call, "hang", ended + plan.hang_after_prompt_s, self._hang)

    def _listen(self, call: _Call) -> None:
        card = self._card
        if card is None or call.truth.answered_at is None:
            return
        now = self._running().time() - call.truth.answered_at
        heard = card.heard(call.dial.channel, call.serial)
        begun = heard.voice_ticks >= SPOKE_TICKS
        again, press = call.again, call.press
        if again is not None and (begun or now >= again.from_s + again.after_s):
            call.again = None
            if not begun:
                self._play(call, again.sound)
                call.truth.said_again = True
        gives_up = call.plan.gives_up_at_s
        if gives_up is not None and not begun and now >= gives_up:
            self._hang(call)
            return
        if begun and press is not None and "press" not in call.timers and (press.when == "prompt_begun" or heard.quiet_s >= ENDED_S):
            self._later(call, "press", press.after_s, self._press)
        hang = call.plan.hang_after_prompt_s
        if begun and hang is not None and call.press is None and heard.quiet_s >= hang:
            self._hang(call)
            return
        self._later(call, "listen", LISTEN_S, self._listen)

    def _press(self, call: _Call) -> None:
        press, call.press = call.press, None
        if press is None:
            return
        call.truth.digits += press.digits
        if self._card is not None:
            self._play(call, press.sound)
        else:
            for digit in press.digits:
                self._report(Digit(self._stamp(), call.dial.channel, call.dial.call_id, digit))

    def _hang(self, call: _Call) -> None:
        self._end(call, Cause.NORMAL_CLEARING, Location.USER, Party.THEM)

    # -- small things -------------------------------------------------------------------------------------------------------------

    def _play(self, call: _Call, sound: Sound) -> None:
        if self._card is not None:
            self._card.play(call.dial.channel, call.serial, call.plan, sound)

    def _later(self, call: _Call, what: str, after_s: float, act: Callable[[_Call], None]) -> None:
        call.timers[what] = self._running().call_later(after_s, act, call)

    def _running(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "timers run between start and close only"
        return self._loop

    def _stamp(self) -> Stamp:
        return Stamp(self._running().time(), self.tick())

    def _report(self, event: Event) -> None:
        self._on_event(event)

    def _report_link(self, span: int, up: bool) -> None:
        if self._loop is not None:
            self._report(Link(self._stamp(), span, up))
