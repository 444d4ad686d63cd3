"""Links between the pages of the documentation lead to pages, and to headings that stand there."""

import re
from pathlib import Path

import pytest
import write_reference

DOCS = write_reference.ROOT / "docs"
PAGES = [
    *sorted(write_reference.ROOT.glob("README*.md")),
    *(page for page in sorted(DOCS.rglob("*.md")) if not page.is_relative_to(DOCS / "_build")),
]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(#[^)\s]+)?\)")


def _headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as the documentation and code hosts make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS.parent).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page.name}: no {place}"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in _headings(target), f"{page.name}: {place} has no heading {anchor}"
