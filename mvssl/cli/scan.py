"""``mvssl scan``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mvssl.cli._app import app, out

if TYPE_CHECKING:
    from mvssl.video.folder import Skipped

SHOWN = 5  # names of each kind


@app.command()
def scan(
    videos: Annotated[str, typer.Argument(help="Folder, table or list of videos.")],
    output: Annotated[Path | None, typer.Option("-o", help="Parquet index of the readable videos.")] = None,
) -> None:
    """What is there, what is broken. No labels needed.

    Example: mvssl scan VIDEOS -o videos.parquet
    """
    from mvssl.api import scan

    report = scan(videos, output)
    seconds = sum(video.duration_s for video in report.videos)
    out.print(f"{len(report.videos)} readable videos, {seconds:.1f} s")
    for problem in report.problems:
        out.print(f"  {problem.kind}: {problem.message}")
    tell_skipped(report.skipped)
    if output:
        out.print(f"index: {output}")


def tell_skipped(skipped: Sequence[Skipped]) -> None:
    """Counts what is no video by the reason, with the first names of each."""
    by_reason: dict[str, list[str]] = {}
    for path, reason in skipped:
        by_reason.setdefault(reason, []).append(path)
    if skipped:
        out.print(f"skipped, {len(skipped)} entries that are not read as videos:")
    for reason, paths in sorted(by_reason.items()):
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        out.print(f"  {len(paths)} x {reason}: {', '.join(paths[:SHOWN])}{more}")
