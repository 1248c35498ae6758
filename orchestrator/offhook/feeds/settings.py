"""``[feeds]`` of the configuration."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from offhook.campaigns.windows import load_zone


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="Name in logs and in the outbox.")


class FolderSettings(_Section):
    """``[[feeds.folder]]``: every list put into a folder is imported."""

    campaign: str = Field(min_length=1, description="Campaign that takes the lists.")
    folder: Path = Field(description="Folder to watch; done/ and failed/ are made inside of it.")
    pattern: str = Field(
        "*.csv", description="Names of lists; *.xlsx is possible too. Names that begin with a dot or end with .part are left alone."
    )
    mapping: dict[str, str] = Field(default_factory=dict, description="Our field to the list's column: {number = 'Phone'}.")
    poll_s: float = Field(5.0, ge=0.1, le=3600, description="How often the folder is looked at, s.")
    settle_s: float = Field(2.0, ge=0, le=600, description="A file is taken when it has not changed for so long, s.")


class QuerySettings(_Section):
    """``[[feeds.query]]``: the rows of a query are imported, at times of day or at intervals."""

    campaign: str = Field(min_length=1, description="Campaign that takes the rows.")
    url: str = Field(
        min_length=3, description="Database to ask, any SQLAlchemy URL: oracle+oracledb://..., postgresql+psycopg://..., sqlite:////path."
    )
    query: str = Field(min_length=6, description="SQL that gives one row a lead; its columns are the list's columns.")
    mapping: dict[str, str] = Field(default_factory=dict, description="Our field to the query's column.")
    every_s: float | None = Field(None, ge=1, description="Ask every so many seconds.")
    at: tuple[dt.time, ...] = Field((), description="Or at these times of day.")
    zone: str = Field("Asia/Shanghai", description="IANA zone of these times.")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        load_zone(zone)
        return zone

    @model_validator(mode="after")
    def _when(self) -> QuerySettings:
        if (self.every_s is None) == (not self.at):
            raise ValueError("say when to ask: either every_s = 3600, or at = ['06:00']")
        return self


class _Result(_Section):
    campaigns: tuple[str, ...] = Field((), description="Campaigns whose results are sent; empty: all.")
    batch: int = Field(100, ge=1, le=1000, description="Most results sent at once.")
    retry_s: float = Field(300.0, ge=1, le=86400, description="Longest pause between two tries, s; the first is 1 s.")


class CsvSettings(_Result):
    """Results to files by year, month and campaign: ``folder/2026/11/notice.csv``."""

    to: Literal["csv"]
    folder: Path = Field(description="Where the files are kept.")


class SqlSettings(_Result):
    """Results to a table of another database; one row a call, its id is the key."""

    to: Literal["sql"]
    url: str = Field(min_length=3, description="Any SQLAlchemy URL.")
    table: str = Field("offhook_result", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", description="Table; made when it is not there.")


class WebhookSettings(_Result):
    """Results to a web service, as a JSON array."""

    to: Literal["webhook"]
    url: str = Field(pattern=r"^https?://", description="Where to POST.")
    secret_file: Path | None = Field(None, description="File with the key of the HMAC-SHA256 signature.")
    timeout_s: float = Field(10.0, gt=0, le=120, description="Longest wait for an answer, s.")


class MqttSettings(_Result):
    """Results to a topic of a broker, one message a call, QoS 1."""

    to: Literal["mqtt"]
    url: str = Field(pattern=r"^(mqtts?|unix)://", description="mqtt://host:1883, mqtts://host:8883 or unix:///path.")
    topic: str = Field("offhook/results/{campaign}", min_length=1, pattern=r"^[^+#]+$", description="Topic; {campaign} is replaced.")
    user: str = Field("", description="User name at the broker.")
    password_file: Path | None = Field(None, description="File whose first line is the password.")


ResultSettings = Annotated[CsvSettings | SqlSettings | WebhookSettings | MqttSettings, Field(discriminator="to")]


class FeedSettings(BaseModel):
    """``[feeds]``: where lists come from and where results go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: tuple[FolderSettings, ...] = Field((), description="Watched folders.")
    query: tuple[QuerySettings, ...] = Field((), description="Queries of other databases.")
    result: tuple[ResultSettings, ...] = Field((), description="Where results go.")

    @model_validator(mode="after")
    def _different(self) -> FeedSettings:
        names = [one.name for one in (*self.folder, *self.query, *self.result)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two feeds are called '{name}'")
        return self
