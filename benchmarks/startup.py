"""How long does a command take until it begins its work, in times of ``import torch``?

    python benchmarks/startup.py [--before FOLDER] [--repeats N] [--json FILE]

Each line is a process of its own: the words of the shell that only answer, the rooms and functions that are imported, and
for every command all that is loaded before its function is called. What a model needs (timm, and torchvision with it) is loaded
where a model is made, and not counted. Lines are interleaved in random order, ``import torch`` among them; figures are CPU
seconds (user and system) of the process, the least of the repeats. ``--before`` is another checkout to compare with.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = (
    "scan", "pretrain", "submit", "adapt", "preview", "embed", "align", "sync", "index", "search", "evaluate", "compare",
    "data", "report", "card", "export", "app", "doctor", "demo",
)  # fmt: skip
ELSEWHERE = {  # what stood in the shell alone before, by what its command loaded
    "submit": "mvssl.training",
    "compare": "mvssl.evaluation.results_file",
    "data": "mvssl.converters",
}
WORDS = ("--help", "align --help", "align none none", "evaluate none none", "pretrain none", "scan none", "data carl")
ROOMS = ("statistics", "alignment", "retrieval", "evaluation", "api")


def lines() -> dict[str, list[str]]:
    """By name: what Python is told."""
    found = {"import torch": ["-c", "import torch"]}
    found |= {f"import mvssl.{room}": ["-c", f"import mvssl.{room}"] for room in ROOMS}
    found |= {f"mvssl {words}": ["-m", "mvssl", *words.split()] for words in WORDS}
    for name in COMMANDS:
        other = f"import {ELSEWHERE[name]}" if name in ELSEWHERE else "raise"
        code = f"import mvssl, mvssl.cli\ntry: mvssl.{name}\nexcept AttributeError: {other}"
        found[f"mvssl {name}, until it works"] = ["-c", code]
    return found


def cpu_s(words: list[str], package: Path) -> float:
    """CPU seconds of a process, and of what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(package)}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    if run.returncode not in (0, 2):  # 2: what was asked for cannot be, which is the answer that is timed
        raise RuntimeError(f"{words}: {run.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    packages = {"now": ROOT, **({"before": given.before.resolve()} if given.before else {})}
    jobs = [(name, where) for name in lines() for where in packages] * given.repeats
    random.Random(0).shuffle(jobs)
    seconds: dict[str, dict[str, list[float]]] = {name: {where: [] for where in packages} for name in lines()}
    for name, where in jobs:
        seconds[name][where].append(cpu_s(lines()[name], packages[where]))
    torch_s = min(min(each) for each in seconds["import torch"].values())
    least = {name: {where: min(each) for where, each in found.items()} for name, found in seconds.items()}
    print(f"import torch: {torch_s:.2f} CPU-s\n\n| | {' | '.join(packages)} |\n|---|{'---|' * len(packages)}")
    for name, found in least.items():
        print(f"| `{name}` | {' | '.join(f'{found[where] / torch_s:.2f}' for where in packages)} |")
    if given.json:
        rows = {name: {where: round(s, 3) for where, s in found.items()} for name, found in least.items()}
        about = {"unit": "CPU seconds", "repeats": given.repeats, "import torch": round(torch_s, 3)}
        given.json.write_text(json.dumps({**about, "lines": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
