"""Call records to files."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from offhook.cli.allot import user
from offhook.cli.output import CommandError
from offhook.lists.exports import Sheet
from offhook.lists.reader import safe_cell
from offhook.messages import CallRecord

if TYPE_CHECKING:
    from offhook.desk import Desk

COLUMNS = [name for name in CallRecord.model_fields if name != "evidence"]


async def write_calls(desk: Desk, campaign: str, path: Path, form: str) -> int:
    """Write all calls of a campaign, the oldest first; the file is there whole or not at all, and stands in the book of exports.

    Args:
        desk: Where they are.
        campaign: Name.
        path: File, replaced when it exists.
        form: ``"csv"`` or ``"json"``, one object a line.

    Returns:
        How many.

    Raises:
        CommandError: The file cannot be written.
    """
    await desk.campaign(campaign)
    part = path.with_name(path.name + ".part")
    lines = _csv if form == "csv" else _json_lines
    count = 0
    try:
        try:
            with part.open("w", encoding="utf-8-sig" if form == "csv" else "utf-8", newline="") as file:
                if form == "csv":
                    csv.writer(file).writerow(COLUMNS)
                async for calls in desk.store.each_call(campaign):
                    await asyncio.to_thread(lines, file, calls)
                    count += len(calls)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as wrong:
        raise CommandError(f"{path}: cannot be written: {wrong.strerror or wrong}; choose another file") from None
    await desk.note_export("calls", campaign, "", Sheet(path, count, ""), user(""), whole=True)
    return count


def _csv(file: TextIO, calls: list[CallRecord]) -> None:
    csv.writer(file).writerows([safe_cell(_cell(getattr(call, name))) for name in COLUMNS] for call in calls)


def _json_lines(file: TextIO, calls: list[CallRecord]) -> None:
    file.writelines(call.model_dump_json(exclude={"evidence"}) + "\n" for call in calls)


def _cell(value: object) -> object:
    if value is None:
        return ""
    iso = getattr(value, "isoformat", None)
    return iso() if iso is not None else value
