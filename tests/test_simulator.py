"""The software E1: signalling of every behaviour, and what the card promises to whoever dials."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from cards import MACHINE, PERSON, RED, YELLOW, call_without_audio, one
from hypothesis import given, settings
from hypothesis import strategies as st
from softline import in_virtual_time

from offhook_drivers import Scenario, Simulator, SimulatorSettings, open_driver
from offhook_drivers.audio import load_builtin
from offhook_drivers.callees import plan_call
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
    Ringing,
    SendDigits,
    Unblock,
)

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


def test_settings_make_the_driver() -> None:
    driver = open_driver(SimulatorSettings(scenario="us", spans=2, audio=False, seed=9))
    assert isinstance(driver, Simulator)
    assert (driver.name, driver.channels, driver.channels_per_span, driver.media, driver.seed) == ("simulator", 60, 30, None, 9)
    assert driver.scenario.plan == "us"
