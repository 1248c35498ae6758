"""Audio files as 8 kHz mono samples.

Levels follow ITU-T G.711: 0 dBm0 is a sine of peak 22827 on the 16 bit scale of A-law, RMS 16141.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 8000
RMS_0DBM0 = 16141.0
PEAK_0DBM0 = 22827.0
MAX_SECONDS = 3600
HIGHEST_RATE = 192000

Samples = npt.NDArray[np.int16]


class ClipError(ValueError):
    """An audio file cannot be used; the text names the file and the mend."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of audio, 8 kHz mono.

    Attributes:
        name: Built-in name or path.
        samples: int16, read-only, shape ``(n,)``.
        level_dbm0: Level while it sounds: RMS over the 20 ms frames within 25 dB of the loudest.
    """

    name: str
    samples: Samples
    level_dbm0: float

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / RATE


def load_clip(path: str | Path) -> Clip:
    """Read an audio file of any rate from 8 to 192 kHz.

    Rates above 8 kHz are brought down by :func:`to_8khz`; 8 kHz A-law and 16 bit files come through unchanged.

    Raises:
        ClipError: Missing, not audio, cut short, empty, too long, several channels, or a rate below 8 kHz.
    """
    path = Path(path)
    if not path.is_file():
        raise ClipError(f"{path}: no such file")
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
            if channels != 1:
                raise ClipError(f"{path}: {channels} channels; make it mono, for instance: sox IN OUT remix 1")
            if not RATE <= rate <= HIGHEST_RATE:
                raise ClipError(f"{path}: {rate} Hz; a clip has {RATE} to {HIGHEST_RATE} Hz: convert it, for instance: sox IN -r 8000 OUT")
            if not file.seekable():  # GSM without a header, as a PBX keeps it: only reading tells the length
                frames = path.stat().st_size // 33 * 160
            if frames > MAX_SECONDS * rate:
                raise ClipError(f"{path}: {frames / rate:.0f} s long; at most {MAX_SECONDS} s can be used: cut it")
            samples: Samples = file.read(frames=frames, dtype="int16")
    except soundfile.SoundFileError as error:
        raise ClipError(f"{path}: not audio that can be read ({error}); use WAV, FLAC or Ogg") from None
    except OSError as error:
        raise ClipError(f"{path}: cannot be read: {error.strerror or error}") from None
    missing = _cut_short(path)
    if len(samples) < frames or missing:
        raise ClipError(f"{path}: cut short ({missing or f'{frames - len(samples)} samples'} missing): copy or convert the file again")
    if len(samples) == 0:
        raise ClipError(f"{path}: holds no audio: record it again")
    return make_clip(str(path), samples if rate == RATE else to_8khz(samples, rate))


def make_clip(name: str, samples: Samples) -> Clip:
    """A clip from samples at 8 kHz."""
    samples = np.ascontiguousarray(samples, dtype=np.int16)
    samples.setflags(write=False)
    return Clip(name, samples, active_level_dbm0(samples))


def to_8khz(samples: Samples, rate: int) -> Samples:
    """Resample to 8 kHz by cutting the spectrum at 4 kHz (ideal low-pass, in the frequency domain).

    A tenth of a second of silence on both sides keeps what rings at the ends out of the clip.
    """
    pad = rate // 10
    wide = np.pad(samples.astype(np.float64), pad)
    count = round(len(wide) * RATE / rate)
    spectrum = np.fft.rfft(wide)[: count // 2 + 1]
    narrow = np.fft.irfft(spectrum, count) * (count / len(wide))
    edge = round(pad * RATE / rate)
    kept = narrow[edge : edge + max(1, round(len(samples) * RATE / rate))]
    return np.clip(np.rint(kept), -32768, 32767).astype(np.int16)


def active_level_dbm0(samples: Samples) -> float:
    """RMS level over the 20 ms frames that are within 25 dB of the loudest; -90 for silence."""
    usable = len(samples) - len(samples) % 160
    frames = (samples[:usable] if usable else samples).astype(np.float64).reshape(-1, 160 if usable else len(samples))
    power = np.mean(frames**2, axis=1)
    loudest = float(power.max())
    if loudest < 1.0:
        return -90.0
    return float(10 * np.log10(np.mean(power[power > loudest * 10**-2.5])) - 20 * np.log10(RMS_0DBM0))


def builtin_names() -> list[str]:
    """Names of the clips that come with the package, in order."""
    return sorted(entry.name.removesuffix(".wav") for entry in _folder().iterdir() if entry.name.endswith(".wav"))


@cache
def load_builtin(name: str) -> Clip:
    """A clip that comes with the package; read once.

    Raises:
        ClipError: No such clip.
    """
    entry = _folder().joinpath(f"{name}.wav")
    if not entry.is_file():
        raise ClipError(f"no built-in clip {name!r}: there are {', '.join(builtin_names())}")
    with resources.as_file(entry) as path:
        clip = load_clip(path)
    return Clip(name, clip.samples, clip.level_dbm0)


def _folder() -> Any:
    return resources.files(__package__).joinpath("clips")


def _cut_short(path: Path) -> str:
    """How much a WAV file's data chunk lacks of what its header promises, empty when nothing; other formats check themselves."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return ""
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                left = size - file.tell()
                streamed = length == 0xFFFFFFFF  # written to a pipe: the header never learnt the length
                return f"{length - left} octets" if length > left and not streamed else ""
            file.seek(length + length % 2, 1)
    return ""
