"""Every combination of facts has exactly one disposition with a probability, and the guards hold whatever the weights say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.calls import fusion
from offhook.calls.disposition import Digits, Disposition, Ended, Facts
from offhook.calls.fusion import AFTER, BEFORE, GUARDS, START_AFTER, START_BEFORE, Sign, Source, fuse
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


EXAMPLES: dict[str, dict[str, Any]] = {
    "cause_vacant": {"cause": 1},
    "cause_busy": {"cause": 17},
    "cause_rejected": {"cause": 21},
    "cause_away": {"cause": 27},
    "cause_no_path": {"cause": 34},
    "cause_trouble": {"cause": 38},
    "cause_no_answer": {"cause": 18},
    "cause_timer": {"cause": 102, "rang": True},
    "cause_other": {"cause": 95},
    "alerting": {"rang": True},
    "colour_ringback": {"rang": True, "music": True},
    "gave_up": {"cause": 31, "rang": True},
    "ring_timeout": {"rang": True, "ended": Ended.RING_TIMEOUT, "who": Party.US},
    "never_rang": {"ended": Ended.RING_TIMEOUT, "who": Party.US},
    "cancelled": {"ended": Ended.CANCELLED, "who": Party.US},
    "tone_busy": {"tones": {"busy"}},
    "tone_congestion": {"tones": {"sit_us"}, "sit": {"RO"}},
    "tone_vacant": {"tones": {"sit_us"}, "sit": {"IC"}},
    "tone_sit": {"tones": {"sit"}},
    "prompt_vacant": {"announcements": {"number_changed": D.SUSPECT_VACANT}},
    "prompt_busy": {"announcements": {"talking": D.BUSY}},
    "prompt_rejected": {"announcements": {"rejected": D.REJECTED}},
    "prompt_unreachable": {"announcements": {"powered_off": D.UNREACHABLE}},
    "prompt_congestion": {"announcements": {"network_busy": D.CONGESTION}},
    "prompt_no_answer": {"announcements": {"voicemail": D.NO_ANSWER}},
    "prompt_failed": {"announcements": {"line_fault": D.FAILED}},
    "speech_vacant": {"announced": True, "cause": 1},
    "speech_unknown": {"announced": True},
    "digits_missing": {"digits": Digits.MISSING},
    "not_in_plan": {"digits": Digits.NOT_IN_PLAN},
    "vacant_before": {"earlier_vacant": 1},
    "reached_before": {"earlier_reached": 1},
    "tone_fax": {"after": {"ansam"}},
    "false_vacant": {"announcements": {"vacant": D.SUSPECT_VACANT}},
    "false_busy": {"announcements": {"busy": D.BUSY}},
    "false_rejected": {"announcements": {"incoming_barred": D.REJECTED}},
    "false_unreachable": {"announcements": {"suspended": D.UNREACHABLE}},
    "false_no_answer": {"announcements": {"no_answer": D.NO_ANSWER}},
    "false_congestion": {"announcements": {"network_busy": D.CONGESTION}},
    "false_failed": {"announcements": {"misdialled": D.FAILED}},
}
"""What each row of the tables is found by."""


@pytest.mark.parametrize(
    ("row", "answered"), [(row, rows is AFTER) for rows in (BEFORE, AFTER) for row in rows], ids=lambda x: getattr(x, "name", "")
)
def test_every_row_of_the_tables_is_found_weighs_what_it_says_and_shows_in_the_result_s04(row: Sign, answered: bool) -> None:
    found, nothing = facts(answered=answered, **EXAMPLES[row.name]), facts(answered=answered)
    assert row.holds(found)
    assert not row.holds(nothing)
    result = fuse(found)
    (sign,) = [one for one in result.signs if one.name == row.name]
    assert (sign.source, sign.what) == (row.source, row.what)
    start: dict[D, float] = dict(START_AFTER if answered else START_BEFORE)
    start |= {D.ANSWERED: fusion.NO_VERDICT_DB} if answered else {D.CANCELLED: 0} if found.ended is Ended.CANCELLED else {}
    there = {one.name for one in result.signs}
    score = {what: db + sum(one.says.get(what, 0) for one in (*BEFORE, *AFTER) if one.name in there) for what, db in start.items()}
    if found.digits is Digits.MISSING:
        del score[D.VACANT]
    best = max(score, key=lambda what: score[what])
    proved = len({one.source for one in result.signs if one.db > 0}) > 1
    assert result.disposition is (D.SUSPECT_VACANT if best is D.VACANT and not proved else best)
    assert result.p == pytest.approx(10 ** (score[best] / 10) / sum(10 ** (db / 10) for db in score.values()))
    weight = row.says.get(best, -max(0, *row.says.values()))  # what speaks for another result speaks against this one
    assert sign.db == weight


def test_there_is_an_example_of_every_row() -> None:
    assert list(EXAMPLES) == [row.name for row in (*BEFORE, *AFTER)]


@pytest.mark.parametrize(
    ("guard", "with_it", "without", "allowed"),
    [
        ("driver_refused", {"refused": True}, {}, D.FAILED),
        ("no_agent", {"answered": True, "verdict": D.PERSON, "abandoned": True}, {"abandoned": False}, D.PERSON),
        ("acted_upon", {"answered": True, "verdict": D.PERSON, "announcements": {"busy": D.BUSY}}, {"verdict": None}, D.BUSY),
        ("digits_missing", {"digits": Digits.MISSING, "cause": 1, "tones": {"unobtainable"}}, {"digits": Digits.COMPLETE}, D.VACANT),
        (
            "trouble",
            {"progress_causes": {1}, "cause": 41, "tones": {"unobtainable"}, "announcements": {"vacant": D.SUSPECT_VACANT}},
            {"cause": 16},
            D.VACANT,
        ),
        ("two_signs", {"cause": 1}, {"tones": {"unobtainable"}}, D.VACANT),
        ("two_signs", {"cause": 1, "tones": {"unobtainable"}, "earlier_reached": 1}, {"earlier_reached": 0}, D.VACANT),
    ],
)
def test_every_guard_forbids_what_the_weights_would_say_s05(
    guard: str, with_it: dict[str, Any], without: dict[str, Any], allowed: D
) -> None:
    held, free = fuse(facts(**with_it)), fuse(facts(**{**with_it, "refused": False, **without}))
    assert held.guard == guard
    assert held.disposition is not allowed
    assert (free.disposition, free.guard) == (allowed, "")


def test_every_guard_of_the_table_is_walked() -> None:
    walked = next(mark for mark in test_every_guard_forbids_what_the_weights_would_say_s05.pytestmark if mark.name == "parametrize")
    assert {case[0] for case in walked.args[1]} == set(GUARDS)


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
