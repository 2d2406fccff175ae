"""The commands as words in the shell: one file each, a thin face of the function of the same name."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module

import typer

from mvssl.api import COMMANDS
from mvssl.cli._processes import first_to_say
from mvssl.errors import InputWarning
from mvssl.faults import in_words, unexpected

for _name in COMMANDS:
    import_module(f"mvssl.cli.{_name}")
from mvssl.cli._app import DEBUG, app  # noqa: E402  after the commands: the file of the command ``app`` bears this name too


def main() -> None:
    """Runs a command. What the user can mend is one line on standard error and exit code 2; anything else is code 1 and
    one line that says where its traceback is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold any bytes
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell(warnings.showwarning)
            app()
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        words = in_words(error)
        line = f"mvssl: {words or unexpected(error)}"
        if first_to_say(line):
            typer.echo(line, err=True)
        sys.exit(2 if words else 1)


def _tell(others: Callable[..., None]) -> Callable[..., None]:
    """Our own warnings in one line on standard error; those of libraries as ever."""

    def tell(message: Warning | str, category: type[Warning], *where: object, **options: object) -> None:
        if issubclass(category, InputWarning):
            typer.echo(f"mvssl: warning: {' '.join(str(message).split())}", err=True)
        else:
            others(message, category, *where, **options)

    return tell
