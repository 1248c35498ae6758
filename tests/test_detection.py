"""Detectors on generated signals: what must be heard, what must not, and what may not matter (splits, losses, vector code)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from bench import line, negatives, plans, signals, synth
from bench.judge import Scored, judge
from bench.peers import Offhook, Report
from bench.signals import Case
from bench.synth import RATE
from bench.throughput import octets_of
from hypothesis import given, settings
from hypothesis import strategies as st

import offhook_core

COUNTRIES = ("cn", "us", "gb", "de", "fr")
MAIN = ("dial", *plans.CALL_RESULT)
#: False tones that are known, by kind of negative, on the signals below. The numbers may only go down.
STILL_HEARD = {"vowels": 1}


def _hear(cases: Sequence[Case], ear: Offhook | None = None) -> list[Scored]:
    played = [signals.render(c) for c in cases]
    return [judge(s, r) for s, r in zip(played, (ear or Offhook()).hear(played), strict=True)]


def _wrong(scored: Sequence[Scored]) -> list[str]:
    """Names of the cases in which something was missed or made up."""
    return [str(s.case) for s in scored if s.false or not all(v.found for v in s.verdicts)]


def _analyze(signal: signals.Signal, pieces: Sequence[int] = ()) -> list[offhook_core.Event]:
    """Events of a signal pushed in *pieces*, the rest at once."""
    with offhook_core.CallAnalyzer(signal.case.plan, detectors=getattr(offhook_core.Profile, signal.case.profile)) as analyzer:
        events: list[offhook_core.Event] = []
        at = 0
        for n in (*pieces, signal.audio.size):
            events += analyzer.push(signal.audio[at : at + n])
            at += n
        return events + analyzer.flush()


@pytest.mark.parametrize("tone", ["dial", "ringback", "busy", "congestion", "unobtainable"])
def test_the_analyzer_tells_each_chinese_tone_by_name_and_once(tone: str) -> None:
    s = signals.render(Case.parse(f"tone:cn:{tone}:mix:d1:0"))
    final = [e for e in _analyze(s) if e.kind is offhook_core.EventKind.TONE and not e.provisional]
    assert [e.name in s.truths[0].accept for e in final] == [True]
    assert final[0].level_dbm0 == pytest.approx(s.line.level, abs=1.5)
    assert final[0].freq_hz[0] == pytest.approx(450 * (1 + s.line.frequency / 100), abs=4)
    assert abs(final[0].onset_sample - s.truths[0].onset) <= 0.03 * RATE


@pytest.mark.parametrize("country", COUNTRIES)
def test_clean_tones_of_a_country_are_all_heard_in_time_and_nothing_else(country: str) -> None:
    rows = {r.tone for r in plans.load()[country]}
    assert not _wrong(_hear([Case("tone", country, t, "mix", 0, k) for t in MAIN if t in rows for k in range(2)]))


def test_ordinary_lines_lose_at_most_one_tone_in_fifty() -> None:
    all_plans = plans.load()
    zones = plans.ZONES[::3]
    scored = _hear([Case("tone", c, t, "mix", 1, 0) for c in zones for t in MAIN if any(r.tone == t for r in all_plans[c])])
    verdicts = [v for s in scored for v in s.verdicts]
    assert len(verdicts) > 50
    assert sum(v.premature for v in verdicts) <= 0.02 * len(verdicts)
    assert sum(v.found for v in verdicts) >= 0.98 * len(verdicts), _wrong(scored)


@pytest.mark.parametrize("tone", ["busy", "ringback", "congestion"])
def test_octets_and_samples_give_the_same_events(tone: str) -> None:
    s = signals.render(Case.parse(f"tone:cn:{tone}:mix:d2:1"))
    with offhook_core.CallAnalyzer("cn", law=s.line.law, detectors=offhook_core.Profile.PRE_ANSWER) as analyzer:
        octets = octets_of(Offhook(), s.audio, s.line.law)
        assert analyzer.push(octets.tobytes()) + analyzer.flush() == _analyze(s)


def test_all_sixteen_keys_are_heard_and_told_once() -> None:
    assert not _wrong(_hear([Case("dtmf", "us", signals.KEYS, "mix", g, 0) for g in (0, 1)]))


@pytest.mark.parametrize("corner", sorted(signals.Q24))
def test_q24_corner(corner: str) -> None:
    scored = _hear([Case("q24", signals.q24_plan(corner), corner, "none", 0, k) for k in range(2)])
    assert all(v.found for s in scored for v in s.verdicts)
    assert not [str(s.case) for s in scored if s.false]


@pytest.mark.parametrize("code", ["ITU", *signals.SIT_US])
def test_sit_and_its_coding(code: str) -> None:
    (scored,) = _hear([Case("sit", "us", code, "mix", 0, 0)])
    assert not _wrong([scored])
    assert scored.verdicts[0].detail_heard == scored.verdicts[0].truth.detail


@pytest.mark.parametrize("kind", signals.FAX)
def test_fax_and_modem_tones(kind: str) -> None:
    assert not _wrong(_hear([Case("fax", "us", kind, "mix", g, 0) for g in (0, 1)]))


@pytest.mark.parametrize("name", ["tty:us:tty", "cot:us:cot2010", "cot:us:cot2000", "r2f:cn:1+5+10+15", "r2b:cn:1+5+10+15"])
def test_text_continuity_and_register_signals(name: str) -> None:
    assert not _wrong(_hear([Case.parse(f"{name}:mix:d{g}:0") for g in (0, 1)]))


@pytest.mark.parametrize("kind", ["single", "double", "pair"])
def test_message_beeps(kind: str) -> None:
    assert not _wrong(_hear([Case("beep", "us", kind, "mix", 0, k) for k in range(4)]))


@pytest.mark.parametrize("kind", negatives.BEFORE)
def test_nothing_is_heard_where_nothing_is(kind: str) -> None:
    cases = [Case("neg", c, kind, "mix", g, 1) for c in ("cn", "us") for g in (0, 1)]
    if kind in negatives.AFTER:
        cases += [Case("post", "cn", kind, "mix", 1, 2)]
    heard = [f"{s.case} {r.tone} {r.detail}" for s in _hear(cases) for r in s.false]
    assert len(heard) <= STILL_HEARD.get(kind, 0), heard


# -- what may not matter -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixture() -> signals.Signal:
    """Keys, then busy tone, then a special information tone, one after another on one line."""
    parts = [signals.render(Case.parse(n)) for n in ("dtmf:cn:159#:mix:d1:0", "tone:cn:busy:mix:d1:1", "sit:cn:ITU:mix:d1:0")]
    first = parts[1]
    first.heard.audio = np.concatenate([p.audio for p in parts])
    return first


@pytest.fixture(scope="module")
def whole(mixture: signals.Signal) -> list[offhook_core.Event]:
    """Its events when it is pushed at once."""
    events = _analyze(mixture)
    assert {"dtmf", "busy"} <= {e.name for e in events}
    return events


@settings(max_examples=25, deadline=None, derandomize=True)
@given(pieces=st.lists(st.integers(0, 1000), max_size=60))
def test_how_audio_is_split_never_changes_events(mixture: signals.Signal, whole: list[offhook_core.Event], pieces: list[int]) -> None:
    assert _analyze(mixture, pieces) == whole


def _tones_of(audio: np.ndarray[tuple[int], np.dtype[np.int16]], lost: Sequence[bool], plan: str = "cn") -> list[str]:
    """Final tones of *audio* whose blocks marked in *lost* never came."""
    with offhook_core.CallAnalyzer(plan, detectors=offhook_core.Profile.PRE_ANSWER) as analyzer:
        events: list[offhook_core.Event] = []
        for b in range(audio.size // line.FRAME):
            block = audio[b * line.FRAME : (b + 1) * line.FRAME]
            events += analyzer.lost(line.FRAME) if lost[b % len(lost)] else analyzer.push(block)
    return [e.name for e in events if e.kind is offhook_core.EventKind.TONE and not e.provisional]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(lost=st.lists(st.booleans(), min_size=1, max_size=100), kind=st.sampled_from(["silence", "noise", "speech"]))
def test_lost_audio_never_makes_a_tone(lost: list[bool], kind: str) -> None:
    rng = np.random.default_rng(11)
    sound = {"silence": np.zeros(4 * RATE), "noise": synth.white(rng, 4 * RATE), "speech": synth.speech(rng, 4.0)}[kind]
    if kind != "silence":
        sound = synth.at_level(sound, -20.0)
    assert _tones_of(np.round(sound * line.PEAK).astype(np.int16), lost) == []


@pytest.mark.parametrize("blocks", [5, 10, 17, 18, 20, 35])
def test_losses_in_the_rhythm_of_busy_do_not_make_dial_tone_busy(blocks: int) -> None:
    x = 0.2 * np.sin(2 * np.pi * 450 * np.arange(8 * RATE) / RATE)
    names = _tones_of(np.round(x * line.PEAK).astype(np.int16), [False] * blocks + [True] * blocks)
    assert not {"busy", "congestion", "unobtainable", "ringback"} & set(names)


@pytest.fixture
def best_isa() -> Iterator[str]:
    """The vector code in use, given back afterwards."""
    ear = Offhook()
    yield ear.isa
    assert ear.lib.oh_isa_force(ear.isa.encode()) == 0


def test_every_vector_code_gives_the_same_events(best_isa: str) -> None:
    cases = [
        Case("tone", c, t, "mix", g, 0)
        for c, t in (("cn", "busy"), ("us", "ringback"), ("de", "dial"), ("es", "congestion"))
        for g in range(5)
    ]
    cases += [
        Case("dtmf", "us", signals.KEYS, "mix", 4, 0),
        Case("beep", "us", "double", "mix", 2, 0),
        Case("neg", "cn", "tune", "mix", 2, 0),
    ]
    played = [signals.render(c) for c in cases]
    heard: dict[str, list[list[Report]]] = {}
    for isa in ("base", "avx2", "avx512", "neon"):
        try:
            heard[isa] = Offhook(isa).hear(played)
        except RuntimeError:
            continue
    assert {"base", best_isa} <= set(heard)
    assert all(h == heard["base"] for h in heard.values())
    assert sum(map(len, heard["base"])) > 20
