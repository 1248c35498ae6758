"""The binding: enums against the header, orders, events on the loop, errors, timeslots."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import offhook_core
from offhook_core import CoreError, Detect, Engine, Event, EventKind, Law, Layout, Profile, Valid, enums, plans, timeslots
from offhook_core._build import declarations
from offhook_core._native import ffi, lib
from offhook_core.events import EVENT_BYTES, decode

HEADER = Path(__file__).parents[1] / "core" / "include" / "offhook.h"
IDLE = 0xD5


def idle_frame(channels: int) -> np.ndarray[Any, Any]:
    return np.full(channels * 160, IDLE, np.uint8)


# -- the header ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enum", "prefix", "c_name"),
    [
        (enums.Law, "OH_LAW_", "enum oh_law"),
        (enums.Layout, "OH_LAYOUT_", "enum oh_layout"),
        (enums.Valid, "OH_VALID_", "enum oh_valid"),
        (enums.Tone, "OH_TONE_", "enum oh_tone"),
        (enums.Sit, "OH_SIT_", "enum oh_sit"),
        (enums.EventKind, "OH_EVENT_", "enum oh_event_kind"),
        (enums.LineFault, "OH_LINE_", "enum oh_line_fault"),
        (enums.Answer, "OH_ANSWER_", "enum oh_answer"),
    ],
)
def test_python_enums_match_the_header(enum: Any, prefix: str, c_name: str) -> None:
    in_header = dict(ffi.typeof(c_name).relements)
    in_header.pop("OH_TONE_COUNT", None)
    assert {f"{prefix}{member.name}": member.value for member in enum} == in_header


@pytest.mark.parametrize(("names", "prefix"), [(Detect, "OH_DETECT_"), (Profile, "OH_PROFILE_"), (enums.Alarm, "OH_ALARM_")])
def test_python_bits_match_the_header(names: Any, prefix: str) -> None:
    members = getattr(names, "__members__", None) or {name: value for name, value in vars(names).items() if name.isupper()}
    in_header = {name: getattr(lib, name) for name in dir(lib) if name.startswith(prefix)}
    assert {f"{prefix}{name}": int(value) for name, value in members.items()} == in_header


def test_tone_names_are_those_of_the_core() -> None:
    for tone in enums.Tone:
        if tone:
            assert ffi.string(lib.oh_tone_name(tone)).decode() == tone.name.lower()


def test_the_binding_has_every_function_of_the_header() -> None:
    declared = set(re.findall(r"\b(oh_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)))
    bound = {name for name in dir(lib) if callable(getattr(lib, name))}
    assert declared == bound


def test_an_event_has_the_size_of_the_header() -> None:
    assert ffi.sizeof("oh_event") == EVENT_BYTES == 64


def test_a_decoded_event_is_a_frozen_event_with_every_word_of_its_kind() -> None:
    raw = ffi.new("oh_event[]", 3)
    for event, kind, tone, detail in zip(raw, (1, 2, 10), (10, 6, 0), (3, 0, 5), strict=True):
        event.kind, event.tone, event.detail, event.row, event.flags = kind, tone, detail, 4, 3
        event.freq_dhz = (4500, 0)
        event.cadence_ms = (350, 351, 0, 0)
    first, second, third = decode(bytes(ffi.buffer(raw)))
    assert type(first) is Event
    assert (first.name, first.detail, first.freq_hz, first.cadence_ms, first.row) == ("sit_us", "RO", (450.0,), (350, 351), 4)
    assert first.provisional and first.cleared
    assert (second.name, second.detail, third.name, third.detail) == ("tone_end", "busy", "line", "noise")
    assert first == dataclasses.replace(first) and hash(first) == hash(dataclasses.replace(first))
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.channel = 1  # type: ignore[misc]


def test_the_builder_refuses_a_directive_it_cannot_hand_on() -> None:
    with pytest.raises(ValueError, match="#if FOO"):
        declarations("/* cffi:begin */\n#if FOO\n/* cffi:end */")
    with pytest.raises(ValueError, match="cffi:begin"):
        declarations("int x;")
    assert declarations("/* cffi:begin */#define A 1 /* one */\nOH_API int f(void);/* cffi:end */") == "#define A ...\nint f(void);"


# -- orders and ticks ---------------------------------------------------------------------------------------------------------------


def test_a_prompt_is_sent_and_its_end_comes_back_with_its_token() -> None:
    with Engine(3) as engine:
        audio = bytes(range(160))
        prompt = engine.add_prompt(audio)
        engine.reset(1, Profile.OFF)
        engine.play(1, prompt, token=77)
        tx = engine.tick(idle_frame(3))
        assert tx.shape == (3, 160)
        assert tx[1].tobytes() == audio
        assert (tx[[0, 2]] == IDLE).all()
        (event,) = engine.poll()
        assert (event.channel, event.kind, event.name, event.value) == (1, EventKind.PROMPT_DONE, "prompt_done", 77)
        assert (event.onset_ms, event.t_ms, event.row, event.detail) == (0.0, 20.0, None, "")
        assert event.p == event.confidence == 1.0
        engine.drop_prompt(prompt)


def test_linear_and_timeslot_layout() -> None:
    with Engine(2, law="linear", layout=Layout.TIMESLOT) as engine:
        prompt = engine.add_prompt(np.arange(160, dtype=np.int16))
        engine.play(1, prompt, gain_db=6.0206)
        tx = engine.tick(np.zeros(320, np.int16), bytes([Valid.GOOD, Valid.MISSING]))
        assert tx.shape == (160, 2)
        assert (tx[:, 0] == 0).all()
        assert np.abs(tx[:, 1] - 2 * np.arange(160)).max() <= 1
        assert engine.stats().lost_blocks == 1


def test_bridged_channels_hear_each_other() -> None:
    with Engine(2) as engine:
        engine.bridge(0, 1)
        rx = np.arange(320, dtype=np.uint8)
        tx = engine.tick(rx)
        assert tx[0].tobytes() == rx[160:].tobytes()
        assert tx[1].tobytes() == rx[:160].tobytes()
        engine.bridge(0, None)
        assert (engine.tick(rx) == IDLE).all()


def test_statistics_count_ticks() -> None:
    with Engine(30) as engine:
        for _ in range(5):
            engine.tick(idle_frame(30))
        stats = engine.stats()
        assert (stats.ticks, stats.channels, stats.overruns, stats.late_ticks) == (5, 30, 0, 0)
        assert sum(stats.tick_log2_ns) == 5
        assert 0 < stats.tick_ns_max <= stats.tick_ns_sum
        assert 0 < stats.state_bytes_per_channel <= 8192


def test_a_full_order_queue_is_an_error_that_says_so() -> None:
    with Engine(1) as engine, pytest.raises(CoreError, match="order queue is full"):
        for _ in range(100_000):
            engine.answered(0)


# -- bad input ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, "channels must be 1 to 32768, not 0"),
        ({"channels": 1, "law": "mulaw"}, "unknown law 'mulaw': use one of 'alaw', 'ulaw', 'linear'"),
        ({"channels": 1, "law": 7}, "unknown law 7"),
        ({"channels": 1, "layout": "rows"}, "unknown layout 'rows'"),
        ({"channels": 1, "plan": "xx"}, "unknown tone plan 'xx'.*did you mean"),
        ({"channels": 1, "plan": "CN"}, "did you mean 'cn'"),
        ({"channels": 1, "ring_events": -1}, "ring_events must be 0"),
    ],
)
def test_a_wrong_argument_is_named_with_the_allowed_values(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Engine(**arguments)


def test_a_wrong_order_is_named() -> None:
    with Engine(2) as engine:
        prompt = engine.add_prompt(b"\xd5" * 10)
        for call, message in [
            (lambda: engine.reset(2), "channel must be 0 to 1, not 2"),
            (lambda: engine.arm(-1, 0), "channel must be 0 to 1, not -1"),
            (lambda: engine.arm(0, 1 << 20), "detectors must be bits of Detect"),
            (lambda: engine.reset(0, plan="chn"), "unknown tone plan 'chn'"),
            (lambda: engine.play(0, prompt, gain_db=61), "gain_db must be -60 to 60, not 61"),
            (lambda: engine.play(0, prompt, token=-1), "token must be 0"),
            (lambda: engine.play(0, 5000), "prompt must be a number that add_prompt"),
            (lambda: engine.bridge(1, 1), "channel 1 cannot be bridged to itself"),
            (lambda: engine.add_prompt(b""), "at least one sample"),
            (lambda: engine.tick(b"\xd5" * 100), "rx must hold 2 x 160 samples, not 100"),
            (lambda: engine.tick(idle_frame(2), b"\x01"), "valid must hold 2 octets, not 1"),
        ]:
            with pytest.raises(ValueError, match=message):
                call()
        with pytest.raises(TypeError, match="octets"):
            engine.add_prompt(np.zeros(10, np.int16))
        with pytest.raises(CoreError, match="oh_core_play"):
            engine.play(0, prompt + 1)
        engine.play(0, prompt)
        with pytest.raises(CoreError, match=r"drop_prompt.*busy"):
            engine.drop_prompt(prompt)


def test_a_closed_engine_says_so_and_closes_twice() -> None:
    engine = Engine(1)
    engine.close()
    engine.close()
    with pytest.raises(CoreError, match="closed"):
        engine.poll()


# -- media drivers ------------------------------------------------------------------------------------------------------------------


class VirtualCard:
    """A driver of one channel in virtual time, made of C callbacks; ends with -ENODATA after *ticks*."""

    def __init__(self, ticks: int, channels: int = 1) -> None:
        self.left = ticks

        @ffi.callback("int(void *, oh_media_info *)")
        def open_(_media: Any, info: Any) -> int:
            info.channels = channels
            return 0

        @ffi.callback("int(void *, void *, uint8_t *, uint64_t *)")
        def rx(_media: Any, audio: Any, valid: Any, tick: Any) -> int:
            if self.left == 0:
                return -61
            self.left -= 1
            ffi.memmove(audio, bytes([IDLE]) * 160 * channels, 160 * channels)
            ffi.memmove(valid, b"\x01" * channels, channels)
            return 0

        @ffi.callback("int(void *, int)")
        def wait(_media: Any, timeout_ms: int) -> int:
            return 1

        self.keep = (open_, rx, wait)
        self.ops = ffi.new("oh_media_ops *", {"open": open_, "rx": rx, "wait": wait})
        self.media = ffi.new("oh_media *", {"ops": self.ops})

    @property
    def address(self) -> int:
        return int(ffi.cast("uintptr_t", self.media))


def test_virtual_time_runs_ticks_until_something_is_heard() -> None:
    card = VirtualCard(ticks=20)
    with Engine(1) as engine:
        engine.play(0, engine.add_prompt(bytes(480)), token=5)
        assert engine.run(card.address, 100) == 3
        assert [event.value for event in engine.poll()] == [5]
        assert engine.running
        assert engine.run(card.address, 100) == 17
        with pytest.raises(CoreError, match="No data available"):
            engine.run(card.address, 100)
        with pytest.raises(CoreError, match="No data available"):
            engine.stop()
        engine.stop()


def test_a_driver_of_another_shape_is_refused() -> None:
    card = VirtualCard(ticks=1, channels=2)
    with Engine(1) as engine, pytest.raises(CoreError, match="the engine has 1 channels, law 'alaw'"):
        engine.run(card.address, 1)


def test_a_media_thread_that_ends_is_reported_to_the_loop() -> None:
    async def main() -> list[dict[str, Any]]:
        reports: list[dict[str, Any]] = []
        reported = asyncio.Event()

        def handler(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            reports.append(context)
            reported.set()

        asyncio.get_running_loop().set_exception_handler(handler)
        card = VirtualCard(ticks=10)
        with Engine(1) as engine:
            engine.listen(lambda event: None)
            engine.start(card.address)
            await asyncio.wait_for(reported.wait(), 20)
            assert engine.stats().ticks == 10
        return reports

    (report,) = asyncio.run(main())
    assert "ended by itself: No data available" in report["message"]


# -- events on the loop -------------------------------------------------------------------------------------------------------------


def test_listen_delivers_every_event_in_order_and_survives_a_failing_listener() -> None:
    async def main() -> tuple[list[int], list[str]]:
        heard: list[int] = []
        failures: list[str] = []
        finished = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context["message"]))

        def on_event(event: Event) -> None:
            heard.append(event.value)
            if len(heard) == 600:
                finished.set()
            if event.value == 3:
                raise RuntimeError("the listener's own mistake")

        with Engine(300) as engine:
            engine.listen(on_event)
            with pytest.raises(CoreError, match="listener already"):
                engine.listen(on_event)
            prompt = engine.add_prompt(b"\x00")
            for first in (0, 300):
                for channel in range(300):
                    engine.play(channel, prompt, token=first + channel)
                engine.tick(idle_frame(300))
                await asyncio.sleep(0)
            await asyncio.wait_for(finished.wait(), 20)
            engine.unlisten()
            engine.play(0, prompt, token=1)
            engine.tick(idle_frame(300))
            await asyncio.sleep(0.01)
            assert [event.value for event in engine.poll()] == [1]
        return heard, failures

    heard, failures = asyncio.run(main())
    assert heard == list(range(600))
    assert len(failures) == 1
    assert "listener failed on Event(channel=3" in failures[0]


# -- plans, timeslots, processor ----------------------------------------------------------------------------------------------------


def test_plans_are_listed_and_described() -> None:
    names = plans.names()
    assert names == sorted(names)
    assert {"cn", "us", "gb", "de", "fr"} <= set(names)
    china = plans.plan("cn")
    busy = [spec for spec in china.tones if spec.tone is enums.Tone.BUSY]
    assert busy
    assert [(segment.hz, segment.duration_ms) for segment in busy[0].loop] == [((450,), 350), ((), 350)]
    assert all(spec.source for spec in china.tones)
    with pytest.raises(ValueError, match="unknown tone plan 'xy'"):
        plans.plan("xy")


def test_demux_and_mux_are_inverse() -> None:
    frame = bytes(range(240))
    rows = timeslots.demux(frame, 30)
    assert rows.shape == (30, 8)
    assert rows[3].tolist() == list(range(3, 240, 30))
    assert timeslots.mux(rows).tobytes() == frame
    assert timeslots.demux(b"", 5).shape == (5, 0)
    with pytest.raises(ValueError, match="30 channels cannot have 241 octets"):
        timeslots.demux(bytes(241), 30)
    with pytest.raises(ValueError, match="channels must be 1 or more"):
        timeslots.demux(frame, 0)


@pytest.mark.parametrize("law", [Law.ALAW, Law.ULAW])
def test_decode_and_encode_agree_with_the_core(law: Law) -> None:
    octets = bytes(range(256))
    linear = timeslots.decode(octets, law)
    single = lib.oh_alaw_decode if law is Law.ALAW else lib.oh_ulaw_decode
    assert linear.tolist() == [single(octet) for octet in octets]
    back = timeslots.encode(array("h", linear.tolist()), law).tolist()
    assert [octet for octet in range(256) if back[octet] != octet] == ([] if law is Law.ALAW else [0x7F])
    with pytest.raises(ValueError, match="law must be"):
        timeslots.decode(octets, Law.LINEAR)
    with pytest.raises(ValueError):
        timeslots.encode(np.zeros((2, 2), np.int16), law)


def test_the_instruction_set_has_a_name() -> None:
    assert offhook_core.isa() in ("base", "avx2", "avx512", "neon")
    with pytest.raises(ValueError, match="unknown instruction set 'mmx'"):
        offhook_core.force_isa("mmx")
