"""The documents: links lead somewhere, and nothing speaks of a machine. Their code: test_documented_code.py."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http", "#", "mailto:")):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


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
