"""How commands speak: results on stdout, remarks on stderr, one JSON object as the last line when asked, and exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    BAD_INPUT = 1  # a file, a value or the configuration is wrong; what could be done was done
    USAGE = 2  # the command line itself is wrong
    UNREACHABLE = 3  # no broker, no Mosquitto, no answer
    REFUSED = 4  # the node answered that it will not
    UNSOUND = 5  # it ran, and the result does not hold: books that do not add up, late ticks in a demo
    INTERRUPTED = 130  # ended by a second SIGINT


class CommandError(Exception):
    """A command ends here. The text goes to stderr and, with ``--json``, into the object."""

    def __init__(self, text: str, code: Exit = Exit.BAD_INPUT, **more: Any) -> None:
        super().__init__(text)
        self.code = code
        self.more = more


class _State:
    """What the whole command shares: whether ``--json`` was given, and whether the object is out."""

    json = False
    told = False


def want_json(wanted: bool) -> None:
    """Remember ``--json`` so that an error becomes an object too."""
    _State.json = _State.json or wanted


def wants_json() -> bool:
    """Whether ``--json`` was given."""
    return _State.json


def console() -> Console:
    """Stdout for people: colour only on a terminal, plain and never folded elsewhere."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=4096, force_terminal=False, no_color=True)


def remark(text: str) -> None:
    """A line for people beside the result."""
    print(text, file=sys.stderr, flush=True)


def counted(count: int, one: str, several: str = "") -> str:
    """``1 lead``, ``2 leads``."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def tell(data: Any) -> None:
    """The one JSON object, on the last line of stdout."""
    _State.told = True
    print(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False), flush=True)


def fail(error: CommandError) -> NoReturn:
    """Say what is wrong and leave."""
    remark(f"offhook: {error}")
    if _State.json and not _State.told:
        tell({"ok": False, "error": str(error), "code": error.code.name.lower(), **error.more})
    raise SystemExit(int(error.code))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> None:
    """A table: ruled on a terminal, plain aligned columns elsewhere."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    numbers = set(right)
    if sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
        for row in texts:
            table.add_row(*(Text(cell) for cell in row))
        console().print(table)
        return
    widths = [max([len(column), *(len(row[at]) for row in texts)]) for at, column in enumerate(columns)]
    for row in [list(columns), *texts]:
        cells = [
            cell.rjust(width) if name in numbers else cell.ljust(width) for cell, width, name in zip(row, widths, columns, strict=True)
        ]
        print("  ".join(cells).rstrip())


def quiet_broken_pipe() -> NoReturn:
    """The reader of our output went away, as ``head`` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(int(Exit.OK))
