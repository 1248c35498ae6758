"""Where results go: files, a table, a web service, a topic. Each takes a batch whole or raises, and knows results it had already by
the call's id, so that what is sent twice counts once.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, create_engine, insert, select
from sqlalchemy.exc import SQLAlchemyError

from offhook.control.address import broker_address
from offhook.control.bus import Bus, BusError, Lane, Outgoing
from offhook.errors import ConfigError
from offhook.feeds.settings import CsvSettings, MqttSettings, ResultSettings, SqlSettings, WebhookSettings
from offhook.lists.reader import safe_cell
from offhook.messages import CallRecord

_CONNECT_S = 5.0
_DRAIN_S = 30.0
COLUMNS = tuple(name for name in CallRecord.model_fields if name != "evidence")


class SinkError(Exception):
    """The results were not taken; the text says why. They are sent again."""


class Sink(Protocol):
    """Takes results."""

    async def send(self, calls: Sequence[CallRecord]) -> None:
        """Take all of *calls*, for good. SinkError when not all of them could be kept."""

    async def close(self) -> None:
        """Let go of what is open."""


def open_sink(settings: ResultSettings) -> Sink:
    """The sink of these settings; nothing is opened before the first result."""
    match settings:
        case CsvSettings():
            return CsvSink(settings)
        case SqlSettings():
            return SqlSink(settings)
        case WebhookSettings():
            return WebhookSink(settings)
        case MqttSettings():
            return MqttSink(settings)


def as_json(call: CallRecord) -> dict[str, Any]:
    """A result as other programs get it."""
    return call.model_dump(mode="json", exclude={"evidence"})


class CsvSink:
    """Files by year, month and campaign, synced to the disk before a batch counts as taken (L22)."""

    def __init__(self, settings: CsvSettings) -> None:
        self._folder = settings.folder
        self._had: dict[Path, set[str]] = {}

    async def send(self, calls: Sequence[CallRecord]) -> None:
        """Append them."""
        try:
            await asyncio.to_thread(self._append, calls)
        except OSError as error:
            self._had.clear()  # what was written of the batch is read again
            raise SinkError(f"{self._folder}: {error.strerror or error}") from error

    async def close(self) -> None:
        """Nothing is open."""

    def _append(self, calls: Sequence[CallRecord]) -> None:
        files: dict[Path, list[CallRecord]] = {}
        for call in calls:
            files.setdefault(self._folder / f"{call.started:%Y}" / f"{call.started:%m}" / f"{call.campaign}.csv", []).append(call)
        for path, some in files.items():
            had = self._ids(path)
            fresh = [call for call in some if call.id not in had]
            if not fresh:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8-sig" if not had else "utf-8", newline="") as file:
                lines = csv.writer(file)
                if file.tell() == 0:
                    lines.writerow(COLUMNS)
                lines.writerows([safe_cell(_cell(value)) for value in as_json(call).values()] for call in fresh)
                file.flush()
                os.fsync(file.fileno())
            had |= {call.id for call in fresh}

    def _ids(self, path: Path) -> set[str]:
        """Calls that the file holds; a last line cut short by a power cut is taken off."""
        if path not in self._had:
            self._had = {path: set()} if len(self._had) > 64 else {**self._had, path: set()}
            if path.is_file():
                data = path.read_bytes()
                whole = data.rfind(b"\n") + 1
                if whole < len(data):
                    os.truncate(path, whole)
                rows = csv.reader(data[:whole].decode("utf-8-sig", "replace").splitlines())
                at = COLUMNS.index("id")
                self._had[path] = {row[at] for row in rows if len(row) > at}
        return self._had[path]


def _cell(value: object) -> object:
    return "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


class SqlSink:
    """A table of another database, one row a call."""

    def __init__(self, settings: SqlSettings) -> None:
        self._url = settings.url
        self._engine: Any = None
        self._table = Table(
            settings.table,
            MetaData(),
            Column("id", String(36), primary_key=True),
            *(Column(name, _COLUMN_TYPES.get(name, Text)) for name in COLUMNS if name != "id"),
        )

    async def send(self, calls: Sequence[CallRecord]) -> None:
        """Insert those that are not there yet, in one transaction."""
        try:
            await asyncio.to_thread(self._insert, calls)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise SinkError(str(error).splitlines()[0]) from error

    def _insert(self, calls: Sequence[CallRecord]) -> None:
        if self._engine is None:
            self._engine = create_engine(self._url)
            self._table.create(self._engine, checkfirst=True)
        ids = [call.id for call in calls]
        with self._engine.begin() as connection:
            there = set(connection.scalars(select(self._table.c.id).where(self._table.c.id.in_(ids))))
            rows = [{name: _plain(value) for name, value in as_json(call).items()} for call in calls if call.id not in there]
            if rows:
                connection.execute(insert(self._table), rows)

    async def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            await asyncio.to_thread(self._engine.dispose)
            self._engine = None


_COLUMN_TYPES: dict[str, Any] = dict.fromkeys(
    (
        "attempt",
        "channel",
        "span",
        "proceeding_ms",
        "ringing_ms",
        "answered_ms",
        "verdict_ms",
        "duration_ms",
        "billed_ms",
        "cause",
        "location",
    ),
    BigInteger,
)


def _plain(value: object) -> object:
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict | list)
        else value
        if value is None or isinstance(value, int)
        else str(value)
    )


class WebhookSink:
    """POST of a JSON array. ``Idempotency-Key`` names the batch, ``X-Offhook-Signature`` is ``sha256=`` and the HMAC of the body."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings

    async def send(self, calls: Sequence[CallRecord]) -> None:
        """Any answer but 2xx is a failure."""
        body = json.dumps([as_json(call) for call in calls], ensure_ascii=False).encode()
        key = hashlib.sha256("".join(call.id for call in calls).encode()).hexdigest()[:32]
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "offhook"}
        try:
            if self._settings.secret_file is not None:
                secret = self._settings.secret_file.read_bytes().strip()
                headers["X-Offhook-Signature"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
            await asyncio.to_thread(self._post, body, headers)
        except urllib.error.HTTPError as error:
            raise SinkError(f"{self._settings.url}: answered {error.code} {error.reason}") from error
        except (OSError, ValueError) as error:  # URLError is an OSError; a broken answer is a ValueError
            raise SinkError(f"{self._settings.url}: {getattr(error, 'reason', None) or error}") from error

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=self._settings.timeout_s) as answer:
            answer.read(1)

    async def close(self) -> None:
        """Nothing is open."""


class MqttSink:
    """A message a call; the broker's acknowledgement makes it taken."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings

    async def send(self, calls: Sequence[CallRecord]) -> None:
        """Publish all of them over one connection, QoS 1, and wait for every acknowledgement."""
        settings = self._settings
        try:
            address = broker_address(settings.url, settings.user, settings.password_file, f"feed {settings.name}")
            async with Bus(address, client_id=f"offhook-feed-{settings.name}", outbox=len(calls), retry=False) as bus:
                await bus.wait_connected(_CONNECT_S)
                for call in calls:
                    topic = settings.topic.replace("{campaign}", call.campaign)
                    bus.publish(Outgoing(topic, json.dumps(as_json(call), ensure_ascii=False).encode()), Lane.RESULT)
                if not await bus.drain(_DRAIN_S):
                    raise SinkError(f"{address}: not every result was acknowledged within {_DRAIN_S:g} s")
        except (BusError, ConfigError, ValueError) as error:
            raise SinkError(str(error)) from error

    async def close(self) -> None:
        """Nothing is open."""
