"""The commands put together, and what happens to their errors."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from offhook import __version__
from offhook.amd.cli import app as amd
from offhook.announce.cli import app as announce
from offhook.cli import (
    allot,
    analyze,
    bench,
    campaign,
    contacts,
    ctl,
    demo,
    doctor,
    evidence,
    handing,
    labels,
    life,
    outcomes,
    rates,
    replay,
    route,
    rules,
    run,
    simulate,
    strategies,
    templates,
    tones,
    voicemail,
    why,
)
from offhook.cli.output import CommandError, Exit, fail, quiet_broken_pipe, want_json

app = typer.Typer(
    name="offhook",
    help="Outbound-dialling engine: dials lists over E1 lines, hears what happens, and says so.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(demo.demo)
campaign.app.command()(templates.new)
campaign.app.command()(rates.rates)
for command in life.COMMANDS:
    campaign.app.command()(command)
app.add_typer(campaign.app, name="campaign")
app.add_typer(templates.app, name="template")
contacts.lists.command("hand-out")(handing.hand_out)
contacts.lists.command("take-back")(handing.take_back)
contacts.lists.command("re-assign")(handing.re_assign)
contacts.lists.command()(handing.handed)
contacts.lists.command()(allot.allot)
contacts.lists.command()(allot.exports)
app.command()(handing.team)
campaign.app.command()(outcomes.add)
app.add_typer(outcomes.app, name="result")
app.add_typer(contacts.lists, name="list")
app.add_typer(contacts.contacts, name="contact")
app.add_typer(contacts.policy, name="policy")
app.add_typer(strategies.app, name="strategy")
app.command()(contacts.suppress)
app.command()(contacts.history)
app.command()(analyze.analyze)
app.command()(why.why)
app.command()(evidence.evidence)
app.command()(replay.replay)
app.add_typer(voicemail.app, name="voicemail")
app.command()(ctl.ctl)
app.add_typer(tones.app, name="tones")
app.add_typer(rules.app, name="rules")
app.add_typer(announce, name="announce")
amd.add_typer(labels.app, name="labels")
app.add_typer(amd, name="amd")
app.command()(route.route)
app.command()(doctor.doctor)
app.command()(simulate.simulate)
app.command()(simulate.whatif)
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"offhook {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Options of every command."""


def run_app() -> NoReturn:
    """Run one command; every error becomes a message and an exit code."""
    want_json("--json" in sys.argv[1:])
    try:
        code = app(standalone_mode=False)
    except CommandError as error:
        fail(error)
    except BrokenPipeError:
        quiet_broken_pipe()
    except (KeyboardInterrupt, typer.Abort):
        fail(CommandError("interrupted", Exit.INTERRUPTED))
    except Exception as error:
        known = _known(error)
        if known is None:
            raise  # a fault of ours: its trace is what a report needs
        fail(known)
    raise SystemExit(code if isinstance(code, int) else 0)


def _known(error: BaseException) -> CommandError | None:
    """The errors that the floors below raise for people, as one; None for a fault."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:  # a task of a group failed
        return _known(error.exceptions[0])
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # of the command line; its class moved between versions of Typer
        return CommandError(f"{error.format_message()} (offhook --help shows how)", Exit.USAGE)
    from offhook.control.broker import BrokerError
    from offhook.control.bus import BusError
    from offhook.control.client import NoReplyError
    from offhook.errors import OffhookError
    from offhook_drivers import ClipError, PriError, ScenarioError

    if isinstance(error, BrokerError | BusError | NoReplyError):
        return CommandError(str(error), Exit.UNREACHABLE)
    if isinstance(error, OffhookError | ClipError | PriError | ScenarioError):
        return CommandError(str(error), Exit.BAD_INPUT)
    return None
