"""Which contacts a campaign takes: an expression over their attributes, and why the others fall out (L10, L11, L18, D48).

The language is a small part of Python's expressions, read with Python's own parser and never run as Python::

    age >= 30 and city in ("上海", "苏州") and not (intent == "low" or field("last result") == "declined")

Attributes come from lists, hence as text: they are compared as numbers or dates when the other side is one. A comparison with an
attribute that is missing or is no number is neither true nor false. What is not true in the end falls out, and the clause that made it so
is the reason.
"""

from __future__ import annotations

import ast
import datetime as dt
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from offhook.errors import OffhookError

MAX_CHARACTERS = 2000
MAX_PARTS = 300
EXAMPLES = 3
"""Contacts shown for each reason of a preview."""

Attributes = Mapping[str, Any]
_Value = str | float | dt.date | bool | None
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS = {
    "field": "field('name'): an attribute whose name is no single word",
    "has": "has('name'): the attribute is there and not empty",
    "contains": "contains(name, 'text')",
    "startswith": "startswith(name, 'text')",
    "date": "date('2026-01-31')",
}


class FilterError(OffhookError):
    """The expression is wrong; the text names the place and the mend."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a filter says about one contact.

    Attributes:
        passed: The contact is taken.
        why: The clause that let it fall out, with the value met; empty when it is taken.
        clause: The clause alone, for counting.
    """

    passed: bool
    why: str = ""
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for which contacts fall out.

    Attributes:
        clause: Part of the expression.
        count: Contacts that fall out by it; each is counted once, at the first clause that is not true.
        examples: What was met, for a few of them.
    """

    clause: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """How many are taken and why the others are not.

    Attributes:
        total: Contacts looked at.
        passed: Taken.
        reasons: Most frequent first; their counts and ``passed`` add up to ``total``.
    """

    total: int
    passed: int
    reasons: tuple[Reason, ...]


class Filter:
    """A checked expression.

    Args:
        text: As a person writes it; empty takes everybody.

    Raises:
        FilterError: It is no expression, or uses what the language does not have.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if len(text) > MAX_CHARACTERS:
            raise FilterError(f"filter: {len(text)} characters, at most {MAX_CHARACTERS} are read")
        if not self.text:
            self._clauses: list[ast.expr] = []
            return
        try:
            tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            raise FilterError(f"filter: {error.msg} at character {error.offset or 1}: {_near(self.text, error.offset or 1)}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise FilterError("filter: cannot be read; is it nested too deeply, or does it hold a zero character?") from error
        if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
            raise FilterError(f"filter: more than {MAX_PARTS} parts; split the list instead")
        _check_truth(tree.body)
        body = tree.body
        self._clauses = list(body.values) if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]

    @property
    def names(self) -> frozenset[str]:
        """Attributes it looks at."""
        return frozenset(name for clause in self._clauses for name in _names_of(clause))

    def check(self, attributes: Attributes) -> Outcome:
        """Is this contact taken?"""
        for clause in self._clauses:
            if _truth(clause, attributes) is not True:
                text = ast.unparse(clause)
                met = ", ".join(f"{name} is {_shown(attributes.get(name))}" for name in _names_of(clause))
                return Outcome(False, f"{text}: {met}" if met else text, text)
        return Outcome(True)


class Tally:
    """Tries a filter on contacts as they come."""

    def __init__(self, chosen: Filter) -> None:
        self._filter = chosen
        self._total = self._passed = 0
        self._counts: Counter[str] = Counter()
        self._met: dict[str, list[str]] = {}

    def add(self, contacts: Iterable[Attributes]) -> None:
        """Try it on these."""
        for attributes in contacts:
            self._total += 1
            outcome = self._filter.check(attributes)
            if outcome.passed:
                self._passed += 1
                continue
            self._counts[outcome.clause] += 1
            shown = self._met.setdefault(outcome.clause, [])
            example = outcome.why.removeprefix(outcome.clause).removeprefix(": ")
            if len(shown) < EXAMPLES and example not in shown:
                shown.append(example)

    def preview(self) -> Preview:
        """What came of it so far."""
        reasons = tuple(Reason(clause, count, tuple(self._met[clause])) for clause, count in self._counts.most_common())
        return Preview(self._total, self._passed, reasons)


@lru_cache(maxsize=1024)
def filter_of(text: str) -> Filter | None:
    """The filter of this text, read once; None for an empty one.

    Raises:
        FilterError: It is wrong.
    """
    return Filter(text) if text.strip() else None


def _near(text: str, offset: int) -> str:
    at = max(0, offset - 1)
    return repr(text[max(0, at - 12) : at + 12])


def _wrong(node: ast.expr, mend: str) -> FilterError:
    return FilterError(f"filter: {ast.unparse(node)!r} at character {node.col_offset + 1} {mend}")


def _check_truth(node: ast.expr) -> None:
    """*node* stands where true or false is due."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check_truth(part)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check_truth(node.operand)
    elif isinstance(node, ast.Compare):
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
                    raise _wrong(right, "is no list; write in ('a', 'b')")
                for one in right.elts:
                    _check_value(one)
            elif type(op) in _COMPARE:
                _check_value(right)
            else:
                raise _wrong(node, "compares with 'is'; write == or !=")
        _check_value(node.left)
    elif isinstance(node, ast.Call):
        name = _function(node)
        if name not in ("has", "contains", "startswith"):
            raise _wrong(node, "is no condition; compare it with something")
        _check_arguments(node, name)
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
        raise _wrong(node, "is no condition; compare it with something, as in age >= 30")


def _check_value(node: ast.expr) -> None:
    """*node* stands where a value is due."""
    if isinstance(node, ast.Call):
        name = _function(node)
        if name not in ("field", "date"):
            raise _wrong(node, "is no value; it is a condition by itself")
        _check_arguments(node, name)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if not isinstance(node.operand, ast.Constant) or not isinstance(node.operand.value, int | float):
            raise _wrong(node, "is no number")
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, str | int | float | None):
            raise _wrong(node, "is neither text nor a number")
    elif not isinstance(node, ast.Name):
        raise _wrong(node, "is not part of the language: attributes, text, numbers, ==, <, in, and, or, not, " + ", ".join(_FUNCTIONS))


def _function(node: ast.Call) -> str:
    if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS or node.keywords:
        raise _wrong(node, "is no function; there are " + "; ".join(_FUNCTIONS.values()))
    return node.func.id


def _check_arguments(node: ast.Call, name: str) -> None:
    texts = node.args[1:] if name in ("contains", "startswith") else node.args
    if len(node.args) != (2 if name in ("contains", "startswith") else 1):
        raise _wrong(node, f"has {len(node.args)} arguments; write {_FUNCTIONS[name]}")
    for text in texts:
        if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
            raise _wrong(node, f"wants text in quotes; write {_FUNCTIONS[name]}")
        if name == "date" and _as_date(text.value) is None:
            raise _wrong(node, "is no day; write date('2026-01-31')")
    if name in ("contains", "startswith"):
        _check_value(node.args[0])


def _names_of(clause: ast.expr) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(clause):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("field", "has"):
            found[str(node.args[0].value)] = None  # type: ignore[attr-defined]
        elif isinstance(node, ast.Name) and node.id not in _FUNCTIONS:
            found[node.id] = None
    return list(found)


def _truth(node: ast.expr, attributes: Attributes) -> bool | None:
    """True, false, or None for what cannot be said (Kleene's three values)."""
    if isinstance(node, ast.BoolOp):
        parts = [_truth(part, attributes) for part in node.values]
        decides = isinstance(node.op, ast.Or)
        if decides in parts:
            return decides
        return None if None in parts else not decides
    if isinstance(node, ast.UnaryOp):
        inside = _truth(node.operand, attributes)
        return None if inside is None else not inside
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Call):
        return _called(node, attributes)
    assert isinstance(node, ast.Compare)
    left = _value(node.left, attributes)
    said: bool | None = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            assert isinstance(right_node, ast.Tuple | ast.List)
            found = [_compared(ast.Eq(), left, _value(one, attributes)) for one in right_node.elts]
            one = True if True in found else None if None in found else False
            one = one if isinstance(op, ast.In) or one is None else not one
            right: _Value = None
        else:
            right = _value(right_node, attributes)
            one = _compared(op, left, right)
        if one is False:
            return False
        said = None if one is None else said
        left = right
    return said


def _called(node: ast.Call, attributes: Attributes) -> bool | None:
    assert isinstance(node.func, ast.Name)
    if node.func.id == "has":
        return not _empty(attributes.get(node.args[0].value))  # type: ignore[attr-defined]
    text = _value(node.args[0], attributes)
    if text is None:
        return None
    part = node.args[1].value  # type: ignore[attr-defined]
    return part in str(text) if node.func.id == "contains" else str(text).startswith(part)


def _value(node: ast.expr, attributes: Attributes) -> _Value:
    """The value of a constant or an attribute; None for a missing attribute."""
    if isinstance(node, ast.Constant):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.UnaryOp):
        return -node.operand.value  # type: ignore[attr-defined,no-any-return]
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        text = node.args[0].value  # type: ignore[attr-defined]
        return _as_date(text) if node.func.id == "date" else _attribute(attributes, text)
    assert isinstance(node, ast.Name)
    return _attribute(attributes, node.id)


def _attribute(attributes: Attributes, name: str) -> _Value:
    value = attributes.get(name)
    return None if _empty(value) else value if isinstance(value, str | int | float | dt.date) else str(value)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _compared(op: ast.cmpop, left: _Value, right: _Value) -> bool | None:
    """Compare as dates when one side is one, else as numbers when one side is one, else as text; None when it cannot be."""
    if left is None or right is None:
        return None
    a: Any = left
    b: Any = right
    if isinstance(left, dt.date) or isinstance(right, dt.date):
        a, b = _as_date(left), _as_date(right)
    elif isinstance(left, int | float) or isinstance(right, int | float):
        a, b = _as_number(left), _as_number(right)
    else:
        a, b = left.strip(), right.strip()
    return None if a is None or b is None else _COMPARE[type(op)](a, b)


def _as_number(value: _Value) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _as_date(value: _Value) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        return None


def _shown(value: Any) -> str:
    return "missing" if _empty(value) else repr(value)
