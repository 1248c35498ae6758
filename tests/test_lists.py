"""Lists (D31, D33): read as they come, every bad line reported, and nothing half taken."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import openpyxl
import pytest

from offhook.errors import ListError
from offhook.lists.reader import Row, encoding_of, open_list, repair, safe_cell, write_csv
from offhook.messages import ImportProblem
from offhook.numbers import NumberError


def read(path: Path, mapping: dict[str, str] | None = None) -> tuple[list[Row], list[ImportProblem]]:
    found = list(open_list(path, mapping))
    return [f for f in found if isinstance(f, Row)], [f for f in found if isinstance(f, ImportProblem)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_encoding_and_delimiter_that_spreadsheets_write(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "list.csv"
    lines = ["姓名|手机号码|套餐", "客户一|13912345678|畅享", "客户二|13812345678|"]
    path.write_text("\r\n".join(line.replace("|", delimiter) for line in lines), encoding=encoding)
    rows, problems = read(path)
    assert not problems
    assert [(r.name, r.number.e164) for r in rows] == [("客户一", "+8613912345678"), ("客户二", "+8613812345678")]
    assert rows[0].extra == {"套餐": "畅享"}
    assert rows[0].line == 2


def test_utf_8_is_not_taken_for_gb18030_although_it_would_pass(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("客户".encode())
    assert "客户".encode().decode("gb18030")  # no error: that is the trap
    assert encoding_of(path) == "utf-8-sig"


def test_bytes_that_are_no_text_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"phone\n13912345678\n\xff\xff\xff\n")
    with pytest.raises(ListError, match="line 3: neither UTF-8 nor GB18030"):
        open_list(path)


def test_every_bad_line_has_its_number_value_reason_and_mend(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("phone,name\n13912345678,a\n0453114,b\n\n10086,c\n139 1234 5678,d\n1.38E+10,e\n1.3812345678E+10,f\n,g\n")
    rows, problems = read(path)
    assert [r.number.e164 for r in rows] == ["+8613912345678", "+8613812345678"]
    assert [(p.line, p.value) for p in problems] == [(3, "0453114"), (5, "10086"), (6, "139 1234 5678"), (7, "1.38E+10"), (9, "")]
    assert problems[2].reason == "same number as line 2"
    assert "3 of 11 digits" in problems[3].reason
    assert all(p.mend for p in problems)
    assert rows[1].mend is not None and "exponent" in rows[1].mend.reason


def test_a_list_without_header_is_taken_when_a_cell_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("zhang,13912345678\nli,13812345678\n")
    rows, _ = read(path)
    assert len(rows) == 2
    assert rows[0].line == 1
    assert rows[0].extra == {"column1": "zhang"}


def test_columns_can_be_named_and_a_wrong_name_lists_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("甲,乙,丙\nx,13912345678,y\n", encoding="utf-8")
    rows, _ = read(path, {"number": "乙", "name": "丙"})
    assert rows[0].name == "y"
    with pytest.raises(ListError, match=r"no column '丁' for the number; the columns are 甲, 乙, 丙"):
        open_list(path, {"number": "丁"})
    with pytest.raises(ListError, match="unknown key 'phone'"):
        open_list(path, {"phone": "乙"})


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        ("", ".csv", "empty"),
        ("\n\n", ".csv", "no lines"),
        ("a,b\nc,d\n", ".csv", "no column of numbers among a, b"),
        ("not a workbook", ".xlsx", "not an XLSX workbook"),
        ("x", ".xls", "save it as .xlsx"),
    ],
)
def test_files_that_are_no_lists_are_refused_with_a_mend(tmp_path: Path, content: str, suffix: str, message: str) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(content)
    with pytest.raises(ListError, match=message):
        open_list(path)
    with pytest.raises(ListError, match="no such file"):
        open_list(tmp_path / "none.csv")


def test_an_open_quotation_mark_is_reported_and_does_not_swallow_the_list_silently(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('phone,name\n13912345678,"a\n' + "13812345678,b\n" * 20_000)
    with pytest.raises(ListError, match="quotation mark"):
        read(path)


def test_xlsx_with_numbers_stored_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in (
        ["电话", "姓名"],
        [13912345678, "a"],
        [13812345678.0, "b"],
        ["13712345678", "c"],
        [1.23e17, "d"],
        [None, "e"],
        [True, "f"],
        [1012345678, "g"],
    ):
        sheet.append(cells)
    book.save(path)
    rows, problems = read(path)
    assert [r.number.e164 for r in rows] == ["+8613912345678", "+8613812345678", "+8613712345678", "+861012345678"]
    assert [p.line for p in problems] == [5, 6, 7]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("13912345678", "13912345678"),
        (13912345678, "13912345678"),
        (13912345678.0, "13912345678"),
        ('="13912345678"', "13912345678"),
        ("'13912345678", "13912345678"),
        ("13912345678.0", "13912345678"),
        ("1.3912345678e+10", "13912345678"),
    ],
)
def test_what_spreadsheets_do_to_numbers_is_undone(cell: object, text: str) -> None:
    assert repair(cell)[0] == text


@pytest.mark.parametrize("cell", ["1.39E+10", "1.391234567E+10", 13912345678.5, float("inf"), None])
def test_digits_that_are_lost_stay_lost(cell: object) -> None:
    with pytest.raises(NumberError):
        repair(cell)


def test_exports_hold_no_formulas_and_are_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_csv(path, ["value"], [["=HYPERLINK(1)"], ["+8613912345678"], ["-1"], ["@x"], ["plain"], [None]])
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["value", "'=HYPERLINK(1)", "'+8613912345678", "'-1", "'@x", "plain", ""]
    assert safe_cell("\tx") == "'\tx"

    def fails() -> list[list[str]]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_csv(tmp_path / "bad.csv", ["value"], (fails() for _ in range(1)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv"]


def test_a_hundred_thousand_lines_with_two_per_cent_bad_ones(tmp_path: Path) -> None:
    rng = random.Random(7)
    bad = set(rng.sample(range(100_000), 2_000))
    wrong = ["0453114", "10086", "1.38E+10", "n/a", ""]
    path = tmp_path / "list.csv"
    with path.open("w", encoding="gb18030") as file:
        file.write("姓名,电话\n")
        for n in range(100_000):
            file.write(f"客户{n},{wrong[n % 5] if n in bad else 13_900_000_000 + n}\n")
    rows, problems = read(path)
    assert len(rows) == 98_000
    assert {p.line - 2 for p in problems} == bad
