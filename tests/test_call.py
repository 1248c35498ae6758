"""The call: one state machine, one disposition, whatever the line says and in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodes import START

from offhook.agents.talk import TalkCall
from offhook.calls.answer import is_beep, overdue_ms, reason
from offhook.calls.call import Call
from offhook.calls.disposition import Disposition
from offhook.calls.prompts import Prompt
from offhook.calls.speech import Speech
from offhook.clock import loop_clock, run_virtual
from offhook.messages import AnswerHandling, CallPhase, CallRecord, CampaignSpec
from offhook.store import Lead
from offhook_core import Event as Sound
from offhook_core import EventKind, Tone
from offhook_drivers.contract import Answered, Cause, Cleared, Digit, Party, Proceeding, Progress, Ringing, Stamp

PROMPT = Prompt("/prompts/notice.wav", 5000, 0)
MESSAGE = Prompt("/prompts/message.wav", 4000, 1)


class Line:
    """A line that does what the call asks and answers a hang-up with Cleared."""

    def __init__(self, audio: bool) -> None:
        self.audio = audio
        self.did: list[tuple[str, float]] = []
        self.call: Call
        self.clears = True

    def _note(self, what: str) -> None:
        self.did.append((what, round(asyncio.get_running_loop().time(), 3)))

    def hangup(self, cause: int) -> None:
        self._note("hangup")
        if self.clears:
            asyncio.get_running_loop().call_soon(
                lambda: self.call.on_signal(Cleared(stamp(), 0, self.call.id, cause, 0, Party.US)) if not self.call.done.done() else None
            )

    def answered(self) -> None:
        self._note("answered")

    def play(self, prompt: Prompt, token: int) -> None:
        self._note(f"play {prompt.path.rsplit('/', 1)[-1]}")
        asyncio.get_running_loop().call_later(prompt.duration_ms / 1000, self.call.prompt_done, token)

    def stop_play(self) -> None:
        self._note("stop")


def stamp() -> Stamp:
    return Stamp(asyncio.get_running_loop().time())


def heard(kind: EventKind, t_s: float, name: str = "", detail: str = "", from_s: float | None = None, value: int = 0) -> Sound:
    onset = t_s if from_s is None else from_s
    tone = Tone[name.upper()] if kind in (EventKind.TONE, EventKind.TONE_END) and name.upper() in Tone.__members__ else Tone.NONE
    return Sound(
        channel=0,
        kind=kind,
        name=name or kind.name.lower(),
        detail=detail,
        at_sample=round(t_s * 8000),
        onset_sample=round(onset * 8000),
        level_dbm0=-20.0,
        confidence=0.9,
        provisional=False,
        cleared=False,
        margin_db=6.0,
        freq_hz=(),
        cadence_ms=(),
        value=value,
        row=None,
        tone=tone,
        sequence=0,
        raised_ns=0,
    )


def tone(name: str, t_s: float, length_s: float = 0.3, detail: str = "") -> Sound:
    return heard(EventKind.TONE, t_s, name, detail, from_s=t_s - length_s, value=round(length_s * 1000))


def spoke(from_s: float, to_s: float) -> list[tuple[float, Sound]]:
    """An utterance, heard as the core tells it: 60 ms late at its start, 200 ms at its end."""
    return [
        (from_s + 0.06, heard(EventKind.SPEECH, from_s + 0.06, from_s=from_s)),
        (to_s + 0.2, heard(EventKind.SPEECH_END, to_s + 0.2, from_s=from_s, value=round((to_s - from_s) * 1000))),
    ]


def judged(what: str, t_s: float, p: float = 0.9) -> tuple[float, Sound]:
    """A verdict of the core."""
    event = heard(EventKind.ANSWER, t_s, detail=what)
    return t_s, replace(event, confidence=p, cadence_ms=(700, 320), score=100 * p if what == "person" else 100 - 100 * p)


def person(from_s: float, to_s: float, p: float = 0.9) -> list[tuple[float, Sound]]:
    """Somebody says a word and waits, and the core's verdict, 600 ms after it."""
    return [*spoke(from_s, to_s), judged("person", to_s + 0.6, p)]


def machine(from_s: float, to_s: float) -> list[tuple[float, Sound]]:
    """A voice that talks on, and the core's verdict after 1.9 s."""
    return [*spoke(from_s, to_s), judged("machine", from_s + 1.9)]


Step = tuple[float, Any]


def play_out(
    steps: list[Step],
    audio: bool = True,
    clears: bool = True,
    tries: dict[str, int] | None = None,
    desk: Desk | None = None,
    **spec: Any,
) -> tuple[CallRecord, Line, Call]:
    """Run a call in virtual time; each step is a time and a driver event maker, a core event or a function of the call."""

    async def main() -> tuple[CallRecord, Line, Call]:
        line = Line(audio)
        line.clears = clears
        lead = Lead(7, "01900000-0000-7000-8000-000000000001", "13900000000", "+8613900000000", "CN", "mobile", (), "", 0, tries or {})
        campaign = CampaignSpec(name="c1", **spec)
        given = (campaign, lead, "13900000000", 0, 0, line, loop_clock(), PROMPT, MESSAGE, lambda c: None)
        call = Call(*given) if desk is None else TalkCall(*given, agents=desk, sorry=None)
        line.call = call
        call.begin()
        loop = asyncio.get_running_loop()

        def do(what: Any) -> None:
            if isinstance(what, Sound):
                call.on_sound(what)
            elif isinstance(what, type):
                call.on_signal(make(what, call.id))
            else:
                what(call)

        for at, what in steps:
            loop.call_later(at, do, what)
        async with asyncio.timeout(1000):
            await call.done
        await asyncio.sleep(400)  # nothing may happen after the end
        return call.record(), line, call

    return run_virtual(main(), START)


def make(kind: type, call_id: str) -> Any:
    extra: dict[type, tuple[Any, ...]] = {Progress: (True,), Ringing: (True,)}
    return kind(stamp(), 0, call_id, *extra.get(kind, ()))


def cleared(cause: int, who: Party = Party.NETWORK) -> Callable[[Call], None]:
    return lambda call: call.on_signal(Cleared(stamp(), 0, call.id, cause, 2, who))


def progress(cause: int) -> Callable[[Call], None]:
    return lambda call: call.on_signal(Progress(stamp(), 0, call.id, True, cause))


RINGS: list[Step] = [(0.5, Proceeding), (1.0, Ringing)]
ANSWERED: list[Step] = [*RINGS, (4.0, Answered)]


def test_a_person_says_hello_and_hears_the_prompt() -> None:
    record, line, _ = play_out([*ANSWERED, *person(4.5, 5.2)])
    assert record.disposition is Disposition.PERSON
    assert [what for what, _ in line.did] == ["answered", "play notice.wav", "hangup"]
    assert record.ringing_ms == 1000
    assert record.answered_ms == 4000
    assert record.verdict_ms == pytest.approx(5800, abs=20)  # 600 ms after the last word
    assert record.prompt_played_ms == 5000
    assert record.billed_ms == record.duration_ms - 4000
    assert record.ended_by == "us"


def test_a_machine_gets_the_message_after_its_beep() -> None:
    greeting = machine(4.5, 9.0)
    record, line, _ = play_out([*ANSWERED, *greeting, (9.9, tone("beep", 9.9, 0.4))])
    assert record.disposition is Disposition.MACHINE
    assert record.message_left
    plays = [(what, at) for what, at in line.did if what.startswith("play")]
    assert plays == [("play message.wav", pytest.approx(10.2))]
    assert record.verdict_ms == pytest.approx(6400, abs=40)  # as soon as the core says so


def test_a_machine_without_beep_gets_the_message_when_its_greeting_has_ended() -> None:
    record, line, _ = play_out([*ANSWERED, *machine(4.5, 9.0)])
    assert record.message_left
    assert [at for what, at in line.did if what.startswith("play")] == [pytest.approx(11.7, abs=0.05)]


def test_a_beep_while_the_message_plays_starts_it_again() -> None:
    record, line, _ = play_out([*ANSWERED, *machine(4.5, 9.0), (13.0, tone("beep", 13.0, 0.5))])
    assert [what for what, _ in line.did if what.startswith("play")] == ["play message.wav"] * 2
    assert record.message_left


def test_three_rising_notes_of_a_ring_back_tune_do_not_end_the_call_s02() -> None:
    tune: list[Step] = [*RINGS, (3.0, heard(EventKind.MUSIC, 3.0, from_s=1.0)), (7.9, tone("sit", 7.9, 0.6))]
    record, line, _ = play_out([*tune, (20.0, Answered), *person(20.5, 21.2)])
    assert record.disposition is Disposition.PERSON
    assert any(fact.name == "sit" for fact in record.evidence)
    after, line, _ = play_out([*tune, (9.0, heard(EventKind.MUSIC_END, 9.0)), (11.0, tone("sit", 11.0, 0.9))])
    assert after.disposition is Disposition.SUSPECT_VACANT
    assert line.did == [("hangup", 19.0)]


def test_somebody_who_picks_up_while_the_machine_speaks_hears_the_prompt_s02() -> None:
    steps: list[Step] = [*ANSWERED, *machine(4.5, 9.0), judged("person", 10.0, 0.88)]
    record, line, _ = play_out(steps)
    assert record.disposition is Disposition.PERSON
    assert [what for what, _ in line.did] == ["answered", "play notice.wav", "hangup"]
    verdicts = [(fact.name, fact.detail) for fact in record.evidence if fact.kind == "verdict"]
    assert [name for name, _ in verdicts] == ["machine", "person", "person"]
    assert verdicts[1][1] == "spoke for 700 ms, then 320 ms quiet; 88.0 % person"


@pytest.mark.parametrize(
    ("said", "disposition", "did"),
    [
        ("person", Disposition.PERSON, "play notice.wav"),
        ("machine", Disposition.MACHINE, "play message.wav"),
        ("screening", Disposition.MACHINE, "play message.wav"),
        ("announcement", Disposition.MACHINE, "play message.wav"),
        ("ivr", Disposition.IVR, "hangup"),
        ("fax", Disposition.FAX, "hangup"),
        ("modem", Disposition.FAX, "hangup"),
        ("silence", Disposition.ANSWERED_SILENT, "play notice.wav"),
        ("unknown", Disposition.ANSWERED_SILENT, "play notice.wav"),
    ],
)
@pytest.mark.parametrize("p", [0.02, 0.5, 0.99])
def test_every_verdict_of_the_core_is_the_call_s_own_however_unsure_s01(said: str, disposition: Disposition, did: str, p: float) -> None:
    record, line, _ = play_out([*ANSWERED, judged(said, 5.5, p)])
    assert (record.disposition, record.verdict_ms) == (disposition, 5500)
    assert [what for what, _ in line.did][1] == did
    assert record.probability == pytest.approx(max(p, 0.01), abs=0.03)


def test_while_the_prompt_plays_a_voice_may_be_its_echo_and_changes_nothing_s02() -> None:
    talks_on: list[Step] = [*ANSWERED, *person(4.5, 5.2), *spoke(6.0, 12.0), judged("machine", 7.0, 0.8)]
    record, line, _ = play_out(talks_on)
    assert record.disposition is Disposition.PERSON
    assert [what for what, _ in line.did] == ["answered", "play notice.wav", "hangup"]
    silent, line, _ = play_out([*ANSWERED, judged("silence", 8.0, 0.95), *person(8.2, 9.6)])
    assert silent.disposition is Disposition.ANSWERED_SILENT
    whistles, line, _ = play_out([*ANSWERED, *person(4.5, 5.2), judged("fax", 7.0, 0.99)])
    assert (whistles.disposition, line.did[-1]) == (Disposition.FAX, ("hangup", 7.0))


class Desk:
    """Agents of whom none is free: who waits, and who was found to be nobody."""

    def __init__(self) -> None:
        self.waited: list[TalkCall] = []
        self.nobodies: list[TalkCall] = []

    def person(self, call: TalkCall) -> None:
        self.waited.append(call)

    def nobody(self, call: TalkCall) -> None:
        self.nobodies.append(call)


def test_a_machine_that_was_taken_for_a_person_waits_for_no_agent_once_it_talks_on_d28() -> None:
    desk = Desk()
    steps: list[Step] = [*ANSWERED, *person(4.5, 5.2), *spoke(5.6, 12.0), judged("machine", 7.0, 0.8), (40.0, cleared(16))]
    record, line, call = play_out(steps, desk=desk)
    assert (desk.waited, desk.nobodies) == ([call], [call])
    assert record.disposition is Disposition.MACHINE
    assert record.verdict_ms == 5800  # the first one
    assert [what for what, _ in line.did] == ["answered", "play message.wav", "hangup"]
    _, line, _ = play_out(steps, desk=Desk(), answer={"machine": "hangup"})
    assert line.did[-1] == ("hangup", 7.0)
    pressed, _, _ = play_out([*steps[:-2], (6.5, tone("dtmf", 6.5, 0.08, "9")), *steps[-2:]], desk=Desk())
    assert pressed.disposition is Disposition.ABANDONED  # machines press no keys


def test_who_was_silent_and_speaks_while_waiting_for_an_agent_is_a_person_s02() -> None:
    desk = Desk()
    record, _, call = play_out([*ANSWERED, judged("silence", 8.0, 0.95), *person(9.0, 9.6), (20.0, cleared(16))], desk=desk)
    assert (desk.waited, desk.nobodies) == ([call], [])
    assert [fact.name for fact in record.evidence if fact.kind == "verdict"] == ["answered_silent", "person", "abandoned"]


def test_where_the_core_never_says_anything_nobody_is_lost_s02() -> None:
    record, line, _ = play_out(ANSWERED)
    after_s = overdue_ms(AnswerHandling()) / 1000
    assert after_s > 8
    assert line.did[1] == ("play notice.wav", 4.0 + after_s)
    assert (record.disposition, record.probability) == (Disposition.PERSON, pytest.approx(0.5, abs=0.02))


def test_the_reason_of_a_verdict_says_what_was_heard() -> None:
    said = judged("machine", 5.5, 0.93)[1]
    assert reason(said) == "spoke for 700 ms, then 320 ms quiet; 7.0 % person"
    assert reason(replace(said, cadence_ms=(2480,))) == "spoke for 2480 ms; 7.0 % person"
    assert reason(replace(said, detail="screening"), beep=True) == "screening: spoke for 700 ms, then 320 ms quiet, a beep; 7.0 % person"
    assert reason(replace(said, detail="silence", cadence_ms=())) == "nothing said"


def test_speech_of_a_false_answer_may_be_learnt_and_a_persons_or_a_mailboxs_never() -> None:
    _, _, false_answer = play_out([*ANSWERED, *machine(4.5, 9.0)], answer={"machine": "hangup"})
    assert false_answer.unknown_speech is not None
    assert false_answer.unknown_speech[0] == 4500
    _, _, somebody = play_out([*ANSWERED, *person(4.5, 5.2), *spoke(6.0, 9.0)])
    assert somebody.unknown_speech is None
    _, _, mailbox = play_out([*ANSWERED, *machine(4.5, 9.0), (9.9, tone("beep", 9.9, 0.4))])
    assert mailbox.unknown_speech is None
    keys: Step = (8.0, tone("dtmf", 8.0, 0.08, "9"))
    _, _, pressed = play_out([*ANSWERED, *machine(4.5, 9.0), keys])
    assert pressed.unknown_speech is None


def test_a_short_greeting_of_a_machine_is_found_out_by_its_beep() -> None:
    record, line, _ = play_out([*ANSWERED, *person(4.3, 5.0), (6.5, tone("beep", 6.5, 0.5)), judged("machine", 6.501, 0.95)])
    assert record.disposition is Disposition.MACHINE
    assert [what for what, _ in line.did] == ["answered", "play notice.wav", "stop", "play message.wav", "hangup"]


def test_machines_can_be_hung_up_on_d28() -> None:
    record, line, _ = play_out([*ANSWERED, *machine(4.5, 9.0)], answer={"machine": "hangup"})
    assert record.disposition is Disposition.MACHINE
    assert [what for what, _ in line.did] == ["answered", "hangup"]


def test_a_fax_is_hung_up_on_d28() -> None:
    record, line, _ = play_out([*ANSWERED, (6.0, tone("fax_ced", 6.0, 0.5)), judged("fax", 6.0)])
    assert record.disposition is Disposition.FAX
    assert line.did[-1] == ("hangup", 6.0)


def test_silence_is_its_own_disposition_and_the_prompt_is_played_all_the_same() -> None:
    record, line, _ = play_out([*ANSWERED, judged("silence", 8.0, 0.95)])
    assert record.disposition is Disposition.ANSWERED_SILENT
    assert ("play notice.wav", 8.0) in line.did


@pytest.mark.parametrize(("name", "disposition"), [("busy", Disposition.BUSY), ("congestion", Disposition.CONGESTION)])
def test_a_tone_before_the_answer_frees_the_line_at_once(name: str, disposition: Disposition) -> None:
    record, line, _ = play_out([(0.5, Proceeding), (0.6, Progress), (2.5, tone(name, 2.5, 1.4))])
    assert record.disposition is disposition
    assert line.did == [("hangup", 2.5)]


def test_a_vacant_tone_waits_for_the_cause_and_the_two_make_a_vacant_number_s05() -> None:
    steps: list[Step] = [(0.6, Progress), (3.0, tone("unobtainable", 3.0))]
    both, _, _ = play_out([*steps, (6.0, cleared(Cause.UNALLOCATED))])
    assert both.disposition is Disposition.VACANT
    announced_first, line, _ = play_out([(0.6, progress(Cause.UNALLOCATED)), (3.0, tone("unobtainable", 3.0))])
    assert announced_first.disposition is Disposition.VACANT
    assert line.did == [("hangup", 3.0)]
    alone, line, _ = play_out(steps)
    assert alone.disposition is Disposition.SUSPECT_VACANT
    assert line.did == [("hangup", 11.0)]
    huawei, _, _ = play_out([*steps, (3.5, cleared(Cause.NETWORK_OUT_OF_ORDER))])
    assert huawei.disposition is Disposition.SUSPECT_VACANT
    again, _, _ = play_out([*steps, (3.5, cleared(Cause.NORMAL_CLEARING))], tries={"suspect_vacant": 1})
    assert again.disposition is Disposition.VACANT
    same_switch, _, _ = play_out([*steps, (3.5, cleared(Cause.NETWORK_OUT_OF_ORDER))], tries={"suspect_vacant": 1})
    assert same_switch.disposition is Disposition.SUSPECT_VACANT
    good_number, _, _ = play_out([*steps, (6.0, cleared(Cause.UNALLOCATED))], tries={"machine": 1})
    assert good_number.disposition is Disposition.SUSPECT_VACANT


def test_nobody_answers() -> None:
    record, line, _ = play_out(RINGS, ring_timeout_s=20)
    assert record.disposition is Disposition.NO_ANSWER
    assert line.did == [("hangup", 20.0)]


def test_keys_are_stored_and_the_first_that_means_something_ends_the_prompt() -> None:
    keys: list[Step] = [(7.0, tone("dtmf", 7.0, 0.08, "9")), (8.0, tone("dtmf", 8.0, 0.08, "1"))]
    record, line, _ = play_out([*ANSWERED, *person(4.5, 5.2), *keys], dtmf={"1": "call me back"})
    assert (record.digits, record.meaning) == ("91", "call me back")
    assert record.prompt_played_ms == pytest.approx(2200, abs=40)
    assert line.did[-1] == ("hangup", 8.5)


def test_keys_may_be_pressed_after_the_prompt_too() -> None:
    record, _, _ = play_out([*ANSWERED, *person(4.5, 5.2), (12.0, tone("dtmf", 12.0, 0.08, "2"))], dtmf={"2": "no more calls"})
    assert record.meaning == "no more calls"


def test_the_callee_hangs_up_in_the_prompt() -> None:
    record, _, _ = play_out([*ANSWERED, *person(4.5, 5.2), (7.8, cleared(16, Party.THEM))])
    assert record.disposition is Disposition.PERSON
    assert record.ended_by == "them"
    assert record.prompt_played_ms == pytest.approx(2000, abs=40)


def test_without_audio_signalling_decides_and_prompts_take_their_time() -> None:
    record, line, _ = play_out(ANSWERED, audio=False)
    assert record.disposition is Disposition.ANSWERED
    assert line.did == [("play notice.wav", 4.0), ("hangup", 9.0)]
    digit, _, _ = play_out([*ANSWERED, (5.0, lambda c: c.on_signal(Digit(stamp(), 0, c.id, "1")))], audio=False, dtmf={"1": "yes"})
    assert digit.meaning == "yes"


def test_the_prompt_is_played_as_often_as_asked() -> None:
    record, line, _ = play_out([*ANSWERED, *person(4.5, 5.2)], prompt_plays=3, prompt_gap_ms=500)
    assert [what for what, _ in line.did].count("play notice.wav") == 3
    assert record.prompt_played_ms == 15_000


def test_no_call_is_longer_than_allowed() -> None:
    record, line, _ = play_out([*ANSWERED, *person(4.5, 5.2)], prompt_plays=10, max_call_s=12)
    assert line.did[-1] == ("hangup", 16.0)
    assert record.disposition is Disposition.PERSON


def test_cancelling_before_the_answer_is_its_own_disposition() -> None:
    record, _, _ = play_out([*RINGS, (2.0, lambda call: call.cancel("stopped"))])
    assert record.disposition is Disposition.CANCELLED


def test_a_driver_that_refuses_leaves_a_call_that_was_not_dialled() -> None:
    record, line, _ = play_out([(0.0, lambda call: call.refuse("channel 0 has a call"))])
    assert record.disposition is Disposition.NOT_DIALLED
    assert record.cause is None
    assert line.did == []


def test_a_line_that_does_not_become_free_is_asked_again_until_it_is() -> None:
    record, line, _ = play_out([*RINGS, (100.0, cleared(16))], ring_timeout_s=15, clears=False)
    assert [what for what, _ in line.did].count("hangup") == 3
    assert record.disposition is Disposition.NO_ANSWER


def test_a_ring_back_tail_a_vowel_and_a_key_are_no_beeps() -> None:
    speech = Speech()
    assert not is_beep(tone("beep", 4.3, 0.8), speech, 4000, -1000)
    speech.began(4500, answered=True)
    assert not is_beep(tone("beep", 4.74, 0.19), speech, 4000, -1000)
    assert is_beep(tone("beep", 5.0, 0.45), speech, 4000, -1000)
    speech.ended(5200, answered=True)
    assert is_beep(tone("beep", 6.4, 0.4), speech, 4000, -1000)
    assert not is_beep(tone("beep", 6.4, 0.4), speech, 4000, 5800)
    assert not is_beep(tone("ringback", 6.4, 0.4), speech, 4000, -1000)


def rings_on(from_s: float, to_s: float, ends: bool) -> list[Step]:
    """Ringing after the answer, as the core tells it."""
    end = heard(EventKind.TONE_END, to_s + 5, "tone_end", "ringback", from_s=from_s, value=round((to_s - from_s) * 1000))
    return [(from_s + 2.9, tone("ringback", from_s + 2.9, 2.9)), *([(to_s + 5, end)] if ends else [])]


def test_a_company_s_exchange_that_rings_on_after_the_answer_is_waited_for() -> None:
    """S02: whoever speaks then is a person like any other, however long it rang."""
    record, line, _ = play_out([*RINGS, (3.0, Answered), *rings_on(3.2, 14.2, ends=True), *person(14.8, 15.4), (40.0, cleared(16))])
    assert record.disposition is Disposition.PERSON
    assert [what for what, _ in line.did][:2] == ["answered", "play notice.wav"]
    assert next(at for what, at in line.did if what.startswith("play")) == pytest.approx(16.0, abs=0.1)


def test_who_speaks_after_ringing_has_ended_is_heard_too_and_who_does_not_is_silent() -> None:
    speaks, _, _ = play_out([*RINGS, (3.0, Answered), *rings_on(3.2, 8.2, ends=True), *person(15.0, 15.6), (40.0, cleared(16))])
    assert speaks.disposition is Disposition.PERSON
    quiet = judged("silence", 17.2, 0.95)
    silent, line, _ = play_out([*RINGS, (3.0, Answered), *rings_on(3.2, 8.2, ends=True), quiet, (60.0, cleared(16))])
    assert silent.disposition is Disposition.ANSWERED_SILENT
    assert line.did[1][0] == "play notice.wav"
    assert line.did[1][1] == pytest.approx(17.2, abs=0.1)


def test_ringing_that_never_ends_is_given_up_and_nothing_is_played_into_it() -> None:
    record, line, _ = play_out([*RINGS, (3.0, Answered), *rings_on(3.2, 100, ends=False), (200.0, cleared(16))])
    assert record.disposition is Disposition.ANSWERED_SILENT
    assert [what for what, _ in line.did] == ["answered", "hangup"]
    assert line.did[1][1] == pytest.approx(33.2, abs=0.1)


def test_who_speaks_while_it_rings_on_is_waited_for_until_the_core_has_judged() -> None:
    steps: list[Step] = [*RINGS, (3.0, Answered), *rings_on(3.2, 100, ends=False), *person(32.9, 33.8), (60.0, cleared(16))]
    record, line, _ = play_out(steps)
    assert record.disposition is Disposition.PERSON
    assert line.did[1] == ("play notice.wav", pytest.approx(34.4))


_NOISE = st.one_of(
    st.sampled_from([Proceeding, Progress, Ringing, Answered]),
    st.sampled_from(["busy", "congestion", "unobtainable", "sit", "ringback", "beep", "fax_ced", "dial"]).map(lambda n: ("tone", n)),
    st.sampled_from([EventKind.SPEECH, EventKind.SPEECH_END, EventKind.MUSIC, EventKind.MUSIC_END, EventKind.SILENCE]).map(
        lambda k: ("kind", k)
    ),
    st.sampled_from(["1", "5", "#"]).map(lambda d: ("key", d)),
    st.sampled_from(["cancel"]).map(lambda c: ("cancel", c)),
    st.sampled_from(["person", "machine", "ivr", "fax", "silence", "unknown", "screening"]).map(lambda v: ("judged", v)),
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0.02, 60), _NOISE), max_size=25),
    clear_at=st.floats(0.02, 90),
    cause=st.integers(1, 127),
    audio=st.booleans(),
)
def test_whatever_the_line_says_there_is_one_disposition_and_quiet_after_it(
    steps: list[tuple[float, Any]], clear_at: float, cause: int, audio: bool
) -> None:
    events: list[Step] = []
    for at, what in steps:
        if isinstance(what, type):
            events.append((at, what))
        elif what[0] == "tone":
            events.append((at, tone(what[1], at)))
        elif what[0] == "kind":
            events.append((at, heard(what[1], at, value=100)))
        elif what[0] == "judged":
            events.append(judged(what[1], at))
        elif what[0] == "key":
            events.append((at, tone("dtmf", at, 0.08, what[1])))
        else:
            events.append((at, lambda call: call.cancel("test")))
    record, line, call = play_out([*sorted(events, key=lambda e: e[0]), (clear_at, cleared(cause))], audio=audio, dtmf={"1": "x"})
    assert call.phase is CallPhase.DISPOSED
    assert record.disposition is not None
    assert record.duration_ms <= (clear_at + 1) * 1000
    last = max((at for _, at in line.did), default=0.0)
    assert last * 1000 <= record.duration_ms + 50  # nothing is done to the line after its Cleared
    assert [fact.t_ms for fact in record.evidence if fact.kind == "verdict"]
