"""Offset and drift between the cameras of one session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mvssl.alignment import Offset, agreed_offset, camera_offset, sound_offset, write_offsets
from mvssl.api._models import model_for
from mvssl.embedding import Model
from mvssl.errors import InputError
from mvssl.reporting.sync_strip import write_sync_strip
from mvssl.video import open_video, read_audio


def sync(
    cameras: Sequence[str | Path],
    output: str | Path,
    *,
    run: str | Path | Model | None = None,
    max_offset_s: float = 10.0,
    max_drift: float = 0.0,
) -> list[Offset]:
    """Estimates what brings each camera's time (on the clock of its file) to the first one's, by pictures and,
    where all have it, by sound.

    Args:
        cameras: two or more recordings of the same session; the first is the reference.
        output: the CSV to write: reference, camera, offset_s, rate, confidence, method. Beside it, with the ending
            ``.png``, goes a strip of pictures of all cameras at the same instants, before and after.
        run: the model for the pictures; None: zero-shot.
        max_offset_s, max_drift: bounds of the search (see ``mvssl.alignment.camera_offset``).
    """
    if len(cameras) < 2:
        raise InputError("sync: give at least two cameras of one session")
    model = model_for(run)
    paths = [Path(camera) for camera in cameras]
    frames = [model.frames(path)._replace(video=str(path)) for path in paths]
    sounds: list[tuple[np.ndarray, int] | None] = []
    starts_s: list[float] = []
    for path in paths:
        with open_video(path) as decoder:
            seen = decoder.video
            sounds.append(read_audio(path, seen.start_s, seen.end_s) if seen.has_audio else None)
            starts_s.append(seen.start_s)
    offsets = []
    for path, shown, heard, start_s in zip(paths[1:], frames[1:], sounds[1:], starts_s[1:]):
        found = [camera_offset(frames[0], shown, max_offset_s=max_offset_s, max_drift=max_drift)]
        if heard is not None and sounds[0] is not None:
            names = (str(paths[0]), str(path))
            begins_s = (starts_s[0], start_s)
            found.append(sound_offset(sounds[0], heard, names=names, begins_s=begins_s, max_offset_s=max_offset_s))
        offsets.append(agreed_offset(found))
    write_offsets(output, offsets)
    write_sync_strip(Path(output).with_suffix(".png"), offsets)
    return offsets
