"""Red, black and grey lists and those who do not want to be disturbed: single and batch entries, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select

from offhook.contacts.model import Listed, ListEntry, TakeOff, Whom
from offhook.store import contacts, ledger
from offhook.store import tables as t
from offhook.store.tables import digits, instant, ms

_REPLACED = ("number", "scope", "kinds", "reason", "batch", "from_ms", "until_ms", "added_ms")


def row_of(entry: ListEntry, person: int, e164: str, now_ms: int, batch: str = "") -> dict[str, Any]:
    """An entry as it is stored."""
    return {
        "person": digits(e164) if entry.scope == "number" and e164 else person,
        "list": entry.list,
        "category": entry.category,
        "number": e164,
        "scope": entry.scope,
        "kinds": " ".join(entry.kinds),
        "campaign": entry.campaign,
        "reason": entry.reason,
        "batch": batch[:200],
        "from_ms": now_ms if entry.starts is None else ms(entry.starts),
        "until_ms": None if entry.until is None else ms(entry.until),
        "added_ms": now_ms,
    }


def write(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put persons on lists; an entry that is there already is replaced."""
    statement = t.upsert(connection.dialect.name, t.listed)
    replaced = {name: statement.excluded[name] for name in _REPLACED}
    if rows:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["person", "list", "category", "campaign"], set_=replaced), list(rows)
        )


def add(connection: Connection, entry: ListEntry, now_ms: int) -> Listed:
    """Put one person on a list."""
    person, e164 = contacts.person_of(connection, entry)
    row = row_of(entry, person, e164, now_ms)
    write(connection, [row])
    return _told(row)


def add_batch(connection: Connection, entry: ListEntry, numbers: Sequence[str], now_ms: int, batch: str) -> None:
    """Put E.164 *numbers* on a list, all as *entry* says."""
    persons = ledger.contacts_of(connection, numbers)
    write(connection, [row_of(entry, persons.get(e164) or digits(e164), e164, now_ms, batch) for e164 in numbers])


def take_off(connection: Connection, which: TakeOff) -> int:
    """Take a person off a list. Returns how many entries there were."""
    wanted = [t.listed.c.list == which.list, t.listed.c.person.in_(_keys(connection, which))]
    if which.category:
        wanted.append(t.listed.c.category == which.category)
    return connection.execute(delete(t.listed).where(*wanted)).rowcount


def find(connection: Connection, whom: Whom) -> list[Listed]:
    """The lists that a person is on, valid or not."""
    rows = connection.execute(select(t.listed).where(t.listed.c.person.in_(_keys(connection, whom))).order_by(t.listed.c.id))
    return [_told(row._mapping) for row in rows]


def counts(connection: Connection) -> dict[str, int]:
    """Entries by list."""
    return {row[0]: row[1] for row in connection.execute(select(t.listed.c.list, func.count()).group_by(t.listed.c.list))}


def _keys(connection: Connection, whom: Whom) -> list[int]:
    person, e164 = contacts.person_of(connection, whom)
    return [person, digits(e164)] if e164 else [person, *(digits(number) for number in contacts.numbers_of(connection, person))]


def _told(row: Any) -> Listed:
    return Listed(
        list=row["list"],
        number=row["number"],
        category=row["category"],
        reason=row["reason"],
        kinds=tuple(row["kinds"].split()),
        campaign=row["campaign"],
        starts=instant(row["from_ms"]),
        until=None if row["until_ms"] is None else instant(row["until_ms"]),
        batch=row["batch"],
    )
