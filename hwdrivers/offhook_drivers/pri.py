"""Call plane of E1 cards with ISDN PRI: :class:`PriDriver`, on top of the signalling daemon.

The driver keeps the books: which channel has which call. The daemon may end at any moment; then every call gets its ``Cleared`` here, the
daemon is started again, RESTARTs all channels with the exchange, and reports its links as soon as they may be used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .contract import (
    Alarm,
    Answer,
    Answered,
    Attributes,
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
    NumberType,
    Offered,
    Party,
    Proceeding,
    Progress,
    Ringing,
    SendDigits,
    Stamp,
    Traced,
    Unblock,
)
from .prid import Daemon, Line, value

log = logging.getLogger(__name__)

CHANNELS_PER_SPAN = 30
CLOSE_S = 5.0
"""Longest wait for the exchange to confirm the clearings when the driver is closed."""
_DIGITS = frozenset("0123456789*#ABCD")
_LOCATIONS = {int(location): location for location in Location}


@dataclass(slots=True, eq=False)
class _Call:
    """A dialled call until its ``Cleared``."""

    channel: int
    call_id: str
    serial: int
    ended: bool = False  # a Cleared of ours is on its way


class PriDriver:
    """E1 spans with EuroISDN; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        dchannels: One for each span, ``"dahdi:16"`` or the descriptor of a packet socket.
        media: Address of the spans' ``oh_media``, None for signalling alone. It stays the caller's.
        tick: Number of the media tick, for the stamps.
        network: We are the exchange.
        trace: Report every Q.931 message as ``Traced``.
        speech: Bearer speech instead of 3.1 kHz audio.
        digit_timer_s: How long an incomplete number of an incoming call waits for its next digit, 0: not at all.
        daemon: Program of the daemon, None looks for it.

    Raises:
        PriError: There is no daemon.
        ValueError: No span, or more than 32.
    """

    def __init__(
        self,
        dchannels: Sequence[str | int],
        *,
        media: int | None = None,
        tick: Callable[[], int] = lambda: 0,
        network: bool = False,
        trace: bool = False,
        speech: bool = False,
        digit_timer_s: float = 0.0,
        daemon: str | None = None,
    ) -> None:
        if not 1 <= len(dchannels) <= 32:
            raise ValueError(f"{len(dchannels)} D-channels: name 1 to 32, one for each span")
        options = ["--network"] * network + ["--trace"] * trace + ["--speech"] * speech
        if digit_timer_s:
            options += ["--digit-timer", str(max(1, round(digit_timer_s * 10)))]
        self.daemon = Daemon(dchannels, self._line, self._gone, options=options, path=daemon)
        self._spans = len(dchannels)
        self._media = media
        self._tick = tick
        self._calls: dict[int, _Call] = {}
        self._offered: dict[int, int] = {}
        self._blocked: set[int] = set()
        self._up: set[int] = set()
        self._alarms: dict[int, int] = {}
        self._serial = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._on_event: Callable[[Event], None] = lambda event: None
        self._verbs: dict[str, Callable[[Line], None]] = {
            "link": self._link,
            "alarm": self._alarm,
            "offered": self._offer,
            "setup_ack": self._setup_ack,
            "proceeding": self._proceeding,
            "progress": self._progress,
            "ringing": self._ringing,
            "answered": self._answered,
            "digit": self._digit,
            "cleared": self._cleared,
            "q931": self._traced,
        }

    # -- the contract ---------------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``"pri"``."""
        return "pri"

    @property
    def channels(self) -> int:
        """B-channels, 30 to a span."""
        return self._spans * CHANNELS_PER_SPAN

    @property
    def channels_per_span(self) -> int:
        """30."""
        return CHANNELS_PER_SPAN

    @property
    def media(self) -> int | None:
        """Address of the ``oh_media`` that was given."""
        return self._media

    def call_id_on(self, channel: int) -> str | None:
        """Which call has the channel."""
        call = self._calls.get(channel)
        return None if call is None else call.call_id

    async def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the daemon; ``Link`` tells when a span may be used.

        Raises:
            PriError: The daemon cannot be started; a D-channel may be missing or in use.
        """
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        await self.daemon.start()

    def send(self, command: Command) -> None:
        """Hand over a command; what comes of it arrives as events.

        Raises:
            ValueError: No such channel, or a ``Dial`` on a channel that has a call.
            RuntimeError: The driver is not started, is being closed, or closed.
        """
        if self._loop is None:
            raise RuntimeError("the PRI driver is not started")
        if self._closing and isinstance(command, Dial):
            raise RuntimeError("the PRI driver is being closed")
        channel = command.channel
        if not 0 <= channel < self.channels:
            raise ValueError(f"channel {channel}: there are 0 to {self.channels - 1}")
        match command:
            case Dial():
                self._dial(command)
            case Hangup(cause=cause):
                self._hangup(channel, cause)
            case SendDigits(digits=digits):
                call = self._calls.get(channel)
                wanted = "".join(digit for digit in digits if digit in _DIGITS)
                if call is not None and wanted:
                    self.daemon.say(f"digits {channel} {call.serial} {wanted}")
            case Answer():
                if channel in self._offered:
                    self.daemon.say(f"answer {channel} {self._offered[channel]}")
            case Block():
                self._blocked.add(channel)
                self.daemon.say(f"block {channel}")
            case Unblock():
                self._blocked.discard(channel)
                self.daemon.say(f"unblock {channel}")

    async def close(self) -> None:
        """End every call, each with its ``Cleared``, then the daemon."""
        if self._loop is None:
            return
        self._closing = True
        for call in self._calls.values():
            self.daemon.say(f"hangup {call.channel} {call.serial} cause={int(Cause.TEMPORARY_FAILURE)}")
        deadline = self._loop.time() + CLOSE_S
        while self._calls and self._loop.time() < deadline:  # noqa: ASYNC110 - a poll needs no bookkeeping in the busy part
            await asyncio.sleep(0.01)
        await self.daemon.close()
        self._end_all()
        await asyncio.sleep(0)
        self._loop = None

    # -- what the layer below tells -------------------------------------------------------------------------------------------------

    def set_alarm(self, span: int, bits: int) -> None:
        """Tell the signalling that layer 1 of a span is in alarm (``OH_ALARM_*``), for lines whose D-channel does not know.

        Raises:
            ValueError: No such span.
        """
        if not 0 <= span < self._spans:
            raise ValueError(f"span {span}: there are 0 to {self._spans - 1}")
        self._alarms[span] = bits
        self.daemon.say(f"alarm {span} {bits}")

    # -- commands -------------------------------------------------------------------------------------------------------------------

    def _dial(self, dial: Dial) -> None:
        channel = dial.channel
        if channel in self._calls:
            raise ValueError(f"channel {channel} has call {self._calls[channel].call_id!r}: wait for its Cleared")
        self._serial = self._serial % 0x7FFFFFFF + 1
        call = self._calls[channel] = _Call(channel, dial.call_id, self._serial)
        called, calling = dial.called, dial.calling.lstrip("+")
        called_as, calling_as = dial.called_as, dial.calling_as
        if called.startswith("+"):
            called, called_as = called[1:], Attributes(NumberType.INTERNATIONAL, called_as.plan)
        if not called or not _DIGITS.issuperset(called) or not _DIGITS.issuperset(calling):
            self._end(call, Cause.INVALID_NUMBER_FORMAT)
        elif channel // CHANNELS_PER_SPAN not in self._up:
            self._end(call, Cause.NETWORK_OUT_OF_ORDER)
        else:
            line = f"dial {channel} {call.serial} called={called} called_plan={called_as.type << 4 | called_as.plan}"
            if calling:
                presentation = calling_as.presentation << 5 | calling_as.screening
                line += f" calling={calling} calling_plan={calling_as.type << 4 | calling_as.plan} presentation={presentation}"
            if dial.overlap:
                line += f" overlap={dial.overlap}"
            self.daemon.say(line)

    def _hangup(self, channel: int, cause: int) -> None:
        cause = int(cause) if 1 <= cause <= 127 else int(Cause.NORMAL_UNSPECIFIED)
        call = self._calls.get(channel)
        for serial in (None if call is None else call.serial, self._offered.get(channel)):  # in a glare the channel has both
            if serial is not None:
                self.daemon.say(f"hangup {channel} {serial} cause={cause}")

    def _end(self, call: _Call, cause: Cause) -> None:
        """The call ends here, not at the daemon; told with the loop's next turn."""
        assert self._loop is not None
        if not call.ended:
            call.ended = True
            self._loop.call_soon(
                self._tell_end, call, Cleared(self._now(), call.channel, call.call_id, cause, Location.PRIVATE_LOCAL, Party.DRIVER)
            )

    def _tell_end(self, call: _Call, cleared: Cleared) -> None:
        if self._calls.get(call.channel) is call:
            del self._calls[call.channel]
            self._on_event(cleared)

    def _end_all(self) -> None:
        for call in list(self._calls.values()):
            self._end(call, Cause.TEMPORARY_FAILURE)

    def _gone(self) -> None:
        """The daemon has ended; it will be started again and synchronise with the exchange."""
        for span in sorted(self._up):
            self._on_event(Link(self._now(), span, False))
        self._up.clear()
        self._offered.clear()
        self._end_all()

    # -- lines ----------------------------------------------------------------------------------------------------------------------

    def _line(self, words: Line) -> None:
        verb = self._verbs.get(words[0])
        if verb is not None:
            verb(words)
        elif words[0] == "hello":
            for channel in self._blocked:
                self.daemon.say(f"block {channel}")
            for span, bits in self._alarms.items():
                if bits:
                    self.daemon.say(f"alarm {span} {bits}")

    def _now(self) -> Stamp:
        assert self._loop is not None
        return Stamp(self._loop.time(), self._tick())

    def _at(self, words: Line, index: int = 3) -> Stamp:
        """The daemon's time is the loop's clock, CLOCK_MONOTONIC."""
        return Stamp(int(words[index][2:]) / 1e6, self._tick())

    def _call(self, words: Line) -> _Call | None:
        call = self._calls.get(int(words[1]))
        return call if call is not None and call.serial == int(words[2]) and not call.ended else None

    def _link(self, words: Line) -> None:
        span, up = int(words[1]), words[2] == "1"
        if up != (span in self._up):
            (self._up.add if up else self._up.discard)(span)
            self._on_event(Link(self._at(words), span, up))

    def _alarm(self, words: Line) -> None:
        self._on_event(Alarm(self._at(words), int(words[1]), int(words[2])))

    def _offer(self, words: Line) -> None:
        channel = int(words[1])
        self._offered[channel] = int(words[2])
        self._on_event(Offered(self._at(words), channel, value(words, "calling"), value(words, "called")))

    def _setup_ack(self, words: Line) -> None:
        call = self._call(words)
        if call is not None and words[4] == "inband=1":
            self._on_event(Progress(self._at(words), call.channel, call.call_id, True))

    def _proceeding(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            at = self._at(words)
            self._on_event(Proceeding(at, call.channel, call.call_id))
            if words[4] == "inband=1":
                self._on_event(Progress(at, call.channel, call.call_id, True))

    def _progress(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            cause = int(value(words, "cause", "-1"))
            self._on_event(
                Progress(self._at(words), call.channel, call.call_id, words[4] == "inband=1", cause if 1 <= cause <= 127 else None)
            )

    def _ringing(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            self._on_event(Ringing(self._at(words), call.channel, call.call_id, words[4] == "inband=1"))

    def _answered(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            self._on_event(Answered(self._at(words), call.channel, call.call_id, words[4].removeprefix("connected=")))

    def _digit(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            for digit in value(words, "digits"):
                self._on_event(Digit(self._at(words), call.channel, call.call_id, digit))

    def _cleared(self, words: Line) -> None:
        channel, serial = int(words[1]), int(words[2])
        call = self._calls.get(channel)
        if call is not None and call.serial == serial and not call.ended:
            del self._calls[channel]
            location = int(words[5].removeprefix("location="))
            self._on_event(
                Cleared(
                    self._at(words),
                    channel,
                    call.call_id,
                    int(words[4].removeprefix("cause=")),
                    _LOCATIONS.get(location, location),
                    Party(words[6].removeprefix("who=")),
                )
            )
        elif self._offered.get(channel) == serial:
            del self._offered[channel]

    def _traced(self, words: Line) -> None:
        call = self._call(words)
        if call is not None:
            self._on_event(Traced(self._at(words), call.channel, call.call_id, " ".join(words[4:])))
