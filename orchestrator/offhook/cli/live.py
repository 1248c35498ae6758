"""What an operator watches: every timeslot of every span, the campaigns, the outcomes.

On a terminal a page that redraws itself; elsewhere one line a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from offhook.messages import CampaignState, Health, LineState, NodeState, Phase

if TYPE_CHECKING:
    from offhook.node import Node

REDRAW_S = 0.25
LINE_S = 1.0
SIGNALLING_SLOT = 16
"""Timeslot of an E1 that carries no call; timeslot 0 carries the frame."""

STYLES: dict[LineState, tuple[str, str]] = {
    LineState.FREE: ("free", "on grey15"),
    LineState.SEIZED: ("setup", "black on steel_blue1"),
    LineState.RINGING: ("ringing", "black on gold1"),
    LineState.EARLY: ("early media", "black on dark_orange"),
    LineState.ANSWERED: ("listening", "black on bright_white"),
    LineState.PLAYING: ("playing", "black on green3"),
    LineState.MESSAGE: ("message", "black on medium_purple1"),
    LineState.QUEUED: ("waiting", "bold white on red1"),
    LineState.TALKING: ("talking", "black on cyan2"),
    LineState.CLEARING: ("clearing", "white on grey37"),
    LineState.BLOCKED: ("blocked", "white on red3"),
    LineState.DOWN: ("down", "bold white on red3"),
}
_OUTCOME_STYLES = {
    "person": "green3",
    "machine": "medium_purple1",
    "ivr": "medium_purple1",
    "fax": "medium_purple1",
    "no_answer": "gold1",
    "busy": "dark_orange",
    "failed": "red3",
    "unknown": "red3",
    "congestion": "red3",
}
_PHASE_STYLES = {Phase.RUNNING: "green3", Phase.FINISHED: "green3", Phase.HELD: "red3", Phase.PAUSED: "gold1", Phase.WAITING: "gold1"}
BAR = 24
LEGEND_COLUMNS = 4


def page(state: NodeState, campaigns: Sequence[CampaignState], width: int = 100) -> RenderableType:
    """The whole page for a terminal of *width* columns."""
    parts: list[RenderableType] = [_head(state), Text(), _grid(state, 2 if width >= 72 else 1), Text(), _legend(state), Text()]
    bars, outcomes = _bars(campaigns, width), _outcomes(campaigns)
    if any(one.pacing for one in campaigns):
        parts += [_pacing(campaigns), Text()]
    if width >= 100:
        side = Table.grid(padding=(0, 4))
        side.add_row(outcomes, bars)
        parts.append(side)
    else:
        parts += [bars, Text(), outcomes]
    return Group(*parts)


def line(state: NodeState, campaigns: Sequence[CampaignState]) -> str:
    """The same in one plain line."""
    seconds = (state.at - state.started).total_seconds()
    outcomes = _sum(campaigns)
    said = " ".join(f"{name} {count}" for name, count in outcomes.most_common())
    shown = [f"{one.name} {one.phase} {one.progress:.0%}" + _paced_in_words(one) for one in campaigns]
    trouble = f" | {state.health}: {state.reason}" if state.health not in (Health.READY, Health.STARTING) else ""
    return (
        f"{seconds:7.1f} s | lines {state.channels_in_use}/{state.channels} peak {state.channels_peak} "
        f"| {state.calls_per_second:.1f} calls/s | "
        f"ended {state.attempts} | late {state.late_ticks} | {', '.join(shown) or 'no campaign'} | {said or 'nothing yet'}{trouble}"
    )


def _head(state: NodeState) -> Text:
    well = state.health is Health.READY
    seconds = int((state.at - state.started).total_seconds())
    text = Text.assemble(
        (f" {state.node} ", "bold black on green3" if well else "bold white on red3"),
        (f" {state.health}", "" if well else "bold red3"),
        f"   {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}   ",
        ("lines ", "dim"),
        (f"{state.channels_in_use}/{state.channels}", "bold"),
        (f"  peak {state.channels_peak}   ", "dim"),
        (f"{state.calls_per_second:.1f}", "bold"),
        (" calls/s   ", "dim"),
        (f"{state.attempts}", "bold"),
        (" ended   ", "dim"),
    )
    for label, value in (("late ticks", state.late_ticks), ("events lost", state.events_lost), ("spooled", state.spooled)):
        if value or label == "late ticks":
            text.append(f"{label} {value}  ", "bold red3" if value else "dim")
    trouble = [state.reason] if state.reason else []
    trouble += [] if state.reconciled else ["the books do not add up"]
    if trouble:
        text.append(f"\n {'; '.join(trouble)}", "bold red3")
    return text


def timeslot(channel: int) -> int:
    """Timeslot of a span's B-channel 0 to 29: 1 to 15 and 17 to 31."""
    return channel + 1 if channel < SIGNALLING_SLOT - 1 else channel + 2


def _grid(state: NodeState, cell: int) -> Text:
    """Spans down, timeslots across, a gap at timeslot 16."""
    e1 = all(len(span.lines) == 30 for span in state.spans)
    text = Text()
    if e1:
        text.append("      ", "dim")
        for channel in range(30):
            slot = timeslot(channel)
            if slot == SIGNALLING_SLOT + 1:
                text.append(" ", "dim")
            mark = f"{slot:<{cell}}" if slot in (1, 5, 10, 15, 17, 20, 25, 30) and cell > 1 else " " * cell
            text.append(mark, "dim")
        text.append("\n")
    for number, span in enumerate(state.spans):
        text.append(f" E1 {span.span:<2}" if e1 else f"{span.span:>4}  ", "bold red3" if not span.up else "dim")
        for channel, letter in enumerate(span.lines):
            if e1 and timeslot(channel) == SIGNALLING_SLOT + 1:
                text.append(" ")
            state_of = LineState(letter)
            glyph = "·" if state_of is LineState.FREE else letter
            text.append(
                glyph.center(cell) if cell == 1 else f"{glyph} ", STYLES[state_of][1] if state_of is not LineState.FREE else "grey37"
            )
        if span.alarms or not span.up:
            text.append("  " + (", ".join(span.alarms).upper() or "link down"), "bold red3")
        if number + 1 < len(state.spans):
            text.append("\n")
    return text


def _legend(state: NodeState) -> Text:
    """What the letters mean and how many lines are in each state, in columns that do not move."""
    counts = Counter("".join(span.lines for span in state.spans))
    shown = [kind for kind in STYLES if counts[kind] or kind not in (LineState.BLOCKED, LineState.DOWN)]
    text = Text()
    for at, kind in enumerate(shown):
        name, style = STYLES[kind]
        free = kind is LineState.FREE
        text.append("      " if at % LEGEND_COLUMNS == 0 else "")
        text.append(" · " if free else f" {kind.value} ", "grey37" if free else style)
        text.append(f" {name:<11} ", "" if counts[kind] else "dim")
        text.append(f"{counts[kind]:>4}", "bold" if counts[kind] else "dim")
        text.append("\n" if at % LEGEND_COLUMNS == LEGEND_COLUMNS - 1 and at + 1 < len(shown) else "  ")
    return text


def _bars(campaigns: Sequence[CampaignState], width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    if not campaigns:
        return Text("no campaign yet", "dim")
    for one in campaigns[:12]:
        full = round(one.progress * BAR)
        style = _PHASE_STYLES.get(one.phase, "dim")
        bar = Text.assemble(("█" * full, style), ("░" * (BAR - full), "grey37"))
        said = Text.assemble(f"{one.closed}/{one.leads} leads", (f"  {one.reason}" if one.reason else "", "dim"))
        table.add_row(Text(one.title or one.name, "bold"), Text(one.phase, style), bar, f"{one.progress:>4.0%}", said)
    if len(campaigns) > 12:
        table.add_row(Text(f"and {len(campaigns) - 12} more", "dim"))
    return table


def _share(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _paced_in_words(one: CampaignState) -> str:
    """Pacing in a plain line, empty without agents."""
    pacing = one.pacing
    if pacing is None:
        return ""
    return f" ({pacing.mode} {pacing.level:.2f}, {pacing.talking}/{pacing.agents} talk, {_share(pacing.abandon_share, 2)} abandoned)"


def _pacing(campaigns: Sequence[CampaignState]) -> RenderableType:
    """How each campaign with agents is paced: predicted against real, budget, and why it holds back now."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("pacing", "mode", "level", "agents", "ready", "talk", "wait", "person predicted/seen", "risk/limit", "abandoned", "left"):
        table.add_column(title, justify="left" if title in ("pacing", "mode") else "right")
    table.add_column("why no more now")
    for one in [one for one in campaigns if one.pacing is not None][:12]:
        pacing = one.pacing
        assert pacing is not None
        table.add_row(
            Text(one.name, "bold"),
            pacing.mode,
            f"{pacing.level:.2f}",
            str(pacing.agents),
            str(pacing.ready),
            str(pacing.talking),
            Text(str(pacing.waiting), "bold white on red1" if pacing.waiting else ""),
            f"{_share(pacing.answer_share)} / {_share(pacing.answer_share_seen)}",
            f"{_share(pacing.risk)} / {_share(pacing.risk_limit)}",
            f"{pacing.abandoned}, {_share(pacing.abandon_share, 2)}",
            Text(f"{pacing.budget_left:.1f}", "red3" if pacing.budget_left < 0 else ""),
            Text(pacing.reason, "dim"),
        )
    return table


def _sum(campaigns: Sequence[CampaignState]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in campaigns:
        total.update({str(outcome): count for outcome, count in one.outcomes.items() if count})
    return total


def _outcomes(campaigns: Sequence[CampaignState]) -> RenderableType:
    return outcome_table(_sum(campaigns))


def outcome_table(outcomes: Counter[str]) -> RenderableType:
    """Outcomes by number, with bars."""
    ended = sum(outcomes.values())
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("outcome")
    table.add_column("calls", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    largest = max(outcomes.values(), default=1)
    for name, count in outcomes.most_common():
        style = _OUTCOME_STYLES.get(name, "steel_blue1")
        table.add_row(name.replace("_", " "), str(count), f"{count / ended:.1%}", Text("█" * max(1, round(count / largest * 16)), style))
    if not ended:
        table.add_row(Text("no call has ended yet", "dim"))
    return table


@contextlib.asynccontextmanager
async def live_view(node: Node, *, wanted: bool = True, console: Console | None = None) -> AsyncIterator[None]:
    """Show the node while the context lasts.

    Args:
        node: What to show.
        wanted: False shows nothing.
        console: Where; None is stdout.
    """
    if not wanted:
        yield
        return
    console = console or Console(highlight=False)
    task = asyncio.create_task(_redraw(node, console) if console.is_terminal else _lines(node), name="live view")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _redraw(node: Node, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(page(node.state(), await node.campaigns(), console.width), refresh=True)
            await asyncio.sleep(REDRAW_S)


async def _lines(node: Node) -> None:
    while True:
        await asyncio.sleep(LINE_S)
        print(line(node.state(), await node.campaigns()), file=sys.stdout, flush=True)
