"""The language of what people read: English sentences recognised by the catalogue, and said in Chinese.

The source has everything in English, as f-strings. A program that speaks another language translates where a
sentence reaches a person: on the terminal, or as a page is written. It is recognised by its message,
the f-string with named fields for its values, which `languages/zh_CN.json` has with its translation; values
that are messages themselves are translated first. So files that machines read, and exceptions, are English in
every language, and a sentence from a file or another process is translated as well as one made here.
"""

import json
import os
import re
import string
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

ENGLISH, CHINESE = "en", "zh-CN"
LANGUAGES = (ENGLISH, CHINESE)
VARIABLE = "PELLUCID_LANGUAGE"
_CATALOGUES = {CHINESE: "zh_CN.json"}
# A value within a sentence that is a sentence itself may have values in turn, as deep as this.
_DEEPEST = 6
# Spaces beside punctuation of full width, which has its own.
_SQUEEZED = re.compile(r"(?<=[\u3000-\u303f\uff00-\uffef]) +| +(?=[\u3001\u3002\uff00-\uffef])")
_LETTER = re.compile(r"[A-Za-z]{2}")
# Where sentences that were joined are told apart, from the outside in.
_JOINTS = (re.compile(r"(\n+[ \t]*)"), re.compile(r"((?<=[.!?])\s+(?=[A-Z`'\"(\d]))"), re.compile(r"(; )"))


def language_of(name: str) -> str:
    """The language that a name such as `zh`, `zh_CN.UTF-8` or `en-GB` asks for; by default English."""
    return CHINESE if re.match(r"zh(?![a-z])", name.strip().lower()) else ENGLISH


def language() -> str:
    """The language of this program: `PELLUCID_LANGUAGE`, which `--language` sets, else that of the locale."""
    names = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    return language_of(next((os.environ[name] for name in names if os.environ.get(name)), ENGLISH))


def set_language(name: str) -> None:
    """Say everything in this language from now on, in processes that are started, too."""
    os.environ[VARIABLE] = language_of(name)


def translated(text: str, wanted: str = "") -> str:
    """A text in the language of this program, or in `wanted`; what is not in the catalogue stays as it is.

    White space at either end is kept.
    """
    wanted = wanted or language()
    if wanted == ENGLISH or not _LETTER.search(text):
        return text
    return _catalogue(wanted).translate(text)


class Message(NamedTuple):
    """A message of the catalogue.

    Attributes:
        form: what sentences of it look like.
        words: its longest words, which every such sentence has.
        weight: characters of it that are no fields; of two messages the more particular one has more.
        translation: with the same fields, or some of them.
    """

    form: re.Pattern[str]
    words: str
    weight: int
    translation: str


class Catalogue:
    """Messages with their translation."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        read = [(_parsed(one), other) for one, other in translations.items()]
        whole = [(parts, other) for parts, other in read if len(parts) == 1]
        self._whole = {parts[0]: other.format() for parts, other in whole}
        others = [_message(parts, other) for parts, other in read if len(parts) > 1]
        self._messages = sorted(others, key=lambda each: -each.weight)
        self.translate = lru_cache(1 << 14)(self._translate)

    def _translate(self, text: str) -> str:
        return _SQUEEZED.sub("", self._value(text, -1))

    def _found(self, text: str, depth: int) -> str | None:
        """Translation of a text; `None` if there is none."""
        whole = self._whole.get(text)
        if whole is not None:
            return whole
        if depth > _DEEPEST or not _LETTER.search(text):
            return None
        for message in self._messages:
            if message.words in text and (match := message.form.fullmatch(text)):
                return self._filled(message, match, depth)
        return self._joined(text, depth)

    def _filled(self, message: Message, match: re.Match[str], depth: int) -> str:
        values = {name: self._value(value, depth) for name, value in match.groupdict().items()}
        return message.translation.format_map(values)

    def _value(self, value: str, depth: int) -> str:
        """Translation of a whole text or of a value within one, else the same."""
        # A message may begin or end with a space, where it is put behind something.
        found = self._found(value, depth + 1)
        inner = value.strip()
        if found is None and inner != value:
            found = self._found(inner, depth + 1)
            return value if found is None else value.replace(inner, found, 1)
        return value if found is None else found

    def _joined(self, text: str, depth: int) -> str | None:
        """Sentences one after another, each by itself."""
        for joint in _JOINTS:
            parts = joint.split(text)
            if len(parts) > 1:
                found = [part if at % 2 else self._found(part, depth + 1) for at, part in enumerate(parts)]
                if any(each is not None for each in found[::2]):
                    return "".join(
                        part if each is None else each for part, each in zip(parts, found, strict=True)
                    )
        return None


def _message(parts: list[str], translation: str) -> Message:
    form = "".join(re.escape(part) if at % 2 == 0 else f"(?P<{part}>.*?)" for at, part in enumerate(parts))
    literals = parts[::2]
    return Message(re.compile(form), max(literals, key=len), sum(map(len, literals)), translation)


def _parsed(message: str) -> list[str]:
    """What a message says around its fields, and between these pieces the names of the fields."""
    parts = [""]
    for literal, name, _, _ in string.Formatter().parse(message):
        parts[-1] += literal
        if name is not None:
            parts += [name, ""]
    return parts


@cache
def _catalogue(wanted: str) -> Catalogue:
    path = files("pellucid").joinpath("languages", _CATALOGUES[wanted])
    return Catalogue(json.loads(path.read_text(encoding="utf-8")))
