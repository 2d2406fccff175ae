"""The application that every command file adds itself to, and what commands share."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="From a folder of videos to frame-wise representations: pretrain, align, search, evaluate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
Run = Annotated[str | None, typer.Option(help="Run folder, model folder or hub id. Without it: zero-shot ImageNet.")]
