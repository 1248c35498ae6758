"""Contacts with several numbers, lists and the policy, on both databases, through a desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aio import in_loop
from pydantic import ValidationError

from offhook.clock import Uuid7, loop_clock
from offhook.config import Settings
from offhook.contacts import ContactCap, ContactPolicy
from offhook.contacts.model import ContactIn, ListEntry, Refusal, Suppression, TakeOff, Whom
from offhook.desk import Desk, open_desk
from offhook.errors import ListError
from offhook.messages import CampaignSpec
from offhook.store import Lead, suppression
from offhook.store import tables as t
from offhook.store.contacts import ContactError

ZONES = [("Asia/Shanghai",)]


@asynccontextmanager
async def desk(folder: Path, url: str) -> AsyncIterator[Desk]:
    settings = Settings.model_validate({"node": {"data_dir": folder / "data"}, "database": {"url": url, "durable": False}})
    async with open_desk(settings) as made:
        yield made


def csv(folder: Path, *numbers: str) -> Path:
    path = folder / "numbers.csv"
    path.write_text("电话\n" + "\n".join(numbers) + "\n", encoding="utf-8")
    return path


async def campaign(made: Desk, folder: Path, name: str, *numbers: str) -> int:
    await made.create_campaign(CampaignSpec(name=name, kind="marketing"))
    await made.import_list(name, csv(folder, *numbers))
    return next(stored.id for stored in await made.store.campaigns() if stored.spec.name == name)


async def reserve(made: Desk, key: int, name: str) -> list[Lead]:
    return await made.store.reserve("node1", key, ZONES, 10, Uuid7(loop_clock()), CampaignSpec(name=name, kind="marketing"))


async def reasons(made: Desk) -> dict[str, str]:
    return await made.store.read(lambda connection: {r.raw: r.reason for r in connection.execute(t.lead.select()) if r.state == "closed"})


@in_loop
async def test_a_contact_is_stored_replaced_and_found_by_any_of_its_numbers(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        first = ContactIn(
            ref="c1", numbers=("13900000001", "021-62345678"), name="王", level="vip", attributes={"age": "34"}, tags=("old",)
        )
        assert (await made.put_contact(first)).numbers == ("+8613900000001", "+862162345678")
        until = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
        await made.put_contact(ContactIn(ref="c1", numbers=("13900000002",), name="王芳", consent={"marketing": until, "survey": None}))
        found = await made.contact(Whom(number="139 0000 0002"))
        assert (found.ref, found.name, found.level) == ("c1", "王芳", "")
        assert found.numbers == ("+8613900000001", "+862162345678", "+8613900000002")
        assert found.consent == {"marketing": until, "survey": None}


@in_loop
async def test_a_number_belongs_to_one_contact_and_nothing_is_kept_of_a_refused_one(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await made.put_contact(ContactIn(ref="c1", numbers=("13900000001",)))
        with pytest.raises(ContactError, match="belongs to another contact"):
            await made.put_contact(ContactIn(ref="c2", numbers=("13900000002", "13900000001")))
        with pytest.raises(ContactError, match="no contact has the ref 'c2'"):
            await made.contact(Whom(ref="c2"))
        with pytest.raises(ContactError, match="digits are missing"):
            await made.put_contact(ContactIn(ref="c3", numbers=("0453114",)))
        assert (await made.put_contact(ContactIn(ref="c2", numbers=("13900000002",)))).numbers == ("+8613900000002",)


@in_loop
async def test_a_number_that_joins_a_contact_brings_its_history_and_its_lists(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await made.set_policy(ContactPolicy(caps=(ContactCap(name="day", attempts=1, window_s=86400),)))
        await made.note(Refusal(number="13900000001", result="sms"))
        await made.list_add(ListEntry(number="13900000001", list="grey", category="late"))
        await made.list_add(ListEntry(number="13900000001", list="grey", category="vacant", scope="number"))
        await made.put_contact(ContactIn(ref="c1", numbers=("13900000002", "13900000001")))
        key = await campaign(made, tmp_path, "c1", "13900000002")
        assert await reserve(made, key, "c1") == []  # the SMS to the other number counts
        assert [one.category for one in await made.lists_of(Whom(number="13900000002"))] == ["late"]
        assert {one.category for one in await made.lists_of(Whom(ref="c1"))} == {"late", "vacant"}


@in_loop
async def test_somebody_on_the_black_list_is_closed_and_the_reason_kept_l01(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        key = await campaign(made, tmp_path, "c1", "13900000001", "13900000002", "13900000003")
        await made.list_add(ListEntry(number="13900000001", list="black", category="complaint", reason="hotline"))
        await made.list_add(ListEntry(number="13900000002", list="grey", category="moved"))
        taken = await reserve(made, key, "c1")
        assert [(lead.raw, lead.reminders) for lead in taken] == [("13900000002", ("grey list: moved",)), ("13900000003", ())]
        assert await reasons(made) == {"13900000001": "black list: complaint, hotline"}


@in_loop
async def test_an_entry_is_replaced_ends_with_its_validity_and_can_be_taken_off_l02(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        await made.list_add(ListEntry(number="13900000001", list="dnd", category="asked"))
        await made.list_add(ListEntry(number="13900000001", list="dnd", category="asked", starts=past - dt.timedelta(days=9), until=past))
        assert len(await made.lists_of(Whom(number="13900000001"))) == 1
        key = await campaign(made, tmp_path, "c1", "13900000001", "13900000002")
        assert len(await reserve(made, key, "c1")) == 2  # no longer valid
        await made.list_add(ListEntry(number="13900000001", list="red", category="vip"))
        assert await made.list_counts() == {"dnd": 1, "red": 1}
        assert await made.list_remove(TakeOff(number="13900000001", list="dnd")) == 1
        assert await made.list_remove(TakeOff(number="13900000001", list="dnd")) == 0
        assert await made.list_counts() == {"red": 1}


@in_loop
async def test_a_file_goes_on_a_list_as_one_and_says_what_it_could_not_take_l02(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        path = csv(tmp_path, *(f"{13_900_000_000 + n}" for n in range(2500)), "0453114", "13900000007")
        entry = ListEntry(ref="-", list="dnd", category="register", kinds=("marketing",))
        report = await made.list_import(entry, path)
        assert (report.read, report.added, report.rejected, report.repeated) == (2502, 2500, 1, 1)
        assert report.problems == ("line 2502: digits are missing; write the whole number with its area code",)
        assert await made.list_counts() == {"dnd": 2500}
        assert (await made.lists_of(Whom(number="13900002499")))[0].batch == "numbers.csv"
        with pytest.raises(ListError):
            await made.list_import(entry, tmp_path / "none.csv")


@in_loop
async def test_a_refusal_rests_the_person_in_every_campaign(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        key = await campaign(made, tmp_path, "c1", "13900000001")
        await made.note(Refusal(number="13900000001", department="branch"))
        assert await reserve(made, key, "c1") == []
        due = await made.store.due(key)
        assert due[0].first_ms > dt.datetime.now(dt.UTC).timestamp() * 1000 + 59 * 86_400_000


@in_loop
async def test_the_policy_has_versions_and_the_newest_holds(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        assert (await made.policy()).version == 0
        await made.set_policy(ContactPolicy())
        shown = await made.set_policy(ContactPolicy(caps=(ContactCap(name="x", attempts=1, window_s=60),)))
        assert shown.version == 2
        assert (await made.policy()) == shown


@in_loop
async def test_a_suppression_closes_what_waits_everywhere_and_what_comes_later_l12(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        first = await campaign(made, tmp_path, "c1", "13900000001", "13900000002")
        await campaign(made, tmp_path, "c2", "13900000001")
        told = await made.suppress(Suppression(number="13900000001", category="paid", reason="invoice 7"))
        assert (told.leads, told.calls) == (2, 0)
        assert await reasons(made) == {"13900000001": "suppressed: paid, invoice 7"}
        third = await campaign(made, tmp_path, "c3", "13900000001")
        assert await reserve(made, third, "c3") == []
        assert [lead.raw for lead in await reserve(made, first, "c1")] == ["13900000002"]


@in_loop
async def test_a_suppression_of_one_campaign_or_kind_leaves_the_others(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await campaign(made, tmp_path, "c1", "13900000001")
        other = await campaign(made, tmp_path, "c2", "13900000001")
        assert (await made.suppress(Suppression(number="13900000001", campaign="c1"))).leads == 1
        assert (await made.suppress(Suppression(number="13900000001", kinds=("survey",)))).leads == 0
        assert len(await reserve(made, other, "c2")) == 1


@in_loop
async def test_rows_of_other_programs_are_carried_out_once_and_wrong_ones_say_why(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await campaign(made, tmp_path, "c1", "13900000001", "13900000002")
        insert = "INSERT INTO suppression (number, category) VALUES ('139-0000-0001', 'paid'), ('12', 'paid'), ('13900000002', '')"
        await made.store.work(lambda connection: connection.exec_driver_sql(insert).rowcount)
        orders, waiting = await made.store.read(lambda connection: suppression.follow(connection, 0))
        assert (orders, [one.number for one in waiting]) == ([], ["139-0000-0001", "12", "13900000002"])
        ids = [one.id for one in waiting]
        done = await made.store.work(lambda connection: suppression.carry_out(connection, ids, 5000))
        assert [order.number for order in done] == [8613900000001]
        assert await made.store.work(lambda connection: suppression.carry_out(connection, ids, 6000)) == []
        orders, waiting = await made.store.read(lambda connection: suppression.follow(connection, 5000))
        assert (orders, waiting) == (done, [])
        assert await reasons(made) == {"13900000001": "suppressed: paid"}
        said = await made.store.read(lambda connection: [suppression.problem(connection, key) for key in (1, 2, 3)])
        assert said[0] == ""
        assert "number '12'" in said[1]
        assert "category" in said[2]


@pytest.mark.parametrize("wrong", [{}, {"number": "1", "ref": "2"}, {"number": "1", "starts": "2026-01-02T00:00:00"}])
def test_somebody_is_named_by_number_or_ref_and_times_have_an_offset(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ListEntry.model_validate({"list": "black", **wrong})
