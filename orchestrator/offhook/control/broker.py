"""Our own broker: Mosquitto as a supervised child.

It listens on a Unix socket in a folder that only our user may enter, so it needs no password, and on nothing else unless told so. Its
configuration is written anew at every start. It dies with us, even by ``kill -9``, and is started again when it dies alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import pwd
import shutil
import signal
import socket
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from offhook.control.address import Address, AddressError, unix_address

log = logging.getLogger("offhook.control.broker")

START_S = 10.0
STOP_S = 5.0
FIRST_DELAY_S = 0.2
LAST_DELAY_S = 10.0
STEADY_S = 30.0
"""A broker that lived this long is restarted without a longer wait."""
SBIN = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/sbin"
"""Searched after PATH: Debian keeps daemons out of a plain user's PATH."""

# The child asks the kernel for SIGTERM at the death of the thread that made it, looks whether that thread is already gone, and becomes
# Mosquitto. It is a program of its own because Python code must not run between fork and exec while the media thread lives.
_LEASH = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
if os.getppid() != parent:
    sys.exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""


class BrokerError(Exception):
    """The broker cannot be run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """What the generated configuration says.

    Args:
        folder: Holds socket, configuration and persistence; made with mode 0700.
        socket: Path of the Unix socket, None for ``mqtt.sock`` in *folder*.
        max_queued: Messages that the broker keeps for one slow client.
        max_packet: Largest MQTT packet it takes, bytes.
        program: Name or path of Mosquitto.
    """

    folder: Path
    socket: Path | None = None
    max_queued: int = 10_000
    max_packet: int = 2_000_000
    program: str = "mosquitto"


class Broker:
    """A running Mosquitto. The context waits until it takes connections, and ends it.

    Raises:
        BrokerError: Mosquitto is not installed, does not start, another engine holds the folder, or the socket's path is too long.
    """

    def __init__(self, options: BrokerOptions) -> None:
        self._options = options
        self._folder = options.folder.absolute()
        try:
            self.address: Address = unix_address(options.socket or self._folder / "mqtt.sock")
        except AddressError as wrong:
            raise BrokerError(str(wrong)) from None
        self.restarts = 0
        self._program = find_mosquitto(options.program)
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock: int = -1
        self._last_lines: deque[str] = deque(maxlen=5)

    @property
    def pid(self) -> int | None:
        """Process id of the broker that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Write the configuration, start the broker, wait until it answers."""
        self._make_folder()
        await self._take_lock()
        try:
            config = self._folder / "mosquitto.conf"
            config.write_text(self._configuration(), encoding="utf-8")
            started = await self._start(config)
        except BaseException:
            await self._stop()
            self._drop_lock()
            raise
        self._task = asyncio.create_task(self._supervise(config, started), name="broker")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the broker; it saves its retained messages first."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._stop()
        self._drop_lock()

    def _make_folder(self) -> None:
        """Folders that nobody else may enter: whoever reaches the socket runs the node."""
        socket = Path(self.address.host)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if socket.parent.stat().st_mode & 0o077:
                raise BrokerError(f"folder {socket.parent} of the broker's socket is open to others; give it mode 0700, or name another")
            if socket.exists() and not socket.is_socket():
                raise BrokerError(f"{socket} is there already and is no socket; name another path for the broker's socket")
        except OSError as wrong:
            raise BrokerError(f"folder {wrong.filename}: {wrong.strerror}; choose another folder for the broker") from None

    async def _take_lock(self) -> None:
        """Hold a lock as long as broker or engine live: a second broker would steal the socket of the first."""
        path = self._folder / "broker.lock"
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(40):  # a broker whose engine was killed needs a moment to end
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                await asyncio.sleep(0.05)
        self._drop_lock()
        raise BrokerError(f"another engine runs its broker in {self._folder}; stop it, or give this one another data folder")

    def _drop_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _configuration(self) -> str:
        user = pwd.getpwuid(os.getuid()).pw_name
        options = self._options
        return "\n".join(
            (
                "# Written by offhook at every start; changes are lost.",
                "per_listener_settings false",
                f"user {user}",  # started by root it would leave for another user, who cannot enter the folder
                f"listener 0 {self.address.host}",
                "allow_anonymous true",  # only on the Unix socket, in a folder of mode 0700
                "persistence true",
                f"persistence_location {self._folder}/",
                "autosave_interval 60",
                f"max_queued_messages {options.max_queued}",
                "max_inflight_messages 100",
                f"max_packet_size {options.max_packet}",
                "sys_interval 0",
                "log_dest stderr",
                "log_timestamp false",
                "log_type error",
                "log_type warning",
                "log_type notice",
                "connection_messages false",
                "",
            )
        )

    async def _start(self, config: Path) -> float:
        self._last_lines.clear()
        await asyncio.to_thread(Path(self.address.host).unlink, missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), self._program, "-c", str(config),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the engine, which ends the broker last
            pass_fds=(self._lock,),
        )  # fmt: skip
        process = self._process
        reader = asyncio.create_task(self._relay(process), name="broker log")
        loop = asyncio.get_running_loop()
        until = loop.time() + START_S
        while not _answers(self.address.host):
            if process.returncode is not None:
                await reader
                raise BrokerError(f"mosquitto ended at once with code {process.returncode}: {self._said()}")
            if loop.time() > until:
                raise BrokerError(f"mosquitto does not listen on {self.address.host} after {START_S:g} s: {self._said()}")
            await asyncio.sleep(0.01)
        log.info("broker: mosquitto %d listens on %s", process.pid, self.address)
        return loop.time()

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        """The broker's words become ours."""
        assert process.stderr is not None
        try:
            async for raw in process.stderr:
                line = raw.decode(errors="replace").strip()
                if not line or "should not be run as root" in line:
                    continue
                self._last_lines.append(line)
                level = logging.ERROR if line.startswith("Error") else logging.WARNING if line.startswith("Warning") else logging.DEBUG
                log.log(level, "mosquitto: %s", line)
        except ValueError:  # a line longer than the reader's limit
            log.warning("mosquitto: a log line was too long")
        await process.wait()

    def _said(self) -> str:
        return "; ".join(self._last_lines) or "it said nothing"

    async def _supervise(self, config: Path, started: float) -> None:
        delay = FIRST_DELAY_S
        loop = asyncio.get_running_loop()
        while True:
            if self._process is not None:
                code = await self._process.wait()
                if loop.time() - started > STEADY_S:
                    delay = FIRST_DELAY_S
                log.error("broker: mosquitto ended with code %d (%s); next start in %.1f s", code, self._said(), delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_S)
            self.restarts += 1
            try:
                started = await self._start(config)
            except (BrokerError, OSError) as wrong:
                log.error("broker: %s; next start in %.1f s", wrong, delay)
                await self._stop()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                log.error("broker: mosquitto %d does not end, killed", process.pid)
                process.kill()
                await process.wait()


def find_mosquitto(program: str = "mosquitto") -> str:
    """Path of Mosquitto.

    Raises:
        BrokerError: It is not installed; the message names the Debian package.
    """
    found = shutil.which(program) or shutil.which(program, path=SBIN)
    if found is None:
        raise BrokerError(
            f"{program} is not installed; on Debian and Ubuntu: apt-get install mosquitto; "
            "or set [control] mode to external (a broker of your own) or off"
        )
    return found


def _answers(path: str) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
