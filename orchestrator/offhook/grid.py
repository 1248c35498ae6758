"""The live grid: which letter stands for a line, by the phase of the call on it."""

from __future__ import annotations

from offhook.messages import CallPhase, LineState

LETTERS = {
    CallPhase.RESERVED: LineState.SEIZED,
    CallPhase.SEIZED: LineState.SEIZED,
    CallPhase.PROCEEDING: LineState.SEIZED,
    CallPhase.RINGING: LineState.RINGING,
    CallPhase.EARLY_MEDIA: LineState.EARLY,
    CallPhase.ANSWERED: LineState.ANSWERED,
    CallPhase.PLAYING: LineState.PLAYING,
    CallPhase.MESSAGE: LineState.MESSAGE,
    CallPhase.QUEUED: LineState.QUEUED,
    CallPhase.TALKING: LineState.TALKING,
    CallPhase.ABANDONED: LineState.PLAYING,
    CallPhase.RECORDING: LineState.MESSAGE,
    CallPhase.CLEARING: LineState.CLEARING,
    CallPhase.DISPOSED: LineState.CLEARING,
}
