"""What can be asked about a campaign's results so far. A part of every desk and node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from offhook.campaigns.learning import Counts, Rates, rates
from offhook.clock import Clock
from offhook.messages import CampaignSpec
from offhook.store import rates as counters

if TYPE_CHECKING:
    from offhook.store import Store


class LearningDesk:
    """Results by segment and hour."""

    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def campaign_spec(self, name: str) -> CampaignSpec:
            """One campaign as described."""

    async def rates(self, name: str) -> Rates:
        """Connect, person and response rates by segment and hour, with cost and value (L15, D56). CampaignError: no such campaign."""
        spec = await self.campaign_spec(name)
        now = self.clock.now()
        return rates(name, spec.learn, await self.store.read(lambda connection: counters.of_campaign(connection, name)), now)

    async def counted(self) -> dict[str, Counts]:
        """Counters of every campaign that was called for, over all segments and hours."""
        return await self.store.read(counters.totals)

    async def _relearn(self, campaign_id: int, old: CampaignSpec, new: CampaignSpec) -> None:
        """The segments are others now: give every lead its own, and count the calls so far anew."""

        def work(connection: Connection) -> None:
            counters.assign(connection, campaign_id, new.learn.segment)
            counters.recount(connection, campaign_id)

        if (old.learn.segment, old.learn.early_s) != (new.learn.segment, new.learn.early_s):
            await self.store.work(work)
