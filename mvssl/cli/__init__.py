"""The commands as words in the shell: one file each, a thin face of the function of the same name."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from mvssl.errors import InputError

COMMANDS = (  # in the order of ``mvssl --help``
    "scan",
    "pretrain",
    "submit",
    "adapt",
    "preview",
    "embed",
    "align",
    "sync",
    "index",
    "search",
    "evaluate",
    "compare",
    "data",
    "report",
    "card",
    "export",
    "app",
    "doctor",
    "demo",
)
for _name in COMMANDS:
    import_module(f"mvssl.cli.{_name}")
from mvssl.cli._app import app  # noqa: E402  after the commands: the file of the command ``app`` bears this name too


def main() -> None:
    """Runs a command; what the user can mend is one line on standard error and exit code 2."""
    try:
        app()
    except InputError as error:
        typer.echo(f"mvssl: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
