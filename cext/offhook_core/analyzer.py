"""One call's audio in, events out: the core for recordings, tools and other programs' audio."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from offhook_core import timeslots
from offhook_core.blocks import FRAME_SAMPLES, Block, view_of
from offhook_core.engine import Engine
from offhook_core.enums import Detect, Law, Profile, Valid
from offhook_core.errors import named
from offhook_core.events import Event
from offhook_core.library import Library
from offhook_core.plan_choice import PlanLike
from offhook_core.tone_plan import TonePlan

if TYPE_CHECKING:
    from offhook_core.answer import AnswerSettings

_LOST = np.zeros(FRAME_SAMPLES, np.int16)


class CallAnalyzer:
    """Hears one call.

    Audio may come in blocks of any length; the events do not depend on how it is split. The core works in frames of 20 ms: what
    :meth:`answered` and :meth:`lost` say holds from the frame that contains the current sample.

    Args:
        plan: Tone plan: a built-in name such as ``"cn"``, ``"auto"``, ``"auto:europe"``, ``"auto:cn,us,gb"``, a TOML file, or a plan; see
            :func:`offhook_core.plan_choice.resolve`.
        law: ``"alaw"`` or ``"ulaw"`` for octets, ``"linear"`` when only 16-bit samples come.
        detectors: What to arm, see :class:`Profile`.
        answer: When to decide who answered, see :class:`offhook_core.answer.AnswerSettings`; None for the preset ``balanced``.
        library: Announcements to be known, None for none.
        model: A model file's octets (`offhook amd train`), None for the built-in answer model.

    Raises:
        ValueError: The plan or law is unknown; the message lists the known ones.
    """

    def __init__(
        self,
        plan: PlanLike = "cn",
        law: str | Law = "alaw",
        detectors: int | Detect = Profile.ALL,
        answer: AnswerSettings | None = None,
        library: Library | None = None,
        model: bytes | None = None,
    ) -> None:
        self.law = named(Law, law, "law")
        self._detectors = detectors
        self._engine = Engine(1, plan, law=Law.LINEAR)
        if model is not None:
            self._engine.answer_model(model)
        if answer is not None:
            self._engine.answer_settings(0, answer)
        if library is not None:
            self._engine.library(library)
        self.reset()

    def __enter__(self) -> CallAnalyzer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back."""
        self._engine.close()

    def reset(self) -> None:
        """Begin a new call at time 0; audio that waits for the end of its frame is dropped."""
        self._engine.reset(0, self._detectors)
        self._frame = np.zeros(FRAME_SAMPLES, np.int16)  # the frame being filled
        self._filled = 0
        self._missing = 0  # samples of it that were lost
        self._samples = 0

    @property
    def plan(self) -> TonePlan:
        """The tone plan in use; ``Event.row`` counts in its ``tones``."""
        return self._engine.plan

    @property
    def t_ms(self) -> float:
        """How much of the call has been pushed."""
        return self._samples / 8

    def push(self, block: Block) -> list[Event]:
        """Hear the next piece of the call.

        Args:
            block: Octets in the analyzer's law (``bytes``, ``bytearray``, ``memoryview`` or ``uint8`` array) or 16-bit linear samples
                in native byte order (``int16`` array, ``array("h")``), of any length.

        Returns:
            What was decided in the frames that this block completed, in order.

        Raises:
            TypeError: The items are neither octets nor 16-bit samples.
            ValueError: The block has more than one dimension.
        """
        return self._hear(self._linear(block), lost=False)

    def answered(self) -> None:
        """The call was answered at the current sample; holds from the start of the frame that contains it."""
        self._engine.answered(0)

    def lost(self, samples: int) -> list[Event]:
        """Audio of that length never came: time passes, nothing is heard.

        A frame without any audio is marked missing, one with some audio concealed: neither can start a tone.
        """
        if samples < 0:
            raise ValueError(f"samples must be 0 or more, not {samples}")
        events: list[Event] = []
        while samples > 0:
            piece = min(samples, FRAME_SAMPLES)
            events += self._hear(_LOST[:piece], lost=True)
            samples -= piece
        return events

    def flush(self) -> list[Event]:
        """Complete the last, partial frame with silence; the next block begins a new frame."""
        if self._filled == 0:
            return []
        return self._hear(np.zeros(FRAME_SAMPLES - self._filled, np.int16), lost=False)

    def _linear(self, block: Block) -> NDArray[np.int16]:
        try:
            view = view_of(block)
        except TypeError:
            raise TypeError(f"{self._wanted()}, not {type(block).__name__}") from None
        if view.ndim != 1:
            raise ValueError(f"{self._wanted()} of one dimension, not of shape {view.shape}: push one channel at a time")
        if view.format == "h":
            return np.asarray(view)
        if view.format in ("B", "b", "c") and self.law is not Law.LINEAR:
            return timeslots.decode(np.ascontiguousarray(np.asarray(view).view(np.uint8)), self.law)
        kind = block.dtype if isinstance(block, np.ndarray) else f"items of format {view.format!r}"
        raise TypeError(f"{self._wanted()}, not {kind}")

    def _wanted(self) -> str:
        samples = "int16 samples in native byte order"
        return f"push() takes {samples}" if self.law is Law.LINEAR else f"push() takes octets in law {self.law.name.lower()!r} or {samples}"

    def _hear(self, audio: NDArray[np.int16], lost: bool) -> list[Event]:
        events: list[Event] = []
        position = 0
        while position < audio.size:
            count = min(FRAME_SAMPLES - self._filled, audio.size - position)
            self._frame[self._filled : self._filled + count] = audio[position : position + count]
            self._filled += count
            self._missing += count if lost else 0
            self._samples += count
            position += count
            if self._filled == FRAME_SAMPLES:
                events += self._tick()
        return events

    def _tick(self) -> list[Event]:
        mark = Valid.GOOD if self._missing == 0 else Valid.MISSING if self._missing == FRAME_SAMPLES else Valid.CONCEALED
        self._filled = 0
        self._missing = 0
        return self._engine.hear(self._frame, mark)
