"""The frame of every message that is not plain state: replies to commands, and events as CloudEvents 1.0 in JSON."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from offhook.errors import CampaignError, ConfigError, ListError, OffhookError, PromptError, StoreError
from offhook.messages import Told


class ErrorCode(StrEnum):
    """Why a command was not done. Nothing was changed in any of these cases, save ``internal``."""

    BAD_JSON = "bad_json"  # the payload is not one JSON object in UTF-8
    TOO_LARGE = "too_large"  # the payload, or the answer, is larger than allowed
    UNKNOWN_VERB = "unknown_verb"
    BAD_ARGUMENTS = "bad_arguments"  # unknown, missing or wrong fields
    BAD_RESPONSE_TOPIC = "bad_response_topic"
    RETAINED = "retained"  # a command that the broker kept
    CAMPAIGN = "campaign"  # unknown, taken, or not in a state to do it
    PROMPT = "prompt"
    LIST = "list"
    STORE = "store"
    CONFIG = "config"
    REFUSED = "refused"  # any other refusal of the node
    BUSY = "busy"  # too many commands wait
    NOT_READY = "not_ready"  # the node is starting or stopping
    INTERNAL = "internal"  # a fault of offhook itself; its log has the trace


class Problem(Told):
    """One mistake in the arguments."""

    where: str = Field(description="Field, with dots for what lies inside: retry.rules.busy.after_s.")
    message: str
    mend: str = Field("", description="What to write instead.")


class ErrorInfo(Told):
    """What is wrong, where, and how to mend it."""

    code: ErrorCode
    message: str
    where: str = Field("", description="Field or topic; empty when the message says it.")
    mend: str = ""
    problems: tuple[Problem, ...] = Field((), description="Every mistake, when there are several.")


class Reply(Told):
    """Answer to a command, with its Correlation Data."""

    ok: bool
    verb: str
    result: Any = Field(None, description="What the verb returns; none after an error.")
    error: ErrorInfo | None = None


class CommandDone(Told):
    """A command that changes something was executed, or a command could not be answered: its outcome for everybody."""

    type: Literal["command"] = "command"
    at: dt.datetime
    verb: str
    ok: bool
    error: ErrorInfo | None = None


class NodeStatus(Told):
    """Presence of a node, retained."""

    status: Literal["ready", "stopped", "lost"] = Field(description="lost is the will: the node is gone without a word.")
    boot: int = Field(description="Counts the starts of the node; the will carries the number of the run that was lost.")
    version: str


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured mode. ``id`` is unique per node and grows within a run, so a repeated delivery is recognised."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(description="<boot>-<number>.", pattern=r"^[0-9]+-[0-9]+$")]
    source: str = Field(description="offhook/1/<node>.")
    type: str = Field(description="offhook.<kind>, the kind is the last level of the topic.")
    time: dt.datetime
    subject: str = Field("", description="Call id or campaign it is about.")
    datacontenttype: Literal["application/json"] = "application/json"
    data: Any


Model = TypeVar("Model", bound=BaseModel)

_CODES: tuple[tuple[type[OffhookError], ErrorCode, str], ...] = (
    (CampaignError, ErrorCode.CAMPAIGN, "campaign"),
    (PromptError, ErrorCode.PROMPT, "prompt"),
    (ListError, ErrorCode.LIST, "path"),
    (StoreError, ErrorCode.STORE, "database"),
    (ConfigError, ErrorCode.CONFIG, ""),
)


def refusal(error: OffhookError) -> ErrorInfo:
    """A refusal of the node, for the requester. Its text already says how to mend it."""
    for kind, code, where in _CODES:
        if isinstance(error, kind):
            return ErrorInfo(code=code, message=str(error), where=where)
    return ErrorInfo(code=ErrorCode.REFUSED, message=str(error))


def read_arguments(model: type[Model], payload: bytes, limit: int) -> Model | ErrorInfo:
    """Read a command's payload. An empty one is ``{}``.

    Args:
        model: The verb's arguments.
        payload: What came.
        limit: Most bytes taken.
    """
    if len(payload) > limit:
        return ErrorInfo(
            code=ErrorCode.TOO_LARGE,
            message=f"the payload has {len(payload)} bytes, {limit} are allowed",
            mend="send less, or name a file on the node",
        )
    try:
        data = json.loads(payload.decode("utf-8")) if payload.strip() else {}
    except UnicodeDecodeError as wrong:
        return ErrorInfo(
            code=ErrorCode.BAD_JSON, message=f"the payload is not UTF-8 text: octet {wrong.start} is wrong", mend="send one JSON object"
        )
    except json.JSONDecodeError as wrong:
        where = f"line {wrong.lineno} column {wrong.colno}"
        return ErrorInfo(
            code=ErrorCode.BAD_JSON,
            message=f"the payload is not JSON: {wrong.msg}",
            where=where,
            mend='send one JSON object, {"campaign": "spring"}',
        )
    except (RecursionError, ValueError) as wrong:  # nested too deeply; a number of too many digits
        return ErrorInfo(code=ErrorCode.BAD_JSON, message=f"the payload cannot be read: {wrong}", mend="send one plain JSON object")
    if not isinstance(data, dict):
        return ErrorInfo(
            code=ErrorCode.BAD_JSON,
            message=f"the payload is a JSON {_kind(data)}, not an object",
            mend='send an object, {"campaign": "spring"}',
        )
    try:
        return model.model_validate_json(payload.strip() or b"{}", strict=True)
    except ValidationError as error:
        return explain(model, error)
    except (RecursionError, ValueError) as wrong:  # lone surrogates and the like, which the JSON reader of pydantic refuses
        return ErrorInfo(code=ErrorCode.BAD_JSON, message=f"the payload cannot be read: {wrong}", mend="send plain Unicode text")


def explain(model: type[BaseModel], error: ValidationError) -> ErrorInfo:
    """Every mistake that pydantic found, in words."""
    problems = tuple(_problem(model, dict(one)) for one in error.errors(include_url=False, include_context=True))
    first = problems[0]
    more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
    return ErrorInfo(
        code=ErrorCode.BAD_JSON if error.errors(include_url=False)[0]["type"] == "json_invalid" else ErrorCode.BAD_ARGUMENTS,
        message=f"{first.where}: {first.message}{more}" if first.where else f"{first.message}{more}",
        where=first.where,
        mend=first.mend,
        problems=problems if len(problems) > 1 else (),
    )


def _problem(model: type[BaseModel], one: dict[str, Any]) -> Problem:
    path: tuple[str | int, ...] = one["loc"]
    where = ".".join(str(part) for part in path)
    message = str(one["msg"]).removeprefix("Value error, ")
    mend = ""
    if one["type"] == "extra_forbidden":
        known = _fields(model, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        message = "this field is not known"
        mend = (
            f"did you mean {near[0]}?"
            if near
            else f"known are: {', '.join(known)}"
            if known
            else "leave it out: this verb takes no arguments"
        )
    elif one["type"] == "missing":
        message = "this field is missing"
        mend = f'add "{path[-1]}"'
    elif one["type"] == "json_invalid":
        message = str(one["msg"])
        mend = "send one JSON object"
    else:
        shown = json.dumps(one.get("input"), ensure_ascii=False, default=str)
        if len(shown) <= 60:
            message = f"{message} (got {shown})"
    return Problem(where=where[:200], message=message[:500], mend=mend[:500])


def _fields(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model that *path* leads to."""
    schema: dict[str, Any] = model.model_json_schema()
    definitions = schema.get("$defs", {})
    at: dict[str, Any] = schema
    for part in path:
        at = _resolve(at, definitions)
        if isinstance(part, int):
            at = at.get("items", {})
        else:
            at = at.get("properties", {}).get(part) or at.get("additionalProperties") or {}
        if not isinstance(at, dict):
            return []
    return sorted(_resolve(at, definitions).get("properties", {}))


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and the one real choice of an optional field."""
    for _ in range(8):
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
            continue
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if len(choices) != 1:
            break
        schema = choices[0]
    return schema


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "null")
