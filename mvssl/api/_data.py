"""A public data set, as published, or behaviour labels, to the tables that everything else reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mvssl.converters import prepare


def data(
    name: str,
    paths: Sequence[str | Path],
    output: str | Path = "dataset",
    *,
    fps: float | None = None,
    classes: int | None = None,
    only: str | None = None,
) -> Path:
    """Writes videos.csv and segments.csv.

    Args:
        name: of the converter: ae2, behaviour, carl, finegym, ikea_asm, penn_action, pouring or something.
        paths: what it reads, in its order (``mvssl.converters.layout`` says which).
        output: folder of the tables.
        fps: frames per second, where the data set does not say.
        classes: FineGym: 99 or 288.
        only: behaviour: subject, tier or attribute to read.

    Returns:
        The folder, which ``mvssl evaluate`` takes as DATASET.

    Raises:
        InputError: no such converter, a wrong number of paths, one that is not there, an option that it does not have.
    """
    given = {"fps": fps, "classes": classes, "only": only}
    prepare(name, paths, output, **{key: value for key, value in given.items() if value is not None})
    return Path(output)
