"""The chain: every stored call is sealed and linked to the one before, so that whoever changes, removes or slips in a record can be told.

::

    link = SHA-256(link before | seq | what | ref | open | sealed)
    open   = SHA-256 of the record with its telephone numbers masked
    sealed = SHA-256 of a random salt and the whole record

So a record whose numbers are masked can still be checked against the chain, and nobody can guess a number from its seal. Recordings
(``what`` is recording, ``open`` the digest of the file) and bundles of evidence are links of the same chain. Whoever can write the whole
database can also forge a whole new chain: a link that was noted elsewhere, as every bundle does, shows that too.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text

from offhook.numbers import masked
from offhook.store import tables as t

CALL, RECORDING, BUNDLE = "call", "recording", "bundle"
AT_ONCE = 500
"""Entries that are checked together."""

# The columns that were there when the chain began are always sealed; a later one only where it says something, so that old seals stay true.
_FIRST = frozenset(
    [
        "id",
        "campaign_id",
        "lead_id",
        "number",
        "dialled",
        "attempt",
        "channel",
        "span",
        "started_ms",
        "ended_ms",
        "proceeding_ms",
        "ringing_ms",
        "answered_ms",
        "verdict_ms",
        "duration_ms",
        "billed_ms",
        "cause",
        "location",
        "ended_by",
        "disposition",
        "rule",
        "digits",
        "meaning",
        "prompt_played_ms",
        "message_left",
        "probability",
        "evidence",
        "agent",
        "queued_ms",
        "connected_ms",
        "talk_ms",
    ]
)
_NUMBERS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\+?[0-9]{7,}")  # the first is a call's id: it stays
_LOCK = text("SELECT pg_advisory_xact_lock(20, 8)")  # two integers: no person's lock has this form


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the chain."""

    seq: int
    what: str
    ref: str  # the call's id; of a bundle the digest of its manifest
    salt: str
    open: str
    sealed: str
    link: str

    def follows(self, before: str) -> bool:
        """Is it the entry after the link *before*?"""
        return self.link == link_of(before, self.seq, self.what, self.ref, self.open, self.sealed)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain and the records do not agree."""

    seq: int  # of the entry; 0: of none
    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the whole chain found."""

    entries: int
    calls: int  # records compared with their seals
    earlier: int  # calls from before the chain began
    head: Link | None
    broken: tuple[Broken, ...]


def canonical(values: Mapping[str, Any]) -> bytes:
    """Values as they are digested: the same values give the same octets."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def record_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``call`` as it is sealed."""
    return {name: value for name, value in row.items() if name in _FIRST or value not in (None, "", 0, [])}


def open_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with every telephone number masked."""
    return {**hide(record), **{name: masked(record[name]) for name in ("number", "dialled", "digits")}}


def hide(value: Any) -> Any:
    """Mask every run of seven digits or more in all texts of *value*."""
    if isinstance(value, str):
        return _NUMBERS.sub(lambda found: found[0] if "-" in found[0] else masked(found[0]), value)
    if isinstance(value, Mapping):
        return {key: hide(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [hide(one) for one in value]
    return value


def open_digest(opened: Mapping[str, Any]) -> str:
    """Digest of a record whose numbers are masked already."""
    return hashlib.sha256(canonical(opened)).hexdigest()


def sealed_digest(record: Mapping[str, Any], salt: str) -> str:
    """Digest of the whole record."""
    return hashlib.sha256(salt.encode() + canonical(record)).hexdigest()


def link_of(before: str, seq: int, what: str, ref: str, opened: str, sealed: str) -> str:
    """What ties an entry to the one before."""
    return hashlib.sha256("|".join((before, str(seq), what, ref, opened, sealed)).encode()).hexdigest()


# -- writing ------------------------------------------------------------------------------------------------------------------------

_HEAD = select(t.chain).order_by(t.chain.c.seq.desc()).limit(1)
_CALLS = {
    dialect: select(t.call).where(t.one_of(dialect, t.call.c.id, "ids")).order_by(t.call.c.id) for dialect in ("sqlite", "postgresql")
}
_KNOWN = {
    dialect: select(t.chain.c.ref).where(t.chain.c.what == bindparam("kind"), t.one_of(dialect, t.chain.c.ref, "refs"))
    for dialect in ("sqlite", "postgresql")
}


def seal_calls(connection: Connection, calls: Sequence[str]) -> set[str]:
    """Link calls that were stored in this transaction; one that is linked already, as a spool may repeat it, stays as it is.

    Returns:
        Those that are new.
    """
    fresh = _unknown(connection, CALL, calls)
    entries = []
    for ref, record in _records(connection, fresh).items():
        salt = secrets.token_hex(16)
        entries.append((CALL, ref, salt, open_digest(open_record(record)), sealed_digest(record, salt)))
    _append(connection, entries)
    return set(fresh)


def seal_files(connection: Connection, what: str, files: Mapping[str, str]) -> None:
    """Link digests of files: of recordings by call, of bundles by themselves."""
    fresh = _unknown(connection, what, list(files))
    _append(connection, [(what, ref, "", files[ref], "") for ref in fresh])


def _unknown(connection: Connection, what: str, refs: Sequence[str]) -> list[str]:
    if connection.dialect.name == "postgresql":  # nodes on one database link one after the other; SQLite's writer is alone anyway
        connection.execute(_LOCK)
    dialect = connection.dialect.name
    known = set(connection.execute(_KNOWN[dialect], {"kind": what, "refs": t.given(dialect, refs)}).scalars())
    return [ref for ref in dict.fromkeys(refs) if ref not in known]


def _append(connection: Connection, entries: Iterable[tuple[str, str, str, str, str]]) -> None:
    last = head(connection)
    seq, link = (0, "") if last is None else (last.seq, last.link)
    rows = []
    for what, ref, salt, opened, sealed in entries:
        seq += 1
        link = link_of(link, seq, what, ref, opened, sealed)
        rows.append({"seq": seq, "what": what, "ref": ref, "salt": salt, "open": opened, "sealed": sealed, "link": link})
    if rows:
        connection.execute(insert(t.chain), rows)


# -- reading ------------------------------------------------------------------------------------------------------------------------


def head(connection: Connection) -> Link | None:
    """The newest entry; None when there is none."""
    row = connection.execute(_HEAD).first()
    return None if row is None else Link(*row)


def entry(connection: Connection, what: str, ref: str) -> Link | None:
    """One entry; None when there is none."""
    row = connection.execute(select(t.chain).where(t.chain.c.what == what, t.chain.c.ref == ref)).first()
    return None if row is None else Link(*row)


def link_at(connection: Connection, seq: int) -> str:
    """The link of entry *seq*; empty before the first, and when there is none."""
    return connection.execute(select(t.chain.c.link).where(t.chain.c.seq == seq)).scalar() or ""


def check(connection: Connection) -> Checked:
    """Go through the whole chain and every record that it seals."""
    broken: list[Broken] = []
    entries = calls = 0
    last: Link | None = None
    for some in _in_order(connection):
        records = _records(connection, [one.ref for one in some if one.what == CALL])
        for one in some:
            entries += 1
            gap = one.seq - (0 if last is None else last.seq) - 1
            if gap:
                broken.append(Broken(one.seq, one.ref, f"{gap} {'entry' if gap == 1 else 'entries'} before {one.seq} removed"))
            elif not one.follows("" if last is None else last.link):
                broken.append(Broken(one.seq, one.ref, f"entry {one.seq} was changed: its link does not follow from the entry before"))
            if one.what == CALL:
                calls += 1
                said = _compare(one, records.get(one.ref))
                if said:
                    broken.append(Broken(one.seq, one.ref, said))
            last = one
    earlier, foreign = _unlinked(connection)
    broken += [Broken(0, ref, f"call {ref} is stored, and was never linked: it was slipped in, or its entry removed") for ref in foreign]
    return Checked(entries, calls, earlier, last, tuple(broken))


def _in_order(connection: Connection) -> Iterator[list[Link]]:
    after = 0
    while True:
        some = [
            Link(*row) for row in connection.execute(select(t.chain).where(t.chain.c.seq > after).order_by(t.chain.c.seq).limit(AT_ONCE))
        ]
        if not some:
            return
        yield some
        after = some[-1].seq


def _records(connection: Connection, calls: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = connection.execute(_CALLS[connection.dialect.name], {"ids": t.given(connection.dialect.name, calls)}).mappings()
    return {row["id"]: record_of(dict(row)) for row in rows}


def _compare(one: Link, record: Mapping[str, Any] | None) -> str:
    """What is wrong with a call's record; empty when nothing is."""
    if record is None:
        return f"call {one.ref} was removed"
    if open_digest(open_record(record)) != one.open:
        return f"call {one.ref} was changed"
    if sealed_digest(record, one.salt) != one.sealed:
        return f"call {one.ref} was changed: a number in it"
    return ""


def _unlinked(connection: Connection) -> tuple[int, list[str]]:
    """How many calls are from before the chain, and the first calls since that it does not have. Ids of calls grow with time."""
    first = connection.execute(select(func.min(t.chain.c.ref)).where(t.chain.c.what == CALL)).scalar()
    linked = select(t.chain.c.ref).where(t.chain.c.what == CALL, t.chain.c.ref == t.call.c.id).exists()
    query = select(t.call.c.id).where(~linked)
    if first is None:
        return connection.execute(select(func.count()).select_from(t.call)).scalar() or 0, []
    earlier = connection.execute(select(func.count()).select_from(t.call).where(t.call.c.id < first)).scalar() or 0
    return earlier, list(connection.execute(query.where(t.call.c.id > first).order_by(t.call.c.id).limit(20)).scalars())
