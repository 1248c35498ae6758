"""``offhook evidence``: a bundle for a complaint or a court, and whether bundles and the chain of stored calls hold."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.calls.bundle import Made
    from offhook.config import Settings
    from offhook.store.chain import Checked

_LINK = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def evidence(
    what: Annotated[
        str, typer.Argument(help="A call (id, its beginning or end, or last), or: verify, chain.", metavar="CALL|verify|chain")
    ],
    which: Annotated[
        str,
        typer.Argument(help="Of verify the bundle; of chain a link noted earlier, SEQ:LINK.", metavar="[BUNDLE|LINK]", show_default=False),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The bundle to write; else evidence-CALL.zip here.", show_default=False)] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="With numbers and names unmasked, where [evidence] numbers permits it.")
    ] = False,
    store: Annotated[bool, typer.Option("--store", help="With verify: compare with the database of the configuration too.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all that is known of a call as a bundle that can be checked; verify a bundle, or the chain of all stored calls."""
    want_json(as_json)
    if what == "verify":
        _verify(which, config if store else None, store, as_json)
    elif what == "chain":
        _chain(load_settings(config), which, as_json)
    elif which:
        raise CommandError(f"'{which}' is one word too many: offhook evidence CALL --out FILE", Exit.USAGE)
    else:
        _make(load_settings(config), what, out, numbers, as_json)


def _make(settings: Settings, what: str, out: Path | None, numbers: bool, as_json: bool) -> None:
    from offhook.calls.bundle import check, open_bundle
    from offhook.calls.why import is_call

    if not is_call(what):
        raise CommandError(f"'{what}' is no call's id; offhook why NUMBER lists the calls to a number", Exit.USAGE)
    if numbers and not settings.evidence.numbers:
        raise CommandError("numbers stay masked: [evidence] numbers = true in the configuration permits --numbers", Exit.REFUSED)
    made = asyncio.run(_make_at(settings, what, out, numbers))
    wrong = check(open_bundle(made.path))
    if as_json:
        head = None if made.head is None else {"seq": made.head.seq, "link": made.head.link}
        tell({**asdict(made), "path": str(made.path), "entry": made.entry and made.entry.seq, "head": head, "problems": wrong})
    else:
        print(f"{made.path}: call {made.call}, {len(made.files)} files, numbers {'whole' if numbers else 'masked'}")
        print(f"manifest  {made.manifest}")
        print(f"link      {f'entry {made.entry.seq}, {made.entry.link}' if made.entry else 'none: the call is from before the chain'}")
        print(*(f"WRONG     {one}" for one in wrong), sep="\n", end="\n" if wrong else "")
    if wrong:
        raise typer.Exit(Exit.UNSOUND)


async def _make_at(settings: Settings, what: str, out: Path | None, numbers: bool) -> Made:
    from offhook.calls.bundle import make
    from offhook.calls.recordings import Recordings
    from offhook.calls.why import find_call
    from offhook.desk import open_desk

    async with open_desk(settings) as desk:
        record = await find_call(desk.store, what)
        kept = Recordings(settings.node.data_dir / "recordings", settings.recordings)
        path = out or Path(f"evidence-{record.id}.zip")
        return await make(desk.store, record, kept, path, desk.clock.now(), numbers)


def _verify(bundle: str, config: Path | None, store: bool, as_json: bool) -> None:
    from offhook.calls.bundle import check, check_store, open_bundle
    from offhook.desk import open_desk

    if not bundle:
        raise CommandError("which bundle? offhook evidence verify FILE.zip", Exit.USAGE)
    opened = open_bundle(Path(bundle))
    wrong = check(opened)

    async def compare() -> list[str]:
        async with open_desk(load_settings(config)) as desk:
            return await desk.store.read(lambda connection: check_store(connection, opened))

    if store and not any("cannot be read any more" in one for one in wrong):
        wrong += asyncio.run(compare())
    told = {"bundle": bundle, "call": opened.manifest["call"], "made": opened.manifest.get("made"), "manifest": opened.digest}
    if as_json:
        tell({**told, "store": store, "ok": not wrong, "problems": wrong})
    else:
        print(f"{bundle}: call {told['call']}, made {told['made']}, manifest {opened.digest}")
        print(*(wrong or [f"whole{' and as the database has it' if store else '; --store compares it with a database'}"]), sep="\n")
    if wrong:
        raise typer.Exit(Exit.UNSOUND)


def _chain(settings: Settings, noted: str, as_json: bool) -> None:
    from offhook.desk import open_desk
    from offhook.store import chain

    at = _LINK.fullmatch(noted)
    if noted and at is None:
        raise CommandError(f"'{noted}' is no link; one reads 120:3f9a... as offhook evidence chain prints it", Exit.USAGE)

    async def look() -> tuple[Checked, str]:
        async with open_desk(settings) as desk:
            found = await desk.store.read(chain.check)
            return found, await desk.store.read(lambda connection: chain.link_at(connection, int(at[1]))) if at else ""

    found, there = asyncio.run(look())
    wrong = [asdict(one) for one in found.broken]
    if at is not None and there != at[2]:
        text = f"entry {at[1]} {'has another link' if there else 'is missing'}: the chain was cut or made anew since the link was noted"
        wrong.append({"seq": int(at[1]), "ref": "", "text": text})
    head = "" if found.head is None else f"{found.head.seq}:{found.head.link}"
    if as_json:
        told = {"entries": found.entries, "calls": found.calls, "earlier": found.earlier, "head": head}
        tell({**told, "ok": not wrong, "problems": wrong})
    else:
        before = f", {found.earlier} calls from before it" if found.earlier else ""
        print(f"{found.entries} entries, {found.calls} calls compared{before}")
        if wrong:
            print_rows(("entry", "wrong"), [(one["seq"] or "", one["text"]) for one in wrong], right=("entry",))
        print(
            f"head {head}; note it elsewhere: offhook evidence chain {head[:20]}... tells later whether it still holds" if head else "empty"
        )
    if wrong:
        raise typer.Exit(Exit.UNSOUND)
