"""The chain of stored calls: what was changed, removed or slipped in is found, on both databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from sqlalchemy import text
from test_store import database, filled, keep, open_store

from offhook.store import chain
from offhook.store import tables as t
from offhook.store.chain import Checked


async def calls(folder: Path, url: str, count: int = 4) -> list[str]:
    """A closed database with that many linked calls; their ids."""
    store = await open_store(folder, url)
    campaign, leads = await filled(store, count)
    for lead in leads[: count // 2]:
        keep(store, campaign, lead)
    await store.flush()
    for lead in leads[count // 2 :]:
        keep(store, campaign, lead)
        store.recorded(lead.call_id, "ab" * 32)
    await store.close()
    return [lead.call_id for lead in leads]


def checked(url: str, *changes: str) -> Checked:
    """The chain after somebody has changed the tables."""
    with database(url).connect() as connection:
        for change in changes:
            connection.execute(text(change))
        connection.commit()
        return chain.check(connection)


def said(found: Checked) -> list[str]:
    return [one.text for one in found.broken]


@in_loop
async def test_stored_calls_and_recordings_are_linked_and_the_chain_holds(tmp_path: Path, database_url: str) -> None:
    await calls(tmp_path, database_url)
    found = checked(database_url)
    assert (found.entries, found.calls, found.earlier, said(found)) == (6, 4, 0, [])
    assert found.head is not None
    assert found.head.seq == 6


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE call SET disposition = 'machine' WHERE id = '{0}'", ["call {0} was changed"]),
        ("UPDATE call SET duration_ms = duration_ms + 1 WHERE id = '{1}'", ["call {1} was changed"]),
        ("UPDATE call SET number = '13900000077' WHERE id = '{1}'", ["call {1} was changed"]),
        ("UPDATE call SET number = '13912345600' WHERE id = '{0}'", ["call {0} was changed: a number in it"]),
        ("DELETE FROM call WHERE id = '{2}'", ["call {2} was removed"]),
        ("UPDATE chain SET open = sealed WHERE seq = 2", ["entry 2 was changed: its link does not follow from the entry before"]),
    ],
)
@in_loop
async def test_a_change_is_found_where_it_was_made(tmp_path: Path, database_url: str, change: str, where: list[str]) -> None:
    ids = await calls(tmp_path, database_url)
    found = said(checked(database_url, change.format(*ids)))
    assert found[: len(where)] == [one.format(*ids) for one in where]
    assert len(found) <= len(where) + 1  # a changed seal does not fit its record either


@in_loop
async def test_whoever_removes_both_the_call_and_its_entry_leaves_a_gap(tmp_path: Path, database_url: str) -> None:
    ids = await calls(tmp_path, database_url)
    found = checked(database_url, f"DELETE FROM call WHERE id = '{ids[1]}'", f"DELETE FROM chain WHERE ref = '{ids[1]}'")
    assert said(found) == ["1 entry before 3 removed"]


@in_loop
async def test_a_call_that_was_slipped_in_is_named(tmp_path: Path, database_url: str) -> None:
    ids = await calls(tmp_path, database_url)
    columns = ", ".join(column.name for column in t.call.c if column.name != "id")
    found = checked(database_url, f"INSERT INTO call (id, {columns}) SELECT '{ids[0][:-1]}9', {columns} FROM call WHERE id = '{ids[0]}'")
    assert said(found) == [f"call {ids[0][:-1]}9 is stored, and was never linked: it was slipped in, or its entry removed"]


@in_loop
async def test_a_result_that_a_spool_repeats_is_linked_once(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 2)
    for _ in range(2):
        for lead in leads:
            keep(store, campaign, lead)
        await store.flush()
    await store.close()
    assert checked(database_url).entries == 2


def test_a_masked_record_has_the_open_digest_of_the_whole_one() -> None:
    record: dict[str, Any] = {"id": "1", "number": "+8613900000001", "dialled": "013900000001", "digits": "6225888812345678"}
    record |= {"evidence": [[0, "did", "dial", "013900000001"], [5, "signal", "answered", "13900000001 4"]], "cause": 16}
    opened = chain.open_record(record)
    assert "13900000001" not in json.dumps(opened)
    assert "22588881234567" not in json.dumps(opened)
    assert opened["evidence"][0] == [0, "did", "dial", "013*******01"]
    assert chain.open_digest(opened) == chain.open_digest(chain.open_record(json.loads(json.dumps(record))))
    assert chain.open_record(opened) == opened  # masking twice changes nothing


def test_the_id_of_a_call_is_not_taken_for_a_number() -> None:
    call = "019cac0f-2784-7002-9334-238407241234"
    assert chain.hide([call, f"call {call} to 13900000001"]) == [call, f"call {call} to 139******01"]
    assert chain.open_record({"id": call, "number": "", "dialled": "", "digits": ""})["id"] == call


def test_a_column_that_says_nothing_does_not_change_an_old_seal() -> None:
    record = chain.record_of({"id": "1", "cause": None, "voicemail": ""})
    assert record == {"id": "1", "cause": None}
    assert chain.record_of({"id": "1", "voicemail": "m.wav"}) == {"id": "1", "voicemail": "m.wav"}
