"""The life of a campaign (D40 to D42): its stages, the orders that lead from one to the next, and what an approval is given for.

Draft, data ready, approved, trial, trial done, running, paused, finished, summarised; and stopped, from anywhere. A campaign that is
smaller than the limit of ``[approval]`` may go straight from draft to running: the order to start is its work order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from offhook.errors import PromptError

if TYPE_CHECKING:
    from offhook.messages import CampaignSpec


class Stage(StrEnum):
    """Where a campaign is in its life; kept in the database."""

    DRAFT = "draft"  # described; no list
    DATA_READY = "data_ready"  # a list is in, or the plan has changed since it was approved
    APPROVED = "approved"
    TRIAL = "trial"  # its first calls, after which it stops by itself
    TRIAL_DONE = "trial_done"  # waits for an order to go on
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"  # can be started again
    FINISHED = "finished"  # every lead is closed
    SUMMARISED = "summarised"  # its sums are kept; a new list begins it again


class Order(StrEnum):
    """What leads from one stage to another."""

    CREATE = "create"
    IMPORT = "import"
    UPDATE = "update"
    APPROVE = "approve"
    TRIAL = "trial"
    TRIAL_END = "trial_end"  # the node's own
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    FINISH = "finish"  # the node's own
    SUMMARISE = "summarise"


_S = Stage
_STAYS = {one: one for one in (_S.APPROVED, _S.TRIAL_DONE, _S.PAUSED, _S.STOPPED, _S.FINISHED)}
_BEGINS = (_S.DATA_READY, _S.APPROVED, _S.TRIAL_DONE, _S.PAUSED, _S.STOPPED)

ORDERS: dict[Order, dict[Stage, Stage]] = {
    # an approval that is not the last one leaves data_ready as it is; a pause in the trial is resumed into the trial
    Order.APPROVE: {_S.DATA_READY: _S.APPROVED, **_STAYS},
    Order.TRIAL: dict.fromkeys(_BEGINS, _S.TRIAL),
    Order.START: dict.fromkeys((_S.DRAFT, *_BEGINS, _S.TRIAL, _S.RUNNING, _S.FINISHED), _S.RUNNING),
    Order.PAUSE: dict.fromkeys((_S.TRIAL, _S.RUNNING, _S.FINISHED), _S.PAUSED),
    Order.RESUME: dict.fromkeys((_S.PAUSED, _S.TRIAL_DONE), _S.RUNNING),
    Order.STOP: dict.fromkeys((one for one in Stage if one is not _S.SUMMARISED), _S.STOPPED),
    Order.SUMMARISE: dict.fromkeys((_S.FINISHED, _S.STOPPED, _S.TRIAL_DONE), _S.SUMMARISED),
}
"""Which stage an order leads to, by the stage in which it comes; where there is none, it is refused."""

GATED = frozenset({Order.TRIAL, Order.START, Order.RESUME})
"""Orders after which numbers are dialled."""
AT_WORK = frozenset({_S.APPROVED, _S.TRIAL, _S.TRIAL_DONE, _S.RUNNING, _S.PAUSED, _S.FINISHED})
"""Stages that a campaign leaves when it needs an approval again."""

MENDS = {
    Order.APPROVE: "import a list first",
    Order.TRIAL: "import a list first, or wait for the end of what runs",
    Order.PAUSE: "start it first",
    Order.RESUME: "start it instead",
    Order.SUMMARISE: "let it finish, or stop it first",
}


def allowed(stage: Stage) -> tuple[Order, ...]:
    """Orders that a campaign in *stage* takes; a list and changes are taken in every stage."""
    return tuple(order for order, by_stage in ORDERS.items() if stage in by_stage)


def refusal(name: str, stage: Stage, order: Order) -> str:
    """Why an order is refused, with what is allowed."""
    now = f"(allowed now: {', '.join(allowed(stage)) or 'a new list'})"
    if stage in ORDERS[order].values():
        return f"campaign '{name}' is {stage} already; nothing was changed {now}"
    mend = f"; {MENDS[order]}" if order in MENDS else "; import a new list to begin it again" if stage is Stage.SUMMARISED else ""
    return f"campaign '{name}' is {stage}, so it cannot {order}{mend} {now}"


def waits_for(stage: Stage, paused: bool) -> str:
    """What a campaign that does not dial waits for, in words; empty where its stage says it all. *paused*: it was at work before."""
    return {
        Stage.TRIAL_DONE: "the trial is over; read its report, then start or stop",
        Stage.APPROVED: "approved; trial or start",
        Stage.DATA_READY: "plan or list are not those that were approved; look at them, approve, start" if paused else "",
    }.get(stage, "")


# -- approval -----------------------------------------------------------------------------------------------------------------------


class ApprovalSettings(BaseModel):
    """``[approval]``: which campaigns need a second pair of eyes (D42)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: int = Field(5000, ge=0, description="A campaign with so many numbers or more is approved before it dials; 0: none is.")
    people: int = Field(2, ge=1, le=10, description="Different people who must approve it.")


_PACE = {"mode", "pacing", "lines", "agents", "lines_per_agent", "calls_per_second", "priority", "share"}
LIVE = frozenset({"title", "mix", "max_call_s", "ring_timeout_s", *_PACE})
"""How fast and how wide, not what and to whom: these may change while a campaign runs, and no approval is lost by it (P21)."""


def plan_of(spec: CampaignSpec) -> dict[str, Any]:
    """What an approval is given for: whom to call, when, what for, and what they hear."""
    return spec.model_dump(mode="json", exclude=set(LIVE), exclude_defaults=True)


def script_files(spec: CampaignSpec) -> list[str]:
    """The audio files that the callees hear."""
    return sorted({path for path in (spec.prompt, spec.message, spec.abandoned) if path})


def read_script(paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each file's content. Blocking.

    Raises:
        PromptError: A file cannot be read.
    """
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as error:
            raise PromptError(f"{path}: cannot be read: {error.strerror}; an approval is given for what is heard") from error
    return found


def digest(spec: CampaignSpec, script: Mapping[str, str], lists: Sequence[Sequence[Any]]) -> str:
    """SHA-256 of the plan with the content of its audio files and the lists imported: another one is another plan."""
    whole = {"plan": plan_of(spec), "script": dict(script), "lists": [list(one) for one in lists]}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def same_person(one: str, other: str) -> bool:
    """Is it one person who signs twice? Case and blanks do not make two."""
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()
