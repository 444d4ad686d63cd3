"""A page that is written in English, in another language: its sentences found between its tags.

What lies between two tags of blocks, such as a paragraph or a cell, is one text. Elements within it, such
as `<strong>`, are values of that text, which a translation may put elsewhere, and texts in turn. Scripts,
styles, code and what users named (`class="foreign"`) stay as they are, to the last byte.
"""

import json
import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any, NamedTuple

from jinja2 import Environment, Template

from pellucid.language.catalogue import ENGLISH, language, translated

_TOKEN = re.compile(
    r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1>|</?[a-zA-Z][^>]*>|<![^>]*>|[^<]+|<", re.DOTALL
)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")
INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "br",
        "button",
        "code",
        "dfn",
        "em",
        "i",
        "kbd",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "var",
    }
)
_VOID = frozenset({"br", "img", "input", "link", "meta", "hr", "wbr"})
_KEPT = re.compile(r'^<(?:bdi|code|pre|kbd|samp)\b|\bclass="(?:[^"]* )?foreign(?: [^"]*)?"|\btranslate="no"')
ATTRIBUTE = re.compile(r'\b(aria-label|title|alt|placeholder|data-title|data-label)="([^"]*)"')
# The name of an element whose content stays as it is.
_NAMED = re.compile(r'\b(aria-label)="([^"]*)"')
_SAID = re.compile(r'\btr\(\s*("(?:[^"\\]|\\.)*")')
_PROGRAM = re.compile('<script(?: type="module")?>')  # and no data
_LETTERS = re.compile("[A-Za-z]{2}")
_LANG = re.compile(r'(<html\b[^>]*\blang=")en(")')
# An element within a text, while the text is translated: one character that no text has.
FIRST_MARK = 0xF0000
MARK = re.compile(f"[{chr(FIRST_MARK)}-{chr(FIRST_MARK + 0xFFFD)}]")
# Beside an element: a space that would be beside Chinese on both sides, and punctuation of half width.
_SPACES_BEFORE = re.compile(f"([\u3000-\u9fff\uff00-\uffef])( *)({MARK.pattern})")
_SPACES_BEHIND = re.compile(f"({MARK.pattern})( *)(?=([\u3000-\u9fff\uff00-\uffef]))")
_JOINT = re.compile(f"({MARK.pattern})([,;.:]?) (?={MARK.pattern})")
_PUNCTUATION = "\u3001\u3002\uff0c\uff1a\uff1b\uff08\uff09\uff01\uff1f"
_FULL_WIDTH = {",": "\uff0c", ";": "\uff1b", ".": "\u3002", ":": "\uff1a"}
_HAN = re.compile("[\u4e00-\u9fff]")
_NARROW = re.compile("[A-Za-z0-9%]")
# Tags, and beginnings of elements that are a part of the word before them.
_ANY_TAG = re.compile("<su[bp]>.*|<[^>]*>", re.DOTALL)


def translated_page(html: str, wanted: str = "") -> str:
    """A whole page, or a part of one, in the language of this program or in `wanted`."""
    wanted = wanted or language()
    if wanted == ENGLISH:
        return html
    made = _LANG.sub(rf"\g<1>{wanted}\g<2>", Page(html, wanted).written(), count=1)
    said = {message: translated(message, wanted) for message in messages_of_script(html)}
    if not said:
        return made
    # What the scripts of the page say, where they look it up (`reports/script/tr.js`).
    content = json.dumps(said, ensure_ascii=False).replace("<", "\\u003c")
    data = f'<script type="application/json" id="translations">{content}</script>\n'
    return _PROGRAM.sub(lambda match: data + match[0], made, count=1)


def _is_sentence(text: str) -> bool:
    """True of a text that is more than a name, such as Grad-CAM."""
    return bool(_LETTERS.search(text)) and (" " in text.strip() or text.strip().islower())


def messages_of_script(text: str) -> list[str]:
    """Messages that a script says by `tr("...")`, in their order."""
    return list(dict.fromkeys(json.loads(match) for match in _SAID.findall(text)))


class _TranslatedTemplate(Template):
    """A template whose page is in the language of this program."""

    def render(self, *given: Any, **values: Any) -> str:
        """The page; what it includes is a part of it."""
        return translated_page(super().render(*given, **values))


class PageEnvironment(Environment):
    """Templates that are written in English, and rendered in the language of this program."""

    template_class = _TranslatedTemplate


class _Part(NamedTuple):
    """A token of HTML."""

    text: str
    name: str  # of a tag, in lower case; empty for text, and for what is kept as it is
    ends: bool  # whether it is the end of an element


def _parts(html: str) -> Iterator[_Part]:
    for match in _TOKEN.finditer(html):
        text = match[0]
        tag = None if match[1] else _TAG.match(text)
        yield _Part(text, "" if tag is None else tag[2].lower(), tag is not None and bool(tag[1]))


class Page:
    """The translation of one page; tokens are read once, from the left."""

    def __init__(self, html: str, wanted: str) -> None:
        self._parts = list(_parts(html))
        self._wanted = wanted
        self._at = 0

    def written(self) -> str:
        """Everything, translated."""
        made = []
        while self._at < len(self._parts):
            made.append(self._run())
            if self._at < len(self._parts):
                made.append(self._block_tag())
        return "".join(made)

    def _block_tag(self) -> str:
        part = self._parts[self._at]
        self._at += 1
        if part.name and not part.ends and part.name not in _VOID and _KEPT.search(part.text):
            return self.tag(part.text, _NAMED) + self._rest_of(part.name)
        return self.tag(part.text) if part.name else part.text

    def _rest_of(self, name: str) -> str:
        """What follows up to the end of an element, as it is."""
        made, depth = [], 1
        while depth and self._at < len(self._parts):
            part = self._parts[self._at]
            self._at += 1
            if part.name == name:
                depth += -1 if part.ends else not part.text.endswith("/>")
            made.append(part.text)
        return "".join(made)

    def _run(self, end: str = "") -> str:
        """Text and elements within it up to the next tag of a block, or the end of the element `end`."""
        made: list[str] = []
        inner: list[str] = []
        begin = self._at
        while self._at < len(self._parts):
            part = self._parts[self._at]
            if not part.name:
                if part.text.startswith("<"):
                    break  # a script, a style or a comment
                made.append(part.text)
                self._at += 1
                continue
            if part.name not in INLINE or part.ends:
                break
            made.append(chr(FIRST_MARK + len(inner)))
            inner.append(self._element())
        found = self.said("".join(made), inner)
        if found is None:  # as it is: never a sentence of two languages
            return "".join(part.text for part in self._parts[begin : self._at])
        return found

    def _element(self) -> str:
        part = self._parts[self._at]
        self._at += 1
        if part.name in _VOID:
            return part.text
        if _KEPT.search(part.text):
            return self.tag(part.text, _NAMED) + self._rest_of(part.name)
        made = [self.tag(part.text)]
        while self._at < len(self._parts):
            made.append(self._run())
            if self._at == len(self._parts):
                break
            following = self._parts[self._at]
            if following.ends and following.name == part.name:
                self._at += 1
                made.append(following.text)
                break
            made.append(self._block_tag())
        return "".join(made)

    def said(self, text: str, inner: list[str]) -> str | None:
        """A text in the other language, `None` without one; `inner` are its elements, one for each mark."""
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        plain = " ".join(unescape(text).split())
        found = translated(plain, self._wanted)
        if found != plain:
            text = before + escape(found, quote=False) + after
        elif inner:  # elements with nothing in common: each text between them by itself
            parts = [unescape(part) for part in MARK.split(text)]
            said = [translated(part, self._wanted) for part in parts]
            if any(one == other and _is_sentence(one) for one, other in zip(parts, said, strict=True)):
                return None
            marks = [mark[0] for mark in MARK.finditer(text)]
            text = "".join(
                escape(part, quote=False) + mark for part, mark in zip(said, [*marks, ""], strict=True)
            )
        text = _closed_up(text, inner)
        return MARK.sub(lambda mark: inner[ord(mark[0]) - FIRST_MARK], text)

    def tag(self, text: str, attributes: re.Pattern[str] = ATTRIBUTE) -> str:
        """A tag whose attributes are in the other language."""

        def said(match: re.Match[str]) -> str:
            return f'{match[1]}="{escape(translated(unescape(match[2]), self._wanted))}"'

        return attributes.sub(said, text)


def _closed_up(text: str, inner: list[str]) -> str:
    """A text with the spaces of Chinese beside elements, but for those beside names.

    There is none beside Chinese or behind its punctuation, one beside letters and digits.
    """

    def plain(mark: str) -> str:
        """What an element shows, where it was translated."""
        element = inner[ord(mark) - FIRST_MARK]
        return "" if _KEPT.search(element) else _ANY_TAG.sub("", element).strip()

    def space(beside: str, given: str, shown: str) -> str:
        """The space between Chinese and the nearest character that an element shows."""
        if beside in _PUNCTUATION or _HAN.match(shown):
            return ""
        return " " if given or _NARROW.match(shown) else ""

    def before(match: re.Match[str]) -> str:
        return match[1] + space(match[1], match[2], plain(match[3])[:1]) + match[3]

    def behind(match: re.Match[str]) -> str:
        return match[1] + space(match[3], match[2], plain(match[1])[-1:])

    def joint(match: re.Match[str]) -> str:
        shown = plain(match[1])
        if match[2]:
            return match[1] + (_FULL_WIDTH[match[2]] if _HAN.search(shown) else f"{match[2]} ")
        return match[1] + ("" if shown and shown[-1] in _PUNCTUATION else " ")

    return _JOINT.sub(joint, _SPACES_BEHIND.sub(behind, _SPACES_BEFORE.sub(before, text)))
