"""``offhook amd``: answer analysis trained, evaluated and calibrated with one's own recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.amd.data import Clip
    from offhook_core.answer import AnswerSettings

app = typer.Typer(help="Answer analysis: person or machine, trained and measured with labelled recordings.", no_args_is_help=True)

Manifests = Annotated[list[Path], typer.Argument(help="CSV files with the columns path and label, or their folders.")]
ModelOption = Annotated[Path | None, typer.Option("--model", help="Model file; else the built-in model.")]


def _clips(manifests: list[Path]) -> list[Clip]:
    from offhook.amd import data

    try:
        return data.load(manifests)
    except ValueError as wrong:
        raise CommandError(str(wrong)) from None


def _model(path: Path | None) -> bytes | None:
    if path is None:
        return None
    from offhook.amd import model

    try:
        octets = path.read_bytes()
        model.unpack(octets)
    except (OSError, ValueError) as wrong:
        raise CommandError(f"{path}: {wrong}; make one with `offhook amd train`") from None
    return octets


def _settings(preset: str, changes: list[str]) -> AnswerSettings:
    from offhook_core.answer import AnswerSettings

    values: dict[str, float] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        try:
            number = float(value) if equals else None
        except ValueError:
            number = None
        if number is None:
            raise CommandError(f"--set {change}: give it as key=number, such as cost_person=10")
        values[key] = int(number) if number.is_integer() and not key.startswith(("cost", "person")) else number
    try:
        return AnswerSettings.preset(preset, **values)
    except ValueError as wrong:
        raise CommandError(str(wrong)) from None


@app.command()
def pairs(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    per_voice: Annotated[int, typer.Option(min=1, max=100, help="People's answers, and others, of each voice.")] = 5,
    seed: Annotated[int, typer.Option(help="Same seed, same texts and voices.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Speak synthetic people and machines with the same voices (needs espeak-ng; flite if there)."""
    want_json(as_json)
    from offhook.amd import synth

    try:
        count = synth.generate(out, seed, per_voice, lambda n: remark(f"{n} clips") if n and n % 250 == 0 else None)
    except (OSError, RuntimeError) as wrong:
        raise CommandError(str(wrong)) from None
    if as_json:
        tell({"ok": True, "clips": count, "manifest": str(out / "manifest.csv")})
    else:
        print(f"{count} clips in {out / 'manifest.csv'}")


@app.command()
def train(
    manifests: Manifests,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for model.bin and, for evaluation, fold-K.bin.")],
    parts: Annotated[
        int, typer.Option(min=0, max=10, help="Parts held back in turn, by source and voice; 0 trains without calibration.")
    ] = 3,
    calls: Annotated[int, typer.Option(min=200, max=1_000_000, help="Made-up calls to learn from.")] = 8000,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Times through them.")] = 16,
    seed: Annotated[int, typer.Option(help="Same seed and recordings, same model.")] = 1,
    table: Annotated[Path | None, typer.Option("--table", help="Write the C table of the built-in model too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model; needs `pip install offhook[train]`."""
    want_json(as_json)
    from offhook.amd import model
    from offhook.amd import train as training

    clips = _clips(manifests)
    settings = training.Settings(calls=calls, epochs=epochs, seed=seed)
    try:
        trained = training.train(clips, settings, parts, remark)
    except (RuntimeError, ValueError) as wrong:
        raise CommandError(str(wrong)) from None
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.bin").write_bytes(model.pack(trained.model))
    for number, weights in enumerate(trained.folds):
        (out / f"fold-{number}.bin").write_bytes(model.pack(weights))
    if table is not None:
        model.write_c(trained.model, table, f"Seed {seed}, {calls} calls, {epochs} epochs, {len(clips)} recordings.")
    said = {"ok": True, "recordings": len(clips), "model": str(out / "model.bin"), "odds": trained.odds.tolist()}
    if as_json:
        tell(said)
    else:
        print(f"{out / 'model.bin'}: from {len(clips)} recordings; try it with `offhook amd evaluate`")


@app.command()
def evaluate(
    manifests: Manifests,
    model: ModelOption = None,
    folds: Annotated[
        Path | None, typer.Option("--folds", help="Folder that train wrote from these manifests: each recording meets a model without it.")
    ] = None,
    preset: Annotated[str, typer.Option(help="balanced, careful, fast or rules.")] = "balanced",
    changes: Annotated[list[str] | None, typer.Option("--set", help="key=value, such as cost_person=10; may be repeated.")] = None,
    vary: Annotated[int | None, typer.Option(help="Seed of random lines; without it the recordings are heard as they are.")] = None,
    as_json: JsonOption = False,
) -> None:
    """People kept, machines caught, delay of the verdict, honesty of the probabilities."""
    want_json(as_json)
    from offhook.amd import evaluate as measure

    clips = _clips(manifests)
    settings = _settings(preset, changes or [])
    try:
        if folds is not None:
            results = measure.cross(clips, folds, settings=settings, vary=vary)
        else:
            results = measure.trials(clips, settings=settings, model=_model(model), vary=vary)
    except (OSError, ValueError) as wrong:
        raise CommandError(str(wrong)) from None
    report: dict[str, Any] = {"ok": True, "preset": preset}
    for ms in measure.TIMES_MS:
        report[f"at_{ms}"] = measure.summary(results, ms)
        report[f"calibration_{ms}"] = measure.calibration(results, ms)
    report["delay"] = measure.delays(results)
    report["nobody"] = measure.called_person(results, measure.NOBODY)
    report["announcements"] = measure.called_person(results, frozenset({"announcement"}))
    if as_json:
        tell(report)
        return
    rows = [(name, *(report[f"at_{ms}"][name] for ms in measure.TIMES_MS)) for name in report["at_1500"]]
    rows += [("calibration error", *(report[f"calibration_{ms}"]["error"] for ms in measure.TIMES_MS))]
    print_rows(("", *(f"{ms} ms after the answer" for ms in measure.TIMES_MS)), rows)
    print(f"verdict after the end of a person's greeting, ms: {json.dumps(report['delay'])}")
    for name in ("nobody", "announcements"):
        print(f"{name} called a person: {report[name]['called_person']} of {report[name]['count']}")


@app.command()
def calibrate(
    manifests: Manifests,
    out: Annotated[Path, typer.Option("--out", "-o", help="Model file to write.")],
    model: Annotated[Path, typer.Option("--model", help="Model file to start from.")],
    seed: Annotated[int, typer.Option(help="Of the random lines: same seed, same table.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Make a model's probabilities fit recordings that it was not trained with."""
    want_json(as_json)
    from offhook.amd import calibrate as fitting
    from offhook.amd import model as files

    octets = _model(model)
    assert octets is not None
    weights = files.unpack(octets)
    clips = _clips(manifests)
    if not any(clip.sort == 0 for clip in clips) or not any(clip.sort in (1, 2, 3) for clip in clips):
        raise CommandError("calibration needs recordings of people and of machines: label some of each")
    odds = fitting.fit([(weights, clips)], seed)
    out.write_bytes(files.pack(fitting.apply(weights, odds)))
    if as_json:
        tell({"ok": True, "model": str(out), "odds": odds.tolist()})
        return
    rows = [(f"{seconds:g} s", *(f"{value:.2f}" for value in row)) for seconds, row in zip(files.TIMES_S, odds, strict=True)]
    print_rows(("after the answer", *(f"log odds {knot:g}" for knot in files.KNOTS)), rows)
    print(f"{out}: probabilities fitted to {len(clips)} recordings")
