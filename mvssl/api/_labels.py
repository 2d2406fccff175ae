"""The reference's labels carried to the queries, as tables of ours and of other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mvssl import files
from mvssl.alignment import TimeMap, to_segments, transfer_labels, write_boris, write_elan, write_progress
from mvssl.frames import VideoFrames, short_name
from mvssl.labels import Segments, labels_beside
from mvssl.rows import clean
from mvssl.types import Video
from mvssl.video import read_labels


def labels_of(dataset: str | Path, labels: str | Path | None, videos: Sequence[Video]) -> Segments | None:
    """The labels of these videos on the clock of their files: of ``labels``, else of segments.csv beside them, else None."""
    beside = labels_beside(dataset)
    path = labels if labels is not None else beside if beside.is_file() else None
    return None if path is None else read_labels(path, videos)


def carry_labels(
    output: Path, maps: Sequence[TimeMap], segments: Segments, queries: Mapping[str, VideoFrames]
) -> list[Path]:
    """Writes segments.csv (with confidence; clock of the file), boris.tsv and one .eaf per query (clock of a player), and
    progress.parquet.

    Args:
        maps: from one labelled reference to each query.
        queries: frames by video id. In ``progress.parquet`` the episodes are numbered in the order of ``maps``.
    """
    carried, rows = Segments(), []
    for one in maps:
        frames = queries[one.query]
        found, confidence = to_segments(transfer_labels(one, segments, frames), end_s=frames.end_s)
        carried[one.query] = found
        rows += [(one.query, *row, sure) for row, sure in zip(found, confidence)]
    told = [(video, f"{a:.4f}", f"{b:.4f}", label, "file", f"{sure:.3f}") for video, a, b, label, sure in rows]
    header = ["video", "start_s", "end_s", "label", "clock", "confidence"]
    table = files.write_csv(output / "segments.csv", header, told)
    episodes = [(one, queries[one.query]) for one in maps]
    numbers = {one.query: number for number, one in enumerate(maps)}
    written = [
        table,
        write_boris(output / "boris.tsv", carried, first_s={name: one.first_s for name, one in queries.items()}),
        write_progress(output / "progress.parquet", episodes, episode_index=numbers),
    ]
    for number, one in enumerate(maps, start=1):
        first_s = queries[one.query].first_s
        path = output / f"{number:02d}-{short_name(clean(Path(one.query).stem))}.eaf"
        written.append(write_elan(path, carried, one.query, media=Path(one.query).resolve(), first_s=first_s))
    return written
