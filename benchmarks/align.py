"""How far do alignments carry phase borders from where they are? Beside the straight line and the same clock.

    python benchmarks/align.py run SET=DATA:FRAMES [SET=...] --split train --name TEXT [--trained] [--quick] [--json FILE]
    python benchmarks/align.py table [--json FILE]

DATA is a labelled data set (videos.csv with splits, segments.csv), FRAMES its embedded videos (``mvssl embed``). Borders of
the reference are carried to the query of an ordered pair of clips of one action from different scenes and sessions, and compared
with the query's own: seconds, mean over a pair's borders, then mean and median over pairs, with 95 % intervals by bootstrap
over videos. Clips are taken whole, cut by 0 to 30 % at each end, with idle padding, done twice, and as a part of one
against the whole of another (``align_pairs.py``). "Linear" stretches one clip onto the other, "same clock" lets both begin
together. Settings are chosen on the training split; the validation split is opened once per list.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from align_pairs import VARIANTS, Pair, clips_of, drawn_pairs

from mvssl.alignment import TRAINED, TimeMap, align, linear_map
from mvssl.alignment.align import _every
from mvssl.frames import read_frames
from mvssl.labels import read_segments
from mvssl.video import read_videos

RESULTS = Path(__file__).parent / "results" / "align.json"
PAIRS, QUICK_PAIRS, RESAMPLES = 100, 10, 500
Method = Callable[[Pair], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("sets", nargs="*", metavar="SET=DATA:FRAMES")
    parser.add_argument("--split", default="train")
    parser.add_argument("--name", default="ImageNet features", help="what the features are, for the table")
    parser.add_argument("--trained", action="store_true", help="rows of the default recipe, which centres them itself")
    parser.add_argument("--fps", type=float, help="thin the rows to this rate")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS} pairs of each kind in place of {PAIRS}")
    parser.add_argument("--json", type=Path, default=RESULTS, help="other names in it are kept")
    options = parser.parse_args()
    known = json.loads(options.json.read_text()) if options.json.exists() else {}
    if options.what == "run":
        rows = {}
        for text in options.sets:
            name, _, places = text.partition("=")
            data, _, frames = places.partition(":")
            rows[name] = measured(name, Path(data), Path(frames), options)
        known.setdefault(f"{options.name}, {options.split}", {}).update(rows)
        options.json.write_text(json.dumps(known, indent=1) + "\n")
        options.json.with_suffix(".md").write_text(table(known))
    print(table(known))


def methods(trained: bool) -> dict[str, Method]:
    """What is compared: the controls first."""
    given = {"centre": False, "calibration": TRAINED} if trained else {}

    def by(**options: object) -> Method:
        return lambda pair: _carried(align(pair.reference, pair.query, **{**given, **options}), pair)  # type: ignore[arg-type]

    return {
        "linear": lambda pair: _carried(linear_map(pair.reference, pair.query), pair),
        "same clock": lambda pair: pair.borders[:, 0] - pair.reference.time_s[0] + pair.query.time_s[0],
        "default": by(),
        "closed ends, any tempo": by(ends="closed", tempo=0.0),
        "open ends": by(ends="open"),
    }


def measured(name: str, data: Path, folder: Path, options: argparse.Namespace) -> dict:
    frames = read_frames(folder)
    clips = clips_of(frames, read_segments(data / "segments.csv"), read_videos(data), options.split, name)
    clips = [clip for clip in clips if clip.action != "adl"]  # activities of all sorts
    if options.fps:
        clips = [clip._replace(frames=_thinned(clip.frames, options.fps)) for clip in clips]
    found = {}
    for variant in VARIANTS:
        pairs = drawn_pairs(clips, variant, QUICK_PAIRS if options.quick else PAIRS, seed=0)
        if not pairs:
            found[variant] = "not run: no pairs"
            continue
        errors = {
            method: np.array([np.abs(carry(pair) - pair.borders[:, 1]).mean() for pair in pairs])
            for method, carry in methods(options.trained).items()
        }
        found[variant] = {"pairs": len(pairs), **summary(errors, pairs)}
    return found


def _thinned(video, fps: float):
    return _every(video, max(1, round(1 / fps / float(np.median(np.diff(video.time_s))))))


def _carried(time_map: TimeMap, pair: Pair) -> np.ndarray:
    return time_map.to_query(pair.borders[:, 0], extend=True)


def summary(errors: dict[str, np.ndarray], pairs: list[Pair]) -> dict:
    """Mean, median, their intervals, both over those of the straight line, and the share of pairs that beat it."""
    weights = resampled(pairs)
    rows = {}
    for method, values in errors.items():
        means, medians = _means(values, weights), _medians(values, weights)
        line = _means(errors["linear"], weights), _medians(errors["linear"], weights)
        rows[method] = {
            "mean_s": _round(values.mean(), means),
            "median_s": _round(np.median(values), medians),
            "mean / linear": _round(values.mean() / errors["linear"].mean(), means / line[0]),
            "median / linear": _round(np.median(values) / np.median(errors["linear"]), medians / line[1]),
            "better than linear": round(float((values < errors["linear"]).mean()), 2),
        }
    return rows


def resampled(pairs: list[Pair]) -> np.ndarray:
    """(R, P) weights of the pairs in bootstrap samples of the videos: how often both were drawn together."""
    names = sorted({one.video for pair in pairs for one in (pair.reference, pair.query)})
    row = {name: i for i, name in enumerate(names)}
    ends = np.array([(row[pair.reference.video], row[pair.query.video]) for pair in pairs])
    rng = np.random.default_rng(0)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    weights = counts[:, ends[:, 0]] * counts[:, ends[:, 1]]
    return weights[weights.sum(1) > 0]


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ values / weights.sum(1)


def _medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(values)
    share = np.cumsum(weights[:, order], axis=1) / weights.sum(1, keepdims=True)
    return values[order][(share >= 0.5).argmax(1)]


def _round(value: float, samples: np.ndarray) -> list[float]:
    low, high = np.quantile(samples, [0.025, 0.975])
    return [round(float(value), 3), round(float(low), 3), round(float(high), 3)]


def table(known: dict) -> str:
    columns = ("mean_s", "median_s", "mean / linear", "median / linear", "better than linear")  # intervals: of seconds
    lines = ["| features, split | set | clips | method | " + " | ".join(columns) + " |", "|---" * 9 + "|"]
    for name, sets in known.items():
        for where, variants in sets.items():
            for variant, rows in variants.items():
                if isinstance(rows, str):
                    lines.append(f"| {name} | {where} | {variant} | {rows} |" + " |" * 5)
                    continue
                for method, row in rows.items():
                    if method == "pairs":
                        continue
                    cells = [_cell(column, row[column]) for column in columns]
                    lines.append("| " + " | ".join([name, where, f"{variant}, {rows['pairs']}", method, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cell(column: str, value: list[float] | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value[0]:.2f}" if "/" in column else "{:.3f} ({:.3f} to {:.3f})".format(*value)


if __name__ == "__main__":
    main()
