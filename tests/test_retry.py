"""The retry plan (L08, D50)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from offhook.disposition import Disposition
from offhook.messages import RetryPlan, RetryRule
from offhook.retry import after

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
