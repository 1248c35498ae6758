"""The tables as SQL expressions take them, and the odds and ends that every part of the store needs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Connection, String, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from offhook.store import contact_models as persons
from offhook.store import models


def _table(model: type[models.Base]) -> Table:
    return cast(Table, model.__table__)


campaign = _table(models.CampaignRow)
campaign_life = _table(models.LifeRow)
lead = _table(models.LeadRow)
journal = _table(models.JournalRow)
call = _table(models.CallRow)
outbox = _table(models.OutboxRow)
chain = _table(models.ChainRow)
rate = _table(models.RateRow)
appointment = _table(models.AppointmentRow)
agent_log = _table(models.AgentLogRow)
import_report = _table(models.ImportRow)
reject = _table(models.RejectRow)
staged = _table(models.StagedRow)
contact = _table(persons.ContactRow)
contact_number = _table(persons.ContactNumberRow)
listed = _table(persons.ListedRow)
ledger = _table(persons.LedgerRow)
suppression = _table(persons.SuppressionRow)
policy = _table(persons.PolicyRow)
strategy = _table(persons.StrategyRow)
team = _table(persons.TeamRow)
outcome = _table(persons.OutcomeRow)
export_log = _table(persons.ExportRow)


def part(
    campaign_id: int | BindParameter[int], after: int | BindParameter[int], to: int | BindParameter[int]
) -> tuple[ColumnElement[bool], ...]:
    """Leads of a campaign whose ids are above *after* and up to *to*: a walk through all leads that reads each once.

    The campaign's number is kept from the indexes by adding nothing to it: through these every step would sort all that is left.
    """
    return lead.c.campaign_id + 0 == campaign_id, lead.c.id > after, lead.c.id <= to


def last_lead(connection: Connection) -> int:
    """The highest id of a lead."""
    return int(connection.execute(select(func.max(lead.c.id))).scalar() or 0)


def upsert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what to do on a conflict."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def ms(when: dt.datetime) -> int:
    """A date as it is stored."""
    return round(when.timestamp() * 1000)


def instant(stored_ms: int) -> dt.datetime:
    """Stored milliseconds as a date."""
    return dt.datetime.fromtimestamp(stored_ms / 1000, dt.UTC)


def digits(e164: str) -> int:
    """A number as the ledger and the lists keep it."""
    return int(e164.removeprefix("+"))


def among(connection: Connection, column: ColumnElement[Any], values: Collection[int] | Collection[str]) -> ColumnElement[bool]:
    """``column IN values`` with one parameter however many values there are, so that the statement is compiled once."""
    given = list(values)
    if connection.dialect.name == "postgresql":
        kind = BigInteger if given and isinstance(given[0], int) else String
        return column == func.any(bindparam(None, given, type_=postgresql.ARRAY(kind())))
    each = func.json_each(bindparam(None, json.dumps(given), type_=String())).table_valued("value")
    return column.in_(select(each.c.value))


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """As :func:`among` for a statement that is built once: its parameter *name* takes what :func:`given` makes of the values."""
    if dialect == "postgresql":
        return column == func.any(bindparam(name, type_=postgresql.ARRAY(column.type)))
    each = func.json_each(bindparam(name, type_=String())).table_valued("value")
    return column.in_(select(each.c.value))


def given(dialect: str, values: Collection[int] | Collection[str]) -> list[Any] | str:
    """Values for a parameter of :func:`one_of`."""
    return list(values) if dialect == "postgresql" else json.dumps(list(values))
