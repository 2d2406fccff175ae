"""Imports point one way and in no circle (counted by tools/imports.py), each room loads what it needs, a file stays one idea."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "imports.py"
MAKES_FRAMES = {"embedding", "encoders", "training", "video"}  # rooms that those of READS_FRAMES work without
READS_FRAMES = ("statistics", "alignment", "retrieval", "evaluation")
HEAVY = {"torch", "timm", "torchvision", "av", "cv2", "huggingface_hub", "sklearn", "scipy", "matplotlib", "accelerate"}


def _tool():
    spec = importlib.util.spec_from_file_location("imports", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _tool()
GRAPH, FILES = tool.imports(), list(tool.modules().values())


def test_imports_point_down():
    assert tool.wrong(GRAPH) == []


def test_no_module_imports_itself_by_way_of_others():
    assert tool.circles(GRAPH) == []


@pytest.mark.parametrize("room", READS_FRAMES)
def test_who_reads_frames_does_not_import_who_makes_them(room):
    made = {other for name, others in GRAPH.items() if tool.room(name) == room for other in others}
    assert not {tool.room(other) for other in made} & MAKES_FRAMES


@pytest.mark.parametrize("room", READS_FRAMES)
def test_who_reads_frames_loads_little(room):
    code = f"import sys, mvssl.{room}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & HEAVY


def _package(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / "mvssl" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return folder / "mvssl"


@pytest.mark.parametrize(
    "text",
    [
        "from mvssl.dtw import x",
        "from mvssl import dtw",
        "import mvssl.dtw",
        "from .. import dtw",
        "from ..dtw import x",
        "def f():\n    from mvssl import dtw",
        "if TYPE_CHECKING:\n    from mvssl.dtw import x",
    ],
)
def test_every_way_to_import_counts(tmp_path, text):
    graph = tool.imports(_package(tmp_path, dtw="", video__a=text))
    assert graph["mvssl.video.a"] == {"mvssl.dtw"}
    assert tool.wrong(graph) == []
    assert tool.arrows(graph) == {("video", "dtw"): 1}


def test_arrows_up_and_circles_are_found(tmp_path):
    folder = _package(
        tmp_path,
        dtw="import mvssl.video.a",
        video__a="from .b import x",
        video__b="def f():\n    from mvssl.video import c",
        video__c="from . import a",
        video__d="from mvssl.views import x",
        views__x="import mvssl",
        unheard__of="",
    )
    graph = tool.imports(folder)
    assert tool.circles(graph) == [["mvssl.video.a", "mvssl.video.b", "mvssl.video.c"]]
    told = "\n".join(tool.wrong(graph))
    assert len(tool.wrong(graph)) == 5  # two modules stand in the unheard-of room
    for words in (
        "mvssl.dtw (floor 1) imports mvssl.video.a",
        "video.d (floor 3) imports mvssl.views",
        "imports mvssl (",
    ):
        assert words in told
    assert "'unheard' has no floor" in told


def test_a_file_is_one_idea():
    sizes = sorted((len(path.read_text().splitlines()), str(path)) for path in FILES)
    assert sizes[-1][0] <= 400, f"over 400 lines: {sizes[-1]}"
    assert sizes[len(sizes) // 2][0] <= 150, f"the median file has {sizes[len(sizes) // 2][0]} lines"


def test_only_one_file_talks_to_torch_distributed():
    guilty = [str(p) for p in FILES if "torch.distributed" in p.read_text() and p.name != "distributed.py"]
    assert not guilty


def test_no_two_public_classes_have_one_name():
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(tool.PACKAGE)))
    assert not {name: files for name, files in places.items() if len(files) > 1}
