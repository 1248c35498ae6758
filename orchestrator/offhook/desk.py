"""The desk: all that can be done with campaigns, lists and records through the database alone.

A node is a desk with lines. A command that runs beside a node uses a desk of its own on the same database; the node sees what it wanted
within a second.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from offhook import lists, prompts
from offhook.clock import Clock, in_thread, loop_clock
from offhook.contacts.desk import ContactDesk
from offhook.errors import CampaignError, OffhookError
from offhook.lists import Row, Source
from offhook.messages import (
    CallRecord,
    CampaignSpec,
    CampaignState,
    CampaignUpdate,
    ImportProblem,
    ImportReport,
    Phase,
    Reconciliation,
    Wanted,
)
from offhook.reconcile import reconcile
from offhook.store import Store
from offhook.store.store import STAGE_ROWS, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook.config import Settings


class Desk(ContactDesk):
    """Campaigns, lists and records of one database. Make it with :func:`open_desk`."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock

    # -- campaigns ------------------------------------------------------------------------------------------------------------------

    async def create_campaign(self, spec: CampaignSpec) -> CampaignState:
        """Store a new campaign, idle. CampaignError when the name is taken; PromptError when a prompt cannot be used."""
        spec = await self._with_prompts(spec)
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
        await self.store.change_campaign(name, spec=await self._with_prompts(spec))
        return await self._changed(name)

    async def start_campaign(self, name: str) -> CampaignState:
        """Want it running."""
        await self.store.change_campaign(name, wanted=Wanted.RUNNING)
        return await self._changed(name)

    async def pause_campaign(self, name: str) -> CampaignState:
        """Dial no more; calls in progress go on. CampaignError unless it is running."""
        await self._expect(name, Wanted.RUNNING, "pause", "start it first")
        await self.store.change_campaign(name, wanted=Wanted.PAUSED)
        return await self._changed(name)

    async def resume_campaign(self, name: str) -> CampaignState:
        """Dial again. CampaignError unless it is paused."""
        await self._expect(name, Wanted.PAUSED, "resume", "start it instead")
        await self.store.change_campaign(name, wanted=Wanted.RUNNING)
        return await self._changed(name)

    async def stop_campaign(self, name: str) -> CampaignState:
        """Dial no more and hang up what has not been answered yet."""
        await self.store.change_campaign(name, wanted=Wanted.STOPPED)
        return await self._changed(name)

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

    async def _expect(self, name: str, wanted: Wanted, verb: str, mend: str) -> None:
        now = (await self._stored(name)).wanted
        if now is not wanted:
            raise CampaignError(f"campaign '{name}' is {now}, so it cannot {verb}; {mend}")

    async def _stored(self, name: str) -> Stored:
        found = await self.store.campaigns()
        for stored in found:
            if stored.spec.name == name:
                return stored
        known = ", ".join(s.spec.name for s in found)
        raise CampaignError(f"no campaign '{name}'; there {'are ' + known if known else 'is none yet'}")

    async def _state(self, stored: Stored) -> CampaignState:
        counts = await self.store.counts(stored.id)
        left = counts.leads - counts.closed
        finished = stored.wanted is Wanted.RUNNING and counts.leads > 0 and not left
        return CampaignState(
            name=stored.spec.name,
            title=stored.spec.title,
            wanted=stored.wanted,
            phase=Phase.FINISHED if finished else Phase(stored.wanted.value),
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
        for field in ("prompt", "message"):
            path = getattr(spec, field)
            if path is not None:
                found[field] = str(Path(path).absolute())  # noqa: ASYNC240 - no file is touched
                await in_thread(self.clock, prompts.check, found[field])
        return spec.model_copy(update=found)

    # -- lists ----------------------------------------------------------------------------------------------------------------------

    async def import_list(self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None) -> ImportReport:
        """Read a CSV or XLSX list into a campaign (D31), all lines or none.

        Raises:
            ListError: The file cannot be read as a list; nothing of it was kept.
        """
        stored = await self._stored(campaign)
        began = time.perf_counter()
        source = await in_thread(self.clock, lists.open_list, Path(path), mapping, stored.spec.region)
        import_id = await self.store.begin_import(stored.id, source.path.name, source.encoding)
        try:
            problems: list[ImportProblem] = []
            rejected = repeated = mended = 0
            lines = iter(source)
            while chunk := await in_thread(self.clock, _chunk, lines):
                rows = [found for found in chunk if isinstance(found, Row)]
                bad = [found for found in chunk if isinstance(found, ImportProblem)]
                repeats = sum(problem.reason.startswith(lists.SAME_NUMBER) for problem in bad)
                repeated += repeats
                rejected += len(bad) - repeats
                repairs = [row.mend for row in rows if row.mend is not None]
                mended += len(repairs)
                problems += bad + repairs
                await self.store.stage(import_id, rows)
            for line, raw in await self.store.staged_duplicates(import_id, stored.id):
                repeated += 1
                problems.append(ImportProblem(line=line, value=raw, reason="the campaign has this number already", mend="nothing to do"))
            problems.sort(key=lambda problem: problem.line)
            report = ImportReport(
                campaign=campaign,
                source=source.path.name,
                encoding=source.encoding,
                read=source.read,
                duplicates=repeated,
                rejected=rejected,
                mended=mended,
                problems=tuple(problems),
            )
            rejects = await in_thread(self.clock, self._write_rejects, import_id, source, report)
            accepted = await self.store.finish_import(import_id, stored.id, report)
        except BaseException:
            await self.store.drop_imports(import_id)
            raise
        await self._changed(campaign)
        return report.model_copy(update={"accepted": accepted, "rejects_file": rejects, "seconds": round(time.perf_counter() - began, 3)})

    def _write_rejects(self, import_id: int, source: Source, report: ImportReport) -> str | None:
        if not report.problems:
            return None
        folder = self.settings.node.data_dir / "rejects"
        path = folder / f"{source.path.stem}-{import_id}.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lists.write_csv(path, ("line", "value", "reason", "mend"), ((p.line, p.value, p.reason, p.mend) for p in report.problems))
        except OSError as error:
            raise OffhookError(f"{path}: cannot be written: {error.strerror}; the list was not imported") from error
        return str(path)

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

    async def reconcile(self) -> Reconciliation:
        """Check that the books add up."""
        return reconcile(await self.store.books())


def _chunk(lines: Iterator[Row | ImportProblem]) -> list[Row | ImportProblem]:
    return list(itertools.islice(lines, STAGE_ROWS))


@asynccontextmanager
async def open_desk(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Desk]:
    """A desk on the database of *settings*, for commands that run beside a node or without one.

    Raises:
        StoreError: The database cannot be opened.
    """
    clock = clock or loop_clock()
    store = await Store.open(settings.database_url, clock, spool=settings.node.data_dir / "desk.spool", retry_s=settings.database.retry_s)
    try:
        yield Desk(settings, store, clock)
    finally:
        await store.close()
