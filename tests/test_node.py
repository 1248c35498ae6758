"""A node: what it can be asked, what it tells, and how it behaves when something under it breaks."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import sqlite3
from pathlib import Path

import pytest
from aio import in_loop
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.announce.live import LiveAnnouncements
from offhook.calls.call import Call
from offhook.calls.disposition import Disposition
from offhook.clock import loop_clock, run_virtual
from offhook.desk import open_desk
from offhook.errors import CampaignError, ListError, OffhookError, PromptError
from offhook.messages import CampaignSpec, CampaignUpdate, Health, NodeEvent, NodeHealth, Phase, Wanted
from offhook.node import Node
from offhook.service import Service

PERSON = {"kind": "person", "ring_s": 2, "greeting": ["person-zh-wei"], "hangs_up_after_s": 20}
RED = 8


def is_a_service(node: Node) -> Service:
    """Mypy checks that a Node is all that the commands and MQTT are written against."""
    return node


def test_a_node_tells_its_lines_and_its_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON, spans=2)) as node:
            assert is_a_service(node).name == "node1"
            state = node.state()
            assert (state.health, state.channels, state.channels_in_use, state.audio) == (Health.READY, 60, 0, False)
            assert [span.lines for span in state.spans] == ["." * 30] * 2
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path)))
            await node.import_list("c1", numbers_list(tmp_path, 10))
            events: list[NodeEvent] = []
            unsubscribe = node.subscribe(events.append)
            await node.start_campaign("c1")
            await asyncio.sleep(2)
            state = node.state()
            assert state.channels_in_use == 10
            assert sum(len(span.lines.replace(".", "")) for span in state.spans) == 10
            assert [span.lines[:5] for span in state.spans] == ["rrrrr", "rrrrr"]  # round robin over the spans
            await asyncio.sleep(30)
            kinds = {event.type for event in events}
            assert {"call_started", "call_changed", "call_ended", "campaign_changed"} <= kinds
            unsubscribe()
            call = (await node.calls("c1", 1))[0]
            full = await node.call(call.id)
            assert [fact.name for fact in full.evidence][:4] == ["dial", "proceeding", "ringing", "answered"]
            assert full.evidence[-1].name == full.disposition == Disposition.ANSWERED

    run_virtual(main(), START)


def test_a_subscriber_that_fails_harms_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            seen: list[NodeEvent] = []

            def bad(event: NodeEvent) -> None:
                raise RuntimeError("bad subscriber")

            node.subscribe(bad)
            node.subscribe(seen.append)
            await node.create_campaign(CampaignSpec(name="c1"))
            await node.import_list("c1", numbers_list(tmp_path, 3))
            await node.start_campaign("c1")
            assert (await node.wait_campaign("c1")).attempts == 3
            assert seen

    run_virtual(main(), START)


def test_what_cannot_be_done_says_why_and_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            with pytest.raises(CampaignError, match="no campaign 'c1'; there is none yet"):
                await node.start_campaign("c1") if "c1" in {c.name for c in await node.campaigns()} else await node.campaign("c1")
            with pytest.raises(PromptError, match="no such file"):
                await node.create_campaign(CampaignSpec(name="c1", prompt="/no/file.wav"))
            (tmp_path / "text.wav").write_text("not audio")
            with pytest.raises(PromptError, match="not an audio file"):
                await node.create_campaign(CampaignSpec(name="c1", prompt=str(tmp_path / "text.wav")))
            assert await node.campaigns() == []
            await node.create_campaign(CampaignSpec(name="c1"))
            with pytest.raises(CampaignError, match="cannot pause; start it first"):
                await node.pause_campaign("c1")
            with pytest.raises(CampaignError, match="start it instead"):
                await node.resume_campaign("c1")
            with pytest.raises(ListError, match="no such file"):
                await node.import_list("c1", tmp_path / "none.csv")
            (tmp_path / "empty.csv").write_text("a,b\n")
            with pytest.raises(ListError, match="no column of numbers"):
                await node.import_list("c1", tmp_path / "empty.csv")
            with pytest.raises(OffhookError, match="limit is 1 to 10000"):
                await node.calls(limit=0)
            with pytest.raises(OffhookError, match="no call"):
                await node.call("x")
            assert (await node.campaign("c1")).leads == 0

    run_virtual(main(), START)


def test_an_import_reports_every_line_and_what_the_campaign_had_already(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1"))
            await node.import_list("c1", numbers_list(tmp_path, 10))
            path = tmp_path / "more.csv"
            path.write_text(
                "电话\n13900000009\n13900000010\n0453114\n13900000010\n1.390000001234E+10\n1.3900000011E+10\n", encoding="gb18030"
            )
            report = await node.import_list("c1", path)
            assert (report.read, report.accepted, report.duplicates, report.rejected, report.mended) == (6, 2, 2, 2, 1)
            assert report.encoding == "gb18030"
            assert [p.line for p in report.problems] == [2, 4, 5, 6, 7]
            assert report.rejects_file is not None
            assert len(Path(report.rejects_file).read_text(encoding="utf-8-sig").splitlines()) == 6
            assert (await node.campaign("c1")).leads == 12

    run_virtual(main(), START)


def test_pause_lets_calls_go_on_and_stop_hangs_up_what_rings(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path), calls_per_second=3))
            await node.import_list("c1", numbers_list(tmp_path, 500))
            await node.start_campaign("c1")
            await asyncio.sleep(5)
            paused = await node.pause_campaign("c1")
            assert (paused.wanted, paused.phase) == (Wanted.PAUSED, Phase.PAUSED)
            await asyncio.sleep(40)
            state = await node.campaign("c1")
            assert state.active == 0
            assert set(state.outcomes) == {Disposition.ANSWERED}
            before = state.attempts
            await node.resume_campaign("c1")
            await asyncio.sleep(3.2)
            await node.stop_campaign("c1")
            stopped = await node.wait_campaign("c1")
            assert stopped.phase is Phase.STOPPED
            assert stopped.attempts > before
            assert stopped.outcomes[Disposition.CANCELLED] > 0
            assert (await node.reconcile()).ok
            await node.start_campaign("c1")
            await asyncio.sleep(5)
            assert (await node.campaign("c1")).active > 0

    run_virtual(main(), START)


def test_a_new_list_wakes_a_finished_campaign(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", retry={"rules": {}}))
            await node.start_campaign("c1")
            await asyncio.sleep(0.1)
            assert (await node.campaign("c1")).reason == "no leads; import a list"
            await node.import_list("c1", numbers_list(tmp_path, 5))
            assert (await node.wait_campaign("c1")).attempts == 5
            await node.import_list("c1", numbers_list(tmp_path, 5, first=100))
            assert (await node.wait_campaign("c1")).attempts == 10

    run_virtual(main(), START)


@in_loop
async def test_wishes_of_another_process_are_followed_within_a_second_or_so(tmp_path: Path) -> None:
    given = settings(tmp_path, node={"data_dir": tmp_path / "data", "poll_s": 0.1})
    async with Node(given, driver=simulator(PERSON)) as node, open_desk(given) as desk:
        await desk.create_campaign(CampaignSpec(name="c1", calls_per_second=100))
        await desk.import_list("c1", numbers_list(tmp_path, 20))
        await desk.start_campaign("c1")
        async with asyncio.timeout(20):
            while node.state().channels_in_use < 20:
                await asyncio.sleep(0.02)
        assert (await desk.campaign("c1")).active == 20
        await desk.stop_campaign("c1")
        async with asyncio.timeout(20):
            while node.state().channels_in_use:
                await asyncio.sleep(0.02)
        assert (await node.campaign("c1")).phase is Phase.STOPPED


@in_loop
async def test_a_locked_database_holds_dialling_says_so_and_loses_nothing(tmp_path: Path) -> None:
    given = settings(tmp_path, database={"durable": False, "retry_s": 0.2})
    person = {**PERSON, "ring_s": 0.3, "hangs_up_after_s": 0.5}
    async with Node(given, driver=simulator(person)) as node:
        health: list[NodeHealth] = []
        node.subscribe(lambda e: health.append(e) if isinstance(e, NodeHealth) else None)
        await node.create_campaign(CampaignSpec(name="c1", calls_per_second=50))
        await node.import_list("c1", numbers_list(tmp_path, 100))
        await node.start_campaign("c1")
        async with asyncio.timeout(60):
            while (await node.campaign("c1")).attempts < 10:
                await asyncio.sleep(0.02)
            other = sqlite3.connect(tmp_path / "data" / "offhook.db", isolation_level=None, timeout=10, check_same_thread=False)
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")  # the node ends its own transaction meanwhile
            while node.state().health is not Health.HELD:
                await asyncio.sleep(0.02)
            assert "database" in node.state().reason
            while (await node.campaign("c1")).phase is not Phase.HELD or node.state().channels_in_use:
                await asyncio.sleep(0.02)
            other.execute("COMMIT")
            other.close()
            state = await node.wait_campaign("c1")
        assert state.attempts == 100
        assert [e.health for e in health] == [Health.HELD, Health.READY]
        assert node.state().spooled == 0
        assert (await node.reconcile()).ok


def test_a_recording_that_cannot_be_kept_costs_neither_the_result_nor_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def disk_is_full(_self: LiveAnnouncements, _call: Call, _mailed: object = None) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON, audio=True)) as node:
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path, 1)))
            await node.import_list("c1", numbers_list(tmp_path, 40))
            await node.start_campaign("c1")
            state = await node.wait_campaign("c1")
            assert state.attempts == node.state().attempts == 40
            assert node.state().channels_in_use == 0
            assert (await node.reconcile()).results == 40

    monkeypatch.setattr(LiveAnnouncements, "keep", disk_is_full)
    run_virtual(main(), START)


def test_spans_that_go_down_take_no_calls_and_come_back(tmp_path: Path) -> None:
    async def main() -> None:
        card = simulator(PERSON, spans=2)
        async with Node(settings(tmp_path), driver=card) as node:
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path, 10)))
            await node.import_list("c1", numbers_list(tmp_path, 1000))
            await node.start_campaign("c1")
            await asyncio.sleep(10)
            card.set_alarm(1, RED)
            await asyncio.sleep(0.1)
            state = node.state()
            assert state.health is Health.DEGRADED
            assert state.spans[1].alarms == ("red",)
            await asyncio.sleep(20)
            state = node.state()
            assert set(state.spans[1].lines) == {"!"}
            assert "." not in state.spans[0].lines
            card.set_alarm(0, RED)
            await asyncio.sleep(5)
            assert node.state().health is Health.HELD
            assert (await node.campaign("c1")).phase is Phase.HELD
            for span in (0, 1):
                card.set_alarm(span, 0)
            await asyncio.sleep(10)
            assert node.state().health is Health.READY
            assert node.state().channels_in_use == 60
            assert (await node.reconcile()).ok

    run_virtual(main(), START)


def test_leaving_a_node_in_mid_campaign_hangs_up_and_leaves_clean_books(tmp_path: Path) -> None:
    async def first() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path)))
            await node.import_list("c1", numbers_list(tmp_path, 200))
            await node.start_campaign("c1")
            await asyncio.sleep(7)

    async def second() -> None:
        async with open_desk(settings(tmp_path)) as desk:
            assert (await desk.reconcile()).open == 0
            state = await desk.campaign("c1")
            assert state.wanted is Wanted.RUNNING
            assert state.active == 0
            assert "unknown" not in state.outcomes
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await asyncio.sleep(5)
            assert node.state().channels_in_use == 30  # it goes on by itself

    run_virtual(first(), START)
    run_virtual(second(), START)


def test_the_caller_s_own_error_leaves_a_node_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_virtual(main(), START)


def test_a_campaign_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", lines=3, prompt=tone_file(tmp_path)))
            await node.import_list("c1", numbers_list(tmp_path, 500))
            await node.start_campaign("c1")
            await asyncio.sleep(10)
            assert node.state().channels_in_use == 3
            await node.update_campaign("c1", CampaignUpdate(lines=12, caller_id="95588"))
            await asyncio.sleep(10)
            assert node.state().channels_in_use == 12
            assert (await node.campaign_spec("c1")).caller_id == "95588"
            with pytest.raises(CampaignError, match="greater than or equal"):
                await node.update_campaign("c1", CampaignUpdate.model_construct(lines=0, _fields_set={"lines"}))

    run_virtual(main(), START)


def test_nothing_grows_over_thousands_of_calls(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON, spans=4)) as node:
            await node.create_campaign(CampaignSpec(name="c1", retry={"rules": {}}))
            await node.import_list("c1", numbers_list(tmp_path, 1500))
            await node.start_campaign("c1")
            counts = []
            for _ in range(3):
                goal = (await node.campaign("c1")).attempts + 300
                while (await node.campaign("c1")).attempts < goal:
                    await asyncio.sleep(1)
                gc.collect()
                counts.append(len(gc.get_objects()))
                assert len(asyncio.all_tasks()) < 150
            assert counts[2] - counts[1] < 1000  # a few objects a call would be more
            assert loop_clock().virtual

    run_virtual(main(), START)
