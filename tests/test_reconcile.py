"""The books: every sum that can break is noticed, and nothing else."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

from nodes import START, numbers_list, settings, simulator

from offhook.calls.disposition import Disposition
from offhook.clock import run_virtual
from offhook.messages import CampaignSpec, NodeAlarm
from offhook.node import Node
from offhook.reconcile import Books, Running, reconcile

D = Disposition
GOOD = Books(intents=12, results=10, seized=1, by_journal={D.PERSON: 6, D.BUSY: 4}, by_call={D.PERSON: 6, D.BUSY: 4})
LIVE = Running(calls=1, reserved=1, dials=11, cleared=10, in_progress=1)


def test_books_that_add_up() -> None:
    found = reconcile(GOOD, LIVE)
    assert found.ok
    assert (found.intents, found.open, found.results, found.attempts) == (12, 2, 10, 10)
    assert sum(found.outcomes.values()) == found.attempts


def test_every_broken_sum_is_told_in_words() -> None:
    assert "10 results, there are 9 calls" in reconcile(replace(GOOD, by_call={D.PERSON: 5, D.BUSY: 4})).problems[0]
    moved = reconcile(replace(GOOD, by_call={D.PERSON: 5, D.BUSY: 5})).problems
    assert moved == ("busy: 4 in the journal, 5 among the calls", "person: 6 in the journal, 5 among the calls")
    assert "11 dials, 9 cleared, 1 in progress" in reconcile(GOOD, replace(LIVE, cleared=9)).problems[0]
    assert "2 intents are open" in reconcile(GOOD, replace(LIVE, reserved=0)).problems[0]


def test_the_source_documents_own_table_would_be_noticed_s04() -> None:
    outcomes = {D.PERSON: 183, D.REJECTED: 26, D.UNREACHABLE: 10, D.VACANT: 1, D.FAILED: 41, D.NO_ANSWER: 30}
    assert not reconcile(Books(300, 300, 0, outcomes, outcomes)).ok


def test_a_node_raises_an_alarm_when_its_books_are_cooked(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "busy", "played_share": 0.0})) as node:
            alarms: list[NodeAlarm] = []
            node.subscribe(lambda e: alarms.append(e) if isinstance(e, NodeAlarm) else None)
            await node.create_campaign(CampaignSpec(name="c1", retry={"rules": {}}))
            await node.import_list("c1", numbers_list(tmp_path, 5))
            await node.start_campaign("c1")
            await node.wait_campaign("c1")
            assert (await node.reconcile()).ok
            with sqlite3.connect(tmp_path / "data" / "offhook.db", timeout=10) as other:
                other.execute("DELETE FROM call WHERE id = (SELECT min(id) FROM call)")
            found = await node.reconcile()
            assert not found.ok
            assert alarms[-1].what == "reconciliation"
            assert node.state().health == "degraded"
            assert not node.state().reconciled

    run_virtual(main(), START)
