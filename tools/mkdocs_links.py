"""For the documentation site: folders in the navigation, and pages that lie outside ``docs``.

A link from a page to a file elsewhere in the repository (``../benchmarks/results/search.md``) works on a code host as it
is written. On the site stand ``OUTSIDE`` too, and the link is written anew; one to any other file is broken, and the strict build
says so.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
OUTSIDE = [
    *sorted(ROOT.glob("benchmarks/results/*.*")),
    *sorted(ROOT.glob("benchmarks/results/quality/*.md")),
    *sorted(ROOT.glob("benchmarks/results/diagnostics/*.png")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """``Guides: docs/`` becomes the list of the pages in that folder."""
    config.nav = [
        {title: _pages(where) if where.endswith("/") else where}
        for entry in config.nav or ()
        for title, where in entry.items()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in OUTSIDE:
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    source = page.file.src_uri
    folder = posixpath.dirname(source if page.file.generated_by else f"docs/{source}")

    def rewrite(match: re.Match) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        on_site = posixpath.normpath(posixpath.join(folder, target)).removeprefix("docs/")
        return f"]({posixpath.relpath(on_site, posixpath.dirname(source) or '.')}{anchor})"

    return re.sub(r"\]\((?P<target>(?!https?:|mailto:|#)[^)\s#]+)(?P<anchor>#[^)\s]*)?\)", rewrite, markdown)


def _pages(folder: str) -> list[str]:
    found = [path.relative_to(ROOT).as_posix().removeprefix("docs/") for path in sorted((ROOT / folder).glob("*.md"))]
    return [page for page in sorted(found, key=lambda page: not page.endswith("index.md")) if page != "index.md"]
