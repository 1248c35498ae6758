"""``offhook campaign``: campaigns, lists and results through the database, beside a running node or without one."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings, read_pairs
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.desk import Desk
    from offhook.lists.filters import Preview
    from offhook.messages import CampaignState, ImportReport

T = TypeVar("T")
app = typer.Typer(help="Campaigns, lists and results, through the database; a running node follows within a second.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Name of the campaign.", show_default=False)]
PROBLEMS_SHOWN = 20


class ExportFormat(StrEnum):
    """Layouts of ``campaign export``."""

    CSV = "csv"
    JSON = "json"


def at_desk(config: Path | None, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do *work* at a desk of its own on the configured database."""
    settings = load_settings(config)

    async def main() -> T:
        from offhook.desk import open_desk

        async with open_desk(settings) as desk:
            return await work(desk)

    return asyncio.run(main())


@app.command()
def create(
    name: NameArgument,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Fields: prompt=notice.wav lines=60 windows.zone=Asia/Shanghai ...", metavar="[KEY=VALUE|JSON]...", show_default=False
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Description in TOML or JSON; key=value go over it.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a new campaign, idle."""
    want_json(as_json)
    from pydantic import ValidationError

    from offhook.messages import CampaignSpec
    from offhook.mistakes import explain

    text = read_file(file) if file is not None else ""
    data = {**(parse_file(file, text) if file is not None else {}), **read_pairs(arguments or (), CampaignSpec), "name": name}
    try:
        spec = CampaignSpec.model_validate(data)
    except ValidationError as wrong:
        raise CommandError(
            explain(wrong, str(file or "campaign"), text if file is not None and file.suffix == ".toml" else "", CampaignSpec)
        ) from None
    _show_state(at_desk(config, lambda desk: desk.create_campaign(spec)), as_json)


def read_file(file: Path) -> str:
    """A description as text. CommandError when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise CommandError(f"{file}: cannot be read: {getattr(wrong, 'strerror', None) or 'not UTF-8 text'}") from None


def parse_file(file: Path, text: str) -> dict[str, Any]:
    """TOML, or JSON by its ending. CommandError when it is neither."""
    try:
        data = json.loads(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise CommandError(f"{file}: {wrong}; write TOML, or JSON with the ending .json") from None
    if not isinstance(data, dict):
        raise CommandError(f"{file}: holds no object; write fields with values")
    return data


@app.command("filter")
def preview_filter(
    name: NameArgument,
    expression: Annotated[
        str, typer.Argument(help="Over the columns of the list: \"age >= 30 and city in ('a', 'b')\".", show_default=False)
    ],
    apply: Annotated[
        bool, typer.Option("--apply", help="Make it the campaign's filter; leads that an older one closed are open again.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """How many leads a filter takes, and why the others fall out."""
    want_json(as_json)
    from offhook.messages import CampaignUpdate

    async def work(desk: Desk) -> Preview:
        seen = await desk.preview_filter(name, expression)
        if apply:
            await desk.update_campaign(name, CampaignUpdate(filter=expression))
        return seen

    seen = at_desk(config, work)
    if as_json:
        tell({"applied": apply, **asdict(seen)})
        return
    rows = [["taken", f"{seen.passed:,}", ""], *([one.clause, f"{one.count:,}", "; ".join(one.examples)] for one in seen.reasons)]
    print_rows(["what", "leads", "met"], rows, right=["leads"])


@app.command("import")
def import_list(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="CSV or XLSX.", show_default=False)],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", "-m", help="Our field=column of the list: number=联系电话. May be repeated.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a list into a campaign: all good lines or, on an error, none."""
    want_json(as_json)
    columns: dict[str, str] = {}
    for pair in mapping or ():
        field, equals, column = pair.partition("=")
        if not equals or not field or not column:
            raise CommandError(f"--map {pair!r} is not field=column, e.g. --map number=Phone", Exit.USAGE)
        columns[field] = column
    with _bar(file) as progress:
        report = at_desk(config, lambda desk: desk.import_list(name, file, columns or None, progress))
    if as_json:
        tell(report.model_dump(mode="json"))
    else:
        _print_report(report)
    if report.accepted == 0 and report.read:
        remark("offhook: no line of the list was taken")
        raise SystemExit(int(Exit.BAD_INPUT))


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; of a spreadsheet the number of lines is not known before its end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(file.name, total=_lines(file))
        yield lambda read: progress.update(task, completed=read)


def _lines(file: Path) -> int | None:
    if file.suffix.lower() == ".xlsx" or not file.is_file():
        return None
    with file.open("rb") as read:
        return max(0, sum(piece.count(b"\n") for piece in iter(lambda: read.read(1 << 20), b"")) - 1)  # without the header


def _print_report(report: ImportReport) -> None:
    print(
        f"{report.source} ({report.encoding}): {report.read} lines, {report.accepted} accepted, {report.duplicates} repeated, "
        f"{report.rejected} rejected, {report.mended} mended, {report.seconds:.1f} s"
    )
    if report.problems:
        shown = report.problems[:PROBLEMS_SHOWN]
        print_rows(("line", "value", "reason", "mend"), [(one.line, one.value, one.reason, one.mend) for one in shown], right=("line",))
        if len(report.problems) > len(shown):
            print(f"and {len(report.problems) - len(shown)} more")
    if report.rejects_file:
        print(f"all of them: {report.rejects_file}")


@app.command("list")
def list_campaigns(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """All campaigns."""
    want_json(as_json)
    states = at_desk(config, lambda desk: desk.campaigns())
    if as_json:
        tell({"campaigns": [state.model_dump(mode="json") for state in states]})
    elif states:
        print_rows(
            ("campaign", "stage", "phase", "leads", "open", "closed", "attempts", "title"),
            [(one.name, one.stage, one.phase, one.leads, one.open, one.closed, one.attempts, one.title) for one in states],
            right=("leads", "open", "closed", "attempts"),
        )
    else:
        print("no campaign yet; make one: offhook campaign create NAME prompt=notice.wav")


@app.command()
def show(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """A campaign as described and as it stands."""
    want_json(as_json)

    async def both(desk: Desk) -> dict[str, Any]:
        spec, state = await desk.campaign_spec(name), await desk.campaign(name)
        return {"spec": spec.model_dump(mode="json"), "state": state.model_dump(mode="json")}

    shown = at_desk(config, both)
    if as_json:
        tell(shown)
    else:
        print(json.dumps(shown, ensure_ascii=False, indent=2))


@app.command()
def report(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """A campaign's outcomes, and whether the books add up."""
    want_json(as_json)
    from offhook.control.verbs import campaign_report

    found = at_desk(config, lambda desk: campaign_report(desk, name))
    if as_json:
        tell(found.model_dump(mode="json"))
    else:
        state = found.state
        print(f"{state.name}: {state.phase}, {state.closed} of {state.leads} leads closed, {state.attempts} calls ended")
        rows = [
            (outcome, count, f"{count / state.attempts:.1%}")
            for outcome, count in sorted(state.outcomes.items(), key=lambda one: -one[1])
            if count
        ]
        if rows:
            print_rows(("outcome", "calls", "share"), rows, right=("calls", "share"))
        print(f"answered {found.answer_rate:.1%}, by a person {found.person_rate:.1%}")
        print("the books add up" if found.reconciliation.ok else "the books do NOT add up: " + "; ".join(found.reconciliation.problems))
    if not found.reconciliation.ok:
        raise SystemExit(int(Exit.UNSOUND))


@app.command()
def export(
    name: NameArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; written whole or not at all.", show_default=False)],
    form: Annotated[ExportFormat, typer.Option("--format", help="csv: for spreadsheets; json: one record a line.")] = ExportFormat.CSV,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every call record of a campaign to a file."""
    want_json(as_json)
    from offhook.cli.export import write_calls

    count = at_desk(config, lambda desk: write_calls(desk, name, out, form.value))
    if as_json:
        tell({"file": str(out), "format": form.value, "calls": count})
    else:
        print(f"{out}: {count} calls")


def _show_state(state: CampaignState, as_json: bool) -> None:
    if as_json:
        tell(state.model_dump(mode="json"))
    else:
        print(f"{state.name}: {state.stage}, {state.leads} leads, {state.open} open")
