"""``offhook result`` and ``offhook campaign add``: what became of talks, and records made by hand, through the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, read_pairs
from offhook.cli.campaign import at_desk
from offhook.cli.contacts import checked
from offhook.cli.handing import CampaignArgument, owner
from offhook.cli.output import print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.campaigns.outcomes import Outcome
    from offhook.desk import Desk

app = typer.Typer(help="Results of talks in the campaign's own classes: say, correct, report.", no_args_is_help=True)
CallArgument = Annotated[str, typer.Argument(help="The call's id, the beginning or end of it, or last.", show_default=False)]


@app.command("set")
def set_result(
    call: CallArgument,
    result: Annotated[str, typer.Argument(help="Class of result; offhook campaign show lists them under goals.", show_default=False)],
    more: Annotated[
        list[str] | None, typer.Argument(help="primary=true secondary=false by=ann note=...", metavar="[KEY=VALUE]...", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what became of a talk, or correct what was said; the lead is done, called again, or never again after a refusal."""
    want_json(as_json)
    from offhook.campaigns.outcomes import NewOutcome

    given = checked(NewOutcome, {**read_pairs(more or (), NewOutcome), "call": call, "result": result})

    async def work(desk: Desk) -> Outcome:
        return await desk.set_outcome(given.model_copy(update={"call": await _id(desk, call)}))

    _show([at_desk(config, work)], as_json)


@app.command()
def show(call: CallArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Everything that was said of a call, the newest last."""
    want_json(as_json)

    async def work(desk: Desk) -> list[Outcome]:
        return await desk.outcomes_of(await _id(desk, call))

    _show(at_desk(config, work), as_json)


@app.command()
def report(campaign: CampaignArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Results of a campaign by class, both goals, right and wrong parties."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.results(campaign))
    if as_json:
        tell(found.model_dump(mode="json"))
        return
    print(f"{found.campaign}: {found.said} results of {found.calls} calls, {found.corrected} corrected")
    counted = [*found.results.items(), (f"primary goal: {found.primary_goal}", found.primary)]
    counted += [(f"secondary goal: {found.secondary_goal}", found.secondary)] if found.secondary_goal else []
    rows = [(what, count, f"{count / found.said:.1%}") for what, count in counted if found.said]
    rows += [("right party reached", found.right_party, f"{found.right_party / found.calls:.1%} of calls")] if found.calls else []
    if rows:
        print_rows(("what", "calls", "share"), rows, right=("calls", "share"))


def add(
    campaign: CampaignArgument,
    number: Annotated[str, typer.Argument(help="Telephone number.", show_default=False)],
    more: Annotated[
        list[str] | None,
        typer.Argument(help="name=... owner=ann by=ann extra.city=Rome deadline=...", metavar="[KEY=VALUE]...", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a record by hand, for everybody or, with owner, for one's own."""
    want_json(as_json)
    from offhook.campaigns.outcomes import NewLead

    data = read_pairs(more or (), NewLead)
    if isinstance(data.get("owner"), str):
        data["owner"] = owner(data["owner"])
    given = checked(NewLead, {**data, "campaign": campaign, "number": number})
    made = at_desk(config, lambda desk: desk.add_lead(given))
    if as_json:
        tell(made.model_dump(mode="json"))
    else:
        print(f"{made.campaign}, lead {made.lead}: {made.number}{f', for {made.owner}' if made.owner else ''}")


async def _id(desk: Desk, call: str) -> str:
    from offhook.calls.why import find_call

    return (await find_call(desk.store, call)).id


def _show(found: list[Outcome], as_json: bool) -> None:
    if as_json:
        tell({"results": [one.model_dump(mode="json") for one in found]})
    elif not found:
        print("nothing was said of this call")
    else:
        rows = [
            (f"{one.at:%Y-%m-%d %H:%M:%S}", one.result, _yes(one.primary), _yes(one.secondary), one.by, one.corrects, one.then, one.note)
            for one in found
        ]
        print_rows(("when (UTC)", "result", "primary", "secondary", "by", "corrects", "lead", "note"), rows)


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[value]
