"""Runs a command of ``offhook`` in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from offhook.cli import output
from offhook.cli.app import run_app


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> Any:
        """The one JSON object on the last line of stdout."""
        lines = self.out.splitlines()
        assert lines, self.err
        found = [line for line in lines if line.startswith("{")]
        assert found == lines[-1:], self.out
        return json.loads(lines[-1])


class Command:
    """``offhook("analyze", "x.wav")``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Done:
        """Run it."""
        self._monkeypatch.setattr("sys.argv", ["offhook", *map(str, arguments)])
        self._monkeypatch.setattr(output._State, "json", False)
        self._monkeypatch.setattr(output._State, "told", False)
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run_app()
        said = self._capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)


@pytest.fixture(name="offhook")
def offhook_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    return Command(monkeypatch, capsys)
