"""Scenario files: what they may say, and how a wrong one is answered."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from offhook_drivers.audio import ClipError, active_level_dbm0, builtin_names, load_builtin, load_clip, to_8khz
from offhook_drivers.behaviours import KINDS
from offhook_drivers.callees import plan_call
from offhook_drivers.line import Faults, Line
from offhook_drivers.scenario import Scenario, ScenarioError
from offhook_drivers.spread import Spread

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples" / "scenarios").glob("*.toml"))
ONE = '[[behaviour]]\nkind = "busy"\nshare = 1\n'


def refused(text: str, folder: Path | None = None) -> str:
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(text, source="home.toml", folder=folder)
    return str(caught.value)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_can_be_loaded_and_dialled(path: Path) -> None:
    scenario = Scenario.load(path)
    for number in range(300):
        assert plan_call(scenario, f"138{number:08}", 1, 1).acts
    assert scenario.source == str(path)


@pytest.mark.parametrize(("example", "name"), [("cn-office-hours", "cn"), ("us", "us")])
def test_the_built_in_scenarios_are_there_as_examples_to_copy(example: str, name: str) -> None:
    built_in = ROOT / "hwdrivers" / "offhook_drivers" / "scenarios" / f"{name}.toml"
    assert built_in.read_bytes() == (ROOT / "examples" / "scenarios" / f"{example}.toml").read_bytes()


def test_built_in_scenarios_are_found_by_name() -> None:
    assert Scenario.names() == ["cn", "us"]
    assert Scenario.builtin("us").plan == "us"
    with pytest.raises(ScenarioError, match="no built-in scenario 'xx': there are cn, us"):
        Scenario.builtin("xx")


def test_the_page_names_every_kind_and_key() -> None:
    page = (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")
    models = [Line, Faults, *KINDS.values()]
    words = {field for model in models for field in model.model_fields} - {"kind"} | set(KINDS)
    assert [word for word in sorted(words) if f"`{word}`" not in page and f"[line.{word}]" not in page] == []


def test_an_unknown_key_names_the_line_and_what_is_allowed() -> None:
    message = refused('plan = "cn"\n[[behaviour]]\nkind = "person"\nshare = 1\ngreeting = ["person-zh-wei"]\nrings = 3\n')
    assert message.startswith("home.toml, line 6: behaviour.1.rings: unknown key; allowed here: again,")
    message = refused(f'plan = "cn"\n[line.faults]\necho = {{ loss = 3 }}\n{ONE}')
    assert "home.toml, line 3: line.faults.echo.loss: unknown key; allowed here: delay_ms, loss_db, share" in message


def test_the_second_behaviour_of_two_is_the_one_that_is_named() -> None:
    text = 'plan = "cn"\n[[behaviour]]\nkind = "busy"\nshare = 0.5\n[[behaviour]]\nkind = "busy"\nshare = 0.5\ntone_s = -1\n'
    assert refused(text) == "home.toml, line 8: behaviour.2.tone_s: -1 is outside 0 to 86400 s"


@pytest.mark.parametrize(("share", "says"), [(0.7, "0.3 too little"), (1, None), (0.9999, "0.0001 too little")])
def test_shares_that_do_not_make_one_are_refused_with_the_difference(share: float, says: str | None) -> None:
    text = f'plan = "cn"\n[[behaviour]]\nkind = "busy"\nshare = {share}\n'
    if says is None:
        assert Scenario.parse(text).behaviour[0].share == 1
    else:
        assert says in refused(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "not valid TOML"),
        (ONE, "plan: Field required"),
        ('plan = "cn"\n', "behaviour: Field required"),
        ('plan = "cn"\n[[behaviour]]\nkind = "busi"\nshare = 1\n', "kind must be one of announcement, busy,"),
        (f'plan = "cn"\n[line]\nlevel_dbm0 = {{ mean = 9, sd = 1 }}\n{ONE}', "line 3: line.level_dbm0: 9 is outside -70 to 3 dBm0"),
        (f'plan = "cn"\n[line]\npost_dial_s = {{ mean = 9 }}\n{ONE}', "mean and sd belong together"),
        (f'plan = "cn"\n[line]\npost_dial_s = {{ min = 9, max = 1 }}\n{ONE}', "min 9 is above max 1"),
        (f'plan = "cn"\n[line]\npost_dial_s = {{ choose = [1], max = 1 }}\n{ONE}', "choose stands alone"),
        (f'plan = "cn"\n[line]\npost_dial_s = {{ }}\n{ONE}', "give a number, {min, max}, {mean, sd} or {choose"),
        ('plan = "cn"\n[[behaviour]]\nkind = "vacant"\nshare = 1\n', "tone_share is 0.5 but announcement names no clip"),
        ('plan = "cn"\n[[behaviour]]\nkind = "silent"\nshare = 1\nmusic_share = 0.5\n', "music names no clip"),
        ('plan = "cn"\n[[behaviour]]\nkind = "machine"\nshare = 1\ngreeting = ["machine-zh"]\n', "near it: machine-zh-leave"),
        ('plan = "cn"\n[[behaviour]]\nkind = "machine"\nshare = 1\ngreeting = ["a.wav"]\n', "only built-in clips can be named here"),
    ],
)
def test_a_wrong_scenario_says_what_is_wrong(text: str, says: str) -> None:
    assert says in refused(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"gone\.toml: cannot be read"):
        Scenario.load(tmp_path / "gone.toml")
    bad = tmp_path / "gb.toml"
    bad.write_bytes('about = "办公时间"'.encode("gb18030"))
    with pytest.raises(ScenarioError, match="not UTF-8"):
        Scenario.load(bad)


# -- clips ------------------------------------------------------------------------------------------------------------------------


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 1000 * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def test_users_name_files_and_folders_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "hellos").mkdir()
    for name in ("b.wav", "a.flac"):
        soundfile.write(tmp_path / "hellos" / name, tone(8000), 8000)
    (tmp_path / "hellos" / "notes.txt").write_text("not audio")
    path = tmp_path / "own.toml"
    path.write_text('plan = "cn"\n[[behaviour]]\nkind = "person"\nshare = 1\ngreeting = ["hellos", "hellos/b.wav", "person-zh-*"]\n')
    scenario = Scenario.load(path)
    person = scenario.behaviour[0]
    assert person.kind == "person"
    names = [Path(clip.name).name for clip in scenario.clips_of(person.greeting)]
    assert names[:3] == ["a.flac", "b.wav", "b.wav"]
    assert names[3:] == [n for n in builtin_names() if n.startswith("person-zh-")]


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 11025])
def test_other_rates_are_brought_to_8_khz(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate), rate)
    clip = load_clip(path)
    assert abs(clip.seconds - 0.5) < 0.001
    assert abs(clip.level_dbm0 - active_level_dbm0(tone(8000))) < 0.1
    spectrum = np.abs(np.fft.rfft(clip.samples[400:-400].astype(float) * np.hanning(len(clip.samples) - 800)))
    assert abs(np.argmax(spectrum) / (len(clip.samples) - 800) * 8000 - 1000) < 5


def test_what_lies_above_4_khz_does_not_fold_back() -> None:
    high = (8000 * np.sin(2 * np.pi * 6000 * np.arange(8000) / 16000)).astype(np.int16)
    assert np.abs(to_8khz(high, 16000)[200:-200].astype(int)).max() < 40


def wav(data: bytes, promised: int | None = None, rate: int = 8000, channels: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data) if promised is None else promised) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"this is not audio at all", "not audio that can be read"),
        (b"", "not audio that can be read"),
        (wav(bytes(1000), promised=4000), "cut short .3000 octets missing."),
        (wav(b""), "holds no audio"),
        (wav(bytes(1000), rate=6000), "6000 Hz; a clip has 8000 to 192000 Hz: convert it"),
        (wav(bytes(1000), channels=2), "2 channels; make it mono"),
    ],
)
def test_a_clip_that_cannot_be_used_is_named_with_the_mend(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "hello.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClipError, match=says):
        load_clip(path)
    text = 'plan = "cn"\n[[behaviour]]\nkind = "person"\nshare = 1\ngreeting = ["hello.wav"]\n'
    message = refused(text, tmp_path)
    assert message.startswith("home.toml, line 5: behaviour 1 (person), greeting: ")
    assert "hello.wav" in message


def test_a_flac_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hello.flac"
    rng = np.random.default_rng(1)
    soundfile.write(path, rng.integers(-8000, 8000, 16000).astype(np.int16), 8000)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ClipError):
        load_clip(path)


def test_alaw_and_16_bit_files_come_through_unchanged(tmp_path: Path) -> None:
    samples = tone(8000)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    assert np.array_equal(load_clip(tmp_path / "a.wav").samples, samples)
    soundfile.write(tmp_path / "b.wav", samples, 8000, subtype="ALAW")
    again = load_clip(tmp_path / "b.wav").samples
    soundfile.write(tmp_path / "c.wav", again, 8000, subtype="ALAW")
    assert np.array_equal(load_clip(tmp_path / "c.wav").samples, again)


def test_the_clips_of_the_package_are_level_in_band_and_small() -> None:
    total = 0
    for name in builtin_names():
        clip = load_builtin(name)
        total += len(clip.samples)
        assert abs(clip.level_dbm0 + 20) < 1.5, name
        power = np.abs(np.fft.rfft(clip.samples.astype(float))) ** 2
        hz = np.fft.rfftfreq(len(clip.samples), 1 / 8000)
        assert power[(hz < 200) | (hz > 3500)].sum() < 0.02 * power.sum(), name
    assert total < 2.5 * 2**20


# -- spreads ----------------------------------------------------------------------------------------------------------------------


def test_a_spread_keeps_its_limits_and_its_mean() -> None:
    rng = random.Random(1)
    normal = Spread(mean=5, sd=2, min=1, max=9)
    drawn = [normal.draw(rng) for _ in range(4000)]
    assert min(drawn) >= 1 and max(drawn) <= 9
    assert abs(float(np.mean(drawn)) - 5) < 0.15
    assert {Spread(choose=(1, 2)).draw(rng) for _ in range(50)} == {1, 2}
    assert Spread.model_validate(3).draw(rng) == 3
    assert all(2 <= Spread(min=2, max=4).draw(rng) <= 4 for _ in range(100))
