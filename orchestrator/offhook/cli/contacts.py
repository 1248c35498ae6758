"""``offhook list``, ``offhook contact``, ``offhook policy`` and ``offhook suppress``: persons, through the database."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, read_pairs
from offhook.cli.campaign import at_desk
from offhook.cli.output import CommandError, counted, print_rows, tell, want_json

if TYPE_CHECKING:
    from pydantic import BaseModel

    from offhook.contacts.model import Promised, WhichPromises
    from offhook.desk import Desk

lists = typer.Typer(help="Black, red, grey and do-not-disturb lists; and whose leads are whose.", no_args_is_help=True)
contacts = typer.Typer(help="Persons with their numbers, and what they said.", no_args_is_help=True)
policy = typer.Typer(help="Caps, rests and what lists mean, for all campaigns.", no_args_is_help=True)


class ListChoice(StrEnum):
    """The lists."""

    BLACK = "black"
    RED = "red"
    GREY = "grey"
    DND = "dnd"


ListArgument = Annotated[ListChoice, typer.Argument(help="Which list.", show_default=False)]
WhoArgument = Annotated[str, typer.Argument(help="Telephone number, or ref=KEY of a contact.", show_default=False)]
MoreArgument = Annotated[
    list[str] | None, typer.Argument(help="category=... reason=... kinds=... until=...", metavar="[KEY=VALUE]...", show_default=False)
]


def who(text: str) -> dict[str, str]:
    """A person as a command names it."""
    return {"ref": text.removeprefix("ref=")} if text.startswith("ref=") else {"number": text}


def checked(model: type[BaseModel], data: dict[str, Any]) -> Any:
    """The model, or an error that says what is wrong in the command's own words."""
    from pydantic import ValidationError

    from offhook.mistakes import explain

    for key in ("kinds",):
        if isinstance(data.get(key), str):
            data[key] = [one for one in data[key].replace(",", " ").split() if one]
    try:
        return model.model_validate(data)
    except ValidationError as wrong:
        raise CommandError(explain(wrong, model.__name__, "", model)) from None


@lists.command()
def add(
    name: ListArgument, number: WhoArgument, more: MoreArgument = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Put somebody on a list; the same category again replaces the entry."""
    want_json(as_json)
    from offhook.contacts.model import ListEntry

    entry = checked(ListEntry, {**read_pairs(more or (), ListEntry), **who(number), "list": name.value})
    made = at_desk(config, lambda desk: desk.list_add(entry))
    _show([made], as_json)


@lists.command()
def remove(
    name: ListArgument, number: WhoArgument, more: MoreArgument = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Take somebody off a list."""
    want_json(as_json)
    from offhook.contacts.model import TakeOff

    which = checked(TakeOff, {**read_pairs(more or (), TakeOff), **who(number), "list": name.value})
    entries = at_desk(config, lambda desk: desk.list_remove(which))
    if as_json:
        tell({"entries": entries})
    else:
        print(f"{counted(entries, 'entry', 'entries')} removed")


@lists.command("import")
def import_file(
    name: ListArgument,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX with a column of numbers.", show_default=False)],
    more: MoreArgument = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put every number of a file on a list."""
    want_json(as_json)
    from offhook.contacts.model import ListEntry

    entry = checked(ListEntry, {**read_pairs(more or (), ListEntry), "ref": "-", "list": name.value})
    report = at_desk(config, lambda desk: desk.list_import(entry, file))
    if as_json:
        tell(report.model_dump(mode="json"))
        return
    taken = f"{report.added} on the {report.list} list"
    print(f"{report.source}: {report.read} lines, {taken}, {report.repeated} repeated, {report.rejected} rejected")
    for problem in report.problems[:20]:
        print(f"  {problem}")


@lists.command()
def find(number: WhoArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The lists that somebody is on."""
    want_json(as_json)
    from offhook.contacts.model import Whom

    whom = checked(Whom, dict(who(number)))
    _show(at_desk(config, lambda desk: desk.lists_of(whom)), as_json)


@lists.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """How many entries each list has."""
    want_json(as_json)
    counts = at_desk(config, lambda desk: desk.list_counts())
    if as_json:
        tell(counts)
    else:
        print_rows(("list", "entries"), [(one.value, counts.get(one.value, 0)) for one in ListChoice], right=("entries",))


def _show(entries: list[Any], as_json: bool) -> None:
    if as_json:
        tell({"entries": [one.model_dump(mode="json") for one in entries]})
    elif not entries:
        print("on no list")
    else:
        columns = ("list", "number", "category", "reason", "kinds", "campaign", "until")
        print_rows(
            columns, [(o.list, o.number, o.category, o.reason, " ".join(o.kinds) or "all", o.campaign, _day(o.until)) for o in entries]
        )


def _day(when: dt.datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


@contacts.command("put")
def put(
    ref: Annotated[str, typer.Argument(help="Key of the customer in your own system.", show_default=False)],
    more: Annotated[
        list[str] | None,
        typer.Argument(help="numbers='[\"13900000001\"]' name=... level=vip ...", metavar="[KEY=VALUE|JSON]...", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a contact, or replace what is known of it."""
    want_json(as_json)
    from offhook.contacts.model import ContactIn

    data = read_pairs(more or (), ContactIn)
    if isinstance(data.get("numbers"), int | str):
        data["numbers"] = str(data["numbers"]).replace(",", " ").split()
    given = checked(ContactIn, {**data, "ref": ref})
    _show_contact(at_desk(config, lambda desk: desk.put_contact(given)), as_json)


@contacts.command("show")
def show_contact(number: WhoArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """One contact, by number or ref=KEY."""
    want_json(as_json)
    from offhook.contacts.model import Whom

    whom = checked(Whom, dict(who(number)))
    _show_contact(at_desk(config, lambda desk: desk.contact(whom)), as_json)


def _show_contact(found: Any, as_json: bool) -> None:
    if as_json:
        tell(found.model_dump(mode="json"))
        return
    print(f"{found.ref}: {found.name or 'no name'}{', ' + found.level if found.level else ''}; {', '.join(found.numbers) or 'no number'}")
    for key, value in found.attributes.items():
        print(f"  {key}: {value}")
    for kind, until in found.consent.items():
        print(f"  consent to {kind}{' until ' + _day(until) if until else ''}")


@contacts.command()
def refused(
    number: WhoArgument,
    more: Annotated[
        list[str] | None, typer.Argument(help="result=sms at=... kind=... department=...", metavar="[KEY=VALUE]...", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a refusal, or with result= a contact by other means, into the ledger."""
    want_json(as_json)
    from offhook.contacts.model import Refusal

    what = checked(Refusal, {**read_pairs(more or (), Refusal), **who(number)})
    at_desk(config, lambda desk: desk.note(what))
    if as_json:
        tell({"noted": True})
    else:
        print(f"noted: {what.result}")


@contacts.command()
def callback(
    number: WhoArgument,
    more: Annotated[
        list[str] | None, typer.Argument(help="campaign=... at=... agent=...", metavar="KEY=VALUE...", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Promise somebody a call; it goes before every other lead of the campaign."""
    want_json(as_json)
    from offhook.contacts.model import CallBack

    wanted = checked(CallBack, {**read_pairs(more or (), CallBack), **who(number)})
    made = at_desk(config, lambda desk: desk.call_back(wanted))
    if as_json:
        tell(made.model_dump(mode="json"))
    else:
        by = f" by {made.agent}" if made.agent else ""
        done = "called" if made.what == "call" else "visited"
        print(f"{made.campaign}, lead {made.lead}: {made.number} is {done}{by} at {made.at:%Y-%m-%d %H:%M:%S} UTC")


@contacts.command()
def promises(
    which: Annotated[
        list[str] | None, typer.Argument(help="campaign=... agent=... open_only=false", metavar="KEY=VALUE...", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Calls and visits that were promised and not kept yet, the next first."""
    want_json(as_json)
    from offhook.contacts.model import WhichPromises

    found = at_desk(config, partial(_promises, which=checked(WhichPromises, read_pairs(which or (), WhichPromises))))
    if as_json:
        tell({"promises": [one.model_dump(mode="json") for one in found]})
        return
    columns = ("when (UTC)", "what", "number", "campaign", "agent", "decision", "decider", "note", "kept by")
    rows = [
        (f"{p.at:%Y-%m-%d %H:%M}", p.what, p.number, p.campaign, p.agent or "anyone", _day(p.decision), p.decider, p.note, p.kept_by)
        for p in found
    ]
    print_rows(columns, rows)


async def _promises(desk: Desk, which: WhichPromises) -> list[Promised]:
    return await desk.promises(which)


@policy.command("show")
def show_policy(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The policy in force."""
    want_json(as_json)
    shown = at_desk(config, lambda desk: desk.policy())
    if as_json:
        tell(shown.model_dump(mode="json"))
    else:
        import json

        print(json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, indent=2))


@policy.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(help="TOML or JSON with caps, rests, lists, consent, day_parts.", show_default=False)],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Another policy from the next check on; the old ones are kept."""
    want_json(as_json)
    from pydantic import ValidationError

    from offhook.cli.campaign import parse_file, read_file
    from offhook.contacts.policy import ContactPolicy
    from offhook.mistakes import explain

    text = read_file(file)
    try:
        given = ContactPolicy.model_validate(parse_file(file, text))
    except ValidationError as wrong:
        raise CommandError(explain(wrong, str(file), text if file.suffix == ".toml" else "", ContactPolicy)) from None
    shown = at_desk(config, lambda desk: desk.set_policy(given))
    if as_json:
        tell(shown.model_dump(mode="json"))
    else:
        print(f"policy version {shown.version}: {len(given.caps)} caps, {len(given.rests)} rests")


def suppress(number: WhoArgument, more: MoreArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Never call somebody again; running nodes hang up what still rings within a blink."""
    want_json(as_json)
    from offhook.contacts.model import Suppression

    wanted = checked(Suppression, {**read_pairs(more or (), Suppression), **who(number)})
    told = at_desk(config, lambda desk: desk.suppress(wanted))
    if as_json:
        tell(told.model_dump(mode="json"))
    else:
        print(f"suppressed ({wanted.category}); {counted(told.leads, 'lead')} closed")


def history(number: WhoArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What was done to somebody over all campaigns, departments and numbers, and the best hour to call."""
    want_json(as_json)
    from offhook.contacts.model import Whom
    from offhook.contacts.why import history_text
    from offhook.contacts.why import why as why_person

    whom = checked(Whom, dict(who(number)))
    found = at_desk(config, lambda desk: why_person(desk.store, whom, desk.clock.now()))
    if as_json:
        tell(found.model_dump(mode="json", include={"person", "ref", "numbers", "history", "best_hour"}))
        return
    print_rows(("when (UTC)", "number", "campaign", "department", "kind", "result", "call"), history_text(found))
    if found.best_hour is not None:
        best = found.best_hour
        print(f"best hour: {best.day.value if best.day else 'any day'} {best.hour:02}:00, {best.answered} of {best.tried} calls answered")
