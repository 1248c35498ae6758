"""``offhook simulate`` and ``offhook whatif``."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Command

from offhook.clock import run_virtual
from offhook.shift import parse
from offhook.shift.live import START, play

SHIFT = """
[shift]
name = "short"
hours = 0.3

[list]
person = 0.25

[[agents.group]]
count = 8

[pacing]
mode = "progressive"
"""


@pytest.fixture
def shift(tmp_path: Path) -> Path:
    """A shift of eighteen minutes."""
    path = tmp_path / "short.toml"
    path.write_text(SHIFT, encoding="utf-8")
    return path


def test_a_shift_is_played_and_the_same_seed_gives_the_same_figures(offhook: Command, shift: Path) -> None:
    first, again, other = (offhook("simulate", shift, "--seed", seed, "--json") for seed in (3, 3, 4))
    assert first.code == 0
    assert first.object["mode"] == "progressive"
    assert first.object["mean"]["abandon_share"][0] == 0
    assert first.object["mean"] == again.object["mean"] != other.object["mean"]


def test_whatif_plays_the_same_leads_with_each_setting(offhook: Command, shift: Path) -> None:
    done = offhook("whatif", shift, "mode=preview", "mode=progressive", "--days", 1, "--json")
    preview, progressive = done.object["rows"]
    assert preview["pacing"] == {"mode": "preview"}
    assert progressive["utilisation"][0] > preview["utilisation"][0]


def test_a_wrong_shift_or_setting_is_told_with_its_place(offhook: Command, shift: Path, tmp_path: Path) -> None:
    missing = offhook("simulate", tmp_path / "none.toml", "--json")
    assert (missing.code, missing.object["ok"]) == (1, False)
    assert "none.toml" in missing.object["error"]
    wrong = offhook("simulate", shift, "--set", "mode=psychic", "--json")
    assert wrong.code == 1
    assert "psychic" in wrong.object["error"]
    usage = offhook("whatif", shift, "predictive")
    assert usage.code == 2
    assert "key=value" in usage.err


def test_a_day_in_the_database_is_played_with_other_agents(offhook: Command, tmp_path: Path) -> None:
    """Yesterday, with 12 agents: twenty minutes at a node with 6 agents, then the simulator with what was stored."""
    scenario = parse(
        {
            "shift": {"name": "day", "hours": 0.35, "lines": 30, "warmup_min": 2},
            "list": {"person": 0.4, "machine": 0.0},
            "agents": {"talk": 60, "wrap": 10, "speed_spread": 0, "group": [{"count": 6}]},
            "pacing": {"mode": "progressive"},
        }
    )
    folder = tmp_path / "data"
    worked = run_virtual(play(scenario, folder, seed=1), START)
    assert worked.connected > 50
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{folder}"\n', encoding="utf-8")
    day = f"shift@{START.astimezone().date()}"
    same = offhook("simulate", day, "-c", config, "--days", 3, "--set", "mode=progressive", "--json").object
    assert same["shift"] == f"shift, {START.astimezone().date()}"
    assert same["mean"]["utilisation"][0] == pytest.approx(worked.utilisation, abs=0.08)
    assert same["mean"]["connects_per_agent_h"][0] == pytest.approx(worked.connects_per_agent_h, rel=0.2)
    more = offhook("whatif", day, "mode=progressive", "mode=predictive", "-c", config, "--agents", 12, "--days", 2, "--json").object["rows"]
    assert more[1]["utilisation"][0] > more[0]["utilisation"][0]
    wrong = offhook("simulate", "shift@soon", "-c", config, "--json")
    assert (wrong.code, "no day; write today" in wrong.object["error"]) == (1, True)
    none = offhook("simulate", "shift@2020-01-01", "-c", config, "--json")
    assert "no call began on 2020-01-01" in none.object["error"]
    unknown = offhook("simulate", "autumn@today", "-c", config, "--json")
    assert "no campaign 'autumn'" in unknown.object["error"]


def test_a_shift_is_played_in_audio(offhook: Command, shift: Path) -> None:
    """Every call is heard by the core; short, for it takes its time."""
    played = offhook("simulate", shift, "--audio", "--hours", 0.05, "--json").object
    (day,) = played["days"]
    assert day["dialled"] > 20
    assert day["people"] == day["connected"] > 0
    assert day["abandoned"] == 0  # progressive
