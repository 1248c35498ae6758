"""``offhook ctl``: tell a running node something over MQTT."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings, read_pairs
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.control.address import Address
    from offhook.control.bus import TlsFiles
    from offhook.control.envelope import ErrorInfo, Reply

UrlOption = Annotated[
    str, typer.Option("--url", help="Broker: mqtt://host:1883, mqtts://user:password@host, unix:/path.", show_default=False)
]
SocketOption = Annotated[Path | None, typer.Option("--socket", help="Unix socket of the node's own broker.", show_default=False)]
NodeOption = Annotated[str, typer.Option("--node", help="Node's name; else that of the configuration.", show_default=False)]


def ctl(
    verb: Annotated[str, typer.Argument(help="status, campaign.start, calls ...; help lists all.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="key=value, answer.machine=hangup, or a JSON object.", show_default=False, metavar="[KEY=VALUE|JSON]..."),
    ] = None,
    url: UrlOption = "",
    socket: SocketOption = None,
    node: NodeOption = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the answer, s.")] = 10.0,
    repeat: Annotated[int, typer.Option(min=1, max=100_000, help="Ask so often and tell the round trips; for reading verbs.")] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a running node something, and print its answer."""
    want_json(as_json)
    from offhook.control.client import Client
    from offhook.control.verbs import VERBS

    known = VERBS.get(verb)
    order = read_pairs(arguments or (), known.arguments if known else None)
    settings = load_settings(config)
    address, tls = find_broker(settings, url, socket)

    if repeat > 1 and (known is None or known.changes):
        raise CommandError(f"--repeat is for reading verbs: {', '.join(one.name for one in VERBS.values() if not one.changes)}", Exit.USAGE)
    trips: list[int] = []

    async def ask() -> Reply:
        async with Client(address, node or settings.node.name, tls=tls, connect_s=min(timeout, 5.0)) as client:
            for _ in range(repeat):
                before = time.perf_counter_ns()
                reply = await client.ask(verb, order, timeout)
                trips.append(time.perf_counter_ns() - before)
            return reply

    reply = asyncio.run(ask())
    trips.sort()
    round_trip = {"count": repeat, "p50_us": _us(trips, 0.5), "p99_us": _us(trips, 0.99), "worst_us": _us(trips, 1.0)}
    if as_json:
        tell({**reply.model_dump(mode="json"), "round_trip": round_trip})
    elif reply.error is None:
        _print(reply.result)
        if repeat > 1:
            print(f"{repeat} round trips: p50 {round_trip['p50_us']} us, p99 {round_trip['p99_us']} us, worst {round_trip['worst_us']} us")
    if reply.error is not None:
        raise CommandError(in_words(reply.error), Exit.REFUSED)


def _us(sorted_ns: list[int], share: float) -> float:
    return round(sorted_ns[min(len(sorted_ns) - 1, int(share * len(sorted_ns)))] / 1e3, 1)


def find_broker(settings: Settings, url: str = "", socket: Path | None = None) -> tuple[Address, TlsFiles]:
    """The broker that is meant: by URL, by socket, or that of the configuration.

    Raises:
        CommandError: Both are given, the URL is wrong, or the configuration says that there is none.
    """
    from offhook.control.address import AddressError, parse_address, unix_address
    from offhook.control.server import broker_socket, external_address, tls_files

    if url and socket is not None:
        raise CommandError("--url and --socket name two brokers; give one", Exit.USAGE)
    tls = tls_files(settings.control)
    try:
        if url:
            return parse_address(url), tls
        if socket is not None:
            return unix_address(socket), tls
        if settings.control.mode == "off":
            raise CommandError("[control] mode is off: this node listens to no broker; use offhook campaign, or --url", Exit.UNREACHABLE)
        if settings.control.mode == "external":
            return external_address(settings.control), tls
        return unix_address(broker_socket(settings.control, settings.node.data_dir)), tls
    except AddressError as wrong:
        raise CommandError(str(wrong), Exit.USAGE) from None


def in_words(error: ErrorInfo) -> str:
    """A refusal as lines for people."""
    if error.problems:
        return f"{error.code}:\n" + "\n".join(f"  {one.where or 'payload'}: {one.message}{_mend(one.mend)}" for one in error.problems)
    where = f" at {error.where}" if error.where and error.where not in error.message else ""
    return f"{error.message}{where}{_mend(error.mend)}"


def _mend(mend: str) -> str:
    return f"; {mend}" if mend else ""


def _print(result: Any) -> None:
    """Lists of flat objects as a table, anything else as indented JSON."""
    if isinstance(result, list) and result and all(isinstance(one, dict) for one in result):
        columns = [key for key in result[0] if any(one.get(key) not in (None, "", [], {}) for one in result) and key != "arguments"]
        print_rows(columns, [[_cell(one.get(key)) for key in columns] for one in result])
    else:
        print(json.dumps(result, ensure_ascii=False, indent=2))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return " ".join(f"{key}:{one}" for key, one in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
