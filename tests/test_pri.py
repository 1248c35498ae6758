"""E1 with ISDN PRI: two signalling daemons back to back, so that every call crosses real Q.921 and Q.931 (S06, S07, S12)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from aio import in_loop
from hypothesis import given, settings
from hypothesis import strategies as st
from pri_lines import WAIT_S, Lines, daemon_missing, histories

from offhook_drivers.contract import (
    Alarm,
    Answered,
    Attributes,
    Block,
    Cause,
    Cleared,
    Dial,
    Hangup,
    Link,
    NumberPlan,
    NumberType,
    Offered,
    Party,
    Presentation,
    Proceeding,
    Progress,
    Ringing,
    Screening,
    SendDigits,
    Traced,
    Unblock,
)
from offhook_drivers.pri import PriDriver
from offhook_drivers.prid import PriError, find, value

pytestmark = pytest.mark.skipif(bool(daemon_missing()), reason=daemon_missing())

RED = 8


@in_loop
async def test_a_call_proceeds_rings_is_answered_and_cleared() -> None:
    async with Lines() as lines:
        lines.on_offered = lambda channel, serial, called: lines.say("proceeding", channel)
        lines.near.send(Dial(0, "a", "13800138000", "075526001234"))
        await lines.event(Proceeding, "a")
        lines.say("progress", 0, "inband=1")
        assert (await lines.event(Progress, "a")).inband
        lines.say("alerting", 0, "inband=1")
        assert (await lines.event(Ringing, "a")).inband
        lines.say("answer", 0, "connected=13900000001")
        assert (await lines.event(Answered, "a")).connected == "13900000001"
        lines.near.send(Hangup(0))
        cleared = await lines.event(Cleared, "a")
        assert (cleared.cause, cleared.who) == (16, Party.US)
        await lines.until(lambda: not lines.serial)


@in_loop
async def test_every_q850_cause_comes_through_whether_the_call_proceeded_or_not() -> None:
    direct = {6, 7, 26, 81}  # Q.931's own procedures; an exchange does not clear calls of a subscriber with them
    async with Lines() as lines:

        def clear(channel: int, serial: int, called: str) -> None:
            if called.startswith("9"):
                lines.say("proceeding", channel)
            lines.say("hangup", channel, f"cause={int(called[1:])}")

        lines.on_offered = clear
        for start in ("9", "8"):
            for cause in sorted(set(range(1, 128)) - direct):
                call_id = f"{start}{cause}"
                lines.near.send(Dial(cause % 30, call_id, call_id))
                cleared = await lines.event(Cleared, call_id)
                assert (cleared.cause, cleared.who) == (cause, Party.NETWORK), call_id


@in_loop
async def test_a_cause_before_any_release_comes_with_the_announcement() -> None:
    async with Lines() as lines:
        lines.on_offered = lambda channel, serial, called: lines.say("progress", channel, "inband=1 cause=1")
        lines.near.send(Dial(3, "vacant", "13800000001"))
        progress = await lines.event(Progress, "vacant")
        assert progress.inband and progress.cause == Cause.UNALLOCATED


@in_loop
async def test_numbers_carry_their_attributes() -> None:
    """S07: type of number, plan, presentation, screening."""
    async with Lines() as lines:
        as_national = Attributes(NumberType.NATIONAL, NumberPlan.ISDN, Presentation.RESTRICTED, Screening.NETWORK)
        lines.near.send(Dial(0, "a", "13800138000", "075526001234", Attributes(NumberType.SUBSCRIBER), as_national))
        lines.near.send(Dial(1, "b", "+4930123456"))
        await lines.until(lambda: len(lines.serial) == 2)
        first, second = (words for words in lines.lines if words[0] == "offered")
        assert value(first, "called_plan") == str(4 << 4 | 1)
        assert value(first, "calling_plan") == str(2 << 4 | 1)
        assert value(first, "presentation") == str(1 << 5 | 3)
        assert value(first, "calling") == "075526001234"
        assert (value(second, "called"), value(second, "called_plan")) == ("4930123456", str(1 << 4 | 1))


@in_loop
async def test_digits_of_an_overlap_call_are_collected_until_the_timer_ends_or_a_hash_comes() -> None:
    """S06: the exchange waits 0.3 s after each digit."""
    async with Lines(digit_timer_s=0.3) as lines:
        lines.near.send(Dial(0, "timer", "075588001234", overlap=4))
        await lines.until(lambda: 0 in lines.serial)
        assert value(next(w for w in lines.lines if w[0] == "offered"), "called") == "075588001234"
        lines.near.send(Dial(1, "later", "0755", overlap=2))
        lines.near.send(SendDigits(1, "88#"))
        await lines.until(lambda: 1 in lines.serial)
        assert value(next(w for w in lines.lines if w[:2] == ["offered", "1"]), "called") == "075588"


@in_loop
async def test_a_call_is_traced_with_every_message_and_its_time() -> None:
    """S12."""
    async with Lines(trace=True) as lines:
        lines.answers()
        await lines.talk(4, "a")
        texts = [e.text.split(" ")[:2] for e in lines.events if isinstance(e, Traced)]
        assert texts == [
            ["sent", "SETUP"],
            ["received", "CALL_PROCEEDING"],
            ["received", "ALERTING"],
            ["received", "CONNECT"],
            ["sent", "CONNECT_ACK"],
            ["sent", "DISCONNECT"],
            ["received", "RELEASE"],
            ["sent", "RELEASE_COMPLETE"],
        ]
        times = [e.at.seconds for e in lines.events if isinstance(e, Traced)]
        assert times == sorted(times)


@in_loop
async def test_both_ends_hang_up_at_once_and_one_cleared_comes() -> None:
    async with Lines() as lines:
        lines.answers()
        for n in range(30):
            lines.near.send(Dial(n, f"c{n}", "13800000000"))
        for n in range(30):
            await lines.event(Answered, f"c{n}")
            lines.near.send(Hangup(n))
            lines.say("hangup", n, "cause=16")
        for n in range(30):
            await lines.event(Cleared, f"c{n}")
        await lines.until(lambda: not lines.serial)
        assert all(len(lines.cleared(f"c{n}")) == 1 for n in range(30))


@in_loop
async def test_both_ends_take_the_same_channels_and_no_call_leaks() -> None:
    """Glare: whichever SETUP comes second is refused with cause 44; a call of theirs that came first is refused by us."""
    async with Lines() as lines:
        lines.answers()
        lines.on_event = lambda e: lines.near.send(Hangup(e.channel)) if isinstance(e, Offered | Answered) else None
        for n in range(30):
            lines.near.send(Dial(n, f"ours{n}", "13800000000"))
            lines.far.say(f"dial {n} {n} called=88001234")
        for n in range(30):
            cleared = await lines.event(Cleared, f"ours{n}")
            assert cleared.cause in (Cause.REQUESTED_CIRCUIT_UNAVAILABLE, Cause.NORMAL_CLEARING)
            await lines.until(lambda n=n: any(w[:3] == ["cleared", f"{n}", f"{n}"] for w in lines.lines))  # type: ignore[misc]
        lines.on_event = lambda e: None
        await lines.talk(7, "again")


@in_loop
async def test_a_call_from_outside_is_offered_and_can_be_refused() -> None:
    async with Lines() as lines:
        lines.far.say("dial 12 5 called=88001234 calling=13800000000")
        await lines.until(lambda: any(isinstance(e, Offered) for e in lines.events))
        offered = next(e for e in lines.events if isinstance(e, Offered))
        assert (offered.channel, offered.called, offered.calling) == (12, "88001234", "13800000000")
        lines.near.send(Hangup(12, Cause.CALL_REJECTED))
        await lines.until(lambda: any(w[:3] == ["cleared", "12", "5"] and "cause=21" in w for w in lines.lines))


@in_loop
async def test_a_blocked_channel_takes_no_call_until_it_is_unblocked() -> None:
    async with Lines() as lines:
        lines.answers()
        lines.near.send(Block(2))
        lines.near.send(Dial(2, "a", "13800000000"))
        assert (await lines.event(Cleared, "a")).cause == Cause.REQUESTED_CIRCUIT_UNAVAILABLE
        lines.near.send(Unblock(2))
        await lines.talk(2, "b")


@in_loop
async def test_a_killed_daemon_ends_each_call_once_and_the_link_comes_back() -> None:
    async with Lines(spans=2) as lines:
        lines.answers()
        for n in range(60):
            lines.near.send(Dial(n, f"c{n}", "13800000000"))
        await lines.event(Answered, "c59")
        assert lines.near.daemon.pid is not None
        os.kill(lines.near.daemon.pid, signal.SIGKILL)
        for n in range(60):
            assert (await lines.event(Cleared, f"c{n}")).who is Party.DRIVER
        await lines.until(lambda: [e.up for e in lines.events if isinstance(e, Link)].count(True) == 4)
        await lines.until(lambda: not lines.serial)  # RESTART freed the exchange's half
        assert all(len(lines.cleared(f"c{n}")) == 1 for n in range(60))
        await lines.talk(0, "after")


@in_loop
async def test_a_killed_exchange_ends_its_calls_and_comes_back() -> None:
    async with Lines() as lines:
        lines.answers()
        lines.near.send(Dial(9, "a", "13800000000"))
        await lines.event(Answered, "a")
        assert lines.far.pid is not None
        os.kill(lines.far.pid, signal.SIGKILL)
        await lines.event(Cleared, "a")  # by the RESTART of the new one
        await lines.talk(9, "after")


@in_loop
async def test_a_red_span_ends_its_calls_with_cause_38_and_comes_back_by_itself() -> None:
    async with Lines(spans=2) as lines:
        lines.answers()
        for n in range(31):
            lines.near.send(Dial(n, f"c{n}", "13800000000"))
        await lines.event(Answered, "c30")
        lines.near.set_alarm(0, RED)
        lines.far.say(f"alarm 0 {RED}")
        for n in range(30):
            assert (await lines.event(Cleared, f"c{n}")).cause == Cause.NETWORK_OUT_OF_ORDER
        assert not lines.cleared("c30")  # the other span goes on
        assert [e.bits for e in lines.events if isinstance(e, Alarm)] == [RED]
        lines.near.send(Dial(5, "during", "13800000000"))
        assert (await lines.event(Cleared, "during")).cause == Cause.NETWORK_OUT_OF_ORDER
        lines.far.say("alarm 0 0")
        lines.near.set_alarm(0, 0)
        await lines.until(lambda: [e.up for e in lines.events if isinstance(e, Link) and e.span == 0][-1])
        await lines.talk(5, "after")


@in_loop
async def test_a_channel_that_is_called_on_while_the_exchange_waits_for_its_restart_keeps_the_call() -> None:
    """The exchange's first RESTART (Q.931 message 0x46) arrives as a message that nobody knows; it would be sent again after 2 s."""
    seen: list[bytes] = []

    def bend(frame: bytes) -> bytes:
        if frame[4:5] == b"\x08" and frame[6 + frame[5] : 7 + frame[5]] == b"\x46":
            seen.append(frame)
            if len(seen) == 1:
                return frame[: 6 + frame[5]] + b"\x40" + frame[7 + frame[5] :]
        return frame

    async with Lines(bend=bend) as lines:
        lines.answers()
        assert len(seen) == 1
        lines.near.send(Dial(0, "a", "13800138000"))
        await lines.event(Answered, "a")
        await lines.until(lambda: ["link", "0", "1"] in [words[:3] for words in lines.lines])  # the exchange has given up waiting
        assert lines.cleared("a") == []
        lines.near.send(Hangup(0))
        await lines.event(Cleared, "a")
        await lines.talk(0, "b")
        assert [event.cause for event in lines.cleared("b")] == [Cause.NORMAL_CLEARING]


@in_loop
async def test_garbage_on_the_control_socket_harms_nothing() -> None:
    async with Lines() as lines:
        for rubbish in (
            "\x00\x01\x02",
            "dial",
            "dial x y",
            "dial 99999 1 called=1",
            "hangup -1 0",
            "x" * 5000,
            "alarm 7 7",
            "digits 0 0 0",
            " ",
            "é",
        ):
            lines.near.daemon.say(rubbish)
        lines.near.daemon.say("hangup 0 1 cause=4711\nanswer 0 1\nprogress 0 1 cause=0")
        lines.answers()
        await lines.talk(0, "a")
        assert lines.near.daemon.starts == 1


@in_loop
async def test_bad_numbers_are_refused_with_cause_28() -> None:
    async with Lines() as lines:
        for n, called in enumerate(("", "12 34", "12;34", "1" * 41, "+")):
            lines.near.send(Dial(n, f"c{n}", called))
            assert (await lines.event(Cleared, f"c{n}")).cause == Cause.INVALID_NUMBER_FORMAT


@in_loop
async def test_dialling_without_a_link_is_cleared_at_once() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        driver = PriDriver([ours.fileno()])
        events: list[object] = []
        await driver.start(events.append)
        driver.send(Dial(0, "a", "13800000000"))
        with pytest.raises(ValueError, match="wait for its Cleared"):
            driver.send(Dial(0, "b", "13800000000"))
        await asyncio.sleep(0.01)
        assert [(e.call_id, e.cause) for e in events if isinstance(e, Cleared)] == [("a", Cause.NETWORK_OUT_OF_ORDER)]
        await driver.close()


@in_loop
async def test_a_d_channel_that_cannot_be_opened_is_told_with_its_mend() -> None:
    with pytest.raises(PriError, match=r"(?i)dahdi"):
        await PriDriver(["dahdi:16"]).start(lambda event: None)
    with pytest.raises(PriError, match="correct the path"):
        PriDriver(["dahdi:16"], daemon="/nowhere/offhook-prid")


def test_wrong_options_are_told_and_nothing_is_started() -> None:
    for options in ((), ("--dchannel", "x:1", "--control", "3"), ("--dchannel", "fd:3"), ("--nonsense",), ("--digit-timer", "-1")):
        ran = subprocess.run([find(), *options], capture_output=True, text=True, timeout=20)
        assert ran.returncode in (1, 2) and "offhook-prid:" in ran.stderr


@in_loop
async def test_a_first_frame_that_is_lost_is_sent_again_until_it_is_answered_and_no_longer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    sabme, ua = bytes.fromhex("02017f"), bytes.fromhex("0201730000")
    seen: list[bytes] = []

    def deaf_at_first() -> None:
        seen.append(ours.recv(1024)[:3])
        if len(seen) == 3:
            ours.send(ua)

    loop = asyncio.get_running_loop()
    loop.add_reader(ours.fileno(), deaf_at_first)
    with ours, theirs:
        driver = PriDriver([theirs.fileno()], network=True)
        await driver.start(lambda event: None)
        async with asyncio.timeout(WAIT_S):
            while sum(frame[2] & 1 == 0 for frame in seen) < 1:  # the first I frame, a RESTART: layer 2 stands
                await asyncio.sleep(0.01)
        assert seen[:3] == [sabme] * 3
        assert sabme not in seen[3:]
        loop.remove_reader(ours.fileno())
        await driver.close()


def test_a_daemon_that_listens_serves_one_client_after_another(tmp_path: Path) -> None:
    path = tmp_path / "prid.sock"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def connect() -> tuple[socket.socket, str]:
        for _ in range(500):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            try:
                client.connect(str(path))
            except OSError:
                client.close()
                time.sleep(0.02)
            else:
                return client, client.recv(4096).decode()
        raise AssertionError("nobody listens")

    with ours, theirs:
        command = [find(), "--listen", str(path), "--dchannel", f"fd:{theirs.fileno()}"]
        daemon = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
        try:
            first, said = connect()
            assert said.startswith("hello version=1 spans=1 channels=30 role=cpe")
            assert path.stat().st_mode & 0o077 == 0
            second, said = connect()
            assert said.startswith("error busy")
            first.sendall(b"ping x\nstate\n")
            while "span 0" not in said:
                said += first.recv(4096).decode()
            assert "pong x" in said and "calls=0" in said
            first.close()
            second.close()
            third, said = connect()
            while said.startswith("error busy"):  # it has not seen the first one go yet
                third.close()
                third, said = connect()
            assert said.startswith("hello")
            third.close()
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(20) == 0 and not path.exists()
        finally:
            daemon.kill()
            daemon.wait()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), disasters=st.booleans())
def test_random_histories_end_each_call_once_and_leak_no_channel(seed: int, disasters: bool) -> None:
    """The model: a dialled call has one Cleared, and every channel takes an ordinary call afterwards."""
    found = asyncio.run(histories(250, seed, disasters, spans=2))
    assert found["histories"] == 250
