"""The signalling daemon ``offhook-prid`` as a child: its process, its socket and its lines.

The daemon is a program of its own, under the GPL; nothing of it is linked here. :class:`Daemon` starts it, hands it the D-channels, starts
it again when it ends, and turns lines into lists of words. What the words mean is told in ``docs/e1.md``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

NAME = "offhook-prid"
START_S = 10.0
"""Longest time from the start to the daemon's first line."""
AGAIN_S = (0.05, 5.0)
"""First and longest pause before it is started again; the pause doubles while it does not stay up."""
STAYED_S = 1.0
"""A daemon that ran so long is started again without delay."""
STOP_S = 3.0
READ = 1 << 18
QUEUE = 8 << 20
"""Octets that may wait for a daemon that does not read; it is taken for hung then."""

Line = list[str]


class PriError(RuntimeError):
    """The signalling daemon cannot be started; the text says why and what to do."""


def find(path: str | None = None) -> str:
    """Where the daemon is: *path*, ``$OFFHOOK_PRID``, ``$PATH``, or the source tree's build.

    Raises:
        PriError: Nowhere.
    """
    named = path or os.environ.get("OFFHOOK_PRID")
    if named:
        found = shutil.which(named)
        if found is None:
            raise PriError(f"{named}: no program there; correct the path of the signalling daemon")
        return found
    built = Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / NAME
    found = shutil.which(NAME) or (str(built) if os.access(built, os.X_OK) else None)
    if found is None:
        raise PriError(f"{NAME} is not installed: install libpri-dev, then build and install it with cmake (docs/e1.md)")
    return found


class Daemon:
    """One daemon, kept running between :meth:`start` and :meth:`close`.

    Args:
        dchannels: ``"dahdi:16"``, or the descriptor number of a packet socket, one for each span. Descriptors stay the caller's.
        on_line: Called in the loop for every line, as words.
        on_gone: Called when the daemon has ended and will be started again.
        options: More options of the daemon, ``("--network",)``.
        path: Its program; None looks for it.
    """

    def __init__(
        self,
        dchannels: Sequence[str | int],
        on_line: Callable[[Line], None],
        on_gone: Callable[[], None],
        *,
        options: Sequence[str] = (),
        path: str | None = None,
    ) -> None:
        self._program = find(path)
        self._dchannels = list(dchannels)
        self._on_line = on_line
        self._on_gone = on_gone
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._rest = b""
        self._out: list[str] = []
        self._unsent = b""
        self._again: asyncio.TimerHandle | None = None
        self._pause = AGAIN_S[0]
        self._started = 0.0
        self._closing = False
        self._hello: asyncio.Future[None] | None = None
        self.fatal = ""
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Of the running daemon."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it; return when it has spoken.

        Raises:
            PriError: It ended at once, or says nothing.
        """
        self._loop = asyncio.get_running_loop()
        self._hello = self._loop.create_future()
        self._spawn()
        try:
            async with asyncio.timeout(START_S):
                await self._hello
        except TimeoutError:
            await self.close()
            raise PriError(f"{self._program} says nothing for {START_S:g} s") from None
        except PriError:
            await self.close()
            raise
        finally:
            self._hello = None

    def say(self, line: str) -> None:
        """Send a line with the loop's next turn; lost when the daemon is away."""
        if self._socket is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(line)

    async def close(self) -> None:
        """End it: it clears its calls first."""
        self._closing = True
        if self._again is not None:
            self._again.cancel()
        process = self._process
        self._disconnect()
        if process is not None:
            deadline = self._loop.time() + STOP_S
            while process.poll() is None and self._loop.time() < deadline:  # noqa: ASYNC110 - a process that ends says nothing
                await asyncio.sleep(0.005)
            self._reap(process)
            self._process = None

    # -- process --------------------------------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        self._again = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptors = [d for d in self._dchannels if isinstance(d, int)]
        command = [self._program, "--control", str(theirs.fileno()), *self._options]
        for dchannel in self._dchannels:
            command += ["--dchannel", f"fd:{dchannel}" if isinstance(dchannel, int) else dchannel]
        try:
            with theirs:
                self._process = subprocess.Popen(command, pass_fds=(theirs.fileno(), *descriptors), stdin=subprocess.DEVNULL)
        except OSError as error:
            ours.close()
            self.fatal = f"{self._program}: {error.strerror}"
            self._loop.call_soon(self._ended)
            return
        ours.setblocking(False)
        self.starts += 1
        self.fatal = ""
        self._started = self._loop.time()
        self._socket = ours
        self._rest = self._unsent = b""
        self._loop.add_reader(ours.fileno(), self._read)

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._out.clear()

    def _ended(self) -> None:
        """The socket is closed: the daemon has ended, or is of no use any more."""
        status = ""
        self._disconnect()
        if self._process is not None:
            self._reap(self._process)
            status = f"status {self._process.returncode}"
            self._process = None
        if self._closing:
            return
        reason = self.fatal or status
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(PriError(f"{NAME} ended at once: {reason}"))
            return
        if self._loop.time() - self._started >= STAYED_S:
            self._pause = AGAIN_S[0]
        log.error("%s ended (%s); started again in %g s", NAME, reason, self._pause)
        self._again = self._loop.call_later(self._pause, self._spawn)
        self._pause = min(2 * self._pause, AGAIN_S[1])
        self._on_gone()

    # -- lines ----------------------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._socket is not None
        try:
            got = self._socket.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        if not got:
            self._ended()
            return
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            words = line.decode("ascii", "replace").split(" ")
            match words[0]:
                case "hello":
                    if self._hello is not None and not self._hello.done():
                        self._hello.set_result(None)
                    self._on_line(words)
                case "error" if words[1:2] == ["fatal"]:
                    self.fatal = " ".join(words[2:])
                case "error" | "notice":
                    log.warning("%s: %s", NAME, " ".join(words[1:]))
                case _:
                    self._on_line(words)

    def _flush(self) -> None:
        if self._socket is None:
            return
        if self._out:
            self._out.append("")
            self._unsent += "\n".join(self._out).encode("ascii", "replace")
            self._out.clear()
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            if len(self._unsent) > QUEUE:
                log.error("%s does not read; it is ended", NAME)
                self._ended()
            else:
                self._loop.add_writer(self._socket.fileno(), self._flush)
            return
        except OSError:
            return  # it has ended; the reader will see it
        self._loop.remove_writer(self._socket.fileno())


def value(words: Line, key: str, otherwise: str = "") -> str:
    """Value of ``key=`` in a line."""
    start = key + "="
    return next((word[len(start) :] for word in words if word.startswith(start)), otherwise)
