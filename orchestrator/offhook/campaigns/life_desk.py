"""The orders that lead a campaign through its life (D40 to D42). A part of every desk and node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from offhook.campaigns.life import Order, allowed, read_script, script_files
from offhook.campaigns.life_messages import CampaignLife, Summary, TrialPlan
from offhook.clock import Clock, in_thread
from offhook.errors import CampaignError
from offhook.store import Store, life
from offhook.store.life_report import summary
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.messages import CampaignState
    from offhook.store.store import Stored

NAMES_TOLD = 50


def none_such(name: str, known: Iterable[str]) -> str:
    """There is no such campaign, but these."""
    names = sorted(known)
    told = ", ".join(names[:NAMES_TOLD]) + (f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else "")
    return f"no campaign '{name}'; there {'are ' + told if names else 'is none yet'}"


class LifeDesk:
    """The lives of the campaigns of one database.

    *by* and *why* go into the journal. Every order that cannot be carried out in the campaign's present stage raises CampaignError and
    changes nothing.
    """

    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _stored(self, name: str) -> Stored:
            """The campaign, or CampaignError."""

        async def _changed(self, name: str) -> CampaignState:
            """Somebody changed it in the database."""

    async def approve_campaign(self, name: str, by: str, note: str = "", digest: str = "") -> CampaignState:
        """Approve the plan and the lists as they stand; *digest*, if given, says which plan the approver saw (``campaign_life``)."""
        return await self._order(name, Order.APPROVE, by, note, seen=digest)

    async def trial_campaign(self, name: str, plan: TrialPlan, by: str = "", why: str = "") -> CampaignState:
        """Dial the first calls; the campaign then stops by itself with a report and waits."""
        return await self._order(name, Order.TRIAL, by, why, trial=plan)

    async def start_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial, or go on after a trial. From ``[approval] numbers`` on the campaign must have been approved."""
        return await self._order(name, Order.START, by, why)

    async def pause_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial no more; calls in progress go on."""
        return await self._order(name, Order.PAUSE, by, why)

    async def resume_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial again after a pause, or after a trial."""
        return await self._order(name, Order.RESUME, by, why)

    async def stop_campaign(self, name: str, by: str = "", why: str = "") -> CampaignState:
        """Dial no more and hang up what has not been answered yet."""
        return await self._order(name, Order.STOP, by, why)

    async def summarise_campaign(self, name: str, by: str = "", why: str = "") -> Summary:
        """Close a campaign that has finished or was stopped: its sums are kept, and only a new list begins it again."""
        found = (await self.campaign_summary(name)).model_copy(update={"closed_by": by})
        await self._order(name, Order.SUMMARISE, by, why, data=found.model_dump(mode="json"))
        return found

    async def campaign_summary(self, name: str) -> Summary:
        """The sums of a campaign: those kept when it was summarised, or as they stand."""
        stored = await self._stored(name)
        plan = await self._plan(stored)
        now = ms(self.clock.now())

        def work(connection: Connection) -> Summary:
            said = life.steps(connection, stored.id)
            if said.summary is not None:
                return Summary.model_validate(said.summary)
            return summary(connection, stored.id, name, stored.spec.title, now, plan.approvals, tuple(said.trials))

        return await self.store.read(work)

    async def campaign_life(self, name: str) -> CampaignLife:
        """The journal of a campaign, who approved it, and what may come next."""
        stored = await self._stored(name)
        plan = await self._plan(stored)
        counts = await self.store.counts(stored.id)
        said = await self.store.read(lambda connection: life.steps(connection, stored.id))
        return CampaignLife(
            campaign=name,
            stage=stored.stage,
            leads=counts.leads,
            approvals_needed=plan.needed,
            approvals=plan.approvals,
            digest=plan.digest,
            allowed=allowed(stored.stage),
            trial=said.trials[-1] if said.trials else None,
            steps=tuple(said.steps),
        )

    async def _plan(self, stored: Stored) -> life.Plan:
        script = await in_thread(self.clock, read_script, script_files(stored.spec))
        return await self.store.read(lambda connection: life.plan_now(connection, stored.id, stored.spec, script, self.store.approval))

    async def _order(self, name: str, order: Order, by: str, why: str, **more: Any) -> CampaignState:
        wish = life.Wish(name, order, ms(self.clock.now()), by.strip(), why.strip(), **more)
        done = await self._carry_out(wish)
        while done.script is not None:  # the files that are played are a part of what was approved; another change may come between
            script = await in_thread(self.clock, read_script, done.script)
            done = await self._carry_out(life.Wish(name, order, wish.now_ms, wish.by, wish.why, script, **more))
        if done.refused:
            await self._stored(name)  # the longer text when there is no such campaign
            raise CampaignError(done.refused)
        return await self._changed(name)

    async def _carry_out(self, wish: life.Wish) -> life.Done:
        return await self.store.work(lambda connection: life.carry_out(connection, wish, self.store.approval))
