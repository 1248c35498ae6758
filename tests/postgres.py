"""A PostgreSQL server of the test run's own: a temporary folder, a free port of this machine, an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARIES = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Folder of the newest server installed, None without one."""
    found = [path.parent for path in LIBRARIES.glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom a server started by root runs as; None when we are not root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


class Server:
    """A running server; every database asked for is new and empty."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._count = 0

    def url(self, name: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://offhook@127.0.0.1:{self.port}/{name}"

    def new_database(self) -> str:
        """Make a database; its URL."""
        import psycopg

        self._count += 1
        name = f"test{self._count}"
        with psycopg.connect(f"postgresql://offhook@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def server(durable: bool = False) -> Iterator[Server]:
    """Start a server and end it, folder and all.

    Args:
        durable: Sync commits to the disk; tests do without.

    Raises:
        RuntimeError: There is no server installed, or it does not start.
    """
    binaries = programs()
    if binaries is None:
        raise RuntimeError("no PostgreSQL server is installed; install the Debian package postgresql")
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="offhook-pg-"))
    run_as = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def call(*words: str) -> None:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, **run_as)  # type: ignore[call-overload]
        if done.returncode:
            log = folder / "log"
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{words[0]} failed: {done.stdout}{done.stderr}{said}")

    data = str(folder / "data")
    control = str(binaries / "pg_ctl")
    try:
        call(str(binaries / "initdb"), "-D", data, "-U", "offhook", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c max_connections=100"
        if not durable:
            options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        call(control, "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "-t", "60", "start")
        try:
            yield Server(port)
        finally:
            call(control, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
