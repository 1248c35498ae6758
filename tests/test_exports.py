"""Locked spreadsheets of what was handed out, one an owner, and the book of who exported what (L21, L24, L25)."""

from __future__ import annotations

import hashlib
import io
import stat
from pathlib import Path
from typing import Any

import msoffcrypto
import openpyxl
import pytest
from aio import in_loop
from commands import Command
from msoffcrypto.exceptions import InvalidKeyError
from nodes import settings

from offhook.clock import loop_clock
from offhook.desk import Desk
from offhook.lists.exports import ExportError, new_password, write_locked
from offhook.lists.handing import HandOut
from offhook.messages import CampaignSpec
from offhook.store import Store

ANN, BEN = "agent:ann", "agent:ben"
EXPORT = {"full_numbers": (BEN,), "masked_columns": ("id card",)}


async def desk(folder: Path, url: str) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder, export=EXPORT), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1"))
    path = folder / "list.csv"
    rows = "".join(f"{13_900_000_000 + n},=n{n},3101{n},{30 + n}\n" for n in range(4))
    path.write_text("电话,姓名,id card,age\n" + rows, encoding="utf-8")
    await made.import_list("c1", path)
    return made


def opened(file: str | Path, password: str) -> list[list[Any]]:
    """The sheet as a spreadsheet shows it."""
    plain = io.BytesIO()
    with Path(file).open("rb") as data:
        locked = msoffcrypto.OfficeFile(data)
        locked.load_key(password=password, verify_password=True)
        locked.decrypt(plain)
    return [list(row) for row in openpyxl.load_workbook(plain).worksheets[0].iter_rows(values_only=True)]


@in_loop
async def test_each_owner_gets_a_sheet_of_its_own_leads_that_only_its_password_opens_l21(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.hand_out(HandOut(campaign="c1", to=(ANN, BEN)))
    ann, ben = await made.allot("c1", tmp_path / "out", by="carol", passwords={ANN: "correct horse"})
    assert (ann.owner, ann.leads, ann.password, ben.leads, len(ben.password)) == (ANN, 2, "", 2, 14)
    rows = opened(ann.file, "correct horse")
    assert rows[0] == ["lead", "number", "name", "attempts", "last", "deadline", "age", "id card"]
    assert [row[2] for row in rows[1:]] == ["'=n0", "'=n2"]  # no formula
    assert [row[2] for row in opened(ben.file, ben.password)[1:]] == ["'=n1", "'=n3"]
    with pytest.raises(InvalidKeyError):
        opened(ann.file, ben.password)
    assert b"13900000000" not in Path(ann.file).read_bytes()
    assert stat.S_IMODE(Path(ann.file).stat().st_mode) == 0o600
    assert not list((tmp_path / "out").glob("*.part"))
    await made.store.close()


@in_loop
async def test_numbers_and_key_columns_are_hidden_from_who_may_not_see_them_l24_l25(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.hand_out(HandOut(campaign="c1", to=(ANN, BEN)))
    ann, ben = await made.allot("c1", tmp_path, by="carol")
    assert (ann.whole_numbers, ben.whole_numbers) == (False, True)
    assert [(row[1], row[7]) for row in opened(ann.file, ann.password)[1:]] == [("139******00", "***"), ("139******02", "***")]
    assert [(row[1], row[7]) for row in opened(ben.file, ben.password)[1:]] == [("13900000001", "31011"), ("13900000003", "31013")]
    await made.store.close()


@in_loop
async def test_the_book_says_who_exported_what_and_when_l21(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.hand_out(HandOut(campaign="c1", to=(ANN, BEN)))
    (sheet,) = await made.allot("c1", tmp_path, by="carol", owners=[BEN])
    (entry,) = await made.exports("c1")
    assert (entry.by, entry.what, entry.owner, entry.rows, entry.whole_numbers) == ("carol", "allotment", BEN, 2, True)
    assert entry.sha256 == sheet.sha256 == hashlib.sha256(Path(sheet.file).read_bytes()).hexdigest()
    assert await made.exports("c2") == []
    await made.store.close()


@in_loop
async def test_what_cannot_be_exported_leaves_no_file_and_no_entry(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    with pytest.raises(ExportError, match="nobody has leads that wait"):
        await made.allot("c1", tmp_path / "out", by="carol")
    await made.hand_out(HandOut(campaign="c1", to=(ANN,)))
    with pytest.raises(ExportError, match="'agent:zoe' has leads"):
        await made.allot("c1", tmp_path / "out", by="carol", owners=["agent:zoe"])
    with pytest.raises(ExportError, match="has 3 characters; take 8 or more"):
        await made.allot("c1", tmp_path / "out", by="carol", passwords={ANN: "abc"})
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="choose another folder"):
        await made.allot("c1", tmp_path / "file", by="carol")
    assert await made.exports() == []
    assert not (tmp_path / "out").exists()
    await made.store.close()


def test_passwords_differ_and_a_sheet_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert len({new_password() for _ in range(100)}) == 100
    with pytest.raises(ExportError, match="more than a sheet holds"):
        write_locked(tmp_path / "x.xlsx", ["a"], range(1_000_001), "password")  # type: ignore[arg-type]


def test_the_commands_write_the_sheets_and_show_the_book(offhook: Command, tmp_path: Path) -> None:
    config, secret = tmp_path / "offhook.toml", tmp_path / "passwords.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n[export]\nfull_numbers = ["agent:ben"]\n')
    secret.write_text('ann = "correct horse"\n')
    (tmp_path / "list.csv").write_text("phone,name\n13900000001,x\n13900000002,y\n")
    offhook("campaign", "create", "spring", "-c", config)
    offhook("campaign", "import", "spring", tmp_path / "list.csv", "-c", config)
    assert "nobody has leads" in offhook("list", "allot", "spring", "-o", tmp_path, "-c", config).err
    offhook("list", "hand-out", "spring", "ann", "ben", "-c", config)
    done = offhook("list", "allot", "spring", "-o", tmp_path, "--passwords", secret, "--by", "carol", "-c", config, "--json")
    ann, ben = done.object["sheets"]
    assert opened(ann["file"], "correct horse")[1][1] == "139******01"
    assert opened(ben["file"], ben["password"])[1][1] == "13900000002"
    offhook("campaign", "export", "spring", "-o", tmp_path / "calls.csv", "-c", config)
    book = offhook("list", "exports", "spring", "-c", config, "--json").object["exports"]
    assert [(one["what"], one["owner"]) for one in book] == [("calls", ""), ("allotment", BEN), ("allotment", ANN)]
    assert [one["by"] for one in book[1:]] == ["carol", "carol"]
    secret.write_text("ann = 7\n")
    assert 'write "agent:ann"' in offhook("list", "allot", "spring", "-o", tmp_path, "--passwords", secret, "-c", config).err
