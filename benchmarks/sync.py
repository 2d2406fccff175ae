"""How well are the clocks of cameras found after each was cut independently? Beside the clock's own error.

    python benchmarks/sync.py DATA [--sets multicam falls raise_hand] [--run RUN] [--seeds 3] [--json FILE]

DATA holds the sets; cameras of one session show the same instants at equal times. From each camera up to 3 s, but no more
than 40 % of it, are cut away before its frames are embedded. The error of the estimated offset is compared with the
clock's, which takes both cuts for equal. Sound is used where all cameras have it.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from mvssl.alignment import Offset, camera_offset, sound_offset
from mvssl.api import load, zero_shot
from mvssl.embedding import Model
from mvssl.embedding.video import embed_video
from mvssl.frames import VideoFrames
from mvssl.types import Video
from mvssl.video import read_audio, read_videos

MAX_CUT_S, MAX_SHARE = 3.0, 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["multicam", "falls", "raise_hand"])
    parser.add_argument("--run", help="trained run; default: zero-shot")
    parser.add_argument("--name", default="ImageNet features", help="what the run is, for the table")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=20, help="at most, of each set")
    parser.add_argument("--json", type=Path, help="other names in it are kept")
    options = parser.parse_args()
    model = load(options.run) if options.run else zero_shot()
    rows = {name: measured(model, options.data / name, options.seeds, options.sessions) for name in options.sets}
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    found = {**known, options.name: rows}
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
        options.json.with_suffix(".md").write_text(table(found))


def measured(model: Model, folder: Path, num_seeds: int, num_sessions: int) -> dict:
    sessions: dict[str, list[Video]] = {}
    for video in read_videos(folder):
        sessions.setdefault(video.session or folder.name, []).append(video)
    sessions = {name: videos for name, videos in sorted(sessions.items()) if len(videos) > 1}
    error: dict[str, list[float]] = {"embedding": [], "sound": [], "clock": []}
    confidence: list[float] = []
    for seed in range(num_seeds):
        for number, videos in enumerate(list(sessions.values())[:num_sessions]):
            rng = np.random.default_rng([seed, number])
            cut_s = rng.uniform(0, [min(MAX_CUT_S, MAX_SHARE * v.duration_s) for v in videos])
            shown = [embedded(model, video, float(cut)) for video, cut in zip(videos, cut_s)]
            for i, j in combinations(range(len(videos)), 2):
                truth_s = float(cut_s[j] - cut_s[i])  # reference time = offset + camera time, both from 0
                found = camera_offset(shown[i], shown[j], max_offset_s=MAX_CUT_S)
                error["embedding"].append(abs(found.offset_s - truth_s))
                confidence.append(found.confidence)
                error["clock"].append(abs(truth_s))
                if videos[i].has_audio and videos[j].has_audio:
                    error["sound"].append(abs(by_sound(videos[i], videos[j], cut_s[i], cut_s[j]).offset_s - truth_s))
    sure = np.array(confidence) >= np.median(confidence)
    error["embedding, surer half"] = np.array(error["embedding"])[sure].tolist()
    return {name: summary(values) for name, values in error.items()}


def embedded(model: Model, video: Video, cut_s: float) -> VideoFrames:
    """The camera as if its recording had begun ``cut_s`` later, embedded afresh, its clock from 0."""
    return embed_video(
        model.encoder, video, recipe=model.recipe, normalise=model.normalise, warp=partial(_begun_later, cut_s)
    )


def _begun_later(cut_s: float, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = time_s[time_s >= time_s[0] + cut_s]
    return kept, kept - (time_s[0] + cut_s)


def by_sound(one: Video, other: Video, cut_s: float, other_cut_s: float) -> Offset:
    sounds = [read_audio(v.path, v.start_s + cut, v.end_s) for v, cut in ((one, cut_s), (other, other_cut_s))]
    return sound_offset(*sounds, names=(one.id, other.id), max_offset_s=MAX_CUT_S)


def summary(values: list[float]) -> dict[str, float] | str:
    if not values:
        return "not run: no sound"
    within = float(np.mean(np.array(values) <= 0.1))
    return {
        "pairs": len(values),
        "mean_s": round(float(np.mean(values)), 3),
        "median_s": round(float(np.median(values)), 3),
        "within 0.1 s": round(within, 2),
    }


def table(found: dict) -> str:
    lines = ["| features | set | method | pairs | mean (s) | median (s) | within 0.1 s |", "|---" * 7 + "|"]
    for name, sets in found.items():
        for where, methods in sets.items():
            for method, row in methods.items():
                cells = [row] * 4 if isinstance(row, str) else [str(value) for value in row.values()]
                lines.append("| " + " | ".join([name, where, method, *cells]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
