"""Code in the README and the tutorials runs, on tiny videos; every command line anywhere in the documents parses.

Before a block may stand ``<!-- not run: why -->`` (its command lines are parsed all the same, with the real parser) or
``<!-- run with: key=value ... -->`` (words added to its command lines, so that it takes seconds).
"""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from mvssl import api, cli, config, evaluation, objectives
from mvssl.api import _models
from mvssl.synthetic import make_videos

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUN = [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorials/*.md")), ROOT / "docs/reference/functions.md"]
NOT_RUN = {  # every block of those pages that no test runs
    ("README.md", "the tutorials run these commands"),
    ("README.md", "they are what runs this test"),
    ("docs/tutorials/two_clips.md", "it changes the environment"),
    ("docs/tutorials/your_folder.md", "it serves until it is stopped"),
    ("docs/tutorials/your_folder.md", "minutes of classifiers"),
}
MADE = {  # what the pages say is there afterwards
    "docs/tutorials/two_clips.md": (
        *("aligned/synchronised.mp4", "aligned/matrix-01-me.png", "aligned/deviation.png", "aligned/align.parquet"),
        "pinned/synchronised.mp4",
    ),
    "docs/tutorials/your_folder.md": (
        *("videos.parquet", "preview.png", "run/model", "found/contact_sheet.html", "aligned/synchronised.mp4"),
        "frames/CLIP.mp4.frames.parquet",
    ),
}
COMMANDS = get_command(cli.app).commands
BLOCK = re.compile(
    r"(?:^<!-- (?P<tag>[^\n]+?) -->\n+)?"
    r"(?:^```(?P<language>\w*)[^\n]*\n(?P<fenced>.*?)^```$|(?<=\n\n)(?P<indented>(?:    [^\n]*\n)+))",
    flags=re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    language: str
    text: str
    tag: str  # "not run: why", "run with: words", or nothing


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    found = []
    for match in BLOCK.finditer(page.read_text()):
        text = match["fenced"] if match["indented"] is None else textwrap.dedent(match["indented"])
        language = "bash" if match["indented"] is not None else match["language"] or "text"
        found.append(Block(language, text, match["tag"] or ""))
    return found


def command_lines(text: str) -> list[list[str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def parse(words: list[str], *, whole: bool) -> None:
    """The real parser of ``mvssl``, without running anything; ``whole``: no argument may be missing."""
    assert words[0] in COMMANDS, f"mvssl {words[0]}: no such command"
    COMMANDS[words[0]].make_context(words[0], words[1:], resilient_parsing=not whole)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the documents' commands are at home: ``VIDEOS`` (two actions), and ``CLIPS``, two sessions of one."""
    made = make_videos(
        tmp_path_factory.mktemp("made"), num_sessions=2, num_cameras=1, size=64, fps=10, progress=False, num_processes=1
    )
    folder = tmp_path_factory.mktemp("documents")
    sessions = sorted((made / "videos").glob("throw-*.mp4")) + sorted((made / "videos").glob("squat-*.mp4"))
    for where, names in {"VIDEOS": ("CLIP", "OTHER", "third", "fourth"), "CLIPS": ("coach", "me")}.items():
        (folder / where).mkdir()
        for session, name in zip(sessions, names):
            shutil.copy(session, folder / where / f"{name}.mp4")
    return folder


def run_line(words: list[str], extra: list[str]) -> None:
    if words[0] == "mvssl":
        parse(words[1:], whole=True)
        result = CliRunner().invoke(cli.app, [*words[1:], *extra], catch_exceptions=False)
        assert result.exit_code == 0, f"{shlex.join(words)}: {result.output}"
    else:
        raise AssertionError(f"{shlex.join(words)}: only mvssl commands are run; tag the block with a reason")


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_blocks_run_in_order(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(_models, "ZERO_SHOT_RECIPE", _models.Recipe(size=32, fps=5.0))
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.tag.startswith("not run: "):
            continue
        if block.language == "python":
            exec(compile(block.text, name_of(page), "exec"), names)
        else:
            assert block.language == "bash", f"{page.name}: {block.language}: run it, or tag it with a reason"
            for words in command_lines(block.text):
                run_line(words, block.tag.removeprefix("run with: ").split())
    missing = [path for path in MADE.get(name_of(page), ()) if not (folder / path).exists()]
    assert not missing, f"{missing}; there are {sorted(str(path.relative_to(folder)) for path in folder.rglob('*'))}"


def test_what_is_not_run_is_known():
    tags = {(name_of(page), block.tag) for page in RUN for block in blocks(page) if block.tag}
    assert all(tag.startswith(("not run: ", "run with: ")) for _, tag in tags)
    assert {(page, tag.removeprefix("not run: ")) for page, tag in tags if tag.startswith("not run: ")} == NOT_RUN


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_commands_that_are_not_run_parse(page):
    """Arguments and options of ``mvssl``, targets of ``make``, extras of ``pip install``."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for block in blocks(page):
        if block.language != "bash":
            continue
        for words in command_lines(block.text):
            if words[0] == "mvssl":
                parse(words[1:], whole=True)
            elif words[0] == "make":
                assert words[1] in targets, words
            else:
                assert words[:3] == ["pip", "install", "-e"], words
                assert set(re.findall(r"\w+", words[3])) <= set(extras), words


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_line_parses(page):
    """Blocks, first cells of tables, and code within a line; there an argument may be left out."""
    for block in blocks(page):
        if block.language == "bash" and "mvssl " in block.text:
            for words in command_lines(block.text):
                if words[0] == "mvssl":
                    parse(words[1:], whole=False)
    prose = re.sub(BLOCK, "", page.read_text())
    for line in re.findall(r"`mvssl ([^`]+)`", prose):
        parse(shlex.split(re.sub(r"[\[\]]|\.\.\.", "", line)), whole=False)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_imports_of_python_blocks_exist(page):
    for block in blocks(page):
        if block.language == "python":
            for line in re.findall(r"^(?:from mvssl\S* import [^(\n]+|import mvssl\S*)$", block.text, re.MULTILINE):
                exec(line, {})


@pytest.mark.parametrize("name", objectives.names())
def test_an_objective_has_a_page_whose_yaml_builds(name):
    page = ROOT / "docs/objectives" / f"{name}.md"
    specs = [yaml.safe_load(part) for block in blocks(page) if block.language == "yaml"
             for part in re.split(r"^(?=objective:)", block.text, flags=re.MULTILINE)]  # fmt: skip
    built = [
        config.build("mvssl.objectives", spec["objective"], "objective")
        for spec in specs
        if "objective" in (spec or {})
    ]
    assert built, f"{page.name}: no example"
    assert f"({page.name})" in (page.parent / "index.md").read_text()


def test_the_reference_is_complete():
    def listed(page: str) -> set[str]:
        return set(re.findall(r"^::: (\S+)$", (ROOT / "docs/reference" / page).read_text(), flags=re.MULTILINE))

    assert listed("evaluators.md") == {f"mvssl.evaluation.{name}" for name in evaluation.names()}
    assert listed("objectives.md") == {f"mvssl.objectives.{name}" for name in objectives.names()}
    for package in ("sampling", "encoders"):
        page = {"sampling": "samplers.md"}.get(package, f"{package}.md")
        assert listed(page) == {f"mvssl.{package}.{name}" for name in config.component_names(f"mvssl.{package}")}
    functions = {name for name in api.__all__ if name.islower()}
    assert {line.rsplit(".")[-1] for line in listed("functions.md")} == functions
