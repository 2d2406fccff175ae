"""The application that every command file adds itself to, and what commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="From a folder of videos to frame-wise representations: pretrain, align, search, evaluate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Names of files are shown as they are: `[demo]` is no markup, `:tv:` no picture, and no line is broken inside a path.
out = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
Run = Annotated[str | None, typer.Option(help="Run folder, model folder or hub id. Without it: zero-shot ImageNet.")]
DEBUG = "MVSSL_DEBUG"  # in the environment, so that processes that a command starts know it too


def tell_aside(bad: Sequence[Exception]) -> None:
    """Says on standard error how many files were set aside, and why each."""
    if bad:
        typer.echo(f"set aside, {len(bad)} of the folder:", err=True)
    for error in bad:
        typer.echo(f"  {' '.join(str(error).split())}", err=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mvssl {version('mvssl')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error too.")] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
