"""A model's numbers, each beside its controls: what time alone, chance and a plain ImageNet backbone reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mvssl import files
from mvssl.api._labels import labels_of
from mvssl.api._models import model_for
from mvssl.api._rows import Row, build_rows
from mvssl.brief import brief_repr
from mvssl.embedding import Model
from mvssl.embedding.card import identity
from mvssl.evaluation import Result, WarpError, check_split, check_table, evaluate_frames, flatten
from mvssl.evaluation.against_controls import Chance, against_controls
from mvssl.evaluation.finished import FinishedResults
from mvssl.evaluation.results_file import write_results
from mvssl.evaluation.suite import Evaluator, all_evaluators, camera_evaluators, default_evaluators
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.reporting.evaluation_plots import write_plots
from mvssl.reporting.evaluation_tables import write_tables
from mvssl.reporting.results import SENTENCES
from mvssl.training.copies import can_be_augmented
from mvssl.types import Video
from mvssl.video import read_videos


class Evaluation(NamedTuple):
    """What ``evaluate`` made: a row of numbers per method and control, in the order of the table."""

    rows: dict[str, dict[str, Any] | str]  # a string in place of numbers says why a row was not run
    results: Path  # results.json
    table: Path  # table.md (and table.tex beside it)
    plots: tuple[Path, ...] = ()  # PNG
    chances: Mapping[str, Chance | None] = {}  # by metric: may the distance to the best control be chance

    def __repr__(self) -> str:
        return brief_repr(self)


def evaluate(
    run: str | Path | Model,
    dataset: str | Path,
    output: str | Path,
    *,
    labels: str | Path | None = None,
    supervised: str | Path | Model | None = None,
    image_weights: str = "package",
    by_action: bool = False,
    tables: str | Path | None = None,
    everything: bool = False,
    cut_seed: int = 0,
    progress: bool = True,
) -> Evaluation:
    """Evaluates a run on labelled videos: results.json, table.md and .tex, one table per evaluator, plots.

    Rows: majority, time only, random encoder, ImageNet backbone (its last map; plain, and centred per video), the maps of
    the run's own backbone (plain, centred, and projected to the run's dimension), the same architecture before training,
    the run, and the supervised reference if its run is given; all of unit length if the run's rows are. What is finished
    is not computed again: embedded frames are kept in ``output/frames``, results in ``output/finished``.

    Args:
        dataset: folder or table of videos that states a split for each.
        labels: segments table; default: segments.csv in the dataset's folder; without one, only tau.
        supervised: a run of the same architecture trained with the labels.
        image_weights: source of the ImageNet rows' weights (see ``encoders/weights.py``).
        by_action: phases are classified and searched within each action.
        tables: where the embedded frames of backbones are kept, for several evaluations of one dataset; default: inside
            the output.
        everything: every evaluator that the data allows (RBF, few labels, segments, key moments, layers, diagnostics,
            actions), alignment of the validation videos with cut, warped and augmented copies of them, and offsets between
            cut cameras; minutes to an hour.
        cut_seed: of those cuts.
    """
    model = model_for(run)
    reference = None if supervised is None else model_for(supervised)
    videos = read_videos(dataset)
    segments = labels_of(dataset, labels, videos)
    _check(videos, segments)
    output = Path(output)
    own = output / "frames"
    rows = build_rows(
        model, videos, own, shared=Path(tables) if tables is not None else own, supervised=reference,
        image_weights=image_weights, progress=progress,
    )  # fmt: skip
    results: dict[str, dict[str, Result] | str] = {}
    done, seed = FinishedResults(output / "finished"), cut_seed if everything else None
    with tqdm(desc="evaluate", unit="metric", disable=None if progress else True) as bar:
        for left, (name, row) in zip(range(len(rows), 0, -1), rows.items()):
            if isinstance(row, str):
                results[name] = row
                continue
            cells = _Cells(name, done, bar, left)
            results[name] = _measured(row, segments, cells, by_action, everything, seed)
    if segments is not None:
        results = _with_majority(results)
    files.make_folder(output)
    shown = rows["this run"]
    assert isinstance(shown, Row)
    settings = {"dataset": Path(dataset).name, "by_action": by_action, "everything": everything, "cut_seed": seed}
    settings |= {"model": shown.backbone.plain.metadata, "encoder": model.specification, "identity": identity(model)}
    path = write_results(output / "results.json", results, shown.backbone.plain, segments, settings=settings)
    table = write_tables(output, results)
    plots = write_plots(output / "plots", results, _pictured(rows), segments)
    numbers = {name: row if isinstance(row, str) else flatten(row) for name, row in results.items()}
    chances = {metric: against_controls(results, *metric.split("/")) for metric in SENTENCES}
    return Evaluation(numbers, path, table, tuple(plots), chances)


def _check(videos: Sequence[Video], segments: Segments | None) -> None:
    """Refuses leaky splits, and labels that fit no video, before anything is decoded."""
    blank = np.zeros((1, 1))
    rows = [
        VideoFrames(
            v.id, np.zeros(1, dtype=int), np.array([v.start_s]), blank, end_s=v.end_s, session=v.session,
            group=v.group, split=v.split,
        )
        for v in videos
    ]  # fmt: skip
    table = Frames(rows)
    check_table(table, segments)
    check_split(table.where(split="train"), table.where(split="val"))


class _Cells:
    """Calls the evaluators of one row; the bar goes on by one for each."""

    def __init__(self, row: str, done: FinishedResults, bar: tqdm, rows_left: int):
        self.row, self.done, self.bar, self.rows_left = row, done, bar, rows_left

    def expect(self, number: int) -> None:
        self.bar.total = self.bar.n + number * self.rows_left  # later rows may have a few more or fewer

    def __call__(self, evaluator: Evaluator, frames: Frames, labels: Segments | None, train: Frames) -> Result:
        self.bar.set_postfix_str(f"{self.row}: {type(evaluator).__name__}")
        result = self.done(evaluator, frames, labels, train)
        self.bar.update()
        return result


def _measured(
    row: Row, segments: Segments | None, cells: _Cells, by_action: bool, everything: bool, cut_seed: int | None
) -> dict[str, Result]:
    """Every evaluator of one row."""
    table = row.table(layers=everything)
    chosen = default_evaluators(by_action=by_action)
    if everything:
        chosen = all_evaluators(table, segments, by_action=by_action)
    elif segments is None:
        chosen = {"kendall_tau": chosen["kendall_tau"]}
    if cut_seed is None:
        cells.expect(len(chosen))
        return evaluate_frames(table, segments, evaluators=chosen, call=cells)
    cuts = row.cuts(cut_seed)
    of_cameras = camera_evaluators(cuts)
    with_copies = can_be_augmented(row.recipe)
    cells.expect(len(chosen) + len(of_cameras) + with_copies)
    found = evaluate_frames(table, segments, evaluators=chosen, call=cells)
    for name, evaluator in of_cameras.items():
        found[name] = cells(evaluator, cuts, None, cuts)
    if with_copies:
        copies = row.copies(cut_seed)
        found["warp_error"] = cells(WarpError(), copies, None, copies)
    return found


def _with_majority(results: dict[str, dict[str, Result] | str]) -> dict[str, dict[str, Result] | str]:
    """The row of the majority class; the clock's phases by a histogram, which is stronger than a linear read-out."""
    clock = results["time only"]
    assert not isinstance(clock, str)
    controls = clock["phase_classification"].controls
    clock = {**clock, "phase_classification": Result(value=_phases(controls["time only, relative"]))}
    majority = {"phase_classification": Result(value=_phases(controls["majority"]))}
    return {"majority": majority, **results, "time only": clock}


def _phases(control: Any) -> dict[str, float]:
    return {name: control[name] for name in ("recall", "accuracy")}


def _pictured(rows: Mapping[str, Row | str]) -> dict[str, Frames]:
    """Tables of the rows whose similarities are drawn."""
    names = ("ImageNet, centred", "own backbone, centred", "before training", "this run")
    return {name: row.table().where(split="val") for name in names if isinstance(row := rows.get(name), Row)}
