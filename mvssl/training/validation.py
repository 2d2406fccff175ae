"""A small evaluation while a run trains: a few held-out videos, beside the clock and the untrained encoder; the best kept."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from mvssl import files
from mvssl.embedding import Recipe, describe, embed_video, project
from mvssl.encoders import BackboneEncoder, Encoder
from mvssl.errors import ConfigError
from mvssl.evaluation import KendallTau, PhaseClassification, WarpError, evaluate_frames, flatten, time_only
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.training import checkpoint
from mvssl.training.copies import augmented_copies, can_be_augmented
from mvssl.training.log import append, cut_back
from mvssl.types import Video

BEST = "best"
NOW, BEFORE, CLOCK = "this run", "before training", "time only"


class Validation:
    """Called with the number of steps done; writes ``evaluation.jsonl`` and keeps ``checkpoints/best``.

    The metric that decides: with phase labels, the mean per-class recall of phases (fitted on a few training videos); without,
    the alignment error in seconds between the held-out videos and cut, warped and augmented copies of them
    (``augmented_copies``). Kendall's tau is told too, and never decides: the clock alone reaches it.

    Args:
        encoder: the one that is trained.
        videos: held-out ones, and training ones (for the fit of the phases); only they are decoded.
        save: writes the model into a folder.

    Raises:
        ConfigError: no labels, and a modality that cannot be augmented.
    """

    def __init__(
        self, encoder: Encoder, recipe: Recipe, train: Sequence[Video], held_out: Sequence[Video],
        segments: Segments | None, run: Path, *, save: Callable[[Path], None], device: torch.device | str = "cpu",
    ):  # fmt: skip
        self.encoder, self.recipe, self.run, self.save, self.device = encoder, recipe, run, save, device
        self.videos = [v._replace(split="train") for v in train] if segments else []
        self.videos += [v._replace(split="val") for v in held_out]
        ids = {video.id for video in self.videos}
        self.segments = Segments({video: rows for video, rows in (segments or {}).items() if video in ids})
        self.with_copies = can_be_augmented(recipe)
        if not segments and not self.with_copies:
            raise ConfigError(
                f"train.evaluate_every: {recipe.modality['name']} has no copies to align with; give labels (data.labels), or "
                "set it to 0"
            )
        self.metric, self.sign = ("phase_classification/recall", 1) if segments else ("warp_error/dtw_s", -1)
        self.rows: dict[str, dict[str, float]] = {}
        self.best: float | None = None
        self._features: list[Frames] | None = None

    def resume(self, step: int) -> None:
        """Takes up what was found in the first ``step`` steps; what came later comes again."""
        for line in cut_back(self.run / "evaluation.jsonl", step + 1):
            self._take_up(json.loads(line))

    def __call__(self, step: int) -> str:
        features = self._backbone()
        if step == 0:
            self._write(step, CLOCK, self._numbers(*map(time_only, features)))
        name = NOW if step else BEFORE
        mine = [project(self.encoder, part, recipe=self.recipe) for part in features]
        numbers = self._write(step, name, self._numbers(*mine))
        value = numbers[self.metric]
        told = f"step {step}: {self.metric} {value:.3f} on {self._held_out} held-out videos" + "".join(
            f", {row} {self.rows[row][self.metric]:.3f}" for row in (BEFORE, CLOCK) if row in self.rows and row != name
        )
        if step and math.isfinite(value) and (self.best is None or self.sign * value > self.sign * self.best):
            self.best = value
            self._keep(step, value)
            told += "; the best so far"
        return told

    @property
    def _held_out(self) -> int:
        return sum(video.split == "val" for video in self.videos)

    def _backbone(self) -> list[Frames]:
        """Backbone features of the videos and, where there are any, of copies of those held out; once, if they stay."""
        if self._features is None or not self.encoder.backbone.frozen:
            image = BackboneEncoder(self.encoder.backbone, chunk=self.encoder.chunk)
            rows = [embed_video(image, video, recipe=self.recipe, device=self.device) for video in self.videos]
            plain = Frames(rows, describe(image, self.recipe, normalise=False))
            self._features = [plain]
            if self.with_copies:
                folder = self.run / "copies"  # read once
                self._features += [
                    augmented_copies(
                        image, plain.where(split="val"), self.videos, folder, recipe=self.recipe, warps=("none", "pause"),
                        device=self.device,
                    )
                ]  # fmt: skip
                shutil.rmtree(folder, ignore_errors=True)
        return self._features

    def _numbers(self, plain: Frames, *copies: Frames) -> dict[str, float]:
        found = {"kendall_tau": KendallTau().evaluate(plain.where(split="val"))}
        if copies and len(copies[0]):
            found["warp_error"] = WarpError().evaluate(copies[0])
        if self.segments:
            found |= evaluate_frames(plain, self.segments, evaluators={"phase_classification": PhaseClassification()})
        return {name: float(value) for name, value in flatten(found).items() if isinstance(value, (int, float))}

    def _write(self, step: int, row: str, numbers: dict[str, float]) -> dict[str, float]:
        line = {"step": step, "row": row, **numbers}
        append(self.run / "evaluation.jsonl", line)
        self.rows[row] = numbers
        return numbers

    def _take_up(self, line: dict) -> None:
        step, row = line.pop("step"), line.pop("row")
        self.rows[row] = line
        if step and (self.best is None or self.sign * line[self.metric] > self.sign * self.best):
            self.best = line[self.metric]

    def _keep(self, step: int, value: float) -> None:
        words = "the highest" if self.sign > 0 else "the lowest"
        about = {"step": step, "metric": self.metric, "value": value, "why": f"{words} {self.metric} so far"}
        target = self.run / "checkpoints" / BEST
        with checkpoint.writing(target), files.whole_folder(target) as folder:
            self.save(folder)
            files.write_text(folder / "best.json", json.dumps(about, indent=1))


def few(videos: Sequence[Video], number: int) -> list[Video]:
    """``number`` of the videos, spread evenly over their order by id."""
    ordered = sorted(videos, key=lambda video: video.id)
    if len(ordered) <= number:
        return ordered
    return [ordered[i] for i in np.linspace(0, len(ordered) - 1, number).round().astype(int)]
