"""Results that wait for the database, in a file that outlives the process: one row a line, ``[kind, row]`` as JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
Row = dict[str, Any]


class Spool:
    """The file of one node. Its methods may be called from any thread, by one at a time.

    Args:
        path: The file; there is none while nothing waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unwritten: list[tuple[str, Row]] = []

    @property
    def unwritten(self) -> int:
        """Rows that are in memory only, because the disk has no room for them either."""
        return len(self._unwritten)

    def append(self, rows: list[tuple[str, Row]]) -> None:
        """Add *rows*, synced, after those that found no room before; where there is none they stay in memory, and no half line is left."""
        told = bool(self._unwritten)
        self._unwritten += rows
        size = 0
        try:
            with self.path.open("ab") as file:
                size = os.fstat(file.fileno()).st_size
                file.write("".join(_line(kind, row) for kind, row in self._unwritten).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self.path, size)
            if not told:
                log.error(
                    "store: results are in memory only, %s: %s; make room, they are written as soon as there is some",
                    self.path,
                    error.strerror,
                )
            return
        if told:
            log.info("store: %d results that were in memory only are in %s", len(self._unwritten), self.path)
        self._unwritten.clear()

    def remove(self) -> None:
        """Everything is in the database."""
        self._unwritten.clear()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:  # its rows are written; the next start writes them again, which changes nothing
            log.warning("store: %s: %s", self.path, error.strerror)

    def refuse(self, rows: list[tuple[str, Row]]) -> None:
        """Keep rows that the database will never take, for a person to look at."""
        with self.path.with_suffix(".refused").open("a", encoding="utf-8") as file:
            file.writelines(_line(kind, row) for kind, row in rows)


def read_spool(path: Path) -> list[tuple[str, Row]]:
    """What a spool file holds; a line cut off by a power loss is left out, for it was never reported as kept."""
    rows: list[tuple[str, Row]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):  # splitlines() also parts at U+2028 in a name
            try:
                kind, row = json.loads(line)
            except ValueError:
                continue
            rows.append((kind, row))
    return rows


def _line(kind: str, row: Row) -> str:
    return json.dumps([kind, row], ensure_ascii=False) + "\n"
