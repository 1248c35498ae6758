"""The contact ledger: check and reserve in one step, so that two campaigns, two nodes or two departments can never both pass a cap.

A reservation is the journal's row of an attempt without a result; it names the person. While there is one, every other attempt at the
person is held. So whoever checks finds everything that counts in the ledger, and needs no guess about calls that are still open. The result
turns the reservation into a row of the ledger, giving a lead back removes it, and after a crash it stands until the node that made it
is back: nobody calls the person meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, cast, func, insert, literal, or_, select, text

from offhook.campaigns.caps import Protection
from offhook.campaigns.hours import HORIZON_S, BestHour
from offhook.contacts.calling_rules import CallingRules
from offhook.contacts.policy import DAY_S, ContactPolicy, Effect
from offhook.contacts.screen import ALLOWED, CHECKS, NOBODY, Ask, Check, Entry, OnList, Person, Verdict, kept_for, passes, screen
from offhook.lists.filters import Filter, filter_of
from offhook.messages import CampaignSpec
from offhook.store import rates
from offhook.store import tables as t
from offhook.store.tables import digits

MERGED = 500
"""Policies kept in memory with what was made of them."""
_LOCKS = text("SELECT pg_advisory_xact_lock(person) FROM unnest(CAST(:persons AS bigint[])) AS person")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that is to be reserved."""

    call_id: str
    lead_id: int
    e164: str
    zones: tuple[str, ...]
    deadline_ms: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)  # columns of its list
    segment: str = ""
    waited: bool = False  # for the person's best hour
    promised_ms: int | None = None
    agent: str = ""  # who promised


def wanted_of(call_id: str, lead: Any) -> Wanted:
    """A call to a row of ``lead``."""
    attributes = {**lead.extra, "name": lead.name}
    zones = tuple(lead.zones.split())
    more = (lead.segment or "", lead.hour_ms is not None, lead.promised_ms, lead.agent)
    return Wanted(call_id, lead.id, lead.e164, zones, lead.deadline_ms, attributes, *more)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and when: the same for a whole batch."""

    node: str
    campaign_id: int
    campaign: str
    kind: str
    now_ms: int
    rules: CallingRules | None = None  # packs of countries, beside the contact policy
    filter: Filter | None = None  # of the campaign
    protection: Protection | None = None  # the campaign's own caps and rests, beside the policy's
    spec: CampaignSpec | None = None  # the campaign as described
    here: Collection[str] | None = None  # agents who are logged in to it; none: it is not known


def asking(
    node: str,
    campaign_id: int,
    now_ms: int,
    rules: CallingRules | None,
    spec: CampaignSpec | None,
    here: Collection[str] | None = None,
) -> Asking:
    """Who asks, for a campaign as described; without a description its calls are service calls."""
    if spec is None:
        return Asking(node, campaign_id, "", "service", now_ms, rules)
    return Asking(node, campaign_id, spec.name, spec.kind, now_ms, rules, filter_of(spec.filter), spec.protection, spec, here)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one wanted call."""

    wanted: Wanted
    person: int
    verdict: Verdict
    policy: int  # version

    @property
    def reserved(self) -> bool:
        """May it be made? Its journal row is written then."""
        return self.verdict.effect in (Effect.PASS, Effect.REMIND)


def policy_in_force(connection: Connection) -> tuple[int, ContactPolicy]:
    """The newest version, 0 and the default when none was ever set."""
    row = connection.execute(select(t.policy.c.version, t.policy.c.spec).order_by(t.policy.c.version.desc()).limit(1)).first()
    return (0, _DEFAULT) if row is None else (row.version, _parsed(row.version, row.spec))


_DEFAULT = ContactPolicy()
_known: dict[int, tuple[object, ContactPolicy]] = {}


def _parsed(version: int, spec: Mapping[str, Any]) -> ContactPolicy:
    """Parsing costs more than reading, and a batch of one call is common: the last text of each version is remembered."""
    known = _known.get(version)
    if known is None or known[0] != spec:
        known = _known[version] = (spec, ContactPolicy.model_validate(spec))
    return known[1]


_stricter: dict[tuple[int, str], tuple[ContactPolicy, ContactPolicy]] = {}


def stricter(policy: ContactPolicy, protection: Protection | None) -> ContactPolicy:
    """The policy with the caps and rests of a campaign, which cites them as its own. The same object for the same content."""
    if protection is None or not (protection.caps or protection.rests):
        return policy
    key = (id(policy), protection.model_dump_json())
    found = _stricter.get(key)
    if found is None or found[0] is not policy:
        if len(_stricter) > MERGED:
            _stricter.clear()
        caps = [cap.model_copy(update={"name": f"{cap.name} of the campaign"}) for cap in protection.caps]
        rests = [rest.model_copy(update={"name": f"{rest.name} (the campaign's)"}) for rest in protection.rests]
        merged = policy.model_copy(update={"caps": (*policy.caps, *caps), "rests": (*policy.rests, *rests)})
        found = _stricter[key] = (policy, merged)
    return found[1]


@dataclass(frozen=True, slots=True)
class _Statements:
    """What a check asks the database. Building a statement costs more than running it, so each is built once; ``keys`` are the persons."""

    contacts: Select[Any]
    open: Select[Any]
    history: Select[Any]
    listed: Select[Any]
    levels: Select[Any]


@lru_cache(maxsize=4)
def _statements(dialect: str) -> _Statements:
    number, journal, ledger, contact = t.contact_number.c, t.journal.c, t.ledger.c, t.contact.c
    return _Statements(
        select(number.e164, -number.contact_id).where(t.one_of(dialect, number.e164, "keys")),
        select(journal.person, journal.intent_ms).where(journal.result_ms.is_(None), t.one_of(dialect, journal.person, "keys")),
        select(ledger.person, ledger.at_ms, ledger.number, ledger.kind, ledger.result).where(
            t.one_of(dialect, ledger.person, "keys"), ledger.at_ms > bindparam("since")
        ),
        select(t.listed).where(t.one_of(dialect, t.listed.c.person, "keys")).order_by(t.listed.c.id),
        select(contact.id, contact.level, contact.consent).where(t.one_of(dialect, contact.id, "keys")),
    )


def contacts_of(connection: Connection, numbers: Iterable[str]) -> dict[str, int]:
    """Persons of the numbers that belong to a contact."""
    dialect = connection.dialect.name
    rows = connection.execute(_statements(dialect).contacts, {"keys": t.given(dialect, list(numbers))})
    return {row[0]: row[1] for row in rows}


def person_of(connection: Connection, e164: str) -> int:
    """One number's person."""
    return contacts_of(connection, [e164]).get(e164) or digits(e164)


def lock(connection: Connection, persons: Iterable[int]) -> None:
    """Nobody else checks these persons until this transaction ends. SQLite's writer has the whole database already."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCKS, {"persons": sorted(set(persons))})  # always in one order, so that nobody waits in a ring


def known_of(
    connection: Connection,
    policy: ContactPolicy,
    keys: Mapping[int, set[int]],
    now_ms: int,
    everything: bool = True,
    horizon_s: float = 0.0,
) -> dict[int, Person]:
    """What the database knows of persons; those of whom nothing is known are left out.

    Args:
        connection: In a transaction that holds their locks, if the answer is to be acted on.
        policy: Says how far back to look.
        keys: Persons, each with the digits of its numbers in question: lists may name either.
        now_ms: The present.
        everything: False leaves out the history of persons whom no cap and no rest of the policy can hold back.
        horizon_s: Look back at least so far, seconds.
    """
    found: dict[int, Person] = {}
    persons = list(keys)
    # The open attempts first: a result moves from the journal to the ledger in one commit, so what is not open now is in the ledger by
    # the next statement. The other way round it could be missed in both.
    dialect = connection.dialect.name
    ask = _statements(dialect)
    for person, since in connection.execute(ask.open, {"keys": t.given(dialect, persons)}):
        found.setdefault(person, Person()).open_since_ms = since
    counts = persons if everything else _near(connection, policy, persons, now_ms)
    if counts:
        entries: dict[int, list[Entry]] = {}
        since_ms = _since(policy, now_ms, horizon_s)
        for past in connection.execute(ask.history, {"keys": t.given(dialect, counts), "since": since_ms}).all():
            entries.setdefault(past[0], []).append(Entry._make(past[1:]))
        for person, its in entries.items():
            found.setdefault(person, Person()).entries = its
    whose = {key: person for person, numbers in keys.items() for key in (person, *numbers)}
    lists: dict[int, list[OnList]] = {}
    for row in connection.execute(ask.listed, {"keys": t.given(dialect, list(whose))}):
        on = OnList(row.list, row.category, row.reason, tuple(row.kinds.split()), row.campaign, row.from_ms, row.until_ms)
        lists.setdefault(whose[row.person], []).append(on)
    for person, on_lists in lists.items():
        found.setdefault(person, Person()).listed = on_lists
    if everything or policy.consent or any(cap.levels for cap in policy.caps):
        contacts = [-person for person in persons if person < 0]
        for contact, level, consent in connection.execute(ask.levels, {"keys": t.given(dialect, contacts)}) if contacts else ():
            known = found.setdefault(-contact, Person())
            known.level, known.consent = level, consent
    return found


def _since(policy: ContactPolicy, now_ms: int, least_s: float = 0.0) -> int:
    """Nothing before this counts, ms."""
    horizon = policy.horizon_s()
    return -1 if horizon is None else now_ms - round(max(horizon, least_s) * 1000)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Finds the persons whom a cap or a rest of a policy may hold back."""

    policy: ContactPolicy
    query: Select[Any] | None  # None: there is no cap and no rest
    windows_ms: dict[str, int]  # parameters that are so long before the present


_reaches: dict[tuple[str, int], _Reach] = {}


def _reach(dialect: str, policy: ContactPolicy) -> _Reach:
    found = _reaches.get((dialect, id(policy)))
    if found is None or found.policy is not policy:
        if len(_reaches) > MERGED:
            _reaches.clear()
        found = _reaches[(dialect, id(policy))] = _build_reach(dialect, policy)
    return found


def _build_reach(dialect: str, policy: ContactPolicy) -> _Reach:
    row = t.ledger.c
    windows_ms: dict[str, int] = {}

    def after(window_s: float) -> ColumnElement[bool]:
        name = f"after{len(windows_ms)}"
        windows_ms[name] = round(window_s * 1000)
        return row.at_ms > bindparam(name)

    reached: list[ColumnElement[bool]] = []
    for cap in policy.caps:
        counted: list[ColumnElement[bool]] = [row.result.in_(cap.results)] if cap.results else []
        window_s = 2 * DAY_S if cap.part_of_day else cap.window_s  # no part of a day is longer
        if window_s is not None:
            counted.append(after(window_s))
        reached.append(func.count().filter(*counted) >= cap.attempts if counted else func.count() >= cap.attempts)
    for rest in policy.rests:
        reached.append(func.count().filter(row.result.in_(rest.after), after(rest.rest_s)) > 0)
    if not reached:
        return _Reach(policy, None, {})
    query = select(row.person).where(t.one_of(dialect, row.person, "keys"), row.at_ms > bindparam("since"))
    return _Reach(policy, query.group_by(row.person).having(or_(*reached)), windows_ms)


def _near(connection: Connection, policy: ContactPolicy, persons: Sequence[int], now_ms: int) -> list[int]:
    """Persons whom a cap or a rest may hold back: the database counts, and most persons need not be looked at closer."""
    dialect = connection.dialect.name
    reach = _reach(dialect, policy)
    if reach.query is None:
        return []
    values = {"keys": t.given(dialect, persons), "since": _since(policy, now_ms)}
    return list(connection.execute(reach.query, values | {name: now_ms - ms for name, ms in reach.windows_ms.items()}).scalars())


def check(connection: Connection, asking: Asking, wanted: Sequence[Wanted]) -> list[Checked]:
    """Judge a batch without reserving anything."""
    return _judge(connection, asking, wanted, reserving=False)


def reserve(connection: Connection, asking: Asking, wanted: Sequence[Wanted], most: int | None = None) -> list[Checked]:
    """Judge a batch in order, and journal the intent to make each call that may be made; after *most* of them the rest is left alone."""
    checked = _judge(connection, asking, wanted, reserving=True, most=most)
    rows = [
        {
            "call_id": one.wanted.call_id,
            "node": asking.node,
            "campaign_id": asking.campaign_id,
            "lead_id": one.wanted.lead_id,
            "channel": -1,
            "dialled": "",
            "intent_ms": asking.now_ms,
            "person": one.person,
            "policy": one.policy,
            "screen": [finding.as_list() for finding in one.verdict.findings] or None,
        }
        for one in checked
        if one.reserved
    ]
    if rows:
        connection.execute(insert(t.journal), rows)
    return checked


def _judge(connection: Connection, asking: Asking, wanted: Sequence[Wanted], reserving: bool, most: int | None = None) -> list[Checked]:
    version, policy = policy_in_force(connection)
    policy = stricter(policy, asking.protection)
    contacts = contacts_of(connection, {one.e164 for one in wanted})
    numbers = [digits(one.e164) for one in wanted]
    persons = [contacts.get(one.e164, number) for one, number in zip(wanted, numbers, strict=True)]
    keys: dict[int, set[int]] = {}
    for person, number in zip(persons, numbers, strict=True):
        keys.setdefault(person, set()).add(number)
    if reserving:
        lock(connection, keys)
    rules, own = asking.rules, _own(connection, asking)
    everything = rules is not None or bool(own)
    horizon_s = max(rules.horizon_s if rules is not None else 0.0, HORIZON_S if own else 0.0)
    known = known_of(connection, policy, keys, asking.now_ms, everything=everything, horizon_s=horizon_s)
    promises = [kept_for(asking.here, asking.spec)] if asking.spec is not None and asking.spec.with_agents else []
    checks: tuple[Check, ...] = (*CHECKS, *promises, *([rules] if rules is not None else []), *own)
    if asking.filter is not None:
        checks = (passes(asking.filter), *checks)
    always = everything or asking.filter is not None or bool(policy.consent)
    held: set[int] = set()  # reserved by an earlier call of this batch
    checked = []
    for one, person, number in zip(wanted, persons, numbers, strict=True):
        facts = known.get(person)
        if person in held:
            facts = facts or Person()
            facts.open_since_ms = asking.now_ms
        verdict = ALLOWED
        if always or facts is not None or one.deadline_ms is not None or one.promised_ms is not None:
            about = (one.attributes, one.segment, one.waited, one.promised_ms, one.agent)
            ask = Ask(number, one.zones, asking.kind, asking.campaign, asking.now_ms, one.deadline_ms, *about)
            verdict = screen(policy, ask, facts or NOBODY, checks)
        result = Checked(one, person, verdict, version)
        checked.append(result)
        if reserving and result.reserved:
            held.add(person)
            if len(held) == most:
                break
    return checked


def _own(connection: Connection, asking: Asking) -> tuple[Check, ...]:
    """Checks that a campaign learns."""
    if asking.spec is None or not asking.spec.learn.best_hour:
        return ()
    return (BestHour(asking.spec.learn, asking.spec.windows, rates.lately(connection, asking.campaign_id, asking.now_ms)),)


@lru_cache(maxsize=2)
def _settling(dialect: str) -> Any:
    kind = t.campaign.c.spec["kind"].as_string()
    department = t.campaign.c.spec["department"].as_string()
    rows = (
        select(
            t.journal.c.person,
            cast(bindparam("at"), BigInteger),
            t.journal.c.campaign_id,
            cast(func.replace(t.lead.c.e164, "+", ""), BigInteger),
            func.coalesce(kind, literal("service")),
            func.coalesce(department, literal("")),
            bindparam("what"),
        )
        .join(t.campaign, t.campaign.c.id == t.journal.c.campaign_id)
        .join(t.lead, t.lead.c.id == t.journal.c.lead_id)
        .where(t.journal.c.call_id == bindparam("id"), t.journal.c.person != 0)
    )
    columns = ["person", "at_ms", "campaign_id", "number", "kind", "department", "result"]
    return t.upsert(dialect, t.ledger).from_select(columns, rows).on_conflict_do_nothing()


def settle(connection: Connection, results: Sequence[Mapping[str, Any]]) -> None:
    """Turn reservations into rows of the ledger.

    Args:
        connection: In the transaction that gives the journal its results.
        results: ``id`` of the call, ``at`` when it began (ms) and ``what`` became of it. A repeated one changes nothing.
    """
    if results:
        connection.execute(_settling(connection.dialect.name), list(results))


def note(
    connection: Connection, e164: str, at_ms: int, result: str, kind: str = "service", department: str = "", campaign_id: int = 0
) -> None:
    """Enter a contact that was no call of ours, or what a person said: an SMS, a visit, a refusal."""
    row = {
        "person": person_of(connection, e164),
        "at_ms": at_ms,
        "campaign_id": campaign_id,
        "number": digits(e164),
        "kind": kind,
        "department": department,
        "result": result,
    }
    connection.execute(t.upsert(connection.dialect.name, t.ledger).values(row).on_conflict_do_nothing())


def set_policy(connection: Connection, policy: ContactPolicy, now_ms: int) -> int:
    """A new version; it holds from the next check on. Returns its number."""
    key = connection.execute(insert(t.policy).values(at_ms=now_ms, spec=policy.model_dump(mode="json"))).inserted_primary_key
    assert key is not None
    return int(key[0])
