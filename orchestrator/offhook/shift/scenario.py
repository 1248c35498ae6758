"""A shift as a TOML file: the list, the network, the detector, the agents, the rule and the pacing.

Every section may be left out; what is left out takes the values of the reference shift (talk 120 s, wrap-up 20 s, 240 lines,
no-answer after 25 s of ringing). See ``examples/shifts``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from offhook.pacing.rules import AbandonRule, rule

Floats = npt.NDArray[np.float64]


class ScenarioError(ValueError):
    """A shift file that cannot be used; the text names the file, the place and the mend."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Distribution(_Section):
    """A distribution of seconds.

    ``kind`` is ``constant`` (mean), ``uniform`` (low, high), ``lognormal``, ``gamma`` or ``exponential`` (mean, cv), ``mix`` (of parts with
    weights, for two kinds of talks) or ``values`` (measured seconds, drawn with equal chance).
    """

    kind: Literal["constant", "uniform", "lognormal", "gamma", "exponential", "mix", "values"] = "constant"
    mean: float = Field(default=0.0, ge=0)
    cv: float = Field(default=1.0, gt=0)
    low: float = Field(default=0.0, ge=0)
    high: float = Field(default=0.0, ge=0)
    parts: tuple[Distribution, ...] = ()
    weights: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "uniform" and self.high < self.low:
            raise ValueError("uniform: high is under low")
        weighed = len(self.parts) == len(self.weights) > 0 and min(self.weights) >= 0 and sum(self.weights) > 0
        if self.kind == "mix" and not weighed:
            raise ValueError("mix: give parts and as many weights, none negative")
        if self.kind == "values" and (not self.values or min(self.values) < 0):
            raise ValueError("values: give at least one length in seconds, none negative")
        return self

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw *n* lengths in seconds."""
        match self.kind:
            case "constant":
                return np.full(n, self.mean)
            case "uniform":
                return rng.uniform(self.low, self.high, n)
            case "lognormal":
                s2 = np.log1p(self.cv**2)
                return np.asarray(self.mean * np.exp(rng.normal(0.0, np.sqrt(s2), n) - s2 / 2))
            case "gamma":
                return rng.gamma(1 / self.cv**2, self.mean * self.cv**2, n)
            case "exponential":
                return rng.exponential(self.mean, n)
            case "mix":
                which = rng.choice(len(self.parts), n, p=np.array(self.weights) / sum(self.weights))
                drawn = np.stack([part.draw(rng, n) for part in self.parts])
                return np.asarray(drawn[which, np.arange(n)])
            case _:
                return rng.choice(np.array(self.values), n)


def _seconds(value: Any) -> Any:
    return {"kind": "constant", "mean": value} if isinstance(value, int | float) else value


Seconds = Annotated[Distribution, BeforeValidator(_seconds)]
"""A distribution; a plain number stands for a constant."""


def _steps(value: Any) -> Any:
    return ((0.0, value),) if isinstance(value, int | float) else value


Course = Annotated[tuple[tuple[float, Annotated[float, Field(ge=0, le=1)]], ...], BeforeValidator(_steps)]
"""A share over the shift: one number, or pairs of (hour, share from then on)."""


def _lognormal(mean: float, cv: float) -> Distribution:
    return Distribution(kind="lognormal", mean=mean, cv=cv)


def _gamma(mean: float, cv: float) -> Distribution:
    return Distribution(kind="gamma", mean=mean, cv=cv)


class Shift(_Section):
    """How long and over how many lines."""

    name: str = "shift"
    hours: float = Field(default=8.0, gt=0, le=24)
    lines: int = Field(default=240, ge=1, le=10_000)
    calls_per_s: float | None = Field(default=None, gt=0)
    warmup_min: float = Field(default=15.0, ge=0)  # utilisation leaves this out, abandonment does not
    people_first: int = Field(default=0, ge=0)  # counted before the shift began, in the window of the rule
    abandoned_first: int = Field(default=0, ge=0)


class ListMix(_Section):
    """Who answers, as shares of the calls launched; what is left of 1 rings until the no-answer time."""

    person: Course = ((0.0, 0.25),)
    machine: Course = ((0.0, 0.15),)
    busy: Course = ((0.0, 0.05),)
    unobtainable: Course = ((0.0, 0.07),)
    fax: Course = ((0.0, 0.0),)
    preview: float = Field(default=0.0, ge=0, le=1)  # leads that an agent previews although the campaign is paced otherwise

    @model_validator(mode="after")
    def _sums(self) -> Self:
        courses = (self.person, self.machine, self.busy, self.unobtainable, self.fax)
        for hour in sorted({h for course in courses for h, _ in course}):
            if sum(at(course, hour) for course in courses) > 1 + 1e-9:
                raise ValueError(f"the shares at hour {hour:g} sum to more than 1")
        return self


def at(course: Course, hour: float) -> float:
    """Return the share in force at *hour*."""
    value = course[0][1]
    for since, share in course:
        if hour >= since:
            value = share
    return value


class Network(_Section):
    """How long the network takes, in seconds."""

    setup: Seconds = _lognormal(2.5, 0.4)
    person_ring: Seconds = _gamma(11.0, 0.6)
    machine_ring: Seconds = _gamma(17.0, 0.5)
    no_answer_s: float = Field(default=25.0, gt=0)
    busy_s: float = Field(default=2.0, ge=0)
    unobtainable_s: float = Field(default=3.0, ge=0)


class Detection(_Section):
    """The answer detector: how long it takes and how often it errs."""

    greeting_onset: Seconds = Distribution(kind="constant", mean=0.0)
    greeting: Seconds = _lognormal(1.0, 0.5)
    person: Seconds = Distribution(kind="uniform", low=0.2, high=0.6)  # after the greeting
    machine: Seconds = Distribution(kind="uniform", low=2.0, high=4.0)  # after the answer
    false_positive: float = Field(default=0.02, ge=0, le=1)  # person taken for a machine, dropped
    false_negative: float = Field(default=0.05, ge=0, le=1)  # machine passed to an agent


class Group(_Section):
    """Agents who come and go together, hours from the start of the shift."""

    count: int = Field(ge=0, le=2_000)
    from_h: float = Field(default=0.0, ge=0)
    to_h: float = Field(default=24.0, gt=0)
    breaks: tuple[tuple[float, float], ...] = ()  # (hour, minutes)
    spread_min: float = Field(default=0.0, ge=0)  # arrivals, breaks and departures spread over so many minutes


class Agents(_Section):
    """How long agents talk and wrap up, and when they are there."""

    talk: Seconds = _lognormal(120.0, 0.9)
    wrap: Seconds = _gamma(20.0, 0.6)
    machine_talk_s: float = Field(default=6.0, ge=0)  # an agent hears a machine and hangs up, without wrap-up
    speed_spread: float = Field(default=0.15, ge=0, le=1)
    review: Seconds = Distribution(kind="constant", mean=15.0)  # of a preview call inside another mode, and before dialling by hand
    message_s: float = Field(default=8.0, ge=0)  # recorded message to an abandoned call
    group: tuple[Group, ...] = (Group(count=20),)


class BroadcastCall(_Section):
    """What a call of a broadcast plays."""

    message: Seconds = Distribution(kind="constant", mean=30.0)


class Scenario(_Section):
    """A whole shift."""

    shift: Shift = Shift()
    list: ListMix = ListMix()
    network: Network = Network()
    detection: Detection = Detection()
    agents: Agents = Agents()
    broadcast: BroadcastCall = BroadcastCall()
    rule: dict[str, Any] = Field(default_factory=dict)
    pacing: dict[str, Any] = Field(default_factory=lambda: {"mode": "predictive"})

    @model_validator(mode="after")
    def _rule_reads(self) -> Self:
        self.abandon_rule()
        if "mode" not in self.pacing:
            raise ValueError("pacing: give a mode")
        return self

    def abandon_rule(self) -> AbandonRule:
        """Return the abandon rule of the file; ``name`` picks a preset, other keys change it."""
        changes = dict(self.rule)
        name = changes.pop("name", "us-ftc-campaign")
        unknown = sorted(set(changes) - set(AbandonRule.__dataclass_fields__))
        if unknown:
            raise ValueError(f"rule: unknown key {unknown[0]!r}; known are {', '.join(AbandonRule.__dataclass_fields__)}")
        return rule(str(name), **changes)

    def with_agents(self, count: int) -> Scenario:
        """Return the same shift with *count* agents from start to end ("yesterday, with 12 agents")."""
        return self.model_copy(update={"agents": self.agents.model_copy(update={"group": (Group(count=count),)})})


def load(path: str | Path) -> Scenario:
    """Read a shift file.

    Raises:
        ScenarioError: The file is missing, is not TOML, or has a wrong key or value.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from error
    if "behaviour" in data:
        raise ScenarioError(f"{path}: is a scenario of the software card, not a shift; examples of shifts are in examples/shifts")
    return parse(data, str(path), text)


def parse(data: dict[str, Any], name: str = "shift", text: str = "") -> Scenario:
    """Check *data* as read from TOML, whose *text* shows the lines, or measured from a store.

    Raises:
        ScenarioError: A key or a value is wrong; the text names it.
    """
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        from offhook.mistakes import explain

        raise ScenarioError(explain(error, name, text, Scenario)) from error
