"""The command line: results, one JSON object when asked, exit codes, and errors that name file and mend."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import Command
from nodes import numbers_list, tone_file

import offhook_drivers
from offhook.calls.disposition import Disposition
from offhook.cli import output
from offhook.cli.arguments import read_pairs
from offhook.cli.output import CommandError
from offhook.cli.recordings import read_recording
from offhook.cli.truth import AGREES, agrees
from offhook.messages import CampaignSpec
from offhook_core import Law, timeslots

RATE = 8000
OFFHOOK = [sys.executable, "-c", "from offhook.cli import main; main()"]


def busy(seconds: float = 4.0) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Busy tone of China: 450 Hz, 350 ms on, 350 ms off, at -12 dBm0."""
    at = np.arange(round(seconds * RATE)) / RATE
    on = (at % 0.7) < 0.35
    return np.rint(22827 * 10 ** (-12 / 20) * np.sin(2 * np.pi * 450 * at) * on).astype(np.int16)


# -- analyze ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pcm.wav", "coded.wav", "busy.flac", "busy.alaw", "busy.ul", "busy.raw"])
def test_analyze_hears_busy_in_every_format(offhook: Command, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    match path.suffix:
        case ".alaw" | ".raw":
            path.write_bytes(timeslots.encode(busy(), Law.ALAW).tobytes())
        case ".ul":
            path.write_bytes(timeslots.encode(busy(), Law.ULAW).tobytes())
        case _:
            soundfile.write(path, busy(), RATE, subtype="ALAW" if name == "coded.wav" else "PCM_16")
    done = offhook("analyze", "--json", path)
    assert done.code == 0, done.err
    (file,) = done.object["files"]
    assert (file["file"], file["plan"], file["seconds"]) == (str(path), "cn", 4.0)
    heard = [event for event in file["events"] if event["name"] == "busy" and not event["provisional"]]
    assert len(heard) == 1
    assert abs(heard[0]["level_dbm0"] + 12) < 1
    assert abs(heard[0]["freq_hz"][0] - 450) < 10
    assert 0 <= heard[0]["onset_ms"] < heard[0]["t_ms"]
    assert "busy" in offhook("analyze", path).out


def test_a_law_in_a_wav_file_is_decoded_exactly(tmp_path: Path) -> None:
    octets = np.tile(np.arange(256, dtype=np.uint8), 10)
    for law, subtype in ((Law.ALAW, "ALAW"), (Law.ULAW, "ULAW")):
        linear = timeslots.decode(octets, law)
        soundfile.write(tmp_path / "all.wav", linear, RATE, subtype=subtype)
        assert np.array_equal(read_recording(tmp_path / "all.wav", "alaw"), linear)


def test_the_answer_is_where_it_was_said(offhook: Command, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(12 * RATE, np.int16), RATE)
    never = offhook("analyze", "--json", path).object["files"][0]["events"]
    answered = offhook("analyze", "--json", "--answered-ms", 3000, path).object["files"][0]["events"]
    assert not [event for event in never if event["name"] == "answer"]
    assert [event["t_ms"] for event in never if event["name"] == "silence"]
    ((detail, t_ms),) = [(event["detail"], event["t_ms"]) for event in answered if event["name"] == "answer"]
    assert detail == "silence"
    assert 3000 < t_ms < 9000
    late = offhook("analyze", "--json", "--answered-ms", 12_000, path)
    assert late.object["files"][0]["events"] == never
    assert "ends after 12000 ms, before --answered-ms 12000" in late.err


def test_a_recording_that_ends_with_the_greeting_is_judged_in_the_silence_after_it(offhook: Command, tmp_path: Path) -> None:
    """S01: the verdict is the last thing told, and later than the recording's end."""
    hello, rate = soundfile.read(Path(offhook_drivers.__file__).parent / "clips" / "person-en-hello.wav", dtype="int16")
    end = np.flatnonzero(np.abs(hello.astype(int)) > 600)[-1]
    soundfile.write(tmp_path / "hello.wav", hello[: end + 80], rate)
    file = offhook("analyze", "--json", "--answered-ms", 0, tmp_path / "hello.wav").object["files"][0]
    assert [event["detail"] for event in file["events"] if event["name"] == "answer"] == ["person"]
    assert file["events"][-1]["name"] == "answer"
    assert 0 < file["events"][-1]["t_ms"] - 1000 * file["seconds"] < 1000


def _bad_files(folder: Path) -> dict[Path, str]:
    """Recordings that cannot be used, and what the error must say."""
    good = folder / "good.wav"
    soundfile.write(good, busy(), RATE)
    whole = good.read_bytes()
    bad: dict[str, tuple[bytes, str]] = {
        "empty.wav": (b"", "empty"),
        "noise.wav": (bytes(range(256)) * 10, "not audio"),
        "short.wav": (whole[:20], "not audio"),
        "cut.wav": (whole[:-1000], "1000 octets more"),
        "header.wav": (whole[:44], "cut short"),
        "renamed.alaw": (whole, "WAV"),
        "empty.alaw": (b"", "empty"),
    }
    found = {}
    for name, (data, text) in bad.items():
        (folder / name).write_bytes(data)
        found[folder / name] = text
    soundfile.write(folder / "fast.wav", busy(), 16_000)
    soundfile.write(folder / "two.wav", np.stack([busy(), busy()], axis=1), RATE)
    soundfile.write(folder / "none.wav", np.zeros(0, np.int16), RATE)
    soundfile.write(folder / "music.wav", np.zeros((441, 2), np.int16), 44_100)
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    flac = folder / "cut.flac"
    soundfile.write(flac, busy(), RATE)
    flac.write_bytes(flac.read_bytes()[:-200])
    return found | {
        folder / "fast.wav": "16000 Hz",
        folder / "two.wav": "sox two.wav left.wav remix 1",
        folder / "music.wav": "sox music.wav -r 8000 left.wav remix 1",
        folder / "pipe.wav": "is a pipe",
        folder / "none.wav": "no audio",
        folder / "folder.wav": "folder",
        folder / "missing.wav": "no such file",
        flac: "",
    }


def test_a_bad_recording_is_named_and_the_others_are_still_heard(offhook: Command, tmp_path: Path) -> None:
    bad = _bad_files(tmp_path)
    good = tmp_path / "good.wav"
    done = offhook("analyze", "--json", *bad, good)
    assert done.code == 1
    files = {file["file"]: file for file in done.object["files"]}
    assert done.object["bad"] == len(bad)
    for path, text in bad.items():
        error = files[str(path)]["error"]
        assert error.startswith(f"{path}: "), error
        assert text in error, error
        assert error in done.err
    assert any(event["name"] == "busy" for event in files[str(good)]["events"])


def test_an_unknown_plan_is_an_error_of_the_command_line(offhook: Command) -> None:
    done = offhook("analyze", "--json", "--plan", "xx", "file.wav")
    assert done.code == 2
    assert "xx" in done.object["error"]
    assert done.object["ok"] is False


# -- tones --------------------------------------------------------------------------------------------------------------------------


def test_tones_lists_and_shows_plans(offhook: Command) -> None:
    plans = {one["name"]: one for one in offhook("tones", "list", "--json").object["plans"]}
    assert {"cn", "us", "gb", "de", "fr"} <= set(plans)
    shown = offhook("tones", "show", "cn", "--json").object
    assert len(shown["tones"]) == plans["cn"]["tones"]
    ringback = next(row for row in shown["tones"] if row["tone"] == "ringback")
    assert [(one["hz"], one["duration_ms"]) for one in ringback["loop"]] == [([450], 1000), ([], 4000)]
    assert "450 1000, off 4000" in offhook("tones", "show", "cn").out
    assert offhook("tones", "show", "xx").code == 1


# -- campaign -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose database is in the test's folder."""
    path = tmp_path / "offhook.toml"
    path.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n[control]\nmode = "off"\n')
    return path


def test_a_campaign_is_made_filled_and_shown_without_a_node(offhook: Command, config: Path, tmp_path: Path) -> None:
    prompt = tone_file(tmp_path)
    made = offhook(
        "campaign", "create", "spring", f"prompt={prompt}", "lines=7", "title=8", "answer.machine=hangup", "-c", config, "--json"
    )
    assert made.code == 0, made.err
    assert made.object["wanted"] == "idle"
    assert made.object["title"] == "8"  # a field of text takes text
    listed = numbers_list(tmp_path, 30)
    listed.write_text(listed.read_text() + "12,bad\n")
    report = offhook("campaign", "import", "spring", listed, "-c", config, "--json").object
    assert (report["accepted"], report["rejected"]) == (30, 1)
    shown = offhook("campaign", "show", "spring", "-c", config, "--json").object
    assert shown["spec"]["answer"]["machine"] == "hangup"
    assert shown["state"]["leads"] == 30
    assert "rejected" in offhook("campaign", "import", "spring", listed, "-c", config).out
    for verb, wanted in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert offhook("campaign", verb, "spring", "-c", config, "--json").object["wanted"] == wanted
    assert "spring" in offhook("campaign", "list", "-c", config).out
    assert offhook("campaign", "report", "spring", "-c", config, "--json").object["reconciliation"]["ok"]
    out = tmp_path / "calls.csv"
    assert offhook("campaign", "export", "spring", "-o", out, "-c", config, "--json").object["calls"] == 0
    assert out.read_text(encoding="utf-8-sig").startswith("id,campaign")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("campaign", "start", "none"), 1, "no campaign 'none'"),
        (("campaign", "create", "Bad Name"), 1, "name"),
        (("campaign", "create", "a", "lines=0"), 1, "lines"),
        (("campaign", "create", "a", "linse=3"), 1, "linse"),
        (("campaign", "create", "a", "prompt=/no/such.wav"), 1, "/no/such.wav"),
        (("campaign", "create", "a", "nonsense"), 2, "key=value"),
        (("campaign", "create", "a", "{"), 2, "JSON"),
        (("campaign", "create", "a", "-f", "/no/file.toml"), 1, "/no/file.toml"),
        (("campaign", "import", "a", "/no/list.csv"), 1, "a"),
        (("campaign", "import", "a", "l.csv", "--map", "x"), 2, "--map"),
        (("campaign", "fly"), 2, "fly"),
        (("campaign", "list", "--bogus"), 2, "bogus"),
        (("ctl", "status"), 3, "off"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(offhook: Command, config: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    done = offhook(*arguments, *(() if arguments[-1] == "fly" else ("-c", config)), "--json")
    assert (done.code, done.object["ok"]) == (code, False), done
    assert text in done.object["error"], done
    assert text in done.err
    assert "Traceback" not in done.err


def test_a_wrong_configuration_names_line_and_mend(offhook: Command, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[node]\nnaem = "x"\n')
    done = offhook("campaign", "list", "-c", path, "--json")
    assert done.code == 1
    assert f"{path}:2" in done.object["error"]
    assert "name" in done.object["error"]


def test_a_campaign_may_be_described_in_a_file(offhook: Command, config: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spring.toml"
    spec.write_text('title = "春"\nlines = 60\n[windows]\nzone = "Asia/Shanghai"\n')
    assert offhook("campaign", "create", "spring", "-f", spec, "lines=9", "-c", config).code == 0
    shown = offhook("campaign", "show", "spring", "-c", config, "--json").object["spec"]
    assert (shown["title"], shown["lines"], shown["windows"]["zone"]) == ("春", 9, "Asia/Shanghai")
    spec.write_text("lines = 60\nlnies = 3\n")
    done = offhook("campaign", "create", "other", "-f", spec, "-c", config)
    assert f"{spec}:2" in done.err


def test_pairs_are_json_where_they_can_be_and_text_where_text_is_wanted() -> None:
    assert read_pairs(["lines=3", "a.b=true", "t=hello", '{"x": [1]}']) == {"lines": 3, "a": {"b": True}, "t": "hello", "x": [1]}
    assert read_pairs(["caller_id=02112345", "title=12", "lines=12", "dtmf.1=7"], CampaignSpec) == {
        "caller_id": "02112345",
        "title": "12",
        "lines": 12,
        "dtmf": {"1": "7"},
    }
    for wrong in (["novalue"], ["=x"], ["{"], ["a=1", "a.b=2"]):
        with pytest.raises(CommandError):
            read_pairs(wrong)


# -- run and demo -------------------------------------------------------------------------------------------------------------------


def _finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()


def _started(folder: Path) -> subprocess.Popen[str]:
    """A node of its own process, up and with its broker."""
    config = folder / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{folder / "d"}"\n[driver]\nname = "simulator"\naudio = false\n[database]\ndurable = false\n')
    process = subprocess.Popen([*OFFHOOK, "run", "--no-live", "-c", str(config)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "channels of driver" in line:
            return process
    raise AssertionError(f"the node ended with {process.wait()}")


def _brokers(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{folder}/d/broker/mosquitto.conf".encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_ends_in_good_order_at_a_signal(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    folder = tmp_path_factory.mktemp("r")
    process = _started(folder)
    assert len(_brokers(folder)) == 1
    process.send_signal(number)
    _, said = _finish(process)
    assert process.returncode == 0, said
    assert "once more to end at once" in said
    assert not _brokers(folder)


def test_a_second_signal_ends_at_once() -> None:
    program = """
import asyncio, sys
from offhook.cli.signals import orderly_end

async def main():
    with orderly_end(lambda: print("at once", flush=True)) as ending:
        ending.tell(lambda: print("asked", flush=True))
        print("up", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for said in ("up", "asked", "at once"):
        assert process.stdout.readline().strip() == said
        process.send_signal(signal.SIGINT)
    _finish(process)
    assert process.returncode == 130


def test_kill_9_leaves_no_broker_and_the_next_start_works(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    process = _started(folder)
    process.kill()
    _finish(process)
    again = _started(folder)
    assert len(_brokers(folder)) == 1
    again.terminate()
    _finish(again)
    assert again.returncode == 0
    deadline = time.monotonic() + 20
    while _brokers(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _brokers(folder)


def test_ctl_steers_a_node_of_another_process(offhook: Command, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    process = _started(folder)
    try:
        config = ("-c", folder / "offhook.toml")
        status = offhook("ctl", "status", "--json", *config).object
        assert status["ok"]
        assert status["result"]["channels"] == 240
        assert offhook("ctl", "campaign.create", "name=spring", "caller_id=0123", *config).code == 0
        assert "spring" in offhook("ctl", "campaign.list", *config).out
        refused = offhook("ctl", "campaign.create", "name=spring", "lnies=3", "--json", *config)
        assert (refused.code, refused.object["ok"]) == (4, False)
        assert "did you mean lines" in refused.err
        assert offhook("ctl", "status", "--node", "other", "--timeout", 0.2, *config).code == 3
        assert offhook("ctl", "status", "--repeat", 5, "--json", *config).object["round_trip"]["count"] == 5
        assert offhook("ctl", "campaign.stop", "campaign=a", "--repeat", 5, *config).code == 2
        assert offhook("ctl", "shutdown", "confirm=node1", *config).code == 0
        _finish(process)
        assert process.returncode == 0
        gone = offhook("ctl", "status", "--json", *config)
        assert (gone.code, gone.object["ok"]) == (3, False)
    finally:
        process.kill()


def test_a_node_without_mosquitto_says_which_package(offhook: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("offhook.control.broker.SBIN", str(tmp_path))
    config = tmp_path / "c.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path}"\n')
    done = offhook("run", "--no-live", "-c", config)
    assert done.code == 3
    assert "apt-get install mosquitto" in done.err


def test_the_demo_runs_in_virtual_time(offhook: Command, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    done = offhook("demo", "--virtual", "--seconds", 40, "--spans", 1, "--keep", keep, "--json")
    found = done.object
    assert done.code == 0, done.err
    assert found["reconciled"]
    assert found["late_ticks"] == 0
    assert found["channels_peak"] == 30
    assert found["calls"] == sum(found["outcomes"].values()) > 0
    assert found["truth_agreement"] >= 0.9
    assert (keep / "offhook.db").exists()
    assert offhook("demo", "--virtual", "--keep", keep, "--json").code == 1  # never into a folder that holds something
    again = offhook("demo", "--virtual", "--seconds", 40, "--spans", 1, "--json").object
    assert again["outcomes"] == found["outcomes"]


def test_the_demo_is_steered_over_its_own_broker() -> None:
    process = subprocess.Popen(
        [*OFFHOOK, "demo", "--seconds", "3", "--spans", "1", "--json"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    out, said = _finish(process)
    assert process.returncode == 0, said
    found = json.loads(out.splitlines()[-1])
    assert found["control"] == "embedded"
    assert found["commands"] == 5
    assert found["channels_peak"] == 30
    assert found["reconciled"]


@pytest.mark.parametrize(("arguments", "code"), [(("--scenario", "nowhere"), 1), (("--scenario", "no.toml"), 1), (("--spans", "99"), 2)])
def test_a_demo_that_cannot_be_says_why(offhook: Command, arguments: tuple[str, ...], code: int) -> None:
    done = offhook("demo", *arguments, "--json")
    assert (done.code, done.object["ok"]) == (code, False)


# -- bench --------------------------------------------------------------------------------------------------------------------------


def test_the_benchmarks_tell_their_figures(offhook: Command) -> None:
    channels = offhook("bench", "channels", "--channels", 60, "--seconds", 0.2, "--repeats", 1, "--json").object
    assert channels["channels_per_core"] > 0
    assert (channels["spandsp_channels_per_core"] is None) == (channels["ratio_spandsp"] is None)
    assert "dtmf" in channels["detectors"]
    tick = offhook("bench", "tick", "--ticks", 100, "--no-sweep", "--json").object
    assert 0 < tick["median_us"] <= tick["p99_us"] <= tick["worst_us"]
    events = offhook("bench", "events", "--rate", 200, "--seconds", 1, "--json").object
    assert events["events_per_second"] > 0
    assert events["lost"] == 0
    calls = offhook("bench", "calls", "--calls", 100, "--fast", "--json").object
    assert calls["attempts"] == 100
    assert calls["reconciled"]


# -- the rest -----------------------------------------------------------------------------------------------------------------------


def test_version_and_help(offhook: Command) -> None:
    from offhook import __version__

    assert offhook("--version").out == f"offhook {__version__}\n"
    assert "demo" in offhook("--help").out


def test_a_command_loads_what_it_needs_and_no_more() -> None:
    """So that one in a shell loop answers at once: the commands are known without the packages behind them."""
    code = "import sys, offhook.cli.app; print(*sorted({'numpy', 'pydantic', 'soundfile', 'sqlalchemy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_truth_agrees_with_what_a_careful_person_would_say() -> None:
    assert agrees("person", "", Disposition.PERSON) is True
    assert agrees("person", "", Disposition.MACHINE) is False
    assert agrees("announcement", "powered_off", Disposition.UNREACHABLE) is True
    assert agrees("person", "", Disposition.CANCELLED) is None
    assert agrees("something new", "", Disposition.PERSON) is None
    assert all(AGREES.values())


def test_a_table_is_aligned_when_it_is_not_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows(("name", "n"), [("a", 1), ("bcd", 100)], right=("n",))
    assert capsys.readouterr().out == "name    n\na       1\nbcd   100\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = " ".join(f"'{part}'" for part in OFFHOOK)
    done = subprocess.run(["sh", "-c", f"{script} tones list | head -1"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
