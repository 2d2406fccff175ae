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


def test_lines_whose_tests_are_named_stand_in_the_code():
    """docs/testing.md quotes lines of code and names the test that notices their change; both are still there."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in (ROOT / "docs" / "testing.md").read_text().splitlines()]
    rows = [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]
    rows = [row for row in rows if len(row) == 4 and row[0].endswith(".py")]
    assert len(rows) > 50

    def squeezed(text):
        return re.sub(r"\s", "", text)

    for file, line, _, test in rows:
        assert squeezed(line.strip("`")) in squeezed((ROOT / "mvssl" / file).read_text()), f"{file}: {line}"
        place, _, name = test.partition("::")
        named = (ROOT / "tests" / place).read_text()
        name = re.match(r"\w*", name)[0]  # without its case or a remark
        assert not name or f"def {name}(" in named, test
