"""The one MQTT adapter: connection, lanes, loss and back-pressure, against a real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiomqtt
import pytest
from aio import in_loop

from offhook.control.address import Address
from offhook.control.broker import Broker, BrokerOptions, find_mosquitto
from offhook.control.bus import Bus, BusError, Incoming, Lane, Outgoing, TlsFiles, check_topic


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket."""
    return tmp_path_factory.mktemp("m")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def listener(address: Address, *filters: str) -> AsyncIterator[list[Incoming]]:
    """Everything that comes under the filters, the oldest first."""
    heard: list[Incoming] = []
    async with Bus(address, client_id="listener", subscriptions=filters, on_message=heard.append) as bus:
        await bus.wait_connected(10)
        yield heard


@contextlib.asynccontextmanager
async def tcp_broker(folder: Path, *lines: str) -> AsyncIterator[int]:
    """A foreign broker on a free TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "tcp.conf"
    config.write_text("\n".join((f"listener {port} 127.0.0.1", f"user {getpass.getuser()}", *lines, "")))
    process = await asyncio.create_subprocess_exec(find_mosquitto(), "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.02)
        yield port
    finally:
        process.kill()
        await process.wait()


@in_loop
async def test_a_message_arrives_with_response_topic_and_correlation(short: Path) -> None:
    async with (
        Broker(BrokerOptions(folder=short)) as broker,
        listener(broker.address, "a/#") as heard,
        Bus(broker.address, client_id="x") as bus,
    ):
        bus.publish(Outgoing("a/b", b"{}", response_topic="r/s", correlation=b"\0\xff"), Lane.RESULT)  # handed over before it is connected
        await until(lambda: bool(heard))
        assert heard == [Incoming("a/b", b"{}", response_topic="r/s", correlation=b"\0\xff")]
        assert await bus.drain(5)


@in_loop
async def test_state_survives_a_killed_broker_and_results_wait_for_it(short: Path) -> None:
    async with Broker(BrokerOptions(folder=short)) as broker, Bus(broker.address, client_id="x") as bus:
        await bus.wait_connected(10)
        bus.publish(Outgoing("s/1", b"old", retain=True), Lane.STATE)
        await bus.drain(5)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)  # retained messages not yet saved are lost with it
        await until(lambda: not bus.connected)
        for number in range(50):
            bus.publish(Outgoing("s/1", b"new%d" % number, retain=True), Lane.STATE)
        bus.publish(Outgoing("r/1", b"result"), Lane.RESULT)
        assert bus.waiting == 2  # only the newest state waits
        await until(lambda: bus.connected)
        assert await bus.drain(5)
        async with listener(broker.address, "s/#") as heard:
            await until(lambda: bool(heard))
            assert heard[0].payload == b"new49"
            assert heard[0].retain


@in_loop
async def test_an_empty_state_deletes_the_topic_for_good(short: Path) -> None:
    async with Broker(BrokerOptions(folder=short)) as broker, Bus(broker.address, client_id="x") as bus:
        bus.publish(Outgoing("s/1", b"1", retain=True), Lane.STATE)
        bus.publish(Outgoing("s/2", b"2", retain=True), Lane.STATE)
        assert await bus.drain(10)
        bus.publish(Outgoing("s/1", b"", retain=True), Lane.STATE)
        assert await bus.drain(10)
        async with listener(broker.address, "s/#") as heard:
            await until(lambda: bool(heard))
            assert [one.topic for one in heard] == ["s/2"]


@in_loop
async def test_a_full_outbox_drops_telemetry_first_and_counts() -> None:
    bus = Bus(Address("/nowhere"), client_id="x", outbox=10)
    for number in range(10):
        bus.publish(Outgoing("t", b"%d" % number), Lane.TELEMETRY)
    for number in range(13):
        bus.publish(Outgoing("r", b"%d" % number), Lane.RESULT)
    assert bus.waiting == 10
    assert bus.counters.dropped_telemetry == 10
    assert bus.counters.dropped_results == 3


@in_loop
async def test_a_stopped_broker_never_makes_the_publisher_wait(short: Path) -> None:
    async with (
        Broker(BrokerOptions(folder=short)) as broker,
        listener(broker.address, "r/#") as heard,
        Bus(broker.address, client_id="x", outbox=500) as bus,
    ):
        await bus.wait_connected(10)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            for number in range(20_000):
                bus.publish(Outgoing("t/x", b"x" * 200, qos=0), Lane.TELEMETRY)
                if number % 100 == 0:
                    bus.publish(Outgoing("r/x", b"%d" % number), Lane.RESULT)
                    await asyncio.sleep(0)
            assert bus.waiting <= 500
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await until(lambda: len(heard) == 200)
        assert [int(one.payload) for one in heard] == list(range(0, 20_000, 100))
        assert bus.counters.dropped_telemetry > 19_000
        assert bus.counters.dropped_results == 0


@in_loop
async def test_a_handler_that_fails_does_not_end_the_connection(short: Path) -> None:
    calls: list[bytes] = []

    def handler(message: Incoming) -> None:
        calls.append(message.payload)
        raise RuntimeError("handler is broken")

    async with (
        Broker(BrokerOptions(folder=short)) as broker,
        Bus(broker.address, client_id="x", subscriptions=("a",), on_message=handler) as hearing,
        Bus(broker.address, client_id="y") as bus,
    ):
        await hearing.wait_connected(10)
        for _ in range(3):
            bus.publish(Outgoing("a", b"\xff\x00"))
        await until(lambda: len(calls) == 3)
        assert hearing.connected


@in_loop
async def test_without_a_broker_the_error_names_it(short: Path) -> None:
    async with Bus(Address(str(short / "none.sock")), client_id="x", retry=False) as bus:
        with pytest.raises(BusError, match=r"none\.sock.*No such file"):
            await bus.wait_connected(10)


@in_loop
async def test_tcp_has_no_delay_and_a_password_opens_the_door(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    made: list[aiomqtt.Client] = []
    begin = aiomqtt.Client.__aenter__

    async def remember(client: aiomqtt.Client) -> aiomqtt.Client:
        made.append(client)
        return await begin(client)

    monkeypatch.setattr(aiomqtt.Client, "__aenter__", remember)
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(short / "pw"), "me", "secret"], check=True, capture_output=True)
    async with tcp_broker(short, f"password_file {short}/pw", "allow_anonymous false") as port:
        async with Bus(Address("127.0.0.1", port), client_id="x", retry=False) as bus:
            with pytest.raises(BusError, match=r"(?i)not authori[sz]ed"):
                await bus.wait_connected(10)
        async with Bus(Address("127.0.0.1", port, username="me", password="secret"), client_id="x") as bus:
            await bus.wait_connected(10)
            sock = made[-1]._client.socket()
            assert isinstance(sock, socket.socket)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@in_loop
async def test_tls_checks_the_certificate(short: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(make.split(), cwd=short, check=True, capture_output=True)
    async with tcp_broker(short, f"certfile {short}/cert.pem", f"keyfile {short}/key.pem", "allow_anonymous true") as port:
        async with Bus(Address("127.0.0.1", port, tls=True), client_id="x", retry=False) as bus:
            with pytest.raises(BusError, match=r"(?i)certificate"):
                await bus.wait_connected(10)
        async with Bus(Address("127.0.0.1", port, tls=True), client_id="x", tls=TlsFiles(ca=str(short / "cert.pem"))) as bus:
            await bus.wait_connected(10)
            bus.publish(Outgoing("a", b"1"), Lane.RESULT)
            assert await bus.drain(10)
    (short / "bad.pem").write_text("no certificate")
    with pytest.raises(BusError, match=r"bad\.pem"):
        Bus(Address("h", 1, tls=True), client_id="x", tls=TlsFiles(ca=str(short / "bad.pem")))


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0b", "x" * 2000, "\ud800"])
def test_a_topic_that_cannot_be_published_to_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        check_topic(topic)
