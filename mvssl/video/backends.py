"""Which libraries can decode here, and which one a file is given to."""

from __future__ import annotations

import importlib.metadata
from typing import Any, NamedTuple

from mvssl.errors import InputError, VideoError

from . import decord, torchcodec
from .frame_index import FrameIndex
from .picture_folder import PictureFolderReader
from .pyav import PyAVReader

_WHY_PYAV = "used for every file by 'auto': right on all kinds of file, and none that is right is clearly faster"
NAMES = ("auto", "pyav", "torchcodec", "decord")


class Backend(NamedTuple):
    """A row of the table of what works on this machine."""

    name: str
    available: bool
    version: str
    reason: str


def backends() -> list[Backend]:
    """One row a backend: whether it works here, its version, and why it is or is not used."""
    rows = [Backend("pyav", True, importlib.metadata.version("av"), _WHY_PYAV)]
    for name, module in (("torchcodec", torchcodec), ("decord", decord)):
        why_not = module.probe()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        rows.append(Backend(name, not why_not, version, why_not or "on request, for the files that it reads rightly"))
    return rows


def reader_for(index: FrameIndex, backend: str, **pyav_options: Any):
    """An open reader of the file.

    Raises:
        VideoError: kind "backend", where the library is missing or reads this kind of file wrongly; says which.
    """
    if backend not in NAMES:
        raise InputError(f"unknown backend {backend!r}; known: {', '.join(NAMES)}")
    if index.container == "pictures":
        return PictureFolderReader(index)
    if backend in ("auto", "pyav"):
        return PyAVReader(index, **pyav_options)
    module: Any = {"torchcodec": torchcodec, "decord": decord}[backend]
    why_not = module.probe() or module.refuses(index)
    if why_not:
        raise VideoError(f"{index.path}: {why_not}; open it with backend='auto'", path=index.path, kind="backend")
    return torchcodec.TorchcodecReader(index) if backend == "torchcodec" else decord.DecordReader(index)
