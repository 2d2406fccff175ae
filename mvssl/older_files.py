"""What files of older versions say, read as today's words: the backbone was called ``trunk``, an encoder had no members.

Weights (of checkpoints and of models) and tables of embedded frames pass through here when they are read. Fingerprints are
counted under the old names, so that tables, indices and caches that are there already stay those of the same model.
"""

from __future__ import annotations

from typing import Any

_OLD, _NEW = "trunk", "backbone"
_OF_A_MEMBER = ("tokens", "mlp", "enter", "transformer", "leave")


def layer(name: str) -> str:
    """The name of an encoder's layer."""
    return _NEW if name == _OLD else name


def about(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a table says of the model that made it."""
    return {layer(key): value for key, value in metadata.items()}


def rename_weights(encoder: Any, state: dict[str, Any], prefix: str, *_rest: Any) -> None:
    """A hook of encoders, called before they load their weights; ``state`` is changed in place."""
    for name in [name for name in state if name.startswith(prefix)]:
        first, _, rest = name.removeprefix(prefix).partition(".")
        if first == _OLD:
            state[f"{prefix}{_NEW}.{rest}"] = state.pop(name)
        elif first in _OF_A_MEMBER:
            state[f"{prefix}members.0.{first}.{rest}"] = state.pop(name)


def counted_as(name: str) -> str:
    """The name under which a weight enters fingerprints."""
    return _OLD + name.removeprefix(_NEW) if name.startswith(f"{_NEW}.") else name
