"""Opens every page of the built documentation in a browser: who can use it, and what it asks the network for.

    python tools/check_docs.py [docs/_build/html] [--axe axe.min.js]

axe-core checks each page as on a phone and on a desk, in the light and in the dark theme; pages must not
scroll sideways, and may request nothing but files of the site. The search of each language has to find
something that the site has. Needs Chromium, and axe-core from npm.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from pellucid.export.app.chromium import Tab, browsing, find_browser

SIZES = ((360, 760), (1280, 900))
# Two frames later the page knows what scrolls at this size. A theme changes nothing but colours.
# Minor is, for one, the empty corner of a table.
FINDINGS = """
new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))
  .then(() => axe.run(document, { elementRef: false, resultTypes: ["violations"], ...%s }))
  .then(({ violations, passes }) => [violations.filter(({ impact }) => impact !== "minor")
    .map(({ impact, id, nodes }) => `${impact}: ${id}, ${nodes.length} x: ${nodes[0].html.slice(0, 200)}`)
    , passes.length])
"""
# By the folder of a language what is asked for, of one word: the search does not cut Chinese words.
QUERIES = {"": "calibration", "zh": "学习率"}
# The number of results once it stays the same for a moment, or what the page says where there are none.
SEARCHED = """
new Promise((done) => {
  const results = () => document.querySelectorAll("#search-results ul.search li").length;
  const said = () => document.getElementById("search-results").innerText.trim();
  let [before, looks] = [0, 0];
  const look = () => {
    const now = results();
    if ((now && now === before) || ++looks > %d) return done(now || said());
    before = now;
    setTimeout(look, 100);
  };
  look();
})
"""
LOOKS = 200
RULES = {"light": "{}", "dark": '{ runOnly: ["color-contrast"] }'}


def problems(tab: Tab, page: Path, axe: str) -> list[str]:
    """What is wrong with a page: findings of axe-core, scrolling sideways, requests of anything but files.

    Raises: `RuntimeError` if axe-core checked nothing.
    """
    tab.requests.clear()
    tab.open(page.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.evaluate(f"{axe}; 1")
    found = []
    for width, height in SIZES:
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        tab.call("Emulation.setDeviceMetricsOverride", **shape)
        for theme, rules in RULES.items():
            scheme = {"name": "prefers-color-scheme", "value": theme}
            tab.call("Emulation.setEmulatedMedia", features=[scheme])
            violations, passes = tab.evaluate(FINDINGS % rules, 180.0)
            if not passes:
                raise RuntimeError(f"{page}: axe-core checked nothing")
            found += [f"{width} px, {theme}: {each}" for each in violations]
        if (needed := tab.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{width} px: scrolls sideways, needs {needed}")
    return found + [f"requests {each}" for each in tab.requests if not each.startswith(("file:", "data:"))]


def problems_of_search(tab: Tab, page: Path, query: str, looks: int = LOOKS) -> list[str]:
    """What is wrong with a language's search, which has to find `query`."""
    tab.errors.clear()
    tab.open(f"{page.as_uri()}?q={quote(query)}")
    found = tab.evaluate(SEARCHED % looks, 60.0)
    return [] if isinstance(found, (int, float)) else [f"no result for {query}: {found!r}", *tab.errors]


def check(pages: Iterable[Path], axe: str, browser: str) -> dict[Path, list[str]]:
    """Problems of each page that has some."""
    with browsing(browser) as tab:
        return {page: found for page in pages if (found := problems(tab, page, axe))}


def main() -> None:
    """Check a site, and exit with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", nargs="?", type=Path, default=Path("docs/_build/html"))
    parser.add_argument("--axe", type=Path, help="axe.min.js; default: the one that npm installed globally")
    arguments = parser.parse_args()
    site, axe, browser = arguments.site.resolve(), arguments.axe, find_browser()
    if axe is None:
        done = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=True)
        axe = Path(done.stdout.strip()) / "axe-core" / "axe.min.js"
    # Pages of the gallery have tests of their own.
    apart = {site / "gallery", site / "_static"}
    pages = [page for page in sorted(site.rglob("*.html")) if apart.isdisjoint(page.parents)]
    if not pages or browser is None:
        sys.exit(f"error: {site}: no pages; run make docs" if browser else "error: no Chromium")
    found = check(pages, axe.read_text(encoding="utf-8"), browser)
    with browsing(browser) as tab:
        for folder, query in QUERIES.items():
            page = site / folder / "search.html"
            if wrong := problems_of_search(tab, page, query):
                found[page] = [*found.get(page, []), *wrong]
    for page, each in found.items():
        print(f"{page.relative_to(site)}:", *each, sep="\n  ")
    print(f"{len(pages)} pages, {len(found)} with problems")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
