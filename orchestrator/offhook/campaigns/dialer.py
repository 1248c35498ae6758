"""The dial loop of one campaign: leads that are due, through its limits, onto free lines.

It waits for one thing at a time, in this order: the wish to run, a lead, the quota, the rate, a channel. Everything that may change
one of these wakes it, so a free line is used at once. A campaign with agents asks its pacing instead of the quota, at every tick.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook.agents.gate import Gate
from offhook.agents.shared_window import SharedWindow
from offhook.calls.call import Call
from offhook.calls.disposition import Disposition
from offhook.calls.prompts import Prompt
from offhook.campaigns import windows
from offhook.campaigns.life import Stage, waits_for
from offhook.campaigns.quota import LineQuota, Pacer
from offhook.campaigns.shares import Account
from offhook.campaigns.stage import OnStage
from offhook.errors import PromptError, StoreError
from offhook.lists.handed import Handed
from offhook.messages import CampaignState, Phase, Wanted
from offhook.pacing import Paced
from offhook.store import Lead
from offhook.store.store import Counts, Stored

if TYPE_CHECKING:
    from offhook.agents.roster import Agent
    from offhook.node import Node

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 3600.0
"""A campaign with nothing to do looks again after so long at the latest; a new list or wish wakes it at once."""
HOPPER = 200
"""Most leads reserved ahead of their calls, over all campaigns at work; each may have a few."""


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
        self.life = OnStage(node, stored)
        self.account = Account(stored.spec.share)
        self.phase = Phase(stored.wanted.value)
        self.reason = ""
        self.next_open: dt.datetime | None = None
        self.hopper: deque[Lead] = deque()
        self.prompt: Prompt | None = None
        self.message: Prompt | None = None
        self.sorry: Prompt | None = None
        self.gate: Gate | None = None
        self.changed = asyncio.Event()  # pulsed: set and replaced
        self.filling = asyncio.Lock()  # held while leads are reserved, or handed out
        self._ready = False  # prompts are loaded
        self._more_open = False
        self._dry = False  # no lead is open, and none has come back since that was found
        self._wake = asyncio.Event()
        self._waiting: asyncio.Future[int | None] | None = None
        self._pacer = Pacer(stored.spec.calls_per_second)
        self._quota = LineQuota(stored.spec.line_limit())
        self._asked: deque[tuple[Agent, bool]] = deque()  # who asked for a call, and whether to see the lead first
        self._previews: deque[Lead] = deque()  # leads to be shown to an agent when one is there
        self._skipped: list[Lead] = []
        self._going: dict[str, tuple[Lead, asyncio.Future[int | None]]] = {}  # leads whose agent waits for a line, by call
        self._shared = SharedWindow(node, stored.id)
        self._handed = Handed(node, self)
        self._learned: Paced | None = None  # policy of an earlier mode with agents
        self._set_gate()

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.spec.name

    @property
    def wants_calls(self) -> bool:
        """May a call of this campaign still go out?"""
        return self.wanted is Wanted.RUNNING

    @property
    def weight(self) -> float:
        """What this campaign counts for when agents are promised; 0 while it has nothing to dial."""
        return self.spec.priority + 1.0 if self.phase is Phase.RUNNING else 0.0

    @property
    def pending(self) -> int:
        """Leads shown to an agent, or about to be; their calls are not made yet."""
        return len(self._previews) + len(self._skipped) + len(self._going) + self._node.floor.reviews.count(self)

    # -- what the node tells --------------------------------------------------------------------------------------------------------

    def update(self, stored: Stored, counts: Counts) -> None:
        """The campaign was changed in the database."""
        spec = stored.spec
        needs = (spec.prompt, spec.message, spec.abandoned, spec.pacing.nobody)
        if needs != (self.spec.prompt, self.spec.message, self.spec.abandoned, self.spec.pacing.nobody):
            self._ready = False
        if spec.calls_per_second != self.spec.calls_per_second:
            self._pacer = Pacer(spec.calls_per_second)
        if spec.line_limit() != self.spec.line_limit():
            self._quota.set_limit(spec.line_limit(), self._node.clock.monotonic())
        if counts.closed < self.closed:  # some are open again; counted anew once no call is open
            self.closed = counts.closed
        self.spec, self.wanted, self.revision = spec, stored.wanted, stored.revision
        self.life.update(stored)
        self.account.share = spec.share
        self._set_gate()
        self._handed.changed()
        self.leads = counts.leads
        self._dry = False
        self._enter(*(Phase.RUNNING, "") if self.wanted is Wanted.RUNNING else self._at_rest())
        if self.wanted is Wanted.STOPPED:
            self._node.cancel_unanswered(self, "campaign stopped")
        self.wake()

    def _set_gate(self) -> None:
        """Pacing as the campaign wants it; calls that are on their way stay counted when only the mode changes."""
        if not self.spec.with_agents:
            self._learned = self.policy or self._learned
            self.gate = None
        elif self.gate is None:
            self.gate = Gate(self.spec, self._node.pool.channels, self._learned)
        else:
            self.gate.change(self.spec)

    def wake(self) -> None:
        """Something changed; look again."""
        self._wake.set()
        if self._waiting is not None and not self._waiting.done() and not self._may_dial():
            self._waiting.set_result(None)

    def call_began(self, call_id: str) -> None:
        """A line is in use."""
        self.active += 1
        if self.gate is not None:
            self.gate.began(call_id, self._node.clock.monotonic())
        self._quota.set_active(self.active, self._node.clock.monotonic())

    def call_ended(self, call_id: str, call: Call | None, closed: bool) -> None:
        """The line is free; *call* None when nothing was dialled."""
        disposition = call.disposition if call is not None else None
        self.active -= 1
        if self.gate is not None:
            self.gate.ended(call_id, call, self._node.clock.monotonic())
        self._dry = self._dry and closed
        self._quota.set_active(self.active, self._node.clock.monotonic())
        self.life.count(disposition)
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
            stage=self.life.stage,
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
            pacing=self.gate.shown(self._node.clock.monotonic()) if self.gate is not None else None,
        )

    def drop(self, why: Callable[[Lead], str]) -> None:
        """Close the leads waiting here for which *why* has a reason."""
        for leads in (self.hopper, self._previews, self._skipped):
            for lead in [one for one in leads if why(one)]:
                leads.remove(lead)
                self._node.store.drop([lead], why(lead))
                self.closed += 1
                self._wake.set()
        for lead in [one for one, _ in self._going.values() if why(one)]:
            self._wait_no_longer(lead)
            self._node.store.drop([lead], why(lead))
            self.closed += 1

    def let_go(self) -> None:
        """Return the leads that are reserved for the next calls; those under review stay."""
        self._node.store.release(self.hopper)
        self.hopper.clear()
        self._dry = False

    def take_out(self, e164: str) -> Lead | None:
        """A lead that waits here for its call, by its number, for the agent who asked for that one."""
        for leads in (self.hopper, self._previews, self._skipped):
            for lead in leads:
                if lead.e164 == e164:
                    leads.remove(lead)
                    return lead
        return None

    def give_back(self) -> None:
        """Return the reserved leads to the database, those under review and those whose agent waits for a line too."""
        for lead, _ in list(self._going.values()):
            self._wait_no_longer(lead)
            self._node.store.release([lead])
        self._node.floor.campaign_gone(self)
        for leads in (self.hopper, self._previews, self._skipped):
            self._node.store.release(leads)
            leads.clear()
        self._asked.clear()
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
        return self.wanted is Wanted.RUNNING and not self._node.held_reason and self.life.room(self.active)

    def _at_rest(self) -> tuple[Phase, str]:
        return Phase(self.wanted.value), waits_for(self.life.stage, self.wanted is Wanted.PAUSED)

    async def _step(self) -> None:
        self._wake.clear()
        now = self._node.clock.monotonic()
        if self.wanted is not Wanted.RUNNING:
            self.give_back()
            self._enter(*self._at_rest())
            await self._sleep(LONGEST_WAIT_S)
        elif self._node.held_reason:
            self._enter(Phase.HELD, self._node.held_reason)
            await self._sleep(LONGEST_WAIT_S)
        elif not self._ready and not await self._load_prompts():
            await self._sleep(LONGEST_WAIT_S)
        elif why := await self.life.waits(self.active):
            self._enter(Phase.RUNNING if self.active else Phase.WAITING, why)
            await self._sleep(LONGEST_WAIT_S)
        elif not self.hopper and not await self._fill():
            idle_s = min(await self._handed.serve(), self._nothing_due())
            await self.life.follow(self.phase)
            await self._sleep(idle_s)
        elif self.life.stage is Stage.FINISHED:
            await self.life.go_on()
        elif self.gate is not None:
            await self._pace(self.gate)
        elif (wait := self._quota.wait(now)) is None or wait > 0:
            self._enter(Phase.RUNNING, "")
            await self._sleep(LONGEST_WAIT_S if wait is None else wait)
        elif (wait := self._pacer.delay(now)) > 0:
            self._enter(Phase.RUNNING, "")
            await asyncio.sleep(wait)
        else:
            self._enter(Phase.RUNNING, "")
            await self._dial()

    async def _dial(self) -> None:
        lead = self.hopper[0]
        self._waiting = self._node.ask_line(self.spec.priority, self, lead)
        channel = await self._waiting
        self._waiting = None
        if channel is not None:  # else woken: something changed
            self._place_next(lead, channel)

    def _place_next(self, lead: Lead, channel: int) -> None:
        """Call the lead that the channel was asked for, unless it was taken out of the hopper meanwhile."""
        if self.hopper and self.hopper[0] is lead:
            self._place(self.hopper.popleft(), channel)
        else:
            self._node.pool.give(channel)

    def _place(self, lead: Lead, channel: int) -> None:
        """Call a lead, if it may still be called, on a channel taken from the pool."""
        now = self._node.clock.now()
        rules = self._node.store.rules
        hours = windows.is_open(self.spec.windows, self.zones(lead.zones), now)
        if not self._may_dial() or not hours or not (rules is None or rules.open(self.spec.kind, lead, now)):  # again, at dial time (D46)
            self._node.store.release([lead])
            self._dry = False
            self._node.pool.give(channel)
            self._node.floor.call_ended(lead.call_id, None, self)
            return
        monotonic = self._node.clock.monotonic()
        self._pacer.take(monotonic)
        self.call_began(lead.call_id)
        self._node.carrier.place(self, lead, channel)

    # -- with agents ----------------------------------------------------------------------------------------------------------------

    @property
    def policy(self) -> Paced | None:
        """What paces the calls; None without agents."""
        return self.gate.policy if self.gate is not None else None

    async def _pace(self, gate: Gate) -> None:
        """One tick of the policy: decide, launch, wait for the next."""
        self._enter(Phase.RUNNING, "")
        await self._shared.look(gate)
        monotonic = self._node.clock.monotonic
        until = monotonic() + gate.policy.tick_s
        await self._handed.serve()
        self._serve_asked()
        while self._previews and self.show_next():
            pass
        pool = self._node.pool
        calls = self._node.floor.decide(self, pool.limit - pool.in_use)
        for _ in range(calls):
            if not self._may_dial() or (not self.hopper and not await self._fill()):
                break
            if gate.policy.reserves:
                if not self.show_next():
                    break
            elif self._to_be_shown(self.hopper[0]):
                self._previews.append(self.hopper.popleft())
                self.show_next()
            elif not await self._launch(until):
                break
        self._pulse()
        if self._may_dial() and (self.hopper or self.active):
            await asyncio.sleep(max(0.0, until - monotonic()))

    async def _launch(self, until: float) -> bool:
        """Put the next lead on a line that is free by *until*; False when there is none."""
        clock = self._node.clock
        while (wait := self._pacer.delay(clock.monotonic())) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)
        if not self.hopper:
            return False
        lead = self.hopper[0]
        self._waiting = self._node.ask_line(self.spec.priority, self, lead)
        channel: int | None = None
        try:
            async with asyncio.timeout(max(0.0, until - clock.monotonic())):
                channel = await asyncio.shield(self._waiting)
        except TimeoutError:
            if self._waiting.done():
                channel = self._waiting.result()
            else:
                self._waiting.set_result(None)
        finally:
            self._waiting = None
        if channel is None:
            return False
        self._place_next(lead, channel)
        return True

    def _to_be_shown(self, lead: Lead) -> bool:
        """Is this lead dialled only for an agent who has seen it? So is who was abandoned, and who was promised this agent's call."""
        wanted = self.spec.pacing.preview
        if self._node.floor.here(lead.agent, self.name) is not None:
            return True
        return lead.tries.get(Disposition.ABANDONED, 0) > 0 or (bool(wanted) and all(lead.extra.get(k) == v for k, v in wanted.items()))

    def show_next(self, agent: Agent | None = None) -> bool:
        """Show the next lead that is to be shown to a ready agent: who promised to call, this one, or whoever counts for the campaign."""
        if not self._may_dial() or self.gate is None:
            return False
        leads = self._previews
        if not leads and self.gate.policy.reserves and agent is None:
            leads = self.hopper
        for lead in leads:
            promised = self._node.floor.here(lead.agent, self.name)
            if promised is not None and agent is not None and promised is not agent:
                continue
            if self._node.floor.show(self, lead, promised or agent):
                leads.remove(lead)
                return True
            if promised is None:
                return False  # nobody is there for any
        return False

    def skip(self, lead: Lead) -> None:
        """An agent would not call this lead now; it comes again when the list is through."""
        if lead.owner:
            self._handed.skip(lead)
        else:
            self._skipped.append(lead)
        self.wake()

    def ask(self, agent: Agent, preview: bool) -> None:
        """An agent asks for a call of this campaign."""
        self._asked.append((agent, preview))
        self.wake()

    def _serve_asked(self) -> None:
        while self._asked and self.hopper:
            agent, preview = self._asked.popleft()
            if self._node.floor.show(self, self.hopper[0], agent, at_once=not preview):
                self.hopper.popleft()

    def dial_for(self, lead: Lead) -> None:
        """Dial a lead for the agent who has seen it, as soon as a line is free."""
        line = self._node.ask_line(9, self, lead)  # somebody waits for it
        self._going[lead.call_id] = (lead, line)
        self._node.spawn(self._dial_for(lead, line), f"dial[{lead.call_id}]")

    async def _dial_for(self, lead: Lead, line: asyncio.Future[int | None]) -> None:
        channel = await line
        waits = self._going.pop(lead.call_id, None) is not None  # else the lead was taken back or dropped meanwhile
        if waits and channel is not None:
            self._place(lead, channel)
        else:
            if channel is not None:
                self._node.pool.give(channel)
            self._node.floor.call_ended(lead.call_id, None, self)

    def _wait_no_longer(self, lead: Lead) -> None:
        _, line = self._going.pop(lead.call_id)
        if not line.done():
            line.set_result(None)

    # -- leads ----------------------------------------------------------------------------------------------------------------------

    def zones(self, of_number: tuple[str, ...]) -> tuple[str, ...]:
        """Zones whose windows count for a number."""
        return windows.zones_for(self.spec.windows, of_number)

    async def _load_prompts(self) -> bool:
        if self.gate is not None and self.spec.pacing.nobody == "voice_mail" and self._node.recorder is None:
            self._enter(Phase.HELD, "this node cannot record voice mail: it needs audio and [core] capture_s of 2 s or more")
            return False
        try:
            self.prompt = await self._prompt(self.spec.prompt)
            self.message = await self._prompt(self.spec.message) or self.prompt
            self.sorry = await self._prompt(self.spec.abandoned)
            self._ready = True
        except PromptError as error:
            self._enter(Phase.HELD, str(error))
        return self._ready

    async def _prompt(self, path: str | None) -> Prompt | None:
        return None if path is None else await self._node.prompts.get(path)

    async def _fill(self) -> bool:
        """Reserve leads that may be called now; not while some are being handed out."""
        async with self.filling:
            return await self._reserve()

    async def _reserve(self) -> bool:
        if self._dry and self.active:
            return False
        now = self._node.clock.now()
        now_ms = round(now.timestamp() * 1000)
        due = await self._node.store.due(self.id)
        if not due and self.closed < self.leads:  # results on their way to the database may open leads again
            await self._node.store.flush()
            due = await self._node.store.due(self.id)
            if not due and not self.active:  # a suppression, or another node, may have closed leads that we did not
                counts = await self._node.store.counts(self.id)
                self.leads, self.closed = counts.leads, counts.closed
        open_now = [d.zones for d in due if d.first_ms <= now_ms and windows.is_open(self.spec.windows, self.zones(d.zones), now)]
        if open_now:
            wanted = max(4, min(HOPPER // max(1, len(self._node.at_work)), round(self.spec.line_limit())))
            here = {one.agent for one in self._node.floor.agents() if self.name in one.campaigns}
            while True:
                given = (self._node.name, self.id, open_now, wanted, self._node.new_id, self.spec, here)
                taken = await self._node.store.reserve(*given)
                self.hopper.extend(taken)
                self.closed += taken.closed  # may not be called at all
                if self.hopper or not taken.more:
                    break
            if not self.hopper and (taken.closed or taken.held):
                due = await self._node.store.due(self.id)
        if not self.hopper:
            self.hopper.extend(await self._handed.for_node(max(4, round(self.spec.line_limit()))))
        self.next_open = None
        if not self.hopper and due:
            opens = [
                windows.next_open(self.spec.windows, self.zones(d.zones), max(now, dt.datetime.fromtimestamp(d.first_ms / 1000, dt.UTC)))
                for d in due
            ]
            self.next_open = min((when for when in opens if when is not None), default=None)
        self._more_open = bool(due)
        self._dry = not due
        if not self.hopper and self._skipped and not due:
            self.hopper.extend(self._skipped)
            self._skipped.clear()
        return bool(self.hopper)

    def _nothing_due(self) -> float:
        """Say why there is nothing to dial; seconds until that may change by itself."""
        if self.next_open is not None:
            wait = (self.next_open - self._node.clock.now()).total_seconds()
            self._enter(Phase.WAITING, f"next lead may be called at {self.next_open:%Y-%m-%d %H:%M:%S} UTC")
            return min(LONGEST_WAIT_S, max(0.001, wait))
        if self._more_open:
            self._enter(Phase.WAITING, "no calling window opens within a year; check windows and holidays")
        elif self.active or self.pending:
            self._enter(Phase.RUNNING, "the last calls are in progress")
        elif self.leads and self.closed >= self.leads:
            self._enter(Phase.FINISHED, "")
        elif self.leads:
            self._enter(Phase.WAITING, f"the last leads are {'handed out' if self._handed.waiting else 'with another node'}")
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
