"""Suppressions in a running node: by order and by a row that another program writes, on every kind of line state (L12)."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from aio import in_loop
from nodes import START, numbers_list, settings, simulator

from offhook.calls.disposition import Disposition
from offhook.clock import run_virtual
from offhook.contacts.model import ContactIn, Suppression
from offhook.messages import CallPhase, CampaignSpec, Phase
from offhook.node import Node

RINGS = {"kind": "no_answer"}


async def ringing(node: Node, count: int) -> None:
    """Return when *count* calls ring."""
    async with asyncio.timeout(60):
        while sum(call.phase in (CallPhase.RINGING, CallPhase.EARLY_MEDIA) for call in node.live_calls()) < count:
            await asyncio.sleep(0.02)


def number(n: int) -> str:
    return f"{13_900_000_000 + n}"


async def begin(node: Node, folder: Path, leads: int, **spec: object) -> None:
    await node.create_campaign(CampaignSpec(name="c1", calls_per_second=100, **spec))  # type: ignore[arg-type]
    await node.import_list("c1", numbers_list(folder, leads))
    await node.start_campaign("c1")


def test_a_ringing_call_is_hung_up_and_its_lead_closed_though_retries_are_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(RINGS)) as node:
            await begin(node, tmp_path, 5)
            await ringing(node, 5)
            told = await node.suppress(Suppression(number=number(2), category="paid"))
            assert (told.calls, told.leads) == (1, 0)
            await asyncio.sleep(0.5)
            assert len(node.live_calls()) == 4
            record = (await node.calls())[0]
            assert (record.number, record.disposition) == (number(2), Disposition.CANCELLED)
            assert (await node.campaign("c1")).closed == 1

    run_virtual(main(), START)


def test_leads_in_the_hopper_never_go_out_and_are_counted_as_closed(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path, limits={"channels": 1}), driver=simulator({"kind": "busy"})) as node:
            await begin(node, tmp_path, 4, lines=30)
            async with asyncio.timeout(60):
                while not node.live_calls():
                    await asyncio.sleep(0.02)
            for n in (2, 3):  # reserved ahead, waiting for the one line
                await node.suppress(Suppression(number=number(n), category="opted_out"))
            await asyncio.sleep(60)
            assert {record.number for record in await node.calls()} == {number(0), number(1)}
            assert (await node.campaign("c1")).closed == 2

    run_virtual(main(), START)


def test_every_number_of_the_person_is_meant_in_every_campaign(tmp_path: Path) -> None:
    async def main() -> None:
        person = {"kind": "person", "ring_s": 1.0, "greeting": ["person-zh-wei"], "hangs_up_after_s": 60.0}
        async with Node(settings(tmp_path), driver=simulator(person)) as node:
            await node.put_contact(ContactIn(ref="c7", numbers=(number(0), number(1))))
            await begin(node, tmp_path, 1, prompt=None)
            await node.create_campaign(CampaignSpec(name="c2"))
            await node.import_list("c2", numbers_list(tmp_path, 1, first=1))  # the person's other number
            await ringing(node, 1)
            assert (await node.suppress(Suppression(ref="c7"))).model_dump(include={"calls", "leads"}) == {"calls": 1, "leads": 1}
            state = await node.wait_campaign("c1")
            assert (state.closed, state.attempts) == (1, 1)

    run_virtual(main(), START)


@in_loop
async def test_a_row_that_another_program_inserts_is_obeyed_within_a_moment(tmp_path: Path) -> None:
    async with Node(settings(tmp_path), driver=simulator(RINGS)) as node:
        await begin(node, tmp_path, 3)
        await ringing(node, 3)
        with sqlite3.connect(tmp_path / "data" / "offhook.db", timeout=10) as other:
            other.execute("INSERT INTO suppression (number, category) VALUES (?, 'paid'), ('x', 'paid')", (number(1),))
        async with asyncio.timeout(20):
            while len(node.live_calls()) > 2:
                await asyncio.sleep(0.01)
        assert (await node.calls())[0].number == number(1)
        assert (await node.campaign("c1")).phase is Phase.RUNNING
