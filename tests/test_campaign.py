"""Campaigns on simulated lines in virtual time: pacing, windows, retries, and the figure of D02."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import START, numbers_list, settings, simulator, tone_file
from pydantic import ValidationError

from offhook.calls.disposition import Disposition
from offhook.campaigns.quota import LineQuota, Pacer
from offhook.campaigns.shares import CREDIT_CALLS, Account, Queue
from offhook.clock import run_virtual
from offhook.lines.channels import ChannelPool
from offhook.messages import CallEnded, CampaignSpec, CampaignUpdate, NodeEvent, Phase, RetryPlan
from offhook.node import Node

PERSON = {"kind": "person", "ring_s": 2, "greeting": ["person-zh-wei"], "hangs_up_after_s": 20}
NOBODY = {"kind": "no_answer", "ring_s": 25}
BUSY = {"kind": "busy", "played_share": 0.0}


# -- pure parts ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 4.0, 33.0, 120.0])
def test_the_pacer_keeps_its_rate_although_timers_fire_on_ticks(rate: float) -> None:
    pacer, now, starts = Pacer(rate), 0.0, 0
    while now < 100:
        wait = pacer.delay(now)
        if wait == 0:
            pacer.take(now)
            starts += 1
        else:
            now = math.ceil((now + wait) / 0.02 - 1e-9) * 0.02  # the next tick
    assert starts == pytest.approx(100 * rate, rel=0.02, abs=2)


@given(st.floats(0.05, 12).map(lambda x: round(x, 2)), st.integers(0, 2**32))
def test_a_fractional_line_limit_is_met_on_average_and_never_passed_by_a_whole_line_d14(limit: float, seed: int) -> None:
    rng = random.Random(seed)
    quota, now, ends, line_seconds = LineQuota(limit), 0.0, [], 0.0
    while now < 4000:
        wait = quota.wait(now)
        if wait == 0:
            ends.append(now + rng.uniform(2, 40))
            quota.set_active(len(ends), now)
            assert len(ends) <= limit + 1
            continue
        following = min([*ends, now + wait if wait is not None else 1e9])
        line_seconds += len(ends) * (following - now)
        now = following
        while ends and min(ends) <= now:
            ends.remove(min(ends))
            quota.set_active(len(ends), now)
    assert line_seconds / now == pytest.approx(limit, abs=0.05)


def test_channels_go_round_the_spans_that_are_up_and_to_the_highest_priority() -> None:
    async def main() -> None:
        pool = ChannelPool(6, 2)
        assert pool.take() is None  # no span is up
        for span in (0, 2):
            pool.set_up(span, True)
        assert [pool.take() for _ in range(5)] == [0, 4, 1, 5, None]
        low, high, first = pool.ask(1), pool.ask(9), pool.ask(9)
        high.set_result(None)  # gave up
        pool.give(4)
        assert first.done() and first.result() == 4
        assert not low.done()
        pool.set_up(1, True)
        assert low.result() == 2
        assert (pool.in_use, pool.peak) == (5, 5)

    asyncio.run(main())


def test_the_node_s_own_limit_of_lines_is_kept() -> None:
    pool = ChannelPool(4, 2, limit=3)
    for span in (0, 1):
        pool.set_up(span, True)
    assert [pool.take() for _ in range(4)] == [0, 2, 1, None]


def test_a_campaign_is_checked_when_it_is_described() -> None:
    for wrong, message in (
        ({"name": "Große Kampagne"}, "pattern"),
        ({"name": "a", "lines": 0}, "greater than or equal to 1"),
        ({"name": "a", "ring_timeout_s": 5}, "greater than or equal to 15"),
        ({"name": "a", "dtmf": {"11": "x"}}, "not a key"),
        ({"name": "a", "promt": "x.wav"}, "Extra inputs"),
    ):
        with pytest.raises(ValidationError, match=message):
            CampaignSpec.model_validate(wrong)


# -- with lines ---------------------------------------------------------------------------------------------------------------------


def test_a_campaign_runs_to_its_end_and_every_number_has_one_result(tmp_path: Path) -> None:
    async def main() -> None:
        card = simulator(PERSON, BUSY, NOBODY)
        async with Node(settings(tmp_path), driver=card) as node:
            ended: list[CallEnded] = []
            node.subscribe(lambda e: ended.append(e) if isinstance(e, CallEnded) else None)
            await node.create_campaign(CampaignSpec(name="c1", prompt=tone_file(tmp_path), retry={"rules": {}}))
            await node.import_list("c1", numbers_list(tmp_path, 200))
            await node.start_campaign("c1")
            state = await node.wait_campaign("c1")
            assert state.phase is Phase.FINISHED
            assert (state.closed, state.attempts, state.open, state.progress) == (200, 200, 0, 1.0)
            assert set(state.outcomes) == {Disposition.ANSWERED, Disposition.BUSY, Disposition.NO_ANSWER}
            assert len({e.call.lead_id for e in ended}) == 200
            expected = {"person": Disposition.ANSWERED, "busy": Disposition.BUSY, "no_answer": Disposition.NO_ANSWER}
            for event in ended:
                truth = card.truth(event.call.id)
                assert truth is not None and event.call.disposition is expected[truth.behaviour]
            books = await node.reconcile()
            assert books.ok and books.dials == books.cleared == 200

    run_virtual(main(), START)


def test_busy_and_no_answer_are_tried_again_by_the_plan(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({**BUSY, "lasting": True})) as node:
            retry = {"rules": {"busy": {"after_s": 600, "max_attempts": 3}}}
            await node.create_campaign(CampaignSpec(name="c1", retry=retry))
            await node.import_list("c1", numbers_list(tmp_path, 5))
            began = node.clock.now()
            await node.start_campaign("c1")
            state = await node.wait_campaign("c1")
            assert state.outcomes == {Disposition.BUSY: 15}
            assert 1200 <= (node.clock.now() - began).total_seconds() < 1300
            assert sorted(call.attempt for call in await node.calls()) == [1] * 5 + [2] * 5 + [3] * 5

    run_virtual(main(), START)


def test_no_call_goes_out_outside_the_callee_s_windows_in_three_days(tmp_path: Path) -> None:
    async def main() -> None:
        times: list[dt.datetime] = []
        numbers = [13_900_000_000 + n for n in range(24)]
        path = tmp_path / "list.csv"
        path.write_text("number\n" + "".join(f"{n}\n" for n in numbers) + "+12125551234\n+14155551234\n")
        async with Node(settings(tmp_path), driver=simulator({**NOBODY, "lasting": True})) as node:

            def seen(event: NodeEvent) -> None:
                if event.type == "call_started":
                    times.append(event.at)

            node.subscribe(seen)
            spec = {
                "name": "c1",
                "lines": 2,
                "ring_timeout_s": 15,
                "windows": {
                    "windows": [{"start": "08:30", "end": "11:30"}, {"start": "14:00", "end": "17:00"}],
                    "holidays": ["2026-03-03"],
                },
                "retry": {"rules": {"no_answer": {"after_s": 5000, "max_attempts": 8}}, "max_attempts": 8},
            }
            await node.create_campaign(CampaignSpec.model_validate(spec))
            await node.import_list("c1", path)
            await node.start_campaign("c1")
            await asyncio.sleep(3 * 86_400)
            state = await node.campaign("c1")
            calls = await node.calls("c1", 10_000)
            assert state.attempts == len(calls) > 100
            for call in calls:
                assert call.started is not None
                zone = 8 if call.number.startswith("139") else (-5 if call.number.startswith("+1212") else -8)
                local = call.started + dt.timedelta(hours=zone)
                assert dt.time(8, 30) <= local.time() < dt.time(11, 30) or dt.time(14) <= local.time() < dt.time(17), (call.number, local)
                assert local.date() != dt.date(2026, 3, 3)
            assert {call.number for call in calls} >= {"+12125551234", "+14155551234"}

    run_virtual(main(), START)


def test_lines_per_agent_may_have_a_fraction_and_can_be_changed_while_it_runs_d09_d14(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            spec = CampaignSpec(name="c1", mode="ratio", agents=3, lines_per_agent=1.5, prompt=tone_file(tmp_path, 10))
            await node.create_campaign(spec)
            await node.import_list("c1", numbers_list(tmp_path, 2000))
            await node.start_campaign("c1")

            async def mean_lines(seconds: int) -> float:
                used = []
                for _ in range(seconds * 2):
                    await asyncio.sleep(0.5)
                    used.append(node.state().channels_in_use)
                assert max(used) <= 10
                return sum(used) / len(used)

            assert await mean_lines(600) == pytest.approx(4.5, abs=0.2)
            await node.update_campaign("c1", CampaignUpdate(lines_per_agent=3.0))
            await asyncio.sleep(30)
            assert await mean_lines(300) == pytest.approx(9, abs=0.2)
            await node.stop_campaign("c1")

    run_virtual(main(), START)


def test_calls_a_second_are_limited(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON, spans=2)) as node:
            await node.create_campaign(CampaignSpec(name="c1", calls_per_second=2.5))
            await node.import_list("c1", numbers_list(tmp_path, 300))
            await node.start_campaign("c1")
            await asyncio.sleep(60)
            assert node.state().calls_per_second == pytest.approx(2.5, abs=0.2)

    run_virtual(main(), START)


def test_the_higher_priority_takes_the_lines_when_they_are_short(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path, limits={"channels": 4}), driver=simulator(PERSON)) as node:
            for name, priority, first in (("low", 1, 0), ("high", 9, 1000)):
                await node.create_campaign(CampaignSpec(name=name, priority=priority, prompt=tone_file(tmp_path)))
                await node.import_list(name, numbers_list(tmp_path, 100, first))
            await node.start_campaign("low")
            await node.start_campaign("high")
            await asyncio.sleep(120)
            low, high = await node.campaign("low"), await node.campaign("high")
            assert high.attempts > 2 * low.attempts  # the low one gets what is free while the rate holds the high one back
            assert node.state().channels_peak == 4

    run_virtual(main(), START)


# -- with audio ---------------------------------------------------------------------------------------------------------------------


def test_people_hear_the_prompt_and_machines_get_the_message_after_the_beep(tmp_path: Path) -> None:
    async def main() -> None:
        press = {"share": 1.0, "digits": ["1"], "when": "prompt_begun", "after_s": 1.5}
        person = {**PERSON, "press": press}
        machine = {"kind": "machine", "ring_s": 2, "greeting": ["machine-zh-leave"], "record_s": 20}
        fax = {"kind": "fax", "ring_s": 2}
        card = simulator(person, machine, fax, {**BUSY, "played_share": 1.0}, audio=True, capture_s=10)
        async with Node(settings(tmp_path), driver=card) as node:
            ended: list[CallEnded] = []
            node.subscribe(lambda e: ended.append(e) if isinstance(e, CallEnded) else None)
            spec = CampaignSpec(
                name="c1", prompt=tone_file(tmp_path, 5), message=tone_file(tmp_path, 4), dtmf={"1": "yes"}, retry={"rules": {}}
            )
            await node.create_campaign(spec)
            await node.import_list("c1", numbers_list(tmp_path, 60))
            await node.start_campaign("c1")
            await node.wait_campaign("c1")
            right = 0
            for event in ended:
                call, truth = event.call, card.truth(event.call.id)
                assert truth is not None
                if call.disposition == truth.behaviour:
                    right += 1
                    if call.disposition is Disposition.PERSON:
                        assert (call.digits, call.meaning) == ("1", "yes")
                        assert truth.heard_s > 1
                    if call.disposition is Disposition.MACHINE:
                        assert call.message_left
                        assert len(truth.message) >= 8000 * 3.5  # after its beep it recorded what we left
            assert right >= 0.97 * len(ended)
            assert (await node.reconcile()).ok
            assert node.state().late_ticks == 0 and node.state().events_lost == 0

    run_virtual(main(), START)


def test_free_lines_are_used_at_once_d02(tmp_path: Path) -> None:
    """Calls of 60 s each on 30 lines: as soon as a line is free the next call goes out; 97 % of the line-seconds are in use."""

    async def main() -> None:
        card = simulator({**PERSON, "ring_s": 2, "pause_s": 0.3, "hangs_up_after_s": 57.4, "hangs_up_after_prompt_s": 60}, audio=True)
        async with Node(settings(tmp_path), driver=card) as node:
            spec = CampaignSpec(name="c1", prompt=tone_file(tmp_path, 4), dtmf={"1": "yes"}, dtmf_wait_ms=60_000)
            await node.create_campaign(spec)
            await node.import_list("c1", numbers_list(tmp_path, 200))
            await node.start_campaign("c1")
            await asyncio.sleep(5)
            used = []
            for _ in range(170):
                await asyncio.sleep(1)
                used.append(node.state().channels_in_use)
            assert sum(used) / len(used) >= 0.97 * 30
            calls = await node.calls("c1", 1000)
            assert all(59_500 <= call.duration_ms <= 60_500 for call in calls)
            starts = sorted((call.channel, call.started, call.ended) for call in calls if call.started)
            gaps = [(b[1] - a[2]).total_seconds() for a, b in itertools.pairwise(starts) if a[0] == b[0] and b[1] and a[2]]
            assert gaps and max(gaps) <= 0.2
            await node.stop_campaign("c1")

    run_virtual(main(), START)


# -- shares -------------------------------------------------------------------------------------------------------------------------


def test_line_time_follows_the_shares_whatever_the_lengths_of_the_calls_d25() -> None:
    rng = random.Random(5)
    queue: Queue[int] = Queue()
    accounts = [Account(share) for share in (1.0, 2.0, 3.0, 4.0)]
    length_s = (90.0, 20.0, 45.0, 8.0)
    used = [0.0] * len(accounts)
    for who, account in enumerate(accounts):
        queue.put(who, 5, account)
    ends: list[tuple[float, int, float, float]] = []
    now = 0.0
    for _ in range(20_000):
        while len(ends) < 12:
            waiter = next(queue.each())
            charged = queue.served(waiter)
            taken = rng.expovariate(1 / length_s[waiter.item])
            used[waiter.item] += taken
            ends.append((now + taken, waiter.item, charged, taken))
            queue.put(waiter.item, 5, accounts[waiter.item])
        first = min(ends)
        ends.remove(first)
        now = first[0]
        queue.settle(accounts[first[1]], first[2], first[3])
    for account, seconds in zip(accounts, used, strict=True):
        assert seconds / sum(used) == pytest.approx(account.share / 10, rel=0.01)


def test_who_was_away_gets_no_more_than_a_few_calls_back_d25() -> None:
    queue: Queue[str] = Queue()
    busy, away = Account(), Account()
    queue.put("away", 5, away)
    queue.served(next(queue.each()))
    for _ in range(1000):
        queue.put("busy", 5, busy)
        queue.served(next(queue.each()))
    queue.put("away", 5, away)
    served = 0
    while True:
        queue.put("busy", 5, busy)
        waiter = next(queue.each())
        queue.served(waiter)
        if waiter.item == "busy":
            break
        for left in list(busy.waiting):
            queue.leave(left)
        queue.put("away", 5, away)
        served += 1
    assert served == pytest.approx(CREDIT_CALLS, abs=3)


def test_who_was_alone_does_not_wait_for_all_of_it_when_another_comes_d25() -> None:
    queue: Queue[str] = Queue()
    alone, other = Account(), Account()
    for _ in range(200):
        queue.put("alone", 5, alone)
        queue.served(next(queue.each()))
    for _ in range(200):
        alone.end(30.0, 630.0)  # its calls were longer than anybody could know
    alone.call_s = 30.0
    queue.put("alone", 5, alone)
    served = 0
    while True:
        queue.put("other", 5, other)
        waiter = next(queue.each())
        queue.served(waiter)
        if waiter.item == "alone":
            break
        served += 1
    assert served <= CREDIT_CALLS + 1


def test_lines_are_shared_by_weight_and_a_share_may_change_while_they_run_d25_p21(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            for at, share in enumerate((1.0, 2.0)):
                await node.create_campaign(CampaignSpec(name=f"c{at}", share=share, calls_per_second=200, retry=RetryPlan(rules={})))
                await node.import_list(f"c{at}", numbers_list(tmp_path, 2000, first=3000 * at))
                await node.start_campaign(f"c{at}")

            async def lines(seconds: int) -> list[float]:
                sums = [0, 0]
                for _ in range(seconds):
                    await asyncio.sleep(1)
                    for at in range(2):
                        sums[at] += node.dialer(f"c{at}").active
                return [one / sum(sums) for one in sums]

            assert node.pool.pacer is not None and node.pool.pacer.per_second == 50
            await asyncio.sleep(20)
            assert (await lines(90))[1] == pytest.approx(2 / 3, abs=0.04)
            await node.update_campaign("c0", CampaignUpdate(share=6.0))
            await asyncio.sleep(20)
            assert (await lines(90))[1] == pytest.approx(1 / 4, abs=0.04)

    run_virtual(main(), START)


def test_starts_that_the_node_s_rate_holds_back_go_by_priority(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path, limits={"calls_per_second": 2}), driver=simulator(PERSON)) as node:
            for at, priority in enumerate((1, 8)):
                await node.create_campaign(CampaignSpec(name=f"c{at}", priority=priority))
                await node.import_list(f"c{at}", numbers_list(tmp_path, 100, first=200 * at))
                await node.start_campaign(f"c{at}")
            await asyncio.sleep(4)
            first, second = (node.dialer(f"c{at}") for at in range(2))
            assert (first.active + sum(first.outcomes.values()), node.carrier.rate.per_second(node.clock.monotonic())) <= (2, 2.1)
            assert second.active >= 4

    run_virtual(main(), START)
