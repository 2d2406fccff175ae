"""Is memory bounded when a long video is embedded? Resident memory over one hour of video, beside ten minutes.

    python benchmarks/embed_hour.py [--minutes 10 60] [--json FILE]

A synthetic video of 64 x 36 pixels, 25 frames a second, through the default recipe's encoder
with untrained weights at 10 frames a second, pictures of 32 pixels. Each length in a process of its own; "peak" is the
largest resident memory above that before the video was opened. The table of embeddings itself grows with the video and is
stated: it is what memory may grow by.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

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


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 60])
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
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
