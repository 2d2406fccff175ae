"""Public data sets, as their authors publish them, to the tables that everything else reads: videos.csv, segments.csv.

One file per data set: ``prepare(source, ..., out, *, options)``; the words at its head say which files it reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mvssl.errors import InputError

NAMES = ("ae2", "behaviour", "carl", "finegym", "ikea_asm", "penn_action", "pouring", "something")


def layout(name: str) -> str:
    """Which files the converter of a data set reads, and its traps.

    Raises:
        InputError: no such converter.
    """
    return inspect.cleandoc(_module(name).__doc__ or "")


def prepare(name: str, paths: Sequence[str | Path], out: str | Path, **options: Any) -> None:
    """Converts one data set.

    Args:
        name: one of ``NAMES``.
        paths: what the converter reads, in its order.
        out: folder of the tables.
        options: of the converter (``fps``, ``classes``, ``only``).

    Raises:
        InputError: no such converter, a wrong number of paths, one that is not there, an option that it does not have.
    """
    function = _module(name).prepare
    parameters = inspect.signature(function).parameters.values()
    wanted = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "out"]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "out"]
    if (several and not paths) or (not several and len(paths) != len(wanted)):
        words = "one or more exports" if several else f"{len(wanted)}: {' '.join(map(str.upper, wanted))}"
        raise InputError(f"{name}: {len(paths)} paths given, it reads {words}")
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option {option!r}; it has: {', '.join(known) or 'none'}")
    for path in paths:
        if not Path(path).exists():
            raise InputError(f"{path}: no such file or folder")
    function(*map(Path, paths), out=Path(out), **options)


def _module(name: str) -> Any:
    if name not in NAMES:
        raise InputError(
            f"no converter {name!r}; there are: {', '.join(NAMES)} (Kinetics, UCF101, HMDB51, videofolder and LeRobot "
            "are read as they are)"
        )
    return import_module(f"mvssl.converters.{name}")
