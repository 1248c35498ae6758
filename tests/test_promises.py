"""Call-backs: promised calls go before all others, at their time and not before (D54, Q03)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command, offhook_command  # noqa: F401 - a fixture
from nodes import numbers_list, settings

from offhook.clock import Uuid7, loop_clock
from offhook.contacts.model import CallBack, ContactIn, Whom
from offhook.contacts.why import why
from offhook.desk import Desk
from offhook.errors import CampaignError
from offhook.messages import CampaignSpec
from offhook.store import Store
from offhook.store import tables as t

ZONES = [("Asia/Shanghai",)]


async def desk(folder: Path, url: str) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1"))
    await made.import_list("c1", numbers_list(folder, 5))
    await made.start_campaign("c1")
    return made


@in_loop
async def test_a_promised_call_comes_first_when_its_time_has_come_and_not_before(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    now = dt.datetime.now(dt.UTC)
    await made.call_back(CallBack(number="13900000004", campaign="c1", at=now, agent="anna"))
    await made.call_back(CallBack(number="13900000003", campaign="c1", at=now + dt.timedelta(hours=2)))
    taken = await made.store.reserve("node1", 1, ZONES, 2, Uuid7(loop_clock()))
    assert [(lead.raw[-1], lead.agent) for lead in taken] == [("4", "anna"), ("0", "")]
    with pytest.raises(CampaignError, match="is being called right now"):
        await made.call_back(CallBack(number="13900000004", campaign="c1", at=now))
    rest = await made.store.reserve("node1", 1, ZONES, 9, Uuid7(loop_clock()))
    assert [lead.raw[-1] for lead in rest] == ["1", "2"]
    later = (await why(made.store, Whom(number="13900000003"), now)).leads[0]
    assert (later.answer, later.next) == ("later", dt.datetime.fromtimestamp(round((now.timestamp() + 7200) * 1000) / 1000, dt.UTC))
    await made.store.close()


@in_loop
async def test_a_closed_lead_is_opened_again_and_a_new_person_becomes_a_lead(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.put_contact(ContactIn(ref="c7", numbers=("13900000001", "02162345678")))
    await made.store.work(lambda connection: connection.execute(t.lead.update().values(state="closed")))
    now = dt.datetime.now(dt.UTC)
    again = await made.call_back(CallBack(ref="c7", campaign="c1", at=now))
    assert (again.lead, again.number) == (2, "+8613900000001")
    new = await made.call_back(CallBack(number="13911111111", campaign="c1", at=now - dt.timedelta(days=1)))
    assert (new.lead, new.number) == (6, "+8613911111111")
    assert new.at >= now - dt.timedelta(seconds=1)  # the past means now
    taken = await made.store.reserve("node1", 1, ZONES, 9, Uuid7(loop_clock()))
    assert sorted(lead.id for lead in taken) == [2, 6]
    with pytest.raises(CampaignError, match="no campaign 'c2'"):
        await made.call_back(CallBack(number="13911111111", campaign="c2", at=now))
    await made.store.close()


def test_the_command_says_when_and_by_whom(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "create", "spring", "-c", config)
    said = offhook("contact", "callback", "13900000001", "campaign=spring", "at=2099-12-24T10:00:00+08:00", "agent=anna", "-c", config)
    assert said.out == "spring, lead 1: +8613900000001 is called by anna at 2099-12-24 02:00:00 UTC\n"
    wrong = offhook("contact", "callback", "13900000001", "campaign=spring", "at=2099-12-24T10:00:00", "-c", config)
    assert "at needs an offset" in wrong.err
