"""AE2's ego-exo sets (Xue and Grauman 2023: break_eggs, pour_milk, pour_liquid, tennis_forehand), as published.

    mvssl data ae2 AE2_data/break_eggs -o break_eggs

Reads ``<set>/ego/*.mp4`` and ``<set>/exo/*.mp4``, ``<set>/{train,val,test}.csv`` or ``<set>/<split>/<view>.csv`` (a
video name per row, in the first column), and ``<set>/label.pickle`` ({video name: one integer per frame}), read without
running what a pickle may hold. The views are not synchronised: camera = ego or exo, and there are no sessions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mvssl.converters._tables import segments_of_frames, write_dataset
from mvssl.converters.carl import load_pickle
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.rows import read_text
from mvssl.types import Video


def prepare(source: Path, out: Path, *, fps: float = 30.0) -> int:
    """Writes the tables; returns the number of videos without labels.

    Raises:
        InputError: no split lists, a listed video that is in neither view.
    """
    files = {Path(f).stem: Path(f) for view in ("ego", "exo") for f in sorted((source / view).glob("*.mp4"))}
    labels = {Path(str(name)).stem: rows for name, rows in load_pickle(source / "label.pickle").items()}
    videos, segments, unlabelled = [], Segments(), 0
    for split in ("train", "val", "test"):
        lists = [p for p in (source / f"{split}.csv", *sorted((source / split).glob("*.csv"))) if p.is_file()]
        for path in lists:
            names = [Path(line.split(",")[0].strip().strip('"')).stem for line in read_text(path).splitlines()]
            names = [name for name in names if name]
            for name in names:
                if name not in files:
                    raise InputError(f"{path}: {name} is in neither {source / 'ego'} nor {source / 'exo'}")
                about: dict[str, Any] = {
                    "fps": fps,
                    "camera": files[name].parent.name,
                    "split": split,
                    "label": source.name,
                }
                phases = np.asarray(labels.get(name, [])).astype(int).ravel()
                if len(phases):
                    about |= {"num_frames": len(phases), "end_s": len(phases) / fps}
                    segments[name] = segments_of_frames(phases, fps)
                else:
                    unlabelled += 1
                videos.append(Video(name, str(files[name].resolve()), **about))
    if not videos:
        raise InputError(f"{source}: no train.csv, val.csv or test.csv, nor lists in {source / 'train'}")
    write_dataset(out, videos, segments)
    print(f"{unlabelled} videos without labels")
    return unlabelled
