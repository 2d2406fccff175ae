"""``mvssl demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import app, out


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", help="Folder of everything the demo makes.")] = Path("demo"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and smaller videos: minutes less.")] = False,
    only_videos: Annotated[bool, typer.Option("--only-videos", help="Make the demo videos and stop.")] = False,
) -> None:
    """All of it, on videos that it makes itself; ends with the path of one HTML report.

    Example: mvssl demo -o demo --quick
    """
    from mvssl.api import demo

    out.print(f"{'videos' if only_videos else 'report'}: {demo(output, quick=quick, only_videos=only_videos)}")
