"""Lists of numbers from CSV and XLSX files (D31, D33), line by line; every line that is not taken is reported with reason and mend.

Spreadsheets in China write GB18030 as often as UTF-8. GB18030 bytes hardly ever pass as UTF-8, but UTF-8 bytes nearly always pass as
GB18030 and turn into nonsense, so strict UTF-8 is tried on the whole file first.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from offhook.errors import ListError
from offhook.messages import ImportProblem
from offhook.numbers import Number, NumberError, parse

_CHINESE_NUMBER = "电话 手机 号码 电话号码 手机号 手机号码 联系电话 联系方式 被叫 被叫号码 移动电话"
_ENGLISH_NUMBER = "phone phonenumber phone_number number tel telephone mobile cell cellphone msisdn called destination"
NUMBER_HEADERS = frozenset(f"{_CHINESE_NUMBER} {_ENGLISH_NUMBER}".split())
_CHINESE_NAME = "姓名 名字 客户 客户姓名 客户名称 用户 用户名 联系人"
NAME_HEADERS = frozenset(f"{_CHINESE_NAME} name fullname full_name customer contact client".split())
DEADLINE_HEADERS = frozenset(["截止", "截止日期", "截止时间", "deadline", "callby", "call_by"])
SAME_NUMBER = "same number as line"
"""How the reason of a repeated line begins."""
MAX_CELL = 500
"""Characters kept of a cell that is not the number."""
_DELIMITERS = ",;\t|"
_EXPONENT = re.compile(r"([0-9](?:\.[0-9]+)?)[eE]\+?([0-9]{1,2})")
_POINT_ZERO = re.compile(r"([0-9]{5,20})\.0+")


@dataclass(frozen=True, slots=True)
class Row:
    """A line that can be called."""

    line: int  # line of the file, the header is line 1
    raw: str  # the number as it stood there
    number: Number
    name: str
    extra: dict[str, str]  # the other columns
    deadline: dt.datetime | None = None  # not called after it (D47), aware
    mend: ImportProblem | None = None  # what was repaired, if anything


@dataclass(slots=True)
class Source:
    """A list being read. Iterate it once; :attr:`read` counts the lines with data."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    number_column: int
    name_column: int | None
    region: str
    _lines: Iterator[tuple[int, list[Any]]]
    deadline_column: int | None = None
    read: int = 0
    _seen: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row | ImportProblem]:
        for line, cells in self._lines:
            if not any(str(c).strip() for c in cells if c is not None):
                continue
            self.read += 1
            yield self._row(line, cells)

    def _row(self, line: int, cells: list[Any]) -> Row | ImportProblem:
        cell = cells[self.number_column] if self.number_column < len(cells) else None
        shown = "" if cell is None else str(cell)[:MAX_CELL]
        try:
            text, repaired = repair(cell)
            number = parse(text, self.region)
        except NumberError as error:
            return ImportProblem(line=line, value=shown, reason=error.reason, mend=error.mend)
        first = self._seen.setdefault(number.e164, line)
        if first != line:
            return ImportProblem(line=line, value=shown, reason=f"{SAME_NUMBER} {first}", mend="nothing to do; the first line is called")
        name = ""
        if self.name_column is not None and self.name_column < len(cells) and cells[self.name_column] is not None:
            name = str(cells[self.name_column]).strip()[:MAX_CELL]
        deadline = None
        if self.deadline_column is not None and self.deadline_column < len(cells):
            try:
                deadline = deadline_of(cells[self.deadline_column], number.zones)
            except ValueError as error:
                return ImportProblem(line=line, value=shown, reason=f"deadline: {error}", mend="write 2026-12-24 or 2026-12-24 18:00")
        extra = {
            column: str(value).strip()[:MAX_CELL]
            for at, (column, value) in enumerate(zip(self.columns, cells, strict=False))
            if at not in (self.number_column, self.name_column, self.deadline_column) and value is not None and str(value).strip()
        }
        mend = ImportProblem(line=line, value=shown, reason=repaired, mend=f"taken as {text}") if repaired else None
        return Row(line, shown, number, name, extra, deadline, mend)


def deadline_of(cell: object, zones: Sequence[str]) -> dt.datetime | None:
    """Until when a line may be called: a date (to its end), or a date and time, in the callee's own wall clock unless it has an offset.

    Raises:
        ValueError: It is neither.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, dt.datetime):
        when, whole_day = cell, cell.time() == dt.time(0)
    elif isinstance(cell, dt.date):
        when, whole_day = dt.datetime.combine(cell, dt.time(0)), True
    else:
        text = str(cell).strip().replace("/", "-")
        try:
            when, whole_day = dt.datetime.fromisoformat(text), len(text) <= 10
        except ValueError:
            raise ValueError(f"'{text[:40]}' is no date") from None
    if not 2000 <= when.year < 2200:
        raise ValueError(f"the year {when.year} is none of a deadline")
    if when.tzinfo is None:
        when = when.replace(tzinfo=ZoneInfo(zones[0] if zones else "UTC"))
    return when + dt.timedelta(days=1) if whole_day else when


def repair(cell: object) -> tuple[str, str]:
    """Text of a number cell, and what had to be repaired ("" for nothing).

    Raises:
        NumberError: Digits were lost and cannot be brought back.
    """
    if cell is None:
        raise NumberError("no number", "fill the cell or delete the line")
    if isinstance(cell, bool):
        raise NumberError("not a telephone number", "write digits only, with + before a country code")
    if isinstance(cell, int):
        return str(cell), ""
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 2**53:
            return str(int(cell)), "stored as a number, not as text"
        raise NumberError("stored as a number and digits were lost", "format the column as text and enter the number again")
    text = str(cell).strip()
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1], "written as a formula"
    if text.startswith("'"):
        return text[1:], "leading apostrophe"
    if whole := _POINT_ZERO.fullmatch(text):
        return whole[1], "stored as a number, not as text"
    if short := _EXPONENT.fullmatch(text):
        digits = len(short[1].replace(".", ""))
        if digits == int(short[2]) + 1:
            try:
                return str(int(Decimal(text))), "written in exponent form"
            except InvalidOperation:  # pragma: no cover - the pattern allows only what Decimal reads
                pass
        raise NumberError(
            f"the spreadsheet kept {digits} of {int(short[2]) + 1} digits", "format the column as text before export, then import again"
        )
    return text, ""


# -- opening ------------------------------------------------------------------------------------------------------------------------


def encoding_of(path: Path) -> str:
    """``utf-8-sig``, ``utf-16`` or ``gb18030``, by reading the whole file once.

    Raises:
        ListError: It is none of them; the text names the line.
    """
    with path.open("rb") as file:
        head = file.read(4)
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        for name in ("utf-8-sig", "gb18030"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(name)("strict")
            line = 1
            try:
                while chunk := file.read(1 << 18):
                    decoder.decode(chunk)
                    line += chunk.count(b"\n")
                decoder.decode(b"", True)
                return name
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
        raise ListError(f"{path.name}: line {line}: neither UTF-8 nor GB18030 text; save the list as CSV UTF-8 and import again")


def _delimiter(sample: list[str]) -> str:
    """The delimiter that splits the first lines into the most columns, all the same."""
    best, score = ",", 0
    for mark in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=mark) if row]
        except csv.Error:  # reading the lines says where and why
            continue
        if widths and min(widths) > 1:
            same = widths.count(widths[0])
            if same * 100 + widths[0] > score and same * 2 > len(widths):
                best, score = mark, same * 100 + widths[0]
    return best


def _csv_lines(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[Any]]]:
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        start = 1
        try:
            for cells in reader:
                yield start, list(cells)
                start = reader.line_num + 1
        except csv.Error as error:
            raise ListError(f"{path.name}: line {start}: {error}; a quotation mark may not be closed") from error


def _xlsx_lines(path: Path) -> Iterator[tuple[int, list[Any]]]:
    import openpyxl

    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
            if not book.worksheets:
                raise ListError(f"{path.name}: the workbook has no sheet with cells")
            for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
                yield line, list(cells)
    except ListError:
        raise
    except zipfile.BadZipFile as error:
        raise ListError(f"{path.name}: not an XLSX workbook: {error}; open it in a spreadsheet and save it again") from error
    except Exception as error:  # of openpyxl, zlib and the XML reader, in a dozen ways
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ListError(f"{path.name}: a damaged XLSX workbook: {why}; open it in a spreadsheet and save it again") from error


def _find(columns: Iterable[str], wanted: str | None, known: frozenset[str], what: str, path: Path) -> int | None:
    names = list(columns)
    if wanted is not None:
        if wanted in names:
            return names.index(wanted)
        raise ListError(f"{path.name}: line 1: no column '{wanted}' for the {what}; the columns are {', '.join(names)}")
    for at, name in enumerate(names):
        if re.sub(r"[\s\-]+", "", name).casefold() in known:
            return at
    return None


def open_list(path: Path, mapping: Mapping[str, str] | None = None, region: str = "CN") -> Source:
    """Open a list and find its columns.

    Args:
        path: CSV (``.csv``, ``.txt``, ``.tsv``) or ``.xlsx``.
        mapping: Column names: ``{"number": "联系电话", "name": "客户"}``. None finds them by their usual Chinese and English names; a list
            without a header is taken when a cell of its first line is a number.
        region: Country of numbers written without +.

    Raises:
        ListError: The file cannot be read, or no column holds numbers.
    """
    unknown = set(mapping or {}) - {"number", "name", "deadline"}
    if unknown:
        raise ListError(f"mapping: unknown key '{sorted(unknown)[0]}'; the keys are number, name and deadline")
    if not path.is_file():
        raise ListError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise ListError(f"{path.name}: the file is empty")
    delimiter = ""
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm"):
        encoding = "xlsx"
        lines = _xlsx_lines(path)
    elif suffix == ".xls":
        raise ListError(f"{path.name}: the old .xls format is not read; save it as .xlsx or as CSV")
    else:
        encoding = encoding_of(path)
        with path.open(encoding=encoding, newline="") as file:
            delimiter = _delimiter(list(itertools.islice(file, 20)))
        lines = _csv_lines(path, encoding, delimiter)
    first = next(((line, cells) for line, cells in lines if any(str(c).strip() for c in cells if c is not None)), None)
    if first is None:
        raise ListError(f"{path.name}: the list has no lines")
    line, cells = first
    columns = tuple("" if c is None else str(c).strip() for c in cells)
    chosen = mapping or {}
    number = _find(columns, chosen.get("number"), NUMBER_HEADERS, "number", path)
    name = _find(columns, chosen.get("name"), NAME_HEADERS, "name", path)
    deadline = _find(columns, chosen.get("deadline"), DEADLINE_HEADERS, "deadline", path)
    if number is None:
        number = next((at for at, cell in enumerate(cells) if _is_number(cell, region)), None)
        if number is None:
            raise ListError(
                f"{path.name}: line {line}: no column of numbers among {', '.join(columns)}; name it, e.g. --map number='{columns[0]}'"
            )
        lines = itertools.chain([first], lines)
        columns = tuple(f"column{at}" for at in range(1, len(cells) + 1))
    return Source(path, encoding, delimiter, columns, number, name, region, lines, deadline)


def _is_number(cell: object, region: str) -> bool:
    try:
        parse(repair(cell)[0], region)
    except NumberError:
        return False
    return True


def rows_of(numbers: Sequence[str], region: str) -> list[Row | ImportProblem]:
    """Numbers as the lines of a list, 1 first."""
    seen: dict[str, int] = {}
    found: list[Row | ImportProblem] = []
    for line, text in enumerate(numbers, 1):
        try:
            number = parse(text, region)
        except NumberError as error:
            found.append(ImportProblem(line=line, value=text[:MAX_CELL], reason=error.reason, mend=error.mend))
            continue
        first = seen.setdefault(number.e164, line)
        if first == line:
            found.append(Row(line, text, number, "", {}))
        else:
            found.append(ImportProblem(line=line, value=text, reason=f"{SAME_NUMBER} {first}", mend="nothing to do"))
    return found


# -- writing ------------------------------------------------------------------------------------------------------------------------


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A CSV that spreadsheets open right: UTF-8 with BOM, no formulas, whole or not at all."""
    part = path.with_name(path.name + ".part")
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(list(columns))
    try:
        with part.open("w", encoding="utf-8-sig", newline="") as file:
            for row in rows:
                writer.writerow([safe_cell(c) for c in row])
                file.write(buffer.getvalue())
                buffer.seek(0)
                buffer.truncate()
            file.write(buffer.getvalue())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
