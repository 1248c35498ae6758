"""Can the node dial? A pure function of what it knows."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.messages import Health


def judge(store_away: str, media_ended: bool, down: Sequence[int], spans: int, reconciled: bool) -> tuple[Health, str]:
    """Health, and what is wrong in words.

    Args:
        store_away: Why the database is away, empty while it is there.
        media_ended: The media thread has ended though nobody ended it.
        down: Spans out of service.
        spans: Spans of the card.
        reconciled: The books add up.
    """
    if store_away:
        return Health.HELD, store_away
    if media_ended:
        return Health.HELD, "the media thread has ended; see the log, then restart the node"
    if len(down) == spans:
        return Health.HELD, "no span is in service"
    reasons = [f"span {', '.join(str(span) for span in down)} is out of service"] if down else []
    reasons += [] if reconciled else ["the books do not add up"]
    return (Health.DEGRADED, "; ".join(reasons)) if reasons else (Health.READY, "")
