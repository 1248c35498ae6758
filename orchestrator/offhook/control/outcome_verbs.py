"""Verbs about results of talks and records made by hand. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from offhook.campaigns.outcomes import LeadMade, NewLead, NewOutcome, Outcome, OutcomeDesk, Results, WhichCall, WhoseResults


async def _set(node: OutcomeDesk, given: NewOutcome) -> Outcome:
    return await node.set_outcome(given)


async def _show(node: OutcomeDesk, which: WhichCall) -> list[Outcome]:
    return await node.outcomes_of(which.call)


async def _report(node: OutcomeDesk, which: WhoseResults) -> Results:
    return await node.results(which.campaign)


async def _add(node: OutcomeDesk, given: NewLead) -> LeadMade:
    return await node.add_lead(given)


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("result.set", "Say what became of a talk, or correct what was said; the lead follows.", NewOutcome, Outcome, True, _set),
    ("result.show", "Everything that was said of a call, the newest last.", WhichCall, list[Outcome], False, _show),
    ("result.report", "Results of a campaign by class, both goals, right and wrong parties.", WhoseResults, Results, False, _report),
    ("leads.add", "Make a record by hand, for everybody or for one's own.", NewLead, LeadMade, True, _add),
)
