"""The documents: links lead somewhere, commands exist, and nothing speaks of a machine."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from mvssl import cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = get_command(cli.app).commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http", "#", "mailto:")):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page):
    for line in re.findall(r"^(?:    |\| `)?mvssl ([^`#\n]+)", page.read_text(), flags=re.MULTILINE):
        words = shlex.split(line)
        command = COMMANDS.get(words[0])
        assert command is not None, f"{page.name}: mvssl {words[0]}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words[1:]:
            if re.fullmatch(r"--?[a-z][a-z-]*", word):
                assert word in known, f"{page.name}: mvssl {words[0]} {word}; known: {sorted(known)}"


def test_nothing_speaks_of_a_machine():
    guilty = []
    for folder in ("mvssl", "docs", "configs", "tools", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".yaml", ".html", ".json"):
                text = path.read_text()
                guilty += [
                    f"{path}: {word}" for word in ("/" + "root/", "/" + "work/main", ".." + "/shared") if word in text
                ]
    assert not guilty
