"""A command loads what it needs: no torch for what needs none, and with torch nothing that sessions as long again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mvssl
from mvssl import api, cli
from mvssl.video import write_video

README = Path(__file__).parent.parent / "README.md"
PAGE = Path(__file__).parent.parent / "docs" / "reference" / "functions.md"
SLOW = {"timm", "torchvision", "sklearn", "scipy", "matplotlib", "pandas", "lancedb", "onnx", "lightning", "numba"}
WALK = """
import contextlib, io, json, sys
from mvssl import cli
found = {}
for words in json.loads(sys.argv[1]):
    sys.argv = ["mvssl", *words]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            cli.main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code or 0
    found[" ".join(words)] = (code, said.getvalue(), "torch" in sys.modules)
sys.stdout.write(json.dumps(found))
"""
WRONG = {  # of every command: words that it cannot carry out; "none" is no file or folder
    "scan": ["scan", "none"],
    "pretrain": ["pretrain", "none"],
    "submit": ["submit", "none"],
    "adapt": ["adapt", "none"],
    "preview": ["preview", "none"],
    "embed": ["embed", "none", "none"],
    "align": ["align", "none", "none"],
    "sync": ["sync", "none", "none"],
    "index": ["index", "none"],
    "search": ["search", "none", "none@1s"],
    "evaluate": ["evaluate", "none", "none"],
    "compare": ["compare", "none", "none"],
    "data": ["data", "none"],
    "report": ["report", "none"],
    "card": ["card", "none"],
    "export": ["export", "none"],
    "app": ["app", "none"],
    "doctor": ["doctor", "none"],
    "demo": ["demo", "none"],
}


def walked(folder: Path, *lines: list[str]) -> dict[str, tuple[int, str, bool]]:
    """Of each line of words in turn, in one process: exit code, what was said, whether torch has been loaded by now."""
    run = subprocess.run(
        [sys.executable, "-c", WALK, json.dumps(lines)], capture_output=True, text=True, cwd=folder, check=True
    )
    return json.loads(run.stdout)


def test_help_and_version_load_no_torch(tmp_path):
    lines = [["--help"], ["--version"], *([name, "--help"] for name in cli.COMMANDS)]
    for words, (code, said, torch) in walked(tmp_path, *lines).items():
        assert (code, torch) == (0, False), words
        assert said.strip(), words
    assert mvssl.__version__ in walked(tmp_path, ["--version"])["--version"][1]


def test_wrong_words_load_no_torch(tmp_path):
    assert set(WRONG) == set(cli.COMMANDS)
    unknown = [[name, "--no-such-option"] for name in cli.COMMANDS]
    missing = [[name] for name in cli.COMMANDS if name not in ("doctor", "demo")]
    further = [["search", "x", "x@1s", "--where", "x"], ["embed", "zero-shot", "x", "--shard", "2/1"]]
    further += [["align", "a", "b", flag, "x"] for flag in ("--method", "--ends", "--pin", "--labels")]
    further += [["pretrain", "carl", "x"], ["preview", "carl", "x"], ["submit", "carl", "x"], ["data", "carl", "none"]]
    for words, (code, said, torch) in walked(tmp_path, *unknown, *missing, *WRONG.values(), *further).items():
        assert (code, torch) == (2, False), (words, said)
        assert said.strip(), words


def test_commands_without_torch(tmp_path):
    (tmp_path / "videos").mkdir()
    pictures = np.random.default_rng(0).integers(0, 255, (8, 32, 48, 3), dtype=np.uint8)
    write_video(tmp_path / "videos" / "a.mp4", pictures, fps=10)
    lines = [["scan", "videos", "-o", "videos.parquet"], *(["data", name] for name in ("carl", "penn_action", "ae2"))]
    for words, (code, said, torch) in walked(tmp_path, *lines).items():
        assert (code, torch) == (0, False), (words, said)


def test_what_is_installed_is_told_before_torch_is_loaded():
    code = (
        "import sys, mvssl\n"
        "def tell(found):\n"
        "    print(found.what)\n"
        "    if found.what == 'opencv-python-headless': sys.exit('torch' in sys.modules)\n"
        "mvssl.doctor(tell=tell)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[:2] == ["mvssl", "torch"]


def test_with_torch_nothing_else_that_is_slow_is_loaded():
    code = f"""
import sys, mvssl
for name in {list(api.__all__)}:
    getattr(mvssl.api, name)
    slow = {SLOW} & set(sys.modules)
    assert not slow, (name, slow)
assert "torch" in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", ["scan", "data", "compare", "index"])
def test_functions_without_torch(name):
    code = f"import sys, mvssl; mvssl.{name}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_package_shell_and_documents_name_the_same_commands():
    shell = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    told = set(re.findall(r"`mvssl (\w+)", "\n".join(re.findall(r"^\| `mvssl .*$", README.read_text(), re.M))))
    functions = set(re.findall(r"^::: mvssl\.api\._\w+\.(\w+)$", PAGE.read_text(), re.M))
    assert shell == told == set(api.COMMANDS) == set(mvssl.__all__) - {"__version__", "load"}
    assert functions == set(api.COMMANDS) | {"open_index", "page", "zero_shot"}
    assert set(api.COMMANDS) <= set(api.__all__)
    for name in api.COMMANDS:
        assert callable(getattr(mvssl, name))
