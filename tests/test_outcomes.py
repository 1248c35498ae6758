"""Results of talks in the campaign's own classes, said and corrected; records that agents make; appointments (L17, D50, D53, D55)."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from commands import Command
from nodes import START, numbers_list, settings, simulator

from offhook.campaigns.outcomes import NewLead, NewOutcome
from offhook.campaigns.plan import Goals, ResultClass
from offhook.clock import loop_clock, run_virtual
from offhook.contacts.model import ContactIn, ImportEntries, Whom
from offhook.contacts.why import why
from offhook.desk import Desk
from offhook.errors import CampaignError
from offhook.messages import CampaignSpec
from offhook.node import Node
from offhook.store import Store
from offhook.store import tables as t

GOALS = Goals(
    primary="a sale",
    secondary="may we call again",
    results={
        "sold": ResultClass(success=True, right_party=True),
        "intent": ResultClass(again_s=3600, most=3, right_party=True),
        "declined": ResultClass(refusal=True, right_party=True),
        "wrong-person": ResultClass(right_party=False),
    },
)


async def called(folder: Path, url: str, calls: int = 4) -> tuple[Desk, list[str]]:
    """A campaign with one ended call for each lead, and the calls' ids."""
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1", kind="marketing", goals=GOALS))
    await made.import_list("c1", numbers_list(folder, calls))
    blank: dict[str, Any] = {"campaign_id": 1, "dialled": "1", "attempt": 1, "channel": 0, "span": 0, "started_ms": 1000, "ended_ms": 9000}
    blank |= {
        "duration_ms": 8000,
        "billed_ms": 5000,
        "disposition": "person",
        "rule": "",
        "digits": "",
        "meaning": "",
        "prompt_played_ms": 0,
    }
    blank |= {"message_left": False, "evidence": []}
    rows = [{**blank, "id": f"call-{n}", "lead_id": n + 1, "number": str(n)} for n in range(calls)]

    def work(connection: Any) -> None:
        connection.execute(t.call.insert(), rows)
        connection.execute(t.lead.update().values(state="closed", attempts=1, last="person"))

    await store.work(work)
    return made, [row["id"] for row in rows]


async def lead(made: Desk, key: int) -> Any:
    return await made.store.read(lambda connection: connection.execute(t.lead.select().where(t.lead.c.id == key)).one())


async def rules(made: Desk, at: dt.datetime) -> list[str]:
    """What stands against or for the first lead."""
    return [rule.rule for rule in (await why(made.store, Whom(number="13900000000"), at)).leads[0].rules]


@in_loop
async def test_a_result_is_said_and_both_goals_are_recorded_d53(tmp_path: Path, database_url: str) -> None:
    made, (one, two, three, _) = await called(tmp_path, database_url)
    said = await made.set_outcome(NewOutcome(call=one, result="sold", secondary=True, by="ann"))
    assert (said.primary, said.secondary, said.right_party, said.then) == (True, True, True, "closed")
    await made.set_outcome(NewOutcome(call=two, result="intent", secondary=False, by="ann"))
    await made.set_outcome(NewOutcome(call=three, result="wrong-person", by="ben"))
    found = await made.results("c1")
    assert (found.calls, found.said, found.primary, found.secondary, found.right_party, found.wrong_party) == (4, 3, 1, 1, 2, 1)
    assert sum(found.results.values()) == found.said
    assert (found.primary_goal, found.secondary_goal) == ("a sale", "may we call again")
    await made.store.close()


@in_loop
async def test_who_may_still_buy_is_called_again_up_to_three_calls_d50(tmp_path: Path, database_url: str) -> None:
    made, (one, *_) = await called(tmp_path, database_url)
    now = made.clock.now()
    said = await made.set_outcome(NewOutcome(call=one, result="intent"))
    assert said.then.startswith("called again from ")
    row = await lead(made, 1)
    assert (row.state, row.reason) == ("open", "result intent")
    assert 3599 <= row.due_ms / 1000 - now.timestamp() <= 3605
    await made.store.work(lambda c: c.execute(t.lead.update().where(t.lead.c.id == 1).values(attempts=3)))
    await made.store.work(lambda c: c.execute(t.call.update().where(t.call.c.id == one).values(attempt=3)))
    assert (await made.set_outcome(NewOutcome(call=one, result="intent"))).then == "closed after 3 of 3 calls"
    assert (await lead(made, 1)).state == "closed"
    await made.store.close()


@in_loop
async def test_a_result_is_corrected_and_what_followed_from_the_wrong_one_is_undone_l17(tmp_path: Path, database_url: str) -> None:
    made, (one, *_) = await called(tmp_path, database_url)
    await made.set_outcome(NewOutcome(call=one, result="declined", by="ann"))
    at = dt.datetime.fromtimestamp(10, dt.UTC)
    assert any(
        rule.rule.startswith("rest after a refusal") for rule in (await why(made.store, Whom(number="13900000000"), at)).leads[0].rules
    )
    again = await made.set_outcome(NewOutcome(call=one, result="intent", by="carol", note="misheard"))
    assert again.corrects == "declined"
    assert "rest after a refusal" not in await rules(made, at)
    assert (await lead(made, 1)).state == "open"
    said = await made.outcomes_of(one)
    assert [(row.result, row.by, row.corrects) for row in said] == [("declined", "ann", ""), ("intent", "carol", "declined")]
    found = await made.results("c1")
    assert (found.said, found.results, found.corrected) == (1, {"intent": 1}, 1)
    await made.store.close()


@in_loop
async def test_the_result_of_an_older_call_changes_no_lead_and_wrong_ones_store_nothing(tmp_path: Path, database_url: str) -> None:
    made, (one, *_) = await called(tmp_path, database_url)
    await made.store.work(lambda c: c.execute(t.lead.update().where(t.lead.c.id == 1).values(attempts=2, state="open")))
    assert (await made.set_outcome(NewOutcome(call=one, result="sold"))).then == ""
    assert (await lead(made, 1)).state == "open"
    with pytest.raises(CampaignError, match="no result 'maybe'; there are sold, intent, declined, wrong-person"):
        await made.set_outcome(NewOutcome(call=one, result="maybe"))
    with pytest.raises(CampaignError, match="no call 'x'"):
        await made.set_outcome(NewOutcome(call="x", result="sold"))
    assert len(await made.outcomes_of(one)) == 1
    await made.store.close()


@in_loop
async def test_an_agent_makes_a_record_of_its_own_l17(tmp_path: Path, database_url: str) -> None:
    made, _ = await called(tmp_path, database_url)
    own = await made.add_lead(
        NewLead(campaign="c1", number="139 1111 2222", name="Li", extra={"city": "Rome"}, owner="agent:ann", by="ann")
    )
    row = await lead(made, own.lead)
    assert (row.e164, row.state, row.owner, row.extra, row.reason) == (
        "+8613911112222",
        "handed",
        "agent:ann",
        {"city": "Rome"},
        "made by ann",
    )
    with pytest.raises(CampaignError, match=f"has this person already, lead {own.lead}"):
        await made.add_lead(NewLead(campaign="c1", number="13911112222"))
    await made.put_contact(ContactIn(ref="c7", numbers=("13911112222", "02162345678")))
    with pytest.raises(CampaignError, match="has this person already"):
        await made.add_lead(NewLead(campaign="c1", number="02162345678"))
    with pytest.raises(CampaignError, match="number '12'"):
        await made.add_lead(NewLead(campaign="c1", number="12"))
    await made.store.close()


def test_a_lead_that_a_result_opens_again_is_called_by_the_running_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "person", "ring_s": 2, "greeting": ["person-zh-wei"]})) as node:
            await node.create_campaign(CampaignSpec(name="c1", goals=GOALS))
            await node.import_list("c1", numbers_list(tmp_path, 1))
            await node.start_campaign("c1")
            assert (await node.wait_campaign("c1")).attempts == 1
            (call,) = await node.calls("c1")
            await node.set_outcome(NewOutcome(call=call.id, result="intent"))
            await asyncio.sleep(3500)
            assert (await node.campaign("c1")).attempts == 1
            await asyncio.sleep(300)
            assert (await node.campaign("c1")).attempts == 2
            assert (await node.reconcile()).ok

    run_virtual(main(), START)


@in_loop
async def test_many_numbers_go_on_a_list_in_one_order_l02(tmp_path: Path, database_url: str) -> None:
    made, _ = await called(tmp_path, database_url)
    order = ImportEntries(list="dnd", category="register", numbers=("13900000001", "x1", "139 0000 0001", "13900000002"))
    report = await made.list_import_numbers(order.entry(), order.numbers)
    assert (report.read, report.added, report.rejected, report.repeated) == (4, 2, 1, 1)
    assert report.problems[0].startswith("line 2: ")
    assert (await made.lists_of(Whom(number="13900000002")))[0].category == "register"
    with pytest.raises(ValueError, match="one of the two"):
        ImportEntries(list="dnd", category="register")
    await made.store.close()


def test_the_commands_say_correct_report_and_add(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "new", "spring", "-t", "revisit", "-c", config)
    added = offhook("campaign", "add", "spring", "13900000001", "name=Li", "owner=ann", "by=ann", "-c", config)
    assert added.out == "spring, lead 1: +8613900000001, for agent:ann\n", added.err
    assert "no call 'x'" in offhook("result", "set", "x", "settled", "-c", config).err
    assert offhook("result", "show", "last", "-c", config).err == "offhook: no call yet\n"
    assert offhook("result", "report", "spring", "-c", config).out == "spring: 0 results of 0 calls, 0 corrected\n"


def test_a_call_is_named_by_its_end_or_as_the_last(offhook: Command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\nurl = "{url}"\n', encoding="utf-8")

    async def calls() -> None:
        made, _ = await called(tmp_path, url)
        await made.store.close()

    asyncio.run(calls())
    assert offhook("result", "show", "last", "-c", config).out == "nothing was said of this call\n"
    said = offhook("result", "set", "last", "sold", "by=ann", "-c", config)
    assert said.code == 0, said.err
    assert "sold" in offhook("result", "show", "l-3", "-c", config).out
    assert "fits several calls" in offhook("result", "set", "call", "sold", "-c", config).err
