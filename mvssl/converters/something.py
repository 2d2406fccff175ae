"""Something-Something v2 (Goyal et al. 2017), as published: videos ``<id>.webm`` and three JSON files.

    mvssl data something labels 20bn-something-something-v2 -o ssv2

Reads ``{something-something-v2-,}{train,validation,test,labels}.json``: the first three are lists of {id, label,
template, placeholders} (the test list has ids only), the last maps a template without brackets to its class number.
Videos that are not there are left out and counted.
"""

from __future__ import annotations

import json
from pathlib import Path

from mvssl.converters._tables import write_dataset
from mvssl.errors import InputError
from mvssl.types import Video


def prepare(labels: Path, videos: Path, out: Path) -> int:
    """Writes the table; returns the number of videos that are not there.

    Raises:
        InputError: a missing JSON file, a template that the class list lacks (names the video).
    """
    classes = _json(labels, "labels")
    rows, missing = [], 0
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        for row in _json(labels, name):
            path = videos / f"{row['id']}.webm"
            if not path.exists():
                missing += 1
                continue
            template = row.get("template", "").replace("[", "").replace("]", "")
            if template and template not in classes:
                raise InputError(f"{labels}: video {row['id']}: no class for the template {template!r}")
            rows.append(Video(str(row["id"]), str(path.resolve()), split=split, label=template))
    write_dataset(out, rows)
    print(f"{missing} videos are not there")
    return missing


def _json(folder: Path, name: str):
    for path in (folder / f"something-something-v2-{name}.json", folder / f"{name}.json"):
        if path.is_file():
            return json.loads(path.read_text())
    raise InputError(f"{folder}: no something-something-v2-{name}.json or {name}.json")
