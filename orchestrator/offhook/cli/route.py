"""``offhook route``: the way a number would take, step by step (S11)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json


def route(
    number: Annotated[str, typer.Argument(help="As it stands in a list: 13800138000, +493012345.")],
    config: ConfigOption = None,
    routes: Annotated[Path | None, typer.Option(help="Routes file instead of the one in the configuration.")] = None,
    campaign: Annotated[str, typer.Option(help="Campaign, for its caller id on each trunk.")] = "",
    caller_id: Annotated[str, typer.Option(help="The campaign's own caller id.")] = "",
    at: Annotated[str | None, typer.Option(help="Moment, ISO 8601 with zone; none: now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain which way a number would take: its route, the trunks in order, the digits and caller id on each."""
    want_json(as_json)
    from offhook import numbers
    from offhook.config import Settings
    from offhook.routes import Routes, decide

    settings = Settings.load(config)
    path = routes or settings.dial.routes
    tables = Routes() if path is None else Routes.load(path)
    try:
        parsed = numbers.parse(number, settings.dial.region, short=True)
        when = dt.datetime.now(dt.UTC) if at is None else dt.datetime.fromisoformat(at)
    except ValueError as error:
        raise CommandError(f"{number if at is None else number + ', ' + at}: {error}") from error
    if when.tzinfo is None:
        raise CommandError(f"--at {at}: add a zone, such as 2026-03-02T09:00+08:00", Exit.USAGE)
    if not tables.trunk:
        sent = numbers.dialled(parsed, settings.dial)
        if as_json:
            tell({"ok": True, "number": parsed.e164, "route": None, "choices": [{"trunk": None, "dialled": sent, "calling": caller_id}]})
        else:
            print(f"{parsed.e164}: no routes are configured, so any span; dial {sent}, caller id {caller_id or 'none'}")
        return
    decision = decide(tables, parsed, settings.dial, when, campaign=campaign, caller_id=caller_id)
    choices = [
        {"trunk": c.trunk.name, "spans": c.trunk.spans, "dialled": c.dialled, "calling": c.calling, "price": c.price}
        for c in decision.choices
    ]
    steps = [{"name": s.name, "before": s.before, "after": s.after, "why": s.why} for s in decision.steps]
    if not as_json:
        print_rows(("step", "before", "after", "why"), [tuple(step.values()) for step in steps])
        rows = [(place, *choice.values()) for place, choice in enumerate(choices, 1)]
        print_rows(("", "trunk", "spans", "dial", "caller id", "price"), rows)
    if not choices:
        raise CommandError(f"{parsed.e164} cannot be called: no trunk takes it", number=parsed.e164, steps=steps)
    if as_json:
        name = None if decision.route is None else decision.route.name
        tell({"ok": True, "number": parsed.e164, "route": name, "cdr": decision.cdr, "choices": choices, "steps": steps})
    else:
        remark(f"{parsed.e164} goes over {choices[0]['trunk']} first")
