"""The simulator behind real Q.931: its calls cross two signalling daemons, one as the card and one as the exchange.

::

    engine -- PriDriver -- offhook-prid ==D-channels== offhook-prid --network -- Exchange -- Simulator (callees and their audio)

The D-channels are packet socket pairs in memory, one for each span. The callees, the audio and its faults (slips, echo, one-way audio, lost
blocks) are those of the plain simulator; alarms (RED, AIS, LOS) cut the D-channel too.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence

from .contract import Answered, Cleared, Command, Dial, Digit, Event, Hangup, Proceeding, Progress, Ringing, SpanErrors
from .pri import PriDriver
from .prid import Daemon, Line, value
from .simulator import Simulator, Truth

log = logging.getLogger(__name__)


class Exchange:
    """The far end of the D-channels: offers what it is called with to a simulator's callees and tells what they do.

    Args:
        dchannels: Descriptors of the far ends, one for each span, or ``"dahdi:47"``.
        callees: Who is called. It must be started with :meth:`on_callee` as its callback.
        call_id_on: The caller's name for the call on a channel, so that the truth about it is found by that name.
        daemon: Program of the daemon, None looks for it.
    """

    def __init__(
        self, dchannels: Sequence[str | int], callees: Simulator, call_id_on: Callable[[int], str | None], daemon: str | None = None
    ) -> None:
        self.daemon = Daemon(dchannels, self._line, self._gone, options=("--network",), path=daemon)
        self._callees = callees
        self._call_id_on = call_id_on
        self._serial: dict[int, int] = {}  # calls that the caller still holds
        self._busy: set[int] = set()  # channels on which the simulator has a call
        self._next: dict[int, Dial] = {}  # a new call that waits for the simulator to be done with the old one
        self.on_digit: Callable[[Digit], None] = lambda digit: None

    # -- from the caller ------------------------------------------------------------------------------------------------------------

    def _line(self, words: Line) -> None:
        match words[0]:
            case "offered":
                channel, serial = int(words[1]), int(words[2])
                self._serial[channel] = serial
                call_id = self._call_id_on(channel) or f"exchange-{serial}"
                dial = Dial(channel, call_id, value(words, "called"), value(words, "calling"))
                if channel in self._busy:
                    self._next[channel] = dial
                else:
                    self._begin(dial)
            case "cleared":
                channel = int(words[1])
                if self._serial.get(channel) == int(words[2]):
                    del self._serial[channel]
                    self._next.pop(channel, None)
                    if channel in self._busy:
                        self._callees.send(Hangup(channel, int(words[4].removeprefix("cause="))))

    def _begin(self, dial: Dial) -> None:
        self._busy.add(dial.channel)
        self._callees.send(dial)

    def _gone(self) -> None:
        self._serial.clear()
        self._next.clear()
        for channel in self._busy:
            self._callees.send(Hangup(channel))

    # -- from the callees -----------------------------------------------------------------------------------------------------------

    def on_callee(self, event: Event) -> None:
        """What a callee does, as Q.931."""
        match event:
            case Proceeding(channel=channel):
                self._say("proceeding", channel)
            case Progress(channel=channel, inband=inband, cause=cause):
                self._say("progress", channel, f" inband={int(inband)}" + ("" if cause is None else f" cause={int(cause)}"))
            case Ringing(channel=channel, inband=inband):
                self._say("alerting", channel, f" inband={int(inband)}")
            case Answered(channel=channel, connected=connected):
                self._say("answer", channel, f" connected={connected}" if connected else "")
            case Digit():
                self.on_digit(event)
            case Cleared(channel=channel, cause=cause):
                self._busy.discard(channel)
                if channel in self._next:  # the caller gave up that call and has made another one already
                    self._begin(self._next.pop(channel))
                else:
                    self._say("hangup", channel, f" cause={int(cause)}")
            case _:
                pass  # links and alarms of the simulator have no meaning here

    def _say(self, verb: str, channel: int, more: str = "") -> None:
        serial = self._serial.get(channel)
        if serial is not None and channel not in self._next:
            self.daemon.say(f"{verb} {channel} {serial}{more}")


class PriSimulator:
    """A :class:`~offhook_drivers.simulator.Simulator` with ISDN signalling; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        simulator: Callees and audio, in real time. It becomes this driver's.
        trace: Report every Q.931 message as ``Traced``.
        daemon: Program of the daemon, None looks for it.

    Raises:
        PriError: There is no daemon.
        ValueError: The simulator runs in virtual time.
    """

    def __init__(self, simulator: Simulator, *, trace: bool = False, daemon: str | None = None) -> None:
        if not simulator.realtime:
            raise ValueError('signalling "pri" runs in real time: set realtime = true or signalling = "direct"')
        self._simulator = simulator
        self._sockets = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(simulator.spans)]
        try:
            self.near = PriDriver(
                [near.fileno() for near, _ in self._sockets], media=simulator.media, tick=simulator.tick, trace=trace, daemon=daemon
            )
            self.exchange = Exchange([far.fileno() for _, far in self._sockets], simulator, self.near.call_id_on, daemon)
        except BaseException:
            self._close_sockets()
            raise
        self.exchange.on_digit = self._digit
        simulator.on_fault = self.set_alarm
        self._on_event: Callable[[Event], None] = lambda event: None

    @property
    def name(self) -> str:
        """``"simulator"``."""
        return "simulator"

    @property
    def channels(self) -> int:
        """B-channels."""
        return self._simulator.channels

    @property
    def channels_per_span(self) -> int:
        """30."""
        return self._simulator.channels_per_span

    @property
    def media(self) -> int | None:
        """The simulator's audio."""
        return self._simulator.media

    async def start(self, on_event: Callable[[Event], None]) -> None:
        """Start both daemons; the links come up within a second.

        Raises:
            PriError: A daemon cannot be started.
        """
        self._on_event = on_event
        await self._simulator.start(self.exchange.on_callee)
        await self.exchange.daemon.start()
        await self.near.start(on_event)

    def send(self, command: Command) -> None:
        """See :meth:`PriDriver.send`."""
        self.near.send(command)

    async def close(self) -> None:
        """End every call, then the daemons, then the audio."""
        await self.near.close()
        await self.exchange.daemon.close()
        await self._simulator.close()
        self._close_sockets()

    def truth(self, call_id: str) -> Truth | None:
        """See :meth:`Simulator.truth`; it may come a moment later than the ``Cleared``."""
        return self._simulator.truth(call_id)

    def set_alarm(self, span: int, bits: int) -> None:
        """Put a span into alarm (``OH_ALARM_*``): red, blue and the losses end its calls and cut its D-channel.

        Raises:
            ValueError: No such span.
        """
        self.near.set_alarm(span, bits)
        self.exchange.daemon.say(f"alarm {span} {bits}")
        self._simulator.set_alarm(span, bits)

    def errors(self, span: int) -> SpanErrors:
        """See :meth:`Simulator.errors`."""
        return self._simulator.errors(span)

    def _digit(self, digit: Digit) -> None:
        """Keys of callees without audio go past the signalling, as they go past it in the voice of a real call."""
        if self.near.call_id_on(digit.channel) == digit.call_id:
            self._on_event(digit)

    def _close_sockets(self) -> None:
        for pair in self._sockets:
            for end in pair:
                end.close()
        self._sockets = []
