from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from torch import nn

import mvssl.objectives as objectives
from mvssl.errors import InputError
from mvssl.types import Needs

FOLDER = Path(objectives.__file__).parent


def test_names_are_the_files():
    files = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    assert objectives.names() == files
    assert {"carl", "classify"} <= set(files)


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_keeps_the_contract(name):
    found = objectives.get(name)
    assert issubclass(found, nn.Module)
    assert found.__name__.lower() == name.replace("_", "")
    parameters = list(inspect.signature(found.__init__).parameters.values())[1:]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters), "defaults must work"
    made = found()
    assert isinstance(made.needs, Needs)
    for method in ("build", "forward", "after_step", "param_groups"):
        assert callable(getattr(made, method))


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"carl.*did you mean 'carl'"):
        objectives.get("carll")
