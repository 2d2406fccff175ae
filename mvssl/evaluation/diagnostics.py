"""What a representation has learned, and whether it has collapsed.

Collapse: effective rank = exp(entropy of the singular values' shares) of the centred frames (Roy and Vetterli 2007, of the
matrix as it is: centring is ours), mean standard deviation per dimension of unit vectors (1 / sqrt(D) when spread evenly),
alignment = mean |f(x) - f(y)|^2 of unit vectors of neighbouring frames (their positive pairs are two augmentations of one
picture), uniformity = log mean exp(-2 |f(x) - f(y)|^2) of random pairs (Wang and Isola 2020).

Probes: how much a linear map reads of the clock (R^2 of normalised time), of the scene (``group``) and of the camera
(accuracy minus majority, over 1 minus majority). A representation of the action alone would let none of them be read.
"""

from __future__ import annotations

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, checked_embeddings, groups, normalised_time
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation.phase_classification import fit_classifier
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import Segments
from mvssl.series import unit_rows


def collapse(
    embeddings: list[np.ndarray], *, generator: np.random.Generator, num_pairs: int = 20_000
) -> dict[str, float]:
    """Effective rank, spread, alignment and uniformity of the frames of all videos.

    Args:
        embeddings: (T_i, D) of each video.
        generator: draws the pairs of the uniformity.
        num_pairs: how many.

    Returns:
        "effective_rank" (1 to D; 0 if all frames are equal), "std", "alignment", "uniformity".
    """
    videos = [rows.astype(np.float64) for rows in checked_embeddings(embeddings)]
    frames = np.concatenate(videos)
    centred = frames - frames.mean(0)
    variance = np.clip(np.linalg.eigvalsh(centred.T @ centred), 0, None)
    singular = np.sqrt(variance)
    share = (
        singular[singular > 1e-6 * singular.max()] / singular.sum()
        if singular.max() > 1e-9 * len(frames)
        else np.zeros(0)
    )
    unit = [unit_rows(rows) for rows in videos]
    steps = np.concatenate([((rows[1:] - rows[:-1]) ** 2).sum(1) for rows in unit])
    everything = np.concatenate(unit)
    a, b = generator.integers(0, len(everything), (2, num_pairs))
    apart = a != b
    distance = ((everything[a[apart]] - everything[b[apart]]) ** 2).sum(1)
    return {
        "effective_rank": float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0,
        "std": float(everything.std(0).mean()),
        "alignment": float(steps.mean()) if len(steps) else float("nan"),
        "uniformity": float(np.log(np.exp(-2 * distance).mean())) if len(distance) else float("nan"),
    }


class Diagnostics:
    """Collapse measures and probes of a table.

    Args:
        seed: of the draws and of the halves of each scene.
        by_action: measured within each action (videos of the same ``label``) and averaged.
    """

    def __init__(self, *, seed: int = 0, by_action: bool = False):
        self.seed, self.by_action = seed, by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """value: the keys of ``collapse``, and "clock_r2", "scene", "camera".

        The clock is fitted on ``train`` (unseen videos) and read on ``frames``. Scene and camera are named by group and
        camera of ``frames``: fitted on one half of the videos of each scene, read on the other half; NaN and counted in
        ``undefined`` where there are not two scenes (cameras) with two videos each.
        """
        if train is None:
            raise InputError("diagnostics need training videos, to fit the probe of the clock")
        generator = np.random.default_rng(self.seed)
        parts = (
            [(train.where(label=name), part) for name, part in by_label(frames).items()]
            if self.by_action
            else [(train, frames)]
        )
        every = []
        for fitted, part in parts:
            found = collapse(part.embeddings, generator=generator)
            found["clock_r2"] = clock_r2(fitted, part)
            found["scene"] = _readable(part, [v.group for v in part], generator)
            found["camera"] = _readable(part, [v.camera for v in part], generator)
            every.append(found)
        value = {name: mean_defined([found[name] for found in every]) for name in every[0]}
        undefined = [name for name, number in value.items() if np.isnan(number)]
        return Result(
            value=value, undefined=len(undefined), details={"not_measured": undefined, "undefined": "measures"}
        )


def clock_r2(train: Frames, frames: Frames) -> float:
    """R^2 of normalised time of ``frames`` by ridge regression on ``train``, strength by cross-validation over groups.

    Raises:
        InputError: all training videos are of one group (session, where no group is stated).
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    x, y = np.concatenate(train.embeddings).astype(np.float64), np.concatenate([normalised_time(v) for v in train])
    names = np.repeat(groups(train), [len(video.frame) for video in train])
    if len(set(names)) < 2:
        raise InputError("the probe of the clock needs training videos of two groups, to choose its strength")
    folds = list(GroupKFold(min(5, len(set(names)))).split(x, y, names))
    alphas = np.logspace(-8, 2, 11) * max(float(x.var(0).sum()) * len(x), 1e-12)
    model = RidgeCV(alphas=alphas, cv=folds).fit(x, y)
    truth = np.concatenate([normalised_time(video) for video in frames])
    found = model.predict(np.concatenate(frames.embeddings).astype(np.float64))
    return float(1 - ((found - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def _readable(frames: Frames, names: list[str], generator: np.random.Generator) -> float:
    """(accuracy - majority) / (1 - majority) of a linear classifier of ``names``, on videos it has not seen."""
    fit: list[tuple[VideoFrames, str]] = []
    test: list[tuple[VideoFrames, str]] = []
    for name in sorted(set(names) - {""}):
        members = [video for video, own in zip(frames, names) if own == name]
        if len(members) > 1:
            order = generator.permutation(len(members))
            half = len(members) // 2
            fit += [(members[int(i)], name) for i in order[:half]]
            test += [(members[int(i)], name) for i in order[half:]]
    if len({name for _, name in fit}) < 2:
        return float("nan")
    x = np.concatenate([video.embedding for video, _ in fit]).astype(np.float64)
    y = np.repeat([name for _, name in fit], [len(video.frame) for video, _ in fit])
    found = fit_classifier(x, y).predict(np.concatenate([video.embedding for video, _ in test]).astype(np.float64))
    truth = np.repeat([name for _, name in test], [len(video.frame) for video, _ in test])
    classes, counts = np.unique(y, return_counts=True)
    majority = float((truth == classes[counts.argmax()]).mean())
    return float(((found == truth).mean() - majority) / (1 - majority))
