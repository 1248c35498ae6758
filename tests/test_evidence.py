"""Bundles of evidence: whole, masked, checkable by whoever gets one, and every change named (issue 6)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import Command
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.clock import run_virtual
from offhook.contacts.model import ContactIn, ListEntry
from offhook.contacts.policy import ContactPolicy
from offhook.messages import CallRecord, CampaignSpec
from offhook.node import Node

PERSON = {"kind": "person", "greeting": ["person-zh-*"]}


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CallRecord]]:
    """A folder with calls to persons who are known, on the grey list, and consented; their audio kept."""
    folder = tmp_path_factory.mktemp("evidence")

    async def main() -> list[CallRecord]:
        given = settings(folder, driver={"audio": True}, core={"capture_s": 60}, recordings={"keep": "all"}, rules={"packs": ("cn",)})
        async with Node(given, driver=simulator(PERSON, audio=True)) as node:
            spec = CampaignSpec(name="c", kind="service", department="care", prompt=tone_file(folder), retry={"rules": {}})
            await node.create_campaign(spec)
            await node.set_policy(ContactPolicy(consent=("service",)))
            for n in range(3):
                consent: dict[Any, dt.datetime | None] = {"service": None}
                about = ContactIn(ref=f"c{n}", numbers=(f"1390000000{n}",), name="Zhang San", consent=consent)
                await node.put_contact(about)
            await node.list_add(ListEntry(number="13900000001", list="grey", category="moved", reason="ask for the address"))
            await node.import_list("c", numbers_list(folder, 3))
            await node.start_campaign("c")
            await node.wait_campaign("c")
            return [await node.call(call.id) for call in await node.calls("c")]

    calls = run_virtual(main(), START)
    (folder / "offhook.toml").write_text(f"[node]\ndata_dir = {json.dumps(str(folder / 'data'))}\n[rules]\npacks = ['cn']\n", "utf-8")
    return folder, sorted(calls, key=lambda call: call.number)


@pytest.fixture
def place(dialled: tuple[Path, list[CallRecord]], tmp_path: Path) -> tuple[Path, list[CallRecord]]:
    """A copy to spoil."""
    folder, calls = dialled
    shutil.copytree(folder / "data", tmp_path / "data")
    (tmp_path / "offhook.toml").write_text(f"[node]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n[rules]\npacks = ['cn']\n", "utf-8")
    return tmp_path, calls


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as box:
        return {name: box.read(name) for name in box.namelist()}


def write(path: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as box:
        for name, data in content.items():
            box.writestr(name, data)


def test_a_reminder_of_the_grey_list_is_in_the_evidence_of_the_call_l01(dialled: tuple[Path, list[CallRecord]]) -> None:
    _, calls = dialled
    reminders = [[fact.detail for fact in call.evidence if fact.name == "remind"] for call in calls]
    assert reminders == [[], ["grey list: moved, ask for the address"], []]


def test_a_bundle_holds_all_that_is_known_and_no_number(place: tuple[Path, list[CallRecord]], offhook: Command) -> None:
    folder, calls = place
    bundle = folder / "b.zip"
    said = offhook("evidence", calls[1].id, "--out", bundle, "-c", folder / "offhook.toml")
    assert said.code == 0, said.err
    found = files(bundle)
    whole = b"\n".join(found.values())
    assert b"13900000001" not in whole
    assert b"Zhang" not in whole
    about, rules, person = (json.loads(found[f"{name}.json"]) for name in ("about", "rules", "person"))
    assert (about["campaign"]["department"], about["lead"]["list"], about["lead"]["number"]) == ("care", "list-0-3.csv", "139******01")
    said_then = {one["rule"]: (one["effect"], one["values"]) for one in rules["findings"]}
    assert said_then["consent"] == ("pass", "to calls of kind service for good")
    assert said_then["grey list"] == ("remind", "moved, ask for the address")
    assert rules["policy"]["spec"]["consent"] == ["service"]
    assert list(rules["packs"]) == [said_then["rules"][1]]
    assert next(iter(rules["packs"].values()))["name"] == "cn"
    assert person["contact"]["consent"] == {"service": ""}
    assert person["contact"]["changed_since"] is False
    assert [(one["list"], one["valid_then"]) for one in person["lists"]] == [("grey", True)]
    assert [one["result"] for one in person["ledger"]] == [calls[1].disposition]
    assert found["recording.wav"] == (folder / "data" / "recordings" / f"{calls[1].id}.wav").read_bytes()
    assert "RESULT    person" in found["time-line.txt"].decode()
    assert {fact["kind"] for fact in json.loads(found["trace.json"])} == {"signal"}
    for extra in ((), ("--store", "-c", folder / "offhook.toml")):
        checked = offhook("evidence", "verify", bundle, *extra)
        assert checked.code == 0, checked.out
        assert "whole" in checked.out


def test_numbers_are_shown_only_where_the_configuration_permits_it_l24(place: tuple[Path, list[CallRecord]], offhook: Command) -> None:
    folder, calls = place
    refused = offhook("evidence", calls[0].id, "--numbers", "--out", folder / "n.zip", "-c", folder / "offhook.toml")
    assert refused.code == 4
    assert "[evidence] numbers = true" in refused.err
    assert not (folder / "n.zip").exists()
    with (folder / "offhook.toml").open("a", encoding="utf-8") as config:
        config.write("[evidence]\nnumbers = true\n")
    assert offhook("evidence", calls[0].id, "--numbers", "--out", folder / "n.zip", "-c", folder / "offhook.toml").code == 0
    found = files(folder / "n.zip")
    assert json.loads(found["call.json"])["number"] == "13900000000"
    assert json.loads(found["person.json"])["contact"]["name"] == "Zhang San"
    assert offhook("evidence", "verify", folder / "n.zip", "--store", "-c", folder / "offhook.toml").code == 0


def edit_record(found: dict[str, bytes]) -> None:
    found["call.json"] = found["call.json"].replace(b'"disposition": "person"', b'"disposition": "machine"')


def edit_record_and_manifest(found: dict[str, bytes]) -> None:
    """As somebody would who knows what a manifest is."""
    import hashlib

    edit_record(found)
    manifest = json.loads(found["manifest.json"])
    manifest["files"]["call.json"] = {"sha256": hashlib.sha256(found["call.json"]).hexdigest(), "bytes": len(found["call.json"])}
    found["manifest.json"] = json.dumps(manifest).encode()


def change_audio(found: dict[str, bytes]) -> None:
    found["recording.wav"] = found["recording.wav"][:-1] + b"\0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit_record, "call.json was changed: its SHA-256 is"),
        (edit_record_and_manifest, "call.json does not fit its seal in the chain: the record was changed"),
        (change_audio, "recording.wav is not the recording that was sealed after the call"),
        (lambda found: found.pop("person.json"), "person.json was removed"),
        (lambda found: found.update({"note.txt": b"x"}), "note.txt was added"),
        (lambda found: found.update({"chain.json": b"[]"}), "chain.json was changed"),
    ],
)
def test_a_changed_bundle_is_told_and_where(
    dialled: tuple[Path, list[CallRecord]], tmp_path: Path, offhook: Command, change: Callable[[dict[str, bytes]], object], said: str
) -> None:
    folder, calls = dialled
    bundle = tmp_path / "b.zip"
    assert offhook("evidence", calls[2].id, "--out", bundle, "-c", folder / "offhook.toml").code == 0
    found = files(bundle)
    change(found)
    write(bundle, found)
    checked = offhook("evidence", "verify", bundle)
    assert checked.code == 5
    assert said in checked.out
    assert offhook("evidence", "verify", bundle, "--json").object["ok"] is False


def test_a_damaged_or_foreign_file_gets_a_clear_error(dialled: tuple[Path, list[CallRecord]], tmp_path: Path, offhook: Command) -> None:
    folder, calls = dialled
    bundle = tmp_path / "b.zip"
    made = offhook("evidence", "last", "--out", bundle, "-c", folder / "offhook.toml")
    assert made.code == 0
    assert "exists already" in offhook("evidence", "last", "--out", bundle, "-c", folder / "offhook.toml").err
    data = bundle.read_bytes()
    for name, content, said in (
        ("cut.zip", data[: len(data) // 2], "cut short or damaged"),
        ("flipped.zip", data[:2000] + bytes([data[2000] ^ 255]) + data[2001:], "damaged"),
        ("text.zip", b"hello", "cut short or damaged"),
        ("empty.zip", b"", "cut short or damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        told = offhook("evidence", "verify", tmp_path / name)
        assert (told.code, said in told.err) == (1, True), (name, told)
    write(tmp_path / "other.zip", {"a.txt": b"a"})
    assert "is no bundle of evidence" in offhook("evidence", "verify", tmp_path / "other.zip").err
    assert "No such file" in offhook("evidence", "verify", tmp_path / "none.zip").err
    assert offhook("evidence", "verify").code == 2
    assert offhook("evidence", "13900000001", "-c", folder / "offhook.toml").code == 2
    assert offhook("evidence", calls[0].id, "x", "-c", folder / "offhook.toml").code == 2
    assert "cannot be written" in offhook("evidence", "last", "--out", tmp_path / "no" / "b.zip", "-c", folder / "offhook.toml").err
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []


def test_a_change_in_the_store_is_named_by_the_chain_and_by_a_bundle_made_before(
    place: tuple[Path, list[CallRecord]], offhook: Command
) -> None:
    folder, calls = place
    config = folder / "offhook.toml"
    bundle = folder / "b.zip"
    before = offhook("evidence", "chain", "-c", config, "--json").object
    assert offhook("evidence", calls[0].id, "--out", bundle, "-c", config).code == 0
    whole = offhook("evidence", "chain", "-c", config, "--json").object
    assert (whole["ok"], whole["calls"], whole["entries"]) == (True, 3, before["entries"] + 1)
    with sqlite3.connect(folder / "data" / "offhook.db") as database:
        database.execute("UPDATE call SET disposition = 'machine', cause = 17 WHERE id = ?", (calls[0].id,))
    broken = offhook("evidence", "chain", "-c", config)
    assert broken.code == 5
    assert f"call {calls[0].id} was changed" in broken.out
    told = offhook("evidence", "verify", bundle, "--store", "-c", config)
    assert told.code == 5
    assert 'disposition: the bundle has "person", the database "machine"' in told.out
    assert "cause: the bundle has 16, the database 17" in told.out
    assert offhook("evidence", "verify", bundle).code == 0  # the bundle itself is as it was


def test_a_link_noted_elsewhere_shows_that_a_chain_was_made_anew(place: tuple[Path, list[CallRecord]], offhook: Command) -> None:
    folder, _ = place
    config = folder / "offhook.toml"
    head = offhook("evidence", "chain", "-c", config, "--json").object["head"]
    assert offhook("evidence", "chain", head, "-c", config).code == 0
    with sqlite3.connect(folder / "data" / "offhook.db") as database:
        database.execute("DELETE FROM chain WHERE seq = (SELECT max(seq) FROM chain)")
    assert offhook("evidence", "chain", "-c", config).code == 0  # the end of a chain alone does not tell
    told = offhook("evidence", "chain", head, "-c", config)
    assert told.code == 5
    assert "is missing: the chain was cut or made anew" in told.out
    assert offhook("evidence", "chain", "6:xyz", "-c", config).code == 2


def test_commands_at_once_leave_one_whole_chain(place: tuple[Path, list[CallRecord]]) -> None:
    from offhook.config import Settings
    from offhook.desk import open_desk
    from offhook.store import chain

    folder, _ = place
    given = Settings.load(folder / "offhook.toml")

    async def seal(n: int) -> None:
        async with open_desk(given) as desk:
            for k in range(5):
                digest = f"{n * 5 + k:064x}"
                await desk.store.work(partial(chain.seal_files, what=chain.BUNDLE, files={digest: digest}))

    async def checked() -> chain.Checked:
        async with open_desk(given) as desk:
            return await desk.store.read(chain.check)

    async def main() -> tuple[chain.Checked, chain.Checked]:
        before = await checked()
        await asyncio.gather(*(seal(n) for n in range(4)))
        return before, await checked()

    before, after = asyncio.run(main())
    assert (after.entries, after.broken) == (before.entries + 20, ())
