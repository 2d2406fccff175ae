"""Picture of how unlike the reference each of its moments is shown in every query, the worst moments marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl import files
from mvssl.alignment import TimeMap, deviation_curve, worst_moments
from mvssl.reporting._figures import blank


def write_deviation(path: str | Path, maps: Sequence[TimeMap], *, num_moments: int = 3) -> Path:
    """Draws one curve per query over the reference's time, and the query's time at its worst moments.

    Args:
        path: the PNG.
        maps: from one reference to each query.
        num_moments: marked on each curve.
    """
    figure = blank(8.0, 3.6, dpi=130)
    axes = figure.add_subplot()
    for number, one in enumerate(maps):
        colour = f"C{number % 10}"
        axes.plot(*deviation_curve(one), lw=1.2, color=colour, label=Path(one.query).name)
        for moment in worst_moments(one, num_moments=num_moments):
            axes.plot(moment.ref_time_s, moment.deviation, "o", ms=5, color=colour)
            text = f"{moment.query_time_s:.2f} s"
            axes.annotate(text, (moment.ref_time_s, moment.deviation), (3, 4), textcoords="offset points", fontsize=7)
    axes.set_ylim(bottom=0.0)
    axes.margins(y=0.15)
    axes.set_xlabel(f"{Path(maps[0].reference).name}: time in s")
    axes.set_ylabel("deviation (cosine distance)")
    axes.legend(fontsize=7)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary)
    return Path(path)
