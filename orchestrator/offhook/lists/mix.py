"""Lists mixed within a campaign, so that nobody talks about the same thing all day (D45).

Every lead that was never called gets a place: its number within its list, divided by the list's weight. Dialled in the order of places,
the lists come in the shares of their weights, however many are taken at a time (start-time fair queuing). The place is kept as the lead's
due time, as milliseconds of the years 1970 to 1973: it is long due, and the index by due time is the order of the mix, so the next lead
costs no more than without one.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from offhook.said import Asked

STEP = 1000
"""Places between two leads of a list of weight 1."""
PLACES_END = 10**11
"""Places are below it, due times of calls that are made again above: 10**8 leads of one list at weight 1."""
LEAST, MOST = 0.01, 100.0


class ListMix(Asked):
    """How the lists of a campaign are mixed."""

    by: str = Field("", max_length=200, description="Column by whose values leads are mixed; empty: by the list they came with.")
    weights: dict[str, float] = Field(
        default_factory=dict,
        max_length=200,
        description="Share of a list (file name or tag) or value against the others; 1 when not named.",
    )

    @field_validator("weights")
    @classmethod
    def _usable(cls, weights: dict[str, float]) -> dict[str, float]:
        for name, weight in weights.items():
            if not LEAST <= weight <= MOST:
                raise ValueError(f"weight {weight:g} of '{name}' is outside {LEAST:g} to {MOST:g}; to hold a list back, filter it out")
        return weights

    def step(self, name: str) -> int:
        """Places between two leads of this list or value; a list goes by its file's name with or without the ending."""
        weight = self.weights.get(name)
        if weight is None:
            weight = self.weights.get(name.rpartition(".")[0], 1.0) if not self.by else 1.0
        return round(STEP / weight)
