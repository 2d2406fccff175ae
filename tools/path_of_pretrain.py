"""The files of ``mvssl pretrain default``, from the command to the loss, in the order in which they are first needed.

It trains two steps on videos that it makes and notes which files of the package were loaded, and in which a function ran.
Run: ``python tools/path_of_pretrain.py``.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch

import mvssl

PACKAGE = Path(mvssl.__file__).parent


def make_videos(folder: Path) -> None:
    from mvssl.video import write_video

    rng = np.random.default_rng(0)
    for number in range(4):
        write_video(folder / f"v{number}.mp4", rng.integers(0, 255, (30, 32, 32, 3), dtype=np.uint8), fps=10)


def train(videos: Path, run: Path) -> list[str]:
    """Files in which a function ran."""
    from mvssl import config
    from mvssl.training import pretrain

    changes = [f"data.root={videos}", "encoder.backbone=test_resnet", "encoder.weights=none", "encoder.stage=1"]
    changes += ["views.size=32", "embed.size=32", "train.steps=2"]
    files: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name not in ("<module>", "<lambda>"):
            files.setdefault(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    pretrain(config.load(config.find("default", "pretrain"), changes), run, progress=False)
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]
    return [name for name in files if name.startswith(str(PACKAGE))]


def count(names: list[str]) -> str:
    return f"{len(names)} files, {sum(len(Path(name).read_text().splitlines()) for name in names):,} lines"


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(folder) / "videos"
        videos.mkdir()
        make_videos(videos)
        ran = train(videos, Path(folder) / "run")
    for name in ran:
        print(f"{len(Path(name).read_text().splitlines()):5d}  {Path(name).relative_to(PACKAGE)}")
    loaded = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "mvssl"]
    print("run:   ", count(ran))
    print("loaded:", count([name for name in loaded if name]))


if __name__ == "__main__":
    main()
