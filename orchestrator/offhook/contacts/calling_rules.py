"""The rule packs of countries as a check of the contact screen: hours and consent, and caps and rests of the packs in force.

A call that they allow carries their versions too, so that its record says by which rules it was made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers

from offhook.config import RuleSettings
from offhook.contacts.policy import ContactCap, ContactPolicy, ContactRest, Effect
from offhook.contacts.screen import Ask, Finding, Person, resting, within
from offhook.rules import Kind, RuleBook
from offhook.rules.judge import Callee

if TYPE_CHECKING:
    from offhook.store import Lead


@lru_cache(maxsize=4096)
def _region(number: int) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{number}")) or ""
    except phonenumbers.NumberParseException:
        return ""  # a service number


def calling_rules(settings: RuleSettings) -> CallingRules | None:
    """The packs that the configuration names; None when it names none.

    Raises:
        PackError: A pack is wrong, or there is none of a name.
    """
    return CallingRules(RuleBook.of(settings.packs, settings.folder, settings.unknown_zones)) if settings.packs else None


class CallingRules:
    """A check of :mod:`offhook.contacts.screen`.

    Args:
        book: The packs in use.
    """

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self.horizon_s = max(
            [0.0, *(cap.window_s for pack in book.packs for cap in pack.cap), *(rest.rest_s for pack in book.packs for rest in pack.rest)]
        )
        """How far back the caps and rests look, seconds."""

    def __call__(self, policy: ContactPolicy, ask: Ask, person: Person) -> Iterable[Finding]:
        """What the packs say about a call; a finding that passes names their versions."""
        at = dt.datetime.fromtimestamp(ask.now_ms / 1000, dt.UTC)
        kind = Kind(ask.kind)
        callee = Callee(f"+{ask.number}", _region(ask.number), ask.zones, _agreed(ask, person))
        verdict = self.book.judge(callee, kind, at)
        if not verdict.packs:
            return
        failed = [one for one in verdict.findings if not one.passed]
        for one in failed:
            if one.what == "consent" or verdict.next_open is None:
                yield Finding(f"rule {one.rule}", Effect.REFUSE, one.values)
            else:
                yield Finding(f"rule {one.rule}", Effect.HOLD, one.values, round(verdict.next_open.timestamp() * 1000))
        for name, cap in self.book.caps(callee, kind, at):
            as_cap = ContactCap(name=name, attempts=cap.attempts, window_s=cap.window_s, results=cap.results, kinds=cap.kinds)
            yield from (_by_rule(found) for found in within(as_cap, policy, ask, person))
        for name, rest in self.book.rests(callee, kind, at):
            yield from (_by_rule(found) for found in resting(ContactRest(name=name, after=rest.after, rest_s=rest.rest_s), ask, person))
        if not failed:
            yield Finding("rules", Effect.PASS, ", ".join(verdict.packs))

    def open(self, kind: str, lead: Lead, at: dt.datetime) -> bool:
        """Do the hours allow the call at *at*? The last look before the number is sent; the rest was checked when the lead was reserved."""
        return self.book.judge(Callee(lead.e164, lead.region, lead.zones, consent=True), Kind(kind), at).allowed


def _agreed(ask: Ask, person: Person) -> bool:
    until = person.consent.get(ask.kind)
    return until is not None and (not until or dt.datetime.fromisoformat(until).timestamp() * 1000 > ask.now_ms)


def _by_rule(found: Finding) -> Finding:
    return Finding(f"rule {found.rule.partition(' ')[2]}", found.effect, found.values, found.until_ms)
