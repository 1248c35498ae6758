"""The control plane as an AsyncAPI 3.0 document, made from the models and the verb table.

``python -m offhook.control.asyncapi`` prints it; ``docs/asyncapi.json`` is that text, and a test keeps it so.
"""

from __future__ import annotations

import json
from typing import Any

import pydantic
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from offhook import __version__
from offhook.agents.messages import AgentCall, AgentChanged, AgentShown
from offhook.calls.mail_messages import VoiceMailLeft
from offhook.control.envelope import CloudEvent, CommandDone, ErrorInfo, NodeStatus
from offhook.control.topics import VERSION
from offhook.control.verbs import VERBS
from offhook.lines.messages import InboundRefused
from offhook.messages import (
    CallChanged,
    CallEnded,
    CallStarted,
    CampaignChanged,
    CampaignState,
    NodeAlarm,
    NodeHealth,
    NodeState,
    SpanChanged,
)

ROOT = f"offhook/{VERSION}/{{node}}"
STATES: dict[str, tuple[str, Any, str]] = {
    # channel: address, model, what
    "state.status": (f"{ROOT}/state/status", NodeStatus, "Presence. The will tells lost; boot grows with every start."),
    "state.node": (f"{ROOT}/state/node", NodeState, "The node at a glance, every second."),
    "state.campaign": (f"{ROOT}/state/campaign/{{campaign}}", CampaignState, "One campaign's progress, at most once a second."),
    "state.agent": (f"{ROOT}/state/agent/{{agent}}", AgentShown, "One agent, at each change."),
}
EVENTS: dict[str, tuple[Any, int, str]] = {
    # kind: model of data, QoS, what
    "call_started": (CallStarted, 0, "A line was seized for a call."),
    "call_changed": (CallChanged, 0, "A call moved to another phase."),
    "call_ended": (CallEnded, 1, "A call is over; its record without evidence."),
    "voice_mail_left": (VoiceMailLeft, 1, "A person left a message, and it is kept (D26)."),
    "campaign_changed": (CampaignChanged, 1, "A campaign's phase changed."),
    "agent_changed": (AgentChanged, 1, "An agent came, went, or does something else now."),
    "agent_call": (AgentCall, 1, "An agent is shown a lead, or connected with a person."),
    "node_health": (NodeHealth, 1, "The node's health changed."),
    "span_changed": (SpanChanged, 1, "A link or alarm changed."),
    "inbound_refused": (InboundRefused, 1, "Somebody called us, and was refused."),
    "node_alarm": (NodeAlarm, 1, "Something a person must look at."),
    "command": (CommandDone, 1, "A changing command was executed, or one could not be answered."),
}
_REF = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    schemas, components = _schemas()
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}

    for verb in VERBS.values():
        order, reply = f"{verb.name}.order", f"{verb.name}.reply"
        channels[f"cmd.{verb.name}"] = _channel(f"{ROOT}/cmd/{verb.name}", verb.what, order)
        messages[order] = {
            "summary": verb.what,
            "contentType": "application/json",
            "payload": schemas[order],
            "correlationId": {"location": "$message.header#/correlationData"},
            "bindings": {
                "mqtt": {
                    "payloadFormatIndicator": 1,
                    "contentType": "application/json",
                    "correlationData": {
                        "type": "string",
                        "description": "Octets of the requester's choice, fresh for every order; they come back with the reply.",
                    },
                    "responseTopic": "string",
                    "bindingVersion": "0.2.0",
                }
            },
        }
        messages[reply] = {
            "summary": f"Answer to {verb.name}.",
            "contentType": "application/json",
            "payload": {
                "type": "object",
                "required": ["ok", "verb"],
                "properties": {
                    "ok": {"type": "boolean"},
                    "verb": {"const": verb.name},
                    "result": {"anyOf": [schemas[reply], {"type": "null"}]},
                    "error": {"anyOf": [schemas["error"], {"type": "null"}]},
                },
            },
            "correlationId": {"location": "$message.header#/correlationData"},
        }
        operations[f"do.{verb.name}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/cmd.{verb.name}"},
            "summary": verb.what,
            "messages": [{"$ref": f"#/channels/cmd.{verb.name}/messages/{order}"}],
            "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
            "reply": {
                "address": {"location": "$message.header#/responseTopic", "description": "The Response Topic of the order."},
                "channel": {"$ref": "#/channels/reply"},
                "messages": [{"$ref": f"#/channels/reply/messages/{reply}"}],
            },
        }
    channels["reply"] = {
        "address": None,
        "description": "Belongs to the requester, who names it as Response Topic.",
        "messages": {f"{name}.reply": {"$ref": f"#/components/messages/{name}.reply"} for name in VERBS},
    }
    for name, (address, _, what) in STATES.items():
        channels[name] = _channel(address, what, name)
        messages[name] = {"summary": what, "contentType": "application/json", "payload": schemas[name]}
        operations[f"tell.{name}"] = _telling(name, name, what, qos=1, retain=True)
    for kind, (_, qos, what) in EVENTS.items():
        channels[f"ev.{kind}"] = _channel(f"{ROOT}/ev/{kind}", what, f"ev.{kind}")
        messages[f"ev.{kind}"] = {
            "summary": what,
            "contentType": "application/json",
            "payload": {
                "allOf": [
                    schemas["cloudevent"],
                    {"type": "object", "properties": {"type": {"const": f"offhook.{kind}"}, "data": schemas[f"ev.{kind}"]}},
                ]
            },
        }
        operations[f"tell.ev.{kind}"] = _telling(f"ev.{kind}", f"ev.{kind}", what, qos=qos, retain=False)
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:offhook:control:{VERSION}",
        "info": {
            "title": "offhook control",
            "version": __version__,
            "x-schemas-by": f"pydantic {'.'.join(pydantic.VERSION.split('.')[:2])}",  # another version may word a schema otherwise
            "description": "Steers one dialling node over MQTT 5. The page docs/control.md explains it with examples.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "embedded": {
                "host": "localhost",
                "protocol": "mqtt",
                "protocolVersion": "5",
                "description": "The node's own Mosquitto, on the Unix socket data_dir/broker/mqtt.sock.",
                "bindings": {"mqtt": _server_binding()},
            },
            "external": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "A broker named by [control] url.",
                "bindings": {"mqtt": _server_binding()},
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components, "messages": messages, "parameters": _PARAMETERS},
    }


_PARAMETERS: dict[str, Any] = {
    "node": {"description": "Name of the node: lower-case letters, digits and hyphens."},
    "campaign": {"description": "Name of the campaign."},
    "agent": {"description": "Name of the agent."},
}


def _server_binding() -> dict[str, Any]:
    return {
        "clientId": "offhook-{node}",
        "cleanSession": True,
        "keepAlive": 20,
        "lastWill": {"topic": f"{ROOT}/state/status", "qos": 1, "retain": True, "message": '{"status":"lost","boot":1,"version":"..."}'},
        "bindingVersion": "0.2.0",
    }


def _channel(address: str, what: str, message: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": what,
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS if f"{{{name}}}" in address},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _telling(channel: str, message: str, what: str, *, qos: int, retain: bool) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": what,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
    }


def _schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of every message by its name, and the definitions they share."""
    wanted: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        ("error", "serialization", TypeAdapter(ErrorInfo)),
        ("cloudevent", "serialization", TypeAdapter(CloudEvent)),
    ]
    for verb in VERBS.values():
        wanted.append((f"{verb.name}.order", "validation", TypeAdapter(verb.arguments)))
        wanted.append((f"{verb.name}.reply", "serialization", TypeAdapter(verb.result)))
    for name, (_, model, _) in STATES.items():
        wanted.append((name, "serialization", TypeAdapter(model)))
    for kind, (model, _, _) in EVENTS.items():
        wanted.append((f"ev.{kind}", "serialization", TypeAdapter(model)))
    by_key, shared = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    return {name: schema for (name, _), schema in by_key.items()}, shared.get("$defs", {})


def text() -> str:
    """The document as it lies in ``docs/asyncapi.json``."""
    return json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(text(), end="")
