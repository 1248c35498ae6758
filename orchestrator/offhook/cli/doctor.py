"""``offhook doctor``: is this machine ready to call over its cards, and what to do if not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.output import Exit, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.messages import NodeState

ASK_S = 3.0
"""Longest wait for a node that may not run."""


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look at cards, spans, alarms, permissions, clock, processor and buffers; say what to do. Status 1 when something must be mended."""
    want_json(as_json)
    from offhook.config import Settings
    from offhook.doctor import Grade, examine, node

    settings = Settings.load(config)
    findings = [*examine(settings), *node(running(settings))]
    bad = [finding for finding in findings if finding.grade is Grade.BAD]
    if as_json:
        rows = [{"what": f.what, "grade": f.grade, "found": f.found, "mend": f.mend} for f in findings]
        tell({"ok": not bad, "findings": rows})
    else:
        print_rows(("", "what", "found", "what to do"), [(f.grade, f.what, f.found, f.mend) for f in findings])
        remark(f"{len(bad)} to mend" if bad else "ready")
    if bad:
        raise typer.Exit(int(Exit.BAD_INPUT))


def running(settings: Settings) -> NodeState | None:
    """What the node of this configuration says of itself; None when it does not answer."""
    from offhook.cli.ctl import find_broker
    from offhook.cli.output import CommandError
    from offhook.control.bus import BusError
    from offhook.control.client import Client, NoReplyError
    from offhook.messages import NodeState

    async def ask() -> NodeState | None:
        address, tls = find_broker(settings)
        async with Client(address, settings.node.name, tls=tls, connect_s=ASK_S) as client:
            reply = await client.ask("status", {}, ASK_S)
        return NodeState.model_validate(reply.result) if reply.ok else None

    try:
        return asyncio.run(ask())
    except (BusError, NoReplyError, CommandError):
        return None
