"""Fixtures of many tests: the command line, and the databases that the store must work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from commands import offhook_command as offhook_command


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One PostgreSQL server for the whole run; skipped, plainly, on a machine without one (./run test installs it)."""
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL server is installed; ./run test installs it")
    with postgres.server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return server.new_database()
