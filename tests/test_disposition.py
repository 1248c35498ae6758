"""Every combination of facts has exactly one disposition with a probability, and the guards hold whatever the weights say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.calls import fusion
from offhook.calls.disposition import Digits, Disposition, Ended, Facts
from offhook.calls.fusion import AFTER, BEFORE, GUARDS, START_AFTER, START_BEFORE, Source, fuse
from offhook.numbers import completeness
from offhook_drivers.contract import Cause, Party

D = Disposition
RESULTS_PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def facts(**given_: object) -> Facts:
    return Facts(**{"cause": Cause.NORMAL_CLEARING, "who": Party.NETWORK, **given_})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "disposition", "rule"),
    [
        (facts(answered=True, verdict=D.PERSON), D.PERSON, "answer_person"),
        (facts(answered=True, verdict=D.MACHINE), D.MACHINE, "answer_machine"),
        (facts(answered=True, verdict=D.PERSON, after={"fax_ced"}), D.FAX, "tone_fax"),
        (facts(answered=True), D.ANSWERED, "no_sign"),
        (facts(answered=True, verdict=D.ANSWERED_SILENT), D.ANSWERED_SILENT, "answer_answered_silent"),
        (facts(cause=Cause.USER_BUSY), D.BUSY, "cause_busy"),
        (facts(who=Party.US, tones={"busy"}, ended=Ended.HEARD), D.BUSY, "tone_busy"),
        (facts(cause=Cause.USER_BUSY, tones={"busy"}), D.BUSY, "cause_busy+tone_busy"),
        (facts(who=Party.US, tones={"congestion"}, ended=Ended.HEARD), D.CONGESTION, "tone_congestion"),
        (facts(cause=Cause.SWITCH_CONGESTION), D.CONGESTION, "cause_no_path"),
        (facts(cause=Cause.CALL_REJECTED, rang=True), D.REJECTED, "cause_rejected"),
        (facts(cause=Cause.SUBSCRIBER_ABSENT), D.UNREACHABLE, "cause_away"),
        (facts(who=Party.US, ended=Ended.RING_TIMEOUT, rang=True), D.NO_ANSWER, "ring_timeout+alerting"),
        (facts(who=Party.US, ended=Ended.RING_TIMEOUT), D.FAILED, "never_rang"),
        (facts(cause=Cause.NO_ANSWER, rang=True), D.NO_ANSWER, "cause_no_answer+alerting"),
        (facts(cause=Cause.NORMAL_CLEARING, rang=True), D.NO_ANSWER, "gave_up+alerting"),
        (facts(cause=Cause.NORMAL_CLEARING, rang=True, music=True), D.NO_ANSWER, "gave_up+colour_ringback"),
        (facts(who=Party.US, ended=Ended.CANCELLED), D.CANCELLED, "cancelled"),
        (facts(cause=Cause.NORMAL_UNSPECIFIED, announced=True), D.UNREACHABLE, "speech_unknown"),
        (facts(cause=Cause.PROTOCOL_ERROR), D.FAILED, "cause_other"),
        (facts(refused=True, answered=True), D.NOT_DIALLED, "driver_refused"),
        (facts(answered=True, verdict=D.PERSON, abandoned=True), D.ABANDONED, "no_agent"),
        (facts(), D.FAILED, "no_sign"),
    ],
)
def test_the_table(what: Facts, disposition: D, rule: str) -> None:
    result = fuse(what)
    assert (result.disposition, result.rule) == (disposition, rule)


def test_signs_that_agree_make_a_result_surer_and_signs_that_differ_make_it_doubtful() -> None:
    alone = fuse(facts(cause=Cause.USER_BUSY))
    agreed = fuse(facts(cause=Cause.USER_BUSY, tones={"busy"}))
    differing = fuse(facts(cause=Cause.SWITCH_CONGESTION, tones={"busy"}))
    assert 0.9 < alone.p < agreed.p < 1
    assert differing.disposition is D.CONGESTION
    assert differing.p < 0.7
    assert differing.runner_up is D.BUSY
    assert differing.runner_up_p > 0.3


def test_a_verdict_alone_has_its_own_probability_and_stands_whatever_else_was_heard() -> None:
    sure = fuse(facts(answered=True, verdict=D.PERSON, verdict_p=0.93))
    assert sure.p == pytest.approx(0.93, abs=0.02)  # weights are whole decibels
    unlikely = fuse(facts(answered=True, verdict=D.PERSON, verdict_p=0.1))
    assert (unlikely.disposition, unlikely.guard, unlikely.runner_up) == (D.PERSON, "acted_upon", D.MACHINE)  # the call was treated so


def test_a_vacant_number_needs_two_independent_signs_s05() -> None:
    tone = {"unobtainable"}
    huawei = fuse(facts(cause=Cause.NETWORK_OUT_OF_ORDER, tones=tone))  # cause 38 and a 空号 prompt
    assert (huawei.disposition, huawei.guard) == (D.SUSPECT_VACANT, "two_signs")
    assert fuse(facts(cause=Cause.UNALLOCATED)).disposition is D.SUSPECT_VACANT
    assert fuse(facts(cause=Cause.UNALLOCATED, tones=tone)).disposition is D.VACANT
    assert fuse(facts(who=Party.US, tones=tone, progress_causes={1})).disposition is D.VACANT
    assert fuse(facts(cause=Cause.UNALLOCATED, announced=True)).disposition is D.VACANT
    assert fuse(facts(cause=Cause.NETWORK_OUT_OF_ORDER, announced=True)).disposition is D.FAILED
    assert fuse(facts(cause=Cause.UNALLOCATED, earlier_vacant=1)).disposition is D.VACANT  # the same sign on another day
    assert fuse(facts(tones={"sit_us"}, sit={"IC"})).disposition is D.SUSPECT_VACANT
    assert fuse(facts(tones={"sit_us"}, sit={"NC"})).disposition is D.CONGESTION
    assert fuse(facts(who=Party.US, ended=Ended.HEARD, tones={"sit"}, rang=True)).disposition is D.SUSPECT_VACANT  # ringing goes before


def test_a_number_that_was_reached_before_is_condemned_by_three_signs_only_s05() -> None:
    two = facts(cause=Cause.UNALLOCATED, tones={"unobtainable"}, earlier_reached=2)
    assert fuse(two).disposition is D.SUSPECT_VACANT
    assert [one.name for one in fuse(two).signs if one.db < 0] == ["reached_before"]
    two.earlier_vacant = 1
    assert fuse(two).disposition is D.VACANT


def test_a_number_cut_short_is_never_called_vacant_s05() -> None:
    """0453114: the prompt was for the digits that came, not for the subscriber."""
    cut = facts(cause=Cause.UNALLOCATED, tones={"unobtainable"}, announced=True, digits=Digits.MISSING, earlier_vacant=5)
    assert fuse(cut).disposition is D.FAILED
    assert fuse(cut).rule == "digits_missing"
    assert completeness("+86453114", "CN") is Digits.MISSING
    assert completeness("+8645384114000", "CN") is not Digits.MISSING
    assert completeness("+8613912345678", "CN") is Digits.COMPLETE
    assert completeness("10086", "CN") is Digits.COMPLETE


def test_our_own_cause_says_nothing_about_the_callee() -> None:
    assert fuse(facts(cause=Cause.USER_BUSY, who=Party.US, ended=Ended.RING_TIMEOUT, rang=True)).disposition is D.NO_ANSWER


def test_sign_names_are_unique_and_fit_the_record() -> None:
    names = [row.name for row in (*BEFORE, *AFTER)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 40 for name in names)
    assert {row.source for row in BEFORE} == set(Source) - {Source.ANSWER}


def test_every_disposition_but_the_journals_own_can_be_reached() -> None:
    weighed = {*START_BEFORE, *START_AFTER, D.ANSWERED, D.CANCELLED, D.SUSPECT_VACANT, D.NOT_DIALLED, D.ABANDONED}
    assert weighed == set(D) - {D.UNKNOWN}


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = RESULTS_PAGE.read_text(encoding="utf-8")
    shown = page.partition("<!-- tables -->\n")[2].partition("<!-- end of tables -->")[0]
    assert shown == fusion.markdown(), "python -m offhook.calls.fusion prints the tables for docs/results.md"
    assert all(f"`{guard}`" in shown for guard in GUARDS)


@given(
    what=st.builds(
        Facts,
        cause=st.integers(0, 127),
        who=st.sampled_from(Party),
        answered=st.booleans(),
        rang=st.booleans(),
        music=st.booleans(),
        announced=st.booleans(),
        tones=st.sets(st.sampled_from(["busy", "congestion", "unobtainable", "sit", "sit_us", "ringback"])),
        sit=st.sets(st.sampled_from(["IC", "VC", "NC", "RO"])),
        after=st.sets(st.sampled_from(["busy", "beep", "fax_ced"])),
        verdict=st.sampled_from([None, D.PERSON, D.MACHINE, D.FAX, D.IVR, D.ANSWERED_SILENT]),
        verdict_p=st.floats(0, 1),
        ended=st.sampled_from(Ended),
        digits=st.sampled_from(Digits),
        progress_causes=st.sets(st.integers(1, 127), max_size=2),
        earlier_vacant=st.integers(0, 3),
        earlier_reached=st.integers(0, 3),
    )
)
def test_every_combination_has_one_disposition_and_answered_goes_with_answered(what: Facts) -> None:
    result = fuse(what)
    assert result.disposition.reached is what.answered
    assert 0 < result.p <= 1
    assert 0 <= result.runner_up_p <= 1
    assert result.runner_up is not result.disposition
    assert len(result.rule) <= 40
    if result.disposition is D.VACANT:
        assert what.digits is not Digits.MISSING
        assert len({one.source for one in result.signs if one.db > 0}) >= 2
    assert result == fuse(what)
