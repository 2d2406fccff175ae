"""Which reader gives the right frame? Kinds of files against libraries; a number written into each picture tells.

    python benchmarks/decode_correctness.py [--quick] [--json FILE] [--markdown]

Each file is made on the spot (the recipes of the tests). Frames are asked for by index, 25 single ones in random order and
all of them in one batch, where index n is the n-th frame shown. A cell says "ok", how many of the 25 + batch were another
picture ("wrong", without any error), or the error. "refused": our optional backends decline the file, with a reason.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from decode import opencv_read, pyav_read

from mvssl.errors import VideoError
from mvssl.video import open_video

CONFTEST = Path(__file__).parent.parent / "tests" / "video" / "conftest.py"


def recipes():
    """The module with the recipes of the awkward files."""
    spec = importlib.util.spec_from_file_location("awkward_files", CONFTEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(backend: str) -> Callable:
    def read(path: str, numbers: np.ndarray, size) -> np.ndarray:
        with open_video(path, backend=backend) as video:
            return video.frames_at(video.times_s[numbers]).transpose(0, 2, 3, 1)

    return read


def torchcodec_raw(path: str, numbers: np.ndarray, size) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(path, dimension_order="NHWC", seek_mode="exact").get_frames_at(numbers.tolist()).data.numpy()


def decord_raw(path: str, numbers: np.ndarray, size) -> np.ndarray:
    import decord

    return decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1).get_batch(numbers.tolist()).asnumpy()


READERS: dict[str, Callable] = {
    "mvssl": ours("auto"),
    "mvssl torchcodec": ours("torchcodec"),
    "mvssl decord": ours("decord"),
    "torchcodec exact": torchcodec_raw,
    "decord": decord_raw,
    "OpenCV": opencv_read,
    "PyAV by time": pyav_read,
}


def judge(
    read: Callable, path: str, numbers: np.ndarray, singles: np.ndarray, number_in: Callable, turned: bool
) -> str:
    wrong, errors, asked = 0, 0, 0
    for wanted in [*singles[:, None], np.arange(len(numbers))]:
        asked += len(wanted)
        try:
            frames = read(path, wanted, None).transpose(0, 3, 1, 2)
        except VideoError as error:
            if error.kind == "backend":
                return "refused"
            errors += len(wanted)
            continue
        except ImportError:
            return "not run"
        except Exception:  # the libraries raise all kinds
            errors += len(wanted)
            continue
        if turned and frames.shape[3] < frames.shape[2]:
            frames = np.rot90(frames, 1, (2, 3))
        elif turned:
            wrong += len(wanted)
            continue
        wrong += sum(number_in(frame) != numbers[n] for frame, n in zip(frames, wanted))
    if not wrong and not errors:
        return "ok"
    failed = "error" if errors == asked else f"{errors} of {asked} error"
    return ", ".join([f"{wrong} of {asked} wrong"] * bool(wrong) + [failed] * bool(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 single frames of each file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    module = recipes()
    rows: list[dict] = []
    if arguments.markdown:
        print("| kind | " + " | ".join(READERS) + " |\n|" + "---|" * (len(READERS) + 1))
    made_by = module._recipes(Path(tempfile.mkdtemp(prefix="mvssl-kinds-")))
    for kind in (*module.READABLE, "cut_mid_gop_ts"):
        made = made_by[kind]()
        rng = np.random.default_rng(0)
        count = min(5 if arguments.quick else 25, len(made.numbers))
        singles = rng.permutation(len(made.numbers))[:count]
        path, turned = str(made.path), kind == "rotated_90"
        cells = {}
        for name, read in READERS.items():
            cells[name] = judge(read, path, made.numbers, singles, module.number_in, turned)
            rows.append({"contender": name, "setting": kind, "result": cells[name]})
        if arguments.markdown:
            print(f"| {kind} | " + " | ".join(cells.values()) + " |", flush=True)
    headline = {
        name: sum(row["result"] not in ("ok", "refused") for row in rows if row["contender"] == name)
        for name in READERS
    }
    print(headline)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "headline": headline}, indent=1))


if __name__ == "__main__":
    main()
