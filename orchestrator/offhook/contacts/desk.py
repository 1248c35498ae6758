"""What can be asked about persons: contacts, lists, the policy, suppressions. A part of every desk and node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from offhook.clock import Clock, in_thread
from offhook.contacts.model import (
    CallBack,
    Contact,
    ContactIn,
    Listed,
    ListEntry,
    ListReport,
    PolicyShown,
    Promised,
    Refusal,
    Suppressed,
    Suppression,
    TakeOff,
    WhichPromises,
    Whom,
)
from offhook.contacts.policy import ContactPolicy
from offhook.lists import reader as lists
from offhook.lists.reader import Row, Source
from offhook.messages import ImportProblem
from offhook.store import contacts, ledger, listed, promises, suppression
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.store import Store

PROBLEMS_TOLD = 100
"""Lines of a list file that are told one by one."""
BATCH = 1000


class ContactDesk:
    """Persons of one database."""

    store: Store
    clock: Clock

    async def put_contact(self, given: ContactIn) -> Contact:
        """Store a contact, or replace what is known of it. ContactError when a number cannot be dialled or belongs to somebody else."""
        now = ms(self.clock.now())
        await self.store.work(lambda connection: contacts.put(connection, given, now))
        return await self.contact(Whom(ref=given.ref))

    async def contact(self, whom: Whom) -> Contact:
        """One contact. ContactError when there is none."""
        return await self.store.read(lambda connection: contacts.get(connection, whom))

    async def list_add(self, entry: ListEntry) -> Listed:
        """Put somebody on the red, black, grey or do-not-disturb list; it counts from the next check on (L01 to L03)."""
        now = ms(self.clock.now())
        return await self.store.work(lambda connection: listed.add(connection, entry, now))

    async def list_remove(self, which: TakeOff) -> int:
        """Take somebody off a list; how many entries there were."""
        return await self.store.work(lambda connection: listed.take_off(connection, which))

    async def lists_of(self, whom: Whom) -> list[Listed]:
        """The lists that somebody is on, valid or not."""
        return await self.store.read(lambda connection: listed.find(connection, whom))

    async def list_counts(self) -> dict[str, int]:
        """Entries by list."""
        return await self.store.read(listed.counts)

    async def list_import(self, entry: ListEntry, path: Path) -> ListReport:
        """Put every number of a CSV or XLSX file on a list, all as *entry* says; its own number is not looked at (L02).

        Raises:
            ListError: The file cannot be read as a list; nothing was changed.
        """
        source = await in_thread(self.clock, lists.open_list, path, None, entry.region)
        found = await in_thread(self.clock, _lines, source)
        return await self._put_on(entry, found, path.name)

    async def list_import_numbers(self, entry: ListEntry, numbers: Sequence[str]) -> ListReport:
        """As :meth:`list_import`, of numbers; their places in the row are the lines of the report."""
        return await self._put_on(entry, lists.rows_of(numbers, entry.region), "numbers")

    async def _put_on(self, entry: ListEntry, found: Sequence[Row | ImportProblem], source: str) -> ListReport:
        numbers = [line.number.e164 for line in found if isinstance(line, Row)]
        bad = [line for line in found if not isinstance(line, Row)]
        repeated = sum(line.reason.startswith(lists.SAME_NUMBER) for line in bad)
        now = ms(self.clock.now())
        for at in range(0, len(numbers), BATCH):
            await self.store.work(partial(listed.add_batch, entry=entry, numbers=numbers[at : at + BATCH], now_ms=now, batch=source))
        problems = [f"line {line.line}: {line.reason}; {line.mend}" for line in bad if not line.reason.startswith(lists.SAME_NUMBER)]
        return ListReport(
            list=entry.list,
            source=source,
            read=len(found),
            added=len(numbers),
            rejected=len(bad) - repeated,
            repeated=repeated,
            problems=tuple(problems[:PROBLEMS_TOLD]),
        )

    async def suppress(self, wanted: Suppression) -> Suppressed:
        """Never call somebody again: what is queued, reserved or ringing anywhere is taken out at once (L12)."""
        now = ms(self.clock.now())
        _, told = await self.store.work(lambda connection: suppression.ask(connection, wanted, now))
        return told

    async def note(self, what: Refusal) -> None:
        """Enter a refusal, or a contact by other means, into the ledger: rests and caps count it."""
        when = ms(what.at or self.clock.now())

        def work(connection: Connection) -> None:
            person, e164 = contacts.person_of(connection, what)
            number = e164 or next(iter(contacts.numbers_of(connection, person)), "")
            if not number:
                raise contacts.ContactError(f"contact '{what.ref}' has no number")
            ledger.note(connection, number, when, what.result, what.kind, what.department)

        await self.store.work(work)

    async def call_back(self, wanted: CallBack) -> Promised:
        """Promise somebody a call: it goes before every other lead of the campaign when its time has come."""
        now = ms(self.clock.now())
        return await self.store.work(lambda connection: promises.promise(connection, wanted, now))

    async def promises(self, which: WhichPromises) -> list[Promised]:
        """Calls and visits that were promised, the next first."""
        return await self.store.read(lambda connection: promises.promises(connection, which))

    async def policy(self) -> PolicyShown:
        """The contact policy in force."""
        version, policy = await self.store.read(ledger.policy_in_force)
        return PolicyShown(version=version, policy=policy)

    async def set_policy(self, policy: ContactPolicy) -> PolicyShown:
        """Another policy from the next check on, in every campaign; the old ones are kept."""
        now = ms(self.clock.now())
        version = await self.store.work(lambda connection: ledger.set_policy(connection, policy, now))
        return PolicyShown(version=version, policy=policy)


def _lines(source: Source) -> list[Row | ImportProblem]:
    return list(source)
