"""The one configuration file, TOML, and the ``OFFHOOK_*`` environment variables that override it.

A wrong value or an unknown key names the file, the line and the mend. Settings are frozen once read.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from offhook.calls.recordings import RecordingSettings
from offhook.campaigns.life import ApprovalSettings
from offhook.errors import ConfigError
from offhook.feeds.settings import FeedSettings
from offhook.lists.exports import ExportSettings
from offhook.mistakes import explain
from offhook.routes import Routes
from offhook_drivers import PriSettings, ReplaySettings, SimulatorSettings


class Section(BaseModel):
    """Base of the sections: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeSettings(Section):
    """``[node]``."""

    name: str = Field("node1", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Name in topics, logs and records.")
    data_dir: Path = Field(
        Path("offhook-data"), description="Folder for the database, spool files, reject lists and the broker; made if missing."
    )
    poll_s: float = Field(1.0, ge=0.1, le=60, description="How often the database is asked what other processes want, s.")
    watch_s: float = Field(0.04, ge=0.01, le=60, description="How often the table of suppressions is looked at, s.")


DATABASES = {
    "sqlite://": "sqlite://",
    "sqlite+aiosqlite://": "sqlite://",  # as older configurations have it
    "postgresql+psycopg://": "postgresql+psycopg://",
    "postgresql://": "postgresql+psycopg://",
}
"""How the URL of a database may begin, and the driver that is meant."""


class DatabaseSettings(Section):
    """``[database]``."""

    url: str = Field(
        "",
        description="SQLAlchemy URL. Empty: SQLite at data_dir/offhook.db; sqlite:///path/to/file.db; postgresql+psycopg://user@host/db.",
    )
    retry_s: float = Field(10.0, ge=0, le=600, description="How long a failed write is tried again before dialling is held, s.")
    commit_ms: int = Field(20, ge=0, le=1000, description="Longest time results are gathered into one transaction, ms.")
    durable: bool = Field(True, description="Sync every transaction to the disk. Turn off for simulations only: a power cut loses calls.")

    @field_validator("url")
    @classmethod
    def _our_driver(cls, url: str) -> str:
        for written, meant in DATABASES.items():
            if url.startswith(written):
                return meant + url.removeprefix(written)
        if url:
            raise ValueError("use sqlite:///path/to/file.db or postgresql+psycopg://user@host/name")
        return url


class ControlSettings(Section):
    """``[control]``: how the node is steered over MQTT."""

    mode: Literal["embedded", "external", "off"] = Field("embedded", description="Own Mosquitto child, a broker elsewhere, or no MQTT.")
    url: str = Field("", description="Broker in mode external: mqtt://host:1883, mqtts://host:8883 or unix:///path.")
    socket: Path | None = Field(None, description="Unix socket of the embedded broker; none: data_dir/broker/mqtt.sock.")
    user: str = Field("", description="User name at the broker.")
    password_file: Path | None = Field(None, description="File whose first line is the password.")
    ca_file: Path | None = Field(None, description="CA certificates for mqtts; none takes the system's.")
    cert_file: Path | None = Field(None, description="Client certificate for mqtts.")
    key_file: Path | None = Field(None, description="Key of the client certificate.")
    queue: int = Field(10_000, ge=10, le=1_000_000, description="Messages kept while the broker is away; telemetry is dropped first.")

    @model_validator(mode="after")
    def _url_when_external(self) -> ControlSettings:
        if self.mode == "external" and not self.url:
            raise ValueError('mode external needs url, e.g. url = "mqtt://broker.example:1883"')
        if self.mode != "external" and self.url:
            raise ValueError(f'url has no meaning in mode {self.mode}; remove it or set mode = "external"')
        if self.url and not self.url.startswith(("mqtt://", "mqtts://", "unix://")):
            raise ValueError("url starts with mqtt://, mqtts:// or unix://")
        return self


class CoreSettings(Section):
    """``[core]``: hearing."""

    plan_files: tuple[Path, ...] = Field((), description="TOML files with tone plans of one's own; plan may name one of them.")
    plan: str = Field(
        "cn",
        min_length=1,
        description="Tone plan of the network: ISO 3166 in lower case, auto, auto:REGION, a TOML file, or one of plan_files.",
    )
    answer_model: Path | None = Field(None, description="Answer model of one's own, written by offhook amd train; none: the built-in one.")
    fifo: int = Field(0, ge=0, le=99, description="SCHED_FIFO priority of the media thread; 0 is normal.")
    capture_s: float = Field(
        8.0, ge=0, le=60, description="Newest seconds of each line kept in memory, to show unknown announcements before answer; 0: none."
    )

    @field_validator("answer_model")
    @classmethod
    def _model_is_sound(cls, path: Path | None) -> Path | None:
        from offhook.amd.model import unpack

        if path is not None:
            try:
                unpack(path.read_bytes())
            except OSError as error:
                raise ValueError(f"{path}: {error.strerror or error}") from None
            except ValueError as error:
                raise ValueError(f"{path}: {error}; offhook amd train writes one") from None
        return path

    @field_validator("plan")
    @classmethod
    def _plan_is_known(cls, name: str, info: ValidationInfo) -> str:
        from offhook.tones.chosen import tone_plan

        tone_plan(name, info.data.get("plan_files", ()))
        return name


class LimitSettings(Section):
    """``[limits]`` of the whole node."""

    calls_per_second: float = Field(50.0, gt=0, le=1000, description="Most call attempts a second over all campaigns.")
    channels: int = Field(0, ge=0, le=32_768, description="Most B-channels in use at once; 0 uses all that the driver has.")


class DialSettings(Section):
    """``[dial]``: from E.164 to the digits sent to the trunk (S13)."""

    region: str = Field("CN", pattern=r"^[A-Z]{2}$", description="Country in which the trunk ends.")
    area_code: str = Field(
        "", pattern=r"^[0-9]{0,5}$", description="Own area code without 0; numbers of the same area are sent without it."
    )
    trunk_format: Literal["national", "e164", "international"] = Field(
        "national", description="national: 013912345678; e164: +8613912345678; international: 008613912345678."
    )
    national_prefix: str = Field("0", pattern=r"^[0-9]{0,4}$", description="Put before a long-distance number in format national.")
    mobile_prefix: str = Field(
        "", pattern=r"^[0-9]{0,4}$", description="Put before a mobile number in format national, often 0 outside the home area."
    )
    international_prefix: str = Field(
        "00", pattern=r"^[0-9]{0,6}$", description="Put before numbers of other countries, and in format international."
    )
    prefix: str = Field(
        "", pattern=r"^[0-9*#,]{0,20}$", description="Put before everything, e.g. 9 for an outside line or 17909 for a carrier."
    )
    routes: Path | None = Field(None, description="Routes file (TOML): trunk groups and which numbers take them; none: all spans alike.")

    def tables(self) -> Routes:
        """The routes file, read now.

        Raises:
            ConfigError: It is missing or wrong.
        """
        return Routes() if self.routes is None else Routes.load(self.routes)


class MetricsSettings(Section):
    """``[metrics]``: figures for Prometheus over HTTP."""

    port: int = Field(0, ge=0, le=65_535, description="Port of /metrics; 0: none.")
    address: str = Field("127.0.0.1", min_length=1, description="Address listened to; 0.0.0.0 for all. Whoever reaches it reads it.")


class RuleSettings(Section):
    """``[rules]``: packs of calling rules, see docs/rules.md."""

    packs: tuple[str, ...] = Field((), description="Names of the packs in use, ['cn', 'fr']; none: only the campaigns' own windows count.")
    folder: Path | None = Field(None, description="Folder with packs of your own; one replaces the built-in pack of its name.")
    unknown_zones: tuple[str, ...] = Field(
        ("Asia/Shanghai",), min_length=1, description="A callee whose zone is not known may be called while it is open in all of these."
    )


class EvidenceSettings(Section):
    """``[evidence]``."""

    numbers: bool = Field(False, description="Whether a bundle of evidence may hold telephone numbers, names and list columns unmasked.")


class LogSettings(Section):
    """``[log]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: Path | None = Field(None, description="Log file; none writes to standard error.")
    json_lines: bool = Field(False, description="One JSON object a line.")


DriverSettings = Annotated[SimulatorSettings | ReplaySettings | PriSettings, Field(discriminator="name")]


class Settings(BaseSettings):
    """All settings of a node; every one has a default, so an empty file runs the simulator.

    Environment variables override the file: ``OFFHOOK_NODE__NAME=node2`` sets ``[node] name``.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="OFFHOOK_", env_nested_delimiter="__")
    _toml: ClassVar[dict[str, Any]] = {}

    node: NodeSettings = NodeSettings()
    database: DatabaseSettings = DatabaseSettings()
    control: ControlSettings = ControlSettings()
    driver: DriverSettings = Field(default_factory=SimulatorSettings)
    core: CoreSettings = CoreSettings()
    recordings: RecordingSettings = RecordingSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    limits: LimitSettings = LimitSettings()
    dial: DialSettings = DialSettings()
    feeds: FeedSettings = FeedSettings()
    rules: RuleSettings = RuleSettings()
    approval: ApprovalSettings = ApprovalSettings()
    export: ExportSettings = ExportSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes over what the file (given as arguments) says; no .env file is read."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The database to use."""
        return self.database.url or f"sqlite:///{self.node.data_dir / 'offhook.db'}"

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """Read a TOML file (none: defaults) and the environment.

        Raises:
            ConfigError: The file is missing, is not TOML, or a key or value is wrong; the text has one line per mistake.
        """
        text = ""
        if path is not None:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        try:
            return cls(**data)
        except ValidationError as error:
            raise ConfigError(explain(error, str(path or "environment"), text, cls)) from error
        except ValueError as error:  # an environment variable that is not JSON where a table is due
            raise ConfigError(f"environment: {error}") from error
