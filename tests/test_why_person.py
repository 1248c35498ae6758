"""Why a number is dialled, not dialled, or when next; a person's history and best hour (L19, D27)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import START, numbers_list, settings, simulator

from offhook.clock import run_virtual
from offhook.contacts import ContactCap, ContactPolicy
from offhook.contacts.model import ContactIn, ListEntry, Refusal, Whom
from offhook.contacts.why import Contacted, best_hour, text, why
from offhook.desk import open_desk
from offhook.messages import CampaignSpec
from offhook.node import Node
from offhook.store.contacts import ContactError

BUSY = {"kind": "busy", "post_dial_s": 0.5}


def test_each_state_of_a_lead_is_told_with_the_rule_that_decides(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(BUSY)) as node:
            await node.set_policy(ContactPolicy(caps=(ContactCap(name="day", attempts=1, window_s=86400),)))
            hours = {"windows": [{"start": "18:00", "end": "20:00"}]}
            await node.create_campaign(CampaignSpec(name="c1"))
            await node.create_campaign(CampaignSpec.model_validate({"name": "late", "windows": hours}))
            await node.create_campaign(CampaignSpec(name="idle"))
            for name, count in (("c1", 2), ("late", 3), ("idle", 4)):
                await node.import_list(name, numbers_list(tmp_path, count))
            await node.list_add(ListEntry(number="13900000003", list="black", category="complaint"))
            for name in ("c1", "late"):
                await node.start_campaign(name)
            await asyncio.sleep(30)
            now = node.clock.now()
            called = await why(node.store, Whom(number="13900000000"), now)
            by_name = {lead.campaign: lead for lead in called.leads}
            assert (by_name["c1"].answer, by_name["c1"].attempts, by_name["c1"].last) == ("later", 1, "busy")
            assert by_name["c1"].why.startswith("cap day: 1 of 1 in 1 d")
            assert by_name["c1"].next == called.history[0].at + dt.timedelta(days=1)
            assert [rule.rule for rule in by_name["late"].rules] == ["cap day", "calling windows"]
            assert by_name["late"].next == dt.datetime(2026, 3, 3, 10, tzinfo=dt.UTC)  # 18:00 in Shanghai, after the cap
            assert by_name["idle"].answer == "stopped"
            fresh = await why(node.store, Whom(number="13900000002"), now)
            late = fresh.leads[0]
            assert (late.answer, late.why) == ("later", "calling windows: closed at Mon 09:00 Asia/Shanghai")
            assert late.next == dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
            black = (await why(node.store, Whom(number="13900000003"), now)).leads[0]
            assert (black.answer, black.why, black.next) == ("never", "black list: complaint", None)
            one = await why(node.store, called.leads[0].lead, now)
            assert [lead.campaign for lead in one.leads] == ["c1"]
            assert "  c1, lead 1, +8613900000000: later, next 2026-03-03 01:00:" in "\n".join(text(one))

    run_virtual(main(), START)


@in_loop
async def test_a_history_is_told_over_all_numbers_campaigns_and_other_channels_l19(tmp_path: Path) -> None:
    async with open_desk(settings(tmp_path)) as desk:
        await desk.put_contact(ContactIn(ref="c7", numbers=("13900000001", "13900000002")))
        day = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
        await desk.note(Refusal(number="13900000001", result="sms", at=day, department="branch"))
        await desk.note(Refusal(number="13900000002", at=day + dt.timedelta(hours=1)))
        found = await why(desk.store, Whom(ref="c7"), day + dt.timedelta(days=1))
        assert [(e.number, e.result, e.department) for e in found.history] == [
            ("+8613900000002", "refused", ""),
            ("+8613900000001", "sms", "branch"),
        ]
        assert text(found)[:2] == ["c7: +8613900000001, +8613900000002", "  no campaign has this person"]
        with pytest.raises(ContactError, match="there is no lead 17"):
            await why(desk.store, 17, day)


def calls(*when: tuple[int, int, bool]) -> list[Contacted]:
    """Calls in week w at hour h of a Tuesday in Shanghai, answered or not."""
    first = dt.datetime(2026, 3, 3, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    return [
        Contacted(
            at=first + dt.timedelta(weeks=w, hours=h),
            number="",
            campaign="c",
            department="",
            kind="",
            result="person" if yes else "no_answer",
        )
        for w, h, yes in when
    ]


def test_the_best_hour_is_the_one_in_which_a_person_answers_d27() -> None:
    assert best_hour(calls((0, 9, False), (1, 10, False)), ()) is None
    best = best_hour(calls((0, 9, False), (1, 9, False), (0, 16, True), (1, 16, True), (2, 16, False)), ("Asia/Shanghai",))
    assert best is not None
    assert (best.day, best.hour, best.answered, best.tried) == ("tue", 16, 2, 3)
    once = best_hour(calls((0, 9, True), (1, 9, False), (2, 9, False), (0, 16, True)), ("Asia/Shanghai",))
    assert once is not None
    assert (once.day, once.hour) == (None, 16)


def test_the_commands_tell_it_as_text_and_json(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "create", "spring", "-c", config)
    offhook("campaign", "import", "spring", numbers_list(tmp_path, 2), "-c", config)
    offhook("contact", "refused", "13900000001", "department=branch", "-c", config)
    said = offhook("why", "13900000001", "-c", config)
    assert said.code == 0, said.err
    assert "spring, lead 2, +8613900000001: stopped: the campaign is idle" in said.out
    assert "hold    rest after a refusal: 60 d from" in said.out
    told = offhook("why", "lead:2", "-c", config, "--json").object
    assert told["leads"][0]["rules"][0]["rule"] == "rest after a refusal"
    assert offhook("why", "lead:9", "-c", config).code == 1
    history = offhook("history", "13900000001", "-c", config)
    assert "+8613900000001" in history.out
    assert "branch" in history.out
    assert json.loads(offhook("history", "13900000001", "-c", config, "--json").out)["history"][0]["result"] == "refused"
