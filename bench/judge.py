"""Hold what a detector said against what was true.

Final events are judged; provisional ones only give a second latency. Within a plan, tones that sound the same count as either
(:func:`bench.plans.accepted`); a tone that comes again after a long pause may be told again; a DTMF key told twice is a false key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.peers import Report
from bench.signals import Case, Signal, Truth
from bench.synth import RATE

GRACE = int(0.6 * RATE)  # a decision may come this long after the tone ended
GRACE_DIGIT = int(0.1 * RATE)


@dataclass(slots=True)
class Verdict:
    """What became of one truth."""

    truth: Truth
    at: int | None = None  # the final decision
    provisional_at: int | None = None
    detail_heard: str = ""
    repeats: int = 0

    @property
    def found(self) -> bool:
        """Heard by the right name while it could still be of use."""
        return self.at is not None

    @property
    def premature(self) -> bool:
        """Decided before anyone could know."""
        return self.at is not None and self.at < self.truth.knowable

    @property
    def late(self) -> bool:
        """Decided after the time that is allowed."""
        return self.at is not None and self.at > self.truth.due > 0

    @property
    def latency_ms(self) -> float:
        """From the onset to the final decision; of a beep from its end."""
        assert self.at is not None
        start = self.truth.end if self.truth.tone == "beep" else self.truth.onset
        return (self.at - start) * 1000 / RATE


@dataclass(slots=True)
class Scored:
    """One case heard by one detector."""

    case: Case
    seconds: float
    speech_seconds: float
    verdicts: list[Verdict]
    false: list[Report] = field(default_factory=list)
    music: int = 0
    speech: int = 0
    faults: tuple[str, ...] = ()


def judge(signal: Signal, reports: Iterable[Report]) -> Scored:
    """Hold the reports of one signal against its truth."""
    verdicts = [Verdict(t) for t in signal.truths]
    scored = Scored(signal.case, signal.seconds, signal.speech_seconds, verdicts, faults=tuple(signal.line.faults))
    for r in sorted(reports, key=lambda r: r.at):
        if r.at > signal.audio.size + RATE // 50:
            continue
        if r.tone in ("music", "speech"):
            setattr(scored, r.tone, getattr(scored, r.tone) + 1)
            continue
        fits = [v for v in scored.verdicts if _fits(v.truth, r)]
        if r.provisional:
            for v in fits[:1]:
                v.provisional_at = r.at if v.provisional_at is None else v.provisional_at
            continue
        fresh = [v for v in fits if not v.found]
        if fresh:
            fresh[0].at, fresh[0].detail_heard = r.at, r.detail
        elif fits and r.tone != "dtmf":
            fits[-1].repeats += not fits[-1].truth.may_repeat and r.tone != "sit_us"
            fits[-1].detail_heard = r.detail or fits[-1].detail_heard
        elif not any(v.truth.optional for v in scored.verdicts):
            scored.false.append(r)
    return scored


def _fits(truth: Truth, r: Report) -> bool:
    grace = GRACE_DIGIT if r.tone == "dtmf" or r.tone.startswith("r2") else GRACE
    if r.tone not in truth.accept or not truth.onset - RATE // 50 <= r.at <= truth.end + grace:
        return False
    return not truth.detail or truth.tone == "sit_us" or r.detail == truth.detail
