"""Is memory bounded when a long video is embedded? Resident memory over one hour of video, beside ten minutes.

    python benchmarks/embed_hour.py [--minutes 10 60] [--kill-after 30] [--json FILE]

A synthetic video of 64 x 36 pixels, 25 frames a second, through the default recipe's encoder
with untrained weights at 10 frames a second, pictures of 32 pixels. Each length in a process of its own; "peak" is the
largest resident memory above that before the video was opened. The table of embeddings itself grows with the video and is
stated: it is what memory may grow by. ``--kill-after`` also embeds the longest video with the command ``mvssl embed``,
kills it after that many seconds, lets the same command go on, and compares the table with the one made without a break.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from decode import make

FPS = 10.0


def embedded(path: Path) -> dict:
    """Embeds the video; megabytes."""
    import torch

    from mvssl import config
    from mvssl.embedding import Model

    torch.set_num_threads(1)
    spec = config.load(config.find("default", "pretrain"))["encoder"]
    model = Model(encoder={**spec, "weights": "none"}, recipe={"size": 32, "fps": FPS}).eval()
    first = path.with_name("first.mp4")
    model.frames(first)  # what the first use of every part needs is not the video's
    before = _peak()
    found = model.frames(path)
    table = found.embedding.nbytes + found.time_s.nbytes + found.frame.nbytes
    return {
        "frames": len(found.time_s),
        "above_before_MB": round(_peak() - before, 1),
        "table_MB": round(table / 1e6, 1),
    }


def interrupted(path: Path, kill_after_s: float) -> dict:
    """The command killed and begun again, beside one that was left alone."""
    import torch

    from mvssl import config
    from mvssl.embedding import Model
    from mvssl.frames import read_frames

    folder = path.parent
    torch.manual_seed(0)
    spec = config.load(config.find("default", "pretrain"))["encoder"]
    Model(encoder={**spec, "weights": "none"}, recipe={"size": 32, "fps": FPS}).save_pretrained(
        folder / "run" / "model"
    )
    (folder / "long").mkdir()
    path.rename(folder / "long" / path.name)
    begin = [sys.executable, "-m", "mvssl", "embed", str(folder / "run"), str(folder / "long"), "-o"]
    first = subprocess.Popen([*begin, str(folder / "broken")])
    try:
        first.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        first.kill()
    parts = len(list((folder / "broken").rglob("*.parts/*")))
    killed = first.wait() != 0
    subprocess.run([*begin, str(folder / "broken")], check=True)
    subprocess.run([*begin, str(folder / "whole")], check=True)
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    one, two = read_frames(folder / "broken")[0], read_frames(folder / "whole")[0]
    return {
        "killed": killed,
        "windows_kept": parts,
        "frames": len(one.frame),
        "equal": bool(np.array_equal(one.embedding, two.embedding) and np.array_equal(one.time_s, two.time_s)),
        "largest_resident_MB": round(children_mb, 1),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--kill-after", type=float, metavar="SECONDS")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="mvssl-hour-") as name:
        folder = Path(name)
        os.environ["MVSSL_CACHE"] = str(folder / "cache")
        make(folder / "first.mp4", 64, 36, 50, repeat=8)  # 300 frames at 25 a second are 12 s
        for minutes in arguments.minutes:
            path = make(folder / f"{minutes}.mp4", 64, 36, 50, repeat=minutes * 5)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                row = {"minutes": minutes, **pool.submit(embedded, path).result()}
            print(row, flush=True)
            rows.append(row)
        if arguments.kill_after:
            rows.append({"minutes": minutes, **interrupted(path, arguments.kill_after)})
            print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
