"""``mvssl align``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mvssl.cli._app import Run, app, out
from mvssl.errors import InputError


@app.command()
def align(
    reference: Annotated[Path, typer.Argument(help="The video whose time the others are brought to.")],
    queries: Annotated[list[Path], typer.Argument(help="Videos, or folders of them.")],
    run: Run = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the results.")] = Path("aligned"),
    pin: Annotated[list[str] | None, typer.Option(help="REF=QUERY seconds that belong together, e.g. 3.2=4.1")] = None,
) -> None:
    """Synchronised video, similarity matrices, time map, confidence. Needs no training.

    Example: mvssl align a.mp4 b.mp4 -o aligned
    """
    from mvssl.api import align

    found = align(reference, queries, output, run=run, pins=[_pin(text) for text in pin or []])
    for time_map in found.maps:
        covered = f"{time_map.query_time_s[0]:.2f} to {time_map.query_time_s[-1]:.2f} s"
        words = f"{time_map.verdict}; {covered} matched, mean confidence {time_map.confidence.mean():.2f}"
        out.print(f"{time_map.query}: {words}", soft_wrap=True, highlight=False)
    out.print(f"watch {found.video}\ntable {found.table}")


def _pin(text: str) -> tuple[float, float]:
    reference, _, query = text.partition("=")
    try:
        return float(reference), float(query)
    except ValueError:
        raise InputError(f"--pin {text}: written REF=QUERY in seconds, e.g. 3.2=4.1") from None
