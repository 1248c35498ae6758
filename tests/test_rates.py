"""Results by segment and hour: counted once, shown, and dialled in the order of what they return (L15, D52, D56)."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import settings

from offhook.calls.disposition import Disposition
from offhook.campaigns.learning import Counts, LearnPlan, portions, rates, returns
from offhook.campaigns.outcomes import NewOutcome
from offhook.campaigns.plan import Goals, ResultClass
from offhook.clock import Uuid7, loop_clock
from offhook.contacts.model import CallBack
from offhook.desk import Desk
from offhook.errors import CampaignError
from offhook.messages import CallRecord, CampaignSpec, CampaignUpdate
from offhook.store import Lead, Store
from offhook.store.store import result_row

TEN = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)  # ten in Shanghai
PLAN = LearnPlan(segment="region", order=True)


def region_list(folder: Path, **counts: int) -> Path:
    path = folder / "regions.csv"
    lines, number = ["电话,region"], 13_900_000_000
    for region, count in counts.items():
        for _ in range(count):
            lines.append(f"{number},{region}")
            number += 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def desk(folder: Path, url: str, learn: LearnPlan, **counts: int) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1", learn=learn))
    await made.import_list("c1", region_list(folder, **counts))
    await made.start_campaign("c1")
    return made


async def reserve(made: Desk, limit: int) -> list[Lead]:
    spec = await made.campaign_spec("c1")
    return list(await made.store.reserve("node1", 1, [("Asia/Shanghai",)], limit, Uuid7(loop_clock()), spec))


def end(made: Desk, lead: Lead, what: Disposition, meaning: str = "", billed_s: float = 0, ended_by: str = "them", hour: int = 0) -> None:
    record = CallRecord(
        id=lead.call_id,
        campaign="c1",
        lead_id=lead.id,
        number=lead.raw,
        dialled=lead.raw,
        attempt=1,
        started=TEN + dt.timedelta(hours=hour),
        ended=TEN + dt.timedelta(hours=hour, minutes=2),
        billed_ms=round(billed_s * 1000),
        ended_by=ended_by,
        disposition=what,
        meaning=meaning,
    )
    made.store.result(result_row(record, 1, "closed", 0, {what: 1}, "done"))


@in_loop
async def test_results_are_counted_by_segment_and_the_callees_hour_and_a_repeated_one_once_l15(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, LearnPlan(segment="region", value=10, call_cost=0.1, minute_cost=0.5), north=4, south=2)
    taken = {lead.raw[-1]: lead for lead in await reserve(made, 9)}
    for _ in range(2):  # as a spool may repeat them
        end(made, taken["0"], Disposition.PERSON, "yes", 60)
        end(made, taken["1"], Disposition.PERSON, "", 12)
        end(made, taken["2"], Disposition.MACHINE, "", 30, "us")
        end(made, taken["3"], Disposition.NOT_DIALLED)
        end(made, taken["4"], Disposition.NO_ANSWER, hour=9)
        await made.store.flush()
    found = await made.rates("c1")
    north, south = found.segments
    assert (north.name, north.calls, north.persons, north.responses) == ("north", 3, 2, 1)
    shares = (north.connect, north.person, north.response, north.early)
    assert shares == pytest.approx((1.0, 2 / 3, 1 / 3, 0.5))  # D52
    assert (north.minutes, north.cost, north.value) == pytest.approx((1.7, 0.3 + 0.85, 10))  # D56
    assert (south.name, south.calls, south.connect, south.early) == ("south", 1, 0.0, None)
    assert [(one.name, one.calls) for one in found.hours] == [("10", 3), ("19", 1)]
    assert (found.total.calls, found.total.responses) == (4, 1)
    assert found.total.response < south.expected + 0.01  # one call says next to nothing
    assert {name: (one.calls, one.persons) for name, one in (await made.counted()).items()} == {"c1": (4, 2)}
    with pytest.raises(CampaignError, match="no campaign 'c9'"):
        await made.rates("c9")
    await made.store.close()


@in_loop
async def test_another_column_counts_what_was_called_anew(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, LearnPlan(), north=3, south=1)
    for lead in await reserve(made, 9):
        end(made, lead, Disposition.PERSON, billed_s=20)
    await made.store.flush()
    assert (await made.rates("c1")).segments == ()
    await made.update_campaign("c1", CampaignUpdate(learn=LearnPlan(segment="region", early_s=10)))
    found = await made.rates("c1")
    assert [(one.name, one.calls, one.early) for one in found.segments] == [("north", 3, 0.0), ("south", 1, 0.0)]
    await made.update_campaign("c1", CampaignUpdate(learn=LearnPlan()))
    assert (await made.rates("c1")).total.early == 1.0
    await made.store.close()


@in_loop
async def test_the_segment_that_returns_more_is_dialled_first_and_the_others_go_on_l15(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, PLAN, north=150, south=150, west=150)
    region = {f"{13_900_000_000 + n}": ("north", "south", "west")[n // 150] for n in range(450)}
    for lead in await reserve(made, 200):
        yes = region[lead.raw] == "south" and lead.id % 2 == 0
        end(made, lead, Disposition.PERSON if yes else Disposition.NO_ANSWER, "yes" if yes else "")
    await made.store.flush()
    from offhook.store import rates as counters

    counters._lately.clear()  # it is read again every 20 s
    taken = [region[lead.raw] for lead in await reserve(made, 60)]
    assert taken.count("south") > 40
    assert taken.count("north") > 0
    assert taken.count("west") > 0
    rest = await reserve(made, 400)
    assert len(rest) + len(taken) + 200 == 450  # all are dialled in the end
    await made.store.close()


@in_loop
async def test_leads_without_a_value_or_made_later_are_dialled_too(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, PLAN, north=2)
    await made.call_back(CallBack(number="13911111111", campaign="c1", at=dt.datetime.now(dt.UTC)))
    (tmp_path / "more.csv").write_text("电话,region\n13922222222,\n", encoding="utf-8")
    await made.import_list("c1", tmp_path / "more.csv")
    assert sorted(lead.raw[-2:] for lead in await reserve(made, 9)) == ["00", "01", "11", "22"]
    await made.store.close()


@in_loop
async def test_results_that_are_said_count_corrected_and_after_another_column_l15_d53(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, LearnPlan(segment="region", by="success", value=4), north=2, south=1)
    goals = Goals(primary="sell", results={"sold": ResultClass(success=True), "no": ResultClass()})
    await made.update_campaign("c1", CampaignUpdate(goals=goals))
    leads = await reserve(made, 9)
    for lead in leads:
        end(made, lead, Disposition.PERSON, billed_s=60)
    await made.store.flush()
    for lead in leads[:2]:
        await made.set_outcome(NewOutcome(call=lead.call_id, result="sold", by="anna"))
    await made.set_outcome(NewOutcome(call=leads[1].call_id, result="no", by="anna"))
    found = await made.rates("c1")
    assert [(one.name, one.successes, one.value) for one in found.segments] == [("north", 1, 4.0), ("south", 0, 0.0)]
    await made.update_campaign("c1", CampaignUpdate(learn=LearnPlan(by="success")))
    assert (await made.rates("c1")).total.successes == 1
    await made.store.close()


# -- the choice ---------------------------------------------------------------------------------------------------------------------


def test_little_known_segments_are_tried_and_poor_ones_left_a_share() -> None:
    known = {"good": Counts(2000, 0, 0, 200), "poor": Counts(2000, 0, 0, 10), "new": Counts()}
    rng = random.Random(1)
    given = dict.fromkeys(known, 0)
    for _ in range(100):
        for name, count in portions(PLAN, known, 30, rng):
            given[name] += count
    assert sum(given.values()) == 3000
    assert given["good"] > given["new"] > given["poor"]
    assert given["poor"] == pytest.approx(3000 * PLAN.explore / 3, rel=0.2)  # no more than its part of the exploring
    assert portions(PLAN, {}, 5, random.Random(1)) == []


def test_before_the_first_call_all_segments_are_alike() -> None:
    rng, given = random.Random(1), Counter[str]()
    for _ in range(100):
        given.update(dict(portions(PLAN, {name: Counts() for name in "abcd"}, 40, rng)))
    assert all(850 < count < 1150 for count in given.values())


def test_a_segment_that_costs_more_than_it_returns_goes_last_d56() -> None:
    plan = PLAN.model_copy(update={"value": 10.0, "call_cost": 0.1, "minute_cost": 0.5})
    talkers = Counts(1000, 0, 0, 120, billed_ms=1000 * 6 * 60_000)  # six minutes a call
    quick = Counts(1000, 0, 0, 100, billed_ms=1000 * 6_000)
    worth = returns(plan, {"talkers": talkers, "quick": quick})
    assert worth["quick"] > 0.7 > 0 > worth["talkers"]
    assert returns(PLAN, {"talkers": talkers, "quick": quick})["talkers"] > 0.1  # without a value it leads
    shown = rates("c", plan, {("talkers", 10): talkers, ("quick", 10): quick}, TEN)
    assert [one.name for one in shown.segments] == ["quick", "talkers"]


def test_learning_finds_the_better_segment_and_gains_by_it_l15() -> None:
    """A made population of five regions; half of the leads of each are called."""
    rng = random.Random(4)
    truth = {"a": 0.02, "b": 0.05, "c": 0.03, "d": 0.15, "e": 0.08}
    known = {name: Counts() for name in truth}
    left = dict.fromkeys(truth, 2000)
    won = 0
    for _ in range(100):
        for name, most in portions(PLAN, known, 50, rng):
            for _ in range(min(most, left[name])):
                left[name] -= 1
                yes = rng.random() < truth[name]
                known[name].add(Counts(1, yes, yes, yes))
                won += yes
    calls = sum(one.calls for one in known.values())
    assert won / calls > 1.3 * sum(truth.values()) / 5
    assert min(one.calls for one in known.values()) > 100  # nobody is starved


# -- the command --------------------------------------------------------------------------------------------------------------------


def test_the_command_shows_the_table_and_says_how_to_count_by_a_column(tmp_path: Path, offhook: Command) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "create", "spring", "-c", config)
    assert "set learn.segment" in offhook("campaign", "rates", "spring", "-c", config).out
    offhook("campaign", "create", "summer", "learn.segment=region", "learn.value=5", "-c", config)
    told = offhook("campaign", "rates", "summer", "-c", config, "--json").object
    assert (told["segment"], told["segments"], told["total"]["calls"]) == ("region", [], 0)
    assert "region" in offhook("campaign", "rates", "summer", "-c", config).out
    assert "no campaign 'autumn'" in offhook("campaign", "rates", "autumn", "-c", config).err
    assert "explore" in offhook("campaign", "create", "autumn", "learn.explore=2", "-c", config).err
