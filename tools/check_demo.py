"""Checks what a demo left behind: the report is whole, and the table has every row and says what it should."""

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
    "before training",
    "this run",
    "supervised reference",
]


def main(folder: Path) -> None:
    rows = json.loads((folder / "evaluation" / "results.json").read_text())["rows"]
    missing = [name for name in ROWS if name not in rows]
    assert not missing, f"results.json has no row {missing}"
    for evaluator, key in (("phase_classification", "accuracy"), ("frame_retrieval", "precision@5")):
        values = {
            n: row[evaluator]["value"][key] for n, row in rows.items() if isinstance(row, dict) and evaluator in row
        }
        ours = values["this run"]
        best = max((name for name in values if name not in ROWS[-2:]), key=lambda name: values[name])
        print(f"{evaluator}/{key}: this run {ours:.3f}, best control {best} {values[best]:.3f}")
        assert ours > values[best], f"{evaluator}/{key}: the trained encoder does not beat {best}"
    report = (folder / "report.html").read_text()
    assert report.count("data:video/mp4") >= 1, "the report holds no video"
    assert report.count("data:image/png") >= 3, "the report lacks pictures"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
