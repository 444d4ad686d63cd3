"""The generated tables of Chinese pages: those of the English pages, with words from chinese_blocks.json.

Scripts write tables and figures between marks of an English page (docs/textbook.md, docs/on-paper.md). Its
Chinese page has the same marks; `make generated` fills them. Numbers are `#` in the phrases of
chinese_blocks.json, and `{0}`, `{1}` and so on in their Chinese. A phrase without Chinese is an error.
"""

import json
import re
from functools import cache
from pathlib import Path

from paired_docs import ROOT, sections, slug

PHRASES = Path(__file__).with_suffix(".json")
NAMES = ("textbook.md", "on-paper.md")

_BLOCK = re.compile(
    r"(<!-- (?:(?P<name>\w+): start|by on_paper\.py: (?P<table>\w+)) -->\n)(.*?)(<!-- (?:\w+: )?end -->)",
    re.DOTALL,
)
_NUMBER = re.compile(r"(?<![\w`])[+-]?\$?\d+(?:,\d{3})*(?:\.\d+)?(?:e-\d+)?")
_WORD = re.compile(r"[A-Za-z]{2}|\b[a-z]\b(?! \d)")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"(!?)\[(.*)\]\(([^)]*)\)")
_SENTENCE = re.compile(r"(?<=[.]) +(?=[A-Z0-9])")


@cache
def _phrases() -> dict[str, str]:
    phrases: dict[str, str] = json.loads(PHRASES.read_text(encoding="utf-8"))
    return phrases


def phrase(text: str) -> str:
    """A cell or sentence of a generated table in Chinese; the same where it has no words."""
    if not _WORD.search(_CODE.sub("", text)):
        return text
    numbers = _NUMBER.findall(text)
    chinese = _phrases().get(_NUMBER.sub("#", text))
    if chinese is None:
        raise ValueError(f"{PHRASES.name}: no Chinese for {_NUMBER.sub('#', text)!r}")
    return chinese.format(*numbers)


def _line(text: str, anchors: dict[str, str]) -> str:
    if text.startswith("| "):
        return f"| {' | '.join(_line(cell, anchors) for cell in text[2:-2].split(' | '))} |"
    link = _LINK.fullmatch(text)
    if link:
        target = f"../{link[3]}" if link[1] else f"#{anchors[link[3][1:]]}"
        return f"{link[1]}[{phrase(link[2])}]({target})"
    if text.startswith("**") and text.endswith("**"):
        return f"**{phrase(text[2:-2])}**"
    return "".join(phrase(sentence) for sentence in _SENTENCE.split(text))


def _block(english: str, anchors: dict[str, str]) -> str:
    paragraphs = []
    for paragraph in english.strip().split("\n\n"):
        is_table = paragraph.startswith("|")
        lines = paragraph.splitlines() if is_table else [" ".join(paragraph.split())]
        paragraphs.append("\n".join(_line(line, anchors) for line in lines))
    return "\n\n".join(paragraphs) + "\n"


def filled(english: str, chinese: str) -> str:
    """A Chinese page with its generated tables brought up to date.

    Args:
        english: the English page.
        chinese: the Chinese page, with the same headings and marks.

    Returns:
        The page's new text.
    """
    titles = ([slug(section.title) for section in sections(page)] for page in (english, chinese))
    anchors = dict(zip(*titles, strict=True))
    blocks = {each["name"] or each["table"]: each[4] for each in _BLOCK.finditer(english)}

    def written(found: re.Match[str]) -> str:
        return found[1] + _block(blocks[found["name"] or found["table"]], anchors) + found[5]

    return _BLOCK.sub(written, chinese)


def pages() -> dict[Path, str]:
    """The Chinese pages with generated tables, and their texts with these brought up to date."""
    found = {}
    for name in NAMES:
        chinese = ROOT / "docs" / "zh" / name
        english = (ROOT / "docs" / name).read_text(encoding="utf-8")
        found[chinese] = filled(english, chinese.read_text(encoding="utf-8"))
    return found
