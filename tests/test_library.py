"""Known announcements through the binding: libraries, their files, and events that carry names (issue 4)."""

from __future__ import annotations

import numpy as np
import pytest

from offhook_core import CallAnalyzer, CoreError, Detect, Engine, EventKind, Library, LibraryClip, Profile
from offhook_core.library import ALIKE, compare, fingerprint
from offhook_drivers.audio import builtin_names, load_builtin

NAMES = [name for name in builtin_names() if name.startswith("announcement-")]


def clips() -> list[LibraryClip]:
    return [LibraryClip(load_builtin(name).samples, 10 + number, name, name.split("-", 2)[2]) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(clips())


def test_an_analyzer_names_a_built_in_announcement(library: Library) -> None:
    for name in NAMES:
        with CallAnalyzer(detectors=Profile.PRE_ANSWER, library=library) as call:
            events = [event for event in call.push(load_builtin(name).samples) if event.kind is EventKind.ANNOUNCEMENT]
            final = [event for event in events if not event.provisional]
            assert [event.detail for event in final] == [name]
            assert final[0].name == "announcement"
            assert final[0].p >= 0.9
            assert all(event.detail == name.split("-", 2)[2] for event in events if event.provisional)


def test_an_event_carries_what_speaks_for_the_name_and_against_it(library: Library) -> None:
    rivals = []
    for name in NAMES:
        for match in library.match(load_builtin(name).samples):
            assert 5.8 <= match.score <= 10
            assert 0 < match.place_s <= match.at_s + 0.1
            assert (match.rival is None) == (match.rival_score == 0)
            rivals.append(match.rival)
    assert any(rivals)  # some of them begin alike
    with CallAnalyzer(detectors=Profile.PRE_ANSWER, library=library) as call:
        heard = [event for event in call.push(load_builtin(NAMES[0]).samples) if event.kind is EventKind.ANNOUNCEMENT]
        assert heard[-1].score >= 5.8
        assert heard[-1].place_ms == pytest.approx(heard[-1].t_ms, abs=60)


def test_people_and_machines_are_not_named(library: Library) -> None:
    for name in builtin_names():
        if name not in NAMES and not name.startswith("ivr-zh"):  # that one has the very voice of the announcements, and words of theirs
            assert library.match(load_builtin(name).samples) == [], name


def test_a_library_survives_its_octets(library: Library) -> None:
    data = library.pack()
    again = Library.unpack(data, library.names, library.sorts)
    assert len(again) == len(library) == len(NAMES)
    assert again.pack() == data
    assert [match.name for match in again.match(load_builtin(NAMES[0]).samples) if not match.provisional] == [NAMES[0]]
    assert 0 <= again.shared(0) < 100


@pytest.mark.parametrize(
    ("mutate", "reason"),
    [
        (lambda data: data[:10], "too few"),
        (lambda data: data[:-1], "cut short"),
        (lambda data: b"RIFF" + data[4:], "OHLIB"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum"),
    ],
)
def test_damaged_octets_are_refused_with_the_reason(library: Library, mutate: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Library.unpack(mutate(library.pack()), {}, {})  # type: ignore[operator]


def test_clips_that_cannot_be_used_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="1 to 65535 clips, not 0"):
        Library([])
    with pytest.raises(ValueError, match="clip 'tiny' has 100 samples"):
        Library([LibraryClip(np.zeros(100, np.int16), 1, "tiny")])
    with pytest.raises(ValueError, match="clip 'wide' must be int16"):
        Library([LibraryClip(np.zeros(8000, np.float64), 1, "wide")])
    with pytest.raises(ValueError, match="number must be"):
        Library([LibraryClip(np.zeros(8000, np.int16), -1, "minus")])


def test_the_same_recording_is_alike_at_its_place_and_another_is_not() -> None:
    one, other = load_builtin(NAMES[0]).samples, load_builtin(NAMES[-1]).samples
    like = compare(fingerprint(one[8000:]), fingerprint(one))
    assert like.same
    assert like.agree >= ALIKE
    assert like.offset == 50
    assert not compare(fingerprint(other), fingerprint(one)).same


def test_the_audio_of_a_call_is_kept_and_given_after_it() -> None:
    audio = load_builtin(NAMES[0]).samples
    with Engine(1, law="linear") as engine:
        with pytest.raises(CoreError):
            engine.captured(0)
        engine.capture(1000)
        engine.reset(0, Detect.ANNOUNCE)
        for at in range(0, 16000, 160):
            engine.tick(np.ascontiguousarray(audio[at : at + 160]))
        assert engine.captured(0) is None
        engine.arm(0, 0)
        engine.tick(np.zeros(160, np.int16))
        kept = engine.captured(0)
        assert kept is not None
        assert np.array_equal(kept, audio[8000:16000])
        with pytest.raises(CoreError, match="before the first order"):
            engine.capture(500)
        with pytest.raises(ValueError, match="0 to 60000"):
            engine.capture(70000)
