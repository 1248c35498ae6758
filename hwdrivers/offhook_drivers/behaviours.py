"""What groups of callees in a scenario do: one model for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .line import Faults
from .spread import (
    Causes,
    ClipNames,
    Digits,
    Hertz,
    Level,
    Milliseconds,
    Noise,
    Seconds,
    Share,
    Spread,
    Table,
    const,
    normal,
    uniform,
    within,
)


class Behaviour(Table):
    """What one group of callees does; *share* of all calls."""

    share: Share
    name: str = ""
    lasting: bool = False  # a property of the number: the same at every attempt
    post_dial_s: Seconds | None = None  # None: as the line says
    inband: Share | None = None
    level_dbm0: Level | None = None
    noise_dbm0: Noise | None = None
    faults: Faults | None = None


class Rings(Behaviour):
    """Rings before something happens."""

    ring_s: Seconds = normal(8, 4, 1.5, 30)
    music: ClipNames | None = None  # colour ringback (彩铃)
    music_share: Share = 0.0


class Answers(Rings):
    """Answers, and may end the call."""

    pause_s: Seconds = normal(0.5, 0.25, 0.1, 2)  # from the answer to the first sound
    hangs_up_after_s: Seconds = const(90)  # after the answer, whatever happens


class Press(Table):
    """The callee presses keys, heard as DTMF."""

    share: Share
    digits: Annotated[tuple[Digits, ...], Field(min_length=1)] = ("1",)
    when: Literal["answered", "prompt_begun", "prompt_ended"] = "prompt_begun"
    after_s: Seconds = uniform(2, 5)
    tone_ms: Annotated[Spread, AfterValidator(within(40, 2000, "ms"))] = uniform(80, 160)
    gap_ms: Annotated[Spread, AfterValidator(within(40, 2000, "ms"))] = uniform(80, 160)


class Person(Answers):
    """A person: says hello, waits, says hello again when nobody speaks, listens, may press a key, hangs up."""

    kind: Literal["person"]
    greeting: ClipNames
    again: ClipNames | None = None
    again_share: Share = 0.8
    again_after_s: Seconds = normal(2.5, 0.7, 1, 6)  # of silence from us
    press: Press | None = None
    gives_up_after_s: Seconds | None = None  # when we say nothing at all, counted from the end of the greeting; None: never
    hangs_up_after_prompt_s: Seconds | None = uniform(0.8, 2.5)  # of silence once our prompt has ended; None: does not react


class Machine(Answers):
    """An answering machine or mailbox (答录机): greeting, beep, records, hangs up."""

    kind: Literal["machine"]
    greeting: ClipNames
    before_beep_s: Seconds = uniform(0.2, 1.0)
    beep_share: Share = 1.0
    beep_hz: Hertz = Spread(choose=(440, 850, 1000, 1400))
    beep_ms: Milliseconds = uniform(200, 600)
    beep_dbm0: Level = normal(-14, 3, -28, -8)
    record_s: Seconds = const(30)


class Ivr(Answers):
    """An automatic attendant: speaks its menu, waits, repeats."""

    kind: Literal["ivr"]
    lasting: bool = True
    greeting: ClipNames
    repeats: int = Field(default=3, ge=1, le=8)
    gap_s: Seconds = uniform(2, 4)


class Fax(Answers):
    """A fax machine: called tone, then the V.21 preamble of its identification, repeated."""

    kind: Literal["fax"]
    lasting: bool = True
    pause_s: Seconds = uniform(1.8, 2.5)
    called_tone: Literal["ced", "ans_pr", "ansam", "ansam_pr"] = "ced"
    tone_s: Annotated[Spread, AfterValidator(within(0.5, 5, "s"))] = uniform(2.6, 4.0)
    hangs_up_after_s: Seconds = const(35)


class Busy(Behaviour):
    """Busy: the tone for *tone_s*, or only the cause."""

    kind: Literal["busy"]
    played_share: Share = 0.7
    tone_s: Seconds = uniform(6, 12)
    causes: Causes = (17,)


class Congestion(Behaviour):
    """No way through the network: the tone for *tone_s*, or only the cause."""

    kind: Literal["congestion"]
    played_share: Share = 0.5
    tone_s: Seconds = uniform(6, 12)
    causes: Causes = (34, 42)


class Vacant(Behaviour):
    """A number that does not exist (空号): its tone or an announcement, then the cause."""

    kind: Literal["vacant"]
    lasting: bool = True
    played_share: Share = 0.9
    tone_share: Share = 0.5  # of those played: the tone, else the announcement
    tone_s: Seconds = uniform(5, 9)
    announcement: ClipNames | None = None
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = uniform(0.5, 1.5)
    causes: Causes = (1,)


SitCoding = Literal["ITU", "IC", "VC", "RO", "NC", "RO2", "NC2", "IO", "FU"]


class Sit(Behaviour):
    """Special information tones in one of their codings, an announcement if one is named, then the cause."""

    kind: Literal["sit"]
    lasting: bool = True
    codings: Annotated[tuple[SitCoding, ...], Field(min_length=1)] = ("IC",)
    announcement: ClipNames | None = None
    repeats: int = Field(default=1, ge=1, le=8)
    gap_s: Seconds = uniform(1, 2)
    causes: Causes = (1,)


class Announcement(Behaviour):
    """The network speaks before any answer, then clears: powered off (关机), suspended (停机), unreachable (无法接通) and so on."""

    kind: Literal["announcement"]
    meaning: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    announcement: ClipNames
    ring_s: Seconds = const(0)  # of ringing before it
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = uniform(0.5, 1.5)
    causes: Causes = (31,)


class NoAnswer(Rings):
    """Rings until the network gives up after *ring_s*."""

    kind: Literal["no_answer"]
    ring_s: Seconds = const(60)
    announcement: ClipNames | None = None
    causes: Causes = (19,)


class FalseAnswer(Answers):
    """Answer is signalled although nobody answered: ringing goes on, or an announcement is spoken."""

    kind: Literal["false_answer"]
    announcement: ClipNames | None = None
    announcement_share: Share = 0.5
    meaning: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "unreachable"
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = uniform(0.5, 1.5)
    hangs_up_after_s: Seconds = const(25)


class Silent(Answers):
    """Answers and says nothing."""

    kind: Literal["silent"]
    hangs_up_after_s: Seconds = uniform(8, 20)


class Rejected(Rings):
    """Rings briefly, then the callee refuses the call."""

    kind: Literal["rejected"]
    ring_s: Seconds = normal(5, 2, 1, 15)
    causes: Causes = (21,)


class NetworkFailure(Behaviour):
    """The network clears the call by itself."""

    kind: Literal["network_failure"]
    causes: Causes = (34, 38, 41, 42)


class Screening(Answers):
    """A call screener asks who is calling, waits for speech, then puts a person on or hangs up."""

    kind: Literal["screening"]
    greeting: ClipNames
    accepts_share: Share = 0.5
    decides_after_s: Seconds = uniform(4, 8)  # after its question
    person: ClipNames | None = None
    hangs_up_after_prompt_s: Seconds | None = uniform(0.8, 2.5)


AnyBehaviour = Annotated[
    Person
    | Machine
    | Ivr
    | Fax
    | Busy
    | Congestion
    | Vacant
    | Sit
    | Announcement
    | NoAnswer
    | FalseAnswer
    | Silent
    | Rejected
    | NetworkFailure
    | Screening,
    Field(discriminator="kind"),
]

CLIP_FIELDS = ("greeting", "again", "announcement", "music", "person")

KINDS: dict[str, type[Behaviour]] = {
    "person": Person,
    "machine": Machine,
    "ivr": Ivr,
    "fax": Fax,
    "busy": Busy,
    "congestion": Congestion,
    "vacant": Vacant,
    "sit": Sit,
    "announcement": Announcement,
    "no_answer": NoAnswer,
    "false_answer": FalseAnswer,
    "silent": Silent,
    "rejected": Rejected,
    "network_failure": NetworkFailure,
    "screening": Screening,
}
