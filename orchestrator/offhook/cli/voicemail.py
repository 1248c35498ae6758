"""``offhook voicemail``: messages that people left, and what is done with them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.arguments import ConfigOption, JsonOption, load_settings
from offhook.cli.output import CommandError, print_rows, tell, want_json

if TYPE_CHECKING:
    from offhook.calls.mail_messages import VoiceMail

app = typer.Typer(help="Voice mail: messages that people left when no agent was free, or when an agent let them.", no_args_is_help=True)

CallArgument = Annotated[str, typer.Argument(help="The call's id, the beginning or end of it, or last.")]


@app.command("list")
def show(
    campaign: Annotated[str | None, typer.Option(help="Only of this campaign.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The latest so many.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The messages, newest first."""
    want_json(as_json)
    from offhook.desk import open_desk

    async def read() -> list[VoiceMail]:
        async with open_desk(load_settings(config)) as desk:
            return await desk.voice_mails(campaign, limit)

    found = asyncio.run(read())
    if as_json:
        tell({"voice_mails": [mail.model_dump(mode="json") for mail in found]})
    elif found:
        rows = [(f"{m.at:%Y-%m-%d %H:%M}", m.campaign, m.number, f"{m.seconds:.0f}", m.agent, m.path) for m in found]
        print_rows(("called (UTC)", "campaign", "number", "s", "agent", "file"), rows)
    else:
        print("no voice mail")


@app.command()
def save(call: CallArgument, file: Annotated[Path, typer.Argument(help="WAV to write.")], config: ConfigOption = None) -> None:
    """Copy a message, to play it elsewhere."""
    path = _file(call, config)
    if file.is_dir():
        file = file / path.name
    try:
        shutil.copyfile(path, file)
    except OSError as wrong:
        raise CommandError(f"{file}: cannot be written: {wrong.strerror or wrong}") from None
    print(file)


@app.command()
def remove(call: CallArgument, config: ConfigOption = None) -> None:
    """Take a message away."""
    path = _file(call, config)
    path.unlink(missing_ok=True)
    print(f"{path.stem}: removed")


def _file(which: str, config: Path | None) -> Path:
    from offhook.calls.voicemail import VoiceMailFolder

    settings = load_settings(config)
    folder = VoiceMailFolder(settings.node.data_dir / "voicemail", settings.recordings.voice_mail_mib)
    files = folder.files()
    found = files[-1:] if which == "last" else [one for one in files if one.stem.startswith(which) or one.stem.endswith(which)]
    if not found:
        raise CommandError(f"no voice mail of call '{which}'; offhook voicemail list shows what there is")
    if len(found) > 1:
        raise CommandError(f"'{which}' is the beginning or end of {len(found)} calls' ids; write more of it")
    return found[0]
