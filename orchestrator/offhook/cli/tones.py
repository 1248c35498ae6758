"""``offhook tones``: the built-in tone plans."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

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
def show(plan: Annotated[str, typer.Argument(help="Plan, such as cn.")], as_json: JsonOption = False) -> None:
    """The tones of one plan, with the source of every row."""
    want_json(as_json)
    from offhook_core import plans

    try:
        found = plans.plan(plan)
    except ValueError as wrong:
        raise CommandError(str(wrong), Exit.BAD_INPUT) from None
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
