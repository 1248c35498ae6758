"""Contacts and their numbers. A number that joins a contact brings its history, its lists and its open attempts along."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from offhook.contacts.model import Contact, ContactIn, Whom
from offhook.errors import OffhookError
from offhook.numbers import Number, NumberError, parse
from offhook.store import ledger
from offhook.store import tables as t
from offhook.store.tables import digits


class ContactError(OffhookError):
    """A person cannot be found or stored; the text says which and why."""


def number_of(text: str, region: str) -> Number:
    """A number as somebody wrote it. ContactError when it cannot be dialled."""
    try:
        return parse(text, region, short=True)
    except NumberError as error:
        raise ContactError(f"number '{text}': {error}") from error


def person_of(connection: Connection, whom: Whom) -> tuple[int, str]:
    """Person and E.164 number (empty for a ref). ContactError when there is no such contact or number."""
    if whom.ref:
        return -_id_of(connection, whom.ref), ""
    e164 = number_of(whom.number, whom.region).e164
    return ledger.person_of(connection, e164), e164


def _id_of(connection: Connection, ref: str) -> int:
    found = connection.execute(select(t.contact.c.id).where(t.contact.c.ref == ref)).scalar()
    if found is None:
        raise ContactError(f"no contact has the ref '{ref}'; store it first, or name the number")
    return int(found)


def numbers_of(connection: Connection, person: int) -> list[str]:
    """E.164 numbers of a person, the one to be called first in front."""
    if person >= 0:
        return [f"+{person}" if person > 9_999_999 else str(person)]
    query = select(t.contact_number.c.e164).where(t.contact_number.c.contact_id == -person).order_by(t.contact_number.c.rank)
    return list(connection.execute(query).scalars())


def put(connection: Connection, given: ContactIn, now_ms: int) -> int:
    """Store a contact, or replace what is known of it. Returns its id.

    Raises:
        ContactError: A number cannot be dialled, or belongs to another contact.
    """
    numbers = [(text, number_of(text, given.region)) for text in given.numbers]
    values: dict[str, Any] = {
        "name": given.name,
        "level": given.level,
        "attributes": given.attributes,
        "tags": list(given.tags),
        "consent": {kind: "" if until is None else until.isoformat() for kind, until in given.consent.items()},
        "updated_ms": now_ms,
    }
    found = connection.execute(select(t.contact.c.id).where(t.contact.c.ref == given.ref).with_for_update()).scalar()
    if found is None:
        key = connection.execute(insert(t.contact).values(ref=given.ref, created_ms=now_ms, **values)).inserted_primary_key
        assert key is not None
        found = int(key[0])
    else:
        connection.execute(update(t.contact).where(t.contact.c.id == found).values(values))
    ledger.lock(connection, [-found, *(digits(number.e164) for _, number in numbers)])
    _bind(connection, int(found), given.ref, numbers)
    return int(found)


def _bind(connection: Connection, contact: int, ref: str, numbers: Sequence[tuple[str, Number]]) -> None:
    whose = ledger.contacts_of(connection, [number.e164 for _, number in numbers])
    taken = next((number.e164 for _, number in numbers if whose.get(number.e164, -contact) != -contact), None)
    if taken is not None:
        raise ContactError(f"contact '{ref}': {taken} belongs to another contact; take it from that one first")
    last = connection.execute(select(func.max(t.contact_number.c.rank)).where(t.contact_number.c.contact_id == contact)).scalar()
    rank = -1 if last is None else int(last)
    for raw, number in numbers:
        if number.e164 in whose:
            continue
        rank += 1
        row = {"e164": number.e164, "contact_id": contact, "rank": rank, "raw": raw, "region": number.region, "kind": number.kind}
        connection.execute(insert(t.contact_number).values(**row, zones=" ".join(number.zones)))
        whose[number.e164] = -contact
        move(connection, digits(number.e164), -contact)


def unbind(connection: Connection, e164: str) -> bool:
    """Take a number from its contact; its history stays with the contact. False when it belonged to none."""
    return connection.execute(delete(t.contact_number).where(t.contact_number.c.e164 == e164)).rowcount > 0


def move(connection: Connection, old: int, new: int) -> None:
    """Everything that is known of the person *old* belongs to *new* from now on, except what concerns a number alone."""
    kept = [column for column in t.ledger.c.keys() if column != "person"]  # noqa: SIM118 - not a dict
    rows = select(t.ledger.c.person * 0 + new, *(t.ledger.c[column] for column in kept)).where(t.ledger.c.person == old)
    statement = t.upsert(connection.dialect.name, t.ledger).from_select(["person", *kept], rows)
    connection.execute(statement.on_conflict_do_nothing())
    connection.execute(delete(t.ledger).where(t.ledger.c.person == old))
    connection.execute(update(t.journal).where(t.journal.c.person == old, t.journal.c.result_ms.is_(None)).values(person=new))
    same = t.listed.alias()
    key = ("list", "category", "campaign")
    double = select(same.c.id).where(same.c.person == new, *(same.c[name] == t.listed.c[name] for name in key))
    of_person = (t.listed.c.person == old, t.listed.c.scope == "person")
    connection.execute(delete(t.listed).where(*of_person, double.exists()))
    connection.execute(update(t.listed).where(*of_person).values(person=new))


def get(connection: Connection, whom: Whom) -> Contact:
    """A stored contact. ContactError when there is none."""
    person, e164 = person_of(connection, whom)
    row = connection.execute(select(t.contact).where(t.contact.c.id == -person)).first()
    if row is None:
        raise ContactError(f"{e164} belongs to no contact")
    consent = {kind: (dt.datetime.fromisoformat(until) if until else None) for kind, until in row.consent.items()}
    return Contact(
        ref=row.ref or "",
        name=row.name,
        level=row.level,
        numbers=tuple(numbers_of(connection, person)),
        attributes=row.attributes,
        tags=tuple(row.tags),
        consent=consent,
    )
