"""The pickles of CARL's own format (Pouring, Penn Action, FineGym), read without running what a pickle may hold.

    mvssl data carl pouring -o pouring_tables

Reads ``train.pkl`` and ``val.pkl`` (or ``<name>_train.pkl``, ``gym99_train_v1.0.pkl``): a list, or a list with further
things behind it in a tuple, of dictionaries with ``id``, ``name``, ``video_file`` (relative to the data root),
``frame_label`` (integers, one per frame; -1 = none) and ``seq_len``; Penn Action also ``action_label``. Videos are 25
frames a second.

Only lists, dictionaries, numbers, text, NumPy arrays and torch tensors are unpickled; anything else is refused by name.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mvssl.converters._tables import segments_of_frames, write_dataset
from mvssl.errors import InputError
from mvssl.labels import Segments
from mvssl.types import Video

ACTIONS = (  # action_label of Penn Action, in the order of CARL's tables
    "baseball_pitch",
    "baseball_swing",
    "bench_press",
    "bowl",
    "clean_and_jerk",
    "golf_swing",
    "jumping_jacks",
    "pushup",
    "pullup",
    "situp",
    "squat",
    "tennis_forehand",
    "tennis_serve",
)
_NUMPY = {"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"}


class _Careful(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch.storage" and name == "_load_from_bytes":
            import torch

            return lambda data: torch.load(io.BytesIO(data), weights_only=True)
        torch_parts = {("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")}
        harmless = {("collections", "OrderedDict"), ("_codecs", "encode"), ("builtins", "set"), ("builtins", "slice")}
        numpy_parts = module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy._core.numeric")
        if (module, name) in torch_parts | harmless or (numpy_parts and name in _NUMPY):
            return super().find_class(module, name)
        raise InputError(f"the pickle wants to call {module}.{name}, which no label table needs; it was not run")


def load_pickle(path: Path) -> Any:
    """The content of a pickle that holds plain data only.

    Raises:
        InputError: it holds something else, or cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Careful(file).load()
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (pickle.UnpicklingError, EOFError, AttributeError, IndexError) as error:
            raise InputError(f"{path}: not a readable pickle ({error})") from None


def prepare(source: Path, out: Path, *, fps: float = 25.0) -> None:
    """Writes the tables to ``out``.

    Raises:
        InputError: no pickles, one that is not safe, a dictionary without a key, labels that do not match ``seq_len``.
    """
    files = sorted(source.glob("*.pkl"))
    if not files:
        raise InputError(f"{source}: no .pkl files")
    videos, segments = [], Segments()
    for file in files:
        split = "val" if "val" in file.stem else "train"
        content = load_pickle(file)
        rows = content[0] if isinstance(content, tuple) else content
        for row in rows:
            missing = {"name", "video_file", "frame_label", "seq_len"} - set(row)
            if missing:
                raise InputError(f"{file}: a video without {', '.join(sorted(missing))}; found {sorted(row)}")
            labels = np.asarray(row["frame_label"]).astype(int).ravel()
            length = int(row["seq_len"])
            if len(labels) != length:
                raise InputError(f"{file}: {row['name']}: {len(labels)} labels, but seq_len says {length}")
            action = ACTIONS[int(row["action_label"])] if "action_label" in row else source.name
            name = f"{split}/{row['name']}"
            path = str((source.parent / row["video_file"]).resolve())
            if not Path(path).exists():
                path = str((source / row["video_file"]).resolve())
            about: dict[str, Any] = {
                "fps": fps,
                "num_frames": length,
                "start_s": 0.0,
                "end_s": length / fps,
                "split": split,
                "label": action,
            }
            videos.append(Video(name, path, **about))
            rule = f"{action}/{{}}" if "action_label" in row else "{}"
            segments[name] = segments_of_frames(labels, fps, rule)
    write_dataset(out, videos, segments)
