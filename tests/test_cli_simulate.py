"""``offhook simulate`` and ``offhook whatif``."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Command, offhook_command  # noqa: F401 - a fixture

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
