"""The life of a campaign: stages and orders, two pairs of eyes, trial calls, the summary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from commands import Command
from nodes import START, numbers_list, settings, simulator, tone_file
from pydantic import ValidationError
from test_campaign import BUSY, NOBODY, PERSON

from offhook.calls.disposition import Disposition
from offhook.campaigns.life import LIVE, ORDERS, Order, Stage, allowed
from offhook.campaigns.life_messages import TrialPlan
from offhook.campaigns.trial import Trial
from offhook.clock import run_virtual
from offhook.desk import Desk, open_desk
from offhook.errors import CampaignError
from offhook.messages import CampaignSpec, CampaignUpdate, Phase, RetryPlan
from offhook.node import Node
from offhook.store.life import claim_trial, end_trial

ONCE = RetryPlan(rules={})


async def _drafted(desk: Desk, folder: Path, leads: int, **values: Any) -> None:
    await desk.create_campaign(CampaignSpec(name="c1", retry=ONCE, **values))
    await desk.import_list("c1", numbers_list(folder, leads))


def _large(folder: Path) -> Any:
    return settings(folder, approval={"numbers": 10})


def _in_virtual(folder: Path, work: Callable[[Node], Coroutine[Any, Any, None]], *callees: Any, **sections: Any) -> None:
    async def main() -> None:
        async with Node(settings(folder, **sections), driver=simulator(*callees)) as node:
            await work(node)

    run_virtual(main(), START)


# -- the table ----------------------------------------------------------------------------------------------------------------------


def test_every_stage_can_be_left_and_every_stage_can_be_reached_d41() -> None:
    reached = {after for by_stage in ORDERS.values() for after in by_stage.values()}
    made = {Stage.DRAFT, Stage.DATA_READY, Stage.TRIAL_DONE, Stage.FINISHED}  # by create, a list, and the node
    assert reached | made == set(Stage)
    assert all(allowed(stage) for stage in Stage if stage is not Stage.SUMMARISED)
    assert allowed(Stage.SUMMARISED) == ()


@in_loop
async def test_an_order_that_a_stage_does_not_take_is_refused_with_the_stage_and_what_is_allowed_d41(tmp_path: Path) -> None:
    async with open_desk(settings(tmp_path)) as desk:
        await desk.create_campaign(CampaignSpec(name="c1"))
        orders: dict[Order, Callable[[], Coroutine[Any, Any, Any]]] = {
            Order.APPROVE: lambda: desk.approve_campaign("c1", "ann"),
            Order.TRIAL: lambda: desk.trial_campaign("c1", TrialPlan(calls=1)),
            Order.PAUSE: lambda: desk.pause_campaign("c1"),
            Order.RESUME: lambda: desk.resume_campaign("c1"),
            Order.SUMMARISE: lambda: desk.summarise_campaign("c1"),
        }
        before = await desk.campaign_life("c1")
        for order, give in orders.items():
            with pytest.raises(CampaignError, match=rf"'c1' is draft, so it cannot {order}; .*\(allowed now: start, stop\)"):
                await give()
        assert await desk.campaign_life("c1") == before
        await desk.stop_campaign("c1")
        await desk.summarise_campaign("c1")
        with pytest.raises(CampaignError, match="'c1' is summarised, so it cannot start; import a new list"):
            await desk.start_campaign("c1")
        with pytest.raises(CampaignError, match="'c1' is summarised already; nothing was changed"):
            await desk.summarise_campaign("c1")
        with pytest.raises(CampaignError, match="no campaign 'c2'; there are c1"):
            await desk.start_campaign("c2")


@in_loop
async def test_a_small_campaign_is_started_by_one_order_and_each_step_is_journalled_d42(tmp_path: Path) -> None:
    async with open_desk(settings(tmp_path)) as desk:
        await _drafted(desk, tmp_path, 4)
        await desk.start_campaign("c1", "ann", "as agreed")
        await desk.pause_campaign("c1", "bob", "lunch")
        await desk.resume_campaign("c1", "bob")
        await desk.stop_campaign("c1", "ann")
        found = await desk.campaign_life("c1")
        said = [(step.order, step.by, step.why, step.before, step.after) for step in found.steps]
        assert said == [
            ("create", "", "", None, "draft"),
            ("import", "", "list-0-4.csv: 4 numbers", "draft", "data_ready"),
            ("start", "ann", "as agreed", "data_ready", "running"),
            ("pause", "bob", "lunch", "running", "paused"),
            ("resume", "bob", "", "paused", "running"),
            ("stop", "ann", "", "running", "stopped"),
        ]
        assert (found.approvals_needed, found.leads) == (0, 4)


# -- approval -----------------------------------------------------------------------------------------------------------------------


@in_loop
async def test_a_large_campaign_dials_only_after_two_different_people_approved_it_d42(tmp_path: Path) -> None:
    async with open_desk(_large(tmp_path)) as desk:
        await _drafted(desk, tmp_path, 10)
        with pytest.raises(CampaignError, match=r"10 numbers or more and is approved by nobody: .* 2 different people"):
            await desk.start_campaign("c1")
        with pytest.raises(CampaignError, match=r"no trial before 2 different people"):
            await desk.trial_campaign("c1", TrialPlan(calls=1))
        assert (await desk.approve_campaign("c1", "Ann", "read it")).stage is Stage.DATA_READY
        with pytest.raises(CampaignError, match="has approved campaign 'c1' already; another person must"):
            await desk.approve_campaign("c1", " ann")
        with pytest.raises(CampaignError, match="approved by Ann: no start"):
            await desk.start_campaign("c1")
        assert (await desk.approve_campaign("c1", "bob")).stage is Stage.APPROVED
        found = await desk.campaign_life("c1")
        assert [(one.by, one.note, one.valid, one.digest == found.digest) for one in found.approvals] == [
            ("Ann", "read it", True, True),
            ("bob", "", True, True),
        ]
        assert (await desk.start_campaign("c1")).stage is Stage.RUNNING
        assert (await desk.campaign_life("c1")).steps[-1].digest == found.digest


@in_loop
async def test_a_list_a_plan_or_an_audio_file_that_changes_voids_the_approval_d42(tmp_path: Path) -> None:
    async def approved(desk: Desk) -> None:
        for who in ("ann", "bob"):
            await desk.approve_campaign("c1", who)
        assert (await desk.campaign("c1")).stage is Stage.APPROVED

    async with open_desk(_large(tmp_path)) as desk:
        prompt = Path(tone_file(tmp_path))
        await _drafted(desk, tmp_path, 10, prompt=str(prompt))
        await approved(desk)
        await desk.import_list("c1", numbers_list(tmp_path, 1, first=50))
        assert (await desk.campaign("c1")).stage is Stage.DATA_READY
        await approved(desk)
        await desk.update_campaign("c1", CampaignUpdate(filter="name != 'n3'"))
        assert (await desk.campaign("c1")).stage is Stage.DATA_READY
        await approved(desk)
        prompt.write_bytes(Path(tone_file(tmp_path, 1.5)).read_bytes())
        with pytest.raises(CampaignError, match="approved by nobody, what was approved has changed since"):
            await desk.start_campaign("c1")
        assert not any(one.valid for one in (await desk.campaign_life("c1")).approvals)
        await approved(desk)
        await desk.start_campaign("c1")
        await desk.import_list("c1", numbers_list(tmp_path, 1, first=60))  # in the middle of its work
        state = await desk.campaign("c1")
        assert (state.stage, state.phase) == (Stage.DATA_READY, Phase.PAUSED)
        assert "not those that were approved" in state.reason


@in_loop
async def test_two_processes_approve_try_and_sum_up_on_both_databases_d41_d42(tmp_path: Path, database_url: str) -> None:
    given = settings(tmp_path, approval={"numbers": 10}, database={"url": database_url})
    async with open_desk(given) as one, open_desk(given) as two:
        await _drafted(one, tmp_path, 10)
        done = await asyncio.gather(*(desk.approve_campaign("c1", "ann") for desk in (one, two)), return_exceptions=True)
        assert sorted(isinstance(each, CampaignError) for each in done) == [False, True]  # one person is one, however often
        await two.approve_campaign("c1", "bob")
        await one.trial_campaign("c1", TrialPlan(answers=3))
        stored = (await one.store.campaigns(["c1"]))[0]
        takes = (
            (one, partial(claim_trial, campaign_id=stored.id, node="n1")),
            (two, partial(claim_trial, campaign_id=stored.id, node="n2")),
        )
        claims = [await desk.store.work(take) for desk, take in takes]
        assert [claim.node for claim in claims] == ["n1", "n1"]
        report = await two.store.work(lambda connection: end_trial(connection, stored.id, 1))
        assert report is not None and not report.complete
        assert (await one.campaign("c1")).stage is Stage.TRIAL_DONE
        await one.stop_campaign("c1")
        assert (await two.summarise_campaign("c1", "ann")).no_result == 10
        assert (await one.campaign_summary("c1")).closed_by == "ann"


@in_loop
async def test_an_approval_may_name_the_plan_that_was_looked_at_d42(tmp_path: Path) -> None:
    async with open_desk(_large(tmp_path)) as desk:
        await _drafted(desk, tmp_path, 10)
        seen = (await desk.campaign_life("c1")).digest
        await desk.update_campaign("c1", CampaignUpdate(caller_id="02112345"))
        with pytest.raises(CampaignError, match="look at it again"):
            await desk.approve_campaign("c1", "ann", digest=seen)
        await desk.approve_campaign("c1", "ann", digest=(await desk.campaign_life("c1")).digest)


@in_loop
async def test_a_campaign_that_grows_over_the_limit_stops_until_it_is_approved_d42(tmp_path: Path) -> None:
    async with open_desk(_large(tmp_path)) as desk:
        await _drafted(desk, tmp_path, 9)
        await desk.start_campaign("c1")
        await desk.import_list("c1", numbers_list(tmp_path, 1, first=20))
        assert (await desk.campaign("c1")).stage is Stage.DATA_READY
        with pytest.raises(CampaignError, match="approved by nobody"):
            await desk.start_campaign("c1")


def test_lines_priority_and_share_change_in_a_running_campaign_without_a_new_approval_p21(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        await _drafted(node, tmp_path, 60, lines=2)
        for who in ("ann", "bob"):
            await node.approve_campaign("c1", who)
        await node.start_campaign("c1")
        await asyncio.sleep(5)
        assert node.pool.in_use == 2
        change = {"lines": 5, "priority": 9, "share": 3.0, "calls_per_second": 50.0, "mode": "ratio", "agents": 3, "lines_per_agent": 2.0}
        assert set(change) < LIVE
        state = await node.update_campaign("c1", CampaignUpdate.model_validate(change))
        assert (state.stage, state.wanted) == (Stage.RUNNING, "running")
        await asyncio.sleep(2)
        assert node.pool.in_use == 6
        await node.update_campaign("c1", CampaignUpdate(retry=RetryPlan()))
        assert node.dialer("c1").state().stage is Stage.DATA_READY  # whom it calls again was approved
        await asyncio.sleep(60)
        assert node.pool.in_use == 0

    _in_virtual(tmp_path, work, PERSON, approval={"numbers": 10})


# -- trial --------------------------------------------------------------------------------------------------------------------------


def test_a_trial_counts_calls_and_answers_and_never_lets_one_too_many_out_d41() -> None:
    by_calls = Trial(5, None)
    assert [by_calls.room(active) for active in (0, 4, 5, 9)] == [5, 1, 0, 0]
    by_calls.count(Disposition.NOT_DIALLED)
    by_calls.count(None)
    assert by_calls.room(0) == 5
    by_answers = Trial(None, 2)
    for disposition in (Disposition.BUSY, Disposition.PERSON, Disposition.NO_ANSWER):
        by_answers.count(disposition)
    assert (by_answers.room(0), by_answers.room(1), by_answers.complete) == (1, 0, False)
    by_answers.count(Disposition.MACHINE)
    assert by_answers.complete
    for wrong in ({}, {"calls": 3, "answers": 2}, {"calls": 0}):
        with pytest.raises(ValidationError):
            TrialPlan.model_validate(wrong)


def test_a_campaign_stops_itself_after_its_trial_and_waits_for_an_order_d41(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        await _drafted(node, tmp_path, 40)
        await node.trial_campaign("c1", TrialPlan(calls=7), "ann")
        await asyncio.sleep(1)
        assert node.pool.in_use + node.state().attempts == 7
        await asyncio.sleep(300)
        state = await node.campaign("c1")
        assert (state.stage, state.phase, state.attempts, state.open) == (Stage.TRIAL_DONE, Phase.PAUSED, 7, 33)
        assert "read its report" in state.reason
        report = (await node.campaign_life("c1")).trial
        assert report is not None and report.complete
        assert (report.attempts, sum(report.outcomes.values()), report.calls) == (7, 7, 7)
        assert report.reached + report.outcomes.get(Disposition.BUSY, 0) + report.outcomes.get(Disposition.NO_ANSWER, 0) == 7
        assert report.answer_rate == report.reached / 7
        await node.start_campaign("c1", "ann")
        assert (await node.wait_campaign("c1")).attempts == 40
        assert (await node.campaign_life("c1")).stage is Stage.FINISHED

    _in_virtual(tmp_path, work, PERSON, NOBODY, BUSY)


def test_a_trial_of_answers_has_just_so_many_and_one_that_runs_out_of_leads_says_so_d41(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        await _drafted(node, tmp_path, 30)
        await node.trial_campaign("c1", TrialPlan(answers=6))
        await asyncio.sleep(900)
        report = (await node.campaign_life("c1")).trial
        assert report is not None and report.complete
        assert report.reached == 6 < report.attempts
        await node.trial_campaign("c1", TrialPlan(answers=1000))
        await asyncio.sleep(2000)
        report = (await node.campaign_life("c1")).trial
        assert report is not None and not report.complete
        assert (await node.campaign("c1")).open == 0
        assert (await node.summarise_campaign("c1")).problems == ()

    _in_virtual(tmp_path, work, PERSON, NOBODY)


def test_a_pause_in_a_trial_and_a_restart_of_the_node_go_on_with_the_same_trial_d41(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await _drafted(node, tmp_path, 40, lines=3)
            await node.trial_campaign("c1", TrialPlan(calls=9))
            await asyncio.sleep(1)
            await node.pause_campaign("c1")
            await asyncio.sleep(60)
            assert (await node.campaign("c1")).attempts == 3
            assert (await node.resume_campaign("c1")).stage is Stage.TRIAL
            await asyncio.sleep(1)
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await asyncio.sleep(200)
            state = await node.campaign("c1")
            assert (state.stage, state.attempts) == (Stage.TRIAL_DONE, 9)  # those that the stop hung up are among them

    run_virtual(main(), START)


def test_only_one_of_two_nodes_makes_the_calls_of_a_trial_d41(tmp_path: Path) -> None:
    async def main() -> None:
        one = settings(tmp_path, node={"name": "one", "data_dir": tmp_path / "data", "poll_s": 0.1})
        two = settings(tmp_path, node={"name": "two", "data_dir": tmp_path / "data", "poll_s": 0.1})
        async with Node(one, driver=simulator(PERSON)) as first, Node(two, driver=simulator(PERSON)) as second:
            await _drafted(first, tmp_path, 40)
            await first.trial_campaign("c1", TrialPlan(calls=5))
            await second.refresh()
            await asyncio.sleep(100)
            await second.refresh()
            assert first.state().attempts + second.state().attempts == 5
            assert first.dialer("c1").state().stage is Stage.TRIAL_DONE

    run_virtual(main(), START)


# -- the end ------------------------------------------------------------------------------------------------------------------------


def test_the_summary_s_sums_agree_and_are_kept_d41_d57(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        await _drafted(node, tmp_path, 50, title="Spring", filter="name != 'n7'")
        await node.start_campaign("c1")
        await asyncio.sleep(1)
        with pytest.raises(CampaignError, match="'c1' is running, so it cannot summarise; let it finish"):
            await node.summarise_campaign("c1")
        await node.wait_campaign("c1")
        asked = await node.campaign_summary("c1")
        kept = await node.summarise_campaign("c1", "ann", "the month is over")
        assert kept.problems == ()
        assert (kept.leads, kept.dialled, kept.never_dialled, kept.attempts, kept.open) == (50, 49, 1, 49, 0)
        assert kept.penetration == 49 / 50
        assert sum(kept.outcomes.values()) == kept.attempts
        assert sum(kept.by_last_result.values()) + kept.no_result == kept.leads
        assert sum(kept.never_why.values()) == 1 and "filter" in next(iter(kept.never_why))
        assert kept.people <= kept.reached <= kept.dialled
        assert (kept.closed_by, kept.title) == ("ann", "Spring")
        assert asked.model_copy(update={"closed_by": "ann", "at": kept.at}) == kept
        assert await node.campaign_summary("c1") == kept
        assert (await node.campaign("c1")).stage is Stage.SUMMARISED
        await node.import_list("c1", numbers_list(tmp_path, 5, first=100))
        assert (await node.campaign("c1")).stage is Stage.DATA_READY
        await node.start_campaign("c1")
        assert (await node.wait_campaign("c1")).attempts == 54

    _in_virtual(tmp_path, work, PERSON, BUSY)


def test_a_broken_sum_shows_in_the_summary_d41(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        from sqlalchemy import text

        await _drafted(node, tmp_path, 4)
        await node.start_campaign("c1")
        await node.wait_campaign("c1")
        await node.store.work(lambda connection: connection.execute(text("UPDATE lead SET attempts = attempts + 1 WHERE id = 1")))
        assert (await node.campaign_summary("c1")).problems == ("the leads count 5 attempts, there are 4 calls",)

    _in_virtual(tmp_path, work, BUSY)


def test_a_new_list_wakes_a_finished_campaign_and_its_stage_d41(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        await _drafted(node, tmp_path, 4)
        await node.start_campaign("c1")
        await node.wait_campaign("c1")
        assert (await node.campaign("c1")).stage is Stage.FINISHED
        await node.import_list("c1", numbers_list(tmp_path, 3, first=10))
        assert (await node.campaign("c1")).stage is Stage.RUNNING
        await node.wait_campaign("c1")
        found = await node.campaign_life("c1")
        assert [step.order for step in found.steps] == ["create", "import", "start", "finish", "import", "finish"]

    _in_virtual(tmp_path, work, BUSY)


def test_the_command_line_leads_a_campaign_through_its_life_d41_d42(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path}/data"\n[approval]\nnumbers = 3\n[control]\nmode = "off"\n', encoding="utf-8")
    end = ("-c", config)
    assert offhook("campaign", "create", "spring", *end).code == 0
    assert offhook("campaign", "import", "spring", numbers_list(tmp_path, 3), *end).code == 0
    refused = offhook("campaign", "start", "spring", *end)
    assert refused.code == 1 and "offhook campaign approve spring --by NAME" in refused.err
    assert "data_ready" in offhook("campaign", "approve", "spring", "--by", "ann", *end).out
    assert "approved; trial or start" in offhook("campaign", "approve", "spring", "--by", "bob", "--note", "fine", *end).out
    assert offhook("campaign", "trial", "spring", *end).code == 2
    assert offhook("campaign", "trial", "spring", "--calls", "2", "--by", "ann", *end, "--json").object["stage"] == "trial"
    shown = offhook("campaign", "life", "spring", *end).out
    assert "approved by bob" in shown and "takes now: start, pause, stop" in shown
    assert offhook("campaign", "stop", "spring", *end).code == 0
    assert "the sums agree" in offhook("campaign", "summary", "spring", *end).out
    assert offhook("campaign", "summarise", "spring", "--by", "ann", *end, "--json").object["penetration"] == 0
    assert [one["order"] for one in offhook("campaign", "life", "spring", *end, "--json").object["steps"]][-1] == "summarise"
