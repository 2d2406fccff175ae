"""What works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from typing import NamedTuple

import psutil
import torch

import mvssl
from mvssl.encoders.weights import PACKAGE_HINT, PACKAGES, available
from mvssl.video import backends


class DoctorLine(NamedTuple):
    """One line of the doctor's report. ``state``: ok, missing (an optional part) or problem."""

    what: str
    state: str
    detail: str


def doctor() -> list[DoctorLine]:
    """Versions, device, decoders, ImageNet weights, cores, memory and disk of this machine."""
    found = [
        DoctorLine("mvssl", "ok", f"{mvssl.__version__}, Python {platform.python_version()}, {platform.platform()}")
    ]
    for package in ("torch", "torchvision", "timm", "accelerate", "av", "pytorchvideo", "opencv-python-headless"):
        try:
            found.append(DoctorLine(package, "ok", importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append(DoctorLine(package, "problem", "not installed; install mvssl again with pip"))
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        found.append(DoctorLine("device", "ok", f"{names}; bf16 {'yes' if torch.cuda.is_bf16_supported() else 'no'}"))
    else:
        found.append(
            DoctorLine("device", "ok", "CPU only; train on cached features of a frozen backbone (cache.passes)")
        )
    for backend in backends():
        state = "ok" if backend.available else "missing"
        version = f"{backend.version} " if backend.version else ""
        found.append(DoctorLine(f"decoder {backend.name}", state, f"{version}{backend.reason}".strip()))
    for backbone in PACKAGES:
        here = available(backbone, "package")
        found.append(DoctorLine(f"weights {backbone}", "ok" if here else "missing", "here" if here else PACKAGE_HINT))
    memory = psutil.virtual_memory()
    found.append(
        DoctorLine("cores", "ok", f"{psutil.cpu_count(logical=True)} usable, torch uses {torch.get_num_threads()}")
    )
    free_gb = memory.available / 1e9
    found.append(
        DoctorLine("memory", "ok" if free_gb > 2 else "problem", f"{free_gb:.1f} of {memory.total / 1e9:.1f} GB free")
    )
    disk_gb = shutil.disk_usage(".").free / 1e9
    detail = f"{disk_gb:.1f} GB free here" + ("" if disk_gb > 5 else "; checkpoints and caches need a few GB")
    found.append(DoctorLine("disk", "ok" if disk_gb > 5 else "problem", detail))
    return found
