"""The software E1: signalling of every behaviour, its promises, and the audio behind it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from softline import IDLE, SoftLine, decoded, follow, in_virtual_time, level_dbm0, share_at

from offhook.clock import VirtualLoop
from offhook_core import Engine, EventKind, Profile, plans
from offhook_drivers import Scenario, Simulator, SimulatorSettings, Truth, open_driver
from offhook_drivers.audio import load_builtin
from offhook_drivers.callees import CallPlan, Path, Sound, Step, plan_call
from offhook_drivers.contract import (
    Alarm,
    Answered,
    Block,
    Cause,
    Cleared,
    Dial,
    Digit,
    Event,
    Hangup,
    Link,
    Party,
    Proceeding,
    Progress,
    Ringing,
    SendDigits,
    Unblock,
)
from offhook_drivers.softcard import SoftCard, SoftCardError

RED, YELLOW = 8, 4
QUIET_LINE = 'plan = "cn"\nseed = 5\n[line]\npost_dial_s = 0.5\nnoise_dbm0 = -90\ntone_dbm0 = -12\nlevel_dbm0 = -20\n'


def one(kind: str, **keys: object) -> Scenario:
    """A scenario of one behaviour."""

    def toml(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(toml(item) for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    lines = "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
    return Scenario.parse(f'{QUIET_LINE}[[behaviour]]\nkind = "{kind}"\nshare = 1\n{lines}')


PERSON = {"greeting": ["person-zh-nihao"], "ring_s": 2, "pause_s": 0.5}
MACHINE = {
    "greeting": ["machine-zh-company"],
    "ring_s": 1,
    "pause_s": 0.5,
    "before_beep_s": 0.5,
    "beep_hz": 1000,
    "beep_ms": 400,
    "record_s": 12,
}


@dataclass
class Run:
    """What came of one call."""

    events: list[Event]
    truth: Truth

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def cleared(self) -> Cleared:
        event = self.events[-1]
        assert isinstance(event, Cleared)
        return event

    def at(self, kind: type[Event]) -> float:
        return next(event.at.seconds for event in self.events if isinstance(event, kind))


def call_without_audio(scenario: Scenario, called: str = "13800000001", *, spans: int = 1, channel: int = 0) -> Run:
    """One call to its end."""
    runs: list[Run] = []

    async def main() -> None:
        simulator = Simulator(scenario, spans=spans, audio=False)
        events: list[Event] = []
        over = asyncio.Event()

        def on_event(event: Event) -> None:
            if not isinstance(event, Link):
                events.append(event)
            if isinstance(event, Cleared):
                over.set()

        await simulator.start(on_event)
        simulator.send(Dial(channel, "a", called))
        await over.wait()
        truth = simulator.truth("a")
        assert truth is not None
        assert simulator.truth("a") is None
        runs.append(Run(events, truth))
        await simulator.close()

    in_virtual_time(main)
    return runs[0]


# -- signalling -------------------------------------------------------------------------------------------------------------------

EARLY = ["Proceeding", "Progress", "Cleared"]
RUNG = ["Proceeding", "Ringing", "Cleared"]
SPOKEN = ["Proceeding", "Ringing", "Answered", "Cleared"]


@pytest.mark.parametrize(
    ("scenario", "kinds", "causes"),
    [
        (one("person", **PERSON), SPOKEN, {16}),
        (one("machine", **MACHINE), SPOKEN, {16}),
        (one("ivr", greeting=["ivr-zh-menu"]), SPOKEN, {16}),
        (one("fax"), SPOKEN, {16}),
        (one("silent"), SPOKEN, {16}),
        (one("false_answer", announcement=["announcement-zh-unreachable"]), SPOKEN, {16}),
        (one("screening", greeting=["screening-zh"], person=["person-zh-wei"]), SPOKEN, {16}),
        (one("busy", played_share=1), EARLY, {17}),
        (one("busy", played_share=0), ["Proceeding", "Cleared"], {17}),
        (one("congestion", played_share=1), EARLY, {34, 42}),
        (one("vacant", played_share=1, tone_share=1), EARLY, {1}),
        (one("vacant", played_share=1, tone_share=0, announcement=["announcement-zh-vacant"], causes=[38]), EARLY, {38}),
        (one("sit", codings=["IC", "RO"], announcement=["announcement-en-vacant"]), EARLY, {1}),
        (one("announcement", meaning="powered_off", announcement=["announcement-zh-power-off"], causes=[20]), EARLY, {20}),
        (one("announcement", meaning="x", announcement=["announcement-zh-no-answer"], inband=0.0), ["Proceeding", "Cleared"], {31}),
        (one("no_answer", ring_s=30), RUNG, {19}),
        (one("no_answer", ring_s=30, announcement=["announcement-zh-no-answer"]), ["Proceeding", "Ringing", "Progress", "Cleared"], {19}),
        (one("rejected"), RUNG, {21}),
        (one("network_failure"), ["Proceeding", "Cleared"], {34, 38, 41, 42}),
    ],
    ids=lambda value: value.behaviour[0].kind if isinstance(value, Scenario) else None,
)
def test_every_behaviour_has_its_signalling(scenario: Scenario, kinds: list[str], causes: set[int]) -> None:
    for number in range(4):
        run = call_without_audio(scenario, f"1380000{number:04}")
        assert run.kinds == kinds
        assert run.cleared.cause in causes
        assert run.truth.cause == run.cleared.cause
        assert run.truth.behaviour == scenario.behaviour[0].kind
        assert run.truth.answered == ("Answered" in kinds)
        assert run.cleared.who is (Party.THEM if run.cleared.location in (0, 5) else Party.NETWORK)


def test_a_call_keeps_the_times_of_its_scenario() -> None:
    run = call_without_audio(one("person", **PERSON, hangs_up_after_s=40, hangs_up_after_prompt_s=60))
    assert run.at(Proceeding) == pytest.approx(0.5)
    assert run.at(Ringing) == pytest.approx(0.6)
    assert run.at(Answered) == pytest.approx(2.6)
    assert run.at(Cleared) == pytest.approx(42.6)


def test_the_throughput_scenario_takes_60_s_a_call() -> None:
    """D02: 240 channels at 60 s make 14,400 calls an hour."""
    run = call_without_audio(Scenario.load("examples/scenarios/throughput.toml"))
    assert run.at(Cleared) == pytest.approx(60.0)


def test_a_key_comes_as_a_digit_when_there_is_no_audio() -> None:
    run = call_without_audio(one("person", **PERSON, press={"share": 1, "digits": ["1#"], "after_s": 2}))
    assert [event.digit for event in run.events if isinstance(event, Digit)] == ["1", "#"]
    assert run.truth.digits == "1#"
    assert run.at(Digit) == pytest.approx(2.6 + 1 + 2)


def test_keys_can_be_pressed_at_a_time_after_the_answer() -> None:
    press = {"share": 1, "digits": ["2"], "after_s": 3, "when": "answered"}
    run = call_without_audio(one("person", **PERSON, press=press, hangs_up_after_s=10, hangs_up_after_prompt_s=60))
    assert run.truth.digits == "2"
    assert run.at(Digit) == pytest.approx(5.6)
    assert run.at(Cleared) == pytest.approx(12.6)


def test_truth_tells_when_a_machine_begins_to_record() -> None:
    run = call_without_audio(one("machine", **MACHINE))
    greeting_s = load_builtin("machine-zh-company").seconds
    assert run.truth.beep_at == pytest.approx(0.5 + greeting_s + 0.5 + 0.4)
    assert run.at(Cleared) - run.at(Answered) == pytest.approx(run.truth.beep_at + 12)


def test_a_call_depends_on_seed_number_and_attempt_alone() -> None:
    """Other channels, other times, other calls in between: the same call."""
    scenario = Scenario.builtin("cn")
    numbers = [f"1390000{n:04}" for n in range(60)]

    def outcomes(order: list[str], seed: int) -> dict[tuple[str, int], tuple[object, ...]]:
        found: dict[tuple[str, int], tuple[object, ...]] = {}

        async def main() -> None:
            simulator = Simulator(scenario, audio=False, seed=seed)
            begun: dict[str, float] = {}
            lengths: dict[str, float] = {}

            def on_event(event: Event) -> None:
                if isinstance(event, Cleared):
                    lengths[event.call_id] = event.at.seconds - begun[event.call_id]

            await simulator.start(on_event)
            for turn in range(2):
                for channel, number in enumerate(order):
                    begun[f"{number}/{turn}"] = asyncio.get_running_loop().time()
                    simulator.send(Dial(channel, f"{number}/{turn}", number))
                    await asyncio.sleep(0.01)
                await asyncio.sleep(200)
            for call_id, length in lengths.items():
                truth = simulator.truth(call_id)
                assert truth is not None
                found[truth.called, truth.attempt] = (truth.behaviour, truth.cause, truth.digits, round(length, 6))
            await simulator.close()

        in_virtual_time(main)
        return found

    shuffled = numbers[:]
    random.Random(3).shuffle(shuffled)
    first = outcomes(numbers, 1)
    assert len(first) == 120
    assert outcomes(shuffled, 1) == first
    assert outcomes(numbers, 2) != first


def test_what_belongs_to_the_number_stays_at_every_attempt_and_the_rest_is_drawn_again() -> None:
    scenario = Scenario.builtin("cn")
    kinds = {n: [plan_call(scenario, str(n), attempt, 1).behaviour for attempt in range(1, 6)] for n in range(600)}
    for lasting in ("vacant", "fax", "ivr"):
        found = [row for row in kinds.values() if lasting in row]
        assert found and all(row == [lasting] * 5 for row in found)
    assert any(len(set(row)) > 1 for row in kinds.values())


def test_shares_are_met() -> None:
    scenario = Scenario.builtin("cn")
    count = 6000
    names = Counter(plan_call(scenario, f"13{n:09}", 1, 7).name for n in range(count))
    for behaviour in scenario.behaviour:
        share = behaviour.share
        name = behaviour.name or behaviour.kind
        assert abs(names[name] / count - share) < 4 * (share * (1 - share) / count) ** 0.5, name


# -- promises of the contract -----------------------------------------------------------------------------------------------------


def test_wrong_commands_are_refused_and_harmless_ones_do_nothing() -> None:
    async def main() -> None:
        simulator = Simulator(one("person", **PERSON), spans=1, audio=False)
        with pytest.raises(RuntimeError, match="not started"):
            simulator.send(Hangup(0))
        with pytest.raises(RuntimeError, match="not started"):
            simulator.set_alarm(0, RED)
        events: list[Event] = []
        await simulator.start(events.append)
        for command in (Hangup(3), SendDigits(3, "1"), Unblock(3)):
            simulator.send(command)
        for channel in (-1, 30):
            with pytest.raises(ValueError, match="there are 0 to 29"):
                simulator.send(Hangup(channel))
        with pytest.raises(ValueError, match="span 1: there are 0 to 0"):
            simulator.set_alarm(1, RED)
        simulator.send(Dial(0, "a", "1"))
        with pytest.raises(ValueError, match="channel 0 has call 'a'"):
            simulator.send(Dial(0, "b", "1"))
        simulator.send(Hangup(0))
        with pytest.raises(ValueError, match="wait for its Cleared"):
            simulator.send(Dial(0, "b", "1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [type(event) for event in events] == [Link, Cleared]
        simulator.send(Dial(0, "b", "1"))
        await simulator.close()
        await simulator.close()
        assert [event.call_id for event in events if isinstance(event, Cleared)] == ["a", "b"]

    in_virtual_time(main)
    with pytest.raises(ValueError, match="spans is 33: choose 1 to 32"):
        Simulator(spans=33, audio=False)
    with pytest.raises(ValueError, match="capture_s is -1"):
        Simulator(capture_s=-1, audio=False)


def test_our_hangup_clears_with_our_cause() -> None:
    async def main() -> None:
        simulator = Simulator(one("person", **PERSON), spans=1, audio=False)
        events: list[Event] = []
        await simulator.start(events.append)
        simulator.send(Dial(4, "a", "1"))
        await asyncio.sleep(3)
        simulator.send(Hangup(4, Cause.NORMAL_CLEARING))
        simulator.send(Hangup(4, Cause.CALL_REJECTED))
        await asyncio.sleep(100)
        cleared = [event for event in events if isinstance(event, Cleared)]
        assert [(event.cause, event.who, event.at.seconds) for event in cleared] == [(16, Party.US, pytest.approx(3))]
        await simulator.close()

    in_virtual_time(main)


def test_a_handler_that_fails_or_redials_at_the_wrong_time_does_no_harm() -> None:
    async def main() -> None:
        simulator = Simulator(one("person", **PERSON), spans=1, audio=False)
        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context["exception"]))
        cleared: list[str] = []

        def on_event(event: Event) -> None:
            if isinstance(event, Proceeding):
                raise KeyError("a bug of the application")
            if isinstance(event, Cleared):
                cleared.append(event.call_id)
                simulator.send(Dial(event.channel, event.call_id + "+", "1"))

        await simulator.start(on_event)
        simulator.send(Dial(0, "a", "1"))
        simulator.send(Dial(1, "b", "1"))
        await asyncio.sleep(3)
        simulator.send(Hangup(0))
        await asyncio.sleep(1)
        await simulator.close()
        assert cleared == ["a", "b", "a+"]
        assert [type(problem) for problem in problems] == [KeyError, KeyError, KeyError, RuntimeError, RuntimeError]

    in_virtual_time(main)


def test_a_blocked_channel_and_a_span_in_alarm_take_no_calls() -> None:
    async def main() -> None:
        simulator = Simulator(one("person", **PERSON), spans=2, audio=False)
        events: list[Event] = []
        await simulator.start(events.append)
        simulator.send(Block(0))
        simulator.send(Dial(0, "blocked", "1"))
        for channel in (1, 29, 30):
            simulator.send(Dial(channel, f"on{channel}", "1"))
        await asyncio.sleep(3)
        simulator.set_alarm(0, RED)
        simulator.set_alarm(0, RED)
        simulator.set_alarm(1, YELLOW)
        await asyncio.sleep(1)
        simulator.send(Dial(2, "down", "1"))
        await asyncio.sleep(1)
        simulator.set_alarm(0, 0)
        simulator.send(Unblock(0))
        simulator.send(Dial(0, "again", "1"))
        await asyncio.sleep(1)
        ends = {event.call_id: (event.cause, event.who) for event in events if isinstance(event, Cleared)}
        assert ends == {
            "blocked": (44, Party.DRIVER),
            "on1": (38, Party.DRIVER),
            "on29": (38, Party.DRIVER),
            "down": (38, Party.DRIVER),
        }
        assert [(event.span, event.bits) for event in events if isinstance(event, Alarm)] == [(0, RED), (1, YELLOW), (0, 0)]
        assert [(event.span, event.up) for event in events if isinstance(event, Link)] == [(0, True), (1, True), (0, False), (0, True)]
        await simulator.close()
        assert sum(isinstance(event, Cleared) for event in events) == 6

    in_virtual_time(main)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("dial"), st.integers(0, 5)),
        st.tuples(st.just("hangup"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from([0, 0, 0.3, 0.5, 0.6, 2, 5, 30, 90])),
        st.tuples(st.just("alarm"), st.sampled_from([0, RED, YELLOW, RED | YELLOW, 32])),
        st.tuples(st.just("block"), st.integers(0, 5)),
        st.tuples(st.just("unblock"), st.integers(0, 5)),
        st.tuples(st.just("hang up in the next event"), st.integers(0, 5)),
        st.tuples(st.just("dial in the next cleared"), st.integers(0, 5)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.integers(0, 1000))
def test_every_dial_is_cleared_once_whatever_happens(actions: list[tuple[str, float]], seed: int) -> None:
    """Model: a channel is taken from its Dial to its Cleared, and nothing is told of a call outside that time."""
    scenario = Scenario.builtin("cn")

    async def main() -> None:
        simulator = Simulator(scenario, spans=1, audio=False, seed=seed)
        taken: dict[int, str] = {}
        cleared: list[str] = []
        dialled: list[str] = []
        hang_up_on: set[int] = set()
        dial_again: set[int] = set()

        def dial(channel: int) -> None:
            call_id = f"call{len(dialled)}"
            if channel in taken:
                with pytest.raises(ValueError):
                    simulator.send(Dial(channel, call_id, "13800"))
                return
            taken[channel] = call_id
            dialled.append(call_id)
            simulator.send(Dial(channel, call_id, f"1380000{len(dialled):04}"))

        def on_event(event: Event) -> None:
            if isinstance(event, Alarm | Link):
                return
            assert taken.get(event.channel) == event.call_id
            if isinstance(event, Cleared):
                del taken[event.channel]
                cleared.append(event.call_id)
                if event.channel in dial_again:
                    dial_again.discard(event.channel)
                    dial(event.channel)
            elif event.channel in hang_up_on:
                hang_up_on.discard(event.channel)
                simulator.send(Hangup(event.channel))

        await simulator.start(on_event)
        for what, value in actions:
            channel = int(value)
            match what:
                case "dial":
                    dial(channel)
                case "hangup":
                    simulator.send(Hangup(channel))
                case "wait":
                    await asyncio.sleep(value)
                case "alarm":
                    simulator.set_alarm(0, channel)
                case "block":
                    simulator.send(Block(channel))
                case "unblock":
                    simulator.send(Unblock(channel))
                case "hang up in the next event":
                    hang_up_on.add(channel)
                case _:
                    dial_again.add(channel)
        dial_again.clear()
        await simulator.close()
        await asyncio.sleep(500)
        assert cleared.count("") == 0
        assert sorted(cleared) == sorted(dialled)
        assert not taken
        assert all(simulator.truth(call_id) is not None for call_id in dialled)

    in_virtual_time(main)


def test_ten_thousand_calls_reconcile() -> None:
    """Each call has one Cleared and one truth, and no channel is lost, with 240 channels always busy."""

    async def main() -> None:
        simulator = Simulator(Scenario.builtin("cn"), audio=False)
        count, ended = 10_000, Counter[str]()
        over = asyncio.Event()
        calls = iter(range(count))

        def dial(channel: int) -> None:
            number = next(calls, None)
            if number is not None:
                simulator.send(Dial(channel, str(number), f"137{number:08}"))

        def on_event(event: Event) -> None:
            if isinstance(event, Cleared):
                ended[event.call_id] += 1
                dial(event.channel)
                if len(ended) == count:
                    over.set()

        await simulator.start(on_event)
        for channel in range(240):
            dial(channel)
        await over.wait()
        assert set(ended.values()) == {1}
        assert all(simulator.truth(str(number)) is not None for number in range(count))
        await simulator.close()

    in_virtual_time(main)


# -- audio ------------------------------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """A call with audio: its events, its truth, and what came on the channel from the Dial on."""

    run: Run
    audio: np.ndarray

    def after(self, kind: type[Event], seconds: float, length_s: float) -> np.ndarray:
        """The octets from *seconds* after an event on; sounds begin with the tick after their event."""
        start = round((self.run.at(kind) + seconds) * 8000)
        return self.audio[start : start + round(length_s * 8000)]


def call_with_audio(
    scenario: Scenario,
    say: bytes = b"",
    say_at_s: float = 0.0,
    *,
    called: str = "13800000001",
    stop_s: float = 200,
    channel: int = 0,
    capture_s: float = 0,
) -> Heard:
    """One call on a channel; *say* is sent *say_at_s* after the answer."""
    found: list[Heard] = []

    async def main() -> None:
        simulator = Simulator(scenario, spans=1, realtime=False, capture_s=capture_s)
        assert simulator.media is not None
        line = SoftLine(simulator.media, listen=(channel,))
        follow(line)
        loop = asyncio.get_running_loop()
        events: list[Event] = []
        over = asyncio.Event()

        def on_event(event: Event) -> None:
            if not isinstance(event, Link):
                events.append(event)
            if isinstance(event, Answered):
                loop.call_later(say_at_s, line.say, channel, say)
            if isinstance(event, Cleared):
                over.set()

        await simulator.start(on_event)
        simulator.send(Dial(channel, "a", called))
        loop.call_later(stop_s, simulator.send, Hangup(channel))
        await over.wait()
        truth = simulator.truth("a")
        assert truth is not None
        found.append(Heard(Run(events, truth), line.audio(channel)))
        line.close()
        await simulator.close()

    in_virtual_time(main)
    return found[0]


def speech(seconds: float) -> bytes:
    """Something that we say: a tone of 500 Hz at -13 dBm0, in A-law."""
    wave = 5000 * np.sin(2 * np.pi * 500 * np.arange(round(seconds * 8000)) / 8000)
    table = decoded(np.arange(256, dtype=np.uint8))
    return bytes(np.abs(table[None, :] - wave[:, None]).argmin(axis=1).astype(np.uint8))


def test_before_the_answer_the_plan_is_heard() -> None:
    heard = call_with_audio(one("busy", played_share=1, tone_s=6))
    begin = heard.after(Progress, 0.04, 5.6)
    on = np.abs(decoded(begin)) > 100
    edges = np.flatnonzero(np.diff(np.convolve(on, np.ones(80), "same") > 20)) / 8000
    assert len(edges) >= 14
    assert np.allclose(np.diff(edges[1:14]), 0.35, atol=0.02)
    assert share_at(begin[:2400], 450) > 0.97
    assert level_dbm0(heard.after(Progress, 0.1, 0.2)) == pytest.approx(-12, abs=0.3)


def test_the_plan_of_the_scenario_changes_every_tone() -> None:
    text = QUIET_LINE.replace('"cn"', '"us"') + '[[behaviour]]\nkind = "no_answer"\nshare = 1\nring_s = 8\n'
    ring = call_with_audio(Scenario.parse(text)).after(Ringing, 0.1, 1.5)
    assert share_at(ring, 440) + share_at(ring, 480) > 0.98


def test_an_unknown_plan_is_refused_when_there_is_audio() -> None:
    with pytest.raises(SoftCardError, match="tone plan 'xx' is not built in"):
        Simulator(Scenario.parse('plan = "xx"\n[[behaviour]]\nkind = "busy"\nshare = 1\n'), realtime=False)


def test_every_plan_has_something_to_hear_for_every_tone() -> None:
    """A plan without a tone gets what its network would give instead, in the end that of E.180."""
    card = SoftCard(1, 30, realtime=False)
    line = SoftLine(card.media)
    serial = 0
    for plan in plans.names():
        for tone in ("ringback", "busy", "congestion", "unobtainable"):
            serial += 1
            call = CallPlan("x", "x", "", Path(), serial, plan)
            card.begin(0, serial, serial)
            card.play(0, serial, call, Sound((Step(None, plan_tone=tone, dbm0=-10),)))
            line.heard[0].clear()
            line.run(250)
            assert level_dbm0(line.audio()) > -30, (plan, tone)
    line.close()
    card.close()


def test_a_network_without_inband_audio_is_silent_until_the_answer() -> None:
    heard = call_with_audio(one("person", **PERSON, inband=0.0))
    ringing = next(event for event in heard.run.events if isinstance(event, Ringing))
    assert not ringing.inband
    assert set(heard.after(Ringing, 0, 1.9)) == {IDLE}


def test_a_person_speaks_after_the_pause_at_the_level_asked() -> None:
    heard = call_with_audio(one("person", **PERSON))
    assert level_dbm0(heard.after(Answered, 0.02, 0.45)) < -60
    clip = load_builtin("person-zh-nihao")
    spoken = decoded(heard.after(Answered, 0.5, clip.seconds + 0.1))
    start = int(np.argmax(np.correlate(spoken, clip.samples.astype(float), "valid")))
    assert abs(start) <= 320
    assert np.corrcoef(spoken[start : start + len(clip.samples)], clip.samples)[0, 1] > 0.99


def test_a_person_asks_again_when_we_are_silent_and_not_when_we_speak() -> None:
    scenario = one("person", **PERSON, again=["again-zh"], again_share=1, again_after_s=2, hangs_up_after_s=12)
    silent = call_with_audio(scenario)
    assert silent.run.truth.said_again
    assert level_dbm0(silent.after(Answered, 3.9, 1.5)) > -30
    spoken = call_with_audio(scenario, speech(3), 1.5)
    assert not spoken.run.truth.said_again
    assert level_dbm0(spoken.after(Answered, 3.9, 1.5)) < -60
    assert spoken.run.truth.heard_s == pytest.approx(3, abs=0.05)


def test_a_person_gives_up_when_we_say_nothing() -> None:
    scenario = one("person", **PERSON, gives_up_after_s=3, hangs_up_after_prompt_s=60, hangs_up_after_s=20)
    silent = call_with_audio(scenario).run
    greeting_s = 0.5 + load_builtin("person-zh-nihao").seconds
    assert greeting_s + 3 <= silent.at(Cleared) - silent.at(Answered) <= greeting_s + 3.3
    spoken = call_with_audio(scenario, speech(1), 2).run
    assert spoken.at(Cleared) - spoken.at(Answered) == pytest.approx(20)


def test_a_person_hangs_up_after_our_prompt() -> None:
    heard = call_with_audio(one("person", **PERSON, hangs_up_after_prompt_s=1.5), speech(4), 2)
    lasted = heard.run.at(Cleared) - heard.run.at(Answered)
    assert 2 + 4 + 1.5 <= lasted <= 2 + 4 + 1.5 + 0.6
    assert heard.run.cleared.who is Party.THEM


def test_a_key_is_heard_as_dtmf() -> None:
    press = {"share": 1, "digits": ["5"], "after_s": 1, "tone_ms": 200}
    heard = call_with_audio(one("person", **PERSON, press=press), speech(6), 2)
    assert heard.run.truth.digits == "5"
    assert not any(isinstance(event, Digit) for event in heard.run.events)
    late = heard.after(Answered, 3, 1.2)
    blocks = [late[n : n + 800] for n in range(0, len(late) - 800, 160)]
    best = max(blocks, key=level_dbm0)
    assert share_at(best, 770) + share_at(best, 1336) > 0.97
    assert level_dbm0(best) == pytest.approx(-7, abs=0.5)


def test_a_machine_records_what_we_say_after_the_beep_bit_exactly() -> None:
    scenario = one("machine", **MACHINE)
    message = bytes(random.Random(8).randbytes(32000))
    beep_at = call_without_audio(scenario).truth.beep_at
    assert beep_at is not None
    heard = call_with_audio(scenario, message, beep_at + 0.5, capture_s=10)
    truth = heard.run.truth
    assert truth.beep_at == pytest.approx(beep_at)
    at = truth.message.find(message)
    assert at >= 0 and set(truth.message[:at]) == {IDLE}
    assert at / 8000 == pytest.approx(0.5, abs=0.05)
    beep = heard.after(Answered, beep_at - 0.4 + 0.04, 0.3)
    assert share_at(beep, 1000) > 0.97
    assert level_dbm0(heard.after(Answered, beep_at + 0.04, 0.3)) < -60


def test_a_machine_that_we_leave_before_its_beep_has_no_message() -> None:
    heard = call_with_audio(one("machine", **MACHINE), stop_s=5, capture_s=5)
    assert heard.run.truth.beep_at is None
    assert heard.run.truth.message == b""


def test_a_fax_gives_its_called_tone_and_preamble() -> None:
    heard = call_with_audio(one("fax", ring_s=1, pause_s=2, tone_s=3), stop_s=12)
    assert share_at(heard.after(Answered, 2.1, 2.8), 2100) > 0.98
    preamble = heard.after(Answered, 5.2, 0.8)
    assert share_at(preamble, 1650) + share_at(preamble, 1850) > 0.3
    assert level_dbm0(preamble) > -14


def test_music_is_heard_instead_of_ringback() -> None:
    heard = call_with_audio(one("no_answer", ring_s=6, music=["music-walk"], music_share=1))
    assert share_at(heard.after(Ringing, 0.1, 0.9), 450) < 0.5
    assert level_dbm0(heard.after(Ringing, 1.2, 3.5)) > -30  # the tone would be silent here


@pytest.mark.parametrize("coding", ["ITU", "IC", "RO2"])
def test_sit_has_its_three_tones(coding: str) -> None:
    heard = call_with_audio(one("sit", codings=[coding]))
    tones = {"ITU": (950, 1400, 1800, 330), "IC": (913.8, 1370.6, 1776.7, 274), "RO2": (985.2, 1370.6, 1776.7, 274)}[coding]
    first = heard.after(Progress, 0.22, tones[3] / 1000 - 0.04)
    assert share_at(first, tones[0]) > 0.97
    assert heard.run.truth.meaning == coding.lower()


def test_the_longest_sounds_fit() -> None:
    sit = call_with_audio(one("sit", codings=["VC"], announcement=["announcement-en-vacant"], repeats=8, gap_s=0.5))
    last = load_builtin("announcement-en-vacant").seconds + 0.5 + 1.034 + 0.35  # of eight rounds
    assert share_at(sit.after(Progress, 0.22 + 7 * last, 0.3), 985.2) > 0.95
    press = {"share": 1, "digits": ["1234567890*#ABCD"], "after_s": 0.5, "when": "answered"}
    assert call_with_audio(one("person", **PERSON, press=press)).run.truth.digits == "1234567890*#ABCD"


@pytest.mark.parametrize("noise", ["white", "pink", "babble"])
def test_each_noise_has_the_level_asked(noise: str) -> None:
    text = QUIET_LINE.replace("noise_dbm0 = -90", f'noise_dbm0 = -45\nnoise = "{noise}"')
    heard = call_with_audio(Scenario.parse(text + '[[behaviour]]\nkind = "silent"\nshare = 1\nring_s = 1\nhangs_up_after_s = 9\n'))
    assert level_dbm0(heard.after(Answered, 0.1, 8.2)) == pytest.approx(-45, abs=0.5)


def test_the_same_call_gives_the_same_octets_on_another_channel() -> None:
    text = QUIET_LINE.replace("noise_dbm0 = -90", "noise_dbm0 = -50") + '[[behaviour]]\nkind = "person"\nshare = 1\nring_s = 1\n'
    scenario = Scenario.parse(text + 'greeting = ["person-zh-*"]\nhangs_up_after_s = 4\n')
    first, second = (call_with_audio(scenario, channel=channel).audio for channel in (0, 17))
    assert np.array_equal(first, second)
    assert level_dbm0(first[-8000:]) == pytest.approx(-50, abs=0.7)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("echo = {}", "echo"),
        ("lost = { rate = 0.2 }", "lost"),
        ("repeated = { rate = 0.2 }", "repeated"),
        ("dropped = { rate = 0.2 }", "dropped"),
        ("slip = { every_s = 0.5, samples = 20 }", "slip"),
        ("dc = { steps = 900 }", "dc"),
        ("hum = { level_dbm0 = -30 }", "hum"),
        ("clipping = { drive_db = 25 }", "clipping"),
        ("one_way = {}", "one_way"),
    ],
)
def test_each_fault_of_a_line_is_heard_and_named(fault: str, name: str) -> None:
    behaviour = '[[behaviour]]\nkind = "person"\nshare = 1\nring_s = 1\ngreeting = ["person-zh-nihao"]\nhangs_up_after_s = 5\n'
    clean = call_with_audio(Scenario.parse(QUIET_LINE + behaviour), speech(2), 1)
    faulty = call_with_audio(Scenario.parse(f"{QUIET_LINE}[line.faults]\n{fault}\n{behaviour}"), speech(2), 1)
    assert clean.run.truth.faults == ()
    assert faulty.run.truth.faults == (name,)
    length = min(len(clean.audio), len(faulty.audio))
    assert not np.array_equal(clean.audio[:length], faulty.audio[:length])


def test_a_span_in_alarm_is_marked_as_missing() -> None:
    async def main() -> None:
        simulator = Simulator(one("person", **PERSON), spans=2, realtime=False)
        assert simulator.media is not None
        line = SoftLine(simulator.media)
        follow(line)
        await simulator.start(lambda event: None)
        simulator.set_alarm(1, RED)
        await asyncio.sleep(0.1)
        assert set(line.valid[:30]) == {1} and set(line.valid[30:]) == {0}
        line.close()
        await simulator.close()
        assert simulator.media is None

    in_virtual_time(main)


@pytest.mark.parametrize("plan", ["cn", "us", "gb", "de", "fr"])
@pytest.mark.parametrize(("kind", "tone"), [("no_answer", "ringback"), ("busy", "busy"), ("congestion", "congestion")])
def test_the_core_hears_what_the_network_plays(plan: str, kind: str, tone: str) -> None:
    """The whole way: scenario, call plane, C card, core, event."""
    keys = "ring_s = 16\n" if kind == "no_answer" else "played_share = 1\ntone_s = 8\n"
    scenario = Scenario.parse(QUIET_LINE.replace('"cn"', f'"{plan}"') + f'[[behaviour]]\nkind = "{kind}"\nshare = 1\n{keys}')
    heard: set[str] = set()

    async def main() -> None:
        simulator = Simulator(scenario, spans=1, realtime=False)
        media = simulator.media
        assert media is not None
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        over = asyncio.Event()
        with Engine(simulator.channels, plan=plan) as engine:
            engine.listen(lambda event: heard.add(event.name) if event.kind is EventKind.TONE and not event.provisional else None)
            loop.run_ticks = lambda ticks: engine.run(media, ticks)
            await simulator.start(lambda event: over.set() if isinstance(event, Cleared) else None)
            engine.reset(3, detectors=Profile.PRE_ANSWER)
            simulator.send(Dial(3, "a", "138"))
            await over.wait()
            loop.run_ticks = None
            engine.stop()
        await simulator.close()

    in_virtual_time(main)
    same = {"busy", "congestion"} if plan == "fr" and tone != "ringback" else {tone}  # France gives both the same tone
    assert heard & same
    if plan == "cn":
        assert heard & {"ringback", "busy", "congestion", "unobtainable"} == {tone}


def test_settings_make_the_driver() -> None:
    driver = open_driver(SimulatorSettings(scenario="us", spans=2, audio=False, seed=9))
    assert isinstance(driver, Simulator)
    assert (driver.name, driver.channels, driver.channels_per_span, driver.media, driver.seed) == ("simulator", 60, 30, None, 9)
    assert driver.scenario.plan == "us"
