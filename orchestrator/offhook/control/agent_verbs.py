"""Verbs of agents and of pacing. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import BaseModel, Field

from offhook.agents.messages import AgentId, AgentLevel, AgentShown, CampaignMode, PacingChange, PacingPlan
from offhook.calls.mail_messages import VoiceMail
from offhook.errors import CampaignError
from offhook.messages import Asked, CampaignState, CampaignUpdate, Told
from offhook.service import Service


class NoAgent(Asked):
    """A verb that takes nothing: send ``{}`` or an empty payload."""


class AgentName(Asked):
    """Which agent."""

    agent: AgentId


class LogIn(AgentName):
    """An agent comes to work."""

    campaigns: dict[str, AgentLevel] = Field(
        min_length=1, description="Campaigns and the level in each, {'spring': 'high'}: high, standard or overflow (D23, D24)."
    )
    ready: bool = Field(True, description="Take calls at once; otherwise agent.ready does it.")
    telephone: str = Field(
        "",
        pattern=r"^[0-9*#]{0,32}$",
        description="Digits for the trunk: call the agent and hold the line, people are bridged to it. Empty: the agent talks elsewhere.",
    )


class LogOut(AgentName):
    """An agent goes."""

    at_once: bool = Field(False, description="Not after the present call but now; a person in talk goes to another agent.")


class Pause(AgentName):
    """An agent takes a break."""

    reason: str = Field(min_length=1, max_length=200, description="Why, for reports: lunch, training.")


class AskCall(AgentName):
    """An agent wants a call."""

    campaign: str = Field(min_length=1, max_length=63, description="Of this campaign.")
    preview: bool = Field(False, description="See the lead before it is dialled (D13).")
    number: str = Field("", max_length=64, description="Call this number, typed in, instead of the next lead (D07).")
    name: str = Field("", max_length=200, description="Whose number it is; kept with a lead that is new.")


class Done(AgentName):
    """A talk ends."""

    to: Literal["hangup", "prompt", "voice_mail"] = Field(
        "hangup", description="Free the line, or hand the person to the prompt and its keys, or to voice mail (D26)."
    )


class WhichMails(Asked):
    """Which voice mails."""

    campaign: str | None = Field(None, max_length=63, description="Only this campaign's.")
    limit: int = Field(50, ge=1, le=500, description="The latest so many.")


class RemoveMails(Asked):
    """Voice mails that were heard."""

    calls: tuple[str, ...] = Field(min_length=1, max_length=500, description="Ids of their calls.")


class PlayMail(AgentName):
    """Who hears which voice mail."""

    call: str = Field(min_length=1, max_length=64, description="Id of its call.")


class MailPlayed(Told):
    """It plays now."""

    seconds: float = Field(description="How long it takes.")


class MailsRemoved(Told):
    """How many."""

    removed: int


class SetPacing(Asked):
    """Another way to pace, or other settings of it; what is left out stays. Calls on their way are not touched."""

    campaign: str = Field(min_length=1, max_length=63, description="Name of the campaign.")
    mode: CampaignMode | None = Field(None, description="The mode from now on.")
    lines_per_agent: float | None = Field(None, gt=0, le=10, description="Calls per agent, mode ratio.")
    changes: PacingChange = Field(default_factory=PacingChange, description="Changes to the pacing plan.")


async def _list(node: Service, _: NoAgent) -> list[AgentShown]:
    return node.floor.agents()


async def _show(node: Service, which: AgentName) -> AgentShown:
    return node.floor.agent(which.agent)


async def _log_in(node: Service, order: LogIn) -> AgentShown:
    return node.floor.log_in(order.agent, order.campaigns, order.ready, order.telephone)


async def _log_out(node: Service, order: LogOut) -> AgentShown:
    return node.floor.log_out(order.agent, order.at_once)


async def _ready(node: Service, which: AgentName) -> AgentShown:
    return node.floor.ready(which.agent)


async def _pause(node: Service, order: Pause) -> AgentShown:
    return node.floor.pause(order.agent, order.reason)


async def _done(node: Service, order: Done) -> AgentShown:
    return {"hangup": node.floor.done, "prompt": node.floor.pass_on, "voice_mail": node.floor.take_message}[order.to](order.agent)


async def _mails(node: Service, which: WhichMails) -> list[VoiceMail]:
    return await node.voice_mails(which.campaign, which.limit)


async def _play_mail(node: Service, order: PlayMail) -> MailPlayed:
    return MailPlayed(seconds=round(await node.floor.hear(order.agent, order.call), 1))


async def _remove_mails(node: Service, which: RemoveMails) -> MailsRemoved:
    return MailsRemoved(removed=await node.remove_voice_mail(which.calls))


async def _dial(node: Service, which: AgentName) -> AgentShown:
    return node.floor.dial(which.agent)


async def _skip(node: Service, which: AgentName) -> AgentShown:
    return node.floor.skip(which.agent)


async def _call(node: Service, order: AskCall) -> AgentShown:
    if order.number.strip():
        return await node.floor.ask_number(order.agent, order.campaign, order.number, order.name, order.preview)
    return node.floor.ask(order.agent, order.campaign, order.preview)


async def _set_pacing(node: Service, order: SetPacing) -> CampaignState:
    spec = await node.campaign_spec(order.campaign)
    try:
        plan = PacingPlan.model_validate(order.changes.onto(spec.pacing))
    except ValueError as wrong:
        raise CampaignError(f"campaign '{order.campaign}': pacing: {wrong}") from None
    changes = order.model_dump(include={"mode", "lines_per_agent"}, exclude_unset=True)
    return await node.update_campaign(order.campaign, CampaignUpdate(pacing=plan, **changes))


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("set_pacing", "Change a running campaign's mode or pacing settings.", SetPacing, CampaignState, True, _set_pacing),
    ("agent.list", "Agents who are logged in.", NoAgent, list[AgentShown], False, _list),
    ("agent.show", "One agent.", AgentName, AgentShown, False, _show),
    ("agent.login", "Log in to campaigns, each at a level; again to change them.", LogIn, AgentShown, True, _log_in),
    ("agent.logout", "Leave, after the present call or at once.", LogOut, AgentShown, True, _log_out),
    ("agent.ready", "Take calls: after a log-in, a pause, or wrap-up.", AgentName, AgentShown, True, _ready),
    ("agent.pause", "Take no calls, after the present one.", Pause, AgentShown, True, _pause),
    ("agent.done", "End the talk; wrap-up begins.", Done, AgentShown, True, _done),
    ("agent.dial", "Dial the lead that is shown.", AgentName, AgentShown, True, _dial),
    ("agent.skip", "Show another lead instead.", AgentName, AgentShown, True, _skip),
    ("agent.call", "Ask for a call: the next lead, or a number typed in, for this agent.", AskCall, AgentShown, True, _call),
    ("voicemail.list", "Messages that people left, newest first.", WhichMails, list[VoiceMail], False, _mails),
    ("voicemail.play", "Play a message over an agent's telephone.", PlayMail, MailPlayed, True, _play_mail),
    ("voicemail.remove", "Take messages away that were heard.", RemoveMails, MailsRemoved, True, _remove_mails),
)
