"""The way of one number: a pure function of the tables, the number, the caller and the moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from offhook.numbers import DialPlan, Number, dialled

from .tables import Route, Routes, Rule, Tariff, Trunk


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pipeline: what it is, the number before and after, and what made the difference."""

    name: str
    before: str
    after: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One trunk that a call may take, and what is sent on it."""

    trunk: Trunk
    dialled: str
    calling: str
    price: float | None  # of Route.minutes; None: no tariff
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The way of a number: its route and the choices in the order in which they are tried; none: it cannot be called."""

    route: Route | None
    choices: tuple[Choice, ...]
    steps: tuple[Step, ...]
    cdr: str = ""  # dialled digits of the first choice as they are stored


@dataclass(frozen=True, slots=True)
class _Plan:
    """[dial] with what a trunk says instead."""

    region: str
    area_code: str
    trunk_format: str
    national_prefix: str
    mobile_prefix: str
    international_prefix: str
    prefix: str


def _longest(rules: Sequence[Rule], number: str) -> Rule | None:
    fitting = [rule for rule in rules if number.startswith(rule.prefix)]
    return max(fitting, key=lambda rule: len(rule.prefix), default=None)


def rewrite(rules: Sequence[Rule], number: str) -> tuple[str, str]:
    """The number after the rule with the longest fitting prefix, and that rule in words, empty when none fits."""
    rule = _longest(rules, number)
    return (number, "") if rule is None else (rule.apply(number), f"{rule.prefix or 'all'}: strip {rule.strip}, add '{rule.add}'")


def find_route(routes: Routes, number: str) -> tuple[Route, str] | None:
    """The route with the longest fitting prefix, and that prefix."""
    fitting = [(prefix, route) for route in routes.route for prefix in route.prefixes if number.startswith(prefix)]
    if not fitting:
        return None
    prefix, route = max(fitting, key=lambda found: len(found[0]))
    return route, prefix


def tariff_of(trunk: Trunk, number: str, when: dt.datetime) -> Tariff | None:
    """The tariff with the longest fitting prefix that holds at *when*."""
    local = when.astimezone(ZoneInfo(trunk.zone))
    fitting = [tariff for tariff in trunk.tariff if number.startswith(tariff.prefix) and tariff.holds(local)]
    return max(fitting, key=lambda tariff: len(tariff.prefix), default=None)


def caller_on(trunk: Trunk, campaign: str, caller_id: str) -> str:
    """Calling number that a campaign presents on a trunk (D43)."""
    return trunk.caller_ids.get(campaign, "") or caller_id or trunk.caller_id


def trunk_out(trunk: Trunk, number: Number, plan: DialPlan) -> tuple[str, str]:
    """Digits sent on a trunk, and the rule that changed them last."""
    own = _Plan(
        plan.region,
        plan.area_code,
        trunk.trunk_format or plan.trunk_format,
        plan.national_prefix,
        plan.mobile_prefix if trunk.mobile_prefix is None else trunk.mobile_prefix,
        plan.international_prefix,
        plan.prefix if trunk.prefix is None else trunk.prefix,
    )
    return rewrite(trunk.out, dialled(number, own))


def decide(
    routes: Routes,
    number: Number,
    plan: DialPlan,
    when: dt.datetime,
    *,
    campaign: str = "",
    caller_id: str = "",
) -> Decision:
    """Where a call to *number* goes.

    Args:
        routes: The tables; with no trunks in them the decision is empty and the caller uses any span.
        number: Whom to call.
        plan: ``[dial]``.
        when: Moment of the call, with its zone.
        campaign: Its name, for caller ids.
        caller_id: The campaign's own caller id. When there is one, trunks that do not present it are left out (S14).
    """
    number_steps: list[Step] = []
    e164, why = rewrite(routes.common, number.e164)
    number_steps.append(Step("common", number.e164, e164, why))
    found = find_route(routes, e164)
    if found is None:
        return Decision(None, (), (*number_steps, Step("route", e164, e164, "no route has a fitting prefix")))
    route, prefix = found
    number_steps.append(Step("route", e164, e164, f"{route.name}, prefix '{prefix}'"))
    as_number = Number(e164, number.region, number.kind, number.zones)
    trunks = {trunk.name: trunk for trunk in routes.trunk}
    choices = []
    for name in route.trunks:
        trunk = trunks[name]
        if caller_id and not trunk.presents_caller_id:
            number_steps.append(Step("trunk", e164, e164, f"{name}: left out, it does not present the caller id"))
            continue
        tariff = tariff_of(trunk, e164, when)
        digits, why = trunk_out(trunk, as_number, plan)
        price = None if tariff is None else tariff.price(route.minutes)
        choices.append(Choice(trunk, digits, caller_on(trunk, campaign, caller_id), price, why))
    if route.choose == "cheapest":
        choices.sort(key=lambda choice: float("inf") if choice.price is None else choice.price)  # stable: equal ones stay in order
    for choice in choices:
        cost = "no tariff" if choice.price is None else f"{choice.price:g} for {route.minutes:g} min"
        number_steps.append(Step("trunk out", e164, choice.dialled, "; ".join(filter(None, (choice.trunk.name, cost, choice.why)))))
    stored = ""
    if choices:
        stored, why = rewrite(routes.cdr, choices[0].dialled)
        number_steps.append(Step("cdr", choices[0].dialled, stored, why))
    return Decision(route, tuple(choices), tuple(number_steps), stored)
