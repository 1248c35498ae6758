"""The core as Python holds it: one handle, orders going in, events coming out on the running loop."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from offhook_core._native import ffi, lib
from offhook_core.answer import model_name
from offhook_core.blocks import FRAME_SAMPLES, Block, view_of
from offhook_core.enums import Detect, Law, Layout, Profile, Valid
from offhook_core.errors import CoreError, check, named
from offhook_core.events import Event, decode
from offhook_core.library import Library
from offhook_core.plan_choice import PlanLike, resolve
from offhook_core.tone_plan import TonePlan

if TYPE_CHECKING:
    from offhook_core.answer import AnswerSettings

_BATCH = 256  # events taken from the ring at once
_RETRIES = 6  # a full order queue is tried again this often ...
_RETRY_S = 0.005  # ... this far apart: together more than one tick of 20 ms


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters of a core; see ``oh_stats`` in the header.

    Args:
        ticks: Run so far.
        late_ticks: Ticks that began after the next one was due.
        events: Raised.
        overruns: Events dropped because the ring was full.
        lost_blocks: Channel blocks that were not good.
        tick_ns_sum: Time spent in ticks.
        tick_ns_max: The longest tick.
        tick_log2_ns: Histogram: bucket k counts ticks of 2**k to 2**(k+1) ns.
        channels: Of the core.
        state_bytes_per_channel: Without prompts and rings.
    """

    ticks: int
    late_ticks: int
    events: int
    overruns: int
    lost_blocks: int
    tick_ns_sum: int
    tick_ns_max: int
    tick_log2_ns: tuple[int, ...]
    channels: int
    state_bytes_per_channel: int


@dataclass(frozen=True, slots=True)
class Marks:
    """How the frames of a kept call came: what is needed to hear it again exactly as it was.

    Args:
        first: Number of the first kept frame in the call; 0 when all of it was kept.
        frames: One octet a frame: :class:`Valid` in the low bits, and :attr:`ARMED` and :attr:`ANSWERED`.
    """

    ARMED: ClassVar[int] = lib.OH_CAPTURED_ARMED
    ANSWERED: ClassVar[int] = lib.OH_CAPTURED_ANSWERED

    first: int
    frames: NDArray[np.uint8]


class Engine:
    """Owns one ``oh_core``.

    The thread that made it, normally that of the event loop, is control and poller; audio is fed by the media thread of
    :meth:`start`, by :meth:`run` in virtual time, or by :meth:`tick`.

    Args:
        channels: B-channels fed together, 240 on an eight-span card.
        plan: Tone plan that a channel has unless :meth:`reset` names another: a built-in name, ``"auto"`` and its kin, a TOML file, or a
            plan; see :func:`offhook_core.plan_choice.resolve`.
        law: ``"alaw"``, ``"ulaw"`` or ``"linear"``: coding of rx, tx and prompts.
        layout: ``"channel"`` or ``"timeslot"``: order of the samples in a frame.
        ring_events: Capacity of the event ring; 0 takes 16 a channel and at least 1024.

    Raises:
        ValueError: A value is out of range or unknown; the message lists the allowed ones.
        CoreError: The core could not be allocated.
    """

    def __init__(
        self, channels: int, plan: PlanLike = "cn", law: str | Law = "alaw", layout: str | Layout = "channel", ring_events: int = 0
    ) -> None:
        self._ptr: Any = ffi.NULL
        if not 1 <= channels <= lib.OH_MAX_CHANNELS:
            raise ValueError(f"channels must be 1 to {lib.OH_MAX_CHANNELS}, not {channels}")
        if not 0 <= ring_events <= 1 << 24:
            raise ValueError(f"ring_events must be 0 to {1 << 24}, not {ring_events}")
        self.channels = channels
        self.law = named(Law, law, "law")
        self.layout = named(Layout, layout, "layout")
        self.model = ""  # first digits of the answer model's SHA-256, empty for the built-in one
        self._plans: dict[PlanLike, TonePlan] = {}  # every plan that a channel may look at; the core reads their memory
        self.plan = self._plan(plan)
        config = ffi.new("oh_config *")
        config.channels = channels
        config.law = self.law
        config.layout = self.layout
        config.plan = self.plan.pointer
        config.ring_events = ring_events
        ptr = lib.oh_core_new(config)
        if ptr == ffi.NULL:
            raise CoreError(f"oh_core_new({channels} channels): {os.strerror(ffi.errno)}")
        self._ptr = ffi.gc(ptr, lib.oh_core_free)  # the net; close() is the way out
        self._batch = ffi.new("oh_event[]", _BATCH)
        self._octets = memoryview(ffi.buffer(self._batch))
        self._event_bytes = ffi.sizeof("oh_event")
        self._marks = [ffi.new("uint8_t[1]", [mark]) for mark in Valid]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threaded = False
        self._dtype = np.dtype(np.int16 if self.law is Law.LINEAR else np.uint8)
        self._library: Library | None = None
        self._captured = np.zeros(0, self._dtype)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and the media thread, and give everything back. Closing twice is allowed."""
        self.unlisten()
        if self._ptr != ffi.NULL:
            ptr, self._ptr = self._ptr, ffi.NULL
            ffi.release(ptr)

    @property
    def _core(self) -> Any:
        if self._ptr == ffi.NULL:
            raise CoreError("the engine is closed")
        return self._ptr

    # -- orders -------------------------------------------------------------------------------------------------------------------

    def _order(self, call: Callable[..., int], *args: Any) -> None:
        """Give an order. A full queue is tried again for 30 ms while a media thread runs, which empties it every 20 ms.

        Raises:
            CoreError: The queue stayed full, or the core refused.
        """
        core = self._core
        status = call(core, *args)
        tries = _RETRIES if self._threaded else 0
        while status == -errno.EAGAIN and tries:
            tries -= 1
            time.sleep(_RETRY_S)
            status = call(core, *args)
        if status == -errno.EAGAIN:
            raise CoreError("the core's order queue is full: too many orders between two ticks, or no tick is running")
        check(status, f"{call.__name__}{args}")

    def _check_channel(self, channel: int) -> None:
        if not 0 <= channel < self.channels:
            raise ValueError(f"channel must be 0 to {self.channels - 1}, not {channel}")

    def _plan(self, which: PlanLike) -> TonePlan:
        found = self._plans.get(which)
        if found is None:
            found = self._plans[which] = resolve(which)
        return found

    @staticmethod
    def _check_detectors(detectors: int) -> int:
        every = sum(Detect)
        if not 0 <= detectors <= every:
            raise ValueError(f"detectors must be bits of Detect within {int(every):#x}, not {detectors:#x}")
        return int(detectors)

    def reset(self, channel: int, detectors: int | Detect = Profile.PRE_ANSWER, plan: PlanLike | None = None) -> None:
        """Start a call on the channel: time 0, these detectors fresh, nothing playing, not bridged.

        Args:
            channel: B-channel.
            detectors: What to arm, see :class:`Profile`.
            plan: Tone plan of this call, None for the engine's own. The engine keeps it until it is closed; a file is read once.
        """
        self._check_channel(channel)
        pointer = ffi.NULL if plan is None else self._plan(plan).pointer
        self._order(lib.oh_core_reset, channel, pointer, self._check_detectors(detectors))

    def arm(self, channel: int, detectors: int | Detect) -> None:
        """Arm exactly these detectors; those that stay armed keep their state."""
        self._check_channel(channel)
        self._order(lib.oh_core_arm, channel, self._check_detectors(detectors))

    def answered(self, channel: int) -> None:
        """The call was answered now: the answer analysis counts from here."""
        self._check_channel(channel)
        self._order(lib.oh_core_answered, channel)

    def answer_settings(self, channel: int, settings: AnswerSettings) -> None:
        """Decide who answered by these settings on the channel, until others are given; a reset does not change them.

        Raises:
            CoreError: A value is out of range.
        """
        self._check_channel(channel)
        self._order(lib.oh_core_answer_settings, channel, settings.to_c())

    def answer_model(self, model: bytes) -> None:
        """Use another answer model than the built-in one, before the first tick.

        Raises:
            ValueError: This is no model file of this version, it is damaged, or ticks have run.
        """
        if lib.oh_core_answer_model(self._core, model, len(model)):
            raise ValueError("no model of the answer analysis (`offhook amd train` makes one), of another version, or ticks have run")
        self.model = model_name(model)

    def play(self, channel: int, prompt: int, loop: bool = False, gain_db: float = 0.0, token: int = 0) -> None:
        """Play a prompt from its first sample, replacing what plays.

        Args:
            channel: B-channel.
            prompt: Number from :meth:`add_prompt`.
            loop: Start again at its end until stopped.
            gain_db: -60 to 60; 0 plays it bit-exact.
            token: 0 to 2**32 - 1; comes back as ``value`` of the ``prompt_done`` event, which a prompt that loops, is stopped or
                replaced does not raise.
        """
        self._check_channel(channel)
        if not -60.0 <= gain_db <= 60.0:
            raise ValueError(f"gain_db must be -60 to 60, not {gain_db}")
        if not 0 <= token < 1 << 32:
            raise ValueError(f"token must be 0 to {(1 << 32) - 1}, not {token}")
        if not 0 <= prompt < lib.OH_MAX_PROMPTS:
            raise ValueError(f"prompt must be a number that add_prompt() gave, not {prompt}")
        self._order(lib.oh_core_play, channel, prompt, loop, round(gain_db * 100), token)

    def stop_play(self, channel: int) -> None:
        """Fall silent."""
        self._check_channel(channel)
        self._order(lib.oh_core_stop_play, channel)

    def bridge(self, a: int, b: int | None) -> None:
        """Join what two channels hear and say until either is reset or joined elsewhere; *b* None parts *a*."""
        self._check_channel(a)
        if b is not None:
            self._check_channel(b)
            if a == b:
                raise ValueError(f"channel {a} cannot be bridged to itself")
        self._order(lib.oh_core_bridge, a, -1 if b is None else b)

    def add_prompt(self, audio: Block) -> int:
        """Copy a prompt into the core.

        Args:
            audio: Octets in the engine's law, or 16-bit samples when the law is linear; one dimension.

        Returns:
            Its number for :meth:`play`.
        """
        if view_of(audio).ndim != 1:
            raise ValueError(f"a prompt must have one dimension, not {view_of(audio).ndim}")
        samples = self._samples(audio, "a prompt")
        if samples.size == 0:
            raise ValueError("a prompt must have at least one sample")
        return check(lib.oh_core_prompt_add(self._core, ffi.from_buffer(samples), samples.size), f"add_prompt({samples.size} samples)")

    def drop_prompt(self, prompt: int) -> None:
        """Give a prompt's memory back.

        Raises:
            CoreError: A channel plays it or is about to, or there is no such prompt.
        """
        check(lib.oh_core_prompt_drop(self._core, prompt), f"drop_prompt({prompt})")

    def _samples(self, audio: Block, what: str) -> NDArray[Any]:
        view = view_of(audio)
        octets = view.format in ("B", "c", "b")
        if (octets and self._dtype.itemsize != 1) or (not octets and (view.format != "h" or self._dtype.itemsize != 2)):
            raise TypeError(
                f"{what} for law {self.law.name.lower()!r} must be {'int16 samples' if self._dtype.itemsize == 2 else 'octets (uint8)'}, "
                f"not items of format {view.format!r}"
            )
        return np.ascontiguousarray(np.asarray(view)).view(self._dtype).reshape(-1)

    # -- announcements ------------------------------------------------------------------------------------------------------------

    def library(self, library: Library | None) -> None:
        """Know these announcements from the next tick on; None for none. The library may be given up at once, the core keeps it."""
        self._order(lib.oh_core_library, ffi.NULL if library is None else library.pointer)
        self._library = library

    def capture(self, ms: int) -> None:
        """Keep the newest *ms* of what each channel receives while ``Detect.ANNOUNCE`` is armed. Before the first order and tick.

        Raises:
            ValueError: Not 0 to 60000.
            CoreError: Too late, or no memory.
        """
        if not 0 <= ms <= 60000:
            raise ValueError(f"capture must be 0 to 60000 ms, not {ms}")
        check(lib.oh_core_capture(self._core, ms), f"capture({ms} ms); it must come before the first order")
        self._captured = np.zeros((ms + 19) // 20 * FRAME_SAMPLES, self._dtype)

    def captured(self, channel: int) -> NDArray[Any] | None:
        """What was kept of the last call on the channel, oldest sample first, in the engine's law.

        None while the call goes on: until ``Detect.ANNOUNCE`` is disarmed and a tick has run.

        Raises:
            CoreError: Nothing is kept, see :meth:`capture`.
        """
        self._check_channel(channel)
        count = lib.oh_core_captured(self._core, channel, ffi.from_buffer(self._captured), self._captured.size)
        if count == -errno.EAGAIN:
            return None
        return self._captured[: check(count, f"captured({channel})")].copy()

    def captured_marks(self, channel: int) -> Marks | None:
        """How each frame of :meth:`captured` came. None while the call goes on.

        Raises:
            CoreError: Nothing is kept.
        """
        self._check_channel(channel)
        marks = np.zeros(max(1, self._captured.size // FRAME_SAMPLES), np.uint8)
        first = ffi.new("uint32_t *")
        count = lib.oh_core_captured_marks(self._core, channel, ffi.from_buffer("uint8_t[]", marks), marks.size, first)
        if count == -errno.EAGAIN:
            return None
        return Marks(first[0], marks[: check(count, f"captured_marks({channel})")])

    # -- ticks --------------------------------------------------------------------------------------------------------------------

    def tick(self, rx: Block, valid: Block | None = None) -> NDArray[Any]:
        """Run one 20 ms tick by hand, for tests and tools. Not while a media thread runs.

        Args:
            rx: ``channels * 160`` samples in the engine's law and layout.
            valid: One octet of :class:`Valid` per channel, None for all good.

        Returns:
            What is to be sent: shape ``(channels, 160)``, or ``(160, channels)`` in timeslot layout.
        """
        if self._threaded:
            raise CoreError("tick() while the media thread runs: stop() it first")
        frame = self._samples(rx, "rx")
        if frame.size != self.channels * FRAME_SAMPLES:
            raise ValueError(f"rx must hold {self.channels} x {FRAME_SAMPLES} samples, not {frame.size}")
        marks = ffi.NULL
        if valid is not None:
            marks_array = np.ascontiguousarray(np.asarray(view_of(valid)).view(np.uint8))
            if marks_array.size != self.channels:
                raise ValueError(f"valid must hold {self.channels} octets, not {marks_array.size}")
            marks = ffi.from_buffer("uint8_t[]", marks_array)
        shape = (FRAME_SAMPLES, self.channels) if self.layout is Layout.TIMESLOT else (self.channels, FRAME_SAMPLES)
        tx = np.empty(shape, self._dtype)
        check(lib.oh_core_tick(self._core, ffi.from_buffer(frame), marks, ffi.from_buffer(tx), 0), "tick")
        return tx

    def answer_view(self, channel: int) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Probabilities of each :class:`Answer`, and the numbers that the model was shown, after the last tick run by hand.

        None before the answer. Not while a media thread runs.
        """
        self._check_channel(channel)
        p, shown = np.zeros(lib.OH_ANSWER_COUNT, np.float32), np.zeros(lib.OH_ANSWER_FEATURES, np.float32)
        view = lib.oh_core_answer_view(self._core, channel, ffi.from_buffer("float[]", p), ffi.from_buffer("float[]", shown))
        return (p, shown) if check(view, "answer_view") else None

    def hear(self, frame: NDArray[np.int16], mark: Valid) -> list[Event]:
        """Run one tick of an engine of one linear channel and take what it raised; sends nothing. For :class:`CallAnalyzer`."""
        raised = lib.oh_core_tick(self._core, ffi.from_buffer(frame), self._marks[mark], ffi.NULL, 0)
        return self.poll(raised) if raised else []

    def start(self, media: int, fifo_priority: int = 0) -> None:
        """Start the media thread.

        Args:
            media: Address of the driver's ``oh_media``; must outlive the run.
            fifo_priority: SCHED_FIFO 1 to 99; 0, or a system that refuses it, gives normal priority.

        Raises:
            CoreError: One runs already, the driver does not open, or its channels, law or layout are not the engine's.
        """
        if not 0 <= fifo_priority <= 99:
            raise ValueError(f"fifo_priority must be 0 to 99, not {fifo_priority}")
        self._media_status(lib.oh_core_start(self._core, ffi.cast("oh_media *", media), fifo_priority), "start")
        self._threaded = True

    def run(self, media: int, max_ticks: int) -> int:
        """Virtual time: run up to *max_ticks* ticks of a driver here, ending early after a tick that raised events.

        Returns:
            Ticks run; 0 when the driver has no more for now.

        Raises:
            CoreError: The driver failed, is one of real time, or its channels, law or layout are not the engine's.
        """
        if max_ticks < 0:
            raise ValueError(f"max_ticks must be 0 or more, not {max_ticks}")
        return self._media_status(lib.oh_core_run(self._core, ffi.cast("oh_media *", media), max_ticks), "run")

    def _media_status(self, status: int, call: str) -> int:
        if status == -errno.EINVAL:
            raise CoreError(
                f"{call}: the driver does not fit: the engine has {self.channels} channels, law {self.law.name.lower()!r}, "
                f"layout {self.layout.name.lower()!r}, start() follows a clock and run() wants virtual time"
            )
        return check(status, call)

    def stop(self) -> None:
        """End the media thread or the virtual run and close the driver. Does nothing when none runs.

        Raises:
            CoreError: The driver had failed before.
        """
        self._threaded = False
        status = lib.oh_core_stop(self._core)
        if status != -errno.ESRCH:
            check(status, "the media thread ended by itself")

    @property
    def running(self) -> bool:
        """A driver is open and has not failed."""
        return bool(lib.oh_core_running(self._core) == 1)

    # -- events -------------------------------------------------------------------------------------------------------------------

    @property
    def event_fd(self) -> int:
        """Readable while events wait; belongs to the core."""
        return int(lib.oh_core_event_fd(self._core))

    def poll(self, max_events: int = _BATCH) -> list[Event]:
        """Take up to *max_events* events, oldest first; an empty list arms the file descriptor again."""
        events: list[Event] = []
        while len(events) < max_events:
            wanted = min(_BATCH, max_events - len(events))
            count = check(lib.oh_core_poll(self._core, self._batch, wanted), "poll")
            events += decode(self._octets[: count * self._event_bytes])
            if count < wanted:
                break
        if self._library is not None:
            return [self._library.named(event) for event in events]
        return events

    def listen(self, on_event: Callable[[Event], None]) -> None:
        """Call *on_event* in the running loop for every event, in order.

        An exception of *on_event* goes to the loop's exception handler and the next event is delivered all the same. When the media
        thread ends by itself, the handler gets a :class:`CoreError`.

        Raises:
            CoreError: The engine listens already.
        """
        if self._loop is not None:
            raise CoreError("listen(): the engine has a listener already")
        fd = self.event_fd
        loop = asyncio.get_running_loop()
        loop.add_reader(fd, self._drain, loop, on_event)
        self._loop = loop

    def unlisten(self) -> None:
        """Stop calling; events wait in the ring."""
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self.event_fd)

    def _drain(self, loop: asyncio.AbstractEventLoop, on_event: Callable[[Event], None]) -> None:
        while self._loop is loop:
            count = check(lib.oh_core_poll(self._core, self._batch, _BATCH), "poll")
            if count == 0:
                self._report_end(loop)
                return
            # A copy: the listener itself may poll. Decoded one by one, so that the first is not kept waiting by the last.
            for event in decode(bytes(self._octets[: count * self._event_bytes])):
                try:
                    on_event(event if self._library is None else self._library.named(event))
                except Exception as error:
                    loop.call_exception_handler({"message": f"listener failed on {event}", "exception": error})

    def _report_end(self, loop: asyncio.AbstractEventLoop) -> None:
        status = lib.oh_core_running(self._core)
        if status < 0 and self._threaded:
            self._threaded = False
            error = CoreError(f"the media thread ended by itself: {os.strerror(-status)}")
            loop.call_exception_handler({"message": str(error), "exception": error})

    def stats(self) -> Stats:
        """A snapshot of the counters."""
        raw = ffi.new("oh_stats *")
        lib.oh_core_stats(self._core, raw)
        return Stats(
            ticks=raw.ticks,
            late_ticks=raw.late_ticks,
            events=raw.events,
            overruns=raw.overruns,
            lost_blocks=raw.lost_blocks,
            tick_ns_sum=raw.tick_ns_sum,
            tick_ns_max=raw.tick_ns_max,
            tick_log2_ns=tuple(raw.tick_log2_ns),
            channels=raw.channels,
            state_bytes_per_channel=raw.state_bytes_per_channel,
        )
