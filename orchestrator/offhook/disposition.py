"""What became of a call: exactly one disposition, and the facts it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from offhook_drivers.contract import Cause, Party


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
    {Disposition.PERSON, Disposition.MACHINE, Disposition.IVR, Disposition.FAX, Disposition.ANSWERED_SILENT, Disposition.ANSWERED}
)


# -- from facts to one disposition --------------------------------------------------------------------------------------------------


class Ended(StrEnum):
    """Why we hung up, if we did."""

    NO = ""
    DONE = "done"  # prompt played, message left, or nothing to do with this answer
    RING_TIMEOUT = "ring_timeout"
    HEARD = "heard"  # a tone said that the call will fail
    MAX_CALL = "max_call"
    CANCELLED = "cancelled"  # by a person or a stop


@dataclass(slots=True)
class Facts:
    """All that is known of a call when its line is free again."""

    cause: int = 0  # Q.850, of Cleared
    location: int = 0
    who: Party = Party.THEM
    progress_causes: set[int] = field(default_factory=set)  # announced with Progress before the clearing
    answered: bool = False
    rang: bool = False  # alerting was signalled, or ring-back or a ring-back tune was heard
    announced: bool = False  # speech was heard before the answer: an announcement, its words perhaps not known
    announcements: dict[str, Disposition | None] = field(default_factory=dict)  # classes of known ones, and what each says of the call
    tones: set[str] = field(default_factory=set)  # names of tones heard before the answer
    sit: set[str] = field(default_factory=set)  # codings of US special information tones heard
    after: set[str] = field(default_factory=set)  # names of tones heard after the answer
    verdict: Disposition | None = None  # of the answer analysis
    ended: Ended = Ended.NO
    refused: bool = False  # the driver would not take the Dial
    earlier_vacant: int = 0  # earlier calls of this lead that were SUSPECT_VACANT


_VACANT_CAUSES = {Cause.UNALLOCATED, Cause.NUMBER_CHANGED, Cause.INVALID_NUMBER_FORMAT}
_NO_PATH = {Cause.NO_CIRCUIT, Cause.SWITCH_CONGESTION, Cause.REQUESTED_CIRCUIT_UNAVAILABLE, 43, 46, 47, 49}
_AWAY = {Cause.SUBSCRIBER_ABSENT, Cause.DESTINATION_OUT_OF_ORDER}
_VAGUE = {Cause.NORMAL_CLEARING, Cause.NORMAL_UNSPECIFIED}
_FAULT = {*_NO_PATH, 38, 41}  # the network's own trouble: what it plays then is no sign
_SIT_VACANT = {"IC", "VC"}
_SIT_NO_PATH = {"RO", "NC", "RO2", "NC2"}
_FAX = {"fax_ced", "fax_cng", "ans_pr", "ansam", "ansam_pr", "v21_preamble", "bell_ans"}


def _causes(f: Facts) -> set[int]:
    """Causes that came from the network; ours (we hung up) says nothing."""
    return f.progress_causes | ({f.cause} if f.who is not Party.US else set())


def _said_vacant(f: Facts) -> bool:
    return bool(_causes(f) & _VACANT_CAUSES)


def _tone_vacant(f: Facts) -> bool:
    return "unobtainable" in f.tones or bool(f.sit & _SIT_VACANT) or (bool(f.tones & {"sit", "sit_us"}) and not f.sit)


def _prompt_says(f: Facts, what: Disposition) -> bool:
    """A known announcement said so."""
    return what in f.announcements.values()


def _heard_vacant(f: Facts) -> bool:
    return _tone_vacant(f) or _prompt_says(f, D.SUSPECT_VACANT)


def _heard_speech(f: Facts) -> bool:
    """An announcement whose words are not known, or one that speaks of a vacant number."""
    return (f.announced and not f.announcements) or _prompt_says(f, D.SUSPECT_VACANT)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: the first whose condition holds decides."""

    name: str
    holds: Callable[[Facts], bool]
    disposition: Disposition


D = Disposition

# The order is the meaning: what was heard after an answer goes before signalling, two signs before one, a tone before a vague cause.
RULES: tuple[Rule, ...] = (
    Rule("driver_refused", lambda f: f.refused, D.NOT_DIALLED),
    # A known announcement after the answer: nobody was reached, whatever the switch says (a false answer).
    Rule("false_answer_vacant", lambda f: f.answered and not f.verdict and _prompt_says(f, D.SUSPECT_VACANT), D.SUSPECT_VACANT),
    Rule("false_answer_busy", lambda f: f.answered and not f.verdict and _prompt_says(f, D.BUSY), D.BUSY),
    Rule("false_answer_rejected", lambda f: f.answered and not f.verdict and _prompt_says(f, D.REJECTED), D.REJECTED),
    Rule("false_answer_unreachable", lambda f: f.answered and not f.verdict and _prompt_says(f, D.UNREACHABLE), D.UNREACHABLE),
    Rule("false_answer_no_answer", lambda f: f.answered and not f.verdict and _prompt_says(f, D.NO_ANSWER), D.NO_ANSWER),
    Rule("false_answer_congestion", lambda f: f.answered and not f.verdict and _prompt_says(f, D.CONGESTION), D.CONGESTION),
    Rule("false_answer_failed", lambda f: f.answered and not f.verdict and _prompt_says(f, D.FAILED), D.FAILED),
    # Answered.
    Rule("answered_fax", lambda f: f.answered and (f.verdict is D.FAX or bool(f.after & _FAX)), D.FAX),
    Rule("answered_machine", lambda f: f.answered and f.verdict is D.MACHINE, D.MACHINE),
    Rule("answered_ivr", lambda f: f.answered and f.verdict is D.IVR, D.IVR),
    Rule("answered_person", lambda f: f.answered and f.verdict is D.PERSON, D.PERSON),
    Rule("answered_silent", lambda f: f.answered and f.verdict is D.ANSWERED_SILENT, D.ANSWERED_SILENT),
    Rule("answered_no_verdict", lambda f: f.answered, D.ANSWERED),
    # Two independent signs of a vacant number: signalling and tone, or one of them on two calls (S05).
    Rule("vacant_cause_and_tone", lambda f: _said_vacant(f) and _tone_vacant(f), D.VACANT),
    Rule("vacant_cause_and_announcement", lambda f: _said_vacant(f) and _heard_speech(f) and not f.rang, D.VACANT),
    Rule(
        "vacant_tone_and_announcement",
        lambda f: _tone_vacant(f) and _prompt_says(f, D.SUSPECT_VACANT) and not _causes(f) & _FAULT,
        D.VACANT,
    ),
    Rule("vacant_again", lambda f: (_said_vacant(f) or _heard_vacant(f)) and f.earlier_vacant > 0, D.VACANT),
    Rule("vacant_cause_alone", _said_vacant, D.SUSPECT_VACANT),
    # A 空号 tone or prompt with cause 38 or with no cause: a switch that released too early sounds the same (S05).
    Rule("vacant_tone_alone", _tone_vacant, D.SUSPECT_VACANT),
    Rule("vacant_announcement_alone", _heard_vacant, D.SUSPECT_VACANT),
    # Busy and refusal, by signalling first.
    Rule("busy_cause", lambda f: Cause.USER_BUSY in _causes(f), D.BUSY),
    Rule("rejected_cause", lambda f: Cause.CALL_REJECTED in _causes(f), D.REJECTED),
    Rule("unreachable_cause", lambda f: bool(_causes(f) & _AWAY), D.UNREACHABLE),
    Rule("no_path_cause", lambda f: bool(_causes(f) & _NO_PATH), D.CONGESTION),
    Rule("busy_tone", lambda f: "busy" in f.tones, D.BUSY),
    Rule("congestion_tone", lambda f: "congestion" in f.tones or bool(f.sit & _SIT_NO_PATH), D.CONGESTION),
    # What a known announcement says goes before a cause that only says that it did not work.
    Rule("announced_busy", lambda f: _prompt_says(f, D.BUSY), D.BUSY),
    Rule("announced_rejected", lambda f: _prompt_says(f, D.REJECTED), D.REJECTED),
    Rule("announced_unreachable", lambda f: _prompt_says(f, D.UNREACHABLE), D.UNREACHABLE),
    Rule("announced_congestion", lambda f: _prompt_says(f, D.CONGESTION), D.CONGESTION),
    Rule("announced_no_answer", lambda f: _prompt_says(f, D.NO_ANSWER), D.NO_ANSWER),
    Rule("announced_failed", lambda f: _prompt_says(f, D.FAILED), D.FAILED),
    # An announcement instead of ringing, and a cause that says nothing: the words are not known, but nobody is to be had.
    Rule("announced_instead_of_ringing", lambda f: f.announced and not f.rang and bool(_causes(f) & _VAGUE), D.UNREACHABLE),
    # Rang, and nobody came.
    Rule("no_answer_cause", lambda f: bool(_causes(f) & {Cause.NO_ANSWER, Cause.NO_USER_RESPONDING}), D.NO_ANSWER),
    Rule("cancelled", lambda f: f.ended is Ended.CANCELLED, D.CANCELLED),
    Rule("ring_timeout", lambda f: f.ended is Ended.RING_TIMEOUT and f.rang, D.NO_ANSWER),
    Rule("no_ringing_before_timeout", lambda f: f.ended is Ended.RING_TIMEOUT, D.FAILED),
    Rule("timer_expired_ringing", lambda f: f.rang and Cause.RECOVERY_ON_TIMER_EXPIRY in _causes(f), D.NO_ANSWER),
    Rule("network_gave_up_ringing", lambda f: f.rang and f.cause in (Cause.NORMAL_CLEARING, Cause.NORMAL_UNSPECIFIED), D.NO_ANSWER),
    Rule("failed", lambda f: True, D.FAILED),
)


def dispose(facts: Facts) -> tuple[Disposition, str]:
    """The one disposition of a call, and the name of the rule that decided."""
    rule = next(rule for rule in RULES if rule.holds(facts))
    return rule.disposition, rule.name
