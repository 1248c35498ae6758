"""``offhook replay``: calls that were kept, or recordings, heard again with the same or other settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings, read_pairs
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.calls.recordings import Kept
    from offhook.calls.replay import Given, Replayed
    from offhook.config import Settings

MOST_VARIANTS = 200
HEARD_KEYS = ("plan", "library", "model", "prompt", "message")


def replay(
    what: Annotated[list[str], typer.Argument(help="Calls by id, recordings, or folders of them.", metavar="CALL|FILE|FOLDER...")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value: plan=us, library=none, answer.preset=careful, answer.core.cost_person=10 ..."),
    ] = None,
    sweep: Annotated[list[str] | None, typer.Option(help="key=a,b,c: try each value, every combination of several keys.")] = None,
    answered_ms: Annotated[float | None, typer.Option(min=0, help="Plain recordings: when they were answered, ms; none: never.")] = None,
    cause: Annotated[int, typer.Option(min=1, max=127, help="Plain recordings: Q.850 cause that clears the call at the end.")] = 16,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hear calls again and show what their results would be with other settings. Nothing that is stored changes."""
    want_json(as_json)
    from offhook.calls.replay import replay as again
    from offhook.calls.replay import variants

    settings = load_settings(config)
    tries = [(*(change or ()), *words) for words in variants(_sweeps(sweep or ()))]
    if len(tries) > MOST_VARIANTS:
        raise CommandError(f"{len(tries)} combinations are too many; at most {MOST_VARIANTS}", Exit.USAGE)
    found: list[tuple[str, Kept, list[Replayed]]] = []
    bad = 0
    for name, path in _files(settings, what):
        try:
            kept = _read(path, answered_ms)
        except CommandError as wrong:
            bad += 1
            remark(f"offhook: {wrong}")
            continue
        found.append((name, kept, [again(kept, given_for(settings, kept, words), cause) for words in tries]))
    if as_json:
        tell({"replayed": [_as_dict(name, kept, runs) for name, kept, runs in found], "bad": bad})
    else:
        _print(found, tries)
    if bad:
        raise SystemExit(int(Exit.BAD_INPUT))


def given_for(settings: Settings, kept: Kept, changes: Sequence[str]) -> Given:
    """The settings that were in force, with *changes* as ``key=value`` words.

    Raises:
        CommandError: A key or value is wrong.
    """
    from pydantic import ValidationError

    from offhook.calls.replay import PROMPT_MS, Given, campaign_words, words_of
    from offhook.messages import CampaignSpec
    from offhook.mistakes import explain
    from offhook.tones.chosen import tone_plan

    words = words_of(kept)
    hearing = {"plan": words.get("plan", settings.core.plan), "library": words.get("library", "")}
    own = settings.core.answer_model
    hearing["model"] = words.get("model", "none") if kept.call else str(own or "none")
    lengths = {name: words.get(name, "0" if kept.call else str(PROMPT_MS)) for name in ("prompt", "message")}
    hearing |= lengths
    mine = [word for word in changes if word.partition("=")[0] not in HEARD_KEYS]
    for word in changes:
        key, _, value = word.partition("=")
        if key in HEARD_KEYS:
            hearing[key] = value
    keys: dict[str, Any] = {"dtmf": {key: key for key in words["keys"]}} if "keys" in words else {}
    fields = keys | _merged(read_pairs(campaign_words(kept), CampaignSpec), read_pairs(mine, CampaignSpec))
    try:
        spec = CampaignSpec.model_validate({"name": "replay", **fields})
        plan = tone_plan(hearing["plan"], settings.core.plan_files)
        prompt, message = (int(hearing[name]) or None for name in ("prompt", "message"))
    except ValidationError as wrong:
        raise CommandError(explain(wrong, "--set", "", CampaignSpec), Exit.USAGE) from None
    except ValueError as wrong:
        raise CommandError(f"--set: {wrong}", Exit.USAGE) from None
    return Given(spec, plan, _library(settings, hearing["library"]), prompt, message, _model(own, hearing["model"]), tuple(changes))


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both, key by key, inner tables too."""
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def _library(settings: Settings, word: str) -> Any:
    """The known announcements: none, those of a folder, or the node's as they are now."""
    from offhook.announce.store import AnnouncementStore

    if word in ("none", "0"):
        return None
    is_folder = bool(word) and not word.isdigit()
    if is_folder and not Path(word).is_dir():
        raise CommandError(f"library={word}: no such folder; none, or a folder that offhook announce export wrote", Exit.USAGE)
    return AnnouncementStore(Path(word) if is_folder else settings.node.data_dir / "announcements").library()


def _model(own: Path | None, word: str) -> bytes | None:
    """The answer model: the built-in one, a file, or the node's own, which must be the one that the call was judged by."""
    from offhook.amd.model import unpack
    from offhook_core.answer import model_name

    if word == "none":
        return None
    if own is not None and own.is_file() and model_name(own.read_bytes()) == word:
        return own.read_bytes()
    try:
        octets = Path(word).read_bytes()
        unpack(octets)
    except FileNotFoundError:
        mend = "give --set model=FILE, or model=none for the built-in one"
        raise CommandError(f"model={word}: no such file, and [core] answer_model is another one; {mend}", Exit.USAGE) from None
    except (OSError, ValueError) as wrong:
        raise CommandError(f"model={word}: {wrong}", Exit.USAGE) from None
    return octets


def _sweeps(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        key, equals, values = word.partition("=")
        if not equals or not key or not all(values.split(",")):
            raise CommandError(f"--sweep {word!r} is not key=a,b,c", Exit.USAGE)
        found[key] = values.split(",")
    return found


def _files(settings: Settings, what: Sequence[str]) -> list[tuple[str, Path]]:
    """Name and file of each recording."""
    folder = settings.node.data_dir / "recordings"
    found: list[tuple[str, Path]] = []
    for one in what:
        path = Path(one)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".wav", ".flac", ".alaw", ".ulaw", ".raw"))
            if not files:
                raise CommandError(f"{path}: no recordings in it (.wav .flac .alaw .ulaw .raw)")
            found += [(file.name, file) for file in files]
        elif path.exists() or path.suffix:
            found.append((one, path))
        else:
            fitting = sorted(file for file in folder.glob("*.wav") if file.stem.startswith(one) or file.stem.endswith(one))
            if one == "last":
                fitting = sorted(folder.glob("*.wav"))[-1:]
            if len(fitting) != 1:
                several = f"fits {len(fitting)} calls; write more of the id" if fitting else "is no file, and no call whose audio was kept"
                raise CommandError(f"'{one}' {several} ({folder})")
            found.append((fitting[0].stem, fitting[0]))
    return found


def _read(path: Path, answered_ms: float | None) -> Kept:
    from offhook.calls.recordings import RecordingError, is_ours, plain, read
    from offhook.cli.recordings import read_recording

    if path.is_file() and is_ours(path):
        try:
            return read(path)
        except RecordingError as wrong:
            raise CommandError(str(wrong)) from None
    return plain(read_recording(path, "alaw"), answered_ms)


def _as_dict(name: str, kept: Kept, runs: list[Replayed]) -> dict[str, Any]:
    return {
        "name": name,
        "call": kept.call or None,
        "was": {"disposition": kept.disposition, "probability": kept.probability} if kept.call else None,
        "missing_ms": kept.marks.first * 20,
        "runs": [_run(kept, run) for run in runs],
    }


def _run(kept: Kept, run: Replayed) -> dict[str, Any]:
    from offhook.calls.replay import same_as_kept
    from offhook.cli.analyze import as_dict

    record = run.record
    return {
        "settings": list(run.given.changed),
        "disposition": record.disposition,
        "probability": record.probability,
        "rule": record.rule,
        "verdict_ms": record.verdict_ms,
        "answered_ms": record.answered_ms,
        "same_events": same_as_kept(kept, record),
        "digest": run.heard.digest,
        "events": [as_dict(event) for event in run.heard.events],
    }


def _print(found: list[tuple[str, Kept, list[Replayed]]], tries: Sequence[tuple[str, ...]]) -> None:
    from offhook.calls.replay import same_as_kept

    rows = []
    changed: Counter[tuple[str, ...]] = Counter()
    for name, kept, runs in found:
        if kept.marks.first:
            remark(f"offhook: {name}: the first {kept.marks.first * 0.02:.1f} s were not kept, so what is heard may differ from then")
        for run in runs:
            record = run.record
            same = same_as_kept(kept, record)
            differs = bool(kept.call) and record.disposition != kept.disposition
            changed[run.given.changed] += differs
            rows.append(
                (
                    name[-24:],
                    " ".join(run.given.changed) or "as it was",
                    record.disposition,
                    f"{record.probability or 0:.0%}",
                    record.rule,
                    "" if record.verdict_ms is None or record.answered_ms is None else record.verdict_ms - record.answered_ms,
                    {None: "", True: "the same", False: "others"}[same],
                    f"was {kept.disposition}" if differs else "",
                )
            )
    print_rows(("call", "settings", "result", "p", "rule", "ms after answer", "events", ""), rows, right=("p", "ms after answer"))
    if len(found) > 1:
        for words in tries:
            print(f"{' '.join(words) or 'as it was'}: {changed[words]} of {len(found)} results differ from what was kept")
