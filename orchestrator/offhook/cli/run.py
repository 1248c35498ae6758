"""``offhook run``: a node, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, load_settings
from offhook.cli.logs import logging_as
from offhook.cli.signals import orderly_end, tell_systemd

if TYPE_CHECKING:
    from offhook.config import Settings

log = logging.getLogger("offhook.run")


def run(
    config: ConfigOption = None,
    live: Annotated[bool | None, typer.Option("--live/--no-live", help="Live view; by default on a terminal.")] = None,
) -> None:
    """Run a node: lines, database and control, until SIGTERM, SIGINT or the verb shutdown."""
    settings = load_settings(config)
    show = sys.stdout.isatty() if live is None else live
    with logging_as(settings.log, quiet=show and sys.stdout.isatty()):
        asyncio.run(serve(settings, show))


async def serve(settings: Settings, show: bool) -> None:
    """Run a node until it is stopped."""
    from offhook.cli.live import live_view
    from offhook.control.server import open_control, serving
    from offhook.metrics import serving_metrics
    from offhook.node import Node

    with orderly_end() as ending:
        async with (
            open_control(settings.node.name, settings.control, settings.node.data_dir) as server,
            Node(settings) as node,
            serving(server, node),
            serving_metrics(settings.metrics, node),
        ):
            ending.tell(node.stop)
            log.info("node %s: %d channels of driver %s", node.name, node.driver.channels, node.driver.name)
            tell_systemd("READY=1")
            async with live_view(node, wanted=show):
                await node.run()
