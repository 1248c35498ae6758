"""``offhook tones``: tone plans, built in and of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook_core import Plan, Tone, TonePlan

app = typer.Typer(help="Tone plans: what the network of each country plays.", no_args_is_help=True)


@app.command("list")
def list_plans(as_json: JsonOption = False) -> None:
    """All built-in plans."""
    want_json(as_json)
    from offhook_core import plans

    found = [plans.plan(name) for name in plans.names()]
    if as_json:
        tell({"plans": [{"name": one.name, "country": one.country, "tones": len(one.tones)} for one in found]})
    else:
        print_rows(("plan", "country", "tones"), [(one.name, one.country, len(one.tones)) for one in found], right=("tones",))


@app.command()
def show(plan: Annotated[str, typer.Argument(help="Plan, such as cn, auto:europe or my.toml.")], as_json: JsonOption = False) -> None:
    """The tones of one plan, with the source of every row."""
    want_json(as_json)
    found = _plan(plan).plan
    rows = [
        {
            "row": number,
            "tone": spec.tone.name.lower(),
            "once": [_segment(one) for one in spec.once],
            "loop": [_segment(one) for one in spec.loop],
            "conflict": spec.conflict,
            "filler": spec.filler,
            "source": spec.source,
        }
        for number, spec in enumerate(found.tones)
    ]
    if as_json:
        tell({"name": found.name, "country": found.country, "tones": rows})
        return
    print(f"{found.name}  {found.country}")
    print_rows(
        ("row", "tone", "cadence", "source"),
        [(row["row"], row["tone"], _cadence(row), f"{row['source']}{' (sources differ)' if row['conflict'] else ''}") for row in rows],
        right=("row",),
    )


@app.command()
def check(plan: Annotated[str, typer.Argument(help="TOML file, or a built-in plan.")], as_json: JsonOption = False) -> None:
    """Check a plan: is it valid, and which rows can the core not tell apart?"""
    want_json(as_json)
    from offhook.tones.check import findings

    found = _plan(plan)
    told = findings(found)
    if as_json:
        listed = [{"kind": one.kind, "rows": list(one.rows), "margin": one.margin, "text": one.text} for one in told]
        tell({"ok": not told, "name": found.name, "tones": len(found.tones), "findings": listed})
        return
    print(f"{found.name}: valid, {len(found.tones)} rows, {len(told) or 'no'} finding{'s' if len(told) != 1 else ''}")
    if told:
        print_rows(
            ("rows", "margin", "what", ""),
            [(" ".join(map(str, one.rows)), "" if one.margin is None else f"{one.margin:.2f}", one.kind, one.text) for one in told],
            right=("margin",),
        )


@app.command()
def learn(
    files: Annotated[list[Path], typer.Argument(help="Recordings: 8 kHz mono, one tone each.", metavar="FILE...", show_default=False)],
    tone: Annotated[str, typer.Option(help="What they mean, such as busy; empty: a guess from the cadence.")] = "",
    name: Annotated[str, typer.Option(help="Name of the plan.")] = "own",
    out: Annotated[Path | None, typer.Option(help="Write the plan here, or add to the plan that is there; none: print it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure tones in recordings and write them as a plan."""
    want_json(as_json)
    from offhook.cli.recordings import read_recording
    from offhook.tones.learn import LearnError
    from offhook.tones.learn import learn as measure
    from offhook_core import Plan
    from offhook_core.plan_distance import same_pattern
    from offhook_core.plan_file import PlanError, parse, plan_text, read, row_text

    meant = _tone(tone) if tone else None
    try:
        before = read(out) if out is not None and out.exists() else None
    except PlanError as wrong:
        raise CommandError(f"{wrong}; choose another --out") from None
    rows = list(before.tones) if before else []
    told: list[dict[str, Any]] = []
    bad = 0
    for path in files:
        try:
            found = measure(read_recording(path, "alaw"), path.name, meant)
        except (CommandError, LearnError) as wrong:
            bad += 1
            text = str(wrong) if isinstance(wrong, CommandError) else f"{path}: {wrong}"
            remark(f"offhook: {text}")
            told.append({"file": str(path), "error": text})
            continue
        kept = not any(row.tone is found.row.tone and same_pattern(row, found.row) for row in rows)
        if kept:
            rows.append(found.row)
        told.append(
            {
                "file": str(path),
                "tone": found.row.tone.name.lower(),
                "guessed": found.guessed,
                "hz": [[round(hz, 1) for hz in one] for one in found.hz],
                "am_hz": [one.am_hz for one in found.row.once + found.row.loop if one.hz],
                "level_dbm0": found.level_dbm0,
                "cadence_ms": list(found.cadence_ms),
                "spread_ms": list(found.spread_ms),
                "rounds": found.rounds,
                "new": kept,
            }
        )
    fresh = rows[len(before.tones) if before else 0 :]
    plan = Plan(before.name if before else name, before.country if before else "", tuple(rows))
    if fresh:
        _write(plan, parse(plan_text(plan), out or Path("--name")), out, "\n".join(map(row_text, fresh)) if before else "", as_json)
    if as_json:
        tell({"files": told, "bad": bad, "out": str(out) if out and fresh else None, "plan": plan_text(plan) if rows else None})
    else:
        for one in told:
            if "error" not in one:
                remark(_measured(one))
    if bad:
        raise SystemExit(int(Exit.BAD_INPUT))


def _write(plan: Plan, checked: Plan, out: Path | None, more: str, as_json: bool) -> None:
    """Print a plan, write it, or put the new rows behind those of the file."""
    from offhook_core.plan_file import plan_text

    if out is None:
        if not as_json:
            print(plan_text(checked), end="")
        return
    text = plan_text(plan)
    if more:
        before = out.read_text(encoding="utf-8")
        text = before + ("" if before.endswith("\n") else "\n") + "\n" + more
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise CommandError(f"{out}: cannot be written: {wrong.strerror or wrong}") from None


def _measured(one: dict[str, Any]) -> str:
    hz = " / ".join("+".join(f"{value:.1f}" for value in pair) for pair in one["hz"])
    times = ", ".join(f"{ms:.0f} (spread {wide:.0f})" for ms, wide in zip(one["cadence_ms"], one["spread_ms"], strict=True)) or "continuous"
    guess = " (a guess; say --tone if it is another)" if one["guessed"] else ""
    again = "" if one["new"] else "; the plan has that row already"
    return f"{one['file']}: {one['tone']}{guess}: {hz} Hz, {times} ms, {one['level_dbm0']:.1f} dBm0, {one['rounds']} rounds{again}"


def _tone(name: str) -> Tone:
    from difflib import get_close_matches

    from offhook_core.plan_file import TONES

    names = [tone.name.lower() for tone in TONES]
    if name not in names:
        close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise CommandError(f"--tone {name}: no tone; {hint}allowed: {', '.join(names)}", Exit.USAGE)
    return TONES[names.index(name)]


def _plan(which: str) -> TonePlan:
    from offhook_core.plan_choice import resolve

    try:
        return resolve(which)
    except ValueError as wrong:
        raise CommandError(str(wrong), Exit.BAD_INPUT) from None


def _segment(segment: Any) -> dict[str, Any]:
    return {"hz": list(segment.hz), "am_hz": segment.am_hz, "duration_ms": segment.duration_ms}


def _cadence(row: dict[str, Any]) -> str:
    def words(segments: list[dict[str, Any]]) -> str:
        said = []
        for one in segments:
            what = "+".join(str(hz) for hz in one["hz"]) + (f"x{one['am_hz']}" if one["am_hz"] else "") or "off"
            said.append(f"{what} {one['duration_ms']}" if one["duration_ms"] else what)
        return ", ".join(said)

    return " | ".join(part for part in (words(row["once"]), words(row["loop"])) if part)
