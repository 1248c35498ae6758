"""Recordings as channels."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError
from softline import IDLE, Octets, SoftLine, decoded, follow, in_virtual_time, level_dbm0

from offhook_drivers import ClipError, Recording, Replay, ReplaySettings, open_driver
from offhook_drivers.contract import Answered, Cleared, Dial, Event, Hangup, Link, Proceeding, Progress


def alaw_file(path: Path, octets: Octets) -> Path:
    """An A-law WAV of exactly these octets."""
    soundfile.write(path, decoded(octets).astype(np.int16), 8000, subtype="ALAW")
    return path


def noise(seed: int, seconds: float) -> Octets:
    return np.random.default_rng(seed).integers(0, 256, round(seconds * 8000), dtype=np.uint8)


def play(replay: Replay, dials: list[Dial], hang_up_s: float | None = None) -> tuple[list[Event], dict[int, Octets]]:
    """Dial them all at once; what came until the last was cleared and a tick more."""
    events: list[Event] = []
    heard: dict[int, Octets] = {}

    async def main() -> None:
        assert replay.media is not None
        line = SoftLine(replay.media, listen=tuple(range(replay.channels)))
        follow(line)
        over = asyncio.Event()

        def on_event(event: Event) -> None:
            if not isinstance(event, Link):
                events.append(event)
            if sum(isinstance(e, Cleared) for e in events) == len(dials):
                over.set()

        await replay.start(on_event)
        for dial in dials:
            replay.send(dial)
        if hang_up_s is not None:
            asyncio.get_running_loop().call_later(hang_up_s, replay.send, Hangup(dials[0].channel))
        await over.wait()
        await asyncio.sleep(0.1)
        heard.update({channel: line.audio(channel) for channel in range(replay.channels)})
        line.close()
        await replay.close()

    in_virtual_time(main)
    return events, heard


def test_a_recording_comes_octet_for_octet_with_its_signalling(tmp_path: Path) -> None:
    octets = noise(1, 3.017)
    recording = Recording(path=alaw_file(tmp_path / "call.wav", octets), proceeding_ms=300, answered_ms=1500, cause=17)
    events, heard = play(Replay([recording], realtime=False), [Dial(0, "a", "138")])
    assert [(type(event), round(event.at.seconds, 2)) for event in events[:3]] == [(Proceeding, 0.3), (Progress, 0.3), (Answered, 1.5)]
    cleared = events[3]
    assert isinstance(cleared, Cleared) and cleared.cause == 17
    assert cleared.at.seconds == pytest.approx(3.017 + 0.06, abs=0.021)
    line = heard[0]
    start = line.tobytes().find(octets[:160].tobytes())
    assert 0 <= start <= 320
    assert np.array_equal(line[start : start + len(octets)], octets)
    assert set(line[:start]) | set(line[start + len(octets) :]) <= {IDLE}


def test_a_channel_has_its_own_file_or_each_call_the_next(tmp_path: Path) -> None:
    files = [alaw_file(tmp_path / f"{n}.wav", noise(n, 0.4)) for n in range(3)]
    for pick, order in (("channel", [2, 0, 1]), ("next", [0, 1, 2])):
        replay = Replay(files, pick=pick, realtime=False)  # type: ignore[arg-type]  # one of the two literals
        _, heard = play(replay, [Dial(channel, str(channel), "1") for channel in (2, 0, 1)])
        for channel, file in zip((2, 0, 1), order, strict=True):
            assert noise(file, 0.4).tobytes() in heard[channel].tobytes()


def test_more_channels_than_files_play_them_again(tmp_path: Path) -> None:
    files = [alaw_file(tmp_path / f"{n}.wav", noise(n, 0.4)) for n in range(2)]
    replay = Replay(files, channels=35, realtime=False)
    assert (replay.channels, replay.spans, replay.channels_per_span, replay.name) == (35, 2, 30, "replay")
    _, heard = play(replay, [Dial(34, "a", "1"), Dial(33, "b", "1")])
    assert noise(0, 0.4).tobytes() in heard[34].tobytes()
    assert noise(1, 0.4).tobytes() in heard[33].tobytes()


def test_a_recording_that_is_never_answered_and_one_that_we_leave(tmp_path: Path) -> None:
    file = alaw_file(tmp_path / "a.wav", noise(1, 2))
    events, heard = play(Replay([file], realtime=False), [Dial(0, "a", "1")], hang_up_s=1)
    assert not any(isinstance(event, Answered) for event in events)
    assert sum(isinstance(event, Cleared) for event in events) == 1
    assert set(heard[0][-320:]) == {IDLE}


def test_a_recording_of_another_rate_is_played_at_its_speed(tmp_path: Path) -> None:
    wave = (8000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)).astype(np.int16)
    soundfile.write(tmp_path / "wide.flac", wave, 16000)
    _, heard = play(Replay([tmp_path / "wide.flac"], realtime=False), [Dial(0, "a", "1")])
    middle = heard[0][2000:6000]
    spectrum = np.abs(np.fft.rfft(decoded(middle) * np.hanning(4000)))
    assert np.argmax(spectrum) * 2 == pytest.approx(1000, abs=2)
    assert level_dbm0(middle) == pytest.approx(20 * np.log10(8000 / 2**0.5 / 16141), abs=0.2)


def test_what_cannot_be_replayed_is_refused(tmp_path: Path) -> None:
    file = alaw_file(tmp_path / "a.wav", noise(1, 1))
    with pytest.raises(ValueError, match="at least one recording"):
        Replay([])
    with pytest.raises(ValueError, match="channels is 961: choose 1 to 960"):
        Replay([file], channels=961)
    with pytest.raises(ClipError, match=r"gone\.wav: no such file"):
        Replay([tmp_path / "gone.wav"])
    with pytest.raises(ValueError, match="lasts 1000 ms; proceeding_ms 0 and answered_ms 1001 must follow each other within it"):
        Replay([Recording(path=file, answered_ms=1001)])
    with pytest.raises(ValueError, match="must follow each other"):
        Replay([Recording(path=file, proceeding_ms=500, answered_ms=400)])
    with pytest.raises(ValidationError, match="answered_s"):
        Recording.model_validate({"path": str(file), "answered_s": 1})


def test_settings_find_recordings_beside_the_configuration(tmp_path: Path) -> None:
    alaw_file(tmp_path / "a.wav", noise(1, 1))
    settings = ReplaySettings.model_validate({"name": "replay", "recordings": [{"path": "a.wav", "answered_ms": 200}], "channels": 4})
    driver = open_driver(settings, tmp_path)
    assert isinstance(driver, Replay)
    assert driver.channels == 4
