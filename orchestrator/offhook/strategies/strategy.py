"""What a strategy is, what each kind may set, and how a campaign's description takes it on."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import Field, ValidationError, model_validator

from offhook.campaigns.plan import StrategyKind
from offhook.errors import OffhookError
from offhook.messages import CampaignSpec
from offhook.mistakes import explain, key_lines
from offhook.said import Asked, Name

KINDS: tuple[StrategyKind, ...] = get_args(StrategyKind)
GOVERNS: dict[StrategyKind, tuple[str, ...]] = {
    "connect": (
        "mode",
        "pacing",
        "lines",
        "agents",
        "lines_per_agent",
        "calls_per_second",
        "answer",
        "ring_timeout_s",
        "max_call_s",
    ),
    "routing": ("priority", "caller_id", "abandoned", "prompt_plays", "prompt_gap_ms", "dtmf", "dtmf_wait_ms"),
    "time": ("windows", "retry", "unknown_hold_s"),
    "protection": ("protection",),
}
"""Settings that each kind may set; no setting belongs to two."""


class StrategyError(OffhookError):
    """A strategy is wrong, unknown, or in use; the text names the place and the mend."""


class Strategy(Asked):
    """A named group of campaign settings."""

    kind: StrategyKind
    name: Name
    title: str = Field("", max_length=200, description="For people; any script.")
    settings: dict[str, Any] = Field(min_length=1, description="Fields of a campaign that this kind sets; a table counts as a whole.")

    @model_validator(mode="after")
    def _right(self) -> Strategy:
        known = GOVERNS[self.kind]
        for key in self.settings:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                mend = f"did you mean '{close[0]}'?" if close else f"it sets {', '.join(known)}"
                raise ValueError(f"a {self.kind} strategy does not set '{key}': {mend}")
        try:
            spec = CampaignSpec.model_validate({"name": "check", **self.settings})
        except ValidationError as error:
            raise ValueError(explain(error, f"{self.kind} strategy '{self.name}'", "", CampaignSpec)) from None
        self.settings = spec.model_dump(mode="json", include=set(self.settings))
        return self

    @property
    def key(self) -> tuple[StrategyKind, str]:
        """What it is found by."""
        return self.kind, self.name


def parse_strategies(text: str, source: str) -> list[Strategy]:
    """Read ``[strategy.KIND.NAME]`` tables.

    Raises:
        StrategyError: It is not TOML, or a key or a value is wrong; the text names the line.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StrategyError(f"{source}: not TOML: {error}") from error
    lines = key_lines(text)
    if list(data) != ["strategy"] or not isinstance(data["strategy"], dict):
        raise StrategyError(f"{source}: holds no strategies; write [strategy.time.office] and what it sets")
    found = []
    for kind, tables in data["strategy"].items():
        if kind not in KINDS or not isinstance(tables, dict):
            raise StrategyError(f"{source}: there are no '{kind}' strategies; the kinds are {', '.join(KINDS)}")
        for name, table in tables.items():
            at = lines.get(("strategy", kind, name))
            where = f"{source}:{at}" if at else source
            if not isinstance(table, dict):
                raise StrategyError(f"{where}: strategy.{kind}.{name} is no table; write [strategy.{kind}.{name}]")
            settings = {key: value for key, value in table.items() if key != "title"}
            try:
                found.append(Strategy(kind=kind, name=name, title=table.get("title", ""), settings=settings))
            except ValidationError as error:
                raise StrategyError(explain(error, where, "", Strategy)) from error
    return found


def load_strategies(path: Path) -> list[Strategy]:
    """Read a file. StrategyError when it cannot be read or is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    return parse_strategies(text, str(path))


@lru_cache(maxsize=1)
def builtin_strategies() -> dict[tuple[StrategyKind, str], Strategy]:
    """The strategies that come with offhook; one of the database replaces that of its name."""
    text = resources.files("offhook.strategies").joinpath("builtin.toml").read_text("utf-8")
    return {one.key: one for one in parse_strategies(text, "builtin.toml")}


def apply(spec: CampaignSpec, known: Mapping[tuple[StrategyKind, str], Strategy]) -> CampaignSpec:
    """The description with the settings of the strategies that it names.

    Raises:
        StrategyError: There is no such strategy, or together they make no campaign.
    """
    data: dict[str, Any] = {}
    for kind, name in named(spec):
        if (kind, name) not in known:
            raise StrategyError(f"campaign '{spec.name}': no {kind} strategy '{name}'; there {_there(kind, known)}")
        data |= known[kind, name].settings
    if not data:
        return spec
    try:
        return CampaignSpec.model_validate({**spec.model_dump(mode="json"), **data})
    except ValidationError as error:
        raise StrategyError(explain(error, f"campaign '{spec.name}' with its strategies", "", CampaignSpec)) from error


def named(spec: CampaignSpec) -> list[tuple[StrategyKind, str]]:
    """The strategies that a campaign follows."""
    return [(kind, name) for kind in KINDS if (name := getattr(spec.strategies, kind)) is not None]


def governed(spec: CampaignSpec, known: Mapping[tuple[StrategyKind, str], Strategy], changed: Iterable[str]) -> None:
    """StrategyError when a setting among *changed* is one that a strategy of the campaign sets, and to something else."""
    after = spec.model_dump(mode="json")
    fields = set(changed)
    for key in named(spec):
        if key not in known:
            continue  # :func:`apply` says so
        for field, value in known[key].settings.items():
            if field in fields and after[field] != value:
                kind, name = key
                raise StrategyError(
                    f"campaign '{spec.name}': {field} is set by its {kind} strategy '{name}'; change the strategy, "
                    f'or let the campaign go its own way with strategies={{"{kind}": null}}'
                )


def in_a_line(strategy: Strategy) -> str:
    """A strategy in one line: its name, plain settings with their values, tables by name."""
    parts = [key if isinstance(value, dict) else f"{key} {value}" for key, value in strategy.settings.items()]
    return f"{strategy.name}: {', '.join(parts)}"


def _there(kind: StrategyKind, known: Mapping[tuple[StrategyKind, str], Strategy]) -> str:
    names = sorted(name for of, name in known if of == kind)
    return f"are {', '.join(names)}" if names else "is none"
