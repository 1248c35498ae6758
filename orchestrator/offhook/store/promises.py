"""Call-backs: a time at which somebody was promised a call, by an agent or by anyone (D54, Q03). They go before every other lead."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from offhook.contacts.model import CallBack, Promised
from offhook.errors import CampaignError
from offhook.store import contacts
from offhook.store import tables as t
from offhook.store.tables import instant, ms


def promise(connection: Connection, wanted: CallBack, now_ms: int) -> Promised:
    """Store a promise: the campaign's lead of this person is due then, whatever became of it; whom it does not have becomes a lead.

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
    values = {"state": "open", "due_ms": at_ms, "promised_ms": at_ms, "agent": wanted.agent, "reason": "call promised"}
    if row is not None and row.state == "reserved":
        raise CampaignError(f"{row.e164} is being called right now; promise the call when it is over")
    if row is not None:
        connection.execute(update(t.lead).where(t.lead.c.id == row.id).values(values))
        lead, number = int(row.id), str(row.e164)
    else:
        if not numbers:
            raise contacts.ContactError(f"contact '{wanted.ref}' has no number")
        parsed = contacts.number_of(numbers[0], wanted.region)
        blank = {"campaign_id": campaign, "import_id": 0, "line": 0, "name": "", "extra": {}, "attempts": 0, "tries": {}}
        about = {"raw": parsed.e164, "e164": parsed.e164, "region": parsed.region, "kind": parsed.kind, "zones": " ".join(parsed.zones)}
        made = connection.execute(insert(t.lead).values(**blank, **about, **values)).inserted_primary_key
        assert made is not None
        lead, number = int(made[0]), parsed.e164
    connection.execute(update(t.campaign).where(t.campaign.c.id == campaign).values(revision=t.campaign.c.revision + 1))
    return Promised(lead=lead, campaign=wanted.campaign, number=number, at=instant(at_ms), agent=wanted.agent)
