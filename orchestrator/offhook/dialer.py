"""The dial loop of one campaign: leads that are due, through its limits, onto free lines.

It waits for one thing at a time, in this order: the wish to run, a lead, the quota, the rate, a channel. Everything that may change
one of these wakes it, so a free line is used at once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import deque
from typing import TYPE_CHECKING

from offhook import windows
from offhook.disposition import Disposition
from offhook.errors import PromptError, StoreError
from offhook.messages import CampaignState, Phase, Wanted
from offhook.prompts import Prompt
from offhook.quota import LineQuota, Pacer
from offhook.store import Lead
from offhook.store.store import Counts, Stored

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 3600.0
"""A campaign with nothing to do looks again after so long at the latest; a new list or wish wakes it at once."""
HOPPER = 200
"""Most leads reserved ahead of their calls."""


class Dialer:
    """One campaign on a node.

    Args:
        node: Whose lines and store are used.
        stored: The campaign as stored.
        counts: Its leads and calls so far.
    """

    def __init__(self, node: Node, stored: Stored, counts: Counts) -> None:
        self._node = node
        self.id = stored.id
        self.spec = stored.spec
        self.wanted = stored.wanted
        self.revision = stored.revision
        self.leads = counts.leads
        self.closed = counts.closed
        self.outcomes = dict(counts.outcomes)
        self.active = 0
        self.phase = Phase(stored.wanted.value)
        self.reason = ""
        self.next_open: dt.datetime | None = None
        self.hopper: deque[Lead] = deque()
        self.prompt: Prompt | None = None
        self.message: Prompt | None = None
        self.changed = asyncio.Event()  # pulsed: set and replaced
        self._ready = False  # prompts are loaded
        self._more_open = False
        self._dry = False  # no lead is open, and none has come back since that was found
        self._wake = asyncio.Event()
        self._waiting: asyncio.Future[int | None] | None = None
        self._pacer = Pacer(stored.spec.calls_per_second)
        self._quota = LineQuota(stored.spec.line_limit())

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.spec.name

    @property
    def wants_calls(self) -> bool:
        """May a call of this campaign still go out?"""
        return self.wanted is Wanted.RUNNING

    # -- what the node tells --------------------------------------------------------------------------------------------------------

    def update(self, stored: Stored, counts: Counts) -> None:
        """The campaign was changed in the database."""
        spec = stored.spec
        if (spec.prompt, spec.message) != (self.spec.prompt, self.spec.message):
            self._ready = False
        if spec.calls_per_second != self.spec.calls_per_second:
            self._pacer = Pacer(spec.calls_per_second)
        if spec.line_limit() != self.spec.line_limit():
            self._quota.set_limit(spec.line_limit(), self._node.clock.monotonic())
        self.spec, self.wanted, self.revision = spec, stored.wanted, stored.revision
        self.leads = counts.leads
        self._dry = False
        self._enter(Phase.RUNNING if self.wanted is Wanted.RUNNING else Phase(self.wanted.value), "")
        if self.wanted is Wanted.STOPPED:
            self._node.cancel_unanswered(self, "campaign stopped")
        self.wake()

    def wake(self) -> None:
        """Something changed; look again."""
        self._wake.set()
        if self._waiting is not None and not self._waiting.done() and not self._may_dial():
            self._waiting.set_result(None)

    def call_began(self) -> None:
        """A line is in use."""
        self.active += 1
        self._quota.set_active(self.active, self._node.clock.monotonic())

    def call_ended(self, disposition: Disposition | None, closed: bool) -> None:
        """The line is free; *disposition* None when nothing was dialled."""
        self.active -= 1
        self._dry = self._dry and closed
        self._quota.set_active(self.active, self._node.clock.monotonic())
        if disposition is not None:
            self.outcomes[disposition] = self.outcomes.get(disposition, 0) + 1
            self.closed += closed
        self._wake.set()
        self._pulse()

    def state(self) -> CampaignState:
        """As it stands."""
        return CampaignState(
            name=self.spec.name,
            title=self.spec.title,
            wanted=self.wanted,
            phase=self.phase,
            reason=self.reason,
            leads=self.leads,
            open=self.leads - self.closed,
            closed=self.closed,
            progress=self.closed / self.leads if self.leads else 0.0,
            attempts=sum(self.outcomes.values()),
            active=self.active,
            line_limit=self.spec.line_limit(),
            outcomes=dict(self.outcomes),
            next_open=self.next_open,
        )

    def give_back(self) -> None:
        """Return the reserved leads to the database."""
        self._node.store.release(self.hopper)
        self.hopper.clear()
        self._dry = False

    # -- the loop -------------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Dial until cancelled."""
        try:
            while True:
                try:
                    await self._step()
                except StoreError as error:  # the node holds all dialling until the database is back; it wakes us then
                    log.warning("campaign %s: %s", self.name, error)
                    self._enter(Phase.HELD, str(error))
                    await self._sleep(1.0)
        finally:
            self.give_back()

    def _may_dial(self) -> bool:
        return self.wanted is Wanted.RUNNING and not self._node.held_reason

    async def _step(self) -> None:
        self._wake.clear()
        now = self._node.clock.monotonic()
        if self.wanted is not Wanted.RUNNING:
            self.give_back()
            self._enter(Phase(self.wanted.value), "")
            await self._sleep(LONGEST_WAIT_S)
        elif self._node.held_reason:
            self._enter(Phase.HELD, self._node.held_reason)
            await self._sleep(LONGEST_WAIT_S)
        elif not self._ready and not await self._load_prompts():
            await self._sleep(LONGEST_WAIT_S)
        elif not self.hopper and not await self._fill():
            await self._sleep(self._nothing_due())
        elif (wait := self._quota.wait(now)) is None or wait > 0:
            self._enter(Phase.RUNNING, "")
            await self._sleep(LONGEST_WAIT_S if wait is None else wait)
        elif (wait := max(self._pacer.delay(now), self._node.pacer.delay(now))) > 0:
            self._enter(Phase.RUNNING, "")
            await asyncio.sleep(wait)
        else:
            self._enter(Phase.RUNNING, "")
            await self._dial()

    async def _dial(self) -> None:
        self._waiting = self._node.pool.ask(self.spec.priority)
        channel = await self._waiting
        self._waiting = None
        if channel is None:
            return  # woken: something changed
        lead = self.hopper.popleft()
        now = self._node.clock.now()
        if not self._may_dial() or not windows.is_open(self.spec.windows, self.zones(lead.zones), now):  # checked again at dial time (D46)
            self._node.store.release([lead])
            self._dry = False
            self._node.pool.give(channel)
            return
        monotonic = self._node.clock.monotonic()
        self._pacer.take(monotonic)
        self._node.pacer.take(monotonic)
        self.call_began()
        self._node.place(self, lead, channel)

    def zones(self, of_number: tuple[str, ...]) -> tuple[str, ...]:
        """Zones whose windows count for a number."""
        return windows.zones_for(self.spec.windows, of_number)

    async def _load_prompts(self) -> bool:
        try:
            self.prompt = await self._prompt(self.spec.prompt)
            self.message = await self._prompt(self.spec.message) or self.prompt
            self._ready = True
        except PromptError as error:
            self._enter(Phase.HELD, str(error))
        return self._ready

    async def _prompt(self, path: str | None) -> Prompt | None:
        return None if path is None else await self._node.prompts.get(path)

    async def _fill(self) -> bool:
        """Reserve leads that may be called now."""
        if self._dry and self.active:
            return False
        now = self._node.clock.now()
        now_ms = round(now.timestamp() * 1000)
        due = await self._node.store.due(self.id)
        if not due and self.closed < self.leads:  # results on their way to the database may open leads again
            await self._node.store.flush()
            due = await self._node.store.due(self.id)
        open_now = [d.zones for d in due if d.first_ms <= now_ms and windows.is_open(self.spec.windows, self.zones(d.zones), now)]
        if open_now:
            wanted = min(HOPPER, max(4, round(self.spec.line_limit())))
            self.hopper.extend(await self._node.store.reserve(self._node.name, self.id, open_now, wanted, self._node.new_id))
        self.next_open = None
        if not self.hopper and due:
            opens = [
                windows.next_open(self.spec.windows, self.zones(d.zones), max(now, dt.datetime.fromtimestamp(d.first_ms / 1000, dt.UTC)))
                for d in due
            ]
            self.next_open = min((when for when in opens if when is not None), default=None)
        self._more_open = bool(due)
        self._dry = not due
        return bool(self.hopper)

    def _nothing_due(self) -> float:
        """Say why there is nothing to dial; seconds until that may change by itself."""
        if self.next_open is not None:
            wait = (self.next_open - self._node.clock.now()).total_seconds()
            self._enter(Phase.WAITING, f"next lead may be called at {self.next_open:%Y-%m-%d %H:%M:%S} UTC")
            return min(LONGEST_WAIT_S, max(0.001, wait))
        if self._more_open:
            self._enter(Phase.WAITING, "no calling window opens within a year; check windows and holidays")
        elif self.active:
            self._enter(Phase.RUNNING, "the last calls are in progress")
        elif self.leads and self.closed >= self.leads:
            self._enter(Phase.FINISHED, "")
        elif self.leads:
            self._enter(Phase.WAITING, "the last leads are with another node")
        else:
            self._enter(Phase.WAITING, "no leads; import a list")
        return LONGEST_WAIT_S

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _enter(self, phase: Phase, reason: str) -> None:
        if (phase, reason) != (self.phase, self.reason):
            self.phase, self.reason = phase, reason
            log.info("campaign %s: %s%s", self.name, phase, f", {reason}" if reason else "")
            self._pulse()

    def _pulse(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
        self._node.campaign_changed(self)
