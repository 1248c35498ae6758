"""Mistakes in what people wrote, as they are told: the place, the key, what is wrong and what to write instead."""

from __future__ import annotations

import difflib
import re
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from offhook_drivers import PriSettings, ReplaySettings, SimulatorSettings

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.\"']+(?:\s*\.\s*[A-Za-z0-9_\-\"']+)*)\s*=")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of every key and table header of a TOML text, by path; a table of an array has its number in the path, and the first one also
    goes by the array's name. Keys inside inline tables are not listed; their table is.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    count: dict[tuple[str, ...], int] = {}
    fence = ""
    for at, line in enumerate(text.splitlines(), 1):
        if fence:  # inside a multi-line string
            fence = "" if fence in line else fence
            continue
        if header := _HEADER.match(line):
            table = ()
            for part in header[1].split("."):
                table = (*table, part.strip(" \"'"))
                if table in count and (len(table) < header[1].count(".") + 1):
                    table = (*table, str(count[table]))  # inside the newest of an array
            lines.setdefault(table, at)
            if line.lstrip().startswith("[["):
                count[table] = count.get(table, -1) + 1
                table = (*table, str(count[table]))
                lines.setdefault(table, at)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *(part.strip(" \"'") for part in key[1].split("."))), at)
            rest = line[key.end() :]
            fence = next((q for q in ('"""', "'''") if rest.count(q) == 1), "")
    return lines


def _known(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """Keys allowed in the section that *path* names."""
    for part in path:
        if part.isdigit():  # the number of a table in an array
            continue
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        inner = get_args(inner)[0] if get_origin(inner) in (tuple, list) else inner
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


_DRIVERS = {get_args(one.model_fields["name"].annotation)[0]: one for one in (SimulatorSettings, ReplaySettings, PriSettings)}


def explain(error: ValidationError, source: str, text: str, model: type[BaseModel]) -> str:
    """One line per mistake: place, key, what is wrong, what to write instead.

    Args:
        error: What pydantic found.
        source: The file, or whatever the values came from.
        text: Its TOML text, to find the lines; may be empty.
        model: What was to be read.
    """
    lines = key_lines(text)
    said = []
    for mistake in error.errors(include_url=False):
        path = tuple(str(part) for part in mistake["loc"])
        place = path
        if path[:1] == ("driver",) and len(path) > 2:  # the discriminator's own step in the path is not in the file
            place = (path[0], *path[2:])
        at = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)
        where = f"{source}:{at}" if at else source
        key = ".".join(place)
        if mistake["type"] == "extra_forbidden":
            known = _driver_keys(path) if path[:1] == ("driver",) else _known(model, path[:-1])
            close = difflib.get_close_matches(place[-1], known, 1)
            mend = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}" if known else "remove it"
            said.append(f"{where}: unknown key '{key}': {mend}")
        elif path == ("driver",) and mistake["type"].startswith("union_tag"):
            said.append(f"{where}: {key}: say which driver with name = one of {', '.join(_DRIVERS)}; see docs/drivers.md")
        else:
            reason = mistake["msg"].removeprefix("Value error, ")
            given = mistake.get("input")
            shown = f" (given: {given!r})" if not isinstance(given, dict) else ""
            said.append(f"{where}: {key}: {reason}{shown}" if key else f"{where}: {reason}")
    return "\n".join(said)


def _driver_keys(path: tuple[str, ...]) -> list[str]:
    return list(_DRIVERS[path[1]].model_fields) if len(path) > 1 and path[1] in _DRIVERS else []
