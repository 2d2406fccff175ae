"""The commands as functions: what ``mvssl align`` does in the shell, ``mvssl.align(...)`` does in a notebook.

Each is loaded on first use, with what it needs and no more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mvssl.api._adapt import Adaptation, adapt
    from mvssl.api._align import Alignment, align
    from mvssl.api._app import app, page
    from mvssl.api._card import card
    from mvssl.api._compare import Compared, compare
    from mvssl.api._data import data
    from mvssl.api._demo import demo
    from mvssl.api._doctor import DoctorLine, doctor
    from mvssl.api._embed import embed
    from mvssl.api._evaluate import evaluate
    from mvssl.api._export import export
    from mvssl.api._index import Indexed, index, open_index
    from mvssl.api._models import ZERO_SHOT, load, zero_shot
    from mvssl.api._pretrain import pretrain
    from mvssl.api._preview import preview
    from mvssl.api._report import report
    from mvssl.api._scan import scan
    from mvssl.api._search import search
    from mvssl.api._submit import submit
    from mvssl.api._sync import sync

COMMANDS = (  # each a word of the shell, a function here and of ``mvssl``; in the order of ``mvssl --help``
    "scan",
    "pretrain",
    "submit",
    "adapt",
    "preview",
    "embed",
    "align",
    "sync",
    "index",
    "search",
    "evaluate",
    "compare",
    "data",
    "report",
    "card",
    "export",
    "app",
    "doctor",
    "demo",
)
_FILES = {  # of the names that do not stand in the file of their own name
    "Adaptation": "_adapt",
    "Alignment": "_align",
    "Compared": "_compare",
    "DoctorLine": "_doctor",
    "Indexed": "_index",
    "ZERO_SHOT": "_models",
    "load": "_models",
    "open_index": "_index",
    "page": "_app",
    "zero_shot": "_models",
}
__all__ = [
    "COMMANDS",
    "ZERO_SHOT",
    "Adaptation",
    "Alignment",
    "Compared",
    "DoctorLine",
    "Indexed",
    "adapt",
    "align",
    "app",
    "card",
    "compare",
    "data",
    "demo",
    "doctor",
    "embed",
    "evaluate",
    "export",
    "index",
    "load",
    "open_index",
    "page",
    "pretrain",
    "preview",
    "report",
    "scan",
    "search",
    "submit",
    "sync",
    "zero_shot",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"mvssl.api.{_FILES.get(name, '_' + name)}"), name)
    raise AttributeError(f"module 'mvssl.api' has no attribute {name!r}")
