"""A whole node on a DAHDI span against an exchange on the span at its other end, inside the machine of scripts/test-dahdi-vm.

    python -m bench.dahdi_node [--leads 50] [--folder /tmp/node]

`offhook run` with `[driver] name = "pri"` has channels 1 to 31, `offhook_drivers.far_end` has channels 32 to 62 with the callees of the
scenario ``cn``. A campaign is made, filled and started over MQTT. When every lead has been called once, each record of the node is held
against what the exchange says of that call: answer, Q.850 cause, who cleared, and the disposition, which the node made from what it heard.
One JSON object at the end; status 1 when a call is missing or the signalling of one is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from offhook.calls.disposition import Disposition
from offhook.cli.truth import agrees
from offhook.control.address import unix_address
from offhook.control.bus import BusError
from offhook.control.client import Client, NoReplyError

NODE = "vm"
CONFIG = """
[node]
name = "{name}"
data_dir = "{folder}"

[driver]
name = "pri"
first_channels = [1]
buffers = {buffers}
prefill = {prefill}
trace = true

[core]
plan = "cn"

[approval]
numbers = 0
"""
START_S = 600.0
"""Longest wait for both ends: the programs are read over a shared folder by an emulated processor."""
ASK_S = 60.0


async def ask(client: Client, verb: str, arguments: dict[str, Any]) -> Any:
    """Tell a verb; its result.

    Raises:
        SystemExit: The node will not.
    """
    reply = await client.ask(verb, arguments, ASK_S)
    if not reply.ok:
        raise SystemExit(f"{verb}: {reply.error}")
    return reply.result


async def ready(client: Client) -> bool:
    """May it dial?"""
    reply = await client.ask("status", {}, ASK_S)
    return reply.ok and reply.result["health"] in ("ready", "degraded")


async def connect(folder: Path, until: float) -> Client:
    """The node's broker, once it is there and its link is up."""
    while True:
        try:
            client = Client(unix_address(folder / "broker" / "mqtt.sock"), NODE, connect_s=10.0)
            await client.__aenter__()
            while not await ready(client):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.5)
            return client
        except (BusError, NoReplyError, OSError):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(1)


async def campaign(options: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Dial every number once: the records with their evidence, and how long it took."""
    folder, leads = options.folder, options.leads
    began = time.monotonic()
    client = await connect(folder, began + START_S)
    ready_s = time.monotonic() - began
    with resources.as_file(resources.files("offhook_drivers").joinpath("clips", "prompt-zh-notice.wav")) as prompt:
        await ask(
            client,
            "campaign.create",
            {"name": "c", "prompt": str(prompt), "lines": options.lines, "calls_per_second": options.rate, "dtmf": {"1": "yes"}},
        )
    numbers = "number\n" + "".join(f"+86138{at * 7919:08}\n" for at in range(1, leads + 1))
    await ask(client, "campaign.import", {"campaign": "c", "csv": numbers})
    started, replies_ms = time.monotonic(), []
    await ask(client, "campaign.start", {"campaign": "c", "by": "test", "why": "test"})
    while True:
        await asyncio.sleep(2)
        asked = time.monotonic()
        state = await ask(client, "status", {})
        replies_ms.append(round((time.monotonic() - asked) * 1000))
        if state["attempts"] >= leads and not state["channels_in_use"]:
            break
        if time.monotonic() - started > 120 + 20 * leads:
            raise SystemExit(f"after {time.monotonic() - started:.0f} s only {state['attempts']} of {leads} calls have ended")
    took_s = time.monotonic() - started
    calls = await ask(client, "calls", {"campaign": "c", "limit": 500})
    records = [await ask(client, "call", {"id": call["id"]}) for call in calls]
    books = await ask(client, "reconcile", {})
    if not books["ok"]:
        raise SystemExit(f"the books do not add up: {books['problems']}")
    await ask(client, "shutdown", {"confirm": NODE})
    await client.__aexit__(None, None, None)
    times = {"node_ready_s": round(ready_s, 1), "dialling_s": round(took_s, 1)}
    return records, times | {"reply_ms": [round(statistics.median(replies_ms)), max(replies_ms)]}


def compare(records: Sequence[dict[str, Any]], truths: Sequence[dict[str, Any]], leads: int) -> dict[str, Any]:
    """Hold the node's records against the exchange's."""
    by_number = {truth["called"]: truth for truth in truths}
    wrong, disputed, early = [], [], 0
    for record in records:
        truth = by_number.get(record["dialled"])
        if truth is None:
            wrong.append(f"{record['dialled']}: the exchange has no such call")
            continue
        answered = record["answered_ms"] is not None
        if answered != truth["answered"] or record["cause"] != truth["cause"] or (record["ended_by"] == "us") != (truth["who"] == "us"):
            wrong.append(
                f"{record['dialled']}: answered {answered}, cause {record['cause']} by {record['ended_by']}; "
                f"the exchange: answered {truth['answered']}, cause {truth['cause']} by {truth['who']}"
            )
        before = record["answered_ms"] if answered else 1e9
        early += any(fact["kind"] == "heard" and fact["t_ms"] < before for fact in record["evidence"])
        verdict = agrees(truth["behaviour"], truth["meaning"], Disposition(record["disposition"]))
        if verdict is False:
            disputed.append(f"{truth['behaviour']} {truth['meaning']}: {record['disposition']}, cause {record['cause']}")
    persons = [truth for truth in truths if truth["behaviour"] == "person" and truth["answered"]]
    return {
        "leads": leads,
        "calls": len(records),
        "calls_of_the_exchange": len(truths),
        "signalling_wrong": wrong,
        "heard_before_the_answer": early,
        "disposition_right": len(records) - len(wrong) - len(disputed),
        "disposition_wrong": disputed,
        "dispositions": dict(Counter(record["disposition"] for record in records)),
        "persons_answered": len(persons),
        "persons_who_heard_the_prompt": sum(truth["heard_s"] > 1 for truth in persons),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.dahdi_node", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--leads", type=int, default=50)
    parser.add_argument("--lines", type=int, default=30)
    parser.add_argument("--rate", type=float, default=2.0, help="call attempts a second")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/node"))
    parser.add_argument("--buffers", type=int, default=8)
    parser.add_argument("--prefill", type=int, default=4)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    config, truths = options.folder / "offhook.toml", options.folder / "truths.jsonl"
    values = {"name": NODE, "folder": options.folder, "buffers": options.buffers, "prefill": options.prefill}
    config.write_text(CONFIG.format(**values), encoding="utf-8")
    buffering = ["--buffers", str(options.buffers), "--prefill", str(options.prefill)]
    far = [sys.executable, "-m", "offhook_drivers.far_end", "--first-channel", "32", "--scenario", "cn", *buffering]
    near = [str(Path(sys.executable).with_name("offhook")), "run", "--no-live", "--config", str(config)]
    with truths.open("w", encoding="utf-8") as out:
        exchange = subprocess.Popen(far, stdout=out)
        node = subprocess.Popen(near, stdout=subprocess.DEVNULL)
        try:
            records, times = asyncio.run(campaign(options))
            status = node.wait(timeout=120)
        finally:
            for process in (node, exchange):
                process.terminate()
                process.wait(timeout=120)
    found = compare(records, [json.loads(line) for line in truths.read_text(encoding="utf-8").splitlines()], options.leads)
    made_with = {name: getattr(options, name) for name in ("lines", "rate", "buffers", "prefill")}
    found |= times | made_with | {"exit_status": status}
    print("DAHDI " + json.dumps(found, ensure_ascii=False), flush=True)
    return int(bool(found["signalling_wrong"]) or found["calls"] != options.leads or found["calls_of_the_exchange"] != options.leads)


if __name__ == "__main__":
    sys.exit(main())
