"""A YAML file of someone else, read so that it can state values and refer to its own keys, and nothing more.

OmegaConf would put what ``${oc.env:TOKEN}`` finds on this machine into the configuration, which a run writes down and
people share. A few lines of YAML can also refer to themselves until the memory is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError, OmegaConfBaseException
from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
from omegaconf.grammar_parser import parse

from mvssl.errors import ConfigError

MAX_VALUES = 100_000  # with every alias written out


def read(path: str | Path) -> dict[str, Any]:
    """The keys and values of a YAML file, interpolations not yet resolved.

    Raises:
        ConfigError: no file, no UTF-8, no YAML, no keys and values; an alias inside itself or more than ``MAX_VALUES``
            values; an interpolation that calls a resolver.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        num_values = _size(node, {}) if node is not None else 0
        if num_values > MAX_VALUES:
            raise ConfigError(
                f"{path}: its aliases (*name) make {num_values} values of it; at most {MAX_VALUES} are read"
            )
        values = OmegaConf.to_container(OmegaConf.create(text)) if num_values else {}
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not text in UTF-8 ({error}); save it as UTF-8") from None
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: its values are nested too deeply, or an alias (*name) lies inside itself") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold keys and values, but holds {type(values).__name__}")
    for key, text in _texts(values):
        if _calls_a_resolver(text):
            raise ConfigError(
                f"{path}: {key}: {text!r} would read from this machine and write it into the run; a file may refer to its "
                f"own keys alone (${{data.fps}}); write the value itself, or give it on the command line: {key}=VALUE"
            )
    return cast("dict[str, Any]", values)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values below a node, those of an alias counted each time; a node inside itself recurses without end."""
    if id(node) not in known:
        parts = node.value if isinstance(node.value, list) else []
        flat = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in flat)
    return known[id(node)]


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in the containers, keys too, with the path of its key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(name if isinstance(name, str) else "", key)
            yield from _texts(part, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{key}[{number}]")


def _calls_a_resolver(text: str) -> bool:
    if "${" not in text:
        return False
    try:
        waiting: list[Any] = [parse(text)]
    except GrammarParseError:
        return False  # OmegaConf refuses it too, with the place
    while waiting:
        node = waiting.pop()
        if isinstance(node, OmegaConfGrammarParser.InterpolationResolverContext):
            return True
        waiting += getattr(node, "children", None) or []
    return False
