"""An exchange on a card's own spans, with simulated callees behind it, for a crossed cable between two ports of a card::

    python -m offhook_drivers.far_end --first-channel 32 --scenario cn

The other port then dials into a scenario over real timeslots and real Q.931. A JSON line on standard output says what each call really was.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from .contract import Cleared, Event
from .dahdi import D_TIMESLOT, DahdiCard
from .exchange import Exchange
from .prid import PriError
from .scenario import Scenario, ScenarioError
from .simulator import Simulator, Truth


class FarEnd:
    """Spans of a card as an exchange.

    Args:
        first_channels: DAHDI's number of timeslot 1 of each span.
        scenario: Who is behind the numbers.
        on_truth: Told of every call that has ended.
        buffers: See :class:`~offhook_drivers.dahdi.DahdiCard`.
        prefill: See :class:`~offhook_drivers.dahdi.DahdiCard`.
        daemon: Program of the daemon, None looks for it.

    Raises:
        PriError: There is no daemon.
    """

    def __init__(
        self,
        first_channels: Sequence[int],
        scenario: Scenario,
        on_truth: Callable[[Truth], None],
        *,
        buffers: int = 8,
        prefill: int = 4,
        daemon: str | None = None,
    ) -> None:
        self._card = DahdiCard(first_channels, buffers, prefill)
        self._callees = Simulator(scenario, spans=len(first_channels), realtime=False)
        self._exchange = Exchange(
            [f"dahdi:{first - 1 + D_TIMESLOT}" for first in first_channels], self._callees, lambda channel: None, daemon
        )
        self._on_truth = on_truth
        self._patch: Any = None

    async def start(self) -> None:
        """Begin to take calls.

        Raises:
            PriError: A channel cannot be opened, or the daemon cannot be started.
        """
        from ._native import ffi, lib

        self._card.check()
        callees = self._callees.media
        assert callees is not None
        self._patch = lib.oh_patch_start(self._card.media, callees)
        if self._patch == ffi.NULL:
            raise PriError(f"oh_patch_start: {os.strerror(ffi.errno)}")
        await self._callees.start(self._on_callee)
        await self._exchange.daemon.start()

    def _on_callee(self, event: Event) -> None:
        self._exchange.on_callee(event)
        if isinstance(event, Cleared):
            truth = self._callees.truth(event.call_id)
            if truth is not None:
                self._on_truth(truth)

    async def close(self) -> None:
        """Clear every call and let go of the card."""
        from ._native import lib

        await self._exchange.daemon.close()
        if self._patch is not None:
            lib.oh_patch_stop(self._patch)
            self._patch = None
        await self._callees.close()
        self._card.close()


def write(truth: Truth, out: TextIO) -> None:
    """One line for a call."""
    row = dataclasses.asdict(truth)
    row["message"] = len(truth.message)
    print(json.dumps(row), file=out, flush=True)


async def serve(options: argparse.Namespace) -> None:
    """Until SIGTERM or SIGINT."""
    named = options.scenario
    scenario = Scenario.load(Path(named)) if named.endswith(".toml") else Scenario.builtin(named)
    far_end = FarEnd(
        options.first_channel, scenario, lambda truth: write(truth, sys.stdout), buffers=options.buffers, prefill=options.prefill
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await far_end.start()
        await stop.wait()
    finally:
        await far_end.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m offhook_drivers.far_end", description=(__doc__ or "").partition("::")[0])
    parser.add_argument("--first-channel", type=int, action="append", required=True, help="DAHDI's number of timeslot 1, for each span")
    parser.add_argument("--scenario", default="cn", help="built-in scenario, or a file (.toml)")
    parser.add_argument("--buffers", type=int, default=8)
    parser.add_argument("--prefill", type=int, default=4)
    try:
        asyncio.run(serve(parser.parse_args()))
    except (PriError, ScenarioError) as error:
        print(f"far_end: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
