"""LeRobot datasets, format v3: many episodes in one video file, each a range of it; one camera per video key."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from mvssl.errors import InputError
from mvssl.types import Video


def read_lerobot(path: Path, root: Path) -> list[Video]:
    """One row an episode and camera: session = episode, camera = video key, ``start_s`` .. ``end_s`` inside the file."""
    info = json.loads((path / "meta" / "info.json").read_text())
    version = str(info.get("codebase_version", ""))
    if not version.startswith("v3"):
        raise InputError(
            f"{path}: LeRobot format {version or 'unknown'}; only v3 is read (convert it with lerobot's own script)"
        )
    keys = [key for key, feature in info["features"].items() if feature.get("dtype") == "video"]
    template = info["video_path"]
    videos = []
    for file in sorted((path / "meta" / "episodes").rglob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            for key in keys:
                at = f"videos/{key}/"
                name = template.format(
                    video_key=key, chunk_index=row[at + "chunk_index"], file_index=row[at + "file_index"]
                )
                start_s, end_s = float(row[at + "from_timestamp"]), float(row[at + "to_timestamp"])
                session = f"episode_{row['episode_index']:06d}"
                videos.append(
                    Video(
                        f"{session}/{key}", str(root / name), start_s=start_s, end_s=end_s,
                        session=session, camera=key, offset_s=-start_s, label=(row.get("tasks") or [""])[0],
                    )
                )  # fmt: skip
    return videos
