"""Asks a node over MQTT: what ``offhook ctl`` and the demo use."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from offhook.control.address import Address
from offhook.control.bus import Bus, BusError, Incoming, Lane, Outgoing, TlsFiles
from offhook.control.envelope import Reply
from offhook.control.topics import Topics


class NoReplyError(Exception):
    """The node did not answer in time."""


class Client:
    """A connection to a broker over which nodes are asked.

    Args:
        address: The broker.
        node: Node asked.
        listen: Called for every state and event message of that node, when given.
        tls: Certificates for a broker with TLS.
        connect_s: How long to wait for the broker.
    """

    def __init__(
        self,
        address: Address,
        node: str,
        *,
        listen: Callable[[Incoming], None] | None = None,
        tls: TlsFiles | None = None,
        connect_s: float = 5.0,
    ) -> None:
        self.topics = Topics(node)
        self._connect_s = connect_s
        self._listen = listen
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        name = f"offhook-ask-{os.getpid()}-{secrets.token_hex(4)}"
        self._replies = f"{self.topics.root}/re/{name}"
        filters = [self._replies]
        if listen is not None:
            filters += [f"{self.topics.root}/state/#", f"{self.topics.root}/ev/#"]
        self._bus = Bus(address, client_id=name, subscriptions=filters, on_message=self._on_message, tls=tls, retry=False)

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BusError: No broker there, or it refuses us.
        """
        await self._bus.__aenter__()
        try:
            await self._bus.wait_connected(self._connect_s)
        except BaseException:
            await self._bus.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Disconnect."""
        await self._bus.__aexit__(kind, error, trace)

    async def ask(self, verb: str, arguments: Mapping[str, Any] | None = None, timeout: float = 10.0) -> Reply:
        """Tell a verb and wait for the reply.

        Raises:
            NoReplyError: No answer within *timeout* seconds.
            BusError: The connection broke.
        """
        return await self.ask_raw(verb, json.dumps(arguments or {}, ensure_ascii=False).encode(), timeout)

    async def ask_raw(self, verb: str, payload: bytes, timeout: float = 10.0, correlation: bytes = b"") -> Reply:
        """Like :meth:`ask` with the payload as it is."""
        if not self._bus.connected:
            raise BusError(f"connection to {self._bus.address} is lost: {self._bus.last_error}")
        correlation = correlation or secrets.token_bytes(12)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting[correlation] = answer
        try:
            self._bus.publish(
                Outgoing(self.topics.command(verb), payload, response_topic=self._replies, correlation=correlation), Lane.RESULT
            )
            raw = await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise NoReplyError(
                f"node {self.topics.node} did not answer {verb} within {timeout:g} s; does it run, and is {self._bus.address} its broker?"
            ) from None
        finally:
            del self._waiting[correlation]
        try:
            return Reply.model_validate_json(raw)
        except ValidationError as wrong:
            raise NoReplyError(f"the answer to {verb} is not a reply: {wrong.errors()[0]['msg']}") from None

    def _on_message(self, message: Incoming) -> None:
        if message.topic == self._replies:
            answer = self._waiting.get(message.correlation)
            if answer is not None and not answer.done():
                answer.set_result(message.payload)
        elif self._listen is not None:
            self._listen(message)
