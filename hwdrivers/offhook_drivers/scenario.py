"""Scenarios: what the callees of a simulated network do, as validated data read from TOML.

A :class:`Scenario` names a tone plan, the line every call runs over, and a list of behaviours with their shares. Everything that varies
from call to call is a :class:`~offhook_drivers.spread.Spread`. ``docs/file-formats.md`` describes the file; the models are its definition.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from .audio import Clip, ClipError, builtin_names, load_builtin, load_clip
from .behaviours import CLIP_FIELDS, KINDS, AnyBehaviour, Behaviour, FalseAnswer, Rings, Screening, Vacant
from .line import Line
from .span_faults import SpanFault
from .spread import Table

SHARE_TOLERANCE = 1e-6
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".gsm", ".aif", ".aiff", ".au"})


class ScenarioError(ValueError):
    """A scenario cannot be used; the text names the file, the place and the mend."""


class Scenario(Table):
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
    if isinstance(behaviour, Rings) and behaviour.music_share > 0 and behaviour.music is None:
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
