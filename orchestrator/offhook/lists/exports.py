"""Spreadsheets for people: one a person, locked with a password, numbers and other key columns hidden from who may not see them (L21, L24).

The sheet is an XLSX workbook encrypted as ECMA-376 has it (agile, AES-256), so that Excel and LibreOffice ask for the password and open it.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from offhook.errors import OffhookError
from offhook.lists.reader import safe_cell
from offhook.numbers import masked

MOST_ROWS = 1_000_000
"""Rows of a sheet that a spreadsheet takes."""
LEAST_PASSWORD = 8
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that are read wrong: l o I O 0 1


class ExportError(OffhookError):
    """An export that cannot be made; the text says why and how to mend it."""


class ExportSettings(BaseModel):
    """``[export]``: who may see what in spreadsheets for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    full_numbers: tuple[str, ...] = Field((), description="Agents, teams or nodes whose sheets show whole numbers: ['agent:ann'] (L25).")
    masked_columns: tuple[str, ...] = Field((), description="Columns of lists that are shown as *** to all others: ['id card'] (L24).")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was written.

    Attributes:
        path: Where it is.
        rows: Lines without the header.
        sha256: Of the file.
    """

    path: Path
    rows: int
    sha256: str


def new_password() -> str:
    """Fourteen characters that are read aloud without mistakes, 81 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(14))


def hidden(value: object, column: str, hide: Iterable[str]) -> object:
    """A cell as somebody sees it who may not see the column."""
    return "***" if column in hide and str(value or "") else value


def number_shown(number: str, whole: bool) -> str:
    """A telephone number as somebody sees it."""
    return number if whole else masked(number)


def write_locked(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]], password: str) -> Sheet:
    """Write an encrypted workbook of one sheet, readable by its owner on this machine alone; it is there whole or not at all.

    Raises:
        ExportError: The password is too short, there are too many rows, or the file cannot be written.
    """
    if len(password) < LEAST_PASSWORD:
        raise ExportError(f"the password for {path.name} has {len(password)} characters; take {LEAST_PASSWORD} or more")
    if len(rows) > MOST_ROWS:
        raise ExportError(f"{path.name}: {len(rows)} rows are more than a sheet holds ({MOST_ROWS}); hand out fewer leads")
    data = _encrypted(_workbook(columns, rows), password)
    part = path.with_name(path.name + ".part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as wrong:
        raise ExportError(f"{path}: cannot be written: {wrong.strerror or wrong}; choose another folder") from wrong
    return Sheet(path, len(rows), hashlib.sha256(data).hexdigest())


def _workbook(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> io.BytesIO:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("leads")
    for row in (columns, *rows):
        sheet.append([safe_cell(cell) for cell in row])
    plain = io.BytesIO()
    book.save(plain)
    return plain


def _encrypted(plain: io.BytesIO, password: str) -> bytes:
    from msoffcrypto.format.ooxml import OOXMLFile

    plain.seek(0)
    locked = io.BytesIO()
    OOXMLFile(plain).encrypt(password, locked)
    return locked.getvalue()
