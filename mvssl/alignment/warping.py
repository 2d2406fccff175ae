"""The path of an alignment: which ends are open, and how much even tempo is asked for. docs/decisions/009 has the choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from mvssl.dtw import WarpingPath, dtw
from mvssl.errors import InputError

Ends = Literal["auto", "open", "closed"]
STEP_PENALTY = 0.1  # of the median cost, for each step in one of the two videos alone
TEMPO, WEAK = 0.1, 0.04  # weight of even tempo, in median costs per whole length, for a pair of this contrast
CHEAPER = 0.15  # share by which open ends must lower the cost of the whole path to be left open
USUAL = 0.85  # open: quantile of the matches' costs above which an end is left out
CLOSE = 0.15  # of the median cost: what costs less is never left out


class Warped(NamedTuple):
    """A path, and what there was to find it by."""

    path: WarpingPath
    notes: tuple[str, ...]


def warped(
    cost: np.ndarray,
    unevenness: np.ndarray,
    *,
    ends: Ends = "auto",
    tempo: float = 1.0,
    band: int | None = None,
    pins: Sequence[tuple[int, int]] = (),
) -> Warped:
    """The path through the costs of a pair.

    ``auto`` and ``closed`` run from corner to corner, with a prior of even tempo: a pair of frames costs, beside its
    distance, its distance from the straight line times ``TEMPO (WEAK / contrast)^2`` median costs. Contrast is how far
    below the median the matches without that prior cost: pairs with little in common are drawn to the line, others hardly
    feel it. ``auto`` leaves ends open if that makes the whole path cheaper by ``CHEAPER``, a left-out frame paying as much
    as an unrelated one; and it takes out of the map where one video stands still at its end, if the other's frames there
    cost more than the matches usually do.

    Args:
        cost: (N, M) cosine distances.
        unevenness: (N, M) distances from the straight line, in lengths of the query.
        ends: "open" leaves out both videos' ends where they cost more than this pair's matches do; it has no line to hold to.
        tempo: factor on the prior of even tempo; 0 for none.
        band, pins: as for ``dtw``.

    Raises:
        InputError: an unknown ``ends``, a negative ``tempo``, or one given together with open ends.
    """
    if ends not in get_args(Ends):
        raise InputError(f"ends {ends!r}: known are {', '.join(get_args(Ends))}")
    if not (np.isfinite(tempo) and tempo >= 0):
        raise InputError(f"tempo {tempo}: a factor of 0 (any tempo) or more (1 is usual, higher is straighter)")
    unrelated = float(np.median(cost)) or float(cost.max()) or 1.0
    penalty = STEP_PENALTY * unrelated
    if ends == "open":
        if tempo != 1.0:
            raise InputError("tempo needs ends that are closed or auto: with open ends there is no line to hold to")
        return Warped(_open(cost, unrelated, band, pins), ())
    path = dtw(cost, band=band, pins=pins, step_penalty=penalty)
    notes: tuple[str, ...] = ()
    contrast = 1.0 - float(cost[path.reference, path.query].mean()) / unrelated
    weight = tempo * TEMPO * (WEAK / max(contrast, WEAK / 10)) ** 2
    held = path
    if weight:
        held = dtw(cost + weight * unrelated * unevenness, band=band, pins=pins, step_penalty=penalty)
    if tempo and contrast < WEAK:
        notes = (f"little in common (contrast {max(contrast, 0.0):.2f}): the map leans on even tempo",)
    if ends == "closed":
        return Warped(held, notes)
    free = dtw(cost, open_ends=True, skip_cost=unrelated, band=band, pins=pins, step_penalty=penalty)
    if free.cost < (1.0 - CHEAPER) * path.cost:
        held, notes = free, ()
    return Warped(_without_standing_ends(cost, held, unrelated, set(pins)), notes)


def _open(cost: np.ndarray, unrelated: float, band: int | None, pins: Sequence[tuple[int, int]]) -> WarpingPath:
    """Ends are left out where they cost more than this pair's matches do.

    What matches cost differs between models and pairs, so it is read from a first path, which leaves out what costs
    more than unrelated frames: the limit is what ``USUAL`` of its matches cost less than.
    """

    def within(limit: float) -> WarpingPath:
        return dtw(cost, open_ends=True, skip_cost=limit, band=band, pins=pins, step_penalty=STEP_PENALTY * unrelated)

    path = within(unrelated)
    limit = max(float(np.quantile(cost[path.reference, path.query], USUAL)), CLOSE * unrelated)
    return within(limit) if limit < unrelated else path


def _without_standing_ends(
    cost: np.ndarray, path: WarpingPath, unrelated: float, pins: set[tuple[int, int]]
) -> WarpingPath:
    """The path without the run at each end in which one video stands still, if that costs more than the other matches."""
    cells = list(zip(path.reference.tolist(), path.query.tolist()))
    length = len(cells)
    runs = []
    for steps in (cells, cells[::-1]):
        standing = (
            max(_run([cell[0] for cell in steps]), _run([cell[1] for cell in steps])) - 1
        )  # its last one moves on
        runs.append(next((k for k, cell in enumerate(steps[:standing]) if cell in pins), standing))
    begin, stop = runs[0], length - runs[1]
    if begin >= stop:
        return path
    own = cost[path.reference, path.query]
    limit = max(float(np.median(own[begin:stop])), CLOSE * unrelated)
    first = begin if begin and float(own[:begin].mean()) > limit else 0
    last = stop if stop < length and float(own[stop:].mean()) > limit else length
    return WarpingPath(path.reference[first:last], path.query[first:last], path.cost)


def _run(values: Sequence[int]) -> int:
    """How many equal values there are at the beginning."""
    return next((k for k, value in enumerate(values) if value != values[0]), len(values))
