"""What DAHDI knows of its spans: ``/proc/dahdi`` and the kernel's record of each."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from .contract import SpanErrors

PROC = Path("/proc/dahdi")
CONTROL = Path("/dev/dahdi/ctl")
SPANSTAT = 0xC13ADA0A
"""The request, as in ``media/dahdi_abi.h``; the record has 314 octets and these counts from octet 76: bpv, crc4, ebit, fas."""
_RECORD_OCTETS, _COUNTS_AT = 314, 76
_HEAD = re.compile(r'Span (?P<number>\d+): (?P<name>\S+)\s+"(?P<description>[^"]*)"(?P<rest>.*)')
_CHANNEL = re.compile(r"\s*(?P<number>\d+)\s+\S+\s+(?P<signalling>.*)")
_ALARMS = ("RED", "BLUE", "YELLOW", "LOS", "LFA", "LMFA", "RECOVERING", "LOOP")


@dataclass(frozen=True, slots=True)
class Span:
    """A span as ``/proc/dahdi`` shows it."""

    number: int
    name: str
    description: str
    alarms: tuple[str, ...]
    clock: bool  # it gives the clock to the others
    crc4: bool
    slips: int
    channels: dict[int, str]  # DAHDI's number: signalling, such as "Clear (In use)"


def read_span(text: str) -> Span | None:
    """Take one file of ``/proc/dahdi`` apart; None when it is none of a span."""
    lines = text.splitlines()
    head = next((match for line in lines if (match := _HEAD.match(line))), None)
    if head is None:
        return None
    rest = head["rest"].split()
    channels = {int(m["number"]): m["signalling"].strip() for line in lines if (m := _CHANNEL.match(line))}
    return Span(
        int(head["number"]),
        head["name"],
        head["description"],
        tuple(word for word in rest if word in _ALARMS),
        "(MASTER)" in rest or "ClockSource" in rest,
        any("CRC4" in word for word in rest),
        _slips(text),
        channels,
    )


def read_spans(proc: Path = PROC) -> list[Span]:
    """All spans of the machine, by number."""
    files = sorted(proc.iterdir()) if proc.is_dir() else []
    spans = (read_span(path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file())
    return sorted((span for span in spans if span is not None), key=lambda span: span.number)


def read_errors(number: int, proc: Path = PROC, control: Path = CONTROL) -> SpanErrors:
    """Errors of DAHDI's span *number* since its driver was loaded; all 0 where nothing is told.

    Slips stand in ``/proc/dahdi`` alone, the others in the kernel's record.
    """
    try:
        slips = _slips((proc / str(number)).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        slips = 0
    record = bytearray(_RECORD_OCTETS)
    struct.pack_into("=i", record, 0, number)
    try:
        fd = os.open(control, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, SPANSTAT, record)
        finally:
            os.close(fd)
    except OSError:
        return SpanErrors(slips=slips)
    return errors_in(bytes(record), slips)


def errors_in(record: bytes, slips: int) -> SpanErrors:
    """The counts of a SPANSTAT record. Drivers that do not count give -1."""
    bpv, crc4, ebit, fas = (max(0, count) for count in struct.unpack_from("=4i", record, _COUNTS_AT))
    return SpanErrors(slips=slips, crc4=crc4, far_end=ebit, code_violations=bpv, framing=fas)


def _slips(text: str) -> int:
    return next((int(line.split(":")[1]) for line in text.splitlines() if line.strip().startswith("Timing slips:")), 0)
