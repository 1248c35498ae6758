"""``offhook why``: why a call has the result it has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.calls.labels import Label
    from offhook.calls.margins import Margin, Try
    from offhook.config import Settings
    from offhook.messages import CallRecord


def why(
    what: Annotated[str, typer.Argument(help="A call's id, the beginning or end of it, or last; else a number.", metavar="CALL|NUMBER")],
    png: Annotated[
        Path | None,
        typer.Option(help="Draw the call from its recording: waveform, spectrogram, events, probabilities.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a call has its result: what was heard when, which signs spoke for it, which settings were in force."""
    want_json(as_json)
    from offhook.calls.why import is_call

    settings = load_settings(config)
    if not is_call(what):
        if png is not None:
            raise CommandError("--png draws one call; name it by its id", Exit.USAGE)
        _number(settings, what, as_json)
        return
    record, labels = asyncio.run(_look(settings, what))
    _call(settings, record, labels, png, as_json)


async def _look(settings: Settings, what: str) -> tuple[CallRecord, list[Label]]:
    from offhook.calls.labels import labels_of
    from offhook.calls.why import find_call
    from offhook.desk import open_desk

    async with open_desk(settings) as desk:
        record = await find_call(desk.store, what)
        return record, await labels_of(desk.store, record.id)


def _call(settings: Settings, record: CallRecord, labels: list[Label], png: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from offhook.calls import margins
    from offhook.calls.recordings import Recordings
    from offhook.calls.why import explain, text

    found = explain(record)
    file = Recordings(settings.node.data_dir / "recordings", settings.recordings).file(record.id)
    recording = file if file.is_file() else None
    shown, tried = ({}, []) if recording is None or found.margin is None else _heard_again(settings, recording, found.margin)
    if png is not None:
        if recording is None:
            raise CommandError(f"no audio of call {record.id} was kept, nothing to draw; see keep in [recordings]")
        _draw(settings, recording, record, png)
    if as_json:
        told: dict[str, Any] = found.as_dict()
        told["features"] = shown
        told["tried"] = [asdict(one) for one in tried]
        told["recording"] = None if recording is None else str(recording)
        told["labels"] = [label.model_dump(mode="json") for label in labels]
        told["picture"] = None if png is None else str(png)
        tell(told)
        return
    for line in (*text(found), *margins.listed(shown), *margins.told(tried, found.margin.verdict if found.margin else "")):
        print(line)
    for label in labels:
        print(f"LABEL     {label.truth}, says {label.source} {label.at:%Y-%m-%d %H:%M}{': ' + label.note if label.note else ''}")
    print(f"RECORDING {recording}; again: offhook replay {record.id}" if recording else "RECORDING none was kept")
    if png is not None:
        print(f"PICTURE   {png}")


def _heard_again(settings: Settings, recording: Path, margin: Margin) -> tuple[dict[str, float], list[Try]]:
    """What the model was shown at the verdict, and where costs decided the verdict with other ones."""
    from offhook.calls import margins
    from offhook.calls.recordings import read
    from offhook.calls.replay import hear
    from offhook.cli.replay import given_for

    kept = read(recording)
    given = given_for(settings, kept, ())
    heard = hear(kept, given.plan, given.library, given.spec.answer, given.model)
    return margins.features(heard), margins.tries(kept, given) if margin.weighed else []


def _draw(settings: Settings, recording: Path, record: CallRecord, png: Path) -> None:
    from offhook.calls.picture import draw
    from offhook.calls.recordings import read
    from offhook.calls.replay import replay
    from offhook.cli.replay import given_for

    kept = read(recording)
    again = replay(kept, given_for(settings, kept, ()))
    draw(png, kept, again.heard, record)


def _number(settings: Settings, what: str, as_json: bool) -> None:
    """Whether a number, lead:ID or ref=KEY may be called and why, and its calls, the newest first."""
    from offhook.contacts.model import Whom
    from offhook.contacts.why import PersonWhy, text
    from offhook.contacts.why import why as why_person
    from offhook.desk import open_desk
    from offhook.numbers import NumberError, parse

    lead = what.removeprefix("lead:")
    try:
        whom: Whom | int
        if what.startswith("lead:") and lead.isdecimal():
            whom = int(lead)
        elif what.startswith("ref="):
            whom = Whom(ref=what.removeprefix("ref="))
        else:
            whom = Whom(number=parse(what, settings.dial.region, short=True).e164)
    except NumberError as wrong:
        raise CommandError(f"'{what}' is neither a call nor a number: {wrong}", Exit.USAGE) from None

    async def look() -> PersonWhy:
        async with open_desk(settings) as desk:
            return await why_person(desk.store, whom, desk.clock.now())

    found = asyncio.run(look())
    e164 = found.numbers[0] if isinstance(whom, int) or not whom.number else whom.number
    calls = asyncio.run(_calls_of(settings, e164))
    if as_json:
        told = found.model_dump(mode="json")
        tell({"number": e164, "calls": [one.model_dump(mode="json", exclude={"evidence"}) for one in calls], **told})
        return
    for line in text(found):
        print(line)
    if not calls:
        remark(f"offhook: {e164} has not been called")
        return
    print(f"{e164}: {len(calls)} calls")
    print_rows(
        ("call", "when (UTC)", "campaign", "result", "p", "rule"),
        [
            (c.id, f"{c.started:%Y-%m-%d %H:%M:%S}" if c.started else "", c.campaign, c.disposition, _p(c.probability), c.rule)
            for c in calls
        ],
    )


def _p(p: float | None) -> str:
    return "" if p is None else f"{p:.0%}"


async def _calls_of(settings: Settings, e164: str) -> list[CallRecord]:
    from sqlalchemy import Connection, select

    from offhook.desk import open_desk
    from offhook.store.models import CallRow, LeadRow

    async with open_desk(settings) as desk:

        def work(connection: Connection) -> list[str]:
            query = select(CallRow.id).join(LeadRow, LeadRow.id == CallRow.lead_id).where(LeadRow.e164 == e164)
            return list(connection.execute(query.order_by(CallRow.id.desc()).limit(50)).scalars())

        found = [await desk.store.call(one) for one in await desk.store.read(work)]
        return [one for one in found if one is not None]
