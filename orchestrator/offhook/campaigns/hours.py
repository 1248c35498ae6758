"""The hour in which a person answers best, learnt from few calls, and whether to wait for it (D27: Tuesday 16:00 to 17:00, say).

A person's own calls are few, so each hour begins with what is known of more people: the campaign's mean, drawn to the campaign's calls
of that hour, drawn to those of the person's segment, drawn to the person's own. What the step before expects counts for some calls in each
step, so a step that has few changes little. A person's call counts whole for its hour and weekday, and less for the hours beside it and for
other days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offhook.campaigns import windows
from offhook.campaigns.learning import HOURS, Counts, LearnPlan, Learnt, Table
from offhook.contacts.policy import ContactPolicy, Effect
from offhook.contacts.screen import Ask, Entry, Finding, Person
from offhook.messages import CallingWindows, Weekday

RULE = "best hour"
HORIZON_S = 180 * 86_400.0
"""Older calls say nothing about a person any more."""
ANSWERED = frozenset({"person", "abandoned"})
TRIED = ANSWERED | {"machine", "ivr", "fax", "answered", "answered_silent", "no_answer", "busy", "rejected", "unreachable"}
"""Results that tell whether the person was there; a congested network does not."""
CAMPAIGN_CALLS, SEGMENT_CALLS, PERSON_CALLS = 100.0, 50.0, 4.0
"""Calls that what is known before counts for, at each step."""
BESIDE, OTHER_DAY = 0.35, 0.5
"""What a person's call in the hour before or after counts for, and one on another weekday."""
_DAYS = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a person's week."""

    weekday: int  # Monday is 0
    hour: int

    def __str__(self) -> str:
        return f"{_DAYS[self.weekday].value} {self.hour:02}:00"


def prior(table: Table, segment: str) -> tuple[float, ...]:
    """Share of calls that reach a person, by hour of the day, for a person of *segment* of whom nothing is known."""
    every = Counts()
    by_hour = [Counts() for _ in range(HOURS)]
    own = [Counts() for _ in range(HOURS)]
    for (name, hour), counts in table.items():
        every.add(counts)
        by_hour[hour].add(counts)
        if name == segment:
            own[hour].add(counts)
    mean = (every.persons + 1) / (every.calls + 5)  # a fifth, before the first call
    of_hour = [(one.persons + CAMPAIGN_CALLS * mean) / (one.calls + CAMPAIGN_CALLS) for one in by_hour]
    return tuple((one.persons + SEGMENT_CALLS * share) / (one.calls + SEGMENT_CALLS) for one, share in zip(own, of_hour, strict=True))


class Chances:
    """A person's chance to answer, by hour of the week.

    Args:
        entries: The person's calls, from the ledger.
        zone: Of the person.
        before: What to expect without them, see :func:`prior`.
    """

    def __init__(self, entries: Iterable[Entry], zone: dt.tzinfo, before: Sequence[float]) -> None:
        self._before = before
        self._hour = [[0.0, 0.0] for _ in range(HOURS)]  # answered and tried, on any day
        self._day: dict[Hour, list[float]] = {}
        for entry in entries:
            if entry.result not in TRIED:
                continue
            at = dt.datetime.fromtimestamp(entry.at_ms / 1000, zone)
            yes = entry.result in ANSWERED
            for beside, weight in ((-1, BESIDE), (0, 1.0), (1, BESIDE)):
                hour = Hour(at.weekday(), (at.hour + beside) % HOURS)
                for cell in (self._hour[hour.hour], self._day.setdefault(hour, [0.0, 0.0])):
                    cell[0] += weight * yes
                    cell[1] += weight

    def at(self, hour: Hour) -> float:
        """Chance that the person answers a call in this hour, 0 to 1."""
        cells = zip(self._hour[hour.hour], self._day.get(hour, (0.0, 0.0)), strict=True)
        answered, tried = (OTHER_DAY * every + (1 - OTHER_DAY) * own for every, own in cells)
        return (answered + PERSON_CALLS * self._before[hour.hour]) / (tried + PERSON_CALLS)


def hour_of(at: dt.datetime) -> Hour:
    """The hour that an instant, in the person's zone, lies in."""
    return Hour(at.weekday(), at.hour)


@dataclass(frozen=True, slots=True)
class BestHour:
    """A check of :mod:`offhook.contacts.screen`: hold a lead until its person's best hour, once for each call.

    Somebody who never answered is not waited for: nothing is known but what holds for all, and that puts nobody behind another.
    """

    plan: LearnPlan
    hours: CallingWindows  # of the campaign
    learnt: Learnt  # what its calls gave

    def __call__(self, policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
        """Whether to wait."""
        if ask.promised_ms is not None or not any(entry.result in ANSWERED for entry in person.entries):
            return
        zones = windows.zones_for(self.hours, ask.zones)
        zone = windows.load_zone(zones[0]) if ask.zones else dt.UTC
        before = self.learnt.by_hour.get(ask.segment)
        if before is None:
            before = self.learnt.by_hour[ask.segment] = prior(self.learnt.table, ask.segment)
        chances = Chances(person.entries, zone, before)
        now = dt.datetime.fromtimestamp(ask.now_ms / 1000, zone)
        here = chances.at(hour_of(now))
        best, start = here, now
        first = now.replace(minute=0, second=0, microsecond=0)
        for ahead in range(1, int(self.plan.hour_wait_s // 3600) + 1):
            then = (first.astimezone(dt.UTC) + dt.timedelta(hours=ahead)).astimezone(zone)
            chance = chances.at(hour_of(then))
            if chance > best and windows.is_open(self.hours, zones, then):
                best, start = chance, then
        if start is now:
            yield Finding(RULE, Effect.PASS, f"{hour_of(now)}, {here:.0%}: none of the next {self.plan.hour_wait_s / 3600:g} h is better")
            return
        values = f"{hour_of(start)} {zone}, {best:.0%}, now {here:.0%}"
        until = round(start.timestamp() * 1000)
        if best < self.plan.hour_gain * here:
            yield Finding(RULE, Effect.PASS, f"{values}: not worth waiting")
        elif ask.deadline_ms is not None and until >= ask.deadline_ms:
            yield Finding(RULE, Effect.PASS, f"{values}: after the deadline")
        elif ask.waited:
            yield Finding(RULE, Effect.PASS, f"{values}: has waited for an hour already")
        else:
            yield Finding(RULE, Effect.HOLD, values, until)
