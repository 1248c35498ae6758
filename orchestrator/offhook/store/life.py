"""The life of campaigns in the database: each order is one transaction that looks at the stage, changes it and journals that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from offhook.campaigns.life import (
    AT_WORK,
    GATED,
    ORDERS,
    ApprovalSettings,
    Order,
    Stage,
    digest,
    plan_of,
    refusal,
    same_person,
    script_files,
)
from offhook.campaigns.life_messages import Approval, LifeStep, TrialPlan, TrialReport
from offhook.messages import CampaignSpec, Wanted
from offhook.store import tables as t
from offhook.store.handing import HANDED
from offhook.store.life_report import trial_report
from offhook.store.tables import instant

WANTED = {
    Stage.TRIAL: Wanted.RUNNING,
    Stage.TRIAL_DONE: Wanted.PAUSED,
    Stage.RUNNING: Wanted.RUNNING,
    Stage.PAUSED: Wanted.PAUSED,
    Stage.STOPPED: Wanted.STOPPED,
    Stage.SUMMARISED: Wanted.STOPPED,
}
"""What a node is told by the stage that an order leads to; other stages leave the wish as it is."""
CHANGES = (Order.IMPORT, Order.UPDATE)
"""Steps that are written when the plan or its lists changed; approvals from before them are void."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order for one campaign, with all that its transaction needs."""

    campaign: str
    order: Order
    now_ms: int
    by: str = ""
    why: str = ""
    script: Mapping[str, str] | None = None  # SHA-256 of the audio files, by path; None: not read yet
    seen: str = ""  # digest of the plan that the approver saw; empty: not said
    trial: TrialPlan | None = None
    data: Mapping[str, Any] | None = None  # kept in the journal with the step: a summary


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a wish."""

    refused: str = ""
    script: tuple[str, ...] | None = None  # nothing was done: these files must be read first


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign's plan and who approved it."""

    needed: int  # people who must approve; 0: nobody
    leads: int  # as far as they were counted: at least so many
    digest: str  # empty while the script was not read
    approvals: tuple[Approval, ...]

    @property
    def by(self) -> list[str]:
        """Different people whose approval holds."""
        found: list[str] = []
        for one in self.approvals:
            if one.valid and not any(same_person(one.by, other) for other in found):
                found.append(one.by)
        return found


def carry_out(connection: Connection, wish: Wish, approval: ApprovalSettings) -> Done:
    """Do what *wish* orders, or say why not; a refused wish changes nothing."""
    row = connection.execute(select(t.campaign).where(t.campaign.c.name == wish.campaign).with_for_update()).one_or_none()
    if row is None:
        return Done(f"no campaign '{wish.campaign}'")
    stage = _settled(connection, row, wish)
    after = ORDERS[wish.order].get(stage)
    if after is None:
        return Done(refusal(wish.campaign, stage, wish.order))
    if wish.order is Order.SUMMARISE and (calls := _count(connection, row.id, "reserved")):
        return Done(f"campaign '{wish.campaign}' has {calls} calls in progress; summarise it when they have ended")
    step: dict[str, Any] = {"digest": ""}
    if wish.order is Order.APPROVE or (wish.order in GATED and needed(connection, row.id, approval)):
        spec = CampaignSpec.model_validate(row.spec)
        if wish.script is None or set(script_files(spec)) != set(wish.script):
            return Done(script=tuple(script_files(spec)))
        plan = plan_now(connection, row.id, spec, wish.script, approval)
        refused = _approve(wish, plan) if wish.order is Order.APPROVE else _gate(wish, plan, approval)
        if refused:
            return Done(refused)
        step["digest"] = plan.digest
        if wish.order is Order.APPROVE and stage is Stage.DATA_READY and len(plan.by) + 1 < plan.needed:
            after = stage
    values: dict[str, Any] = {}
    if wish.order is Order.RESUME and row.trial is not None:
        after = Stage.TRIAL
    elif wish.order is Order.TRIAL:
        assert wish.trial is not None
        values["trial"] = {**wish.trial.model_dump(), "from_ms": wish.now_ms, "node": ""}
    elif wish.order not in (Order.PAUSE, Order.APPROVE):
        values["trial"] = None
    enter(connection, row.id, after, wish.now_ms, **values, **({"wanted": WANTED[after].value} if after in WANTED else {}))
    if after is not stage or wish.order is not Order.START:
        journal(connection, row.id, wish.now_ms, wish.order, stage, after, wish.by, wish.why, wish.data, step["digest"])
    return Done()


def _settled(connection: Connection, row: Any, wish: Wish) -> Stage:
    """The stage; one whose last lead was closed while no node looked has finished."""
    stage = Stage(row.stage)
    if stage is not Stage.RUNNING or wish.order is not Order.SUMMARISE:
        return stage
    if _count(connection, row.id, "open", HANDED, "reserved") or not _count(connection, row.id, "closed"):
        return stage
    journal(connection, row.id, wish.now_ms, Order.FINISH, stage, Stage.FINISHED, why="every lead is closed")
    return Stage.FINISHED


def _count(connection: Connection, campaign_id: int, *states: str) -> int:
    which = t.lead.c.campaign_id == campaign_id, t.lead.c.state.in_(states)
    return int(connection.execute(select(func.count()).where(*which)).scalar_one())


def _approve(wish: Wish, plan: Plan) -> str:
    """Why an approval is not taken; empty when it is."""
    if wish.seen and wish.seen != plan.digest:
        return f"the plan of campaign '{wish.campaign}' is not {wish.seen[:12]}... any more but {plan.digest[:12]}...; look at it again"
    if any(same_person(one, wish.by) for one in plan.by):
        return f"{wish.by} has approved campaign '{wish.campaign}' already; another person must"
    return ""


def _gate(wish: Wish, plan: Plan, approval: ApprovalSettings) -> str:
    """Why a campaign may not dial yet; empty when it may."""
    if len(plan.by) >= plan.needed:
        return ""
    by = f"approved by {', '.join(plan.by)}" if plan.by else "approved by nobody"
    void = ", what was approved has changed since" if len(plan.approvals) > len(plan.by) else ""
    return (
        f"campaign '{wish.campaign}' has {approval.numbers:,} numbers or more and is {by}{void}: no {wish.order} before "
        f"{plan.needed} different people have approved it; offhook campaign approve {wish.campaign} --by NAME"
    )


# -- approvals ----------------------------------------------------------------------------------------------------------------------


def needed(connection: Connection, campaign_id: int, approval: ApprovalSettings) -> int:
    """How many people must approve a campaign before it dials."""
    if not approval.numbers:
        return 0
    return approval.people if _leads(connection, campaign_id, approval.numbers) >= approval.numbers else 0


def _leads(connection: Connection, campaign_id: int, most: int) -> int:
    """Leads, counted up to *most* so that ten million cost no more than five thousand."""
    some = select(t.lead.c.id).where(t.lead.c.campaign_id == campaign_id).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def plan_now(connection: Connection, campaign_id: int, spec: CampaignSpec, script: Mapping[str, str], approval: ApprovalSettings) -> Plan:
    """The plan as it stands, and who approved it."""
    report = t.import_report.c
    rows = connection.execute(
        select(report.id, report.accepted).where(report.campaign_id == campaign_id, report.done.is_(True)).order_by(report.id)
    )
    now = digest(spec, script, [(r.id, r.accepted) for r in rows])
    changed = _last_change(connection, campaign_id)
    life = t.campaign_life.c
    given = connection.execute(
        select(life.id, life.by, life.at_ms, life.why, life.digest)
        .where(life.campaign_id == campaign_id, life.what == Order.APPROVE)
        .order_by(life.id)
    )
    approvals = tuple(
        Approval(by=r.by, at=instant(r.at_ms), note=r.why, digest=r.digest, valid=r.id > changed and r.digest == now) for r in given
    )
    return Plan(needed(connection, campaign_id, approval), _leads(connection, campaign_id, max(1, approval.numbers)), now, approvals)


def _last_change(connection: Connection, campaign_id: int) -> int:
    life = t.campaign_life.c
    query = select(func.max(life.id)).where(life.campaign_id == campaign_id, life.what.in_(CHANGES))
    return int(connection.execute(query).scalar() or 0)


def changed(connection: Connection, campaign_id: int, order: Order, why: str, now_ms: int, approval: ApprovalSettings) -> None:
    """The plan (*order* UPDATE) or the list (IMPORT) is another one now: approvals are void, and the campaign stops if it needs some."""
    row = connection.execute(select(t.campaign).where(t.campaign.c.id == campaign_id).with_for_update()).one()
    stage = after = Stage(row.stage)
    wanted = Wanted(row.wanted)
    if order is Order.IMPORT:
        after = {Stage.DRAFT: Stage.DATA_READY, Stage.SUMMARISED: Stage.DATA_READY, Stage.FINISHED: Stage.RUNNING}.get(stage, stage)
    values: dict[str, Any] = {}
    if after is Stage.APPROVED or (after in AT_WORK and needed(connection, campaign_id, approval)):
        after = Stage.DATA_READY
        values = {"trial": None, "wanted": Wanted.PAUSED.value if wanted is Wanted.RUNNING else wanted.value}
    enter(connection, campaign_id, after, now_ms, **values)
    journal(connection, campaign_id, now_ms, order, stage, after, why=why)


def plan_differs(before: Mapping[str, Any], after: CampaignSpec) -> bool:
    """Is it another plan than the one stored?"""
    return plan_of(CampaignSpec.model_validate(before)) != plan_of(after)


# -- the node's own steps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """A trial as a node finds it."""

    node: str  # who makes its calls
    plan: TrialPlan | None  # None: there is none any more
    ended: int = 0
    answered: int = 0


def claim_trial(connection: Connection, campaign_id: int, node: str) -> Claim:
    """Take the trial of a campaign for *node*, unless another one has it: so many calls are so many, however many nodes there are."""
    row = connection.execute(select(t.campaign).where(t.campaign.c.id == campaign_id).with_for_update()).one()
    if row.trial is None or row.stage != Stage.TRIAL:
        return Claim("", None)
    found = dict(row.trial)
    plan = TrialPlan(calls=found["calls"], answers=found["answers"])
    if not found["node"]:
        found["node"] = node
        connection.execute(update(t.campaign).where(t.campaign.c.id == campaign_id).values(trial=found))
    report = trial_report(connection, campaign_id, found, found["from_ms"])
    return Claim(found["node"], plan, report.attempts, report.reached)


def end_trial(connection: Connection, campaign_id: int, now_ms: int) -> TrialReport | None:
    """The trial is over: keep its report and wait for an order. None when an order came first."""
    row = connection.execute(select(t.campaign).where(t.campaign.c.id == campaign_id).with_for_update()).one()
    if row.trial is None or row.stage != Stage.TRIAL:
        return None
    report = trial_report(connection, campaign_id, row.trial, now_ms)
    enter(connection, campaign_id, Stage.TRIAL_DONE, now_ms, trial=None, wanted=Wanted.PAUSED.value)
    data = report.model_dump(mode="json")
    node = str(row.trial["node"])
    said = f"{report.attempts} calls, {report.reached} answered"
    journal(connection, campaign_id, now_ms, Order.TRIAL_END, Stage.TRIAL, Stage.TRIAL_DONE, node, said, data)
    return report


def turn(connection: Connection, campaign_id: int, before: Stage, after: Stage, why: str, node: str, now_ms: int) -> Stage:
    """Go from *before* to *after* if it is still there, without a change that other processes must follow; the stage now."""
    row = connection.execute(select(t.campaign.c.stage).where(t.campaign.c.id == campaign_id).with_for_update()).one()
    if row.stage != before:
        return Stage(row.stage)
    connection.execute(update(t.campaign).where(t.campaign.c.id == campaign_id).values(stage=after.value, updated_ms=now_ms))
    journal(connection, campaign_id, now_ms, Order.FINISH if after is Stage.FINISHED else Order.START, before, after, node, why)
    return after


# -- the journal --------------------------------------------------------------------------------------------------------------------


def enter(connection: Connection, campaign_id: int, stage: Stage, now_ms: int, **values: Any) -> None:
    """Put a campaign into a stage; every process that watches it sees the change."""
    connection.execute(
        update(t.campaign)
        .where(t.campaign.c.id == campaign_id)
        .values(stage=stage.value, updated_ms=now_ms, revision=t.campaign.c.revision + 1, **values)
    )


def journal(
    connection: Connection,
    campaign_id: int,
    now_ms: int,
    order: Order,
    before: Stage | None,
    after: Stage,
    by: str = "",
    why: str = "",
    data: Mapping[str, Any] | None = None,
    plan: str = "",
) -> None:
    """Write a step into the journal."""
    values: dict[str, Any] = {"campaign_id": campaign_id, "at_ms": now_ms, "what": order.value}
    values |= {"before": before.value if before is not None else None}
    values |= {"after": after.value, "by": by[:63], "why": why[:500], "data": data, "digest": plan}
    connection.execute(insert(t.campaign_life).values(values))


@dataclass(slots=True)
class Steps:
    """The journal of a campaign."""

    steps: list[LifeStep] = field(default_factory=list)
    trials: list[TrialReport] = field(default_factory=list)
    summary: dict[str, Any] | None = None  # the latest, if nothing came after it


def steps(connection: Connection, campaign_id: int) -> Steps:
    """The journal, oldest first."""
    found = Steps()
    for r in connection.execute(select(t.campaign_life).where(t.campaign_life.c.campaign_id == campaign_id).order_by(t.campaign_life.c.id)):
        before = Stage(r.before) if r.before is not None else None
        after, order = Stage(r.after), Order(r.what)
        found.steps.append(LifeStep(at=instant(r.at_ms), order=order, by=r.by, why=r.why, before=before, after=after, digest=r.digest))
        if order is Order.TRIAL_END and r.data is not None:
            found.trials.append(TrialReport.model_validate(r.data))
        found.summary = r.data if order is Order.SUMMARISE else None
    return found
