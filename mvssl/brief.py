"""Tables and results in a line: shapes and numbers of things, not the things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

WIDTH = 240  # letters at most: three lines of a terminal
SHOWN = 4  # entries of a mapping or sequence that are shown one by one


def brief_repr(thing: Any) -> str:
    """``Name(field=value, ...)`` of a named tuple or dataclass, without fields that are empty; see ``brief``."""
    names = getattr(thing, "_fields", None) or list(thing.__dataclass_fields__)
    values = {name: getattr(thing, name) for name in names}
    shown = [f"{name}={brief(value)}" for name, value in values.items() if not _is_empty(value)]
    return cut(f"{type(thing).__name__}({', '.join(shown)})")


def brief(value: Any) -> str:
    """An array as its kind and shape, a long sequence or mapping as its length, a long text as its end."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str | PurePath):
        text = str(value)
        return repr(text if len(text) <= 40 else f"...{text[-37:]}")
    if hasattr(value, "_fields") or hasattr(value, "__dataclass_fields__"):
        return f"{type(value).__name__}(...)"
    if isinstance(value, Mapping):
        return _entries([f"{key}: {brief(one)}" for key, one in list(value.items())[:SHOWN]], len(value), "{}")
    if isinstance(value, Sequence):
        return _entries([brief(one) for one in value[:SHOWN]], len(value), "[]")
    return cut(repr(value), 60)


def cut(text: str, width: int = WIDTH) -> str:
    """One line of at most this many letters."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 4]} ..."


def _entries(shown: Sequence[str], number: int, brackets: str) -> str:
    if number <= SHOWN and sum(map(len, shown)) <= 80:
        return f"{brackets[0]}{', '.join(shown)}{brackets[1]}"
    return f"{brackets[0]}{number}: {cut(shown[0], 40)}, ...{brackets[1]}"


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | Sequence | Mapping) and not len(value))
