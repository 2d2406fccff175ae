"""What is there, and what is broken."""

from __future__ import annotations

from pathlib import Path

from mvssl.errors import InputError
from mvssl.video import ScanReport, write_videos
from mvssl.video import scan as scan_videos


def scan(videos: str | Path, output: str | Path | None = None) -> ScanReport:
    """Opens every video of a folder or list.

    Args:
        videos: folder, table or list (see ``mvssl.video.read_videos``).
        output: Parquet index of the readable ones.

    Raises:
        InputError: no such folder, or not one readable video in it.
    """
    report = scan_videos(videos)
    if not report.videos:
        first = f"; first: {report.problems[0].message}" if report.problems else ""
        raise InputError(f"{videos}: no readable video among {len(report.problems)}{first}")
    if output is not None:
        write_videos(report.videos, output)
    return report
