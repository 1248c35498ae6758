"""``offhook announce``: the announcements that are known, and those that wait for a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.announce import AnnouncementClass, AnnouncementStore, Cluster, UnknownStore

app = typer.Typer(help="Announcements of the network: list, play, name, import, export.", no_args_is_help=True)

EXAMPLES = "announcement-"
"""Built-in clips that ``import --example`` takes begin so."""


def _stores(config: Path | None) -> tuple[AnnouncementStore, UnknownStore]:
    from offhook.announce import AnnouncementStore, UnknownStore

    store = AnnouncementStore(load_settings(config).node.data_dir / "announcements")
    return store, UnknownStore(store)


def _class(word: str) -> AnnouncementClass:
    from offhook.announce import AnnouncementClass, class_of

    found = class_of(word)
    if found is None:
        terms = ", ".join(f"{one} {one.term}" for one in AnnouncementClass)
        raise CommandError(f"no class '{word}'; there are {terms}", Exit.USAGE)
    return found


@app.command("list")
def list_all(
    every: Annotated[bool, typer.Option("--all", help="Also what was heard once only.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Known announcements, then unknown ones that came again."""
    want_json(as_json)
    from offhook.announce.unknown import SHOWN_FROM

    store, unknown = _stores(config)
    known, clusters = store.entries(), unknown.entries()
    shown = [one for one in clusters if every or one.count >= SHOWN_FROM]
    if as_json:
        tell(
            {
                "announcements": [{**one.model_dump(mode="json"), "term": one.kind.term} for one in known],
                "unknown": [one.model_dump(mode="json") for one in shown],
            }
        )
        return
    if known:
        print_rows(
            ("number", "name", "meaning", "language", "carrier", "source"),
            [(one.number, one.name, one.kind.term, one.language, one.carrier, one.source) for one in known],
            right=("number",),
        )
    else:
        remark("no announcement is known yet: offhook announce import FOLDER, or --example for those that come along")
    if shown:
        print()
        print_rows(
            ("unknown", "heard", "seconds", "last", "causes"),
            [(one.id, one.count, one.seconds, f"{one.last:%Y-%m-%d %H:%M}", _causes(one)) for one in shown],
            right=("heard", "seconds"),
        )
        remark(f"name one: offhook announce play {shown[0].id}, then offhook announce name {shown[0].id} CLASS")
    elif clusters:
        remark(f"{len(clusters)} unknown announcements were heard once; --all lists them")


def _causes(cluster: Cluster) -> str:
    counts = sorted(cluster.causes.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{cause or 'none'} x{count}" for cause, count in counts[:4])


@app.command()
def play(
    what: Annotated[str, typer.Argument(help="Name of an announcement, or an unknown one such as c000003.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write a WAV file, 16 bit; without it the clip's own path is printed.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where its clip lies, or a copy that any player takes."""
    want_json(as_json)
    from offhook.announce.store import RATE, AnnouncementError, read_clip

    store, unknown = _stores(config)
    try:
        path = store.clip_file(store.get(what))
    except AnnouncementError:
        clusters = {one.id: one for one in unknown.entries()}
        if what not in clusters:
            raise
        path = unknown.clip_file(clusters[what])
    samples = read_clip(path)
    if out is not None:
        import soundfile

        try:
            soundfile.write(out, samples, RATE, subtype="PCM_16")
        except (OSError, RuntimeError, TypeError) as error:
            raise CommandError(f"{out}: cannot be written: {error}") from None
        path = out
    if as_json:
        tell({"name": what, "file": str(path), "seconds": round(len(samples) / RATE, 2)})
    else:
        print(path)


@app.command()
def name(
    what: Annotated[str, typer.Argument(help="An unknown announcement such as c000003, or the name of a known one.")],
    meaning: Annotated[str, typer.Argument(metavar="CLASS", help="What it means: vacant or 空号, powered_off or 关机, ...")],
    called: Annotated[str, typer.Option("--name", help="What tells it from others of the class, such as china-mobile.")] = "",
    carrier: Annotated[str, typer.Option(help="Whose network plays it.")] = "",
    language: Annotated[str, typer.Option(help="ISO 639, such as zh.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an unknown announcement a meaning, or a known one another. A running node knows it within seconds."""
    want_json(as_json)
    store, unknown = _stores(config)
    kind = _class(meaning)
    if what in {one.id for one in unknown.entries()}:
        named = unknown.name(what, kind, called, language, carrier)
    else:
        named = store.rename(what, kind, called, carrier or None)
    if as_json:
        tell({**named.model_dump(mode="json"), "term": kind.term})
    else:
        print(f"{named.name}  {kind.term}")


@app.command()
def merge(
    into: Annotated[str, typer.Argument(metavar="UNKNOWN", help="Unknown announcement that stays, such as c000003.")],
    other: Annotated[str, typer.Argument(help="Another one that is the same announcement; it is counted to the first.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count two unknown announcements as one. Known ones need no merging: give them the same class."""
    want_json(as_json)
    _, unknown = _stores(config)
    merged = unknown.merge(into, other)
    if as_json:
        tell(merged.model_dump(mode="json"))
    else:
        print(f"{merged.id}  heard {merged.count} times")


@app.command()
def forget(
    what: Annotated[str, typer.Argument(help="Name of an announcement, or an unknown one such as c000003.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Know an announcement no more, or throw an unknown one away."""
    want_json(as_json)
    store, unknown = _stores(config)
    if what in {one.id for one in unknown.entries()}:
        unknown.drop(what)
    else:
        store.remove(what)
    if as_json:
        tell({"forgotten": what})


@app.command("import")
def import_clips(
    folder: Annotated[Path | None, typer.Argument(help="Folder of clips, their classes in the names, or one that export wrote.")] = None,
    meaning: Annotated[str, typer.Option("--class", metavar="CLASS", help="Class of all of them.")] = "",
    language: Annotated[str, typer.Option(help="ISO 639, such as zh.")] = "",
    carrier: Annotated[str, typer.Option(help="Whose network plays them.")] = "",
    example: Annotated[bool, typer.Option("--example", help="The synthetic clips that come along; the software card plays them.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make clips known, all or none; recordings that are known already are passed over."""
    want_json(as_json)
    store, _ = _stores(config)
    if (folder is None) != example:
        raise CommandError("name a folder, or give --example", Exit.USAGE)
    if folder is None:
        added = import_examples(store)
    else:
        added = store.import_folder(folder, _class(meaning) if meaning else None, language, carrier)
    if as_json:
        tell({"added": [one.model_dump(mode="json") for one in added]})
    else:
        print_rows(("number", "name", "meaning"), [(one.number, one.name, one.kind.term) for one in added], right=("number",))
        remark(f"{len(added)} announcements added")


def import_examples(store: AnnouncementStore) -> list[Any]:
    """Know the built-in clips, those that are not yet known."""
    from offhook.announce import class_of
    from offhook_drivers.audio import builtin_names, load_builtin

    known = {one.source for one in store.entries()}
    clips = []
    for clip in builtin_names():
        kind = class_of(clip)
        if clip.startswith(EXAMPLES) and kind is not None and clip not in known:
            language = clip.removeprefix(EXAMPLES).partition("-")[0]
            clips.append((load_builtin(clip).samples, kind, f"example-{language}", language, "", clip))
    return list(store.add_all(clips))


@app.command("export")
def export_clips(
    folder: Annotated[Path, typer.Argument(help="New folder.")], config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Write all known announcements with their index, for import elsewhere."""
    want_json(as_json)
    store, _ = _stores(config)
    count = store.export_folder(folder)
    if as_json:
        tell({"exported": count, "folder": str(folder)})
    else:
        print(f"{count} announcements in {folder}")
