"""What a recognised announcement does to a call, and how a node learns one (issue 4, S05)."""

from __future__ import annotations

from pathlib import Path

import pytest
from nodes import START, numbers_list, settings, simulator
from test_call import heard, play_out, tone

from offhook.announce import AnnouncementClass, AnnouncementStore, UnknownStore, class_of
from offhook.announce.cli import import_examples
from offhook.calls.disposition import Disposition, Facts
from offhook.calls.fusion import fuse
from offhook.campaigns.retry import after
from offhook.clock import run_virtual
from offhook.messages import CallRecord, CampaignSpec, RetryPlan
from offhook.node import Node
from offhook_core import EventKind
from offhook_drivers.contract import Answered, Cause, Cleared, Party, Progress

D, C = Disposition, AnnouncementClass


def said(*kinds: AnnouncementClass) -> dict[str, Disposition | None]:
    return {kind.value: kind.disposition for kind in kinds}


# -- the rules ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "disposition"),
    [
        (Facts(announcements=said(C.POWERED_OFF), cause=Cause.NORMAL_UNSPECIFIED), D.UNREACHABLE),
        (Facts(announcements=said(C.TALKING), cause=Cause.NORMAL_CLEARING), D.BUSY),
        (Facts(announcements=said(C.NETWORK_BUSY)), D.CONGESTION),
        (Facts(announcements=said(C.REJECTED), rang=True), D.REJECTED),
        (Facts(announcements=said(C.HOLD), rang=True, cause=Cause.NO_ANSWER), D.NO_ANSWER),
        (Facts(announcements=said(C.POWERED_OFF), cause=Cause.USER_BUSY), D.BUSY),  # signalling first
        (Facts(announcements=said(C.POWERED_OFF), cause=Cause.NO_ANSWER, rang=True), D.UNREACHABLE),  # the prompt says more
        (Facts(announcements=said(C.POWERED_OFF), announced=True, cause=Cause.UNALLOCATED), D.SUSPECT_VACANT),  # signs that contradict
        (Facts(announcements=said(C.BUSY), answered=True), D.BUSY),  # a false answer
        (Facts(announcements=said(C.BUSY), answered=True, verdict=D.PERSON), D.PERSON),
    ],
)
def test_a_known_announcement_decides_where_signalling_does_not(facts: Facts, disposition: Disposition) -> None:
    assert fuse(facts).disposition is disposition


def test_a_vacant_number_needs_two_independent_signs() -> None:
    prompt = said(C.VACANT)
    for facts, disposition, rule in (
        (Facts(announcements=prompt, cause=Cause.UNALLOCATED), D.VACANT, "cause_vacant+prompt_vacant"),
        (Facts(announcements=prompt, tones={"unobtainable"}), D.VACANT, "prompt_vacant+tone_vacant"),
        (Facts(announcements=prompt, cause=Cause.NORMAL_CLEARING), D.SUSPECT_VACANT, "prompt_vacant"),
        (Facts(announcements=prompt, earlier_vacant=1), D.VACANT, "prompt_vacant+vacant_before"),
    ):
        assert (fuse(facts).disposition, fuse(facts).rule) == (disposition, rule)


@pytest.mark.parametrize("cause", [38, Cause.NO_CIRCUIT, 41, Cause.SWITCH_CONGESTION])
def test_a_vacant_prompt_of_a_switch_in_trouble_never_condemns_a_number(cause: int) -> None:
    """S05: a 空号 prompt with cause 38 on a good number; even a tone beside it comes from the same switch."""
    assert fuse(Facts(announcements=said(C.VACANT), cause=cause)).disposition in (D.SUSPECT_VACANT, D.CONGESTION)
    both = fuse(Facts(announcements=said(C.VACANT), tones={"unobtainable"}, cause=cause, earlier_vacant=3))
    assert (both.disposition, both.guard) == (D.SUSPECT_VACANT, "trouble")


EACH: dict[
    AnnouncementClass, tuple[Disposition | None, float | None]
] = {  # result of a call that holds this prompt alone; seconds to the next
    C.VACANT: (D.SUSPECT_VACANT, 86_400),
    C.NUMBER_CHANGED: (D.SUSPECT_VACANT, 86_400),
    C.POWERED_OFF: (D.UNREACHABLE, 14_400),
    C.SUSPENDED: (D.UNREACHABLE, 14_400),
    C.SERVICE_PAUSED: (D.UNREACHABLE, 14_400),
    C.UNPAID: (D.UNREACHABLE, 14_400),
    C.UNREACHABLE: (D.UNREACHABLE, 14_400),
    C.MISSED_CALL_ALERT: (D.UNREACHABLE, 14_400),
    C.FORWARD_FAILED: (D.UNREACHABLE, 14_400),
    C.TRY_LATER: (D.UNREACHABLE, 14_400),
    C.CALL_LIMIT: (D.UNREACHABLE, 14_400),
    C.BUSY: (D.BUSY, 600),
    C.TALKING: (D.BUSY, 600),
    C.REJECTED: (D.REJECTED, None),  # nobody is called again after a refusal
    C.INCOMING_BARRED: (D.REJECTED, None),
    C.NO_ANSWER: (D.NO_ANSWER, 3_600),
    C.CANNOT_ANSWER: (D.NO_ANSWER, 3_600),
    C.VOICEMAIL: (D.NO_ANSWER, 3_600),
    C.NETWORK_BUSY: (D.CONGESTION, 120),
    C.LINE_FAULT: (D.FAILED, 600),
    C.MISDIALLED: (D.FAILED, 600),
    C.CALLER_BLOCKED: (D.FAILED, 600),
    C.FORWARDING: (None, None),  # says nothing of the callee: the call goes on
    C.HOLD: (None, None),
    C.OTHER: (None, None),
}


@pytest.mark.parametrize("kind", C)
def test_each_class_ends_the_call_before_and_after_the_answer_and_leads_to_its_retry(kind: AnnouncementClass) -> None:
    """S04, S05: the classes that networks in China play, from the name that an operator gives to what becomes of the lead."""
    disposition, again_s = EACH[kind]
    named = f"{kind.value}:some-carrier"  # as naming a cluster calls it
    assert class_of(named) is class_of(kind.term) is kind
    assert kind.disposition is disposition
    for start in (Progress, Answered):
        record, line, _ = play_out([(1.0, start), (2.5, heard(EventKind.ANNOUNCEMENT, 2.5, detail=named))], ring_timeout_s=20)
        assert [fact.detail for fact in record.evidence if fact.name == "announcement"] == [named]
        if disposition is None:
            assert ("hangup", 2.5) not in line.did
            continue
        assert record.disposition is disposition
        assert record.disposition is not D.VACANT  # never by a prompt alone
        following = after(RetryPlan(), record.disposition, {record.disposition: 1})
        assert (following.after_s if following.again else None) == again_s


# -- the call -----------------------------------------------------------------------------------------------------------------------


def test_a_prompt_that_says_it_all_ends_the_call_at_once() -> None:
    record, line, _ = play_out([(1.0, Progress), (2.5, heard(EventKind.ANNOUNCEMENT, 2.5, detail="powered_off:china-mobile"))])
    assert record.disposition is D.UNREACHABLE
    assert ("hangup", 2.5) in line.did
    assert any(fact.name == "announcement" and fact.detail == "powered_off:china-mobile" for fact in record.evidence)


def test_a_vacant_prompt_waits_for_the_cause_and_a_tone_completes_it() -> None:
    prompt = heard(EventKind.ANNOUNCEMENT, 2.0, detail="vacant")

    def cleared(call: object) -> None:
        from test_call import stamp

        call.on_signal(Cleared(stamp(), 0, call.id, Cause.UNALLOCATED, 0, Party.NETWORK))  # type: ignore[attr-defined]

    assert play_out([(1.0, Progress), (2.0, prompt), (6.0, cleared)])[0].disposition is D.VACANT
    record, line, _ = play_out([(1.0, Progress), (2.0, prompt), (4.0, tone("unobtainable", 4.0))])
    assert record.disposition is D.VACANT
    assert ("hangup", 4.0) in line.did
    record, line, _ = play_out([(1.0, Progress), (2.0, prompt)])
    assert record.disposition is D.SUSPECT_VACANT
    assert ("hangup", 10.0) in line.did  # 8 s for the other sign


def test_an_announcement_after_the_answer_is_a_false_answer() -> None:
    record, line, _ = play_out([(1.0, Answered), (2.0, heard(EventKind.ANNOUNCEMENT, 2.0, detail="unreachable"))])
    assert record.disposition is D.UNREACHABLE
    assert ("hangup", 2.0) in line.did


def test_a_prompt_that_says_nothing_of_the_callee_changes_nothing() -> None:
    record, _, _ = play_out([(1.0, Progress), (2.0, heard(EventKind.ANNOUNCEMENT, 2.0, detail="hold"))], ring_timeout_s=20)
    assert record.disposition is D.FAILED
    assert record.duration_ms >= 20_000


# -- the node -----------------------------------------------------------------------------------------------------------------------

TALKING: dict[str, object] = {
    "kind": "announcement",
    "name": "talking",
    "meaning": "busy",
    "announcement": ["announcement-zh-busy"],
    "causes": [31],
}


def dial(folder: Path, count: int, *behaviours: dict[str, object]) -> list[CallRecord]:
    async def main() -> list[CallRecord]:
        card = simulator(*behaviours, audio=True)
        async with Node(settings(folder, driver={"audio": True}), driver=card) as node:
            await node.create_campaign(CampaignSpec(name="c"))
            await node.import_list("c", numbers_list(folder, count))
            await node.start_campaign("c")
            await node.wait_campaign("c")
            return [await node.call(call.id) for call in await node.calls("c")]

    return run_virtual(main(), START)


def test_a_node_that_knows_the_announcement_names_it_and_clears_before_its_end(tmp_path: Path) -> None:
    import_examples(AnnouncementStore(tmp_path / "data" / "announcements"))
    for call in dial(tmp_path, 3, TALKING):
        assert call.disposition is D.BUSY
        assert call.rule == "prompt_busy"
        assert [fact.detail for fact in call.evidence if fact.name == "announcement"] == ["busy:example-zh"]
    assert UnknownStore(AnnouncementStore(tmp_path / "data" / "announcements")).entries() == []


def test_a_node_learns_an_unknown_announcement_and_knows_it_once_it_is_named(tmp_path: Path) -> None:
    store = AnnouncementStore(tmp_path / "data" / "announcements")
    for call in dial(tmp_path, 4, TALKING):
        assert all(fact.name != "announcement" for fact in call.evidence)
    clusters = UnknownStore(store).entries()
    assert [one.count for one in clusters] == [8]  # four leads, each called twice
    assert set(clusters[0].causes) == {31}
    UnknownStore(store).name(clusters[0].id, C.TALKING, "learnt")
    other = tmp_path / "second"
    other.mkdir()
    (tmp_path / "data" / "offhook.db").unlink()
    for call in dial(tmp_path, 3, TALKING):
        assert [fact.detail for fact in call.evidence if fact.name == "announcement"] == ["talking:learnt"]
        assert call.disposition is D.BUSY


def test_a_node_learns_the_announcement_of_a_false_answer_and_calls_it_by_its_name_then(tmp_path: Path) -> None:
    lying: dict[str, object] = {
        "kind": "false_answer",
        "announcement": ["announcement-zh-busy"],
        "announcement_share": 1.0,
        "meaning": "busy",
        "pause_s": 0.3,
    }
    store = AnnouncementStore(tmp_path / "data" / "announcements")
    assert {call.disposition for call in dial(tmp_path, 3, lying)} == {D.MACHINE}  # somebody speaks on and on
    clusters = UnknownStore(store).entries()
    assert [(one.count, one.before_answer) for one in clusters] == [(3, 0)]
    UnknownStore(store).name(clusters[0].id, C.TALKING, "learnt")
    (tmp_path / "data" / "offhook.db").unlink()
    for call in dial(tmp_path, 2, lying):
        assert call.disposition is D.BUSY
        assert call.rule == "false_busy"
