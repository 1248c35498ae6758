"""``offhook doctor``: is this machine ready to call over its cards, and what to do if not."""

from __future__ import annotations

import typer

from offhook.cli.arguments import ConfigOption, JsonOption
from offhook.cli.output import Exit, print_rows, remark, tell, want_json


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look at cards, spans, alarms, permissions, clock, processor and buffers; say what to do. Status 1 when something must be mended."""
    want_json(as_json)
    from offhook.config import Settings
    from offhook.doctor import Grade, examine

    findings = examine(Settings.load(config))
    bad = [finding for finding in findings if finding.grade is Grade.BAD]
    if as_json:
        rows = [{"what": f.what, "grade": f.grade, "found": f.found, "mend": f.mend} for f in findings]
        tell({"ok": not bad, "findings": rows})
    else:
        print_rows(("", "what", "found", "what to do"), [(f.grade, f.what, f.found, f.mend) for f in findings])
        remark(f"{len(bad)} to mend" if bad else "ready")
    if bad:
        raise typer.Exit(int(Exit.BAD_INPUT))
