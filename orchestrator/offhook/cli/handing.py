"""``offhook list hand-out``, ``take-back``, ``re-assign``, ``handed`` and ``team``: whose leads are whose, through the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, read_pairs
from offhook.cli.campaign import at_desk
from offhook.cli.contacts import checked
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.lists.handing import Given

CampaignArgument = Annotated[str, typer.Argument(help="Name of the campaign.", show_default=False)]
ToArgument = Annotated[
    list[str], typer.Argument(help="agent:anna team:north node:node2 ...; a plain name is an agent.", show_default=False)
]
FromOption = Annotated[list[str] | None, typer.Option("--from", help="Whose leads. May be repeated.", show_default=False)]
WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        help='method=weight weights=\'{"agent:anna": 2}\' | method=attribute by=city values=\'{"Rome": "team:south"}\' | method=hand '
        "numbers='[...]' | most=100 | filter='age > 30' | fresh=true. May be repeated.",
        show_default=False,
    ),
]


def owner(text: str) -> str:
    """An owner as a command names it."""
    return text if ":" in text else f"agent:{text}"


def hand_out(
    campaign: CampaignArgument, to: ToArgument, more: WithOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Give leads that nobody has to agents, teams or nodes, who alone call them."""
    want_json(as_json)
    from offhook.lists.handing import HandOut

    order = checked(HandOut, _order(campaign, to, more))
    _show(at_desk(config, lambda desk: desk.hand_out(order)), as_json)


def re_assign(
    campaign: CampaignArgument,
    to: ToArgument,
    source: FromOption = None,
    more: WithOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give leads of some owners to others; what is being called stays where it is."""
    want_json(as_json)
    from offhook.lists.handing import HandOn

    if not source:
        raise CommandError("whose leads? name them with --from, e.g. --from ann", Exit.USAGE)
    order = checked(HandOn, {**_order(campaign, to, more), "source": [owner(one) for one in source]})
    _show(at_desk(config, lambda desk: desk.hand_on(order)), as_json)


def take_back(
    campaign: CampaignArgument,
    source: FromOption = None,
    called: Annotated[bool, typer.Option("--called", help="Also leads that were called and are to be called again.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make leads everybody's again, by default those that were never called."""
    want_json(as_json)
    from offhook.lists.handing import TakeBack

    order = checked(TakeBack, {"campaign": campaign, "source": [owner(one) for one in source or ()], "fresh": not called})
    _show(at_desk(config, lambda desk: desk.take_back(order)), as_json)


def handed(campaign: CampaignArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Who has how many leads of a campaign."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.handed(campaign))
    if as_json:
        tell({"owners": [one.model_dump(mode="json") for one in found]})
    elif not found:
        print("nothing is handed out")
    else:
        columns = ("owner", "leads", "fresh", "waiting", "closed")
        print_rows(columns, [tuple(getattr(one, column) for column in columns) for one in found], right=columns[1:])


def team(
    name: Annotated[str, typer.Argument(help="Name of the team; none: show all.", show_default=False)] = "",
    agents: Annotated[list[str] | None, typer.Argument(help="All of its agents.", show_default=False)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="The team is no more.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the teams, or say who is in one."""
    want_json(as_json)
    from offhook.lists.handing import Team

    if name and (agents or remove):
        order = checked(Team, {"team": name, "agents": () if remove else agents})
        found = at_desk(config, lambda desk: desk.set_team(order))
    else:
        found = at_desk(config, lambda desk: desk.teams())
        found = {name: found.get(name, [])} if name else found
    if as_json:
        tell({"teams": found})
    else:
        print_rows(("team", "agents"), [(one, " ".join(members)) for one, members in found.items()])


def _order(campaign: str, to: list[str], more: list[str] | None) -> dict[str, Any]:
    from offhook.lists.handing import Dealing

    data = read_pairs(more or (), Dealing)
    if isinstance(data.get("weights"), dict):
        data["weights"] = {owner(name): weight for name, weight in data["weights"].items()}
    if isinstance(data.get("values"), dict):
        data["values"] = {value: owner(str(name)) for value, name in data["values"].items()}
    return {**data, "campaign": campaign, "to": [owner(one) for one in to]}


def _show(given: Given, as_json: bool) -> None:
    if as_json:
        tell(given.model_dump(mode="json"))
        return
    for name, leads in given.leads.items():
        print(f"{leads} leads for {name.replace(':', ' ') if name else 'everybody'}")
    if not any(given.leads.values()):
        print("no lead was there for it")
