"""What became of a talk, in the campaign's own classes of result, as agents say it and correct it; and records that agents make (L17, D53).

A disposition is heard on the line and never changed; a result is said by somebody. The newest of a call counts, the older ones stay.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pydantic import Field
from sqlalchemy import Connection

from offhook.clock import Clock
from offhook.lists.handing import Owner
from offhook.messages import CampaignState
from offhook.said import Asked, Name, Told
from offhook.store import outcomes
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.store import Store
    from offhook.store.store import Stored


class NewOutcome(Asked):
    """What became of a talk."""

    call: str = Field(min_length=1, max_length=36, description="The call's id.")
    result: Name = Field(description="Class of result of the campaign's goals.")
    primary: bool | None = Field(None, description="The primary goal was reached; none: as the class says.")
    secondary: bool | None = Field(None, description="The secondary goal was reached; none: not said (D53).")
    by: str = Field("", max_length=63, description="Who says so: an agent, a program.")
    note: str = Field("", max_length=500, description="In words.")


class Outcome(Told):
    """A result as stored."""

    call: str
    campaign: str
    lead: int
    result: str
    primary: bool
    secondary: bool | None
    right_party: bool | None = Field(description="The person meant was reached (D55), as the class says.")
    by: str
    note: str
    at: dt.datetime
    corrects: str = Field("", description="The result that it corrects; empty: it is the call's first.")
    then: str = Field("", description="What became of the lead by it, in words; empty: nothing.")


class WhichCall(Asked):
    """A call by its id."""

    call: str = Field(min_length=1, max_length=36)


class WhoseResults(Asked):
    """A campaign by its name."""

    campaign: str = Field(min_length=1, max_length=63)


class Results(Told):
    """Results of a campaign, the newest of each call."""

    campaign: str
    primary_goal: str
    secondary_goal: str
    calls: int = Field(description="Calls that were made.")
    said: int = Field(description="Calls of which somebody said the result.")
    results: dict[str, int] = Field(description="Calls by class; they sum to said.")
    primary: int = Field(description="The primary goal was reached.")
    secondary: int = Field(description="The secondary goal was reached.")
    right_party: int = Field(description="The person meant was reached (D55).")
    wrong_party: int
    corrected: int = Field(description="Calls whose result was corrected.")


class NewLead(Asked):
    """A record that an agent makes (L17)."""

    campaign: str = Field(min_length=1, max_length=63)
    number: str = Field(min_length=1, max_length=64, description="In any usual form; without + one of the campaign's region.")
    name: str = Field("", max_length=500)
    extra: dict[str, str] = Field(default_factory=dict, max_length=100, description="Columns, as a list has them.")
    deadline: dt.datetime | None = Field(None, description="Not called after it, with its offset.")
    owner: Owner | None = Field(None, description="Who alone calls it, often the agent who makes it; none: everybody.")
    by: str = Field("", max_length=63, description="Who makes it.")


class LeadMade(Told):
    """The record."""

    lead: int
    campaign: str
    number: str
    owner: str


class OutcomeDesk:
    """Results of one database."""

    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _stored(self, name: str) -> Stored:
            """The campaign, or CampaignError."""

        async def _changed(self, name: str) -> CampaignState:
            """Somebody changed it in the database."""

    async def set_outcome(self, given: NewOutcome) -> Outcome:
        """Say what became of a talk, or correct it. The lead follows: done, called again, or held by the rest after a refusal.

        Raises:
            CampaignError: There is no such call, or its campaign has no such class.
        """
        now = ms(self.clock.now())
        told = await self.store.work(lambda connection: outcomes.put(connection, given, now))
        await self._changed(told.campaign)
        return told

    async def outcomes_of(self, call: str) -> list[Outcome]:
        """Everything that was said of a call, the newest last."""
        return await self.store.read(lambda connection: outcomes.of_call(connection, call))

    async def results(self, campaign: str) -> Results:
        """Results of a campaign by class, both goals, right and wrong parties."""
        stored = await self._stored(campaign)
        return await self.store.read(lambda connection: outcomes.results(connection, stored.id, stored.spec))

    async def add_lead(self, given: NewLead) -> LeadMade:
        """Make a record by hand: washed and screened like any other.

        Raises:
            CampaignError: There is no such campaign, the number cannot be dialled, or the campaign has it already.
        """
        stored = await self._stored(given.campaign)

        def work(connection: Connection) -> LeadMade:
            return outcomes.add(connection, stored.id, stored.spec, given)

        made = await self.store.work(work)
        await self._changed(given.campaign)
        return made
