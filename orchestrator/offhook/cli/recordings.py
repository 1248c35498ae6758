"""Recordings for analysis: exactly 8 kHz mono, or an error that says how to get there.

Unlike a prompt, a recording is never resampled or mixed: what is measured must be what was on the line. A-law and µ-law in WAV and in
headerless files decode to the values of ITU-T G.711.
"""

from __future__ import annotations

import struct
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from offhook.cli.output import CommandError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 8000
HEADERLESS = {".alaw": "alaw", ".al": "alaw", ".ulaw": "ulaw", ".ul": "ulaw", ".mulaw": "ulaw", ".raw": ""}
"""Endings of files that hold octets alone, and their law; empty takes the one given."""
LONGEST_S = 24 * 3600


def read_recording(path: Path, law: str) -> NDArray[np.int16]:
    """Linear samples of a recording.

    Args:
        path: WAV, FLAC or another format of libsndfile, or a headerless file by its ending.
        law: Of a ``.raw`` file.

    Raises:
        CommandError: The file is missing, empty, no audio, cut short, or not 8 kHz mono; the text names file and mend.
    """
    if path.is_dir():
        raise CommandError(f"{path}: is a folder; name its files")
    if path.exists() and not path.is_file():
        raise CommandError(f"{path}: is a pipe or a device; write it to a file first")
    if not path.is_file():
        raise CommandError(f"{path}: no such file")
    try:
        size = path.stat().st_size
        if size == 0:
            raise CommandError(f"{path}: the file is empty; record it again")
        if path.suffix.lower() in HEADERLESS:
            return _octets(path, HEADERLESS[path.suffix.lower()] or law)
        return _sound_file(path)
    except OSError as wrong:
        raise CommandError(f"{path}: cannot be read: {wrong.strerror or wrong}") from None


def _octets(path: Path, law: str) -> NDArray[np.int16]:
    import numpy as np

    from offhook_core import Law, timeslots

    if path.stat().st_size > LONGEST_S * RATE:
        raise CommandError(f"{path}: longer than {LONGEST_S // 3600} h; cut it")
    data = path.read_bytes()
    for magic, name in ((b"RIFF", "WAV"), (b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b".snd", "AU")):
        if data.startswith(magic):
            raise CommandError(f"{path}: named {path.suffix} and yet a {name} file; give it the right ending")
    return timeslots.decode(np.frombuffer(data, np.uint8), Law[law.upper()])


def _sound_file(path: Path) -> NDArray[np.int16]:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
            if channels != 1:
                convert = "" if rate == RATE else f"-r {RATE} "
                raise CommandError(
                    f"{path}: {channels} channels; split it, one call a file: sox {quote(path.name)} {convert}left.wav remix 1"
                )
            if rate != RATE:
                raise CommandError(f"{path}: {rate} Hz, and a line has {RATE}; convert it: sox {quote(path.name)} -r {RATE} out.wav")
            if frames > LONGEST_S * RATE:
                raise CommandError(f"{path}: {frames / RATE / 3600:.1f} h long; at most {LONGEST_S // 3600} h: cut it")
            samples: NDArray[np.int16] = file.read(frames, dtype="int16")
    except soundfile.SoundFileError as wrong:
        raise CommandError(
            f"{path}: not audio that can be read ({_plain(str(wrong), path)}); use WAV, FLAC, or .alaw and .ulaw octets"
        ) from None
    lacking = (
        f"{frames - samples.size} samples" if frames > samples.size else f"{octets} octets" if (octets := _lacking_octets(path)) else ""
    )
    if lacking:
        raise CommandError(f"{path}: cut short, the header promises {lacking} more than there is; copy or convert it again")
    if samples.size == 0:
        raise CommandError(f"{path}: holds no audio; record it again")
    return samples


def _plain(text: str, path: Path) -> str:
    """Libsndfile's reason without the path it repeats."""
    return text.removeprefix(f"Error opening {str(path)!r}: ").rstrip(".")


def _lacking_octets(path: Path) -> int:
    """Octets that a WAV file's header promises and the file does not have; libsndfile reads on without a word."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                streamed = length >= 0x7FFFFFFF  # written into a pipe: the header never learnt the length
                return 0 if streamed else max(0, int(length) - (size - file.tell()))
            file.seek(length + length % 2, 1)
    return 0
