"""Why a number or a lead is dialled, not dialled, or when next: every rule that applied, with its values; and a person's history (L19).

Read beside the writer: the answer is what the next check would say, were it made now.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Connection, select

from offhook.campaigns import windows
from offhook.contacts.calling_rules import CallingRules
from offhook.contacts.model import Listed, Whom
from offhook.contacts.policy import Effect
from offhook.contacts.screen import Finding, moment
from offhook.messages import CampaignSpec, Told, Wanted, Weekday
from offhook.store import contacts, ledger, listed, strategies
from offhook.store import tables as t
from offhook.store.tables import instant
from offhook.strategies.strategy import in_a_line, named

if TYPE_CHECKING:
    from offhook.store import Store

HISTORY = 1000
"""Newest entries of a history that are told."""
_ANSWERED = frozenset({"person", "abandoned"})


class RuleSaid(Told):
    """What one rule says about calling now."""

    rule: str
    effect: str = Field(description="pass, remind, hold or refuse.")
    values: str
    until: dt.datetime | None = Field(None, description="When a hold ends, if that is known.")


class LeadWhy(Told):
    """One lead of the person, and what stands for or against calling it."""

    lead: int
    campaign: str
    number: str
    answer: str = Field(description="now, later, in progress, never, or stopped: the campaign does not run.")
    why: str = Field(description="The rule that decides, with its values.")
    next: dt.datetime | None = Field(None, description="Not before; none when nothing is known to end what holds it.")
    attempts: int
    last: str | None = Field(None, description="Result of the last call.")
    deadline: dt.datetime | None = None
    rules: tuple[RuleSaid, ...] = Field(description="Every rule that applied, in the order of the checks.")


class Contacted(Told):
    """One entry of a person's history."""

    at: dt.datetime
    number: str
    campaign: str = Field(description="Empty: none of ours.")
    department: str
    kind: str
    result: str
    call_id: str = Field("", description="The call, where it is one of ours.")


class BestHour(Told):
    """When a person is most likely to answer (D27)."""

    day: Weekday | None = Field(description="None: any day.")
    hour: int = Field(description="From this hour to the next, in the person's zone.")
    answered: int
    tried: int


class PersonWhy(Told):
    """All there is to say about a person."""

    person: int
    ref: str
    numbers: tuple[str, ...]
    lists: tuple[Listed, ...]
    leads: tuple[LeadWhy, ...]
    history: tuple[Contacted, ...] = Field(description="Newest first.")
    best_hour: BestHour | None = None


async def why(store: Store, whom: Whom | int, now: dt.datetime) -> PersonWhy:
    """Explain a person, or a lead by its id. ContactError when there is no such contact, number or lead."""
    return await store.read(lambda connection: explain(connection, whom, now, store.rules))


def explain(connection: Connection, whom: Whom | int, now: dt.datetime, packs: CallingRules | None = None) -> PersonWhy:
    """As :func:`why`, in a transaction that is open."""
    if isinstance(whom, int):
        number = connection.execute(select(t.lead.c.e164).where(t.lead.c.id == whom)).scalar()
        if number is None:
            raise contacts.ContactError(f"there is no lead {whom}")
        e164, person = str(number), ledger.person_of(connection, str(number))
    else:
        person, e164 = contacts.person_of(connection, whom)
    numbers = list(dict.fromkeys([*contacts.numbers_of(connection, person), *([e164] if e164 else [])]))
    rows = connection.execute(
        select(t.lead, t.campaign.c.spec, t.campaign.c.wanted)
        .join(t.campaign, t.campaign.c.id == t.lead.c.campaign_id)
        .where(t.lead.c.e164.in_(numbers), *([t.lead.c.id == whom] if isinstance(whom, int) else []))
        .order_by(t.lead.c.id)
    ).fetchall()
    ref = connection.execute(select(t.contact.c.ref).where(t.contact.c.id == -person)).scalar() or ""
    told = history(connection, person)
    zones = tuple(rows[0].zones.split()) if rows else ()
    return PersonWhy(
        person=person,
        ref=ref,
        numbers=tuple(numbers),
        lists=tuple(listed.find(connection, Whom(ref=ref) if ref else Whom(number=numbers[0]))) if numbers or ref else (),
        leads=tuple(_lead(connection, row, now, packs) for row in rows),
        history=tuple(told),
        best_hour=best_hour(told, zones),
    )


def _lead(connection: Connection, row: Any, now: dt.datetime, packs: CallingRules | None) -> LeadWhy:
    spec = CampaignSpec.model_validate(row.spec)
    now_ms = t.ms(now)
    asking = ledger.asking("", row.campaign_id, now_ms, packs, spec)
    (checked,) = ledger.check(connection, asking, [ledger.wanted_of("", row)])
    rules = [_said(finding) for finding in checked.verdict.findings]
    next_ms: int | None = max(now_ms, row.due_ms, checked.verdict.until_ms or 0)
    if row.due_ms > now_ms:
        rules.append(
            RuleSaid(rule="due", effect="hold", values=f"{row.reason or 'not before'}, {moment(row.due_ms)}", until=instant(row.due_ms))
        )
    zones = windows.zones_for(spec.windows, tuple(row.zones.split()))
    opens = windows.next_open(spec.windows, zones, instant(next_ms or now_ms))
    if spec.windows.windows or spec.windows.holidays:
        shut = not windows.is_open(spec.windows, zones, now)
        said = f"{'closed' if shut else 'open'} at {', '.join(f'{now.astimezone(windows.load_zone(z)):%a %H:%M} {z}' for z in zones)}"
        rules.append(RuleSaid(rule="calling windows", effect="hold" if shut else "pass", values=said, until=opens if shut else None))
    if row.owner:
        rules.append(RuleSaid(rule="handed out", effect="pass", values=f"only {row.owner.replace(':', ' ')} calls it"))
    if follows := named(spec):
        known = strategies.known(connection)
        rules += [RuleSaid(rule=f"{kind} strategy", effect="pass", values=in_a_line(known[kind, name])) for kind, name in follows]
    answer, why_ = _answer(row, checked.verdict.effect, checked.verdict.why, rules)
    return LeadWhy(
        lead=row.id,
        campaign=spec.name,
        number=row.e164,
        answer=answer,
        why=why_,
        next=opens if answer in ("now", "later") else None,
        attempts=row.attempts,
        last=row.last,
        deadline=None if row.deadline_ms is None else instant(row.deadline_ms),
        rules=tuple(rules),
    )


def _answer(row: Any, effect: Effect, why_: str, rules: Sequence[RuleSaid]) -> tuple[str, str]:
    """One word, and the rule that decides."""
    if row.state == "closed":
        return "never", row.reason or "closed"
    if row.state == "reserved":
        return "in progress", "reserved for a call, or being called"
    if effect is Effect.REFUSE:
        return "never", why_
    if row.wanted != Wanted.RUNNING:
        return "stopped", f"the campaign is {row.wanted}"
    holding = [rule for rule in rules if rule.effect == "hold"]
    if holding:
        last = max(holding, key=lambda rule: rule.until or dt.datetime.max.replace(tzinfo=dt.UTC))
        return "later", f"{last.rule}: {last.values}"
    return "now", "nothing stands against it"


def _said(finding: Finding) -> RuleSaid:
    until = None if finding.until_ms is None else instant(finding.until_ms)
    return RuleSaid(rule=finding.rule, effect=finding.effect.value, values=finding.values, until=until)


def history(connection: Connection, person: int, limit: int = HISTORY) -> list[Contacted]:
    """What was done to a person over all campaigns, departments and numbers, newest first."""
    call = select(t.call.c.id).join(t.lead, t.lead.c.id == t.call.c.lead_id)
    call = call.where(t.call.c.campaign_id == t.ledger.c.campaign_id, t.call.c.started_ms == t.ledger.c.at_ms)
    whose = call.where(t.lead.c.e164.in_(contacts.numbers_of(connection, person))).limit(1).scalar_subquery()
    query = (
        select(t.ledger, t.campaign.c.name, whose.label("call_id"))
        .outerjoin(t.campaign, t.campaign.c.id == t.ledger.c.campaign_id)
        .where(t.ledger.c.person == person)
        .order_by(t.ledger.c.at_ms.desc())
        .limit(limit)
    )
    return [
        Contacted(
            at=instant(r.at_ms),
            number=f"+{r.number}",
            campaign=r.name or "",
            department=r.department,
            kind=r.kind,
            result=r.result,
            call_id=r.call_id or "",
        )
        for r in connection.execute(query)
    ]


def best_hour(entries: Iterable[Contacted], zones: Sequence[str]) -> BestHour | None:
    """The hour in which a person answered most of the calls made in it; None when no call was ever answered.

    An hour of one weekday is named when the person answered in it twice; else the hour of any day. Few calls prove little, so each hour
    starts with two calls of which the person's own mean share was answered.
    """
    zone = windows.load_zone(zones[0]) if zones else dt.UTC
    calls = [(entry.at.astimezone(zone), entry.result in _ANSWERED) for entry in entries if entry.call_id or entry.campaign]
    answered = sum(yes for _, yes in calls)
    if not answered:
        return None
    mean = answered / len(calls)
    cells: dict[tuple[int | None, int], list[bool]] = defaultdict(list)
    for at, yes in calls:
        cells[None, at.hour].append(yes)
        cells[at.weekday(), at.hour].append(yes)
    fit = {key: found for key, found in cells.items() if sum(found) >= (1 if key[0] is None else 2)}
    day, hour = max(fit, key=lambda key: ((sum(fit[key]) + 2 * mean) / (len(fit[key]) + 2), key[0] is not None))
    found = fit[day, hour]
    return BestHour(day=None if day is None else tuple(Weekday)[day], hour=hour, answered=sum(found), tried=len(found))


def text(found: PersonWhy) -> list[str]:
    """For people, one line each."""
    who = f"{found.ref}: " if found.ref else ""
    lines = [f"{who}{', '.join(found.numbers) or 'no number'}"]
    lines += [f"  on the {one.list} list: {one.category} {one.reason}".rstrip() for one in found.lists]
    if not found.leads:
        lines.append("  no campaign has this person")
    for lead in found.leads:
        when = f", next {lead.next:%Y-%m-%d %H:%M:%S} UTC" if lead.next is not None else ""
        lines.append(f"  {lead.campaign}, lead {lead.lead}, {lead.number}: {lead.answer}{when}: {lead.why}")
        made = f"{lead.attempts} calls made, the last {lead.last}" if lead.attempts else "never called"
        lines.append(f"    {made}{f', deadline {lead.deadline:%Y-%m-%d %H:%M} UTC' if lead.deadline else ''}")
        lines += [f"    {rule.effect:7} {rule.rule}: {rule.values}" for rule in lead.rules]
    if found.best_hour is not None:
        best = found.best_hour
        day = best.day.value if best.day is not None else "any day"
        lines.append(f"  best hour: {day} {best.hour:02}:00, {best.answered} of {best.tried} calls answered")
    return lines


def history_text(found: PersonWhy) -> list[list[str]]:
    """The history as rows of a table."""
    return [[f"{e.at:%Y-%m-%d %H:%M:%S}", e.number, e.campaign, e.department, e.kind, e.result, e.call_id] for e in found.history]
