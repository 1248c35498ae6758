"""What holds a call back: each check says its rule, its values and when it ends."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from offhook.contacts.policy import ContactCap, ContactPolicy, ContactRest, Effect
from offhook.contacts.screen import Ask, Entry, OnList, Person, Verdict, part_of_day, screen

NOW = dt.datetime(2026, 3, 2, 6, 0, tzinfo=dt.UTC)  # 14:00 in Shanghai
HOUR, DAY = 3_600_000, 86_400_000


def ms(when: dt.datetime) -> int:
    return round(when.timestamp() * 1000)


def ask(kind: str = "marketing", now: dt.datetime = NOW, number: int = 8613900000000, deadline_ms: int | None = None) -> Ask:
    return Ask(number, ("Asia/Shanghai",), kind, "spring", ms(now), deadline_ms)


def past(*hours_ago: float, result: str = "no_answer", kind: str = "marketing", number: int = 8613900000000) -> list[Entry]:
    return [Entry(ms(NOW) - round(h * HOUR), number, kind, result) for h in hours_ago]


def judged(policy: ContactPolicy, person: Person, asked: Ask | None = None) -> Verdict:
    return screen(policy, asked or ask(), person)


def test_a_person_of_whom_nothing_is_known_may_be_called() -> None:
    assert judged(ContactPolicy(), Person()).effect is Effect.PASS


def test_a_cap_holds_until_the_oldest_attempt_that_counts_leaves_its_window_l07() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="day", attempts=2, window_s=86400),))
    assert judged(policy, Person(entries=past(30, 20))).effect is Effect.PASS  # one is older than a day
    verdict = judged(policy, Person(entries=past(20, 5, 1)))
    assert verdict.effect is Effect.HOLD
    assert verdict.until_ms == ms(NOW) - 5 * HOUR + DAY  # then one of two is left
    assert verdict.why == "cap day: 3 of 2 in 1 d, free 2026-03-03 01:00:00 UTC"


def test_a_cap_on_talks_counts_people_who_were_reached_and_nothing_else_l05() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="month", attempts=1, window_s=30 * 86400, results=("person",)),))
    assert judged(policy, Person(entries=past(1, 2, 3))).effect is Effect.PASS
    assert judged(policy, Person(entries=past(48, result="person"))).effect is Effect.HOLD


def test_a_cap_of_one_kind_neither_counts_nor_holds_the_others() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="ads", attempts=1, window_s=86400, kinds=("marketing",)),))
    assert judged(policy, Person(entries=past(1, kind="service"))).effect is Effect.PASS
    assert judged(policy, Person(entries=past(1))).effect is Effect.HOLD
    assert judged(policy, Person(entries=past(1)), ask("service")).effect is Effect.PASS


def test_attempts_per_number_leave_the_persons_other_numbers_free_l08() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="number", attempts=1, window_s=86400, per="number"),))
    person = Person(entries=past(1, number=8613911111111))
    assert judged(policy, person).effect is Effect.PASS
    assert judged(policy, person, ask(number=8613911111111)).effect is Effect.HOLD


def test_attempts_per_part_of_day_begin_anew_with_the_next_part_in_the_callees_zone() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="part", attempts=1, part_of_day=True),))
    assert judged(policy, Person(entries=past(3))).effect is Effect.PASS  # 11:00: the morning
    verdict = judged(policy, Person(entries=past(1)))
    assert verdict.until_ms == ms(dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC))  # 18:00 in Shanghai
    begins, ends = part_of_day(policy, ask(now=dt.datetime(2026, 3, 2, 15, 30, tzinfo=dt.UTC)))  # 23:30: the evening, to midnight
    assert (ends - begins, ends) == (6 * HOUR, ms(dt.datetime(2026, 3, 2, 16, tzinfo=dt.UTC)))


def test_a_cap_without_a_window_closes_the_lead_d51() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="three and out", attempts=3, levels=("pass",)),))
    entries = past(1000, 2000, 3000)
    assert judged(policy, Person(entries=entries)).effect is Effect.PASS  # not of that level
    verdict = judged(policy, Person(level="pass", entries=entries))
    assert (verdict.effect, verdict.why) == (Effect.REFUSE, "cap three and out: 3 of 3, ever")


def test_after_an_abandoned_call_there_is_peace_for_72_hours() -> None:
    assert judged(ContactPolicy(), Person(entries=past(73, result="abandoned"))).effect is Effect.PASS
    verdict = judged(ContactPolicy(), Person(entries=past(10, result="abandoned")))
    assert verdict.until_ms == ms(NOW) + 62 * HOUR
    assert verdict.why.startswith("rest after an abandoned call: 3 d from")


def test_a_rest_may_hold_one_kind_only() -> None:
    policy = ContactPolicy(rests=(ContactRest(name="no", after=("rejected",), rest_s=86400, kinds=("marketing",)),))
    person = Person(entries=past(1, result="rejected"))
    assert judged(policy, person).effect is Effect.HOLD
    assert judged(policy, person, ask("service")).effect is Effect.PASS


@pytest.mark.parametrize(
    ("name", "effect"), [("black", Effect.REFUSE), ("red", Effect.REFUSE), ("dnd", Effect.REFUSE), ("grey", Effect.REMIND)]
)
def test_each_list_has_its_effect_and_says_category_and_reason_l01(name: str, effect: Effect) -> None:
    verdict = judged(ContactPolicy(), Person(listed=[OnList(name, "complaint", "called the hotline", (), "", 0, None)]))
    assert (verdict.effect, verdict.why) == (effect, f"{name} list: complaint, called the hotline")


def test_do_not_disturb_holds_back_the_kinds_it_names_l03() -> None:
    person = Person(listed=[OnList("dnd", "asked", "", ("marketing", "survey"), "", 0, None)])
    assert judged(ContactPolicy(), person).effect is Effect.REFUSE
    assert judged(ContactPolicy(), person, ask("service")).effect is Effect.PASS


def test_a_list_holds_only_while_it_is_valid_and_for_its_campaign() -> None:
    soon, later = ms(NOW) + HOUR, ms(NOW) + 2 * HOUR
    for on in (
        OnList("black", "x", "", (), "", soon, None),
        OnList("black", "x", "", (), "", 0, ms(NOW)),
        OnList("black", "x", "", (), "autumn", 0, None),
    ):
        assert judged(ContactPolicy(), Person(listed=[on])).effect is Effect.PASS
    policy = ContactPolicy(lists={"black": Effect.HOLD})
    assert judged(policy, Person(listed=[OnList("black", "x", "", (), "spring", 0, later)])).until_ms == later


def test_another_open_call_holds_the_person_for_a_minute_l06() -> None:
    verdict = judged(ContactPolicy(), Person(open_since_ms=ms(NOW) - 5000))
    assert (verdict.effect, verdict.until_ms) == (Effect.HOLD, ms(NOW) + 60_000)


def test_consent_is_asked_for_where_the_policy_wants_it() -> None:
    policy = ContactPolicy(consent=("marketing",))
    assert judged(policy, Person()).why == "consent: no consent to calls of kind marketing"
    assert judged(policy, Person(consent={"marketing": ""})).effect is Effect.PASS
    assert judged(policy, Person(consent={"marketing": "2026-03-01T00:00:00+00:00"})).effect is Effect.REFUSE
    assert judged(policy, Person(), ask("service")).effect is Effect.PASS


def test_a_notice_that_would_come_too_late_is_not_given_d47() -> None:
    policy = ContactPolicy(caps=(ContactCap(name="day", attempts=1, window_s=86400),))
    assert judged(policy, Person(), ask(deadline_ms=ms(NOW))).why == "deadline: was 2026-03-02 06:00:00 UTC"
    held = judged(policy, Person(entries=past(1)), ask(deadline_ms=ms(NOW) + HOUR))
    assert held.effect is Effect.REFUSE  # by the time the cap is free it is too late
    assert [finding.rule for finding in held.findings] == ["cap day", "deadline"]


def test_the_strictest_effect_wins_and_the_longest_hold() -> None:
    policy = ContactPolicy(
        caps=(ContactCap(name="a", attempts=1, window_s=7200), ContactCap(name="b", attempts=1, window_s=86400)),
        lists={"red": Effect.REMIND},
    )
    on_red = [OnList("red", "vip", "", (), "", 0, None)]
    verdict = judged(policy, Person(entries=past(1), listed=on_red))
    assert (verdict.effect, verdict.until_ms) == (Effect.HOLD, ms(NOW) + 23 * HOUR)
    assert [finding.rule for finding in verdict.findings] == ["red list", "cap a", "cap b"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"caps": [{"name": "x", "attempts": 0}]}, "greater than or equal to 1"),
        ({"caps": [{"name": "x", "attempts": 1}, {"name": "x", "attempts": 2}]}, "two rules are called 'x'"),
        ({"caps": [{"name": "x", "attempts": 1, "part_of_day": True, "window_s": 5}]}, "remove window_s"),
        ({"day_parts": ["12:00", "06:00"]}, "rise from the earliest"),
        ({"cap": []}, "Extra inputs"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_place(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ContactPolicy.model_validate(wrong)
