"""Fine-grained frame retrieval: are the nearest frames of other videos in the same phase?

For a labelled frame and its K nearest labelled frames (Euclidean, ties to the first, the query's own group left out),
r_k = 1 if the k-th has the query's label, R = frames with this label among all that are allowed:

    precision@K = sum_k r_k / K                                      (named AP@K in CARL; it is a precision)
    mAP@K       = sum_k (r_1 + ... + r_k) / k * r_k / sum_k r_k      (0 if no r_k is 1; as in AE2, who average over all frames)
    recall@K    = sum_k r_k / R

each as mean over the frames of a video, then over videos.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mvssl.errors import InputError
from mvssl.evaluation._checks import by_label, checked_embeddings, checked_labels, frame_labels, groups, is_labelled
from mvssl.evaluation._result import Result, mean_defined
from mvssl.evaluation._sets import merged
from mvssl.frames import Frames
from mvssl.labels import Segments
from mvssl.neighbours import top_k
from mvssl.statistics import SHARE, interval_of_mean

MEASURES = ("precision", "map", "recall")


def frame_precision(
    embeddings: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    *,
    k: Sequence[int] = (5, 10, 15),
    groups: Sequence[Hashable] | None = None,
    stride: int = 1,
) -> Result:
    """precision@K of frames: ``frame_retrieval`` without its other measures; ``value`` is a dict by K."""
    full = frame_retrieval(embeddings, labels, k=k, groups=groups, stride=stride)

    def only(values: Any) -> dict[int, Any]:
        return {size: values[f"precision@{size}"] for size in k}

    return replace(
        full,
        value=only(full.value),
        per_video=only(full.per_video),
        interval=only(full.interval),
        controls={name: only(values) for name, values in full.controls.items()},
    )


def frame_retrieval(
    embeddings: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    *,
    k: Sequence[int] = (5, 10, 15),
    groups: Sequence[Hashable] | None = None,
    stride: int = 1,
) -> Result:
    """precision@K, mAP@K and recall@K for each K.

    Args:
        embeddings: (T_i, D) of each video.
        labels: (T_i,) of each video; "" or a negative number = not labelled: neither query nor found.
        k: numbers of neighbours.
        groups: of each video; videos of the query's group (its scene, person, session) are not searched. A video never
            finds itself. None: only the own video is left out.
        stride: every stride-th frame is used.

    Returns:
        value, per_video, interval: dicts by "precision@5", "map@5", "recall@5", .... undefined: videos without a
        labelled frame, or with fewer than max(k) frames to search. controls["chance"]: what neighbours drawn at
        random expect (precision and recall only). details["per_class"]: precision at the smallest k, over frames.

    Raises:
        InputError: a broken embedding, or labels that do not fit.
    """
    videos = checked_embeddings(embeddings)
    labelled = checked_labels(labels, videos)
    own = [str(i) for i in range(len(videos))] if groups is None else [str(name) for name in groups]
    if len(own) != len(videos):
        raise InputError(f"{len(own)} groups for {len(videos)} videos; each video needs one")
    labelled = [row[::stride] for row in labelled]
    kept = [is_labelled(row) for row in labelled]
    rows = np.concatenate([rows[::stride][keep] for rows, keep in zip(videos, kept)])
    names, label = np.unique(np.concatenate([row[keep] for row, keep in zip(labelled, kept)]), return_inverse=True)
    video = np.repeat(np.arange(len(videos)), [keep.sum() for keep in kept])
    group = np.unique(own, return_inverse=True)[1][video]

    size = np.zeros((len(videos), len(names)), dtype=np.int64)  # frames by group and class
    np.add.at(size, (group, label), 1)
    allowed = (size.sum() - size.sum(1))[group]  # frames that a query may find
    right = (size.sum(0) - size)[group, label]  # and those of them that have its label
    use = allowed >= max(k)
    measured = _measure(rows, label, group, use, right[use], k)
    chance = {f"precision@{size}": right[use] / allowed[use] for size in k}
    chance |= {f"recall@{size}": size / allowed[use] for size in k}

    def per_video(values: np.ndarray) -> np.ndarray:
        defined = np.isfinite(values)
        total = np.bincount(video[use][defined], values[defined], minlength=len(videos))
        number = np.bincount(video[use][defined], minlength=len(videos))
        return np.divide(total, number, out=np.full(len(videos), np.nan), where=number > 0)

    by_video = {name: per_video(values) for name, values in measured.items()}
    first = measured[f"precision@{min(k)}"]
    return Result(
        value={name: mean_defined(values) for name, values in by_video.items()},
        per_video=by_video,
        undefined=len(videos) - len(np.unique(video[use])),
        interval={name: interval_of_mean(v, units=own, bounds=SHARE) for name, v in by_video.items()},
        controls={"chance": {name: mean_defined(per_video(values)) for name, values in chance.items()}},
        details={
            "per_class": {str(name): mean_defined(first[label[use] == i]) for i, name in enumerate(names)},
            "num_queries": int(use.sum()),
            "queries_without_partner": int((right[use] == 0).sum()),  # recall is undefined for these
            "undefined": "videos",
        },
    )


def _measure(
    rows: np.ndarray, label: np.ndarray, group: np.ndarray, use: np.ndarray, right: np.ndarray, sizes: Sequence[int]
) -> dict[str, np.ndarray]:
    if not use.any():
        return {f"{name}@{size}": np.zeros(0) for size in sizes for name in MEASURES}
    found, _ = top_k(rows[use], rows, max(sizes), group_x=group[use], group_y=group)
    hit = label[found] == label[use][:, None]
    precision_at = np.cumsum(hit, axis=1) / np.arange(1, max(sizes) + 1)
    out = {}
    for size in sizes:
        total = hit[:, :size].sum(1)
        out[f"precision@{size}"] = total / size
        out[f"map@{size}"] = (precision_at * hit)[:, :size].sum(1) / np.maximum(total, 1)
        out[f"recall@{size}"] = np.where(right > 0, total / np.maximum(right, 1), np.nan)
    return out


class FrameRetrieval:
    """Frame retrieval among the videos of a table; own video, session and group left out.

    Args:
        k: numbers of neighbours.
        stride: every stride-th frame.
        by_action: search within the action of the query (videos of the same ``label``) and average over actions, as
            published for Penn Action; otherwise all videos are searched.
    """

    def __init__(self, *, k: tuple[int, ...] = (5, 10, 15), stride: int = 1, by_action: bool = False):
        self.k, self.stride, self.by_action = k, stride, by_action

    def evaluate(self, frames: Frames, labels: Segments | None = None, train: Frames | None = None) -> Result:
        """Retrieval among ``frames`` by the phases of ``labels``; training videos are not used."""
        if labels is None:
            raise InputError("frame retrieval needs labels")
        parts = by_label(frames) if self.by_action else {"": frames}
        found = {
            name: frame_retrieval(
                part.embeddings, frame_labels(part, labels), k=self.k, groups=groups(part), stride=self.stride
            )
            for name, part in parts.items()
        }
        return merged(found, parts, frames)
