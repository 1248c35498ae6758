"""Announcements that nobody has named yet: recordings of the same one are put together, and those that come again are shown.

A clip of the call is compared with one clip of each cluster; the fingerprints agree or they do not, there is nothing to tune. The store is
bounded: of the clusters that were heard once, the oldest goes first.

::

    announcements/unknown/index.json      clusters: id, count, first and last heard, causes
    announcements/unknown/c000007.wav     the clip that stands for the cluster
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offhook.announce.classes import AnnouncementClass
from offhook.announce.store import (
    LONGEST_S,
    RATE,
    Announcement,
    AnnouncementError,
    AnnouncementStore,
    Samples,
    locked,
    read_clip,
    replace_json,
    write_clip,
)
from offhook_core.library import Fingerprint, compare, fingerprint

MOST_CLUSTERS = 300
LEAST_S = 1.2
"""Shorter clips are not kept."""
LEAST_BITS = 400
"""A clip with fewer sure bits holds too little speech."""
PAUSE_FRAMES = 30
"""So many quiet frames of 20 ms part one playing from the next."""
SHOWN_FROM = 2
"""So often a cluster must have been heard to be listed without asking for all."""


class Cluster(BaseModel):
    """One unknown announcement.

    Attributes:
        id: ``c`` and a number.
        count: Calls that it was heard in.
        first: When it was heard first.
        last: And last.
        causes: How often each Q.850 cause came with it: a hint for whoever names it.
        before_answer: How many of the calls had not been answered.
        seconds: Length of the clip.
    """

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^c[0-9]{6,10}$")]
    count: int = Field(1, ge=1)
    first: dt.datetime
    last: dt.datetime
    causes: dict[int, int] = {}
    before_answer: int = 0
    seconds: float = 0


class _Index(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: str = "offhook-unknown/1"
    next_number: int = 1
    clusters: list[Cluster] = []


class UnknownStore:
    """The clusters, beside the known announcements.

    Args:
        store: The known announcements.
        most: Clusters kept.
    """

    def __init__(self, store: AnnouncementStore, most: int = MOST_CLUSTERS) -> None:
        self.store = store
        self.folder = store.folder / "unknown"
        self._most = most
        self._prints: dict[str, Fingerprint] = {}

    def entries(self, least: int = 1) -> list[Cluster]:
        """Clusters heard at least so often, the most frequent first."""
        found = [one for one in self._read().clusters if one.count >= least]
        return sorted(found, key=lambda one: (-one.count, one.id))

    def get(self, cluster: str) -> Cluster:
        """One by its id. AnnouncementError when there is none."""
        found = self.entries()
        for one in found:
            if one.id == cluster:
                return one
        known = ", ".join(one.id for one in found[:10])
        raise AnnouncementError(f"no unknown announcement '{cluster}'; {'there are ' + known if known else 'there is none'}")

    def clip_file(self, cluster: Cluster) -> Path:
        """Where its clip lies."""
        return self.folder / f"{cluster.id}.wav"

    def add(self, samples: Samples, at: dt.datetime, cause: int = 0, answered: bool = False) -> Cluster | None:
        """A call's unmatched announcement. Takes some ten ms: not for the event loop's thread.

        Args:
            samples: 8 kHz, from the beginning of the speech to its end.
            at: When it was heard.
            cause: Q.850 cause of the call, 0 when none came.
            answered: It was heard after the answer.

        Returns:
            Its cluster; None when the clip holds too little to be told from others.
        """
        samples = longest_stretch(samples)
        if len(samples) < LEAST_S * RATE:
            return None
        print_ = fingerprint(samples)
        if int(np.bitwise_count(print_.sure).sum()) < LEAST_BITS:
            return None
        with locked(self.folder):
            index = self._read()
            cluster = self._alike(index, print_)
            if cluster is None:
                cluster = Cluster(id=f"c{index.next_number:06d}", first=at, last=at, seconds=round(len(samples) / RATE, 1))
                index.next_number += 1
                index.clusters.append(cluster)
                write_clip(self.clip_file(cluster), samples)
                self._prints[cluster.id] = print_
            else:
                cluster.count += 1
                cluster.last = at
                if len(samples) > (cluster.seconds + 0.5) * RATE:  # more of it was heard this time
                    write_clip(self.clip_file(cluster), samples)
                    cluster.seconds = round(len(samples) / RATE, 1)
                    self._prints[cluster.id] = print_
            cluster.causes = dict(Counter(cluster.causes) + Counter({cause: 1}))
            cluster.before_answer += not answered
            self._prune(index, cluster)
            self._write(index)
        return cluster

    def name(self, cluster: str, kind: AnnouncementClass, name: str = "", language: str = "", carrier: str = "") -> Announcement:
        """Make it a known announcement of this class; the cluster is gone."""
        found = self.get(cluster)
        added = self.store.add(
            read_clip(self.clip_file(found)), kind, name, language, carrier, f"cluster {found.id}, heard {found.count} times"
        )
        self.drop(cluster)
        return added

    def merge(self, cluster: str, other: str) -> Cluster:
        """Count *other* to *cluster*: a person heard that they are the same. The longer clip stays; *other* is gone.

        Raises:
            AnnouncementError: One of them is not there, or both are the same.
        """
        with locked(self.folder):
            if cluster == other:
                raise AnnouncementError(f"'{cluster}' cannot be merged with itself")
            self.get(cluster), self.get(other)
            index = self._read()
            by_id = {one.id: one for one in index.clusters}
            into, gone = by_id[cluster], by_id[other]
            into.count += gone.count
            into.first, into.last = min(into.first, gone.first), max(into.last, gone.last)
            into.causes = dict(Counter(into.causes) + Counter(gone.causes))
            into.before_answer += gone.before_answer
            if gone.seconds > into.seconds:
                write_clip(self.clip_file(into), read_clip(self.clip_file(gone)))
                into.seconds = gone.seconds
            index.clusters.remove(gone)
            self._write(index)
            self.clip_file(gone).unlink(missing_ok=True)
            for one in (cluster, other):
                self._prints.pop(one, None)
        return into

    def drop(self, cluster: str) -> None:
        """Forget a cluster."""
        with locked(self.folder):
            found = self.get(cluster)
            index = self._read()
            index.clusters = [one for one in index.clusters if one.id != found.id]
            self._write(index)
            self.clip_file(found).unlink(missing_ok=True)
            self._prints.pop(found.id, None)

    def _alike(self, index: _Index, print_: Fingerprint) -> Cluster | None:
        best, best_agree = None, 0.0
        for cluster in index.clusters:
            known = self._prints.get(cluster.id)
            if known is None:
                try:
                    known = self._prints[cluster.id] = fingerprint(read_clip(self.clip_file(cluster)))
                except AnnouncementError:
                    continue  # its clip is gone; the cluster goes with age
            like = compare(print_, known)
            overlap = min(len(print_.bits), len(known.bits) - like.offset) - max(0, -like.offset)
            if like.same and like.agree > best_agree and overlap * 2 >= min(len(print_.bits), len(known.bits)):
                best, best_agree = cluster, like.agree
        return best

    def _prune(self, index: _Index, keep: Cluster) -> None:
        while len(index.clusters) > self._most:
            gone = min((one for one in index.clusters if one.id != keep.id), key=lambda one: (one.count > 1, one.last))
            index.clusters.remove(gone)
            self.clip_file(gone).unlink(missing_ok=True)
            self._prints.pop(gone.id, None)

    def _read(self) -> _Index:
        path = self.folder / "index.json"
        if not path.exists():
            return _Index()
        try:
            return _Index.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise AnnouncementError(f"{path}: cannot be read ({str(error).splitlines()[0]}); remove it to start afresh") from None

    def _write(self, index: _Index) -> None:
        replace_json(self.folder / "index.json", index.model_dump(mode="json"))


def longest_stretch(samples: Samples) -> Samples:
    """The longest stretch without a pause of 0.6 s: one playing of an announcement that is repeated with pauses of any length."""
    frames = samples[: len(samples) // 160 * 160].astype(np.float64).reshape(-1, 160)
    if len(frames) == 0:
        return samples[:0]
    power = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(power > max(np.percentile(power, 95) * 10**-2.5, 100.0))
    if loud.size == 0:
        return samples[:0]
    cuts = np.flatnonzero(np.diff(loud) > PAUSE_FRAMES)
    firsts, lasts = loud[np.append(0, cuts + 1)], loud[np.append(cuts, loud.size - 1)]
    longest = int(np.argmax(lasts - firsts))
    return samples[firsts[longest] * 160 : (lasts[longest] + 1) * 160][-int(LONGEST_S * RATE) :]
