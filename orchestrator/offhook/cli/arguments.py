"""``key=value`` and JSON on the command line, and where the configuration is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.output import CommandError, Exit

if TYPE_CHECKING:
    from pydantic import BaseModel

    from offhook.config import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="OFFHOOK_CONFIG", help="Configuration; else ./offhook.toml, /etc/offhook/offhook.toml, defaults."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on the last line of stdout.")]

SEARCHED = (Path("offhook.toml"), Path("/etc/offhook/offhook.toml"))


def load_settings(config: Path | None) -> Settings:
    """The configuration named, or the first that is found, or all defaults.

    Raises:
        ConfigError: It is wrong.
    """
    from offhook.config import Settings

    return Settings.load(config or next((path for path in SEARCHED if path.is_file()), None))


def read_pairs(words: Iterable[str], model: type[BaseModel] | None = None) -> dict[str, Any]:
    """Arguments of a command from ``key=value`` words and JSON objects, later ones winning.

    A value is JSON where it reads as such, else text: ``lines=60 title=Spring dtmf='{"1": "yes"}'``. Dots reach inside:
    ``answer.machine=hangup``. Where *model* wants text, a value stays text: ``caller_id=02112345``.

    Raises:
        CommandError: A word is neither.
    """
    found: dict[str, Any] = {}
    for word in words:
        if word.lstrip().startswith("{"):
            try:
                data = json.loads(word)
            except json.JSONDecodeError as wrong:
                raise CommandError(f"{word!r} is not JSON: {wrong.msg} at column {wrong.colno}", Exit.USAGE) from None
            found.update(data)
            continue
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise CommandError(f"{word!r} is neither key=value nor a JSON object", Exit.USAGE)
        *outer, last = key.split(".")
        inside = found
        for part in outer:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise CommandError(f"{word!r}: {part} has a value already", Exit.USAGE)
        inside[last] = text if model is not None and _wants_text(model, [*outer, last]) else _value(text)
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value


def _wants_text(model: type[BaseModel], path: list[str]) -> bool:
    """Whether the field that *path* leads to takes text and nothing else, or text or nothing."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    at: dict[str, Any] = schema
    for part in path:
        choices = [_resolved(one, definitions) for one in at.get("anyOf", [at])]
        inner = next((one for one in choices if part in one.get("properties", {})), None)
        if inner is not None:
            at = _resolved(inner["properties"][part], definitions)
        else:
            extra = next((one["additionalProperties"] for one in choices if isinstance(one.get("additionalProperties"), dict)), None)
            if extra is None:
                return False
            at = _resolved(extra, definitions)
    kinds = {_resolved(one, definitions).get("type") for one in at.get("anyOf", [at])}
    return "string" in kinds and kinds <= {"string", "null"}


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    return schema
