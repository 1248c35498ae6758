"""Calls from outside: refused at once, told and counted. A node dials; whoever calls back must not hear it ring for nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from offhook.lines.messages import InboundRefused
from offhook_drivers.contract import Cause, Hangup, Offered

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)

CAUSE = Cause.CALL_REJECTED
"""We could take the call and do not want to, says Q.850; exchanges then try neither another channel nor again."""


class Inbound:
    """What comes of calls from outside.

    Attributes:
        refused: How many since the node started.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.refused = 0

    def refuse(self, offered: Offered) -> None:
        """Refuse a call that the driver offers."""
        self._node.driver.send(Hangup(offered.channel, CAUSE))
        self.refused += 1
        log.info("channel %d: a call from %s to %s was refused", offered.channel, offered.calling or "a withheld number", offered.called)
        self._node.emit(
            InboundRefused(
                at=self._node.clock.now(),
                span=offered.channel // self._node.driver.channels_per_span,
                channel=offered.channel,
                calling=offered.calling,
                called=offered.called,
                cause=CAUSE,
            )
        )
