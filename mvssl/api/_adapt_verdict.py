"""Better or not better than zero-shot: the rule, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from mvssl.evaluation._result import mean_defined
from mvssl.statistics import paired_comparison

Errors = Mapping[str, np.ndarray]  # by measure: (V,) seconds of each video, NaN where undefined


class Finding(NamedTuple):
    """One measure: the adapted model beside the best zero-shot row, video by video."""

    measure: str
    rival: str
    adapted: float
    zero_shot: float
    clock: float
    interval: tuple[float, float]  # of adapted - zero-shot: 95 % bootstrap over videos
    num_videos: int

    @property
    def kind(self) -> Literal["better", "worse", "undecided"]:
        """Better or worse where the whole interval lies on one side of 0."""
        low, high = self.interval
        return "better" if high < 0 else "worse" if low > 0 else "undecided"


class Verdict(NamedTuple):
    better: bool
    findings: tuple[Finding, ...]
    words: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "better": self.better,
            "words": self.words,
            "findings": [{**finding._asdict(), "kind": finding.kind} for finding in self.findings],
        }


def judge(
    adapted: Errors, zero_shot: Mapping[str, Errors], clock: Errors, *, held_out: bool, generator: np.random.Generator
) -> Verdict:
    """Compares errors, smaller is better.

    Better means: on an alignment error (a measure whose name begins with "warp") the paired 95 % interval of the difference
    to the best zero-shot row of that measure lies below 0 and the clock alone does worse; and on no measure does it lie
    above 0. With two or three videos that interval lies below 0 only if every video is better. A measure that is defined
    for fewer than two videos is left out.

    Args:
        adapted: of the trained model.
        zero_shot: of each row that needs no training.
        clock: of normalised time alone: what aligns without looking.
        held_out: whether the training had not seen these videos.
        generator: of the bootstrap.
    """
    findings = []
    for measure, errors in adapted.items():
        if np.isfinite(errors).sum() < 2:
            continue
        rival = min(zero_shot, key=lambda row: mean_defined(zero_shot[row][measure]))
        found = paired_comparison(errors, zero_shot[rival][measure], generator=generator)
        adapted_s, rival_s, clock_s = (mean_defined(rows[measure]) for rows in (adapted, zero_shot[rival], clock))
        findings.append(Finding(measure, rival, adapted_s, rival_s, clock_s, found.interval, found.num_videos))
    aligns = [f for f in findings if f.measure.startswith("warp") and f.kind == "better" and f.adapted < f.clock]
    worse = [finding for finding in findings if finding.kind == "worse"]
    better = bool(aligns) and not worse
    return Verdict(better, tuple(findings), _words(better, findings, aligns, worse, held_out))


def _words(better: bool, findings: list[Finding], aligns: list[Finding], worse: list[Finding], held_out: bool) -> str:
    decisive = aligns if better else (worse or findings)
    lines = ["better than zero-shot" if better else "not better than zero-shot"]
    lines += [_line(finding) for finding in decisive]
    if not better and not worse and any(f.measure.startswith("warp") and f.kind == "better" for f in findings):
        lines.append("the clock alone aligns as well: what was gained is time, not content")
    if held_out:
        lines.append(
            "measured two-fold, on videos that the measured models had not seen; the saved one is trained on all"
        )
    else:
        lines.append(
            "measured on other copies (own cuts, warps and augmentation) of the very videos that were trained on: it says "
            "how well these align, not how it goes with new ones; four videos or more are measured two-fold"
        )
    if not better:
        lines.append(
            "zero-shot stays the default: align and search without --run; more videos of the same action or a longer "
            "adaptation (--minutes) may help"
        )
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    low, high = finding.interval
    return (
        f"{finding.measure}: {finding.adapted:.3f} against {finding.zero_shot:.3f} ({finding.rival}), difference {low:+.3f} "
        f"to {high:+.3f} over {finding.num_videos} videos: {finding.kind}; the clock alone: {finding.clock:.3f}"
    )
