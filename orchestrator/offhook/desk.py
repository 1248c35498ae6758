"""The desk: all that can be done with campaigns, lists and records through the database alone.

A node is a desk with lines. A command that runs beside a node uses a desk of its own on the same database; the node sees what it wanted
within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from offhook.calls import prompts
from offhook.calls.labels import Label, NewLabel, add_label
from offhook.calls.voicemail import VoiceMailDesk
from offhook.campaigns.learning_desk import LearningDesk
from offhook.campaigns.life import waits_for
from offhook.campaigns.life_desk import LifeDesk, none_such
from offhook.campaigns.outcomes import OutcomeDesk
from offhook.clock import Clock, in_thread, loop_clock
from offhook.contacts.desk import ContactDesk
from offhook.errors import CampaignError, OffhookError
from offhook.lines.messages import ChannelsBlocked
from offhook.lists.export_desk import ExportDesk
from offhook.lists.filters import Filter, Preview, Tally
from offhook.lists.handing import HandingDesk
from offhook.lists.importing import ListDesk
from offhook.messages import (
    CallRecord,
    CampaignSpec,
    CampaignState,
    CampaignUpdate,
    Phase,
    Reconciliation,
    TrunkState,
    Wanted,
)
from offhook.reconcile import reconcile
from offhook.store import Store
from offhook.store.mixing import remix
from offhook.store.store import Stored
from offhook.strategies.desk import StrategyDesk
from offhook.templates.desk import TemplateDesk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook.config import Settings
from offhook.contacts.calling_rules import calling_rules


class Desk(ContactDesk, ListDesk, StrategyDesk, TemplateDesk, LifeDesk, HandingDesk, ExportDesk, OutcomeDesk, VoiceMailDesk, LearningDesk):
    """Campaigns, lists and records of one database. Make it with :func:`open_desk`."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock

    # -- campaigns ------------------------------------------------------------------------------------------------------------------

    async def create_campaign(self, spec: CampaignSpec) -> CampaignState:
        """Store a new campaign, idle. CampaignError when the name is taken; PromptError when a prompt cannot be used."""
        spec = await self._with_prompts(await self._with_strategies(spec, spec.model_fields_set))
        await self.store.create_campaign(spec)
        return await self._changed(spec.name)

    async def update_campaign(self, name: str, update: CampaignUpdate) -> CampaignState:
        """Change a campaign, running or not; effective with its next call."""
        stored = await self._stored(name)
        changes = update.model_dump(exclude_unset=True, mode="json")
        try:
            spec = CampaignSpec.model_validate({**stored.spec.model_dump(mode="json"), **changes})
        except ValidationError as error:
            raise CampaignError(f"campaign '{name}': {error.errors()[0]['msg']}") from error
        spec = await self._with_strategies(spec, changes)
        if spec.filter != stored.spec.filter:
            await self.store.reopen_filtered(stored.id)
        if spec.mix != stored.spec.mix:
            await remix(self.store, stored.id, spec.mix)
        await self.store.change_campaign(name, spec=await self._with_prompts(spec))
        await self._relearn(stored.id, stored.spec, spec)
        return await self._changed(name)

    async def preview_filter(self, name: str, text: str) -> Preview:
        """How many leads of a campaign a filter would take, and why the others fall out; changes nothing.

        Raises:
            FilterError: The filter is wrong.
        """
        stored, chosen = await self._stored(name), Filter(text)
        tally = Tally(chosen)
        async for some in self.store.attributes(stored.id):
            await in_thread(self.clock, tally.add, some)
        return tally.preview()

    async def campaigns(self) -> list[CampaignState]:
        """All campaigns, by name."""
        return [await self._state(stored) for stored in await self.store.campaigns()]

    async def campaign(self, name: str) -> CampaignState:
        """One campaign."""
        return await self._state(await self._stored(name))

    async def campaign_spec(self, name: str) -> CampaignSpec:
        """One campaign as described."""
        return (await self._stored(name)).spec

    async def wait_campaign(self, name: str) -> CampaignState:
        """Return when it is finished or stopped and its last call is disposed."""
        while True:
            state = await self.campaign(name)
            if state.phase in (Phase.FINISHED, Phase.STOPPED) and not state.active:
                return state
            await asyncio.sleep(1.0)

    async def _stored(self, name: str) -> Stored:
        found = await self.store.campaigns([name])
        if not found:
            raise CampaignError(none_such(name, await self.store.revisions()))
        return found[0]

    async def _state(self, stored: Stored) -> CampaignState:
        counts = await self.store.counts(stored.id)
        left = counts.leads - counts.closed
        finished = stored.wanted is Wanted.RUNNING and counts.leads > 0 and not left
        return CampaignState(
            name=stored.spec.name,
            title=stored.spec.title,
            wanted=stored.wanted,
            phase=Phase.FINISHED if finished else Phase(stored.wanted.value),
            stage=stored.stage,
            reason=waits_for(stored.stage, stored.wanted is Wanted.PAUSED),
            leads=counts.leads,
            open=left,
            closed=counts.closed,
            progress=counts.closed / counts.leads if counts.leads else 0.0,
            attempts=sum(counts.outcomes.values()),
            active=counts.reserved,
            line_limit=stored.spec.line_limit(),
            outcomes=counts.outcomes,
        )

    async def _changed(self, name: str) -> CampaignState:
        """A campaign was changed in the database; its state now."""
        return await self.campaign(name)

    async def _with_prompts(self, spec: CampaignSpec) -> CampaignSpec:
        """The spec with absolute paths; PromptError when a file cannot be played."""
        found = {}
        for field in ("prompt", "message", "abandoned"):
            path = getattr(spec, field)
            if path is not None:
                found[field] = str(Path(path).absolute())  # noqa: ASYNC240 - no file is touched
                await in_thread(self.clock, prompts.check, found[field])
        return spec.model_copy(update=found)

    # -- records --------------------------------------------------------------------------------------------------------------------

    async def calls(self, campaign: str | None = None, limit: int = 100) -> list[CallRecord]:
        """The latest calls, newest first, without evidence. *limit* 1 to 10,000."""
        if not 1 <= limit <= 10_000:
            raise OffhookError(f"limit is 1 to 10000, not {limit}")
        if campaign is not None:
            await self._stored(campaign)
        return await self.store.calls(campaign, limit)

    async def call(self, call_id: str) -> CallRecord:
        """One call with its evidence."""
        found = await self.store.call(call_id)
        if found is None:
            raise OffhookError(f"no call '{call_id}'")
        return found

    async def label(self, label: NewLabel) -> Label:
        """Store what a call really was. OffhookError when there is no such call."""
        return await add_label(self.store, label, self.clock.now())

    async def trunk_states(self) -> list[TrunkState]:
        """None: a desk has no lines."""
        return []

    async def block(self, channels: Sequence[int]) -> ChannelsBlocked:
        """OffhookError: a desk has no lines."""
        raise OffhookError("there are no lines here: ask a running node, offhook ctl channel.block")

    unblock = block

    async def reconcile(self) -> Reconciliation:
        """Check that the books add up."""
        return reconcile(await self.store.books())


@asynccontextmanager
async def open_desk(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Desk]:
    """A desk on the database of *settings*, for commands that run beside a node or without one.

    Raises:
        StoreError: The database cannot be opened.
    """
    clock = clock or loop_clock()
    store = await Store.open(settings.database_url, clock, spool=settings.node.data_dir / "desk.spool", retry_s=settings.database.retry_s)
    try:
        store.rules, store.approval = calling_rules(settings.rules), settings.approval
        yield Desk(settings, store, clock)
    finally:
        await store.close()
