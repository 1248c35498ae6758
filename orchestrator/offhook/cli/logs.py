"""Logging of a running node: every line goes through a queue, so that no log file can hold up a call."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from offhook.cli.output import CommandError

if TYPE_CHECKING:
    from offhook.config import LogSettings

WAITING_MAX = 10_000


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """As JSON."""
        line = {"at": round(record.created, 3), "level": record.levelname.lower(), "logger": record.name, "text": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Queue(logging.handlers.QueueHandler):
    """Drops lines when the disk cannot follow, rather than wait."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand it over, or drop it."""
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


@contextlib.contextmanager
def logging_as(settings: LogSettings, *, quiet: bool = False) -> Iterator[None]:
    """Log as ``[log]`` says while the context lasts; *quiet* lets only errors through to stderr.

    Raises:
        CommandError: The log file cannot be written.
    """
    target: logging.Handler
    if settings.file is None:
        target = logging.StreamHandler(sys.stderr)
    else:
        try:
            settings.file.parent.mkdir(parents=True, exist_ok=True)
            target = logging.handlers.WatchedFileHandler(settings.file, encoding="utf-8")
        except OSError as wrong:
            raise CommandError(f"[log] file {settings.file}: cannot be written: {wrong.strerror}; choose another") from None
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    target.setFormatter(_JsonLines() if settings.json_lines else plain)
    lines: queue.Queue[logging.LogRecord] = queue.Queue(WAITING_MAX)
    listener = logging.handlers.QueueListener(lines, target)
    root = logging.getLogger()
    handler = _Queue(lines)
    level_before = root.level
    root.addHandler(handler)
    root.setLevel(logging.ERROR if quiet and settings.file is None else settings.level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level_before)
        listener.stop()
        target.close()
