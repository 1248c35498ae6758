"""Answers commands and tells state and events of one node over a bus.

A command that changes something runs alone, in order of arrival, and once: when MQTT repeats it (QoS 1 may), the same Correlation
Data on the same topics gets the same reply again and nothing is done. Reading commands run beside each other. Nothing that arrives
can end the server, and no slow broker can hold up the node: everything leaves through the outbox of the bus.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import itertools
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from offhook import __version__
from offhook.agents.messages import AgentCall, AgentChanged
from offhook.calls.mail_messages import VoiceMailLeft
from offhook.control.address import Address, broker_address
from offhook.control.broker import Broker, BrokerOptions
from offhook.control.bus import Bus, Incoming, Lane, Outgoing, TlsFiles, check_topic
from offhook.control.envelope import CloudEvent, CommandDone, ErrorCode, ErrorInfo, NodeStatus, Reply, read_arguments, refusal
from offhook.control.topics import Topics
from offhook.control.verbs import VERBS, Verb
from offhook.errors import OffhookError
from offhook.lines.messages import InboundRefused
from offhook.messages import CallChanged, CallEnded, CallStarted, CampaignChanged, NodeAlarm, NodeEvent, NodeHealth, SpanChanged
from offhook.service import Service

if TYPE_CHECKING:
    from offhook.config import ControlSettings

log = logging.getLogger("offhook.control")

PAYLOAD_BYTES = 500_000
"""Largest command taken."""
REPLY_BYTES = 900_000
STATE_EVERY_S = 1.0
REPEAT_S = 300.0
"""How long a changing command is known by its Correlation Data."""
REPEAT_MAX = 500
WAITING_MAX = 100
"""Changing commands that may wait for their turn; also reading commands that may run at once."""
LEAVE_S = 3.0
"""How long the last words may take."""


@dataclass(slots=True)
class _Known:
    """A changing command that came: its reply once there is one."""

    until: float
    reply: bytes | None = None


class Server:
    """Steers one node over one bus: first :meth:`attach` a bus, then :meth:`serving` while the node can be asked.

    Args:
        name: The node's.
        boot: Number of this run, for presence and event ids.
        payload_bytes: Largest command taken.

    Events of the node are told from the first :meth:`serving` on until :meth:`leave`, so that the results of its last calls leave too.
    """

    def __init__(self, name: str, boot: int, payload_bytes: int = PAYLOAD_BYTES) -> None:
        self.topics = Topics(name)
        self.boot = boot
        self.commands = 0
        self.refusals = 0
        self._node: Service | None = None
        self._payload_bytes = payload_bytes
        self._bus: Bus | None = None
        self._orders: asyncio.Queue[tuple[Verb, BaseModel, Incoming]] = asyncio.Queue(WAITING_MAX)
        self._readers: set[asyncio.Task[None]] = set()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._numbers = itertools.count(1)
        self._unsubscribe: Callable[[], object] | None = None
        self._phases: dict[str, str] = {}

    def attach(self, bus: Bus) -> None:
        """Speak through this bus."""
        self._bus = bus

    def will(self) -> Outgoing:
        """What the broker tells when the node is lost."""
        return Outgoing(self.topics.status, self._status("lost"), retain=True)

    @contextlib.asynccontextmanager
    async def serving(self, node: Service) -> AsyncIterator[None]:
        """Answer commands with *node* while the context lasts; before and after it they are refused as not ready."""
        self._node = node
        if self._unsubscribe is None:
            self._unsubscribe = node.subscribe(self._on_event)
        for state in await node.campaigns():
            self._tell_campaign(CampaignChanged(at=_now(), state=state))
        self._send(Lane.STATE, self.topics.status, self._status("ready"), retain=True)
        tasks = (
            asyncio.create_task(self._work(node), name="control orders"),
            asyncio.create_task(self._tell_node(node), name="control state"),
        )
        try:
            yield
        finally:
            self._node = None
            while not self._orders.empty():
                verb, _, message = self._orders.get_nowait()
                self._answer(verb.name, message, _not_ready())
            ending = (*tasks, *self._readers)
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def leave(self) -> None:
        """Say goodbye, if anything was ever served, and wait a moment until it has left."""
        if self._unsubscribe is None:
            return
        self._unsubscribe()
        self._send(Lane.STATE, self.topics.status, self._status("stopped"), retain=True)
        if self._bus is not None and self._bus.connected and not await self._bus.drain(LEAVE_S):
            log.warning("control: %d messages had not left when the node stopped", self._bus.waiting)

    # -- commands in ----------------------------------------------------------------------------------------------------------------

    def on_message(self, message: Incoming) -> None:
        """A message on a command topic. Never blocks; every mistake becomes an error reply."""
        if message.retain and not message.payload:
            return  # a retained order is being deleted
        self.commands += 1
        name = self.topics.verb_of(message.topic)
        wrong = self._check_frame(message)
        if wrong is not None:
            self._refuse(name, message, wrong)
            return
        verb = VERBS.get(name)
        if verb is None:
            self._refuse(
                name,
                message,
                ErrorInfo(
                    code=ErrorCode.UNKNOWN_VERB,
                    message=f"no verb {name[:80]!r}",
                    where=message.topic[:200],
                    mend=f"verbs: {', '.join(VERBS)}",
                ),
            )
            return
        arguments = read_arguments(verb.arguments, message.payload, self._payload_bytes)
        if isinstance(arguments, ErrorInfo):
            self._refuse(name, message, arguments)
        elif (node := self._node) is None:
            self._refuse(name, message, _not_ready())
        elif verb.changes:
            self._order(verb, arguments, message)
        elif len(self._readers) >= WAITING_MAX:
            self._refuse(name, message, _busy())
        else:
            task = asyncio.create_task(self._execute(node, verb, arguments, message), name=f"control[{name}]")
            self._readers.add(task)
            task.add_done_callback(self._readers.discard)

    def _check_frame(self, message: Incoming) -> ErrorInfo | None:
        topic = message.response_topic
        if topic:
            try:
                check_topic(topic)
            except ValueError as wrong:
                return ErrorInfo(code=ErrorCode.BAD_RESPONSE_TOPIC, message=str(wrong), mend="name a topic of your own without wildcards")
            if topic.startswith(tuple(f"{self.topics.root}/{part}/" for part in ("cmd", "state", "ev"))):
                return ErrorInfo(
                    code=ErrorCode.BAD_RESPONSE_TOPIC,
                    message=f"response topic {topic!r} belongs to the node",
                    mend=f"use one of your own, {self.topics.root}/re/<client>",
                )
        if message.retain:
            return ErrorInfo(
                code=ErrorCode.RETAINED,
                message="a retained command is not executed, for it would come again at every connect",
                where=message.topic[:200],
                mend="delete it with an empty retained message and send commands without retain",
            )
        return None

    def _order(self, verb: Verb, arguments: BaseModel, message: Incoming) -> None:
        """Queue a changing command, unless it is the repetition of one that is known."""
        key = _key(message)
        if key is not None:
            now = asyncio.get_running_loop().time()
            while self._known and (len(self._known) > REPEAT_MAX or next(iter(self._known.values())).until < now):
                self._known.popitem(last=False)
            known = self._known.get(key)
            if known is not None:
                log.info("%s: repeated command, not executed again", verb.name)
                if known.reply is not None:  # else its first copy still runs and will answer
                    self._reply(message, known.reply)
                return
        try:
            self._orders.put_nowait((verb, arguments, message))
        except asyncio.QueueFull:
            self._refuse(verb.name, message, _busy())
            return
        if key is not None:
            self._known[key] = _Known(until=asyncio.get_running_loop().time() + REPEAT_S)

    async def _work(self, node: Service) -> None:
        while True:
            verb, arguments, message = await self._orders.get()
            await self._execute(node, verb, arguments, message)

    async def _execute(self, node: Service, verb: Verb, arguments: BaseModel, message: Incoming) -> None:
        try:
            result = verb.encode(await verb.run(node, arguments))
        except OffhookError as wrong:
            self._answer(verb.name, message, refusal(wrong))
        except asyncio.CancelledError:
            self._answer(verb.name, message, _not_ready())
            raise
        except Exception as fault:
            log.exception("%s: internal fault", verb.name)
            self._answer(
                verb.name,
                message,
                ErrorInfo(
                    code=ErrorCode.INTERNAL,
                    message=f"internal fault: {type(fault).__name__}: {fault}",
                    mend="see the node's log and report it",
                ),
            )
        else:
            self._answer(verb.name, message, None, result)

    # -- replies, state and events out --------------------------------------------------------------------------------------------------

    def _refuse(self, name: str, message: Incoming, error: ErrorInfo) -> None:
        self.refusals += 1
        self._answer(name, message, error)

    def _answer(self, name: str, message: Incoming, error: ErrorInfo | None, result: Any = None) -> None:
        """Reply if a reply is wanted; tell everybody if something was to change or nobody gets the reply."""
        reply = Reply(ok=error is None, verb=name[:200], result=result, error=error)
        payload = reply.model_dump_json().encode()
        if len(payload) > REPLY_BYTES:
            error = ErrorInfo(
                code=ErrorCode.TOO_LARGE,
                message=f"the answer has {len(payload)} bytes, {REPLY_BYTES} are allowed",
                mend="ask for less, e.g. a smaller limit",
            )
            payload = Reply(ok=False, verb=name[:200], error=error).model_dump_json().encode()
        key = _key(message)
        if key is not None and key in self._known:
            self._known[key].reply = payload
        can_reply = bool(message.response_topic) and (error is None or error.code is not ErrorCode.BAD_RESPONSE_TOPIC)
        if can_reply:
            self._reply(message, payload)
        verb = VERBS.get(name)
        if not can_reply or (verb is not None and verb.changes):
            self._tell("command", CommandDone(at=_now(), verb=name[:200], ok=error is None, error=error), lane=Lane.RESULT)

    def _reply(self, message: Incoming, payload: bytes) -> None:
        if message.response_topic:
            self._send(Lane.RESULT, message.response_topic, payload, correlation=message.correlation)

    def _on_event(self, event: NodeEvent) -> None:
        """The node's callback."""
        match event:
            case CallStarted() | CallChanged():
                if self._bus is not None and self._bus.connected:
                    self._tell(event.type, event, subject=event.call_id, qos=0)
            case CallEnded():
                self._tell(event.type, event, subject=event.call.id, lane=Lane.RESULT)
            case VoiceMailLeft():
                self._tell(event.type, event, subject=event.mail.call, lane=Lane.RESULT)
            case CampaignChanged():
                self._tell_campaign(event)
            case AgentChanged():
                self._send(Lane.STATE, self.topics.agent_state(event.agent.agent), event.agent.model_dump_json().encode(), retain=True)
                self._tell(event.type, event, subject=event.agent.agent)
            case AgentCall():
                self._tell(event.type, event, subject=event.agent, lane=Lane.RESULT)
            case NodeHealth():
                self._tell(event.type, event, lane=Lane.RESULT)
                if self._node is not None:
                    self._tell_state(self._node)
            case SpanChanged() | InboundRefused() | NodeAlarm():
                self._tell(event.type, event, lane=Lane.RESULT)

    def _tell_campaign(self, event: CampaignChanged) -> None:
        """Retained state with every progress, an event when the phase changes."""
        state = event.state
        self._send(Lane.STATE, self.topics.campaign_state(state.name), state.model_dump_json().encode(), retain=True)
        if self._phases.get(state.name) != state.phase:
            self._phases[state.name] = state.phase
            self._tell(event.type, event, subject=state.name, lane=Lane.RESULT)

    def _tell(self, kind: str, data: BaseModel, subject: str = "", lane: Lane = Lane.TELEMETRY, qos: int = 1) -> None:
        event = CloudEvent(
            id=f"{self.boot}-{next(self._numbers)}",
            source=self.topics.root,
            type=f"offhook.{kind}",
            time=getattr(data, "at", None) or _now(),
            subject=subject,
            data=data.model_dump(mode="json"),
        )
        self._send(lane, self.topics.event(kind), event.model_dump_json().encode(), qos=qos)

    async def _tell_node(self, node: Service) -> None:
        while True:
            self._tell_state(node)
            await asyncio.sleep(STATE_EVERY_S)

    def _tell_state(self, node: Service) -> None:
        self._send(Lane.STATE, self.topics.node_state, node.state().model_dump_json().encode(), retain=True)

    def _status(self, status: str) -> bytes:
        return NodeStatus.model_validate({"status": status, "boot": self.boot, "version": __version__}).model_dump_json().encode()

    def _send(self, lane: Lane, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, correlation: bytes = b"") -> None:
        if self._bus is None:
            return
        try:
            self._bus.publish(Outgoing(topic, payload, qos=qos, retain=retain, correlation=correlation), lane)
        except ValueError as wrong:
            log.error("control: %s", wrong)


@contextlib.asynccontextmanager
async def open_control(name: str, settings: ControlSettings, data_dir: Path) -> AsyncIterator[Server | None]:
    """The control plane of a node as ``[control]`` says; None in mode off.

    Open it before the node and leave it after: the broker is there when the node begins, and the node's last results leave. ::

        async with open_control(...) as server, Node(settings) as node, serving(server, node):
            await node.run()

    Raises:
        BrokerError: The embedded broker cannot be run.
        BusError: A certificate or key cannot be read, or the embedded broker cannot be reached.
        ConfigError: The URL or the password file is wrong.
    """
    if settings.mode == "off":
        yield None
        return
    async with contextlib.AsyncExitStack() as stack:
        if settings.mode == "embedded":
            broker = await stack.enter_async_context(
                Broker(BrokerOptions(folder=data_dir / "broker", socket=broker_socket(settings, data_dir)))
            )
            address = broker.address
        else:
            address = external_address(settings)
        server = Server(name, await asyncio.to_thread(next_boot, data_dir))
        bus = Bus(
            address,
            client_id=f"offhook-{name}",
            subscriptions=(server.topics.commands,),
            on_message=server.on_message,
            will=server.will(),
            tls=tls_files(settings),
            outbox=settings.queue,
        )
        server.attach(bus)
        await stack.enter_async_context(bus)
        if settings.mode == "embedded":
            await bus.wait_connected(10.0)
        try:
            yield server
        finally:
            await server.leave()


@contextlib.asynccontextmanager
async def serving(server: Server | None, node: Service) -> AsyncIterator[None]:
    """:meth:`Server.serving`, or nothing without a server."""
    if server is None:
        yield
        return
    async with server.serving(node):
        yield


def broker_socket(settings: ControlSettings, data_dir: Path) -> Path:
    """Unix socket of the embedded broker."""
    return settings.socket or data_dir / "broker" / "mqtt.sock"


def tls_files(settings: ControlSettings) -> TlsFiles:
    """The certificates named in ``[control]``."""
    return TlsFiles(*("" if path is None else str(path) for path in (settings.ca_file, settings.cert_file, settings.key_file)))


def external_address(settings: ControlSettings) -> Address:
    """The broker of ``[control] url``, with user and password of the settings.

    Raises:
        ConfigError: The URL is wrong, or the password file cannot be read.
    """
    return broker_address(settings.url, settings.user, settings.password_file, "[control]")


def next_boot(data_dir: Path) -> int:
    """Number of this start of the node, kept in ``data_dir/boot``; counts from 1 again when the file is lost or spoilt."""
    path = data_dir / "boot"
    try:
        before = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        before = 0
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{before + 1}\n", encoding="ascii")
    fresh.replace(path)
    return before + 1


def _key(message: Incoming) -> bytes | None:
    """What makes a repeated command the same: topics, Correlation Data and payload. None without Correlation Data."""
    if not message.correlation:
        return None
    parts = (message.topic.encode(errors="replace"), message.response_topic.encode(errors="replace"), message.correlation, message.payload)
    return hashlib.blake2b(json.dumps([part.hex() for part in parts]).encode(), digest_size=16).digest()


def _not_ready() -> ErrorInfo:
    return ErrorInfo(
        code=ErrorCode.NOT_READY, message="the node is starting or stopping", mend="wait until its status is ready, then send it again"
    )


def _busy() -> ErrorInfo:
    return ErrorInfo(code=ErrorCode.BUSY, message=f"{WAITING_MAX} commands wait already", mend="send it again in a moment")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
