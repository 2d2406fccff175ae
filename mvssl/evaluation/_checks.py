"""What an evaluator refuses: broken embeddings, labels that fit no video, splits that leak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mvssl.errors import InputError
from mvssl.frames import Frames, VideoFrames
from mvssl.labels import TOLERANCE_S, Segments

_SLACK_S = 0.05  # labels may end one frame (at 20 fps) after the video: authors round differently


def checked_embeddings(embeddings: Sequence[np.ndarray], names: Sequence[str] | None = None) -> list[np.ndarray]:
    """The embeddings as arrays (T_i, D), after a look at shape and values.

    Raises:
        InputError: none at all, an empty or flat one, differing D, or a value that is no finite number.
    """
    arrays = [np.asarray(rows) for rows in embeddings]
    if not arrays:
        raise InputError("no videos to evaluate; the list of embeddings is empty (does the split have another name?)")
    for i, rows in enumerate(arrays):
        name = names[i] if names else f"video {i}"
        if rows.ndim != 2 or not len(rows):
            raise InputError(f"{name}: embeddings must be (frames, features), not empty; got shape {rows.shape}")
        if rows.shape[1] != arrays[0].shape[1]:
            raise InputError(f"{name}: {rows.shape[1]} features, the first has {arrays[0].shape[1]}; use one model")
        if not np.isfinite(rows).all():
            frame = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise InputError(f"{name}: the embedding of row {frame} holds NaN or infinity; embed the video again")
    return arrays


def checked_labels(labels: Sequence[np.ndarray], embeddings: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The labels as arrays, one per frame of each video.

    Raises:
        InputError: the number of videos or of frames differs.
    """
    if len(labels) != len(embeddings):
        raise InputError(f"{len(labels)} lists of labels for {len(embeddings)} videos; each video needs one")
    arrays = [np.asarray(row) for row in labels]
    for i, (row, frames) in enumerate(zip(arrays, embeddings)):
        if row.shape != (len(frames),):
            raise InputError(f"video {i}: labels of shape {row.shape} for {len(frames)} frames; each frame needs one")
    return arrays


def is_labelled(labels: np.ndarray) -> np.ndarray:
    """(T,) bool: False where a frame has no label: "" among strings, a negative number among numbers."""
    return labels != "" if labels.dtype.kind in "UO" else labels >= 0


def frame_labels(frames: Frames, segments: Segments) -> list[np.ndarray]:
    """Labels of the rows of each video, (T,) of str, "" where there is none."""
    return [segments.at(video.video, video.time_s) for video in frames]


def groups(frames: Frames) -> list[str]:
    """What may not find itself: the group of each video, else its session, else itself."""
    return [f"group {v.group}" if v.group else f"session {v.session}" if v.session else v.video for v in frames]


def by_label(frames: Frames) -> dict[str, Frames]:
    """The videos by their ``label`` (the action of the whole video), in alphabetical order."""
    return {label: frames.where(label=label) for label in sorted({video.label for video in frames})}


def check_table(frames: Frames, segments: Segments | None = None) -> None:
    """Checks a table of frames, and labels against it.

    Raises:
        InputError: a broken embedding; times that do not rise; labels of a video that is not in the table; labels
            beyond the end of their video.
    """
    checked_embeddings(frames.embeddings, frames.ids)
    for video in frames:
        if not np.isfinite(video.time_s).all() or (np.diff(video.time_s) <= 0).any():
            raise InputError(f"{video.video}: times of the frames must rise; embed the video again")
    known = set(frames.ids)
    for name, rows in (segments or {}).items():
        if name not in known:
            raise InputError(
                f"labels for {name!r}, which is not among the {len(frames)} embedded videos (e.g. {frames.ids[:2]}): "
                "embed this video too, or correct its name in the label table"
            )
        end_s = _end_s(frames[name])
        late = rows[-1].end_s > end_s + _SLACK_S
        if late or rows[0].start_s < -TOLERANCE_S:
            worst = rows[-1] if late else rows[0]
            raise InputError(
                f"{name}: label {worst.label!r} from {worst.start_s:.4f} to {worst.end_s:.4f} s lies outside the video,"
                f" which ends at {end_s:.4f} s; times are seconds of the video file"
            )


def check_split(train: Frames, val: Frames) -> None:
    """Raises InputError if a video, session or group is in both splits, or if one of them is empty."""
    for name, part in (("training", train), ("validation", val)):
        if not len(part):
            raise InputError(f"the {name} split is empty; set the split of each video in the index")
    for what in ("video", "session", "group"):
        shared = {getattr(v, what) for v in train} & {getattr(v, what) for v in val} - {""}
        if shared:
            raise InputError(
                f"leaky split: {what} {min(shared)!r} is in both training and validation "
                f"({len(shared)} such in all); a {what} must be in one of them"
            )


def normalised_time(video: VideoFrames) -> np.ndarray:
    """(T,) the middle of each row's time over the time all rows cover: (i + 1/2) / T at a constant rate."""
    time_s = video.time_s - video.time_s[0]
    if len(time_s) < 2:
        return np.full(len(time_s), 0.5)
    step_s = time_s[-1] / (len(time_s) - 1)
    return (time_s + step_s / 2) / (time_s[-1] + step_s)


def _end_s(video: VideoFrames) -> float:
    if np.isfinite(video.end_s) and video.end_s > 0:
        return video.end_s
    step_s = float(np.diff(video.time_s).max()) if len(video.time_s) > 1 else float("inf")
    return float(video.time_s[-1]) + step_s
