"""What other campaigns know of a number keeps it from being called vacant (S05)."""

from __future__ import annotations

from pathlib import Path

from nodes import START, numbers_list, settings, simulator

from offhook.clock import run_virtual
from offhook.messages import CampaignSpec
from offhook.node import Node
from offhook.store.history import number_history

NUMBER = "+8613900000000"
VACANT = {"kind": "vacant", "played_share": 0.0, "causes": [1]}


def test_the_same_sign_in_another_campaign_is_the_second_sign_s05(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(VACANT)) as node:
            found = []
            for name in ("first", "second"):
                await node.create_campaign(CampaignSpec(name=name, retry={"rules": {}}))  # type: ignore[arg-type]
                await node.import_list(name, numbers_list(tmp_path, 1))
                await node.start_campaign(name)
                await node.wait_campaign(name)
                found += [await node.call(call.id) for call in await node.calls(name)]
            first, second = found
            assert first.disposition == "suspect_vacant"
            assert second.disposition == "vacant"
            assert second.rule == "cause_vacant+vacant_before"
            assert next((fact.name, fact.detail) for fact in second.evidence if fact.kind == "verdict") == (
                "suspect_vacant",
                "before the number's history was known",
            )
            assert await number_history(node.store, NUMBER) == {"reached": 0, "vacant": 2}

    run_virtual(main(), START)


def test_a_number_that_answered_in_another_campaign_stays_in_doubt_s05(tmp_path: Path) -> None:
    async def reached() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "person", "greeting": ["person-zh-*"]})) as node:
            await node.create_campaign(CampaignSpec(name="first"))
            await node.import_list("first", numbers_list(tmp_path, 1))
            await node.start_campaign("first")
            await node.wait_campaign("first")
            assert (await number_history(node.store, NUMBER))["reached"] == 1

    async def vacant() -> None:
        async with Node(settings(tmp_path), driver=simulator(VACANT)) as node:
            for name in ("second", "third"):
                await node.create_campaign(CampaignSpec(name=name, retry={"rules": {}}))  # type: ignore[arg-type]
                await node.import_list(name, numbers_list(tmp_path, 1))
                await node.start_campaign(name)
                await node.wait_campaign(name)
            calls = [await node.call(call.id) for name in ("second", "third") for call in await node.calls(name)]
            assert [call.disposition for call in calls] == ["suspect_vacant"] * 2
            assert any(fact.name == "reached_before" and fact.value == -8 for fact in calls[1].evidence if fact.kind == "sign")

    run_virtual(reached(), START)
    run_virtual(vacant(), START)
