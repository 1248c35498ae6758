"""Verbs of the life of a campaign. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from offhook.campaigns.life_messages import CampaignLife, Person, Summary, TrialPlan
from offhook.messages import Asked, CampaignState
from offhook.service import Service


class OneCampaign(Asked):
    """Which campaign."""

    campaign: str = Field(min_length=1, max_length=63, description="Name of the campaign.")


class CampaignOrder(OneCampaign):
    """An order for a campaign, with a name under it."""

    by: str = Field("", max_length=63, description="Who orders it; kept in the campaign's journal.")
    why: str = Field("", max_length=500, description="Why; kept too.")


class Approve(OneCampaign):
    """Somebody approves a plan and its lists."""

    by: Person = Field(description="Who approves; two approvals are of two different people.")
    note: str = Field("", max_length=500, description="Kept with the approval.")
    digest: str = Field(
        "", pattern="^([0-9a-f]{64})?$", description="The plan that was looked at, from campaign.life; another one is refused."
    )


class TrialOrder(CampaignOrder):
    """Dial the first calls only."""

    calls: int | None = Field(None, ge=1, le=5000, description="Stop after so many calls.")
    answers: int | None = Field(None, ge=1, le=5000, description="Stop once so many calls were answered.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        self.plan()
        return self

    def plan(self) -> TrialPlan:
        """How long the trial is."""
        return TrialPlan(calls=self.calls, answers=self.answers)


async def _approve(node: Service, order: Approve) -> CampaignState:
    return await node.approve_campaign(order.campaign, order.by, order.note, order.digest)


async def _trial(node: Service, order: TrialOrder) -> CampaignState:
    return await node.trial_campaign(order.campaign, order.plan(), order.by, order.why)


async def _start(node: Service, order: CampaignOrder) -> CampaignState:
    return await node.start_campaign(order.campaign, order.by, order.why)


async def _pause(node: Service, order: CampaignOrder) -> CampaignState:
    return await node.pause_campaign(order.campaign, order.by, order.why)


async def _resume(node: Service, order: CampaignOrder) -> CampaignState:
    return await node.resume_campaign(order.campaign, order.by, order.why)


async def _stop(node: Service, order: CampaignOrder) -> CampaignState:
    return await node.stop_campaign(order.campaign, order.by, order.why)


async def _summarise(node: Service, order: CampaignOrder) -> Summary:
    return await node.summarise_campaign(order.campaign, order.by, order.why)


async def _summary(node: Service, which: OneCampaign) -> Summary:
    return await node.campaign_summary(which.campaign)


async def _life(node: Service, which: OneCampaign) -> CampaignLife:
    return await node.campaign_life(which.campaign)


Row = tuple[str, str, type[BaseModel], Any, bool, Callable[[Service, Any], Awaitable[Any]]]

ROWS: tuple[Row, ...] = (
    # name, what, arguments, result, changes, run
    (
        "campaign.approve",
        "Approve the plan and the lists as they stand; large campaigns need two people.",
        Approve,
        CampaignState,
        True,
        _approve,
    ),
    ("campaign.trial", "Dial the first calls, then stop with a report and wait.", TrialOrder, CampaignState, True, _trial),
    ("campaign.start", "Dial, or go on after a trial.", CampaignOrder, CampaignState, True, _start),
    ("campaign.pause", "Dial no more; calls in progress go on.", CampaignOrder, CampaignState, True, _pause),
    ("campaign.resume", "Dial again after a pause or a trial.", CampaignOrder, CampaignState, True, _resume),
    ("campaign.stop", "Dial no more and hang up what is not answered yet.", CampaignOrder, CampaignState, True, _stop),
    ("campaign.summarise", "Close a campaign that is over and keep its sums.", CampaignOrder, Summary, True, _summarise),
    ("campaign.summary", "The sums of a campaign, as kept or as they stand.", OneCampaign, Summary, False, _summary),
    ("campaign.life", "A campaign's journal, its approvals, and what may come next.", OneCampaign, CampaignLife, False, _life),
)
