"""The configuration: every mistake names the file, the line and the mend."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from offhook.config import Settings
from offhook.errors import ConfigError
from offhook.mistakes import key_lines


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "offhook.toml"


def test_an_empty_file_runs_the_simulator_with_defaults(config: Path) -> None:
    config.write_text("")
    settings = Settings.load(config)
    assert settings.driver.name == "simulator"
    assert settings.control.mode == "embedded"
    assert settings.database_url == "sqlite:///offhook-data/offhook.db"


def test_the_example_is_valid_and_names_every_section() -> None:
    example = Path(__file__).parents[1] / "examples" / "offhook.toml"
    settings = Settings.load(example)
    assert settings.node.name
    for section in Settings.model_fields:
        assert f"[{section}]" in example.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[core]\nplan = "zz"\n', ":2: core.plan: unknown tone plan 'zz': did you mean 'zw'"),
        ('[node]\nname = "n1"\n\n[core]\nplann = "cn"\n', ":5: unknown key 'core.plann': did you mean 'plan'?"),
        ('[contrl]\nmode = "off"\n', ":1: unknown key 'contrl': did you mean 'control'?"),
        ("[core]\n# a comment\nfifo = 120\n", ":3: core.fifo: Input should be less than or equal to 99 (given: 120)"),
        ('[node]\nname = "Node One"\n', ":2: node.name:"),
        ('[database]\nurl = "mysql://x"\n', ":2: database.url: use sqlite:///path/to/file.db"),
        ('[control]\nmode = "external"\n', ":1: control: mode external needs url"),
        ('[driver]\nname = "dahdi"\n', ":1: driver: say which driver with name = one of simulator, replay, pri"),
        ('[driver]\nkind = "simulator"\n', ":1: driver: say which driver with name = one of simulator, replay, pri"),
        ('[driver]\nname = "simulator"\nspan = 4\n', ":3: unknown key 'driver.span': did you mean 'spans'?"),
        ('[driver]\nname = "simulator"\nspans = "many"\n', ":3: driver.spans: Input should be a valid integer"),
        ("limits = { calls_per_second = 0 }\n", ":1: limits.calls_per_second: Input should be greater than 0"),
        ("[node\n", "not TOML"),
    ],
)
def test_a_mistake_names_the_line_and_the_mend(config: Path, text: str, expected: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Settings.load(config)
    assert str(config) in str(caught.value)
    assert expected in str(caught.value)


def test_all_mistakes_are_told_at_once(config: Path) -> None:
    config.write_text("[core]\nplan = 3\n[limits]\nchannels = -1\ncalls = 2\n")
    with pytest.raises(ConfigError) as caught:
        Settings.load(config)
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_and_a_binary_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Settings.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Settings.load(tmp_path / "binary.toml")


def test_the_environment_goes_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('[node]\nname = "from-file"\npoll_s = 2.0\n')
    monkeypatch.setenv("OFFHOOK_NODE__NAME", "from-env")
    settings = Settings.load(config)
    assert settings.node.name == "from-env"
    assert settings.node.poll_s == 2.0
    monkeypatch.setenv("OFFHOOK_CORE__FIFO", "500")
    with pytest.raises(ConfigError, match=r"core\.fifo"):
        Settings.load(config)


def test_settings_are_frozen(config: Path) -> None:
    config.write_text("")
    with pytest.raises(ValueError, match="frozen"):
        Settings.load(config).node.name = "x"  # type: ignore[misc]


def test_lines_are_found_past_multi_line_strings_and_dotted_keys() -> None:
    text = 'a.b = 1\n[t]\ntext = """\n[fake]\nx = 1\n"""\ny = 2\n["q x"]\nz = 3\n'
    lines = key_lines(text)
    assert lines[("a", "b")] == 1
    assert lines[("t",)] == 2
    assert lines[("t", "y")] == 7
    assert lines[("q x", "z")] == 9
    assert ("fake",) not in lines


def test_the_reference_page_names_every_key() -> None:
    page = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section, field in Settings.model_fields.items():
        for model in get_args(field.annotation) or (field.annotation,):
            if isinstance(model, type) and issubclass(model, BaseModel):
                for key in model.model_fields:
                    assert f"| `{key}` |" in page.split(f"## `[{section}]`", 1)[1], f"[{section}] {key}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:////var/lib/offhook.db", "sqlite:////var/lib/offhook.db"),
        ("sqlite+aiosqlite:////var/lib/offhook.db", "sqlite:////var/lib/offhook.db"),
        ("postgresql://ann@host/calls", "postgresql+psycopg://ann@host/calls"),
        ("postgresql+psycopg://ann@host/calls", "postgresql+psycopg://ann@host/calls"),
    ],
)
def test_a_database_may_be_named_without_its_driver(written: str, meant: str) -> None:
    assert Settings.model_validate({"database": {"url": written}}).database_url == meant
