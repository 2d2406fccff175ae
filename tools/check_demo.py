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
    for metric in ("phase_classification/accuracy", "frame_retrieval/precision@5"):
        ours = rows["this run"][metric]
        controls = {n: r[metric] for n, r in rows.items() if n not in ROWS[-2:] and isinstance(r, dict) and metric in r}
        best = max(controls, key=lambda name: controls[name])
        print(f"{metric}: this run {ours:.3f}, best control {best} {controls[best]:.3f}")
        assert ours > controls[best], f"{metric}: the trained encoder does not beat {best}"
    report = (folder / "report.html").read_text()
    assert report.count("data:video/mp4") >= 1, "the report holds no video"
    assert report.count("data:image/png") >= 3, "the report lacks pictures"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
