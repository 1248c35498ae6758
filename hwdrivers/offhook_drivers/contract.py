"""The two planes of a driver, as types.

A driver is one card, or one line system that behaves like a card. Its *media plane* is a C function table (``oh_media_ops`` in
``offhook.h``) that the core's media thread calls; audio never passes through Python. Its *call plane* is the set of messages below:
commands go in with :meth:`Driver.send`, events come out through the callback given to :meth:`Driver.start`. The same messages serve every
signalling system, and Q.850 causes are the common vocabulary.

What every driver promises:

* ``send`` never blocks and never raises for something the line does; a refusal arrives as :class:`Cleared`.
* Every :class:`Dial` is answered by exactly one :class:`Cleared`, whatever happens to the call, the span or the driver.
* After ``Cleared`` the channel is free for the next ``Dial``.
* Events are delivered in order, in the event loop that called ``start``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol, runtime_checkable


class Cause(IntEnum):
    """Q.850 cause values that outbound calls meet; a driver may report any value from 1 to 127."""

    UNALLOCATED = 1
    NO_ROUTE = 3
    NORMAL_CLEARING = 16
    USER_BUSY = 17
    NO_USER_RESPONDING = 18
    NO_ANSWER = 19
    SUBSCRIBER_ABSENT = 20
    CALL_REJECTED = 21
    NUMBER_CHANGED = 22
    DESTINATION_OUT_OF_ORDER = 27
    INVALID_NUMBER_FORMAT = 28
    NORMAL_UNSPECIFIED = 31
    NO_CIRCUIT = 34
    NETWORK_OUT_OF_ORDER = 38
    TEMPORARY_FAILURE = 41
    SWITCH_CONGESTION = 42
    REQUESTED_CIRCUIT_UNAVAILABLE = 44
    RECOVERY_ON_TIMER_EXPIRY = 102
    PROTOCOL_ERROR = 111
    INTERWORKING = 127


class Location(IntEnum):
    """Where a cause came from (Q.850 location)."""

    USER = 0
    PRIVATE_LOCAL = 1
    PUBLIC_LOCAL = 2
    TRANSIT = 3
    PUBLIC_REMOTE = 4
    PRIVATE_REMOTE = 5
    BEYOND_INTERWORKING = 10


class Party(StrEnum):
    """Who ended a call."""

    US = "us"
    THEM = "them"
    NETWORK = "network"
    DRIVER = "driver"


class NumberType(IntEnum):
    """Nature of address, Q.931 type of number."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK = 3
    SUBSCRIBER = 4
    ABBREVIATED = 6


class NumberPlan(IntEnum):
    """Numbering plan."""

    UNKNOWN = 0
    ISDN = 1
    NATIONAL = 8
    PRIVATE = 9


class Presentation(IntEnum):
    """May the callee see the calling number?"""

    ALLOWED = 0
    RESTRICTED = 1
    UNAVAILABLE = 2


class Screening(IntEnum):
    """Who vouches for the calling number."""

    USER_NOT_SCREENED = 0
    USER_PASSED = 1
    USER_FAILED = 2
    NETWORK = 3


@dataclass(frozen=True, slots=True)
class Attributes:
    """How a number is labelled in the signalling (S07); the last two mean something for calling numbers only."""

    type: NumberType = NumberType.NATIONAL
    plan: NumberPlan = NumberPlan.ISDN
    presentation: Presentation = Presentation.ALLOWED
    screening: Screening = Screening.USER_NOT_SCREENED


# -- commands ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dial:
    """Seize *channel* and call *called*.

    Args:
        call_id: The caller's own name for this attempt; comes back in every event.
        channel: B-channel, 0 to ``channels - 1``.
        called: Digits to send, with an optional leading ``+``.
        calling: Calling number to present, empty for none.
        called_as: Attributes of the called number; a leading ``+`` makes its type international.
        calling_as: Attributes of the calling number.
        overlap: Send so many digits first and the rest one by one when the exchange asks for them (S06); 0: all at once.
    """

    channel: int
    call_id: str
    called: str
    calling: str = ""
    called_as: Attributes = Attributes()
    calling_as: Attributes = Attributes()
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Send digits in the signalling path (overlap dialling) or as DTMF once answered."""

    channel: int
    digits: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Accept a call that was offered."""

    channel: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call on *channel*; ``Cleared`` follows. On a free channel it does nothing."""

    channel: int
    cause: int = Cause.NORMAL_CLEARING


@dataclass(frozen=True, slots=True)
class Block:
    """Take the channel out of service once it is free."""

    channel: int


@dataclass(frozen=True, slots=True)
class Unblock:
    """Put the channel back into service."""

    channel: int


Command = Dial | SendDigits | Answer | Hangup | Block | Unblock

# -- events -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something happened: monotonic seconds of the loop's clock, and the media tick (20 ms each) if the driver has audio."""

    seconds: float
    tick: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A span's signalling link came up or went down."""

    at: Stamp
    span: int
    up: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A call from outside wants *channel*."""

    at: Stamp
    channel: int
    calling: str
    called: str


@dataclass(frozen=True, slots=True)
class Proceeding:
    """The exchange has all digits and works on the call."""

    at: Stamp
    channel: int
    call_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Something on the way; *inband* means there is audio worth hearing, *cause* may tell why the call will fail."""

    at: Stamp
    channel: int
    call_id: str
    inband: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Ringing:
    """The callee is being alerted."""

    at: Stamp
    channel: int
    call_id: str
    inband: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The signalling system says that the callee answered; *connected* is who that is, if it tells."""

    at: Stamp
    channel: int
    call_id: str
    connected: str = ""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The call is over and the channel free. Comes exactly once for every :class:`Dial`."""

    at: Stamp
    channel: int
    call_id: str
    cause: int
    location: int = Location.PUBLIC_LOCAL
    who: Party = Party.THEM


@dataclass(frozen=True, slots=True)
class Alarm:
    """A span's alarm bits (``OH_ALARM_*``) changed."""

    at: Stamp
    span: int
    bits: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that came in the signalling path."""

    at: Stamp
    channel: int
    call_id: str
    digit: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A message of the signalling system on its way, for the trace of a call (S12): ``"sent SETUP"``."""

    at: Stamp
    channel: int
    call_id: str
    text: str


Event = Link | Offered | Proceeding | Progress | Ringing | Answered | Cleared | Alarm | Digit | Traced


@dataclass(frozen=True, slots=True)
class SpanErrors:
    """Errors of a span's line, counted since the driver was loaded or started; what a card does not count stays 0."""

    slips: int = 0  # frames repeated or left out, because two clocks differ
    crc4: int = 0  # checked blocks (CRC4) that were wrong
    far_end: int = 0  # blocks of ours that were wrong at the far end (E bits)
    code_violations: int = 0  # bipolar or HDB3
    framing: int = 0  # frame alignment words that were wrong


@runtime_checkable
class CountsErrors(Protocol):
    """A driver that counts errors of its lines."""

    def errors(self, span: int) -> SpanErrors:
        """Of one span so far."""


class Driver(Protocol):
    """A card as the orchestrator sees it."""

    @property
    def name(self) -> str:
        """What operators call it, ``"simulator"``."""

    @property
    def channels(self) -> int:
        """B-channels, numbered from 0 over all spans."""

    @property
    def channels_per_span(self) -> int:
        """B-channels of one span, 30 on an E1."""

    @property
    def media(self) -> int | None:
        """Address of the driver's ``oh_media``, or None for a driver without audio."""

    async def start(self, on_event: Callable[[Event], None]) -> None:
        """Bring the card into service; *on_event* is called in the running loop."""

    def send(self, command: Command) -> None:
        """Hand over a command. Never blocks.

        Raises:
            ValueError: The channel does not exist, or a ``Dial`` names a channel that has a call.
            RuntimeError: The driver is not started, closed, or (for a ``Dial``) being closed.
        """

    async def close(self) -> None:
        """End every call (each with its ``Cleared``), then let go of the hardware."""
