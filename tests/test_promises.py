"""Call-backs: promised calls go before all others, at their time and not before (D54, Q03)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import numbers_list, settings

from offhook.agents.messages import PacingPlan
from offhook.calls.disposition import Disposition
from offhook.clock import Uuid7, loop_clock
from offhook.contacts.model import CallBack, ContactIn, WhichPromises, Whom
from offhook.contacts.why import why
from offhook.desk import Desk
from offhook.errors import CampaignError
from offhook.messages import CallRecord, CampaignSpec
from offhook.store import Lead, Store
from offhook.store import tables as t
from offhook.store.store import result_row

ZONES = [("Asia/Shanghai",)]


async def desk(folder: Path, url: str) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1"))
    await made.import_list("c1", numbers_list(folder, 5))
    await made.start_campaign("c1")
    return made


def keep(store: Store, campaign: int, lead: Lead, started: dt.datetime) -> None:
    """A call that nobody answered."""
    what = Disposition.NO_ANSWER
    about = {"id": lead.call_id, "lead_id": lead.id, "number": lead.raw, "dialled": lead.raw}
    record = CallRecord(campaign="c1", attempt=1, started=started, ended=started, disposition=what, **about)
    store.result(result_row(record, campaign, "closed", 0, {what: 1}, "done"))


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


@in_loop
async def test_what_was_said_about_the_decision_is_kept_and_a_call_keeps_the_promise_d54_q03(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    now = dt.datetime.now(dt.UTC)
    friday = now + dt.timedelta(days=4)
    wanted = CallBack(number="13900000002", campaign="c1", at=now, agent="anna", decision=friday, decider="Director Li, 021 6234 5678")
    promised = await made.call_back(wanted)
    assert (promised.decider, promised.decision is not None, promised.kept) == ("Director Li, 021 6234 5678", True, None)
    visit = await made.call_back(CallBack(number="13900000003", campaign="c1", at=friday, what="visit", note="with samples"))
    assert (visit.what, visit.note) == ("visit", "with samples")
    with pytest.raises(CampaignError, match="does not have this person"):
        await made.call_back(CallBack(number="13955555555", campaign="c1", at=friday, what="visit"))
    (lead,) = await made.store.reserve("node1", 1, ZONES, 1, Uuid7(loop_clock()))
    assert lead.raw == "13900000002"
    keep(made.store, 1, lead, started=now + dt.timedelta(seconds=2))
    await made.store.flush()
    assert [one.id for one in await made.promises(WhichPromises())] == [visit.id]
    every = await made.promises(WhichPromises(open_only=False, campaign="c1"))
    assert [(one.id, one.kept_by) for one in every] == [(promised.id, lead.call_id), (visit.id, "")]
    assert [one.id for one in await made.promises(WhichPromises(agent="anna", open_only=False))] == [promised.id]
    await made.store.close()


@in_loop
async def test_a_promise_waits_for_its_agent_who_is_out_and_then_anyone_keeps_it_d54(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    now = dt.datetime.now(dt.UTC)
    spec = CampaignSpec(name="c1", mode="progressive", pacing=PacingPlan(promise_wait_s=600))

    async def take(*here: str) -> list[str]:
        return [lead.raw[-1] for lead in await made.store.reserve("node1", 1, ZONES, 1, Uuid7(loop_clock()), spec, set(here))]

    await made.call_back(CallBack(number="13900000004", campaign="c1", at=now, agent="anna"))
    assert await take("berta") == ["0"]  # it is anna's, and she is out
    lead = (await made.store.read(lambda connection: connection.execute(t.lead.select().where(t.lead.c.raw.endswith("4"))).all()))[0]
    assert (lead.state, lead.reason.split(";")[0]) == ("open", "promise: by anna, who is out")
    due_again = t.lead.update().where(t.lead.c.id == lead.id).values(due_ms=0)
    await made.store.work(lambda connection: connection.execute(due_again))
    assert await take("anna") == ["4"]
    await made.call_back(CallBack(number="13900000003", campaign="c1", at=now, agent="anna"))
    long_ago = t.lead.update().where(t.lead.c.raw.endswith("3")).values(promised_ms=round(now.timestamp() * 1000) - 601_000)
    await made.store.work(lambda connection: connection.execute(long_ago))
    assert await take("berta") == ["3"]
    await made.store.close()


def test_the_command_says_when_and_by_whom(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "create", "spring", "-c", config)
    said = offhook("contact", "callback", "13900000001", "campaign=spring", "at=2099-12-24T10:00:00+08:00", "agent=anna", "-c", config)
    assert said.out == "spring, lead 1: +8613900000001 is called by anna at 2099-12-24 02:00:00 UTC\n"
    told = offhook("contact", "promises", "agent=anna", "-c", config, "--json").object
    assert [(one["number"], one["what"]) for one in told["promises"]] == [("+8613900000001", "call")]
    assert "+8613900000001" in offhook("contact", "promises", "-c", config).out
    wrong = offhook("contact", "callback", "13900000001", "campaign=spring", "at=2099-12-24T10:00:00", "-c", config)
    assert "at needs an offset" in wrong.err
