"""What a node says of its trunks and lines."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, field_validator

from offhook.said import Asked, Told


class WhichChannels(Asked):
    """B-channels by number, counted over all spans."""

    channels: tuple[int, ...] = Field(min_length=1, max_length=960, description="From 0; channel 35 is the sixth B-channel of span 1.")

    @field_validator("channels", mode="before")
    @classmethod
    def _one_is_enough(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, int) else value


class ChannelsBlocked(Told):
    """Which B-channels are out of use."""

    blocked: tuple[int, ...] = Field((), description="By an operator, until they are unblocked or the node starts anew.")


class TrunkState(Told):
    """How a trunk group does, over its latest 200 calls."""

    name: str
    spans: tuple[int, ...]
    attempts: int = Field(description="Calls that the figures are made from.")
    answer_seizure_ratio: float = Field(description="Share of attempts that were answered.")
    post_dial_delay_s: float | None = Field(None, description="Median from the seizure to ringing, or to the answer.")
    false_answers: float = Field(0.0, description="Share of answers behind which was an announcement or a tone.")
    resting: tuple[int, ...] = Field((), description="Channels that take no calls for a while, because their calls went wrong.")
    blocked: tuple[int, ...] = Field((), description="Channels that an operator took out of use.")


class InboundRefused(Told):
    """Somebody called us. Nobody is here to take calls, so it was refused."""

    type: Literal["inbound_refused"] = "inbound_refused"
    at: dt.datetime
    span: int
    channel: int
    calling: str = Field(description="Who called, as the exchange says it; empty: withheld.")
    called: str = Field(description="Which of our numbers.")
    cause: int = Field(description="Q.850 cause that we gave.")
