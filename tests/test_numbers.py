"""Numbers: what a list says, what the trunk gets (S13), and the three traps."""

from __future__ import annotations

import pytest

from offhook.config import DialSettings
from offhook.numbers import NumberError, dialled, digits_of, masked, parse


@pytest.mark.parametrize(
    ("text", "e164", "kind", "zones"),
    [
        ("13912345678", "+8613912345678", "mobile", ("Asia/Shanghai",)),
        ("139 1234-5678", "+8613912345678", "mobile", ("Asia/Shanghai",)),
        ("１３９１２３４５６７８", "+8613912345678", "mobile", ("Asia/Shanghai",)),  # full-width digits
        ("+86 139 1234 5678", "+8613912345678", "mobile", ("Asia/Shanghai",)),
        ("008613912345678", "+8613912345678", "mobile", ("Asia/Shanghai",)),
        ("010-62345678", "+861062345678", "fixed", ("Asia/Shanghai",)),
        ("+12125551234", "+12125551234", "fixed_or_mobile", ("America/New_York",)),
        ("400-810-1234", "+864008101234", "shared_cost", ("Asia/Shanghai",)),
    ],
)
def test_what_people_write_becomes_e164(text: str, e164: str, kind: str, zones: tuple[str, ...]) -> None:
    number = parse(text)
    assert (number.e164, number.kind, number.zones) == (e164, kind, zones)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0453114", "missing"),  # cut short in the Huawei case (S05): possible, and not valid
        ("10086", "service number"),
        ("95588", "service number"),
        ("110", "service number"),
        ("12345", "service number"),
        ("1064812345678901", "too many digits"),
        ("139123456", "missing"),
        ("", "no number"),
        ("n/a", "not a telephone number"),
        ("+999123456789", "no"),
        ("13912345678/13812345678", "too many digits"),
    ],
)
def test_what_cannot_be_dialled_says_why(text: str, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse(text)
    assert reason in caught.value.reason
    assert caught.value.mend


def test_service_numbers_are_taken_when_asked_for_and_never_get_a_country_code() -> None:
    number = parse("10086", short=True)
    assert number.e164 == "10086"
    assert dialled(number, DialSettings(prefix="9", area_code="10")) == "910086"


@pytest.mark.parametrize(
    ("text", "settings", "sent"),
    [
        ("13912345678", {}, "13912345678"),
        ("13912345678", {"mobile_prefix": "0"}, "013912345678"),
        ("010-62345678", {}, "01062345678"),
        ("010-62345678", {"area_code": "10"}, "62345678"),
        ("0755-82345678", {"area_code": "10"}, "075582345678"),
        ("13912345678", {"prefix": "17909"}, "1790913912345678"),
        ("13912345678", {"trunk_format": "e164"}, "+8613912345678"),
        ("13912345678", {"trunk_format": "international"}, "008613912345678"),
        ("+12125551234", {}, "0012125551234"),
        ("+12125551234", {"region": "US", "national_prefix": "1"}, "12125551234"),
    ],
)
def test_the_trunk_gets_the_format_and_the_prefixes_it_wants(text: str, settings: dict[str, str], sent: str) -> None:
    assert dialled(parse(text), DialSettings.model_validate(settings)) == sent


def test_invisible_marks_from_spreadsheets_are_dropped() -> None:
    assert digits_of("\u202a13912345678\u202c") == "13912345678"


def test_the_fast_way_agrees_with_the_library() -> None:
    import phonenumbers

    for prefix in range(10_000, 20_000, 7):
        text = f"{prefix}345678"
        valid = phonenumbers.is_valid_number(phonenumbers.parse(text, "CN"))
        try:
            taken = parse(text).e164 == f"+86{text}"
        except NumberError:
            taken = False
        library = valid and phonenumbers.format_number(phonenumbers.parse(text, "CN"), phonenumbers.PhoneNumberFormat.E164) == f"+86{text}"
        assert taken == library, text


def test_numbers_are_masked_for_screens() -> None:
    assert masked("+8613912345678") == "+86*********78"
    assert masked("110") == "110"
