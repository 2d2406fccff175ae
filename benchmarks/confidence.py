"""How well does the probability that two videos show the same action tell the truth?

    python benchmarks/confidence.py --fit FRAMES... --check FRAMES... --name TEXT [--json FILE]

FRAMES are folders of embedded videos (``mvssl embed``), all by one model. A pair matches if both have the same action
(the label of the video; without one the name of its folder; ``adl``, activities of all sorts, matches nothing). Takes
never meet themselves. Half of the pairs are cut at both ends by up to 30 %. The curve is fitted on --fit and checked on
--check; both get the area under the ROC curve and a table of what was predicted and what was so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from mvssl.alignment import IMAGENET, TRAINED, Evidence, fit_calibration, pair_probability
from mvssl.alignment.linear import unevenness
from mvssl.alignment.time_map import UNLIKELY
from mvssl.alignment.warping import warped
from mvssl.frames import VideoFrames, read_frames

align = sys.modules["mvssl.alignment.align"]
FPS, MIN_FRAMES = 10.0, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", type=Path, nargs="*", default=[])
    parser.add_argument("--name", default="features", help="what the features are, for the table")
    parser.add_argument("--shipped", choices=("imagenet", "trained"), default="imagenet", help="curve to check as well")
    parser.add_argument("--pairs", type=int, default=300, help="of each kind")
    parser.add_argument("--json", type=Path, help="other names in it are kept")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shipped = {"imagenet": IMAGENET, "trained": TRAINED}[options.shipped]
    sets = {"fitted on": pairs(options.fit, options.pairs, rng)}
    if options.check:
        sets["checked on"] = pairs(options.check, options.pairs, rng)
    fitted = fit_calibration(*sets["fitted on"])
    rows: dict = {"curve": dict(fitted._asdict()), "shipped": dict(shipped._asdict())}
    for name, (evidence, alike) in sets.items():
        score = np.array([pair_probability(Evidence(*one), shipped) for one in evidence])
        rows[name] = {
            "pairs": len(alike),
            "auc": round(float(roc_auc_score(alike, score)), 3),
            "auc of contrast": round(float(roc_auc_score(alike, evidence[:, 0])), 3),
            "auc of similarity": round(float(roc_auc_score(alike, evidence[:, 1])), 3),
            "outside the fitted range": round(float(np.mean([not shipped.covers(Evidence(*e)) for e in evidence])), 3),
            "matches told 'not sure'": round(float(np.mean(score[alike] < UNLIKELY)), 3),
            "predicted, observed, pairs": reliability(score, alike),
        }
    print(options.name, json.dumps(rows, indent=1))
    if options.json:
        known = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps({**known, options.name: rows}, indent=1) + "\n")


def pairs(folders: list[Path], number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(P, 2) evidence and (P,) whether the two match; at most ``number`` of each kind."""
    videos = [(_thinned(v), v.label or folder.name) for folder in folders for v in read_frames(folder)]
    evidence: list[Evidence] = []
    alike: list[bool] = []
    for _ in range(200 * number):
        (one, action), (two, other) = (videos[k] for k in rng.choice(len(videos), 2, replace=False))
        match = action == other != "adl"
        if alike.count(match) == number or (one.session or one.video) == (two.session or two.video):
            continue
        if rng.random() < 0.5:
            one, two = _cut(one, rng), _cut(two, rng)
        if min(len(one.time_s), len(two.time_s)) < MIN_FRAMES:
            continue
        cost = align.cost_matrix(one, two)
        path = warped(cost, unevenness(one, two)).path
        evidence.append(align._evidence(one, two, cost, path))
        alike.append(match)
        if len(alike) == 2 * number:
            break
    return np.array(evidence), np.array(alike)


def reliability(score: np.ndarray, alike: np.ndarray, num_bins: int = 5) -> list[list[float]]:
    """Mean prediction, share of matches and number of pairs, in bins of equal numbers, both kinds weighing the same."""
    weight = np.where(alike, 0.5 / alike.sum(), 0.5 / (~alike).sum())
    rows = []
    for part in np.array_split(np.argsort(score, kind="stable"), num_bins):
        observed = np.average(alike[part], weights=weight[part])
        rows.append(
            [round(float(np.average(score[part], weights=weight[part])), 2), round(float(observed), 2), len(part)]
        )
    return rows


def _thinned(video: VideoFrames) -> VideoFrames:
    step = max(1, round(1 / FPS / float(np.median(np.diff(video.time_s))))) if len(video.time_s) > 1 else 1
    return align._every(video, step)


def _cut(video: VideoFrames, rng: np.random.Generator) -> VideoFrames:
    first, last = (rng.uniform(0, 0.3, 2) * len(video.time_s)).astype(int)
    part = slice(first, len(video.time_s) - last)
    return video._replace(frame=video.frame[part], time_s=video.time_s[part], embedding=video.embedding[part], extra={})


if __name__ == "__main__":
    main()
