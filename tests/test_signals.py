"""The signal generator of bench/ is itself measured: levels, spectra, cadences, noise, and the rules by which a detector is judged."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile  # noqa: F401  # the generator's codecs; says plainly when it is missing
from bench import line, negatives, plans, signals, synth
from bench.judge import Scored, judge
from bench.peers import Report
from bench.plans import Row, Segment
from bench.signals import Case, Truth
from bench.synth import RATE


def _row(country: str, index: int, tone: str, *loop: tuple[tuple[float, ...], int], am_hz: float = 0.0) -> Row:
    return Row(country, index, tone, (), tuple(Segment(hz, ms, am_hz if hz else 0.0) for hz, ms in loop))


CN = (
    _row("cn", 0, "dial", ((450.0,), 0)),
    _row("cn", 1, "busy", ((450.0,), 350), ((), 350)),
    _row("cn", 2, "ringback", ((450.0,), 1000), ((), 4000)),
    _row("cn", 3, "congestion", ((450.0,), 700), ((), 700)),
)
US = (
    _row("us", 0, "dial", ((350.0, 440.0), 0)),
    _row("us", 1, "busy", ((480.0, 620.0), 500), ((), 500)),
    _row("us", 2, "congestion", ((480.0, 620.0), 250), ((), 250)),
)
FR = (
    _row("fr", 0, "busy", ((440.0,), 500), ((), 500)),
    _row("fr", 1, "congestion", ((440.0,), 500), ((), 500)),
    _row("fr", 2, "dial", ((400.0,), 0), am_hz=25.0),
)
PLANS: plans.Plans = {"cn": CN, "us": US, "fr": FR}


def _render(name: str) -> signals.Signal:
    return signals.render(Case.parse(name), PLANS)


def _unit(s: signals.Signal) -> synth.Audio:
    return s.audio / line.PEAK


def _peaks(x: synth.Audio, count: int) -> list[float]:
    """The strongest *count* frequencies of *x*, Hz, 20 Hz apart at least."""
    spectrum = np.abs(np.fft.rfft(x * np.hanning(x.size), 1 << 17))
    hz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    found: list[float] = []
    for i in np.argsort(spectrum)[::-1]:
        if all(abs(hz[i] - f) > 20 for f in found):
            found.append(float(hz[i]))
            if len(found) == count:
                break
    return sorted(found)


def _residual_snr(x: synth.Audio, hz: float) -> float:
    """Ratio in dB of the best sine at *hz* to all else in *x*."""
    t = np.arange(x.size) / RATE
    basis = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, x, rcond=None)[0]
    return float(10 * np.log10(np.sum(fit**2) / np.sum((x - fit) ** 2)))


def test_one_name_means_one_signal() -> None:
    a, b, c = _render("tone:cn:busy:mix:d4:1"), _render("tone:cn:busy:mix:d4:1"), _render("tone:cn:busy:mix:d4:2")
    assert np.array_equal(a.audio, b.audio)
    assert np.array_equal(a.heard.valid, b.heard.valid)
    assert a.truths == b.truths
    assert not np.array_equal(a.audio[:8000], c.audio[:8000])


def test_a_name_that_is_none_says_what_a_name_is() -> None:
    with pytest.raises(ValueError, match="family:plan:what"):
        Case.parse("busy")
    with pytest.raises(ValueError, match="impairment"):
        Case.parse("tone:cn:busy:thunder:d3:1")
    with pytest.raises(ValueError, match="no tone"):
        _render("tone:cn:howler:mix:d0:1")


@pytest.mark.parametrize("seed", range(4))
def test_a_clean_tone_has_its_level_and_its_pitch(seed: int) -> None:
    s = _render(f"tone:cn:dial:mix:d0:{seed}")
    middle = _unit(s)[8000:16000]
    assert synth.power_dbm0(middle) == pytest.approx(s.line.level, abs=0.3)
    assert _peaks(middle, 1)[0] == pytest.approx(450.0, abs=0.2)


def test_a_frequency_offset_is_what_the_line_says() -> None:
    s = _render("tone:us:dial:frequency:d4:3")
    pitch = 1 + s.line.frequency / 100
    assert 0.009 <= abs(pitch - 1) <= 0.018
    assert _peaks(_unit(s)[8000:21000], 2) == pytest.approx([350 * pitch, 440 * pitch], abs=0.3)


def test_a_modulated_carrier_has_two_sides() -> None:
    s = _render("tone:fr:dial:mix:d0:0")
    assert _peaks(_unit(s)[8000:21000], 3) == pytest.approx([375.0, 400.0, 425.0], abs=0.3)


def test_cadence_and_cut_are_what_the_line_says() -> None:
    s = _render("tone:cn:busy:cadence:d4:5")
    loud = np.convolve(np.abs(_unit(s)), np.ones(40) / 40, mode="same") > 10 ** (s.line.level / 20) / 4
    steps = np.flatnonzero(np.diff(loud.astype(int)))
    lengths = np.diff(steps) / RATE * 1000
    expected = 350 * (1 + s.line.cadence / 100)
    assert abs(s.line.cadence) >= 4.5
    assert lengths[:4] == pytest.approx([expected] * 4, abs=16)
    cut = _render("tone:cn:ringback:cut:d4:2")
    first = cut.truths[0].onset / RATE
    assert 0 < cut.line.cut < 0.9
    on = np.convolve(np.abs(_unit(cut)), np.ones(40) / 40, mode="same") > 10 ** (cut.line.level / 20) / 4
    measured = np.flatnonzero(np.diff(on.astype(int)))[:2]
    assert (measured[1] - measured[0]) / RATE == pytest.approx(1.0 * (1 - cut.line.cut), abs=0.02)
    assert measured[0] / RATE == pytest.approx(first, abs=0.01)


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_noise_is_at_its_ratio(kind: str) -> None:
    s = _render(f"tone:cn:dial:{kind}:d4:1")
    assert s.line.snr is not None
    assert _residual_snr(_unit(s)[8000:21000], 450.0) == pytest.approx(s.line.snr, abs=2.5 if kind == "babble" else 1.0)


@pytest.mark.parametrize("name", [i for i in line.GRADES if i not in ("level", "twist")])
def test_every_impairment_alone_is_heard_at_grade_4_and_absent_at_grade_0(name: str) -> None:
    rng = np.random.default_rng(3)
    tone = Row("xx", 0, "busy", (), (Segment((450.0,), 350), Segment((), 350)))
    clean = line.Line(0)
    assert line.draw(np.random.default_rng(1), 0, name).faults == []
    bad = line.draw(rng, 4, name)
    assert not bad.faults
    changed = []
    for at in (clean, bad):
        x, _, _ = signals.cadence(tone.unrolled(4.0), 4.0, at, np.random.default_rng(5))
        changed.append(line.send(x * 10 ** (-14 / 20), at, np.random.default_rng(6)))
    n = min(c.audio.size for c in changed)
    difference = changed[0].audio[:n].astype(float) - changed[1].audio[:n]
    assert np.sqrt(np.mean(difference**2)) > 30 or not changed[1].valid.all()


def test_an_a_law_signal_passes_a_law_unchanged() -> None:
    s = _render("tone:cn:busy:mix:d2:1")
    assert np.array_equal(np.round(line.code(_unit(s), s.line.law) * line.PEAK).astype(np.int16), s.audio)


def test_lost_blocks_and_slips_are_counted() -> None:
    shares, slips = [], 0
    for seed in range(20):
        s = _render(f"tone:cn:ringback:lost:d4:{seed}")
        shares.append(s.line.lost)
        assert s.heard.valid.size == -(-s.audio.size // line.FRAME)
        slips += len(_render(f"tone:cn:ringback:slips:d4:{seed}").heard.slip_at)
    assert all(2.0 <= share <= 4.0 for share in shares)
    assert slips > 20 * 8


def test_keys_have_their_pair_their_twist_and_their_length() -> None:
    rng = np.random.default_rng(1)
    for key in signals.KEYS:
        x = signals.key_pair(key, 4000, 1.0, 6.0, rng)
        row, column = divmod(signals.KEYS.index(key), 4)
        assert _peaks(x, 2) == pytest.approx([signals.ROWS[row] * 1.01, signals.COLS[column] * 1.01], abs=0.3)
        assert synth.power_dbm0(x) == pytest.approx(0.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(signals.key_pair("5", 8000, 0.0, 6.0, rng)))
    assert 20 * np.log10(spectrum[1336] / spectrum[770]) == pytest.approx(6.0, abs=0.2)


def test_q24_corners_are_sent_as_written() -> None:
    s = _render("q24:us:ntt_low_level:none:d0:0")
    t = s.truths[5]
    x = _unit(s)[t.onset + 100 : t.end - 100]
    assert synth.power_dbm0(x) == pytest.approx(-24 + 3.0, abs=0.6)  # each frequency -24 dBm0
    assert len(s.truths) == 16
    assert not _render("q24:us:ntt_short_reject:none:d0:0").truths
    accept = [p for p in signals.Q24.values() if p.accept]
    assert len(accept) >= 20
    assert len(signals.Q24) - len(accept) >= 10


def test_an_answer_tone_turns_its_phase_and_breathes() -> None:
    s = _render("fax:us:ansam_pr:mix:d0:0")
    x = _unit(s)[s.truths[0].onset : s.truths[0].end]
    t = np.arange(x.size) / RATE
    base = np.convolve(x * np.exp(-2j * np.pi * 2100 * t), np.ones(80) / 80, mode="valid")
    middle = np.abs(base)[np.abs(base) > 0.5 * np.median(np.abs(base))]
    assert np.percentile(middle, 97) / np.percentile(middle, 3) == pytest.approx(1.5, rel=0.12)
    turns = np.flatnonzero(np.abs(np.angle(base[800:] / base[:-800])) > 2.0)
    starts = turns[np.flatnonzero(np.diff(turns, prepend=-10000) > 1600)]
    assert np.diff(starts) / RATE * 1000 == pytest.approx([450.0] * (starts.size - 1), abs=8)


def test_a_v21_preamble_carries_flags() -> None:
    s = _render("fax:us:v21_preamble:mix:d0:0")
    x = _unit(s)[s.truths[0].onset : s.truths[0].end]
    t = np.arange(x.size) / RATE
    power = [np.abs(np.convolve(x * np.exp(-2j * np.pi * f * t), np.ones(26), mode="same")) for f in (1650.0, 1850.0)]
    centres = ((np.arange(64) + 0.5) * RATE / 300).astype(int)
    bits = (power[0][centres] > power[1][centres]).astype(int)
    assert list(bits) == [0, 1, 1, 1, 1, 1, 1, 0] * 8


def test_sit_codings_differ_in_pitch_and_length() -> None:
    assert len({(hz, ms) for hz, ms in signals.SIT_US.values()}) == 8
    s = _render("sit:us:VC:mix:d0:0")
    start = s.truths[0].onset
    x = _unit(s)
    assert _peaks(x[start + 200 : start + 2800], 1)[0] == pytest.approx(985.2, abs=2)
    assert _peaks(x[start + int(0.4 * RATE) : start + int(0.62 * RATE)], 1)[0] == pytest.approx(1370.6, abs=2)
    assert s.truths[0].detail == "VC"
    for seed in range(6):  # gaps of less than 2 ms do not end the signal
        t = _render(f"sit:us:RO:mix:d1:{seed}").truths[0]
        assert (t.end - t.onset) / RATE > 0.95


def test_beeps_are_from_60_ms_to_1500_ms_and_never_a_fax_tone() -> None:
    for seed in range(30):
        s = _render(f"beep:us:single:mix:d1:{seed}")
        length = (s.truths[0].end - s.truths[0].onset) / RATE
        assert 0.055 <= length <= 1.55


def test_rows_that_sound_the_same_count_as_either() -> None:
    assert plans.accepted(FR[0], FR) == {"busy", "congestion"}
    assert plans.accepted(CN[1], CN) == {"busy"}
    assert plans.knowable_ms(CN[1], CN) == 350
    assert plans.knowable_ms(CN[2], CN) == 1000
    assert plans.knowable_ms(CN[0], CN) == 1000
    assert plans.knowable_ms(US[1], US) == 250


def test_a_foreign_rhythm_matches_no_row() -> None:
    for seed in range(12):
        x = negatives.wrong_rhythm(np.random.default_rng(seed), CN, 8.0)
        gate = np.convolve(np.abs(x), np.ones(40) / 40, mode="same") > 0.2
        lengths = np.diff(np.flatnonzero(np.diff(gate.astype(int)))) / RATE * 1000
        for on, off in ((350, 350), (700, 700), (1000, 4000)):
            assert not any(abs(a / on - 1) < 0.2 and abs(b / off - 1) < 0.2 for a, b in zip(lengths[::2], lengths[1::2], strict=False))


@pytest.mark.parametrize("kind", sorted(set(negatives.BEFORE) | set(negatives.AFTER)))
def test_negatives_sound_and_hold_no_truth(kind: str) -> None:
    s = _render(f"neg:cn:{kind}:mix:d0:0")
    assert s.truths == []
    assert s.seconds == pytest.approx(negatives.SECONDS, abs=0.1)
    assert -34 < synth.power_dbm0(_unit(s)) < -5


def _judged(*reports: Report) -> Scored:
    s = _render("tone:cn:busy:mix:d0:0")
    s.truths = [Truth("busy", 2800, 20000, frozenset({"busy"}), knowable=5000)]
    return judge(s, reports)


def test_only_a_final_event_by_the_right_name_counts() -> None:
    assert _judged(Report(8800, 2800, "busy")).verdicts[0].latency_ms == 750
    early = _judged(Report(4000, 2800, "busy", provisional=True))
    assert not early.verdicts[0].found
    assert early.verdicts[0].provisional_at == 4000
    assert not early.false
    assert _judged(Report(4000, 2800, "busy")).verdicts[0].premature
    wrong = _judged(Report(8000, 2800, "congestion"))
    assert not wrong.verdicts[0].found
    assert [r.tone for r in wrong.false] == ["congestion"]
    assert _judged(Report(8000, 2800, "busy"), Report(9000, 2800, "busy")).verdicts[0].repeats == 1
    assert not _judged(Report(1000, 900, "busy")).verdicts[0].found


def test_a_key_told_twice_is_a_false_key() -> None:
    s = _render("dtmf:us:12:mix:d0:0")
    first, second = s.truths
    once = [Report(first.onset + 300, first.onset, "dtmf", "1"), Report(second.onset + 300, second.onset, "dtmf", "2")]
    assert not judge(s, once).false
    assert len(judge(s, [*once, Report(first.onset + 400, first.onset, "dtmf", "1")]).false) == 1
    assert len(judge(s, [Report(first.onset + 300, first.onset, "dtmf", "4")]).false) == 1
