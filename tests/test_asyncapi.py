"""The AsyncAPI document against the running engine: what it lists exists, what exists it lists, and payloads are what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from nodes import numbers_list
from pydantic import TypeAdapter
from steered import NODE, steered

from offhook.calls.mail_messages import VoiceMail, VoiceMailLeft
from offhook.control.asyncapi import EVENTS, STATES, document, text
from offhook.control.envelope import CloudEvent, Reply
from offhook.control.verbs import VERBS
from offhook_drivers.contract import Offered, Stamp

STORED = Path(__file__).parents[1] / "docs" / "asyncapi.json"


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket."""
    return tmp_path_factory.mktemp("y")


def test_the_document_in_docs_is_the_generated_one() -> None:
    mend = "write it anew: python -m offhook.control.asyncapi > docs/asyncapi.json"
    stored, made = json.loads(STORED.read_text(encoding="utf-8")), document()
    if stored["info"]["x-schemas-by"] == made["info"]["x-schemas-by"]:
        assert STORED.read_text(encoding="utf-8") == text(), mend
    else:  # the same fields in the words of another pydantic
        assert stored["channels"] == made["channels"], mend
        assert stored["operations"] == made["operations"], mend
        assert set(stored["components"]["schemas"]) == set(made["components"]["schemas"]), mend


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    def check(at: Any) -> None:
        if isinstance(at, dict):
            if isinstance(at.get("$ref"), str):
                node: Any = whole
                for part in at["$ref"].removeprefix("#/").split("/"):
                    assert part in node, at["$ref"]
                    node = node[part]
            for inner in at.values():
                check(inner)
        elif isinstance(at, list):
            for inner in at:
                check(inner)

    check(whole)


def test_every_operation_names_its_channel_and_every_message_is_used() -> None:
    whole = document()
    used = set()
    for name, operation in whole["operations"].items():
        channel = whole["channels"][operation["channel"]["$ref"].rsplit("/", 1)[-1]]
        assert operation["action"] in ("send", "receive"), name
        for message in (*operation["messages"], *operation.get("reply", {}).get("messages", ())):
            used.add(message["$ref"].rsplit("/", 1)[-1])
        for parameter in re.findall(r"{(\w+)}", channel["address"]):
            assert parameter in channel["parameters"], name
    assert used == set(whole["components"]["messages"])


def _orders(folder: Path, call: str) -> dict[str, dict[str, Any]]:
    """Arguments with which each verb succeeds, in this order."""
    one = {"campaign": "spring"}
    return {
        "help": {},
        "status": {},
        "campaign.create": {"name": "spring", "calls_per_second": 100},
        "campaign.update": {**one, "changes": {"title": "Spring", "mode": "preview", "goals": {"results": {"done": {"success": True}}}}},
        "campaign.import": {**one, "path": str(numbers_list(folder, 4))},
        "campaign.list": {},
        "channel.block": {"channels": [7]},
        "channel.unblock": {"channels": [7]},
        "campaign.approve": {**one, "by": "ann"},
        "campaign.trial": {**one, "calls": 3},
        "campaign.start": one,
        "set_pacing": {**one, "changes": {"review_s": 0.1}},
        "agent.login": {"agent": "ann", "campaigns": {"spring": "high"}},
        "agent.list": {},
        "agent.show": {"agent": "ann"},
        "agent.pause": {"agent": "ann", "reason": "lunch"},
        "agent.ready": {"agent": "ann"},
        "set_limits": {**one, "lines": 7},
        "campaign.pause": one,
        "campaign.resume": one,
        "campaign.show": one,
        "campaign.report": one,
        "campaign.life": one,
        "campaign.rates": one,
        "campaign.summary": one,
        "contact.put": {"ref": "c7", "numbers": ["13911112222"]},
        "contact.show": {"ref": "c7"},
        "contact.note": {"ref": "c7"},
        "contact.callback": {"ref": "c7", "campaign": "spring", "at": "2099-01-01T10:00:00+08:00"},
        "contact.promises": {"campaign": "spring"},
        "list.add": {"ref": "c7", "list": "grey"},
        "list.import": {"list": "grey", "category": "complaint", "numbers": ["13911112299"]},
        "list.find": {"ref": "c7"},
        "list.remove": {"ref": "c7", "list": "grey"},
        "policy.show": {},
        "policy.set": {},
        "team.set": {"team": "north", "agents": ["ann"]},
        "team.list": {},
        "leads.hand_out": {**one, "to": ["agent:ann"]},
        "leads.hand_on": {**one, "source": ["agent:ann"], "to": ["team:north"]},
        "leads.handed": one,
        "leads.take_back": one,
        "leads.add": {**one, "number": "13911112298"},
        "result.report": one,
        "result.show": {"call": "none"},
        "template.list": {},
        "campaign.new": {"name": "care", "template": "care"},
        "strategy.list": {},
        "strategy.set": {"strategies": [{"kind": "routing", "name": "first", "settings": {"priority": 9}}]},
        "strategy.remove": {"kind": "routing", "name": "first"},
        "suppress": {"ref": "c7"},
        "trunks": {},
        "voicemail.list": one,
        "calls": one,
        "call": {"id": call},
        "label": {"call": call, "truth": "noise", "source": "ann"},
        "result.set": {"call": call, "result": "done"},
        "reconcile": {},
        "agent.logout": {"agent": "ann"},
        "campaign.stop": one,
        "campaign.summarise": one,
        "shutdown": {"confirm": NODE},
    }


_IN_HAND = {"agent.call", "agent.dial", "agent.skip", "agent.done", "voicemail.play", "voicemail.remove"}
"""They need an agent with the right thing in hand, or a message; tests/test_agent_verbs.py asks them."""


@in_loop
async def test_the_running_engine_is_the_document(short: Path) -> None:
    whole = document()
    async with steered(short) as at:
        assert set(_orders(short, "")) | _IN_HAND == set(VERBS)
        for verb in list(_orders(short, ""))[:-8]:
            await _ask(at, verb, _orders(short, "")[verb])
        await at.until(lambda: at.on("ev/call_ended"))
        call = at.on("ev/call_ended")[0]["data"]["call"]["id"]
        at.node.driver.set_alarm(0, 4)  # type: ignore[attr-defined]
        at.node.driver.set_alarm(0, 8)  # type: ignore[attr-defined]
        at.node.alarm("driver", "a test", n=1)
        mail = VoiceMail(call=call, campaign="spring", lead=1, number="1", at=at.node.clock.now(), seconds=3.5, path="/mails/1.wav")
        at.node.emit(VoiceMailLeft(at=at.node.clock.now(), mail=mail))
        at.node.inbound.refuse(Offered(Stamp(0.0), 3, "13900000001", "0453100"))
        for verb in list(_orders(short, ""))[-8:]:
            await _ask(at, verb, _orders(short, call)[verb])
        patterns = {
            name: re.compile(re.sub(r"\\{(\w+)\\}", r"[a-z0-9-]+", re.escape(channel["address"])))
            for name, channel in whole["channels"].items()
            if channel["address"] is not None and not name.startswith("cmd.")
        }
        await at.until(lambda: all(any(pattern.fullmatch(one.topic) for one in at.heard) for pattern in patterns.values()))
        for one in at.heard:
            names = [name for name, pattern in patterns.items() if pattern.fullmatch(one.topic)]
            assert len(names) == 1, one.topic
            payload = json.loads(one.payload)
            if names[0] in STATES:
                TypeAdapter(STATES[names[0]][1]).validate_python(payload)
            else:
                kind = names[0].removeprefix("ev.")
                assert CloudEvent.model_validate(payload).type == f"offhook.{kind}"
                TypeAdapter(EVENTS[kind][0]).validate_python(payload["data"])


async def _ask(at: Any, verb: str, order: dict[str, Any]) -> None:
    """The verb answers on the channel that the document names, and its result is what it says."""
    channel = document()["channels"][f"cmd.{verb}"]
    assert channel["address"].replace("{node}", NODE) == at.client.topics.command(verb)
    reply = await at.client.ask(verb, order)
    assert isinstance(reply, Reply)
    assert reply.ok, (verb, reply.error)
    TypeAdapter(VERBS[verb].result).validate_python(reply.result)
