"""Checkpoints that are whole or absent: checksums of every part, the newest undamaged one found by name."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import accelerate
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mvssl import files
from mvssl.distributed import sharded_as
from mvssl.errors import InputError

PREFIX, DAMAGED = "step-", "damaged-"
WEIGHTS, TRAINING, CHECKSUMS = "module.safetensors", "training.pt", "checksums.json"


def environment(world_size: int, **more: object) -> dict[str, str]:
    """What must be equal for a resumed run to repeat the uninterrupted one bit for bit."""
    return {
        **{name: str(value) for name, value in more.items()},
        "torch": str(torch.__version__),
        "accelerate": accelerate.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
        "world_size": str(world_size),
    }


def save(
    folder: Path, step: int, *, weights: Mapping[str, torch.Tensor], training: dict[str, Any], keep: int
) -> Path:  # fmt: skip
    """Writes ``folder/step-00000123`` (weights, state of the training, their SHA-256); older ones beyond ``keep`` go.

    Args:
        weights: state of the module, whole.

    Raises:
        InputError: no room or no right to write; the last whole checkpoint stays.
    """
    target = folder / f"{PREFIX}{step:08d}"
    with writing(target), files.whole_folder(target) as temporary:
        state = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
        save_file(state, temporary / WEIGHTS)
        torch.save(training, temporary / TRAINING)
        sums = {name: _sha256(temporary / name) for name in (WEIGHTS, TRAINING)}
        files.write_text(temporary / CHECKSUMS, json.dumps(sums, indent=1))
    for old in sorted(folder.glob(PREFIX + "*"))[:-keep]:
        shutil.rmtree(old)
    return target


@contextmanager
def writing(what: Path) -> Iterator[None]:
    """Turns what goes wrong at a write (disk full, no right) into one error that says from where the run can go on."""
    try:
        with files.writing(what, also=(RuntimeError, SafetensorError)):  # torch and safetensors hide the OSError
            yield
    except files.WriteError as error:
        places = [what.parent, *(parent / "checkpoints" for parent in what.parents)]
        last = next(filter(None, map(last_by_name, places)), None)
        raise InputError(f"{error}; the run can go on from {last or 'its start'}") from None


def last_by_name(folder: Path) -> Path | None:
    """The newest checkpoint, unchecked."""
    return max(folder.glob(PREFIX + "*"), default=None)


def newest(folder: Path, *, say: Callable[[str], object] = print) -> Path | None:
    """The newest whole checkpoint, or None where none was ever written.

    What an interrupted write left behind is removed or put back. A checkpoint that is cut or damaged is passed over, said
    aloud, and kept under another name.

    Raises:
        InputError: there are checkpoints, and every one is damaged.
    """
    files.tidy(folder)
    damaged: dict[Path, str] = {}
    for path in sorted(folder.glob(PREFIX + "*"), reverse=True):
        if problem := damage(path):
            damaged[path] = problem
            continue
        for bad, words in damaged.items():
            aside = bad.with_name(DAMAGED + bad.name)
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(bad, aside)
            say(f"{bad}: {words}; it is kept as {aside.name}, and the run goes back to {path.name}")
        if not (path / CHECKSUMS).exists():
            say(f"{path}: written by an older version, without checksums; taken as it is")
        return path
    if damaged:
        told = "; ".join(f"{path.name}: {words}" for path, words in damaged.items())
        raise InputError(
            f"{folder}: no checkpoint is whole ({told}); put one back from a copy, or delete the folder to begin anew"
        )
    return None


def damage(path: Path) -> str:
    """What is wrong with a checkpoint's files, in words; "" where nothing is."""
    for name in (WEIGHTS, TRAINING):
        if not (path / name).is_file():
            return f"{name} is missing"
    if not (path / CHECKSUMS).exists():
        return _unreadable(path)
    try:
        sums = json.loads((path / CHECKSUMS).read_text())
        wrong = [name for name in (WEIGHTS, TRAINING) if _sha256(path / name) != sums[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{CHECKSUMS} cannot be read ({type(error).__name__})"
    return f"{' and '.join(wrong)} cut or damaged (its checksum is another)" if wrong else ""


def _unreadable(path: Path) -> str:
    try:
        _read(path)
    except Exception as error:  # whatever a cut pickle or archive raises
        return f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:100]})"
    return ""


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return load_file(path / WEIGHTS), torch.load(path / TRAINING, map_location="cpu", weights_only=True)


def load(path: Path, module: torch.nn.Module) -> dict[str, Any]:
    """Fills the module, also one whose weights are sharded over processes, and returns the training state.

    Raises:
        InputError: a part is missing, damaged, unreadable, or of another configuration.
    """
    if problem := damage(path):
        raise InputError(f"{path}: {problem}")
    try:
        state, training = _read(path)
        now = module.state_dict()
        module.load_state_dict({name: sharded_as(value, now.get(name)) for name, value in state.items()})
    except Exception as error:
        raise InputError(
            f"{path}: not a checkpoint of this configuration ({type(error).__name__}: {str(error)[:200]})"
        ) from None
    return training


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
