"""CallAnalyzer: one call in blocks of any length."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook_core import CallAnalyzer, Event, Law, Profile, timeslots

RATE = 8000


def sine(hz: tuple[float, ...], ms: int, peak: float = 6000.0) -> NDArray[np.int16]:
    t = np.arange(ms * RATE // 1000) / RATE
    wave = sum((np.sin(2 * np.pi * f * t) for f in hz), np.zeros_like(t))
    return np.round(peak * wave).astype(np.int16)


def silence(ms: int) -> NDArray[np.int16]:
    return np.zeros(ms * RATE // 1000, np.int16)


def chinese_busy(seconds: float = 5.0) -> NDArray[np.int16]:
    """450 Hz, 350 ms on, 350 ms off (忙音)."""
    period = np.concatenate([sine((450,), 350), silence(350)])
    return np.tile(period, int(seconds * 1000 // 700))


def digits_then_busy() -> NDArray[np.int16]:
    keys = [(697, 1209), (770, 1336), (941, 1477)]  # 1 5 #
    pieces = [part for key in keys for part in (sine(key, 100, 4000), silence(100))]
    return np.concatenate([silence(333), *pieces, chinese_busy()])


def split(audio: Any, sizes: Iterator[int]) -> Iterator[Any]:
    position = 0
    while position < len(audio):
        size = next(sizes)
        yield audio[position : position + size]
        position += size


def hear(audio: NDArray[np.int16], law: str = "alaw") -> list[Event]:
    with CallAnalyzer("cn", law) as analyzer:
        return analyzer.push(audio) + analyzer.flush()


def test_busy_is_heard_in_every_form_of_audio() -> None:
    audio = chinese_busy()
    expected = [event for event in hear(audio) if event.name == "busy" and not event.provisional]
    assert expected
    assert expected[0].t_ms <= 2500
    assert abs(expected[0].level_dbm0 - 20 * np.log10(6000 / 22827)) < 1.0
    for law in (Law.ALAW, Law.ULAW):
        octets = timeslots.encode(audio, law)
        for form in (octets, octets.tobytes(), bytearray(octets.tobytes()), memoryview(octets.tobytes())):
            with CallAnalyzer("cn", law) as analyzer:
                names = [event.name for event in analyzer.push(form) if not event.provisional]
            assert "busy" in names
    with CallAnalyzer("cn", "linear") as analyzer:
        assert analyzer.push(array("h", audio.tolist())) == [event for event in hear(audio) if event.at_sample <= audio.size]


def test_events_do_not_depend_on_how_the_audio_is_split() -> None:
    audio = digits_then_busy()
    whole = hear(audio)
    assert [event.detail for event in whole if event.name == "dtmf"] == ["1", "5", "#"]
    rng = np.random.default_rng(7)
    for sizes in ([1], [7], [160], [159, 161], rng.integers(0, 1000, 10_000).tolist()):
        with CallAnalyzer("cn") as analyzer:
            endless = (size for _ in iter(int, 1) for size in sizes)
            events = [event for piece in split(audio, endless) for event in analyzer.push(piece)]
            assert events + analyzer.flush() == whole


def test_odd_pieces_are_accepted() -> None:
    with CallAnalyzer() as analyzer:
        assert analyzer.push(b"") == []
        assert analyzer.t_ms == 0
        assert analyzer.push(b"\xd5") == []
        analyzer.push(np.zeros(100_000, np.int16))
        assert analyzer.t_ms == 100_001 / 8
        analyzer.push(sine((450,), 100)[::2])  # a view that is not contiguous
        analyzer.push(timeslots.encode(sine((450,), 100), Law.ALAW)[::2])


def test_flush_completes_the_last_frame_once() -> None:
    with CallAnalyzer() as analyzer:
        analyzer.push(bytes([0xD5]) * 161)
        analyzer.flush()
        assert analyzer.t_ms == 40
        assert analyzer.flush() == []
        assert analyzer.t_ms == 40


def test_lost_audio_keeps_time() -> None:
    with CallAnalyzer() as analyzer:
        analyzer.push(silence(100))
        events = analyzer.lost(8000) + analyzer.push(silence(100))
        assert analyzer.t_ms == 1200
        lost = [event for event in events if event.name == "lost"]
        assert [event.value for event in lost] == [1000]
        with pytest.raises(ValueError, match="samples must be 0 or more, not -1"):
            analyzer.lost(-1)


def test_lost_audio_does_not_depend_on_how_it_is_told() -> None:
    audio = chinese_busy()

    def run(pieces: list[int]) -> list[Event]:
        with CallAnalyzer() as analyzer:
            events = analyzer.push(audio[:8011])
            for piece in pieces:
                events += analyzer.lost(piece)
            return events + analyzer.push(audio[8011 + 777 :]) + analyzer.flush()

    assert run([777]) == run([1] * 777) == run([160, 160, 457])


def test_reset_begins_a_new_call() -> None:
    audio = digits_then_busy()
    with CallAnalyzer() as analyzer:
        analyzer.push(audio[:12_345])
        analyzer.reset()
        assert analyzer.t_ms == 0
        events = analyzer.push(audio) + analyzer.flush()
    fresh = hear(audio)
    assert [(event.name, event.at_sample, event.detail) for event in events] == [(e.name, e.at_sample, e.detail) for e in fresh]


def test_only_what_is_armed_is_heard() -> None:
    with CallAnalyzer(detectors=Profile.OFF) as analyzer:
        assert analyzer.push(digits_then_busy()) == []


def test_answered_is_accepted_at_any_sample() -> None:
    with CallAnalyzer() as analyzer:
        analyzer.answered()
        analyzer.push(silence(33))
        analyzer.answered()
        analyzer.push(silence(500))
        assert analyzer.t_ms == 533


@pytest.mark.parametrize(
    ("block", "error", "message"),
    [
        ("audio", TypeError, "takes octets in law 'alaw' or int16 samples in native byte order, not str"),
        ([1, 2], TypeError, "not list"),
        (None, TypeError, "not NoneType"),
        (np.zeros(10, np.float32), TypeError, "not float32"),
        (np.zeros(10, np.int32), TypeError, "not int32"),
        (np.zeros(10, ">i2"), TypeError, "not >i2"),
        (np.zeros((2, 10), np.int16), ValueError, r"of shape \(2, 10\): push one channel at a time"),
        (array("d", [0.0]), TypeError, "format 'd'"),
    ],
)
def test_what_is_not_audio_is_refused_with_what_is_accepted(block: Any, error: type[Exception], message: str) -> None:
    with CallAnalyzer() as analyzer, pytest.raises(error, match=message):
        analyzer.push(block)


def test_octets_have_no_meaning_in_linear_law() -> None:
    with CallAnalyzer(law="linear") as analyzer, pytest.raises(TypeError, match="push\\(\\) takes int16 samples"):
        analyzer.push(b"\xd5\xd5")


def test_unknown_plans_and_laws_are_named() -> None:
    with pytest.raises(ValueError, match="unknown tone plan 'china'"):
        CallAnalyzer("china")
    with pytest.raises(ValueError, match="unknown law 'pcm': use one of 'alaw'"):
        CallAnalyzer(law="pcm")
