"""The floor: agents, the people who wait for them, and the leads shown to them before a call.

An agent here is somebody outside who talks over a telephone of another system and is told whom to take, or one whose telephone hangs on a
B-channel of this node (:mod:`offhook.agents.headset`): then the two channels are bridged. The rules are those of the shift simulator:
a person waits until the clock of the campaign's abandon rule runs out; who comes free takes the person whose clock runs out first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from offhook.agents import typed
from offhook.agents.gate import Crew
from offhook.agents.headset import Headset
from offhook.agents.messages import AgentCall, AgentChanged, AgentLevel, AgentShown, AgentStatus
from offhook.agents.playback import play_mail
from offhook.agents.roster import LEVELS, Agent, Roster
from offhook.agents.talk import TalkCall
from offhook.errors import AgentError, CampaignError
from offhook.pacing import AgentState, Level, promise, seen_by
from offhook.store import Lead

if TYPE_CHECKING:
    from offhook.campaigns.dialer import Dialer
    from offhook.node import Node

log = logging.getLogger(__name__)

PROMISE_S = 0.5
"""How long promises of agents to campaigns hold before they are looked at again."""


@dataclass(slots=True)
class _Waiting:
    """A person who waits for an agent."""

    deadline: float
    dialer: Dialer
    call: TalkCall
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class _Review:
    """A lead in front of an agent."""

    dialer: Dialer
    lead: Lead
    timer: asyncio.TimerHandle | None


class Floor:
    """The agents of a node and what they do. Every method that cannot do what was asked raises AgentError or CampaignError."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.roster = Roster(node.clock, self._agent_changed, self._agent_left)
        self._waiting: list[_Waiting] = []
        self._reviews: dict[str, _Review] = {}  # by agent
        self._talks: dict[str, tuple[Dialer, TalkCall]] = {}  # by agent
        self._bound: dict[str, Agent] = {}  # agent of a call that was dialled for one, by call
        self._headsets: dict[str, Headset] = {}
        self._wraps: dict[str, asyncio.TimerHandle] = {}
        self._wrap_of: dict[str, Dialer] = {}
        self._promised = np.zeros(0, np.int64)
        self._promises_of: list[Dialer] = []
        self._place: dict[Dialer, int] = {}  # of each campaign in that list
        self._promised_at = (-1e9, -1)  # when, and at which change of the roster

    # -- what agents ask ------------------------------------------------------------------------------------------------------------

    def agents(self) -> list[AgentShown]:
        """Who is logged in."""
        return [self._shown(agent) for agent in self.roster.all() if agent.here]

    def agent(self, name: str) -> AgentShown:
        """One agent who is logged in."""
        return self._shown(self.roster.get(name))

    def log_in(self, name: str, campaigns: Mapping[str, AgentLevel], ready: bool = True, telephone: str = "") -> AgentShown:
        """Log in to campaigns, each at a level (D23, D24); an agent who is logged in changes campaigns by it.

        With *telephone*, digits for the trunk, the agent is called first and is ready, if wanted, once the call is answered; who hangs up
        is logged out.
        """
        if not campaigns:
            raise AgentError(f"agent '{name}' names no campaign; give at least one, {{'spring': 'standard'}}")
        for campaign in campaigns:
            dialer = self._node.dialer(campaign)
            if not dialer.spec.with_agents:
                raise CampaignError(f"campaign '{campaign}' is in mode {dialer.spec.mode}, which knows no agents; change its mode first")
        new = name not in {agent.name for agent in self.roster.all() if agent.here}
        agent = self.roster.log_in(name, campaigns)
        if new:
            self.roster.enter(agent, AgentState.OUT, pause=f"calling {telephone}" if telephone else "logged in")
            if telephone:
                self._call_agent(agent, telephone, ready)
            elif ready:
                self._free(agent)
        else:
            self.roster.will_leave(agent, False)
        return self._shown(agent)

    def log_out(self, name: str, at_once: bool = False) -> AgentShown:
        """Leave, after the present call; *at_once* leaves a person in talk to another agent."""
        agent = self.roster.get(name)
        if at_once or agent.state in (AgentState.OUT, AgentState.READY):
            self._drop(agent)
        else:
            agent.pause = None
            self._after_call(agent)
        return self._shown(agent)

    def pause(self, name: str, reason: str) -> AgentShown:
        """Take no calls, after the present one."""
        agent = self.roster.get(name)
        if agent.state in (AgentState.OUT, AgentState.READY):
            self.roster.enter(agent, AgentState.OUT, pause=reason)
        else:
            agent.pause = reason
            self._after_call(agent)
        return self._shown(agent)

    def ready(self, name: str) -> AgentShown:
        """Take calls: after a log-in, a pause, or wrap-up."""
        agent = self.roster.get(name)
        if agent.state in (AgentState.TALKING, AgentState.RESERVED):
            if not agent.leaving:
                raise AgentError(f"agent '{name}' has call {agent.call_id} in hand; end it first")
            agent.pause = None
            self.roster.will_leave(agent, False)  # stays after all
        elif agent.state is AgentState.WRAP:
            self._wrapped(agent)
        elif agent.state is AgentState.OUT:
            if agent.name in self._headsets and agent.channel is None:
                raise AgentError(f"agent '{name}' has not answered the telephone yet")
            self._free(agent)
        return self._shown(agent)

    def done(self, name: str) -> AgentShown:
        """End the talk: the line is freed, wrap-up begins."""
        agent = self.roster.get(name)
        self._talk(agent)[1].finish()
        return self._shown(agent)

    def pass_on(self, name: str) -> AgentShown:
        """Hand the person to the campaign's prompt and its keys (D26); wrap-up begins."""
        agent = self.roster.get(name)
        dialer, call = self._talk(agent)
        if dialer.prompt is None:
            raise CampaignError(f"campaign '{dialer.name}' has no prompt to pass a person on to; give it one")
        self._part(agent, call)
        call.pass_on()
        self._talk_over(agent)
        return self._shown(agent)

    def take_message(self, name: str) -> AgentShown:
        """Let the person leave a voice mail (D26); wrap-up begins."""
        agent = self.roster.get(name)
        _, call = self._talk(agent)
        call.take_message()
        self._part(agent, call)
        self._talk_over(agent)
        return self._shown(agent)

    async def hear(self, name: str, call_id: str) -> float:
        """Play a voice mail to an agent who has a telephone here and takes no calls now (D26); its length, s."""
        return await play_mail(self._node, self.roster.get(name), call_id)

    def dial(self, name: str) -> AgentShown:
        """Dial the lead that is shown, now (D08)."""
        agent = self.roster.get(name)
        self._go(agent, self._review(agent))
        return self._shown(agent)

    def skip(self, name: str) -> AgentShown:
        """Show another lead instead; this one comes again when the list is through."""
        agent = self.roster.get(name)
        review = self._review(agent)
        if not review.dialer.spec.pacing.may_skip:
            raise CampaignError(f"campaign '{review.dialer.name}' lets no lead be skipped; dial it, or set pacing may_skip")
        self._end_review(agent)
        review.dialer.skip(review.lead)
        self._free(agent)
        return self._shown(agent)

    def ask(self, name: str, campaign: str, preview: bool = False) -> AgentShown:
        """Ask for a call (D07): the campaign's next lead is dialled for this agent, in any mode; with *preview* it is shown first (D13)."""
        agent = self._asking(name, campaign)
        self._node.dialer(campaign).ask(agent, preview)
        return self._shown(agent)

    async def ask_number(self, name: str, campaign: str, number: str, whom: str = "", preview: bool = False) -> AgentShown:
        """Dial a number typed in, and *whom* it belongs to (D07); with *preview* the agent dials once its lead has been looked at.

        Raises:
            CampaignError: Something forbids the call; the text says what. Nothing is kept then.
        """
        agent = self._asking(name, campaign)
        dialer = self._node.dialer(campaign)
        found = await typed.reserve(self._node, dialer, name, number, whom)
        if not self.show(dialer, found.lead, agent, at_once=not preview):
            if found.was == "open":
                self._node.store.release([found.lead])
            else:
                self._node.store.drop([found.lead], f"agent {name} was not free any more")
                dialer.closed += 1
            raise AgentError(f"agent '{name}' has got something else in hand meanwhile; ask again after it")
        return self._shown(agent)

    def _asking(self, name: str, campaign: str) -> Agent:
        agent = self.roster.get(name)
        if campaign not in agent.logins:
            raise AgentError(f"agent '{name}' is not logged in to '{campaign}'; log in to it first")
        if agent.state is not AgentState.READY:
            raise AgentError(f"agent '{name}' is not ready; end the call or the pause first")
        return agent

    # -- what the campaigns ask -----------------------------------------------------------------------------------------------------

    def here(self, name: str, campaign: str) -> Agent | None:
        """The agent of that name, if logged in to the campaign."""
        return next((agent for agent in self.roster.all() if agent.name == name and campaign in agent.logins), None) if name else None

    def decide(self, dialer: Dialer, lines_free: int) -> int:
        """How many calls a campaign launches now."""
        assert dialer.gate is not None
        now = asyncio.get_running_loop().time()
        self._promise(now)
        states = self.roster.states()
        if dialer in self._place and len(states):
            states = seen_by(self._place[dialer], states, self._promised)
        else:
            states = np.zeros_like(states)
        deadlines = [one.deadline for one in self._waiting if one.dialer is dialer]
        return dialer.gate.decide(now, lines_free, Crew(states, self.roster.since(), self.roster.leaving()), deadlines)

    def show(self, dialer: Dialer, lead: Lead, agent: Agent | None = None, at_once: bool = False) -> bool:
        """Show a lead to a ready agent, this one or whoever is promised, before it is dialled; False when nobody is there for it."""
        chosen = self._pick(dialer) if agent is None else agent
        if chosen is None or chosen.state is not AgentState.READY or dialer.name not in chosen.logins:
            return False
        review_s = 0.0 if at_once else dialer.spec.pacing.review_s
        self.roster.enter(chosen, AgentState.RESERVED, lead.call_id, dialer.name)
        review = self._reviews[chosen.name] = _Review(dialer, lead, None)
        self._tell(chosen, "preview", dialer, lead, review_s=review_s)
        if review_s is not None:
            review.timer = asyncio.get_running_loop().call_later(review_s, self._go, chosen, review)
        return True

    def campaign_gone(self, dialer: Dialer) -> None:
        """The campaign dials no more: leads under review go back."""
        for agent in self.roster.all():
            review = self._reviews.get(agent.name)
            if review is not None and review.dialer is dialer:
                self._end_review(agent)
                self._node.store.release([review.lead])
                self._free(agent)

    # -- what the calls ask ---------------------------------------------------------------------------------------------------------

    def person(self, call: TalkCall) -> None:
        """A person waits, see :class:`offhook.agents.talk.Agents`."""
        dialer = self._node.owner(call)
        if dialer is None or dialer.gate is None:  # the mode has changed meanwhile
            call.pass_on()
            return
        loop = asyncio.get_running_loop()
        agent = self._bound.pop(call.id, None) or self._pick(dialer)
        if agent is not None:
            self._connect(agent, dialer, call)
            return
        rule = dialer.gate.rule
        start = loop.time() if call.facts.talked else call.clock_start(rule.start)
        deadline = max(loop.time(), start + rule.seconds)
        waiting = _Waiting(deadline, dialer, call, loop.call_at(deadline, self._expire, call))
        self._waiting.append(waiting)

    def nobody(self, call: TalkCall) -> None:
        """A machine was taken for a person, and waits no longer, see :class:`offhook.agents.talk.Agents`."""
        self._leave_queue(call)

    def call_ended(self, call_id: str, call: TalkCall | None, dialer: Dialer) -> None:
        """The line of a call is free, or was never used (*call* None)."""
        if call is not None:
            self._leave_queue(call)
            if call.facts.abandoned and not call.told_abandoned and dialer.gate is not None:
                dialer.gate.abandoned(asyncio.get_running_loop().time())
            for name, (_, talk) in list(self._talks.items()):
                if talk is call:
                    self._talk_over(self.roster.get(name))
        bound = self._bound.pop(call_id, None)
        if bound is not None:
            self._free(bound)

    # -- inside ---------------------------------------------------------------------------------------------------------------------

    def _expire(self, call: TalkCall) -> None:
        """The clock of the abandon rule has run out."""
        waiting = self._leave_queue(call)
        if waiting is not None and call.waits:
            if not call.facts.talked and waiting.dialer.gate is not None:
                waiting.dialer.gate.abandoned(asyncio.get_running_loop().time())
                call.told_abandoned = True
            call.abandon()

    def _leave_queue(self, call: TalkCall) -> _Waiting | None:
        for at, one in enumerate(self._waiting):
            if one.call is call:
                one.timer.cancel()
                return self._waiting.pop(at)
        return None

    def _pick(self, dialer: Dialer) -> Agent | None:
        """Who takes a person of this campaign now: promised agents first, then by level, then who has waited longest."""
        self._promise(asyncio.get_running_loop().time())
        mine = self._place.get(dialer, -2)
        able = [
            agent for agent in self.roster.all() if agent.state is AgentState.READY and not agent.leaving and dialer.name in agent.logins
        ]
        if not able:
            return None
        return min(able, key=lambda agent: (self._promise_of(agent) != mine, LEVELS[agent.logins[dialer.name]], agent.since))

    def _promise_of(self, agent: Agent) -> int:
        return int(self._promised[agent.index]) if agent.index < len(self._promised) else -1

    def _promise(self, now: float) -> None:
        """Promise every agent to one campaign, anew now and then."""
        at, changes = self._promised_at
        if now - at < PROMISE_S and changes == self.roster.changes:
            return
        dialers = self._node.staffed()
        place = {dialer: index for index, dialer in enumerate(dialers)}
        held = np.full(len(self.roster), -1, np.int64)
        for index, campaign in enumerate(self._promised):
            if campaign >= 0:
                held[index] = place.get(self._promises_of[campaign], -1)
        levels = self.roster.levels([dialer.name for dialer in dialers])
        self._promised = promise(levels, [dialer.weight for dialer in dialers], self.roster.states(), held) if dialers else held
        self._promises_of, self._place, self._promised_at = dialers, place, (now, self.roster.changes)

    def _connect(self, agent: Agent, dialer: Dialer, call: TalkCall) -> None:
        self.roster.enter(agent, AgentState.TALKING, call.id, dialer.name)
        agent.calls += 1
        self._talks[agent.name] = (dialer, call)
        if dialer.gate is not None and not call.facts.talked:
            dialer.gate.connected(asyncio.get_running_loop().time())
        call.connect(agent.name)
        if agent.channel is not None:
            self._node.line(call.channel).bridge(agent.channel)
        self._tell(agent, "connected", dialer, call.lead, channel=call.channel)

    def _part(self, agent: Agent, call: TalkCall) -> None:
        if agent.channel is not None:
            self._node.line(call.channel).bridge(None)

    def _talk(self, agent: Agent) -> tuple[Dialer, TalkCall]:
        if agent.name not in self._talks:
            raise AgentError(f"agent '{agent.name}' talks with nobody")
        return self._talks[agent.name]

    def _talk_over(self, agent: Agent) -> None:
        """The talk is over: wrap-up."""
        dialer, _ = self._talks.pop(agent.name)
        loop = asyncio.get_running_loop()
        seconds = loop.time() - agent.since
        agent.talk_s += seconds
        if dialer.gate is not None:
            dialer.gate.talk_ended(agent.index, seconds, loop.time())
        limit = dialer.spec.pacing.wrap_limit_s
        self.roster.enter(agent, AgentState.WRAP, agent.call_id, dialer.name)
        self._wrap_of[agent.name] = dialer
        if limit is not None:
            self._wraps[agent.name] = loop.call_later(limit, self._wrapped, agent)

    def _after_call(self, agent: Agent) -> None:
        """The agent goes, or pauses, after the call in hand; wrap-up ends with the wish."""
        self.roster.will_leave(agent, True)
        if agent.state is AgentState.WRAP:
            self._wrapped(agent)

    def _wrapped(self, agent: Agent) -> None:
        timer = self._wraps.pop(agent.name, None)
        if timer is not None:
            timer.cancel()
        dialer = self._wrap_of.pop(agent.name, None)
        now = asyncio.get_running_loop().time()
        if dialer is not None and dialer.gate is not None:
            dialer.gate.wrap_ended(agent.index, now - agent.since, now)
        self._free(agent)

    def _free(self, agent: Agent) -> None:
        """The agent has nothing in hand: leaves, takes who waits, looks at a lead that waits, or is ready."""
        if agent.leaving:
            if agent.pause is None:
                self._gone(agent)
            else:
                self.roster.enter(agent, AgentState.OUT)
            return
        self.roster.enter(agent, AgentState.READY)
        mine = [one for one in self._waiting if one.dialer.name in agent.logins]
        if mine:
            first = min(mine, key=lambda one: one.deadline)
            self._leave_queue(first.call)
            self._connect(agent, first.dialer, first.call)
            return
        for name in sorted(agent.logins, key=lambda name: LEVELS.get(agent.logins[name], Level.OVERFLOW)):
            with contextlib.suppress(CampaignError):
                if self._node.dialer(name).show_next(agent):
                    return

    def _drop(self, agent: Agent) -> None:
        """The agent is gone now, whatever was in hand."""
        talk = self._talks.pop(agent.name, None)
        if agent.name in self._reviews:
            review = self._end_review(agent)
            review.dialer.skip(review.lead)
        timer = self._wraps.pop(agent.name, None)
        if timer is not None:
            timer.cancel()
        self._wrap_of.pop(agent.name, None)
        for call_id, bound in list(self._bound.items()):
            if bound is agent:
                del self._bound[call_id]
        if talk is not None:
            self._part(agent, talk[1])
        self._gone(agent)
        if talk is not None:
            talk[1].requeue()

    def _gone(self, agent: Agent) -> None:
        """Log the agent out and let go of the telephone."""
        headset = self._headsets.pop(agent.name, None)
        agent.channel = None
        self.roster.log_out(agent)
        if headset is not None:
            headset.hang_up()

    def _call_agent(self, agent: Agent, telephone: str, ready: bool) -> None:
        def up(channel: int) -> None:
            agent.channel = channel
            if ready:
                self._free(agent)
            else:
                self.roster.enter(agent, AgentState.OUT, pause="logged in")

        def down() -> None:
            if self._headsets.get(agent.name) is headset:
                self._drop(agent)

        headset = self._headsets[agent.name] = Headset(self._node, agent.name, telephone, up, down)
        self._node.spawn(headset.run(), f"headset[{agent.name}]")

    def close(self) -> None:
        """The node ends: every telephone is let go."""
        for agent in self.roster.all():
            if agent.here:
                self._drop(agent)

    # -- previews -------------------------------------------------------------------------------------------------------------------

    def _review(self, agent: Agent) -> _Review:
        if agent.name not in self._reviews:
            raise AgentError(f"agent '{agent.name}' has no lead to look at")
        return self._reviews[agent.name]

    def _end_review(self, agent: Agent) -> _Review:
        review = self._reviews.pop(agent.name)
        if review.timer is not None:
            review.timer.cancel()
        return review

    def _go(self, agent: Agent, review: _Review) -> None:
        self._end_review(agent)
        self._bound[review.lead.call_id] = agent
        review.dialer.dial_for(review.lead)

    @property
    def reviews(self) -> list[Dialer]:
        """Campaign of each lead that is under review."""
        return [review.dialer for review in self._reviews.values()]

    # -- telling --------------------------------------------------------------------------------------------------------------------

    def _shown(self, agent: Agent) -> AgentShown:
        at = self._promise_of(agent)
        return self.roster.shown(agent, self._promises_of[at].name if 0 <= at < len(self._promises_of) else None)

    def _agent_left(self, agent: Agent, status: AgentStatus, seconds: float) -> None:
        now_ms = round(self._node.clock.now().timestamp() * 1000)
        self._node.store.agent_did(
            {
                "node": self._node.name,
                "agent": agent.name,
                "state": status.value,
                "from_ms": now_ms - round(seconds * 1000),
                "to_ms": now_ms,
                "reason": (agent.pause or "")[:200] if status is AgentStatus.PAUSED else "",
                "campaign": agent.campaign or "",
                "call_id": agent.call_id or "",
            }
        )

    def _agent_changed(self, agent: Agent) -> None:
        if self._node.heard:
            self._node.emit(AgentChanged(at=self._node.clock.now(), agent=self._shown(agent)))

    def _tell(self, agent: Agent, what: str, dialer: Dialer, lead: Lead, channel: int | None = None, review_s: float | None = None) -> None:
        if self._node.heard:
            call = AgentCall.model_validate(
                {
                    "at": self._node.clock.now(),
                    "agent": agent.name,
                    "what": what,
                    "call_id": lead.call_id,
                    "campaign": dialer.name,
                    "lead_id": lead.id,
                    "number": lead.raw,
                    "name": lead.name,
                    "attempt": lead.attempts + 1,
                    "channel": channel,
                    "review_s": review_s,
                    "extra": lead.extra,
                }
            )
            self._node.emit(call)
