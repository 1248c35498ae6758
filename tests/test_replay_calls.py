"""A call that was kept is heard again: the same settings give the same events and the same result, others show what would change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.announce import AnnouncementStore
from offhook.announce.cli import import_examples
from offhook.calls import recordings as kept_calls
from offhook.calls.recordings import Kept, RecordingError, Recordings, RecordingSettings, plain, read
from offhook.calls.replay import Given, campaign_words, hear, replay, same_as_kept, variants
from offhook.clock import run_virtual
from offhook.messages import CallRecord, CampaignSpec
from offhook.node import Node
from offhook_core import Law, Marks, Valid
from offhook_drivers.contract import Cause

CALLEES: tuple[dict[str, Any], ...] = (
    {"kind": "person", "greeting": ["person-zh-*"]},
    {"kind": "machine", "greeting": ["machine-zh-*"], "beep_share": 1.0},
    {"kind": "busy", "played_share": 1.0},
    {"kind": "vacant", "played_share": 1.0, "tone_share": 1.0, "causes": [1]},
    {"kind": "announcement", "meaning": "busy", "announcement": ["announcement-zh-busy"], "causes": [31]},
    {"kind": "no_answer", "ring_s": 8, "faults": {"lost": {"rate": 0.02, "length": 2}}},
)


def dial(
    folder: Path, *behaviours: dict[str, Any], count: int, keep: str = "all", spec: dict[str, Any] | None = None, **core: Any
) -> list[CallRecord]:
    """Calls of a node in virtual time, its recordings in data/recordings."""

    async def main() -> list[CallRecord]:
        given = settings(folder, driver={"audio": True}, core={"capture_s": 60, **core}, recordings={"keep": keep})
        async with Node(given, driver=simulator(*behaviours, audio=True)) as node:
            await node.create_campaign(CampaignSpec(name="c", retry={"rules": {}}, prompt=tone_file(folder), **(spec or {})))  # type: ignore[arg-type]
            await node.import_list("c", numbers_list(folder, count))
            await node.start_campaign("c")
            await node.wait_campaign("c")
            return [await node.call(call.id) for call in await node.calls("c")]

    return run_virtual(main(), START)


def given_of(kept: Kept, library: Any = None, **changes: Any) -> Given:
    from offhook.cli.arguments import read_pairs

    spec = CampaignSpec.model_validate({"name": "replay", **read_pairs(campaign_words(kept), CampaignSpec)})
    answer = spec.answer.model_copy(update=changes)
    return Given(spec.model_copy(update={"answer": answer}), "cn", library, 3000, 3000)


def verdicts_of(record: CallRecord) -> list[tuple[int, str, str]]:
    return [(fact.t_ms, fact.name, fact.detail) for fact in record.evidence if fact.kind == "verdict" and "rule" not in fact.detail]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CallRecord]]:
    folder = tmp_path_factory.mktemp("calls")
    import_examples(AnnouncementStore(folder / "data" / "announcements"))
    return folder, dial(folder, *CALLEES, count=18, spec={"answer": {"preset": "careful", "core": {"wait_ms": 900}}})


def test_the_same_settings_give_the_same_events_bit_for_bit_and_the_same_result(calls: tuple[Path, list[CallRecord]]) -> None:
    folder, records = calls
    library = AnnouncementStore(folder / "data" / "announcements").library()
    assert len({record.disposition for record in records}) >= 5
    for record in records:
        kept = read(folder / "data" / "recordings" / f"{record.id}.wav")
        again = replay(kept, given_of(kept, library))
        assert same_as_kept(kept, again.record), record
        for what in ("disposition", "rule", "probability", "verdict_ms"):
            assert getattr(again.record, what) == getattr(record, what)
        assert verdicts_of(again.record) == verdicts_of(record)
        assert hear(kept, "cn", library, again.given.spec.answer).digest == again.heard.digest


def test_frames_that_were_missing_are_missing_again(calls: tuple[Path, list[CallRecord]]) -> None:
    folder, records = calls
    lost = [read(folder / "data" / "recordings" / f"{one.id}.wav") for one in records if any(fact.name == "lost" for fact in one.evidence)]
    assert lost
    assert all((one.marks.frames == Valid.MISSING).any() for one in lost)


def test_the_settings_in_force_are_kept_with_the_call(calls: tuple[Path, list[CallRecord]]) -> None:
    setting = next(fact.detail for fact in calls[1][0].evidence if fact.kind == "setting")
    assert "plan=cn" in setting
    assert "answer.preset=careful answer.core.wait_ms=900" in setting


def test_other_settings_show_what_would_change(calls: tuple[Path, list[CallRecord]]) -> None:
    folder, records = calls
    person = next(record for record in records if record.disposition == "person")
    kept = read(folder / "data" / "recordings" / f"{person.id}.wav")
    impatient = replay(kept, given_of(kept, preset="rules", core={"greeting_ms": 100}))
    assert impatient.record.disposition == "machine"
    assert impatient.record.rule != person.rule
    assert impatient.record.verdict_ms is not None
    assert person.verdict_ms is not None
    assert impatient.record.verdict_ms < person.verdict_ms
    other_plan = hear(kept, "us", None, given_of(kept).spec.answer)
    assert other_plan.digest != hear(kept, "cn", None, given_of(kept).spec.answer).digest


def test_a_recording_holds_no_number_dialled(calls: tuple[Path, list[CallRecord]]) -> None:
    folder, records = calls
    data = (folder / "data" / "recordings" / f"{records[0].id}.wav").read_bytes()
    assert records[0].dialled.encode() not in data
    assert records[0].number.encode() not in data


def test_only_doubtful_calls_are_kept_when_told_so(tmp_path: Path) -> None:
    records = dial(
        tmp_path,
        {"kind": "busy", "played_share": 1.0, "causes": [17]},
        {"kind": "vacant", "played_share": 0.0, "causes": [38]},
        count=8,
        keep="doubtful",
    )
    kept = {path.stem for path in (tmp_path / "data" / "recordings").glob("*.wav")}
    assert kept == {record.id for record in records if (record.probability or 0) < 0.9}
    assert 0 < len(kept) < 8


def test_nothing_is_kept_by_default(tmp_path: Path) -> None:
    assert RecordingSettings().keep == "none"
    dial(tmp_path, {"kind": "busy"}, count=2, keep="none")
    assert not (tmp_path / "data" / "recordings").exists()


def test_a_plain_recording_is_judged_by_its_sound_and_the_cause_given() -> None:
    t = np.arange(8000 * 6) / 8000
    busy = (3000 * np.sin(2 * np.pi * 450 * t) * (t % 0.7 < 0.35)).astype(np.int16)
    assert replay(plain(busy, None), Given(CampaignSpec(name="replay"))).record.disposition == "busy"
    silence = plain(np.zeros(8000, np.int16), None)
    assert replay(silence, Given(CampaignSpec(name="replay")), Cause.SUBSCRIBER_ABSENT).record.disposition == "unreachable"
    assert replay(plain(np.zeros(48000, np.int16), 500), Given(CampaignSpec(name="replay"))).record.disposition == "answered_silent"


def test_every_combination_of_a_sweep_is_tried() -> None:
    assert variants({"plan": ["cn", "us"], "answer.preset": ["fast"]}) == [
        ("plan=cn", "answer.preset=fast"),
        ("plan=us", "answer.preset=fast"),
    ]
    assert variants({}) == [()]


# -- the folder -------------------------------------------------------------------------------------------------------------------------


def record_of(number: int) -> CallRecord:
    return CallRecord(
        id=f"019ce5b0-0000-7000-8000-{number:012d}", campaign="c", lead_id=1, number="1", dialled="1", attempt=1, disposition="busy"
    )  # type: ignore[arg-type]


def test_the_oldest_recordings_go_first_when_the_room_is_used_up(tmp_path: Path) -> None:
    store = Recordings(tmp_path, RecordingSettings(keep="all", most_mib=1))
    audio = np.zeros(300_000 // 160 * 160, np.uint8)
    marks = Marks(0, np.full(audio.size // 160, Valid.GOOD, np.uint8))
    for number in range(6):
        store.save(record_of(number), Law.ALAW, audio, marks)
    kept = sorted(path.stem[-1] for path in tmp_path.iterdir())
    assert kept == ["3", "4", "5"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1 << 20


@pytest.mark.parametrize("law", [Law.ALAW, Law.ULAW, Law.LINEAR])
def test_a_recording_comes_back_as_it_was_and_any_player_reads_it(tmp_path: Path, law: Law) -> None:
    import soundfile

    dtype = np.int16 if law is Law.LINEAR else np.uint8
    audio = np.random.default_rng(1).integers(0, 255, 1600).astype(dtype)
    marks = Marks(3, np.array([1, 1, 1, 0, 193, 1, 1, 2, 2, 1], np.uint8))
    path = Recordings(tmp_path, RecordingSettings()).save(record_of(1), law, audio, marks)
    kept = read(path)
    assert (kept.audio == audio).all()
    assert (kept.marks.first, kept.marks.frames.tolist()) == (3, marks.frames.tolist())
    assert kept.answered_frame == 4
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 8000
    assert (samples == kept.linear).all()


def test_a_damaged_recording_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = Recordings(tmp_path, RecordingSettings()).save(record_of(1), Law.ALAW, np.zeros(1600, np.uint8), Marks(0, np.ones(10, np.uint8)))
    data = path.read_bytes()
    for cut in (3, 40, 100, len(data) - 200):
        path.write_bytes(data[:cut])
        with pytest.raises(RecordingError, match=path.name):
            read(path)
    path.write_bytes(data.replace(b'"marks":"1x10"', b'"marks":"1x99"'))
    with pytest.raises(RecordingError, match="cut short"):
        read(path)
    with pytest.raises(RecordingError, match="cannot be read"):
        read(tmp_path / "none.wav")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RecordingError, match="cannot be written"):
        Recordings(tmp_path / "file", RecordingSettings()).save(
            record_of(1), Law.ALAW, np.zeros(160, np.uint8), Marks(0, np.ones(1, np.uint8))
        )
    assert kept_calls.is_ours(path)
