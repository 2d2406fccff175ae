"""Better or not better than zero-shot: the rule, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from mvssl.evaluation._result import mean_defined
from mvssl.statistics import ALPHA, least_units, paired_comparison, sign_flips, unit_sums

Errors = Mapping[str, np.ndarray]  # by measure: (V,) seconds of each video, NaN where undefined


class Finding(NamedTuple):
    """One measure: the adapted model beside the best zero-shot row, video by video."""

    measure: str
    rival: str  # the zero-shot row of the least mean error
    adapted: float
    zero_shot: float
    clock: float
    interval: tuple[float, float]  # of adapted - zero-shot: 95 % over units
    p_better: float  # one-sided, against every zero-shot row, with regard to how many measures are compared
    p_worse: float  # one-sided, against the rival, with regard to how many measures and rows are compared
    num_videos: int
    num_units: int  # groups and sessions, else videos

    @property
    def kind(self) -> Literal["better", "worse", "undecided"]:
        """Better or worse where the p-value is at most half of ``ALPHA`` and the whole interval lies on one side of 0."""
        low, high = self.interval
        if self.p_better <= ALPHA / 2 and high < 0:
            return "better"
        return "worse" if self.p_worse <= ALPHA / 2 and low > 0 else "undecided"


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
    adapted: Errors,
    zero_shot: Mapping[str, Errors],
    clock: Errors,
    *,
    held_out: bool,
    generator: np.random.Generator,
    units: Sequence[str] | None = None,
) -> Verdict:
    """Compares errors, smaller is better.

    Better means: an alignment error (a measure whose name begins with "warp") is better than that of every zero-shot row,
    the clock alone does worse, and no measure is worse than its best zero-shot row. Each is told by flipping signs
    (``sign_flips``) at 2.5 %: to be better than the best of several rows a model must be better than every one, which needs
    no correction (Berger 1982); to be worse than any of them is tested over all rows and measures together. Where the model
    is as good as the best row, "better" or "worse" comes up at most once in twenty. Fewer than ``least_units()`` units allow
    neither. A measure that is defined for fewer than two videos is left out.

    Args:
        adapted: of the trained model.
        zero_shot: of each row that needs no training.
        clock: of normalised time alone: what aligns without looking.
        held_out: whether the training had not seen these videos.
        generator: of the sign patterns.
        units: (V,) what each video belongs to (group or session); None: every video is a unit.
    """
    measures = [measure for measure, errors in adapted.items() if np.isfinite(errors).sum() >= 2]
    aligning = [measure for measure in measures if measure.startswith("warp")]
    p_better = {row: _p_values(adapted, {row: zero_shot[row]}, aligning, units, "less", generator) for row in zero_shot}
    p_worse = _p_values(adapted, zero_shot, measures, units, "greater", generator)
    findings = []
    for measure in measures:
        rival = min(zero_shot, key=lambda row: mean_defined(zero_shot[row][measure]))
        found = paired_comparison(adapted[measure], zero_shot[rival][measure], units=units, generator=generator)
        adapted_s, rival_s, clock_s = (mean_defined(rows[measure]) for rows in (adapted, zero_shot[rival], clock))
        every = [p_values[measure, row] for row, p_values in p_better.items()] if measure in aligning else [1.0]
        findings.append(
            Finding(
                measure, rival, adapted_s, rival_s, clock_s, found.interval, max(every), p_worse[measure, rival],
                found.num_videos, found.num_units,
            )
        )  # fmt: skip
    aligns = [f for f in findings if f.measure in aligning and f.kind == "better" and f.adapted < f.clock]
    worse = [finding for finding in findings if finding.kind == "worse"]
    better_than_all = bool(aligns) and not worse
    return Verdict(better_than_all, tuple(findings), _words(better_than_all, findings, aligns, worse, held_out))


def _p_values(
    adapted: Errors,
    zero_shot: Mapping[str, Errors],
    measures: Sequence[str],
    units: Sequence[str] | None,
    alternative: Literal["less", "greater"],
    generator: np.random.Generator,
) -> dict[tuple[str, str], float]:
    """Adjusted p-value of the difference to each row in each measure."""
    names = [(measure, row) for measure in measures for row in zero_shot]
    if not names:
        return {}
    columns = np.stack([adapted[measure] - zero_shot[row][measure] for measure, row in names], axis=1)
    found = sign_flips(unit_sums(columns, units), alternative=alternative, generator=generator)
    return dict(zip(names, found.adjusted.tolist(), strict=True))


def _words(better: bool, findings: list[Finding], aligns: list[Finding], worse: list[Finding], held_out: bool) -> str:
    decisive = aligns if better else (worse or findings)
    lines = ["better than zero-shot" if better else "not better than zero-shot"]
    lines += [_line(finding) for finding in decisive]
    if not better and not worse and any(f.measure.startswith("warp") and f.kind == "better" for f in findings):
        lines.append("the clock alone aligns as well: what was gained is time, not content")
    most = max((finding.num_units for finding in findings if finding.measure.startswith("warp")), default=0)
    if most < least_units():
        lines.append(
            f"needs at least {least_units()} videos that do not share a group or session; here are {most}: of so few, all "
            f"better by chance is likelier than {ALPHA / 2:.1%}"
        )
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
    p = finding.p_worse if finding.kind == "worse" else finding.p_better
    return (
        f"{finding.measure}: {finding.adapted:.3f} against {finding.zero_shot:.3f} ({finding.rival}), difference {low:+.3f} "
        f"to {high:+.3f} over {finding.num_videos} videos: {finding.kind} (p = {p:.3f}); the clock alone: {finding.clock:.3f}"
    )
