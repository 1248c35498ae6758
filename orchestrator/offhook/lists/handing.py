"""Handing leads out to agents, teams and nodes, taking them back, handing them on (L16). A part of every desk and node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from sqlalchemy import Connection, func, select, update

from offhook.agents.messages import AgentId
from offhook.clock import Clock
from offhook.errors import CampaignError
from offhook.lists.filters import FilterError, filter_of
from offhook.messages import CampaignState
from offhook.numbers import NumberError, parse
from offhook.said import Asked, Told
from offhook.store import handing
from offhook.store import tables as t

if TYPE_CHECKING:
    from offhook.store import Store
    from offhook.store.store import Stored

AT_ONCE = 5000
"""Leads looked at in one transaction."""

Owner = Annotated[
    str,
    Field(
        pattern=r"^(agent|team|node):[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="agent:NAME, team:NAME or node:NAME: who calls these leads, and nobody else.",
    ),
]


class Dealing(Asked):
    """How leads are dealt."""

    campaign: str = Field(min_length=1, max_length=63)
    to: tuple[Owner, ...] = Field(min_length=1, max_length=500, description="Who gets them.")
    method: Literal["evenly", "weight", "attribute", "hand"] = Field(
        "evenly",
        description="evenly: in turn. weight: in the shares of weights. attribute: by the values of a column. hand: numbers named.",
    )
    weights: dict[Owner, float] = Field(default_factory=dict, description="Of method weight; 1 when not named.")
    by: str = Field("", max_length=200, description="Of method attribute: the column.")
    values: dict[str, Owner] = Field(default_factory=dict, description="Of method attribute: who gets which value; other leads stay.")
    numbers: tuple[str, ...] = Field((), max_length=10_000, description="Of method hand: these and no others, dealt in turn.")
    most: int | None = Field(None, ge=1, le=10_000_000, description="Most leads for each; none: all there are.")
    filter: str = Field("", max_length=2000, description="Only leads for which it is true, see docs/filters.md.")
    fresh: bool = Field(False, description="Only leads that were never called.")

    @model_validator(mode="after")
    def _whole(self) -> Dealing:
        for field, method in (("weights", "weight"), ("by", "attribute"), ("values", "attribute"), ("numbers", "hand")):
            if getattr(self, field) and self.method != method:
                raise ValueError(f"{field} belongs to method {method}, not {self.method}")
        needed = {"attribute": bool(self.by and self.values), "hand": bool(self.numbers)}.get(self.method, True)
        if not needed:
            raise ValueError(f"method {self.method} needs {'by and values' if self.method == 'attribute' else 'numbers'}")
        strangers = [owner for owner in (*self.weights, *self.values.values()) if owner not in self.to]
        if strangers:
            raise ValueError(f"{strangers[0]} is not among to")
        if any(not 0 < weight <= 1000 for weight in self.weights.values()):
            raise ValueError("a weight is above 0 and at most 1000")
        try:
            filter_of(self.filter)
        except FilterError as error:
            raise ValueError(str(error)) from None
        return self


class HandOut(Dealing):
    """Leads that nobody has, for owners."""


class HandOn(Dealing):
    """Leads of some owners, for others (re-assignment)."""

    source: tuple[Owner, ...] = Field(min_length=1, max_length=500, description="Whose leads.")


class TakeBack(Asked):
    """Leads that are everybody's again."""

    campaign: str = Field(min_length=1, max_length=63)
    source: tuple[Owner, ...] = Field((), max_length=500, description="Whose leads; empty: everybody's.")
    fresh: bool = Field(True, description="Only leads that were never called; false: those that are to be called again too.")


class Given(Told):
    """What became of the leads."""

    campaign: str
    leads: dict[str, int] = Field(description="Leads that each owner got; the empty owner: everybody.")


class HandedOut(Told):
    """Leads of one owner."""

    owner: str
    leads: int
    fresh: int = Field(description="Of these, never called.")
    waiting: int = Field(description="Of these, still to be called, and not being called now.")
    closed: int = Field(description="Of these, done.")


class Team(Asked):
    """A team of agents; a lead of the team goes to whoever of them is ready."""

    team: AgentId
    agents: tuple[AgentId, ...] = Field((), max_length=1000, description="All of them; none: the team is no more.")


class WhoseLeads(Asked):
    """A campaign by its name."""

    campaign: str = Field(min_length=1, max_length=63)


class HandingDesk:
    """Leads of one database in the hands of their owners."""

    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _stored(self, name: str) -> Stored:
            """The campaign, or CampaignError."""

        async def _changed(self, name: str) -> CampaignState:
            """Somebody changed it in the database."""

    async def hand_out(self, order: HandOut) -> Given:
        """Give leads that nobody has to agents, teams or nodes, who alone call them from now on. CampaignError when there is none."""
        return await self._deal(order, ())

    async def hand_on(self, order: HandOn) -> Given:
        """Give leads of some owners to others; a lead that is being called stays where it is."""
        return await self._deal(order, order.source)

    async def take_back(self, order: TakeBack) -> Given:
        """Make leads everybody's again: by default those that were never called (L16). One that is being called goes back to nobody."""
        stored = await self._stored(order.campaign)
        owners = order.source or tuple(one.owner for one in await self.handed(order.campaign))

        def choose(row: Any) -> str | None:
            return None if order.fresh and row.attempts else ""

        counts = await self._walk(stored, owners, choose) if owners else {}
        if not order.fresh:
            await self.store.work(lambda connection: handing.keep_no_more(connection, stored.id, order.source))
        await self._told(stored)
        return Given(campaign=order.campaign, leads=counts)

    async def handed(self, campaign: str) -> list[HandedOut]:
        """Who has how many leads of a campaign."""
        stored = await self._stored(campaign)
        rows = await self.store.read(lambda connection: handing.told(connection, stored.id))
        return [HandedOut.model_validate(row._mapping) for row in rows]

    async def set_team(self, team: Team) -> dict[str, list[str]]:
        """Say who is in a team; all teams."""

        def work(connection: Connection) -> dict[str, list[str]]:
            handing.set_team(connection, team.team, team.agents)
            connection.execute(update(t.campaign).values(revision=t.campaign.c.revision + 1).where(_hands_to(f"team:{team.team}")))
            return handing.teams(connection)

        return await self.store.work(work)

    async def teams(self) -> dict[str, list[str]]:
        """Agents by team."""
        return await self.store.read(handing.teams)

    def _dealing(self, name: str) -> AbstractAsyncContextManager[None]:
        """While leads are dealt; a node lets go of those that it holds for its next calls."""
        return nullcontext()

    async def _deal(self, order: Dealing, source: Sequence[str]) -> Given:
        stored = await self._stored(order.campaign)
        choose = dealer(order, stored.spec.region)
        async with self._dealing(order.campaign):
            counts = await self._walk(stored, source, choose)
        await self._told(stored)
        return Given(campaign=order.campaign, leads={owner: counts.get(owner, 0) for owner in order.to})

    async def _walk(self, stored: Stored, source: Sequence[str], choose: Callable[[Any], str | None]) -> dict[str, int]:
        """Ask *choose* whose each lead becomes, some thousand leads in a transaction."""
        given: Counter[str] = Counter()
        top = await self.store.read(t.last_lead)
        for after in range(0, top, AT_ONCE):
            rows = await self.store.read(partial(handing.some, campaign_id=stored.id, owners=source, after=after, to=after + AT_ONCE))
            chosen = [(row.id, owner) for row in rows if (owner := choose(row)) is not None]
            if chosen:
                given.update(await self.store.work(partial(handing.give, given=chosen)))
        return dict(given)

    async def _told(self, stored: Stored) -> None:
        def work(connection: Connection) -> None:
            connection.execute(update(t.campaign).where(t.campaign.c.id == stored.id).values(revision=t.campaign.c.revision + 1))

        await self.store.work(work)
        await self._changed(stored.spec.name)


def _hands_to(owner: str) -> Any:
    return select(func.count()).where(t.lead.c.campaign_id == t.campaign.c.id, t.lead.c.owner == owner).scalar_subquery() > 0


def dealer(order: Dealing, region: str) -> Callable[[Any], str | None]:
    """Chooses an owner lead by lead. In turn, or by weight the one who is furthest behind, so that every owner gets every part of the list.

    Raises:
        CampaignError: A number of method hand cannot be read.
    """
    wanted = filter_of(order.filter)
    got: Counter[str] = Counter()
    numbers = frozenset(_number(text, region) for text in order.numbers)

    def choose(row: Any) -> str | None:
        attributes = {**row.extra, "name": row.name}
        if (order.fresh and row.attempts) or (wanted is not None and not wanted.check(attributes).passed):
            return None
        if order.method == "hand" and row.e164 not in numbers:
            return None
        owner = (
            order.values.get(str(attributes.get(order.by, "")))
            if order.method == "attribute"
            else _behind(order.to, order.weights, got, order.most)
        )
        if owner is None or (order.most is not None and got[owner] >= order.most):
            return None
        got[owner] += 1
        return owner

    return choose


def _behind(owners: Sequence[str], weights: Mapping[str, float], got: Counter[str], most: int | None) -> str | None:
    """Who has least for the weight, the first of equals; None when all have enough."""
    able = [owner for owner in owners if most is None or got[owner] < most]
    return min(able, key=lambda owner: (got[owner] + 0.5) / weights.get(owner, 1.0), default=None)


def _number(text: str, region: str) -> str:
    try:
        return parse(text, region).e164
    except NumberError as error:
        raise CampaignError(f"number '{text}': {error}") from error
