"""Imports point one way, rooms of one floor do not import each other, and a file stays one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mvssl"
FLOORS = [
    {
        "types",
        "errors",
        "faults",
        "files",
        "safe_yaml",
        "csv_cells",
        "rows",
        "labels",
        "frames",
        "frame_columns",
        "older_files",
        "config",
        "distributed",
        "dtw",
        "neighbours",
        "statistics",
    },
    {"video", "sampling", "views", "encoders", "objectives"},
    {"dataset", "datasets", "embedding", "synthetic"},
    {"alignment", "retrieval"},
    {"evaluation"},
    {"training"},
    {"reporting"},
    {"page"},
    {"api", "tour", "cli"},
]
FREE_FLOORS = {0, 8}  # small ground that may stand on itself; the two faces of the commands
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = (PACKAGE.name, *path.relative_to(PACKAGE).parent.parts)
                base = base[: len(base) - node.level + 1]
                module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            else:
                module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("mvssl.")}
    return found & set(LEVEL)


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ("__init__.py", "__main__.py")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    room = room_of(path)
    assert room in LEVEL, f"{path}: room {room!r} has no floor; add it to FLOORS"
    for other in imported_rooms(path) - {room}:
        same_floor = LEVEL[other] == LEVEL[room] and LEVEL[room] in FREE_FLOORS
        assert LEVEL[other] < LEVEL[room] or same_floor, (
            f"{path}: {room} (floor {LEVEL[room]}) imports {other} (floor {LEVEL[other]})"
        )


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
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert not {name: files for name, files in places.items() if len(files) > 1}
