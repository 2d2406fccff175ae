"""What works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil

PARTS = ("torch", "torchvision", "timm", "accelerate", "av", "pytorchvideo", "opencv-python-headless")


class DoctorLine(NamedTuple):
    """One line of the doctor's report. ``state``: ok, missing (an optional part) or problem."""

    what: str
    state: str
    detail: str


def doctor(*, tell: Callable[[DoctorLine], object] | None = None) -> list[DoctorLine]:
    """Versions, device, decoders, ImageNet weights, cores, memory and disk of this machine.

    Args:
        tell: called with each finding as soon as it is known: what is installed before torch is loaded.
    """
    findings = []
    for look in (_installed, _machine):
        for finding in look():
            findings.append(finding)
            if tell is not None:
                tell(finding)
    return findings


def _installed() -> Iterator[DoctorLine]:
    version = importlib.metadata.version("mvssl")
    yield DoctorLine("mvssl", "ok", f"{version}, Python {platform.python_version()}, {platform.platform()}")
    for package in PARTS:
        try:
            yield DoctorLine(package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield DoctorLine(package, "problem", "not installed; install mvssl again with pip")


def _machine() -> Iterator[DoctorLine]:
    import torch

    from mvssl.encoders.weights import PACKAGE_HINT, PACKAGES, available
    from mvssl.video import backends

    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        yield DoctorLine("device", "ok", f"{names}; bf16 {'yes' if torch.cuda.is_bf16_supported() else 'no'}")
    else:
        yield DoctorLine("device", "ok", "CPU only; train on cached features of a frozen backbone (cache.passes)")
    for backend in backends():
        state = "ok" if backend.available else "missing"
        version = f"{backend.version} " if backend.version else ""
        yield DoctorLine(f"decoder {backend.name}", state, f"{version}{backend.reason}".strip())
    for backbone in PACKAGES:
        here = available(backbone, "package")
        yield DoctorLine(f"weights {backbone}", "ok" if here else "missing", "here" if here else PACKAGE_HINT)
    memory = psutil.virtual_memory()
    yield DoctorLine("cores", "ok", f"{psutil.cpu_count(logical=True)} usable, torch uses {torch.get_num_threads()}")
    free_gb = memory.available / 1e9
    yield DoctorLine("memory", "ok" if free_gb > 2 else "problem", f"{free_gb:.1f} of {memory.total / 1e9:.1f} GB free")
    disk_gb = shutil.disk_usage(".").free / 1e9
    detail = f"{disk_gb:.1f} GB free here" + ("" if disk_gb > 5 else "; checkpoints and caches need a few GB")
    yield DoctorLine("disk", "ok" if disk_gb > 5 else "problem", detail)
