"""What a call can really have been, in one word."""

from __future__ import annotations

from enum import StrEnum


class Truth(StrEnum):
    """Who or what it was."""

    PERSON = "person"
    MACHINE = "machine"
    IVR = "ivr"
    ANNOUNCEMENT = "announcement"
    FAX = "fax"
    MUSIC = "music"
    NOISE = "noise"
