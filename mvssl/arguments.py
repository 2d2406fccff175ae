"""What a command was given, looked at before anything heavy is loaded: a name mistyped is answered at once."""

from __future__ import annotations

import os

from mvssl.errors import InputError


def check_there(*paths: str | os.PathLike[str] | None, what: str = "file or folder") -> None:
    """Raises an InputError for the first path that is not there; None and addresses (``s3://...``) are not looked at."""
    for path in paths:
        if path is not None and "://" not in str(path) and not os.path.lexists(path):
            raise InputError(f"{path}: no such {what}")


def check_run(run: str | os.PathLike[str] | None) -> None:
    """Raises an InputError for what is neither there nor may be a hub id (owner/name); None is not looked at."""
    if run is None or os.path.lexists(run):
        return
    if str(run).count("/") != 1 or os.path.isabs(run):
        raise InputError(f"{run}: no such run, model folder or checkpoint file, and no hub id (owner/name)")
