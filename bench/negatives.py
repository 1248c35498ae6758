"""What must not be taken for a tone: talk, children, vowels on DTMF pairs, music, whistles, noise, data, tones with one thing wrong."""

from __future__ import annotations

import io
import shutil
import subprocess
from functools import lru_cache

import numpy as np
import soundfile
from scipy import signal

from bench import plans, synth
from bench.synth import RATE, Audio

SENTENCES = {
    "en": (
        "Hello?",
        "Good morning, Miller and sons, how can I help you?",
        "I am not at home right now, please leave your name and number after the tone.",
        "Yes, speaking. Who is this please?",
        "Could you hold the line for a moment, I am going to ask my colleague about it.",
        "Our opening hours are nine to five, Monday to Friday, and ten to two on Saturday.",
        "No, no, I said the blue one, not the other one, the blue one over there!",
    ),
    "cmn": (
        "喂,你好。",
        "您好,您拨打的电话暂时无人接听,请稍后再拨。",
        "我现在在开会,一会儿给你回过去好吗?",
        "请问你是哪一位?我听不太清楚。",
        "对,就是明天下午三点半,在老地方见面。",
        "这里是服务中心,请按一转人工,按二查询余额。",
    ),
    "de": ("Schmidt, guten Tag.", "Wir sind im Moment nicht zu Hause, bitte sprechen Sie nach dem Ton.", "Ja, einen Augenblick bitte."),
    "fr": ("Allô, oui?", "Bonjour, vous êtes bien chez nous, laissez un message après le bip sonore.", "Ne quittez pas, je vous le passe."),
    "es": ("¿Diga?", "Ahora no podemos atenderle, deje su mensaje después de la señal.", "Sí, un momento, por favor, no cuelgue."),
    "it": ("Pronto?", "Risponde la segreteria telefonica, lasciate un messaggio dopo il segnale acustico."),
    "ru": ("Алло, слушаю вас.", "Оставьте сообщение после сигнала, и мы вам перезвоним."),
}

#: Kinds by the profile they are heard with; ``neg`` before the answer, ``post`` after it.
AFTER = ("speech", "child", "vowels", "music", "hold", "whistle", "noise", "modem", "prompt_echo")
BEFORE = (*AFTER, "tune", "beeps", "wrong_hz", "wrong_rhythm")
SECONDS = 20.0


@lru_cache(maxsize=1)
def synthesizers() -> tuple[str, ...]:
    """Speech synthesizers on this machine; the own one of :mod:`bench.synth` is used when there is none."""
    return tuple(name for name in ("espeak-ng", "flite") if shutil.which(name))


@lru_cache(maxsize=512)
def _say(command: tuple[str, ...]) -> Audio:
    out = subprocess.run(command, capture_output=True, check=True).stdout
    data = bytearray(out)
    data[4:8] = (len(data) - 8).to_bytes(4, "little")  # a WAV from a pipe has no length
    data[40:44] = (len(data) - 44).to_bytes(4, "little")
    x, rate = soundfile.read(io.BytesIO(bytes(data)), dtype="float64")
    return np.asarray(signal.resample_poly(x, RATE, rate))


def voice(rng: np.random.Generator, seconds: float, child: bool = False) -> tuple[Audio, bool]:
    """Talk of a random speaker with pauses, band-limited. Second value: whether a real synthesizer spoke."""
    if "espeak-ng" not in synthesizers():
        return synth.speech(rng, seconds, child), False
    n = int(seconds * RATE)
    out = np.zeros(n)
    at = int(rng.uniform(0, 0.5) * RATE)
    language = str(rng.choice(list(SENTENCES)))
    variant = str(rng.choice(["", "+m1", "+m3", "+m7", "+f2", "+f3", "+f5", "+croak"])) if not child else "+f2"
    pitch = int(rng.integers(25, 75)) if not child else int(rng.integers(80, 99))
    speed = int(rng.integers(130, 210))
    use_flite = language == "en" and not child and "flite" in synthesizers() and rng.random() < 0.6
    flite_voice = str(rng.choice(["kal16", "awb", "rms", "slt"]))
    while at < n:
        text = str(rng.choice(SENTENCES[language]))
        if use_flite:
            x = _say(("flite", "-voice", flite_voice, "-t", text, "-o", "/dev/stdout"))
        else:
            x = _say(("espeak-ng", "-v", language + variant, "-p", str(pitch), "-s", str(speed), "--stdout", text))
        if child:
            x = np.asarray(signal.resample_poly(x, 4, 5))
        end = min(at + x.size, n)
        out[at:end] += x[: end - at] / (np.std(x) + 1e-9)
        at = end + int(rng.uniform(0.15, 1.5) * RATE)
    return synth.telephone(out), True


def lone_beeps(rng: np.random.Generator, seconds: float) -> Audio:
    """Single beeps of any pitch with irregular pauses of 2 s and more: no cadence of any plan."""
    n = int(seconds * RATE)
    out = np.zeros(n)
    at = int(rng.uniform(0.3, 2) * RATE)
    while at < n:
        length = min(int(rng.uniform(0.06, 1.0) * RATE), n - at)
        hz = float(np.exp(rng.uniform(np.log(350), np.log(1000))))
        out[at : at + length] = np.sin(2 * np.pi * hz * np.arange(length) / RATE)
        at += length + int(rng.uniform(2.0, 6.0) * RATE)
    return out


def _matches(rows: tuple[plans.Row, ...], hz: tuple[float, ...] | None, on: float, off: float) -> bool:
    """True when some row holds a burst and a pause both within 25 % of these."""
    for row in rows:
        segments = row.unrolled(4.0)
        for a, b in zip(segments, [*segments[1:], plans.Segment((), 0)], strict=True):
            if not a.hz or (hz is not None and not plans.same_sound(a, plans.Segment(hz, 0))):
                continue
            if a.ms and b.ms and not b.hz and abs(np.log(on / a.ms)) < 0.25 and abs(np.log(off / b.ms)) < 0.25:
                return True
    return False


def _bursts(hz: tuple[float, ...], on: float, off: float, seconds: float, rng: np.random.Generator) -> Audio:
    n = int(seconds * RATE)
    t = np.arange(n)
    period = (on + off) * RATE / 1000
    gate = (t % period) < on * RATE / 1000
    return np.asarray(sum(np.sin(2 * np.pi * f * t / RATE + rng.uniform(0, 6)) for f in hz) * gate)


def wrong_hz(rng: np.random.Generator, rows: tuple[plans.Row, ...], seconds: float) -> Audio:
    """The rhythm of a row at a pitch at least 9 % away from every pitch of the plan."""
    known = {f for r in rows for f in r.frequencies}
    rhythmic = [r for r in rows if 0 < r.period_ms < 6000 and 1 <= sum(bool(s.hz) for s in r.loop) <= 2]
    if not rhythmic:
        return lone_beeps(rng, seconds)
    row = rhythmic[int(rng.integers(len(rhythmic)))]
    while True:
        hz = float(np.exp(rng.uniform(np.log(330), np.log(1600))))
        if all(abs(np.log(hz / f)) > 0.09 for f in {*known, 1100.0}):  # half a second of 1,100 Hz is CNG to anyone
            break
    on, off = next(s.ms for s in row.loop if s.hz), next((s.ms for s in row.loop if not s.hz), 300)
    return _bursts((hz,), on, off, seconds, rng)


def wrong_rhythm(rng: np.random.Generator, rows: tuple[plans.Row, ...], seconds: float) -> Audio:
    """The sound of a row in a rhythm that no row of the plan has."""
    sounds = [s.hz for r in rows for s in (*r.once, *r.loop) if s.hz and not s.am_hz]
    if not sounds:
        return lone_beeps(rng, seconds)
    hz = sounds[int(rng.integers(len(sounds)))]
    for _ in range(200):
        on, off = float(np.exp(rng.uniform(np.log(60), np.log(900)))), float(np.exp(rng.uniform(np.log(60), np.log(3500))))
        if off / on < 0.25 or _matches(rows, hz, on, off):
            continue
        return _bursts(hz, on, off, seconds, rng)
    return lone_beeps(rng, seconds)


def make(kind: str, rng: np.random.Generator, all_plans: plans.Plans, plan: str) -> tuple[Audio, float]:
    """20 s of a kind of negative, and how many seconds of it are speech.

    Raises:
        ValueError: There is no such kind.
    """
    rows = all_plans.get(plan, ())
    if kind in ("speech", "child", "prompt_echo"):
        x, _ = voice(rng, SECONDS, kind == "child")
        if kind == "prompt_echo":  # what we say comes back 20 to 60 dB weaker, smeared, under the room's noise
            late = int(rng.uniform(0.01, 0.2) * RATE)
            x = 0.7 * x + 0.3 * np.concatenate([np.zeros(late), x[:-late]]) + 0.1 * np.std(x) * synth.pink(rng, x.size)
        return x, SECONDS
    if kind == "vowels":
        return synth.vowels_on_keys(rng, SECONDS), SECONDS
    if kind == "beeps":
        return lone_beeps(rng, SECONDS), 0.0
    if kind == "wrong_hz":
        return wrong_hz(rng, rows, SECONDS), 0.0
    if kind == "wrong_rhythm":
        return wrong_rhythm(rng, rows, SECONDS), 0.0
    makers = {
        "music": synth.music,
        "hold": synth.hold_music,
        "tune": synth.ringing_tune,
        "whistle": synth.whistle,
        "noise": synth.noises,
        "modem": synth.modem_data,
    }
    if kind not in makers:
        raise ValueError(f"no kind of negative is called {kind!r}; there are {', '.join(sorted({*BEFORE, *AFTER}))}")
    return makers[kind](rng, SECONDS), 0.0
