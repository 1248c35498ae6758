"""The supervised broker and the addresses of brokers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from aio import in_loop

from offhook.control.address import Address, AddressError, parse_address, unix_address
from offhook.control.broker import Broker, BrokerError, BrokerOptions, find_mosquitto


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket."""
    return tmp_path_factory.mktemp("b")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://host", Address("host", 1883)),
        ("mqtts://host", Address("host", 8883, tls=True)),
        ("mqtt://[::1]:1999", Address("::1", 1999)),
        ("mqtt://u%40x:p%2Fw@host:1", Address("host", 1, username="u@x", password="p/w")),
        ("unix:/run/x.sock", Address("/run/x.sock")),
        ("unix:///run/x.sock", Address("/run/x.sock")),
    ],
)
def test_urls_name_brokers(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url", ["", "host", "http://host", "mqtt://", "mqtt://host:99999", "mqtt://host:x", "mqtt://host/path", "unix:relative", "mqtt://h:0"]
)
def test_a_wrong_url_is_refused_with_a_right_one_in_the_message(url: str) -> None:
    with pytest.raises(AddressError, match=r"mqtt://host:1883|unix:/path"):
        parse_address(url)


def test_a_password_is_never_shown() -> None:
    address = parse_address("mqtts://me:secret@host")
    assert "secret" not in f"{address} {address!r}"
    with pytest.raises(AddressError) as wrong:
        parse_address("http://me:secret@host")
    assert "secret" not in str(wrong.value)


def test_a_socket_path_of_108_bytes_is_too_long() -> None:
    unix_address("/" + "a" * 106)
    with pytest.raises(AddressError, match="107"):
        unix_address("/" + "a" * 107)
    with pytest.raises(BrokerError, match="shorter folder"):
        Broker(BrokerOptions(folder=Path("/" + "a" * 107)))


def test_a_missing_mosquitto_names_the_package() -> None:
    with pytest.raises(BrokerError, match="apt-get install mosquitto"):
        find_mosquitto("no-such-mosquitto")


def _accepts(address: Address) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address.host) == 0


@in_loop
async def test_the_broker_lives_as_long_as_its_context(short: Path) -> None:
    async with Broker(BrokerOptions(folder=short / "broker")) as broker:
        assert _accepts(broker.address)
        assert (short / "broker").stat().st_mode & 0o777 == 0o700
        pid = broker.pid
        assert pid is not None
    assert broker.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@in_loop
async def test_a_broker_that_dies_is_started_again(short: Path) -> None:
    async with Broker(BrokerOptions(folder=short)) as broker:
        first = broker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(20):
            while broker.restarts == 0 or broker.pid in (None, first) or not _accepts(broker.address):
                await asyncio.sleep(0.02)


@in_loop
async def test_two_engines_do_not_share_a_folder(short: Path) -> None:
    async with Broker(BrokerOptions(folder=short)) as broker:
        with pytest.raises(BrokerError, match="another engine"):
            await Broker(BrokerOptions(folder=short)).__aenter__()
        assert _accepts(broker.address)


@in_loop
async def test_a_broker_that_refuses_its_configuration_says_why(short: Path) -> None:
    with pytest.raises(BrokerError, match="max_packet_size"):
        await Broker(BrokerOptions(folder=short, max_packet=1)).__aenter__()
    assert not list(short.glob("*.sock"))


@in_loop
async def test_a_folder_that_cannot_be_made_is_named(short: Path) -> None:
    (short / "file").write_text("")
    with pytest.raises(BrokerError, match="file"):
        await Broker(BrokerOptions(folder=short / "file" / "broker")).__aenter__()


@in_loop
async def test_a_socket_in_an_open_folder_or_over_a_file_is_refused(short: Path) -> None:
    short.chmod(0o755)
    with pytest.raises(BrokerError, match="open to others"):
        await Broker(BrokerOptions(folder=short / "d", socket=short / "x.sock")).__aenter__()
    short.chmod(0o700)
    (short / "x.sock").write_text("precious")
    with pytest.raises(BrokerError, match="no socket"):
        await Broker(BrokerOptions(folder=short / "d", socket=short / "x.sock")).__aenter__()
    assert (short / "x.sock").read_text() == "precious"


def test_kill_9_of_the_engine_leaves_no_broker_behind(short: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from offhook.control.broker import Broker, BrokerOptions

        async def main():
            async with Broker(BrokerOptions(folder=Path(sys.argv[1]))) as broker:
                print(broker.pid, flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    engine = subprocess.Popen([sys.executable, "-c", program, str(short)], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    broker = int(engine.stdout.readline())
    engine.kill()
    engine.wait()
    engine.stdout.close()
    for _ in range(500):  # it saves its messages first
        if not Path(f"/proc/{broker}").exists() or "Z" in Path(f"/proc/{broker}/stat").read_text().split()[2]:
            return
        time.sleep(0.02)
    pytest.fail(f"mosquitto {broker} lives on")
