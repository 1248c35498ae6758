"""Verbs about lines and trunks. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from offhook.lines.messages import ChannelsBlocked, WhichChannels
from offhook.service import Service


async def _block(node: Service, which: WhichChannels) -> ChannelsBlocked:
    return await node.block(which.channels)


async def _unblock(node: Service, which: WhichChannels) -> ChannelsBlocked:
    return await node.unblock(which.channels)


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("channel.block", "Take B-channels out of use in both directions; calls on them go on.", WhichChannels, ChannelsBlocked, True, _block),
    ("channel.unblock", "Put B-channels into use again.", WhichChannels, ChannelsBlocked, True, _unblock),
)
