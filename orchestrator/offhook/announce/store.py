"""The known announcements of a node: a folder of short A-law clips with an index, from which the core's library is made.

::

    announcements/index.json         one entry each: number, name, class, language, carrier, source, added, file
    announcements/clips/000012.wav   8 kHz mono A-law
    announcements/library.bin        fingerprints of all clips, made again after a change

Several processes may use one folder (the node, and commands beside it): each change takes a lock, reads, and replaces the index in
one step.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offhook.announce.classes import AnnouncementClass, class_of
from offhook.errors import OffhookError
from offhook_core import Library, LibraryClip
from offhook_core.library import SHORTEST_SAMPLES, Fingerprint, compare, fingerprint

RATE = 8000
LONGEST_S = 60.0
SHORTEST_S = SHORTEST_SAMPLES / RATE
FORMAT = "offhook-announcements/1"
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".gsm", ".au", ".aiff")

Samples = NDArray[np.int16]


class AnnouncementError(OffhookError):
    """A clip, a name or a folder of announcements cannot be used; nothing was changed."""


class Announcement(BaseModel):
    """One known announcement.

    Attributes:
        number: Stays the same as long as the announcement is known; comes in the core's events.
        name: Its class, and after a colon what tells it from others of the class: ``vacant:china-mobile``.
        kind: What it means.
        language: ISO 639, such as ``zh``.
        carrier: Whose network plays it, empty when not known.
        source: Where the clip came from.
        added: When.
        file: The clip's file inside the folder ``clips``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1, le=0xFFFFFFFF)
    name: str = Field(min_length=1, max_length=120)
    kind: AnnouncementClass
    language: str = Field("", max_length=35)
    carrier: str = Field("", max_length=80)
    source: str = Field("", max_length=200)
    added: dt.datetime
    file: Annotated[str, Field(pattern=r"^[0-9]{6,10}\.wav$")]


class _Index(BaseModel):
    """The whole of ``index.json``."""

    model_config = ConfigDict(extra="forbid")

    format: str = FORMAT
    next_number: int = Field(1, ge=1)
    announcements: list[Announcement] = []


class AnnouncementStore:
    """The folder of known announcements.

    Args:
        folder: Made with the first change.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def _index_file(self) -> Path:
        return self.folder / "index.json"

    def clip_file(self, announcement: Announcement) -> Path:
        """Where the clip lies."""
        return self.folder / "clips" / announcement.file

    # -- reading --------------------------------------------------------------------------------------------------------------------

    def entries(self) -> list[Announcement]:
        """All, by name. AnnouncementError when the index cannot be read."""
        return sorted(self._read().announcements, key=lambda one: one.name)

    def get(self, name: str) -> Announcement:
        """One by its name. AnnouncementError names those that there are."""
        known = self.entries()
        for one in known:
            if one.name == name:
                return one
        raise AnnouncementError(f"no announcement '{name}'; {_some([one.name for one in known])}")

    def samples(self, announcement: Announcement) -> Samples:
        """Its clip."""
        return read_clip(self.clip_file(announcement))

    def stamp(self) -> int:
        """Changes when the index does; 0 without one."""
        try:
            return self._index_file.stat().st_mtime_ns
        except OSError:
            return 0

    def library(self) -> Library | None:
        """The core's library of all of them; None when there are none.

        Its fingerprints are kept in ``library.bin`` and made again from the clips when that is missing, older or damaged.
        """
        index = self._read()
        if not index.announcements:
            return None
        known = sorted(index.announcements, key=lambda one: one.number)
        names = {one.number: one.name for one in known}
        sorts = dict(enumerate(sorted({one.kind.value for one in known})))
        digest = hashlib.sha256("".join(one.model_dump_json() for one in known).encode()).digest()
        kept = self.folder / "library.bin"
        try:
            data = kept.read_bytes()
            if data[:32] == digest:
                return Library.unpack(data[32:], names, sorts)
        except (OSError, ValueError):
            pass  # made again below
        library = Library([LibraryClip(self.samples(one), one.number, one.name, one.kind.value) for one in known])
        _replace(kept, digest + library.pack())
        return library

    # -- changing -------------------------------------------------------------------------------------------------------------------

    def add(
        self, samples: Samples, kind: AnnouncementClass, name: str = "", language: str = "", carrier: str = "", source: str = ""
    ) -> Announcement:
        """Know one more.

        Args:
            samples: 8 kHz, 0.5 to 60 s.
            kind: What it means.
            name: ``vacant:china-mobile``; only the part after the colon may be given; empty takes the carrier or a count.

        Raises:
            AnnouncementError: The name is taken or of another class, the clip too short or long, silent, or known already.
        """
        return self.add_all([(samples, kind, name, language, carrier, source)])[0]

    def add_all(self, clips: Sequence[tuple[Samples, AnnouncementClass, str, str, str, str]]) -> list[Announcement]:
        """Know several more, all or none; each is (samples, kind, name, language, carrier, source) as in :meth:`add`."""
        with self._locked():
            index = self._read()
            known = [(one, fingerprint(self.samples(one))) for one in index.announcements]
            added: list[tuple[Announcement, Samples]] = []
            for samples, kind, name, language, carrier, source in clips:
                print_ = _checked(samples, name or kind.value)
                same = _same(print_, known)
                if same is not None:
                    raise AnnouncementError(f"{source or name}: the same recording is known already as '{same.name}'; leave it out")
                taken = {one.name for one in index.announcements}
                one = Announcement(
                    number=index.next_number,
                    name=_full_name(kind, name or carrier, taken),
                    kind=kind,
                    language=language,
                    carrier=carrier,
                    source=source,
                    added=dt.datetime.now(dt.UTC).replace(microsecond=0),
                    file=f"{index.next_number:06d}.wav",
                )
                index.next_number += 1
                index.announcements.append(one)
                known.append((one, print_))
                added.append((one, samples))
            for one, samples in added:
                write_clip(self.clip_file(one), samples)
            self._write(index)
        return [one for one, _ in added]

    def remove(self, name: str) -> Announcement:
        """Know one no more."""
        with self._locked():
            gone = self.get(name)
            index = self._read()
            index.announcements = [one for one in index.announcements if one.number != gone.number]
            self._write(index)
            self.clip_file(gone).unlink(missing_ok=True)
        return gone

    def rename(self, name: str, kind: AnnouncementClass, new_name: str = "", carrier: str | None = None) -> Announcement:
        """Give it another meaning or name."""
        with self._locked():
            old = self.get(name)
            index = self._read()
            others = {one.name for one in index.announcements if one.number != old.number}
            carrier = old.carrier if carrier is None else carrier
            new = old.model_copy(update={"kind": kind, "carrier": carrier, "name": _full_name(kind, new_name or carrier, others)})
            index.announcements = [new if one.number == old.number else one for one in index.announcements]
            self._write(index)
        return new

    def import_folder(
        self, source: Path, kind: AnnouncementClass | None = None, language: str = "", carrier: str = ""
    ) -> list[Announcement]:
        """Know all clips of a folder, all or none: one that :meth:`export_folder` wrote, or any with names that speak of a class.

        Recordings that are known already are passed over.

        Raises:
            AnnouncementError: Nothing to import, a clip cannot be read, or a file name tells no class and *kind* is None.
        """
        if not source.is_dir():
            raise AnnouncementError(f"{source}: no such folder")
        known = [(one, fingerprint(self.samples(one))) for one in self.entries()]
        found: list[tuple[Samples, AnnouncementClass, str, str, str, str]] = []
        described = _read_index(source / "index.json").announcements if (source / "index.json").is_file() else None
        if described is not None:
            for one in described:
                samples = read_clip(source / "clips" / one.file)
                suffix = one.name.partition(":")[2]
                found.append((samples, kind or one.kind, suffix, one.language, one.carrier, one.source or str(source / one.file)))
        else:
            files = sorted(path for path in source.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
            told = {path: kind or class_of(path.stem) for path in files}
            guessed = {path: one for path, one in told.items() if one is not None}
            lost = [path.name for path in files if path not in guessed]
            if lost:
                raise AnnouncementError(
                    f"{source}: the names of {', '.join(lost[:5])}{' ...' if len(lost) > 5 else ''} tell no class; give --class, or "
                    f"put one of {', '.join(AnnouncementClass)} or its Chinese term into each name"
                )
            found = [(samples, guessed[path], path.stem, language, carrier, path.name) for path, samples in _read_all(files)]
        if not found:
            raise AnnouncementError(f"{source}: no clips in it; audio files end in {', '.join(AUDIO_SUFFIXES)}")
        fresh = [clip for clip in found if _same(fingerprint(clip[0]), known) is None]
        return self.add_all(fresh) if fresh else []

    def export_folder(self, target: Path) -> int:
        """Write all announcements with their index into a new or empty folder. Returns how many."""
        known = self.entries()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise AnnouncementError(f"{target}: is there already and not empty; name a new folder")
        (target / "clips").mkdir(parents=True)
        for one in known:
            shutil.copyfile(self.clip_file(one), target / "clips" / one.file)
        index = self._read()
        (target / "index.json").write_text(index.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return len(known)

    # -- the folder -----------------------------------------------------------------------------------------------------------------

    def _read(self) -> _Index:
        return _read_index(self._index_file) if self._index_file.exists() else _Index()

    def _write(self, index: _Index) -> None:
        _replace(self._index_file, (index.model_dump_json(indent=1) + "\n").encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self.folder):
            yield


def _read_index(path: Path) -> _Index:
    try:
        index = _Index.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AnnouncementError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AnnouncementError(
            f"{path}: {place + ': ' if place else ''}{first['msg']}; restore it from a copy, or remove it to start afresh"
        ) from None
    if index.format != FORMAT:
        raise AnnouncementError(f"{path}: format {index.format!r}, and only {FORMAT!r} is known")
    return index


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the folder meanwhile; the folder is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise AnnouncementError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the new one, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def replace_json(path: Path, data: Any) -> None:
    """Write JSON so that the file is the old one or the new one."""
    _replace(path, (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode())


def read_clip(path: Path) -> Samples:
    """A clip at 8 kHz. AnnouncementError when it cannot be used."""
    from offhook_drivers.audio import ClipError, load_clip

    try:
        return load_clip(path).samples
    except ClipError as error:
        raise AnnouncementError(str(error)) from None


def _read_all(files: Sequence[Path]) -> list[tuple[Path, Samples]]:
    """Clips that can be known. AnnouncementError names all that cannot, so that a folder is mended in one go."""
    read: list[tuple[Path, Samples]] = []
    wrong: list[str] = []
    for path in files:
        try:
            samples = read_clip(path)
            _checked(samples, str(path))
        except AnnouncementError as error:
            wrong.append(str(error))
        else:
            read.append((path, samples))
    if wrong:
        more = f"\nand {len(wrong) - 20} more" if len(wrong) > 20 else ""
        raise AnnouncementError("\n".join(wrong[:20]) + more + "\nnothing was imported: mend these files or take them out")
    return read


def write_clip(path: Path, samples: Samples) -> None:
    """Samples as an A-law WAV file."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    soundfile.write(draft, samples, RATE, format="WAV", subtype="ALAW")
    draft.replace(path)


def _checked(samples: Samples, what: str) -> Fingerprint:
    """The clip's fingerprint, if it is of any use."""
    seconds = len(samples) / RATE
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise AnnouncementError(
            f"{what}: {seconds:.1f} s long; an announcement has {SHORTEST_S:g} to {LONGEST_S:g} s: cut or record it again"
        )
    print_ = fingerprint(samples)
    if int(np.bitwise_count(print_.sure).sum()) < 240:
        raise AnnouncementError(f"{what}: nothing in it can be recognised (silence, or a steady tone); record it again")
    return print_


def _same(print_: Fingerprint, known: Sequence[tuple[Announcement, Fingerprint]]) -> Announcement | None:
    """The announcement that is the same recording: alike, as long, and from the same place on."""
    for one, other in known:
        like = compare(print_, other)
        if like.same and abs(like.offset) <= 25 and abs(len(print_.bits) - len(other.bits)) <= 25:
            return one
    return None


def _full_name(kind: AnnouncementClass, name: str, taken: set[str]) -> str:
    """``class`` or ``class:suffix``, not yet taken."""
    head, colon, tail = name.partition(":")
    if colon and head != kind.value:
        raise AnnouncementError(f"'{name}' says class {head}, and the class is {kind.value}")
    suffix = "-".join((tail if colon else name).split())
    full = f"{kind.value}:{suffix}" if suffix and suffix != kind.value else kind.value
    count, candidate = 2, full
    while candidate in taken:
        candidate = f"{full}{'-' if ':' in full else ':'}{count}"
        count += 1
    return candidate


def _some(names: Sequence[str]) -> str:
    if not names:
        return "there is none yet: offhook announce import"
    return f"there are {', '.join(names[:10])}{f' and {len(names) - 10} more' if len(names) > 10 else ''}"
