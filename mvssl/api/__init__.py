"""The commands as functions: what ``mvssl align`` does in the shell, ``mvssl.align(...)`` does in a notebook."""

from mvssl.api._adapt import Adaptation, adapt
from mvssl.api._align import Alignment, align
from mvssl.api._app import app, page
from mvssl.api._card import card
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
from mvssl.api._sync import sync

__all__ = [
    "ZERO_SHOT",
    "Adaptation",
    "Alignment",
    "DoctorLine",
    "Indexed",
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
    "open_index",
    "page",
    "pretrain",
    "preview",
    "report",
    "scan",
    "search",
    "sync",
    "zero_shot",
]
