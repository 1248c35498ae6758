"""What ``offhook simulate`` and ``offhook whatif`` do, as plain functions that return data and write nothing but the plot asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Any

from .scenario import Scenario, ScenarioError, load, parse
from .simulator import Report, Simulator, paced


def simulate(
    shift: str | Path | Scenario,
    *,
    seed: int = 1,
    days: int = 1,
    agents: int | None = None,
    pacing: dict[str, Any] | None = None,
    plot: str | Path | None = None,
    hours: float | None = None,
    audio: bool = False,
) -> dict[str, Any]:
    """Run a shift on one or more days, each with its own chance.

    Args:
        shift: A shift file, or a scenario already read.
        seed: Of the first day; the next days take the numbers after it.
        days: How many days.
        agents: So many agents instead of those of the file.
        pacing: Pacing settings instead of those of the file.
        plot: Where to write a picture of the first day; the ending says the format.
        hours: So many hours instead of those of the file.
        audio: Play it on a node and the software card, every line heard by the core, some ten times faster than the clock.

    Returns:
        ``shift``, ``mode``, ``days`` (one report each) and ``mean`` (mean and 95 % half-width of each figure; 0 for one day).

    Raises:
        ScenarioError: The shift cannot be used, or the plot needs a package that is not installed.
    """
    if days < 1:
        raise ScenarioError(f"days is {days}, give 1 or more")
    if audio and plot is not None:
        raise ScenarioError("a shift in audio is not drawn; leave out the plot")
    scenario = _changed(shift, agents, pacing, hours)
    reports = []
    for day in range(days):
        report = _in_audio(scenario, seed + day) if audio else _run(scenario, seed + day)
        if day == 0 and plot is not None:
            draw(report, plot)
        reports.append(report)
    return {
        "shift": scenario.shift.name,
        "mode": str(scenario.pacing["mode"]),
        "days": [report.as_dict() for report in reports],
        "mean": {name: list(mean_and_width(values)) for name, values in _figures(reports).items()},
    }


def whatif(
    shift: str | Path | Scenario,
    settings: Sequence[dict[str, Any]],
    *,
    seed: int = 1,
    days: int = 3,
    agents: Sequence[int | None] = (None,),
) -> list[dict[str, Any]]:
    """Compare pacing settings, and team sizes, over the same days and the same leads.

    Args:
        shift: A shift file, or a scenario already read.
        settings: What to compare, such as ``[{"mode": "progressive"}, {"mode": "predictive"}]``.
        seed: Of the first day.
        days: How many days each.
        agents: Team sizes to try with each setting; ``None`` is the team of the file.

    Returns:
        One row for each setting and team size: ``pacing``, ``agents`` and the means and half-widths of :func:`simulate`.
    """
    rows = []
    for team in agents:
        for pacing in settings:
            result = simulate(shift, seed=seed, days=days, agents=team, pacing=pacing)
            rows.append({"pacing": pacing, "agents": team, **result["mean"]})
    return rows


FIGURES = (
    "utilisation",
    "abandon_share",
    "worst_window",
    "connects_per_agent_h",
    "agent_wait_s",
    "person_wait_s",
    "lines_used",
    "calls_per_h",
)


def _figures(reports: Iterable[Report]) -> dict[str, list[float]]:
    reports = list(reports)
    return {name: [float(getattr(report, name)) for report in reports] for name in FIGURES}


def mean_and_width(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the mean and the half-width of its confidence interval; 0 for a single value."""
    if len(values) < 2:
        return values[0], 0.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return fmean(values), z * stdev(values) / len(values) ** 0.5


def _changed(shift: str | Path | Scenario, agents: int | None, pacing: dict[str, Any] | None, hours: float | None = None) -> Scenario:
    scenario = shift if isinstance(shift, Scenario) else load(shift)
    if hours is not None:
        if not 0 < hours <= 24:
            raise ScenarioError(f"hours is {hours:g}, give more than 0 and at most 24")
        warmup_min = min(scenario.shift.warmup_min, 60 * hours / 4)
        scenario = scenario.model_copy(update={"shift": scenario.shift.model_copy(update={"hours": hours, "warmup_min": warmup_min})})
    if agents is not None:
        if agents < 0:
            raise ScenarioError(f"agents is {agents}, give 0 or more")
        scenario = scenario.with_agents(agents)
    if pacing is not None:
        scenario = parse({**scenario.model_dump(), "pacing": pacing}, scenario.shift.name)
    return scenario


def _run(scenario: Scenario, seed: int) -> Report:
    try:
        policy = paced(scenario)
    except ValueError as error:
        raise ScenarioError(f"{scenario.shift.name}: {error}") from error
    return Simulator(scenario, policy, seed).run()


def _in_audio(scenario: Scenario, seed: int) -> Report:
    from .live import play_in_virtual_time  # needs the whole engine

    return play_in_virtual_time(scenario, seed, audio=True)


def draw(report: Report, path: str | Path) -> None:
    """Draw the course of a shift: agents and how many are busy, calls in flight, abandon share, answer share.

    Raises:
        ScenarioError: Matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ScenarioError("a plot needs matplotlib: pip install 'offhook[plots]'") from error
    m = report.minutes
    hours = [x.t / 3600 for x in m]
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(8, 6.5), sharex=True, constrained_layout=True)
    top.plot(hours, [x.logged_in for x in m], color="0.6", label="agents logged in")
    top.plot(hours, [x.busy for x in m], color="tab:blue", linewidth=0.8, label="in talk or wrap-up")
    top.set_ylim(bottom=0)
    top.set_title(
        f"{report.name}, {report.mode}: utilisation {100 * report.utilisation:.1f} %, abandoned {100 * report.abandon_share:.2f} %"
    )
    middle.plot(hours, [x.in_flight for x in m], color="tab:green", linewidth=0.8, label="calls in flight")
    middle.set_ylim(bottom=0)
    bottom.plot(hours, [100 * x.abandoned / max(1, x.people) for x in m], color="tab:red", label="abandoned so far, % of people")
    bottom.plot(hours, [100 * x.risk_limit for x in m], color="tab:orange", linewidth=0.8, label="risk limit, %")
    bottom.plot(hours, [100 * x.answer_share / 10 for x in m], color="tab:purple", linewidth=0.8, label="answer share learned, % / 10")
    bottom.set_ylim(0, 8)
    bottom.set_xlabel("hours")
    for axes in (top, middle, bottom):
        axes.legend(loc="lower right", fontsize=8)
        axes.grid(alpha=0.2)
    try:
        figure.savefig(path, dpi=80)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: the plot was not written: {error}") from error
    finally:
        plt.close(figure)
