"""A campaign's stage on the node that dials it: its trial is counted here, and the stage follows what the dial loop finds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from offhook.calls.disposition import Disposition
from offhook.campaigns.life import Stage
from offhook.campaigns.trial import Trial
from offhook.messages import Phase
from offhook.store import life
from offhook.store.store import Stored
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)


class OnStage:
    """The stage of one campaign.

    Args:
        node: Whose database is asked.
        stored: The campaign as stored.
    """

    def __init__(self, node: Node, stored: Stored) -> None:
        self._node = node
        self._id = stored.id
        self._name = stored.spec.name
        self.stage = stored.stage
        self._trial: Trial | None = None  # None while it is not this node's
        self._trial_ms = stored.trial_ms

    def update(self, stored: Stored) -> None:
        """The campaign was changed in the database."""
        self.stage = stored.stage
        if stored.trial_ms != self._trial_ms:
            self._trial_ms, self._trial = stored.trial_ms, None

    def room(self, active: int) -> bool:
        """May another call go out while *active* are in progress? Only the node that makes a trial makes its calls, and only so many."""
        return self.stage is not Stage.TRIAL or (self._trial is not None and self._trial.room(active) > 0)

    def count(self, disposition: Disposition | None) -> None:
        """A call is over."""
        if self._trial is not None:
            self._trial.count(disposition)

    async def waits(self, active: int) -> str:
        """Why the campaign dials no more although it is wanted, in words; empty when it does."""
        if self.stage is not Stage.TRIAL:
            return ""
        if self._trial is None and (other := await self._claim()):
            return f"the trial is made by node {other}"
        if self.room(active):
            return ""
        if active:
            return "the last calls of the trial are in progress"
        await self._end_trial()
        return "the trial is over"

    async def follow(self, phase: Phase) -> None:
        """The dial loop has nothing more to dial, and says so by its *phase*."""
        if phase is not Phase.FINISHED:
            return
        if self.stage is Stage.TRIAL:
            await self._end_trial()
        elif self.stage is Stage.RUNNING:
            await self._turn(Stage.FINISHED, "every lead is closed")

    async def go_on(self) -> None:
        """Leads of a finished campaign are open again."""
        await self._turn(Stage.RUNNING, "leads are open again")

    async def _turn(self, after: Stage, why: str) -> None:
        node, now, before = self._node, ms(self._node.clock.now()), self.stage
        self.stage = await node.store.work(lambda connection: life.turn(connection, self._id, before, after, why, node.name, now))

    async def _claim(self) -> str:
        """Take the trial; the node that has it, if that is another one."""
        await self._node.store.flush()  # its calls so far are counted in the database
        name = self._node.name
        found = await self._node.store.work(lambda connection: life.claim_trial(connection, self._id, name))
        if found.plan is None:  # an order came first; the node will hear of it
            return "none"
        if found.node != name:
            return found.node
        self._trial = Trial(found.plan.calls, found.plan.answers, found.ended, found.answered)
        return ""

    async def _end_trial(self) -> None:
        await self._node.store.flush()  # the report counts what is in the database
        now = ms(self._node.clock.now())
        report = await self._node.store.work(lambda connection: life.end_trial(connection, self._id, now))
        if report is not None:
            log.info("campaign %s: the trial is over: %d calls, %d answered", self._name, report.attempts, report.reached)
        await self._node.refresh([self._name])
