"""Suppressions: written down first, then carried out by whoever sees them first; every node follows them to hang up its own calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from offhook.contacts.model import ListEntry, Suppressed, Suppression
from offhook.errors import OffhookError
from offhook.store import contacts, handing, ledger, listed
from offhook.store import tables as t
from offhook.store.leads import REASON
from offhook.store.tables import digits, instant, ms


@dataclass(frozen=True, slots=True)
class Order:
    """A suppression that has been carried out in the database: what a node must do about its own calls."""

    id: int
    person: int
    number: int | None  # digits, when a number was named
    kinds: tuple[str, ...]
    campaign: str
    category: str

    @property
    def keys(self) -> set[int]:
        """What it is found by."""
        return {self.person} if self.number is None else {self.person, self.number}

    def concerns(self, person: int, number: int, kind: str, campaign: str) -> bool:
        """Does it stop this call?"""
        if self.kinds and kind not in self.kinds:
            return False
        return (not self.campaign or self.campaign == campaign) and (self.person == person or self.number == number)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order of another program, as it stands there."""

    id: int
    number: str
    kinds: tuple[str, ...]
    campaign: str
    category: str

    def at_once(self) -> Order | None:
        """What can be done about the lines before it is carried out; None when it names no number that can be read."""
        try:
            number = digits(contacts.number_of(self.number, "CN").e164)
        except OffhookError:
            return None
        return Order(0, number, number, self.kinds, self.campaign, self.category)


def ask(connection: Connection, wanted: Suppression, now_ms: int) -> tuple[Order, Suppressed]:
    """Write a suppression down and carry it out: list entry and leads in one transaction. ContactError when there is no such person."""
    contacts.person_of(connection, wanted)  # refused before anything is written
    values = wanted.model_dump(include={"ref", "category", "reason", "campaign"})
    number = contacts.number_of(wanted.number, wanted.region).e164 if wanted.number else ""
    until = None if wanted.until is None else ms(wanted.until)
    row = {**values, "number": number, "kinds": " ".join(wanted.kinds), "until_ms": until, "at_ms": now_ms}
    key = connection.execute(insert(t.suppression).values(row)).inserted_primary_key
    assert key is not None
    return _carry_out(connection, int(key[0]), wanted, now_ms)


_NEW = (  # built once: building a statement costs more than running it
    select(t.suppression)
    .where(or_(t.suppression.c.done_ms >= bindparam("since"), t.suppression.c.done_ms.is_(None)))
    .order_by(t.suppression.c.id)
)


def follow(connection: Connection, since_ms: int) -> tuple[list[Order], list[Waiting]]:
    """Orders carried out from *since_ms* on, and those that another program has written and nobody has carried out yet.

    Cheap, for it is asked many times a second. By time and not by id, for they need not be carried out in the order in which they came.
    """
    orders: list[Order] = []
    waiting: list[Waiting] = []
    for r in connection.execute(_NEW, {"since": since_ms}):
        if r.done_ms is None:
            waiting.append(Waiting(r.id, r.number, tuple(r.kinds.split()), r.campaign, r.category))
        elif not r.problem:
            orders.append(Order(r.id, r.person, digits(r.number) if r.number else None, tuple(r.kinds.split()), r.campaign, r.category))
    return orders, waiting


def carry_out(connection: Connection, ids: Sequence[int], now_ms: int) -> list[Order]:
    """Carry out orders of other programs, and return them. One that cannot be understood keeps the problem and stops nobody."""
    orders = []
    for key in ids:
        query = select(t.suppression).where(t.suppression.c.id == key, t.suppression.c.done_ms.is_(None)).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            continue  # another node was faster
        try:
            wanted = Suppression.model_validate(
                {
                    "number": row.number if not row.ref else "",
                    "ref": row.ref,
                    "category": row.category,
                    "reason": row.reason,
                    "campaign": row.campaign,
                    "kinds": row.kinds.split(),
                    "until": None if row.until_ms is None else instant(row.until_ms),
                }
            )
            orders.append(_carry_out(connection, key, wanted, now_ms)[0])
        except (OffhookError, ValueError) as error:
            said = str(error).replace("\n", " ")[:200]
            connection.execute(update(t.suppression).where(t.suppression.c.id == key).values(done_ms=now_ms, problem=said))
    return orders


def problem(connection: Connection, key: int) -> str:
    """Why an order could not be carried out; empty when it was."""
    return str(connection.execute(select(t.suppression.c.problem).where(t.suppression.c.id == key)).scalar() or "")


def _carry_out(connection: Connection, key: int, wanted: Suppression, now_ms: int) -> tuple[Order, Suppressed]:
    person, e164 = contacts.person_of(connection, wanted)
    ledger.lock(connection, [person])
    whom = {"ref": wanted.ref} if wanted.ref else {"number": e164}
    entry = ListEntry.model_validate(
        {
            **whom,
            "list": "black",
            "category": wanted.category,
            "reason": wanted.reason,
            "kinds": wanted.kinds,
            "campaign": wanted.campaign,
            "until": wanted.until,
        }
    )
    listed.write(connection, [listed.row_of(entry, person, e164, now_ms)])
    closed = 0 if wanted.until is not None else _close_leads(connection, person, e164, wanted)
    number = digits(e164) if e164 else None
    done = {"person": person, "number": e164, "done_ms": now_ms, "leads": closed}
    connection.execute(update(t.suppression).where(t.suppression.c.id == key).values(done))
    order = Order(key, person, number, tuple(wanted.kinds), wanted.campaign, wanted.category)
    return order, Suppressed(id=key, person=person, leads=closed, calls=0)


def _close_leads(connection: Connection, person: int, e164: str, wanted: Suppression) -> int:
    """Close what waits. Leads reserved for a call are closed by the node that holds them; until then their person is on the list."""
    numbers = sorted({*contacts.numbers_of(connection, person), *([e164] if e164 else [])})
    mine = select(t.campaign.c.id)
    if wanted.campaign:
        mine = mine.where(t.campaign.c.name == wanted.campaign)
    if wanted.kinds:
        mine = mine.where(func.coalesce(t.campaign.c.spec["kind"].as_string(), "service").in_(wanted.kinds))
    which = (t.lead.c.e164.in_(numbers), t.lead.c.state.in_(("open", handing.HANDED)), t.lead.c.campaign_id.in_(mine))
    campaigns = select(t.lead.c.campaign_id).where(*which)
    connection.execute(update(t.campaign).where(t.campaign.c.id.in_(campaigns)).values(revision=t.campaign.c.revision + 1))
    why = f"suppressed: {wanted.category}{', ' + wanted.reason if wanted.reason else ''}"
    return connection.execute(update(t.lead).where(*which).values(state="closed", reason=why[:REASON])).rowcount
