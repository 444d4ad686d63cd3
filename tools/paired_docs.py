"""Pairs of English and Chinese pages: which Chinese sections are out of date, and where the two differ.

The Chinese page of `docs/PATH.md` is `docs/zh/PATH.md`, that of `README.md` is `README.zh-CN.md`. The line
after each Chinese heading is `<!-- en: HASH -->`: the first 8 hexadecimal digits of the SHA-256 of the
English section, every run of white space being one space, when a person last compared the two.

    python tools/paired_docs.py                        # every difference; exit code 1 if there is one
    python tools/paired_docs.py --accept FILE          # the Chinese FILE agrees with the English: new hashes
    python tools/paired_docs.py --accept FILE SECTION  # one section of it, by its Chinese heading
"""

import argparse
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_FENCE = re.compile(r"^ *(`{3,}|~{3,})(.*)$")
_BOX = re.compile(r"^ *:{3,}.*$")  # of MyST: what it contains is ordinary text
_HEADING = re.compile(r"^(#{1,6}) +(.*?) *$")
_HASH = re.compile(r"^<!-- en: ([0-9a-f]{8}) -->\n?", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_MATHS = re.compile(r"\$\$.+?\$\$|(?<![\\$\w])\$(?! )[^$]+?(?<! )\$(?!\d)", re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]*)\)")
_HTML_LINK = re.compile(r"\b(?:href|src)=\"([^\"]*)\"")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_NUMERAL = re.compile(r"(\d+(?:,\d{3})*(?:\.\d+)?)(?:\s+(thousand|million|billion|mega(?=pixel)|万|亿))?")
_TIMES = {"thousand": 10**3, "万": 10**4, "million": 10**6, "mega": 10**6, "亿": 10**8, "billion": 10**9}
_MONTH = re.compile(r"(\d{4} 年 )\d{1,2} 月")  # a word in English: November 2026

_HAN = r"[\u3400-\u4dbf\u4e00-\u9fff]"
_ENDS = r"\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u201d"  # full-width punctuation after a word
_FAULTS = {
    "no space between Chinese and Latin letters or digits": rf"{_HAN}[A-Za-z0-9`$]|[A-Za-z0-9%`$]{_HAN}",
    "a line break within a paragraph, which browsers show as a space": rf"[{_HAN[1:-1]}{_ENDS}]\n{_HAN}",
    "half-width punctuation beside Chinese": rf"{_HAN}[,.:;?!()]|[,:;?!()]{_HAN}",
    "a space beside full-width punctuation": rf"[{_ENDS}\uff08] (?=[^\s|])|(?<=[^\s|]) [{_ENDS}\uff08]",
    "italics": rf"\*[^*\n]*{_HAN}[^*\n]*\*",
    "punctuation at the end of bold text, which is then not shown as bold": rf"[{_ENDS}]\x03(?=\w)",
}
"""What Chinese text must not contain, each with its name."""


@dataclass(frozen=True)
class Section:
    """A heading and what is below it, up to the next heading of any level."""

    level: int
    title: str
    text: str
    accepted: str

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of the section's words: where its lines break does not count."""
        return hashlib.sha256(" ".join(self.text.split()).encode()).hexdigest()[:8]


def sections(page: str) -> list[Section]:
    """The sections of a page in Markdown, in order.

    Args:
        page: the page's text; lines in fences are no headings.

    Returns:
        One section a heading. What is above the first heading is a section of level 0, if it is not blank.
    """
    starts, fence, place = [0], "", 0
    for line in page.splitlines(keepends=True):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and not found[2].strip():
            fence = ""
        elif not fence and _HEADING.match(line):
            starts.append(place)
        place += len(line)
    parts = [page[start:end].strip() for start, end in zip(starts, [*starts[1:], len(page)], strict=True)]
    return [_section(part) for part in parts if part]


def _section(text: str) -> Section:
    accepted = _HASH.search(text)
    text = _HASH.sub("", text, count=1).strip()
    heading = _HEADING.match(text.partition("\n")[0])
    level, title = (len(heading[1]), heading[2]) if heading else (0, "")
    return Section(level, title, text, accepted[1] if accepted else "")


def pairs(root: Path = ROOT) -> list[tuple[Path, Path]]:
    """Every Chinese page below a folder with its English one.

    Args:
        root: the repository, or a folder in its form.

    Returns:
        English and Chinese file.
    """
    chinese = [root / "README.zh-CN.md", *sorted((root / "docs" / "zh").rglob("*.md"))]
    return [(english_of(page, root), page) for page in chinese if page.exists()]


def english_of(path: Path, root: Path = ROOT) -> Path:
    """The English counterpart of a Chinese file, or the file itself where it has none.

    Args:
        path: a file or folder below root.
        root: the repository.

    Returns:
        An absolute path.
    """
    if path == root / "README.zh-CN.md":
        return root / "README.md"
    zh = root / "docs" / "zh"
    return root / "docs" / path.relative_to(zh) if path.is_relative_to(zh) else path


def _prose(text: str) -> tuple[str, list[str]]:
    """A section without fences and comments, and its fences."""
    prose: list[str] = []
    blocks: list[str] = []
    fence = ""
    for line in _COMMENT.sub("", text).splitlines():
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
            blocks.append(line.strip())
        elif fence:
            blocks[-1] += "\n" + line.strip()
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif not _BOX.match(line):
            prose.append(line)
    return "\n".join(prose), blocks


def _code_blocks(text: str, page: Path, root: Path) -> list[object]:
    """Code without its comments; of other listings, which may be translated, the numbers."""
    found: list[object] = []
    for block in _prose(text)[1]:
        head, _, body = block.replace("} ../../", "} ../").partition("\n")  # of an included file
        if "{toctree}" in head:  # the pages that there are in this language; Sphinx checks them
            continue
        if head.lstrip("`~").strip() in ("text", "") and body:
            found.append((head, tuple(numerals(body))))
        else:
            body = re.sub(r"(?:^|(?<=\s))#\s.*$|//\s.*$", "", body, flags=re.MULTILINE)
            lines = (" ".join(line.split()) for line in body.replace("\\\n", " ").splitlines())
            found.append((head, tuple(line for line in lines if line)))
    return found


def _links(text: str, page: Path, root: Path) -> list[object]:
    """Where links and figures lead, as English files; an anchor is the number of its heading."""
    prose = _CODE.sub("", _prose(text)[0])
    targets = [mark + target for mark, _, target in _LINK.findall(prose)]
    targets += [target for _, words, _ in _LINK.findall(prose) for _, _, target in _LINK.findall(words)]
    targets += _HTML_LINK.findall(prose)
    return sorted((_target(each, page, root) for each in targets), key=str)


def _target(link: str, page: Path, root: Path) -> object:
    mark, link = ("!", link[1:]) if link.startswith("!") else ("", link)
    place, _, anchor = link.partition("#")
    if re.match(r"[a-z]+:", place):
        return link
    target = (page.parent / place).resolve() if place else page
    english = mark + english_of(target, root).relative_to(root).as_posix()
    if target.suffix == ".md" and target.exists() and anchor:
        return english, _place_of_heading(anchor, target)
    return english, anchor


def _place_of_heading(anchor: str, page: Path) -> object:
    titles = [slug(section.title) for section in sections(page.read_text(encoding="utf-8"))]
    return titles.index(anchor) if anchor in titles else f"#{anchor}"


def slug(title: str) -> str:
    """The anchor of a heading, as the documentation and code hosts make it.

    Args:
        title: the heading's text in Markdown.

    Returns:
        Lower-case letters, digits, underscores and dashes.
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def _codes(text: str, page: Path, root: Path) -> list[object]:
    """Code within sentences, each once, since a language may repeat a name where another has a pronoun."""
    return sorted({" ".join(code.split()) for _, code in _CODE.findall(_prose(text)[0])})


def _maths(text: str, page: Path, root: Path) -> list[object]:
    prose = _CODE.sub("", _prose(text)[0])
    return sorted(" ".join(re.sub(r"\\text\{[^}]*\}", "", each).split()) for each in _MATHS.findall(prose))


def _tables(text: str, page: Path, root: Path) -> list[object]:
    """Cells of each row of each table, in order."""
    rows = [line.strip() for line in _CODE.sub("", _prose(text)[0]).splitlines()]
    return [len(re.findall(r"(?<!\\)\|", row)) - 1 for row in rows if row.startswith("|")]


def numerals(prose: str) -> list[str]:
    """Numbers written in digits, without separators of thousands; 1.1 million and 110 万 are the same.

    Args:
        prose: text without code.

    Returns:
        The numbers, sorted.
    """
    found = [(digits.replace(",", ""), unit) for digits, unit in _NUMERAL.findall(_MONTH.sub(r"\1", prose))]
    return sorted(f"{Decimal(digits) * _TIMES[unit]:.0f}" if unit else digits for digits, unit in found)


def _numbers(text: str, page: Path, root: Path) -> list[object]:
    return list(numerals(_shown(_MATHS.sub("", _CODE.sub("", _prose(text)[0])))))


def _shown(prose: str, tag: str = "") -> str:
    """What a reader sees: the words of links without their targets, and nothing, or a mark, for each tag."""
    return _TAG.sub(tag, _LINK.sub(r"\2", _LINK.sub(r"\2", prose)))


_KINDS: dict[str, Callable[[str, Path, Path], list[object]]] = {
    "code": _code_blocks,
    "links and figures": _links,
    "code in sentences": _codes,
    "formulas": _maths,
    "tables": _tables,
    "numbers": _numbers,
}


def differences(english: Path, chinese: Path, root: Path = ROOT) -> Iterator[str]:
    """What is old in a Chinese page, or differs from the English one.

    Args:
        english: the English page.
        chinese: the Chinese page.
        root: the repository.

    Yields:
        One line a difference: file, section, and what to do.
    """
    name = chinese.relative_to(root).as_posix()
    if not english.exists():
        yield f"{name}: its English page {english.relative_to(root).as_posix()} is gone"
        return
    first, second = (sections(page.read_text(encoding="utf-8")) for page in (english, chinese))
    for one, other in _aligned(first, second):
        if one is None or other is None:
            title, language = (
                (other.title, "English") if one is None and other else (one and one.title, "Chinese")
            )
            yield f'{name}: "{title}" has no {language} section, or one of another level'
            continue
        if one.hash != other.accepted:
            yield f'{name}: "{other.title}": the English section "{one.title}" has changed: en: {one.hash}'
        for kind, of in _KINDS.items():
            here, there = of(one.text, english, root), of(other.text, chinese, root)
            if here != there:
                only = f"{_only(here, there)} only in English, {_only(there, here)} only in Chinese"
                yield f'{name}: "{other.title}": {kind} differ: {only}'
        found = [*faults(other.text), *_links_to_english(other.text, chinese, root)]
        yield from (f'{name}: "{other.title}": {fault}' for fault in found)


def _links_to_english(text: str, chinese: Path, root: Path) -> Iterator[str]:
    """Links to English pages that have a Chinese counterpart."""
    for _, _, link in _LINK.findall(_CODE.sub("", _prose(text)[0])):
        target = (chinese.parent / link.partition("#")[0]).resolve()
        if target.suffix == ".md" and target.is_relative_to(root / "docs"):
            if (root / "docs" / "zh" / target.relative_to(root / "docs")).exists():
                yield f"a link to an English page that there is in Chinese: {link}"


def _aligned(
    english: list[Section], chinese: list[Section]
) -> Iterator[tuple[Section | None, Section | None]]:
    """Sections side by side: those whose hash agrees, and between them as many of the same levels."""
    hashes = [each.hash for each in english], [each.accepted for each in chinese]
    for _, start, end, begin, stop in SequenceMatcher(None, *hashes, autojunk=False).get_opcodes():
        here, there = english[start:end], chinese[begin:stop]
        if [each.level for each in here] == [each.level for each in there]:
            yield from zip(here, there, strict=True)
        else:
            yield from ((one, None) for one in here)
            yield from ((None, other) for other in there)


def faults(text: str) -> Iterator[str]:
    """What Chinese text contains against the rules of writing.

    Args:
        text: a section in Markdown.

    Yields:
        The rule, and the place.
    """
    prose = _shown(_CODE.sub("`x`", _MATHS.sub("$x$", _prose(text)[0])), "\x04")
    prose = re.sub(r"\*\*([^*\n]+)\*\*", "\x02\\1\x03", prose)
    for fault, pattern in _FAULTS.items():
        for found in re.finditer(pattern, prose):
            yield f"{fault}: {prose[max(0, found.start() - 8) : found.end() + 8]!r}"


def _only(first: Iterable[object], second: Iterable[object]) -> str:
    left = Counter(map(str, first)) - Counter(map(str, second))
    return ", ".join(left.elements()) or "nothing"


def accept(english: Path, chinese: Path, title: str | None = None) -> int:
    """Write the hashes of the English sections below the Chinese headings.

    Args:
        english: the English page.
        chinese: the Chinese page, with the same headings.
        title: the Chinese heading of one section; default: all.

    Returns:
        How many hashes changed.

    Raises:
        ValueError: the headings differ, or none is called so.
    """
    before = chinese.read_text(encoding="utf-8")
    try:
        after = hashed(english.read_text(encoding="utf-8"), before, *([title] if title else []))
    except ValueError as error:
        raise ValueError(f"{chinese}: {error}") from error
    chinese.write_text(after, encoding="utf-8")
    return sum(
        one.accepted != other.accepted for one, other in zip(sections(before), sections(after), strict=True)
    )


def hashed(english: str, chinese: str, *titles: str) -> str:
    """A Chinese page with the hashes of the English sections below its headings.

    Args:
        english: the text of the English page.
        chinese: that of the Chinese page, with the same headings.
        titles: Chinese headings of sections; default: all.

    Returns:
        The Chinese page's new text.

    Raises:
        ValueError: the headings differ, or none is called so.
    """
    first, second = sections(english), sections(chinese)
    if [each.level for each in first] != [each.level for each in second]:
        raise ValueError("its headings are not those of the English page; translate what is missing first")
    for title in titles:
        if title not in [each.title for each in second]:
            raise ValueError(f"no section {title!r}")
    parts = []
    for one, other in zip(first, second, strict=True):
        accepted = one.hash if not titles or other.title in titles else other.accepted
        lines = other.text.split("\n")
        at = 1 if other.level else 0
        parts.append("\n".join([*lines[:at], f"<!-- en: {accepted} -->", *lines[at:]]))
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """List what is old or differs, or accept what a person has read.

    Returns:
        The exit code: 1 if anything differs.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accept", nargs="+", metavar=("FILE", "SECTION"))
    wanted = parser.parse_args().accept
    if wanted:
        chinese = Path(wanted[0]).resolve()
        try:
            print(f"{accept(english_of(chinese), chinese, ' '.join(wanted[1:]) or None)} hashes renewed")
        except (OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        return 0
    found = [line for english, chinese in pairs() for line in differences(english, chinese)]
    print("\n".join(found) or f"{len(pairs())} Chinese pages are those of the English ones")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
