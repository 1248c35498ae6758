"""Tone plans of an operator's own, as TOML; the format is in ``docs/file-formats.md``."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from offhook_core import plans
from offhook_core.enums import Tone
from offhook_core.plans import Plan, Segment, ToneSpec
from offhook_core.tone_plan import TonePlan

LOWEST_HZ, HIGHEST_HZ, MOST_AM_HZ = 100, 3400, 200
MOST_ROWS, MOST_SEGMENTS, MOST_SINES = 254, 64, 4
LONGEST_MS = 60_000
MOST_OCTETS = 1 << 20
TONES = tuple(tone for tone in Tone if Tone.NONE < tone <= Tone.WARNING and tone != Tone.SIT_US)
"""What a row may mean; the other signals have detectors of their own."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_TOP_KEYS = ("name", "country", "tone")
_ROW_KEYS = ("tone", "hz", "am_hz", "once_ms", "cadence_ms", "once", "loop", "source")
_SEGMENT_KEYS = ("hz", "am_hz", "ms")


class PlanError(ValueError):
    """A plan file cannot be used. The message names file, line, key and mend."""


class _Reader:
    """Checks one file and knows where each key stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._heads = [number for number, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*tone\s*\]\]", line)]

    def fail(self, row: int | None, key: str, why: str) -> NoReturn:
        place = f"{self._path}:{self._line(row, key) + 1}"
        where = "" if row is None else f"tone {row + 1}: "
        raise PlanError(f"{place}: {where}{key}: {why}" if key else f"{place}: {where}{why}")

    def _line(self, row: int | None, key: str) -> int:
        first, last = 0, self._heads[0] if self._heads else len(self._lines)
        if row is not None and row < len(self._heads):
            first = self._heads[row]
            last = self._heads[row + 1] if row + 1 < len(self._heads) else len(self._lines)
        name = re.escape(key.split("[")[0])
        for number in range(first, last):
            if key and re.match(rf"""\s*["']?{name}["']?\s*=""", self._lines[number]):
                return number
        return first

    def keys(self, row: int | None, found: dict[str, Any], known: tuple[str, ...], inside: str = "") -> None:
        for key in found:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                self.fail(row, inside or key, f"{f'{key!r} is ' if inside else ''}no such key; {hint}allowed: {', '.join(known)}")

    def whole(self, row: int, key: str, value: Any, least: int, most: int, unit: str) -> int:
        if isinstance(value, float) and value == int(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(row, key, f"{value!r} is no whole number of {unit}")
        if not least <= value <= most:
            self.fail(row, key, f"{value} {unit} is not between {least} and {most}")
        return value

    def text(self, row: int | None, key: str, value: Any, longest: int) -> str:
        if not isinstance(value, str) or len(value) > longest or any(ord(char) < 32 for char in value):
            self.fail(row, key, f"must be one line of text of at most {longest} characters")
        return value

    def list_of(self, row: int, key: str, value: Any, most: int, what: str) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self.fail(row, key, f"must be a list of 1 to {most} {what}")
        return value

    def sines(self, row: int, key: str, value: Any) -> tuple[int, ...]:
        listed = self.list_of(row, key, value if isinstance(value, list) else [value], MOST_SINES, "frequencies, e.g. hz = [450]")
        hz = tuple(self.whole(row, key, one, LOWEST_HZ, HIGHEST_HZ, "Hz") for one in listed)
        if len(set(hz)) < len(hz):
            self.fail(row, key, "names a frequency twice; once is enough")
        return hz

    def modulation(self, row: int, key: str, value: Any, hz: tuple[int, ...]) -> int:
        am_hz = self.whole(row, key, value, 0, MOST_AM_HZ, "Hz")
        if am_hz and len(hz) != 1:
            self.fail(row, key, f"modulation needs exactly one frequency, not {len(hz)}; write the sines alone")
        return am_hz

    def tone(self, row: int, value: Any) -> Tone:
        names = [tone.name.lower() for tone in TONES]
        if not isinstance(value, str) or value not in names:
            close = difflib.get_close_matches(str(value).lower(), names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(repr(one) for one in close)}? " if close else ""
            self.fail(row, "tone", f"{value!r} is no tone; {hint}allowed: {', '.join(names)}")
        return Tone[value.upper()]

    def segments(self, row: int, key: str, value: Any) -> tuple[Segment, ...]:
        """``once`` or ``loop``: tables of a segment each."""
        made = []
        for number, entry in enumerate(self.list_of(row, key, value, MOST_SEGMENTS, "segments, e.g. { hz = [950], ms = 330 }")):
            place = f"{key}[{number}]"
            if not isinstance(entry, dict):
                self.fail(row, place, "must be a table, e.g. { hz = [950], ms = 330 }, or { ms = 1000 } for silence")
            self.keys(row, entry, _SEGMENT_KEYS, place)
            hz = self.sines(row, place, entry["hz"]) if "hz" in entry else ()
            am_hz = self.modulation(row, place, entry.get("am_hz", 0), hz)
            made.append(Segment(hz, am_hz, self.whole(row, place, entry["ms"], 1, LONGEST_MS, "ms") if "ms" in entry else 0))
        return tuple(made)

    def on_off(self, row: int, key: str, value: Any, hz: tuple[int, ...], am_hz: int) -> tuple[Segment, ...]:
        """``once_ms`` or ``cadence_ms``: on, off, on, off ..."""
        listed = self.list_of(row, key, value, MOST_SEGMENTS, "times in ms: on, off, on, off ...")
        if len(listed) % 2:
            self.fail(row, key, f"{len(listed)} times; each on needs its off: add the last pause")
        times = [self.whole(row, key, one, 1, LONGEST_MS, "ms") for one in listed]
        return tuple(Segment((), 0, ms) if number % 2 else Segment(hz, am_hz, ms) for number, ms in enumerate(times))

    def row(self, row: int, found: Any) -> ToneSpec:
        if not isinstance(found, dict):
            self.fail(row, "", "a row begins with a line [[tone]]")
        self.keys(row, found, _ROW_KEYS)
        if "tone" not in found:
            self.fail(row, "", 'no tone; say what the row means, e.g. tone = "busy"')
        tone = self.tone(row, found["tone"])
        if "hz" in found:
            for key in ("once", "loop"):
                if key in found:
                    self.fail(
                        row, key, "stands beside hz; segments have their own hz: use once_ms and cadence_ms, or remove hz from the row"
                    )
            hz = self.sines(row, "hz", found["hz"])
            am_hz = self.modulation(row, "am_hz", found.get("am_hz", 0), hz)
            once = self.on_off(row, "once_ms", found["once_ms"], hz, am_hz) if "once_ms" in found else ()
            loop = self.on_off(row, "cadence_ms", found["cadence_ms"], hz, am_hz) if "cadence_ms" in found else (Segment(hz, am_hz, 0),)
        elif "once" in found or "loop" in found:
            for key in ("am_hz", "once_ms", "cadence_ms"):
                if key in found:
                    self.fail(row, key, "belongs to a row with hz; write it into the segments")
            once = self.segments(row, "once", found["once"]) if "once" in found else ()
            loop = self.segments(row, "loop", found["loop"]) if "loop" in found else ()
        else:
            self.fail(row, "", "no sound; give hz = [450] and cadence_ms = [350, 350], or loop = [{ hz = [450], ms = 350 }, { ms = 350 }]")
        if len(once) + len(loop) > MOST_SEGMENTS:
            self.fail(row, "once" if once else "loop", f"{len(once) + len(loop)} segments together; at most {MOST_SEGMENTS}")
        return ToneSpec(tone, once, loop, self.text(row, "source", found.get("source", self._path.name), 500), False, False)

    def plan(self, found: dict[str, Any]) -> Plan:
        self.keys(None, found, _TOP_KEYS)
        name = found.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fail(None, "name", 'give the plan a name of 1 to 32 small letters, digits and . _ -, e.g. name = "cn-hotel"')
        if name in plans.names() or name.startswith("auto"):
            self.fail(
                None,
                "name",
                f'{name!r} is the name of a built-in plan; choose another, e.g. name = "{name}-own"'.replace('"auto', '"my-auto'),
            )
        rows = found.get("tone")
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
            self.fail(None, "tone", f"a plan has 1 to {MOST_ROWS} rows, each begun with a line [[tone]]")
        country = self.text(None, "country", found.get("country", ""), 100)
        return Plan(name, country, tuple(self.row(number, one) for number, one in enumerate(rows)))


def parse(text: str, path: Path) -> Plan:
    """The plan that the text of a file says.

    Raises:
        PlanError: It says none.
    """
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        line = re.search(r"line (\d+)", str(wrong))
        raise PlanError(f"{path}:{line[1] if line else 1}: no TOML: {wrong}; see docs/file-formats.md, Tone plan") from None
    reader = _Reader(path, text)
    made = reader.plan(found)
    try:
        TonePlan(made)
    except plans.RowError as wrong:
        reader.fail(wrong.row, "", wrong.why)
    return made


def read(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        PlanError: There is no such file, it cannot be read, or it says no plan.
    """
    try:
        octets = path.read_bytes() if path.stat().st_size <= MOST_OCTETS else b""
    except OSError as wrong:
        raise PlanError(f"{path}: cannot be read: {wrong.strerror or wrong}") from None
    if not octets:
        raise PlanError(f"{path}: empty, or over {MOST_OCTETS} octets: this is no tone plan; see docs/file-formats.md, Tone plan")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise PlanError(f"{path}:{octets[: wrong.start].count(10) + 1}: not UTF-8; save the file as UTF-8") from None
    return parse(text, path)


def row_text(row: ToneSpec) -> str:
    """A row as it stands in a file; :func:`parse` reads it back as it was."""
    lines = ["[[tone]]", f'tone = "{row.tone.name.lower()}"']
    sound = {(one.hz, one.am_hz) for one in row.once + row.loop if one.hz}
    if len(sound) == 1 and _on_off(row.once) and (_on_off(row.loop) or row.loop == (Segment(*next(iter(sound)), 0),)):
        hz, am_hz = next(iter(sound))
        lines.append(f"hz = {list(hz)}")
        lines += [f"am_hz = {am_hz}"] if am_hz else []
        lines += [f"once_ms = {[one.duration_ms for one in row.once]}"] if row.once else []
        lines += [f"cadence_ms = {[one.duration_ms for one in row.loop]}"] if row.loop[0].duration_ms else []
    else:
        for key, segments in (("once", row.once), ("loop", row.loop)):
            if segments:
                lines.append(f"{key} = [{', '.join(_segment_text(one) for one in segments)}]")
    return "\n".join([*lines, f"source = {json.dumps(row.source, ensure_ascii=False)}"]) + "\n"


def plan_text(plan: Plan) -> str:
    """A whole plan as a file."""
    head = f"name = {json.dumps(plan.name)}\ncountry = {json.dumps(plan.country, ensure_ascii=False)}\n"
    return "\n".join([head, *(row_text(row) for row in plan.tones)])


def _on_off(segments: tuple[Segment, ...]) -> bool:
    return len(segments) % 2 == 0 and all(bool(one.hz) == (n % 2 == 0) and one.duration_ms for n, one in enumerate(segments))


def _segment_text(one: Segment) -> str:
    parts = [f"hz = {list(one.hz)}"] if one.hz else []
    parts += [f"am_hz = {one.am_hz}"] if one.am_hz else []
    parts += [f"ms = {one.duration_ms}"] if one.duration_ms else []
    return "{ " + ", ".join(parts) + " }"
