"""Telephone numbers: from what a list says to E.164, and from there to the digits that a trunk wants (S13).

``phonenumbers`` knows the world's numbering plans but has three traps for a dialler, and each has an answer here:

* a number cut short (0453114) is "possible": only valid numbers pass, and the reason says that digits are missing;
* a service number (10086, 95588) would become +8610086, which does not exist: short numbers are recognised first and refused with a
  reason, or taken as they are when the caller says so;
* a number that a spreadsheet turned into 1.38E+10 has lost digits: see :mod:`offhook.lists.reader`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import phonenumbers as pn
from phonenumbers import PhoneNumberType as Kind
from phonenumbers import timezone as pn_timezone

from offhook.calls.disposition import Digits


class NumberError(ValueError):
    """A number that cannot be dialled. ``reason`` says why, ``mend`` what to do about it."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{reason}; {mend}")
        self.reason = reason
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Number:
    """A number that may be dialled."""

    e164: str  # "+8613912345678"; a short number has no +
    region: str  # ISO 3166, "CN"
    kind: str  # mobile, fixed, fixed_or_mobile, toll_free, premium, shared_cost, voip, personal, pager, uan, voicemail, short
    zones: tuple[str, ...]  # IANA zones it may be in; empty when not known


_KINDS = {
    Kind.FIXED_LINE: "fixed",
    Kind.MOBILE: "mobile",
    Kind.FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
    Kind.TOLL_FREE: "toll_free",
    Kind.PREMIUM_RATE: "premium",
    Kind.SHARED_COST: "shared_cost",
    Kind.VOIP: "voip",
    Kind.PERSONAL_NUMBER: "personal",
    Kind.PAGER: "pager",
    Kind.UAN: "uan",
    Kind.VOICEMAIL: "voicemail",
}

# Service numbers of China, which are not in the library's plan of ordinary numbers: emergency, 10xxx carriers, 12xxx public services,
# 95xxx and 96xxx companies, 116xxx. (Numbering plan of the PRC, chapters 4 and 5.)
_CN_SHORT = re.compile(r"1(?:1[0-9]|2[0-9]|0(?:0|1)[0-9]{2}|2[0-9]{3}|16[0-9]{3})|9[56][0-9]{3,4}|10[0-9]{3}")
_SEPARATORS = re.compile(r"[\s\-.()/\u00a0\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]+")
_SHAPE = re.compile(r"\+?[0-9]+")
MAX_DIGITS = 20
"""15 of E.164, with room for prefixes; more are two numbers in one cell."""


def _missing() -> NumberError:
    return NumberError("digits are missing", "write the whole number with its area code")


def _too_many() -> NumberError:
    return NumberError("too many digits", "compare with the source; two numbers in one cell need two lines")


def digits_of(text: str) -> str:
    """*text* without separators, in ASCII digits (full-width ones are common in Chinese lists), a leading + kept.

    Raises:
        NumberError: Something else than digits is left.
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    if not plain:
        raise NumberError("no number", "fill the cell or delete the line")
    if not _SHAPE.fullmatch(plain):
        raise NumberError("not a telephone number", "write digits only, with + before a country code")
    if len(plain) > MAX_DIGITS:
        raise _too_many()
    return plain


@lru_cache(maxsize=64)
def _mobile(region: str) -> re.Pattern[str] | None:
    """The region's own pattern of mobile numbers in national digits: the fast way for most lines of most lists."""
    metadata = pn.PhoneMetadata.metadata_for_region(region)
    pattern = metadata.mobile.national_number_pattern if metadata and metadata.mobile else None
    return re.compile(pattern) if pattern else None


@lru_cache(maxsize=64)
def _country_code(region: str) -> int:
    return int(pn.country_code_for_region(region))


def parse(text: str, region: str = "CN", short: bool = False) -> Number:
    """What *text* means to a person in *region*.

    Args:
        text: As it stands in a list; separators and full-width digits are taken.
        region: Country of numbers that do not begin with + or 00, ISO 3166.
        short: Take service numbers such as 10086 too.

    Raises:
        NumberError: It cannot be dialled.
    """
    digits = digits_of(text)
    if region == "CN":
        if _CN_SHORT.fullmatch(digits):
            if not short:
                raise NumberError("service number", "service numbers are not called; remove the line")
            return Number(digits, region, "short", ("Asia/Shanghai",))
        if len(digits) == 11 and digits[0] == "1":  # most lines of most lists
            mobile = _mobile(region)
            if mobile is not None and mobile.fullmatch(digits):
                return Number(f"+86{digits}", region, "mobile", ("Asia/Shanghai",))
    try:
        number = pn.parse(f"+{digits[2:]}" if digits.startswith("00") and len(digits) > 8 else digits, region)
    except pn.NumberParseException as error:
        raise NumberError("not a telephone number", "write the area code and the number, or + and the country code") from error
    if not pn.is_valid_number(number):
        raise _invalid(number, digits)
    home = pn.region_code_for_number(number) or ""
    zones = tuple(z for z in pn_timezone.time_zones_for_number(number) if z != "Etc/Unknown")
    e164 = pn.format_number(number, pn.PhoneNumberFormat.E164)
    return Number(e164, home, _KINDS.get(pn.number_type(number), "unknown"), zones)


def _invalid(number: pn.PhoneNumber, digits: str) -> NumberError:
    why = pn.is_possible_number_with_reason(number)
    chinese = number.country_code == 86 and not digits.startswith("+")
    if why == pn.ValidationResult.TOO_LONG or (chinese and digits[0] == "1" and len(digits) > 11):
        return _too_many()
    if why in (pn.ValidationResult.TOO_SHORT, pn.ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return _missing()
    if chinese and len(digits) < (11 if digits[0] == "1" else 10):  # the library calls 0453114 possible (S05)
        return _missing()
    if why == pn.ValidationResult.INVALID_COUNTRY_CODE:
        return NumberError("no such country code", "correct the digits after +")
    return NumberError("no such number in the numbering plan", "digits are missing or wrong; compare with the source")


@lru_cache(maxsize=4096)
def completeness(number: str, region: str) -> Digits:
    """Are these the digits of a whole number, by its country's plan? A short number is taken to be whole."""
    if not number.startswith("+"):
        return Digits.COMPLETE
    try:
        parsed = pn.parse(number, region)
    except pn.NumberParseException:
        return Digits.NOT_IN_PLAN
    if pn.is_valid_number(parsed):
        return Digits.COMPLETE
    return Digits.MISSING if _invalid(parsed, number).reason == _missing().reason else Digits.NOT_IN_PLAN


class DialPlan(Protocol):
    """The part of the settings that :func:`dialled` reads; ``[dial]`` in the configuration."""

    @property
    def region(self) -> str: ...
    @property
    def area_code(self) -> str: ...
    @property
    def trunk_format(self) -> str: ...
    @property
    def national_prefix(self) -> str: ...
    @property
    def mobile_prefix(self) -> str: ...
    @property
    def international_prefix(self) -> str: ...
    @property
    def prefix(self) -> str: ...


def dialled(number: Number, plan: DialPlan) -> str:
    """The digits sent to the trunk: E.164, then the trunk's format, then its prefixes, in that order."""
    if not number.e164.startswith("+"):
        return plan.prefix + number.e164
    if plan.trunk_format == "e164":
        return plan.prefix + number.e164
    code = str(_country_code(plan.region))
    abroad = not number.e164.startswith(f"+{code}")
    if abroad or plan.trunk_format == "international":
        return plan.prefix + plan.international_prefix + number.e164[1:]
    national = number.e164[1 + len(code) :]
    if number.kind == "mobile":
        return plan.prefix + plan.mobile_prefix + national
    if plan.area_code and number.kind == "fixed" and national.startswith(plan.area_code):
        return plan.prefix + national[len(plan.area_code) :]
    return plan.prefix + plan.national_prefix + national


def masked(number: str) -> str:
    """For screens and logs: all but the first three and last two digits hidden (L24)."""
    return number if len(number) < 7 else f"{number[:3]}{'*' * (len(number) - 5)}{number[-2:]}"
