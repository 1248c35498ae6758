"""The simulator behind real Q.931: the same calls as without it."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from aio import in_loop
from pri_lines import daemon_missing
from pydantic import ValidationError

from offhook.config import Settings
from offhook.messages import CampaignSpec, Phase
from offhook.node import Node
from offhook_drivers import DahdiDriver, PriError, PriSettings, Scenario, Simulator, SimulatorSettings, open_driver
from offhook_drivers.callees import Answers, Clears, plan_call
from offhook_drivers.contract import Answered, Cleared, Dial, Event, Hangup, Link
from offhook_drivers.exchange import PriSimulator

pytestmark = pytest.mark.skipif(bool(daemon_missing()), reason=daemon_missing())


async def outcomes(driver: Simulator | PriSimulator, numbers: list[str]) -> dict[str, tuple[int, bool]]:
    """Cause of each call, and whether it was answered; answered ones are hung up."""
    found: dict[str, tuple[int, bool]] = {}
    answered: set[str] = set()
    up = asyncio.Event()
    done = asyncio.Event()

    def on_event(event: Event) -> None:
        match event:
            case Link(up=True):
                up.set()
            case Answered(channel=channel, call_id=call_id):
                answered.add(call_id)
                driver.send(Hangup(channel))
            case Cleared(call_id=call_id, cause=cause):
                found[call_id] = (int(cause), call_id in answered)
                if len(found) == len(numbers):
                    done.set()

    await driver.start(on_event)
    await asyncio.wait_for(up.wait(), 20)
    for channel, number in enumerate(numbers):
        driver.send(Dial(channel, number, number))
    await asyncio.wait_for(done.wait(), 30)
    await driver.close()
    return found


def quick_numbers(count: int) -> list[str]:
    """Numbers whose callees answer or clear within five seconds."""
    scenario = Scenario.builtin("cn")

    def quick(number: str) -> bool:
        after_s = 0.0
        for act in plan_call(scenario, number, 1, scenario.seed).acts:
            after_s += act.after_s
            if isinstance(act.message, Answers | Clears):
                return after_s < 5
        return False

    return list(itertools.islice(filter(quick, (f"138{n:08d}" for n in itertools.count())), count))


@in_loop
async def test_calls_go_the_same_way_over_q931_as_without_it() -> None:
    numbers = quick_numbers(30)
    straight, isdn = await asyncio.gather(
        outcomes(Simulator(Scenario.builtin("cn"), spans=1, audio=False), numbers),
        outcomes(PriSimulator(Simulator(Scenario.builtin("cn"), spans=1, audio=False)), numbers),
    )
    assert isdn == straight
    assert len({cause for cause, _ in isdn.values()}) > 1


@in_loop
async def test_an_alarm_cuts_the_d_channel_and_the_span_comes_back() -> None:
    driver = PriSimulator(Simulator(Scenario.builtin("cn"), spans=1, audio=False))
    events: list[Event] = []
    await driver.start(events.append)

    async def until_up(count: int) -> None:
        async with asyncio.timeout(20):
            while [e.up for e in events if isinstance(e, Link)].count(True) < count:
                await asyncio.sleep(0.01)

    await until_up(1)
    driver.send(Dial(0, "a", "13800000000"))
    await asyncio.sleep(0.1)
    driver.set_alarm(0, 16)  # AIS
    await asyncio.sleep(0.1)
    assert [e.cause for e in events if isinstance(e, Cleared)] == [38]
    driver.set_alarm(0, 0)
    await until_up(2)
    await driver.close()


def test_the_setting_signalling_pri_makes_it_and_needs_a_clock() -> None:
    assert isinstance(open_driver(SimulatorSettings(spans=1, audio=False, signalling="pri")), PriSimulator)
    with pytest.raises(ValidationError, match="real time"):
        SimulatorSettings(signalling="pri", realtime=False)


@in_loop
async def test_a_node_dials_a_campaign_over_q931(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "node": {"data_dir": str(tmp_path)},
            "control": {"mode": "off"},
            "driver": {"name": "simulator", "spans": 1, "audio": False, "signalling": "pri", "trace": True},
        }
    )
    people = tmp_path / "people.csv"
    people.write_text("number\n" + "\n".join(quick_numbers(20)) + "\n", encoding="utf-8")
    async with Node(settings) as node:
        await node.create_campaign(CampaignSpec(name="c", lines=20))
        await node.import_list("c", people)
        await node.start_campaign("c")
        async with asyncio.timeout(60):
            while (await node.campaign("c")).attempts < 20:
                await asyncio.sleep(0.1)
        state = await node.campaign("c")
        calls = await node.calls("c")
        call = await node.call(calls[0].id)
        assert state.phase in (Phase.RUNNING, Phase.WAITING, Phase.FINISHED)
        assert any(fact.kind == "trace" and fact.name == "sent SETUP" for fact in call.evidence)
        assert (await node.reconcile()).ok


def test_the_settings_of_cards_are_checked() -> None:
    assert PriSettings(name="pri", first_channels=(1, 32, 63)).first_channels == (1, 32, 63)
    for wrong in ({"first_channels": (1, 20)}, {"first_channels": (0,)}, {"prefill": 8}, {"first_channels": ()}):
        with pytest.raises(ValidationError):
            PriSettings.model_validate({"name": "pri", **wrong})


def test_a_card_that_is_not_there_is_told_with_its_mend() -> None:
    driver = open_driver(PriSettings(name="pri"))
    assert isinstance(driver, DahdiDriver) and driver.channels == 30 and driver.media is not None
    with pytest.raises(PriError, match=r"dahdi.*; load the card's driver"):
        driver.check()
