"""One call: a state machine from the reserved lead to exactly one disposition, driven by driver events, core events and timers only.

    reserved -> seized -> proceeding -> ringing / early media -> answered (analysed) -> playing | message -> clearing -> disposed

Whatever happens, the line's ``Cleared`` ends it, and only that. All times are milliseconds since the line was seized; the core counts
from the same moment, because the channel is reset then.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

from offhook.announce.classes import class_of
from offhook.calls.answer import AUTOMATIC, FRESH_BEEP_MS, NO_VERDICT_P, RANG_ON_P, VERDICTS, is_beep, overdue_ms, reason
from offhook.calls.disposition import Disposition, Ended, Facts
from offhook.calls.evidence import TimeLine, in_force
from offhook.calls.fusion import VACANT_CAUSES, VACANT_TONES, Result, fuse
from offhook.calls.line import Line
from offhook.calls.prompts import Prompt
from offhook.calls.speech import ANNOUNCEMENT_MS, Speech
from offhook.clock import Clock
from offhook.messages import CallPhase, CallRecord, CampaignSpec
from offhook.numbers import completeness
from offhook.store import Lead
from offhook_core import Event as Sound
from offhook_core import EventKind
from offhook_drivers.contract import Answered, Cause, Cleared, Digit, Event, Proceeding, Progress, Ringing, Traced

log = logging.getLogger(__name__)

SECOND_SIGN_S = 8.0
"""After one sign of a vacant number the line is kept so long for the other one (S05)."""
AFTER_BEEP_S = 0.3
"""From the beep's recognition to the message, unless its end is heard before."""
AFTER_KEY_S = 0.5
"""After a key that means something the callee may press more, then we hang up."""
CLEAR_S = 30.0
"""A line that is not free so long after our hanging up is reported as stuck."""
MAX_DIGITS = 64

MUSICAL = frozenset({"sit", "sit_us"})
"""Three rising notes are no sign while music plays."""
_EARLY_END = frozenset({"busy", "congestion"})  # nothing better follows
_FAR_END_GONE = frozenset({"busy", "congestion", "howler"})
_OPEN = frozenset({CallPhase.ANSWERED, CallPhase.PLAYING, CallPhase.MESSAGE, CallPhase.QUEUED})  # a verdict can change what is done


class Call:
    """A call on one B-channel.

    Args:
        campaign: What to do, as it stood when the call was made.
        lead: Whom to call.
        dialled: Digits sent to the trunk.
        channel: B-channel.
        span: Its span.
        line: What can be done to it.
        clock: For the dates in the record.
        prompt: For a person; None hangs up.
        message: For a machine; None hangs up.
        on_phase: Called after each change of phase.
    """

    def __init__(
        self,
        campaign: CampaignSpec,
        lead: Lead,
        dialled: str,
        channel: int,
        span: int,
        line: Line,
        clock: Clock,
        prompt: Prompt | None,
        message: Prompt | None,
        on_phase: Callable[[Call], None],
    ) -> None:
        self.campaign = campaign
        self.lead = lead
        self.dialled = dialled
        self.channel = channel
        self.span = span
        self.id = lead.call_id
        self.phase = CallPhase.RESERVED
        self.facts = Facts(
            earlier_vacant=lead.tries.get(Disposition.SUSPECT_VACANT, 0),
            earlier_reached=sum(count for what, count in lead.tries.items() if Disposition(what).reached),
        )
        self.hearing = ""  # the node's settings of what is heard, as key=value, for the evidence
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.disposition: Disposition | None = None
        self._line = line
        self._clock = clock
        self._prompt = prompt
        self._message = message
        self._on_phase = on_phase
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._timeline = TimeLine(lead.reminders)
        self._speech = Speech()
        self._beep_ms = -1000  # of the last beep
        self._music = False
        self._token = 0
        self._playing: Prompt | None = None
        self._play_from_ms = 0
        self._plays_left = 0
        self._digits = ""
        self._meaning = ""
        self._key_ms = -1000  # of the last key
        self._played_ms = 0
        self._message_left = False
        self.result: Result | None = None
        self._seized = 0.0  # loop time
        self._started: dt.datetime | None = None
        self._ended: dt.datetime | None = None
        self._times: dict[str, int] = {}
        self._duration_ms = 0

    @property
    def milestones(self) -> dict[str, int]:
        """When the line rang, was answered, and was judged, ms; what did not happen is left out."""
        return self._times

    @property
    def elapsed_ms(self) -> int:
        """Time since the line was seized."""
        return self._ms()

    @property
    def unknown_speech(self) -> tuple[int, int, int] | None:
        """Announcement that no library knows: its beginning, its end and the call's, ms; None when there was none.

        After an answer, what a machine without a beep said may be one (a false answer); what a person said never is.
        """
        answered = self.facts.answered
        if self.facts.announcements or (answered and not self._may_be_false_answer()):
            return None
        span = self._speech.announcement(answered, self._duration_ms)
        return None if span is None else (*span, self._duration_ms)

    def _may_be_false_answer(self) -> bool:
        """No beep, no key, and nobody was taken for a person."""
        f = self.facts
        nobody = f.verdict in (None, Disposition.MACHINE, Disposition.IVR) and not f.talked
        return nobody and not self._digits and not f.after & {"beep", "record"}

    # -- what the node tells ----------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The line is seized now; the Dial follows."""
        self._seized = self._loop.time()
        self._started = self._clock.now()
        self._timeline.in_force = in_force(self.hearing, self.campaign, self._prompt, self._message)
        self._note("did", "dial", self.dialled)
        self._enter(CallPhase.SEIZED)
        self._later("ring", self.campaign.ring_timeout_s, self._ring_timeout)

    def refuse(self, reason: str) -> None:
        """The driver did not take the Dial."""
        self.facts.refused = True
        self._note("did", "refused", reason)
        self._finish(self._ms())

    def cancel(self, reason: str) -> None:
        """End the call because someone says so."""
        self._note("did", "cancel", reason)
        self._hang_up(Ended.CANCELLED)

    def prompt_done(self, token: int) -> None:
        """What was playing came to its end."""
        if token == self._token and self._playing is not None:
            self._stop_clock(self._playing.duration_ms)
            self._after_play()

    # -- signalling -----------------------------------------------------------------------------------------------------------------

    def on_signal(self, event: Event) -> None:
        """A driver event of this call."""
        if self.phase is CallPhase.DISPOSED:
            return
        t_ms = round((event.at.seconds - self._seized) * 1000)
        match event:
            case Proceeding():
                self._once("proceeding", t_ms)
                self._note("signal", "proceeding", t_ms=t_ms)
                if self.phase is CallPhase.SEIZED:
                    self._enter(CallPhase.PROCEEDING)
            case Progress(inband=inband, cause=cause):
                self._note("signal", "progress", "inband" if inband else "", value=cause, t_ms=t_ms)
                if cause is not None:
                    self._progress_cause(cause)
                if inband and self.phase in (CallPhase.SEIZED, CallPhase.PROCEEDING):
                    self._enter(CallPhase.EARLY_MEDIA)
            case Ringing():
                self._once("ringing", t_ms)
                self.facts.rang = True
                self._note("signal", "ringing", t_ms=t_ms)
                if self._before_answer():
                    self._enter(CallPhase.RINGING)
            case Answered():
                self._note("signal", "answered", event.connected, t_ms=t_ms)
                if self._before_answer():
                    self._answered(t_ms)
            case Digit(digit=digit):
                self._key(digit)
            case Traced(text=text):
                self._note("trace", text, t_ms=t_ms)
            case Cleared(cause=cause, location=location, who=who):
                self.facts.cause, self.facts.location, self.facts.who = int(cause), int(location), who
                self._note("signal", "cleared", f"by {who}", value=cause, t_ms=t_ms)
                self._finish(t_ms)
            case _:
                pass

    def _before_answer(self) -> bool:
        return not self.facts.answered and self.phase is not CallPhase.CLEARING

    def _progress_cause(self, cause: int) -> None:
        if not self._before_answer():
            return
        self.facts.progress_causes.add(int(cause))
        if cause in VACANT_CAUSES:
            self._wait_second_sign()
        elif cause not in (Cause.NORMAL_CLEARING, Cause.NORMAL_UNSPECIFIED):
            self._hang_up(Ended.HEARD)

    def _wait_second_sign(self) -> None:
        prompt = Disposition.SUSPECT_VACANT in self.facts.announcements.values()
        signs = (bool(self.facts.progress_causes & VACANT_CAUSES), bool(self.facts.tones & VACANT_TONES), prompt)
        if sum(signs) >= 2:
            self._hang_up(Ended.HEARD)
        elif "second" not in self._timers:
            self._later("second", SECOND_SIGN_S, lambda: self._hang_up(Ended.HEARD))

    def _ring_timeout(self) -> None:
        self._note("did", "ring_timeout", f"{self.campaign.ring_timeout_s:g} s")
        self._hang_up(Ended.RING_TIMEOUT)

    # -- hearing --------------------------------------------------------------------------------------------------------------------

    def on_sound(self, event: Sound) -> None:
        """A core event of this channel."""
        if self.phase in (CallPhase.RESERVED, CallPhase.CLEARING, CallPhase.DISPOSED):
            return
        t_ms = round(event.t_ms)
        if event.kind == EventKind.PROMPT_DONE:
            self.prompt_done(event.value)
            return
        if event.kind != EventKind.SILENCE:
            self._timeline.heard(event)
        if event.provisional:
            return
        if event.kind == EventKind.TONE and event.name == "dtmf":
            self._key_ms = t_ms
            self._key(event.detail)
        elif not self.facts.answered:
            self._heard_early(event)
        else:
            self._heard_answered(event, t_ms)

    def _heard_early(self, event: Sound) -> None:
        name = event.name
        if event.kind == EventKind.SPEECH:
            self._speech.began(round(event.onset_ms), answered=False)
        elif event.kind == EventKind.SPEECH_END:
            self._speech.ended(round(event.onset_ms) + event.value, answered=False)
            self.facts.announced = self._speech.early.spoken_ms >= ANNOUNCEMENT_MS
        elif event.kind == EventKind.MUSIC:
            self.facts.rang = self.facts.music = self._music = True  # a ring-back tune (彩铃)
        elif event.kind == EventKind.MUSIC_END:
            self._music = False
        elif event.kind == EventKind.TONE and not (self._music and name in MUSICAL):
            self.facts.tones.add(name)
            if name == "sit_us" and event.detail:
                self.facts.sit.add(event.detail)
            if name == "ringback":
                self.facts.rang = True
            elif name in _EARLY_END:
                self._hang_up(Ended.HEARD)
            elif name in VACANT_TONES:
                self._wait_second_sign()
        elif event.kind == EventKind.ANNOUNCEMENT:
            said = self._announcement(event)
            if said is Disposition.SUSPECT_VACANT:
                self._wait_second_sign()
            elif said is not None:
                self._hang_up(Ended.HEARD)

    def _announcement(self, event: Sound) -> Disposition | None:
        """A known announcement was heard; what it alone says of the call."""
        kind = class_of(event.detail)
        if kind is None:
            return None
        self.facts.announcements[kind.value] = kind.disposition
        return kind.disposition

    def _heard_answered(self, event: Sound, t_ms: int) -> None:
        if event.kind == EventKind.TONE:
            self.facts.after.add(event.name)
            if event.name in _FAR_END_GONE:
                self._hang_up(Ended.DONE)
                return
        beep = is_beep(event, self._speech, self._times["answered"], self._key_ms)
        self._beep_ms = t_ms if beep else self._beep_ms
        if event.kind == EventKind.SPEECH:
            self._speech.began(round(event.onset_ms), answered=True)
            self._timers_off("greeting_end")
        elif event.kind == EventKind.SPEECH_END:
            self._speech.ended(round(event.onset_ms) + event.value, answered=True)
        if event.kind == EventKind.ANSWER:
            self._judged(event, t_ms)
        elif self.phase is CallPhase.ANSWERED:
            self._wait_for_verdict(event)
        elif self.phase is CallPhase.MESSAGE:
            self._heard_machine(event, beep)

    # -- after the answer -----------------------------------------------------------------------------------------------------------

    def _answered(self, t_ms: int) -> None:
        self.facts.answered = True
        self._times["answered"] = t_ms
        self._timers_off("ring", "second")
        self._enter(CallPhase.ANSWERED)
        self._later("max_call", self.campaign.max_call_s, self._max_call)
        if self._line.audio:
            self._line.answered()
            self._later("overdue", overdue_ms(self.campaign.answer) / 1000, self._overdue)
        else:
            self._person()

    def _max_call(self) -> None:
        self._note("did", "max_call", f"{self.campaign.max_call_s:g} s")
        self._hang_up(Ended.MAX_CALL)

    def _wait_for_verdict(self, event: Sound) -> None:
        """A company's exchange may ring on after its answer; what is known as an announcement is a false answer."""
        if event.kind == EventKind.ANNOUNCEMENT and self._announcement(event) is not None:
            self._hang_up(Ended.DONE)
        elif event.kind == EventKind.TONE and event.name == "ringback":
            since_ms = self._ms() - round(event.onset_ms)
            self._timers_off("overdue")
            if "rings" not in self._timers:
                self._later("rings", max(0, self.campaign.answer.rings_on_ms - since_ms) / 1000, self._rang_on)
        elif event.kind == EventKind.TONE_END and event.detail == "ringback":
            self._timers_off("rings")
            self._later("overdue", overdue_ms(self.campaign.answer) / 1000, self._overdue)

    def _rang_on(self) -> None:
        if self._speech.on:
            self._later("overdue", overdue_ms(self.campaign.answer) / 1000, self._overdue)
        else:
            self._act(Disposition.ANSWERED_SILENT, RANG_ON_P, f"rang on for {self.campaign.answer.rings_on_ms} ms", rings=True)

    def _overdue(self) -> None:
        self._act(Disposition.PERSON, NO_VERDICT_P, "no verdict in time")  # a person must not be lost (S02)

    def _judged(self, event: Sound, t_ms: int) -> None:
        """The core's verdict. The first is acted upon; a later one changes what is done, as long as nobody has pressed a key or talked.

        While we play to a person, a voice may be the echo of our own: then only a beep or a fax changes anything.
        """
        found, before = VERDICTS[event.detail], self.facts.verdict
        if found is before or self.phase not in _OPEN or self._digits or self.facts.talked:
            return
        echo = self.phase is CallPhase.PLAYING and found is not Disposition.FAX and not self._beeped
        if not echo and (before not in AUTOMATIC or found not in AUTOMATIC):
            self._act(found, event.confidence, reason(event, self._beeped), t_ms)

    @property
    def _beeped(self) -> bool:
        return self._ms() - self._beep_ms <= FRESH_BEEP_MS

    def _act(self, found: Disposition, p: float, why: str, t_ms: int | None = None, rings: bool = False) -> None:
        """Treat whoever answered as *found*, as the core heard at *t_ms*. *rings*: it still rings, nobody is there to play to."""
        before, self.facts.verdict, self.facts.verdict_p = self.facts.verdict, found, p
        self._once("verdict", self._ms() if t_ms is None else t_ms)
        self._note("verdict", found, why, confidence=round(p * 100), t_ms=t_ms)
        if before is Disposition.ANSWERED_SILENT and found is Disposition.PERSON:
            return  # hears the prompt already, or waits for an agent
        self._stop_play()
        self._timers_off("overdue", "rings", "play", "keys", "greeting_end", "beep_max", "after_beep")
        if found is Disposition.PERSON or (found is Disposition.ANSWERED_SILENT and self.campaign.answer.silent == "play" and not rings):
            self._person()
        elif found is Disposition.MACHINE:
            self._machine(self._beeped)
        else:
            self._hang_up(Ended.DONE)

    def _person(self) -> None:
        if self.campaign.answer.person == "hangup" or self._prompt is None:
            self._hang_up(Ended.DONE)
            return
        self._plays_left = self.campaign.prompt_plays
        self._enter(CallPhase.PLAYING)
        self._play(self._prompt)

    def _machine(self, beep: bool) -> None:
        if self.campaign.answer.machine == "hangup" or self._message is None:
            self._hang_up(Ended.DONE)
            return
        self._enter(CallPhase.MESSAGE)
        self._later("beep_max", self.campaign.answer.beep_max_ms / 1000, self._leave_message)
        if beep:
            self._later("after_beep", AFTER_BEEP_S, self._leave_message)
        elif not self._speech.on:
            self._greeting_may_have_ended()

    def _greeting_may_have_ended(self) -> None:
        self._later("greeting_end", self.campaign.answer.greeting_end_ms / 1000, self._leave_message)

    def _heard_machine(self, event: Sound, beep: bool) -> None:
        if beep:  # also while the message plays: then we had spoken into the greeting, and begin again
            self._stop_play()
            self._timers_off("greeting_end", "beep_max")
            self._later("after_beep", AFTER_BEEP_S, self._leave_message)
        elif event.kind == EventKind.TONE_END and event.detail in ("beep", "record") and "after_beep" in self._timers:
            self._leave_message()
        elif event.kind == EventKind.SPEECH_END and self._playing is None and "after_beep" not in self._timers:
            self._greeting_may_have_ended()

    def _leave_message(self) -> None:
        self._timers_off("greeting_end", "beep_max", "after_beep")
        assert self._message is not None
        self._play(self._message)

    # -- playing --------------------------------------------------------------------------------------------------------------------

    def _play(self, prompt: Prompt) -> None:
        self._token += 1
        self._playing = prompt
        self._play_from_ms = self._ms()
        self._note("did", "play", prompt.path.rsplit("/", 1)[-1], value=prompt.duration_ms)
        self._line.play(prompt, self._token)

    def _stop_play(self) -> None:
        if self._playing is not None:
            self._line.stop_play()
            self._stop_clock(self._ms() - self._play_from_ms)
            self._token += 1

    def _stop_clock(self, played_ms: int) -> None:
        assert self._playing is not None
        if self.phase is CallPhase.PLAYING:
            self._played_ms += min(played_ms, self._playing.duration_ms)
        self._playing = None

    def _after_play(self) -> None:
        if self.phase is CallPhase.MESSAGE:
            self._message_left = True
            self._hang_up(Ended.DONE)
            return
        self._plays_left -= 1
        if self._plays_left > 0:
            assert self._prompt is not None
            prompt = self._prompt
            self._later("play", self.campaign.prompt_gap_ms / 1000, lambda: self._play(prompt))
        elif self.campaign.dtmf and not self._meaning and self.campaign.dtmf_wait_ms:
            self._later("keys", self.campaign.dtmf_wait_ms / 1000, lambda: self._hang_up(Ended.DONE))
        else:
            self._hang_up(Ended.DONE)

    def _key(self, key: str) -> None:
        if not self.facts.answered or self.phase is CallPhase.CLEARING:
            return
        if not self._line.audio:
            self._note("heard", "dtmf", key)
        if len(self._digits) < MAX_DIGITS:
            self._digits += key
        meaning = self.campaign.dtmf.get(key)
        if meaning is not None and self.phase is CallPhase.PLAYING:
            if not self._meaning:
                self._meaning = meaning
            self._stop_play()
            self._timers_off("play")
            self._later("keys", AFTER_KEY_S, lambda: self._hang_up(Ended.DONE))

    # -- the end --------------------------------------------------------------------------------------------------------------------

    def _hang_up(self, why: Ended) -> None:
        if self.phase in (CallPhase.CLEARING, CallPhase.DISPOSED):
            return
        self._stop_play()
        self._timers_off(*self._timers)
        if self.facts.ended is Ended.NO:
            self.facts.ended = why
        self._note("did", "hangup", why)
        self._enter(CallPhase.CLEARING)
        self._later("stuck", CLEAR_S, self._stuck)
        self._line.hangup(Cause.NORMAL_CLEARING)

    def _stuck(self) -> None:
        log.error("channel %d: not free %g s after hanging up call %s", self.channel, CLEAR_S, self.id)
        self._line.hangup(Cause.NORMAL_CLEARING)
        self._later("stuck", CLEAR_S, self._stuck)

    def _finish(self, t_ms: int) -> None:
        self._stop_play()
        self._timers_off(*self._timers)
        self._ended = self._clock.now()
        self._duration_ms = max(0, t_ms)
        self._conclude()
        self._enter(CallPhase.DISPOSED)
        self.done.set_result(None)

    def _conclude(self) -> None:
        """Fuse the facts into the result."""
        if not self.facts.answered:
            self.facts.digits = completeness(self.lead.e164, self.lead.region)
        self.result = fuse(self.facts)
        self.disposition = self.result.disposition

    def reconsider(self, reached: int, vacant: int) -> None:
        """The call is over, and the number's history in all campaigns is known: calls that were answered, and that had a sign of 空号."""
        before = self.disposition
        self.facts.earlier_reached, self.facts.earlier_vacant = reached, vacant
        self._conclude()
        if self.disposition is not before and before is not None:
            self._note("verdict", before, "before the number's history was known", t_ms=self._duration_ms)

    def record(self, evidence: bool = True) -> CallRecord:
        """The call as stored."""
        answered = self._times.get("answered")
        cleared = self.disposition is not None and not self.facts.refused
        return CallRecord(
            id=self.id,
            campaign=self.campaign.name,
            lead_id=self.lead.id,
            number=self.lead.raw,
            dialled=self.dialled,
            attempt=self.lead.attempts + 1,
            channel=self.channel,
            span=self.span,
            started=self._started,
            ended=self._ended,
            proceeding_ms=self._times.get("proceeding"),
            ringing_ms=self._times.get("ringing"),
            answered_ms=answered,
            verdict_ms=self._times.get("verdict"),
            duration_ms=self._duration_ms,
            billed_ms=0 if answered is None else max(0, self._duration_ms - answered),
            cause=self.facts.cause if cleared else None,
            location=self.facts.location if cleared else None,
            ended_by=str(self.facts.who) if cleared else None,
            disposition=self.disposition,
            rule=self.result.rule if self.result else "",
            probability=round(self.result.p, 3) if self.result else None,
            digits=self._digits,
            meaning=self._meaning,
            prompt_played_ms=self._played_ms,
            message_left=self._message_left,
            evidence=self._timeline.facts(self.result, self._duration_ms) if evidence else (),
        )

    # -- small things ---------------------------------------------------------------------------------------------------------------

    def _ms(self) -> int:
        return round((self._loop.time() - self._seized) * 1000)

    def _once(self, name: str, t_ms: int) -> None:
        self._times.setdefault(name, t_ms)

    def _enter(self, phase: CallPhase) -> None:
        self.phase = phase
        self._on_phase(self)

    def _later(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        self._timers_off(name)

        def fire() -> None:
            self._timers.pop(name, None)
            act()

        self._timers[name] = self._loop.call_later(seconds, fire)

    def _timers_off(self, *names: str) -> None:
        for name in names:
            handle = self._timers.pop(name, None)
            if handle is not None:
                handle.cancel()

    def _note(
        self, kind: str, name: str, detail: str = "", value: float | None = None, confidence: int | None = None, t_ms: int | None = None
    ) -> None:
        self._timeline.note(self._ms() if t_ms is None else t_ms, kind, name, detail, value, confidence)
