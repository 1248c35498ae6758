"""A number that somebody types in becomes a lead and is reserved at once, or is refused and leaves nothing behind (D07)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from offhook.contacts.policy import Effect
from offhook.contacts.screen import moment
from offhook.errors import CampaignError
from offhook.numbers import Number
from offhook.store import handing, ledger
from offhook.store import tables as t
from offhook.store.leads import Lead


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """What was typed: the *number*, the text it came from, who it is for, and the agent it belongs to from now on."""

    number: Number
    raw: str
    name: str
    agent: str


@dataclass(frozen=True, slots=True)
class Reserved:
    """The lead, and what it was before: ``new`` to the campaign, ``closed`` or ``open``."""

    lead: Lead
    was: str


def reserve(connection: Connection, asking: ledger.Asking, typed: TypedNumber, call_id: str) -> Reserved:
    """Screen a number like any other lead and journal the intent to call it.

    Raises:
        CampaignError: The number is being called, is somebody else's, or a list, a cap, a rest, a rule or the filter is against it; the
            transaction must end.
    """
    number = typed.number
    mine = (t.lead.c.campaign_id == asking.campaign_id, t.lead.c.e164 == number.e164)
    row = connection.execute(select(t.lead).where(*mine).with_for_update()).first()
    state = "" if row is None else str(row.state)
    if row is None:
        blank = {"import_id": 0, "line": 0, "extra": {}, "attempts": 0, "tries": {}, "reason": "typed in", "state": "open"}
        about = {"raw": typed.raw, "e164": number.e164, "region": number.region, "kind": number.kind, "zones": " ".join(number.zones)}
        whose = {"campaign_id": asking.campaign_id, "due_ms": asking.now_ms, "name": typed.name, "agent": typed.agent}
        connection.execute(insert(t.lead).values(**blank, **about, **whose))
        row = connection.execute(select(t.lead).where(*mine)).one()
    elif state == "reserved":
        raise CampaignError(f"number {number.e164}: campaign '{asking.campaign}' is calling it, or is about to")
    if row.owner and row.owner not in _owners(connection, asking.node, typed.agent):
        raise CampaignError(f"number {number.e164} is in the hands of {row.owner}; take it back, or hand it on")
    (one,) = ledger.reserve(connection, asking, [ledger.wanted_of(call_id, row)])
    if not one.reserved:
        until = one.verdict.until_ms
        later = f"; not before {moment(until)}" if until is not None else ""
        raise CampaignError(f"number {number.e164} may not be called: {one.verdict.why}{later}")
    connection.execute(update(t.lead).where(t.lead.c.id == row.id).values(state="reserved", agent=typed.agent))
    reminders = tuple(f"{found.rule}: {found.values}" for found in one.verdict.findings if found.effect is Effect.REMIND)
    lead = Lead(
        id=row.id,
        call_id=call_id,
        raw=row.raw,
        e164=row.e164,
        region=row.region,
        kind=row.kind,
        zones=one.wanted.zones,
        name=row.name,
        attempts=row.attempts,
        tries=dict(row.tries),
        person=one.person,
        reminders=reminders,
        agent=typed.agent,
        extra=dict(row.extra),
        owner=row.owner,
    )
    return Reserved(lead, {"": "new", "closed": "closed"}.get(state, "open"))


def _owners(connection: Connection, node: str, agent: str) -> set[str]:
    """Under which names this agent owns leads at this node."""
    return {f"agent:{agent}", f"node:{node}", *(f"team:{team}" for team, agents in handing.teams(connection).items() if agent in agents)}
