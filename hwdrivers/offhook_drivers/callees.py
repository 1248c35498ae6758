"""What one callee does with one call, worked out before the call begins.

:func:`plan_call` turns a scenario, a called number and the number of the attempt into a :class:`CallPlan`: a list of acts (signalling
messages and sounds with the time before each) and what the callee does in answer to us. It is a pure function of its arguments, so a
call goes the same way on any channel, at any time, with or without audio.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from . import behaviours
from .audio import Clip, load_builtin
from .contract import Cause, Location
from .line import Bursts, Faults
from .scenario import Scenario
from .spread import Spread

ITU_SIT_HZ = (950.0, 1400.0, 1800.0)
ITU_SIT_MS = (330, 330, 330)
# Bellcore SR-2275: low or high first and second tone, short or long first and second segment.
US_SIT: dict[str, tuple[tuple[float, float, float], tuple[int, int, int]]] = {
    "IC": ((913.8, 1370.6, 1776.7), (274, 274, 380)),
    "VC": ((985.2, 1370.6, 1776.7), (380, 274, 380)),
    "RO": ((913.8, 1428.5, 1776.7), (274, 380, 380)),
    "NC": ((985.2, 1428.5, 1776.7), (380, 380, 380)),
    "RO2": ((985.2, 1370.6, 1776.7), (274, 380, 380)),
    "NC2": ((913.8, 1370.6, 1776.7), (380, 380, 380)),
    "IO": ((913.8, 1428.5, 1776.7), (380, 274, 380)),
    "FU": ((985.2, 1428.5, 1776.7), (274, 274, 380)),
}
DTMF_ROWS = (697.0, 770.0, 852.0, 941.0)
DTMF_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_KEYS = ("123A", "456B", "789C", "*0#D")
DTMF_DBM0 = -7.0  # both sines together
FAX_DBM0 = -11.0
FAX_PREAMBLE = "fax-v21-preamble"  # built-in clip
FAX_GAP_S = 3.0  # T.30: the identification is sent again about every 3 s


@dataclass(frozen=True, slots=True)
class Step:
    """A sound: silence, sines or a clip, for *seconds* (None: for ever)."""

    seconds: float | None
    hz: tuple[float, ...] = ()
    dbm0: float = 0.0  # of all sines together, or of the clip while it sounds
    am_hz: float = 0.0
    am_depth: float = 0.0
    reverse_s: float = 0.0  # between phase reversals, 0 = none
    clip: Clip | None = None
    as_it_is: bool = False  # the clip at its own level, octet for octet
    plan_tone: str = ""  # a tone of the plan; must be the last step
    capture: bool = False  # record what we send from here on


@dataclass(frozen=True, slots=True)
class Sound:
    """Steps one after the other; with *loop_from* the part from there on comes again and again."""

    steps: tuple[Step, ...] = ()
    loop_from: int | None = None

    @property
    def seconds(self) -> float | None:
        """Length of all steps played once, None when one of them lasts for ever."""
        total = 0.0
        for step in self.steps:
            if step.seconds is None:
                return None
            total += step.seconds
        return total


SILENCE = Sound()


@dataclass(frozen=True, slots=True)
class Proceeds:
    """The exchange has the number."""


@dataclass(frozen=True, slots=True)
class Progresses:
    """Audio before the answer, or a cause on the way."""

    inband: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Rings:
    """The callee is alerted."""

    inband: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """The callee answers."""


@dataclass(frozen=True, slots=True)
class Clears:
    """The far end ends the call."""

    cause: int
    location: Location


Message = Proceeds | Progresses | Rings | Answers | Clears


@dataclass(frozen=True, slots=True)
class Act:
    """*after_s* seconds after the act before: a message, a sound, or both. ``digits`` are keys pressed in that sound."""

    after_s: float
    message: Message | None = None
    sound: Sound | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Bad:
    """A run of bad blocks: share of all blocks, blocks in a run."""

    rate: float = 0.0
    length: float = 1.0


@dataclass(frozen=True, slots=True)
class Path:
    """The line of one call, drawn."""

    noise: str = "white"
    noise_dbm0: float = -90.0
    echo_ms: float = 0.0
    echo_loss_db: float = 0.0
    lost: Bad = Bad()
    repeated: Bad = Bad()
    dropped: Bad = Bad()
    slip_samples: int = 0  # above 0 doubled, below 0 lost
    slip_every_s: float = 0.0
    dc: float = 0.0
    hum_hz: float = 50.0
    hum_dbm0: float = -90.0
    drive_db: float = 0.0
    one_way: bool = False
    tone_hz_factor: float = 1.0
    cadence_factor: float = 1.0

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of what is wrong with it."""
        present = {
            "echo": self.echo_ms > 0,
            "lost": self.lost.rate > 0,
            "repeated": self.repeated.rate > 0,
            "dropped": self.dropped.rate > 0,
            "slip": self.slip_samples != 0,
            "dc": self.dc != 0,
            "hum": self.hum_dbm0 > -90,
            "clipping": self.drive_db > 0,
            "one_way": self.one_way,
        }
        return tuple(name for name, there in present.items() if there)


@dataclass(frozen=True, slots=True)
class Again:
    """Says *sound*, once, when we have said nothing *after_s* seconds after the greeting."""

    after_s: float
    sound: Sound
    from_s: float  # end of the greeting, seconds after the answer


@dataclass(frozen=True, slots=True)
class KeyPress:
    """Presses *digits*: *sound* is their DTMF."""

    when: str  # "prompt_begun" or "prompt_ended"
    after_s: float
    digits: str
    sound: Sound


@dataclass(slots=True)
class CallPlan:
    """Everything that will happen, as far as it does not depend on us."""

    behaviour: str
    name: str
    meaning: str
    path: Path
    media_seed: int
    plan: str
    acts: list[Act] = field(default_factory=list)
    answers: bool = False
    beep_at_s: float | None = None  # end of the beep, seconds after the answer
    again: Again | None = None
    press: KeyPress | None = None
    gives_up_at_s: float | None = None  # after the answer, unless we have spoken by then
    hang_after_prompt_s: float | None = None


def plan_call(scenario: Scenario, called: str, attempt: int, seed: int) -> CallPlan:
    """Work out the call.

    Args:
        scenario: Who lives in the network.
        called: Digits dialled.
        attempt: 1 for the first call to that number, 2 for the next.
        seed: Of the whole run.
    """
    rng = random.Random(f"{seed}/{called}/{attempt}")
    behaviour = _choose(scenario, random.Random(f"{seed}/{called}"), rng)
    return _Planner(scenario, behaviour, rng).plan()


def _choose(scenario: Scenario, of_number: random.Random, of_attempt: random.Random) -> behaviours.Behaviour:
    """A behaviour by its share. A lasting one belongs to the number; the others are drawn again at each attempt."""
    everyone: tuple[behaviours.Behaviour, ...] = scenario.behaviour
    first = of_number.choices(everyone, [b.share for b in everyone])[0]
    if first.lasting:
        return first
    passing = [b for b in everyone if not b.lasting]
    return of_attempt.choices(passing, [b.share for b in passing])[0]


class _Planner:
    """Builds one plan; every random choice of the call is drawn here, in a fixed order."""

    def __init__(self, scenario: Scenario, behaviour: behaviours.Behaviour, rng: random.Random) -> None:
        self.scenario = scenario
        self.behaviour = behaviour
        self.rng = rng
        line = scenario.line
        self.post_dial_s = (behaviour.post_dial_s or line.post_dial_s).draw(rng)
        self.inband = rng.random() < (line.inband if behaviour.inband is None else behaviour.inband)
        self.level = (behaviour.level_dbm0 or line.level_dbm0).draw(rng)
        self.tone_level = line.tone_dbm0.draw(rng)
        kind = str(getattr(behaviour, "kind", ""))
        self.result = CallPlan(
            behaviour=kind,
            name=behaviour.name or kind,
            meaning=str(getattr(behaviour, "meaning", "")),
            path=self._path(behaviour.faults or line.faults, (behaviour.noise_dbm0 or line.noise_dbm0).draw(rng)),
            media_seed=rng.getrandbits(64),
            plan=scenario.plan,
        )

    def plan(self) -> CallPlan:
        self.act(self.post_dial_s, Proceeds())
        getattr(self, f"_{self.result.behaviour}")(self.behaviour)
        return self.result

    def act(self, after_s: float, message: Message | None = None, sound: Sound | None = None, digits: str = "") -> None:
        self.result.acts.append(Act(after_s, message, sound, digits))

    # -- what the callees do ------------------------------------------------------------------------------------------------------

    def _person(self, b: behaviours.Person) -> None:
        self._ring(b)
        pause = b.pause_s.draw(self.rng)
        greeting = self._spoken(b.greeting)
        self._answer(Sound((Step(pause), greeting)))
        spoken_s = pause + (greeting.seconds or 0)
        if b.again and self.rng.random() < b.again_share:
            self.result.again = Again(b.again_after_s.draw(self.rng), Sound((self._spoken(b.again),)), spoken_s)
        if b.gives_up_after_s is not None:
            self.result.gives_up_at_s = spoken_s + b.gives_up_after_s.draw(self.rng)
        hangs_up = b.hangs_up_after_s.draw(self.rng)
        if b.hangs_up_after_prompt_s is not None:
            self.result.hang_after_prompt_s = b.hangs_up_after_prompt_s.draw(self.rng)
        if b.press and self.rng.random() < b.press.share:
            digits = self.rng.choice(b.press.digits)
            after = b.press.after_s.draw(self.rng)
            sound = dtmf(digits, b.press.tone_ms.draw(self.rng) / 1000, b.press.gap_ms.draw(self.rng) / 1000)
            if b.press.when == "answered":
                self.act(min(after, hangs_up), sound=sound, digits=digits)
                hangs_up = max(0.0, hangs_up - after)
            else:
                self.result.press = KeyPress(b.press.when, after, digits, sound)
        self.act(hangs_up, Clears(Cause.NORMAL_CLEARING, Location.USER))

    def _machine(self, b: behaviours.Machine) -> None:
        self._ring(b)
        greeting = self._spoken(b.greeting)
        before = (Step(b.pause_s.draw(self.rng)), greeting, Step(b.before_beep_s.draw(self.rng)))
        beep = Step(b.beep_ms.draw(self.rng) / 1000, hz=(b.beep_hz.draw(self.rng),), dbm0=b.beep_dbm0.draw(self.rng))
        beeps = self.rng.random() < b.beep_share
        played = (*before, beep) if beeps else before
        speaks_s = sum(step.seconds or 0 for step in played)
        self._answer(Sound((*played, Step(None, capture=True))))
        if beeps:
            self.result.beep_at_s = speaks_s
        self.act(min(speaks_s + b.record_s.draw(self.rng), b.hangs_up_after_s.draw(self.rng)), Clears(Cause.NORMAL_CLEARING, Location.USER))

    def _ivr(self, b: behaviours.Ivr) -> None:
        self._ring(b)
        pause = b.pause_s.draw(self.rng)
        said = self._repeated(self._spoken(b.greeting), b.repeats, b.gap_s)
        self._answer(Sound((Step(pause), *said)))
        self._hang_up(b, pause + sum(step.seconds or 0 for step in said) + b.gap_s.draw(self.rng))

    def _fax(self, b: behaviours.Fax) -> None:
        self._ring(b)
        amplitude_modulated = b.called_tone in ("ansam", "ansam_pr")
        tone = Step(
            b.tone_s.draw(self.rng),
            hz=(2100.0,),
            dbm0=FAX_DBM0,
            am_hz=15.0 if amplitude_modulated else 0.0,
            am_depth=0.2 if amplitude_modulated else 0.0,
            reverse_s=0.45 if b.called_tone in ("ans_pr", "ansam_pr") else 0.0,
        )
        preamble = builtin_step(FAX_PREAMBLE, FAX_DBM0)
        self._answer(Sound((Step(b.pause_s.draw(self.rng)), tone, Step(0.075), preamble, Step(FAX_GAP_S)), loop_from=3))
        self._hang_up(b)

    def _busy(self, b: behaviours.Busy) -> None:
        self._tone_or_cause("busy", b.played_share, b.tone_s.draw(self.rng), self.rng.choice(b.causes), Location.USER)

    def _congestion(self, b: behaviours.Congestion) -> None:
        self._tone_or_cause("congestion", b.played_share, b.tone_s.draw(self.rng), self.rng.choice(b.causes), Location.TRANSIT)

    def _vacant(self, b: behaviours.Vacant) -> None:
        cause = self.rng.choice(b.causes)
        played = self.rng.random() < b.played_share and self.inband
        tone = self.rng.random() < b.tone_share
        tone_s = b.tone_s.draw(self.rng)
        if not played:
            self.act(0.2, Clears(cause, Location.PUBLIC_REMOTE))
        elif tone or b.announcement is None:
            self._early(Sound((self._tone("unobtainable"),)), tone_s, cause)
        else:
            self._announce((), b.announcement, b.repeats, b.gap_s, cause)

    def _sit(self, b: behaviours.Sit) -> None:
        coding = self.rng.choice(b.codings)
        self.result.meaning = coding.lower()
        self._announce(sit(coding, self.tone_level), b.announcement, b.repeats, b.gap_s, self.rng.choice(b.causes))

    def _announcement(self, b: behaviours.Announcement) -> None:
        ring_s = b.ring_s.draw(self.rng)
        if ring_s > 0:
            self.act(0.1, Rings(self.inband), Sound((self._tone("ringback"),)) if self.inband else None)
            self.act(ring_s)
        self._announce((), b.announcement, b.repeats, b.gap_s, self.rng.choice(b.causes))

    def _no_answer(self, b: behaviours.NoAnswer) -> None:
        self._ring(b)
        cause = self.rng.choice(b.causes)
        if b.announcement is not None:
            self._announce((), b.announcement, 1, Spread(choose=(0.5,)), cause)
        else:
            self.act(0, Clears(cause, Location.PUBLIC_REMOTE))

    def _false_answer(self, b: behaviours.FalseAnswer) -> None:
        self._ring(b)
        if b.announcement is not None and self.rng.random() < b.announcement_share:
            said = self._repeated(self._spoken(b.announcement), b.repeats, b.gap_s)
            self._answer(Sound((Step(b.pause_s.draw(self.rng)), *said)))
        else:
            self.result.meaning = "ringing"
            self._answer(Sound((self._tone("ringback"),)))
        self._hang_up(b)

    def _silent(self, b: behaviours.Silent) -> None:
        self._ring(b)
        self._answer(SILENCE)
        self._hang_up(b)

    def _rejected(self, b: behaviours.Rejected) -> None:
        self._ring(b)
        self.act(0, Clears(self.rng.choice(b.causes), Location.USER))

    def _network_failure(self, b: behaviours.NetworkFailure) -> None:
        self.act(self.rng.uniform(0.1, 0.8), Clears(self.rng.choice(b.causes), Location.TRANSIT))

    def _screening(self, b: behaviours.Screening) -> None:
        self._ring(b)
        pause = b.pause_s.draw(self.rng)
        question = self._spoken(b.greeting)
        self._answer(Sound((Step(pause), question)))
        decides = pause + (question.seconds or 0) + b.decides_after_s.draw(self.rng)
        if b.person is not None and self.rng.random() < b.accepts_share:
            self.result.meaning = "accepted"
            self.act(decides, sound=Sound((self._spoken(b.person),)))
            if b.hangs_up_after_prompt_s is not None:
                self.result.hang_after_prompt_s = b.hangs_up_after_prompt_s.draw(self.rng)
            self.act(max(0.0, b.hangs_up_after_s.draw(self.rng) - decides), Clears(Cause.NORMAL_CLEARING, Location.USER))
        else:
            self.result.meaning = "refused"
            self.act(decides, Clears(Cause.NORMAL_CLEARING, Location.USER))

    # -- parts --------------------------------------------------------------------------------------------------------------------

    def _ring(self, b: behaviours.Rings) -> None:
        """Alerting, with the plan's tone or music when the network gives audio."""
        ring_s = b.ring_s.draw(self.rng)
        sound: Sound | None = None
        if self.inband:
            if b.music and self.rng.random() < b.music_share:
                sound = Sound((self._spoken(b.music),), loop_from=0)
            else:
                sound = Sound((self._tone("ringback"),))
        self.act(0.1, Rings(self.inband), sound)
        self.act(ring_s)

    def _answer(self, sound: Sound) -> None:
        self.result.answers = True
        self.act(0, Answers(), sound)

    def _hang_up(self, b: behaviours.Answers, at_most_s: float = float("inf")) -> None:
        self.act(min(b.hangs_up_after_s.draw(self.rng), at_most_s), Clears(Cause.NORMAL_CLEARING, Location.USER))

    def _tone_or_cause(self, tone: str, played_share: float, tone_s: float, cause: int, location: Location) -> None:
        played = self.rng.random() < played_share and self.inband
        if played:
            self._early(Sound((self._tone(tone),)), tone_s, cause, location)
        else:
            self.act(0.2, Clears(cause, location))

    def _announce(self, before: tuple[Step, ...], names: tuple[str, ...] | None, repeats: int, gap_s: Spread, cause: int) -> None:
        """Early media: *before*, then the announcement *repeats* times, then the cause."""
        if not self.inband:
            self.act(0.2, Clears(cause, Location.PUBLIC_REMOTE))
            return
        spoken = (self._spoken(names),) if names else ()
        once = (*before, *spoken, Step(gap_s.draw(self.rng)))
        self._early(Sound((Step(0.2), *once), loop_from=1), 0.2 + repeats * sum(step.seconds or 0 for step in once), cause)

    def _early(self, sound: Sound, seconds: float, cause: int, location: Location = Location.PUBLIC_REMOTE) -> None:
        self.act(0.1, Progresses(inband=True), sound)
        self.act(seconds, Clears(cause, location))

    def _repeated(self, step: Step, repeats: int, gap_s: Spread) -> tuple[Step, ...]:
        gap = Step(gap_s.draw(self.rng))
        return (*(s for _ in range(repeats - 1) for s in (step, gap)), step)

    def _spoken(self, names: tuple[str, ...]) -> Step:
        clip = self.rng.choice(self.scenario.clips_of(names))
        return Step(clip.seconds, clip=clip, dbm0=self.level)

    def _tone(self, name: str) -> Step:
        return Step(None, plan_tone=name, dbm0=self.tone_level)

    def _path(self, faults: Faults, noise_dbm0: float) -> Path:
        rng, line = self.rng, self.scenario.line

        def hit(share: float) -> bool:
            return rng.random() < share

        values: dict[str, object] = {
            "noise": line.noise,
            "noise_dbm0": noise_dbm0,
            "tone_hz_factor": 1 + line.tone_hz_error_pct.draw(rng) / 100,
            "cadence_factor": 1 + line.cadence_error_pct.draw(rng) / 100,
        }
        if faults.echo and hit(faults.echo.share):
            values |= {"echo_ms": faults.echo.delay_ms.draw(rng), "echo_loss_db": faults.echo.loss_db.draw(rng)}
        for name in ("lost", "repeated", "dropped"):
            bursts: Bursts | None = getattr(faults, name)
            if bursts and hit(bursts.share):
                values[name] = Bad(bursts.rate, bursts.length.draw(rng))
        if faults.slip and hit(faults.slip.share):
            sign = rng.choice((-1, 1))
            values |= {"slip_samples": sign * round(faults.slip.samples.draw(rng)), "slip_every_s": faults.slip.every_s.draw(rng)}
        if faults.dc and hit(faults.dc.share):
            values["dc"] = faults.dc.steps.draw(rng)
        if faults.hum and hit(faults.hum.share):
            values |= {"hum_hz": faults.hum.hz.draw(rng), "hum_dbm0": faults.hum.level_dbm0.draw(rng)}
        if faults.clipping and hit(faults.clipping.share):
            values["drive_db"] = faults.clipping.drive_db.draw(rng)
        if faults.one_way and hit(faults.one_way.share):
            values["one_way"] = True
        return Path(**values)  # type: ignore[arg-type]  # the names are those of Path, checked by the tests of every fault


def sit(coding: str, dbm0: float) -> tuple[Step, ...]:
    """The three tones of a SIT coding."""
    hz, ms = (ITU_SIT_HZ, ITU_SIT_MS) if coding == "ITU" else US_SIT[coding]
    return (*(Step(length / 1000, hz=(f,), dbm0=dbm0) for f, length in zip(hz, ms, strict=True)), Step(0.35))


def dtmf(digits: str, tone_s: float, gap_s: float) -> Sound:
    """The keys as DTMF, each *tone_s* long."""
    steps: list[Step] = []
    for key in digits:
        row = next(n for n, keys in enumerate(DTMF_KEYS) if key in keys)
        pair = (DTMF_ROWS[row], DTMF_COLUMNS[DTMF_KEYS[row].index(key)])
        steps += [Step(tone_s, hz=pair, dbm0=DTMF_DBM0), Step(gap_s)]
    return Sound(tuple(steps))


def builtin_step(name: str, dbm0: float) -> Step:
    """A clip of the package as a step."""
    clip = load_builtin(name)
    return Step(clip.seconds, clip=clip, dbm0=dbm0)
