"""``auto``: one plan made of the plans of many countries, for lines of which it is not known where they end."""

from __future__ import annotations

import difflib
from collections import Counter

from offhook_core import plans
from offhook_core.enums import Tone
from offhook_core.plan_distance import same_pattern
from offhook_core.plans import Plan, ToneSpec

REGIONS: dict[str, str] = {
    "africa": "ao dz gn mz re bf bi bj bw cf ci cm dj eg et ga gh gm ke km lr ma mg ml mr mu mw na ne ng rw "
    "sc sh sl sn st sz tn tz ug yt za zm zw",
    "asia": "bn bt cn hk id in jp kg kr la lk mo mv my np ph pk sg th tj tm tw",
    "europe": "al at be bg ch cy cz de dk ee es fi fo fr gb gi gl gr hr hu ie is it lt lu mt nl no pl pt ro ru se si sk sm yu by md",
    "latin-america": "ag ai ar aw bb bm br bs cl cr cu dm do ec fk gd gf gp gy hn jm kn ky lc mq ms mx pa pr py sr sv tc tt uy vc ve vg",
    "middle-east": "ae bh il iq ir jo kw lb om qa sa sy tr",
    "north-america": "us ca pm",
    "oceania": "au fj ki nc nr nz pf pg sb vu wf ws",
}
"""Countries with a built-in plan by region."""

HEARD = (
    Tone.DIAL, Tone.DIAL_SPECIAL, Tone.DIAL_SECOND, Tone.DIAL_RECALL, Tone.RINGBACK, Tone.BUSY,
    Tone.CONGESTION, Tone.UNOBTAINABLE, Tone.SIT,
)  # fmt: skip
"""What a caller hears of a call's way; rows of other tones are left out, for in other countries they mean something else."""

KIN_OF_DIAL = frozenset({Tone.DIAL_SPECIAL, Tone.DIAL_SECOND, Tone.DIAL_RECALL})
"""Heard before a call, hence never preferred to the result of one."""

LONGEST_BURST_MS = 2600
"""A row with a longer burst that one country alone has is left out: a steady tone has to outlast every burst of its pitch."""

MOST_ROWS = 254
MOST_NAMES = 8  # of countries in the source text of a row


def is_auto(which: str) -> bool:
    """The text names no plan but asks for a merged one."""
    return which == "auto" or which.startswith("auto:")


def countries(which: str) -> list[str]:
    """Names of the plans that ``auto`` means: all, those of regions, or those named.

    Raises:
        ValueError: There is no such region or plan; the message lists the close matches.
    """
    known = plans.names()
    if which == "auto":
        return known
    asked = [part.strip().lower() for part in which.removeprefix("auto:").split(",")]
    found: list[str] = []
    for part in asked:
        if part in REGIONS:
            found += [name for name in REGIONS[part].split() if name in known]
        elif part in known:
            found.append(part)
        else:
            close = difflib.get_close_matches(part, [*REGIONS, *known], n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(repr(one) for one in close)}? " if close else ""
            raise ValueError(
                f"plan {which!r}: no region or plan {part!r}: {hint}regions: {', '.join(REGIONS)}; or plans, e.g. 'auto:cn,us,gb'"
            )
    return sorted(set(found))


def merged(which: str) -> Plan:
    """One plan of the distinct rows of many.

    A pattern that several countries have, or patterns that the core cannot tell apart, make one row. It gets the name that most countries
    give it, a call result before the kinds of dial tone; the others stand in its source.

    Raises:
        ValueError: There is no such region or plan, or more than 254 rows are left.
    """
    rows = [(name, row) for name in countries(which) for row in plans.plan(name).tones if row.tone in HEARD]
    often = Counter((row.once, row.loop) for _, row in rows)
    groups: list[list[tuple[str, ToneSpec]]] = []
    for name, row in sorted(rows, key=lambda entry: (-often[entry[1].once, entry[1].loop], entry[0], entry[1].tone)):
        for group in groups:
            if same_pattern(group[0][1], row):
                group.append((name, row))
                break
        else:
            groups.append([(name, row)])
    several = len({name for name, _ in rows}) > 1
    kept = [group for group in groups if not (several and _holds_up(group))]
    tones = sorted((_one_row(group) for group in kept), key=lambda row: row.tone)
    if len(tones) > MOST_ROWS:
        raise ValueError(f"plan {which!r}: {len(tones)} different rows, and a plan holds {MOST_ROWS}; name fewer countries")
    return Plan(which, "plans of " + ", ".join(countries(which)), tuple(tones))


def _holds_up(group: list[tuple[str, ToneSpec]]) -> bool:
    row = group[0][1]
    return len({name for name, _ in group}) == 1 and any(
        segment.hz and segment.duration_ms > LONGEST_BURST_MS for segment in row.once + row.loop
    )


def _one_row(group: list[tuple[str, ToneSpec]]) -> ToneSpec:
    users: dict[Tone, set[str]] = {}
    for name, row in group:
        users.setdefault(row.tone, set()).add(name)
    order = sorted(users, key=lambda tone: (tone in KIN_OF_DIAL, -len(users[tone]), tone))
    first = group[0][1]
    source = _countries(users[order[0]])
    for other in order[1:]:
        source += f"; {other.name.lower()} in {_countries(users[other])}"
    return ToneSpec(order[0], first.once, first.loop, source, len(order) > 1, all(row.filler for _, row in group))


def _countries(users: set[str]) -> str:
    shown = " ".join(sorted(users)[:MOST_NAMES])
    return shown + (f" and {len(users) - MOST_NAMES} more" if len(users) > MOST_NAMES else "")
