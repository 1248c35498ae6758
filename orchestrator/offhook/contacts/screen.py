"""May this person be called now? A list of checks, each a few lines that give a verdict with its rule and values.

Pure: what the database knows of a person and an instant go in, findings come out. The order of the checks is the order in which they are
told; the strictest effect wins. A check that has nothing to say says nothing, so most calls carry no findings at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from offhook.campaigns import windows
from offhook.contacts.policy import ContactCap, ContactPolicy, ContactRest, Effect
from offhook.lists.filters import Filter

if TYPE_CHECKING:
    from offhook.messages import CampaignSpec

FILTER = "filter"
"""Rule of what a campaign's filter says; leads it closed are opened again when it changes."""
LOOK_AGAIN_MS = 20_000
"""How often it is looked whether the agent of a promised call is back."""
_ORDER = (Effect.PASS, Effect.REMIND, Effect.HOLD, Effect.REFUSE)


class Entry(NamedTuple):
    """One row of the ledger, as far as checks read it."""

    at_ms: int
    number: int  # digits
    kind: str
    result: str


@dataclass(frozen=True, slots=True)
class OnList:
    """A list that the person is on."""

    list: str
    category: str
    reason: str
    kinds: tuple[str, ...]  # empty: all
    campaign: str  # empty: all
    from_ms: int
    until_ms: int | None


@dataclass(slots=True)
class Person:
    """What the database knows of a person."""

    level: str = ""
    consent: dict[str, str] = field(default_factory=dict)
    entries: Sequence[Entry] = ()  # of the ledger, in any order
    listed: Sequence[OnList] = ()
    open_since_ms: int | None = None  # an attempt that has no result yet


NOBODY = Person()


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that somebody wants to make."""

    number: int  # digits
    zones: tuple[str, ...]
    kind: str
    campaign: str
    now_ms: int
    deadline_ms: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)  # columns of its list
    segment: str = ""  # by which its campaign counts results
    waited: bool = False  # was put off to the person's best hour already
    promised_ms: int | None = None  # a call was promised for then
    agent: str = ""  # by this agent; empty: by anyone


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says.

    Attributes:
        rule: Which check, with the name of the cap, rest or list.
        effect: What follows for the call.
        values: The figures that were compared, in words.
        until_ms: When a hold ends, if that is known.
    """

    rule: str
    effect: Effect
    values: str
    until_ms: int | None = None

    def as_list(self) -> list[str]:
        """As the journal keeps it."""
        return [self.rule, self.effect.value, self.values]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings about one call, and what they come to."""

    effect: Effect
    findings: tuple[Finding, ...]
    until_ms: int | None = None  # of a hold: the latest of its ends

    @property
    def why(self) -> str:
        """The rule that decided, with its values; empty when nothing stood against the call."""
        return next((f"{one.rule}: {one.values}" for one in self.findings if one.effect is self.effect), "")


ALLOWED = Verdict(Effect.PASS, ())
Check = Callable[[ContactPolicy, Ask, Person], Iterable[Finding]]


def on_lists(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """Red, black and grey lists, and those who do not want to be disturbed (L01 to L03)."""
    for on in person.listed:
        if on.kinds and ask.kind not in on.kinds:
            continue
        if on.campaign and on.campaign != ask.campaign:
            continue
        if ask.now_ms < on.from_ms or (on.until_ms is not None and ask.now_ms >= on.until_ms):
            continue
        effect = policy.lists.get(on.list, Effect.REFUSE)  # type: ignore[call-overload]
        until = f" until {moment(on.until_ms)}" if on.until_ms is not None else ""
        values = f"{on.category}{', ' + on.reason if on.reason else ''}{until}"
        yield Finding(f"{on.list} list", effect, values, on.until_ms if effect is Effect.HOLD else None)


def consented(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """Kinds of call that need the person's consent."""
    if ask.kind not in policy.consent:
        return
    until = person.consent.get(ask.kind)
    if until is None:
        yield Finding("consent", Effect.REFUSE, f"no consent to calls of kind {ask.kind}")
    elif until and dt.datetime.fromisoformat(until).timestamp() * 1000 <= ask.now_ms:
        yield Finding("consent", Effect.REFUSE, f"consent to calls of kind {ask.kind} ended {until}")
    else:  # kept with the call: what held then may have been taken back since
        yield Finding("consent", Effect.PASS, f"to calls of kind {ask.kind} {f'until {until}' if until else 'for good'}")


def one_at_a_time(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """While an attempt at the person is open, no other begins: what it will count for is not known yet (L06)."""
    if person.open_since_ms is not None:
        until = ask.now_ms + round(policy.open_wait_s * 1000)
        yield Finding("another call is open", Effect.HOLD, f"since {moment(person.open_since_ms)}", until)


def caps(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """Attempts in sliding windows (L05 to L08)."""
    for cap in policy.caps:
        if (cap.kinds and ask.kind not in cap.kinds) or (cap.levels and person.level not in cap.levels):
            continue
        yield from within(cap, policy, ask, person)


def within(cap: ContactCap, policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """One cap."""
    since = -1 if cap.window_s is None else ask.now_ms - round(cap.window_s * 1000)
    ends: int | None = None
    if cap.part_of_day:
        since, ends = part_of_day(policy, ask)
        since -= 1
    counted = [
        entry.at_ms
        for entry in person.entries
        if entry.at_ms > since
        and (not cap.results or entry.result in cap.results)
        and (not cap.kinds or entry.kind in cap.kinds)
        and (cap.per == "person" or entry.number == ask.number)
    ]
    if len(counted) < cap.attempts:
        return
    said = f"{len(counted)} of {cap.attempts}"
    if cap.part_of_day:
        yield Finding(f"cap {cap.name}", Effect.HOLD, f"{said} in this part of the day", ends)
    elif cap.window_s is None:
        yield Finding(f"cap {cap.name}", Effect.REFUSE, f"{said}, ever")
    else:
        counted.sort()
        free = counted[len(counted) - cap.attempts] + round(cap.window_s * 1000)
        yield Finding(f"cap {cap.name}", Effect.HOLD, f"{said} in {span(cap.window_s)}, free {moment(free)}", free)


def rests(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """No attempt for a while after a result."""
    for rest in policy.rests:
        if not rest.kinds or ask.kind in rest.kinds:
            yield from resting(rest, ask, person)


def resting(rest: ContactRest, ask: Ask, person: Person) -> Iterable[Finding]:
    """One rest."""
    last = max((entry.at_ms for entry in person.entries if entry.result in rest.after), default=None)
    if last is not None and ask.now_ms < (free := last + round(rest.rest_s * 1000)):
        yield Finding(f"rest {rest.name}", Effect.HOLD, f"{span(rest.rest_s)} from {moment(last)}, free {moment(free)}", free)


def deadline(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
    """A notice that comes too late is not given (D47)."""
    if ask.deadline_ms is not None and ask.now_ms >= ask.deadline_ms:
        yield Finding("deadline", Effect.REFUSE, f"was {moment(ask.deadline_ms)}")


def passes(filter_: Filter) -> Check:
    """The campaign's own choice of contacts, by their attributes (L10, L11, L18, D48)."""

    def check(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
        outcome = filter_.check(ask.attributes)
        if not outcome.passed:
            yield Finding(FILTER, Effect.REFUSE, outcome.why)

    return check


def kept_for(here: Collection[str] | None, spec: CampaignSpec | None) -> Check:
    """A promised call is the agent's who promised it; when that agent is out for longer than the campaign waits, it is anyone's (D54).

    Args:
        here: Agents who are logged in to the campaign; None: it is not known, and the promise is left to whoever takes it.
        spec: The campaign.
    """

    def check(policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
        if ask.promised_ms is None or not ask.agent or here is None or spec is None or not spec.with_agents:
            return
        until = ask.promised_ms + round(spec.pacing.promise_wait_s * 1000)
        if ask.agent in here:
            yield Finding("promise", Effect.PASS, f"by {ask.agent}, for {moment(ask.promised_ms)}")
        elif ask.now_ms < until:
            again = min(until, ask.now_ms + LOOK_AGAIN_MS)
            yield Finding("promise", Effect.HOLD, f"by {ask.agent}, who is out; anyone's from {moment(until)}", again)
        else:
            yield Finding("promise", Effect.PASS, f"by {ask.agent}, who is out since {moment(ask.promised_ms)}: anyone's now")

    return check


CHECKS: tuple[Check, ...] = (deadline, on_lists, consented, one_at_a_time, caps, rests)


def screen(policy: ContactPolicy, ask: Ask, person: Person, checks: Sequence[Check] = CHECKS) -> Verdict:
    """Run every check; the strictest effect wins, and the longest hold."""
    findings = tuple(finding for check in checks for finding in check(policy, ask, person))
    if not findings:
        return ALLOWED
    effect = max((finding.effect for finding in findings), key=_ORDER.index)
    until = max((finding.until_ms for finding in findings if finding.effect is Effect.HOLD and finding.until_ms is not None), default=None)
    if effect is Effect.HOLD and until is not None and ask.deadline_ms is not None and until >= ask.deadline_ms:
        late = Finding("deadline", Effect.REFUSE, f"is {moment(ask.deadline_ms)}, before the holds end")
        return Verdict(Effect.REFUSE, (*findings, late))
    return Verdict(effect, findings, until if effect is Effect.HOLD else None)


def part_of_day(policy: ContactPolicy, ask: Ask) -> tuple[int, int]:
    """Where the present part of the callee's day begins and ends, ms. Of several zones the first counts; of none, UTC."""
    zone = windows.load_zone(ask.zones[0]) if ask.zones else dt.UTC
    local = dt.datetime.fromtimestamp(ask.now_ms / 1000, zone)
    day = dt.timedelta(days=1)
    edges = [
        dt.datetime.combine(date, part, zone)
        for date in (local.date() - day, local.date(), local.date() + day)
        for part in policy.day_parts
    ]
    begins = max(edge for edge in edges if edge <= local)
    ends = min(edge for edge in edges if edge > local)
    return round(begins.timestamp() * 1000), round(ends.timestamp() * 1000)


def moment(ms: int) -> str:
    """An instant in words, UTC."""
    return f"{dt.datetime.fromtimestamp(ms / 1000, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A length of time in words."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
