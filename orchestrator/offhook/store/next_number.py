"""A lead moves on to the next number of its person: the one after it in rank, round and round, past those that are no use."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, cast, func, select, update

from offhook.store import tables as t

NO_OTHER = "no other number"


def next_number(connection: Connection, lead_id: int, must: bool) -> None:
    """Give the lead its person's next number. Left out are numbers that were found vacant, are on the black list by themselves, or are in
    the campaign already. Where there is none, the lead keeps its number, or is closed when it *must* have another.
    """
    row = connection.execute(select(t.lead).where(t.lead.c.id == lead_id)).one()
    number = t.contact_number
    mine = connection.execute(select(number.c.contact_id, number.c.rank).where(number.c.e164 == row.e164)).first()
    found = None
    if mine is not None:
        as_number = cast(func.replace(number.c.e164, "+", ""), BigInteger)
        vacant = select(t.ledger.c.person).where(
            t.ledger.c.person == -mine.contact_id, t.ledger.c.number == as_number, t.ledger.c.result == "vacant"
        )
        black = select(t.listed.c.id).where(t.listed.c.person == as_number, t.listed.c.list == "black", t.listed.c.scope == "number")
        there = select(t.lead.c.id).where(t.lead.c.campaign_id == row.campaign_id, t.lead.c.e164 == number.c.e164)
        found = connection.execute(
            select(number)
            .where(number.c.contact_id == mine.contact_id, number.c.e164 != row.e164)
            .where(~vacant.exists(), ~black.exists(), ~there.exists())
            .order_by((number.c.rank < mine.rank), number.c.rank)
            .limit(1)
        ).first()
    if found is not None:
        values = {name: getattr(found, name) for name in ("raw", "e164", "region", "kind", "zones")}
        connection.execute(update(t.lead).where(t.lead.c.id == lead_id).values(values))
    elif must:
        connection.execute(update(t.lead).where(t.lead.c.id == lead_id).values(state="closed", reason=NO_OTHER))
