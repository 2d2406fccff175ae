"""The clip objectives side by side: are they right, what do they keep, what do they cost?

    MVSSL_TEST_DATA=DATA python benchmarks/objectives.py --json benchmarks/results/objectives.json \
        --table docs/objectives/comparison.md [--quick] [--only-table]

The checks are those of the tests (``tests/references``), so a row says what the tests assert:

- golden difference: the loss on fixed inputs against another implementation, relative (needs MVSSL_TEST_DATA);
- 2-process difference: losses and gradients of two steps by two processes against one, heads on, float64, relative;
- toy: classes by kNN on encoder (h) and projection (z), spread of z, R2 of the phase on h and z (``phase_class.py``);
- step: CPU time of the objective's forward and backward with its shipped heads, 256 samples, two views, 128 dimensions,
  float32, one thread; the objectives in random order in each round, medians;
- lines: of the objective's file, and of them code (without docstrings, comments, blank lines).

Push-ups: from the results files of ``quality.py``, the objective on frames; mean over seeds. ``--only-table`` reads what
is in the JSON file and those results files, and measures nothing.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import random
import statistics
import sys
import tempfile
import time
import tokenize
from pathlib import Path
from typing import Any

import torch
from quality_rows import METHODS, frame_wise

import mvssl.objectives as objectives
from mvssl.types import Context, Dims, Features, ViewInfo

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from references import golden_values, phase_class, two_processes  # noqa: E402

NAMES = list(phase_class.SETTINGS)
BATCH, DIM = 256, 128
BEGIN, END = "<!-- table of benchmarks/objectives.py -->\n", "<!-- end of the table -->"
NOT_TEXT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip
QUALITY = {"phase recall": "recall", "precision@5": "precision@5"}


def golden_differences() -> dict[str, float]:
    """Relative difference from the other implementation; nothing where the values are not there."""
    root = os.environ.get("MVSSL_TEST_DATA")
    if root is None:
        return {}
    golden = json.loads((Path(root).parent / "goldens" / "objectives.json").read_text())
    found = {name: compare(golden) for name, compare in golden_values.COMPARED.items()}
    return {name: abs(ours - theirs) / abs(theirs) for name, (ours, theirs) in found.items()}


def step_seconds(repetitions: int) -> dict[str, list[float]]:
    """CPU seconds of every repetition, by objective; the first round, which warms up, is left out."""
    torch.manual_seed(0)
    rows, there = torch.arange(BATCH), torch.ones(BATCH, dtype=torch.bool)
    time_s = torch.zeros(BATCH, 1, dtype=torch.float64)
    info = ViewInfo(time_s, there[:, None], there, torch.zeros(BATCH, 4), torch.zeros(BATCH, 0))
    x = {view: torch.randn(BATCH, DIM) for view in ("a", "b")}
    built = {}
    for name in NAMES:
        built[name] = objectives.get(name)()
        built[name].build({view: Dims(0, DIM, {}, 1) for view in x}, BATCH)
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for repetition in range(repetitions + 1):
        for name in random.sample(NAMES, len(NAMES)):
            generator = torch.Generator().manual_seed(repetition)
            target = {view: Features(None, value, {}) for view, value in x.items()}
            context = Context(
                {"a": info, "b": info}, rows, rows[:, None].expand(-1, 2), rows, rows % 8, target, generator=generator
            )
            leaves = {view: Features(None, value.clone().requires_grad_(), {}) for view, value in x.items()}
            begun = time.process_time()
            built[name](leaves, context)["loss"].backward()
            if repetition:
                seconds[name].append(time.process_time() - begun)
            built[name].after_step(context)
    return seconds


def lines_of(name: str) -> tuple[int, int]:
    """Lines of the objective's file, and lines of code among them."""
    text = (Path(objectives.__file__).parent / f"{name}.py").read_text()
    said: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_TEXT:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(text.splitlines()), len(code - said)


def quality(name: str, dataset: str) -> dict[str, Any]:
    """Numbers of the row whose configuration is this objective on frames, mean over seeds; nothing where not run."""
    row = next(row for row, method in METHODS.items() if method == frame_wise(name))
    results = [json.loads(path.read_text()) for path in (HERE / "results" / "quality" / dataset).glob("*.json")]
    numbers = [about["numbers"] for about in results if about["row"] == row]
    if not numbers:
        return {}
    means = {title: statistics.mean(seed[key] for seed in numbers) for title, key in QUALITY.items()}
    return {**means, "seeds": len(numbers)}


def measure(repetitions: int, *, quick: bool) -> list[dict[str, Any]]:
    golden, seconds = golden_differences(), step_seconds(repetitions)
    with tempfile.TemporaryDirectory() as folder:
        processes = two_processes.differences(NAMES, Path(folder))
    rows = []
    for name in NAMES:
        row: dict[str, Any] = {"objective": name, "golden difference": golden.get(name)}
        row["2-process difference"] = processes[name]
        row["toy"] = None if quick else phase_class.train(phase_class.make(name))._asdict()
        low, middle, high = statistics.quantiles(seconds[name], n=4)
        row |= {"step_s": middle, "step_spread_s": high - low, "repetitions": repetitions}
        row["lines"], row["code_lines"] = lines_of(name)
        rows.append(row)
        print(row, flush=True)
    return rows


def table(result: dict[str, Any]) -> str:
    """Markdown, with today's rows of the quality table."""
    head = "| objective | golden difference | 2-process difference | toy kNN h / z | z-std | phase R² h / z | step ms |"
    head += " lines (code) | pushups phase recall | precision@5 |"
    lines = [head, "|---" + "|--:" * 9 + "|"]
    for row in result["rows"]:
        golden = "not run" if row["golden difference"] is None else _small(row["golden difference"])
        toy = ["not run"] * 3
        if row["toy"] is not None:
            t = row["toy"]
            toy = [
                f"{t['knn_h']:.3f} / {t['knn_z']:.3f}",
                f"{t['spread']:.2f}",
                f"{t['phase_h']:.2f} / {t['phase_z']:.2f}",
            ]
        found = quality(row["objective"], "pushups")
        real = [f"{found[title]:.3f}" if found else "not run" for title in QUALITY]
        if found and found["seeds"] > 1:
            real[0] += f" ({found['seeds']} seeds)"
        cells = [f"[{row['objective']}]({row['objective']}.md)", golden, _small(row["2-process difference"]), *toy]
        cells += [f"{1000 * row['step_s']:.1f}", f"{row['lines']} ({row['code_lines']})", *real]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\n{result['about']}\n"


def _small(number: float) -> str:
    return f"{number:.0e}" if number else "0"


def insert(page: Path, text: str) -> None:
    """Puts the table between the markers of a page."""
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file of the numbers, the table beside it as .md")
    parser.add_argument("--table", type=Path, help="page with the markers that the table goes between")
    parser.add_argument("--quick", action="store_true", help="without the toy")
    parser.add_argument("--only-table", action="store_true", help="measure nothing; the JSON file is there")
    parser.add_argument("--repetitions", type=int, default=11)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    if arguments.only_table:
        result = json.loads(arguments.json.read_text())
    else:
        rows = measure(arguments.repetitions, quick=arguments.quick)
        about = f"Measured {time.strftime('%Y-%m-%d')}: torch {torch.__version__}, one thread of a shared machine, "
        about += f"{arguments.repetitions} repetitions of a step of {BATCH} samples."
        result = {"about": about, "rows": rows}
    text = table(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
        arguments.json.with_suffix(".md").write_text(text.replace("](", "](../../docs/objectives/"))
    if arguments.table:
        insert(arguments.table, text)
    print(text)


if __name__ == "__main__":
    main()
