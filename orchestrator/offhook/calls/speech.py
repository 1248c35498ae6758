"""What was said on a line, as far as a call keeps count of it: speech before the answer and after it."""

from __future__ import annotations

from dataclasses import dataclass, field

ANNOUNCEMENT_MS = 1200
"""So much speech before any answer is an announcement."""
LATE_ANNOUNCEMENT_MS = 1800
"""And so much after one may be."""


@dataclass(slots=True)
class Span:
    """Speech from its first word to its last; times are ms since the line was seized."""

    from_ms: int | None = None
    to_ms: int = 0  # end of the last utterance that ended
    spoken_ms: int = 0  # without the pauses


@dataclass(slots=True)
class Speech:
    """Speech of one call."""

    on: bool = False
    early: Span = field(default_factory=Span)
    late: Span = field(default_factory=Span)
    _onset_ms: int = 0

    @property
    def since_ms(self) -> int | None:
        """When the utterance that is on began; None while nobody speaks."""
        return self._onset_ms if self.on else None

    def began(self, onset_ms: int, answered: bool) -> None:
        """An utterance began at *onset_ms*."""
        self.on = True
        self._onset_ms = onset_ms
        span = self.late if answered else self.early
        if span.from_ms is None:
            span.from_ms = onset_ms

    def ended(self, end_ms: int, answered: bool) -> None:
        """It ended at *end_ms*."""
        self.on = False
        span = self.late if answered else self.early
        span.to_ms = end_ms
        span.spoken_ms += end_ms - self._onset_ms

    def announcement(self, answered: bool, now_ms: int) -> tuple[int, int] | None:
        """From and to, if it was long enough to be one; what is still on lasts until *now_ms*."""
        span = self.late if answered else self.early
        to_ms = now_ms if self.on else span.to_ms
        least_ms = LATE_ANNOUNCEMENT_MS if answered else ANNOUNCEMENT_MS
        return None if span.from_ms is None or to_ms - span.from_ms < least_ms else (span.from_ms, to_ms)
