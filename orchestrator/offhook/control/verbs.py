"""What a node can be told over MQTT: one row per verb, with the model of its arguments and of its result.

Server, command line and AsyncAPI document read this table, so a verb is described once.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from offhook.calls.labels import Label, NewLabel
from offhook.control import agent_verbs, contact_verbs, handing_verbs, learning_verbs, life_verbs, line_verbs, outcome_verbs, strategy_verbs
from offhook.errors import CampaignError, ListError
from offhook.messages import (
    Asked,
    CallRecord,
    CampaignSpec,
    CampaignState,
    CampaignUpdate,
    ImportReport,
    NodeState,
    Reconciliation,
    Told,
    TrunkState,
)
from offhook.service import Service

PROBLEMS_IN_REPLY = 200
"""Problems of a list that travel in the reply; the reject file holds all of them."""
CALLS_IN_REPLY = 500


class NoArguments(Asked):
    """A verb that takes nothing: send ``{}`` or an empty payload."""


class CampaignName(Asked):
    """Which campaign."""

    campaign: str = Field(min_length=1, max_length=63, description="Name of the campaign.")


class UpdateCampaign(CampaignName):
    """Changes to a campaign; what is left out stays."""

    changes: CampaignUpdate


class SetLimits(CampaignName):
    """Live limits of a campaign; what is left out stays."""

    calls_per_second: float | None = Field(None, gt=0, le=500, description="Most call attempts a second.")
    lines: int | None = Field(None, ge=1, le=32_768, description="Lines in use at once, mode lines.")
    agents: float | None = Field(None, ge=0, le=10_000, description="Agents at work, mode ratio.")
    lines_per_agent: float | None = Field(None, gt=0, le=10, description="Lines dialled for each agent, mode ratio.")
    priority: int | None = Field(None, ge=0, le=9, description="9 goes first when lines are short.")
    share: float | None = Field(None, gt=0, le=10_000, description="Weight among campaigns of one priority when lines are short.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"campaign"}:
            raise ValueError("no limit is named; give calls_per_second, lines, agents, lines_per_agent, priority or share")
        return self


class ImportList(CampaignName):
    """A list for a campaign: a file that the node can read, or the text itself."""

    path: str | None = Field(None, min_length=1, max_length=4096, description="CSV or XLSX file on the node's machine.")
    csv: str | None = Field(None, min_length=1, description="The list itself, CSV text with a header line.")
    mapping: dict[str, str] | None = Field(None, description="Our field to the list's column: {'number': '联系电话', 'name': '客户'}.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.csv is None):
            raise ValueError("name the list by path or send it as csv, one of the two")
        return self


class ListCalls(Asked):
    """Which calls."""

    campaign: str | None = Field(None, max_length=63, description="Only this campaign's.")
    limit: int = Field(50, ge=1, le=CALLS_IN_REPLY, description="The latest so many.")


class OneCall(Asked):
    """Which call."""

    id: str = Field(min_length=1, max_length=64, description="The call's id, as in its record.")


class Shutdown(Asked):
    """An orderly end of the node: calls are hung up, results stored."""

    confirm: str = Field(description="The node's name, so that no stray message ends a node.")


class CampaignShown(Told):
    """A campaign as described and as it stands."""

    spec: CampaignSpec
    state: CampaignState


class CampaignReport(Told):
    """A campaign's result so far."""

    state: CampaignState
    reached: int = Field(description="Calls that someone or something answered.")
    answer_rate: float = Field(description="Answered calls / ended calls, 0 to 1.")
    person_rate: float = Field(description="Calls answered by a person / ended calls, 0 to 1.")
    reconciliation: Reconciliation


class Accepted(Told):
    """The node will do it."""

    accepted: bool = True


class VerbHelp(Told):
    """One verb, for people without the document."""

    verb: str
    changes: bool = Field(description="Whether it changes something.")
    what: str
    arguments: dict[str, Any] = Field(description="JSON Schema.")


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing a node can be told.

    Args:
        name: Last level of the command topic.
        what: One sentence.
        arguments: Model of the payload.
        result: Type of ``result`` in the reply.
        changes: Changing verbs run one after the other, are executed once per Correlation Data, and are told as an event.
        run: Does it.
    """

    name: str
    what: str
    arguments: type[BaseModel]
    result: Any
    changes: bool
    run: Callable[[Service, Any], Awaitable[Any]]

    def encode(self, result: Any) -> Any:
        """The result as plain JSON values."""
        adapter: TypeAdapter[Any] = TypeAdapter(self.result)
        return adapter.dump_python(result, mode="json")


async def _status(node: Service, _: NoArguments) -> NodeState:
    return node.state()


async def _create(node: Service, spec: CampaignSpec) -> CampaignState:
    return await node.create_campaign(spec)


async def _update(node: Service, order: UpdateCampaign) -> CampaignState:
    return await node.update_campaign(order.campaign, order.changes)


async def _set_limits(node: Service, order: SetLimits) -> CampaignState:
    return await node.update_campaign(order.campaign, CampaignUpdate(**order.model_dump(exclude={"campaign"}, exclude_unset=True)))


async def _import(node: Service, order: ImportList) -> ImportReport:
    await node.campaign(order.campaign)  # refuse before anything is read
    if order.csv is not None:
        path = await asyncio.to_thread(_spill, order.csv)
        try:
            report = await node.import_list(order.campaign, path, order.mapping)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        report = report.model_copy(update={"source": "csv"})
    else:
        report = await node.import_list(order.campaign, Path(order.path or ""), order.mapping)
    return report.model_copy(update={"problems": report.problems[:PROBLEMS_IN_REPLY]})


def _spill(text: str) -> Path:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise ListError("csv: the text holds half a character (a lone surrogate); send plain Unicode text") from None
    handle, name = tempfile.mkstemp(prefix="offhook-list-", suffix=".csv")
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    return Path(name)


async def _list(node: Service, _: NoArguments) -> list[CampaignState]:
    return await node.campaigns()


async def _show(node: Service, which: CampaignName) -> CampaignShown:
    return CampaignShown(spec=await node.campaign_spec(which.campaign), state=await node.campaign(which.campaign))


class Books(Protocol):
    """Where a report is made from: a node, or a desk on its database."""

    async def campaign(self, name: str) -> CampaignState:
        """One campaign."""

    async def reconcile(self) -> Reconciliation:
        """Do the books add up?"""


async def campaign_report(node: Books, name: str) -> CampaignReport:
    """A campaign's result so far."""
    state = await node.campaign(name)
    ended = sum(state.outcomes.values())
    reached = sum(count for outcome, count in state.outcomes.items() if outcome.reached)
    return CampaignReport(
        state=state,
        reached=reached,
        answer_rate=reached / ended if ended else 0.0,
        person_rate=sum(count for outcome, count in state.outcomes.items() if outcome == "person") / ended if ended else 0.0,
        reconciliation=await node.reconcile(),
    )


async def _report(node: Service, which: CampaignName) -> CampaignReport:
    return await campaign_report(node, which.campaign)


async def _calls(node: Service, which: ListCalls) -> list[CallRecord]:
    return await node.calls(which.campaign, which.limit)


async def _call(node: Service, which: OneCall) -> CallRecord:
    return await node.call(which.id)


async def _label(node: Service, label: NewLabel) -> Label:
    return await node.label(label)


async def _trunks(node: Service, _: NoArguments) -> list[TrunkState]:
    return await node.trunk_states()


async def _reconcile(node: Service, _: NoArguments) -> Reconciliation:
    return await node.reconcile()


async def _shutdown(node: Service, order: Shutdown) -> Accepted:
    if order.confirm != node.name:
        raise CampaignError(f'confirm holds {order.confirm!r}, not this node\'s name; to end it write "confirm": "{node.name}"')
    # Later, so that the reply leaves first.
    asyncio.get_running_loop().call_later(0.2, node.stop)
    return Accepted()


async def _help(_: Service, __: NoArguments) -> list[VerbHelp]:
    return [
        VerbHelp(verb=one.name, changes=one.changes, what=one.what, arguments=one.arguments.model_json_schema()) for one in VERBS.values()
    ]


VERBS: dict[str, Verb] = {
    one.name: one
    for one in (
        # name, what, arguments, result, changes, run
        Verb("status", "The node at a glance.", NoArguments, NodeState, False, _status),
        Verb("campaign.create", "Store a new campaign, idle.", CampaignSpec, CampaignState, True, _create),
        Verb(
            "campaign.update",
            "Change a campaign, running or not; effective with its next call.",
            UpdateCampaign,
            CampaignState,
            True,
            _update,
        ),
        Verb("campaign.import", "Read a list into a campaign, all good lines or none.", ImportList, ImportReport, True, _import),
        *(Verb(*row) for row in life_verbs.ROWS),
        Verb("campaign.list", "All campaigns by name.", NoArguments, list[CampaignState], False, _list),
        Verb("campaign.show", "A campaign as described and as it stands.", CampaignName, CampaignShown, False, _show),
        Verb("campaign.report", "A campaign's result so far.", CampaignName, CampaignReport, False, _report),
        Verb(
            "set_limits",
            "Change a campaign's live limits: calls a second, lines, agents, priority, share.",
            SetLimits,
            CampaignState,
            True,
            _set_limits,
        ),
        Verb("calls", "The latest calls, newest first, without evidence.", ListCalls, list[CallRecord], False, _calls),
        Verb("call", "One call with its evidence.", OneCall, CallRecord, False, _call),
        *(
            Verb(*row)
            for row in (
                *agent_verbs.ROWS,
                *contact_verbs.ROWS,
                *strategy_verbs.ROWS,
                *handing_verbs.ROWS,
                *outcome_verbs.ROWS,
                *learning_verbs.ROWS,
            )
        ),
        Verb("label", "Say what a call really was: a wrong verdict becomes a recording to train with.", NewLabel, Label, True, _label),
        Verb(
            "trunks",
            "How each trunk group does, and which channels rest.",
            NoArguments,
            list[TrunkState],
            False,
            _trunks,
        ),
        *(Verb(*row) for row in line_verbs.ROWS),
        Verb("reconcile", "Check that the books add up.", NoArguments, Reconciliation, False, _reconcile),
        Verb("shutdown", "End the node in good order.", Shutdown, Accepted, True, _shutdown),
        Verb("help", "All verbs with the schema of their arguments.", NoArguments, list[VerbHelp], False, _help),
    )
}
