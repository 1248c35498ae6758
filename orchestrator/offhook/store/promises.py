"""Call-backs: a time at which somebody was promised a call, by an agent or by anyone (D54, Q03). They go before every other lead.

What was said on that occasion is kept with it: when the customer decides, who decides, and a visit that was agreed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from offhook.contacts.model import CallBack, Promised, WhichPromises
from offhook.errors import CampaignError
from offhook.store import contacts
from offhook.store import tables as t
from offhook.store.tables import instant, ms


def promise(connection: Connection, wanted: CallBack, now_ms: int) -> Promised:
    """Store a promise: the campaign's lead of this person is due then, whatever became of it; whom it does not have becomes a lead. A visit
    changes nothing about the lead.

    Raises:
        CampaignError: There is no such campaign, or the person is being called right now.
        ContactError: There is no such contact, or the number cannot be dialled.
    """
    campaign = connection.execute(select(t.campaign.c.id).where(t.campaign.c.name == wanted.campaign)).scalar()
    if campaign is None:
        raise CampaignError(f"no campaign '{wanted.campaign}'")
    person, e164 = contacts.person_of(connection, wanted)
    numbers = [e164] if e164 else contacts.numbers_of(connection, person)
    every = contacts.numbers_of(connection, person)
    mine = select(t.lead.c.id, t.lead.c.state, t.lead.c.e164).where(t.lead.c.campaign_id == campaign, t.lead.c.e164.in_([*numbers, *every]))
    row = connection.execute(mine.order_by(t.lead.c.id).with_for_update()).first()
    at_ms = max(ms(wanted.at), now_ms)
    values = {"state": "open", "due_ms": at_ms, "promised_ms": at_ms, "agent": wanted.agent, "hour_ms": None, "reason": "call promised"}
    if wanted.what == "visit":
        if row is None:
            raise CampaignError(f"campaign '{wanted.campaign}' does not have this person; promise a call, or import the number first")
        return _note(connection, wanted, campaign, int(row.id), now_ms)
    if row is not None and row.state == "reserved":
        raise CampaignError(f"{row.e164} is being called right now; promise the call when it is over")
    if row is not None:
        connection.execute(update(t.lead).where(t.lead.c.id == row.id).values(values))
        lead = int(row.id)
    else:
        if not numbers:
            raise contacts.ContactError(f"contact '{wanted.ref}' has no number")
        parsed = contacts.number_of(numbers[0], wanted.region)
        blank = {"campaign_id": campaign, "import_id": 0, "line": 0, "name": "", "extra": {}, "attempts": 0, "tries": {}}
        about = {"raw": parsed.e164, "e164": parsed.e164, "region": parsed.region, "kind": parsed.kind, "zones": " ".join(parsed.zones)}
        made = connection.execute(insert(t.lead).values(**blank, **about, **values)).inserted_primary_key
        assert made is not None
        lead = int(made[0])
    connection.execute(update(t.campaign).where(t.campaign.c.id == campaign).values(revision=t.campaign.c.revision + 1))
    return _note(connection, wanted, campaign, lead, now_ms)


def _note(connection: Connection, wanted: CallBack, campaign: int, lead: int, now_ms: int) -> Promised:
    row = {
        "campaign_id": campaign,
        "lead_id": lead,
        "what": wanted.what,
        "at_ms": max(ms(wanted.at), now_ms),
        "agent": wanted.agent,
        "decision_ms": None if wanted.decision is None else ms(wanted.decision),
        "decider": wanted.decider,
        "note": wanted.note,
        "made_ms": now_ms,
        "made_in": wanted.call_id,
        "kept_by": "",
    }
    key = connection.execute(insert(t.appointment).values(row)).inserted_primary_key
    assert key is not None
    (made,) = _found(connection, t.appointment.c.id == key[0], limit=1)
    return made


def promises(connection: Connection, which: WhichPromises) -> list[Promised]:
    """Promises, the next first."""
    wanted = [t.campaign.c.name == which.campaign] if which.campaign else []
    wanted += [t.appointment.c.agent == which.agent] if which.agent else []
    wanted += [t.appointment.c.kept_ms.is_(None)] if which.open_only else []
    return _found(connection, *wanted, limit=which.limit)


def _found(connection: Connection, *which: Any, limit: int) -> list[Promised]:
    query = (
        select(t.appointment, t.campaign.c.name, t.lead.c.e164)
        .join(t.campaign, t.campaign.c.id == t.appointment.c.campaign_id)
        .join(t.lead, t.lead.c.id == t.appointment.c.lead_id)
        .where(*which)
        .order_by(t.appointment.c.at_ms, t.appointment.c.id)
        .limit(limit)
    )
    return [
        Promised(
            id=r.id,
            lead=r.lead_id,
            campaign=r.name,
            number=r.e164,
            what=r.what,
            at=instant(r.at_ms),
            agent=r.agent,
            decision=None if r.decision_ms is None else instant(r.decision_ms),
            decider=r.decider,
            note=r.note,
            made=instant(r.made_ms),
            call_id=r.made_in,
            kept=None if r.kept_ms is None else instant(r.kept_ms),
            kept_by=r.kept_by,
        )
        for r in connection.execute(query)
    ]


_KEEP = (
    update(t.appointment)
    .where(t.appointment.c.lead_id == bindparam("lead"), t.appointment.c.what == "call", t.appointment.c.kept_ms.is_(None))
    .where(t.appointment.c.at_ms <= bindparam("at"))
    .values(kept_ms=bindparam("at"), kept_by=bindparam("call"))
)


def kept(connection: Connection, calls: Sequence[Mapping[str, Any]]) -> None:
    """Calls that were made, columns of ``call``: what was promised for then is kept."""
    if calls:
        connection.execute(_KEEP, [{"lead": c["lead_id"], "at": c["started_ms"], "call": c["id"]} for c in calls])
