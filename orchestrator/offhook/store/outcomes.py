"""Results that people say, what follows from them for the lead and the ledger, and records made by hand (L17, D50, D53, D55)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, literal, select, update

from offhook.campaigns.plan import ResultClass
from offhook.errors import CampaignError
from offhook.messages import CampaignSpec
from offhook.numbers import NumberError, parse
from offhook.store import ledger, rates
from offhook.store import tables as t
from offhook.store.handing import HANDED, home
from offhook.store.tables import instant, ms

if TYPE_CHECKING:
    from offhook.campaigns.outcomes import LeadMade, NewLead, NewOutcome, Outcome, Results

REASON = 80


def put(connection: Connection, given: NewOutcome, now_ms: int) -> Outcome:
    """Store a result; what was said of the call before is corrected by it.

    Raises:
        CampaignError: There is no such call, or its campaign has no such class.
    """
    call = connection.execute(
        select(t.call.c.id, t.call.c.campaign_id, t.call.c.lead_id, t.call.c.attempt, t.call.c.ended_ms, t.campaign.c.spec)
        .join(t.campaign, t.campaign.c.id == t.call.c.campaign_id)
        .where(t.call.c.id == given.call)
    ).first()
    if call is None:
        raise CampaignError(f"no call '{given.call}' that is over; nothing was stored")
    spec = CampaignSpec.model_validate(call.spec)
    kind = class_of(spec, given.result)
    said = _newest(connection, given.call)
    row = {
        "call_id": call.id,
        "campaign_id": call.campaign_id,
        "lead_id": call.lead_id,
        "result": given.result,
        "is_primary": kind.success if given.primary is None else given.primary,
        "is_secondary": given.secondary,
        "right_party": kind.right_party,
        "refusal": kind.refusal,
        "by": given.by,
        "note": given.note,
        "at_ms": now_ms,
        "corrects": said.result if said is not None else "",
    }
    lead = connection.execute(select(t.lead).where(t.lead.c.id == call.lead_id).with_for_update()).one()
    _refused(connection, call, lead, spec, kind.refusal, said is not None and said.refusal)
    row["followed"] = _follow(connection, call, lead, given.result, kind, now_ms)
    connection.execute(insert(t.outcome).values(row))
    if change := int(bool(row["is_primary"])) - int(said is not None and said.is_primary):
        rates.said(connection, call.id, change)
    connection.execute(update(t.campaign).where(t.campaign.c.id == call.campaign_id).values(revision=t.campaign.c.revision + 1))
    return of_call(connection, call.id)[-1]


def class_of(spec: CampaignSpec, name: str) -> ResultClass:
    """The class of that name. CampaignError when the campaign has none of it."""
    if name not in spec.goals.results:
        there = ", ".join(spec.goals.results) or "none; give it goals, or make it from a template"
        raise CampaignError(f"campaign '{spec.name}' has no result '{name}'; there are {there}")
    return spec.goals.results[name]


def _refused(connection: Connection, call: Any, lead: Any, spec: CampaignSpec, now: bool, before: bool) -> None:
    """Enter a refusal into the ledger at the end of the call, or take one out that was said by mistake."""
    if now and not before:
        ledger.note(connection, lead.e164, call.ended_ms, "refused", spec.kind, spec.department, call.campaign_id)
    elif before and not now:
        mine = (t.ledger.c.person == ledger.person_of(connection, lead.e164), t.ledger.c.at_ms == call.ended_ms)
        connection.execute(delete(t.ledger).where(*mine, t.ledger.c.campaign_id == call.campaign_id, t.ledger.c.result == "refused"))


def _follow(connection: Connection, call: Any, lead: Any, name: str, kind: ResultClass, now_ms: int) -> str:
    """What becomes of the lead, in words. The result of an older call, or while the next one is made, changes nothing."""
    if lead.state == "reserved" or lead.attempts != call.attempt or lead.promised_ms is not None:
        return ""
    if kind.again_s is None or kind.refusal or lead.attempts >= kind.most:
        done = "closed" if kind.again_s is None or kind.refusal else f"closed after {lead.attempts} of {kind.most} calls"
        values = {"state": "closed", "reason": f"result {name}"[:REASON]}
        connection.execute(update(t.lead).where(t.lead.c.id == lead.id).values(values))
        return done
    due_ms = now_ms + round(kind.again_s * 1000)
    work = update(t.lead).where(t.lead.c.id == lead.id)
    connection.execute(work.values(state=home(literal("open")), due_ms=due_ms, reason=f"result {name}"[:REASON]))
    return f"called again from {instant(due_ms):%Y-%m-%d %H:%M:%S} UTC on"


def _newest(connection: Connection, call_id: str) -> Any:
    return connection.execute(select(t.outcome).where(t.outcome.c.call_id == call_id).order_by(t.outcome.c.id.desc()).limit(1)).first()


def of_call(connection: Connection, call_id: str) -> list[Outcome]:
    """Everything said of a call, the newest last."""
    from offhook.campaigns.outcomes import Outcome

    query = select(t.outcome, t.campaign.c.name).join(t.campaign, t.campaign.c.id == t.outcome.c.campaign_id)
    return [
        Outcome(
            call=r.call_id,
            campaign=r.name,
            lead=r.lead_id,
            result=r.result,
            primary=r.is_primary,
            secondary=r.is_secondary,
            right_party=r.right_party,
            by=r.by,
            note=r.note,
            at=instant(r.at_ms),
            corrects=r.corrects,
            then=r.followed,
        )
        for r in connection.execute(query.where(t.outcome.c.call_id == call_id).order_by(t.outcome.c.id))
    ]


def results(connection: Connection, campaign_id: int, spec: CampaignSpec) -> Results:
    """The newest result of each call, counted."""
    from offhook.campaigns.outcomes import Results

    last = select(func.max(t.outcome.c.id)).where(t.outcome.c.campaign_id == campaign_id).group_by(t.outcome.c.call_id)
    rows = connection.execute(select(t.outcome).where(t.outcome.c.id.in_(last))).fetchall()
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.result] = counts.get(row.result, 0) + 1
    calls = connection.execute(select(func.count()).where(t.call.c.campaign_id == campaign_id)).scalar_one()
    return Results(
        campaign=spec.name,
        primary_goal=spec.goals.primary,
        secondary_goal=spec.goals.secondary,
        calls=calls,
        said=len(rows),
        results=dict(sorted(counts.items(), key=lambda one: -one[1])),
        primary=sum(row.is_primary for row in rows),
        secondary=sum(bool(row.is_secondary) for row in rows),
        right_party=sum(row.right_party is True for row in rows),
        wrong_party=sum(row.right_party is False for row in rows),
        corrected=sum(bool(row.corrects) for row in rows),
    )


def add(connection: Connection, campaign_id: int, spec: CampaignSpec, given: NewLead) -> LeadMade:
    """A record made by hand.

    Raises:
        CampaignError: The number cannot be dialled, or the campaign has it, or this person under another number.
    """
    from offhook.campaigns.outcomes import LeadMade

    try:
        number = parse(given.number, spec.region)
    except NumberError as error:
        raise CampaignError(f"number '{given.number}': {error}") from error
    mine = t.lead.c.campaign_id == campaign_id
    there = connection.execute(select(t.lead.c.id).where(mine, t.lead.c.e164 == number.e164)).scalar()
    if there is None and (person := ledger.person_of(connection, number.e164)) < 0:
        whose = select(t.contact_number.c.e164).where(t.contact_number.c.contact_id == -person)
        there = connection.execute(select(t.lead.c.id).where(mine, t.lead.c.e164.in_(whose)).limit(1)).scalar()
    if there is not None:
        raise CampaignError(f"campaign '{spec.name}' has this person already, lead {there}")
    if given.deadline is not None and given.deadline.tzinfo is None:
        raise CampaignError("deadline needs an offset, e.g. 2026-12-24T10:00:00+08:00")
    row = {
        "campaign_id": campaign_id,
        "import_id": 0,
        "line": 0,
        "raw": given.number,
        "e164": number.e164,
        "region": number.region,
        "kind": number.kind,
        "zones": " ".join(number.zones),
        "name": given.name,
        "extra": given.extra,
        "state": HANDED if given.owner else "open",
        "owner": given.owner or "",
        "due_ms": 0,
        "attempts": 0,
        "tries": {},
        "reason": f"made by {given.by}"[:REASON] if given.by else "made by hand",
        "deadline_ms": None if given.deadline is None else ms(given.deadline),
    }
    key = connection.execute(insert(t.lead).values(row)).inserted_primary_key
    assert key is not None
    connection.execute(update(t.campaign).where(t.campaign.c.id == campaign_id).values(revision=t.campaign.c.revision + 1))
    return LeadMade(lead=int(key[0]), campaign=spec.name, number=number.e164, owner=given.owner or "")
