"""Links and pictures of the documentation lead to what is there, and come from where they should."""

import re
from pathlib import Path

import make_gallery
import make_screenshots
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(write_reference.ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for place, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page.name}: no {place}"
        if anchor and target.suffix == ".md":
            assert anchor[1:] in _headings(target), f"{page.name}: {place} has no heading {anchor}"


def test_links_into_the_gallery_lead_to_its_pages() -> None:
    made = {*make_gallery.PAGES, *make_gallery.REPORTS}
    linked = set()
    for page in PAGES:
        depth = len(page.relative_to(DOCS).parts) - 1 if page.is_relative_to(DOCS) else 0
        for up, name in re.findall(r'href="((?:\.\./)*)gallery/([^"#]*)', page.read_text(encoding="utf-8")):
            assert up == "../" * depth, f"{page}: gallery/{name}"
            linked.add(name)
    assert linked == made


def test_every_picture_of_the_gallery_and_its_pages_is_made_by_a_command() -> None:
    pictures = {path.stem for path in (DOCS / "images").glob("*.png")}
    small = {path.stem for path in (DOCS / "static" / "gallery").glob("*.png")}
    assert pictures | small == set(make_screenshots.SHOTS) | set(make_screenshots.SMALL)
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(f"images/{name}.png" in shown for name in make_screenshots.SHOTS)
    assert all(f"_static/gallery/{name}.png" in shown for name in make_screenshots.SMALL)
