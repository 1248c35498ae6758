"""Every combination of facts has exactly one disposition, and the table's order means what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.disposition import RULES, Disposition, Ended, Facts, dispose
from offhook_drivers.contract import Cause, Party

D = Disposition


def facts(**given_: object) -> Facts:
    return Facts(**{"cause": Cause.NORMAL_CLEARING, "who": Party.NETWORK, **given_})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "disposition", "rule"),
    [
        (facts(answered=True, verdict=D.PERSON), D.PERSON, "answered_person"),
        (facts(answered=True, verdict=D.MACHINE), D.MACHINE, "answered_machine"),
        (facts(answered=True, verdict=D.PERSON, after={"fax_ced"}), D.FAX, "answered_fax"),
        (facts(answered=True), D.ANSWERED, "answered_no_verdict"),
        (facts(answered=True, verdict=D.ANSWERED_SILENT), D.ANSWERED_SILENT, "answered_silent"),
        (facts(cause=Cause.USER_BUSY), D.BUSY, "busy_cause"),
        (facts(who=Party.US, tones={"busy"}, ended=Ended.HEARD), D.BUSY, "busy_tone"),
        (facts(who=Party.US, tones={"congestion"}, ended=Ended.HEARD), D.CONGESTION, "congestion_tone"),
        (facts(cause=Cause.SWITCH_CONGESTION), D.CONGESTION, "no_path_cause"),
        (facts(cause=Cause.CALL_REJECTED, rang=True), D.REJECTED, "rejected_cause"),
        (facts(cause=Cause.SUBSCRIBER_ABSENT), D.UNREACHABLE, "unreachable_cause"),
        (facts(who=Party.US, ended=Ended.RING_TIMEOUT, rang=True), D.NO_ANSWER, "ring_timeout"),
        (facts(who=Party.US, ended=Ended.RING_TIMEOUT), D.FAILED, "no_ringing_before_timeout"),
        (facts(cause=Cause.NO_ANSWER, rang=True), D.NO_ANSWER, "no_answer_cause"),
        (facts(cause=Cause.NORMAL_CLEARING, rang=True), D.NO_ANSWER, "network_gave_up_ringing"),
        (facts(who=Party.US, ended=Ended.CANCELLED), D.CANCELLED, "cancelled"),
        (facts(cause=Cause.NORMAL_UNSPECIFIED, announced=True), D.UNREACHABLE, "announced_instead_of_ringing"),
        (facts(cause=Cause.PROTOCOL_ERROR), D.FAILED, "failed"),
        (facts(refused=True, answered=True), D.NOT_DIALLED, "driver_refused"),
    ],
)
def test_the_table(what: Facts, disposition: D, rule: str) -> None:
    assert dispose(what) == (disposition, rule)


def test_a_vacant_number_needs_two_independent_signs_s05() -> None:
    tone = {"unobtainable"}
    assert (
        dispose(facts(cause=Cause.NETWORK_OUT_OF_ORDER, tones=tone))[0] is D.SUSPECT_VACANT
    )  # the Huawei case: cause 38 and a 空号 prompt
    assert dispose(facts(cause=Cause.UNALLOCATED))[0] is D.SUSPECT_VACANT
    assert dispose(facts(cause=Cause.UNALLOCATED, tones=tone))[0] is D.VACANT
    assert dispose(facts(cause=Cause.NORMAL_CLEARING, who=Party.US, tones=tone, progress_causes={1}))[0] is D.VACANT
    assert dispose(facts(cause=Cause.UNALLOCATED, announced=True))[0] is D.VACANT
    assert dispose(facts(cause=Cause.NETWORK_OUT_OF_ORDER, announced=True))[0] is D.FAILED
    assert dispose(facts(cause=Cause.UNALLOCATED, earlier_vacant=1))[0] is D.VACANT  # the same sign on another day
    assert dispose(facts(tones={"sit_us"}, sit={"IC"}))[0] is D.SUSPECT_VACANT
    assert dispose(facts(tones={"sit_us"}, sit={"NC"}))[0] is D.CONGESTION


def test_our_own_cause_says_nothing_about_the_callee() -> None:
    assert dispose(facts(cause=Cause.USER_BUSY, who=Party.US, ended=Ended.RING_TIMEOUT, rang=True))[0] is D.NO_ANSWER


def test_rule_names_are_unique_and_the_last_one_always_holds() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert RULES[-1].holds(Facts())
    assert {rule.disposition for rule in RULES} == set(D) - {D.UNKNOWN}  # UNKNOWN comes from the journal alone


@given(
    cause=st.integers(0, 127),
    who=st.sampled_from(Party),
    answered=st.booleans(),
    rang=st.booleans(),
    tones=st.sets(st.sampled_from(["busy", "congestion", "unobtainable", "sit", "sit_us", "ringback"])),
    sit=st.sets(st.sampled_from(["IC", "VC", "NC", "RO"])),
    verdict=st.sampled_from([None, D.PERSON, D.MACHINE, D.FAX, D.IVR, D.ANSWERED_SILENT]),
    ended=st.sampled_from(Ended),
    progress=st.sets(st.integers(1, 127), max_size=2),
)
def test_every_combination_has_one_disposition_and_answered_goes_with_answered(
    cause: int,
    who: Party,
    answered: bool,
    rang: bool,
    tones: set[str],
    sit: set[str],
    verdict: D | None,
    ended: Ended,
    progress: set[int],
) -> None:
    what = Facts(
        cause=cause, who=who, answered=answered, rang=rang, tones=tones, sit=sit, verdict=verdict, ended=ended, progress_causes=progress
    )
    disposition, rule = dispose(what)
    assert disposition.reached is answered
    assert rule in {r.name for r in RULES}
