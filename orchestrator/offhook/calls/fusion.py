"""From facts to one disposition with a probability: signs that speak for and against, each with a weight that can be read.

A weight is in decibels of odds: +10 dB makes a result ten times as likely, -10 dB a tenth. The weights of all signs that were found are
added, result by result, and the likeliest result is taken; the guards at the end say what no weight may do. ``docs/results.md`` shows the
tables. The weights were chosen, not learned: there is no set of real calls with known truth to learn them from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from offhook.calls.disposition import Digits, Disposition, Ended, Facts
from offhook_drivers.contract import Cause, Party

D = Disposition

VACANT_CAUSES = frozenset({int(Cause.UNALLOCATED), int(Cause.NUMBER_CHANGED), int(Cause.INVALID_NUMBER_FORMAT)})
VACANT_TONES = frozenset({"unobtainable", "sit", "sit_us"})
FAX_TONES = frozenset({"fax_ced", "fax_cng", "ans_pr", "ansam", "ansam_pr", "v21_preamble", "bell_ans"})

_NO_PATH = {int(Cause.NO_CIRCUIT), int(Cause.SWITCH_CONGESTION), int(Cause.REQUESTED_CIRCUIT_UNAVAILABLE), 43, 46, 47, 49}
_AWAY = {int(Cause.SUBSCRIBER_ABSENT), int(Cause.DESTINATION_OUT_OF_ORDER)}
_UNANSWERED = {int(Cause.NO_ANSWER), int(Cause.NO_USER_RESPONDING)}
_VAGUE = {0, int(Cause.NORMAL_CLEARING), int(Cause.NORMAL_UNSPECIFIED)}
_TROUBLE = {38, 41}
_SIT_VACANT = {"IC", "VC"}
_SIT_NO_PATH = {"RO", "NC", "RO2", "NC2"}
_TIMER = int(Cause.RECOVERY_ON_TIMER_EXPIRY)
_SPECIFIC = VACANT_CAUSES | _NO_PATH | _AWAY | _UNANSWERED | _VAGUE | _TROUBLE | {int(Cause.USER_BUSY), int(Cause.CALL_REJECTED)}


class Source(StrEnum):
    """Where a sign comes from. Two signs are independent when their sources differ."""

    SIGNALLING = "signalling"
    TONE = "tone"
    ANNOUNCEMENT = "announcement"
    NUMBER = "number"
    HISTORY = "history"
    ANSWER = "answer"
    US = "us"


@dataclass(frozen=True, slots=True)
class Sign:
    """One row of the table.

    Args:
        name: Used in records and in the rule of a result.
        source: Where it comes from.
        what: In words.
        says: Result to weight, dB.
        holds: Is it there?
    """

    name: str
    source: Source
    what: str
    says: Mapping[Disposition, int]
    holds: Callable[[Facts], bool]


def _causes(f: Facts) -> set[int]:
    """Causes that came from the network; ours (we hung up) says nothing."""
    return f.progress_causes | ({f.cause} if f.who is not Party.US else set())


def _prompt(f: Facts, *what: Disposition) -> bool:
    return any(one in f.announcements.values() for one in what)


def _unknown_speech(f: Facts) -> bool:
    """Speech instead of ringing, whose words are not known."""
    return f.announced and not f.announcements and not f.rang


S = Source

BEFORE: tuple[Sign, ...] = (
    # -- signalling -------------------------------------------------------------------------------------------------------------------
    Sign("cause_vacant", S.SIGNALLING, "cause 1, 22 or 28", {D.VACANT: 25}, lambda f: bool(_causes(f) & VACANT_CAUSES)),
    Sign("cause_busy", S.SIGNALLING, "cause 17", {D.BUSY: 25}, lambda f: Cause.USER_BUSY in _causes(f)),
    Sign("cause_rejected", S.SIGNALLING, "cause 21", {D.REJECTED: 25}, lambda f: Cause.CALL_REJECTED in _causes(f)),
    Sign("cause_away", S.SIGNALLING, "cause 20 or 27", {D.UNREACHABLE: 25}, lambda f: bool(_causes(f) & _AWAY)),
    Sign(
        "cause_no_path",
        S.SIGNALLING,
        "cause 34, 42, 43, 44, 46, 47 or 49; a switch without a path plays the wrong prompt",
        {D.CONGESTION: 25, D.VACANT: -4},
        lambda f: bool(_causes(f) & _NO_PATH),
    ),
    Sign(
        "cause_trouble",
        S.SIGNALLING,
        "cause 38 or 41; a switch in trouble plays the wrong prompt",
        {D.FAILED: 6, D.VACANT: -4},
        lambda f: bool(_causes(f) & _TROUBLE),
    ),
    Sign("cause_no_answer", S.SIGNALLING, "cause 18 or 19", {D.NO_ANSWER: 15}, lambda f: bool(_causes(f) & _UNANSWERED)),
    Sign("cause_timer", S.SIGNALLING, "cause 102 after alerting", {D.NO_ANSWER: 10}, lambda f: f.rang and _TIMER in _causes(f)),
    Sign(
        "cause_other",
        S.SIGNALLING,
        "any other cause but 16 and 31",
        {D.FAILED: 14},
        lambda f: bool(_causes(f) - _SPECIFIC - ({_TIMER} if f.rang else set())),
    ),
    # -- ringing ----------------------------------------------------------------------------------------------------------------------
    Sign("alerting", S.SIGNALLING, "alerting or ring-back tone", {D.NO_ANSWER: 8, D.VACANT: -6}, lambda f: f.rang and not f.music),
    Sign("colour_ringback", S.TONE, "music before the answer (彩铃)", {D.NO_ANSWER: 8, D.VACANT: -6}, lambda f: f.music),
    Sign(
        "gave_up",
        S.SIGNALLING,
        "the network cleared with 16 or 31 after it had rung",
        {D.NO_ANSWER: 12},
        lambda f: f.rang and f.who is not Party.US and f.cause in _VAGUE,
    ),
    Sign(
        "ring_timeout", S.US, "we hung up after ringing for too long", {D.NO_ANSWER: 15}, lambda f: f.rang and _ended(f, Ended.RING_TIMEOUT)
    ),
    Sign("never_rang", S.US, "we hung up, it had not rung in time", {D.FAILED: 10}, lambda f: not f.rang and _ended(f, Ended.RING_TIMEOUT)),
    Sign("cancelled", S.US, "we hung up because someone said so", {D.CANCELLED: 14}, lambda f: _ended(f, Ended.CANCELLED)),
    # -- tones ------------------------------------------------------------------------------------------------------------------------
    Sign("tone_busy", S.TONE, "busy tone", {D.BUSY: 22}, lambda f: "busy" in f.tones),
    Sign(
        "tone_congestion",
        S.TONE,
        "congestion tone, or SIT coded RO or NC",
        {D.CONGESTION: 22},
        lambda f: "congestion" in f.tones or bool(f.sit & _SIT_NO_PATH),
    ),
    Sign(
        "tone_vacant",
        S.TONE,
        "number-unobtainable tone, or SIT coded IC or VC",
        {D.VACANT: 22},
        lambda f: "unobtainable" in f.tones or bool(f.sit & _SIT_VACANT),
    ),
    Sign(
        "tone_sit",
        S.TONE,
        "SIT without a coding: some announcement follows",
        {D.VACANT: 18, D.UNREACHABLE: 8},
        lambda f: bool(f.tones & {"sit", "sit_us"}) and not f.sit and "unobtainable" not in f.tones,
    ),
    # -- announcements ----------------------------------------------------------------------------------------------------------------
    Sign(
        "prompt_vacant",
        S.ANNOUNCEMENT,
        "known announcement: vacant, number changed",
        {D.VACANT: 24},
        lambda f: _prompt(f, D.SUSPECT_VACANT),
    ),
    Sign("prompt_busy", S.ANNOUNCEMENT, "known announcement: busy, talking", {D.BUSY: 24}, lambda f: _prompt(f, D.BUSY)),
    Sign("prompt_rejected", S.ANNOUNCEMENT, "known announcement: rejected, barred", {D.REJECTED: 24}, lambda f: _prompt(f, D.REJECTED)),
    Sign(
        "prompt_unreachable",
        S.ANNOUNCEMENT,
        "known announcement: powered off, suspended, unreachable ...",
        {D.UNREACHABLE: 24},
        lambda f: _prompt(f, D.UNREACHABLE),
    ),
    Sign("prompt_congestion", S.ANNOUNCEMENT, "known announcement: network busy", {D.CONGESTION: 24}, lambda f: _prompt(f, D.CONGESTION)),
    Sign(
        "prompt_no_answer",
        S.ANNOUNCEMENT,
        "known announcement: no answer, voice mail",
        {D.NO_ANSWER: 24},
        lambda f: _prompt(f, D.NO_ANSWER),
    ),
    Sign("prompt_failed", S.ANNOUNCEMENT, "known announcement: line fault, misdialled ...", {D.FAILED: 18}, lambda f: _prompt(f, D.FAILED)),
    Sign(
        "speech_vacant",
        S.ANNOUNCEMENT,
        "announcement, unknown, instead of ringing, with cause 1, 22 or 28",
        {D.VACANT: 10},
        lambda f: _unknown_speech(f) and bool(_causes(f) & VACANT_CAUSES),
    ),
    Sign(
        "speech_unknown",
        S.ANNOUNCEMENT,
        "announcement, unknown, instead of ringing",
        {D.UNREACHABLE: 16},
        lambda f: _unknown_speech(f) and not _causes(f) & VACANT_CAUSES,
    ),
    # -- the number and its history -----------------------------------------------------------------------------------------------------
    Sign("digits_missing", S.NUMBER, "digits are missing by the numbering plan", {D.FAILED: 25}, lambda f: f.digits is Digits.MISSING),
    Sign("not_in_plan", S.NUMBER, "in no range of the numbering plan", {D.VACANT: 10}, lambda f: f.digits is Digits.NOT_IN_PLAN),
    Sign("vacant_before", S.HISTORY, "an earlier call had a sign of a vacant number", {D.VACANT: 10}, lambda f: f.earlier_vacant > 0),
    Sign("reached_before", S.HISTORY, "an earlier call was answered", {D.VACANT: -8}, lambda f: f.earlier_reached > 0),
)
"""Signs of a call that was not answered."""

AFTER: tuple[Sign, ...] = (
    Sign("tone_fax", S.TONE, "fax or modem tone", {D.FAX: 30}, lambda f: bool(f.after & FAX_TONES)),
    Sign(
        "false_vacant",
        S.ANNOUNCEMENT,
        "known announcement after the answer: vacant",
        {D.VACANT: 30},
        lambda f: _prompt(f, D.SUSPECT_VACANT),
    ),
    Sign("false_busy", S.ANNOUNCEMENT, "known announcement after the answer: busy", {D.BUSY: 30}, lambda f: _prompt(f, D.BUSY)),
    Sign(
        "false_rejected",
        S.ANNOUNCEMENT,
        "known announcement after the answer: rejected",
        {D.REJECTED: 30},
        lambda f: _prompt(f, D.REJECTED),
    ),
    Sign(
        "false_unreachable",
        S.ANNOUNCEMENT,
        "known announcement after the answer: unreachable",
        {D.UNREACHABLE: 30},
        lambda f: _prompt(f, D.UNREACHABLE),
    ),
    Sign(
        "false_no_answer",
        S.ANNOUNCEMENT,
        "known announcement after the answer: no answer",
        {D.NO_ANSWER: 30},
        lambda f: _prompt(f, D.NO_ANSWER),
    ),
    Sign(
        "false_congestion",
        S.ANNOUNCEMENT,
        "known announcement after the answer: network busy",
        {D.CONGESTION: 30},
        lambda f: _prompt(f, D.CONGESTION),
    ),
    Sign(
        "false_failed",
        S.ANNOUNCEMENT,
        "known announcement after the answer: line fault ...",
        {D.FAILED: 30},
        lambda f: _prompt(f, D.FAILED),
    ),
)
"""Signs of a call that was answered. The answer analysis adds one of its own: its verdict."""

START_BEFORE: Mapping[Disposition, int] = {
    D.FAILED: 0,
    D.NO_ANSWER: -10,
    D.BUSY: -10,
    D.REJECTED: -10,
    D.UNREACHABLE: -10,
    D.CONGESTION: -10,
    D.VACANT: -10,
}
"""Where an unanswered call begins, dB. Without any sign it has failed."""
START_AFTER: Mapping[Disposition, int] = {
    D.PERSON: 0,
    D.MACHINE: 0,
    D.IVR: -6,
    D.ANSWERED_SILENT: -10,
    D.FAX: -12,
    D.BUSY: -14,
    D.REJECTED: -14,
    D.UNREACHABLE: -14,
    D.NO_ANSWER: -14,
    D.CONGESTION: -14,
    D.FAILED: -14,
    D.VACANT: -14,
}
"""Where an answered one begins, dB."""
NO_VERDICT_DB = 6
"""Where ``answered`` begins: that nothing more can be said, while the answer analysis has no verdict."""

GUARDS: Mapping[str, str] = {
    "driver_refused": "the driver did not take the call: not dialled, whatever else is known",
    "no_agent": "a person was handed to the agents and none was free in time: abandoned, whatever else is known",
    "acted_upon": "the call was treated as the answer analysis decided: that stands, only the probability moves; a fax tone goes before",
    "digits_missing": "a number cut short is never called vacant (S05)",
    "trouble": "with a cause of trouble or of no path, tones and prompts are no sign of a vacant number (S05)",
    "two_signs": "vacant needs signs of two sources, three if the number was ever reached; else suspect_vacant (S05)",
}
"""What no weight may do."""


def _ended(f: Facts, why: Ended) -> bool:
    return f.ended is why


@dataclass(frozen=True, slots=True)
class Found:
    """A sign that was found.

    Args:
        name: Of its row.
        source: Where it comes from.
        what: In words.
        db: Weight for the result that was taken; negative speaks against it.
    """

    name: str
    source: Source
    what: str
    db: float


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the call.

    Args:
        disposition: The one result.
        rule: Names of the strongest signs for it, or the guard that decided.
        p: Its probability. Of ``suspect_vacant``: that the number is vacant.
        runner_up: The next likely result, None when there is none.
        runner_up_p: And its probability.
        signs: All that was found, the strongest for the result first.
        guard: Guard that changed what the weights say, empty for none.
    """

    disposition: Disposition
    rule: str
    p: float
    runner_up: Disposition | None
    runner_up_p: float
    signs: tuple[Found, ...]
    guard: str = ""


def fuse(f: Facts) -> Result:
    """The one disposition of a call, how sure it is, and why."""
    if f.refused:
        return Result(D.NOT_DIALLED, "driver_refused", 1.0, None, 0.0, (), "driver_refused")
    if f.abandoned:
        return Result(D.ABANDONED, "no_agent", 1.0, None, 0.0, (), "no_agent")
    found = [row for row in (AFTER if f.answered else BEFORE) if row.holds(f)] + (_answer_sign(f) if f.answered else [])
    score: dict[Disposition, float] = dict(START_AFTER if f.answered else START_BEFORE)
    if f.ended is Ended.CANCELLED and not f.answered:
        score[D.CANCELLED] = 0
    if f.answered and f.verdict is None:
        score[D.ANSWERED] = NO_VERDICT_DB
    for row in found:
        for result, db in row.says.items():
            score[result] += db
    guard = ""
    if f.digits is Digits.MISSING and not f.answered:
        guard = "digits_missing" if score.pop(D.VACANT) > max(score.values()) else ""
    total = sum(10 ** (db / 10) for db in score.values())
    ranked = sorted(score, key=lambda result: -score[result])  # stable: of equals the first of the table
    best = ranked[0]
    if f.answered and f.verdict is not None:
        acted = D.FAX if f.after & FAX_TONES else f.verdict
        guard = "acted_upon" if acted is not best else ""
        best = acted
    second = next(result for result in ranked if result is not best)
    signs = tuple(
        sorted(
            (Found(row.name, row.source, row.what, row.says.get(best, -max(0, *row.says.values()))) for row in found), key=lambda s: -s.db
        )
    )
    disposition = best
    if best is D.VACANT:
        guard = _unproved(f, found) or guard
        disposition = D.SUSPECT_VACANT if guard else best
    p = 10 ** (score[best] / 10) / total
    return Result(disposition, _rule(signs), p, second, 10 ** (score[second] / 10) / total, signs, guard)


def _answer_sign(f: Facts) -> list[Sign]:
    """The verdict of the answer analysis, with the weight that gives it, where it is alone, its own probability."""
    if f.verdict is None:
        return []
    odds = {result: 10 ** (db / 10) for result, db in START_AFTER.items()}
    p = min(max(f.verdict_p, 0.01), 0.999)
    db = round(10 * math.log10(p / (1 - p) * (sum(odds.values()) - odds[f.verdict]) / odds[f.verdict]))
    what = f"verdict of the answer analysis, probability {p:.2f}"
    return [Sign(f"answer_{f.verdict}", Source.ANSWER, what, {f.verdict: db}, lambda f: True)]


def _unproved(f: Facts, found: list[Sign]) -> str:
    """The guard that forbids to call the number vacant, empty for none."""
    sources = {row.source for row in found if row.says.get(D.VACANT, 0) > 0}
    needed = 3 if f.earlier_reached else 2
    if len(sources) < needed:
        return "two_signs"
    trouble = _causes(f) & (_NO_PATH | _TROUBLE)
    return "trouble" if trouble and len(sources - {Source.TONE, Source.ANNOUNCEMENT}) < needed else ""


def _rule(signs: tuple[Found, ...]) -> str:
    """At most 40 characters: the strongest signs for the result."""
    names = [one.name for one in signs if one.db > 0]
    rule = names[0] if names else "no_sign"
    if len(names) > 1 and len(rule) + len(names[1]) < 40:
        rule += "+" + names[1]
    return rule


# -- the tables as text -------------------------------------------------------------------------------------------------------------


def markdown() -> str:
    """The tables for ``docs/results.md``; a test keeps the page equal to them."""
    lines: list[str] = []
    for title, rows, start in (("Not answered", BEFORE, START_BEFORE), ("Answered", AFTER, START_AFTER)):
        more = f", and with answered {NO_VERDICT_DB:+d} while there is no verdict" if rows is AFTER else ""
        lines += [
            f"### {title}",
            "",
            f"Begins with {_weights(start)}{more}.",
            "",
            "| sign | source | what | weights, dB |",
            "|---|---|---|---|",
        ]
        lines += [f"| `{row.name}` | {row.source} | {row.what} | {_weights(row.says)} |" for row in rows]
        if rows is AFTER:
            lines.append("| `answer_*` | answer | verdict of the answer analysis | alone it has its own probability |")
        lines.append("")
    lines += ["### Guards", "", "| guard | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in GUARDS.items())]
    return "\n".join(lines) + "\n"


def _weights(says: Mapping[Disposition, int]) -> str:
    return ", ".join(f"{result} {db:+d}" if db else f"{result} 0" for result, db in says.items())


if __name__ == "__main__":
    print(markdown(), end="")
