"""What a node says of the messages that people left."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from offhook.said import Told


class VoiceMail(Told):
    """A message that a person left."""

    call: str = Field(description="The call's id.")
    campaign: str
    lead: int
    number: str = Field(description="As imported or typed in.")
    at: dt.datetime = Field(description="When the call was made.")
    agent: str = Field("", description="Agent who passed the person on; empty: nobody was free.")
    seconds: float = Field(description="Length of the message.")
    path: str = Field(description="The WAV on the node's machine: 8 kHz, A-law or mu-law.")


class VoiceMailLeft(Told):
    """A person left a message, and it is kept."""

    type: Literal["voice_mail_left"] = "voice_mail_left"
    at: dt.datetime
    mail: VoiceMail
