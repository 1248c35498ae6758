"""Tone plans of one's own, merged plans, and what check and learn make of them (issue: every national plan)."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offhook.config import CoreSettings
from offhook.tones.check import findings, listen
from offhook.tones.chosen import tone_plan
from offhook.tones.learn import LearnError, learn
from offhook.tones.render import sound
from offhook_core import (
    CallAnalyzer,
    Detect,
    Engine,
    Event,
    Plan,
    PlanError,
    Segment,
    Tone,
    TonePlan,
    ToneSpec,
    plan_auto,
    plan_file,
    plans,
)
from offhook_core.plan_choice import resolve

OWN = """\
name = "hotel"
country = "Hotel exchange"

[[tone]]
tone = "busy"
hz = [520]
cadence_ms = [300, 300]
source = "measured"

[[tone]]
tone = "ringback"
hz = [450]
am_hz = 25
once_ms = [200, 200]
cadence_ms = [1000, 3000]

[[tone]]
tone = "sit"
loop = [{ hz = [950], ms = 330 }, { hz = [1400], ms = 330 }, { hz = [1800], ms = 330 }, { ms = 1000 }]

[[tone]]
tone = "dial"
hz = [350, 440]
"""


def spec(tone: Tone, hz: tuple[int, ...], *times: int) -> ToneSpec:
    return ToneSpec(tone, (), tuple(Segment(() if n % 2 else hz, 0, ms) for n, ms in enumerate(times or (0,))), "test", False, False)


def told(plan: Any, row: ToneSpec, seconds: float = 8.0) -> list[Event]:
    with CallAnalyzer(plan, law="linear", detectors=Detect.TONES | Detect.SIT) as analyzer:
        events = analyzer.push(sound(row, seconds)) + analyzer.flush()
    return [event for event in events if event.kind.name == "TONE" and not event.provisional]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "hotel.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_plan_file_is_heard_wherever_a_plan_is_named(own: Path) -> None:
    busy = spec(Tone.BUSY, (520,), 300, 300)
    assert told("cn", busy) == []
    for which in (own, str(own), plan_file.read(own), resolve(own)):
        event = told(which, busy)[0]
        assert (event.name, event.row) == ("busy", 0)


def test_the_memory_of_a_plan_lives_as_long_as_the_engine(own: Path) -> None:
    with Engine(1, "cn", law="linear") as engine:
        engine.reset(0, 1, resolve(own))
        gc.collect()
        engine.reset(0, 1, own)
        gc.collect()
        names = []
        for frame in sound(spec(Tone.BUSY, (520,), 300, 300), 4)[: 160 * 190].reshape(-1, 160):
            engine.tick(np.ascontiguousarray(frame))
            names += [event.name for event in engine.poll() if not event.provisional]
    assert "busy" in names


def test_every_built_in_plan_comes_back_from_its_toml() -> None:
    for name in plans.names():
        plan = replace(plans.plan(name), name=f"x-{name}")
        back = plan_file.parse(plan_file.plan_text(plan), Path("x.toml"))
        assert [(r.tone, r.once, r.loop, r.source) for r in back.tones] == [(r.tone, r.once, r.loop, r.source) for r in plan.tones]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"busy"', '"bussy"', 5, "did you mean 'busy'"),
        ("hz = [520]", "hz = [99]", 6, "hz: 99 Hz is not between 100 and 3400"),
        ("hz = [520]", "hz = [3401]", 6, "3401 Hz"),
        ("hz = [520]", "hz = [true]", 6, "no whole number"),
        ("hz = [520]", "hz = [520, 520]", 6, "twice"),
        ("hz = [520]", "freq = [520]", 6, "no such key"),
        ("[300, 300]", "[300]", 7, "each on needs its off"),
        ("[300, 300]", "[300, 0]", 7, "0 ms is not between 1 and 60000"),
        ("[300, 300]", f"{[100] * 66}", 7, "1 to 64"),
        ("am_hz = 25", "am_hz = 900", 13, "900 Hz"),
        ("hz = [450]", "hz = [450, 400]", 13, "exactly one frequency"),
        ("{ ms = 1000 }]", "{ ms = 1000 }, { ms = 5 }]", 17, "silence after silence"),
        ("{ hz = [950], ms = 330 }, { hz", "{ hz = [950] }, { hz", 17, "for ever"),
        ("{ ms = 1000 }", "{ mz = 1000 }", 19, "'mz' is no such key"),
        ('name = "hotel"', 'name = "cn"', 1, "built-in"),
        ('name = "hotel"', 'name = "Hotel 1"', 1, "small letters"),
        ('name = "hotel"', 'name = "hotel', 1, "no TOML"),
        ('name = "hotel"', 'nome = "hotel"', 1, "did you mean 'name'"),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_mend(old: str, new: str, line: int, words: str) -> None:
    assert old in OWN
    with pytest.raises(PlanError) as error:
        plan_file.parse(OWN.replace(old, new, 1), Path("hotel.toml"))
    assert str(error.value).startswith(f"hotel.toml:{line}: ")
    assert words in str(error.value)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.integers(0, len(OWN)), st.text(max_size=6)).map(
            lambda t: (OWN[: t[0]] + t[1] + OWN[t[0] + 2 :]).encode("utf-8", "replace")
        ),
    )
)
def test_any_octets_are_a_plan_or_a_plan_error(octets: bytes) -> None:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return
    try:
        made = plan_file.parse(text, Path("x.toml"))
    except PlanError as error:
        assert str(error).startswith("x.toml:")
    else:
        assert TonePlan(made).pointer.count == len(made.tones)


def test_a_missing_empty_or_foreign_file_is_refused(tmp_path: Path) -> None:
    for name, octets in (("none", None), ("empty", b""), ("latin", b'name = "\xe4"'), ("folder", None)):
        path = tmp_path / name
        if octets is not None:
            path.write_bytes(octets)
        if name == "folder":
            path.mkdir()
        with pytest.raises(PlanError, match=name):
            plan_file.read(path)


def test_a_plan_the_matcher_cannot_use_is_refused_in_python_too() -> None:
    with pytest.raises(plans.RowError, match="begins with silence"):
        TonePlan(Plan("bad", "", (ToneSpec(Tone.BUSY, (), (Segment((), 0, 5), Segment((400,), 0, 5)), "", False, False),)))
    with pytest.raises(ValueError, match="0 rows"):
        TonePlan(Plan("bad", "", ()))


def test_auto_hears_the_tones_of_each_of_its_countries() -> None:
    for name in ("cn", "us", "gb"):
        row = next(row for row in plans.plan(name).tones if row.tone is Tone.BUSY)
        assert [event.name for event in told("auto:cn,us,gb", row)][:1] == ["busy"]
    merged = plan_auto.merged("auto:cn,us,gb")
    assert len({(row.once, row.loop) for row in merged.tones}) == len(merged.tones)


def test_every_region_makes_a_plan_and_every_country_has_one() -> None:
    listed = " ".join(plan_auto.REGIONS.values()).split()
    assert sorted(listed) == plans.names()
    for which in ("auto", *(f"auto:{region}" for region in plan_auto.REGIONS)):
        assert 0 < TonePlan(plan_auto.merged(which)).pointer.count <= 254
    with pytest.raises(ValueError, match="did you mean 'europe'"):
        resolve("auto:europa")


def test_the_most_used_name_of_a_pattern_counts_and_the_others_are_told() -> None:
    shared = [row for row in plan_auto.merged("auto:europe").tones if row.conflict]
    assert any("busy in" in row.source or "congestion in" in row.source for row in shared)


def test_auto_prefers_call_results_and_leaves_out_what_would_hold_up_dial_tone() -> None:
    shared = next(row for row in plan_auto.merged("auto").tones if "dial_special in" in row.source)
    assert shared.tone not in plan_auto.KIN_OF_DIAL
    long = {"jm", "sz"}  # unobtainable of 3 s and 4.8 s
    for name in long:
        assert any(s.hz and s.duration_ms > 2600 for row in plans.plan(name).tones for s in row.loop)
        assert any(s.hz and s.duration_ms > 2600 for row in plan_auto.merged(f"auto:{name}").tones for s in row.loop)
    assert not any(s.hz and s.duration_ms > 2600 for row in plan_auto.merged("auto").tones for s in row.loop)


def test_check_finds_rows_that_cannot_be_told_apart() -> None:
    busy, near = spec(Tone.BUSY, (425,), 500, 500), spec(Tone.CONGESTION, (425,), 440, 440)
    assert findings(TonePlan(Plan("p", "", (busy, spec(Tone.RINGBACK, (425,), 1000, 4000))))) == []
    alike = findings(TonePlan(Plan("p", "", (busy, spec(Tone.CONGESTION, (430,), 480, 500)))))
    assert [(one.kind, one.rows, one.margin) for one in alike] == [("alike", (0, 1), 0.0)]
    assert [one.kind for one in findings(TonePlan(Plan("p", "", (busy, near))))][:1] == ["near"]
    assert [one.kind for one in findings(TonePlan(Plan("p", "", (busy, busy))))] == ["double"]


def test_rows_of_the_chinese_plan_are_heard_as_themselves() -> None:
    heard = {one.tone: one.heard for one in listen(TonePlan.built_in("cn")) if one.tone in ("busy", "congestion", "ringback", "dial")}
    assert heard == {name: name for name in ("busy", "congestion", "ringback", "dial")}


@pytest.mark.parametrize(
    ("row", "guess"),
    [
        (spec(Tone.BUSY, (521,), 310, 290), Tone.BUSY),
        (spec(Tone.RINGBACK, (440, 480), 2000, 4000), Tone.RINGBACK),
        (spec(Tone.RINGBACK, (400, 450), 400, 200, 400, 2000), Tone.RINGBACK),
        (spec(Tone.DIAL, (350, 440)), Tone.DIAL),
        (spec(Tone.CONGESTION, (425,), 250, 250), Tone.CONGESTION),
    ],
)
def test_a_tone_is_learnt_to_one_hertz_and_some_milliseconds(row: ToneSpec, guess: Tone) -> None:
    rng = np.random.default_rng(3)
    audio = np.concatenate([np.zeros(4000), sound(row, 16, -18)]) + rng.normal(0, 25, 4000 + 16 * 8000)
    found = learn(audio.round().astype(np.int16), "rec.wav")
    assert found.row.tone is guess
    assert found.guessed
    for one, segment in zip(found.hz, (s for s in row.loop if s.hz), strict=True):
        assert one == pytest.approx(segment.hz, abs=1.0)
    assert found.cadence_ms == pytest.approx([s.duration_ms for s in row.loop if s.duration_ms], abs=12)
    assert found.level_dbm0 == pytest.approx(-18, abs=0.6)


def test_modulation_is_learnt() -> None:
    row = ToneSpec(Tone.RINGBACK, (), (Segment((425,), 25, 1000), Segment((), 0, 3000)), "", False, False)
    found = learn(sound(row, 14), "rec.wav", Tone.RINGBACK)
    assert found.hz[0] == pytest.approx((425,), abs=1.0)
    assert found.row.loop[0].am_hz == pytest.approx(25, abs=1)


def test_what_is_no_tone_is_refused() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2000, 40000).astype(np.int16)
    melody = np.concatenate([sound(spec(Tone.BUSY, (hz,)), 0.2 + 0.13 * (hz % 5)) for hz in rng.integers(300, 1200, 25).tolist()])
    for audio in (noise, melody, np.zeros(40000, np.int16), np.zeros(100, np.int16), sound(spec(Tone.BUSY, (450,), 350, 60000), 4)):
        with pytest.raises(LearnError):
            learn(audio, "rec.wav")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(2400, 30000), st.floats(1, 40))
def test_any_audio_is_learnt_or_refused(seed: int, size: int, width: float) -> None:
    rng = np.random.default_rng(seed)
    sway = np.cumsum(rng.normal(0, width, size)) + 2 * np.pi * 500 * np.arange(size)
    audio = 8000 * np.sin(sway / 8000) + rng.normal(0, 20, size)
    with contextlib.suppress(LearnError):
        assert learn(audio.round().astype(np.int16), "rec.wav").rounds >= 0


def test_learn_and_check_and_analyze_work_from_the_shell(tmp_path: Path, offhook: Command) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", sound(spec(Tone.BUSY, (521,), 310, 290), 8), 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "b.wav", sound(spec(Tone.DIAL, (350, 440)), 4), 8000, subtype="PCM_16")
    plan = tmp_path / "own.toml"
    assert offhook("tones", "learn", tmp_path / "a.wav", "--tone", "busy", "--name", "pbx", "--out", plan).code == 0
    assert offhook("tones", "learn", tmp_path / "b.wav", "--out", plan, "--json").object["files"][0]["tone"] == "dial"
    found = offhook("tones", "check", plan, "--json").object
    assert (found["ok"], found["name"], found["tones"], found["findings"]) == (True, "pbx", 2, [])
    assert offhook("tones", "show", plan, "--json").object["tones"][0]["loop"][0]["hz"] == [521]
    heard = offhook("analyze", tmp_path / "a.wav", "--plan", plan, "--json").object["files"][0]["events"]
    assert "busy" in [event["name"] for event in heard]
    plan.write_text(plan.read_text().replace("busy", "bussy"))
    refused = offhook("tones", "check", plan)
    assert refused.code == 1
    assert "own.toml:5: tone 1: tone: 'bussy' is no tone; did you mean 'busy'" in refused.err


def test_a_node_takes_its_plan_from_a_file(own: Path) -> None:
    assert tone_plan(str(own)).name == "hotel"
    assert tone_plan("hotel", [own]).name == "hotel"
    assert tone_plan("us", [own]).name == "us"
    assert CoreSettings(plan="hotel", plan_files=(own,)).plan == "hotel"
    with pytest.raises(ValidationError, match="plan_files has: hotel"):
        CoreSettings(plan="hotal", plan_files=(own,))
    with pytest.raises(ValidationError, match="both name"):
        CoreSettings(plan="hotel", plan_files=(own, own))
