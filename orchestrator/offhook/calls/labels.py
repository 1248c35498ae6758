"""What calls really were, as agents and other programs say: stored with the call, and exported as recordings to train with."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from pydantic import Field
from sqlalchemy import Connection, insert, select

from offhook.calls.recordings import RATE, Kept, RecordingError, Recordings, read
from offhook.calls.truth import Truth
from offhook.errors import OffhookError
from offhook.said import Asked, Told
from offhook.store import Store
from offhook.store.models import CallRow, LabelRow

LEAST_S = 0.5
"""Less audio after the answer teaches nothing."""


MANIFEST = {Truth.PERSON: "human", Truth.FAX: "tones"}
"""Words of a training manifest that differ from ours."""


class NewLabel(Asked):
    """What a call really was."""

    call: str = Field(min_length=1, max_length=36, description="The call's id.")
    truth: Truth = Field(description="Who or what it was.")
    source: str = Field("", max_length=63, description="Who says so: an agent's name, a program.")
    note: str = Field("", max_length=500, description="In words.")


class Label(Told):
    """A stored label."""

    call: str
    truth: Truth
    source: str
    note: str
    at: dt.datetime


async def add_label(store: Store, label: NewLabel, at: dt.datetime) -> Label:
    """Store it; the newest label of a call counts. OffhookError when there is no such call."""

    def work(connection: Connection) -> bool:
        if connection.execute(select(CallRow.id).where(CallRow.id == label.call)).scalar() is None:
            return False
        row = {"call_id": label.call, "truth": label.truth.value, "source": label.source, "note": label.note}
        connection.execute(insert(LabelRow).values(at_ms=round(at.timestamp() * 1000), **row))
        return True

    if not await store.work(work):
        raise OffhookError(f"no call '{label.call}'; nothing was stored")
    return Label(**label.model_dump(), at=at)


async def labels_of(store: Store, call_id: str | None = None) -> list[Label]:
    """Labels of one call, or of all, the oldest first."""

    def work(connection: Connection) -> list[Label]:
        query = select(LabelRow.call_id, LabelRow.truth, LabelRow.source, LabelRow.note, LabelRow.at_ms).order_by(LabelRow.id)
        rows = connection.execute(query if call_id is None else query.where(LabelRow.call_id == call_id))
        return [
            Label(call=r[0], truth=Truth(r[1]), source=r[2], note=r[3], at=dt.datetime.fromtimestamp(r[4] / 1000, dt.UTC)) for r in rows
        ]

    return await store.read(work)


async def numbers_of(store: Store, calls: Sequence[str]) -> dict[str, str]:
    """Number dialled of each call."""

    def work(connection: Connection) -> dict[str, str]:
        found: dict[str, str] = {}
        for first in range(0, len(calls), 500):
            query = select(CallRow.id, CallRow.dialled).where(CallRow.id.in_(calls[first : first + 500]))
            found |= {row[0]: row[1] for row in connection.execute(query)}
        return found

    return await store.read(work)


class Exported(Told):
    """What :func:`export` wrote."""

    manifest: str
    written: int
    without_audio: int = Field(description="Labelled calls whose recording was not kept.")
    without_answer: int = Field(description="Whose recording holds too little after an answer.")


def export(folder: Path, labels: Sequence[Label], recordings: Recordings, numbers: dict[str, str]) -> Exported:
    """Write the labelled calls, from the answer on, as WAV files and a manifest for ``offhook amd train``.

    All calls of one number have one ``voice`` and one ``source``, a digest that does not tell the number, so that nobody is trained and
    tested on. Not for the event loop's thread.

    Raises:
        OffhookError: The folder cannot be written.
    """
    newest = {label.call: label for label in labels}
    rows: list[dict[str, str]] = []
    silent = missing = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for call, label in newest.items():
            try:
                kept = read(recordings.file(call))
            except RecordingError:
                missing += 1
                continue
            samples = _from_answer(kept)
            if samples.size < LEAST_S * RATE:
                silent += 1
                continue
            name = f"{call}.wav"
            soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
            callee = hashlib.sha256(numbers.get(call, call).encode()).hexdigest()[:12]
            truth = MANIFEST.get(label.truth, label.truth.value)
            rows.append({"path": name, "label": truth, "source": f"calls:{callee}", "voice": callee, "note": label.note})
        manifest = folder / "manifest.csv"
        with manifest.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("path", "label", "source", "voice", "note"))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise OffhookError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return Exported(manifest=str(manifest), written=len(rows), without_audio=missing, without_answer=silent)


def _from_answer(kept: Kept) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    at = kept.answered_frame
    return kept.linear[:0] if at is None else kept.linear[at * 160 :]
