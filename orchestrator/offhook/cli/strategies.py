"""``offhook strategy``: named groups of settings that campaigns follow, through the database."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.campaign import at_desk
from offhook.cli.output import CommandError, Exit, counted, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.strategies.desk import StrategyShown

app = typer.Typer(help="Connect, routing, time and protection strategies, which campaigns follow by name.", no_args_is_help=True)


class KindChoice(StrEnum):
    """The kinds."""

    CONNECT = "connect"
    ROUTING = "routing"
    TIME = "time"
    PROTECTION = "protection"


KindArgument = Annotated[KindChoice, typer.Argument(help="Which kind.", show_default=False)]
NameArgument = Annotated[str, typer.Argument(help="Name of the strategy.", show_default=False)]
FileArgument = Annotated[Path, typer.Argument(help="TOML with [strategy.KIND.NAME] tables.", show_default=False)]


@app.command("list")
def list_all(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """All strategies, and how many campaigns follow each."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.strategies())
    if as_json:
        tell({"strategies": [one.model_dump(mode="json") for one in found]})
        return
    rows = [(one.kind, one.name, one.version or "", len(one.campaigns) or "", ", ".join(one.settings), one.title) for one in found]
    print_rows(("kind", "name", "version", "campaigns", "sets", "title"), rows, right=("version", "campaigns"))


@app.command()
def show(kind: KindArgument, name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """One strategy: its settings, and the campaigns that follow it."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.strategies())
    one = next((one for one in found if (one.kind, one.name) == (kind.value, name)), None)
    if one is None:
        names = ", ".join(other.name for other in found if other.kind == kind.value)
        raise CommandError(f"there is no {kind.value} strategy '{name}'; there are {names}", Exit.USAGE)
    if as_json:
        tell(one.model_dump(mode="json"))
    else:
        _print(one)


def _print(one: StrategyShown) -> None:
    print(f"{one.kind} strategy {one.name}: {one.title}")
    for key, value in one.settings.items():
        print(f"  {key}: {json.dumps(value, ensure_ascii=False)}")
    print(f"  followed by {', '.join(one.campaigns) or 'no campaign'}")


@app.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read a file of strategies and say what is wrong with it."""
    want_json(as_json)
    from offhook.strategies import load_strategies

    found = load_strategies(file)
    if as_json:
        tell({"strategies": [one.model_dump(mode="json") for one in found]})
    remark(f"{file}: {counted(len(found), 'strategy', 'strategies')} right")


@app.command("set")
def set_all(file: FileArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Store the strategies of a file; campaigns that follow them change with their next call."""
    want_json(as_json)
    from offhook.strategies import load_strategies

    given = load_strategies(file)
    told = at_desk(config, lambda desk: desk.set_strategies(given))
    if as_json:
        tell(told.model_dump(mode="json"))
    else:
        print(f"{told.strategies} strategies stored; changed by it: {', '.join(told.campaigns) or 'no campaign'}")


@app.command()
def remove(kind: KindArgument, name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Forget a strategy that no campaign follows."""
    want_json(as_json)
    at_desk(config, lambda desk: desk.remove_strategy(kind.value, name))
    if as_json:
        tell({"removed": name})
    else:
        print(f"{kind.value} strategy {name} is removed")
