"""Fills the generated parts of docs/textbook.md from the records: `python examples/page.py`.

Between `<!-- NAME: start -->` and `<!-- NAME: end -->` is what the script of that name shows of its record in
docs/textbook; `summary` is the table of all. `--plots` draws every plot anew from the records too; nothing is
trained.
"""

import argparse
import importlib
import json
import re
import sys
from types import ModuleType
from typing import Any

from showing import table
from trying import IMAGES, RECORDS, ROOT, write

NAMES = (  # in the order of the page
    "hidden_layers", "activations", "gradient_by_depth", "optimisers", "losses", "outputs", "dropout",
    "convolution", "receptive_field", "pooling", "texts", "data_growth",
)  # fmt: skip

PAGE = ROOT / "docs" / "textbook.md"


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def record_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def part(name: str) -> str:
    """Plot and figures in Markdown, between the marks of an experiment."""
    module, record = script(name), record_of(name)
    title = module.drawn(record).partition("<title>")[2].partition("</title>")[0]
    return f"![{title}](images/textbook/{name}.svg)\n\n{module.shown(record)}"


def summary(page: str) -> str:
    """Table of all claims in the order of the page: whether each holds, one number, and a link."""
    rows = []
    for name in NAMES:
        heading = page[: page.index(f"<!-- {name}: start -->")].rpartition("\n## ")[2].partition("\n")[0]
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        record = record_of(name)
        rows.append([f"[{record['claim']}](#{anchor})", *script(name).concluded(record)])
    return table(["claim", "does it hold?", "one number"], rows)


def costs() -> str:
    records = {name: record_of(name) for name in NAMES}
    rows = [
        [f"`examples/{name}.py`", f"{each['processor_seconds']:,.0f} s", f"{each['seconds']:,.0f} s"]
        for name, each in records.items()
    ]
    total = [sum(each[key] for each in records.values()) / 60 for key in ("processor_seconds", "seconds")]
    rows.append(["all", *(f"{minutes:.0f} min" for minutes in total)])
    return table(["script", "processor time", "on the clock"], rows)


def filled(page: str) -> str:
    """The page with its generated parts brought up to date."""
    for name, text in [
        ("summary", summary(page)),
        *((name, part(name)) for name in NAMES),
        ("costs", costs()),
    ]:
        start, end = f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
        before, after = page[: page.index(start) + len(start)], page[page.index(end) :]
        page = before + text + after
    return page


def main() -> int:
    """Rewrite the page, or say whether it is up to date: with `--check` 1 where it is not, else 0."""
    flags = argparse.ArgumentParser(description="Fill docs/textbook.md from the records of the experiments.")
    flags.add_argument("--check", action="store_true", help="write nothing, say whether all is up to date")
    flags.add_argument("--plots", action="store_true", help="draw every plot anew")
    arguments = flags.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    if arguments.check:
        plots = {name: (ROOT / IMAGES / f"{name}.svg").read_text() for name in NAMES}
        stale = [name for name, plot in plots.items() if plot != script(name).drawn(record_of(name))]
        if filled(page) != page:
            stale.append(PAGE.name)
        if stale:
            print(f"run `python examples/page.py --plots`: not up to date: {', '.join(stale)}")
        return int(bool(stale))
    if arguments.plots:
        for name in NAMES:
            write(name, record_of(name), script(name).drawn, ROOT)
    PAGE.write_text(filled(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
