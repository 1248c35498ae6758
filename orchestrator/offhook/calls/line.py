"""What a call can do to its B-channel on a node: signalling through the driver, audio through the core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from offhook.calls.answer import core_settings
from offhook.calls.prompts import Prompt
from offhook.messages import AnswerHandling
from offhook_core import CoreError, Detect, Profile
from offhook_drivers.contract import Hangup

if TYPE_CHECKING:
    from offhook.node import Node


_BALANCED = core_settings(AnswerHandling())
"""What the core decides by before it is told."""


class Line(Protocol):
    """What a call can do to its B-channel."""

    @property
    def audio(self) -> bool:
        """Does the core hear the line?"""

    def hangup(self, cause: int) -> None:
        """Ask the driver to end the call."""

    def answered(self) -> None:
        """Listen for who answered from now on."""

    def play(self, prompt: Prompt, token: int) -> None:
        """Play; :meth:`Call.prompt_done` follows with the token unless it is stopped or replaced."""

    def stop_play(self) -> None:
        """Fall silent."""


class NodeLine:
    """One call's B-channel: the driver for signalling, the core for audio, or a timer in place of the core."""

    def __init__(self, node: Node, channel: int) -> None:
        self._node = node
        self._channel = channel
        self._timer: asyncio.TimerHandle | None = None
        self.audio = node.engine is not None

    def hangup(self, cause: int) -> None:
        self._node.driver.send(Hangup(self._channel, cause))

    def reset(self, profile: Detect) -> None:
        engine = self._node.engine
        if engine is not None:
            self._order(lambda: engine.reset(self._channel, profile))

    def decide_by(self, answer: AnswerHandling) -> None:
        """Let the core decide who answered by these settings; it keeps them from call to call."""
        engine, settings = self._node.engine, core_settings(answer)
        if engine is not None and self._node.answer_settings.get(self._channel, _BALANCED) != settings:
            self._order(lambda: engine.answer_settings(self._channel, settings))
            self._node.answer_settings[self._channel] = settings

    def answered(self) -> None:
        engine = self._node.engine
        assert engine is not None
        self._order(lambda: engine.arm(self._channel, Profile.ANSWERED))
        self._order(lambda: engine.answered(self._channel))

    def _order(self, order: Callable[[], None]) -> None:
        """Give the core an order. One that it cannot take costs this call its audio, not the node its life."""
        try:
            order()
        except CoreError as error:
            self._node.core_failed(self._channel, error)

    def play(self, prompt: Prompt, token: int) -> None:
        engine = self._node.engine
        if engine is not None:
            self._order(lambda: engine.play(self._channel, prompt.number, token=token))
        else:
            call = self._node.call_on(self._channel)
            if call is not None:
                self._timer = asyncio.get_running_loop().call_later(prompt.duration_ms / 1000, call.prompt_done, token)

    def stop_play(self) -> None:
        engine = self._node.engine
        if engine is not None:
            self._order(lambda: engine.stop_play(self._channel))
        elif self._timer is not None:
            self._timer.cancel()

    def bridge(self, other: int | None) -> None:
        """Join this channel's audio with another's; None parts them."""
        engine = self._node.engine
        if engine is not None:
            self._order(lambda: engine.bridge(self._channel, other))
