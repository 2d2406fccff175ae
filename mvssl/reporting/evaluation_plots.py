"""Pictures of an evaluation: similarity of pairs, tau of all pairs, phases mistaken for each other, layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mvssl import files
from mvssl.evaluation import Result
from mvssl.evaluation.key_moments import pairs_of_one_action
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.reporting._figures import COLOURS, blank, plain
from mvssl.reporting.layers import layers_figure
from mvssl.series import unit_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_PAIRS = 3
MAX_CLASSES = 40  # of a confusion matrix that can be read
Rows = Mapping[str, Mapping[str, Result] | str]


def write_plots(
    folder: str | Path, results: Rows, tables: Mapping[str, Frames], segments: Segments | None = None
) -> list[Path]:
    """Draws what the results allow; each picture compares the rows that are in ``tables``, and the clock.

    Args:
        folder: of similarity.png, tau.png, confusion.png, layers.png.
        results: by method or control.
        tables: the videos tested, embedded, of the rows to compare.
        segments: the phases.

    Returns:
        The pictures that were written.
    """
    folder = Path(folder)
    measured = {row: found for row, found in results.items() if not isinstance(found, str)}
    compared = {row: measured[row] for row in tables if row in measured}
    figures = {
        "similarity": _similarity(tables, segments or Segments()),
        "tau": _tau({row: found for row, found in measured.items() if row in tables or row == "time only"}),
        "confusion": _confusion(compared, tables, segments) if segments is not None else None,
        "layers": layers_figure(measured),
    }
    written = []
    for name, figure in figures.items():
        if figure is not None:
            written.append(folder / f"{name}.png")
            with files.whole_file(written[-1]) as temporary:
                figure.savefig(temporary)
    return written


def _similarity(tables: Mapping[str, Frames], segments: Segments) -> Figure | None:
    """Cosine similarity of every frame of one video with every frame of another, a row of pictures per table."""
    first = next(iter(tables.values()))
    every = pairs_of_one_action(first)
    if not every:
        return None
    pairs = [every[i] for i in np.linspace(0, len(every) - 1, min(NUM_PAIRS, len(every))).astype(int)]
    figure = blank(3.2 * len(pairs), 3.1 * len(tables))
    axes = figure.subplots(len(tables), len(pairs), squeeze=False)
    for line, (row, table) in zip(axes, tables.items()):
        for axis, (query, reference) in zip(line, pairs):
            a, b = table[reference.video], table[query.video]
            extent = (b.time_s[0], b.time_s[-1], a.time_s[0], a.time_s[-1])
            axis.imshow(_cosines(a, b), origin="lower", extent=extent, aspect="auto", cmap="magma")
            for start_s in [s.start_s for s in segments.get(a.video, [])[1:]]:
                axis.axhline(start_s, color="white", lw=0.6, alpha=0.7)
            for start_s in [s.start_s for s in segments.get(b.video, [])[1:]]:
                axis.axvline(start_s, color="white", lw=0.6, alpha=0.7)
            axis.tick_params(labelsize=7)
            axis.set_xlabel(_short(b.video), fontsize=7)
            axis.set_ylabel(_short(a.video), fontsize=7)
        line[0].set_title(row, fontsize=10, loc="left")
    figure.suptitle("Similarity of frames of two videos (s); lines: starts of phases", fontsize=9)
    return figure


def _cosines(a: VideoFrames, b: VideoFrames) -> np.ndarray:
    rows, columns = (unit_rows(video.embedding) for video in (a, b))
    return rows @ columns.T


def _tau(measured: Mapping[str, Mapping[str, Result]]) -> Figure | None:
    """How many pairs of videos have which tau."""
    found = {row: results["kendall_tau"] for row, results in measured.items() if "kendall_tau" in results}
    found = {row: result for row, result in found.items() if sum(result.details["histogram"])}
    if not found:
        return None
    figure = blank(6, 3.2)
    axis = figure.subplots()
    for colour, (row, result) in zip(COLOURS, found.items()):
        counts = np.array(result.details["histogram"], dtype=float)
        edges = np.linspace(-1, 1, len(counts) + 1)
        axis.stairs(counts / counts.sum(), edges, color=colour, lw=1.6, label=f"{row}: mean {result.value:.3f}")
    axis.set(xlabel="Kendall's tau of a pair of videos", ylabel="share of the pairs", xlim=(-1, 1))
    axis.legend(fontsize=8, frameon=False, loc="upper left")
    plain(axis)
    return figure


def _confusion(
    compared: Mapping[str, Mapping[str, Result]], tables: Mapping[str, Frames], segments: Segments
) -> Figure | None:
    """Share of the frames of each phase (row) that are taken for each phase (column)."""
    shown = {}
    for row, results in compared.items():
        videos = tables[row]
        truth = np.concatenate([segments.at(video.video, video.time_s) for video in videos])
        guess = np.concatenate(
            [np.asarray(p, dtype=str) for p in results["phase_classification"].details["predictions"]]
        )
        kept = truth != ""
        shown[row] = (truth[kept], guess[kept])
    names = [name for name in segments.labels if any((truth == name).any() for truth, _ in shown.values())]
    if not shown or len(names) > MAX_CLASSES:
        return None
    size = max(2.6, 0.3 * len(names) + 1.4)
    figure = blank(size * len(shown) + 0.8, size + 0.3)
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, (row, (truth, guess)) in zip(axes, shown.items()):
        counts = np.array([[((truth == a) & (guess == b)).sum() for b in names] for a in names], dtype=float)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        if len(names) <= 20:
            for (i, j), share in np.ndenumerate(shares):
                ink = "white" if share > 0.5 else "#333333"
                axis.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=ink)
        axis.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
        axis.set_yticks(range(len(names)), names if axis is axes[0] else [""] * len(names), fontsize=7)
        axis.set_title(row, fontsize=9)
    axes[0].set_ylabel("true phase", fontsize=8)
    figure.suptitle("Frames of each phase, % taken for each", fontsize=9)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 34 else "..." + name[-31:]
