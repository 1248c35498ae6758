"""``offhook amd labels``: what calls really were, and recordings to train with from that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from offhook.calls.truth import Truth
from offhook.cli.arguments import ConfigOption, JsonOption, load_settings
from offhook.cli.output import print_rows, tell, want_json

app = typer.Typer(help="Labels of calls: stored by agents and programs, exported for training.", no_args_is_help=True)


@app.command()
def add(
    call: Annotated[str, typer.Argument(help="The call's id, the beginning or end of it, or last.")],
    truth: Annotated[Truth, typer.Argument(help="Who or what it was.")],
    source: Annotated[str, typer.Option("--by", help="Who says so.")] = "",
    note: Annotated[str, typer.Option(help="In words.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a call really was; the newest label of a call counts."""
    want_json(as_json)
    from offhook.calls.labels import NewLabel
    from offhook.calls.why import find_call
    from offhook.desk import open_desk

    async def store() -> dict[str, object]:
        async with open_desk(load_settings(config)) as desk:
            record = await find_call(desk.store, call)
            label = await desk.label(NewLabel(call=record.id, truth=truth, source=source[:63], note=note[:500]))
            return {**label.model_dump(mode="json"), "disposition": record.disposition}

    said = asyncio.run(store())
    if as_json:
        tell(said)
    else:
        print(f"{said['call']}: {said['truth']} (the engine said {said['disposition']})")


@app.command("list")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """All labels, the oldest first."""
    want_json(as_json)
    from offhook.calls.labels import Label, labels_of
    from offhook.desk import open_desk

    async def read() -> list[Label]:
        async with open_desk(load_settings(config)) as desk:
            return await labels_of(desk.store)

    found = asyncio.run(read())
    if as_json:
        tell({"labels": [label.model_dump(mode="json") for label in found]})
    elif found:
        print_rows(
            ("call", "truth", "by", "when (UTC)", "note"), [(f.call, f.truth, f.source, f"{f.at:%Y-%m-%d %H:%M}", f.note) for f in found]
        )
    else:
        print("no label yet; offhook amd labels add CALL person, or the verb label")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder for recordings and manifest.csv.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the labelled calls that were kept, from their answer on, for `offhook amd train FOLDER`."""
    want_json(as_json)
    from offhook.calls import labels
    from offhook.calls.recordings import Recordings
    from offhook.desk import open_desk

    settings = load_settings(config)

    async def read() -> tuple[list[labels.Label], dict[str, str]]:
        async with open_desk(settings) as desk:
            found = await labels.labels_of(desk.store)
            return found, await labels.numbers_of(desk.store, sorted({label.call for label in found}))

    found, numbers = asyncio.run(read())
    done = labels.export(folder, found, Recordings(settings.node.data_dir / "recordings", settings.recordings), numbers)
    if as_json:
        tell(done.model_dump(mode="json"))
        return
    print(f"{done.manifest}: {done.written} recordings; of other labelled calls {done.without_audio} have no audio, ", end="")
    print(f"{done.without_answer} too little after an answer")
