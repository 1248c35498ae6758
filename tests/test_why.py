"""Why a call has its result, its picture, its label: what an engineer is shown (issue 4)."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import Command
from nodes import settings
from test_replay_calls import dial

from offhook.amd.data import load
from offhook.amd.model import SHAPES, pack
from offhook.calls.evidence import packed, unpacked
from offhook.calls.labels import NewLabel, export, labels_of
from offhook.calls.picture import spectrogram, title
from offhook.calls.recordings import Recordings, RecordingSettings
from offhook.calls.truth import Truth
from offhook.calls.why import explain, is_call, text
from offhook.config import Settings
from offhook.desk import open_desk
from offhook.errors import OffhookError
from offhook.messages import CallFact, CallRecord
from offhook_core.answer import FEATURE_NAMES, FEATURES

CALLEES = (
    {"kind": "person", "greeting": ["person-zh-*"]},
    {"kind": "machine", "greeting": ["machine-zh-*"], "beep_share": 1.0},
    {"kind": "busy", "played_share": 0.0, "causes": [17]},
    {"kind": "vacant", "played_share": 1.0, "tone_share": 1.0, "causes": [38]},
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[CallRecord]]:
    """A folder with a dozen kept calls, its configuration, and the calls."""
    folder = tmp_path_factory.mktemp("why")
    calls = dial(folder, *CALLEES, count=14)
    config = folder / "offhook.toml"
    config.write_text(f"[node]\ndata_dir = {json.dumps(str(folder / 'data'))}\n", encoding="utf-8")
    return folder, config, calls


def one(calls: list[CallRecord], disposition: str) -> CallRecord:
    return next(call for call in calls if call.disposition == disposition)


# -- why -------------------------------------------------------------------------------------------------------------------------------


def test_a_busy_call_is_explained_by_its_cause_s12(place: tuple[Path, Path, list[CallRecord]], offhook: Command) -> None:
    _, config, calls = place
    busy = one(calls, "busy")
    said = offhook("why", busy.id, "--config", config)
    assert said.code == 0
    assert "RESULT    busy 96%" in said.out
    assert "+25 dB  cause_busy          cleared by them, cause 17 (user busy)" in said.out
    assert "SETTINGS  offhook=" in said.out
    assert "RECORDING" in said.out
    line = said.out.split("TIME LINE\n")[1].split("\n\n")[0].splitlines()
    times = [float(row.split()[0]) for row in line]
    assert times == sorted(times)


def test_the_object_holds_signs_runner_up_guard_and_time_line(place: tuple[Path, Path, list[CallRecord]], offhook: Command) -> None:
    _, config, calls = place
    vacant = one(calls, "suspect_vacant")
    told = offhook("why", vacant.id, "--config", config, "--json").object
    assert told["disposition"] == "suspect_vacant"
    assert told["guard"]["name"] == "two_signs"
    assert {sign["name"]: sign["db"] for sign in told["signs"]} == {"tone_vacant": 22, "cause_trouble": -4}
    assert {sign["source"] for sign in told["signs"]} == {"tone", "signalling"}
    assert told["runner_up"]["disposition"] == "failed"
    heard = [fact for fact in told["time_line"] if fact["kind"] == "heard" and fact["name"] == "unobtainable"]
    assert heard
    assert heard[0]["hz"] == [450]
    assert told["settings"]["plan"] == "cn"


def test_calls_are_named_by_the_end_of_their_id_or_as_the_last(place: tuple[Path, Path, list[CallRecord]], offhook: Command) -> None:
    _, config, calls = place
    newest = max(call.id for call in calls)
    assert offhook("why", "last", "--config", config, "--json").object["call"]["id"] == newest
    ends = [call.id[-12:] for call in calls if not call.id[-12:].isdigit()]
    assert offhook("why", ends[0], "--config", config, "--json").object["call"]["id"].endswith(ends[0])
    several = offhook("why", newest[:9], "--config", config)
    assert several.code == 1
    assert "fits several calls" in several.err
    assert "no call" in offhook("why", "deadbeef-0000", "--config", config).err


def test_a_number_gets_its_calls_and_nonsense_is_refused(place: tuple[Path, Path, list[CallRecord]], offhook: Command) -> None:
    _, config, calls = place
    told = offhook("why", calls[0].number, "--config", config, "--json").object
    assert calls[0].id in [call["id"] for call in told["calls"]]
    assert offhook("why", "abc", "--config", config).code == 2
    assert is_call("019cac0f-2720-7000-a67a-0fcf2f8491ce")
    assert not is_call("13912345678")
    assert not is_call("010-65551234")


def test_the_margin_says_which_costs_would_have_changed_the_verdict_and_hearing_it_again_agrees(
    place: tuple[Path, Path, list[CallRecord]], offhook: Command
) -> None:
    _, config, calls = place
    machine = one(calls, "machine")
    told = offhook("why", machine.id, "--config", config, "--json").object
    margin = told["margin"]
    assert margin["verdict"] in ("machine", "ivr", "announcement")
    assert (margin["preset"], margin["cost_person"], margin["cost_machine"]) == ("balanced", 2, 1)
    assert margin["risk"]["machine"] == pytest.approx(2 * margin["p_person"], abs=1e-3)
    assert margin["even"] == pytest.approx((1 - margin["p_person"]) / margin["p_person"], rel=1e-3)
    assert margin["t_ms"] == machine.verdict_ms
    tried = {row["change"]: row["verdict"] for row in told["tried"]}
    assert len(tried) == 8
    for cost in (0.5, 1, 4, 8):
        if not margin["early"]:  # at a limit the margin is exact
            assert (tried[f"answer.core.cost_person={cost:g}"] == "person") == (cost > margin["even"])
    assert tuple(told["features"]) == FEATURE_NAMES
    assert len(FEATURE_NAMES) == FEATURES
    assert told["features"]["since_answer_s"] == pytest.approx((margin["t_ms"] - (machine.answered_ms or 0)) / 1000, abs=0.02)
    said = offhook("why", machine.id, "--config", config).out
    assert "COSTS     a lost person 2, a machine for one 1, a second 0.15: balanced" in said
    assert "MARGIN    then person only if a lost person cost more than" in said
    assert "TRIED     answer.core.cost_person=" in said
    assert "FEATURES  level " in said
    vacant = offhook("why", one(calls, "suspect_vacant").id, "--config", config, "--json").object
    assert (vacant["margin"], vacant["features"], vacant["tried"]) == (None, {}, [])


def answered(what: str, value: float, setting: str, *more: CallFact) -> CallRecord:
    """A call of which only the core's verdict is known."""
    facts = (*more, CallFact(t_ms=6000, kind="heard", name="answer", detail=what, value=value, confidence=80))
    facts += (CallFact(t_ms=9000, kind="setting", name="in_force", detail=setting),)
    return CallRecord(id="x", campaign="c", lead_id=1, number="1", dialled="1", attempt=1, disposition="person", evidence=facts)  # type: ignore[arg-type]


def test_the_margin_knows_costs_of_one_s_own_rules_beeps_and_records_of_before() -> None:
    own = explain(answered("person", 0.8, "plan=cn answer.preset=careful answer.core.cost_person=6")).margin
    assert own is not None
    assert (own.settings.cost_person, own.settings.total_ms, own.early) == (6, 4000, False)
    assert own.text()[1] == 'RISK      "person" 0.20, "machine" 4.80 at 80.0% person; a limit was reached'
    assert own.text()[2] == "MARGIN    then machine only if a lost person cost less than 0.25 machines, not 6"
    sure = explain(answered("machine", 0.02, "")).margin
    assert sure is not None and sure.early
    assert "surer than waiting was worth" in sure.text()[1]
    rules = explain(answered("person", 0.8, "answer.preset=rules")).margin
    assert rules is not None
    assert rules.text() == ["COSTS     none: preset rules, the rules of the field"]
    beep = explain(answered("machine", 0.9, "", CallFact(t_ms=5980, kind="heard", name="beep"))).margin
    assert beep is not None
    assert len(beep.text()) == 1
    assert explain(answered("person", 1360, "")).margin is None


def test_a_verdict_that_was_withdrawn_is_shown_as_changed() -> None:
    evidence = (
        CallFact(t_ms=6000, kind="verdict", name="person", detail="spoke for 700 ms, then waited", confidence=85),
        CallFact(t_ms=7000, kind="verdict", name="machine", detail="beep after a short greeting", confidence=97),
        CallFact(t_ms=9000, kind="verdict", name="machine", detail="rule answer_machine", confidence=96),
    )
    record = CallRecord(id="x", campaign="c", lead_id=1, number="1", dialled="1", attempt=1, disposition="machine", evidence=evidence)  # type: ignore[arg-type]
    assert "CHANGED   to machine at 7.00 s: beep after a short greeting" in text(explain(record))


def test_a_call_from_before_has_less_to_tell_and_tells_it() -> None:
    record = CallRecord(id="x", campaign="c", lead_id=1, number="1", dialled="1", attempt=1, disposition="busy", rule="busy_cause")  # type: ignore[arg-type]
    assert "SETTINGS  not kept with this call" in text(explain(record))


def test_lines_of_evidence_come_back_as_they_were_and_short_ones_of_before_too() -> None:
    fact = CallFact(
        t_ms=1520, kind="heard", name="busy", value=350, level_dbm0=-12.1, confidence=98, margin_db=19.8, from_ms=1280, hz=(450,)
    )
    assert unpacked(packed(fact)) == fact
    sign = CallFact(t_ms=5, kind="sign", name="cause_busy", detail="cause 17", value=25)
    assert packed(sign) == [5, "sign", "cause_busy", "", 25]  # the table knows the words
    assert unpacked(packed(sign)) == sign
    assert unpacked([10, "signal", "ringing", "", None, None, None]) == CallFact(t_ms=10, kind="signal", name="ringing")


# -- replay and picture ----------------------------------------------------------------------------------------------------------------


def test_replay_shows_each_setting_of_a_sweep(place: tuple[Path, Path, list[CallRecord]], offhook: Command) -> None:
    _, config, calls = place
    person = one(calls, "person")
    told = offhook(
        "replay", person.id, "-c", config, "--json", "--set", "answer.preset=rules", "--sweep", "answer.core.greeting_ms=100,1900"
    ).object
    runs = told["replayed"][0]["runs"]
    assert [run["disposition"] for run in runs] == ["machine", "person"]
    assert [run["settings"] for run in runs] == [
        ["answer.preset=rules", "answer.core.greeting_ms=100"],
        ["answer.preset=rules", "answer.core.greeting_ms=1900"],
    ]
    assert runs[0]["digest"] != runs[1]["digest"]  # the core decides
    as_it_was = offhook("replay", person.id, "-c", config)
    assert "the same" in as_it_was.out


def test_a_model_of_one_s_own_decides_in_a_node_and_a_replay_wants_that_very_one(tmp_path: Path, offhook: Command) -> None:
    shapes = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    nobody = {**shapes, "b2": np.array([-9, 9, -9, -9, -9], np.float32), "odds": np.full(SHAPES["odds"], -6, np.float32)}
    everybody = {**shapes, "b2": np.array([9, -9, -9, -9, -9], np.float32), "odds": np.full(SHAPES["odds"], 6, np.float32)}
    file, other, config = tmp_path / "nobody.bin", tmp_path / "everybody.bin", tmp_path / "offhook.toml"
    file.write_bytes(pack(nobody))
    other.write_bytes(pack(everybody))
    (call,) = dial(tmp_path, CALLEES[0], count=1, answer_model=str(file))
    assert call.disposition == "machine"
    data = f"[node]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n"
    config.write_text(f"{data}[core]\nanswer_model = {json.dumps(str(file))}\n", encoding="utf-8")
    (run,) = offhook("replay", call.id, "-c", config, "--json").object["replayed"][0]["runs"]
    assert (run["disposition"], run["verdict_ms"], run["same_events"]) == ("machine", call.verdict_ms, True)
    config.write_text(data, encoding="utf-8")
    gone = offhook("replay", call.id, "-c", config)
    assert gone.code == 2
    assert "give --set model=FILE, or model=none" in gone.err
    for word, disposition in (("none", "person"), (str(other), "person"), (str(file), "machine")):
        (run,) = offhook("replay", call.id, "-c", config, "--json", "--set", f"model={word}").object["replayed"][0]["runs"]
        assert run["disposition"] == disposition
    assert "no model of the answer analysis" in offhook("replay", call.id, "-c", config, "--set", f"model={config}").err
    wav = tmp_path / "data" / "recordings" / f"{call.id}.wav"
    told = offhook("analyze", wav, "--answered-ms", str(call.answered_ms), "--model", file, "--json").object
    verdict = next(event for event in told["files"][0]["events"] if event["name"] == "answer")
    assert (verdict["detail"], verdict["t_ms"]) == ("machine", call.verdict_ms)


def test_replay_takes_folders_and_plain_recordings(place: tuple[Path, Path, list[CallRecord]], offhook: Command, tmp_path: Path) -> None:
    folder, config, calls = place
    told = offhook("replay", folder / "data" / "recordings", "-c", config, "--json").object
    assert len(told["replayed"]) == len(calls)
    assert {run["same_events"] for entry in told["replayed"] for run in entry["runs"]} == {True}
    assert all(entry["was"]["disposition"] == entry["runs"][0]["disposition"] for entry in told["replayed"])
    soundfile.write(tmp_path / "silence.wav", np.zeros(48000, np.int16), 8000)
    silence = offhook("replay", tmp_path / "silence.wav", "--answered-ms", "500", "-c", config, "--json").object
    assert silence["replayed"][0]["runs"][0]["disposition"] == "answered_silent"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--set", "answer.rings_on_ms=5"], 2, "rings_on_ms"),
        (["--set", "answer.nonsense=5"], 2, "nonsense"),
        (["--set", "answer.preset=fastest"], 2, "preset"),
        (["--set", "answer.core.cost_nobody=5"], 2, "cost_nobody"),
        (["--set", "plan=atlantis"], 2, "atlantis"),
        (["--set", "library=/nowhere"], 2, "no such folder"),
        (["--sweep", "plan"], 2, "not key=a,b,c"),
        (["--sweep", "answer.rings_on_ms=" + ",".join(map(str, range(300, 600)))], 2, "too many"),
    ],
)
def test_wrong_settings_of_a_replay_are_named(
    place: tuple[Path, Path, list[CallRecord]], offhook: Command, words: list[str], code: int, said: str
) -> None:
    done = offhook("replay", one(place[2], "busy").id, "-c", place[1], *words)
    assert (done.code, said in done.err) == (code, True), done.err


def test_a_call_without_audio_and_a_file_that_is_none_are_told(
    place: tuple[Path, Path, list[CallRecord]], offhook: Command, tmp_path: Path
) -> None:
    assert "no call whose audio was kept" in offhook("replay", "0badcafe-1", "-c", place[1]).err
    assert "no recordings in it" in offhook("replay", tmp_path, "-c", place[1]).err
    (tmp_path / "x.wav").write_bytes(b"RIFFnonsense")
    done = offhook("replay", tmp_path / "x.wav", "-c", place[1])
    assert done.code == 1
    assert "x.wav" in done.err


def test_the_picture_of_a_call_is_a_png(place: tuple[Path, Path, list[CallRecord]], offhook: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    _, config, calls = place
    out = tmp_path / "call.png"
    assert offhook("why", one(calls, "machine").id, "-c", config, "--png", out).code == 0
    image = imread(out)
    assert image.shape[0] > 500
    assert float(image.std()) > 0.05  # something was drawn
    words = title(one(calls, "machine"))
    assert words.startswith("machine ") and "plan=cn" in words and one(calls, "machine").id in words
    assert one(calls, "machine").number.removeprefix("+") not in words, "it may be shown to others"
    failed = offhook("why", one(calls, "machine").id, "-c", config, "--png", tmp_path / "no" / "where.png")
    assert failed.code == 1
    assert "where.png" in failed.err


def test_the_spectrogram_shows_a_tone_where_it_is() -> None:
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype(np.int16)
    image = spectrogram(tone)
    assert np.argmax(image[:, 50]) == 32  # 31.25 Hz a row
    assert spectrogram(np.zeros(10, np.int16)).shape == (128, 1)


# -- labels ----------------------------------------------------------------------------------------------------------------------------


def test_an_agents_label_is_stored_and_becomes_a_recording_to_train_with(
    place: tuple[Path, Path, list[CallRecord]], offhook: Command, tmp_path: Path
) -> None:
    _, config, calls = place
    person, machine, busy = one(calls, "person"), one(calls, "machine"), one(calls, "busy")
    assert offhook("amd", "labels", "add", person.id, "machine", "--by", "anna", "-c", config).code == 0
    assert offhook("amd", "labels", "add", person.id, "person", "--by", "anna", "--note", "mistyped before", "-c", config).code == 0
    assert offhook("amd", "labels", "add", machine.id, "machine", "-c", config).code == 0
    assert offhook("amd", "labels", "add", busy.id, "ivr", "-c", config).code == 0
    assert "LABEL     person, says anna" in offhook("why", person.id, "-c", config).out
    assert len(offhook("amd", "labels", "list", "-c", config, "--json").object["labels"]) == 4
    done = offhook("amd", "labels", "export", tmp_path / "mine", "-c", config, "--json").object
    assert (done["written"], done["without_audio"], done["without_answer"]) == (2, 0, 1)
    with (tmp_path / "mine" / "manifest.csv").open(encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows[f"{person.id}.wav"]["label"] == "human"  # the newest counts
    assert person.dialled not in json.dumps(rows)
    assert sorted(clip.label for clip in load([tmp_path / "mine"])) == ["human", "machine"]


def test_calls_of_one_number_are_one_voice(tmp_path: Path) -> None:
    from test_replay_calls import record_of

    from offhook.calls.labels import Label
    from offhook_core import Law, Marks

    kept = Recordings(tmp_path / "r", RecordingSettings())
    marks = Marks(0, np.array([193] + [1] * 49, np.uint8))
    for number in range(3):
        kept.save(record_of(number), Law.ALAW, np.random.default_rng(number).integers(0, 255, 8000).astype(np.uint8), marks)
    at = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    labels = [Label(call=record_of(n).id, truth=Truth.PERSON, source="", note="", at=at) for n in range(3)]
    numbers = {record_of(0).id: "139", record_of(1).id: "139", record_of(2).id: "138"}
    export(tmp_path / "out", labels, kept, numbers)
    clips = load([tmp_path / "out"])
    assert len({clip.group for clip in clips}) == 2


def test_a_label_of_no_call_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    given: Settings = settings(tmp_path)

    async def main() -> None:
        async with open_desk(given) as desk:
            with pytest.raises(OffhookError, match="no call 'x'"):
                await desk.label(NewLabel(call="x", truth=Truth.PERSON))
            assert await labels_of(desk.store) == []

    asyncio.run(main())
