"""Checkpoints that are whole or absent: written into a temporary folder, renamed when complete, newest found by name."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import Any

import accelerate
import torch
from safetensors.torch import load_file, save_file

from mvssl.errors import InputError

PREFIX = "step-"


def environment(world_size: int) -> dict[str, str]:
    """What must be equal for a resumed run to repeat the uninterrupted one bit for bit."""
    return {
        "torch": str(torch.__version__),
        "accelerate": accelerate.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
        "world_size": str(world_size),
    }


def save(folder: Path, step: int, *, module: torch.nn.Module, training: dict[str, Any], keep: int) -> Path:
    """Writes ``folder/step-00000123`` (module.safetensors + training.pt); older ones beyond ``keep`` are removed.

    Raises:
        InputError: no room or no right to write; the last whole checkpoint stays.
    """
    target = folder / f"{PREFIX}{step:08d}"
    temporary = folder / f".{target.name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
        save_file(state, temporary / "module.safetensors")
        torch.save(training, temporary / "training.pt")
        for path in temporary.iterdir():
            _sync(path)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
        _sync(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        last = newest(folder)
        raise InputError(
            f"{target}: the checkpoint cannot be written ({error}); the run can go on from {last or 'its start'}"
        ) from None
    for old in sorted(folder.glob(PREFIX + "*"))[:-keep]:
        shutil.rmtree(old)
    return target


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None. What an interrupted write left behind is removed."""
    for left in folder.glob(f".{PREFIX}*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    found = sorted(folder.glob(PREFIX + "*"))
    return found[-1] if found else None


def load(path: Path, module: torch.nn.Module) -> dict[str, Any]:
    """Fills the module and returns the training state.

    Raises:
        InputError: a part is missing, unreadable, or of another configuration.
    """
    try:
        state = load_file(path / "module.safetensors")
        training = torch.load(path / "training.pt", map_location="cpu", weights_only=True)
        module.load_state_dict(state)
    except Exception as error:
        raise InputError(
            f"{path}: not a checkpoint of this configuration ({type(error).__name__}: {str(error)[:200]})"
        ) from None
    return training
