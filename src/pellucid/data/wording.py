"""Foreign names in sentences: shown so that nothing hidden or harmful reaches the terminal."""

import os
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence, join

# Columns of a terminal that everything fits into.
COLUMNS = 80

_MOST_NAME = 60

# Columns of a last line; fewer look like something left over.
_FEWEST = 10


def visible(text: str) -> str:
    r"""Replace every character that hides, turns or breaks a line by its code, such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    if isinstance(text, Sentence) and text.values:
        return text.each_text(visible)
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        else character
        for character in text
    )


def with_article(noun: str) -> str:
    """A noun behind `a` or `an`."""
    return Sentence(f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}")


def quoted(name: str) -> str:
    """A name made visible, between quotation marks; a very long one loses its middle."""
    if len(name) > _MOST_NAME:
        name = f"{name[: _MOST_NAME // 2]}...{name[-_MOST_NAME // 2 + 3 :]}"
    return f"'{visible(name)}'"


def count_of(number: int, noun: str) -> str:
    """A number with its noun, such as `1 class`, `1,203 images` or `2 copies`."""
    if number == 1:
        return Sentence(f"1 {noun}")
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}{'es' if noun.endswith('s') else 's'}"
    return Sentence(f"{{count:,}} {many}", number)


def public_name(name: str, place: str) -> str:
    """A path as documents that are handed on show it: without the folders above DATA, which is `place`.

    An absolute path beside or within DATA begins with DATA's own name, another one of the user's with `~`.
    """
    if not os.path.isabs(name):
        return name
    above = os.path.dirname(os.path.abspath(place)).rstrip(os.sep) + os.sep
    home = os.path.expanduser("~").rstrip(os.sep) + os.sep
    if name.startswith(above):
        return name[len(above) :].rstrip(os.sep)
    return f"~{os.sep}{name[len(home) :]}" if len(home) > 1 and name.startswith(home) else name


def public_text(text: str) -> str:
    """A sentence or command as documents that are handed on show it: paths of the user's begin with `~`.

    They are recognised where a word begins, also behind a quotation mark, an equals sign or a bracket.
    """
    home = os.path.expanduser("~").rstrip(os.sep)
    if not home or home not in text:
        return text
    if isinstance(text, Sentence) and text.values:
        return text.each_text(public_text)
    # A shell knows no `~` within quotation marks, which therefore come behind it.
    begin = re.compile(rf"(?<![^\s='\"(])(['\"]?){re.escape(home + os.sep)}")
    return begin.sub(lambda found: f"~{os.sep}{found[1]}", text)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few of many names, joined by commas, with the number of those left out."""
    rest = len(names) - most
    return join(", ", names[:most]) + (Sentence(" and {rest:,} more", rest) if rest > 0 else "")


def some_quoted(names: Iterable[str], most: int = 3) -> str:
    """The first few of many names as `some`, each between quotation marks."""
    return some([quoted(name) for name in names], most)


def wrapped(text: str, columns: int = COLUMNS, indent: str = "") -> list[str]:
    """A text in the user's language, `in_lines`."""
    return in_lines(translated(text), columns, indent)


def in_lines(text: str, columns: int = COLUMNS, indent: str = "") -> list[str]:
    """A text in lines of so many columns, no word broken, nor alone in the last.

    Chinese is broken between any two characters.
    """
    if re.search(_WIDE, text):
        return _wrapped_wide(text, columns, indent)

    def lines_of(size: int) -> list[str]:
        return textwrap.wrap(
            text, size, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )

    lines = lines_of(columns)
    for size in range(columns - 1, columns // 2, -1):
        if len(lines) < 2 or (" " in lines[-1].strip() and len(lines[-1].strip()) >= _FEWEST):
            break
        narrower = lines_of(size)
        if len(narrower) > len(lines):
            break
        lines = narrower
    return lines


# Characters that fill two columns; punctuation that must not begin a line, or must not end one.
_WIDE = r"[\u2e80-\ufaff\uff00-\uffef]"
_NEVER_FIRST = "\uff0c\u3002\uff1a\uff1b\uff01\uff1f\u3001\uff09\u300b\u300d\u300f\u3011\u201d\u2019%"
_NEVER_LAST = r"'\"(\[\uff08\u300a\u300c\u300e\u3010\u201c\u2018"
_NARROW = r"[^\s\u2e80-\ufaff\uff00-\uffef]"
# The rest of a word, or the end of a quotation, in letters stays with the Chinese before it; a unit with its
# number.
_BEHIND = rf"[{_NEVER_FIRST}]*(?:[.,:;)\]'\"]{_NARROW}*[{_NEVER_FIRST}]*)?"
_UNIT = rf"(?: (?:%|m?s|[kMG]B)(?![A-Za-z]){_NARROW}*)?"
# Compiled when Chinese is first laid out: that takes a fifth of the time of `pellucid --help`.
_PIECES = (
    rf"\s+|{_NARROW}*[{_NEVER_LAST}]+{_WIDE}{_BEHIND}"
    rf"|{_WIDE}{_BEHIND}|{_NARROW}+{_UNIT}[{_NEVER_FIRST}]*"
)


def _wrapped_wide(text: str, columns: int, indent: str) -> list[str]:
    lines, line = [], ""
    for piece in re.findall(_PIECES, text):
        if line.strip() and width(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = indent
        line += piece if line.strip() or not piece.isspace() else ""
    return [*lines, line.rstrip()] if line.strip() else lines


def width(text: str) -> int:
    """Columns that visible text takes in a terminal; Chinese, Japanese, Korean and emoji take two each."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def filled(text: str, columns: int) -> str:
    """A text and spaces, together so many columns; the text to the left where these are negative."""
    space = " " * (abs(columns) - width(text))
    return text + space if columns < 0 else space + text


def fitted(text: str, columns: int) -> str:
    """A visible text at an exact width of at least 4, cut with three dots or filled with spaces."""
    if width(text) > columns:
        while width(text) > columns - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (columns - width(text))


def aligned(heading: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Lines of a table of 80 columns, headings first: names to the left, cells to the right."""
    heading, columns = translated(heading), [translated(column) for column in columns]
    widths = [max(width(column), *(len(cells[at]) for _, cells in rows)) for at, column in enumerate(columns)]
    room = COLUMNS - sum(widths) - 2 * len(widths)
    names = min(room, max(width(name) for name in (heading, *(name for name, _ in rows))))
    return [
        fitted(name, names)
        + "".join(f"  {' ' * (size - width(cell))}{cell}" for cell, size in zip(cells, widths, strict=True))
        for name, cells in ((heading, columns), *rows)
    ]
