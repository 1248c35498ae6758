"""The tables. Instants are whole milliseconds since 1970 UTC; ``docs/database.md`` describes each for those who read them with SQL."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only in a column of type INTEGER


class Base(DeclarativeBase):
    """Common parent of the tables."""


class CampaignRow(Base):
    """A campaign: what it is, and what the operator wants of it."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    spec: Mapped[dict[str, object]] = mapped_column(JSON)
    wanted: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int] = mapped_column(Integer)  # counts every change, imports included: a running node looks at it
    created_ms: Mapped[int] = mapped_column(BigInteger)
    updated_ms: Mapped[int] = mapped_column(BigInteger)
    stage: Mapped[str] = mapped_column(String(16), server_default="draft")  # see offhook.campaigns.life
    trial: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))  # calls, answers, from_ms, node; while it lasts


class LifeRow(Base):
    """A step in the life of a campaign: who ordered what, when and why."""

    __tablename__ = "campaign_life"
    __table_args__ = (Index("ix_campaign_life", "campaign_id", "what"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    what: Mapped[str] = mapped_column(String(16))  # the order
    by: Mapped[str] = mapped_column(String(63))
    why: Mapped[str] = mapped_column(String(500))
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))  # of the plan that was approved, or that went to work
    data: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))  # report of a trial, summary


class LeadRow(Base):
    """A number to call in one campaign."""

    __tablename__ = "lead"
    __table_args__ = (
        UniqueConstraint("campaign_id", "e164", name="uq_lead_campaign_number"),
        Index("ix_lead_due", "campaign_id", "state", "zones", "due_ms"),
        Index("ix_lead_number", "e164"),
        Index(
            "ix_lead_promised",
            "campaign_id",
            "promised_ms",
            sqlite_where=text("promised_ms IS NOT NULL"),
            postgresql_where=text("promised_ms IS NOT NULL"),
        ),
        Index(
            "ix_lead_hour", "campaign_id", "hour_ms", sqlite_where=text("hour_ms IS NOT NULL"), postgresql_where=text("hour_ms IS NOT NULL")
        ),
        Index(
            "ix_lead_segment",
            "campaign_id",
            "state",
            "zones",
            "segment",
            "due_ms",
            sqlite_where=text("segment IS NOT NULL"),
            postgresql_where=text("segment IS NOT NULL"),
        ),
        Index(
            "ix_lead_owner",
            "campaign_id",
            "state",
            "owner",
            "zones",
            "due_ms",
            sqlite_where=text("owner <> ''"),
            postgresql_where=text("owner <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    import_id: Mapped[int] = mapped_column(BigInteger)
    line: Mapped[int] = mapped_column(Integer)
    raw: Mapped[str] = mapped_column(String(500))
    e164: Mapped[str] = mapped_column(String(24))
    region: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(16))
    zones: Mapped[str] = mapped_column(String(500))  # IANA names, blank between them, empty when not known
    name: Mapped[str] = mapped_column(String(500))
    extra: Mapped[dict[str, str]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(8))  # open, handed (open for its owner only), reserved (a call is due or in progress), closed
    due_ms: Mapped[int] = mapped_column(BigInteger)  # not before
    attempts: Mapped[int] = mapped_column(Integer)
    tries: Mapped[dict[str, int]] = mapped_column(JSON)  # calls by disposition
    last: Mapped[str | None] = mapped_column(String(16))  # disposition of the last call
    reason: Mapped[str] = mapped_column(String(80))  # why it is closed, or due again
    deadline_ms: Mapped[int | None] = mapped_column(BigInteger)  # not called after it (D47)
    agent: Mapped[str] = mapped_column(String(63), server_default="")  # who promised to call back; empty: anyone
    promised_ms: Mapped[int | None] = mapped_column(BigInteger)  # a call was promised for then: it goes before all others
    hour_ms: Mapped[int | None] = mapped_column(BigInteger)  # the hour in which its person answers best begins then: it was put off to it
    segment: Mapped[str | None] = mapped_column(String(80))  # by which its campaign counts results; null: it does not
    owner: Mapped[str] = mapped_column(String(80), server_default="")  # agent:anna, team:north, node:node2; empty: everybody


class JournalRow(Base):
    """One attempt, written ahead of each step: intent before it is queued, seized before the number is sent, result at its end."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_open", "node", sqlite_where=text("result_ms IS NULL"), postgresql_where=text("result_ms IS NULL")),
        Index("ix_journal_person", "person", sqlite_where=text("result_ms IS NULL"), postgresql_where=text("result_ms IS NULL")),
    )

    call_id: Mapped[str] = mapped_column(String(36), primary_key=True)  # UUID version 7: grows with time
    node: Mapped[str] = mapped_column(String(63))
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    lead_id: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[int] = mapped_column(Integer)
    dialled: Mapped[str] = mapped_column(String(64))
    intent_ms: Mapped[int] = mapped_column(BigInteger)
    seized_ms: Mapped[int | None] = mapped_column(BigInteger)
    result_ms: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[str | None] = mapped_column(String(16))
    person: Mapped[int] = mapped_column(BigInteger, server_default="0")  # held by this attempt until it has a result; 0: from before 0002
    policy: Mapped[int] = mapped_column(Integer, server_default="0")  # version of the contact policy that let it pass
    screen: Mapped[list[object] | None] = mapped_column(JSON(none_as_null=True))  # findings: [rule, effect, values] each


class CallRow(Base):
    """A call that is over. Phase times are milliseconds since the line was seized."""

    __tablename__ = "call"
    __table_args__ = (Index("ix_call_campaign", "campaign_id", "disposition"), Index("ix_call_lead", "lead_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"))
    number: Mapped[str] = mapped_column(String(500))
    dialled: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int] = mapped_column(Integer)
    channel: Mapped[int] = mapped_column(Integer)
    span: Mapped[int] = mapped_column(Integer)
    started_ms: Mapped[int] = mapped_column(BigInteger)
    ended_ms: Mapped[int] = mapped_column(BigInteger)
    proceeding_ms: Mapped[int | None] = mapped_column(Integer)
    ringing_ms: Mapped[int | None] = mapped_column(Integer)
    answered_ms: Mapped[int | None] = mapped_column(Integer)
    verdict_ms: Mapped[int | None] = mapped_column(Integer)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    billed_ms: Mapped[int] = mapped_column(BigInteger)
    cause: Mapped[int | None] = mapped_column(Integer)
    location: Mapped[int | None] = mapped_column(Integer)
    ended_by: Mapped[str | None] = mapped_column(String(8))
    disposition: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str] = mapped_column(String(40))
    digits: Mapped[str] = mapped_column(String(64))
    meaning: Mapped[str] = mapped_column(Text)
    prompt_played_ms: Mapped[int] = mapped_column(Integer)
    message_left: Mapped[bool]
    probability: Mapped[float | None] = mapped_column(Float)  # of the disposition; null: from before 0003
    evidence: Mapped[list[object]] = mapped_column(JSON)  # lines as in offhook.calls.evidence
    agent: Mapped[str] = mapped_column(String(63), server_default="")  # who talked last; empty: nobody
    queued_ms: Mapped[int | None] = mapped_column(Integer)
    connected_ms: Mapped[int | None] = mapped_column(Integer)
    talk_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")


class AgentLogRow(Base):
    """What an agent did for a while."""

    __tablename__ = "agent_log"
    __table_args__ = (Index("ix_agent_log_from", "from_ms"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    node: Mapped[str] = mapped_column(String(63))
    agent: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(16))  # ready, preview, talking, wrap, paused
    from_ms: Mapped[int] = mapped_column(BigInteger)
    to_ms: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))  # of a pause
    campaign: Mapped[str] = mapped_column(String(63))  # of the call in hand; empty: none
    call_id: Mapped[str] = mapped_column(String(36))


class LabelRow(Base):
    """What a call really was, as an agent or another program says; the newest of a call counts."""

    __tablename__ = "label"
    __table_args__ = (Index("ix_label_call", "call_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("call.id"))
    truth: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(63))  # who says so
    note: Mapped[str] = mapped_column(String(500))
    at_ms: Mapped[int] = mapped_column(BigInteger)


class ChainRow(Base):
    """A link of the chain, see :mod:`offhook.store.chain`."""

    __tablename__ = "chain"
    __table_args__ = (UniqueConstraint("what", "ref", name="uq_chain_ref"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # from 1, without gaps
    what: Mapped[str] = mapped_column(String(9))  # call, recording, bundle
    ref: Mapped[str] = mapped_column(String(64))  # id of the call; of a bundle the digest of its manifest
    salt: Mapped[str] = mapped_column(String(32))
    open: Mapped[str] = mapped_column(String(64))  # SHA-256 of the record with masked numbers, or of the file
    sealed: Mapped[str] = mapped_column(String(64))  # SHA-256 of salt and record; empty for files
    link: Mapped[str] = mapped_column(String(64))


class RateRow(Base):
    """Results of a campaign by segment and hour of the callee's day."""

    __tablename__ = "rate"

    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    segment: Mapped[str] = mapped_column(String(80), primary_key=True)
    hour: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger)
    reached: Mapped[int] = mapped_column(BigInteger)
    persons: Mapped[int] = mapped_column(BigInteger)
    responses: Mapped[int] = mapped_column(BigInteger)
    early: Mapped[int] = mapped_column(BigInteger)  # persons who hung up soon after the answer
    billed_ms: Mapped[int] = mapped_column(BigInteger)
    successes: Mapped[int] = mapped_column(BigInteger, server_default="0")  # results said that reach the primary goal


class AppointmentRow(Base):
    """A call or visit that was promised, and what was said about the decision."""

    __tablename__ = "appointment"
    __table_args__ = (Index("ix_appointment_lead", "lead_id"), Index("ix_appointment_at", "campaign_id", "at_ms"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(BigInteger)
    lead_id: Mapped[int] = mapped_column(BigInteger)
    what: Mapped[str] = mapped_column(String(8))  # call, visit
    at_ms: Mapped[int] = mapped_column(BigInteger)
    agent: Mapped[str] = mapped_column(String(63))  # who promised it; empty: anyone
    decision_ms: Mapped[int | None] = mapped_column(BigInteger)  # when the customer decides
    decider: Mapped[str] = mapped_column(String(200))  # how whoever decides is reached
    note: Mapped[str] = mapped_column(String(500))
    made_ms: Mapped[int] = mapped_column(BigInteger)
    made_in: Mapped[str] = mapped_column(String(36))  # the call in which it was made; empty: none of ours
    kept_ms: Mapped[int | None] = mapped_column(BigInteger)  # when it was kept
    kept_by: Mapped[str] = mapped_column(String(36))  # the call that kept it


class OutboxRow(Base):
    """A result that a feed has not taken yet."""

    __tablename__ = "outbox"

    feed: Mapped[str] = mapped_column(String(31), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(36), primary_key=True)  # grows with time: the oldest come first
    at_ms: Mapped[int] = mapped_column(BigInteger)


class ImportRow(Base):
    """A list that was imported."""

    __tablename__ = "import_report"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(String(500))
    encoding: Mapped[str] = mapped_column(String(16))
    done: Mapped[bool]  # false while its rows are being staged
    read: Mapped[int] = mapped_column(Integer)
    accepted: Mapped[int] = mapped_column(Integer)
    duplicates: Mapped[int] = mapped_column(Integer)
    rejected: Mapped[int] = mapped_column(Integer)
    mended: Mapped[int] = mapped_column(Integer)
    restricted: Mapped[int] = mapped_column(Integer, server_default="0")  # washed out: on a list, vacant
    fingerprint: Mapped[str] = mapped_column(String(64), server_default="")  # of the file, by which an import is taken up again
    beat_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")  # when it last wrote something


class RejectRow(Base):
    """A line of a list that was not taken, or was mended."""

    __tablename__ = "reject"

    import_id: Mapped[int] = mapped_column(ForeignKey("import_report.id"), primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[str] = mapped_column(String(500))
    reason: Mapped[str] = mapped_column(String(200))
    mend: Mapped[str] = mapped_column(String(200))


class StagedRow(Base):
    """Lines of a list on their way in; moved to ``lead`` in one transaction, so that a list is in whole or not at all."""

    __tablename__ = "import_staged"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    raw: Mapped[str] = mapped_column(String(500))
    e164: Mapped[str] = mapped_column(String(24))
    region: Mapped[str] = mapped_column(String(3))
    kind: Mapped[str] = mapped_column(String(16))
    zones: Mapped[str] = mapped_column(String(500))
    name: Mapped[str] = mapped_column(String(500))
    extra: Mapped[dict[str, str]] = mapped_column(JSON)
    deadline_ms: Mapped[int | None] = mapped_column(BigInteger)
