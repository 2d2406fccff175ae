"""Which libraries can decode here."""

from __future__ import annotations

import importlib.metadata
from typing import NamedTuple


class Backend(NamedTuple):
    name: str
    available: bool
    version: str
    reason: str


def backends() -> list[Backend]:
    """One row a backend, for a table of what works on this machine."""
    return [Backend("pyav", True, importlib.metadata.version("av"), "default: a frame index, all containers")]
