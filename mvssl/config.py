"""Configuration: YAML, then key=value, checked, with errors that say file, key path, known values and the nearest match.

OmegaConf reads and merges; pydantic checks. A component is chosen by name (``objective: {name: carl, temperature: 0.1}``):
the name is a file of its package, and the keyword-only parameters of the class in that file are the schema, so defaults
are declared once.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mvssl import files, safe_yaml
from mvssl.errors import ConfigError

Model = TypeVar("Model", bound=pydantic.BaseModel)
KINDS = ("", "encoder", "sampler", "views", "modality")


class Section(pydantic.BaseModel):
    """Base of configuration sections: unknown keys are errors, values cannot be changed after the check."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the nearest known word, or nothing."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def find(name: str | Path, kind: str) -> Path:
    """A YAML file by path, or one that the package ships by name (``carl`` -> ``configs/pretrain/carl.yaml``)."""
    path = Path(name)
    if path.is_file():
        return path
    package = Path(__file__).parent
    for root in (package / "configs", package.parent / "configs"):
        shipped = root / kind
        if shipped.is_dir():
            names = sorted(p.stem for p in shipped.glob("*.yaml"))
            if path.stem in names and path.suffix in ("", ".yaml"):
                return shipped / f"{path.stem}.yaml"
            raise ConfigError(
                f"{name}: no such file, and no shipped {kind} config; shipped: {', '.join(names)}{nearest(path.stem, names)}"
            )
    raise ConfigError(f"{name}: no such configuration file")


def load(path: str | Path | None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a YAML file and merges ``key=value`` overrides (dots go down, values are YAML) into plain containers.

    Naming another component (``objective.name=tcc``) drops the parameters that the file gives to the old one. A file may
    refer to its own keys (``${data.fps}``) and to nothing else: see ``safe_yaml``.
    """
    base = OmegaConf.create(safe_yaml.read(path) if path is not None else {})
    for override in overrides:
        key, separator, _ = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"{override!r}: an override is written key=value, e.g. train.steps=200")
    try:
        changes = OmegaConf.from_dotlist(list(overrides))
        for part, value in changes.items():
            key = str(part)
            named = OmegaConf.is_dict(value) and "name" in value
            if named and key in base and base[key].get("name") != value.name:  # type: ignore[index]
                base[key] = {}  # type: ignore[index]  # another component: the old one's parameters are not its own
        merged = OmegaConf.merge(base, changes)
        plain = OmegaConf.to_container(merged, resolve=True)
    except (OmegaConfBaseException, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path or 'command line'}: {' '.join(str(error).split())}") from None
    assert isinstance(plain, dict)
    return typing.cast("dict[str, Any]", plain)


def dump(values: Mapping[str, Any], path: str | Path | None = None) -> str:
    """The configuration as YAML text; written to ``path`` if given."""
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)
    if path is not None:
        files.write_text(path, text)
    return text


def check(schema: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Validates ``values``; the first problem is raised in one line: place, key path, rule, value, known keys."""
    try:
        return schema.model_validate(dict(values))
    except pydantic.ValidationError as error:
        raise ConfigError(_explain(schema, error.errors()[0], where)) from None


def _explain(schema: type[pydantic.BaseModel], problem: Any, where: str) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        model: Any = schema
        for part in path[:-1]:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field is not None else None
        known = list(getattr(model, "model_fields", {}))
        return f"{where}: {key}: no such key; known: {', '.join(known)}{nearest(path[-1], known)}"
    if problem["type"] == "missing":
        return f"{where}: {key}: must be given"
    got = repr(problem["input"])
    return f"{where}: {key}: {problem['msg']}, got {got if len(got) < 80 else got[:77] + '...'}"


def component_class(package: str, name: str, where: str) -> type:
    """The class that the file ``name`` of ``package`` is for.

    Its name is the file's without underscores, in any case (``ssl_hsic.py`` -> ``SSLHSIC``), alone or with the word for its
    kind behind it (``frame.py`` -> ``FrameEncoder``).

    Raises:
        ConfigError: no such file, or the file holds no such class; lists the known names.
    """
    module_name = f"{package}.{name}"
    if name.isidentifier() and not name.startswith("_") and importlib.util.find_spec(module_name) is not None:
        found = _own_class(importlib.import_module(module_name), name)
        if found is not None:
            return found
    known = component_names(package)
    raise ConfigError(f"{where}: no {name!r} in {package}; known: {', '.join(known)}{nearest(name, known)}")


def component_names(package: str) -> list[str]:
    """Names of the files of a package that hold a component."""
    files = [
        m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if not m.name.startswith("_")
    ]
    return sorted(n for n in files if _own_class(importlib.import_module(f"{package}.{n}"), n) is not None)


def _own_class(module: Any, name: str) -> type | None:
    wanted = [name.replace("_", "").lower() + kind for kind in KINDS]
    for attribute, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__ and attribute.lower() in wanted:
            return value
    return None


def schema_of(component: type) -> type[pydantic.BaseModel]:
    """A pydantic model of a component's keyword-only constructor parameters."""
    hints = typing.get_type_hints(component.__init__)  # type: ignore[misc]
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(component.__init__).parameters.items():  # type: ignore[misc]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (hints.get(name, Any), default)
    return pydantic.create_model(component.__name__, __base__=Section, **fields)


def arguments(component: type, spec: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Checked keyword arguments of a component: what ``spec`` sets (but ``name``), over the constructor's defaults."""
    given = {key: value for key, value in spec.items() if key != "name"}
    checked = check(schema_of(component), given, where)
    return {name: getattr(checked, name) for name in type(checked).model_fields}


def build(package: str, spec: Mapping[str, Any] | str, where: str) -> Any:
    """Makes a component from ``{name: ..., parameter: value}`` or from its name alone."""
    spec = {"name": spec} if isinstance(spec, str) else spec
    if not isinstance(spec, Mapping) or "name" not in spec:
        raise ConfigError(f"{where}: name: must be given; known: {', '.join(component_names(package))}")
    component = component_class(package, str(spec["name"]), where)
    return component(**arguments(component, spec, where))


def resolved(package: str, spec: Mapping[str, Any] | str, where: str) -> dict[str, Any]:
    """The full specification of a component, defaults written out: what ``--print`` shows and a run saves."""
    spec = {"name": spec} if isinstance(spec, str) else spec
    component = component_class(package, str(spec.get("name", "")), where)
    checked = check(schema_of(component), {k: v for k, v in spec.items() if k != "name"}, where)
    return {"name": spec["name"], **checked.model_dump(mode="json")}
