"""Checkpoints that are whole or absent: written into a temporary folder, renamed when complete, newest found by name."""

from __future__ import annotations

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

from mvssl.distributed import sharded_as
from mvssl.errors import InputError

PREFIX = "step-"


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
    """Writes ``folder/step-00000123`` (module.safetensors + training.pt); older ones beyond ``keep`` are removed.

    Args:
        weights: state of the module, whole.

    Raises:
        InputError: no room or no right to write; the last whole checkpoint stays.
    """
    target = folder / f"{PREFIX}{step:08d}"

    def fill(temporary: Path) -> None:
        state = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
        save_file(state, temporary / "module.safetensors")
        torch.save(training, temporary / "training.pt")

    write_folder(target, fill)
    for old in sorted(folder.glob(PREFIX + "*"))[:-keep]:
        shutil.rmtree(old)
    return target


@contextmanager
def writing(what: Path) -> Iterator[None]:
    """Turns what goes wrong at a write (disk full, no right) into one error that says from where the run can go on."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors hide the OSError
        places = [what.parent, *(parent / "checkpoints" for parent in what.parents)]
        last = next((sorted(found)[-1] for place in places if (found := list(place.glob(PREFIX + "*")))), None)
        raise InputError(
            f"{what}: cannot be written ({' '.join(str(error).split())[:200]}); make room or choose another folder; "
            f"the run can go on from {last or 'its start'}"
        ) from None


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """A folder that is whole or absent: filled under a temporary name, on the disk, then renamed.

    Raises:
        InputError: no room or no right to write; what was there stays.
    """
    temporary = target.parent / f".{target.name}.{os.getpid()}.tmp"
    old = target.parent / f".{target.name}.old"
    with writing(target):
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            fill(temporary)
            for path in temporary.rglob("*"):
                _sync(path)
            _sync(temporary)
            if target.exists():
                os.replace(target, old)
            os.replace(temporary, target)
            _sync(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None. What an interrupted write left behind is removed or put back."""
    for old in folder.glob(".*.old"):
        whole = folder / old.name[1 : -len(".old")]
        if not whole.exists():
            os.replace(old, whole)
    for left in [*folder.glob(".*.tmp"), *folder.glob(".*.old")]:
        shutil.rmtree(left, ignore_errors=True)
    found = sorted(folder.glob(PREFIX + "*"))
    return found[-1] if found else None


def load(path: Path, module: torch.nn.Module) -> dict[str, Any]:
    """Fills the module, also one whose weights are sharded over processes, and returns the training state.

    Raises:
        InputError: a part is missing, unreadable, or of another configuration.
    """
    try:
        state = load_file(path / "module.safetensors")
        training = torch.load(path / "training.pt", map_location="cpu", weights_only=True)
        now = module.state_dict()
        module.load_state_dict({name: sharded_as(value, now.get(name)) for name, value in state.items()})
    except Exception as error:
        raise InputError(
            f"{path}: not a checkpoint of this configuration ({type(error).__name__}: {str(error)[:200]})"
        ) from None
    return training
