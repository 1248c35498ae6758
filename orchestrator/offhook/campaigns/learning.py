"""What a campaign learns from its own results (L15): shares by segment and hour, which of them go first, when a person answers best (D27).

A segment is a value of one column of the list: region, product, source. Shares come with a prior, so that few calls say little: a segment
is taken for the campaign's mean until its own calls say otherwise.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from offhook.said import Asked, Told

PRIOR_CALLS = 50.0
"""A segment begins as if so many calls had given the campaign's mean."""
DRAWS = 40
"""Most draws for one batch of calls; of a larger batch each draw gives several."""
HOURS = 24


class LearnPlan(Asked):
    """What a campaign does with its results while it runs."""

    best_hour: bool = Field(False, description="A lead waits for the hour in which its person answers best, once for each call (D27).")
    hour_wait_s: float = Field(86_400, ge=3600, le=7 * 86_400, description="Longest wait for that hour, s.")
    hour_gain: float = Field(1.25, ge=1, le=10, description="Waits only when that hour promises so many times the answers of now.")
    segment: str = Field("", max_length=100, description="Column of the list by which results are counted; empty: all leads are one (L15).")
    order: bool = Field(False, description="Segments that return more are dialled first.")
    by: Literal["response", "person", "success"] = Field(
        "response", description="What a segment is judged by, per call: responses, people reached, or results that reach the primary goal."
    )
    explore: float = Field(0.2, ge=0.02, le=1, description="Share of the calls that is spread over all segments alike, to go on learning.")
    early_s: float = Field(30, ge=1, le=300, description="A person who hangs up so soon after the answer did not stay (D52), s.")
    value: float = Field(0, ge=0, le=1e9, description="What a response, or what 'by' names, is worth, in the owner's currency (D56).")
    call_cost: float = Field(0, ge=0, le=1e6, description="What a call attempt costs.")
    minute_cost: float = Field(0, ge=0, le=1e6, description="What a minute from the answer on costs.")


@dataclass(slots=True)
class Counts:
    """Calls of one segment in one hour of the callee's day."""

    calls: int = 0  # attempts whose number was sent
    reached: int = 0  # somebody or something answered
    persons: int = 0
    responses: int = 0  # pressed a key that means something, or talked with an agent
    early: int = 0  # persons who hung up soon
    billed_ms: int = 0
    successes: int = 0  # results said that reach the primary goal

    def add(self, other: Counts) -> None:
        """Sum."""
        self.calls += other.calls
        self.reached += other.reached
        self.persons += other.persons
        self.responses += other.responses
        self.early += other.early
        self.billed_ms += other.billed_ms
        self.successes += other.successes


class Learnt:
    """A campaign's counters with what is made of them for every lead, made once.

    Args:
        table: By segment and hour.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.segments: dict[str, Counts] = {}  # summed over the hours
        for (segment, _), counts in table.items():
            self.segments.setdefault(segment, Counts()).add(counts)
        self.by_hour: dict[str, tuple[float, ...]] = {}  # see offhook.campaigns.hours.prior()


class WhichCampaign(Asked):
    """A campaign by its name."""

    campaign: str = Field(min_length=1, max_length=63, description="Name of the campaign.")


Table = Mapping[tuple[str, int], Counts]
"""By segment and hour of the callee's day."""


class Rate(Told):
    """Results of one segment, or of one hour."""

    name: str = Field(description="The segment, or the hour as 00 to 23; empty: leads without a value.")
    calls: int
    connect: float = Field(description="Share of the calls that somebody or something answered.")
    persons: int
    person: float = Field(description="Share of the calls that reached a person.")
    responses: int = Field(description="Persons who pressed a key that means something, or talked with an agent.")
    response: float = Field(description="Share of the calls that gave a response.")
    successes: int = Field(description="Results said that reach the campaign's primary goal (D53).")
    success: float = Field(description="Share of the calls that reached it.")
    expected: float = Field(description="Of what the campaign judges by, per call, drawn to its mean while there are few calls.")
    early: float | None = Field(description="Share of the persons who hung up soon after the answer (D52); none: no person yet.")
    minutes: float = Field(description="From answer to clearing.")
    cost: float = Field(description="Calls and minutes at the campaign's prices.")
    value: float = Field(description="Of what the campaign judges by, at its value.")


class Rates(Told):
    """What a campaign's calls gave."""

    campaign: str
    segment: str = Field(description="Column of the list; empty: none is named.")
    at: dt.datetime
    total: Rate
    segments: tuple[Rate, ...] = Field(description="The one that returns most first.")
    hours: tuple[Rate, ...] = Field(description="Hours of the callee's day in which calls were made.")


def _sum(counts: Sequence[Counts]) -> Counts:
    total = Counts()
    for one in counts:
        total.add(one)
    return total


def rate(name: str, counts: Counts, plan: LearnPlan, mean: float) -> Rate:
    """One line of the table; *mean* is what the campaign judges by, per call."""
    calls = max(1, counts.calls)
    minutes = counts.billed_ms / 60_000
    return Rate(
        name=name,
        calls=counts.calls,
        connect=counts.reached / calls,
        persons=counts.persons,
        person=counts.persons / calls,
        responses=counts.responses,
        response=counts.responses / calls,
        successes=counts.successes,
        success=counts.successes / calls,
        expected=_shrunk(_yes(plan, counts), counts.calls, mean),
        early=counts.early / counts.persons if counts.persons else None,
        minutes=minutes,
        cost=counts.calls * plan.call_cost + minutes * plan.minute_cost,
        value=_yes(plan, counts) * plan.value,
    )


def rates(campaign: str, plan: LearnPlan, table: Table, at: dt.datetime) -> Rates:
    """The whole table."""
    whole = _sum(list(table.values()))
    mean = _yes(plan, whole) / max(1, whole.calls)
    by_segment = {name: _sum([one for (segment, _), one in table.items() if segment == name]) for name in sorted({key[0] for key in table})}
    by_hour = {hour: _sum([one for (_, at_hour), one in table.items() if at_hour == hour]) for hour in sorted({key[1] for key in table})}
    worth = returns(plan, by_segment)
    segments = [rate(name, by_segment[name], plan, mean) for name in sorted(by_segment, key=lambda name: (-worth[name], name))]
    return Rates(
        campaign=campaign,
        segment=plan.segment,
        at=at,
        total=rate("", whole, plan, mean),
        segments=tuple(segments) if plan.segment else (),
        hours=tuple(rate(f"{hour:02}", counts, plan, mean) for hour, counts in by_hour.items()),
    )


# -- order --------------------------------------------------------------------------------------------------------------------------


def _yes(plan: LearnPlan, counts: Counts) -> int:
    return {"response": counts.responses, "person": counts.persons, "success": counts.successes}[plan.by]


def _net(plan: LearnPlan, counts: Counts, whole: Counts, share: float) -> float:
    """What a call brings when *share* of the calls succeed: money where the plan names a value, else the share."""
    if not plan.value:
        return share
    minutes = _shrunk(counts.billed_ms / 60_000, counts.calls, whole.billed_ms / 60_000 / max(1, whole.calls))
    return share * plan.value - plan.call_cost - minutes * plan.minute_cost


def _shrunk(total: float, calls: int, mean: float) -> float:
    """A figure per call, drawn to the campaign's mean while there are few calls."""
    return (total + PRIOR_CALLS * mean) / (calls + PRIOR_CALLS)


def returns(plan: LearnPlan, segments: Mapping[str, Counts]) -> dict[str, float]:
    """Expected return of a call, by segment."""
    whole = _sum(list(segments.values()))
    mean = _yes(plan, whole) / max(1, whole.calls)
    return {name: _net(plan, one, whole, _shrunk(_yes(plan, one), one.calls, mean)) for name, one in segments.items()}


def portions(plan: LearnPlan, segments: Mapping[str, Counts], calls: int, rng: random.Random) -> list[tuple[str, int]]:
    """How many of *calls* each segment gets, the one that gets most first; the rest of the segments follow with 0, the best first.

    The share ``explore`` goes to all alike; every other one goes to the segment that a draw from what is known of each lets win
    (Thompson sampling), so a segment of which little is known still wins now and then.
    """
    names = list(segments)
    if not names:
        return []
    whole = _sum(list(segments.values()))
    mean = min(0.999, max(0.001, _yes(plan, whole) / max(1, whole.calls)))
    given = dict.fromkeys(names, 0)
    alike = int(calls * plan.explore + rng.random())  # on the average the share, of a single call too
    first = rng.randrange(len(names))
    for at in range(alike):
        given[names[(first + at) % len(names)]] += 1
    each = max(1, -(-(calls - alike) // DRAWS))
    for at in range(alike, calls, each):
        won = max(names, key=lambda name: _draw(plan, segments[name], whole, mean, rng))
        given[won] += min(each, calls - at)
    worth = returns(plan, segments)
    return sorted(given.items(), key=lambda one: (-one[1], -worth[one[0]]))


def _draw(plan: LearnPlan, counts: Counts, whole: Counts, mean: float, rng: random.Random) -> float:
    yes = _yes(plan, counts)
    share = rng.betavariate(yes + PRIOR_CALLS * mean, max(0, counts.calls - yes) + PRIOR_CALLS * (1 - mean))
    return _net(plan, counts, whole, share)
