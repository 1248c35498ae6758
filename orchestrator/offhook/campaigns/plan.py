"""Parts of a campaign's description: what it wants of a call, in the owner's words, and the strategies it follows.

A disposition says what became of the call on the line; a result class says what became of the talk (D50, D53).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.said import Asked, Name


class ResultClass(Asked):
    """One class of result, as an agent or another system reports it."""

    title: str = Field("", max_length=100, description="For people; any script.")
    success: bool = Field(False, description="The primary goal is reached.")
    refusal: bool = Field(False, description="The person refused: it goes into the ledger, and nobody calls again while the rest lasts.")
    right_party: bool | None = Field(None, description="Whether the person meant was reached (D55); none: not said.")
    again_s: float | None = Field(None, ge=0, le=90 * 86400, description="The lead is called once more after so long, s; none: it is done.")
    most: int = Field(3, ge=1, le=50, description="Calls in all, when it is called again (D50).")


class Goals(Asked):
    """Goals and result classes of a campaign."""

    primary: str = Field("", max_length=200, description="What every call is made for.")
    secondary: str = Field("", max_length=200, description="What is also welcome; its outcome is recorded beside the first (D53).")
    results: dict[Name, ResultClass] = Field(default_factory=dict, max_length=50, description="Classes of result by name.")


StrategyKind = Literal["connect", "routing", "time", "protection"]
"""接通策略, 路由策略, 时间策略, 客保策略: how people are reached, who comes first and how, when, and what protects them (D29)."""


class StrategyNames(Asked):
    """Named strategies that a campaign follows; each sets its part of the description, see docs/strategies.md."""

    connect: Name | None = None
    routing: Name | None = None
    time: Name | None = None
    protection: Name | None = None
