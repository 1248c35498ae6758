"""Suppressions on a node (L12): whoever must not be called any more leaves the hoppers, and a call that still rings is hung up at once.

They come over MQTT, through the API, or as rows that any program writes to the table ``suppression``. Each is carried out in the database
first by one node; every node follows the table and clears its own lines. An order is remembered for a while, so that a lead that was
being reserved at that very moment is caught before its number goes out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from offhook.contacts.model import Suppressed, Suppression
from offhook.errors import StoreError
from offhook.store import Lead, StoreStatus, contacts, suppression
from offhook.store.suppression import Order
from offhook.store.tables import digits, ms

if TYPE_CHECKING:
    from offhook.campaigns.dialer import Dialer
    from offhook.node import Node

log = logging.getLogger(__name__)

REMEMBER_MS = 600_000
"""How long an order is looked up before a number goes out; a reservation takes far less."""
OVERLAP_MS = 5_000
"""Orders are followed by the time they were carried out; clocks of nodes may differ by so much."""


class Stops:
    """The suppressions that concern one node.

    Args:
        node: Whose lines and hoppers are cleared.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._by_key: dict[int, list[Order]] = {}  # by person and by number
        self._age: deque[tuple[int, Order]] = deque()  # when it came, ms
        self._seen: set[int] = set()

    async def suppress(self, wanted: Suppression) -> Suppressed:
        """Carry out an order. ContactError when there is no such person; StoreError when the database is away; lines are clear even so."""
        calls = 0
        if wanted.number:  # the line first, then the books
            number = digits(contacts.number_of(wanted.number, wanted.region).e164)
            calls = self._obey(Order(0, number, number, wanted.kinds, wanted.campaign, wanted.category))
        now = self._now_ms()
        order, told = await self._node.store.work(lambda connection: suppression.ask(connection, wanted, now))
        calls += self._obey(order)
        return told.model_copy(update={"calls": calls})

    async def run(self) -> None:
        """Follow the table until cancelled."""
        since = self._now_ms()
        while True:
            await asyncio.sleep(self._node.settings.node.watch_s)
            if self._node.store.status is StoreStatus.DOWN:
                continue
            try:
                since = await self._look(since)
            except StoreError as error:
                log.warning("suppressions: %s", error)

    async def _look(self, since: int) -> int:
        now = self._now_ms()
        orders, waiting = await self._node.store.read(lambda connection: suppression.follow(connection, since - OVERLAP_MS))
        if waiting:
            for one in waiting:  # the lines first, then the books
                if (early := one.at_once()) is not None:
                    self._obey(early)
            ids = [one.id for one in waiting]
            orders += await self._node.store.work(lambda connection: suppression.carry_out(connection, ids, now))
        for order in orders:
            if order.id not in self._seen:
                self._obey(order)
        return now

    def why(self, dialer: Dialer, lead: Lead) -> str:
        """Why this lead must not be called any more; empty when nothing was said against it."""
        number = digits(lead.e164)
        for key in (lead.person, number):
            for order in self._by_key.get(key, ()):
                if order.concerns(lead.person, number, dialer.spec.kind, dialer.name):
                    return f"suppressed: {order.category}"
        return ""

    def _obey(self, order: Order) -> int:
        """Remember an order and clear what it concerns; how many calls were hung up."""
        self._forget()
        self._seen.add(order.id)
        self._age.append((self._now_ms(), order))
        for key in order.keys:
            self._by_key.setdefault(key, []).append(order)
        for dialer in self._node.dialers():
            dialer.drop(partial(self.why, dialer))
        return self._hang_up(order)

    def _hang_up(self, order: Order) -> int:
        count = 0
        for call in self._node.live_calls():
            spec, lead = call.campaign, call.lead
            if not call.facts.answered and order.concerns(lead.person, digits(lead.e164), spec.kind, spec.name):
                call.cancel(f"suppressed: {order.category}")
                count += 1
        return count

    def _forget(self) -> None:
        old = self._now_ms() - REMEMBER_MS
        while self._age and self._age[0][0] < old:
            _, order = self._age.popleft()
            self._seen.discard(order.id)
            for key in order.keys:
                self._by_key[key] = [one for one in self._by_key[key] if one is not order]
                if not self._by_key[key]:
                    del self._by_key[key]

    def _now_ms(self) -> int:
        return ms(self._node.clock.now())
