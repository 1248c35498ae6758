"""Verbs about what a campaign's results say. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from offhook.campaigns.learning import Rates, WhichCampaign
from offhook.campaigns.learning_desk import LearningDesk


async def _rates(node: LearningDesk, which: WhichCampaign) -> Rates:
    return await node.rates(which.campaign)


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("campaign.rates", "Connect, person and response rates by segment and hour.", WhichCampaign, Rates, False, _rates),
)
