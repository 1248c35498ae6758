"""The control plane against a running node and a real broker: verbs, state, events, and everything that may go wrong."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aio import in_loop
from hypothesis import given
from hypothesis import strategies as st
from nodes import numbers_list, simulator
from steered import NODE, SLOW, steered, steered_settings

from offhook import CampaignSpec, Node
from offhook.control.address import unix_address
from offhook.control.bus import Bus, Incoming, Lane, Outgoing
from offhook.control.client import Client, NoReplyError
from offhook.control.envelope import ErrorInfo, read_arguments
from offhook.control.life_verbs import CampaignOrder
from offhook.control.server import PAYLOAD_BYTES, WAITING_MAX, Server, broker_socket, next_boot, open_control, serving
from offhook.control.topics import Topics
from offhook.control.verbs import VERBS


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket."""
    return tmp_path_factory.mktemp("c")


@in_loop
async def test_a_campaign_is_run_from_afar(short: Path) -> None:
    async with steered(short) as at:
        await at.campaign(leads=5, title="Spring", calls_per_second=100)
        assert (await at.result("campaign.start", campaign="spring"))["wanted"] == "running"
        await at.until(lambda: any(one["phase"] == "finished" for one in at.on("state/campaign/spring")))
        assert (await at.result("campaign.show", campaign="spring"))["spec"]["title"] == "Spring"
        report = await at.result("campaign.report", campaign="spring")
        assert report["state"]["outcomes"] == {"rejected": 5}
        assert report["reconciliation"]["ok"]
        calls = await at.result("calls", campaign="spring", limit=3)
        assert len(calls) == 3
        assert (await at.result("call", id=calls[0]["id"]))["evidence"]
        await at.until(lambda: len(at.on("ev/call_ended")) == 5)
        event = at.on("ev/call_ended")[0]
        assert event["specversion"] == "1.0"
        assert event["type"] == "offhook.call_ended"
        assert event["subject"] == event["data"]["call"]["id"]
        assert not any(one.retain for one in at.heard if "/ev/" in one.topic)
        ids = [json.loads(one.payload)["id"] for one in at.heard if "/ev/" in one.topic]
        assert len(set(ids)) == len(ids)


@in_loop
async def test_pause_resume_stop_and_limits_work_while_it_runs(short: Path) -> None:
    async with steered(short, SLOW) as at:
        await at.campaign(leads=20, lines=5, calls_per_second=100)
        await at.result("campaign.start", campaign="spring")
        await at.until(lambda: at.node.state().channels_in_use == 5)
        assert (await at.result("set_limits", campaign="spring", lines=8))["line_limit"] == 8
        await at.until(lambda: at.node.state().channels_in_use == 8)
        assert (await at.result("campaign.pause", campaign="spring"))["wanted"] == "paused"
        assert (await at.result("campaign.resume", campaign="spring"))["wanted"] == "running"
        assert (await at.result("campaign.update", campaign="spring", changes={"title": "new"}))["title"] == "new"
        await at.result("campaign.stop", campaign="spring")
        await at.until(lambda: at.node.state().channels_in_use == 0)
        assert [one["name"] for one in await at.result("campaign.list")] == ["spring"]


@in_loop
async def test_a_list_may_travel_in_the_message(short: Path) -> None:
    async with steered(short) as at:
        await at.result("campaign.create", name="spring")
        report = await at.result("campaign.import", campaign="spring", csv="number,name\n13912345678,王\nnonsense,x\n")
        assert (report["accepted"], report["rejected"], report["source"]) == (1, 1, "csv")
        assert report["problems"][0]["line"] == 3


WRONG: list[tuple[str, bytes, str, str, str]] = [
    # verb, payload, code, part of where, part of the message
    ("campaign.start", b"{", "bad_json", "line 1", "JSON"),
    ("campaign.start", b"\xff\xfe", "bad_json", "", "UTF-8"),
    ("campaign.start", b"[]", "bad_json", "", "array"),
    ("campaign.start", b"null", "bad_json", "", "null"),
    ("campaign.start", b'{"campaign": "\\ud800"}', "bad_json", "", ""),
    ("campaign.start", b"[" * 100_000, "bad_json", "", ""),
    ("campaign.start", b'{"campaign": ' + b"9" * 10_000 + b"}", "bad_json", "", ""),
    ("campaign.start", b"{}", "bad_arguments", "campaign", "missing"),
    ("campaign.start", b'{"campagne": "x"}', "bad_arguments", "campa", ""),
    ("campaign.start", b'{"campaign": 7}', "bad_arguments", "campaign", "string"),
    ("campaign.start", b'{"campaign": "none"}', "campaign", "campaign", "no campaign"),
    ("campaign.create", b'{"name": "Bad Name"}', "bad_arguments", "name", ""),
    ("campaign.create", b'{"name": "a", "lines": 0}', "bad_arguments", "lines", ""),
    ("campaign.create", b'{"name": "a", "lines": "60"}', "bad_arguments", "lines", ""),
    ("campaign.create", b'{"name": "a", "prompt": "/no/file.wav"}', "prompt", "prompt", "/no/file.wav"),
    ("campaign.create", b'{"name": "a", "retry": {"rules": {"busy": {"after": 1}}}}', "bad_arguments", "retry.rules.busy", ""),
    ("campaign.import", b'{"campaign": "a"}', "bad_arguments", "", "path"),
    ("campaign.pause", b'{"campaign": "there"}', "campaign", "campaign", "start it first"),
    ("set_limits", b'{"campaign": "there"}', "bad_arguments", "", "no limit"),
    ("calls", b'{"limit": 100000}', "bad_arguments", "limit", ""),
    ("call", b'{"id": "nothing"}', "refused", "", "no call"),
    ("status", b'{"x": 1}', "bad_arguments", "x", ""),
    ("shutdown", b'{"confirm": "other"}', "campaign", "campaign", "confirm"),
    ("campaign.fly", b"{}", "unknown_verb", "campaign.fly", "campaign.fly"),
    ("", b"{}", "unknown_verb", "", ""),
    ("status", b"x" * (PAYLOAD_BYTES + 1), "too_large", "", str(PAYLOAD_BYTES)),
]


@in_loop
async def test_a_wrong_command_is_answered_with_what_is_wrong_and_changes_nothing(short: Path) -> None:
    async with steered(short) as at:
        await at.result("campaign.create", name="there")
        before = await at.result("campaign.list")
        for verb, payload, code, where, text in WRONG:
            case = f"{verb} {payload[:60]!r}"
            error = await at.error(verb, payload)
            assert error["code"] == code, (case, error)
            assert where in error["where"], (case, error)
            assert text in error["message"], (case, error)
        assert await at.result("campaign.list") == before


@in_loop
async def test_every_mistake_is_named_with_its_mend(short: Path) -> None:
    async with steered(short) as at:
        error = await at.error("campaign.create", b'{"name": "a", "linse": 3, "mode": "fast"}')
        assert {one["where"] for one in error["problems"]} == {"linse", "mode"}
        assert any("lines" in one["mend"] for one in error["problems"])


@in_loop
async def test_a_repeated_command_is_executed_once_and_answered_twice(short: Path) -> None:
    async with steered(short) as at:
        order = b'{"name": "once"}'
        first = await at.client.ask_raw("campaign.create", order, correlation=b"same")
        again = await at.client.ask_raw("campaign.create", order, correlation=b"same")
        assert first.ok
        assert again == first
        other = await at.client.ask_raw("campaign.create", order, correlation=b"other")
        assert not other.ok  # a new order: the name is taken
        assert (await at.client.ask_raw("campaign.create", b'{"name": "two"}', correlation=b"same")).ok  # another payload is another order


@in_loop
async def test_without_a_response_topic_the_outcome_becomes_an_event(short: Path) -> None:
    async with steered(short) as at:
        async with Bus(unix_address(short / "d" / "broker" / "mqtt.sock"), client_id="dumb") as bus:
            topics = Topics(NODE)
            bus.publish(Outgoing(topics.command("campaign.create"), b'{"name": "silent"}'), Lane.RESULT)
            bus.publish(Outgoing(topics.command("campaign.create"), b"nonsense"), Lane.RESULT)
            await at.until(lambda: len(at.on("ev/command")) == 2)
        refused, done = sorted((one["data"] for one in at.on("ev/command")), key=lambda one: one["ok"])
        assert (done["ok"], done["verb"]) == (True, "campaign.create")
        assert (refused["ok"], refused["error"]["code"]) == (False, "bad_json")
        assert [one["name"] for one in await at.result("campaign.list")] == ["silent"]


@in_loop
async def test_a_response_topic_that_is_no_good_is_refused_aloud(short: Path) -> None:
    async with steered(short) as at:
        bad = ["a/+", "#", f"offhook/1/{NODE}/cmd/status", f"offhook/1/{NODE}/state/node"]
        for topic in bad:
            # a broker may refuse to pass such a message on, so it is handed to the server as a broker would
            at.server.on_message(Incoming(Topics(NODE).command("campaign.create"), b'{"name": "a"}', response_topic=topic))
        await at.until(lambda: len(at.on("ev/command")) == len(bad))
        assert {one["data"]["error"]["code"] for one in at.on("ev/command")} == {"bad_response_topic"}
        assert await at.result("campaign.list") == []


@in_loop
async def test_a_retained_command_is_refused(short: Path) -> None:
    settings = steered_settings(short)
    async with open_control(NODE, settings.control, settings.node.data_dir) as server:
        address = unix_address(broker_socket(settings.control, settings.node.data_dir))
        async with Bus(address, client_id="careless") as bus:
            bus.publish(Outgoing(Topics(NODE).command("campaign.create"), b'{"name": "kept"}', retain=True), Lane.RESULT)
            assert await bus.drain(10)
        assert server is not None
    heard: list[dict[str, Any]] = []
    async with steered(short) as at:  # the broker saved it, the next node finds it
        await at.until(lambda: heard.extend(at.on("ev/command")) or heard or at.server.refusals)
        assert at.server.refusals == 1
        topic = Topics(NODE).command("campaign.create")
        async with Bus(address, client_id="careless") as bus:  # one that comes while the node listens, and its deletion
            bus.publish(Outgoing(topic, b'{"name": "live"}', retain=True), Lane.RESULT)
            bus.publish(Outgoing(topic, b"", retain=True), Lane.RESULT)
            assert await bus.drain(10)
        await at.until(lambda: at.server.refusals == 2)
        assert await at.result("campaign.list") == []
        assert at.server.refusals == 2
    async with steered(short) as at:
        assert await at.result("campaign.list") == []
        assert at.server.refusals == 0


@in_loop
async def test_hostile_messages_never_end_the_server(short: Path) -> None:
    async with steered(short) as at:
        async with Bus(unix_address(short / "d" / "broker" / "mqtt.sock"), client_id="hostile") as bus:
            for number in range(300):
                verb = list(VERBS)[number % len(VERBS)]
                payload = bytes((number * 7 + at_) % 256 for at_ in range(number))
                bus.publish(Outgoing(Topics(NODE).command(verb), payload, response_topic="r/x", correlation=payload[:20]), Lane.RESULT)
            assert await bus.drain(20)
        await at.until(lambda: at.server.commands >= 300)
        assert (await at.result("status"))["node"] == NODE
        assert await at.result("campaign.list") == []


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(sorted(VERBS)))
def test_any_payload_is_read_or_explained(payload: bytes, verb: str) -> None:
    found = read_arguments(VERBS[verb].arguments, payload, 1000)
    assert isinstance(found, VERBS[verb].arguments | ErrorInfo)
    if isinstance(found, ErrorInfo):
        assert found.message
        assert json.loads(found.model_dump_json())


@in_loop
async def test_more_commands_than_may_wait_are_refused_as_busy(short: Path) -> None:
    async with steered(short) as at:
        async with at.node._refreshing:  # a change cannot finish now
            asks = [asyncio.create_task(at.client.ask("campaign.create", {"name": f"c{number}"})) for number in range(WAITING_MAX + 10)]
            await at.until(lambda: at.server.refusals >= 8)
        replies = await asyncio.gather(*asks)
        refused = [one.error.code for one in replies if one.error is not None]
        assert set(refused) == {"busy"}
        assert sum(one.ok for one in replies) + len(refused) == WAITING_MAX + 10
        assert len(await at.result("campaign.list")) == sum(one.ok for one in replies)


@in_loop
async def test_presence_tells_ready_stopped_and_lost(short: Path) -> None:
    async with steered(short) as at:
        await at.until(lambda: at.on("state/status"))
        assert at.on("state/status")[-1] == {"status": "ready", "boot": 1, "version": at.node.state().version}
        await at.until(lambda: at.on("state/node"))
        assert at.on("state/node")[-1]["channels"] == 30
        # The connection breaks without a word: the broker tells the will, then the node is back.
        broken = [one for one in gc.get_objects() if isinstance(one, aiomqtt.Client) and one.identifier == f"offhook-{NODE}"]
        for one in broken:
            raw = one._client.socket()
            if raw is not None:
                raw.shutdown(2)  # type: ignore[union-attr]
        await at.until(lambda: [one["status"] for one in at.on("state/status")][-2:] == ["lost", "ready"])
        assert (await at.result("status"))["node"] == NODE
    async with steered(short) as at:
        await at.until(lambda: at.on("state/status"))
        assert at.on("state/status")[-1]["boot"] == 2


@in_loop
async def test_a_node_that_stops_says_so_and_its_last_results_leave(short: Path) -> None:
    settings = steered_settings(short)
    heard: list[Any] = []
    async with open_control(NODE, settings.control, settings.node.data_dir) as server:
        address = unix_address(broker_socket(settings.control, settings.node.data_dir))
        async with Client(address, NODE, listen=heard.append) as client:
            assert server is not None
            refused = await client.ask("status")
            assert refused.error is not None
            assert refused.error.code == "not_ready"
            async with Node(settings, driver=simulator(SLOW)) as node, serving(server, node):
                await node.create_campaign(CampaignSpec(name="a", calls_per_second=100))
                await node.import_list("a", numbers_list(short, 3))
                await node.start_campaign("a")
                async with asyncio.timeout(20):
                    while sum(one.topic.endswith("ev/call_started") for one in heard) < 3:  # a line in use is not yet a number sent
                        await asyncio.sleep(0.01)
                node.stop()
            await server.leave()
            async with asyncio.timeout(20):
                while not any(one.topic.endswith("state/status") and b"stopped" in one.payload for one in heard):
                    await asyncio.sleep(0.01)
            ended = [json.loads(one.payload)["data"]["call"] for one in heard if one.topic.endswith("ev/call_ended")]
            assert [one["disposition"] for one in ended] == ["cancelled"] * 3


@in_loop
async def test_shutdown_ends_the_node_after_its_reply(short: Path) -> None:
    async with steered(short) as at:
        assert await at.result("shutdown", confirm=NODE) == {"accepted": True}
        await asyncio.wait_for(at.node.run(), 20)


@in_loop
async def test_a_node_that_is_not_there_is_an_error_in_words(short: Path) -> None:
    async with steered(short) as at:
        async with Client(unix_address(short / "d" / "broker" / "mqtt.sock"), "nobody") as client:
            with pytest.raises(NoReplyError, match="nobody did not answer status"):
                await client.ask("status", timeout=0.2)
        assert at.server.commands == 0


def test_the_boot_counter_survives_a_spoilt_file(tmp_path: Path) -> None:
    assert [next_boot(tmp_path), next_boot(tmp_path)] == [1, 2]
    (tmp_path / "boot").write_text("x")
    assert next_boot(tmp_path) == 1


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "a+", "-a", "a" * 64])
def test_a_node_name_that_does_not_fit_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="hyphen"):
        Topics(name)


def test_verbs_need_no_broker_to_be_described() -> None:
    assert VERBS["campaign.start"].arguments is CampaignOrder
    assert Server(NODE, 1).will().retain


@in_loop
async def test_a_foreign_client_is_answered(short: Path) -> None:
    if shutil.which("mosquitto_rr") is None:
        pytest.skip("mosquitto_rr is not installed (Debian: mosquitto-clients)")
    async with steered(short) as at:

        async def ask(verb: str, payload: str) -> dict[str, Any]:
            command = ["mosquitto_rr", "--unix", str(short / "d" / "broker" / "mqtt.sock"), "-V", "5", "-W", "20", "-e", "my/replies"]
            command += ["-D", "publish", "correlation-data", verb, "-t", at.client.topics.command(verb), "-m", payload]
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            found: dict[str, Any] = json.loads(out)
            return found

        assert (await ask("campaign.create", '{"name": "spring"}'))["result"]["phase"] == "idle"
        assert (await ask("campaign.create", '{"name": "spring"}'))["ok"]  # the same order again: the same answer
        assert (await ask("campaign.start", '{"campaigns": "spring"}'))["error"]["code"] == "bad_arguments"
