"""A lead moves on to its person's next number."""

from __future__ import annotations

from pathlib import Path

from aio import in_loop
from nodes import START, numbers_list, settings, simulator

from offhook.calls.disposition import Disposition
from offhook.clock import loop_clock, run_virtual
from offhook.contacts.model import ContactIn, ListEntry
from offhook.desk import Desk
from offhook.messages import CampaignSpec, RetryPlan, RetryRule
from offhook.node import Node
from offhook.store import Store, ledger
from offhook.store import tables as t
from offhook.store.next_number import NO_OTHER, next_number


def test_a_busy_number_is_followed_by_the_next_one_and_then_the_first_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "busy"})) as node:
            await node.put_contact(ContactIn(ref="c7", numbers=("13900000000", "02162345678", "13900000002")))
            plan = RetryPlan(rules={Disposition.BUSY: RetryRule(after_s=10, max_attempts=4, next_number=True)}, max_attempts=9)
            await node.create_campaign(CampaignSpec(name="c1", retry=plan))
            await node.import_list("c1", numbers_list(tmp_path, 1))
            await node.start_campaign("c1")
            state = await node.wait_campaign("c1")
            assert state.attempts == 4
            called = [call.dialled for call in reversed(await node.calls())]
            assert called == ["13900000000", "02162345678", "13900000002", "13900000000"]

    run_virtual(main(), START)


@in_loop
async def test_numbers_of_no_use_are_left_out_and_the_last_one_closes_the_lead(tmp_path: Path, database_url: str) -> None:
    store = await Store.open(database_url, loop_clock(), spool=tmp_path / "s", durable=False)
    desk = Desk(settings(tmp_path), store, loop_clock())
    await desk.put_contact(ContactIn(ref="c7", numbers=tuple(f"1390000000{n}" for n in range(5))))
    await desk.create_campaign(CampaignSpec(name="c1"))
    await desk.import_list("c1", numbers_list(tmp_path, 1))
    await desk.list_add(ListEntry(number="13900000001", list="black", category="suspended", scope="number"))
    await store.work(lambda connection: ledger.note(connection, "+8613900000002", 1000, "vacant"))

    async def move(must: bool) -> tuple[str, str, str]:
        await store.work(lambda connection: next_number(connection, 1, must))
        rows = await store.read(lambda connection: connection.execute(t.lead.select()).all())
        return rows[0].e164, rows[0].state, rows[0].reason

    assert await move(True) == ("+8613900000003", "open", "")
    await store.work(lambda connection: ledger.note(connection, "+8613900000000", 2000, "vacant"))
    assert await move(False) == ("+8613900000004", "open", "")
    await store.work(lambda connection: ledger.note(connection, "+8613900000003", 3000, "vacant"))
    assert await move(False) == ("+8613900000004", "open", "")  # none is left; a busy one may be called again
    assert await move(True) == ("+8613900000004", "closed", NO_OTHER)
    await store.close()
