"""What is said about the life of a campaign: orders with a name under them, its journal, the report of a trial, the summary."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from offhook.calls.disposition import Disposition
from offhook.campaigns.life import Order, Stage
from offhook.said import Asked, Told

Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=63)]
"""Who gives an order, as kept in the journal."""


class TrialPlan(Asked):
    """How long a trial is: so many calls, or until so many were answered."""

    calls: int | None = Field(None, ge=1, le=5000, description="Stop after so many calls.")
    answers: int | None = Field(None, ge=1, le=5000, description="Stop once so many calls were answered; never more are.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.calls is None) == (self.answers is None):
            raise ValueError("a trial is counted in calls or in answers; give one of the two")
        return self


class TrialReport(Told):
    """What a trial showed."""

    calls: int | None = Field(description="Calls that were asked for.")
    answers: int | None = Field(description="Answers that were asked for.")
    began: dt.datetime
    ended: dt.datetime
    node: str = Field(description="Node that made the calls.")
    attempts: int = Field(description="Calls ended.")
    outcomes: dict[Disposition, int] = Field(description="By disposition; they sum to attempts.")
    reached: int = Field(description="Answered, by somebody or something.")
    answer_rate: float = Field(description="reached / attempts, 0 to 1.")
    people: int = Field(description="Answered by a person, the abandoned included.")
    machines: int = Field(description="Answering machines and automatic attendants.")
    abandoned: int = Field(description="People for whom no agent was free in time.")
    unknown_announcements: int = Field(description="Calls with an announcement that no library knows; see offhook announce.")
    complete: bool = Field(description="Whether the number asked for was reached; otherwise the leads ran out.")


class Approval(Told):
    """Somebody has approved a plan."""

    by: str
    at: dt.datetime
    note: str
    digest: str = Field(description="SHA-256 of the plan, its audio files and its lists.")
    valid: bool = Field(description="Whether this is still the plan.")


class LifeStep(Told):
    """A line of the journal of a campaign's life."""

    at: dt.datetime
    order: Order
    by: str = Field(description="Who; empty: not said. The node's own steps carry its name.")
    why: str
    before: Stage | None = Field(description="None at its creation.")
    after: Stage
    digest: str = Field("", description="Of an approval, or of the plan with which an approved campaign went to work.")


class Summary(Told):
    """The sums of a campaign. Every lead and every call is counted once in each group of sums."""

    campaign: str
    title: str
    at: dt.datetime = Field(description="When it was made.")
    closed_by: str = Field("", description="Who ordered it; empty while the campaign is not summarised.")
    leads: int
    open: int = Field(description="Leads that may still be called.")
    closed: int
    dialled: int = Field(description="Leads whose number was dialled at least once.")
    never_dialled: int
    reached: int = Field(description="Leads where somebody or something answered.")
    people: int = Field(description="Leads where a person answered.")
    penetration: float = Field(description="dialled / leads, 0 to 1: how much of the data was used (D57).")
    reach: float = Field(description="reached / leads.")
    contact_rate: float = Field(description="people / leads.")
    by_last_result: dict[Disposition, int] = Field(description="Leads by the result of their last call; with no_result they sum to leads.")
    no_result: int = Field(description="Leads without any call.")
    never_why: dict[str, int] = Field(description="Leads closed without any call, by reason.")
    attempts: int
    outcomes: dict[Disposition, int] = Field(description="Calls by disposition; they sum to attempts.")
    attempts_per_lead: float = Field(description="attempts / dialled.")
    answer_rate: float = Field(description="Answered calls / attempts.")
    first_call: dt.datetime | None
    last_call: dt.datetime | None = Field(description="When the last call ended.")
    billed_ms: int
    talk_ms: int = Field(description="Talk with agents.")
    approvals: tuple[Approval, ...]
    trials: tuple[TrialReport, ...]
    problems: tuple[str, ...] = Field(description="Sums that do not agree; none: the books add up.")


class CampaignLife(Told):
    """A campaign's life so far, and what may come next."""

    campaign: str
    stage: Stage
    leads: int
    approvals_needed: int = Field(description="People who must approve it before it dials; 0: it has fewer numbers than [approval] says.")
    approvals: tuple[Approval, ...]
    digest: str = Field(description="SHA-256 of the plan as it stands; an approval may name it.")
    allowed: tuple[Order, ...] = Field(description="Orders that it takes now.")
    trial: TrialReport | None = Field(description="The latest trial that is over.")
    steps: tuple[LifeStep, ...] = Field(description="The journal, oldest first.")


def trial_of(data: dict[str, Any] | None) -> TrialReport | None:
    """The report that a step of the journal keeps."""
    return TrialReport.model_validate(data) if data else None
