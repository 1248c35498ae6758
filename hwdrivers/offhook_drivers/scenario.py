"""Scenarios: what the callees of a simulated network do, as validated data read from TOML.

A :class:`Scenario` names a tone plan, the line every call runs over, and a list of behaviours with their shares. Everything that varies
from call to call is a :class:`Spread`. ``docs/file-formats.md`` describes the file; the models below are its definition.

Units are in the names: ``_s`` seconds, ``_ms`` milliseconds, ``_hz`` hertz, ``_dbm0`` level at the digital reference point.
"""

from __future__ import annotations

import difflib
import random
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from .audio import Clip, ClipError, builtin_names, load_builtin, load_clip
from .span_faults import SpanFault

SHARE_TOLERANCE = 1e-6
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".gsm", ".aif", ".aiff", ".au"})


class ScenarioError(ValueError):
    """A scenario cannot be used; the text names the file, the place and the mend."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(_Model):
    """A number that differs from call to call.

    Written in TOML as a plain number, ``{min, max}`` (uniform), ``{mean, sd}`` with optional ``min`` and ``max`` (normal, held at the
    limits) or ``{choose = [...]}`` (each with the same chance).
    """

    mean: float | None = None
    sd: float | None = Field(default=None, ge=0)
    min: float | None = None
    max: float | None = None
    choose: tuple[float, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"choose": (value,)}
        return value

    @model_validator(mode="after")
    def _is_one_of_the_forms(self) -> Self:
        normal = self.mean is not None
        if self.choose is not None:
            if normal or self.sd is not None or self.min is not None or self.max is not None:
                raise ValueError("choose stands alone: take away mean, sd, min and max")
        elif normal != (self.sd is not None):
            raise ValueError("mean and sd belong together")
        elif not normal and (self.min is None or self.max is None):
            raise ValueError("give a number, {min, max}, {mean, sd} or {choose = [...]}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self

    def draw(self, rng: random.Random) -> float:
        """One value."""
        if self.choose is not None:
            return self.choose[0] if len(self.choose) == 1 else rng.choice(self.choose)
        low = -float("inf") if self.min is None else self.min
        high = float("inf") if self.max is None else self.max
        if self.mean is None or self.sd is None:
            return rng.uniform(low, high)
        return min(max(rng.gauss(self.mean, self.sd), low), high)


def _within(low: float, high: float, unit: str) -> Callable[[Spread], Spread]:
    """Hold every value of a spread to what the quantity allows."""

    def check(spread: Spread) -> Spread:
        for value in (spread.mean, spread.min, spread.max, *(spread.choose or ())):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{value:g} is outside {low:g} to {high:g} {unit}")
        if spread.mean is None:
            return spread
        return spread.model_copy(
            update={"min": low if spread.min is None else spread.min, "max": high if spread.max is None else spread.max}
        )

    return check


def _const(value: float) -> Spread:
    return Spread(choose=(value,))


def _uniform(low: float, high: float) -> Spread:
    return Spread(min=low, max=high)


def _normal(mean: float, sd: float, low: float, high: float) -> Spread:
    return Spread(mean=mean, sd=sd, min=low, max=high)


Seconds = Annotated[Spread, AfterValidator(_within(0, 86400, "s"))]
Milliseconds = Annotated[Spread, AfterValidator(_within(0, 60000, "ms"))]
Hertz = Annotated[Spread, AfterValidator(_within(50, 3900, "Hz"))]
Level = Annotated[Spread, AfterValidator(_within(-70, 3, "dBm0"))]
Noise = Annotated[Spread, AfterValidator(_within(-90, -10, "dBm0"))]
Decibel = Annotated[Spread, AfterValidator(_within(0, 60, "dB"))]
Percent = Annotated[Spread, AfterValidator(_within(-20, 20, "%"))]
Blocks = Annotated[Spread, AfterValidator(_within(1, 500, "blocks of 20 ms"))]
Share = Annotated[float, Field(ge=0, le=1)]
Causes = Annotated[tuple[Annotated[int, Field(ge=1, le=127)], ...], Field(min_length=1)]
Digits = Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,16}$")]
ClipNames = Annotated[tuple[str, ...], Field(min_length=1)]


# -- the line ---------------------------------------------------------------------------------------------------------------------


class Echo(_Model):
    """We hear ourselves, *delay_ms* later and *loss_db* weaker."""

    share: Share = 1.0
    delay_ms: Annotated[Spread, AfterValidator(_within(1, 380, "ms"))] = _uniform(20, 120)
    loss_db: Decibel = _uniform(12, 35)


class Bursts(_Model):
    """20 ms blocks go wrong: on average *rate* of all blocks, in runs of *length* blocks."""

    share: Share = 1.0
    rate: float = Field(gt=0, le=0.5)
    length: Blocks = _const(1)


class Slip(_Model):
    """The clocks of two exchanges differ: *samples* are lost or doubled about every *every_s* seconds."""

    share: Share = 1.0
    samples: Annotated[Spread, AfterValidator(_within(1, 120, "samples"))] = _uniform(1, 40)
    every_s: Annotated[Spread, AfterValidator(_within(0.1, 3600, "s"))] = _const(5)


class DcOffset(_Model):
    """A constant added to every sample, in steps of the 16 bit scale."""

    share: Share = 1.0
    steps: Annotated[Spread, AfterValidator(_within(-8000, 8000, "steps"))] = _const(500)


class Hum(_Model):
    """Mains hum."""

    share: Share = 1.0
    hz: Annotated[Spread, AfterValidator(_within(40, 120, "Hz"))] = _const(50)
    level_dbm0: Level = _uniform(-45, -30)


class Clipping(_Model):
    """The far end is overdriven by *drive_db* and cut at overload."""

    share: Share = 1.0
    drive_db: Decibel = _uniform(10, 25)


class OneWay(_Model):
    """Nothing but digital idle comes from the far end."""

    share: Share = 1.0


class Faults(_Model):
    """What is wrong with a line; each fault has the share of the calls that it hits."""

    echo: Echo | None = None
    lost: Bursts | None = None  # marked as missing by the card
    repeated: Bursts | None = None  # the block before comes again, unmarked
    dropped: Bursts | None = None  # replaced by silence on the way, unmarked
    slip: Slip | None = None
    dc: DcOffset | None = None
    hum: Hum | None = None
    clipping: Clipping | None = None
    one_way: OneWay | None = None


class Line(_Model):
    """The path to the callee. A behaviour may name its own."""

    post_dial_s: Seconds = _normal(1.2, 0.4, 0.3, 4)
    inband: Share = 1.0  # of calls whose tones and announcements are heard before the answer
    level_dbm0: Level = _normal(-20, 3, -35, -10)
    tone_dbm0: Level = _normal(-12, 2, -25, -5)
    noise: Literal["white", "pink", "babble"] = "white"
    noise_dbm0: Noise = _normal(-65, 4, -80, -50)
    tone_hz_error_pct: Percent = _const(0)
    cadence_error_pct: Percent = _const(0)
    faults: Faults = Faults()


# -- behaviours -------------------------------------------------------------------------------------------------------------------


class Behaviour(_Model):
    """What one group of callees does; *share* of all calls."""

    share: Share
    name: str = ""
    lasting: bool = False  # a property of the number: the same at every attempt
    post_dial_s: Seconds | None = None  # None: as the line says
    inband: Share | None = None
    level_dbm0: Level | None = None
    noise_dbm0: Noise | None = None
    faults: Faults | None = None


class _Rings(Behaviour):
    """Rings before something happens."""

    ring_s: Seconds = _normal(8, 4, 1.5, 30)
    music: ClipNames | None = None  # colour ringback (彩铃)
    music_share: Share = 0.0


class _Answers(_Rings):
    """Answers, and may end the call."""

    pause_s: Seconds = _normal(0.5, 0.25, 0.1, 2)  # from the answer to the first sound
    hangs_up_after_s: Seconds = _const(90)  # after the answer, whatever happens


class Press(_Model):
    """The callee presses keys, heard as DTMF."""

    share: Share
    digits: Annotated[tuple[Digits, ...], Field(min_length=1)] = ("1",)
    when: Literal["answered", "prompt_begun", "prompt_ended"] = "prompt_begun"
    after_s: Seconds = _uniform(2, 5)
    tone_ms: Annotated[Spread, AfterValidator(_within(40, 2000, "ms"))] = _uniform(80, 160)
    gap_ms: Annotated[Spread, AfterValidator(_within(40, 2000, "ms"))] = _uniform(80, 160)


class Person(_Answers):
    """A person: says hello, waits, says hello again when nobody speaks, listens, may press a key, hangs up."""

    kind: Literal["person"]
    greeting: ClipNames
    again: ClipNames | None = None
    again_share: Share = 0.8
    again_after_s: Seconds = _normal(2.5, 0.7, 1, 6)  # of silence from us
    press: Press | None = None
    gives_up_after_s: Seconds | None = None  # when we say nothing at all, counted from the end of the greeting; None: never
    hangs_up_after_prompt_s: Seconds | None = _uniform(0.8, 2.5)  # of silence once our prompt has ended; None: does not react


class Machine(_Answers):
    """An answering machine or mailbox (答录机): greeting, beep, records, hangs up."""

    kind: Literal["machine"]
    greeting: ClipNames
    before_beep_s: Seconds = _uniform(0.2, 1.0)
    beep_share: Share = 1.0
    beep_hz: Hertz = Spread(choose=(440, 850, 1000, 1400))
    beep_ms: Milliseconds = _uniform(200, 600)
    beep_dbm0: Level = _normal(-14, 3, -28, -8)
    record_s: Seconds = _const(30)


class Ivr(_Answers):
    """An automatic attendant: speaks its menu, waits, repeats."""

    kind: Literal["ivr"]
    lasting: bool = True
    greeting: ClipNames
    repeats: int = Field(default=3, ge=1, le=8)
    gap_s: Seconds = _uniform(2, 4)


class Fax(_Answers):
    """A fax machine: called tone, then the V.21 preamble of its identification, repeated."""

    kind: Literal["fax"]
    lasting: bool = True
    pause_s: Seconds = _uniform(1.8, 2.5)
    called_tone: Literal["ced", "ans_pr", "ansam", "ansam_pr"] = "ced"
    tone_s: Annotated[Spread, AfterValidator(_within(0.5, 5, "s"))] = _uniform(2.6, 4.0)
    hangs_up_after_s: Seconds = _const(35)


class Busy(Behaviour):
    """Busy: the tone for *tone_s*, or only the cause."""

    kind: Literal["busy"]
    played_share: Share = 0.7
    tone_s: Seconds = _uniform(6, 12)
    causes: Causes = (17,)


class Congestion(Behaviour):
    """No way through the network: the tone for *tone_s*, or only the cause."""

    kind: Literal["congestion"]
    played_share: Share = 0.5
    tone_s: Seconds = _uniform(6, 12)
    causes: Causes = (34, 42)


class Vacant(Behaviour):
    """A number that does not exist (空号): its tone or an announcement, then the cause."""

    kind: Literal["vacant"]
    lasting: bool = True
    played_share: Share = 0.9
    tone_share: Share = 0.5  # of those played: the tone, else the announcement
    tone_s: Seconds = _uniform(5, 9)
    announcement: ClipNames | None = None
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = _uniform(0.5, 1.5)
    causes: Causes = (1,)


SitCoding = Literal["ITU", "IC", "VC", "RO", "NC", "RO2", "NC2", "IO", "FU"]


class Sit(Behaviour):
    """Special information tones in one of their codings, an announcement if one is named, then the cause."""

    kind: Literal["sit"]
    lasting: bool = True
    codings: Annotated[tuple[SitCoding, ...], Field(min_length=1)] = ("IC",)
    announcement: ClipNames | None = None
    repeats: int = Field(default=1, ge=1, le=8)
    gap_s: Seconds = _uniform(1, 2)
    causes: Causes = (1,)


class Announcement(Behaviour):
    """The network speaks before any answer, then clears: powered off (关机), suspended (停机), unreachable (无法接通) and so on."""

    kind: Literal["announcement"]
    meaning: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    announcement: ClipNames
    ring_s: Seconds = _const(0)  # of ringing before it
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = _uniform(0.5, 1.5)
    causes: Causes = (31,)


class NoAnswer(_Rings):
    """Rings until the network gives up after *ring_s*."""

    kind: Literal["no_answer"]
    ring_s: Seconds = _const(60)
    announcement: ClipNames | None = None
    causes: Causes = (19,)


class FalseAnswer(_Answers):
    """Answer is signalled although nobody answered: ringing goes on, or an announcement is spoken."""

    kind: Literal["false_answer"]
    announcement: ClipNames | None = None
    announcement_share: Share = 0.5
    meaning: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "unreachable"
    repeats: int = Field(default=2, ge=1, le=8)
    gap_s: Seconds = _uniform(0.5, 1.5)
    hangs_up_after_s: Seconds = _const(25)


class Silent(_Answers):
    """Answers and says nothing."""

    kind: Literal["silent"]
    hangs_up_after_s: Seconds = _uniform(8, 20)


class Rejected(_Rings):
    """Rings briefly, then the callee refuses the call."""

    kind: Literal["rejected"]
    ring_s: Seconds = _normal(5, 2, 1, 15)
    causes: Causes = (21,)


class NetworkFailure(Behaviour):
    """The network clears the call by itself."""

    kind: Literal["network_failure"]
    causes: Causes = (34, 38, 41, 42)


class Screening(_Answers):
    """A call screener asks who is calling, waits for speech, then puts a person on or hangs up."""

    kind: Literal["screening"]
    greeting: ClipNames
    accepts_share: Share = 0.5
    decides_after_s: Seconds = _uniform(4, 8)  # after its question
    person: ClipNames | None = None
    hangs_up_after_prompt_s: Seconds | None = _uniform(0.8, 2.5)


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


class Scenario(_Model):
    """A simulated network and the people behind it.

    Use :meth:`load`, :meth:`parse` or :meth:`builtin`; the clips a scenario names are read at once, so that a missing or broken file is
    found before the first call.

    Raises:
        ScenarioError: Anything wrong with the file, its values or its clips.
    """

    about: str = ""
    plan: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    seed: int = Field(default=1, ge=0, lt=2**63)
    line: Line = Line()
    fault: tuple[SpanFault, ...] = ()
    behaviour: Annotated[tuple[AnyBehaviour, ...], Field(min_length=1)]

    _clips: dict[str, tuple[Clip, ...]] = PrivateAttr(default_factory=dict)
    _source: str = PrivateAttr(default="scenario")

    @model_validator(mode="after")
    def _shares_make_one(self) -> Self:
        total = sum(b.share for b in self.behaviour)
        if abs(total - 1) > SHARE_TOLERANCE:
            short = 1 - total
            raise ValueError(
                f"the shares of the behaviours sum to {total:g}: {abs(short):g} too {'little' if short > 0 else 'much'}, make it 1"
            )
        for index, behaviour in enumerate(self.behaviour):
            _check_belongings(index, behaviour)
        return self

    @property
    def source(self) -> str:
        """Where it came from, for messages."""
        return self._source

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a TOML file; clip paths in it are relative to its folder."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ScenarioError(f"{path}: not UTF-8 text (byte {error.start}): save the file as UTF-8") from None
        except OSError as error:
            raise ScenarioError(f"{path}: cannot be read: {error.strerror or error}") from None
        return cls.parse(text, source=str(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, *, source: str = "scenario", folder: Path | None = None) -> Scenario:
        """Read TOML text. Without *folder* only built-in clips can be named."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ScenarioError(f"{source}: not valid TOML: {error}") from None
        try:
            scenario = cls.model_validate(data)
        except ValidationError as error:
            raise ScenarioError("\n".join(_explain(error, text, source))) from None
        scenario._source = source
        for index, behaviour in enumerate(scenario.behaviour):
            for field, name in _named_clips(behaviour):
                if name not in scenario._clips:
                    try:
                        scenario._clips[name] = tuple(_find_clips(name, folder))
                    except ClipError as error:
                        place = _place(text, ("behaviour", index, field), source)
                        raise ScenarioError(f"{place}: behaviour {index + 1} ({behaviour.kind}), {field}: {error}") from None
        return scenario

    @classmethod
    def builtin(cls, name: str = "cn") -> Scenario:
        """A scenario that comes with the package."""
        if name not in cls.names():
            raise ScenarioError(f"no built-in scenario {name!r}: there are {', '.join(cls.names())}")
        text = resources.files(__package__).joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")
        return cls.parse(text, source=f"built-in scenario {name!r}")

    @classmethod
    def names(cls) -> list[str]:
        """Built-in scenarios in order of name."""
        folder = resources.files(__package__).joinpath("scenarios")
        return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))

    def clips(self) -> list[Clip]:
        """Every clip the scenario can play, each once."""
        return list({id(clip): clip for clips in self._clips.values() for clip in clips}.values())

    def clips_of(self, names: tuple[str, ...]) -> list[Clip]:
        """The clips that *names* of one of its behaviours stand for, in order."""
        return [clip for name in names for clip in self._clips[name]]


# -- helpers ----------------------------------------------------------------------------------------------------------------------


def _check_belongings(index: int, behaviour: Behaviour) -> None:
    """Refuse a share of something that is not there."""
    place = f"behaviour {index + 1}"
    if isinstance(behaviour, _Rings) and behaviour.music_share > 0 and behaviour.music is None:
        raise ValueError(f"{place}: music_share is {behaviour.music_share:g} but music names no clip")
    if isinstance(behaviour, Vacant) and behaviour.announcement is None and behaviour.played_share > 0 and behaviour.tone_share < 1:
        raise ValueError(f"{place}: tone_share is {behaviour.tone_share:g} but announcement names no clip: name one or set tone_share = 1")
    if isinstance(behaviour, FalseAnswer) and behaviour.announcement is None and behaviour.announcement_share > 0:
        raise ValueError(f"{place}: announcement_share is {behaviour.announcement_share:g} but announcement names no clip")
    if isinstance(behaviour, Screening) and behaviour.person is None and behaviour.accepts_share > 0:
        raise ValueError(f"{place}: accepts_share is {behaviour.accepts_share:g} but person names no clip")


def _named_clips(behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    for field in CLIP_FIELDS:
        for name in getattr(behaviour, field, None) or ():
            yield field, name


def _find_clips(name: str, folder: Path | None) -> Iterator[Clip]:
    """A built-in clip, all built-in clips of a pattern, a file, or all audio files of a folder."""
    if "/" not in name and "." not in name:
        found = [known for known in builtin_names() if re.fullmatch(re.escape(name).replace(r"\*", ".*"), known)]
        if found:
            yield from (load_builtin(known) for known in found)
            return
        if folder is None or not (folder / name).is_dir():
            near = difflib.get_close_matches(name, builtin_names(), 5, 0.4) or builtin_names()
            raise ClipError(f"no built-in clip {name!r}; near it: {', '.join(near)} (a file is named with its suffix)")
    if folder is None:
        raise ClipError(f"{name}: only built-in clips can be named here; load the scenario from a file to use your own")
    path = folder / Path(name).expanduser()
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in AUDIO_SUFFIXES)
        if not files:
            raise ClipError(f"{path}: the folder holds no audio file ({', '.join(sorted(AUDIO_SUFFIXES))})")
        yield from (load_clip(entry) for entry in files)
        return
    yield load_clip(path)


def _explain(error: ValidationError, text: str, source: str) -> Iterator[str]:
    """Each problem as ``file, line n: place: what is wrong and how to mend it``."""
    problems = error.errors()
    for problem in problems:
        loc = problem["loc"]
        if problem["type"] == "too_short" and any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in problems):
            continue  # items that failed are not counted; they have their own line
        place = _place(text, loc, source)
        name = ".".join(str(part + 1 if isinstance(part, int) else part) for part in loc if part not in KINDS)
        if problem["type"] == "extra_forbidden":
            allowed = _allowed(loc)
            yield f"{place}: {name}: unknown key" + (f"; allowed here: {', '.join(allowed)}" if allowed else "")
        elif problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
            yield f"{place}: {name}: kind must be one of {', '.join(sorted(KINDS))}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{place}: {name}: {message}" if name else f"{place}: {message}"


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the table around an unknown key may have."""
    model: type[BaseModel] | None = Scenario
    for part in loc[:-1]:
        if part == "behaviour" or isinstance(part, int):
            continue
        if part in KINDS:
            model = KINDS[str(part)]
        elif model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation)
    return sorted(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model class inside ``Model | None``."""
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _place(text: str, loc: tuple[int | str, ...], source: str) -> str:
    """``file, line n`` of the key or table that *loc* names, as near as the text shows it."""
    lines = text.splitlines()
    first, last = 0, len(lines)
    where: int | None = None
    parts = list(loc)
    if len(parts) > 1 and parts[0] == "behaviour" and isinstance(parts[1], int):
        heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*behaviour\s*\]\]", line)]
        if parts[1] < len(heads):
            first = where = heads[parts[1]]
            last = heads[parts[1] + 1] if parts[1] + 1 < len(heads) else last
        parts = parts[2:]
    for part in (p for p in parts if isinstance(p, str)):
        hit = next((n for n in range(first, last) if re.search(rf"(?:^|[\s.{{\[,])[\"']?{re.escape(part)}[\"']?\s*[=\].]", lines[n])), None)
        if hit is not None:
            first = where = hit
    return source if where is None else f"{source}, line {where + 1}"


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
