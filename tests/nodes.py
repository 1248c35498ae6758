"""Helpers for tests of the store, campaigns and nodes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from offhook.config import Settings
from offhook_drivers import Scenario, Simulator

START = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)  # a Monday, 09:00 in Shanghai


def settings(folder: Path, **sections: Mapping[str, Any]) -> Settings:
    """A node's settings for virtual time: no syncing, no broker."""
    values: dict[str, Any] = {
        "node": {"data_dir": folder / "data"},
        "database": {"durable": False},
        "control": {"mode": "off"},
        "driver": {"name": "simulator", "realtime": False, "audio": False},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return Settings(**values)


def numbers_list(folder: Path, count: int, first: int = 0) -> Path:
    """A CSV with *count* different mobile numbers."""
    path = folder / f"list-{first}-{count}.csv"
    path.write_text("电话,姓名\n" + "".join(f"{13_900_000_000 + n},n{n}\n" for n in range(first, first + count)), encoding="utf-8")
    return path


def tone_file(folder: Path, seconds: float = 3.0) -> str:
    """A prompt: something the simulator's callees hear as a voice."""
    path = folder / f"prompt-{seconds:g}.wav"
    t = np.arange(round(8000 * seconds)) / 8000
    soundfile.write(path, (0.2 * np.sin(2 * np.pi * 700 * t)).astype(np.float32), 8000)
    return str(path)


def simulator(*behaviours: Mapping[str, Any], audio: bool = False, spans: int = 1, seed: int = 1, capture_s: float = 0.0) -> Simulator:
    """A card in virtual time whose callees behave as given, each with the same share unless it says one."""

    def toml(value: object) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        return json.dumps(value)

    tables = [{"share": 1.0 / len(behaviours), **behaviour} for behaviour in behaviours]
    text = 'plan = "cn"\n[line]\npost_dial_s = 0.5\n'
    text += "".join("[[behaviour]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items()) for table in tables)
    return Simulator(Scenario.parse(text), spans=spans, realtime=False, audio=audio, seed=seed, capture_s=capture_s)
