"""Results kept by what they were computed from, so that an interrupted evaluation goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from mvssl import files
from mvssl.evaluation._result import Result
from mvssl.evaluation.results_file import data_hash
from mvssl.evaluation.suite import Evaluator
from mvssl.frames import Frames
from mvssl.labels import Segments

PACKAGE = Path(__file__).parents[1]
MEASURES = ("evaluation/*.py", "neighbours.py", "statistics.py", "dtw.py", "labels.py")


class FinishedResults:
    """Calls evaluators, and reads what the same evaluator has made of the same rows before.

    The key is made of the evaluator's class and settings, every embedding, time and label it reads, and the source text
    of the evaluators themselves: with any of them changed, the result is computed again.

    Args:
        folder: one JSON file per result, whole or absent.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._digests: dict[int, tuple[Frames, str]] = {}

    def __call__(self, evaluator: Evaluator, frames: Frames, labels: Segments | None, train: Frames) -> Result:
        """``evaluator.evaluate(frames, labels, train)``, from the folder where it is there already."""
        settings = dict(sorted(vars(evaluator).items()))
        about = [type(evaluator).__qualname__, settings, data_hash(frames, labels), data_hash(train)]
        about += [self._digest(frames), self._digest(train), _source()]
        key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
        path = self.folder / f"{type(evaluator).__name__}-{key}.json"
        if path.exists():
            try:
                return Result.from_dict(json.loads(path.read_text()))
            except (ValueError, KeyError, TypeError) as error:
                print(f"{path}: this result is cut or damaged ({type(error).__name__}); it is computed again")
        result = evaluator.evaluate(frames, labels, train)
        files.write_text(path, json.dumps(result.to_dict(), allow_nan=False))
        return result

    def _digest(self, frames: Frames) -> str:
        held = self._digests.get(id(frames))
        if held is None:
            digest = hashlib.sha256()
            for video in frames:
                for name, rows in (("embedding", video.embedding), *sorted(video.extra.items())):
                    digest.update(f"{name} {rows.shape} {rows.dtype}".encode())
                    digest.update(rows.tobytes())
            held = self._digests[id(frames)] = (frames, digest.hexdigest())  # the table is held: its id stays its own
        return held[1]


@lru_cache(maxsize=1)
def _source() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in MEASURES for path in PACKAGE.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
