"""The command ``offhook``. Exit codes are those of :class:`offhook.cli.output.Exit`."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the command line."""
    from offhook.cli.app import run_app

    run_app()


__all__ = ["main"]
