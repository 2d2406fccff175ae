"""Who imports whom in the package: rooms and floors, arrows between rooms, circles between modules, sizes.

Every import counts: at the head of a file, inside a function, for annotations only.

    python tools/imports.py [PACKAGE_FOLDER]
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "mvssl"
FLOORS = (  # a room imports from the floors below it; a file of the package itself is a room of one module
    {"errors", "csv_cells", "distributed", "neighbours", "series", "brief", "parallel", "older_files"},
    {"types", "files", "safe_yaml", "rows", "dtw", "frame_columns", "statistics", "arguments"},
    {"faults", "labels", "frames", "config"},
    {"video", "sampling", "views", "encoders", "objectives"},
    {"loading", "converters", "embedding", "synthetic"},
    {"alignment", "retrieval"},
    {"evaluation"},
    {"training"},
    {"reporting"},
    {"page"},
    {"api"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
Graph = dict[str, set[str]]  # module -> modules that it imports


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """The files of a package by the names of their modules; ``mvssl.video`` is ``video/__init__.py``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path = PACKAGE) -> Graph:
    """What each module imports of the package itself."""
    known = modules(package)
    return {name: _imported(name, path, known) - {name} for name, path in known.items()}


def _imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            start = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            # a name is a module of its own, or stands in the module that it is taken from
            found |= {f"{module}.{a.name}" if f"{module}.{a.name}" in known else module for a in node.names}
    return found & set(known)


def room(module: str) -> str:
    """The part of the package that a module stands in; "" for the package's own ``__init__`` and ``__main__``."""
    parts = module.split(".")
    return "" if len(parts) == 1 or parts[1] == "__main__" else parts[1]


def arrows(graph: Graph) -> Counter[tuple[str, str]]:
    """How many imports go from one room to another."""
    pairs = ((room(one), room(other)) for one, others in graph.items() for other in others)
    return Counter((one, other) for one, other in pairs if one and one != other)


def wrong(graph: Graph) -> list[str]:
    """Imports that point up, or to another room of the same floor, and rooms without a floor."""
    found = [f"{name}: room {room(name)!r} has no floor" for name in graph if room(name) and room(name) not in LEVEL]
    for one, others in graph.items():
        for other in sorted(others):
            mine, its = LEVEL.get(room(one)), LEVEL.get(room(other), len(FLOORS))  # the package's face is on top
            if mine is None or room(one) == room(other) or its < mine:
                continue
            found.append(f"{one} (floor {mine}) imports {other} (floor {its})")
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Sets of modules that reach each other by imports (strongly connected components), largest first."""
    reach = {name: _reached(graph, name) for name in graph}
    found = {frozenset(b for b in reach[a] if a in reach[b]) for a in graph if a in reach[a]}
    return sorted((sorted(circle) for circle in found), key=lambda circle: (-len(circle), circle))


def _reached(graph: Graph, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def main() -> None:
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    graph, paths = imports(package), modules(package)
    lines = {name: len(path.read_text().splitlines()) for name, path in paths.items()}
    between, rooms = arrows(graph), {room(name) for name in graph} - {""}
    print(f"{len(rooms)} rooms, {len(paths)} files, {sum(lines.values())} lines")
    for level, here in enumerate(FLOORS):
        shown = [f"{r} ({sum(n for m, n in lines.items() if room(m) == r)})" for r in sorted(here & rooms)]
        print(f"floor {level}: {', '.join(shown)}")
    print(f"\n{len(between)} arrows between rooms, {sum(between.values())} imports:")
    for one in sorted(rooms, key=lambda r: (-LEVEL.get(r, -1), r)):
        told = [f"{other or 'mvssl'} {between[one, other]}" for other in sorted({b for a, b in between if a == one})]
        print(f"  {one} -> {', '.join(told) or 'nothing'}")
    for title, found in (("wrong arrows", wrong(graph)), ("circles", [" <-> ".join(c) for c in circles(graph)])):
        print(f"\n{len(found)} {title}{':' if found else ''}", *found, sep="\n  ")


if __name__ == "__main__":
    main()
