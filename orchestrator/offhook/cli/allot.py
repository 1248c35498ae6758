"""``offhook list allot`` and ``offhook list exports``: locked spreadsheets of what was handed out, and who made them."""

from __future__ import annotations

import getpass
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.campaign import at_desk, read_file
from offhook.cli.handing import CampaignArgument, owner
from offhook.cli.output import CommandError, print_rows, tell, want_json


def user(given: str) -> str:
    """Who asks: as said, or the account of this machine."""
    try:
        return given or getpass.getuser()
    except (KeyError, OSError):
        raise CommandError("this account has no name; say who exports with --by") from None


def allot(
    campaign: CampaignArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the sheets: CAMPAIGN-agent-NAME.xlsx.", show_default=False)],
    owners: Annotated[
        list[str] | None, typer.Argument(help="Only these: agent:ann team:north ...; a plain name is an agent.", show_default=False)
    ] = None,
    passwords: Annotated[
        Path | None, typer.Option(help='TOML with passwords: "agent:ann" = "..."; the others get new ones.', show_default=False)
    ] = None,
    by: Annotated[str, typer.Option(help="Who exports; the account of this machine when not given.", show_default=False)] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what was handed out into spreadsheets, one for each owner, each locked with a password."""
    want_json(as_json)
    known = _passwords(passwords) if passwords is not None else None
    who = user(by)
    made = at_desk(config, lambda desk: desk.allot(campaign, out, who, [owner(one) for one in owners or ()], known))
    if as_json:
        tell({"sheets": [one.model_dump(mode="json") for one in made]})
        return
    rows = [(one.owner, one.leads, "whole" if one.whole_numbers else "masked", one.password or "as given", one.file) for one in made]
    print_rows(("owner", "leads", "numbers", "password", "file"), rows, right=("leads",))


def exports(
    campaign: Annotated[str, typer.Argument(help="Only of this campaign.", show_default=False)] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who exported what, and when; the newest first."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.exports(campaign or None))
    if as_json:
        tell({"exports": [one.model_dump(mode="json") for one in found]})
        return
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.by,
            one.what,
            one.campaign,
            one.owner,
            one.rows,
            "whole" if one.whole_numbers else "masked",
            one.file,
        )
        for one in found
    ]
    print_rows(("when (UTC)", "by", "what", "campaign", "owner", "rows", "numbers", "file"), rows, right=("rows",))


def _passwords(file: Path) -> dict[str, str]:
    try:
        data = tomllib.loads(read_file(file))
    except tomllib.TOMLDecodeError as wrong:
        raise CommandError(f'{file}: {wrong}; write "agent:ann" = "password"') from None
    for name, password in data.items():
        if not isinstance(password, str):
            raise CommandError(f'{file}: {name} has no password; write "{owner(name)}" = "password"')
    return {owner(name): password for name, password in data.items()}
