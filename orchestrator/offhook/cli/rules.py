"""``offhook rules``: the calling rules of countries, which of them concern a number, and whether a file of your own is right."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, Exit, counted, print_rows, remark, tell, want_json

if TYPE_CHECKING:
    from offhook.rules import RulePack

app = typer.Typer(help="Calling rules: list, show, check, judge.", no_args_is_help=True)
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Folder with packs of your own; one replaces the built-in pack of its name.")
]


def _packs(folder: Path | None) -> list[RulePack]:
    from offhook.rules import builtin_packs, load_pack

    own = [load_pack(path) for path in sorted(folder.glob("*.toml"))] if folder else []
    replaced = {pack.name for pack in own}
    return [*own, *(pack for pack in builtin_packs() if pack.name not in replaced)]


@app.command("list")
def list_all(folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """All packs, with their versions and dates."""
    want_json(as_json)
    packs = _packs(folder)
    rows = [
        [pack.title, " ".join(pack.regions), f"{pack.in_force} - {pack.until or ''}", pack.status, str(len(pack.example)), pack.note]
        for pack in packs
    ]
    if as_json:
        tell(
            {
                "packs": [
                    pack.model_dump(mode="json", include={"name", "version", "regions", "in_force", "until", "status", "note"})
                    for pack in packs
                ]
            }
        )
        return
    print_rows(["pack", "regions", "in force", "status", "examples", "note"], rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="cn, us, gb, de, fr, or one of yours.", show_default=False)],
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every rule of a pack, with its source."""
    want_json(as_json)
    found = [pack for pack in _packs(folder) if pack.name == name]
    if not found:
        raise CommandError(f"no rule pack is called '{name}'; there are {', '.join(sorted({p.name for p in _packs(folder)}))}", Exit.USAGE)
    if as_json:
        tell({"packs": [pack.model_dump(mode="json") for pack in found]})
        return
    rows = []
    for pack in found:
        for what, rules in (
            ("hours", pack.hours),
            ("cap", pack.cap),
            ("rest", pack.rest),
            ("consent", pack.consent),
            ("conduct", pack.conduct),
        ):
            for rule in rules:
                values = rule.model_dump(mode="json", exclude={"id", "kinds", "prefixes", "source"}, exclude_defaults=True)
                where = f"{len(rule.prefixes)} prefixes" if rule.prefixes else " ".join(pack.regions)
                rows.append([f"{pack.title}/{rule.id}", what, " ".join(rule.kinds), where, _short(values), rule.source])
    print_rows(["rule", "what", "kinds", "where", "values", "source"], rows)


def _short(values: dict[str, object]) -> str:
    parts = []
    for key, value in values.items():
        if key == "windows" and isinstance(value, list):
            parts += [f"{' '.join(one.get('days', []))} {one['start'][:5]}-{one['end'][:5]}".strip() for one in value]
        elif isinstance(value, list):
            parts.append(f"{key} {' '.join(map(str, value))}")
        elif key.endswith("_s"):
            parts.append(f"{key[:-2]} {_length(float(str(value)))}")
        else:
            parts.append(key if value is True else f"{key} {value}")
    return "; ".join(parts)


def _length(seconds: float) -> str:
    """A length in the largest unit that it is whole in."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Packs of your own.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Read packs and try their own examples."""
    want_json(as_json)
    from offhook.rules import load_pack
    from offhook.rules.judge import failing

    packs = [load_pack(path) for path in files]
    wrong = []
    for path, pack in zip(files, packs, strict=True):
        for example, verdict in failing(pack, packs):
            said = "; ".join(f"{one.rule} {'passes' if one.passed else 'forbids'}: {one.values}" for one in verdict.findings)
            wrong.append(
                f"{path}: {example.kind} to {example.number} at {example.at.isoformat()} should be {_word(example.allowed)}: {said}"
            )
    if as_json:
        tell({"examples": sum(len(pack.example) for pack in packs), "wrong": wrong})
    if wrong:
        raise CommandError("\n".join(wrong))
    remark(f"{counted(len(packs), 'pack')} right, {counted(sum(len(pack.example) for pack in packs), 'example')} judged as said")


def _word(allowed: bool) -> str:
    return "allowed" if allowed else "forbidden"


@app.command()
def judge(
    number: Annotated[str, typer.Argument(help="As in a list; without + it is a number of --region.", show_default=False)],
    kind: Annotated[str, typer.Option(help="marketing, survey, service, collection, emergency.")] = "service",
    at: Annotated[str, typer.Option(help="When, ISO 8601 with offset; now when not given.", show_default=False)] = "",
    region: Annotated[str, typer.Option(help="Country of numbers without +, ISO 3166.")] = "CN",
    consent: Annotated[bool, typer.Option("--consent", help="The person has agreed.")] = False,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """May this number be called? Every rule that applies, and when it will be allowed."""
    want_json(as_json)
    from offhook.numbers import NumberError, parse
    from offhook.rules import Kind, RuleBook
    from offhook.rules.judge import Callee

    if kind not in tuple(Kind):
        raise CommandError(f"no kind '{kind}'; there are {', '.join(Kind)}", Exit.USAGE)
    try:
        callee = parse(number, region)
        when = dt.datetime.fromisoformat(at) if at else dt.datetime.now(dt.UTC)
    except NumberError as error:
        raise CommandError(f"{number}: {error}") from None
    except ValueError:
        raise CommandError(f"--at {at!r} is no time; write 2026-12-24T10:00:00+01:00", Exit.USAGE) from None
    if when.tzinfo is None:
        raise CommandError(f"--at {at!r} has no offset; write 2026-12-24T10:00:00+01:00", Exit.USAGE)
    verdict = RuleBook(_packs(folder)).judge(Callee(callee.e164, callee.region, callee.zones, consent), Kind(kind), when)
    if as_json:
        tell({"number": callee.e164, "kind": kind, "at": when.isoformat(), **verdict.to_dict()})
        return
    print_rows(
        ["rule", "", "values", "source"],
        [[one.rule, "passes" if one.passed else "forbids", one.values, one.source] for one in verdict.findings],
    )
    opens = f"; opens {verdict.next_open.isoformat()}" if verdict.next_open else ""
    print(
        f"{callee.e164}: {_word(verdict.allowed)}{opens}"
        if verdict.packs
        else f"{callee.e164}: allowed, no pack holds for {callee.region or 'it'}"
    )
