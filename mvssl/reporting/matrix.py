"""Picture of the similarity of all pairs of frames of two videos, and of the path through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mvssl import files
from mvssl.alignment import TimeMap, cost_matrix
from mvssl.frames import VideoFrames
from mvssl.labels import Segments
from mvssl.reporting._figures import blank

MAX_POINTS = 800  # of the picture, per side


def write_matrix(
    path: str | Path,
    reference: VideoFrames,
    query: VideoFrames,
    time_map: TimeMap,
    *,
    segments: Segments | None = None,
    centre: bool = True,
) -> Path:
    """Draws the cosine similarities (query's time across, reference's time up) with the matched frames as a line and,
    dotted, the straight line of even tempo.

    Args:
        path: the PNG.
        reference, query: the embedded frames that were aligned.
        time_map: the alignment; pins are drawn as circles, the line fades where the confidence is low.
        segments: labels; the bounds of the reference's and the query's segments become lines with names.
        centre: as in ``align``.
    """
    rows, rows_s = evenly(reference)
    columns, columns_s = evenly(query)
    similarity = 1.0 - cost_matrix(reference, query, centre=centre)[np.ix_(rows, columns)]
    extent = (columns_s[0], columns_s[-1], rows_s[0], rows_s[-1])
    figure = blank(7.2, 6.4, dpi=130)
    axes = figure.add_subplot()
    low, high = np.quantile(similarity, [0.02, 0.995])
    image = axes.imshow(
        similarity, origin="lower", extent=extent, aspect="auto", cmap="magma", vmin=low, vmax=max(high, low + 1e-6)
    )
    figure.colorbar(image, ax=axes, label="cosine similarity", shrink=0.85)
    style: dict[str, Any] = {"color": "#40e0d0", "zorder": 3}
    line_s = np.linspace(rows_s[0], rows_s[-1], 200)
    axes.plot(time_map.linear_query_s(line_s), line_s, color="white", lw=0.8, ls=":", alpha=0.8, label="even tempo")
    axes.legend(loc="lower right", fontsize=6, framealpha=0.4)
    if time_map.mode == "nearest":
        axes.scatter(time_map.query_time_s, time_map.ref_time_s, s=6, **style)
    else:
        axes.plot(time_map.query_time_s, time_map.ref_time_s, lw=1.0, alpha=0.5, **style)
        strength = np.clip(time_map.confidence / max(float(time_map.confidence.max()), 1e-9), 0.0, 1.0)
        axes.scatter(time_map.query_time_s, time_map.ref_time_s, s=7, alpha=strength, linewidths=0, **style)  # type: ignore[arg-type]
    if time_map.pins:
        pinned = np.array(time_map.pins)
        axes.scatter(pinned[:, 1], pinned[:, 0], s=90, facecolors="none", edgecolors="white", linewidths=1.6, zorder=4)
    if segments is not None:
        for row in segments.get(reference.video, []):
            axes.axhline(row.start_s, color="white", lw=0.5, alpha=0.6)
            axes.text(extent[0], (row.start_s + row.end_s) / 2, f" {row.label}", color="white", fontsize=7, va="center")
        for row in segments.get(query.video, []):
            axes.axvline(row.start_s, color="white", lw=0.5, alpha=0.6)
    axes.set_xlim(extent[0], extent[1])
    axes.set_ylim(extent[2], extent[3])
    axes.set_xlabel(f"{_tail(query.video)}{' (mirrored)' if time_map.mirrored else ''}: time in s")
    axes.set_ylabel(f"{_tail(reference.video)}: time in s")
    axes.set_title(time_map.verdict, fontsize=9)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary)
    return Path(path)


def evenly(video: VideoFrames) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the frames at evenly spaced times, and the bounds of the picture in seconds."""
    start_s, end_s = float(video.time_s[0]), float(video.time_s[-1])
    if end_s <= start_s:
        return np.array([0]), np.array([start_s - 0.5, start_s + 0.5])
    wanted = np.linspace(start_s, end_s, min(MAX_POINTS, max(2, len(video.time_s))))
    rows = np.searchsorted((video.time_s[1:] + video.time_s[:-1]) / 2, wanted)
    return rows, wanted


def _tail(name: str) -> str:
    return name if len(name) <= 40 else "..." + name[-37:]
