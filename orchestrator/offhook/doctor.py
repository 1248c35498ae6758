"""What stands between this machine and a first call over E1: findings in the order in which to mend them.

Reads ``/proc/dahdi``, ``/dev/dahdi`` and the configuration, and measures for a second how punctual the machine is. Changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from offhook.config import Settings
from offhook.errors import ConfigError
from offhook.lines.linecare import LINE_ERRORS, NAMES
from offhook.messages import Health, NodeState
from offhook.routes import Routes
from offhook_drivers import PriError, PriSettings
from offhook_drivers.contract import SpanErrors
from offhook_drivers.prid import find
from offhook_drivers.spanstat import CONTROL, PROC, Span, read_errors, read_spans

TICK_S = 0.02
D_TIMESLOT = 16


class Grade(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found and, unless it is good, what to do."""

    what: str
    grade: Grade
    found: str
    mend: str = ""


def cards(driver: PriSettings, proc: Path = PROC, dev: Path = CONTROL.parent) -> Iterator[Finding]:
    """The cards and their spans against the ``[driver]`` table."""
    channel = dev / "channel"
    if not channel.exists():
        yield Finding("DAHDI", Grade.BAD, f"{channel} is not there", "load the card's driver (modprobe wct4xxp) and run dahdi_cfg")
        return
    if not os.access(channel, os.R_OK | os.W_OK):
        yield Finding(
            "permission", Grade.BAD, f"{channel} may not be read and written", "add this user to the group dahdi, then log in again"
        )
    spans = read_spans(proc)
    if not spans:
        yield Finding("spans", Grade.BAD, f"{proc} lists none", "run dahdi_genconf and dahdi_cfg; look into dmesg for the card")
        return
    by_channel = {number: span for span in spans for number in span.channels}
    for first in driver.first_channels:
        span = by_channel.get(first)
        if span is None or min(span.channels) != first:
            known = ", ".join(str(min(span.channels)) for span in spans if span.channels) or "none; run dahdi_cfg"
            yield Finding(f"channel {first}", Grade.BAD, "no span begins there", f"first_channels may be: {known}")
        else:
            yield from check_span(span, first)
            yield from line_errors(f"span {span.number} ({span.name})", read_errors(span.number, proc, dev / "ctl"))
    if spans and not any(span.clock for span in spans):
        yield Finding("clock", Grade.NOTE, "no span is marked as clock source", "in system.conf give the span to the exchange timing 1")


def check_span(span: Span, first: int) -> Iterator[Finding]:
    """One span that the driver is to use."""
    what = f"span {span.number} ({span.name})"
    if span.alarms:
        known = {"RED": "check the cable and that the far end is on", "YELLOW": "the far end does not hear us: check our transmit pair"}
        mend = known.get(span.alarms[0], "ask the carrier; framing and coding must agree")
        yield Finding(what, Grade.BAD, f"alarm {' '.join(span.alarms)}", mend)
    d_channel = span.channels.get(first - 1 + D_TIMESLOT, "")
    if "HDLC" not in d_channel and "D-channel" not in d_channel:
        shown = d_channel or "not configured"
        yield Finding(what, Grade.BAD, f"timeslot 16 is no D-channel ({shown})", f"in system.conf: dchan={first + 15} and run dahdi_cfg")
    elif "In use" in d_channel:
        yield Finding(what, Grade.NOTE, "its D-channel is in use", "another program (a running node, Asterisk) holds it")
    voice = [first - 1 + slot for slot in range(1, 32) if slot != D_TIMESLOT]
    missing = [number for number in voice if number not in span.channels]
    if missing:
        mend = f"in system.conf: bchan={first}-{first + 14},{first + 16}-{first + 30}"
        yield Finding(what, Grade.BAD, f"{len(missing)} of 30 B-channels are not configured", mend)
    if not span.alarms and not missing:
        yield Finding(what, Grade.GOOD, f"30 B-channels from {first}, D-channel {first + 15}{', CRC4' if span.crc4 else ''}")


def line_errors(what: str, errors: SpanErrors) -> Iterator[Finding]:
    """What the span's line has counted; each kind with its usual reason."""
    for name, (words, mend) in LINE_ERRORS.items():
        count = getattr(errors, name)
        if count:
            yield Finding(what, Grade.NOTE, f"{count} {words}", mend)


def daemon(driver: PriSettings) -> Finding:
    """The signalling daemon."""
    try:
        return Finding("signalling", Grade.GOOD, find(driver.daemon or None))
    except PriError as error:
        return Finding("signalling", Grade.BAD, str(error), "apt-get install libpri-dev; scripts/build release; see docs/e1.md")


def punctuality(buffers: int, prefill: int, ticks: int = 50) -> Finding:
    """How late the machine wakes a process that sleeps in 20 ms steps, against what the card's buffers forgive.

    A stall up to *prefill* blocks is not heard, one up to *buffers* costs a gap in what we send, beyond that audio is lost.
    """
    worst = 0.0
    due = time.monotonic()
    for _ in range(ticks):
        due += TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
        worst = max(worst, time.monotonic() - due)
    ahead, room = prefill * TICK_S, (buffers - 1) * TICK_S
    found = (
        f"wakes at most {worst * 1000:.1f} ms late in {ticks * TICK_S:g} s; {prefill} blocks ahead hide {ahead * 1000:.0f} ms, "
        f"{buffers} buffers forgive {room * 1000:.0f} ms"
    )
    if worst > room / 2:
        return Finding("buffers", Grade.BAD, found, "use more buffers, set [core] fifo, keep other work off this machine")
    if worst > ahead / 2:
        return Finding("buffers", Grade.NOTE, found, "prompts may have gaps: set [core] fifo, or a higher prefill, 20 ms later each")
    return Finding("buffers", Grade.GOOD, found)


def processor() -> Finding:
    """Is there processor to spare?"""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    found = f"load {load:.1f} on {cores} core{'s' if cores > 1 else ''}"
    if load > 1.5 * cores:
        return Finding("processor", Grade.NOTE, found, "other work competes with the lines; set [core] fifo or move it")
    return Finding("processor", Grade.GOOD, found)


def realtime(fifo: int) -> Finding:
    """May the media thread have the priority that the configuration asks for?"""
    if fifo == 0:
        return Finding(
            "priority", Grade.NOTE, "[core] fifo is 0", "set fifo = 50 on an appliance, so that other work cannot delay the lines"
        )
    try:
        before, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(fifo))
        os.sched_setscheduler(0, before, parameter)
    except (OSError, ValueError) as error:
        return Finding(
            "priority", Grade.BAD, f"SCHED_FIFO {fifo} is refused: {error}", "run with CAP_SYS_NICE, or LimitRTPRIO=99 in the unit"
        )
    return Finding("priority", Grade.GOOD, f"SCHED_FIFO {fifo} is granted")


def routes(settings: Settings) -> Finding:
    """The routes file against the driver's spans."""
    if settings.dial.routes is None:
        return Finding("routes", Grade.GOOD, "none: all spans alike")
    try:
        tables = Routes.load(settings.dial.routes)
        if isinstance(settings.driver, PriSettings):
            tables.check_spans(len(settings.driver.first_channels))
    except ConfigError as error:
        return Finding("routes", Grade.BAD, str(error), "correct the file; offhook route NUMBER shows its effect")
    return Finding("routes", Grade.GOOD, f"{len(tables.trunk)} trunk groups, {len(tables.route)} routes")


def node(state: NodeState | None) -> Iterator[Finding]:
    """A running node by its own account: its health, and alarms and errors of its lines; *state* is None where none answers."""
    if state is None:
        yield Finding("node", Grade.GOOD, "none runs here")
        return
    grade = {Health.HELD: Grade.BAD, Health.DEGRADED: Grade.NOTE}.get(state.health, Grade.GOOD)
    yield Finding(f"node {state.node}", grade, " ".join((state.health, state.reason)).strip())
    for span in state.spans:
        what = f"line of span {span.span}"
        alarms = [name for name in span.alarms if name not in NAMES.values()]
        if alarms:
            grade = Grade.NOTE if set(alarms) <= {"yellow", "recover", "loopback"} else Grade.BAD
            yield Finding(what, grade, f"alarm {' '.join(alarms)}", "check the cable and the far end; ask the carrier")
        elif not span.up:
            yield Finding(
                what,
                Grade.BAD,
                "its D-channel is not in service",
                "framing, CRC4 and timeslot 16 must agree with the exchange; ask the carrier",
            )
        for kind, name in NAMES.items():
            words, mend = LINE_ERRORS[kind]
            if name in span.alarms:
                yield Finding(what, Grade.BAD, f"too many {words}: {span.errors.get(kind, 0)} so far", mend)


def examine(settings: Settings, proc: Path = PROC, dev: Path = CONTROL.parent) -> list[Finding]:
    """Everything; about a second."""
    findings: list[Finding] = []
    driver = settings.driver
    if isinstance(driver, PriSettings):
        findings += [*cards(driver, proc, dev), daemon(driver)]
    else:
        spans = read_spans(proc)
        text = f"{len(spans)} spans are there, but the driver is {driver.name}" if spans else f"driver {driver.name}; no card is asked for"
        mend = '[driver] name = "pri" uses them' if spans else ""
        findings.append(Finding("cards", Grade.NOTE if spans else Grade.GOOD, text, mend))
    findings += [routes(settings), realtime(settings.core.fifo), processor()]
    card = driver if isinstance(driver, PriSettings) else PriSettings(name="pri")
    findings.append(punctuality(card.buffers, card.prefill))
    return findings
