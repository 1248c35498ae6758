"""The retry plan (L08, D50)."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from offhook.calls.disposition import Disposition
from offhook.campaigns.retry import Next, after, due
from offhook.messages import RetryPlan, RetryRule

D = Disposition
PLAN = RetryPlan(
    rules={D.BUSY: RetryRule(after_s=300, max_attempts=3), D.NO_ANSWER: RetryRule(after_s=3600, max_attempts=2)}, max_attempts=4
)


def test_busy_is_tried_again_until_its_own_limit() -> None:
    assert after(PLAN, D.BUSY, {"busy": 1}).after_s == 300
    assert after(PLAN, D.BUSY, {"busy": 2}).again
    assert not after(PLAN, D.BUSY, {"busy": 3}).again


def test_the_limit_of_all_attempts_goes_over_the_rule() -> None:
    last = after(PLAN, D.NO_ANSWER, {"busy": 3, "no_answer": 1})
    assert not last.again
    assert "4 attempts" in last.why


@pytest.mark.parametrize("disposition", [D.PERSON, D.MACHINE, D.REJECTED, D.VACANT, D.FAX])
def test_results_without_a_rule_close_the_lead(disposition: D) -> None:
    assert not after(RetryPlan(), disposition, {disposition.value: 1}).again


@pytest.mark.parametrize("disposition", ["rejected", "person", "vacant"])
def test_a_plan_that_would_call_again_after_a_refusal_is_itself_refused(disposition: str) -> None:
    with pytest.raises(ValidationError, match="no retry is allowed"):
        RetryPlan.model_validate({"rules": {disposition: {"after_s": 60, "max_attempts": 2}}})


def test_a_rule_for_a_cause_goes_before_that_of_the_disposition() -> None:
    plan = RetryPlan(
        rules={Disposition.FAILED: RetryRule(after_s=600, max_attempts=3)},
        causes={38: RetryRule(after_s=30, max_attempts=9, next_number=True)},
        max_attempts=20,
    )
    assert after(plan, Disposition.FAILED, {"failed": 1}, 41).after_s == 600
    network = after(plan, Disposition.FAILED, {"failed": 5}, 38)
    assert (network.again, network.after_s, network.next_number) == (True, 30, True)
    assert not after(plan, Disposition.REJECTED, {"rejected": 1}, 38).again  # never after a refusal, whatever the cause


def test_a_vacant_number_may_only_be_followed_by_another_number() -> None:
    with pytest.raises(ValidationError, match="no retry is allowed after 'vacant'"):
        RetryPlan(rules={Disposition.VACANT: RetryRule(after_s=60, max_attempts=2)})
    assert RetryPlan(rules={Disposition.VACANT: RetryRule(after_s=60, max_attempts=5, next_number=True)})


@pytest.mark.parametrize(
    ("ended", "wait_s", "hour"),
    [(9, 600, 12), (13, 600, 18), (20, 600, 24), (9, 5 * 3600, 14), (12, 0, 18)],  # Shanghai
)
def test_another_part_of_the_day_begins_at_noon_at_six_or_at_midnight_of_the_callee(ended: int, wait_s: float, hour: int) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    day = dt.datetime(2026, 3, 2, tzinfo=zone)
    following = Next(True, wait_s, "", other_part=True)
    assert due(following, day + dt.timedelta(hours=ended), wait_s, ("Asia/Shanghai",)) == day + dt.timedelta(hours=hour)
    plain = Next(True, wait_s, "")
    assert due(plain, day, wait_s, ("Asia/Shanghai",)) == day + dt.timedelta(seconds=wait_s)
