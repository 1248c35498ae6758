"""What became of a call: exactly one disposition, and the facts it was made from."""

from __future__ import annotations

from enum import StrEnum


class Disposition(StrEnum):
    """How a call ended. The values are stored, sent over MQTT and printed; they exclude one another and sum to the attempts."""

    PERSON = "person"
    """Someone answered and spoke (真人)."""
    MACHINE = "machine"
    """Answering machine or voice mailbox (答录机, 语音信箱)."""
    IVR = "ivr"
    """An automatic attendant answered (自动总机)."""
    FAX = "fax"
    """A fax machine or modem answered (传真)."""
    ANSWERED_SILENT = "answered_silent"
    """Answered, and nothing was heard (接通无声)."""
    ANSWERED = "answered"
    """Answered, and nothing more can be said: the line system has no audio, or the callee left before the verdict (已接通)."""
    NO_ANSWER = "no_answer"
    """Rang until the ring time-out, or the network gave up waiting (无人接听)."""
    BUSY = "busy"
    """The callee is on the phone (用户忙, 正在通话中)."""
    REJECTED = "rejected"
    """The callee or the callee's settings refused the call (用户拒接)."""
    UNREACHABLE = "unreachable"
    """Powered off or out of coverage (关机, 无法接通)."""
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
    """The intent was journalled, and the line never seized (未呼出)."""

    @property
    def reached(self) -> bool:
        """True when the callee's side answered, man or machine."""
        return self in _ANSWERED


_ANSWERED = frozenset(
    {Disposition.PERSON, Disposition.MACHINE, Disposition.IVR, Disposition.FAX, Disposition.ANSWERED_SILENT, Disposition.ANSWERED}
)
