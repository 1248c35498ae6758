"""Prompts: audio files brought to 8 kHz in the line's law, loaded once and shared by all calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offhook.clock import Clock, in_thread
from offhook.errors import PromptError

if TYPE_CHECKING:
    from offhook_core import Engine

RATE = 8000
LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that can be played."""

    path: str
    duration_ms: int
    number: int  # in the engine; -1 without audio


def check(path: str) -> int:
    """Length of an audio file in ms.

    Raises:
        PromptError: It is missing, is not audio, is empty, or is longer than 10 minutes.
    """
    import soundfile

    if not Path(path).is_file():
        raise PromptError(f"prompt {path}: no such file")
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise PromptError(f"prompt {path}: not an audio file that can be read: {error}; use WAV, FLAC, OGG or MP3") from error
    if info.frames <= 0:
        raise PromptError(f"prompt {path}: the file holds no audio")
    if info.duration > LONGEST_S:
        raise PromptError(f"prompt {path}: {info.duration:.0f} s long; a prompt is at most {LONGEST_S} s")
    return round(float(info.duration) * 1000)


def read(path: str) -> NDArray[np.int16]:
    """The file as one channel of 16-bit samples at 8 kHz; channels are averaged, other rates converted. PromptError as in :func:`check`."""
    import soundfile

    check(path)
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise PromptError(f"prompt {path}: damaged: {error}") from error
    mono = resample(np.asarray(audio, np.float32).mean(axis=1), int(rate))
    return np.clip(np.round(mono * 32768.0), -32768, 32767).astype(np.int16)


def resample(audio: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """*audio* at 8 kHz, by a windowed sinc of 32 zero crossings, cut at 3.6 kHz or the source's own limit."""
    if rate == RATE:
        return audio
    cut = min(3600.0, 0.45 * rate)  # Hz
    half = math.ceil(32 * rate / (2 * cut))  # taps on each side, at the source's rate
    count = math.ceil(len(audio) * RATE / rate)
    padded = np.concatenate([np.zeros(half, np.float32), audio, np.zeros(half + 1, np.float32)])
    offsets = np.arange(-half, half + 1)
    out = np.empty(count, np.float32)
    for first in range(0, count, RATE):  # a second at a time keeps the tables small
        at = np.arange(first, min(first + RATE, count)) * (rate / RATE)
        base = np.floor(at).astype(np.int64)
        distance = offsets[None, :] - (at - base)[:, None]
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (half + 1), -1, 1))
        taps = np.sinc(2 * cut / rate * distance) * window * (2 * cut / rate)
        out[first : first + len(at)] = np.einsum("ij,ij->i", padded[base[:, None] + half + offsets[None, :]], taps)
    return out


class PromptBook:
    """The prompts of a node.

    Args:
        engine: Where they are played; None without audio, then only their lengths count.
    """

    def __init__(self, engine: Engine | None, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._known: dict[tuple[str, int], Prompt] = {}

    async def get(self, path: str) -> Prompt:
        """The prompt at *path*, read if it is new or the file has changed. PromptError when it cannot be used."""
        try:
            stamp = Path(path).stat().st_mtime_ns  # noqa: ASYNC240 - one stat a campaign change
        except OSError as error:
            raise PromptError(f"prompt {path}: no such file") from error
        key = (path, stamp)
        if key not in self._known:
            if self._engine is None:
                self._known[key] = Prompt(path, await in_thread(self._clock, check, path), -1)
            else:
                samples = await in_thread(self._clock, read, path)
                number = self._engine.add_prompt(encode(samples, self._engine))
                self._known[key] = Prompt(path, len(samples) * 1000 // RATE, number)
        return self._known[key]


def encode(samples: NDArray[np.int16], engine: Engine) -> Any:
    """Samples in the engine's law, as :meth:`offhook_core.Engine.add_prompt` takes them."""
    from offhook_core import Law, timeslots

    if engine.law == Law.LINEAR:
        return samples
    return timeslots.encode(samples, engine.law)
