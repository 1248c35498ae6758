"""Routes, trunk groups and the care of lines (S08-S11, S13, S14, D43)."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from hypothesis import given
from hypothesis import strategies as st
from nodes import START, numbers_list, settings, simulator

from offhook import numbers
from offhook.calls.disposition import Disposition
from offhook.clock import loop_clock, run_virtual
from offhook.config import DialSettings
from offhook.errors import ConfigError
from offhook.lines.channels import ChannelPool
from offhook.lines.trunks import BAD_IN_A_ROW, ELSEWHERE_S, REST_S, Trunks, wait
from offhook.messages import CallRecord, CampaignSpec
from offhook.node import Node
from offhook.routes import Routes, Tariff, decide
from offhook_drivers.contract import NumberType

PLAN = DialSettings()
NOON = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)  # Monday, 12:00 in Shanghai
TABLES = """
common = [{prefix = "+8617951", strip = 8, add = "+86"}]
cdr = [{prefix = "9", strip = 1}]

[[trunk]]
name = "510"
spans = [0, 1]
prefix = "9"
tariff = [
    {prefix = "+", per_minute = 0.3},
    {prefix = "+86453", per_minute = 0.1, start = "08:00", end = "20:00", days = ["mon", "tue", "wed", "thu", "fri"]},
]
caller_id = "0453100"
caller_ids = {notice = "0453999"}
called_type = "subscriber"

[[trunk]]
name = "431"
spans = [2]
hunt = "down"
out = [{prefix = "00", strip = 2, add = "+"}]
tariff = [{prefix = "+", per_minute = 0.2}]

[[trunk]]
name = "voip"
spans = [3]
presents_caller_id = false
tariff = [{prefix = "+", per_minute = 0.02}]

[[route]]
name = "harbin"
prefixes = ["+86453", "+86451"]
trunks = ["510", "431"]

[[route]]
name = "cheap"
prefixes = ["+86", "+49"]
trunks = ["510", "431", "voip"]
choose = "cheapest"
"""


@pytest.fixture
def tables(tmp_path: Path) -> Routes:
    path = tmp_path / "routes.toml"
    path.write_text(TABLES, encoding="utf-8")
    return Routes.load(path)


def names(tables: Routes, text: str, when: dt.datetime = NOON, caller_id: str = "") -> list[str]:
    decision = decide(tables, numbers.parse(text), PLAN, when, caller_id=caller_id)
    return [choice.trunk.name for choice in decision.choices]


def test_the_longest_prefix_finds_the_route_and_its_sub_routes_in_order(tables: Routes) -> None:
    """S09: 0453 takes route 510 with sub-routes 510 and 431."""
    assert names(tables, "04538221234") == ["510", "431"]


def test_the_cheapest_trunk_of_the_moment_is_tried_first(tables: Routes) -> None:
    """S14."""
    assert names(tables, "13800138000") == ["voip", "431", "510"]


def test_a_campaign_with_a_caller_id_leaves_out_trunks_that_do_not_present_it(tables: Routes) -> None:
    assert names(tables, "13800138000", caller_id="075526001234") == ["431", "510"]


def test_tariffs_follow_the_trunks_local_time() -> None:
    day = Tariff(start=dt.time(8), end=dt.time(20), days=("mon",))
    night = Tariff(start=dt.time(22), end=dt.time(6), days=("mon",))
    monday = dt.datetime(2026, 3, 2)
    assert day.holds(monday.replace(hour=8)) and not day.holds(monday.replace(hour=20))
    assert night.holds(monday.replace(hour=23)) and night.holds(monday.replace(day=3, hour=5))
    assert not night.holds(monday.replace(hour=5)) and not night.holds(monday.replace(day=3, hour=23))


def test_numbers_are_written_for_each_trunk_and_callers_chosen_by_campaign(tables: Routes) -> None:
    """S08, S13, D43."""
    decision = decide(tables, numbers.parse("04538221234"), PLAN, NOON, campaign="notice")
    first, second = decision.choices
    assert (first.dialled, first.calling) == ("904538221234", "0453999")
    assert (second.dialled, second.calling) == ("04538221234", "")
    assert first.trunk.called_as.type is NumberType.SUBSCRIBER
    assert decision.cdr == "04538221234"
    abroad = decide(tables, numbers.parse("+4930123456"), PLAN, NOON, caller_id="1")
    assert next(c.dialled for c in abroad.choices if c.trunk.name == "431") == "+4930123456"
    assert decide(tables, numbers.parse("04538221234"), PLAN, NOON).choices[0].calling == "0453100"


def test_a_number_without_a_route_has_no_way_and_says_so(tables: Routes) -> None:
    decision = decide(tables, numbers.parse("+12125550100"), PLAN, NOON)
    assert decision.choices == () and "no route" in decision.steps[-1].why


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_every_step_begins_where_the_one_before_ended(number: str) -> None:
    tables = Routes.model_validate({"trunk": [{"name": "a", "spans": [0]}], "route": [{"name": "r", "prefixes": [""], "trunks": ["a"]}]})
    try:
        parsed = numbers.parse(number)
    except numbers.NumberError:
        return
    decision = decide(tables, parsed, PLAN, NOON)
    assert decision.choices[0].dialled == numbers.dialled(parsed, PLAN)
    assert decision.steps[0].before == parsed.e164


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('[[trunk]]\nname = "a"\nspans = [0]\n', "no route"),
        ('[[trunk]]\nname = "a"\nspans = [0]\n[[route]]\nname = "r"\nprefixes = [""]\ntrunks = ["b"]\n', "no trunk 'b'"),
        ('[[trunk]]\nname = "a"\nspans = [0]\n[[trunk]]\nname = "b"\nspans = [0]\n', "span 0 is in trunk"),
        ('[[trunk]]\nname = "a"\nspam = [0]\n', "spans"),
        ("[[trunk\n", "not TOML"),
    ],
)
def test_wrong_tables_are_told_with_their_mend(wrong: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        Routes.load(path)


def test_the_command_explains_a_number(offhook: Command, tmp_path: Path) -> None:
    """S11."""
    path = tmp_path / "routes.toml"
    path.write_text(TABLES, encoding="utf-8")
    ran = offhook("route", "04538221234", "--routes", path, "--json", "--at", "2026-03-02T12:00+08:00")
    assert [choice["trunk"] for choice in ran.object["choices"]] == ["510", "431"]
    assert "strip 1" in offhook("route", "04538221234", "--routes", path).out
    refused = offhook("route", "+12125550100", "--routes", path)
    assert refused.code != 0 and "no trunk takes it" in refused.err
    assert "any span" in offhook("route", "13800138000").out
    assert "add a zone" in offhook("route", "13800138000", "--routes", path, "--at", "2026-03-02").err


# -- live ---------------------------------------------------------------------------------------------------------------------------


def record(channel: int, disposition: Disposition, **more: object) -> CallRecord:
    values = {"id": "x", "campaign": "c", "lead_id": 1, "number": "1", "dialled": "1", "attempt": 1, "channel": channel}
    values |= {"span": channel // 30, "disposition": disposition, "duration_ms": 1, "billed_ms": 0, "rule": "", "digits": ""}
    return CallRecord.model_validate({**values, **more})


def live(tables: Routes, rests: list[int] | None = None) -> tuple[Trunks, ChannelPool]:
    pool = ChannelPool(120, 30)
    for span in range(4):
        pool.set_up(span, True)
    told = rests if rests is not None else []
    return Trunks(tables, PLAN, pool, loop_clock(), lambda channel, rest_s, why: told.append(channel)), pool


@in_loop
async def test_a_call_takes_a_channel_of_its_routes_first_trunk_and_overflows_to_the_next(tables: Routes) -> None:
    trunks, pool = live(tables)
    number = numbers.parse("04538221234")
    channels = [await pool.ask(0, trunks.allowed(number, 1, "", "")) for _ in range(61)]
    assert {c // 30 for c in channels[:60] if c is not None} == {0, 1}
    assert channels[60] is not None and channels[60] // 30 == 2
    waiting = [pool.ask(0, trunks.allowed(number, 1, "", "")) for _ in range(30)]
    assert not waiting[-1].done()  # the trunks of its route are full
    assert (await pool.ask(0)) // 30 == 3  # who may use any span is not kept waiting behind it
    pool.give(5)
    assert await waiting[-1] == 5


@in_loop
async def test_a_trunks_rate_is_kept(tables: Routes) -> None:
    slow = tables.model_copy(update={"trunk": tuple(t.model_copy(update={"calls_per_second": 20.0}) for t in tables.trunk)})
    trunks, pool = live(slow)
    number = numbers.parse("04538221234")
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(21):
        channel = await pool.ask(0, trunks.allowed(number, 1, "", ""))
        assert channel is not None
        trunks.way(number, 1, "", "", channel // 30)
        pool.give(channel)
    assert loop.time() - began > 0.25  # two trunks of 20 a second, with the bursts that a pacer allows


@in_loop
async def test_a_channel_with_bad_calls_rests_and_a_good_one_does_not(tables: Routes) -> None:
    rests: list[int] = []
    trunks, _ = live(tables, rests)
    for channel in range(1, 30):
        trunks.ended(record(channel, Disposition.PERSON, answered_ms=5000, ringing_ms=900, cause=16))
    given = [trunks.ended(record(0, Disposition.ANSWERED_SILENT, answered_ms=5000, cause=16)) for _ in range(BAD_IN_A_ROW)]
    assert given == [0.0, 0.0, REST_S[0]] and rests == [0]
    state = trunks.status()[0]
    assert state.attempts == 32 and state.answer_seizure_ratio == 1.0


@in_loop
async def test_when_the_whole_trunk_is_bad_no_channel_is_blamed(tables: Routes) -> None:
    trunks, _ = live(tables)
    assert not any(trunks.ended(record(n % 30, Disposition.ANSWERED_SILENT, answered_ms=1, cause=16)) for n in range(120))


@in_loop
async def test_a_trunk_that_failed_is_tried_last_for_that_lead(tables: Routes) -> None:
    trunks, pool = live(tables)
    trunks.ended(record(0, Disposition.FAILED, cause=38, ended_by="driver"))
    number = numbers.parse("04538221234")
    channel = await pool.ask(0, trunks.allowed(number, 1, "", ""))
    assert channel is not None and channel // 30 == 2
    other = await pool.ask(0, trunks.allowed(number, 2, "", ""))
    assert other is not None and other // 30 in (0, 1)


def test_a_call_that_our_own_line_failed_is_tried_again_within_seconds() -> None:
    red = record(0, Disposition.FAILED, cause=38, ended_by="driver")
    assert wait(red, 600.0) == ELSEWHERE_S and wait(red, 1.0) == 1.0
    assert wait(record(0, Disposition.FAILED, cause=38, ended_by="network"), 600.0) == 600.0
    assert wait(record(0, Disposition.PERSON, cause=38, ended_by="driver", answered_ms=5), 600.0) == 600.0


@in_loop
async def test_false_answers_and_delays_are_counted(tables: Routes) -> None:
    trunks, _ = live(tables)
    trunks.ended(record(60, Disposition.VACANT, answered_ms=2000, ringing_ms=1000, cause=16))
    trunks.ended(record(61, Disposition.PERSON, answered_ms=9000, ringing_ms=3000, cause=16))
    state = trunks.status()[1]
    assert (state.false_answers, state.post_dial_delay_s) == (0.5, 2.0)


def test_a_campaign_goes_over_its_routes_and_a_number_without_one_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(
        '[[trunk]]\nname = "a"\nspans = [1]\nprefix = "9"\n[[route]]\nname = "r"\nprefixes = ["+861390000"]\ntrunks = ["a"]\n',
        encoding="utf-8",
    )

    async def run() -> None:
        driver = simulator({"kind": "busy"}, spans=2)
        async with Node(settings(tmp_path, dial={"routes": path}), driver=driver) as node:
            await node.create_campaign(CampaignSpec(name="c", lines=10, retry={"max_attempts": 1}))
            await node.import_list("c", numbers_list(tmp_path, 20))
            people = tmp_path / "other.csv"
            people.write_text("number\n13812345678\n", encoding="utf-8")
            await node.import_list("c", people)
            await node.start_campaign("c")
            await node.wait_campaign("c")
            calls = await node.calls("c")
            assert len(calls) == 20 and {call.span for call in calls} == {1}
            assert all(call.dialled.startswith("9139") for call in calls)
            assert (await node.reconcile()).ok

    run_virtual(run(), START)
