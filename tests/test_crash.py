"""A short form of ``python -m bench.crash``: kills and power cuts in mid-campaign; and a cut really takes what was not synced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.crash import lose_unsynced, shim, wrong

ROOT = Path(__file__).parent.parent


def crash(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "bench.crash", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_kills_at_random_moments_lose_nothing_and_dial_nobody_twice() -> None:
    found = crash("kill", "--times", "3", "--leads", "40")
    assert found["wrong"] == []
    assert found["dials"] >= 40


def test_power_cuts_at_random_moments_lose_nothing_and_dial_nobody_twice() -> None:
    found = crash("cut", "--times", "2", "--leads", "40")
    assert found["wrong"] == []
    assert found["dials"] >= 40


def test_a_simulated_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    """Else the test before would prove nothing."""
    code = """
import os, pathlib, sqlite3, sys
data = pathlib.Path(sys.argv[1]) / "data"
data.mkdir()
database = sqlite3.connect(data / "offhook.db")
database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE x (n); INSERT INTO x VALUES (1);")
database.executescript("PRAGMA synchronous=NORMAL; INSERT INTO x VALUES (2);")  # in the log, not synced
os._exit(0)
"""
    environment = {**os.environ, "LD_PRELOAD": str(shim(tmp_path))}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    import sqlite3

    database = tmp_path / "data" / "offhook.db"
    lose_unsynced(tmp_path)
    with sqlite3.connect(database) as after:
        assert after.execute("SELECT n FROM x").fetchall() == [(1,)]


def test_the_judge_names_what_is_wrong() -> None:
    fine: dict[str, object] = dict.fromkeys(
        ("lost_leads", "never_dialled", "dials_without_a_call", "calls_dialled_twice", "dialled_again_without_reason"), 0
    )
    fine |= {"unknown_not_held": 0, "open_in_journal": 0, "ledger_differs": 0, "integrity": "ok"}
    assert wrong(fine) == []
    assert wrong({**fine, "lost_leads": 2, "integrity": "row 3 missing"}) == ["lost_leads", "integrity"]
