"""Who answered: the core decides, and a call acts upon its verdicts. What stands here is what only the call can know of them.

The same settings give the same verdict in ``CallAnalyzer``, ``offhook analyze``, a replay and a live call; ``docs/answer.md`` says how it
comes about. The call knows which tones can be the beep that it waits for, and what to do should the core never say anything.
"""

from __future__ import annotations

from functools import cache

from offhook.calls.disposition import Disposition
from offhook.calls.speech import Speech
from offhook.messages import AnswerHandling
from offhook_core import Event, EventKind
from offhook_core.answer import AnswerSettings

BEEP_MS = 160
"""Shortest tone that is believed to be a machine's beep; shorter ones are keys, clicks and vowels."""
BEEP_AFTER_MS = 200
"""A tone that began before the answer, or right with it, is the end of the ring-back and no beep."""
VOICED_BEEP_MS = 400
"""Shortest beep that is believed while someone has just begun to speak: a long vowel sounds like one."""
VOICE_MS = 1500
"""How long someone has just begun to speak."""
KEY_ECHO_MS = 300
"""A beep so soon after a key is the key itself."""
FRESH_BEEP_MS = 100
"""A beep so soon before a machine's verdict is the one that told it."""
OVERDUE_MS = 6000
"""So much later than the core's own limits no verdict will come: the core could not hear the line."""
NO_VERDICT_P = 0.5
RANG_ON_P = 0.95

VERDICTS = {
    "person": Disposition.PERSON,
    "machine": Disposition.MACHINE,
    "screening": Disposition.MACHINE,
    "announcement": Disposition.MACHINE,
    "ivr": Disposition.IVR,
    "fax": Disposition.FAX,
    "modem": Disposition.FAX,
    "silence": Disposition.ANSWERED_SILENT,
    "unknown": Disposition.ANSWERED_SILENT,
}
"""What the core's verdicts are to a call."""
AUTOMATIC = frozenset({Disposition.MACHINE, Disposition.IVR})


def core_settings(answer: AnswerHandling) -> AnswerSettings:
    """What the core's analysis is to decide by."""
    return _core_settings(answer.preset, tuple(answer.core.items()))


@cache
def _core_settings(preset: str, changes: tuple[tuple[str, float], ...]) -> AnswerSettings:
    return AnswerSettings.preset(preset, **dict(changes))


def overdue_ms(answer: AnswerHandling) -> int:
    """From the answer, or the end of ringing after it, to when a verdict must have come."""
    limits = core_settings(answer)
    return max(limits.silence_ms + limits.wait_ms, limits.total_ms, limits.total_analysis_ms) + OVERDUE_MS


def reason(event: Event, beep: bool = False) -> str:
    """Why the core has this verdict, in words: what it had heard of the voice, and the probability of a person it decided by.

    *beep*: one has ended just now.
    """
    spoke, *quiet = event.cadence_ms or (0,)
    heard = f"spoke for {spoke} ms, then {quiet[0]} ms quiet" if quiet else f"spoke for {spoke} ms" if spoke else "nothing said"
    other = f"{event.detail}: " if event.detail not in ("silence", VERDICTS[event.detail]) else ""
    person = f"; {100 * event.p_person:.1f} % person" if spoke else ""
    return f"{other}{heard}{', a beep' if beep else ''}{person}"


def is_beep(event: Event, speech: Speech, answered_ms: int, key_ms: int) -> bool:
    """Can this be a machine's beep? *key_ms*: when a key was heard last."""
    if event.kind != EventKind.TONE or event.name not in ("beep", "record"):
        return False
    onset_ms, t_ms = round(event.onset_ms), round(event.t_ms)
    voiced = speech.since_ms is not None and t_ms - max(speech.since_ms, answered_ms) < VOICE_MS
    long_enough = t_ms - onset_ms >= (VOICED_BEEP_MS if voiced else BEEP_MS)
    return long_enough and onset_ms >= answered_ms + BEEP_AFTER_MS and onset_ms > key_ms + KEY_ECHO_MS
