"""``offhook simulate`` and ``offhook whatif``: a shift played with the live pacing code, in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings, read_pairs
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.shift.scenario import Scenario

Shift = Annotated[
    str,
    typer.Argument(help="Shift file, as in examples/shifts, or a day of a campaign in the database: spring@yesterday, spring@2026-03-02."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the first day; each further day takes the next.")]

_SHOWN = {
    "utilisation": ("busy %", 100),
    "abandon_share": ("abandoned %", 100),
    "worst_window": ("worst window %", 100),
    "connects_per_agent_h": ("connects/agent h", 1),
    "agent_wait_s": ("agent waits s", 1),
    "person_wait_s": ("person waits s", 1),
    "lines_used": ("lines used %", 100),
    "calls_per_h": ("calls/h", 1),
}


def simulate(
    shift: Shift,
    seed: Seed = 1,
    days: Annotated[int, typer.Option("--days", min=1, help="Days to play.")] = 1,
    agents: Annotated[int | None, typer.Option("--agents", min=0, help="So many agents instead of the file's.")] = None,
    pacing: Annotated[list[str] | None, typer.Option("--set", help="Pacing setting key=value, instead of the file's pacing.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the first day into this file (needs offhook[plots]).")] = None,
    hours: Annotated[float | None, typer.Option("--hours", help="So many hours instead of the file's.")] = None,
    audio: Annotated[bool, typer.Option("--audio", help="On a node with the software card, every line heard: slow.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a shift with the live pacing code and say what came of it."""
    want_json(as_json)
    from offhook.shift import cli

    chosen = read_pairs(pacing) if pacing else None
    result = _played(
        lambda: cli.simulate(
            _shift(shift, config, agents), seed=seed, days=days, agents=agents, pacing=chosen, plot=plot, hours=hours, audio=audio
        )
    )
    if as_json:
        tell(result)
        return
    print(f"{result['shift']}, {result['mode']}, {days} day{'s' if days > 1 else ''}")
    _print_means([("", result["mean"])])
    if plot is not None:
        print(f"drawn into {plot}")


def whatif(
    shift: Shift,
    settings: Annotated[
        list[str], typer.Argument(help="Pacing to compare, each in quotes: 'mode=ratio calls_per_agent=1.5' 'mode=predictive'.")
    ],
    seed: Seed = 1,
    days: Annotated[int, typer.Option("--days", min=1, help="Days to play with each.")] = 3,
    agents: Annotated[list[int] | None, typer.Option("--agents", min=0, help="Team size to try; may be given several times.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare pacing settings and team sizes over the same days and leads."""
    want_json(as_json)
    from offhook.shift import cli

    compared = [read_pairs(words.split()) for words in settings]
    most = agents[0] if agents else None
    rows = _played(
        lambda: cli.whatif(_shift(shift, config, most), compared, seed=seed, days=days, agents=tuple(agents) if agents else (None,))
    )
    if as_json:
        tell({"shift": str(shift), "days": days, "rows": rows})
        return
    _print_means(
        [
            (
                " ".join(f"{key}={value}" for key, value in row["pacing"].items()) + (f", {row['agents']} agents" if row["agents"] else ""),
                row,
            )
            for row in rows
        ]
    )


def _shift(named: str, config: Path | None, agents: int | None) -> Path | Scenario:
    """The file, or the day of a campaign as the database has it."""
    campaign, sign, day = named.rpartition("@")
    if not sign or Path(named).exists():
        return Path(named)
    import datetime as dt

    from offhook.desk import open_desk
    from offhook.shift.scenario import ScenarioError
    from offhook.shift.stored import from_store

    now = dt.datetime.now().astimezone()
    try:
        wanted = {"today": now.date(), "yesterday": now.date() - dt.timedelta(days=1)}.get(day) or dt.date.fromisoformat(day)
    except ValueError:
        raise ScenarioError(f"{named}: '{day}' is no day; write today, yesterday or 2026-03-02") from None
    settings = load_settings(config)

    async def measure() -> Scenario:
        async with open_desk(settings) as desk:
            return await from_store(desk, campaign, wanted, now.tzinfo or dt.UTC, agents)

    return asyncio.run(measure())


def _played(play: Any) -> Any:
    from offhook.shift.scenario import ScenarioError

    try:
        return play()
    except ScenarioError as wrong:
        raise CommandError(str(wrong), Exit.BAD_INPUT) from None


def _print_means(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    columns = ["pacing", *(title for title, _ in _SHOWN.values())]
    cells = [[name, *(_figure(means[key], scale) for key, (_, scale) in _SHOWN.items())] for name, means in rows]
    print_rows(columns, cells, right=columns[1:])


def _figure(mean_and_width: Sequence[float], scale: float) -> str:
    mean, width = mean_and_width
    return f"{mean * scale:.1f}" + (f" ±{width * scale:.1f}" if width else "")
