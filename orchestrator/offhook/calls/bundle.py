"""A bundle of evidence: all that is known of one call, for a complaint or a court, in one ZIP file that can be checked by whoever gets it.

======================  ==============================================================================================
``call.json``           the record as the chain seals it
``time-line.txt``       the same for people: what was signalled and heard, which signs decided
``verdict.json``        signs, guard, runner-up, verdicts on the way, settings in force
``trace.json``          signalling alone, in order
``rules.json``          what the checks found before the call, the contact policy and the rule packs of the versions that judged it
``person.json``         consent, lists, suppressions, ledger of the person
``about.json``          campaign, list and journal of the attempt
``recording.wav``       the audio, if it was kept
``chain.json``          the links of call and recording, and the newest link when the bundle was made
``manifest.json``       SHA-256 of every file; its own digest is a link of the chain
======================  ==============================================================================================

Unless numbers are asked for, they are masked everywhere, and names and columns of the list left out; the record can still be checked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from offhook.calls.recordings import Recordings
from offhook.calls.why import explain, text
from offhook.contacts.policy import ContactPolicy
from offhook.contacts.screen import moment
from offhook.errors import OffhookError
from offhook.messages import CallRecord
from offhook.numbers import masked
from offhook.rules.pack import builtin_packs
from offhook.store import Store, chain
from offhook.store import tables as t
from offhook.store.models import LabelRow

FORMAT = "offhook-evidence/1"
MOST_FILES = 32
MOST_BYTES = 256 << 20
"""Of one file, and of all: nothing of ours is larger."""


class BundleError(OffhookError):
    """A bundle is missing, damaged or none of ours, or its call is unknown."""


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was written."""

    path: Path
    call: str
    files: tuple[str, ...]
    manifest: str  # SHA-256
    entry: chain.Link | None  # of the call; None: it is from before the chain
    head: chain.Link | None


# -- making -------------------------------------------------------------------------------------------------------------------------


async def make(store: Store, record: CallRecord, recordings: Recordings, path: Path, now: dt.datetime, numbers: bool) -> Made:
    """Write the bundle of a call, whole or not at all, and link its manifest to the chain.

    Args:
        store: Where the call is.
        record: The call, with its evidence.
        recordings: Where its audio may be.
        path: The file to write.
        now: The present.
        numbers: With numbers, names and columns of the list.

    Raises:
        BundleError: The file exists already or cannot be written, or the call has been removed meanwhile.
        StoreError: The database is away.
    """
    if path.exists():  # noqa: ASYNC240 - a command's own file
        raise BundleError(f"{path}: exists already; evidence is not overwritten, name another file with --out")
    rules = store.rules.book.packs if store.rules is not None else ()
    packs = {pack.title: pack.model_dump(mode="json") for pack in (*builtin_packs(), *rules)}
    files, entry, head = await store.read(lambda connection: _gather(connection, record, packs, numbers))
    recording = recordings.file(record.id)
    if recording.is_file():
        files["recording.wav"] = recording.read_bytes()
    manifest = _json(
        {
            "format": FORMAT,
            "call": record.id,
            "made": now.isoformat(),
            "numbers": "whole" if numbers else "masked",
            "files": {name: {"sha256": _sha(data), "bytes": len(data)} for name, data in files.items()},
        }
    )
    digest = _sha(manifest)
    part = path.with_name(path.name + ".part")
    try:
        _write(part, {**files, "manifest.json": manifest}, now)
        await store.work(lambda connection: chain.seal_files(connection, chain.BUNDLE, {digest: digest}))
        part.replace(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror or error}; choose another file with --out") from error
    finally:
        part.unlink(missing_ok=True)
    return Made(path, record.id, (*files, "manifest.json"), digest, entry, head)


def _write(path: Path, files: Mapping[str, bytes], now: dt.datetime) -> None:
    at = (max(1980, now.year), now.month, now.day, now.hour, now.minute, now.second)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        for name, data in files.items():
            box.writestr(zipfile.ZipInfo(name, at), data, zipfile.ZIP_DEFLATED)


def _gather(
    connection: Connection, record: CallRecord, packs: Mapping[str, Any], numbers: bool
) -> tuple[dict[str, bytes], chain.Link | None, chain.Link | None]:
    """Everything but the recording, read at one moment."""
    row = connection.execute(select(t.call).where(t.call.c.id == record.id)).mappings().one_or_none()
    if row is None:
        raise BundleError(f"call {record.id} has been removed")
    sealed = chain.record_of(dict(row))
    shown = {} if numbers else {name: masked(getattr(record, name)) for name in ("number", "dialled", "digits")}
    why = explain(record.model_copy(update=shown))
    journal = connection.execute(select(t.journal).where(t.journal.c.call_id == record.id)).mappings().one_or_none()
    screen: list[Any] = list((journal and journal["screen"]) or ())
    entry, head = chain.entry(connection, chain.CALL, record.id), chain.head(connection)
    about = _about(connection, record, journal)
    person = _person(connection, record, journal)
    if not numbers:
        about["lead"] = {name: value for name, value in about["lead"].items() if name not in ("name", "extra")}
        for name in ("name", "ref", "attributes", "tags"):
            (person["contact"] or {}).pop(name, None)
    verdict = why.as_dict()
    verdict.pop("call")
    told: dict[str, Any] = {
        "verdict.json": verdict,
        "trace.json": [fact.model_dump(mode="json", exclude_none=True) for fact in why.line if fact.kind in ("signal", "trace")],
        "rules.json": _rules(connection, 0 if journal is None else journal["policy"], screen, packs),
        "person.json": person,
        "about.json": about,
    }
    lines = "\n".join(text(why)) + "\n"
    files = {"call.json": _json(sealed if numbers else chain.open_record(sealed))}
    files["time-line.txt"] = (lines if numbers else chain.hide(lines)).encode()
    files |= {name: _json(value if numbers else _hide(value)) for name, value in told.items()}
    files["chain.json"] = _json(_links(connection, entry, chain.entry(connection, chain.RECORDING, record.id), head, numbers))
    return files, entry, head


def _about(connection: Connection, record: CallRecord, journal: Any) -> dict[str, Any]:
    """Whose call it was, and how the attempt was journalled."""
    lead = connection.execute(select(t.lead).where(t.lead.c.id == record.lead_id)).mappings().one()
    spec = connection.execute(select(t.campaign.c.spec).where(t.campaign.c.id == lead["campaign_id"])).scalar_one()
    source = connection.execute(select(t.import_report.c.source).where(t.import_report.c.id == lead["import_id"])).scalar()
    columns = (LabelRow.at_ms, LabelRow.truth, LabelRow.source, LabelRow.note)
    labels = connection.execute(select(*columns).where(LabelRow.call_id == record.id).order_by(LabelRow.id)).mappings()
    said = connection.execute(select(t.outcome).where(t.outcome.c.call_id == record.id).order_by(t.outcome.c.id)).mappings()
    attempt = {"node": journal["node"], **_times(journal, "intent_ms", "seized_ms", "result_ms")} if journal is not None else None
    return {
        "campaign": {name: spec.get(name) for name in ("name", "title", "kind", "department", "mode", "caller_id")},
        "lead": {
            "id": lead["id"],
            "number": lead["raw"],
            "zones": lead["zones"],
            "name": lead["name"],
            "extra": lead["extra"],
            "list": source,
            "line": lead["line"],
            **_times(lead, "deadline_ms"),
        },
        "attempt": attempt,
        "results": [
            {**_times(one, "at_ms"), **{name: one[name] for name in ("result", "is_primary", "right_party", "by", "note", "corrects")}}
            for one in said
        ],
        "labels": [{**_times(one, "at_ms"), **{name: one[name] for name in ("truth", "source", "note")}} for one in labels],
    }


def _rules(connection: Connection, version: int, screen: list[Any], packs: Mapping[str, Any]) -> dict[str, Any]:
    """What the checks found, and the rules as they stood then."""
    policy = connection.execute(select(t.policy.c.spec).where(t.policy.c.version == version)).scalar() if version else None
    if not version:
        policy = ContactPolicy().model_dump(mode="json")
    judged = [title for rule, _, values in screen if rule == "rules" for title in values.split(", ")]
    return {
        "findings": [{"rule": rule, "effect": effect, "values": values} for rule, effect, values in screen],
        "policy": {"version": version, "spec": policy},
        "packs": {title: packs.get(title, "this version is not installed any more") for title in judged},
    }


def _person(connection: Connection, record: CallRecord, journal: Any) -> dict[str, Any]:
    """What was known of the person. Contacts and lists are kept as they are now; what held then is also among the findings of the rules."""
    number = connection.execute(select(t.lead.c.e164).where(t.lead.c.id == record.lead_id)).scalar_one()
    person = (journal["person"] if journal is not None else 0) or t.digits(number)
    began = t.ms(record.started) if record.started else 0
    ended = t.ms(record.ended) if record.ended else 0
    contact = connection.execute(select(t.contact).where(t.contact.c.id == -person)).mappings().one_or_none()
    keys = (person, t.digits(number))
    lists = connection.execute(select(t.listed).where(t.listed.c.person.in_(keys)).order_by(t.listed.c.id)).mappings()
    orders = connection.execute(select(t.suppression).where(t.suppression.c.person.in_(keys)).order_by(t.suppression.c.id)).mappings()
    past = select(t.ledger, t.campaign.c.name).outerjoin(t.campaign, t.campaign.c.id == t.ledger.c.campaign_id)
    past = past.where(t.ledger.c.person == person, t.ledger.c.at_ms <= ended).order_by(t.ledger.c.at_ms)
    return {
        "contact": None
        if contact is None
        else {
            **{name: contact[name] for name in ("ref", "name", "level", "attributes", "tags", "consent")},
            **_times(contact, "updated_ms"),
            "changed_since": contact["updated_ms"] > began,
        },
        "lists": [
            {
                **{name: one[name] for name in ("list", "category", "reason", "number", "scope", "kinds", "campaign", "batch")},
                **_times(one, "from_ms", "until_ms", "added_ms"),
                "valid_then": one["from_ms"] <= began and (one["until_ms"] is None or one["until_ms"] > began),
            }
            for one in lists
        ],
        "suppressions": [
            {
                **{name: one[name] for name in ("number", "category", "reason", "kinds", "campaign", "leads", "problem")},
                **_times(one, "at_ms", "done_ms", "until_ms"),
            }
            for one in orders
        ],
        "ledger": [
            {
                **_times(one, "at_ms"),
                "number": f"+{one['number']}",
                "campaign": one["name"] or "",
                **{name: one[name] for name in ("department", "kind", "result")},
            }
            for one in connection.execute(past).mappings()
        ],
    }


def _links(
    connection: Connection, entry: chain.Link | None, recording: chain.Link | None, head: chain.Link | None, numbers: bool
) -> dict[str, Any]:
    call = None if entry is None else asdict(entry)
    if call is not None and not numbers:
        call.pop("salt")  # with it the number behind the seal could be guessed
    file = None if recording is None else asdict(recording)
    return {
        "before": chain.link_at(connection, entry.seq - 1) if entry is not None else "",
        "call": call,
        "recording": file,
        "recording_before": chain.link_at(connection, recording.seq - 1) if recording is not None else "",
        "head": None if head is None else {"seq": head.seq, "link": head.link},
    }


def _hide(value: Any) -> Any:
    """Numbers masked in all of *value*, those in any form under the name ``number`` too."""
    if isinstance(value, Mapping):
        return {key: masked(one) if key == "number" and isinstance(one, str) else _hide(one) for key, one in value.items()}
    return [_hide(one) for one in value] if isinstance(value, list) else chain.hide(value)


def _times(row: Any, *names: str) -> dict[str, str | None]:
    """Columns of milliseconds as instants in words."""
    return {name.removesuffix("_ms"): None if row[name] is None else moment(row[name]) for name in names}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- checking -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that could be read."""

    files: dict[str, bytes]
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest."""
        return _sha(self.files["manifest.json"])

    def parsed(self, name: str) -> Any:
        """A file of it. ValueError when it is no JSON."""
        return json.loads(self.files[name])


def open_bundle(path: Path) -> Opened:
    """Read a bundle into memory.

    Raises:
        BundleError: It cannot be read, is cut short, or is no bundle of ours.
    """
    try:
        with zipfile.ZipFile(path) as box:
            infos = box.infolist()
            if len(infos) > MOST_FILES or sum(one.file_size for one in infos) > MOST_BYTES:
                raise BundleError(f"{path}: far larger than any bundle of evidence")
            twice = [one.filename for one in infos if sum(other.filename == one.filename for other in infos) > 1]
            if twice:
                raise BundleError(f"{path}: holds {twice[0]} twice, so it was changed")
            files = {one.filename: box.read(one) for one in infos}
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path}: cut short or damaged ({error}); copy it again") from error
    try:
        manifest = json.loads(files["manifest.json"])
        listed = {name: (one["sha256"], one["bytes"]) for name, one in manifest["files"].items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BundleError(f"{path}: is no bundle of evidence: its manifest.json is missing or damaged") from error
    if manifest.get("format") != FORMAT or "call.json" not in listed or "chain.json" not in listed:
        raise BundleError(f"{path}: has the form {manifest.get('format')!r}; this offhook reads {FORMAT}")
    return Opened(files, manifest)


def check(opened: Opened) -> list[str]:
    """What in the bundle does not fit together; empty when all does."""
    wrong = []
    listed = opened.manifest["files"]
    for name, one in listed.items():
        data = opened.files.get(name)
        if data is None:
            wrong.append(f"{name} was removed")
        elif _sha(data) != one["sha256"]:
            wrong.append(f"{name} was changed: its SHA-256 is {_sha(data)[:16]}..., the manifest has {str(one['sha256'])[:16]}...")
    wrong += [f"{name} was added: the manifest does not have it" for name in opened.files if name not in listed and name != "manifest.json"]
    try:
        return wrong + _check_links(opened)
    except (KeyError, TypeError, ValueError, AttributeError):
        return [*wrong, "call.json or chain.json was changed: it cannot be read any more"]


def _check_links(opened: Opened) -> list[str]:
    """Call and recording against their links."""
    wrong = []
    record, links = opened.parsed("call.json"), opened.parsed("chain.json")
    if record["id"] != opened.manifest["call"]:
        wrong.append(f"call.json is of call {record['id']}, the manifest of {opened.manifest['call']}")
    call = links["call"]
    if call is not None:
        link = chain.Link(**{"salt": "", **call})
        if link.ref != record["id"] or chain.open_digest(chain.open_record(record)) != link.open:
            wrong.append("call.json does not fit its seal in the chain: the record was changed")
        elif link.salt and chain.sealed_digest(record, link.salt) != link.sealed:
            wrong.append("call.json does not fit its seal in the chain: a number in the record was changed")
        if not link.follows(links["before"]):
            wrong.append("chain.json: the call's link does not follow from the one before")
    file = links["recording"]
    if file is not None:
        link = chain.Link(**file)
        if "recording.wav" in opened.files and _sha(opened.files["recording.wav"]) != link.open:
            wrong.append("recording.wav is not the recording that was sealed after the call")
        if not link.follows(links["recording_before"]):
            wrong.append("chain.json: the recording's link does not follow from the one before")
    return wrong


def check_store(connection: Connection, opened: Opened) -> list[str]:
    """What in the bundle is not as this database has it."""
    wrong = []
    if chain.entry(connection, chain.BUNDLE, opened.digest) is None:
        wrong.append("manifest.json is none that this database has sealed: the bundle was changed, or made elsewhere")
    links, record = opened.parsed("chain.json"), opened.parsed("call.json")
    head = links["head"]
    if head is not None and chain.link_at(connection, head["seq"]) != head["link"]:
        wrong.append(f"the database's chain has another entry {head['seq']} than when the bundle was made: it was cut or made anew")
    entry = chain.entry(connection, chain.CALL, record["id"])
    if links["call"] is not None and (entry is None or entry.link != links["call"]["link"]):
        wrong.append(f"the database has {'no' if entry is None else 'another'} link of call {record['id']}")
    row = connection.execute(select(t.call).where(t.call.c.id == record["id"])).mappings().one_or_none()
    if row is None:
        return [*wrong, f"call {record['id']} is not in the database any more"]
    there = chain.record_of(dict(row))
    there = there if opened.manifest.get("numbers") == "whole" else chain.open_record(there)
    for name in sorted({*there, *record}):
        if there.get(name) != record.get(name):
            wrong.append(f"call.json: {name}: the bundle has {_short(record.get(name))}, the database {_short(there.get(name))}")
    return wrong


def _short(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 60 else f"{words[:57]}..."
