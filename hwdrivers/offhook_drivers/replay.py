"""Recordings as channels: what a real line once gave comes again, octet for octet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from .audio import Clip, load_clip
from .callees import Act, Answers, CallPlan, Clears, Proceeds, Progresses, Sound, Step
from .callees import Path as LinePath
from .contract import Cause, Dial, Location
from .planned import CHANNELS_PER_SPAN, PlannedDriver

if TYPE_CHECKING:
    from .softcard import SoftCard

MAX_CHANNELS = 960
TAIL_S = 0.06  # three ticks, so that the last sample is heard before the call is cleared


class Recording(BaseModel):
    """One audio file and the signalling that goes with it; times in ms from the start of the file, which begins with the call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    proceeding_ms: int = Field(default=0, ge=0)
    answered_ms: int | None = Field(default=None, ge=0)  # None: never answered
    cause: int = Field(default=Cause.NORMAL_CLEARING, ge=1, le=127)  # at the end of the file


class Replay(PlannedDriver):
    """Plays recordings into calls; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        files: Recordings, or paths of files that are never answered. Any rate from 8 to 192 kHz; 8 kHz A-law comes through unchanged.
        pick: ``"channel"``: channel n always plays file n (modulo their number); ``"next"``: every call plays the next file.
        channels: B-channels; None makes one for each file.
        realtime: True: ticks come every 20 ms; False: whenever the core asks for one.

    Raises:
        ValueError: No files, too many channels, or an answer after the end of its file.
        ClipError: A file cannot be used.
    """

    def __init__(
        self,
        files: Sequence[Recording | str | Path],
        *,
        pick: Literal["channel", "next"] = "channel",
        channels: int | None = None,
        realtime: bool = True,
    ) -> None:
        if not files:
            raise ValueError("replay needs at least one recording")
        count = len(files) if channels is None else channels
        if not 1 <= count <= MAX_CHANNELS:
            raise ValueError(f"channels is {count}: choose 1 to {MAX_CHANNELS}")
        self.recordings = [file if isinstance(file, Recording) else Recording(path=Path(file)) for file in files]
        self.pick = pick
        self._played = 0
        self._clips = [load_clip(recording.path) for recording in self.recordings]
        for recording, clip in zip(self.recordings, self._clips, strict=True):
            latest = max(recording.proceeding_ms, recording.answered_ms or 0)
            if latest > clip.seconds * 1000 or (recording.answered_ms is not None and recording.answered_ms < recording.proceeding_ms):
                raise ValueError(
                    f"{recording.path}: lasts {clip.seconds * 1000:.0f} ms; proceeding_ms {recording.proceeding_ms} and answered_ms "
                    f"{recording.answered_ms} must follow each other within it"
                )
        from .softcard import SoftCard

        card: SoftCard = SoftCard(count, CHANNELS_PER_SPAN, realtime=realtime, clips=self._clips)
        super().__init__(count, card)

    @property
    def name(self) -> str:
        """``"replay"``."""
        return "replay"

    def _plan(self, dial: Dial) -> tuple[CallPlan, int]:
        index = (dial.channel if self.pick == "channel" else self._played) % len(self.recordings)
        self._played += 1
        return plan_recording(self.recordings[index], self._clips[index]), self._played


def plan_recording(recording: Recording, clip: Clip) -> CallPlan:
    """The call that *recording* describes."""
    plan = CallPlan(
        behaviour="recording",
        name=recording.path.stem,
        meaning="",
        path=LinePath(),
        media_seed=0,
        plan="",
        answers=recording.answered_ms is not None,
    )
    proceeding_s = recording.proceeding_ms / 1000
    plan.acts = [
        Act(0, sound=Sound((Step(clip.seconds, clip=clip, as_it_is=True),))),
        Act(proceeding_s, Proceeds()),
        Act(0, Progresses(inband=True)),
    ]
    told_s = proceeding_s
    if recording.answered_ms is not None:
        plan.acts.append(Act(recording.answered_ms / 1000 - told_s, Answers()))
        told_s = recording.answered_ms / 1000
    plan.acts.append(Act(clip.seconds - told_s + TAIL_S, Clears(recording.cause, Location.PUBLIC_REMOTE)))
    return plan
