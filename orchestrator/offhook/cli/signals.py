"""SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator

from offhook.cli.output import Exit, remark


class Ending:
    """Whether the end was asked for, and who is to be told."""

    def __init__(self) -> None:
        self.asked = False
        self._stop: Callable[[], None] | None = None

    def tell(self, stop: Callable[[], None]) -> None:
        """Call *stop* when the end is asked for; at once when it was already."""
        self._stop = stop
        if self.asked:
            stop()

    def ask(self) -> None:
        """The end is asked for."""
        self.asked = True
        if self._stop is not None:
            self._stop()


@contextlib.contextmanager
def orderly_end(at_once: Callable[[], None] = lambda: None) -> Iterator[Ending]:
    """Take SIGINT and SIGTERM as long as the context lasts, so enter it before what must be closed in good order.

    The first asks for the end; the second calls *at_once* and ends the process without a further step. The broker dies with us.
    """
    loop = asyncio.get_running_loop()
    ending = Ending()

    def on_signal() -> None:
        if ending.asked:
            at_once()
            os._exit(Exit.INTERRUPTED)
        remark("offhook: ending: calls are hung up and results stored; once more to end at once")
        tell_systemd("STOPPING=1")
        ending.ask()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield ending
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def tell_systemd(message: str) -> None:
    """sd_notify(3): a unit of Type=notify learns that we are ready. Does nothing elsewhere."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.connect("\0" + path[1:] if path.startswith("@") else path)
        notify.sendall(message.encode())
