"""How well are labels carried to new videos by alignment, with 1, 3 and 10 labelled videos?

    python benchmarks/label_transfer.py SET FRAMES --name TEXT [--control FRAMES] [--draws 10] [--json FILE]

SET is a labelled data set (videos.csv with splits, segments.csv), FRAMES its embedded videos (``mvssl embed``) and
--control its ImageNet features. Labelled videos are drawn from the train split, several times, and every val video is
labelled: by alignment to each of them and a vote, by the linear map in its place (each of them stretched onto the video), by
the nearest frame in ImageNet features (each video's mean subtracted), and by time only (the label at the same share of the
length, vote). Frames that stay without label count
as wrong. The number is the mean over classes of the share of their frames that was labelled right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from mvssl.alignment import TRAINED, align, linear_map, transfer_labels
from mvssl.alignment.align import _every
from mvssl.dtw import cosine_cost
from mvssl.frames import Frames, VideoFrames, read_frames
from mvssl.labels import Segments, read_segments
from mvssl.video import read_videos

SHOTS, FPS = (1, 3, 10), 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--name", default="ImageNet features")
    parser.add_argument("--control", type=Path)
    parser.add_argument("--trained", action="store_true", help="rows of the default recipe, which centres them itself")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--json", type=Path, help="other sets and names in it are kept")
    options = parser.parse_args()
    if options.trained:
        _OPTIONS.update(centre=False, calibration=TRAINED)
    segments = read_segments(options.dataset / "segments.csv")
    labelled = {video.id for video in read_videos(options.dataset) if segments.get(video.id)}
    frames = _thinned(read_frames(options.frames), labelled)
    rows = {f"alignment, {options.name}": scores(frames, segments, options.draws, by_alignment)}
    rows["linear map"] = scores(frames, segments, options.draws, by_line)
    rows["time only"] = scores(frames, segments, options.draws, by_time)
    if options.control:
        control = _thinned(read_frames(options.control), labelled)
        rows["nearest frame, ImageNet features"] = scores(control, segments, options.draws, by_nearest)
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    known.setdefault(options.dataset.name, {}).update(rows)
    print(table(known))
    if options.json:
        options.json.write_text(json.dumps(known, indent=1) + "\n")
        options.json.with_suffix(".md").write_text(table(known))


def scores(frames: Frames, segments: Segments, num_draws: int, label) -> dict[str, list[float]]:
    """(mean, standard deviation over draws) of the mean recall, by number of labelled videos."""
    train, val = frames.where(split="train"), frames.where(split="val")
    truth = np.concatenate([segments.at(video.video, video.time_s) for video in val])
    rng = np.random.default_rng(0)
    picks = [rng.permutation(len(train))[: max(SHOTS)] for _ in range(num_draws)]
    found: dict[str, list[float]] = {}
    for shots in SHOTS:
        values = []
        for pick in picks:
            references = [train[int(i)] for i in pick[:shots]]
            given = np.concatenate([label(references, video, segments) for video in val])
            classes = [name for name in np.unique(truth) if name]
            values.append(float(np.mean([(given[truth == name] == name).mean() for name in classes])))
        found[str(shots)] = [round(float(np.mean(values)), 3), round(float(np.std(values)), 3)]
    return found


_MAPS: dict = {}
_OPTIONS: dict = {}


def by_alignment(references: list[VideoFrames], video: VideoFrames, segments: Segments) -> np.ndarray:
    for one in references:
        if (one.video, video.video) not in _MAPS:
            _MAPS[one.video, video.video] = align(one, video, **_OPTIONS)
    return transfer_labels([_MAPS[one.video, video.video] for one in references], segments, video).label


def by_line(references: list[VideoFrames], video: VideoFrames, segments: Segments) -> np.ndarray:
    return transfer_labels([linear_map(one, video) for one in references], segments, video).label


def by_nearest(references: list[VideoFrames], video: VideoFrames, segments: Segments) -> np.ndarray:
    rows = np.concatenate([one.embedding - one.embedding.mean(0) for one in references])
    known = np.concatenate([segments.at(one.video, one.time_s) for one in references])
    cost = cosine_cost(video.embedding - video.embedding.mean(0), rows[known != ""])
    return known[known != ""][cost.argmin(1)]


def by_time(references: list[VideoFrames], video: VideoFrames, segments: Segments) -> np.ndarray:
    share = (video.time_s - video.time_s[0]) / max(np.ptp(video.time_s), 1e-9)
    votes = [segments.at(one.video, one.time_s[0] + share * np.ptp(one.time_s)) for one in references]
    names = np.unique(np.concatenate(votes))
    names = names[names != ""]
    counts = np.array([[sum(vote[i] == name for vote in votes) for name in names] for i in range(len(share))])
    return np.where(counts.any(1), names[counts.argmax(1)], "")


def _thinned(frames: Frames, labelled: set[str]) -> Frames:
    def thin(video: VideoFrames) -> VideoFrames:
        return _every(video, max(1, round(1 / FPS / float(np.median(np.diff(video.time_s))))))

    return Frames([thin(video) for video in frames if video.video in labelled], frames.metadata)


def table(known: dict) -> str:
    lines = ["| set | method | " + " | ".join(f"{shots} labelled" for shots in SHOTS) + " |", "|---" * 5 + "|"]
    for dataset, rows in known.items():
        for name, row in rows.items():
            cells = [row] * len(SHOTS) if isinstance(row, str) else [f"{m:.3f} ± {s:.3f}" for m, s in row.values()]
            lines.append(f"| {dataset} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
