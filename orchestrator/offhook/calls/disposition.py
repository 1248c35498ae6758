"""What became of a call: exactly one disposition, and the facts it is made from. :mod:`offhook.calls.fusion` leads from these to that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from offhook_drivers.contract import Party


class Disposition(StrEnum):
    """How a call ended. The values are stored, sent over MQTT and printed; they exclude one another and sum to the attempts."""

    PERSON = "person"
    """Someone answered and spoke (真人)."""
    ABANDONED = "abandoned"
    """Someone answered and spoke, and no agent was free in time (骚扰, 接通后无坐席)."""
    MACHINE = "machine"
    """Answering machine or voice mailbox (答录机, 语音信箱)."""
    IVR = "ivr"
    """An automatic attendant answered (自动总机)."""
    FAX = "fax"
    """A fax machine or modem answered (传真)."""
    ANSWERED_SILENT = "answered_silent"
    """Answered, and nothing was heard, or no voice (接通无声)."""
    ANSWERED = "answered"
    """Answered, and nothing more can be said: the line system has no audio, or the callee left before the verdict (已接通)."""
    NO_ANSWER = "no_answer"
    """Rang until the ring time-out, or the network gave up waiting (无人接听)."""
    BUSY = "busy"
    """The callee is on the phone (用户忙, 正在通话中)."""
    REJECTED = "rejected"
    """The callee or the callee's settings refused the call (用户拒接)."""
    UNREACHABLE = "unreachable"
    """Powered off, out of coverage or barred: signalling says so, or an announcement instead of ringing (关机, 无法接通, 停机)."""
    VACANT = "vacant"
    """Two independent signs say that the number does not exist (空号)."""
    SUSPECT_VACANT = "suspect_vacant"
    """One sign alone says so; the number may be good (疑似空号)."""
    CONGESTION = "congestion"
    """The network had no path (网络忙)."""
    FAILED = "failed"
    """The network or the driver could not make the call (呼叫失败)."""
    CANCELLED = "cancelled"
    """We ended the call before it was answered, because someone said so (取消)."""
    UNKNOWN = "unknown"
    """The line was seized and the result was lost, by a power cut for example (结果未知)."""
    NOT_DIALLED = "not_dialled"
    """The driver refused the line before the number was sent (未呼出)."""

    @property
    def reached(self) -> bool:
        """True when the callee's side answered, man or machine."""
        return self in _ANSWERED


_ANSWERED = frozenset(
    {
        Disposition.PERSON,
        Disposition.ABANDONED,
        Disposition.MACHINE,
        Disposition.IVR,
        Disposition.FAX,
        Disposition.ANSWERED_SILENT,
        Disposition.ANSWERED,
    }
)


# -- what is known of a call --------------------------------------------------------------------------------------------------------


class Ended(StrEnum):
    """Why we hung up, if we did."""

    NO = ""
    DONE = "done"  # prompt played, message left, or nothing to do with this answer
    RING_TIMEOUT = "ring_timeout"
    HEARD = "heard"  # a tone said that the call will fail
    MAX_CALL = "max_call"
    CANCELLED = "cancelled"  # by a person or a stop


class Digits(StrEnum):
    """Did the network get a whole number? By the numbering plan of its country."""

    COMPLETE = "complete"
    MISSING = "missing"  # too short: what the network says of it, it does not say of the subscriber (S05)
    NOT_IN_PLAN = "not_in_plan"  # of a possible length, in no range that is in use


@dataclass(slots=True)
class Facts:
    """All that is known of a call when its line is free again."""

    cause: int = 0  # Q.850, of Cleared
    location: int = 0
    who: Party = Party.THEM
    progress_causes: set[int] = field(default_factory=set)  # announced with Progress before the clearing
    answered: bool = False
    rang: bool = False  # alerting was signalled, or ring-back or a ring-back tune was heard
    music: bool = False  # a ring-back tune was heard (彩铃)
    announced: bool = False  # speech was heard before the answer: an announcement, its words perhaps not known
    announcements: dict[str, Disposition | None] = field(default_factory=dict)  # classes of known ones, and what each says of the call
    tones: set[str] = field(default_factory=set)  # names of tones heard before the answer
    sit: set[str] = field(default_factory=set)  # codings of US special information tones heard
    after: set[str] = field(default_factory=set)  # names of tones heard after the answer
    verdict: Disposition | None = None  # of the answer analysis
    verdict_p: float = 0.85  # how sure it is
    talked: bool = False  # an agent was connected
    abandoned: bool = False  # a person waited for an agent, and none came in time
    ended: Ended = Ended.NO
    refused: bool = False  # the driver would not take the Dial
    digits: Digits = Digits.COMPLETE
    earlier_vacant: int = 0  # earlier calls to the number that were SUSPECT_VACANT
    earlier_reached: int = 0  # earlier calls to the number that somebody or something answered
