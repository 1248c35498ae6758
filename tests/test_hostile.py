"""Hostile input: any octets are taken or refused with a clear error and nothing else; a full ring never blocks the line."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openpyxl
import pytest
import soundfile
from bench import line, signals
from bench.signals import Case
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from offhook.cli.output import CommandError
from offhook.cli.recordings import RATE, read_recording
from offhook.errors import ListError
from offhook.lists.reader import Row, open_list
from offhook.messages import ImportProblem
from offhook_core import Engine, Event, Profile

QUICK = settings(max_examples=150, deadline=None, derandomize=True)


def _changed(whole: bytes) -> st.SearchStrategy[bytes]:
    """A good file with octets exchanged, and perhaps its end lost."""
    return st.tuples(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=4)), max_size=4), st.integers(0, len(whole))
    ).map(lambda change: _apply(whole, *change))


def _apply(whole: bytes, patches: list[tuple[int, bytes]], lost: int) -> bytes:
    octets = bytearray(whole)
    for at, patch in patches:
        octets[at : at + len(patch)] = patch
    return bytes(octets[: len(octets) - lost] if lost % 3 == 0 else octets)


def _sound(container: str, subtype: str) -> bytes:
    box = io.BytesIO()
    x = np.round(5000 * np.sin(2 * np.pi * 450 * np.arange(400) / RATE)).astype(np.int16)
    soundfile.write(box, x, RATE, format=container, subtype=subtype)
    return box.getvalue()


RECORDINGS = {
    "wav": _sound("WAV", "PCM_16"),
    "flac": _sound("FLAC", "PCM_16"),
    "au": _sound("AU", "ALAW"),
    "gsm.wav": _sound("WAV", "GSM610"),
}


@pytest.mark.parametrize("ending", [*RECORDINGS, "alaw", "raw", "mp3"])
@QUICK
@given(data=st.data())
def test_any_octets_are_a_recording_or_an_error_that_names_the_file_and_the_mend(ending: str, data: st.DataObject) -> None:
    octets = data.draw(st.one_of(st.binary(max_size=200), _changed(RECORDINGS.get(ending, RECORDINGS["wav"]))))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"call.{ending}"
        path.write_bytes(octets)
        try:
            samples = read_recording(path, "alaw")
        except CommandError as error:
            assert str(error).startswith(f"{path}: ")
            assert len(str(error)) > len(str(path)) + 10
        else:
            assert samples.dtype == np.int16
            assert samples.ndim == 1
            assert samples.size > 0


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for cells in (("姓名", "手机号码", "套餐"), ("甲", "13912345678", "a"), ("乙", 13812345678, None)):
        book.worksheets[0].append(cells)
    box = io.BytesIO()
    book.save(box)
    return box.getvalue()


LISTS = {"csv": '姓名,手机号码,deadline\n"甲",13912345678,2027-01-01\n乙,+44 20 7946 0958,\n'.encode(), "xlsx": _workbook()}


@pytest.mark.parametrize("ending", LISTS)
@QUICK
@example(octets=b"phone\n1\x00\n")
@example(octets=b"phone\n13912345678\r\r\n")
@example(octets=b"phone,deadline\n13912345678,9999-12-31\n")
@example(octets=b"phone,deadline\n13912345678,0001-01-01\n")
@example(octets=b'phone\n"' + b"1" * 140_000 + b"\n")
@given(octets=st.one_of(st.binary(max_size=200), _changed(LISTS["csv"]), _changed(LISTS["xlsx"])))
def test_any_octets_are_a_list_or_an_error_that_names_the_file(ending: str, octets: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"list.{ending}"
        path.write_bytes(octets)
        try:
            found = list(open_list(path, None))
        except ListError as error:
            assert str(error).startswith(path.name)
            return
    last = 1
    for one in found:
        assert isinstance(one, Row | ImportProblem)
        assert one.line is not None
        assert one.line >= last
        last = one.line
        if isinstance(one, ImportProblem):
            assert one.reason
            assert one.mend


CHANNELS = 6


@pytest.fixture(scope="module")
def ticks() -> NDArray[np.int16]:
    """Keys and busy tone on six channels: [tick, channel, 160]."""
    parts = [signals.render(Case.parse(name)).audio for name in ("dtmf:cn:147*2580:mix:d0:0", "tone:cn:busy:mix:d0:0")]
    x = np.concatenate(parts)
    x = x[: x.size // line.FRAME * line.FRAME]
    lines = np.stack([np.roll(x, channel * 777) for channel in range(CHANNELS)])
    return np.ascontiguousarray(lines.reshape(CHANNELS, -1, line.FRAME).transpose(1, 0, 2))


def _run(ticks: NDArray[np.int16], ring: int, polls: set[int]) -> tuple[dict[int, list[Event]], int]:
    """Events by the tick after which they were taken, and how many were dropped. Polled after the last tick too."""
    taken: dict[int, list[Event]] = {}
    with Engine(CHANNELS, "cn", law="linear", ring_events=ring) as engine:
        for channel in range(CHANNELS):
            engine.reset(channel, detectors=Profile.PRE_ANSWER)
        for number, rx in enumerate(ticks):
            engine.tick(rx)
            if number in polls or number == len(ticks) - 1:
                taken[number] = engine.poll(1 << 12)
        return taken, engine.stats().overruns


@pytest.fixture(scope="module")
def all_events(ticks: NDArray[np.int16]) -> dict[int, list[Event]]:
    """What a ring without a limit gives, tick by tick."""
    taken, dropped = _run(ticks, 1 << 12, set(range(len(ticks))))
    assert dropped == 0
    assert sum(map(len, taken.values())) > 60
    return taken


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ring=st.sampled_from([2, 4, 16]), polls=st.sets(st.integers(0, 150), max_size=40))
def test_a_full_ring_never_blocks_keeps_the_oldest_and_counts_the_rest(
    ticks: NDArray[np.int16], all_events: dict[int, list[Event]], ring: int, polls: set[int]
) -> None:
    taken, dropped = _run(ticks, ring, polls)
    waiting: deque[Event] = deque()
    lost = 0
    for number in range(len(ticks)):
        for event in all_events[number]:
            if len(waiting) < ring:
                waiting.append(event)
            else:
                lost += 1
        if number in taken:
            assert taken[number] == list(waiting)
            waiting.clear()
    assert dropped == lost
