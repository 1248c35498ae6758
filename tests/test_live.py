"""The live view: what stands where, at every width."""

from __future__ import annotations

import datetime as dt

import pytest
from rich.console import Console

from offhook.agents.messages import PacingShown
from offhook.calls.disposition import Disposition
from offhook.cli.live import line, page, timeslot
from offhook.messages import CampaignState, Health, LineState, NodeState, Phase, SpanState, Wanted

START = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)


def node(*spans: str, **more: object) -> NodeState:
    """A node with lines as given, one text of 30 letters a span; a span with a ``!`` is down."""
    told = {
        "node": "node1",
        "version": "0",
        "health": Health.READY,
        "at": START + dt.timedelta(seconds=75),
        "started": START,
        "driver": "simulator",
        "audio": True,
        "spans": tuple(span(at, lines) for at, lines in enumerate(spans)),
        "channels": 30 * len(spans),
        "channels_in_use": 7,
        "channels_peak": 9,
        "attempts": 12,
        "calls_per_second": 1.25,
    }
    return NodeState.model_validate({**told, **more})


def span(number: int, lines: str) -> SpanState:
    """One span."""
    return SpanState(span=number, up="!" not in lines, alarms=("red",) if "!" in lines else (), lines=lines)


def campaign(**more: object) -> CampaignState:
    """A campaign half done."""
    told = {"name": "spring", "wanted": Wanted.RUNNING, "phase": Phase.RUNNING, "leads": 20, "open": 10, "closed": 10, "progress": 0.5}
    return CampaignState.model_validate({**told, "attempts": 12, "outcomes": {Disposition.PERSON: 9, Disposition.BUSY: 3}, **more})


def drawn(state: NodeState, campaigns: list[CampaignState], width: int = 120) -> list[str]:
    """The page as text."""
    console = Console(width=width, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(page(state, campaigns, width))
    return console.export_text().splitlines()


def test_timeslots_leave_out_frame_and_signalling() -> None:
    assert [timeslot(channel) for channel in range(30)] == [*range(1, 16), *range(17, 32)]


def test_every_line_state_has_its_place_and_a_name() -> None:
    letters = "".join(state.value for state in LineState)
    text = drawn(node(letters.ljust(30, ".")), [])
    row = next(one for one in text if one.startswith(" E1 0"))
    assert row.split()[2:][: len(letters)] == ["·" if letter == "." else letter for letter in letters]
    legend = "\n".join(text)
    for name in ("setup", "ringing", "early media", "listening", "playing", "message", "clearing", "blocked", "down"):
        assert name in legend


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = drawn(node(*["srpa" * 7 + ".."] * 8), [campaign(title="a title")], width)
    assert max(map(len, text)) <= width
    assert sum(one.startswith(" E1 ") for one in text) == 8


def test_trouble_is_seen() -> None:
    text = "\n".join(drawn(node("!" * 30, health=Health.DEGRADED, reason="span 0 is out of service", late_ticks=3, reconciled=False), []))
    for said in ("degraded", "span 0 is out of service", "RED", "late ticks 3", "books do not add up", "no campaign yet"):
        assert said in text


def test_outcomes_and_progress_are_summed_over_campaigns() -> None:
    text = "\n".join(drawn(node("." * 30), [campaign(), campaign(name="b", reason="waits for 08:30", phase=Phase.WAITING)]))
    assert "person             18" in text.replace("│", "") or "18  75.0%" in text.replace("   ", "  ")
    assert "10/20 leads" in text
    assert "waits for 08:30" in text
    assert " 50%" in text


def test_a_plain_line_says_the_same() -> None:
    said = line(node("." * 30), [campaign()])
    for part in ("75.0 s", "lines 7/30", "peak 9", "1.2 calls/s", "ended 12", "late 0", "spring running 50%", "person 9 busy 3"):
        assert part in said
    assert "degraded: x" in line(node("." * 30, health=Health.DEGRADED, reason="x"), [])


def test_more_campaigns_than_fit_are_counted() -> None:
    text = "\n".join(drawn(node("." * 30), [campaign(name=f"c{at}") for at in range(20)]))
    assert "and 8 more" in text


def test_pacing_is_shown_with_what_holds_it_back() -> None:
    pacing = PacingShown(
        mode="predictive",
        level=1.25,
        launched=0,
        reason="one call more would have risk 3.4 % over 2.9 %",
        agents=12,
        ready=1,
        talking=9,
        waiting=1,
        answer_share=0.253,
        answer_share_seen=0.241,
        risk=0.034,
        risk_limit=0.029,
        people=200,
        abandoned=5,
        abandon_share=0.025,
        budget_left=1.0,
    )
    one = campaign(pacing=pacing)
    shown = "\n".join(drawn(node("." * 30), [one], 220))
    for part in ("predictive", "1.25", "25.3 % / 24.1 %", "3.4 % / 2.9 %", "5, 2.50 %", "one call more would have risk"):
        assert part in shown
    assert "spring running 50% (predictive 1.25, 9/12 talk, 2.50 % abandoned)" in line(node("." * 30), [one])
