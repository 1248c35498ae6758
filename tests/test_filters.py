"""Filters over attributes, and why contacts fall out (L10, L11, L18, D48)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import START, settings, simulator
from pydantic import ValidationError

from offhook import CampaignSpec, CampaignUpdate, Node, run_virtual
from offhook.lists.filters import Filter, FilterError, Tally

ANNA = {"age": "34", "city": "上海", "intent": "high", "last result": "declined", "since": "2025-03-01", "empty": " "}


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("", True),
        ("age >= 30", True),
        ("age >= 30.5 and age < 40", True),
        ("18 <= age < 34", False),
        ("age == '34'", True),
        ("age == 34.0", True),
        ("age > -1", True),
        ("city in ('上海', '苏州')", True),
        ("city not in ('上海', '苏州')", False),
        ("not city == '苏州'", True),
        ("intent != 'low' or age > 100", True),
        ("field('last result') == 'declined'", True),
        ("has('since') and not has('empty') and not has('nothing')", True),
        ("contains(city, '海') and startswith(since, '2025')", True),
        ("since < date('2026-01-01')", True),
        ("since >= date('2026-01-01')", False),
        ("nothing == 'x'", False),
        ("nothing != 'x'", False),  # neither true nor false
        ("not nothing == 'x'", False),
        ("nothing == 'x' or age > 30", True),
        ("intent > 3", False),  # no number
        ("empty == ' '", False),
    ],
)
def test_what_passes(text: str, passed: bool) -> None:
    assert Filter(text).check(ANNA).passed is passed


def test_the_reason_is_the_first_clause_that_is_not_true_with_what_was_met() -> None:
    outcome = Filter("age >= 30 and city in ('苏州',) and intent == 'low'").check(ANNA)
    assert outcome.clause == "city in ('苏州',)"
    assert outcome.why == "city in ('苏州',): city is '上海'"
    assert Filter("income > 5").check(ANNA).why == "income > 5: income is missing"


def test_a_preview_adds_up() -> None:
    people = [{"age": str(age), "city": "北京" if age % 2 else ""} for age in range(100)]
    tally = Tally(Filter("age >= 60 and has('city')"))
    tally.add(people[:50])
    tally.add(people[50:])
    seen = tally.preview()
    assert (seen.total, seen.passed) == (100, 20)
    assert [(one.clause, one.count) for one in seen.reasons] == [("age >= 60", 60), ("has('city')", 20)]
    assert seen.passed + sum(one.count for one in seen.reasons) == seen.total
    assert seen.reasons[0].examples == ("age is '0'", "age is '1'", "age is '2'")


def test_the_attributes_it_looks_at() -> None:
    assert Filter("age > 3 and (has('a b') or field('c d') == city)").names == {"age", "a b", "c d", "city"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age >", "at character"),
        ("age", "'age' at character 1 is no condition"),
        ("age + 1 > 3", "is not part of the language"),
        ("__import__('os')", "is no function; there are field"),
        ("age.real == 1", "is not part of the language"),
        ("city in '上海'", "is no list"),
        ("city in ()", "is no list"),
        ("age is None", "write == or !="),
        ("has(age)", "wants text in quotes"),
        ("has('a', 'b')", "has 2 arguments"),
        ("date('tomorrow') > since", "is no day"),
        ("contains(city) == 'x'", "is no value"),
        ("field('x')", "is no condition"),
        ("(lambda: 1)() == 1", "is no function"),
        ("[x for x in y] == 1", "is not part of the language"),
        ("age == b'x'", "neither text nor a number"),
        ("a == 1" + " or a == 1" * 150, "more than 300 parts"),
        ("a" * 2001, "at most 2000"),
        ("not " * 400 + "True", "more than 300 parts|nested"),
        ("(" * 900 + "1" + ")" * 900, "parenthes|nested"),
        ("a == 1\x00", "zero character|null"),
    ],
)
def test_a_wrong_filter_names_the_place_and_the_mend(text: str, said: str) -> None:
    with pytest.raises(FilterError, match=said):
        Filter(text)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    try:
        found = Filter(text)
    except FilterError:
        return
    assert found.check(ANNA).passed in (True, False)


def test_a_campaign_calls_whom_its_filter_takes_and_a_new_filter_opens_the_others_again(tmp_path: Path) -> None:
    ages = "number,age\n" + "".join(f"{13_900_000_000 + n},{n}\n" for n in range(40))
    (tmp_path / "list.csv").write_text(ages, encoding="utf-8")

    async def main() -> list[tuple[int, int]]:
        seen = []
        async with Node(settings(tmp_path), driver=simulator({"kind": "busy", "played_share": 0.0})) as node:
            once = {"rules": {}, "max_attempts": 1}
            await node.create_campaign(CampaignSpec(name="notice", filter="age >= 30", retry=once))  # type: ignore[arg-type]
            await node.import_list("notice", tmp_path / "list.csv")
            preview = await node.preview_filter("notice", "age >= 35")
            assert (preview.total, preview.passed, preview.reasons[0].count) == (40, 5, 35)
            await node.start_campaign("notice")
            for text in ("age >= 20", ""):
                await node.wait_campaign("notice")
                state = await node.campaign("notice")
                seen.append((state.attempts, state.closed))
                await node.update_campaign("notice", CampaignUpdate(filter=text))
            await node.wait_campaign("notice")
            assert (await node.campaign("notice")).attempts == 40
        return seen

    assert run_virtual(main(), START) == [(10, 40), (20, 40)]


def test_a_wrong_filter_in_a_campaign_is_refused_with_its_place() -> None:
    with pytest.raises(ValidationError, match="'age' at character 1 is no condition"):
        CampaignSpec(name="x", filter="age")


_VALUES = st.one_of(st.none(), st.text(max_size=5), st.integers(-5, 5).map(str), st.integers(-5, 5), st.floats(allow_nan=False))


@given(st.dictionaries(st.sampled_from(["a", "b"]), _VALUES))
def test_any_attributes_are_judged_and_both_sides_of_an_or_reach_the_same(attributes: dict[str, object]) -> None:
    one, other = Filter("a > 1 or b == 'x'"), Filter("b == 'x' or a > 1")
    assert one.check(attributes).passed == other.check(attributes).passed
    assert not (Filter("a > 1").check(attributes).passed and Filter("not a > 1").check(attributes).passed)
