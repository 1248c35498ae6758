"""``offhook campaign rates``: what a campaign's calls gave, by segment of its list and hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.campaign import NameArgument, at_desk
from offhook.cli.output import print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.campaigns.learning import Rate


def rates(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Connect, person and response rates by segment and hour, with cost and value; learn.segment of the campaign names the column."""
    want_json(as_json)
    found = at_desk(config, lambda desk: desk.rates(name))
    if as_json:
        tell(found.model_dump(mode="json"))
        return
    money = bool(found.total.cost or found.total.value)
    whole = [found.total.model_copy(update={"name": "all"})]
    if found.segment:
        _print(found.segment, [*found.segments, *whole], money)
        print()
    else:
        print("no column is named to count by: set learn.segment of the campaign, e.g. learn.segment=region")
    _print("hour", [*found.hours, *([] if found.segment else whole)], money)


def _print(first: str, lines: Sequence[Rate], money: bool) -> None:
    columns = (
        first,
        "calls",
        "connect",
        "person",
        "response",
        "success",
        "expected",
        "left early",
        "minutes",
        *(("cost", "value") if money else ()),
    )
    rows = [
        (
            one.name or "-",
            one.calls,
            f"{one.connect:.1%}",
            f"{one.person:.1%}",
            f"{one.response:.1%}",
            f"{one.success:.1%}",
            f"{one.expected:.1%}",
            "" if one.early is None else f"{one.early:.0%}",
            f"{one.minutes:.1f}",
            *((f"{one.cost:.2f}", f"{one.value:.2f}") if money else ()),
        )
        for one in lines
    ]
    print_rows(columns, rows, right=columns[1:])
