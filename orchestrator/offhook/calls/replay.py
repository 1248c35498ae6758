"""A recording heard again: the same samples through the same core and the same rules, with the same or with other settings.

The core is fed frame by frame as it was; what it says goes, with the signalling that was kept, to the same
:class:`offhook.calls.call.Call` that decided then, in virtual time. With the same settings the events are the same, bit for bit, and
so is the result.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.calls.answer import core_settings
from offhook.calls.call import Call
from offhook.calls.prompts import Prompt
from offhook.calls.recordings import Kept
from offhook.clock import loop_clock, run_virtual
from offhook.messages import AnswerHandling, CallFact, CallRecord, CampaignSpec
from offhook.store import Lead
from offhook_core import FRAME_SAMPLES, Engine, Event, EventKind, Library, Marks, Profile, TonePlan
from offhook_core.answer import CLASSES, FEATURES
from offhook_drivers.contract import Answered, Cause, Cleared, Party, Proceeding, Progress, Ringing, Stamp

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
AFTER_S = 0.2
"""A plain recording's call is cleared so long after its end."""
FRAME_S = 0.02
LONGEST_S = 3 * 3600.0
"""No call lasts longer, ringing and all: one that does is a fault of ours."""
PROMPT_MS = 5000
"""Length of the prompt of a plain recording's call."""
_NOT_SETTINGS = frozenset({"offhook", "isa", "library", "plan", "model", "prompt", "message", "keys"})


@dataclass(frozen=True, slots=True)
class Given:
    """Settings to hear and judge by.

    Args:
        spec: Of the campaign; its fields for answers and times count.
        plan: Tone plan.
        library: Known announcements, None for none.
        prompt_ms: Length of the prompt, None without one.
        message_ms: Of the message.
        model: Answer model's octets, None for the built-in one.
        changed: What differs from the settings that were in force, as ``key=value`` words.
    """

    spec: CampaignSpec
    plan: str | TonePlan = "cn"
    library: Library | None = None
    prompt_ms: int | None = PROMPT_MS
    message_ms: int | None = PROMPT_MS
    model: bytes | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What the core made of a recording.

    Args:
        events: In order.
        frames: Frame in which each was raised; what ended before may be told later.
        p: Probabilities of each ``Answer``, one row a frame; zero before the answer.
        features: What the model was shown, one row a frame; zero before the answer.
    """

    events: list[Event]
    frames: list[int]
    p: NDArray[np.float32]
    features: NDArray[np.float32]

    @property
    def digest(self) -> str:
        """Of all events, to compare runs: equal events, equal digest."""
        text = "\n".join(repr(event) for event in self.events)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A call judged again."""

    given: Given
    heard: Heard
    record: CallRecord


def words_of(kept: Kept) -> dict[str, str]:
    """The settings that were in force, by name."""
    return dict(word.split("=", 1) for word in kept.in_force.split() if "=" in word)


def campaign_words(kept: Kept) -> list[str]:
    """Those of them that are fields of the campaign, as ``key=value``."""
    return [f"{key}={value}" for key, value in words_of(kept).items() if key not in _NOT_SETTINGS]


def hear(kept: Kept, plan: str | TonePlan, library: Library | None, answer: AnswerHandling, model: bytes | None = None) -> Heard:
    """Through the core, as it was: arming and answer where they were, missing frames missing."""
    with Engine(1, plan, law=kept.law) as engine:
        if library is not None:
            engine.library(library)
        if model is not None:
            engine.answer_model(model)
        engine.answer_settings(0, core_settings(answer))
        engine.reset(0, Profile.PRE_ANSWER)
        frames = kept.audio.reshape(-1, FRAME_SAMPLES)
        events: list[Event] = []
        raised: list[int] = []
        p, features = np.zeros((len(frames), CLASSES), np.float32), np.zeros((len(frames), FEATURES), np.float32)
        for at, (frame, mark) in enumerate(zip(frames, kept.marks.frames.tolist(), strict=True)):
            if mark & Marks.ARMED:
                engine.arm(0, Profile.ANSWERED)
            if mark & Marks.ANSWERED:
                engine.answered(0)
            engine.tick(np.ascontiguousarray(frame), bytes([mark & 3]))
            events += engine.poll()
            raised += [at] * (len(events) - len(raised))
            now = engine.answer_view(0)
            if now is not None:
                p[at], features[at] = now
        return Heard(events, raised, p, features)


def replay(kept: Kept, given: Given, cause: int = Cause.NORMAL_CLEARING) -> Replayed:
    """Hear it and judge it. *cause*: with which a plain recording's call is cleared at its end."""
    heard = hear(kept, given.plan, given.library, given.spec.answer, given.model)
    return Replayed(given, heard, judge(kept, heard, given, cause))


def judge(kept: Kept, heard: Heard, given: Given, cause: int = Cause.NORMAL_CLEARING) -> CallRecord:
    """What the call becomes of these events and the kept signalling."""

    async def main() -> CallRecord:
        line = _DeafLine(given)
        lead = Lead(0, kept.call or "replay", "", "", "", "", (), "", 0, _history(kept))
        prompt, message = (None if ms is None else Prompt(f"{ms} ms", ms, 0) for ms in (given.prompt_ms, given.message_ms))
        call = Call(given.spec, lead, "", 0, 0, line, loop_clock(), prompt, message, lambda _: None)
        line.call = call
        call.begin()
        loop = asyncio.get_running_loop()
        offset_ms = kept.marks.first * 20
        for t_ms, signal in _signals(kept, offset_ms, cause):
            loop.call_at(t_ms / 1000, _tell, call, signal, t_ms)
        for fact in kept.evidence:
            if fact.kind == "did" and fact.name == "cancel":
                loop.call_at(max(0, fact.t_ms - offset_ms) / 1000, call.cancel, fact.detail)
        for frame, pairs in itertools.groupby(zip(heard.frames, heard.events, strict=True), key=lambda pair: pair[0]):
            loop.call_at((frame + 1) * FRAME_S, _hear_all, call, [event for _, event in pairs])
        async with asyncio.timeout(LONGEST_S):
            await call.done
        return call.record()

    return run_virtual(main(), START)


def variants(sweeps: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Every combination of the values, as ``key=value`` words."""
    keys = list(sweeps)
    return [tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True)) for values in itertools.product(*sweeps.values())]


def same_as_kept(kept: Kept, record: CallRecord) -> bool | None:
    """Was the same heard as then, line by line? None for a plain recording, or one whose beginning was not kept."""
    if not kept.call or kept.marks.first:
        return None
    return [fact for fact in kept.evidence if fact.kind == "heard"] == [fact for fact in record.evidence if fact.kind == "heard"]


def _history(kept: Kept) -> dict[str, int]:
    """What the result knew of earlier calls: enough to find the same signs again."""
    signs = {fact.name for fact in kept.evidence if fact.kind == "sign"}
    return {what: 1 for sign, what in (("vacant_before", "suspect_vacant"), ("reached_before", "machine")) if sign in signs}


Signal = Proceeding | Progress | Ringing | Answered | Cleared


def _signals(kept: Kept, offset_ms: int, cause: int) -> list[tuple[int, Callable[[str, Stamp], Signal]]]:
    """The signalling as kept; of a plain recording, what it must have been. Times are from the first frame that was kept."""
    end_ms = len(kept.marks.frames) * 20
    if not kept.call:
        made: list[tuple[int, Callable[[str, Stamp], Signal]]] = [(0, lambda call, at: Proceeding(at, 0, call))]
        if kept.answered_frame is not None:
            made.append((kept.answered_frame * 20, lambda call, at: Answered(at, 0, call)))
        made.append((end_ms + round(AFTER_S * 1000), lambda call, at: Cleared(at, 0, call, cause, 0, Party.NETWORK)))
        return made
    theirs = [fact for fact in kept.evidence if fact.kind == "signal" and fact.detail != f"by {Party.US}"]  # ours is ours to repeat or not
    found = [(max(0, fact.t_ms - offset_ms), _signal(fact)) for fact in theirs]
    if not any(fact.name == "cleared" for fact in theirs):  # with other settings the call may last longer than what was kept
        found.append((end_ms + round(AFTER_S * 1000), lambda call, at: Cleared(at, 0, call, Cause.NORMAL_CLEARING, 0, Party.US)))
    return found


def _signal(fact: CallFact) -> Callable[[str, Stamp], Signal]:
    value = None if fact.value is None else int(fact.value)
    match fact.name:
        case "proceeding":
            return lambda call, at: Proceeding(at, 0, call)
        case "progress":
            return lambda call, at: Progress(at, 0, call, fact.detail == "inband", value)
        case "ringing":
            return lambda call, at: Ringing(at, 0, call, True)
        case "answered":
            return lambda call, at: Answered(at, 0, call)
        case _:
            who = next((one for one in Party if fact.detail == f"by {one}"), Party.NETWORK)
            return lambda call, at: Cleared(at, 0, call, value or 0, 0, who)


def _tell(call: Call, signal: Callable[[str, Stamp], Signal], t_ms: int) -> None:
    if not call.done.done():
        call.on_signal(signal(call.id, Stamp(t_ms / 1000)))


def _hear_all(call: Call, events: Sequence[Event]) -> None:
    for event in events:
        if event.kind != EventKind.PROMPT_DONE:
            call.on_sound(event)


class _DeafLine:
    """The line of a call that is over: orders to it change nothing, and hanging up clears it."""

    audio = True

    def __init__(self, given: Given) -> None:
        self.call: Call

    def hangup(self, cause: int) -> None:
        asyncio.get_running_loop().call_soon(_tell, self.call, lambda call, at: Cleared(at, 0, call, cause, 0, Party.US), self._ms())

    def _ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)

    def answered(self) -> None:
        """Marked in the recording."""

    def play(self, prompt: Prompt, token: int) -> None:
        asyncio.get_running_loop().call_later(prompt.duration_ms / 1000, self.call.prompt_done, token)

    def stop_play(self) -> None:
        """Nothing plays."""
