"""What is said about pacing and agents: how a campaign paces its calls, who is logged in, and who talks with whom."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from offhook.said import Asked, Told

if TYPE_CHECKING:
    from offhook.pacing.rules import AbandonRule

CampaignMode = Literal["lines", "ratio", "manual", "preview", "progressive", "precise", "predictive"]
"""How a campaign decides when to dial; ``offhook.pacing`` does all but lines and the stated ratio."""


class AbandonPlan(Asked):
    """How abandoned calls are counted, and how many are allowed; what is left out is the rule's own."""

    name: str = Field("us-ftc-campaign", description="Rule to begin with: us-ftc, us-ftc-campaign, gb-ofcom or none.")
    share: float | None = Field(None, ge=0, le=1, description="Most abandoned calls per counted call, 0.03 for 3 % (D16).")
    start: Literal["answer", "greeting_start", "greeting_end"] | None = Field(None, description="Where the clock starts.")
    seconds: float | None = Field(None, ge=0, le=60, description="How long a person may wait on that clock, s.")
    window_s: float | None = Field(None, gt=0, description="Length of the rolling window, s.")
    denominator: Literal["people", "connected", "answered"] | None = Field(None, description="Calls of which the abandoned are a share.")
    confidence: float | None = Field(None, ge=0.5, lt=1, description="Keep this one-sided upper bound of the share under the limit.")

    def rule(self) -> AbandonRule:
        """The rule it describes; ValueError when there is no rule of that name."""
        from offhook.pacing.rules import rule  # needs numpy, which small commands start without

        return rule(self.name, **self.model_dump(exclude={"name"}, exclude_none=True))

    @model_validator(mode="after")
    def _known(self) -> AbandonPlan:
        if self.model_fields_set:
            self.rule()
        return self


class PacingPlan(Asked):
    """How a campaign with agents paces its calls; see docs/pacing.md for what each mode does."""

    per: Literal["stated", "free", "logged_in"] = Field(
        "stated", description="Mode ratio: lines_per_agent counts the agents stated in the campaign, free agents, or agents logged in."
    )
    review_s: float | None = Field(
        15.0,
        ge=0,
        le=600,
        description="How long a previewed lead is shown before it is dialled, s; null waits for the agent (D08).",
    )
    may_skip: bool = Field(True, description="An agent may skip a previewed lead; it comes again when the list is through.")
    preview: dict[str, str] = Field(
        default_factory=dict,
        description="Leads shown to an agent before the call although the campaign is paced otherwise: column and value (D13).",
    )
    typed_numbers: bool = Field(False, description="Agents may dial numbers that they type in (D07).")
    wrap_limit_s: float | None = Field(None, ge=0, le=3600, description="Longest wrap-up, s; null ends it when the agent says ready.")
    promise_wait_s: float = Field(
        900.0, ge=0, le=30 * 86_400, description="How long a promised call waits for the agent who promised it; then it is anyone's (D54)."
    )
    nobody: Literal["message", "voice_mail", "hangup"] = Field(
        "message",
        description="A person for whom no agent is free in time: the abandoned message, that and then a voice mail (D26), or hang up.",
    )
    voice_mail_s: float = Field(30.0, ge=2, le=60, description="Longest voice mail, s; [core] capture_s bounds it too.")
    answer_share: float = Field(0.3, gt=0, lt=1, description="Share of calls answered by a person, to begin with; it is learned.")
    talk_s: float = Field(120.0, gt=0, le=7200, description="Mean talk to begin with, s.")
    wrap_s: float = Field(20.0, ge=0, le=3600, description="Mean wrap-up to begin with, s.")
    min_agents: int = Field(3, ge=1, le=1000, description="With fewer agents, predictive dials one call per free agent (D20).")
    min_people: int = Field(20, ge=0, le=10_000, description="Until so many people were seen, the answer share is taken high (D20).")
    target: Literal["rule", "abandon", "contact", "wait"] = Field(
        "rule", description="Follow the rule alone, an abandon share below it (D16), agents in talk (D15), or seconds an agent waits."
    )
    target_value: float | None = Field(None, gt=0, description="The share, ratio or seconds of target.")
    abandon: AbandonPlan = Field(default_factory=AbandonPlan)

    @model_validator(mode="after")
    def _aims(self) -> PacingPlan:
        if (self.target == "rule") != (self.target_value is None):
            raise ValueError(f"target {self.target} {'takes no' if self.target == 'rule' else 'needs a'} target_value")
        return self


class PacingChange(Asked):
    """Changes to a pacing plan; what is left out stays."""

    per: Literal["stated", "free", "logged_in"] | None = None
    review_s: float | None = Field(None, ge=0, le=600)
    may_skip: bool | None = None
    preview: dict[str, str] | None = None
    typed_numbers: bool | None = None
    wrap_limit_s: float | None = Field(None, ge=0, le=3600)
    promise_wait_s: float | None = Field(None, ge=0, le=30 * 86_400)
    nobody: Literal["message", "voice_mail", "hangup"] | None = None
    voice_mail_s: float | None = Field(None, ge=2, le=60)
    answer_share: float | None = Field(None, gt=0, lt=1)
    talk_s: float | None = Field(None, gt=0, le=7200)
    wrap_s: float | None = Field(None, ge=0, le=3600)
    min_agents: int | None = Field(None, ge=1, le=1000)
    min_people: int | None = Field(None, ge=0, le=10_000)
    target: Literal["rule", "abandon", "contact", "wait"] | None = None
    target_value: float | None = Field(None, gt=0)
    abandon: AbandonPlan | None = None

    def onto(self, plan: PacingPlan) -> dict[str, Any]:
        """The plan with these changes, not yet validated."""
        return {**plan.model_dump(mode="json"), **self.model_dump(mode="json", exclude_unset=True)}


class PacingShown(Told):
    """Pacing of a running campaign after its last decision."""

    mode: str
    level: float = Field(description="Calls in flight per agent logged in.")
    launched: int = Field(description="Calls that the last decision launched.")
    reason: str = Field("", description="Why it launches no more now, in words.")
    agents: int = Field(0, description="Agents that count for this campaign now.")
    ready: int = Field(0, description="Of these, ready.")
    talking: int = Field(0, description="Of these, in talk.")
    waiting: int = Field(0, description="People who wait for an agent now.")
    in_flight: int = Field(0, description="Calls not yet known to be a person or not.")
    answer_share: float | None = Field(None, description="Share of calls expected to be a person, 0 to 1; predictive only.")
    answer_share_seen: float | None = Field(None, description="People per call launched in the rule's window, 0 to 1.")
    risk: float | None = Field(None, description="Predicted chance that the next call would be abandoned; predictive only.")
    risk_limit: float | None = Field(None, description="The most the budget allows now; predictive only.")
    people: int = Field(0, description="Calls judged to be a person in the window of the rule.")
    abandoned: int = Field(0, description="Of these, abandoned.")
    abandon_share: float = Field(0.0, description="Abandoned calls per person counted, 0 to 1.")
    budget_left: float = Field(0.0, description="Calls that could still be abandoned without breaking the rule.")


AgentId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="Letters, digits, dot, hyphen and underscore: part of an MQTT topic."),
]


class AgentStatus(StrEnum):
    """What an agent is doing."""

    OUT = "out"
    READY = "ready"
    PREVIEW = "preview"  # reserved: looks at a lead, or the call for this agent alone is on its way
    TALKING = "talking"
    WRAP = "wrap"
    PAUSED = "paused"


class AgentLevel(StrEnum):
    """At which level an agent works for a campaign (D23)."""

    HIGH = "high"
    STANDARD = "standard"
    OVERFLOW = "overflow"


class AgentShown(Told):
    """An agent as the node sees one."""

    agent: str
    status: AgentStatus
    since: dt.datetime
    campaigns: dict[str, AgentLevel] = Field(default_factory=dict, description="Campaigns this agent is logged in to (D24).")
    promised: str | None = Field(None, description="Campaign that counts on this agent now.")
    reason: str = Field("", description="Of a pause.")
    leaving: bool = Field(False, description="Goes, or pauses, after the present call.")
    call_id: str | None = Field(None, description="Call or lead in hand.")
    campaign: str | None = Field(None, description="Campaign of that call.")
    calls: int = Field(0, description="Talks since the node started.")
    talk_s: float = Field(0.0, description="Sum of these talks, s.")
    channel: int | None = Field(None, description="B-channel on which the agent's own telephone is held, none for an agent outside.")


class AgentChanged(Told):
    """An agent came, went, or does something else now."""

    type: Literal["agent_changed"] = "agent_changed"
    at: dt.datetime
    agent: AgentShown


class AgentCall(Told):
    """An agent is given a lead to look at (preview), or a person to talk with (connected)."""

    type: Literal["agent_call"] = "agent_call"
    at: dt.datetime
    agent: str
    what: Literal["preview", "connected"]
    call_id: str
    campaign: str
    lead_id: int
    number: str = Field(description="As imported.")
    name: str = ""
    attempt: int = 1
    channel: int | None = Field(None, description="B-channel of the person, when connected.")
    review_s: float | None = Field(None, description="Dialled by itself after so long, s; null waits for agent.dial.")
    extra: dict[str, str] = Field(default_factory=dict, description="Other columns of the list.")
