"""Do the books add up? Outcomes sum to attempts; an intent has a result or is open; a Dial has one Cleared.

The documents' own outcome table fails this check (291 of 300, S04), which is why it is made all the time here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offhook.calls.disposition import Disposition
from offhook.messages import Reconciliation


@dataclass(frozen=True, slots=True)
class Books:
    """What the database says, read in one transaction."""

    intents: int
    results: int  # intents with a result
    seized: int  # intents whose line was seized and that have no result
    by_journal: Mapping[Disposition, int]  # results by disposition
    by_call: Mapping[Disposition, int]  # stored calls by disposition


@dataclass(frozen=True, slots=True)
class Running:
    """What a running node knows of itself. Results on their way to the database belong to neither sum."""

    calls: int  # in progress, or disposed and not yet committed
    reserved: int  # intents in hoppers
    dials: int  # commands given
    cleared: int  # events taken
    in_progress: int  # dialled, Cleared not yet come


def reconcile(books: Books, running: Running | None = None) -> Reconciliation:
    """Compare every sum; *running* adds what only a running node can know."""
    problems = []
    attempts = sum(books.by_call.values())
    if books.results != attempts:
        problems.append(f"the journal has {books.results} results, there are {attempts} calls")
    for disposition in sorted({*books.by_journal, *books.by_call}):
        journal, call = books.by_journal.get(disposition, 0), books.by_call.get(disposition, 0)
        if journal != call:
            problems.append(f"{disposition}: {journal} in the journal, {call} among the calls")
    still_open = books.intents - books.results
    if running is not None:
        if running.dials != running.cleared + running.in_progress:
            problems.append(f"{running.dials} dials, {running.cleared} cleared, {running.in_progress} in progress")
        if still_open > running.calls + running.reserved:
            problems.append(
                f"{still_open} intents are open, only {running.calls} calls and {running.reserved} reserved leads account for them"
            )
    return Reconciliation(
        ok=not problems,
        intents=books.intents,
        open=still_open,
        results=books.results,
        attempts=attempts,
        outcomes=dict(books.by_call),
        dials=running.dials if running else 0,
        cleared=running.cleared if running else 0,
        problems=tuple(problems),
    )
