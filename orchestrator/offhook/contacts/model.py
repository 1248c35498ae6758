"""What people and programs say about persons, and what they are told: models for the API, MQTT and ``--json``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from offhook.contacts.policy import ContactPolicy, ListName
from offhook.messages import Asked, CallKind, Told

Category = Field("", max_length=40, pattern=r"^[^\s,][^,]*$|^$", description="Why in one word: complaint, opted_out, vacant, vip ...")


class Whom(Asked):
    """A person, by a telephone number or by the key of a contact."""

    number: str = Field("", max_length=64, description="Telephone number in any usual form.")
    ref: str = Field("", max_length=64, description="Or the key of the contact in the owner's own system.")
    region: str = Field("CN", pattern=r"^[A-Z]{2}$", description="Country of a number without +, ISO 3166.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Whom:
        if bool(self.number) == bool(self.ref):
            raise ValueError("give number or ref, one of the two")
        return self


class ContactIn(Asked):
    """A person as somebody describes it; the same ref again replaces the description and adds the numbers."""

    ref: str = Field(min_length=1, max_length=64, description="Key of the customer in the owner's own system.")
    numbers: tuple[str, ...] = Field((), max_length=20, description="Telephone numbers, the one to be called first in front.")
    name: str = Field("", max_length=500)
    level: str = Field("", max_length=24, description="Service level, e.g. vip or pass; caps may differ by it (L04, D51).")
    attributes: dict[str, str] = Field(default_factory=dict, description="Anything else that is known: {'age': '34'}.")
    tags: tuple[str, ...] = Field((), max_length=50)
    consent: dict[CallKind, dt.datetime | None] = Field(
        default_factory=dict, description="Kinds of call that the person agreed to, each until when; none: for good."
    )
    region: str = Field("CN", pattern=r"^[A-Z]{2}$", description="Country of numbers without +, ISO 3166.")


class Contact(Told):
    """A person as stored."""

    ref: str
    name: str
    level: str
    numbers: tuple[str, ...] = Field(description="E.164, the one to be called first in front.")
    attributes: dict[str, str]
    tags: tuple[str, ...]
    consent: dict[str, dt.datetime | None]


class ListEntry(Whom):
    """Somebody for a list. The same person, list and category again replaces the entry."""

    list: ListName
    category: str = Category
    reason: str = Field("", max_length=200, description="In words.")
    kinds: tuple[CallKind, ...] = Field((), description="Kinds of call it concerns; empty: all.")
    campaign: str = Field("", max_length=63, description="One campaign only; empty: all.")
    starts: dt.datetime | None = Field(None, description="Valid from; none: now.")
    until: dt.datetime | None = Field(None, description="Valid until; none: until it is taken off.")
    scope: Literal["person", "number"] = Field("person", description="number: the person's other numbers are not concerned (空号, 停机).")

    @model_validator(mode="after")
    def _some_time(self) -> ListEntry:
        for when in (self.starts, self.until):
            if when is not None and when.tzinfo is None:
                raise ValueError("starts and until need an offset, e.g. 2026-12-24T10:00:00+08:00")
        if self.starts is not None and self.until is not None and self.until <= self.starts:
            raise ValueError("until is not after starts")
        return self


class TakeOff(Whom):
    """Somebody to be taken off a list."""

    list: ListName
    category: str = Field("", max_length=40, description="Only this category; empty: all.")


class Listed(Told):
    """One entry of a list."""

    list: str
    number: str = Field(description="E.164 as entered; empty when a contact was meant.")
    category: str
    reason: str
    kinds: tuple[str, ...]
    campaign: str
    starts: dt.datetime
    until: dt.datetime | None
    batch: str


class ImportEntries(Asked):
    """Many persons for a list, all with the same category, reason, kinds and validity (L02)."""

    path: str | None = Field(None, min_length=1, max_length=4096, description="CSV or XLSX file on the node's machine.")
    numbers: tuple[str, ...] = Field((), max_length=10_000, description="Or the numbers themselves.")
    list: ListName
    category: str = Category
    reason: str = Field("", max_length=200, description="In words.")
    kinds: tuple[CallKind, ...] = Field((), description="Kinds of call it concerns; empty: all.")
    campaign: str = Field("", max_length=63, description="One campaign only; empty: all.")
    starts: dt.datetime | None = Field(None, description="Valid from; none: now.")
    until: dt.datetime | None = Field(None, description="Valid until; none: until they are taken off.")
    scope: Literal["person", "number"] = "person"
    region: str = Field("CN", pattern=r"^[A-Z]{2}$", description="Country of numbers without +, ISO 3166.")

    @model_validator(mode="after")
    def _one_source(self) -> ImportEntries:
        if (self.path is None) == (not self.numbers):
            raise ValueError("name the list by path or send its numbers, one of the two")
        self.entry()
        return self

    def entry(self) -> ListEntry:
        """What each person's entry says."""
        return ListEntry.model_validate({**self.model_dump(exclude={"path", "numbers"}), "ref": "-"})


class ListReport(Told):
    """What became of a file of list entries (L02)."""

    list: str
    source: str
    read: int
    added: int = Field(description="Persons put on the list, or whose entry was replaced.")
    rejected: int = Field(description="Lines that hold no number.")
    repeated: int = Field(description="Numbers that the file has twice.")
    problems: tuple[str, ...] = Field(description="The first of the lines not taken, with reason and mend.")


class Suppression(Whom):
    """Somebody must not be called any more, from now on (L12)."""

    category: str = Field("suppressed", min_length=1, max_length=40, description="paid, opted_out, suspended ...")
    reason: str = Field("", max_length=200, description="In words.")
    kinds: tuple[CallKind, ...] = Field((), description="Kinds of call it concerns; empty: all.")
    campaign: str = Field("", max_length=63, description="One campaign only; empty: all.")
    until: dt.datetime | None = Field(None, description="Until when; none: for good.")


class Suppressed(Told):
    """What a suppression did."""

    id: int
    person: int
    leads: int = Field(description="Leads closed, in all campaigns.")
    calls: int = Field(description="Calls that had not been answered and were hung up, on this node.")


class PolicyShown(Told):
    """The contact policy in force."""

    version: int = Field(description="0: the default, none was ever set.")
    policy: ContactPolicy


class Refusal(Whom):
    """Somebody said no, or was contacted by other means: an entry for the ledger."""

    result: str = Field("refused", min_length=1, max_length=24, pattern=r"^[a-z_]+$", description="refused, or sms, visit, letter ...")
    at: dt.datetime | None = Field(None, description="When; none: now.")
    kind: CallKind = "service"
    department: str = Field("", max_length=63)


class CallBack(Whom):
    """Somebody was promised a call, or a visit, and what was said about the decision (D54, Q03)."""

    campaign: str = Field(min_length=1, max_length=63, description="Campaign that makes the call.")
    at: dt.datetime = Field(description="When, with its offset; the past means now.")
    agent: str = Field("", max_length=63, description="Agent who promised it; empty: anyone.")
    what: Literal["call", "visit"] = Field(
        "call", description="call: it is dialled then, before all others. visit: it is kept in mind only."
    )
    decision: dt.datetime | None = Field(None, description="When the customer decides, with its offset.")
    decider: str = Field("", max_length=200, description="Who decides, and how to reach that person.")
    note: str = Field("", max_length=500)
    call_id: str = Field("", max_length=36, description="The call in which it was promised, if it is one of ours.")

    @model_validator(mode="after")
    def _aware(self) -> CallBack:
        for name in ("at", "decision"):
            when = getattr(self, name)
            if when is not None and when.tzinfo is None:
                raise ValueError(f"{name} needs an offset, e.g. 2026-12-24T10:00:00+08:00")
        return self


class Promised(Told):
    """A promise as stored."""

    id: int
    lead: int
    campaign: str
    number: str
    what: str
    at: dt.datetime
    agent: str
    decision: dt.datetime | None = None
    decider: str = ""
    note: str = ""
    made: dt.datetime
    call_id: str = Field("", description="The call in which it was promised.")
    kept: dt.datetime | None = Field(None, description="When it was kept, by a call that was made.")
    kept_by: str = Field("", description="The call that kept it.")


class WhichPromises(Asked):
    """Promises that are asked for."""

    campaign: str = Field("", max_length=63, description="Of one campaign; empty: all.")
    agent: str = Field("", max_length=63, description="Of one agent; empty: all.")
    open_only: bool = Field(True, description="Those that were not kept yet.")
    limit: int = Field(1000, ge=1, le=10_000)
