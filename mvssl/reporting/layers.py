"""Pictures of the layers of encoders: how diverse their features are, and what a probe reads from each of them.

Drawn from the results of the evaluators ``diversity`` and ``guillotine``: by layer, from the backbone to the embedding,
and over the steps of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mvssl.evaluation import Result
from mvssl.reporting._figures import COLOURS, blank, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Found = Mapping[str, Result]  # by evaluator
GREY = "#555555"


class _Panel(NamedTuple):
    evaluator: str
    title: str
    controls: Mapping[str, str]  # name in the result -> in the picture


PANELS = (
    _Panel("diversity", "hyperspherical energy (low = diverse)", {"random directions": "random directions"}),
    _Panel("guillotine", "probe", {"majority": "majority", "time only, relative": "time only"}),
)


def layers_figure(rows: Mapping[str, Found]) -> Figure | None:
    """Both measures by layer, a line per row (method or control); None if no row has layers."""
    drawn = [panel for panel in PANELS if any(_layered(found, panel) for found in rows.values())]
    if not drawn:
        return None
    made = blank(4.4 * len(drawn), 3.4)
    for axis, panel in zip(made.subplots(1, len(drawn), squeeze=False)[0], drawn):
        shown = {row: found[panel.evaluator] for row, found in rows.items() if _layered(found, panel)}
        for colour, (row, result) in zip(COLOURS, shown.items()):
            _curve(axis, result, colour, row)
        _layer_axis(axis, panel, shown)
    return made


def runs_figure(history: Mapping[str, Mapping[int, Found]]) -> Figure:
    """Both measures by layer, before and after training, a column per run.

    Args:
        history: by run and step; the first step is before training.
    """
    made = blank(2.9 * len(history) + 0.6, 5.4)
    grid = made.subplots(len(PANELS), len(history), squeeze=False, sharey="row")
    for line, panel in zip(grid, PANELS):
        for axis, (run, steps) in zip(line, history.items()):
            for colour, step, word in zip((COLOURS[0], COLOURS[3]), (min(steps), max(steps)), ("before training", "")):
                _curve(axis, steps[step][panel.evaluator], colour, word or f"after {step} steps")
            _layer_axis(axis, panel, {run: steps[max(steps)][panel.evaluator]})
            axis.set_title(run if panel is PANELS[0] else "", fontsize=9)
            axis.set_ylabel(axis.get_ylabel() if axis is line[0] else "")
            if panel is not PANELS[0]:
                axis.get_legend().remove()  # the same two lines
    return made


def steps_figure(history: Mapping[str, Mapping[int, Found]]) -> Figure:
    """Both measures over training, a line per layer, a column per run."""
    made = blank(2.9 * len(history) + 0.6, 5.0)
    grid = made.subplots(len(PANELS), len(history), squeeze=False, sharey="row", sharex="col")
    for line, panel in zip(grid, PANELS):
        for axis, (run, steps) in zip(line, history.items()):
            last = steps[max(steps)][panel.evaluator]
            for colour, layer in zip(COLOURS, last.value):
                values = [steps[step][panel.evaluator].value[layer] for step in steps]
                name = f"{layer} ({last.details['width'][layer]} wide)"
                axis.plot(list(steps), values, marker="o", ms=3.5, lw=1.4, color=colour, label=name)
            axis.set_title(run if panel is PANELS[0] else "", fontsize=9)
            axis.set_xlabel("step" if panel is PANELS[-1] else "", fontsize=8)
            axis.set_ylabel(_label(panel, last) if axis is line[0] else "", fontsize=8)
            if panel is PANELS[0]:
                axis.legend(fontsize=7, frameon=False)
            plain(axis)
    return made


def _layered(found: Found, panel: _Panel) -> bool:
    return panel.evaluator in found and len(found[panel.evaluator].value) > 1


def _label(panel: _Panel, result: Result) -> str:
    return f"{panel.title}: {result.details['metric']} of phases" if "metric" in result.details else panel.title


def _curve(axis: Axes, result: Result, colour: str, label: str) -> None:
    layers, values = list(result.value), np.array(list(result.value.values()))
    axis.plot(layers, values, marker="o", ms=4, lw=1.6, color=colour, label=label)
    bounds = np.array([(result.interval or {}).get(layer) or (np.nan, np.nan) for layer in layers], dtype=float)
    if np.isfinite(bounds).all():
        axis.fill_between(layers, bounds[:, 0], bounds[:, 1], color=colour, alpha=0.12, lw=0)


def _layer_axis(axis: Axes, panel: _Panel, shown: Mapping[str, Result]) -> None:
    """Widths under the names of the layers where all rows share them, the controls with their names, the legend."""
    first = next(iter(shown.values()))
    layers, width = list(first.value), first.details["width"]
    same = all(result.details["width"] == width for result in shown.values())
    axis.set_xticks(range(len(layers)), [f"{layer}\n{width[layer]}" if same else layer for layer in layers])
    for style, (name, word) in zip((":", "--"), panel.controls.items()):
        control = first.controls.get(name)
        if control is None:
            continue
        heights = [control[layer] if isinstance(control, Mapping) else control for layer in layers]
        axis.plot(layers, heights, ls=style, lw=1, color=GREY, label=f"_{word}")
        axis.annotate(word, (0, heights[0]), (0, 2), textcoords="offset points", fontsize=7, color=GREY)
    axis.set_ylabel(_label(panel, first), fontsize=8)
    axis.legend(fontsize=7, frameon=False)
    plain(axis)
