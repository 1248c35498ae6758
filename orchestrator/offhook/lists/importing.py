"""Taking a list into a campaign: read, wash, report (D31, D33, L09). A part of every desk and node."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.clock import Clock, in_thread
from offhook.errors import OffhookError
from offhook.lists import reader as lists
from offhook.lists.reader import Row, Source
from offhook.messages import CampaignState, ImportProblem, ImportReport
from offhook.store.imports import STAGE_ROWS, Washed

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.store import Store
    from offhook.store.store import Stored

HEAD_BYTES = 1 << 16
Progress = Callable[[int], None]
"""Lines read so far; called in the loop after each piece."""


class ListDesk:
    """Lists of one database."""

    settings: Settings
    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _stored(self, name: str) -> Stored:
            """The campaign, or CampaignError."""

        async def _changed(self, name: str) -> CampaignState:
            """Somebody changed it in the database."""

    async def import_list(
        self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None, progress: Progress | None = None
    ) -> ImportReport:
        """Read a CSV or XLSX list into a campaign, all good lines or, on an error, none.

        Cut off by a crash, it is taken up again where it was when the same file is imported once more.

        Raises:
            ListError: The file cannot be read as a list; nothing of it was kept.
        """
        stored = await self._stored(campaign)
        began = time.perf_counter()
        source = await in_thread(self.clock, lists.open_list, Path(path), mapping, stored.spec.region)
        print_of = await in_thread(self.clock, _fingerprint, source.path, str(sorted((mapping or {}).items())))
        begun = await self.store.take_up_import(stored.id, source.path.name, source.encoding, print_of)
        try:
            report, washed = await self._read_in(source, begun.id, begun.staged, stored, progress)
            rejects = await in_thread(self.clock, self._write_rejects, begun.id, source, report)
            accepted = await self.store.finish_import(begun.id, stored.id, report, [one.line for one in washed], stored.spec.mix)
        except BaseException:
            await self.store.drop_imports(begun.id)
            raise
        await self._changed(campaign)
        return report.model_copy(update={"accepted": accepted, "rejects_file": rejects, "seconds": round(time.perf_counter() - began, 3)})

    async def _read_in(
        self, source: Source, import_id: int, staged: int, stored: Stored, progress: Progress | None
    ) -> tuple[ImportReport, list[Washed]]:
        """Stage every good line; the report, and the lines that the wash takes out again."""
        problems: list[ImportProblem] = []
        mended: list[ImportProblem] = []
        counts = Counter[str]()
        lines = iter(source)
        ahead = asyncio.create_task(in_thread(self.clock, _chunk, lines), name="list reader")
        try:
            while chunk := await ahead:
                ahead = asyncio.create_task(in_thread(self.clock, _chunk, lines), name="list reader")  # reads on while these are written
                rows = [found for found in chunk if isinstance(found, Row)]
                bad = [found for found in chunk if isinstance(found, ImportProblem)]
                mended += [row.mend for row in rows if row.mend is not None]
                problems += bad
                for problem in bad:
                    counts["repeated" if problem.reason.startswith(lists.SAME_NUMBER) else "rejected"] += 1
                await self.store.stage(import_id, [row for row in rows if row.line > staged])
                if progress is not None:
                    progress(source.read)
        finally:
            ahead.cancel()
        washed = await self.store.wash(import_id, stored.id, stored.spec)
        for one in washed:
            counts[one.what] += 1
            mend = "nothing to do" if one.what == "repeated" else "take the person off the list to call again, `offhook why` says more"
            problems.append(ImportProblem(line=one.line, value=one.raw, reason=one.reason[:200], mend=mend))
        report = ImportReport(
            campaign=stored.spec.name,
            source=source.path.name,
            encoding=source.encoding,
            read=source.read,
            duplicates=counts["repeated"],
            rejected=counts["rejected"],
            restricted=counts["restricted"],
            mended=len(mended),
            reasons=_reasons(problems),
            problems=tuple(sorted(problems + mended, key=lambda problem: problem.line)),
        )
        return report, washed

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


def _chunk(lines: Iterator[Row | ImportProblem]) -> list[Row | ImportProblem]:
    return list(itertools.islice(lines, STAGE_ROWS))


def _reasons(problems: list[ImportProblem]) -> dict[str, int]:
    """Counts by reason, the commonest first; reasons that name a line are one."""
    found = Counter("same as another line" if p.reason.startswith(("same number as", "same person as")) else p.reason for p in problems)
    return dict(found.most_common(50))


def _fingerprint(path: Path, mapping: str) -> str:
    """What makes a file the same when it is imported again: name, size, time of change and beginning."""
    about = path.stat()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    said = f"{path.absolute()}\n{about.st_size}\n{about.st_mtime_ns}\n{mapping}\n".encode()
    return hashlib.sha256(said + head).hexdigest()
