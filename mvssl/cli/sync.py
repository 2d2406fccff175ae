"""``mvssl sync``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.arguments import check_run, check_there
from mvssl.cli._app import Run, app, out


@app.command()
def sync(
    cameras: Annotated[list[Path], typer.Argument(help="Recordings of one session; the first is the reference.")],
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="CSV of the offsets.")] = Path("offsets.csv"),
    max_offset: Annotated[float, typer.Option(help="Largest offset tried, seconds.")] = 10.0,
) -> None:
    """Offset and drift between the cameras of one session: time of the first = offset + rate * time of the camera, each on the
    clock of its own file (mvssl scan says where that does not begin at 0).

    Beside the table goes a strip of pictures: all cameras at the same instants, before and after.

    Example: mvssl sync cam0.mp4 cam1.mp4 -o offsets.csv
    """
    check_there(*cameras)
    check_run(run)
    from mvssl.api import sync

    for found in sync(cameras, output, run=run, max_offset_s=max_offset):
        words = f"{found.offset_s:+.3f} s, rate {found.rate:.4f}, confidence {found.confidence:.2f} ({found.method})"
        out.print(f"{found.camera}: {words}")
    out.print(f"table {output}, before and after {output.with_suffix('.png')}")
