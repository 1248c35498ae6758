"""The sums of a campaign: what a trial showed, and what came of the whole list. Each is read in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, case, distinct, func, select

from offhook.calls.disposition import Disposition
from offhook.campaigns.life_messages import Approval, Summary, TrialReport
from offhook.store import tables as t
from offhook.store.tables import instant

_UNKNOWN = frozenset({"speech_vacant", "speech_unknown"})
"""Signs in a call's evidence that an announcement was heard which no library knows."""
PEOPLE = (Disposition.PERSON, Disposition.ABANDONED)
REACHED = tuple(one for one in Disposition if one.reached)
REASONS = 20
"""Most reasons told one by one."""


def trial_report(connection: Connection, campaign_id: int, trial: Mapping[str, Any], now_ms: int) -> TrialReport:
    """What the calls of a trial came to so far."""
    of_trial = t.call.c.campaign_id == campaign_id, t.call.c.started_ms >= trial["from_ms"]
    outcomes: dict[Disposition, int] = {}
    unknown = 0
    for disposition, evidence in connection.execute(select(t.call.c.disposition, t.call.c.evidence).where(*of_trial)):
        what = Disposition(disposition)
        if what is Disposition.NOT_DIALLED:
            continue
        outcomes[what] = outcomes.get(what, 0) + 1
        unknown += any(line[1] == "sign" and line[2] in _UNKNOWN for line in evidence)
    attempts = sum(outcomes.values())
    reached = sum(count for what, count in outcomes.items() if what.reached)
    calls, answers = trial["calls"], trial["answers"]
    return TrialReport(
        calls=calls,
        answers=answers,
        began=instant(trial["from_ms"]),
        ended=instant(now_ms),
        node=trial["node"],
        attempts=attempts,
        outcomes=outcomes,
        reached=reached,
        answer_rate=reached / attempts if attempts else 0.0,
        people=sum(outcomes.get(one, 0) for one in PEOPLE),
        machines=outcomes.get(Disposition.MACHINE, 0) + outcomes.get(Disposition.IVR, 0),
        abandoned=outcomes.get(Disposition.ABANDONED, 0),
        unknown_announcements=unknown,
        complete=attempts >= calls if calls is not None else reached >= answers,
    )


def summary(
    connection: Connection,
    campaign_id: int,
    name: str,
    title: str,
    now_ms: int,
    approvals: tuple[Approval, ...],
    trials: tuple[TrialReport, ...],
) -> Summary:
    """The sums of a campaign, each made in its own way, and where they do not agree."""
    leads = t.lead.c
    by_state: dict[str, int] = {}
    by_last: dict[Disposition, int] = {}
    no_result = counted = 0
    for state, last, count, attempts in connection.execute(
        select(leads.state, leads.last, func.count(), func.sum(leads.attempts))
        .where(leads.campaign_id == campaign_id)
        .group_by(leads.state, leads.last)
    ):
        by_state[state] = by_state.get(state, 0) + count
        counted += int(attempts)
        if last is None:
            no_result += count
        else:
            by_last[Disposition(last)] = by_last.get(Disposition(last), 0) + count
    total = sum(by_state.values())
    never = connection.execute(
        select(leads.reason, func.count())
        .where(leads.campaign_id == campaign_id, leads.last.is_(None), leads.state == "closed")
        .group_by(leads.reason)
        .order_by(func.count().desc())
        .limit(REASONS)
    )
    calls = t.call.c
    of_calls = connection.execute(
        select(calls.disposition, func.count(), func.sum(calls.billed_ms), func.sum(calls.talk_ms))
        .where(calls.campaign_id == campaign_id)
        .group_by(calls.disposition)
    ).all()
    outcomes = {Disposition(r[0]): int(r[1]) for r in of_calls}
    attempts = sum(outcomes.values())
    persons = connection.execute(
        select(
            func.count(distinct(case((calls.disposition != Disposition.NOT_DIALLED.value, calls.lead_id)))),
            func.count(distinct(case((calls.disposition.in_(REACHED), calls.lead_id)))),
            func.count(distinct(case((calls.disposition.in_(PEOPLE), calls.lead_id)))),
            func.min(calls.started_ms),
            func.max(calls.ended_ms),
        ).where(calls.campaign_id == campaign_id)
    ).one()
    dialled, reached, people = int(persons[0]), int(persons[1]), int(persons[2])
    results = connection.execute(
        select(func.count()).where(t.journal.c.campaign_id == campaign_id, t.journal.c.result_ms.is_not(None))
    ).scalar_one()
    problems = []
    if sum(by_last.values()) + no_result != total:
        problems.append(f"{total} leads, but {sum(by_last.values())} with a result and {no_result} without one")
    if counted != attempts:
        problems.append(f"the leads count {counted} attempts, there are {attempts} calls")
    if results != attempts:
        problems.append(f"the journal has {results} results, there are {attempts} calls")
    if not people <= reached <= dialled <= total:
        problems.append(f"{people} people among {reached} reached among {dialled} dialled among {total} leads")
    answered = sum(count for what, count in outcomes.items() if what.reached)
    return Summary(
        campaign=name,
        title=title,
        at=instant(now_ms),
        leads=total,
        open=total - by_state.get("closed", 0),
        closed=by_state.get("closed", 0),
        dialled=dialled,
        never_dialled=total - dialled,
        reached=reached,
        people=people,
        penetration=dialled / total if total else 0.0,
        reach=reached / total if total else 0.0,
        contact_rate=people / total if total else 0.0,
        by_last_result=by_last,
        no_result=no_result,
        never_why={r[0] or "no reason kept": int(r[1]) for r in never},
        attempts=attempts,
        outcomes=outcomes,
        attempts_per_lead=attempts / dialled if dialled else 0.0,
        answer_rate=answered / attempts if attempts else 0.0,
        first_call=instant(persons[3]) if persons[3] is not None else None,
        last_call=instant(persons[4]) if persons[4] is not None else None,
        billed_ms=sum(int(r[2] or 0) for r in of_calls),
        talk_ms=sum(int(r[3] or 0) for r in of_calls),
        approvals=approvals,
        trials=trials,
        problems=tuple(problems),
    )
