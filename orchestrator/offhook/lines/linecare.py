"""Errors of the spans' lines: slips and bad blocks are counted by the card, and told when they become too many.

A span in alarm needs no care from here: its calls end and the span is out of service. Slips and CRC4 errors leave it in service, but each
is a click, a lost key or a broken fax. So a span whose counts grow too fast is in trouble until it has been quiet for a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict

from offhook.clock import Clock
from offhook_drivers.contract import CountsErrors, SpanErrors

WINDOW_S = 60.0
TROUBLE = {"slips": 2, "crc4": 10}
"""So many in a window are trouble. G.822 allows 5 slips a day; of the 60,000 blocks in a minute a sound line loses none for hours."""
NAMES = {"slips": "slip", "crc4": "crc4"}
"""What the trouble is called beside the alarms."""
LINE_ERRORS = {
    # of SpanErrors: (what, what to do)
    "slips": ("timing slips", "take the clock from the carrier: timing 1 in system.conf"),
    "crc4": ("CRC4 errors", "check cable and connectors; framing and CRC4 must be set alike at both ends"),
    "code_violations": ("code violations", "check the cable, and that both ends use HDB3"),
    "framing": ("framing errors", "check the cable; framing must be set alike at both ends"),
    "far_end": ("CRC4 errors at the far end", "the carrier receives us badly: check the transmit pair"),
}


class LineCare:
    """Watches the counts of every span.

    Args:
        driver: Whose spans; one that counts nothing has none.
        spans: How many.
        clock: Time.
        on_trouble: Told when a span gets into trouble: span, kind as in :data:`LINE_ERRORS`, how many in the last minute.
        on_change: Told when the troubles of a span have changed.
    """

    def __init__(
        self, driver: object, spans: int, clock: Clock, on_trouble: Callable[[int, str, int], None], on_change: Callable[[int], None]
    ) -> None:
        self._driver = driver if isinstance(driver, CountsErrors) else None
        self._clock = clock
        self._on_trouble = on_trouble
        self._on_change = on_change
        self._errors = [SpanErrors()] * spans
        self._grown: list[dict[str, deque[tuple[float, int]]]] = [{kind: deque() for kind in TROUBLE} for _ in range(spans)]
        self._troubles: list[tuple[str, ...]] = [()] * spans
        self._begun = False

    def look(self) -> None:
        """Read every span's counts; once a second or so."""
        if self._driver is None:
            return
        now = self._clock.monotonic()
        for span, before in enumerate(self._errors):
            errors = self._driver.errors(span)
            self._errors[span] = errors
            for kind, grown in self._grown[span].items():
                more = getattr(errors, kind) - getattr(before, kind)
                if more > 0 and self._begun:  # what was counted before we came is no news
                    grown.append((now, more))
                while grown and grown[0][0] <= now - WINDOW_S:
                    grown.popleft()
            self._judge(span)
        self._begun = True

    def _judge(self, span: int) -> None:
        counts = {kind: sum(more for _, more in grown) for kind, grown in self._grown[span].items()}
        held = self._troubles[span]  # once in trouble, a span must fall quiet
        troubles = tuple(NAMES[kind] for kind, count in counts.items() if count >= TROUBLE[kind] or (count and NAMES[kind] in held))
        if troubles == held:
            return
        self._troubles[span] = troubles
        for kind, count in counts.items():
            if NAMES[kind] in troubles and NAMES[kind] not in held:
                self._on_trouble(span, kind, count)
        self._on_change(span)

    def troubles(self, span: int) -> tuple[str, ...]:
        """What is wrong with a span's line now: ``slip``, ``crc4``."""
        return self._troubles[span]

    def errors(self, span: int) -> dict[str, int]:
        """What a span has counted so far, by kind; empty where nothing is."""
        return asdict(self._errors[span]) if self._driver is not None else {}
