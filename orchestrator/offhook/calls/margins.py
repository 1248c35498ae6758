"""How sure the verdict on who answered was, what the other one would have cost, and which costs would have given it.

A :class:`Margin` comes from a call's evidence alone. Where the audio was kept, :func:`tries` hears it again with other costs and says for
certain, and :func:`features` shows the numbers that the model was shown at the moment of the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offhook.calls.answer import FRESH_BEEP_MS, core_settings
from offhook.calls.recordings import Kept
from offhook.calls.replay import Given, Heard, hear
from offhook.messages import AnswerHandling, CallFact
from offhook_core import EventKind
from offhook_core.answer import FEATURE_NAMES, AnswerSettings

AHEAD_S = 0.5
"""The core waits as long as so much more time costs less than its risk."""
FACTORS = (0.25, 0.5, 2.0, 4.0)
"""Of a cost that is tried."""
COSTS = ("cost_person", "cost_second")


@dataclass(frozen=True, slots=True)
class Margin:
    """The first verdict of the core, and what it was decided by.

    Args:
        verdict: Of the core: person, machine, ivr ...
        t_ms: When, since the line was seized.
        p_person: Probability of a person then, 0 to 1.
        settings: Costs and limits in force.
        preset: Name of those that they began with.
        beep: A beep told it.
    """

    verdict: str
    t_ms: int
    p_person: float
    settings: AnswerSettings
    preset: str
    beep: bool = False

    @property
    def weighed(self) -> bool:
        """Was it decided by costs? Not so by the field's rules, where nothing was said, by a beep or a fax tone."""
        return not self.settings.method and not self.beep and self.verdict in ("person", "machine", "ivr", "announcement")

    @property
    def risk_person(self) -> float:
        """What it costs, on average, to say "person"."""
        return self.settings.cost_machine * (1 - self.p_person)

    @property
    def risk_machine(self) -> float:
        """What it costs, on average, to say "machine"."""
        return self.settings.cost_person * self.p_person

    @property
    def early(self) -> bool:
        """Surer than waiting is worth, and not forced by a limit."""
        return (self.risk_person if self.verdict == "person" else self.risk_machine) <= self.settings.cost_second * AHEAD_S

    @property
    def even(self) -> float:
        """So many machines taken for people must a lost person cost for both verdicts to cost the same."""
        return (1 - self.p_person) / max(self.p_person, 1e-4)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        costs = {name: round(getattr(self.settings, name), 4) for name in ("cost_person", "cost_machine", "cost_second")}
        told: dict[str, Any] = {"verdict": self.verdict, "t_ms": self.t_ms, "preset": self.preset}
        if self.weighed:
            risks = {"person": round(self.risk_person, 4), "machine": round(self.risk_machine, 4)}
            told |= {"p_person": self.p_person, "early": self.early, "risk": risks, "even": round(self.even, 4)}
        return told | (costs if self.settings.method == 0 else {})

    def text(self) -> list[str]:
        """For people."""
        s = self.settings
        if s.method:
            return [f"COSTS     none: preset {self.preset}, the rules of the field"]
        lines = [
            f"COSTS     a lost person {s.cost_person:g}, a machine for one {s.cost_machine:g}, a second {s.cost_second:g}: {self.preset}"
        ]
        if self.weighed:
            why = "surer than waiting was worth" if self.early else "a limit was reached"
            other, than = ("machine", "less") if self.verdict == "person" else ("person", "more")
            now = s.cost_person / s.cost_machine
            lines += [
                f'RISK      "person" {self.risk_person:.2f}, "machine" {self.risk_machine:.2f} at {self.p_person:.1%} person; {why}',
                f"MARGIN    then {other} only if a lost person cost {than} than {self.even:.2g} machines, not {now:.2g}",
            ]
        return lines


@dataclass(frozen=True, slots=True)
class Try:
    """The first verdict with another cost.

    Args:
        change: As for ``offhook replay --set``.
        verdict: Empty for none while the recording lasts.
        after_ms: When, since the first frame that was kept.
    """

    change: str
    verdict: str
    after_ms: int


def margin_of(evidence: Sequence[CallFact], in_force: Mapping[str, str]) -> Margin | None:
    """Of a call; None where the core never judged it, or the evidence is of a time when it kept no probability.

    *in_force*: settings by name.
    """
    first = next((fact for fact in evidence if fact.kind == "heard" and fact.name == "answer"), None)
    if first is None or first.value is None or first.value > 1:
        return None
    core = {key.removeprefix("answer.core."): float(value) for key, value in in_force.items() if key.startswith("answer.core.")}
    preset = in_force.get("answer.preset", "balanced")
    near = range(first.t_ms - FRESH_BEEP_MS, first.t_ms + 1)
    beep = any(fact.kind == "heard" and fact.name in ("beep", "record") and fact.t_ms in near for fact in evidence)
    return Margin(first.detail, first.t_ms, first.value, AnswerSettings.preset(preset, **core), preset, beep)


def tries(kept: Kept, given: Given) -> list[Try]:
    """The kept audio heard with each cost a quarter, half, twice and four times of what it was."""
    now = core_settings(given.spec.answer)
    changes = [(name, factor * getattr(now, name)) for name in COSTS for factor in FACTORS if getattr(now, name)]
    return [_try(kept, given, name, value) for name, value in changes]


def _try(kept: Kept, given: Given, name: str, value: float) -> Try:
    answer = given.spec.answer
    other = AnswerHandling.model_validate({**answer.model_dump(), "core": {**answer.core, name: value}})
    heard = hear(kept, given.plan, given.library, other, given.model)
    at = _first(heard)
    verdict, after_ms = ("", 0) if at is None else (heard.events[at].detail, (heard.frames[at] + 1) * 20)
    return Try(f"answer.core.{name}={value:g}", verdict, after_ms)


def features(heard: Heard) -> dict[str, float]:
    """What the model was shown in the frame of the first verdict, by name; empty where there was none."""
    at = _first(heard)
    if at is None:
        return {}
    return {name: round(float(value), 3) for name, value in zip(FEATURE_NAMES, heard.features[heard.frames[at]], strict=True)}


def _first(heard: Heard) -> int | None:
    """Where the first verdict stands among the events."""
    return next((at for at, event in enumerate(heard.events) if event.kind == EventKind.ANSWER), None)


def told(found: Sequence[Try], verdict: str) -> list[str]:
    """Tries in words, those first that would have changed the *verdict*."""
    rows = sorted(found, key=lambda one: one.verdict == verdict)
    return [
        f"{'TRIED' if at == 0 else '':9} {one.change:32} {one.verdict or 'none'} at {one.after_ms / 1000:.2f} s"
        for at, one in enumerate(rows)
    ]


def listed(shown: Mapping[str, float]) -> list[str]:
    """Features in lines of four."""
    cells = [f"{name} {value:g}" for name, value in shown.items()]
    return [f"{'FEATURES' if at == 0 else '':9} {'   '.join(cells[at : at + 4])}" for at in range(0, len(cells), 4)]
