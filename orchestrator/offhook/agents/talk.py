"""A call of a campaign with agents: whoever answers waits for an agent (queued), talks, and may be handed to the prompt and its keys.

Nobody free in time: the call is abandoned, the recorded message plays, and the person may leave a voice mail, as the campaign wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offhook.calls.call import Call
from offhook.calls.disposition import Disposition, Ended
from offhook.calls.line import Line
from offhook.calls.prompts import Prompt
from offhook.calls.voicemail import BEEP_MS, LEAST_MS, SILENCE_S, Recorder
from offhook.clock import Clock
from offhook.errors import CampaignError
from offhook.messages import CallPhase, CallRecord, CampaignSpec
from offhook.store import Lead
from offhook_core import Event as Sound
from offhook_core import EventKind

AFTER_WORD_MS = 500
"""Kept of the silence after the last word of a voice mail."""


class Agents(Protocol):
    """Who takes a person."""

    def person(self, call: TalkCall) -> None:
        """A person waits: :meth:`TalkCall.connect` or :meth:`TalkCall.abandon` follows, at once or later."""

    def nobody(self, call: TalkCall) -> None:
        """Who waits is no person after all, and waits no longer."""


class TalkCall(Call):
    """See :class:`~offhook.calls.call.Call`; *agents* take the person, *sorry* is played when none came in time (None hangs up), *recorder*
    takes voice mail (None: the node cannot record).
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
        *,
        agents: Agents,
        sorry: Prompt | None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(campaign, lead, dialled, channel, span, line, clock, prompt, message, on_phase)
        self._agents = agents
        self._sorry = sorry
        self._recorder = recorder
        self._mail_from_ms: int | None = None  # the beep is over, the person is recorded
        self._mail_to_ms: int | None = None
        self._said_to_ms: int | None = None  # end of what was said into it
        self._greeting_from_ms: int | None = None  # of what was said after the answer
        self._greeting_to_ms: int | None = None  # none while it goes on
        self._agent = ""
        self._queued_ms: int | None = None
        self._connected_ms: int | None = None
        self._talk_from_ms: int | None = None  # none while no agent talks
        self._talk_ms = 0
        self.told_abandoned = False  # the pacing has counted it

    @property
    def waits(self) -> bool:
        """Does a person wait for an agent?"""
        return self.phase is CallPhase.QUEUED

    def clock_start(self, start: str) -> float:
        """When the clock of an abandon rule started, loop time: at the answer, or where the greeting began or ended, as far as heard."""
        ms = self._times.get("answered", 0)
        if start != "answer" and self._greeting_from_ms is not None:
            end = self._ms() if self._greeting_to_ms is None else self._greeting_to_ms
            ms = self._greeting_from_ms if start == "greeting_start" else end
        return self._seized + ms / 1000

    def record(self, evidence: bool = True) -> CallRecord:
        """The call as stored, with who talked and how long."""
        return (
            super()
            .record(evidence)
            .model_copy(
                update={"agent": self._agent, "queued_ms": self._queued_ms, "connected_ms": self._connected_ms, "talk_ms": self._talk_ms}
            )
        )

    def connect(self, agent: str) -> None:
        """The person talks with an agent from now on; :meth:`finish`, the person or the network ends it."""
        self.facts.talked = True
        if self.facts.verdict is None:
            self.facts.verdict = Disposition.PERSON  # no audio: the agent hears who it is
        self._timers_off("max_call")
        self._agent, self._talk_from_ms = agent, self._ms()
        self._connected_ms = self._talk_from_ms if self._connected_ms is None else self._connected_ms
        self._note("did", "connect", agent)
        self._enter(CallPhase.TALKING)

    def abandon(self) -> None:
        """No agent came in time: the recorded message plays, then the line is freed."""
        self.facts.abandoned = not self.facts.talked
        self._note("did", "abandon", "no agent in time")
        self._enter(CallPhase.ABANDONED)
        if self._sorry is None or self.campaign.pacing.nobody == "hangup":
            self._after_sorry()
        else:
            self._play(self._sorry)

    def _after_sorry(self) -> None:
        recorder = self._recorder
        if self.campaign.pacing.nobody != "voice_mail" or recorder is None or recorder.mails.full:
            self._hang_up(Ended.DONE)
        else:
            self._record(recorder)

    def requeue(self) -> None:
        """The agent is gone in mid-talk: the person waits for another."""
        self._talk_over()
        self._note("did", "requeue", "the agent has gone")
        self._enter(CallPhase.QUEUED)
        self._agents.person(self)

    def pass_on(self) -> None:
        """The agent hands the person to the prompt and its keys, a small IVR, and is free (D26)."""
        self._talk_over()
        self._note("did", "pass_on", "to the prompt")
        self._later("max_call", self.campaign.max_call_s, self._max_call)
        super()._person()

    def take_message(self) -> None:
        """The agent lets the person leave a voice mail, and is free (D26). CampaignError when the node cannot record."""
        if self._recorder is None:
            raise CampaignError("this node cannot record a voice mail; it needs audio and [core] capture_s of 2 s or more")
        if self._recorder.mails.full:
            raise CampaignError("there is no room for another voice mail; remove what was heard, or raise [recordings] voice_mail_mib")
        self._talk_over()
        self._note("did", "pass_on", "to voice mail")
        self._record(self._recorder)

    # -- voice mail -----------------------------------------------------------------------------------------------------------------

    @property
    def mail(self) -> tuple[int, int] | None:
        """Where the person's voice mail begins and ends, ms; None when nobody left one."""
        if self._mail_from_ms is None or self._mail_to_ms is None or self._mail_to_ms - self._mail_from_ms < LEAST_MS:
            return None
        return self._mail_from_ms, self._mail_to_ms

    @property
    def recorder(self) -> Recorder | None:
        """Takes it."""
        return self._recorder

    def _record(self, recorder: Recorder) -> None:
        longest_s = max(self.campaign.max_call_s, self.campaign.pacing.voice_mail_s + BEEP_MS / 1000 + 5)
        self._later("max_call", longest_s, self._max_call)  # should the beep never end
        self._enter(CallPhase.RECORDING)
        self._play(recorder.beep)

    def _beep_over(self) -> None:
        assert self._recorder is not None
        self._mail_from_ms = self._ms()
        self._note("did", "record")
        self._later("mail", min(self.campaign.pacing.voice_mail_s, self._recorder.longest_s), self._mail_over)
        self._later("mail_silence", SILENCE_S, self._mail_over)

    def _mail_over(self) -> None:
        self._hang_up(Ended.DONE)

    def _key(self, key: str) -> None:
        super()._key(key)
        if self._mail_from_ms is not None and self.phase is CallPhase.RECORDING:
            self._mail_over()

    def _talk_over(self) -> None:
        if self._talk_from_ms is not None:
            self._talk_ms += self._ms() - self._talk_from_ms
            self._talk_from_ms = None

    def finish(self) -> None:
        """The agent ends the talk."""
        self._hang_up(Ended.DONE)

    # -- where it differs -----------------------------------------------------------------------------------------------------------

    def _act(self, found: Disposition, p: float, why: str, t_ms: int | None = None, rings: bool = False) -> None:
        if self.waits and found is not Disposition.PERSON:
            self._agents.nobody(self)
        super()._act(found, p, why, t_ms, rings)

    def _person(self) -> None:
        self._queued_ms = self._ms()
        self._enter(CallPhase.QUEUED)
        self._agents.person(self)

    def _heard_answered(self, event: Sound, t_ms: int) -> None:
        if event.kind == EventKind.SPEECH:
            self._greeting_to_ms = None
            if self._greeting_from_ms is None:
                self._greeting_from_ms = round(event.onset_ms)
        elif event.kind == EventKind.SPEECH_END and self._greeting_from_ms is not None:
            self._greeting_to_ms = round(event.onset_ms) + event.value
        elif event.kind == EventKind.ANSWER and self._greeting_from_ms is not None and len(event.cadence_ms) > 1:
            self._greeting_to_ms = round(event.t_ms) - event.cadence_ms[1]  # the verdict may be quicker than the end of speech is told
        if self._mail_from_ms is not None and self.phase is CallPhase.RECORDING:
            if event.kind == EventKind.SPEECH:
                self._timers_off("mail_silence")
            elif event.kind == EventKind.SPEECH_END:
                self._said_to_ms = round(event.onset_ms) + event.value
                self._later("mail_silence", SILENCE_S, self._mail_over)
        super()._heard_answered(event, t_ms)

    def _after_play(self) -> None:
        if self.phase is CallPhase.ABANDONED:
            self._after_sorry()
        elif self.phase is CallPhase.RECORDING:
            self._beep_over()
        else:
            super()._after_play()

    def _finish(self, t_ms: int) -> None:
        if self.waits and not self.facts.talked:
            self.facts.abandoned = True  # left while nobody came: counted as if the time had run out
        self._talk_over()
        self._mail_ended()
        super()._finish(t_ms)

    def _hang_up(self, why: Ended) -> None:
        self._mail_ended()
        super()._hang_up(why)

    def _mail_ended(self) -> None:
        """The message ends with the last word; where nothing was said there is none."""
        if self._mail_from_ms is None or self._mail_to_ms is not None:
            return
        said_to = self._ms() if self._speech.on else (self._said_to_ms or 0) + AFTER_WORD_MS
        self._mail_to_ms = max(self._mail_from_ms, min(self._ms(), said_to))
        self._note("did", "recorded", value=self._mail_to_ms - self._mail_from_ms)
