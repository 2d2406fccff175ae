"""Pouring (Sermanet et al. 2017, labels of Dwibedi et al. 2019) from its TFRecords, without TensorFlow.

    mvssl data pouring tcc-pouring -o pouring

Reads ``pouring_train-*-of-*.tfrecord`` and ``pouring_val-*-of-*.tfrecord`` (storage.googleapis.com/tcc-pouring). One
SequenceExample per video: context ``name`` (bytes), ``len`` and ``label`` (integers); feature lists ``video`` (one JPEG
per frame) and ``frame_labels`` (0 to 4). Published: 70 training and 14 validation videos. Each video becomes a folder of
its JPEGs, as they are. The frames have no rate; 25 per second is what CARL encodes them at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mvssl import files
from mvssl.converters._tables import segments_of_frames, write_dataset
from mvssl.converters._tfrecord import read_sequence_examples
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.types import Video


def prepare(source: Path, out: Path, *, fps: float = 25.0) -> None:
    """Writes pictures and tables to ``out``.

    Raises:
        InputError: no such files, a damaged one, counts of frames, labels and ``len`` that differ.
    """
    records = sorted(source.glob("pouring_*.tfrecord*"))
    if not records:
        raise InputError(f"{source}: no pouring_*.tfrecord files")
    videos, segments = [], Segments()
    for file in records:
        split = re.match(r"pouring_(\w+?)-", file.name)
        for context, lists in read_sequence_examples(file):
            name = context["name"][0].decode()
            pictures = [step[0] for step in lists["video"]]
            labels = [step[0] for step in lists.get("frame_labels", [])]
            if len(pictures) != context["len"][0] or (labels and len(labels) != len(pictures)):
                raise InputError(
                    f"{file}: {name}: {len(pictures)} pictures, {len(labels)} labels, but len says {context['len'][0]}"
                )
            name = f"{split[1] if split else 'all'}/{re.sub(r'[^-.0-9A-Za-z_]', '_', name)}"
            folder = out / "frames" / name
            with files.whole_folder(folder) as temporary:
                for i, picture in enumerate(pictures):
                    (temporary / f"{i:06d}.jpg").write_bytes(picture)
            about: dict[str, Any] = {
                "fps": fps,
                "num_frames": len(pictures),
                "start_s": 0.0,
                "end_s": len(pictures) / fps,
                "label": "pouring",
            }
            videos.append(Video(name, f"frames/{name}", split=split[1] if split else "", **about))
            if labels:
                segments[name] = segments_of_frames(labels, fps)
    write_dataset(out, videos, segments)
