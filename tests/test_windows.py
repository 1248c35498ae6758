"""Calling windows in the callee's wall clock (D46, D49)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offhook.campaigns.windows import is_open, next_open, zones_for
from offhook.messages import CallingWindows, Window

SHANGHAI = ("Asia/Shanghai",)
TRAINEES = CallingWindows.model_validate(
    {
        "windows": [
            {"start": "08:30", "end": "11:30", "days": ["mon", "tue", "wed", "thu", "fri"]},
            {"start": "14:00", "end": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"]},
        ],
        "holidays": ["2026-10-01"],
    }
)


def at(text: str, offset: int = 8) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone(dt.timedelta(hours=offset)))


@pytest.mark.parametrize(
    ("when", "open_"),
    [
        ("2026-03-02 08:29:59", False),
        ("2026-03-02 08:30:00", True),
        ("2026-03-02 11:29:59", True),
        ("2026-03-02 11:30:00", False),
        ("2026-03-02 14:00:00", True),
        ("2026-03-07 09:00:00", False),  # a Saturday
        ("2026-10-01 09:00:00", False),  # National Day
    ],
)
def test_two_windows_a_day_on_weekdays_without_holidays(when: str, open_: bool) -> None:
    assert is_open(TRAINEES, SHANGHAI, at(when)) is open_


def test_no_windows_means_at_any_time() -> None:
    assert is_open(CallingWindows(), (), at("2026-03-01 03:00"))


def test_holidays_alone_close_whole_days() -> None:
    windows = CallingWindows(holidays=(dt.date(2026, 10, 1),))
    assert not is_open(windows, SHANGHAI, at("2026-10-01 12:00"))
    assert next_open(windows, SHANGHAI, at("2026-10-01 12:00")) == at("2026-10-02 00:00")


def test_next_open_is_the_afternoon_then_the_morning_then_monday() -> None:
    assert next_open(TRAINEES, SHANGHAI, at("2026-03-02 09:00")) == at("2026-03-02 09:00")
    assert next_open(TRAINEES, SHANGHAI, at("2026-03-02 12:00")) == at("2026-03-02 14:00")
    assert next_open(TRAINEES, SHANGHAI, at("2026-03-02 18:00")) == at("2026-03-03 08:30")
    assert next_open(TRAINEES, SHANGHAI, at("2026-03-06 17:00")) == at("2026-03-09 08:30")
    assert next_open(TRAINEES, SHANGHAI, at("2026-09-30 17:00")) == at("2026-10-02 08:30")


def test_several_zones_are_called_only_when_all_are_open() -> None:
    day = CallingWindows(windows=(Window(start=dt.time(9), end=dt.time(17)),))
    coasts = ("America/New_York", "America/Los_Angeles")
    assert not is_open(day, coasts, at("2026-03-02 10:00", -5))  # 07:00 in the west
    assert is_open(day, coasts, at("2026-03-02 12:00", -5))
    assert next_open(day, coasts, at("2026-03-02 09:30", -5)) == at("2026-03-02 12:00", -5)


def test_an_unknown_zone_takes_the_strictest_and_a_fixed_zone_takes_all() -> None:
    windows = CallingWindows(unknown_zones=("America/New_York", "America/Los_Angeles"))
    assert zones_for(windows, ()) == ("America/New_York", "America/Los_Angeles")
    assert zones_for(windows, SHANGHAI) == SHANGHAI
    assert zones_for(CallingWindows(zone="Europe/Berlin"), SHANGHAI) == ("Europe/Berlin",)


def test_a_window_up_to_midnight_includes_its_last_minute() -> None:
    late = CallingWindows(windows=(Window(start=dt.time(22), end=dt.time(0)),))
    assert is_open(late, SHANGHAI, at("2026-03-02 23:59:59"))
    assert not is_open(late, SHANGHAI, at("2026-03-03 00:00"))


def test_daylight_saving_moves_the_opening_in_universal_time() -> None:
    day = CallingWindows(windows=(Window(start=dt.time(9), end=dt.time(17)),))
    before = next_open(day, ("Europe/Berlin",), dt.datetime(2026, 3, 28, 0, 0, tzinfo=dt.UTC))
    after = next_open(day, ("Europe/Berlin",), dt.datetime(2026, 3, 29, 0, 0, tzinfo=dt.UTC))
    assert before == dt.datetime(2026, 3, 28, 8, 0, tzinfo=dt.UTC)
    assert after == dt.datetime(2026, 3, 29, 7, 0, tzinfo=dt.UTC)


def test_windows_that_never_open_within_a_year_say_so() -> None:
    never = CallingWindows(windows=TRAINEES.windows, holidays=tuple(dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(800)))
    assert next_open(never, SHANGHAI, at("2026-03-02 09:00")) is None


def test_a_night_window_and_an_unknown_zone_are_refused_with_a_mend() -> None:
    with pytest.raises(ValidationError, match="two windows"):
        Window(start=dt.time(22), end=dt.time(6))
    with pytest.raises(ValidationError, match="Asia/Shanghai"):
        CallingWindows(zone="Asia/Peking-Duck")


@settings(max_examples=60, deadline=None)
@given(
    minute=st.integers(0, 60 * 24 * 400),
    zones=st.lists(st.sampled_from(["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]), min_size=1, max_size=3),
)
def test_next_open_is_open_and_nothing_before_it_is(minute: int, zones: list[str]) -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    found = next_open(TRAINEES, zones, now)
    if found is None:
        return
    assert found >= now
    assert is_open(TRAINEES, zones, found)
    step = (found - now) / 16
    if step > dt.timedelta(0):
        assert not any(is_open(TRAINEES, zones, now + n * step) for n in range(16))
