"""``mvssl preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app, out


@app.command()
def preview(
    config: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped one (carl).")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. data.root=VIDEOS")] = None,
    output: Annotated[Path, typer.Option("-o", help="Picture (.png) or page (.html).")] = Path("preview.png"),
) -> None:
    """What the network will see: views, modalities, times, masks.

    Example: mvssl preview carl data.root=VIDEOS -o preview.png
    """
    from mvssl import config as configuration

    configuration.load(
        configuration.find(config, "pretrain"), overrides or []
    )  # a wrong word is said before torch is loaded
    from mvssl.api import preview

    out.print(f"look at {preview(config, overrides or [], output)}")
