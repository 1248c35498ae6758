"""Call records to files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.cli.output import CommandError
from offhook.messages import CallRecord

if TYPE_CHECKING:
    from offhook.desk import Desk

EVERY = 2**31 - 1


async def write_calls(desk: Desk, campaign: str, path: Path, form: str) -> int:
    """Write all calls of a campaign, the oldest first.

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
    calls = await desk.store.calls(campaign, EVERY)
    calls.reverse()
    try:
        await asyncio.to_thread(_csv if form == "csv" else _json_lines, path, calls)
    except OSError as wrong:
        raise CommandError(f"{path}: cannot be written: {wrong.strerror or wrong}; choose another file") from None
    return len(calls)


def _csv(path: Path, calls: list[CallRecord]) -> None:
    from offhook.lists import write_csv

    columns = [name for name in CallRecord.model_fields if name != "evidence"]
    write_csv(path, columns, ([_cell(getattr(call, name)) for name in columns] for call in calls))


def _cell(value: object) -> object:
    if value is None:
        return ""
    iso = getattr(value, "isoformat", None)
    return iso() if iso is not None else value


def _json_lines(path: Path, calls: list[CallRecord]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            for call in calls:
                file.write(call.model_dump_json(exclude={"evidence"}) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
