"""Answer analysis from Python: settings, model files, and many recordings heard at once for training and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook_core import plans
from offhook_core._native import ffi, lib
from offhook_core.blocks import FRAME_SAMPLES
from offhook_core.enums import Law, Profile
from offhook_core.errors import CoreError, check
from offhook_core.events import Event, decode

FEATURES: int = lib.OH_ANSWER_FEATURES
"""Numbers that the model is shown every 20 ms."""
FEATURE_NAMES = (
    *("level", "change", "loud", "tone", "voiced", "pitch"),  # of the frame
    *(f"{what}_{span}" for what in ("level", "change", "voiced", "tone", "pitch") for span in ("0.1s", "0.7s")),
    *("since_answer_s", "onset_s", "since_onset_s", "utterance_s", "quiet_s", "utterances", "spoken_s", "pause_s", "first_s", "last_s"),
    *("tone_share", "change_mean", "pitch_spread", "clear_share", "pitch_end", "change_spread"),
)
"""Their names: of the frame, of its last 0.1 and 0.7 s, then of the call so far; core/src/answer.c and answer_net.h say what they are."""
CLASSES: int = lib.OH_ANSWER_COUNT
"""Values of :class:`offhook_core.Answer`."""
PRESETS = ("balanced", "careful", "fast", "rules")
_BATCH = 512


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """When the analysis decides and for what. Costs have one unit of the user's choice.

    Args:
        method: 0 the model with costs, 1 the field's rules.
        cost_person: Of a person who is taken for a machine and lost.
        cost_machine: Of a machine that is taken for a person.
        cost_second: Of one more second without a verdict.
        person_share: Of those who answer and speak, how many are people.
        wait_ms: Latest verdict after the end of the first greeting, 200 to 2000.
        total_ms: Latest verdict after the answer once somebody has been speaking for a second.
        silence_ms: Nothing heard for so long: the verdict is silence.
        threshold_cdbm0: Rules: quieter is silence.
        initial_silence_ms: Rules: so much silence before any word is a machine.
        greeting_ms: Rules: more speech than this is a machine.
        after_greeting_ms: Rules: so much silence after speech is a person.
        total_analysis_ms: Rules: no verdict by then is "unknown".
        min_word_ms: Rules: shorter sounds are no words.
        between_words_ms: Rules: so much silence ends a word.
        max_word_ms: Rules: a longer word is a machine.
        max_words: Rules: more words are a machine.
    """

    method: int
    cost_person: float
    cost_machine: float
    cost_second: float
    person_share: float
    wait_ms: int
    total_ms: int
    silence_ms: int
    threshold_cdbm0: int
    initial_silence_ms: int
    greeting_ms: int
    after_greeting_ms: int
    total_analysis_ms: int
    min_word_ms: int
    between_words_ms: int
    max_word_ms: int
    max_words: int

    @classmethod
    def preset(cls, name: str = "balanced", **changes: float) -> AnswerSettings:
        """The named settings, with *changes*.

        Raises:
            ValueError: There is no preset or field of that name; the message lists the known ones.
        """
        found = lib.oh_answer_preset(name.encode())
        if found == ffi.NULL:
            raise ValueError(f"no answer settings named {name!r}: there are {', '.join(PRESETS)}")
        settings = cls(**{field: getattr(found, field) for field in cls.__slots__})
        unknown = set(changes) - set(cls.__slots__)
        if unknown:
            raise ValueError(f"no answer setting {', '.join(sorted(unknown))}: there are {', '.join(cls.__slots__)}")
        whole = {name: int(value) for name, value in changes.items() if cls.__annotations__[name] == "int" and value == int(value)}
        return replace(settings, **{**changes, **whole})  # type: ignore[arg-type]

    def to_c(self) -> Any:
        """An ``oh_answer_settings *``."""
        try:
            return ffi.new("oh_answer_settings *", asdict(self))
        except (OverflowError, TypeError) as error:
            raise ValueError(f"answer settings: {error}") from error


def model_name(model: bytes) -> str:
    """The first digits of a model file's SHA-256: evidence names the model by them."""
    return hashlib.sha256(model).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the analysis made of one recording; row *i* is the state after frame *i*.

    Args:
        features: Shape (frames, :data:`FEATURES`).
        p: Probabilities, shape (frames, :data:`CLASSES`).
        events: Everything that was raised.
        frames: Frame in which each was raised; what ended before may be told later.
    """

    features: NDArray[np.float32]
    p: NDArray[np.float32]
    events: list[Event]
    frames: list[int]


def hear(
    recordings: Sequence[NDArray[np.int16]],
    *,
    answered_ms: int = 0,
    settings: AnswerSettings | None = None,
    model: bytes | None = None,
    plan: str = "us",
    detectors: int = Profile.ANSWERED,
) -> list[Heard]:
    """Hear recordings side by side, as the core would hear that many lines.

    Args:
        recordings: 16 bit linear, 8 kHz; the rest of the last frame is filled with silence.
        answered_ms: When the call was answered.
        settings: None for the preset ``balanced``.
        model: A model file's octets, None for the built-in model.
        plan: Tone plan.
        detectors: What is armed.

    Raises:
        ValueError: The settings or the model are refused.
    """
    heard: list[Heard] = []
    for first in range(0, len(recordings), _BATCH):
        heard += _hear(recordings[first : first + _BATCH], answered_ms, settings, model, plan, int(detectors))
    return heard


def _hear(
    recordings: Sequence[NDArray[np.int16]],
    answered_ms: int,
    settings: AnswerSettings | None,
    model: bytes | None,
    plan: str,
    detectors: int,
) -> list[Heard]:
    count = len(recordings)
    lengths = [-(-len(x) // FRAME_SAMPLES) for x in recordings]
    frames = max(lengths)
    audio = np.zeros((frames, count, FRAME_SAMPLES), np.int16)
    for i, x in enumerate(recordings):
        flat = np.zeros(frames * FRAME_SAMPLES, np.int16)
        flat[: len(x)] = x
        audio[:, i] = flat.reshape(frames, FRAME_SAMPLES)
    config = ffi.new("oh_config *")
    config.channels = count
    config.law = Law.LINEAR
    config.plan = plans.find(plan)
    config.ring_events = max(1024, 64 * count)
    core = lib.oh_core_new(config)
    if core == ffi.NULL:
        raise CoreError(f"oh_core_new({count} channels)")
    try:
        if model is not None and lib.oh_core_answer_model(core, model, len(model)):
            raise ValueError("this is no model of the answer analysis, or it was made by another version")
        for channel in range(count):
            check(lib.oh_core_reset(core, channel, ffi.NULL, detectors), "reset")
            if settings is not None and lib.oh_core_answer_settings(core, channel, settings.to_c()):
                raise ValueError(f"answer settings out of range: {settings}")
        features = np.zeros((count, frames, FEATURES), np.float32)
        p = np.zeros((count, frames, CLASSES), np.float32)
        at_features = ffi.from_buffer("float[]", features)
        at_p = ffi.from_buffer("float[]", p)
        batch = ffi.new("oh_event[]", 4096)
        found: list[Event] = []
        raised: list[int] = []
        start = answered_ms // 20
        for frame in range(frames):
            if frame == start:
                for channel in range(count):
                    check(lib.oh_core_answered(core, channel), "answered")
            check(lib.oh_core_tick(core, ffi.from_buffer(audio[frame]), ffi.NULL, ffi.NULL, 0), "tick")
            for channel in range(count):
                at = channel * frames + frame
                lib.oh_core_answer_view(core, channel, at_p + at * CLASSES, at_features + at * FEATURES)
            while taken := lib.oh_core_poll(core, batch, 4096):
                found += decode(bytes(ffi.buffer(batch, taken * ffi.sizeof("oh_event"))))
                raised += [frame] * (len(found) - len(raised))
    finally:
        lib.oh_core_free(core)
    by_channel: list[tuple[list[Event], list[int]]] = [([], []) for _ in range(count)]
    for event, frame in zip(found, raised, strict=True):
        events, frames_of = by_channel[event.channel]
        events.append(event)
        frames_of.append(frame)
    return [Heard(features[i, : lengths[i]], p[i, : lengths[i]], *by_channel[i]) for i in range(count)]
