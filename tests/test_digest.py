"""Every vector code gives the same events, and the comparison sees it when one does not (issue 3: same verdicts)."""

from __future__ import annotations

import io

import pytest
from bench import digest, plans, signals
from bench.signals import Case

CASES = tuple(map(Case.parse, ("tone:us:busy:mix:d2:0", "dtmf:us:12:mix:d1:0", "neg:cn:speech:mix:d1:0")))


def _audio(law: str) -> tuple[list[signals.Signal], io.BytesIO]:
    batch = [signals.render(c, plans.load()) for c in CASES]
    to = io.BytesIO()
    digest.write(batch, law, to)
    return batch, to


@pytest.mark.parametrize("law", digest.LAWS)
def test_every_vector_code_of_this_processor_hears_the_same(law: str) -> None:
    builds = digest.builds_here()
    if not builds:
        pytest.skip("build/release/bin/digest is not built: scripts/build release")
    assert digest.compare(CASES, law, builds) == []
    assert {b.sha.hexdigest() for b in builds} == {builds[0].sha.hexdigest()}
    assert builds[0].events >= 5


def test_one_other_octet_in_one_event_is_found_and_its_case_named() -> None:
    batch = [signals.render(c, plans.load()) for c in CASES]
    events = bytearray(3 * digest.EVENT)
    events[2 * digest.EVENT + digest.CHANNEL_AT] = 1
    other = bytearray(events)
    other[2 * digest.EVENT + 8] = 1
    assert digest.first_difference(bytes(events), bytes(events), batch) is None
    assert digest.first_difference(bytes(events), bytes(other), batch) == CASES[1]
    assert digest.first_difference(bytes(events), bytes(events[: 2 * digest.EVENT]), batch) == CASES[1]


def test_the_octets_are_those_of_the_law() -> None:
    batch, alaw = _audio("alaw")
    _, linear = _audio("linear")
    ticks = -(-max(s.audio.size for s in batch) // 160)
    assert len(alaw.getvalue()) == 16 + 16 * 3 + ticks * 3 * 161
    assert len(linear.getvalue()) == 16 + 16 * 3 + ticks * 3 * 321
    assert linear.getvalue()[16 + 48 + 3 : 16 + 48 + 3 + 320] == batch[0].audio[:160].astype("<i2").tobytes()
