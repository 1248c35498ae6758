"""A shift from the database of a node: "yesterday, with 12 agents"."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from offhook.agents.gate import OUTCOMES
from offhook.pacing import Outcome
from offhook.shift.measured import Record, measured
from offhook.shift.scenario import Scenario, ScenarioError
from offhook.store.talks import Past, past

if TYPE_CHECKING:
    from offhook.desk import Desk


async def from_store(desk: Desk, campaign: str, day: dt.date, zone: dt.tzinfo, agents: int | None = None) -> Scenario:
    """The shift that a campaign worked on *day* (of *zone*), with *agents* agents; None: as many as there were at most.

    Raises:
        ScenarioError: Nothing was dialled on that day, or no agent talked and no number is given.
        CampaignError: There is no such campaign.
    """
    stored = {one.spec.name: one for one in await desk.store.campaigns()}
    await desk.campaign(campaign)  # refuses an unknown name
    begin = dt.datetime.combine(day, dt.time(), zone)
    from_ms, to_ms = (round(when.timestamp() * 1000) for when in (begin, begin + dt.timedelta(days=1)))
    calls = await past(desk.store, stored[campaign].id, from_ms, to_ms)
    if not calls:
        raise ScenarioError(f"campaign '{campaign}': no call began on {day}; choose another day")
    at_most = busiest(calls)
    if agents is None and not at_most:
        raise ScenarioError(f"campaign '{campaign}': no agent talked on {day}; say how many agents there are to be")
    first = calls[0].started_ms
    records = [record(call, first) for call in calls]
    name = f"{campaign}, {day}"
    hours = max(0.25, (calls[-1].started_ms - first) / 3_600_000)
    return measured(records, at_most if agents is None else agents, name, min(24.0, hours), stored[campaign].spec.lines)


def record(call: Past, first_ms: int) -> Record:
    """One stored call as the simulator learns from it; *first_ms* is when the shift began."""
    person = call.queued_ms is not None
    end = call.duration_ms if call.answered_ms is None else call.answered_ms
    ringing = end if call.ringing_ms is None else min(call.ringing_ms, end)
    judged = call.queued_ms if call.queued_ms is not None else call.verdict_ms
    detect = 0 if call.answered_ms is None or judged is None else max(0, judged - call.answered_ms)
    return Record(
        hour=(call.started_ms - first_ms) / 3_600_000,
        outcome=Outcome.PERSON if person else OUTCOMES.get(call.disposition, Outcome.FAILED),
        setup_s=ringing / 1000,
        ring_s=(end - ringing) / 1000,
        detect_s=detect / 1000,
        talk_s=call.talk_ms / 1000,
        wrap_s=call.wrap_ms / 1000,
    )


def busiest(calls: list[Past]) -> int:
    """The most agents in talk or wrap-up at one moment."""
    edges = []
    for call in calls:
        if call.talk_ms:
            end = call.started_ms + call.duration_ms
            edges += [(end - call.talk_ms, 1), (end + call.wrap_ms, -1)]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most
