"""Errors of whole spans: a scenario's faults make them, the card counts them, line care tells them."""

from __future__ import annotations

import asyncio
import datetime as dt
import struct
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from softline import SoftLine, follow, in_virtual_time

from offhook.doctor import line_errors
from offhook.lines.linecare import LINE_ERRORS, LineCare
from offhook_drivers import Scenario, ScenarioError, Simulator
from offhook_drivers.contract import Alarm, Answered, Cleared, Dial, Event, Link, SpanErrors
from offhook_drivers.dahdi import DahdiCard
from offhook_drivers.far_end import FarEnd
from offhook_drivers.prid import PriError, find
from offhook_drivers.spanstat import errors_in, read_errors

PERSON = '[[behaviour]]\nkind = "person"\nshare = 1\nring_s = 1\ngreeting = ["person-zh-nihao"]\nhangs_up_after_s = 300\n'


def scenario(*faults: str) -> Scenario:
    return Scenario.parse('plan = "cn"\n' + "".join(f"[[fault]]\n{fault}\n" for fault in faults) + PERSON)


def test_a_fault_of_a_scenario_puts_a_span_into_alarm_and_ends_its_calls_again_and_again() -> None:
    events: list[Event] = []

    async def main() -> None:
        fault = 'kind = "los"\nspan = 1\nat_s = 10\nfor_s = 5\nevery_s = 60'
        simulator = Simulator(scenario(fault, 'kind = "ais"\nspan = 1\nat_s = 12\nfor_s = 1'), spans=2, realtime=False, audio=False)
        await simulator.start(events.append)
        simulator.send(Dial(0, "spared", "13800000001"))
        simulator.send(Dial(30, "hit", "13800000002"))
        await asyncio.sleep(80)
        await simulator.close()

    in_virtual_time(main)
    assert [(e.at.seconds, e.span, e.bits) for e in events if isinstance(e, Alarm)] == [
        (10, 1, 32),
        (12, 1, 32 | 16),
        (13, 1, 32),
        (15, 1, 0),
        (70, 1, 32),
        (75, 1, 0),
    ]
    assert [e.up for e in events if isinstance(e, Link) and e.span == 1] == [True, False, True, False, True]
    assert {e.call_id for e in events if isinstance(e, Answered)} == {"spared", "hit"}
    assert next((e.call_id, e.cause) for e in events if isinstance(e, Cleared)) == ("hit", 38)


def test_slips_and_crc4_errors_of_a_scenario_come_as_often_as_asked() -> None:
    async def main() -> None:
        faults = ('kind = "slip"\nat_s = 2\nfor_s = 10\nper_minute = 60', 'kind = "crc4"\nat_s = 5\nfor_s = 5\nper_minute = 600')
        simulator = Simulator(scenario(*faults), spans=2, realtime=False)
        assert simulator.media is not None
        line = SoftLine(simulator.media)
        follow(line)
        await simulator.start(lambda event: None)
        await asyncio.sleep(20)
        assert simulator.errors(0) == SpanErrors(slips=10, crc4=50)
        assert simulator.errors(1) == SpanErrors()
        with pytest.raises(ValueError, match="span 2: there are 0 to 1"):
            simulator.errors(2)
        line.close()
        await simulator.close()

    in_virtual_time(main)


def test_a_fault_that_cannot_be_is_refused_with_its_place() -> None:
    with pytest.raises(ScenarioError, match=r"fault.*every_s 5 must be longer than for_s 9"):
        scenario('kind = "red"\nat_s = 1\nfor_s = 9\nevery_s = 5')
    with pytest.raises(ScenarioError, match=r"fault.*kind"):
        scenario('kind = "rde"\nat_s = 1\nfor_s = 9')
    with pytest.raises(ScenarioError, match=r"fault.1.span is 3: the card has 0 to 1"):
        Simulator(scenario('kind = "red"\nspan = 3\nat_s = 1\nfor_s = 9'), spans=2, audio=False)


class Hands:
    """A clock set by hand, and a card whose counts are."""

    virtual = False

    def __init__(self) -> None:
        self.seconds = 0.0
        self.counts = SpanErrors(slips=7, crc4=100)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 3, 2, tzinfo=dt.UTC)

    def hold(self) -> AbstractContextManager[None]:
        return nullcontext()

    def errors(self, span: int) -> SpanErrors:
        return self.counts if span == 1 else SpanErrors()


def test_a_span_is_in_trouble_while_its_slips_grow_and_a_minute_longer() -> None:
    hands = Hands()
    told: list[tuple[int, str, int]] = []
    changed: list[int] = []
    care = LineCare(hands, 2, hands, lambda *news: told.append(news), changed.append)
    care.look()
    assert care.troubles(1) == () and care.errors(1)["slips"] == 7  # what was before us is no news
    for second in range(1, 31):
        hands.seconds = second
        hands.counts = SpanErrors(slips=7 + second // 10, crc4=100)
        care.look()
    assert told == [(1, "slips", 2)] and changed == [1]  # the first slip was none, the second is trouble, the third no news
    assert care.troubles(1) == ("slip",) and care.troubles(0) == ()
    hands.seconds = 89
    care.look()
    assert care.troubles(1) == ("slip",)
    hands.seconds = 90
    care.look()
    assert care.troubles(1) == () and changed == [1, 1]
    assert LineCare(object(), 1, hands, lambda *news: None, changed.append).errors(0) == {}


def test_the_kernels_record_is_read_where_there_is_one(tmp_path: Path) -> None:
    record = bytearray(314)
    struct.pack_into("=4i", record, 76, 4, 3, 2, -1)
    assert errors_in(bytes(record), 9) == SpanErrors(slips=9, crc4=3, far_end=2, code_violations=4, framing=0)
    (tmp_path / "1").write_text('Span 1: TE4/0/1 "T4XXP" HDB3/CCS/CRC4\n\tTiming slips: 5\n', encoding="utf-8")
    assert read_errors(1, tmp_path, tmp_path / "ctl") == SpanErrors(slips=5)
    assert read_errors(2, tmp_path, tmp_path / "ctl") == SpanErrors()


def test_the_doctor_names_each_kind_of_error_with_its_mend() -> None:
    findings = list(line_errors("span 1", SpanErrors(slips=3, crc4=2, far_end=1)))
    assert [finding.found for finding in findings] == ["3 timing slips", "2 CRC4 errors", "1 CRC4 errors at the far end"]
    assert all(finding.mend for finding in findings)
    assert set(LINE_ERRORS) == set(SpanErrors.__slots__)


def test_an_exchange_on_a_card_that_is_not_there_is_told_with_its_mend() -> None:
    try:
        find()
    except PriError:
        pytest.skip("offhook-prid is not built")
    if Path("/dev/dahdi/channel").exists():
        pytest.skip("this machine has DAHDI")

    async def main() -> None:
        far_end = FarEnd([32], scenario(), lambda truth: None)
        with pytest.raises(PriError, match="run dahdi_cfg"):
            await far_end.start()
        await far_end.close()

    asyncio.run(main())
    with pytest.raises(PriError, match="run dahdi_cfg"):
        DahdiCard([1]).check()
