"""What people and programs say to a node, and what it says back: the models that MQTT, ``--json`` and the Python API carry alike.

Every model forbids unknown keys where a person writes it (a typo is an error, not a silence), and every field says its unit. Times of day
are wall clock in the zone named; instants are ISO 8601 in UTC; phase times of a call are milliseconds since its line was seized.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from offhook.agents.messages import AgentCall, AgentChanged, CampaignMode, PacingPlan, PacingShown
from offhook.calls.disposition import Disposition
from offhook.calls.mail_messages import VoiceMailLeft
from offhook.campaigns.caps import Protection
from offhook.campaigns.learning import LearnPlan
from offhook.campaigns.life import Stage
from offhook.campaigns.plan import Goals, StrategyNames
from offhook.lines.messages import InboundRefused as InboundRefused
from offhook.lines.messages import TrunkState as TrunkState
from offhook.lists.filters import FilterError, filter_of
from offhook.lists.mix import ListMix
from offhook.said import Asked as Asked
from offhook.said import CallKind as CallKind
from offhook.said import Name as Name
from offhook.said import Told as Told

# -- calling windows ----------------------------------------------------------------------------------------------------------------


class Weekday(StrEnum):
    """Days as written in a window."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


EVERY_DAY = tuple(Weekday)


class Window(Asked):
    """Hours in which a callee may be called."""

    start: dt.time = Field(description="First minute, wall clock of the callee.")
    end: dt.time = Field(description="First minute after it; 00:00 means midnight at the end of the day. Must be later than start.")
    days: tuple[Weekday, ...] = Field(EVERY_DAY, min_length=1, description="Days on which it applies.")

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a window's times carry no zone: they are the callee's own wall clock")
        if self.end != dt.time(0) and self.end <= self.start:
            raise ValueError(f"window ends at {self.end:%H:%M}, not after its start {self.start:%H:%M}; write a night as two windows")
        return self


class CallingWindows(Asked):
    """When callees may be called (D46, D49). No windows means at any time."""

    windows: tuple[Window, ...] = Field((), description="Several a day are allowed, e.g. 08:30-11:30 and 14:00-17:00.")
    holidays: tuple[dt.date, ...] = Field((), description="Days without calls, in the callee's zone.")
    zone: str | None = Field(None, description="IANA zone used for every callee; none takes the zone of the callee's number.")
    unknown_zones: tuple[str, ...] = Field(
        ("Asia/Shanghai",),
        min_length=1,
        description="A number whose zone is not known may be called only while every one of these zones is open.",
    )

    @field_validator("zone", "unknown_zones")
    @classmethod
    def _known_zones(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        from offhook.campaigns.windows import load_zone

        for name in (value,) if isinstance(value, str) else value or ():
            load_zone(name)
        return value


# -- retries ------------------------------------------------------------------------------------------------------------------------


class RetryRule(Asked):
    """What to do after one disposition."""

    after_s: float = Field(ge=0, le=90 * 86400, description="Seconds to wait before the next attempt.")
    max_attempts: int = Field(ge=1, le=50, description="Attempts that may end this way before the lead is closed, the first included.")
    next_number: bool = Field(False, description="On the person's next number, where the contact has one.")
    other_part: bool = Field(False, description="Not in the same part of the day: before 12:00, to 18:00, or after, in the callee's zone.")


_DEFAULT_RETRIES: dict[Disposition, RetryRule] = {
    Disposition.NO_ANSWER: RetryRule(after_s=3600, max_attempts=3),
    Disposition.BUSY: RetryRule(after_s=600, max_attempts=4),
    Disposition.UNREACHABLE: RetryRule(after_s=4 * 3600, max_attempts=2),
    Disposition.CONGESTION: RetryRule(after_s=120, max_attempts=4),
    Disposition.FAILED: RetryRule(after_s=600, max_attempts=3),
    Disposition.SUSPECT_VACANT: RetryRule(after_s=86400, max_attempts=2),
    Disposition.UNKNOWN: RetryRule(after_s=3600, max_attempts=2),
    Disposition.CANCELLED: RetryRule(after_s=600, max_attempts=3),
    Disposition.NOT_DIALLED: RetryRule(after_s=60, max_attempts=5),
}


class RetryPlan(Asked):
    """Which results are tried again (D50, L08). A result without a rule closes the lead; a refusal is never tried again."""

    rules: dict[Disposition, RetryRule] = Field(default_factory=lambda: dict(_DEFAULT_RETRIES), description="One rule per disposition.")
    causes: dict[int, RetryRule] = Field(
        default_factory=dict, description="Rules by Q.850 cause; they go before the disposition's, where that has one."
    )
    max_attempts: int = Field(5, ge=1, le=50, description="Attempts in all, whatever the results.")

    @field_validator("rules")
    @classmethod
    def _never_after_refusal(cls, rules: dict[Disposition, RetryRule]) -> dict[Disposition, RetryRule]:
        for never in (Disposition.REJECTED, Disposition.PERSON, Disposition.VACANT):
            if never in rules and not (never is Disposition.VACANT and rules[never].next_number):
                raise ValueError(f"no retry is allowed after '{never}'; remove the rule")
        return rules


# -- campaigns ----------------------------------------------------------------------------------------------------------------------


class AnswerHandling(Asked):
    """What to do with who answers, and by which costs and limits the core decides who it is."""

    person: Literal["play", "hangup"] = Field("play", description="play the prompt, or hang up.")
    machine: Literal["message", "hangup"] = Field("message", description="leave the message after the beep (D26), or hang up (D28).")
    silent: Literal["play", "hangup"] = Field("play", description="Answered and no voice heard: play the prompt, or hang up.")
    preset: Literal["balanced", "careful", "fast", "rules"] = Field(
        "balanced", description="Costs and limits by which the core decides who answered, see docs/answer.md."
    )
    core: dict[str, float] = Field(default_factory=dict, description="What differs from the preset: cost_person, wait_ms, silence_ms ...")
    rings_on_ms: int = Field(
        30_000,
        ge=1000,
        le=120_000,
        description="Longest ringing after the answer, as a company's exchange does, ms; then we hang up.",
    )
    beep_max_ms: int = Field(25_000, ge=1000, le=120_000, description="Longest wait for a machine's beep, ms.")
    greeting_end_ms: int = Field(
        2500, ge=500, le=10_000, description="Silence after a machine's greeting taken as its end when no beep comes, ms."
    )

    @model_validator(mode="after")
    def _known_settings(self) -> AnswerHandling:
        from offhook_core.answer import AnswerSettings

        AnswerSettings.preset(self.preset, **self.core).to_c()
        return self


class CampaignSpec(Asked):
    """A campaign as a person describes it."""

    name: Name
    title: str = Field("", max_length=200, description="For people; any script.")
    kind: CallKind = Field("service", description="What its calls are for: caps, lists and rules differ by it (L03).")
    department: str = Field("", max_length=63, description="Whose campaign it is; kept with every contact in the ledger (L06).")
    filter: str = Field(
        "", max_length=2000, description="Which leads are called, by the columns of their list: 'age >= 30'; see docs/filters.md."
    )
    mix: ListMix | None = Field(None, description="Several lists mixed by weight (D45); none: one after the other, as they came.")
    prompt: str | None = Field(None, description="Audio file played to a person; any format libsndfile reads. None: answer and hang up.")
    message: str | None = Field(None, description="Audio file left on a machine; none takes the prompt.")
    prompt_plays: int = Field(1, ge=1, le=10, description="How often the prompt is played to a person.")
    prompt_gap_ms: int = Field(1000, ge=0, le=10_000, description="Pause between two plays, ms.")
    caller_id: str = Field("", pattern=r"^\+?[0-9]{0,20}$", description="Calling number to present (D43); empty leaves it to the trunk.")
    abandoned: str | None = Field(None, description="Audio file played to a person for whom no agent was free in time; none hangs up.")
    mode: CampaignMode = Field(
        "lines",
        description="lines: broadcast on a fixed number of lines (D06). ratio: lines per agent (D09, D14). manual, preview, progressive, "
        "precise, predictive: a person who answers talks with an agent (D07 to D12).",
    )
    pacing: PacingPlan = Field(default_factory=PacingPlan)
    lines: int = Field(240, ge=1, le=32_768, description="Most lines in use at once; in mode lines, the lines in use.")
    agents: int = Field(0, ge=0, le=10_000, description="Agents at work, in mode ratio with per stated.")
    lines_per_agent: float = Field(1.0, gt=0, le=10, description="Lines dialled for each agent, decimals allowed, in mode ratio.")
    calls_per_second: float = Field(20.0, gt=0, le=500, description="Most call attempts a second of this campaign.")
    priority: int = Field(5, ge=0, le=9, description="9 goes first when lines are short.")
    share: float = Field(1.0, gt=0, le=10_000, description="Weight by which campaigns of one priority share lines that are short (D25).")
    windows: CallingWindows = Field(default_factory=CallingWindows)
    retry: RetryPlan = Field(default_factory=RetryPlan)
    learn: LearnPlan = Field(default_factory=LearnPlan)
    protection: Protection = Field(default_factory=Protection)
    strategies: StrategyNames = Field(default_factory=StrategyNames)
    goals: Goals = Field(default_factory=Goals)
    answer: AnswerHandling = Field(default_factory=AnswerHandling)
    dtmf: dict[str, str] = Field(default_factory=dict, description="Meaning of each key, {'1': 'call me back'}. Other keys are stored too.")
    dtmf_wait_ms: int = Field(3000, ge=0, le=60_000, description="Time to press a key after the prompt, ms; 0 or an empty map: none.")
    ring_timeout_s: float = Field(45, ge=15, le=180, description="Longest time from seizure to answer, s.")
    max_call_s: float = Field(180, ge=5, le=7200, description="Longest time from answer to hanging up, s.")
    unknown_hold_s: float = Field(3600, ge=0, le=30 * 86400, description="How long a lead is held whose result was lost by a power cut, s.")
    region: str = Field("CN", pattern=r"^[A-Z]{2}$", description="Country of numbers written without +, ISO 3166.")

    @field_validator("filter")
    @classmethod
    def _readable(cls, text: str) -> str:
        try:
            filter_of(text)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return text

    @field_validator("dtmf")
    @classmethod
    def _keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for key in keys:
            if len(key) != 1 or key not in "0123456789*#ABCD":
                raise ValueError(f"'{key}' is not a key; keys are 0-9 * # A-D")
        return keys

    @property
    def with_agents(self) -> bool:
        """Does a person who answers talk with an agent who is logged in?"""
        return self.mode not in ("lines", "ratio") or (self.mode == "ratio" and self.pacing.per != "stated")

    def line_limit(self) -> float:
        """Lines this campaign may use at once; fractional in mode ratio with stated agents."""
        return self.agents * self.lines_per_agent if self.mode == "ratio" and self.pacing.per == "stated" else float(self.lines)


class CampaignUpdate(Asked):
    """Changes to a campaign; what is left out stays. Takes effect with the next call, without a stop."""

    title: str | None = Field(None, max_length=200)
    filter: str | None = Field(None, max_length=2000)
    mix: ListMix | None = None
    prompt: str | None = None
    message: str | None = None
    caller_id: str | None = Field(None, pattern=r"^\+?[0-9]{0,20}$")
    abandoned: str | None = None
    mode: CampaignMode | None = None
    pacing: PacingPlan | None = None
    lines: int | None = Field(None, ge=1, le=32_768)
    agents: int | None = Field(None, ge=0, le=10_000)
    lines_per_agent: float | None = Field(None, gt=0, le=10)
    calls_per_second: float | None = Field(None, gt=0, le=500)
    priority: int | None = Field(None, ge=0, le=9)
    share: float | None = Field(None, gt=0, le=10_000)
    windows: CallingWindows | None = None
    retry: RetryPlan | None = None
    learn: LearnPlan | None = None
    protection: Protection | None = None
    strategies: StrategyNames | None = None
    goals: Goals | None = None
    answer: AnswerHandling | None = None
    dtmf: dict[str, str] | None = None
    dtmf_wait_ms: int | None = Field(None, ge=0, le=60_000)
    ring_timeout_s: float | None = Field(None, ge=15, le=180)
    max_call_s: float | None = Field(None, ge=5, le=7200)


class Wanted(StrEnum):
    """What the operator wants of a campaign; kept in the database, so any process may set it."""

    IDLE = "idle"  # made, never started
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"  # for good; a stopped campaign can be started again


class Phase(StrEnum):
    """What a campaign is doing."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"  # wants to dial; no lead may be called now (hours, retry delays)
    PAUSED = "paused"
    HELD = "held"  # wants to dial; the node cannot (database, link down)
    STOPPED = "stopped"
    FINISHED = "finished"  # every lead is closed


class CampaignState(Told):
    """A campaign as it stands."""

    name: str
    title: str = ""
    wanted: Wanted
    phase: Phase
    stage: Stage = Field(Stage.DRAFT, description="Where it is in its life, see docs/campaigns.md.")
    reason: str = Field("", description="Why it is waiting or held, in words.")
    leads: int = Field(0, description="Leads imported.")
    open: int = Field(0, description="Leads still to be called, calls in progress included.")
    closed: int = Field(0, description="Leads that are done.")
    progress: float = Field(0.0, description="Share of the leads that are closed, 0 to 1.")
    attempts: int = Field(0, description="Calls ended, over all runs of the node.")
    active: int = Field(0, description="Calls in progress.")
    line_limit: float = Field(0.0, description="Lines it may use at once.")
    outcomes: dict[Disposition, int] = Field(default_factory=dict, description="Ended calls by disposition; they sum to attempts.")
    next_open: dt.datetime | None = Field(
        None, description="When the next lead may be called, UTC; none while leads are due or none is left."
    )
    pacing: PacingShown | None = Field(None, description="How it is paced, after its last decision; campaigns with agents only.")


# -- calls --------------------------------------------------------------------------------------------------------------------------


class CallPhase(StrEnum):
    """Where a call is in its life."""

    RESERVED = "reserved"
    SEIZED = "seized"
    PROCEEDING = "proceeding"
    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    ANSWERED = "answered"  # listening, no verdict yet
    PLAYING = "playing"
    MESSAGE = "message"  # waiting for the beep, or leaving the message
    QUEUED = "queued"  # a person waits for an agent
    TALKING = "talking"  # with an agent
    ABANDONED = "abandoned"  # no agent was free in time; the recorded message plays
    RECORDING = "recording"  # beep, and what the person says after it
    CLEARING = "clearing"
    DISPOSED = "disposed"


class CallFact(Told):
    """One line of a call's evidence."""

    t_ms: int = Field(description="Milliseconds since the line was seized.")
    kind: str = Field(description="'signal', 'trace', 'heard', 'did', 'verdict', 'setting', 'sign', 'guard' or 'runner_up'.")
    name: str = Field(description="What it was, 'ringing', 'busy', 'play', 'person'.")
    detail: str = ""
    value: float | None = Field(None, description="Length in ms, cause or token, by kind; of a sign its dB, of an answer P(person).")
    level_dbm0: float | None = None
    confidence: int | None = Field(None, description="0 to 100 per cent.")
    margin_db: float | None = Field(None, description="Distance to the next best explanation of what was heard.")
    from_ms: int | None = Field(None, description="When the sound itself began; none: at t_ms.")
    hz: tuple[int, ...] = Field((), description="Frequencies measured.")


class CallRecord(Told):
    """A call as stored. Times ending in _ms count from the seizure of the line; none means that it did not happen."""

    id: str = Field(description="UUID version 7.")
    campaign: str
    lead_id: int
    number: str = Field(description="As imported.")
    dialled: str = Field(description="Digits sent to the trunk.")
    attempt: int = Field(description="1 for the lead's first call.")
    channel: int = Field(-1, description="B-channel over all spans, -1 if none was seized.")
    span: int = Field(-1, description="Span, 0 first.")
    started: dt.datetime | None = Field(None, description="When the line was seized, UTC.")
    ended: dt.datetime | None = Field(None, description="When the line was free again, UTC.")
    proceeding_ms: int | None = None
    ringing_ms: int | None = None
    answered_ms: int | None = None
    verdict_ms: int | None = Field(None, description="When the answer analysis decided.")
    duration_ms: int = Field(0, description="Seizure to clearing.")
    billed_ms: int = Field(0, description="Answer to clearing.")
    cause: int | None = Field(None, description="Q.850 cause of the clearing.")
    location: int | None = Field(None, description="Q.850 location of the cause.")
    ended_by: str | None = Field(None, description="us, them, network or driver.")
    disposition: Disposition | None = Field(None, description="None while the call is in progress.")
    rule: str = Field("", description="The strongest signs for the disposition, or the guard that decided; see docs/results.md.")
    probability: float | None = Field(None, description="How sure it is, 0 to 1; of suspect_vacant, that the number is vacant.")
    digits: str = Field("", description="Keys the callee pressed.")
    meaning: str = Field("", description="Meaning of the first mapped key.")
    prompt_played_ms: int = Field(0, description="How much of the prompt was played.")
    message_left: bool = False
    agent: str = Field("", description="Agent who talked with the callee, the last one if several did; empty: nobody.")
    queued_ms: int | None = Field(None, description="When the person began to wait for an agent.")
    connected_ms: int | None = Field(None, description="When the first agent was connected.")
    talk_ms: int = Field(0, description="Talk with agents.")
    evidence: tuple[CallFact, ...] = Field((), description="Time line; only with Node.call().")


class ImportProblem(Told):
    """One line of a list that was not taken, or was mended on the way."""

    line: int = Field(description="Line of the file, the header is line 1.")
    value: str = Field(description="What stood there.")
    reason: str
    mend: str = Field(description="What to do about it.")


class ImportReport(Told):
    """What became of a list (D33)."""

    campaign: str
    source: str = Field(description="File name.")
    encoding: str
    read: int = Field(0, description="Lines with data.")
    accepted: int = 0
    duplicates: int = Field(0, description="Numbers or persons that the list repeats or the campaign had already.")
    rejected: int = 0
    restricted: int = Field(0, description="Washed out: on a list that refuses such calls, or vacant when last called (L09).")
    reasons: dict[str, int] = Field(default_factory=dict, description="Lines not taken, by reason.")
    mended: int = Field(0, description="Accepted after a harmless repair, e.g. a number stored as 1.38e10 with all digits.")
    problems: tuple[ImportProblem, ...] = Field((), description="Every rejected, repeated or mended line, in order.")
    rejects_file: str | None = Field(None, description="CSV with every line not taken.")
    seconds: float = 0.0


# -- node ---------------------------------------------------------------------------------------------------------------------------


class LineState(StrEnum):
    """A B-channel on the live grid; the value is the letter shown."""

    FREE = "."
    SEIZED = "s"
    RINGING = "r"
    EARLY = "e"
    ANSWERED = "a"
    PLAYING = "p"
    MESSAGE = "m"
    QUEUED = "q"
    TALKING = "t"
    CLEARING = "c"
    BLOCKED = "x"
    DOWN = "!"


class SpanState(Told):
    """One E1."""

    span: int
    up: bool = Field(description="Signalling link.")
    alarms: tuple[str, ...] = Field((), description="red, yellow, blue, los, lfa, lmfa, loopback, recover; slip, crc4: too many of them.")
    errors: dict[str, int] = Field(default_factory=dict, description="slips, crc4 ... counted so far; empty where the card counts none.")
    lines: str = Field(description="One letter per B-channel, see LineState.")


class Health(StrEnum):
    """Can the node dial?"""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"  # dials, something needs a person
    HELD = "held"  # does not dial: the database or all links are away
    STOPPING = "stopping"


class NodeState(Told):
    """A node at a glance; cheap to make, publish it every second."""

    node: str
    version: str
    health: Health
    reason: str = Field("", description="What is wrong, in words.")
    at: dt.datetime
    started: dt.datetime
    driver: str
    audio: bool
    spans: tuple[SpanState, ...]
    channels: int
    channels_in_use: int
    channels_peak: int
    attempts: int = Field(description="Calls ended since the node started.")
    inbound_refused: int = Field(0, description="Calls from outside, refused since the node started.")
    calls_per_second: float = Field(description="Call attempts a second over the last ten seconds.")
    ticks: int = Field(0, description="Media ticks run, 20 ms each.")
    late_ticks: int = 0
    events_lost: int = Field(0, description="Events dropped because the ring was full.")
    spooled: int = Field(0, description="Results kept outside the database until it is back.")
    reconciled: bool = Field(True, description="Outcomes sum to attempts.")


class Reconciliation(Told):
    """Do the books add up? (D35, S04)."""

    ok: bool
    intents: int = Field(description="Intents journalled.")
    open: int = Field(description="Intents without a result, whose call is in progress.")
    results: int = Field(description="Intents with a result.")
    attempts: int = Field(description="Calls with a disposition in the database.")
    outcomes: dict[Disposition, int] = Field(default_factory=dict)
    dials: int = Field(0, description="Dial commands given to the driver since the node started.")
    cleared: int = Field(0, description="Cleared events since the node started.")
    problems: tuple[str, ...] = Field((), description="Every sum that is broken, in words.")


# -- events -------------------------------------------------------------------------------------------------------------------------


class CallStarted(Told):
    """A line was seized for a call."""

    type: Literal["call_started"] = "call_started"
    at: dt.datetime
    call_id: str
    campaign: str
    channel: int


class CallChanged(Told):
    """A call moved to another phase."""

    type: Literal["call_changed"] = "call_changed"
    at: dt.datetime
    call_id: str
    campaign: str
    channel: int
    phase: CallPhase


class CallEnded(Told):
    """A call is over and disposed."""

    type: Literal["call_ended"] = "call_ended"
    at: dt.datetime
    call: CallRecord


class CampaignChanged(Told):
    """A campaign's phase changed, or it made progress (at most once a second)."""

    type: Literal["campaign_changed"] = "campaign_changed"
    at: dt.datetime
    state: CampaignState


class NodeHealth(Told):
    """The node's health changed."""

    type: Literal["node_health"] = "node_health"
    at: dt.datetime
    health: Health
    reason: str = ""


class SpanChanged(Told):
    """A link or alarm changed."""

    type: Literal["span_changed"] = "span_changed"
    at: dt.datetime
    state: SpanState


class NodeAlarm(Told):
    """Something a person must look at: a sum that does not add up, results that could not be stored."""

    type: Literal["node_alarm"] = "node_alarm"
    at: dt.datetime
    what: str = Field(description="reconciliation, store, core or node.")
    text: str
    data: dict[str, Any] = Field(default_factory=dict)


CallNews = CallStarted | CallChanged | CallEnded | VoiceMailLeft
LineNews = NodeHealth | SpanChanged | InboundRefused | NodeAlarm
NodeEvent = Annotated[CallNews | CampaignChanged | AgentChanged | AgentCall | LineNews, Field(discriminator="type")]
