"""An agent dials a number that was typed in (D07): through hours, rules, lists, caps, ledger and journal like any other call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from offhook.campaigns import windows
from offhook.errors import CampaignError
from offhook.messages import Wanted
from offhook.numbers import NumberError, parse
from offhook.store import ledger, typed
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.campaigns.dialer import Dialer
    from offhook.node import Node


async def reserve(node: Node, dialer: Dialer, agent: str, text: str, name: str = "") -> typed.Reserved:
    """Make the typed number a lead of the campaign, or take the one that it has, reserved for a call by *agent*.

    Raises:
        CampaignError: The campaign takes no typed numbers or does not run, the number cannot be dialled, or something is against it now.
        StoreError: The database is away.
    """
    spec, clock = dialer.spec, node.clock
    if not spec.pacing.typed_numbers:
        raise CampaignError(f"campaign '{spec.name}' lets nobody type a number; set_pacing with changes.typed_numbers allows it")
    if dialer.wanted is not Wanted.RUNNING:
        raise CampaignError(f"campaign '{spec.name}' is {dialer.wanted}; start it first")
    if node.held_reason:
        raise CampaignError(f"nothing is dialled now: {node.held_reason}")
    try:
        number = parse(text, spec.region)
    except NumberError as error:
        mend = f"type all of it, with + before the country code if it is not in {spec.region}"
        raise CampaignError(f"number '{text}': {error.reason}; {mend}") from error
    zones, now = dialer.zones(number.zones), clock.now()
    if not windows.is_open(spec.windows, zones, now):
        opens = windows.next_open(spec.windows, zones, now)
        when = f"from {opens:%Y-%m-%d %H:%M:%S} UTC on" if opens is not None else "at no time within a year"
        raise CampaignError(f"number {number.e164} may be called {when}: the campaign's calling hours")
    waiting = dialer.take_out(number.e164)
    if waiting is not None:  # screened and journalled already
        return typed.Reserved(waiting, "open")
    asking = ledger.asking(node.name, dialer.id, ms(now), node.store.rules, spec)
    what, call_id = typed.TypedNumber(number, text, name, agent), node.new_id()
    try:
        reserved = await node.store.work(lambda connection: typed.reserve(connection, asking, what, call_id))
    except IntegrityError as error:  # another node stored the same number in the same moment
        raise CampaignError(f"number {number.e164}: campaign '{spec.name}' has just got it; try again") from error
    dialer.leads += reserved.was == "new"
    dialer.closed -= reserved.was == "closed"
    return reserved
