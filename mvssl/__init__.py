"""mvssl: frame-wise video representations, and what people want them for: alignment, retrieval, recognition."""

from __future__ import annotations

from typing import Any

from mvssl import api
from mvssl.api import COMMANDS

__version__ = "0.1.0"

# ``mvssl.align(...)`` and the others are loaded on first use (``mvssl.api``), so that ``import mvssl`` stays light.
__all__ = ["__version__", "load", *COMMANDS]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(api, name)
    raise AttributeError(f"module 'mvssl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
