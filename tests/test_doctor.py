"""`offhook doctor` on made-up machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aio import in_loop
from commands import Command
from nodes import START
from steered import NODE, steered

from offhook.doctor import Grade, cards, node, punctuality, realtime
from offhook.messages import Health, NodeState, SpanState
from offhook_drivers import PriSettings, Simulator
from offhook_drivers.spanstat import read_span

HEAD = 'Span {n}: TE4/0/{n} "T4XXP (PCI) Card 0 Span {n}" {rest}\n'


def span_file(folder: Path, number: int, rest: str = "HDB3/CCS/CRC4", d_channel: str = "HDLCFCS", slips: int = 0, missing: int = 0) -> None:
    first = 31 * (number - 1) + 1
    lines = [HEAD.format(n=number, rest=rest), "\n"]
    if slips:
        lines.append(f"\tTiming slips: {slips}\n")
    for slot in range(1, 32 - missing):
        kind = d_channel if slot == 16 else "Clear"
        lines.append(f"          {first - 1 + slot:3d} TE4/0/{number}/{slot} {kind} \n")
    (folder / str(number)).write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    proc, dev = tmp_path / "proc", tmp_path / "dev"
    proc.mkdir()
    dev.mkdir()
    (dev / "channel").touch()
    return proc, dev


def grades(machine: tuple[Path, Path], *first: int) -> list[tuple[str, str, str]]:
    driver = PriSettings(name="pri", first_channels=first or (1,))
    return [(f.what, f.grade.value, f.found + " " + f.mend) for f in cards(driver, *machine)]


def test_a_span_is_read_as_the_kernel_shows_it(machine: tuple[Path, Path]) -> None:
    span_file(machine[0], 2, "(MASTER) HDB3/CCS/CRC4 RED", slips=7)
    span = read_span((machine[0] / "2").read_text())
    assert span is not None
    assert (span.number, span.alarms, span.clock, span.crc4, span.slips, len(span.channels)) == (2, ("RED",), True, True, 7, 31)
    assert read_span("nothing of the kind") is None


def test_a_good_span_is_good(machine: tuple[Path, Path]) -> None:
    span_file(machine[0], 1, "(MASTER) HDB3/CCS/CRC4")
    assert [grade for _, grade, _ in grades(machine)] == ["good"]


def test_no_card_no_spans_and_a_wrong_channel_are_told_with_their_mend(machine: tuple[Path, Path]) -> None:
    assert "dahdi_cfg" in grades(machine)[0][2]
    span_file(machine[0], 1, "(MASTER)")
    assert "first_channels may be: 1" in grades(machine, 5)[0][2]
    (machine[1] / "channel").unlink()
    assert "modprobe" in grades(machine)[0][2]


def test_alarms_slips_law_and_a_missing_d_channel_are_told(machine: tuple[Path, Path]) -> None:
    span_file(machine[0], 1, "HDB3/CCS RED", slips=3, d_channel="Clear")
    found = grades(machine)
    assert any("alarm RED" in text and "cable" in text for _, _, text in found)
    assert any("3 timing slips" in text for _, _, text in found)
    assert any("dchan=16" in text for _, _, text in found)
    assert any("clock source" in text for _, _, text in found)
    span_file(machine[0], 1, "(MASTER)", missing=4)
    assert any("4 of 30" in text and "bchan=1-15,17-31" in text for _, _, text in grades(machine))


def test_the_machine_is_measured_against_the_buffers() -> None:
    assert punctuality(32, 31, ticks=2).grade is not Grade.NOTE  # what is heard is lost then, too
    assert punctuality(32, 0, ticks=2).grade is not Grade.GOOD  # nobody wakes at once
    assert "4 blocks ahead hide 80 ms, 32 buffers forgive 620 ms" in punctuality(32, 4, ticks=2).found
    assert realtime(0).grade is Grade.NOTE


@in_loop
async def test_alarms_and_slips_of_a_running_node_are_told(offhook: Command, tmp_path_factory: pytest.TempPathFactory) -> None:
    short = tmp_path_factory.mktemp("d")  # leaves room for a socket's name
    async with steered(short) as at:
        driver = at.node.driver
        assert isinstance(driver, Simulator)
        config = short / "offhook.toml"
        config.write_text(f'[node]\nname = "{NODE}"\ndata_dir = "{at.node.settings.node.data_dir}"\n', encoding="utf-8")

        async def found() -> dict[str, str]:
            ran = await asyncio.to_thread(offhook, "doctor", "--config", config, "--json")
            return {finding["what"]: f"{finding['grade']} {finding['found']}" for finding in ran.object["findings"]}

        assert (await found())[f"node {NODE}"] == "good ready"
        driver.set_alarm(0, 8)
        await at.until(lambda: not at.node.pool.up(0))
        assert (await found())["line of span 0"] == "bad alarm red"


def test_a_line_with_too_many_slips_is_bad_and_names_the_mend() -> None:
    slipping = SpanState(span=0, up=True, alarms=("slip",), errors={"slips": 4}, lines="")
    state = NodeState(
        node="n", version="1", health=Health.READY, at=START, started=START, driver="pri", audio=True, channels=30, channels_in_use=0,
        channels_peak=0, attempts=0, calls_per_second=0, spans=(slipping,),
    )  # fmt: skip
    findings = list(node(state))
    assert [(f.grade, f.found) for f in findings] == [(Grade.GOOD, "ready"), (Grade.BAD, "too many timing slips: 4 so far")]
    assert "clock from the carrier" in findings[1].mend
    assert [f.found for f in node(None)] == ["none runs here"]


def test_the_command_says_what_to_do(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text('[driver]\nname = "pri"\n', encoding="utf-8")
    ran = offhook("doctor", "--config", config, "--json")
    assert ran.code != 0 and not ran.object["ok"] and any("DAHDI" in finding["what"] for finding in ran.object["findings"])
    config.write_text("", encoding="utf-8")
    assert "no card is asked for" in offhook("doctor", "--config", config).out
