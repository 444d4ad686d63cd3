"""Writes the parts of the documentation that are taken from the source, so that they stay true.

docs/settings.md comes from the settings table, docs/zh/settings.md from it and the catalogue;
docs/mathematics.md from the docstrings of the reference; the tree in docs/architecture.md from the files and
the first line of each one's docstring, or first comment of JavaScript; tables of Chinese pages from the
English ones. Tests compare them all with the source.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import chinese_blocks
from chinese_blocks import phrase
from mathematics_page import mathematics_page
from paired_docs import hashed

from pellucid.language.catalogue import CHINESE, translated
from pellucid.settings import ROWS, Row

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "settings.md"
CHINESE_SETTINGS = ROOT / "docs" / "zh" / "settings.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MATHEMATICS = ROOT / "docs" / "mathematics.md"
COMMAND = "make generated"

_SHOWN_FOLDERS = ("src/pellucid", "benchmarks", "examples", "tools")
_TREE_START, _TREE_END = "<!-- tree: start -->\n```text\n", "```\n<!-- tree: end -->\n"
_COMMENT_COLUMN = 34
_GROUP_TITLES = {"data": "Data", "network": "Network", "training": "Training", "run": "Run"}
_SETTINGS_HEAD = """\
# Settings

One table in `src/pellucid/settings/table.py` feeds the flags of `pellucid train`, the keys of a
`--config` file, the parameters of the estimators and this page (written by `make generated`).
In TOML and Python a name has underscores instead of dashes: `--learning-rate` is `learning_rate`; in
Python, where `from` is a word of the language, `--from` is `from_`.
The preset or the data decides a default that stands here as *by rule*; what was decided is printed
when training starts and saved in `config.json`. The last column says which inputs or models a setting belongs
to and which have no use for it: given there, it is refused.
"""


def settings_reference() -> str:
    """The page of settings in Markdown.

    Returns:
        A table for each group, in the order of the settings table.
    """
    return _SETTINGS_HEAD + _settings_tables(
        str, lambda row: [*_cells(row), _markdown(row.meaning), _fits(row)]
    )


def chinese_settings_reference() -> str:
    """The page of settings in Chinese: what stands above its tables, and the tables.

    Returns:
        The page, with the hashes of the English tables.
    """
    head, _, _ = CHINESE_SETTINGS.read_text(encoding="utf-8").partition("\n## ")
    page = head + _settings_tables(phrase, _chinese_cells)
    return hashed(settings_reference(), page, *map(phrase, _GROUP_TITLES.values()))


def _settings_tables(word: Callable[[str], str], cells: Callable[[Row], list[str]]) -> str:
    parts = []
    for group, title in _GROUP_TITLES.items():
        head = " | ".join(map(word, ("Flag", "Values", "Default", "Meaning", "Fits")))
        parts.append(f"\n## {word(title)}\n\n| {head} |\n| --- | --- | --- | --- | --- |\n")
        parts.extend(f"| {' | '.join(cells(row))} |\n" for row in ROWS if row.group == group)
    return "".join(parts)


def _cells(row: Row) -> list[str]:
    flag = f"`{row.flag}`, `--no-{row.flag[2:]}`" if row.kind is bool else f"`{row.flag}`"
    return [flag, _values(row), _default(row)]


def _chinese_cells(row: Row) -> list[str]:
    meaning = translated(row.meaning, CHINESE)
    if meaning == row.meaning:
        raise ValueError(f"no Chinese for {meaning!r}: see tools/catalogue.py")
    fits = []
    for names in _fits(row).split("; "):
        each = names.removeprefix("not ").split(", ")
        joined = "\u3001".join(phrase(name) if name == "all" else translated(name, CHINESE) for name in each)
        fits.append(phrase("not") + joined if names.startswith("not ") else joined)
    return [*map(phrase, _cells(row)), _markdown(meaning), "\uff1b".join(fits)]


def _markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _fits(row: Row) -> str:
    """What a setting belongs to, and what has no use for it."""
    no_use = f"not {', '.join(row.not_with)}" if row.not_with else ""
    return "; ".join(filter(None, (", ".join(row.belongs_to), no_use))) or "all"


def _default(row: Row) -> str:
    if row.default is not None:
        return f"`{str(row.default).lower()}`"
    is_free_text = row.kind is str and not row.choices and "default:" not in row.meaning
    return "*none*" if is_free_text else "*by rule*"


def _values(row: Row) -> str:
    """What a setting admits, in words."""
    if row.choices or row.form:
        return " ".join(f"`{choice}`" for choice in (*row.choices, row.form) if choice)
    if row.kind is bool:
        return "yes or no"
    if row.low is None or row.high is None:
        return "text"
    kind = "whole number" if row.kind is int else "number"
    return f"{kind}, {_plain(row.low)} to {_plain(row.high)}"


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def source_tree(comments: Mapping[str, str]) -> list[str]:
    """The tree of the source, one line a file, each with what the file is for.

    Args:
        comments: for files that are not Python: path relative to the repository to comment.

    Returns:
        Lines without line ends.
    """
    lines: list[str] = []
    for folder in _SHOWN_FOLDERS:
        lines.append(f"{folder}/")
        lines.extend(_tree_below(ROOT / folder, "  ", comments))
    return lines


def _tree_below(folder: Path, indent: str, comments: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(folder.iterdir(), key=lambda each: (each.is_dir(), each.name)):
        if path.name.startswith(".") or path.name in ("__pycache__", "node_modules"):
            continue
        if path.is_dir():
            below = list(_tree_below(path, indent + "  ", comments))
            if below:  # a folder that has moved leaves its compiled files behind
                yield f"{indent}{path.name}/"
                yield from below
        else:
            comment = _comment(path, comments)
            yield f"{indent + path.name:<{_COMMENT_COLUMN}}  {comment}".rstrip()


def _comment(path: Path, comments: Mapping[str, str]) -> str:
    if path.suffix == ".js":
        first, _, _ = path.read_text(encoding="utf-8").partition("\n")
        return first.removeprefix("// ").rstrip(".")
    if path.suffix != ".py":
        return comments.get(path.relative_to(ROOT).as_posix(), "")
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return docstring.splitlines()[0].rstrip(".:") if docstring else ""


def documented_tree(page: str) -> list[str]:
    """The lines of the tree that stand in the page on the architecture.

    Args:
        page: the page's text.

    Returns:
        Lines without line ends.
    """
    return page[page.index(_TREE_START) + len(_TREE_START) : page.index(_TREE_END)].splitlines()


def documented_comments(page: str) -> dict[str, str]:
    """What the page says about each file of its tree.

    Args:
        page: the page's text.

    Returns:
        Path relative to the repository to comment; empty where the page says nothing.
    """
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in documented_tree(page):
        name, _, comment = line.strip().partition(" ")
        depth = len(line) - len(line.lstrip())
        above = [(at, folder) for at, folder in above if at < depth]
        if name.endswith("/"):
            above.append((depth, name))
        else:
            found["".join(folder for _, folder in above) + name] = comment.strip()
    return found


def architecture(page: str) -> str:
    """The page on the architecture with its tree brought up to date.

    Args:
        page: the page's text.

    Returns:
        The text with a new tree.
    """
    lines = source_tree(documented_comments(page))
    before, after = page[: page.index(_TREE_START)], page[page.index(_TREE_END) :]
    return before + _TREE_START + "".join(f"{line}\n" for line in lines) + after


def main() -> int:
    """Rewrite the pages.

    Returns:
        The exit code.
    """
    SETTINGS.write_text(settings_reference(), encoding="utf-8")
    MATHEMATICS.write_text(mathematics_page(), encoding="utf-8")
    CHINESE_SETTINGS.write_text(chinese_settings_reference(), encoding="utf-8")
    for page, text in chinese_blocks.pages().items():
        page.write_text(text, encoding="utf-8")
    ARCHITECTURE.write_text(architecture(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
