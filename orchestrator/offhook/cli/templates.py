"""``offhook template`` and ``offhook campaign new``: campaigns of the usual kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, read_pairs
from offhook.cli.campaign import at_desk
from offhook.cli.output import counted, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.desk import Desk
    from offhook.messages import CampaignState
    from offhook.templates import Template

app = typer.Typer(help="Kinds of campaign: surveys, revisits, sales, notices and so on.", no_args_is_help=True)
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder", envvar="OFFHOOK_TEMPLATES", help="Folder with templates of your own; one replaces the built-in one of its name."
    ),
]


def new(
    name: Annotated[str, typer.Argument(help="Name of the new campaign.", show_default=False)],
    template: Annotated[
        str, typer.Option("--template", "-t", help="Kind of campaign; offhook template list shows them.", show_default=False)
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Fields over those of the template: prompt=notice.wav lines=60 ...", metavar="[KEY=VALUE|JSON]...", show_default=False
        ),
    ] = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a new campaign of a kind, idle."""
    want_json(as_json)
    from offhook.messages import CampaignSpec

    given = read_pairs(arguments or (), CampaignSpec)

    async def work(desk: Desk) -> tuple[CampaignState, Template]:
        kind = await _find(desk, template, folder)
        return await desk.new_campaign(name, kind, given), kind

    state, kind = at_desk(config, work)
    if as_json:
        tell(state.model_dump(mode="json"))
    else:
        print(f"{state.name}: {state.title or kind.title}, {state.stage}, {state.leads} leads; goal: {kind.goals.primary}")


async def _find(desk: Desk, name: str, folder: Path | None) -> Template:
    from offhook.store import strategies
    from offhook.templates import load_templates, template_of

    return template_of(name, load_templates(folder, await desk.store.read(strategies.known)))


@app.command("list")
def list_all(folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """All kinds of campaign."""
    want_json(as_json)
    from offhook.templates import load_templates
    from offhook.templates.desk import shown

    found = load_templates(folder)
    if as_json:
        tell({"templates": [shown(one).model_dump(mode="json") for one in found.values()]})
        return
    rows = [(one.name, one.campaign.get("kind", "service"), " ".join(one.needs), one.title) for one in found.values()]
    print_rows(("template", "kind of call", "needs", "title"), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Kind of campaign.", show_default=False)],
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """One kind: goals, classes of result, fields and strategies."""
    want_json(as_json)
    from offhook.templates import load_templates, template_of
    from offhook.templates.desk import shown

    one = template_of(name, load_templates(folder))
    if as_json:
        tell(shown(one).model_dump(mode="json"))
        return
    print(f"{one.name}: {one.title}\n  {one.about}")
    print(f"  primary goal: {one.goals.primary}")
    if one.goals.secondary:
        print(f"  secondary goal: {one.goals.secondary}")
    for key, result in one.goals.results.items():
        print(f"  result {key}: {result.title} {json.dumps(result.model_dump(exclude={'title'}, exclude_defaults=True))}")
    for key, value in one.campaign.items():
        print(f"  {key}: {json.dumps(value, ensure_ascii=False)}")
    if one.needs:
        print(f"  needs: {', '.join(one.needs)}")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Templates of your own.", show_default=False)],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read templates and say what is wrong with them; the strategies they follow must be there."""
    want_json(as_json)
    from offhook.store import strategies
    from offhook.templates import load_template

    known = at_desk(config, lambda desk: desk.store.read(strategies.known))
    names = [load_template(path, known).name for path in files]
    if as_json:
        tell({"templates": names})
    remark(f"{counted(len(names), 'template')} right: {', '.join(names)}")
