"""The folder of known announcements, unknown ones that come again, and the commands for both (issue 4, S05)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from offhook.announce import AnnouncementClass, AnnouncementError, AnnouncementStore, UnknownStore, class_of
from offhook.announce.cli import app, import_examples
from offhook.calls.disposition import Disposition
from offhook_core import timeslots
from offhook_drivers.audio import load_builtin

C = AnnouncementClass
NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
VACANT = load_builtin("announcement-zh-vacant").samples
BUSY = load_builtin("announcement-zh-busy").samples
POWER_OFF = load_builtin("announcement-en-power-off").samples


def line(samples: np.ndarray, seed: int, cut: int = 0, gain_db: float = 0.0, snr_db: float = 20.0) -> np.ndarray:
    """The clip as a call hears it: cut, at another level, with noise, in A-law, quiet around it."""
    rng = np.random.default_rng(seed)
    audio = np.concatenate([np.zeros(800 + 37 * seed), samples[cut:].astype(float), np.zeros(1600)])
    noise = rng.standard_normal(audio.size) * np.std(samples) * 10 ** (-snr_db / 20)
    pcm = np.clip((audio + noise) * 10 ** (gain_db / 20), -32000, 32000).astype(np.int16)
    return timeslots.decode(timeslots.encode(pcm, 0), 0)


@pytest.fixture
def store(tmp_path: Path) -> AnnouncementStore:
    return AnnouncementStore(tmp_path / "announcements")


# -- classes ------------------------------------------------------------------------------------------------------------------------


def test_every_class_has_a_term_and_says_what_it_means_for_the_call() -> None:
    assert len(C) >= 22
    assert len({one.term for one in C}) == len(C)
    for one in C:
        assert one.disposition is None or isinstance(one.disposition, Disposition)
    assert C.VACANT.disposition is Disposition.SUSPECT_VACANT  # one sign alone never makes a vacant number (S05)
    assert C.POWERED_OFF.disposition is Disposition.UNREACHABLE
    assert C.TALKING.disposition is Disposition.BUSY


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vacant:china-mobile", C.VACANT),
        ("powered_off", C.POWERED_OFF),
        ("announcement-zh-power-off", C.POWERED_OFF),
        ("空号-联通", C.VACANT),
        ("您拨叫的用户正在通话中", C.TALKING),
        ("network_busy 2", C.NETWORK_BUSY),
        ("呼叫转移失败", C.FORWARD_FAILED),
        ("hello", None),
        ("其他", C.OTHER),
    ],
)
def test_a_name_tells_its_class(name: str, kind: AnnouncementClass | None) -> None:
    assert class_of(name) is kind


# -- the store ----------------------------------------------------------------------------------------------------------------------


def test_an_announcement_that_was_added_is_recognised(store: AnnouncementStore) -> None:
    assert store.library() is None
    added = store.add(VACANT, C.VACANT, carrier="China Mobile", language="zh", source="test")
    assert added.name == "vacant:China-Mobile"
    assert store.get("vacant:China-Mobile") == added
    assert soundfile.info(store.clip_file(added)).subtype == "ALAW"
    library = store.library()
    assert library is not None
    assert [match.name for match in library.match(line(VACANT, 3, cut=1000, gain_db=-10))] == ["vacant:China-Mobile"]
    assert library.match(line(POWER_OFF, 3)) == []


def test_a_number_stays_when_others_go_and_is_not_given_again(store: AnnouncementStore) -> None:
    first, second = store.add(VACANT, C.VACANT), store.add(BUSY, C.TALKING)
    store.remove(first.name)
    third = store.add(VACANT, C.VACANT)
    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert not store.clip_file(first).exists()
    library = store.library()
    assert library is not None
    assert library.names == {2: "talking", 3: "vacant"}


def test_the_library_file_is_used_again_and_made_again_when_it_is_damaged(store: AnnouncementStore) -> None:
    store.add(VACANT, C.VACANT)
    assert store.library() is not None
    kept = store.folder / "library.bin"
    before = kept.read_bytes()
    kept.write_bytes(before[:-1] + b"x")
    library = store.library()
    assert library is not None
    assert kept.read_bytes() == before
    assert [match.name for match in library.match(VACANT)] == ["vacant"]


def test_clips_that_are_of_no_use_are_refused_and_nothing_changes(store: AnnouncementStore) -> None:
    store.add(VACANT, C.VACANT)
    stamp = store.stamp()
    with pytest.raises(AnnouncementError, match=r"0\.1 s long"):
        store.add(VACANT[:800], C.VACANT)
    with pytest.raises(AnnouncementError, match="nothing in it can be recognised"):
        store.add(np.zeros(16000, np.int16), C.VACANT)
    with pytest.raises(AnnouncementError, match="known already as 'vacant'"):
        store.add(line(VACANT, 1)[800:], C.VACANT)
    with pytest.raises(AnnouncementError, match="says class busy"):
        store.add(BUSY, C.TALKING, "busy:x")
    assert store.stamp() == stamp
    assert len(store.entries()) == 1


def test_a_damaged_index_is_refused_with_its_place(store: AnnouncementStore) -> None:
    store.add(VACANT, C.VACANT)
    index = store.folder / "index.json"
    data = json.loads(index.read_text())
    data["announcements"][0]["kind"] = "nonsense"
    index.write_text(json.dumps(data))
    with pytest.raises(AnnouncementError, match=r"announcements\.0\.kind"):
        store.entries()
    index.write_text("{")
    with pytest.raises(AnnouncementError, match=r"index\.json"):
        store.entries()


def test_a_folder_of_clips_is_imported_all_or_none(store: AnnouncementStore, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    soundfile.write(folder / "空号.wav", VACANT, 8000)
    soundfile.write(folder / "power-off.wav", POWER_OFF, 8000)
    soundfile.write(folder / "what.wav", BUSY, 8000)
    with pytest.raises(AnnouncementError, match=r"what\.wav tell no class"):
        store.import_folder(folder)
    assert store.entries() == []
    (folder / "what.wav").rename(folder / "正在通话中.wav")
    assert {one.kind for one in store.import_folder(folder, carrier="x")} == {C.VACANT, C.POWERED_OFF, C.TALKING}
    assert store.import_folder(folder) == []  # known already
    (folder / "停机.wav").write_bytes(b"RIFFnonsense")
    (folder / "busy.mp3").touch()
    soundfile.write(folder / "hold.wav", np.tile(BUSY, 40), 8000)
    with pytest.raises(AnnouncementError) as told:
        store.import_folder(folder)
    for name in ("停机.wav", "busy.mp3", "hold.wav", "nothing was imported"):  # all at once: a folder is mended in one go
        assert name in str(told.value)
    assert len(store.entries()) == 3


def test_gsm_files_without_a_header_are_read(store: AnnouncementStore, tmp_path: Path) -> None:
    folder = tmp_path / "pbx"
    folder.mkdir()
    soundfile.write(folder / "vacant.gsm", VACANT, 8000, format="RAW", subtype="GSM610")
    (added,) = store.import_folder(folder)
    assert abs(len(store.samples(added)) - len(VACANT)) < 320
    library = store.library()
    assert library is not None
    assert [match.name for match in library.match(line(VACANT, 1))] == [added.name]


def test_what_is_exported_can_be_imported_elsewhere(store: AnnouncementStore, tmp_path: Path) -> None:
    store.add(VACANT, C.VACANT, carrier="A", language="zh")
    store.add(POWER_OFF, C.POWERED_OFF, "second")
    assert store.export_folder(tmp_path / "out") == 2
    with pytest.raises(AnnouncementError, match="not empty"):
        store.export_folder(tmp_path / "out")
    other = AnnouncementStore(tmp_path / "other")
    other.import_folder(tmp_path / "out")
    assert [(one.name, one.kind, one.language) for one in other.entries()] == [
        (one.name, one.kind, one.language) for one in store.entries()
    ]


# -- unknown ones -------------------------------------------------------------------------------------------------------------------


def test_an_unknown_announcement_heard_three_times_is_one_cluster_that_can_be_named(store: AnnouncementStore) -> None:
    unknown = UnknownStore(store)
    for seed, (clip, snr) in enumerate([(VACANT, 20), (BUSY, 20), (VACANT, 15), (POWER_OFF, 20), (VACANT, 25)]):
        heard = line(clip, seed, cut=700 * seed, gain_db=-3.0 * seed, snr_db=snr)
        assert unknown.add(heard, NOW + dt.timedelta(minutes=seed), cause=1 if clip is VACANT else 17) is not None
    clusters = unknown.entries()
    assert [one.count for one in clusters] == [3, 1, 1]
    assert clusters[0].causes == {1: 3}
    assert clusters[0].first == NOW
    again = UnknownStore(store)  # another process
    assert [one.id for one in again.entries(least=2)] == [clusters[0].id]
    named = again.name(clusters[0].id, C.VACANT, carrier="China Telecom")
    assert named.name == "vacant:China-Telecom"
    assert "heard 3 times" in named.source
    assert len(again.entries()) == 2
    library = store.library()
    assert library is not None
    assert [match.name for match in library.match(line(VACANT, 9))] == ["vacant:China-Telecom"]
    with pytest.raises(AnnouncementError, match="no unknown announcement"):
        again.name(clusters[0].id, C.VACANT)


def test_clusters_that_a_person_hears_to_be_the_same_are_counted_as_one(store: AnnouncementStore) -> None:
    unknown = UnknownStore(store)
    for clip, cause in ((VACANT, 1), (VACANT, 1), (BUSY, 17)):
        unknown.add(clip, NOW, cause=cause)
    merged = unknown.merge("c000002", "c000001")
    assert (merged.count, merged.causes) == (3, {1: 2, 17: 1})
    assert [one.id for one in unknown.entries()] == ["c000002"]
    assert [path.name for path in unknown.folder.glob("c*.wav")] == ["c000002.wav"]
    longest = max(len(VACANT), len(BUSY)) / 8000
    assert abs(soundfile.info(unknown.clip_file(merged)).duration - longest) < 1.0
    for pair, why in ((("c000002", "c000002"), "itself"), (("c000002", "c000009"), "no unknown announcement")):
        with pytest.raises(AnnouncementError, match=why):
            unknown.merge(*pair)


def test_silence_tones_and_short_words_make_no_cluster(store: AnnouncementStore) -> None:
    unknown = UnknownStore(store)
    tone = (8000 * np.sin(2 * np.pi * 450 * np.arange(40000) / 8000)).astype(np.int16)
    assert unknown.add(np.zeros(40000, np.int16), NOW) is None
    assert unknown.add(tone, NOW) is None
    assert unknown.add(VACANT[:4000], NOW) is None
    assert unknown.entries() == []


def test_the_oldest_that_came_once_goes_first(store: AnnouncementStore) -> None:
    unknown = UnknownStore(store, most=2)
    for minute, clip in enumerate([VACANT, VACANT, BUSY, POWER_OFF]):
        unknown.add(clip, NOW + dt.timedelta(minutes=minute))
    kept = unknown.entries()
    assert [one.count for one in kept] == [2, 1]
    assert sorted(path.stem for path in unknown.folder.glob("c*.wav")) == sorted(one.id for one in kept)


# -- commands -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "offhook.toml"
    path.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n')
    return path


def run(config: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_examples_are_imported_listed_played_and_exported(config: Path, tmp_path: Path) -> None:
    added = json.loads(run(config, "import", "--example", "--json"))["added"]
    assert len(added) >= 13
    assert json.loads(run(config, "import", "--example", "--json"))["added"] == []
    listed = json.loads(run(config, "list", "--json"))
    assert {one["kind"] for one in listed["announcements"]} >= {"vacant", "powered_off", "suspended", "unreachable", "network_busy"}
    assert "空号" in run(config, "list")
    target = tmp_path / "heard.wav"
    run(config, "play", "vacant:example-zh", "--out", str(target))
    assert soundfile.info(target).samplerate == 8000
    run(config, "export", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "index.json").is_file()


def test_a_cluster_is_listed_named_by_its_chinese_term_and_forgotten(config: Path, tmp_path: Path) -> None:
    unknown = UnknownStore(AnnouncementStore(tmp_path / "data" / "announcements"))
    unknown.add(VACANT, NOW)
    unknown.add(line(VACANT, 1), NOW)
    unknown.add(BUSY, NOW)
    assert [one["count"] for one in json.loads(run(config, "list", "--json"))["unknown"]] == [2]
    assert len(json.loads(run(config, "list", "--all", "--json"))["unknown"]) == 2
    named = json.loads(run(config, "name", "c000001", "空号", "--carrier", "test", "--json"))
    assert (named["name"], named["kind"]) == ("vacant:test", "vacant")
    run(config, "forget", "c000002")
    run(config, "forget", "vacant:test")
    assert json.loads(run(config, "list", "--all", "--json")) == {"announcements": [], "unknown": []}


def test_the_examples_are_all_told_apart(store: AnnouncementStore) -> None:
    for one in import_examples(store):
        library = store.library()
        assert library is not None
        final = [match.name for match in library.match(store.samples(one)) if not match.provisional]
        assert final == [one.name]
