"""SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator

from offhook.cli.output import Exit, remark


@contextlib.contextmanager
def orderly_end(stop: Callable[[], None]) -> Iterator[None]:
    """Call *stop* at the first SIGINT or SIGTERM; a second ends the process without a further step. The broker dies with us."""
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            os._exit(Exit.INTERRUPTED)
        asked = True
        remark("offhook: ending: calls are hung up and results stored; once more to end at once")
        tell_systemd("STOPPING=1")
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
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
