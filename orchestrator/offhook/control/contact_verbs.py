"""Verbs about persons: lists, contacts, the policy, suppressions. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from offhook.contacts.desk import ContactDesk
from offhook.contacts.model import (
    CallBack,
    Contact,
    ContactIn,
    ImportEntries,
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
from offhook.messages import Asked, Told
from offhook.service import Persons


class Nothing(Asked):
    """A verb that takes nothing: send ``{}`` or an empty payload."""


class TakenOff(Told):
    """What was taken off a list."""

    entries: int = Field(description="Entries removed; 0 when the person was not on it.")


class Noted(Told):
    """It stands in the ledger."""

    noted: bool = True


async def _put(node: Persons, given: ContactIn) -> Contact:
    return await node.put_contact(given)


async def _contact(node: Persons, whom: Whom) -> Contact:
    return await node.contact(whom)


async def _add(node: Persons, entry: ListEntry) -> Listed:
    return await node.list_add(entry)


async def _remove(node: Persons, which: TakeOff) -> TakenOff:
    return TakenOff(entries=await node.list_remove(which))


async def _import(node: ContactDesk, order: ImportEntries) -> ListReport:
    if order.path is None:
        return await node.list_import_numbers(order.entry(), order.numbers)
    return await node.list_import(order.entry(), Path(order.path))


async def _find(node: Persons, whom: Whom) -> list[Listed]:
    return await node.lists_of(whom)


async def _suppress(node: Persons, wanted: Suppression) -> Suppressed:
    return await node.suppress(wanted)


async def _note(node: Persons, what: Refusal) -> Noted:
    await node.note(what)
    return Noted()


async def _promises(node: Persons, which: WhichPromises) -> list[Promised]:
    return await node.promises(which)


async def _call_back(node: Persons, wanted: CallBack) -> Promised:
    return await node.call_back(wanted)


async def _policy(node: Persons, _: Nothing) -> PolicyShown:
    return await node.policy()


async def _set_policy(node: Persons, policy: ContactPolicy) -> PolicyShown:
    return await node.set_policy(policy)


Row = tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]]

ROWS: tuple[Row, ...] = (
    # name, what, arguments, result, changes, run
    (
        "suppress",
        "Never call somebody again: what is queued, reserved or ringing is taken out at once.",
        Suppression,
        Suppressed,
        True,
        _suppress,
    ),
    ("contact.put", "Store a contact with its numbers, or replace what is known of it.", ContactIn, Contact, True, _put),
    ("contact.show", "One contact, by number or ref.", Whom, Contact, False, _contact),
    ("contact.note", "Enter a refusal, or a contact by other means, into the ledger.", Refusal, Noted, True, _note),
    ("contact.promises", "Calls and visits that were promised, the next first.", WhichPromises, list[Promised], False, _promises),
    ("contact.callback", "Promise somebody a call at a time, by an agent or by anyone.", CallBack, Promised, True, _call_back),
    ("list.add", "Put somebody on the black, red, grey or do-not-disturb list.", ListEntry, Listed, True, _add),
    ("list.import", "Put every number of a file, or many numbers, on a list.", ImportEntries, ListReport, True, _import),
    ("list.remove", "Take somebody off a list.", TakeOff, TakenOff, True, _remove),
    ("list.find", "The lists that somebody is on.", Whom, list[Listed], False, _find),
    ("policy.show", "The contact policy in force: caps, rests, what lists mean.", Nothing, PolicyShown, False, _policy),
    ("policy.set", "Another contact policy, from the next check on.", ContactPolicy, PolicyShown, True, _set_policy),
)
