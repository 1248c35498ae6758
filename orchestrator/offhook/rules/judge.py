"""May this number be called for this purpose at this time? Every rule that applied, with its values, and when it will be allowed.

Pure: packs, a number and an instant go in. Caps and rests need a history and are kept by the ledger; :meth:`RuleBook.caps` and
:meth:`RuleBook.rests` give it the numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from offhook.campaigns import windows
from offhook.messages import CallingWindows
from offhook.rules.pack import Cap, Conduct, Example, Hours, Kind, PackError, Rest, RulePack, builtin_packs, load_pack

_AHEAD = dt.timedelta(days=windows.SEARCH_DAYS)
_OPENINGS = 512
"""A year of days without calls takes a millisecond to lay out; so many are kept."""
_Ruled = TypeVar("_Ruled", Hours, Cap, Rest)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says.

    Attributes:
        rule: Pack, version and rule, "fr 2/hours".
        what: ``"hours"`` or ``"consent"``.
        passed: Whether the call may be made as far as this rule goes.
        values: In words, with the figures that were compared.
        source: Where the rule is written.
    """

    rule: str
    what: str
    passed: bool
    values: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all rules say together.

    Attributes:
        allowed: Every finding passed.
        findings: One per rule that applied.
        next_open: First instant at which hours allow it, UTC; ``None`` when something else stands against it, or nothing opens in a year.
        packs: Versions that were applied; kept with the call.
    """

    allowed: bool
    findings: tuple[Finding, ...]
    next_open: dt.datetime | None
    packs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "next_open": self.next_open.isoformat() if self.next_open else None}


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom a verdict is about.

    Attributes:
        e164: Number with +.
        region: ISO 3166; empty when not known: then every pack holds.
        zones: IANA zones the callee may be in; empty when not known.
        consent: Has agreed to such calls.
    """

    e164: str
    region: str
    zones: tuple[str, ...]
    consent: bool = False


class RuleBook:
    """The packs in use.

    Args:
        packs: Any number of versions; none at all allows everything.
        unknown_zones: For callees whose zone is not known: every one of them must be open.
    """

    def __init__(self, packs: Iterable[RulePack], unknown_zones: Sequence[str] = ("Asia/Shanghai",)) -> None:
        self.packs = tuple(packs)
        self.unknown_zones = tuple(unknown_zones)
        seen: set[tuple[str, int]] = set()
        for pack in self.packs:
            if (pack.name, pack.version) in seen:
                raise PackError(f"rule pack {pack.title} is there twice; raise the version of the newer one")
            seen.add((pack.name, pack.version))
        self._openings: dict[tuple[str, str, dt.date], CallingWindows] = {}

    @classmethod
    def of(cls, names: Sequence[str], folder: Path | None = None, unknown_zones: Sequence[str] = ("Asia/Shanghai",)) -> RuleBook:
        """The packs of these names: all versions, those of *folder* and the built-in ones; a file replaces the built-in pack of its name.

        Raises:
            PackError: A file is wrong, or no pack has one of the names.
        """
        own = [load_pack(path) for path in sorted(folder.glob("*.toml"))] if folder else []
        replaced = {pack.name for pack in own}
        every = [*own, *(pack for pack in builtin_packs() if pack.name not in replaced)]
        known = sorted({pack.name for pack in every})
        for name in names:
            if name not in known:
                raise PackError(f"no rule pack is called '{name}'; there are {', '.join(known)}")
        return cls([pack for pack in every if pack.name in names], unknown_zones)

    def in_force(self, region: str, day: dt.date) -> list[RulePack]:
        """The version of each pack that holds for *region* on *day*; an unknown region takes all of them, the strictest then wins."""
        newest: dict[str, RulePack] = {}
        for pack in sorted(self.packs, key=lambda one: (one.in_force, one.version)):
            if (not region or region in pack.regions) and pack.in_force <= day and (pack.until is None or day <= pack.until):
                newest[pack.name] = pack
        return list(newest.values())

    def _of(self, callee: Callee, at: dt.datetime) -> list[RulePack]:
        days = {at.astimezone(windows.load_zone(zone)).date() for zone in callee.zones or self.unknown_zones}
        packs = {pack.title: pack for day in sorted(days) for pack in self.in_force(callee.region, day)}
        return list(packs.values())

    def _opening(self, pack: RulePack, hours: Hours, day: dt.date) -> CallingWindows:
        key = (pack.title, hours.id, day)
        if key not in self._openings:
            if len(self._openings) > _OPENINGS:
                self._openings.clear()
            self._openings[key] = _opening(pack, hours, day)
        return self._openings[key]

    def judge(self, callee: Callee, kind: Kind, at: dt.datetime) -> Verdict:
        """All that hours and consent say about a call at *at* (aware)."""
        packs = self._of(callee, at)
        zones = callee.zones or self.unknown_zones
        findings: list[Finding] = []
        openings: list[CallingWindows] = []
        for pack in packs:
            for hours in _concerning(pack.hours, kind, callee):
                opening = self._opening(pack, hours, at.date())
                openings.append(opening)
                findings.append(_hours_finding(pack, hours, opening, zones, at))
            for consent in pack.consent:
                if consent.concerns(kind, callee.e164):
                    said = "the person agreed" if callee.consent else "no consent is recorded"
                    findings.append(Finding(f"{pack.title}/{consent.id}", "consent", callee.consent, said, consent.source))
        allowed = all(one.passed for one in findings)
        shut = any(not windows.is_open(one, zones, at) for one in openings)
        return Verdict(allowed, tuple(findings), _first_open(openings, zones, at) if shut else None, tuple(pack.title for pack in packs))

    def caps(self, callee: Callee, kind: Kind, at: dt.datetime) -> list[tuple[str, Cap]]:
        """Caps that hold for the callee, each with the name a verdict cites."""
        return [(f"{pack.title}/{cap.id}", cap) for pack in self._of(callee, at) for cap in _concerning(pack.cap, kind, callee)]

    def rests(self, callee: Callee, kind: Kind, at: dt.datetime) -> list[tuple[str, Rest]]:
        """Rests that hold for the callee, each with the name a verdict cites."""
        return [(f"{pack.title}/{rest.id}", rest) for pack in self._of(callee, at) for rest in _concerning(pack.rest, kind, callee)]

    def conduct(self, callee: Callee, kind: Kind, at: dt.datetime) -> Conduct:
        """How such a call must be made: the strictest of all that hold."""
        found = [rule for pack in self._of(callee, at) for rule in pack.conduct if rule.concerns(kind, callee.e164)]
        return Conduct(
            id="together",
            source="the strictest of the packs in force",
            ring_min_s=max((one.ring_min_s for one in found), default=0),
            abandon_rule=next((one.abandon_rule for one in found if one.abandon_rule), ""),
            abandon_message=any(one.abandon_message for one in found),
            caller_id=any(one.caller_id for one in found),
            keep_days=max((one.keep_days for one in found), default=0),
        )


def _concerning(rules: Sequence[_Ruled], kind: Kind, callee: Callee) -> list[_Ruled]:
    return [rule for rule in rules if rule.concerns(kind, callee.e164)]


def _opening(pack: RulePack, hours: Hours, day: dt.date) -> CallingWindows:
    """The rule as calling windows, with its days without calls of the year ahead; after the last known one every day is closed."""
    first, last = day - dt.timedelta(days=2), day + _AHEAD
    closed: set[dt.date] = set()
    for name in hours.closed:
        days = pack.days[name]
        until = min(last, days.known_until or last)
        closed |= {*days.days(first, until), *(until + dt.timedelta(days=n) for n in range(1, (last - until).days + 1))}
    return CallingWindows(windows=hours.windows, holidays=tuple(sorted(closed)))


def _hours_finding(pack: RulePack, hours: Hours, opening: CallingWindows, zones: Sequence[str], at: dt.datetime) -> Finding:
    passed = windows.is_open(opening, zones, at)
    said = []
    for zone in zones:
        local = at.astimezone(windows.load_zone(zone))
        day = next((name for name in hours.closed if pack.days[name].has(local.date())), None)
        unknown = [n for n in hours.closed if (until := pack.days[n].known_until) and local.date() > until]
        why = (
            f" ({pack.days[day].name or day})"
            if day
            else f" (its {unknown[0]} end on {pack.days[unknown[0]].known_until})"
            if unknown
            else ""
        )
        said.append(f"{local:%a %Y-%m-%d %H:%M} in {zone}{why}")
    spans = ", ".join(f"{_days(w.days)}{w.start:%H:%M}-{w.end:%H:%M}" for w in hours.windows)
    return Finding(f"{pack.title}/{hours.id}", "hours", passed, f"open {spans}; it is {', '.join(said)}", hours.source)


def _days(days: Sequence[str]) -> str:
    return "" if len(days) == 7 else f"{' '.join(days)} "


def _first_open(openings: Sequence[CallingWindows], zones: Sequence[str], at: dt.datetime) -> dt.datetime | None:
    """First instant from *at* on at which all of them are open, UTC."""
    when = at
    while when - at <= _AHEAD:
        later = [windows.next_open(one, zones, when) for one in openings]
        known = [one for one in later if one is not None]
        if len(known) < len(later):
            return None
        if max(known) <= when:
            return when.astimezone(dt.UTC)
        when = max(known)
    return None


def failing(pack: RulePack, others: Sequence[RulePack] = ()) -> list[tuple[Example, Verdict]]:
    """Examples that the pack judges otherwise than they say. *others*: versions of the same name; the one in force counts."""
    book = RuleBook([pack, *(one for one in others if one.name == pack.name and one.version != pack.version)])
    wrong = []
    for example in pack.example:
        callee = Callee(example.number, pack.regions[0], (example.zone,), example.consent)
        verdict = book.judge(callee, example.kind, example.at)
        if verdict.allowed != example.allowed or pack.title not in verdict.packs:
            wrong.append((example, verdict))
    return wrong
