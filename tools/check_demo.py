"""Checks what a demo left behind: the report is whole, the table has every row, and the words agree with the numbers.

    python tools/check_demo.py demo [--must-win]

With ``--must-win`` the trained encoder has to beat every control.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROWS = [
    "majority",
    "time only",
    "random encoder",
    "ImageNet",
    "ImageNet, centred",
    "own backbone",
    "own backbone, centred",
    "own backbone, centred, projected",
    "before training",
    "this run",
    "supervised reference",
]


def main(folder: Path, *, must_win: bool) -> None:
    rows = json.loads((folder / "evaluation" / "results.json").read_text())["rows"]
    missing = [name for name in ROWS if name not in rows]
    assert not missing, f"results.json has no row {missing}"
    report = (folder / "report.html").read_text()
    assert report.count("data:video/mp4") >= 1, "the report holds no video"
    assert report.count("data:image/png") >= 3, "the report lacks pictures"
    for evaluator, key in (("phase_classification", "accuracy"), ("frame_retrieval", "precision@5")):
        values = {
            n: row[evaluator]["value"][key] for n, row in rows.items() if isinstance(row, dict) and evaluator in row
        }
        ours = values["this run"]
        best = max((name for name in values if name not in ROWS[-2:]), key=lambda name: values[name])
        won = ours > values[best]
        print(f"{evaluator}/{key}: this run {ours:.3f}, best control {best} {values[best]:.3f}")
        words = "beats every control" if won else "does not beat every control"
        sentence = f"the trained encoder {words} ({ours:.3f}; the best control, {best}, {values[best]:.3f})"
        assert sentence in report, f"the report does not say: {sentence}"
        assert won or not must_win, f"{evaluator}/{key}: the trained encoder does not beat {best}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), must_win="--must-win" in sys.argv[2:])
