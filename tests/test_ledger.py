"""The ledger: check and reserve in one step, on both databases."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bench.ledger import POLICY, exceeded, number, race
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, insert, select

from offhook.campaigns.caps import Protection
from offhook.contacts.policy import ContactCap, ContactPolicy, Effect
from offhook.store import ledger, schema
from offhook.store import tables as t
from offhook.store.models import Base

NOW = 1_772_413_200_000
HOUR, DAY = 3_600_000, 86_400_000


def prepare(connection: Connection, persons: int = 10) -> None:
    """Two campaigns of two departments, and as many leads in each as there are persons."""
    for name, kind in (("spring", "marketing"), ("care", "service")):
        values = {"name": name, "spec": {"kind": kind, "department": name + "-desk"}, "wanted": "idle", "revision": 1}
        connection.execute(insert(t.campaign).values(**values, created_ms=0, updated_ms=0))
    blank: dict[str, Any] = {
        "import_id": 1,
        "region": "CN",
        "kind": "mobile",
        "zones": "Asia/Shanghai",
        "name": "",
        "extra": {},
        "state": "open",
    }
    blank |= {"due_ms": 0, "attempts": 0, "tries": {}, "reason": ""}
    rows = [{"campaign_id": c, "line": n, "raw": number(n), "e164": number(n), **blank} for c in (1, 2) for n in range(persons)]
    connection.execute(insert(t.lead), rows)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    with made.begin() as connection:
        schema.upgrade(connection)
        prepare(connection)
    yield made
    made.dispose()


class Desk:
    """One campaign that asks for calls."""

    ids = itertools.count()
    protection: Protection | None = None

    def __init__(self, connection: Connection, campaign: int = 1) -> None:
        self.connection = connection
        self.campaign = campaign

    def asking(self, now: int) -> ledger.Asking:
        name, kind = (("spring", "marketing"), ("care", "service"))[self.campaign - 1]
        return ledger.Asking("node1", self.campaign, name, kind, now, protection=self.protection)

    def ask(self, *persons: int, now: int = NOW) -> list[ledger.Checked]:
        wanted = [ledger.Wanted(f"call-{next(self.ids)}", (self.campaign - 1) * 10 + n + 1, number(n), ("Asia/Shanghai",)) for n in persons]
        return ledger.reserve(self.connection, self.asking(now), wanted)

    def result(self, checked: ledger.Checked, what: str, at: int = NOW) -> None:
        row = {"id": checked.wanted.call_id, "at": at, "what": what}
        self.connection.execute(t.journal.update().where(t.journal.c.call_id == row["id"]).values(result_ms=at, result=what, seized_ms=at))
        ledger.settle(self.connection, [row])
        ledger.settle(self.connection, [row])  # a spool may repeat it


def policy(connection: Connection, *caps: ContactCap) -> None:
    ledger.set_policy(connection, ContactPolicy(caps=caps), NOW)


def test_two_campaigns_cannot_both_reserve_a_person_l06(engine: Engine) -> None:
    with engine.begin() as connection:
        spring, care = Desk(connection), Desk(connection, 2)
        first = spring.ask(1, 2)
        assert [one.reserved for one in first] == [True, True]
        second = care.ask(2, 3)
        assert [one.verdict.effect for one in second] == [Effect.HOLD, Effect.PASS]
        assert second[0].verdict.why.startswith("another call is open: since 2026-03-02")


def test_a_person_is_reserved_once_in_a_batch(engine: Engine) -> None:
    with engine.begin() as connection:
        assert [one.reserved for one in Desk(connection).ask(4, 4)] == [True, False]


def test_a_result_becomes_a_row_of_the_ledger_with_kind_and_department_l20(engine: Engine) -> None:
    with engine.begin() as connection:
        desk = Desk(connection)
        (checked,) = desk.ask(3)
        desk.result(checked, "busy", NOW + 5000)
        rows = connection.execute(select(t.ledger)).all()
        assert rows == [(8613000000003, NOW + 5000, 1, 8613000000003, "marketing", "spring-desk", "busy")]
        assert desk.ask(3, now=NOW + 6000)[0].reserved  # its reservation is gone


def test_a_lead_that_is_given_back_frees_the_person(engine: Engine) -> None:
    with engine.begin() as connection:
        desk = Desk(connection)
        (checked,) = desk.ask(3)
        connection.execute(t.journal.delete().where(t.journal.c.call_id == checked.wanted.call_id))
        assert desk.ask(3)[0].reserved


def test_caps_count_over_all_campaigns_and_departments_and_other_channels_l06(engine: Engine) -> None:
    with engine.begin() as connection:
        policy(connection, ContactCap(name="day", attempts=2, window_s=86400))
        spring, care = Desk(connection), Desk(connection, 2)
        spring.result(spring.ask(1)[0], "no_answer")
        ledger.note(connection, number(1), NOW + 1, "sms", department="branch")
        verdict = care.ask(1, now=NOW + HOUR)[0].verdict
        assert (verdict.effect, verdict.until_ms) == (Effect.HOLD, NOW + DAY)
        assert care.ask(1, now=NOW + DAY + 1)[0].reserved


def test_the_numbers_of_one_contact_share_its_history(engine: Engine) -> None:
    with engine.begin() as connection:
        policy(connection, ContactCap(name="day", attempts=1, window_s=86400))
        blank = {"name": "", "level": "", "attributes": {}, "tags": [], "consent": {}, "created_ms": 0, "updated_ms": 0}
        connection.execute(insert(t.contact).values(id=7, ref="c7", **blank))
        for rank, n in enumerate((1, 2)):
            connection.execute(
                insert(t.contact_number).values(e164=number(n), contact_id=7, rank=rank, raw="", region="CN", kind="mobile", zones="")
            )
        desk = Desk(connection)
        desk.result(desk.ask(1)[0], "no_answer")
        held = desk.ask(2, now=NOW + HOUR)[0]
        assert (held.person, held.verdict.effect) == (-7, Effect.HOLD)


def test_the_journal_keeps_what_the_checks_found_and_the_version_of_the_policy(engine: Engine) -> None:
    with engine.begin() as connection:
        policy(connection)
        policy(connection)
        values = {"person": 8613000000005, "list": "grey", "category": "complained", "number": number(5), "kinds": "", "campaign": ""}
        connection.execute(insert(t.listed).values(**values, reason="", batch="", from_ms=0, until_ms=None, added_ms=0))
        Desk(connection).ask(5)
        row = connection.execute(select(t.journal.c.policy, t.journal.c.screen, t.journal.c.person)).one()
        assert row == (2, [["grey list", "remind", "complained"]], 8613000000005)


def test_an_open_attempt_of_a_dead_node_holds_the_person_until_that_node_is_back(engine: Engine) -> None:
    with engine.begin() as connection:
        Desk(connection).ask(6)
    with engine.begin() as connection:  # the node is gone; another one asks a day later
        assert Desk(connection, 2).ask(6, now=NOW + DAY)[0].verdict.effect is Effect.HOLD


CAPS = st.lists(
    st.builds(
        ContactCap,
        name=st.uuids().map(str),
        attempts=st.integers(1, 3),
        window_s=st.sampled_from([3600.0, 86400.0, 7 * 86400.0]),
        results=st.sampled_from([(), ("person",), ("busy", "no_answer")]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=8, deadline=None)
@given(caps=CAPS, seed=st.integers(0, 2**32))
def test_no_history_of_asking_exceeds_any_cap_in_any_window(caps: list[ContactCap], seed: int) -> None:
    """The oracle looks at the finished ledger only: every window of every length, not how the calls were let through."""
    rng = random.Random(seed)
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        prepare(connection)
        ledger.set_policy(connection, ContactPolicy(caps=tuple(caps), rests=()), NOW)
        desks = Desk(connection), Desk(connection, 2)
        now = NOW
        still_open: list[ledger.Checked] = []
        for _ in range(40):
            now += rng.randrange(1, 8 * HOUR)
            still_open += [one for one in rng.choice(desks).ask(rng.randrange(3), rng.randrange(3), now=now) if one.reserved]
            while still_open and rng.random() < 0.7:
                ended = still_open.pop(rng.randrange(len(still_open)))
                desks[0].result(ended, rng.choice(("person", "busy", "no_answer", "machine")), now)
                now += 1
        rows = connection.execute(select(t.ledger).order_by(t.ledger.c.at_ms)).all()
    assert rows
    for cap in caps:
        assert cap.window_s is not None
        for person in {row.person for row in rows}:
            at = [row.at_ms for row in rows if row.person == person and (not cap.results or row.result in cap.results)]
            for first, last in zip(at, at[cap.attempts :], strict=False):
                assert last - first >= cap.window_s * 1000


def test_nodes_that_race_on_postgresql_exceed_no_cap(postgres_server: Any) -> None:
    """The large run is ``python -m bench.ledger caps``; here four nodes fight over twelve persons."""
    url = postgres_server.new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        schema.upgrade(connection)
        prepare(connection, 12)
        ledger.set_policy(connection, POLICY, NOW)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda process: race(url, process, 1, 400, 12), range(4)))
    with engine.begin() as connection:
        assert exceeded(connection) == []
        assert len(connection.execute(select(t.ledger)).all()) == sum(made for _, made in done) > 50
    engine.dispose()


def test_a_campaigns_own_caps_hold_beside_the_policys_and_for_nobody_else_d29(engine: Engine) -> None:
    with engine.begin() as connection:
        policy(connection, ContactCap(name="day", attempts=2, window_s=86400))
        spring, care = Desk(connection), Desk(connection, 2)
        spring.result(spring.ask(1)[0], "person")
        own = Protection(caps=(ContactCap(name="month", attempts=1, window_s=30 * 86400, results=("person",)),))
        spring.protection = own
        held = spring.ask(1, now=NOW + HOUR)[0].verdict
        assert (held.effect, held.until_ms) == (Effect.HOLD, NOW + 30 * DAY)
        assert held.why.startswith("cap month of the campaign: 1 of 1 in 30 d")
        care.result(care.ask(1, now=NOW + HOUR)[0], "no_answer", NOW + HOUR)  # not held by another campaign's cap
        both = spring.ask(1, now=NOW + 2 * HOUR)[0].verdict
        assert [finding.rule for finding in both.findings] == ["cap day", "cap month of the campaign"]
