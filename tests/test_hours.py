"""The hour in which a person answers best: learnt from few calls, waited for once, and worth it (D27)."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aio import in_loop
from nodes import numbers_list, settings
from sqlalchemy import insert

from offhook.campaigns.hours import BestHour, Chances, Hour, prior
from offhook.campaigns.learning import Counts, LearnPlan, Learnt
from offhook.clock import Uuid7, loop_clock
from offhook.contacts.model import Whom
from offhook.contacts.policy import ContactPolicy, Effect
from offhook.contacts.screen import Ask, Entry, Finding, Person
from offhook.contacts.why import why
from offhook.desk import Desk
from offhook.messages import CallingWindows, CampaignSpec, Window
from offhook.store import Store, ledger
from offhook.store import tables as t

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = dt.datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
FLAT = (0.2,) * 24
PLAN = LearnPlan(best_hour=True)


def ms(at: dt.datetime) -> int:
    return round(at.timestamp() * 1000)


def entry(at: dt.datetime, result: str) -> Entry:
    return Entry(ms(at), 8613900000000, "service", result)


def afternoons(yes: int, no: int = 0) -> list[Entry]:
    """Calls at ten past four in the afternoon that were answered, and calls in the mornings that were not."""
    day = dt.timedelta(days=1)
    answered = [entry(MONDAY.replace(hour=16, minute=10) - (n + 1) * 7 * day, "person") for n in range(yes)]
    return answered + [entry(MONDAY.replace(minute=5) - (n + 1) * day, "no_answer") for n in range(no)]


def look(
    plan: LearnPlan, entries: list[Entry], now: dt.datetime = MONDAY, hours: CallingWindows | None = None, **more: object
) -> list[Finding]:
    ask = Ask(8613900000000, ("Asia/Shanghai",), "service", "c1", ms(now), **more)  # type: ignore[arg-type]
    return list(BestHour(plan, hours or CallingWindows(), Learnt({}))(ContactPolicy(), ask, Person(entries=entries)))


# -- what is learnt -----------------------------------------------------------------------------------------------------------------


def test_one_answer_moves_the_chance_a_little_and_many_move_it_far_d27() -> None:
    chances = [Chances(afternoons(n), SHANGHAI, FLAT).at(Hour(0, 16)) for n in (0, 1, 3, 12)]
    assert chances[0] == pytest.approx(0.2)
    assert 0.25 < chances[1] < 0.5
    assert chances[1] < chances[2] < chances[3]
    assert chances[3] > 0.75


def test_an_hour_beside_and_the_same_hour_of_another_day_are_less_sure() -> None:
    known = Chances(afternoons(3), SHANGHAI, FLAT)
    mondays, tuesdays, later, night = (known.at(hour) for hour in (Hour(0, 16), Hour(1, 16), Hour(0, 17), Hour(0, 3)))
    assert mondays > tuesdays > later > night
    assert night == pytest.approx(0.2)


def test_what_the_network_did_says_nothing_about_the_person() -> None:
    congested = [entry(MONDAY - dt.timedelta(days=n), what) for n, what in enumerate(("congestion", "failed", "unknown", "sms"))]
    assert Chances(congested, SHANGHAI, FLAT).at(Hour(0, 10)) == pytest.approx(0.2)


def test_a_segment_with_few_calls_is_taken_for_its_campaign_and_one_with_many_for_itself() -> None:
    table = {
        ("north", 10): Counts(calls=10_000, persons=3000),
        ("south", 10): Counts(calls=4, persons=4),
        ("west", 10): Counts(2000, 0, 100),
    }
    north, south, west = (prior(table, name)[10] for name in ("north", "south", "west"))
    assert north == pytest.approx(0.3, abs=0.01)
    assert 0.25 < south < 0.36  # four calls of four change little
    assert west == pytest.approx(0.05, abs=0.02)
    assert prior({}, "")[10] == pytest.approx(0.2)


# -- whether to wait ----------------------------------------------------------------------------------------------------------------


def test_a_lead_waits_for_the_best_hour_of_its_person_d27() -> None:
    (found,) = look(PLAN, afternoons(3, 3))
    assert (found.rule, found.effect) == ("best hour", Effect.HOLD)
    assert found.until_ms == ms(MONDAY.replace(hour=16))
    assert found.values.startswith("mon 16:00 Asia/Shanghai, 54%, now 15%")


def test_it_goes_at_once_in_that_hour_after_one_wait_before_a_deadline_or_when_the_gain_is_small() -> None:
    calls = afternoons(3, 3)
    assert look(PLAN, calls, MONDAY.replace(hour=16, minute=30))[0].effect is Effect.PASS
    assert "has waited" in look(PLAN, calls, waited=True)[0].values
    assert "after the deadline" in look(PLAN, calls, deadline_ms=ms(MONDAY.replace(hour=15)))[0].values
    assert "not worth waiting" in look(PLAN.model_copy(update={"hour_gain": 10.0}), calls)[0].values
    assert look(PLAN.model_copy(update={"hour_wait_s": 3600.0}), calls[:3])[0].effect is Effect.PASS


def test_who_never_answered_waits_for_nothing() -> None:
    assert look(PLAN, afternoons(0, 5)) == []
    assert look(PLAN, []) == []


def test_an_hour_in_which_the_campaign_does_not_call_is_not_waited_for() -> None:
    morning = CallingWindows(windows=(Window(start=dt.time(9), end=dt.time(12)),), zone="Asia/Shanghai")
    found = look(PLAN, afternoons(3), hours=morning)
    assert all(one.effect is Effect.PASS for one in found)


# -- in the store -------------------------------------------------------------------------------------------------------------------


async def desk(folder: Path, url: str, count: int = 8) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1", learn=PLAN))
    await made.import_list("c1", numbers_list(folder, count))
    await made.start_campaign("c1")
    return made


async def answered_at(made: Desk, number: int, hours_ahead: int, times: int = 4) -> None:
    """The person answered on earlier days in the hour that begins so many hours from now."""
    hour = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=hours_ahead)

    def work(connection: object) -> None:
        for n in range(times):
            at = hour - dt.timedelta(days=n + 1, minutes=-1)
            ledger.note(connection, f"+86{13_900_000_000 + number}", ms(at), "person")  # type: ignore[arg-type]

    await made.store.work(work)


@in_loop
async def test_the_next_lead_is_who_answers_best_now_and_who_answers_later_is_put_off_d27(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    spec = await made.campaign_spec("c1")
    await answered_at(made, 1, 5)
    await answered_at(made, 6, 0)

    async def take(limit: int) -> list[str]:
        return [one.raw[-1] for one in await made.store.reserve("node1", 1, [("Asia/Shanghai",)], limit, Uuid7(loop_clock()), spec)]

    assert await take(3) == ["0", "2", "3"]  # 1 waits
    shown = (await why(made.store, Whom(number="13900000001"), dt.datetime.now(dt.UTC))).leads[0]
    assert (shown.answer, [rule.rule for rule in shown.rules]) == ("later", ["best hour", "due"])
    hour = ms(dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0))
    move = t.lead.update().where(t.lead.c.raw == "13900000001").values(due_ms=hour, hour_ms=hour)
    await made.store.work(lambda connection: connection.execute(move))  # its hour has come
    assert await take(2) == ["1", "4"]  # it goes first, and leaves room for the others
    assert sorted(await take(9)) == ["5", "6", "7"]
    await made.store.close()


@in_loop
async def test_a_lead_whose_hour_was_missed_comes_in_its_turn_and_waits_no_second_time(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, 2)
    spec = await made.campaign_spec("c1")
    await answered_at(made, 0, 5)
    ago = ms(dt.datetime.now(dt.UTC)) - 2 * 3_600_000
    move = t.lead.update().where(t.lead.c.raw == "13900000000").values(due_ms=ago, hour_ms=ago)
    await made.store.work(lambda connection: connection.execute(move))
    taken = await made.store.reserve("node1", 1, [("Asia/Shanghai",)], 9, Uuid7(loop_clock()), spec)
    assert sorted(one.raw[-1] for one in taken) == ["0", "1"]
    screen = await made.store.read(lambda connection: connection.execute(t.journal.select()).fetchall())
    assert any("has waited for an hour already" in str(row.screen) for row in screen)
    await made.store.close()


# -- is it worth it? ----------------------------------------------------------------------------------------------------------------


def days_of_calls(folder: Path, learn: bool, persons: int = 100, days: int = 16, calls_an_hour: int = 9) -> tuple[int, int, int]:
    """Calls, answers, and the fewest calls that anybody got, in the last half of the days; each person answers in hours of its own."""
    from sqlalchemy import create_engine

    from offhook.store import leads, schema

    rng = random.Random(1)
    habit = [rng.choice((9, 11, 13, 15, 17, 19)) for _ in range(persons)]
    spec = CampaignSpec(
        name="c", learn=LearnPlan(best_hour=learn), windows=CallingWindows(windows=(Window(start=dt.time(9), end=dt.time(21)),))
    )
    engine = create_engine(f"sqlite:///{folder / f'{learn}.db'}")
    ids = itertools.count()
    got = [0] * persons
    calls = answers = 0
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        schema.upgrade(connection)
        values = {"name": "c", "spec": spec.model_dump(mode="json"), "wanted": "running", "revision": 1, "created_ms": 0, "updated_ms": 0}
        connection.execute(insert(t.campaign).values(**values))
        blank = {"campaign_id": 1, "import_id": 1, "region": "CN", "kind": "mobile", "zones": "Asia/Shanghai", "name": "", "extra": {}}
        blank |= {"state": "open", "due_ms": 0, "attempts": 0, "tries": {}, "reason": ""}
        rows = [{**blank, "line": n, "raw": str(n), "e164": f"+86{13_900_000_000 + n}"} for n in range(persons)]
        connection.execute(insert(t.lead), rows)
        connection.commit()
        for day in range(days):
            for hour in range(9, 21):
                at = MONDAY + dt.timedelta(days=day, hours=hour - 10, minutes=5)
                asking = ledger.asking("n", 1, ms(at), None, spec)
                done: list[dict[str, Any]] = []
                for lead in leads.take(connection, asking, ["Asia/Shanghai"], calls_an_hour, lambda: f"{next(ids):036d}"):
                    n = lead.id - 1
                    yes = rng.random() < (0.75 if hour == habit[n] else 0.1)
                    done.append({"id": lead.call_id, "at": ms(at) + len(done), "what": "person" if yes else "no_answer", "lead": lead.id})
                    if day >= days // 2:
                        calls, answers, got[n] = calls + 1, answers + yes, got[n] + 1
                for one in done:  # everybody is called again, a day later at the earliest
                    which = t.journal.c.call_id == one["id"]
                    connection.execute(t.journal.update().where(which).values(result_ms=one["at"], result=one["what"]))
                    again = {"state": "open", "due_ms": ms(at) + 18 * 3_600_000, "hour_ms": None}
                    connection.execute(t.lead.update().where(t.lead.c.id == one["lead"]).values(**again))
                ledger.settle(connection, done)
                connection.commit()
    engine.dispose()
    return calls, answers, min(got)


def test_answers_per_call_rise_and_nobody_is_left_out_d27(tmp_path: Path) -> None:
    calls, answers, _ = days_of_calls(tmp_path, learn=False)
    learnt_calls, learnt_answers, fewest = days_of_calls(tmp_path, learn=True)
    assert learnt_calls > 0.7 * calls
    assert learnt_answers / learnt_calls > 1.3 * answers / calls, (answers / calls, learnt_answers / learnt_calls)
    assert fewest > 0
