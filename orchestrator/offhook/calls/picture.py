"""A call as a picture: waveform, spectrogram, what was heard and signalled, the probabilities over time, and the verdict.

Needs matplotlib (``pip install 'offhook[plots]'``).
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.calls.recordings import RATE, Kept
from offhook.calls.replay import Heard
from offhook.errors import OffhookError
from offhook.messages import CallFact, CallRecord
from offhook_core import Answer, EventKind

WINDOW = 256
HOP = 80
_LANES = ("signalling", "tone", "speech", "announcement", "answer", "we did")
_RED, _BLUE, _GREEN, _OCHRE, _VIOLET, _GREY = "#b5483a", "#3a7ab5", "#2e8b57", "#b8860b", "#8a4fb0", "#444444"
_COLOURS = dict(zip(_LANES, (_GREY, _RED, _BLUE, _VIOLET, _GREEN, _OCHRE), strict=True))
_CURVES = {Answer.PERSON: _GREEN, Answer.MACHINE: _RED, Answer.IVR: _OCHRE, Answer.ANNOUNCEMENT: _VIOLET, Answer.FAX: _GREY}


class PictureError(OffhookError):
    """The picture cannot be drawn or written."""


def draw(path: Path, kept: Kept, heard: Heard, record: CallRecord) -> None:
    """Write the picture of a call as PNG, or what else *path* ends with (.svg, .pdf).

    Raises:
        PictureError: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PictureError("pictures need matplotlib: pip install 'offhook[plots]'") from None
    figure = Figure(figsize=(12, 8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panes = figure.subplots(4, 1, sharex=True, height_ratios=(1.1, 2, 1.7, 1.3))
    first_s = kept.marks.first * 0.02
    samples = kept.linear
    end_s = samples.size / RATE
    panes[0].set_xlim(0, end_s)
    _wave(panes[0], samples)
    _spectrogram(panes[1], samples)
    _lanes(panes[2], heard, record, first_s)
    _curves(panes[3], heard, kept)
    for pane in panes:
        pane.set_xlim(0, end_s)
        if kept.answered_frame is not None:
            pane.axvline(kept.answered_frame * 0.02, color="black", linewidth=0.8, linestyle="--")
    figure.suptitle(title(record), fontsize=9, x=0.01, ha="left")
    panes[3].set_xlabel(f"s since the line was seized{f' + {first_s:.1f}' if first_s else ''}; dashed: the answer")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: cannot be written: {error}") from None


def title(record: CallRecord) -> str:
    """The result, which call it was (without its number, so that the picture may be shown), and the settings that were in force."""
    sure = "" if record.probability is None else f" {record.probability:.0%}"
    cause = "" if record.cause is None else f", cause {record.cause} by {record.ended_by}"
    call = "   ".join(part for part in (record.id, record.campaign, f"{record.started:%Y-%m-%d %H:%M:%S} UTC") if part)
    settings = " ".join(fact.detail for fact in record.evidence if fact.kind == "setting")
    return "\n".join((f"{record.disposition}{sure}   rule {record.rule}{cause}", call, *textwrap.wrap(settings, 150)))


def _wave(pane: Any, samples: NDArray[np.int16]) -> None:
    """The envelope: lowest and highest sample of each 10 ms."""
    whole = samples[: samples.size // 80 * 80].reshape(-1, 80) / 32768
    t = (np.arange(len(whole)) + 0.5) * 0.01
    pane.fill_between(t, whole.min(axis=1), whole.max(axis=1), color="#3a7ab5", linewidth=0)
    top = max(0.05, 1.1 * float(np.abs(whole).max(initial=0.0)))
    pane.set_ylabel("of full scale")
    pane.set_ylim(-top, top)


def spectrogram(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Level in dB of 128 bands up to 4 kHz, one column each 10 ms."""
    count = max(0, (samples.size - WINDOW) // HOP + 1)
    if not count:
        return np.full((WINDOW // 2, 1), -120.0)
    pieces = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) / 32768, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(pieces * np.hanning(WINDOW), axis=1)[:, : WINDOW // 2]) ** 2
    return np.asarray(10 * np.log10(power.T + 1e-9), np.float64)


def _spectrogram(pane: Any, samples: NDArray[np.int16]) -> None:
    image = spectrogram(samples)
    extent = (WINDOW / 2 / RATE - HOP / 2 / RATE, image.shape[1] * HOP / RATE + WINDOW / 2 / RATE, 0, RATE / 2000)
    pane.imshow(image, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-60, vmax=25, interpolation="nearest")
    pane.set_ylabel("kHz")


def _lanes(pane: Any, heard: Heard, record: CallRecord, first_s: float) -> None:
    """One lane for each sort of event; what lasts is a bar, what happens is a mark."""
    pane.set_ylim(-0.6, len(_LANES) - 0.4)
    pane.set_yticks(range(len(_LANES)), _LANES, fontsize=8)
    pane.invert_yaxis()
    last: dict[str, float] = {}
    for event in heard.events:
        lane = _lane(event.kind)
        if lane is None or event.provisional:
            continue
        name = event.detail or event.name
        if event.kind == EventKind.ANSWER:
            name = f"{event.detail} {event.p:.0%}"
        elif event.name == "dtmf":
            name = f"dtmf {event.detail}"
        if event.kind in (EventKind.SPEECH_END, EventKind.TONE_END, EventKind.MUSIC_END):
            _bar(pane, lane, event.onset_ms / 1000, event.value / 1000)
        else:
            _mark(pane, lane, event.t_ms / 1000, name if event.kind != EventKind.SPEECH else "", last)
    for fact in record.evidence:
        if fact.detail == f"rule {record.rule}":
            continue  # the result stands in the title
        lane = {"signal": "signalling", "did": "we did", "verdict": "answer"}.get(fact.kind)
        if lane is not None:
            _mark(pane, lane, fact.t_ms / 1000 - first_s, _words(fact), last)


def _words(fact: CallFact) -> str:
    if fact.kind == "verdict":
        return f"→ {fact.name}"
    return f"{fact.name} {fact.value:.0f}" if fact.kind == "signal" and fact.value is not None else fact.name


def _lane(kind: EventKind) -> str | None:
    match kind:
        case EventKind.TONE | EventKind.TONE_END | EventKind.LINE | EventKind.LOST:
            return "tone"
        case EventKind.SPEECH | EventKind.SPEECH_END | EventKind.MUSIC | EventKind.MUSIC_END:
            return "speech"
        case EventKind.ANNOUNCEMENT:
            return "announcement"
        case EventKind.ANSWER:
            return "answer"
        case _:
            return None


def _bar(pane: Any, lane: str, from_s: float, seconds: float) -> None:
    pane.broken_barh([(from_s, seconds)], (_LANES.index(lane) - 0.3, 0.6), color=_COLOURS[lane], alpha=0.35)


def _mark(pane: Any, lane: str, at_s: float, text: str, last: dict[str, float]) -> None:
    row = _LANES.index(lane)
    pane.plot([at_s], [row], marker="|", markersize=6, color=_COLOURS[lane])
    if text:
        below = at_s - last.get(lane, -9.0) < 1.2  # two close ones: the second is written a bit lower
        at_end = at_s > 0.9 * pane.get_xlim()[1]
        place = {"xytext": (-2 if at_end else 2, -9 if below else 3.5), "ha": "right" if at_end else "left"}
        pane.annotate(text, (at_s, row), textcoords="offset points", fontsize=7, color=_COLOURS[lane], **place)
        last[lane] = -9.0 if below else at_s


def _curves(pane: Any, heard: Heard, kept: Kept) -> None:
    pane.set_ylim(0, 1.02)
    pane.set_ylabel("probability")
    if kept.answered_frame is None:
        pane.text(0.01, 0.5, "not answered: no answer analysis", transform=pane.transAxes, fontsize=8)
        return
    t = np.arange(len(heard.p)) * 0.02
    after = np.arange(len(heard.p)) >= kept.answered_frame
    for answer, colour in _CURVES.items():
        curve = heard.p[:, answer]
        if curve.max(initial=0.0) > 0.05:
            pane.plot(t[after], curve[after], color=colour, linewidth=1.2, label=answer.name.lower())
    if pane.lines:
        pane.legend(loc="upper left", fontsize=7, ncols=5, frameon=False)
