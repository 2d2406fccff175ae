"""Penn Action (Zhang, Zhu and Derpanis 2013) with the phase labels of Dwibedi et al. 2019, as published.

    mvssl data penn_action Penn_Action penn_action_labels -o penn

Reads ``Penn_Action/frames/0001/000001.jpg`` and ``Penn_Action/labels/0001.mat`` (field ``action``), and
``penn_action_labels/{train,val}/<action>/<0001...>.npy`` (one integer per frame; the first four characters are the id).
The split is that of the label folders and not the ``train`` flag of the .mat files. strum_guitar and jump_rope have no
phase labels and are left out. The pictures have no frame rate; 25 per second is what CARL encodes them at.

Traps: label and frame counts differ in some videos (the labels are then stretched to the frames, by index, as the
published scripts do, and counted here); some label folders have other action names (bowling, pushups, pullups, squats); the
action of the .mat may differ from the folder (refused). Published tables disagree: TCC's lists 113/57 for bench_press,
a copy of baseball_swing, 114/115 for squat and 115/68 for tennis_serve. ``EXPECTED`` is CARL's, which the label folders
hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mvssl.converters._tables import segments_of_frames, write_dataset
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.types import Video

EXPECTED = {  # training videos, validation videos, phases
    "baseball_pitch": (103, 63, 4),
    "baseball_swing": (113, 57, 3),
    "bench_press": (69, 71, 2),
    "bowl": (134, 85, 3),
    "clean_and_jerk": (40, 42, 6),
    "golf_swing": (87, 77, 3),
    "jumping_jacks": (56, 56, 4),
    "pushup": (102, 106, 2),
    "pullup": (98, 101, 2),
    "situp": (50, 50, 2),
    "squat": (111, 115, 4),
    "tennis_forehand": (79, 74, 3),
    "tennis_serve": (98, 69, 4),
}
ALIASES = {"bowling": "bowl", "pushups": "pushup", "pullups": "pullup", "squats": "squat", "situps": "situp"}


def prepare(source: Path, labels: Path, out: Path, *, fps: float = 25.0) -> list[str]:
    """Writes the tables to ``out``; returns what a reader should know (also printed).

    Raises:
        InputError: a folder that is not there, a labelled video without frames, an action that the .mat contradicts.
    """
    for needed in (source / "frames", labels):
        if not needed.is_dir():
            raise InputError(f"{needed}: no such folder; unpack the data set as published")
    videos, segments, stretched = [], Segments(), []
    for file in sorted(labels.glob("*/*/*.npy")):
        split, folder, number = file.parts[-3], file.parts[-2], file.name[:4]
        action = ALIASES.get(folder, folder)
        frames = source / "frames" / number
        num_frames = len(list(frames.glob("*.jpg"))) if frames.is_dir() else 0
        if not num_frames:
            raise InputError(f"{file}: labels for video {number}, but {frames} holds no pictures")
        _check_action(source / "labels" / f"{number}.mat", action, file)
        phases = np.load(file).astype(int).ravel()
        if len(phases) != num_frames:
            stretched.append(number)
            phases = phases[np.linspace(0, len(phases) - 1, num_frames).round().astype(int)]
        name = f"{number}_{action}"
        about: dict[str, Any] = {
            "fps": fps,
            "num_frames": num_frames,
            "start_s": 0.0,
            "end_s": num_frames / fps,
            "split": split,
            "label": action,
        }
        videos.append(Video(name, str(frames.resolve()), **about))
        segments[name] = segments_of_frames(phases, fps, f"{action}/{{}}")
    write_dataset(out, videos, segments)
    notes = [f"{len(stretched)} videos whose labels were stretched to their frames: {', '.join(stretched)}"]
    notes += _against_published(videos, segments)
    print("\n".join(notes))
    return notes


def _check_action(mat: Path, action: str, file: Path) -> None:
    if mat.is_file():
        from scipy.io import loadmat

        stated = str(np.atleast_1d(loadmat(mat)["action"])[0])
        if ALIASES.get(stated, stated) != action:
            raise InputError(f"{file}: in the folder of {action}, but {mat} says {stated}")


def _against_published(videos: list[Video], segments: Segments) -> list[str]:
    notes = []
    for action in sorted({video.label for video in videos}):
        found = tuple(sum(v.label == action and v.split == split for v in videos) for split in ("train", "val"))
        phases = {row.label for v in videos if v.label == action for row in segments[v.id]}
        expected = EXPECTED.get(action)
        if expected is None:
            notes.append(f"{action}: not among the 13 published actions")
        elif (*found, len(phases)) != expected:
            notes.append(f"{action}: {found[0]} / {found[1]} videos, {len(phases)} phases; published: {expected}")
    return notes
