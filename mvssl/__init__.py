"""mvssl: frame-wise video representations, and what people want them for: alignment, retrieval, recognition."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The commands as functions live in mvssl.api; they are reached as mvssl.align(...) and loaded on first use, so that
# ``import mvssl`` stays light.
_FUNCTIONS = (
    "adapt",
    "align",
    "app",
    "card",
    "demo",
    "doctor",
    "embed",
    "evaluate",
    "export",
    "index",
    "load",
    "pretrain",
    "preview",
    "report",
    "scan",
    "search",
    "sync",
)
__all__ = ["__version__", *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module("mvssl.api"), name)
    raise AttributeError(f"module 'mvssl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
