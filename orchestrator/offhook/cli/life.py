"""``offhook campaign approve|trial|start|pause|resume|stop|summarise|summary|life``: a campaign led through its life."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.campaign import NameArgument, at_desk
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.campaigns.life_messages import Approval, CampaignLife, Summary, TrialReport
    from offhook.desk import Desk
    from offhook.messages import CampaignState

ByOption = Annotated[str, typer.Option("--by", help="Who orders it, for the journal; else the user of this machine.", show_default=False)]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for the journal.", show_default=False)]


def _who(by: str) -> str:
    try:
        return (by or getpass.getuser()).strip()
    except OSError:  # a user without a name
        return ""


def _do(work: Callable[[Desk], Awaitable[CampaignState]], config: Path | None, as_json: bool) -> None:
    want_json(as_json)
    state = at_desk(config, work)
    if as_json:
        tell(state.model_dump(mode="json"))
    else:
        print(f"{state.name}: {state.stage}, {state.leads} leads, {state.open} open{f'; {state.reason}' if state.reason else ''}")


def approve(
    name: NameArgument,
    by: Annotated[str, typer.Option("--by", help="Who approves; else the user of this machine.", show_default=False)] = "",
    note: Annotated[str, typer.Option("--note", help="Kept with the approval.", show_default=False)] = "",
    digest: Annotated[str, typer.Option("--digest", help="The plan that was looked at; another one is refused.", show_default=False)] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve the plan and the lists as they stand; large campaigns need two people."""
    who = _who(by)
    if not who:
        raise CommandError("an approval needs a name; give --by NAME", Exit.USAGE)
    _do(lambda desk: desk.approve_campaign(name, who, note, digest), config, as_json)


def trial(
    name: NameArgument,
    calls: Annotated[int | None, typer.Option(min=1, max=5000, help="Stop after so many calls.", show_default=False)] = None,
    answers: Annotated[int | None, typer.Option(min=1, max=5000, help="Stop once so many were answered.", show_default=False)] = None,
    by: ByOption = "",
    why: WhyOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dial the first calls only; the campaign then stops with a report (see life) and waits for start."""
    if (calls is None) == (answers is None):
        raise CommandError("give --calls N or --answers N, one of the two", Exit.USAGE)
    from offhook.campaigns.life_messages import TrialPlan

    plan = TrialPlan(calls=calls, answers=answers)
    _do(lambda desk: desk.trial_campaign(name, plan, _who(by), why), config, as_json)


def start(name: NameArgument, by: ByOption = "", why: WhyOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Want it dialled, or go on after a trial; a running node begins within a second."""
    _do(lambda desk: desk.start_campaign(name, _who(by), why), config, as_json)


def pause(name: NameArgument, by: ByOption = "", why: WhyOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Dial no more; calls in progress go on."""
    _do(lambda desk: desk.pause_campaign(name, _who(by), why), config, as_json)


def resume(name: NameArgument, by: ByOption = "", why: WhyOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Dial again after a pause or a trial."""
    _do(lambda desk: desk.resume_campaign(name, _who(by), why), config, as_json)


def stop(name: NameArgument, by: ByOption = "", why: WhyOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Dial no more and hang up what is not answered yet."""
    _do(lambda desk: desk.stop_campaign(name, _who(by), why), config, as_json)


def life(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """A campaign's stage, approvals, trial and journal, and the orders that it takes now."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.campaign_life(name))
    if as_json:
        tell(found.model_dump(mode="json"))
    else:
        _print_life(found)


def summarise(name: NameArgument, by: ByOption = "", why: WhyOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Close a campaign that has finished or was stopped, and keep its sums."""
    _show_summary(at_desk(config, lambda desk: desk.summarise_campaign(name, _who(by), why)), as_json)


def summary(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The sums of a campaign: as they were kept when it was summarised, or as they stand."""
    _show_summary(at_desk(config, lambda desk: desk.campaign_summary(name)), as_json)


def _show_summary(found: Summary, as_json: bool) -> None:
    want_json(as_json)
    if as_json:
        tell(found.model_dump(mode="json"))
    else:
        _print_summary(found)
    if found.problems:
        raise SystemExit(int(Exit.UNSOUND))


def _print_life(found: CampaignLife) -> None:
    print(f"{found.campaign}: {found.stage}, {found.leads:,} leads; takes now: {', '.join(found.allowed) or 'a new list'}")
    if found.approvals_needed:
        given = {one.by.casefold() for one in found.approvals if one.valid}
        print(f"{found.approvals_needed} different people must approve it, {len(given)} did; plan {found.digest}")
    _print_approvals(found.approvals)
    if found.trial is not None:
        _print_trial(found.trial)
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.order, one.by, one.before or "", one.after, one.why) for one in found.steps]
    print_rows(("when (UTC)", "order", "by", "from", "to", "why"), rows)


def _print_approvals(found: tuple[Approval, ...]) -> None:
    for one in found:
        print(
            f"approved by {one.by} at {one.at:%Y-%m-%d %H:%M} UTC{'' if one.valid else ', void: the plan or the list has changed'}",
            one.note,
        )


def _print_trial(found: TrialReport) -> None:
    wanted = f"{found.calls} calls" if found.calls is not None else f"{found.answers} answers"
    print(f"trial of {wanted}, {found.began:%Y-%m-%d %H:%M} UTC{'' if found.complete else '; the leads ran out'}:")
    print(
        f"  {found.attempts} calls, {found.answer_rate:.1%} answered; {found.people} people ({found.abandoned} abandoned), "
        f"{found.machines} machines, {found.unknown_announcements} unknown announcements"
    )
    print("  " + ", ".join(f"{what} {count}" for what, count in sorted(found.outcomes.items(), key=lambda one: -one[1])))


def _print_summary(found: Summary) -> None:
    closed = f", summarised by {found.closed_by}" if found.closed_by else ""
    print(f"{found.campaign}{f' ({found.title})' if found.title else ''}: its sums at {found.at:%Y-%m-%d %H:%M} UTC{closed}")
    share = max(1, found.leads)
    rows = [
        ("leads", f"{found.leads:,}", ""),
        ("dialled (penetration)", f"{found.dialled:,}", f"{found.penetration:.1%}"),
        ("reached", f"{found.reached:,}", f"{found.reach:.1%}"),
        ("people", f"{found.people:,}", f"{found.contact_rate:.1%}"),
        ("never dialled", f"{found.never_dialled:,}", f"{found.never_dialled / share:.1%}"),
        ("still open", f"{found.open:,}", f"{found.open / share:.1%}"),
    ]
    print_rows(("of the list", "leads", "share"), rows, right=("leads", "share"))
    print()
    results = [
        (str(what), f"{found.outcomes.get(what, 0):,}", f"{found.by_last_result.get(what, 0):,}")
        for what in sorted({*found.outcomes, *found.by_last_result}, key=lambda one: -found.outcomes.get(one, 0))
    ]
    results += [("(no call)", "", f"{found.no_result:,}")] if found.no_result else []
    results.append(("sum", f"{found.attempts:,}", f"{sum(found.by_last_result.values()) + found.no_result:,}"))
    print_rows(("result", "calls", "leads, last result"), results, right=("calls", "leads, last result"))
    print()
    if found.first_call is not None and found.last_call is not None:
        print(
            f"first call {found.first_call:%Y-%m-%d %H:%M}, last {found.last_call:%Y-%m-%d %H:%M} UTC; answered {found.answer_rate:.1%}, ",
            end="",
        )
        print(
            f"{found.attempts_per_lead:.2f} calls a lead; billed {found.billed_ms / 60_000:.1f} min, talk {found.talk_ms / 60_000:.1f} min"
        )
    for why, count in found.never_why.items():
        print(f"closed without a call: {count:,} {why}")
    _print_approvals(found.approvals)
    for trial in found.trials:
        _print_trial(trial)
    print("the sums agree" if not found.problems else "the sums do NOT agree: " + "; ".join(found.problems))


COMMANDS = (approve, trial, start, pause, resume, stop, summarise, summary, life)
