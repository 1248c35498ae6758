"""The path to a callee in a scenario: times, levels, noise, and what is wrong with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .spread import Blocks, Decibel, Level, Noise, Percent, Seconds, Share, Spread, Table, const, normal, uniform, within


class Echo(Table):
    """We hear ourselves, *delay_ms* later and *loss_db* weaker."""

    share: Share = 1.0
    delay_ms: Annotated[Spread, AfterValidator(within(1, 380, "ms"))] = uniform(20, 120)
    loss_db: Decibel = uniform(12, 35)


class Bursts(Table):
    """20 ms blocks go wrong: on average *rate* of all blocks, in runs of *length* blocks."""

    share: Share = 1.0
    rate: float = Field(gt=0, le=0.5)
    length: Blocks = const(1)


class Slip(Table):
    """The clocks of two exchanges differ: *samples* are lost or doubled about every *every_s* seconds."""

    share: Share = 1.0
    samples: Annotated[Spread, AfterValidator(within(1, 120, "samples"))] = uniform(1, 40)
    every_s: Annotated[Spread, AfterValidator(within(0.1, 3600, "s"))] = const(5)


class DcOffset(Table):
    """A constant added to every sample, in steps of the 16 bit scale."""

    share: Share = 1.0
    steps: Annotated[Spread, AfterValidator(within(-8000, 8000, "steps"))] = const(500)


class Hum(Table):
    """Mains hum."""

    share: Share = 1.0
    hz: Annotated[Spread, AfterValidator(within(40, 120, "Hz"))] = const(50)
    level_dbm0: Level = uniform(-45, -30)


class Clipping(Table):
    """The far end is overdriven by *drive_db* and cut at overload."""

    share: Share = 1.0
    drive_db: Decibel = uniform(10, 25)


class OneWay(Table):
    """Nothing but digital idle comes from the far end."""

    share: Share = 1.0


class Faults(Table):
    """What is wrong with a line; each fault has the share of the calls that it hits."""

    echo: Echo | None = None
    lost: Bursts | None = None  # marked as missing by the card
    repeated: Bursts | None = None  # the block before comes again, unmarked
    dropped: Bursts | None = None  # replaced by silence on the way, unmarked
    slip: Slip | None = None
    dc: DcOffset | None = None
    hum: Hum | None = None
    clipping: Clipping | None = None
    one_way: OneWay | None = None


class Line(Table):
    """The path to the callee. A behaviour may name its own."""

    post_dial_s: Seconds = normal(1.2, 0.4, 0.3, 4)
    inband: Share = 1.0  # of calls whose tones and announcements are heard before the answer
    level_dbm0: Level = normal(-20, 3, -35, -10)
    tone_dbm0: Level = normal(-12, 2, -25, -5)
    noise: Literal["white", "pink", "babble"] = "white"
    noise_dbm0: Noise = normal(-65, 4, -80, -50)
    tone_hz_error_pct: Percent = const(0)
    cadence_error_pct: Percent = const(0)
    faults: Faults = Faults()
