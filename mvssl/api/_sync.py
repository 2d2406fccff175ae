"""Offset and drift between the cameras of one take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    """Estimates what brings each camera's time to the first one's, by pictures and, where all have it, by sound.

    Args:
        cameras: two or more recordings of the same take; the first is the reference.
        output: the CSV to write: reference, camera, offset_s, rate, confidence, method. Beside it, with the ending
            ``.png``, goes a strip of pictures of all cameras at the same instants, before and after.
        run: the model for the pictures; None: zero-shot.
        max_offset_s, max_drift: bounds of the search (see ``mvssl.alignment.camera_offset``).
    """
    if len(cameras) < 2:
        raise InputError("sync: give at least two cameras of one take")
    model = run if isinstance(run, Model) else model_for(run)
    paths = [Path(camera) for camera in cameras]
    frames = [model.frames(path)._replace(video=str(path)) for path in paths]
    sounds = []
    for path in paths:
        with open_video(path) as decoder:
            sounds.append(read_audio(path, 0.0, decoder.video.end_s) if decoder.video.has_audio else None)
    offsets = []
    for path, seen, heard in zip(paths[1:], frames[1:], sounds[1:]):
        found = [camera_offset(frames[0], seen, max_offset_s=max_offset_s, max_drift=max_drift)]
        if heard is not None and sounds[0] is not None:
            names = (str(paths[0]), str(path))
            found.append(sound_offset(sounds[0], heard, names=names, max_offset_s=max_offset_s))
        offsets.append(agreed_offset(found))
    write_offsets(output, offsets)
    write_sync_strip(Path(output).with_suffix(".png"), offsets)
    return offsets
