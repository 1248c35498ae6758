"""Results that wait for the database: none is lost when the disk is full too."""

from __future__ import annotations

import contextlib
import logging
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.store.spool import Spool, read_spool


@contextlib.contextmanager
def room_for(octets: int) -> Iterator[None]:
    """No file of this process may grow beyond *octets*: a write stops in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def rows(*numbers: int) -> list[tuple[str, dict[str, object]]]:
    return [("result", {"number": number, "name": "李\u2028\x85" * 20}) for number in numbers]


def test_rows_without_room_wait_in_memory_and_leave_no_half_line_d35(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "node1.spool")
    spool.append(rows(0))
    with caplog.at_level(logging.INFO), room_for(spool.path.stat().st_size + 30):
        spool.append(rows(1))
        spool.append(rows(2, 3))
    assert spool.unwritten == 3
    assert read_spool(spool.path) == rows(0)
    assert [record.levelname for record in caplog.records] == ["ERROR"], "said once, not with every result"
    assert "make room" in caplog.text
    spool.append(rows(4))
    assert spool.unwritten == 0
    assert read_spool(spool.path) == rows(0, 1, 2, 3, 4)
    spool.remove()
    assert not spool.path.exists()


def test_a_line_that_was_cut_off_does_not_take_the_later_ones_with_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "node1.spool")
    spool.append(rows(0))
    with spool.path.open("a", encoding="utf-8") as file:
        file.write('["result", {"cut off\n')
    spool.append(rows(1))
    assert read_spool(spool.path) == rows(0, 1)


def test_a_spool_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_spool(tmp_path / "none.spool") == []
    Spool(tmp_path / "none.spool").remove()
