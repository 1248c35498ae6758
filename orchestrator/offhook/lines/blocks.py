"""B-channels that an operator takes out of use: a timeslot with a bad circuit behind it, say.

A blocked channel takes no calls in either direction; a call that is on it goes on. It is told to the signalling too. Blocks last until they
are taken back or the node starts anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offhook.errors import OffhookError
from offhook.lines.messages import ChannelsBlocked
from offhook_drivers.contract import Block, Unblock

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)


def block(node: Node, channels: Sequence[int], out_of_use: bool) -> ChannelsBlocked:
    """Block *channels*, or take their blocks back: all of them, or none when one does not exist.

    Raises:
        OffhookError: There is no such channel.
    """
    for channel in channels:
        if not 0 <= channel < node.driver.channels:
            raise OffhookError(f"channel {channel}: there are 0 to {node.driver.channels - 1}")
    for channel in channels:
        if out_of_use:
            node.pool.block(channel)
            node.driver.send(Block(channel))
        else:
            node.driver.send(Unblock(channel))
            node.pool.unblock(channel)
    log.info("channels %s: %s", ", ".join(map(str, channels)), "blocked" if out_of_use else "in use again")
    return ChannelsBlocked(blocked=tuple(sorted(node.pool.blocked)))
