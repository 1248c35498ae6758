"""Strategies: named groups of settings that campaigns follow, changed while they run (D29)."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import START, numbers_list, settings, simulator

from offhook.campaigns.life import Stage
from offhook.campaigns.plan import StrategyNames
from offhook.clock import loop_clock, run_virtual
from offhook.contacts.model import Whom
from offhook.contacts.why import why
from offhook.desk import Desk, open_desk
from offhook.messages import CampaignSpec, CampaignUpdate
from offhook.node import Node
from offhook.store import Store, ledger
from offhook.strategies import GOVERNS, Strategy, StrategyError, builtin_strategies, load_strategies, parse_strategies

MINE = """
[strategy.time.mornings]
title = "Only before noon"
[[strategy.time.mornings.windows.windows]]
start = "08:00"
end = "12:00"
[strategy.protection.once.protection]
caps = [{ name = "once a week", attempts = 1, window_s = 604800 }]
"""


async def desk(folder: Path, url: str) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.set_strategies(parse_strategies(MINE, "mine"))
    return made


def follows(name: str, **strategies: str) -> CampaignSpec:
    return CampaignSpec(name=name, strategies=StrategyNames(**strategies))


def test_every_kind_has_strategies_that_come_with_offhook_and_no_setting_belongs_to_two_kinds_d29() -> None:
    assert {kind for kind, _ in builtin_strategies()} == set(GOVERNS)
    fields = [field for of in GOVERNS.values() for field in of]
    assert len(fields) == len(set(fields))
    assert set(fields) <= set(CampaignSpec.model_fields)


@in_loop
async def test_a_campaign_that_follows_a_strategy_has_its_settings_and_changes_with_it_d29(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.create_campaign(follows("spring", time="mornings", protection="once"))
    await made.create_campaign(CampaignSpec(name="other"))
    spec = await made.campaign_spec("spring")
    assert [window.end for window in spec.windows.windows] == [dt.time(12)]
    assert spec.protection.caps[0].name == "once a week"
    later = parse_strategies(MINE.replace('"12:00"', '"11:00"'), "mine")
    told = await made.set_strategies(later[:1])
    assert told.campaigns == ("spring",)
    assert [window.end for window in (await made.campaign_spec("spring")).windows.windows] == [dt.time(11)]
    shown = {(one.kind, one.name): one for one in await made.strategies()}
    assert (shown["time", "mornings"].version, shown["time", "mornings"].campaigns) == (2, ("spring",))
    assert shown["time", "office"].version == 0
    await made.store.close()


@in_loop
async def test_what_a_strategy_sets_is_changed_there_and_not_in_the_campaign(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.create_campaign(follows("spring", connect="preview"))
    with pytest.raises(StrategyError, match="mode is set by its connect strategy 'preview'"):
        await made.update_campaign("spring", CampaignUpdate(mode="lines"))
    with pytest.raises(StrategyError, match="no time strategy 'nights'; there are daylong, evening, mornings, office"):
        await made.update_campaign("spring", CampaignUpdate(strategies=StrategyNames(time="nights")))
    with pytest.raises(StrategyError, match="mode is set"):
        await made.create_campaign(CampaignSpec(name="two", mode="lines", strategies=StrategyNames(connect="preview")))
    await made.update_campaign("spring", CampaignUpdate(strategies=StrategyNames()))  # goes its own way, and keeps what it had
    assert (await made.campaign_spec("spring")).mode == "preview"
    await made.update_campaign("spring", CampaignUpdate(mode="lines"))
    await made.store.close()


@in_loop
async def test_a_strategy_that_is_followed_stays_and_one_that_breaks_a_campaign_is_refused_whole(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.create_campaign(follows("spring", time="mornings"))
    with pytest.raises(StrategyError, match="followed by spring"):
        await made.remove_strategy("time", "mornings")
    await made.update_campaign("spring", CampaignUpdate(strategies=StrategyNames()))
    await made.remove_strategy("time", "mornings")
    with pytest.raises(StrategyError, match="no time strategy 'mornings'"):
        await made.remove_strategy("time", "mornings")
    with pytest.raises(StrategyError, match="comes with offhook stays"):
        await made.remove_strategy("time", "office")
    await made.store.close()


@in_loop
async def test_an_approval_is_void_when_a_strategy_of_the_campaign_changes_d29_d42(tmp_path: Path) -> None:
    async with open_desk(settings(tmp_path, approval={"numbers": 3})) as made:
        await made.set_strategies(parse_strategies(MINE, "mine"))
        await made.create_campaign(follows("spring", time="mornings"))
        await made.import_list("spring", numbers_list(tmp_path, 5))
        for name in ("ann", "ben"):
            await made.approve_campaign("spring", name)
        assert (await made.campaign("spring")).stage is Stage.APPROVED
        await made.set_strategies(parse_strategies(MINE, "mine"))  # the same again
        assert (await made.campaign("spring")).stage is Stage.APPROVED
        await made.set_strategies(parse_strategies(MINE.replace('"12:00"', '"21:00"'), "mine"))
        assert (await made.campaign("spring")).stage is Stage.DATA_READY


@in_loop
async def test_why_names_the_strategies_and_the_cap_of_one_that_holds_d29(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    await made.create_campaign(follows("spring", time="mornings", protection="once"))
    await made.import_list("spring", numbers_list(tmp_path, 1))
    await made.start_campaign("spring")
    await made.store.work(lambda connection: ledger.note(connection, "+8613900000000", 0, "sms"))
    now = dt.datetime(1970, 1, 2, 1, tzinfo=dt.UTC)
    (lead,) = (await why(made.store, Whom(number="13900000000"), now)).leads
    said = {rule.rule: rule.values for rule in lead.rules}
    assert said["cap once a week of the campaign"].startswith("1 of 1 in 7 d")
    assert said["time strategy"] == "mornings: windows"
    assert said["protection strategy"] == "once: protection"
    assert lead.answer == "later"
    await made.store.close()


def test_a_changed_strategy_reaches_a_campaign_that_runs_d29(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "no_answer", "ring_s": 20})) as node:
            one = Strategy(kind="connect", name="mine", settings={"mode": "lines", "lines": 1, "ring_timeout_s": 20})
            await node.set_strategies([one])
            await node.create_campaign(follows("spring", connect="mine"))
            await node.import_list("spring", numbers_list(tmp_path, 30))
            await node.start_campaign("spring")
            await asyncio.sleep(5)
            assert node.pool.in_use == 1
            await node.set_strategies([one.model_copy(update={"settings": {**one.settings, "lines": 5}})])
            await asyncio.sleep(2)
            assert node.pool.in_use == 5

    run_virtual(main(), START)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[strategy.time.x]\nmode = 'lines'\n", "bad.toml:1: a time strategy does not set 'mode': it sets windows, retry, unknown_hold_s"),
        ("[strategy.connect.x]\nmod = 'lines'\n", "did you mean 'mode'"),
        ("[strategy.connect.x]\nmode = 'fast'\n", "mode"),
        ("[strategy.route.x]\nmode = 'lines'\n", "there are no 'route' strategies; the kinds are connect, routing, time, protection"),
        ("[strategy.time]\nx = 1\n", "strategy.time.x is no table"),
        ("[strategy.time.x]\n", "at least 1 item"),
        ("[strategy.time.X]\nunknown_hold_s = 1\n", "name"),
        ("x = 1\n", "holds no strategies"),
        ("[strategy\n", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_the_mend(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StrategyError) as wrong:
        load_strategies(path)
    assert says in str(wrong.value)


def test_the_commands_set_list_show_and_remove(offhook: Command, tmp_path: Path) -> None:
    config, file = tmp_path / "offhook.toml", tmp_path / "mine.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    file.write_text(MINE, encoding="utf-8")
    assert offhook("strategy", "check", file).err.endswith("2 strategies right\n")
    assert offhook("strategy", "set", file, "-c", config).out == "2 strategies stored; changed by it: no campaign\n"
    offhook("campaign", "create", "spring", 'strategies={"time": "mornings"}', "-c", config)
    listed = offhook("strategy", "list", "-c", config, "--json").object["strategies"]
    assert next(one for one in listed if one["name"] == "mornings")["campaigns"] == ["spring"]
    assert "followed by spring" in offhook("strategy", "show", "time", "mornings", "-c", config).out
    assert "followed by spring" in offhook("strategy", "remove", "time", "mornings", "-c", config).err
    assert offhook("strategy", "remove", "protection", "once", "-c", config).out == "protection strategy once is removed\n"
    assert "there are daylong" in offhook("strategy", "show", "time", "nights", "-c", config).err
