"""Does a disposition agree with what the simulator knows? Only the demo and the tests may ask."""

from __future__ import annotations

from collections.abc import Mapping

from offhook.calls.disposition import Disposition

_D = Disposition

AGREES: Mapping[tuple[str, str], frozenset[Disposition]] = {
    # (behaviour, meaning; "" is any other): dispositions that a careful person would also accept
    ("person", ""): frozenset({_D.PERSON}),
    ("machine", ""): frozenset({_D.MACHINE}),
    ("ivr", ""): frozenset({_D.IVR, _D.MACHINE}),  # both are taken care of alike: no person was reached
    ("fax", ""): frozenset({_D.FAX}),
    ("silent", ""): frozenset({_D.ANSWERED_SILENT}),
    ("no_answer", ""): frozenset({_D.NO_ANSWER}),
    ("busy", ""): frozenset({_D.BUSY}),
    ("rejected", ""): frozenset({_D.REJECTED}),
    ("congestion", ""): frozenset({_D.CONGESTION}),
    ("network_failure", ""): frozenset({_D.FAILED, _D.CONGESTION}),
    ("screening", ""): frozenset({_D.MACHINE}),
    ("sit", "ic"): frozenset({_D.VACANT, _D.SUSPECT_VACANT}),
    ("sit", "vc"): frozenset({_D.VACANT, _D.SUSPECT_VACANT}),
    ("sit", "itu"): frozenset({_D.VACANT, _D.SUSPECT_VACANT}),
    ("sit", ""): frozenset({_D.CONGESTION, _D.FAILED}),
    ("vacant", ""): frozenset({_D.VACANT, _D.SUSPECT_VACANT}),
    ("announcement", "powered_off"): frozenset({_D.UNREACHABLE}),
    ("announcement", "unreachable"): frozenset({_D.UNREACHABLE}),
    ("announcement", "suspended"): frozenset({_D.UNREACHABLE, _D.FAILED, _D.SUSPECT_VACANT}),
    ("announcement", "vacant"): frozenset({_D.VACANT, _D.SUSPECT_VACANT}),
    ("announcement", "busy"): frozenset({_D.BUSY}),
    ("announcement", "congestion"): frozenset({_D.CONGESTION}),
}


def agrees(behaviour: str, meaning: str, disposition: Disposition) -> bool | None:
    """Whether *disposition* is right for a callee; None when nothing can be said: we ended the call, or the behaviour is not listed."""
    if disposition in (_D.CANCELLED, _D.NOT_DIALLED):
        return None
    accepted = AGREES.get((behaviour, meaning)) or AGREES.get((behaviour, ""))
    return None if accepted is None else disposition in accepted
