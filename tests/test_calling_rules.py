"""Rule packs in the contact screen and in a node: held until it opens, refused without consent, versions kept (D46, D49, L05)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest
from nodes import START, settings, simulator

from offhook import CampaignSpec, Node, run_virtual
from offhook.contacts.calling_rules import CallingRules
from offhook.contacts.model import Whom
from offhook.contacts.policy import ContactPolicy, Effect
from offhook.contacts.screen import CHECKS, Ask, Entry, Person, screen
from offhook.contacts.why import why
from offhook.errors import OffhookError
from offhook.rules import RuleBook, builtin_packs

RULES = CallingRules(RuleBook(builtin_packs()))
BUSY = {"kind": "busy", "played_share": 0.0}


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def verdict(number: int, zone: str, kind: str, at: str, person: Person | None = None) -> tuple[Effect, str, int | None]:
    ask = Ask(number, (zone,), kind, "c", ms(at))
    found = screen(ContactPolicy(rests=()), ask, person or Person(), (*CHECKS, RULES))
    return found.effect, found.why, found.until_ms


def test_a_call_that_the_rules_allow_names_their_versions() -> None:
    assert verdict(442079460000, "Europe/London", "service", "2026-11-23T10:00:00+00:00") == (Effect.PASS, "rules: gb 1", None)


def test_closed_hours_hold_until_they_open() -> None:
    effect, why, until = verdict(33123456789, "Europe/Paris", "survey", "2026-11-21T11:00:00+01:00")
    assert effect is Effect.HOLD and "rule fr 2/hours" in why
    assert until == ms("2026-11-23T10:00:00+01:00")


def test_without_consent_it_is_refused_and_with_it_made() -> None:
    at = "2026-11-24T11:00:00+01:00"
    assert verdict(33123456789, "Europe/Paris", "marketing", at)[0] is Effect.REFUSE
    assert verdict(33123456789, "Europe/Paris", "marketing", at, Person(consent={"marketing": ""}))[0] is Effect.PASS
    ended = Person(consent={"marketing": "2026-11-01T00:00:00+00:00"})
    assert verdict(33123456789, "Europe/Paris", "marketing", at, ended)[0] is Effect.REFUSE


def test_caps_and_rests_of_a_pack_count_the_persons_history() -> None:
    at = "2026-11-24T12:00:00+01:00"
    calls = [Entry(ms(at) - n * 3_600_000, 4930123456, "service", "no_answer") for n in (1, 2, 3)]
    effect, why, until = verdict(4930123456, "Europe/Berlin", "service", at, Person(entries=calls))
    assert (effect, why.split(":")[0], until) == (Effect.HOLD, "rule de 1/per-day", ms(at) + 21 * 3_600_000)
    refused = Person(entries=[Entry(ms(at) - 86_400_000, 33123456789, "survey", "refused")])
    effect, why, until = verdict(33123456789, "Europe/Paris", "survey", at, refused)
    assert (effect, why.split(":")[0]) == (Effect.HOLD, "rule fr 2/after-refusal")


def test_the_ledger_is_read_as_far_back_as_the_packs_look() -> None:
    assert RULES.horizon_s == 5 * 365 * 86400


def test_a_node_holds_leads_until_the_rules_open_and_keeps_their_version(tmp_path: Path) -> None:
    night = START.replace(hour=14)  # 22:00 in Shanghai
    (tmp_path / "list.csv").write_text("number\n13912345678\n+442079460000\n", encoding="utf-8")

    async def main() -> list[tuple[dt.datetime, str]]:
        given = settings(tmp_path, rules={"packs": ["cn", "gb"]})
        async with Node(given, driver=simulator(BUSY)) as node:
            await node.create_campaign(CampaignSpec(name="notice", retry={"rules": {}, "max_attempts": 1}))  # type: ignore[arg-type]
            await node.import_list("notice", tmp_path / "list.csv")
            await node.start_campaign("notice")
            await asyncio.sleep(13 * 3600)
            return [(call.started, call.number) for call in await node.calls("notice") if call.started is not None]

    made = {number: when for when, number in run_virtual(main(), night)}
    assert made["+442079460000"] < night + dt.timedelta(minutes=1)
    assert made["13912345678"] >= night + dt.timedelta(hours=10)  # 08:00
    assert made["13912345678"] < night + dt.timedelta(hours=10, minutes=2)
    with sqlite3.connect(tmp_path / "data" / "offhook.db") as database:
        kept = [json.loads(row[0]) for row in database.execute("SELECT screen FROM journal ORDER BY call_id")]
    assert kept == [[["rules", "pass", "gb 1"]], [["rules", "pass", "cn 1"]]]


def test_why_cites_the_rule_and_says_when_next(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("number\n13912345678\n", encoding="utf-8")

    async def main() -> tuple[str, dt.datetime | None]:
        async with Node(settings(tmp_path, rules={"packs": ["cn"]}), driver=simulator(BUSY)) as node:
            await node.create_campaign(CampaignSpec(name="notice"))
            await node.import_list("notice", tmp_path / "list.csv")
            await node.start_campaign("notice")
            await asyncio.sleep(1)
            told = await why(node.store, Whom(number="+8613912345678"), node.clock.now())
            (lead,) = told.leads
            return " ".join(rule.rule for rule in lead.rules), lead.next

    said, at = run_virtual(main(), START.replace(hour=14))
    assert "rule cn 1/hours" in said
    assert at == START.replace(hour=0) + dt.timedelta(days=1)


def test_a_pack_that_is_not_there_ends_the_start_of_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path, rules={"packs": ["nn"]}), driver=simulator(BUSY)):
            pass

    with pytest.raises(OffhookError, match="no rule pack is called 'nn'"):
        run_virtual(main(), START)
