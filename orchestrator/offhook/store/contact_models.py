"""Tables of persons: contacts and their numbers, lists, the ledger of what was done to whom, and the policy that judges it.

A *person* is one number in all of them: minus the id of a contact, or the digits of a telephone number that belongs to no contact. So a
plain list needs no contact, and several numbers of one contact share one history.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from offhook.store.models import Base as Base
from offhook.store.models import BigId


class ContactRow(Base):
    """A person or a household, with all that is known of it."""

    __tablename__ = "contact"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    ref: Mapped[str | None] = mapped_column(String(64), unique=True)  # key of the customer in the owner's own system
    name: Mapped[str] = mapped_column(String(500))
    level: Mapped[str] = mapped_column(String(24))  # service level, "vip"; empty: ordinary
    attributes: Mapped[dict[str, str]] = mapped_column(JSON)
    tags: Mapped[list[str]] = mapped_column(JSON)
    consent: Mapped[dict[str, str]] = mapped_column(JSON)  # kind of call: until when, ISO 8601; empty: for good
    created_ms: Mapped[int] = mapped_column(BigInteger)
    updated_ms: Mapped[int] = mapped_column(BigInteger)


class ContactNumberRow(Base):
    """A telephone number of a contact; a number belongs to one contact."""

    __tablename__ = "contact_number"

    e164: Mapped[str] = mapped_column(String(24), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    rank: Mapped[int] = mapped_column(Integer)  # 0 is called first
    raw: Mapped[str] = mapped_column(String(500))
    region: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(16))
    zones: Mapped[str] = mapped_column(String(500))


class ListedRow(Base):
    """A person on the red, black or grey list, or who does not want to be disturbed."""

    __tablename__ = "listed"
    __table_args__ = (UniqueConstraint("person", "list", "category", "campaign", name="uq_listed"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    person: Mapped[int] = mapped_column(BigInteger)
    list: Mapped[str] = mapped_column(String(8))  # red, black, grey, dnd
    category: Mapped[str] = mapped_column(String(40))
    number: Mapped[str] = mapped_column(String(24))  # as it was entered, E.164; empty when a contact was meant
    scope: Mapped[str] = mapped_column(String(8), server_default="person")  # number: the person's other numbers are not concerned
    kinds: Mapped[str] = mapped_column(String(120))  # kinds of call, blank between them; empty: all
    campaign: Mapped[str] = mapped_column(String(63))  # of one campaign only; empty: all
    reason: Mapped[str] = mapped_column(String(200))
    batch: Mapped[str] = mapped_column(String(200))  # file it came from, if any
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)  # null: until it is taken off
    added_ms: Mapped[int] = mapped_column(BigInteger)


class LedgerRow(Base):
    """One contact that was made or tried: over all campaigns, departments and numbers of the person."""

    __tablename__ = "ledger"
    __table_args__ = ({"sqlite_with_rowid": False},)  # a person's rows lie side by side

    person: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # 0: none of ours
    number: Mapped[int] = mapped_column(BigInteger)  # digits of the number called
    kind: Mapped[str] = mapped_column(String(24))
    department: Mapped[str] = mapped_column(String(63))
    result: Mapped[str] = mapped_column(String(24))  # a disposition, "refused", or what another channel did


class SuppressionRow(Base):
    """Somebody must not be called any more, from now on. Other programs may insert rows: number and category are enough."""

    __tablename__ = "suppression"
    __table_args__ = (Index("ix_suppression_done", "done_ms"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(String(64), server_default="")  # any usual form
    ref: Mapped[str] = mapped_column(String(64), server_default="")  # or a contact's key
    category: Mapped[str] = mapped_column(String(40), server_default="suppressed")  # paid, opted_out, suspended ...
    reason: Mapped[str] = mapped_column(String(200), server_default="")
    kinds: Mapped[str] = mapped_column(String(120), server_default="")
    campaign: Mapped[str] = mapped_column(String(63), server_default="")
    until_ms: Mapped[int | None] = mapped_column(BigInteger)
    at_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")  # when it was asked for, if known
    person: Mapped[int | None] = mapped_column(BigInteger)  # filled in when it is carried out
    done_ms: Mapped[int | None] = mapped_column(BigInteger)
    leads: Mapped[int] = mapped_column(Integer, server_default="0")  # leads that it closed
    problem: Mapped[str] = mapped_column(String(200), server_default="")


class PolicyRow(Base):
    """A version of the contact policy; the newest is in force, the others say what was in force before."""

    __tablename__ = "contact_policy"

    version: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    spec: Mapped[dict[str, object]] = mapped_column(JSON)


class TeamRow(Base):
    """An agent in a team."""

    __tablename__ = "team"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    agent: Mapped[str] = mapped_column(String(63), primary_key=True)


class ExportRow(Base):
    """A file of leads or calls that somebody took out of the database."""

    __tablename__ = "export_log"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(63))
    what: Mapped[str] = mapped_column(String(16))  # allotment, calls
    campaign: Mapped[str] = mapped_column(String(63))
    owner: Mapped[str] = mapped_column(String(80))  # whose sheet; empty: nobody's
    file: Mapped[str] = mapped_column(String(500))
    entries: Mapped[int] = mapped_column(Integer)
    whole_numbers: Mapped[bool]
    sha256: Mapped[str] = mapped_column(String(64))  # of a locked file


class OutcomeRow(Base):
    """What somebody said became of a talk; the newest row of a call counts."""

    __tablename__ = "outcome"
    __table_args__ = (Index("ix_outcome_call", "call_id"), Index("ix_outcome_campaign", "campaign_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(36))
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    lead_id: Mapped[int] = mapped_column(BigInteger)
    result: Mapped[str] = mapped_column(String(63))  # class of the campaign's goals
    is_primary: Mapped[bool]  # the primary goal was reached
    is_secondary: Mapped[bool | None]  # null: not said
    right_party: Mapped[bool | None]  # as the class said then
    refusal: Mapped[bool]
    by: Mapped[str] = mapped_column(String(63))
    note: Mapped[str] = mapped_column(String(500))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    corrects: Mapped[str] = mapped_column(String(63))  # the result before; empty: the call's first
    followed: Mapped[str] = mapped_column(String(100))  # what became of the lead


class StrategyRow(Base):
    """A strategy of the owner: settings that the campaigns which follow it have in their spec too."""

    __tablename__ = "strategy"

    kind: Mapped[str] = mapped_column(String(12), primary_key=True)  # connect, routing, time, protection
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, object]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(Integer)  # counts changes
    changed_ms: Mapped[int] = mapped_column(BigInteger)
