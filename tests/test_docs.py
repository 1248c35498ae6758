"""What README and docs/ show can be typed: commands and options exist, orders and files are valid, Python imports what there is.

Nothing is carried out; what an example does is tested beside the code it is about.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import typer.main
from commands import Command

import offhook_drivers
from offhook.cli.app import app
from offhook.cli.arguments import read_pairs
from offhook.control.verbs import VERBS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Place and text of every block in *language*."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            if found[1] == language:
                yield f"{page.name}:{text[: found.start()].count(chr(10)) + 2}", found[2]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every line of a block, or indented as one, that begins with ``offhook``: place and words."""
    for page in [*PAGES, ROOT / "examples" / "ctl.sh"]:
        inside = page.suffix == ".sh"
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            inside ^= line.startswith("```")
            shown = re.match(r"(?:\$ )?(offhook [a-z].*)$" if inside else r"    (offhook [a-z].*)$", line)
            if shown:
                words = shlex.split(shown[1].rstrip("&"), comments=True)[1:]
                yield f"{page.name}:{number}", [*itertools.takewhile(lambda word: not word.startswith((">", "|")), words)]


COMMANDS = list(commands())
OFFHOOK: Any = typer.main.get_command(app)


@pytest.mark.parametrize(("place", "words"), COMMANDS, ids=[place for place, _ in COMMANDS])
def test_a_command_that_is_shown_can_be_typed(place: str, words: list[str]) -> None:
    command = OFFHOOK
    rest = list(words)
    while getattr(command, "commands", None):
        assert rest[0] in command.commands, f"{place}: no command {rest[0]!r}"
        command = command.commands[rest.pop(0)]
    command.make_context("offhook", list(rest))  # reads every option and argument, and does nothing
    if words[0] == "ctl" and rest[0] != "help":
        verb = VERBS[rest[0]]
        given = [word for word in rest[1:] if "=" in word or word.startswith("{")]
        if "$" not in " ".join(given):
            order = read_pairs(given, verb.arguments)
            verb.arguments.model_validate({key: value for key, value in order.items() if value != "019c..."})


def test_pages_show_commands_at_all() -> None:
    assert len(COMMANDS) > 60


def test_python_that_is_shown_compiles_and_imports_what_there_is() -> None:
    count = 0
    for place, text in blocks("python"):
        tree = ast.parse(text, place)
        wanted = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(wanted, []), place, "exec"), {})
        count += len(wanted)
    assert count >= 5


def test_the_ten_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    audio, rate = soundfile.read(Path(offhook_drivers.__file__).parent / "clips" / "machine-en-leave.wav", dtype="int16")
    soundfile.write(tmp_path / "call.wav", audio, rate)
    monkeypatch.chdir(tmp_path)
    (text,) = [text for place, text in blocks("python") if place.startswith("README.md")]
    exec(compile(text, "README.md", "exec"), {})
    assert re.search(r"^ +\d+ ms  speech +-\d+\.\d dBm0  sure \d+%$", capsys.readouterr().out, flags=re.MULTILINE)


@pytest.mark.parametrize(("language", "read"), [("json", json.loads), ("toml", tomllib.loads)])
def test_files_that_are_shown_can_be_read(language: str, read: Any) -> None:
    found = list(blocks(language))
    assert found
    for place, text in found:
        try:
            read(text)
        except ValueError as wrong:
            pytest.fail(f"{place}: {wrong}")


@pytest.mark.parametrize(
    ("sign", "arguments", "says"),
    [
        ("[[trunk]]", ("route", "0453-1234567", "--routes"), "goes over telecom first"),
        ("[tone", ("tones", "check"), "hotel: valid"),
        ("regions = ", ("rules", "check"), "1 pack right"),
        ("[strategy.", ("strategy", "check"), "2 strategies right"),
        ("[goals]", ("template", "check"), "1 template right"),
    ],
)
def test_a_file_that_is_shown_does_what_it_is_for(
    offhook: Command, tmp_path: Path, sign: str, arguments: tuple[str, ...], says: str
) -> None:
    (text,) = [text for _, text in blocks("toml") if sign in text]
    (tmp_path / "shown.toml").write_text(text, encoding="utf-8")
    done = offhook(*arguments, tmp_path / "shown.toml")
    assert done.code == 0, done.err
    assert says in done.out + done.err


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, part in re.findall(r"\]\((?!https?:|#)([^)#\s]+)(?:#([^)\s]+))?\)", text):
            there = page.parent / target
            assert there.exists(), f"{page.name} links to {target}"
            if part and there.suffix == ".md":
                heads = re.findall(r"^#+ +(.*)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
                anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
                assert part in anchors, f"{page.name} links to {target}#{part}"
