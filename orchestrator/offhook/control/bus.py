"""The one place that knows the MQTT library (aiomqtt 2, formerly asyncio-mqtt).

A :class:`Bus` keeps one MQTT 5 connection alive and lets everybody else hand over messages without ever waiting: :meth:`Bus.publish` puts
them into a bounded outbox and returns. What the outbox does when the broker is slow or away is decided by the message's :class:`Lane`:

* ``STATE`` is retained; only the newest value of a topic waits, and after every connect all values are told again, so that a broker that
  lost its memory has the whole picture at once.
* ``RESULT`` (replies and events about results) is kept in order up to the limit; beyond it the oldest is dropped and counted.
* ``TELEMETRY`` goes first when space is short, oldest first, and is counted.

On TCP the socket gets ``TCP_NODELAY``: a client that publishes QoS 1 and subscribes on one connection otherwise meets Nagle's
algorithm and the delayed acknowledgement, 24 to 44 ms a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType
from typing import Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from offhook.control.address import Address

log = logging.getLogger("offhook.control.bus")

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 15.0
ANSWER_S = 5.0
"""How long the broker may take for an acknowledgement before the connection counts as broken."""
PAYLOAD_BYTES = 1_000_000
"""Largest payload sent; a broker may allow less."""

_NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class BusError(Exception):
    """The broker cannot be reached; the message names it and says why."""


class Lane(IntEnum):
    """What happens to a message when the outbox is full, see the module."""

    RESULT = 0
    STATE = 1
    TELEMETRY = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. ``correlation`` comes back to the requester in a reply; an empty retained payload deletes the topic."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    response_topic: str = ""
    correlation: bytes = b""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message that came, with what MQTT 5 says of it."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str = ""
    correlation: bytes = b""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: authorities to trust (empty for the system's), our certificate and its key (empty for none)."""

    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(slots=True)
class BusCounters:
    """What a bus has done since it was made."""

    sent: int = 0
    received: int = 0
    connects: int = 0
    dropped_results: int = 0
    dropped_telemetry: int = 0
    refused: int = 0  # messages that MQTT cannot carry


@dataclass(slots=True)
class _Outbox:
    """The three lanes. ``limit`` bounds results and telemetry together; state is bounded by the number of topics."""

    limit: int
    results: deque[Outgoing] = field(default_factory=deque)
    telemetry: deque[Outgoing] = field(default_factory=deque)
    state: dict[str, Outgoing] = field(default_factory=dict)
    unsent_state: dict[str, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.results) + len(self.telemetry) + len(self.unsent_state)

    def take(self) -> tuple[Lane, Outgoing] | None:
        """Next message to send: results, then state, then telemetry."""
        if self.results:
            return Lane.RESULT, self.results.popleft()
        while self.unsent_state:
            topic = next(iter(self.unsent_state))
            del self.unsent_state[topic]
            return Lane.STATE, self.state[topic]
        if self.telemetry:
            return Lane.TELEMETRY, self.telemetry.popleft()
        return None

    def give_back(self, lane: Lane, message: Outgoing) -> None:
        """A message that could not be sent goes to the head of its lane; state only if no newer value came meanwhile."""
        if lane is Lane.RESULT:
            self.results.appendleft(message)
        elif lane is Lane.TELEMETRY:
            self.telemetry.appendleft(message)
        elif self.state.get(message.topic) is message:
            self.unsent_state[message.topic] = None


class Bus:
    """One connection to a broker, kept alive until the context is left.

    Args:
        address: The broker.
        client_id: Unique at the broker; a second client with the same id pushes the first one out.
        subscriptions: Filters to subscribe to after every connect, QoS 1.
        on_message: Called in the running loop for every message, in order. Must not block; what it raises is logged and goes no further.
        on_connect: Called after every connect, when the subscriptions stand.
        will: What the broker tells the others when this client is lost.
        tls: Certificates and key for a broker with TLS.
        outbox: Results and telemetry that may wait.
        retry: Connect again for ever; False: the first failure ends the bus and :meth:`wait_connected` raises it.

    Raises:
        BusError: The certificate file cannot be read.
    """

    def __init__(
        self,
        address: Address,
        *,
        client_id: str,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[Incoming], None] | None = None,
        on_connect: Callable[[], None] | None = None,
        will: Outgoing | None = None,
        tls: TlsFiles | None = None,
        outbox: int = 10_000,
        retry: bool = True,
    ) -> None:
        if outbox < 1:
            raise ValueError(f"an outbox of {outbox} messages holds nothing; use 1 or more")
        self.address = address
        self.counters = BusCounters()
        self.last_error = ""
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._on_message = on_message
        self._on_connect = on_connect
        self._will = will
        self._retry = retry
        self._outbox = _Outbox(outbox)
        self._work = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tls = _tls_context(tls or TlsFiles()) if address.tls else None

    async def __aenter__(self) -> Self:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._run(), name=f"mqtt[{self.address}]")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Disconnect; what still waits in the outbox is lost, see :meth:`drain`."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def connected(self) -> bool:
        """Whether the connection and its subscriptions stand."""
        return self._connected.is_set()

    @property
    def waiting(self) -> int:
        """Messages in the outbox."""
        return len(self._outbox)

    async def wait_connected(self, timeout: float) -> None:
        """Wait until the subscriptions stand.

        Raises:
            BusError: Not within *timeout* seconds, or the first try failed and the bus does not retry.
        """
        stands = asyncio.create_task(self._connected.wait())
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((stands, over), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stands.cancel()
            over.cancel()
        if not self._connected.is_set():
            raise BusError(f"no MQTT broker at {self.address}: {self.last_error or f'no answer within {timeout:g} s'}")

    async def drain(self, timeout: float) -> bool:
        """Wait until everything handed over has left, at most *timeout* seconds. Returns whether it has."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True

    def publish(self, message: Outgoing, lane: Lane = Lane.TELEMETRY) -> None:
        """Hand a message over. Never waits.

        Raises:
            ValueError: MQTT cannot carry it: a wildcard, NUL or no topic, or more than ``PAYLOAD_BYTES``.
        """
        check_topic(message.topic)
        if len(message.payload) > PAYLOAD_BYTES:
            raise ValueError(f"payload of {len(message.payload)} bytes for {message.topic} is larger than {PAYLOAD_BYTES}")
        box = self._outbox
        if lane is Lane.STATE:
            if message.topic in box.state and box.state[message.topic].payload == message.payload and message.topic not in box.unsent_state:
                return  # already told
            box.state[message.topic] = message
            box.unsent_state[message.topic] = None
        else:
            self._make_room()
            (box.results if lane is Lane.RESULT else box.telemetry).append(message)
        self._empty.clear()
        self._work.set()

    def _make_room(self) -> None:
        box = self._outbox
        if len(box.results) + len(box.telemetry) < box.limit:
            return
        if box.telemetry:
            box.telemetry.popleft()
            self.counters.dropped_telemetry += 1
        else:
            lost = box.results.popleft()
            self.counters.dropped_results += 1
            if self.counters.dropped_results == 1 or self.counters.dropped_results % 1000 == 0:
                log.error(
                    "outbox: %d results dropped so far, last for %s; the broker is away or too slow",
                    self.counters.dropped_results,
                    lost.topic,
                )

    async def _run(self) -> None:
        delay = FIRST_DELAY_S
        try:
            while True:
                before = self.counters.connects
                try:
                    await self._session()
                except (aiomqtt.MqttError, OSError) as error:
                    self.last_error = _reason(error)
                self._connected.clear()
                _heed_cancel()
                if not self._retry:
                    return
                if self.counters.connects > before:
                    delay = FIRST_DELAY_S
                log.warning("broker %s: %s; next try in %.1f s", self.address, self.last_error, delay)
                await asyncio.sleep(delay * random.uniform(0.8, 1.2))
                delay = min(2 * delay, LAST_DELAY_S)
        finally:
            self._connected.clear()
            self._over.set()

    async def _session(self) -> None:
        """One connection, from connect to its end; always ends by an exception or by cancellation."""
        async with self._client() as client:
            if self._subscriptions:
                # As published: else the broker takes the retain mark off what comes while we are connected.
                options = SubscribeOptions(qos=1, retainAsPublished=True)
                codes = await client.subscribe([(name, options) for name in self._subscriptions])
                for name, code in zip(self._subscriptions, codes, strict=False):
                    if getattr(code, "is_failure", False):
                        raise aiomqtt.MqttError(f"subscription to {name} refused: {code}")
            self.counters.connects += 1
            self.last_error = ""
            box = self._outbox
            box.unsent_state = dict.fromkeys(box.state)
            if self._on_connect is not None:
                self._on_connect()
            self._connected.set()
            if len(box):
                self._empty.clear()
                self._work.set()
            both = {
                asyncio.create_task(self._read(client), name="mqtt read"),
                asyncio.create_task(self._write(client), name="mqtt write"),
            }
            # No TaskGroup: that of Python 3.11 leaves its task marked as cancelled when a child fails.
            try:
                done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
            for task in done:
                task.result()

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.counters.received += 1
            if self._on_message is None or not isinstance(message.payload, bytes | bytearray):
                continue
            wants = message.properties
            try:
                self._on_message(
                    Incoming(
                        topic=str(message.topic),
                        payload=bytes(message.payload),
                        retain=message.retain,
                        response_topic=getattr(wants, "ResponseTopic", ""),
                        correlation=getattr(wants, "CorrelationData", b""),
                    )
                )
            except Exception:
                log.exception("message on %s could not be handled", message.topic)

    async def _write(self, client: aiomqtt.Client) -> None:
        while True:
            taken = self._outbox.take()
            if taken is None:
                self._empty.set()
                self._work.clear()
                await self._work.wait()
                continue
            lane, message = taken
            try:
                await client.publish(message.topic, message.payload, message.qos, message.retain, _properties(message))
            except ValueError as wrong:  # what check_topic let through and MQTT still cannot carry
                self.counters.refused += 1
                log.error("message for %s cannot be sent: %s", message.topic, wrong)
                continue
            except BaseException:
                self._outbox.give_back(lane, message)
                raise
            self.counters.sent += 1
            _heed_cancel()
            if lane is Lane.STATE and not message.payload and self._outbox.state.get(message.topic) is message:
                del self._outbox.state[message.topic]  # deleted at the broker, nothing to tell again

    def _client(self) -> aiomqtt.Client:
        will = self._will
        return aiomqtt.Client(
            hostname=self.address.host,
            port=self.address.port or 1,  # not looked at with a Unix socket, but must not be 0
            transport="unix" if self.address.unix else "tcp",
            username=self.address.username or None,
            password=self.address.password or None,
            tls_context=self._tls,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, will.qos, will.retain),
            socket_options=() if self.address.unix else _NODELAY,
            keepalive=20,
            timeout=ANSWER_S,
            logger=log,
        )


def _heed_cancel() -> None:
    """End a task that was cancelled while ``asyncio.wait_for`` of Python 3.11 had its result already, and swallowed it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def check_topic(topic: str) -> None:
    """Refuse a topic that cannot be published to.

    Raises:
        ValueError: It says what is wrong.
    """
    if not topic:
        raise ValueError("topic is empty")
    for bad in ("+", "#", "\0"):
        if bad in topic:
            raise ValueError(f"topic {topic!r} holds {bad!r}, which a publisher may not use")
    try:
        length = len(topic.encode())
    except UnicodeEncodeError:
        raise ValueError(f"topic {topic!r} is not Unicode text") from None
    if length > 1024:
        raise ValueError(f"topic of {length} bytes is too long; 1024 are allowed")


def _properties(message: Outgoing) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.payload:
        properties.ContentType = "application/json"
        properties.PayloadFormatIndicator = 1
    if message.response_topic:
        properties.ResponseTopic = message.response_topic
    if message.correlation:
        properties.CorrelationData = message.correlation
    return properties


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca or None)
    except (OSError, ssl.SSLError) as wrong:
        raise BusError(f"certificate file {files.ca}: {wrong}; name a readable PEM file of certificates") from None
    if files.cert:
        try:
            context.load_cert_chain(files.cert, files.key or None)
        except (OSError, ssl.SSLError) as wrong:
            raise BusError(
                f"client certificate {files.cert}: {wrong}; name a readable PEM certificate and its key without a pass phrase"
            ) from None
    return context


def _reason(error: BaseException) -> str:
    """An exception in words, with its cause."""
    text = str(error) or type(error).__name__
    cause = error.__cause__
    return f"{text} ({cause})" if cause is not None and str(cause) not in text else text
