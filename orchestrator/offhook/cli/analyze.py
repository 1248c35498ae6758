"""``offhook analyze``: what the core hears in recordings."""

from __future__ import annotations

from array import array
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json
from offhook.cli.recordings import RATE, read_recording

if TYPE_CHECKING:
    from offhook_core import CallAnalyzer, Event


AFTER_S = 6.0
"""Silence after a recording that ends before its answer is judged: longer than every preset waits."""


class LawName(StrEnum):
    """Laws of a headerless file."""

    ALAW = "alaw"
    ULAW = "ulaw"


def analyze(
    files: Annotated[list[Path], typer.Argument(help="Recordings: 8 kHz mono, one call each.", metavar="FILE...", show_default=False)],
    plan: Annotated[
        str, typer.Option(help="Tone plan: a name, see offhook tones list; auto, auto:europe, auto:cn,us,gb; or a TOML file.")
    ] = "cn",
    law: Annotated[LawName, typer.Option(help="Law of headerless .raw files.")] = LawName.ALAW,
    answered_ms: Annotated[
        float | None, typer.Option(min=0, help="When the call was answered, ms into the recording; none: never.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Answer model written by offhook amd train; none: the built-in one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is heard in recordings: tones, announcements, speech, answers, keys."""
    want_json(as_json)
    from offhook_core import CallAnalyzer

    try:
        analyzer = CallAnalyzer(plan, law.value, model=None if model is None else model.read_bytes())
    except OSError as wrong:
        raise CommandError(f"--model {model}: {wrong.strerror}; offhook amd train writes one", Exit.USAGE) from None
    except ValueError as wrong:
        raise CommandError(str(wrong), Exit.USAGE) from None
    told: list[dict[str, Any]] = []
    bad = 0
    with analyzer:
        for path in files:
            try:
                samples = read_recording(path, law.value)
            except CommandError as wrong:
                bad += 1
                remark(f"offhook: {wrong}")
                told.append({"file": str(path), "plan": plan, "error": str(wrong)})
                continue
            events = hear(analyzer, samples, answered_ms)
            seconds = samples.size / RATE
            if answered_ms is not None and answered_ms >= seconds * 1000:
                remark(
                    f"offhook: {path}: ends after {seconds * 1000:.0f} ms, before --answered-ms {answered_ms:.0f}: heard as never answered"
                )
            if as_json:
                told.append({"file": str(path), "plan": plan, "seconds": round(seconds, 3), "events": [as_dict(event) for event in events]})
            else:
                _print(path, seconds, events)
    if as_json:
        tell({"files": told, "bad": bad})
    if bad:
        raise SystemExit(int(Exit.BAD_INPUT))


def hear(analyzer: CallAnalyzer, samples: Any, answered_ms: float | None) -> list[Event]:
    """All events of one call, from its first sample to its last.

    Where the recording ends before it was judged who answered, the line is silent until that is judged; of what is heard then only the
    verdict is told, later than the recording's end.
    """
    analyzer.reset()
    answer = samples.size if answered_ms is None else min(samples.size, round(answered_ms * RATE / 1000))
    events = analyzer.push(samples[:answer]) if answer else []
    if answered_ms is not None and answer < samples.size:
        analyzer.answered()
        events += analyzer.push(samples[answer:])
    events += analyzer.flush()
    if answered_ms is not None and answer < samples.size:
        silence = array("h", bytes(2 * RATE // 50))
        left = round(AFTER_S * 50)
        while left and not any(event.name == "answer" for event in events):
            events += [event for event in analyzer.push(silence) if event.name == "answer"]
            left -= 1
    return events


def as_dict(event: Event) -> dict[str, Any]:
    """An event for ``--json``; times in ms since the beginning of the recording."""
    return {
        "t_ms": event.t_ms,
        "onset_ms": event.onset_ms,
        "name": event.name,
        "detail": event.detail,
        "level_dbm0": event.level_dbm0,
        "freq_hz": list(event.freq_hz),
        "p": event.p,
        "provisional": event.provisional,
        "cleared": event.cleared,
        "margin_db": event.margin_db,
        "cadence_ms": list(event.cadence_ms),
        "value": event.value,
        "row": event.row,
    }


def _print(path: Path, seconds: float, events: list[Event]) -> None:
    print(f"{path}  {seconds:.2f} s  {len(events)} events")
    rows = [
        (
            f"{event.t_ms / 1000:.2f}",
            f"{event.onset_ms / 1000:.2f}",
            event.name,
            event.detail + (" (early)" if event.provisional else "") + (" (over)" if event.cleared else ""),
            f"{event.level_dbm0:.1f}" if event.level_dbm0 else "",
            " ".join(f"{hz:.0f}" for hz in event.freq_hz),
            " ".join(str(ms) for ms in event.cadence_ms),
            f"{event.p:.2f}" if event.p else "",
        )
        for event in events
    ]
    if rows:
        print_rows(("s", "from", "heard", "detail", "dBm0", "Hz", "on/off ms", "p"), rows, right=("s", "from", "dBm0", "p"))
    print()
