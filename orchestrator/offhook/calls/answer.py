"""Who answered? A simple analysis of the first seconds, from what the core hears.

A person says a word or two and waits; a machine talks on, or beeps; a fax whistles. The class is pure: it is fed events and times and says
when it next wants to be asked. The core's own answer verdicts (``OH_EVENT_ANSWER``) go before it where they are sure enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from offhook.calls.disposition import Disposition
from offhook.messages import AnswerHandling
from offhook_core.answer import AnswerSettings

BEEP_MS = 160
"""Shortest beep that tells a machine; shorter ones are keys, clicks and vowels."""
BEEP_AFTER_MS = 200
"""A tone that began before the answer, or right with it, is the end of the ring-back and no beep."""
VOICED_BEEP_MS = 400
"""Shortest beep that is believed while someone has just begun to speak: a long vowel sounds like one."""
VOICE_MS = 1500
"""How long someone has just begun to speak."""
UTTERANCE_MS = 120
"""Shortest sound that counts as an utterance."""
BEEP_P = 0.97
FAX_P = 0.99
LENGTH_P = 0.85  # spoke too long, or a word and then a wait
SILENCE_P = 0.95
IN_DOUBT_P = 0.5

_FAX = frozenset({"fax_ced", "fax_cng", "ans_pr", "ansam", "ansam_pr", "v21_preamble", "bell_ans"})
CORE_VERDICTS = {
    "person": Disposition.PERSON,
    "machine": Disposition.MACHINE,
    "screening": Disposition.MACHINE,
    "announcement": Disposition.MACHINE,
    "ivr": Disposition.IVR,
    "fax": Disposition.FAX,
    "modem": Disposition.FAX,
    "silence": Disposition.ANSWERED_SILENT,
}


def core_settings(answer: AnswerHandling) -> AnswerSettings:
    """What the core's analysis is to decide by."""
    return _core_settings(answer.preset, tuple(answer.core.items()))


@cache
def _core_settings(preset: str, changes: tuple[tuple[str, float], ...]) -> AnswerSettings:
    return AnswerSettings.preset(preset, **dict(changes))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who answered, and why we think so."""

    disposition: Disposition
    why: str
    t_ms: int  # same origin as the times fed in
    p: float  # how sure, 0 to 1; of the rules below it is chosen, not measured
    rings: bool = False  # it still rings: nobody is there to play to


class AnswerAnalysis:
    """Listens from the answer on.

    Args:
        limits: Times of the campaign.
        answered_ms: When the call was answered; all times fed in count from the same origin.
        speaking: Speech was already on at the answer.
    """

    def __init__(self, limits: AnswerHandling, answered_ms: int, speaking: bool = False) -> None:
        self._limits = limits
        self._answered = answered_ms
        self._onset = answered_ms if speaking else None  # of the first utterance
        self._speaking = speaking
        self._run_from = answered_ms  # onset of the latest speech
        self._quiet_since = answered_ms  # end of the last sound
        self._rings = False  # an exchange or a gateway took the call and rings on; who speaks then answers then
        self._rang_from: int | None = None
        self.verdict: Verdict | None = None

    @property
    def speech_ms(self) -> int:
        """Length of the first utterance so far, its short pauses included."""
        return 0 if self._onset is None else self._quiet_since - self._onset

    def speech(self, onset_ms: int) -> None:
        """Speech began at *onset_ms*."""
        self._speaking = True
        self._run_from = onset_ms
        if self._onset is None:
            self._onset = max(onset_ms, self._answered)
            if self._rings:
                self._answered = self._onset

    def speech_end(self, end_ms: int) -> None:
        """Speech ended at *end_ms*."""
        self._speaking = False
        self._quiet_since = max(end_ms, self._answered)
        if self.speech_ms < UTTERANCE_MS:
            self._onset = None  # a click, or the end of a ring-back tune

    def tone(self, name: str, onset_ms: int, t_ms: int) -> None:
        """A tone that began at *onset_ms* was recognised."""
        if name in _FAX:
            self._decide(Disposition.FAX, f"tone {name}", t_ms, FAX_P)
        elif name in ("beep", "record") and self.is_beep(onset_ms, t_ms):
            self._decide(Disposition.MACHINE, f"tone {name}", t_ms, BEEP_P)
        elif name == "ringback":
            self._rings, self._onset = True, None
            self._rang_from = onset_ms if self._rang_from is None else self._rang_from

    def ringing_ended(self, t_ms: int) -> None:
        """It rings no more; somebody has answered, or will speak, or nobody will."""
        if self._rings and self._onset is None:
            self._answered = self._quiet_since = t_ms
        self._rings = False

    def is_beep(self, onset_ms: int, t_ms: int) -> bool:
        """Can a tone from *onset_ms* to *t_ms* be a machine's beep?"""
        voiced = self._speaking and t_ms - self._run_from < VOICE_MS
        return onset_ms >= self._answered + BEEP_AFTER_MS and t_ms - onset_ms >= (VOICED_BEEP_MS if voiced else BEEP_MS)

    def core(self, name: str, probability: float, t_ms: int) -> None:
        """The core's own verdict; it goes before ours where it is sure enough."""
        found = CORE_VERDICTS.get(name)
        if found is not None and probability >= self._limits.core_probability and not self._only_rings:
            self._decide(found, f"core verdict {name}, probability {probability:.2f}", t_ms, probability)

    @property
    def _only_rings(self) -> bool:
        return self._rings and self._onset is None

    def check(self, t_ms: int) -> None:
        """Decide if time alone is enough to."""
        limits = self._limits
        if self._only_rings:
            if t_ms >= self._rings_until():
                self._decide(Disposition.ANSWERED_SILENT, f"rang on for {limits.rings_on_ms} ms", t_ms, SILENCE_P, rings=True)
            return
        if self._onset is not None:
            length = (t_ms if self._speaking else self._quiet_since) - self._onset
            if length > limits.person_max_ms:
                self._decide(Disposition.MACHINE, f"spoke for more than {limits.person_max_ms} ms", t_ms, LENGTH_P)
            elif not self._speaking and t_ms - self._quiet_since >= limits.person_silence_ms:
                self._decide(Disposition.PERSON, f"spoke for {length} ms, then waited", t_ms, LENGTH_P)
        elif t_ms - self._answered >= limits.silence_ms:
            self._decide(Disposition.ANSWERED_SILENT, f"nothing heard for {limits.silence_ms} ms", t_ms, SILENCE_P)
        if t_ms - self._answered >= limits.analysis_max_ms:
            self._decide(Disposition.PERSON, "no verdict in time", t_ms, IN_DOUBT_P)  # a person must not be lost (S02)

    def next_check_ms(self) -> int:
        """When :meth:`check` can first have something new to say."""
        limits = self._limits
        if self._only_rings:
            return self._rings_until()
        end = self._answered + limits.analysis_max_ms
        if self._onset is None:
            return min(end, self._answered + limits.silence_ms)
        if self._speaking:
            return min(end, self._onset + limits.person_max_ms + 1)
        return min(end, self._quiet_since + limits.person_silence_ms)

    def _rings_until(self) -> int:
        return (self._rang_from or 0) + self._limits.rings_on_ms

    def _decide(self, disposition: Disposition, why: str, t_ms: int, p: float, rings: bool = False) -> None:
        if self.verdict is None:
            self.verdict = Verdict(disposition, why, t_ms, p, rings)
