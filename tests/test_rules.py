"""Rule packs: dated, versioned, with their own examples; the strictest where the callee is not known (D46, D49)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from commands import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.rules import Kind, PackError, RuleBook, builtin_packs, load_pack
from offhook.rules.calendar import DaySet, NthWeekday, easter
from offhook.rules.judge import Callee, failing
from offhook.rules.pack import RulePack, parse_pack

PARIS = Callee("+33123456789", "FR", ("Europe/Paris",), consent=True)
PACK = """
name = "xx"
version = 1
regions = ["GB"]
in_force = 2026-01-01
[[hours]]
id = "hours"
windows = [{ start = "09:00", end = "17:00" }]
source = "ours"
[[cap]]
id = "day"
attempts = 2
window_s = 86400
source = "ours"
[[example]]
number = "+442079460000"
kind = "service"
at = 2026-11-23T10:00:00+00:00
zone = "Europe/London"
allowed = true
"""


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def book() -> RuleBook:
    return RuleBook(builtin_packs())


@pytest.mark.parametrize("pack", builtin_packs(), ids=lambda pack: pack.title)
def test_every_built_in_pack_judges_its_own_examples_as_it_says(pack: RulePack) -> None:
    assert failing(pack, builtin_packs()) == []
    assert {example.allowed for example in pack.example} == {True, False}
    assert pack.status == "engineering default"


def test_there_are_packs_for_five_countries() -> None:
    assert {pack.name for pack in builtin_packs()} >= {"cn", "us", "gb", "de", "fr"}


@pytest.mark.parametrize(
    ("year", "day"), [(1999, "04-04"), (2000, "04-23"), (2024, "03-31"), (2025, "04-20"), (2026, "04-05"), (2027, "03-28"), (2038, "04-25")]
)
def test_easter(year: int, day: str) -> None:
    assert f"{easter(year):%m-%d}" == day


def test_nth_weekday_and_the_last_one() -> None:
    thanksgiving = NthWeekday(month=11, day="thu", nth=4)  # type: ignore[arg-type]
    late_may = NthWeekday(month=5, day="mon", nth=-1)  # type: ignore[arg-type]
    every = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    assert [day for day in every if thanksgiving.matches(day)] == [dt.date(2026, 11, 26)]
    assert [day for day in every if late_may.matches(day)] == [dt.date(2026, 5, 25)]


def test_a_rule_changes_on_the_day_its_law_comes_into_force() -> None:
    asked = Callee(PARIS.e164, "FR", PARIS.zones, consent=False)
    before, after = (
        book().judge(asked, Kind.MARKETING, utc("2026-08-10 09:00")),
        book().judge(asked, Kind.MARKETING, utc("2026-08-11 09:00")),
    )
    assert (before.allowed, before.packs) == (True, ("fr 1",))
    assert (after.allowed, after.packs) == (False, ("fr 2",))
    assert [one.rule for one in after.findings if not one.passed] == ["fr 2/consent"]
    assert after.next_open is None  # hours do not mend a missing consent


def test_a_closed_hour_says_why_and_when_it_opens() -> None:
    verdict = book().judge(PARIS, Kind.MARKETING, utc("2026-12-24 19:30"))
    assert not verdict.allowed
    assert verdict.next_open == utc("2026-12-28 09:00")  # Christmas, then a weekend
    assert "Thu 2026-12-24 20:30 in Europe/Paris" in verdict.findings[0].values


def test_a_holiday_is_named() -> None:
    verdict = book().judge(PARIS, Kind.MARKETING, utc("2026-12-25 10:30"))
    assert "(public holiday)" in verdict.findings[0].values


def test_an_unknown_region_takes_every_pack_and_an_unknown_zone_every_zone() -> None:
    nobody = Callee("+80012345678", "", (), consent=True)
    rules = RuleBook(builtin_packs(), ("Asia/Shanghai", "America/New_York"))
    verdict = rules.judge(nobody, Kind.SERVICE, utc("2026-11-23 01:30"))  # 09:30 there, 20:30 here
    assert {pack.split()[0] for pack in verdict.packs} == {"cn", "us", "gb", "de", "fr"}
    assert not verdict.allowed
    assert "America/New_York" in verdict.findings[0].values


def test_stricter_states_by_prefix() -> None:
    at = utc("2026-11-24 01:30")  # 20:30 in the east
    eastern = ("America/New_York",)
    assert book().judge(Callee("+12125550100", "US", eastern, consent=True), Kind.MARKETING, at).allowed
    assert not book().judge(Callee("+13055550100", "US", eastern, consent=True), Kind.MARKETING, at).allowed
    assert [name for name, _ in book().caps(Callee("+13055550100", "US", eastern), Kind.MARKETING, at)] == ["us 1/florida-oklahoma"]


def test_caps_rests_and_conduct_for_the_ledger_and_the_dialler() -> None:
    at = utc("2026-11-24 10:00")
    caps = dict(book().caps(PARIS, Kind.MARKETING, at))
    rests = dict(book().rests(PARIS, Kind.MARKETING, at))
    assert (caps["fr 2/per-30-days"].attempts, caps["fr 2/per-30-days"].window_s) == (4, 30 * 86400)
    assert rests["fr 2/after-refusal"].rest_s == 60 * 86400
    conduct = book().conduct(Callee("+442079460000", "GB", ("Europe/London",)), Kind.MARKETING, at)
    assert (conduct.ring_min_s, conduct.abandon_rule, conduct.abandon_message) == (15, "gb-ofcom", True)


def test_an_emergency_has_no_rules() -> None:
    verdict = book().judge(PARIS, Kind.EMERGENCY, utc("2026-12-25 02:00"))
    assert verdict.allowed and not verdict.findings


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 6, 30)),
    st.sampled_from(list(Kind)),
    st.sampled_from(
        [("FR", "Europe/Paris"), ("DE", "Europe/Berlin"), ("US", "America/Chicago"), ("CN", "Asia/Shanghai"), ("GB", "Europe/London")]
    ),
)
def test_what_opens_next_is_open_then_and_not_before(when: dt.datetime, kind: Kind, home: tuple[str, str]) -> None:
    at = when.replace(tzinfo=dt.UTC)
    rules, callee = book(), Callee("+15125550100" if home[0] == "US" else "+33", home[0], (home[1],), consent=True)
    verdict = rules.judge(callee, kind, at)
    if verdict.allowed:
        return
    assert verdict.next_open is not None and verdict.next_open > at
    assert rules.judge(callee, kind, verdict.next_open).allowed
    assert not rules.judge(callee, kind, verdict.next_open - dt.timedelta(seconds=1)).allowed


def test_days_that_are_not_known_yet_are_closed() -> None:
    days = DaySet(dates=(dt.date(2027, 2, 6),), known_until=dt.date(2027, 12, 31))
    assert days.days(dt.date(2027, 1, 1), dt.date(2027, 12, 31)) == [dt.date(2027, 2, 6)]
    callee = Callee("+8613912345678", "CN", ("Asia/Shanghai",), consent=True)
    late = book().judge(callee, Kind.MARKETING, utc("2028-03-01 02:00"))
    assert not late.allowed
    assert "public-holidays end on 2027-12-31" in late.findings[1].values


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('source = "ours"\n[[cap]]', 'closed = ["feast"]\nsource = "ours"\n[[cap]]'), "there is no \\[days.feast\\]"),
        (("attempts = 2", "attempts = 0"), "pack.toml:12: cap.0.attempts"),
        (("attempts = 2", "attemps = 2"), "pack.toml:12: unknown key 'cap.0.attemps': did you mean 'attempts'"),
        (('id = "day"', 'id = "hours"'), "two rules have the id 'hours'"),
        (("+00:00", ""), "needs an offset"),
        (("[[example]]", "[[example"), "not TOML"),
        (('end = "17:00"', 'end = "08:00"'), "not after its start"),
        (("in_force = 2026-01-01", "in_force = 2026-01-01\nuntil = 2025-01-01"), "before in_force"),
        (("in_force = 2026-01-01", 'in_force = 2026-01-01\nstatus = "checked"'), "who, and when"),
    ],
)
def test_a_wrong_pack_names_the_place_and_the_mend(change: tuple[str, str], said: str) -> None:
    assert change[0] in PACK
    with pytest.raises(PackError, match=said):
        parse_pack(PACK.replace(*change), "pack.toml")


@given(st.text(max_size=200))
def test_any_text_is_a_pack_or_a_pack_error(text: str) -> None:
    with pytest.raises(PackError):
        parse_pack(text, "pack.toml")


def test_own_packs_replace_the_built_in_one_of_their_name(tmp_path: Path) -> None:
    (tmp_path / "gb.toml").write_text(PACK.replace('"xx"', '"gb"'))
    rules = RuleBook.of(["gb", "us"], tmp_path)
    assert sorted(pack.title for pack in rules.packs) == ["gb 1", "us 1"]
    assert not rules.judge(Callee("+442079460000", "GB", ("Europe/London",)), Kind.SERVICE, utc("2026-11-23 18:00")).allowed
    with pytest.raises(PackError, match="no rule pack is called 'nn'; there are cn"):
        RuleBook.of(["nn"])
    with pytest.raises(PackError, match="there twice"):
        RuleBook([*rules.packs, load_pack(tmp_path / "gb.toml")])


def test_the_commands(offhook: Command, tmp_path: Path) -> None:
    assert offhook("rules", "list", "--json").object["packs"][0]["name"] == "cn"
    assert "decree 2022-1313" in offhook("rules", "show", "fr").out
    assert offhook("rules", "show", "zz").code == 2
    told = offhook(
        "rules", "judge", "+33 1 23 45 67 89", "--kind", "marketing", "--at", "2026-11-22T12:00:00+01:00", "--consent", "--json"
    ).object
    assert told["allowed"] is False and told["next_open"] == "2026-11-23T09:00:00+00:00"
    (tmp_path / "mine.toml").write_text(PACK)
    assert offhook("rules", "check", tmp_path / "mine.toml", "--json").object == {"examples": 1, "wrong": []}
    (tmp_path / "mine.toml").write_text(PACK.replace("allowed = true", "allowed = false"))
    wrong = offhook("rules", "check", tmp_path / "mine.toml")
    assert wrong.code == 1 and "should be forbidden: xx 1/hours passes" in wrong.err
    assert offhook("rules", "judge", "+33123456789", "--at", "yesterday").code == 2
    assert offhook("rules", "judge", "12", "--region", "FR").code == 1
