"""The language of what people read: English sentences, and their translations by message.

The source has everything in English: sentences with values as a `Sentence`, others as plain constants. A
program that speaks another language translates where a sentence reaches a person: on the terminal, or as a
page is written. A sentence is looked up by its template, its values in turn by theirs; what is no message of
the catalogue, such as the name of a class, stays as it is. So files that machines read, and exceptions, are
English in every language.
"""

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from pellucid.language.sentence import Sentence, fields, message_of

ENGLISH = "en"
CHINESE = "zh-CN"
LANGUAGES = (ENGLISH, CHINESE)
VARIABLE = "PELLUCID_LANGUAGE"
_CATALOGUES = {CHINESE: "zh_CN.json"}
# Spaces beside punctuation of full width, which has its own.
_SQUEEZED = re.compile(r"(?<=[\u3000-\u303f\uff00-\uffef]) +| +(?=[\u3001\u3002\uff00-\uffef])")
_FIELD = re.compile("{[^{}]*}")
_BEGIN = re.compile("(?:error|warning): ")
_HAN = re.compile("[\u4e00-\u9fff]")
_SPACES_OF_PART = re.compile(f"^ (?={_HAN.pattern})|(?<={_HAN.pattern}) $")
_NARROW_FIRST = re.compile("[A-Za-z0-9]")
_NARROW_LAST = re.compile("[A-Za-z0-9%]")
_LETTER = re.compile(r"[A-Za-z]{2}")
# What joins values in Chinese instead.
_WORDS = {", and ": "\u4ee5\u53ca ", " and ": " \u548c ", " or ": " \u6216 "}
_SIGNS = {", ": "\uff0c", "; ": "\uff1b", ": ": "\uff1a", " ": ""}
# Fields of what users named, which is said as it is.
_NAMES = frozenset(
    {
        "alike",
        "close",
        "column",
        "command",
        "file",
        "folder",
        "label",
        "longest",
        "model",
        "names",
        "near",
        "path",
        "place",
        "out",
        "predicted",
        "quoted",
        "report",
        "said",
        "source",
        "suggested",
        "twins",
    }
    | {"true"}
)
_DIGITS = "0123456789"


def language_of(name: str) -> str:
    """The language that a name such as `zh`, `zh_CN.UTF-8` or `en-GB` asks for; by default English."""
    return CHINESE if re.match(r"zh(?![a-z])", name.strip().lower()) else ENGLISH


def language() -> str:
    """The language of this program: `PELLUCID_LANGUAGE`, which `--language` sets, else that of the locale."""
    names = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")
    return language_of(next((os.environ[name] for name in names if os.environ.get(name)), ENGLISH))


def set_language(name: str) -> None:
    """Use this language from now on, in processes that are started, too."""
    os.environ[VARIABLE] = language_of(name)


def translated(text: str, wanted: str = "") -> str:
    """A text in the language of this program, or in `wanted`; what is not in the catalogue stays as it is.

    White space at either end is kept.
    """
    wanted = wanted or language()
    if wanted == ENGLISH or not _LETTER.search(text):
        return text
    catalogue = _catalogue(wanted)
    return catalogue.translated(text) if isinstance(text, Sentence) else catalogue.exact(text)


def translated_list(text: str) -> str:
    """Phrases joined by commas, each translated; names and formulas among them stay as they are."""
    phrases = text.split(", ")
    said = [translated(each) for each in phrases]
    return text if said == phrases else "\uff0c".join(said)


def translated_form(message: str) -> str:
    """The translation of a message of which the fields are still to be filled."""
    return form_of(message, language()) or message


def form_of(message: str, wanted: str) -> str | None:
    """The same in the language `wanted`; `None` where there is none."""
    return message if wanted == ENGLISH else _catalogue(wanted).forms.get(message)


class Catalogue:
    """Translations by message, that is by a template without the forms of its fields.

    Args:
        translations: by message.
    """

    def __init__(self, translations: Mapping[str, str]) -> None:
        self.forms = {one.replace("\u00a0", " "): other for one, other in translations.items()}
        self.exact = lru_cache(1 << 14)(self._exact)

    def translated(self, sentence: Sentence) -> str:
        """Translation by the template; what joins sentences is translated with them."""
        template, values = sentence.template, sentence.values
        if not values:
            return self.exact(str(sentence))
        message = message_of(template).replace("\u00a0", " ")
        form = self._form(message)
        if form is None and (begin := _BEGIN.match(template)):
            rest = Sentence(template[begin.end() :], *values.values())
            return self.exact(begin[0].rstrip()) + self.translated(rest)
        written = dict(zip(values, sentence.texts(), strict=True))
        said = {**written}
        for field in fields(template):
            value = values[field.name]
            if isinstance(value, Sentence):
                said[field.name] = self.translated(value)
            elif isinstance(value, str) and not field.conversion and field.name.rstrip(_DIGITS) not in _NAMES:
                said[field.name] = self.exact(value)
        if form is None:
            form = _joints(message, written, said)
        return _SQUEEZED.sub("", _joined_up(form, written, said).format_map(said))

    def _exact(self, text: str) -> str:
        """Translation of a text that is a message; others, such as names, stay as they are."""
        form = self._form(text.replace("\u00a0", " ").replace("{", "{{").replace("}", "}}"))
        if form is not None:
            return _SQUEEZED.sub("", form.format())
        begin = _BEGIN.match(text)
        return text if begin is None else self.forms[begin[0].rstrip()] + self._exact(text[begin.end() :])

    def _form(self, message: str) -> str | None:
        """The translation of a message, also where it begins or ends a sentence, or has spaces around it."""
        if (found := self.forms.get(message)) is not None:
            return found
        inner = message.strip()
        for key, end in _variants(inner):
            if (found := self.forms.get(key)) is not None:
                return message.replace(inner, found + end, 1)
        return None


def _variants(message: str) -> Iterator[tuple[str, str]]:
    """What else the catalogue may have a message by, and what then ends its translation."""
    small = message[:1].lower() + message[1:]
    yield from ((message, ""), (small, ""))
    if message.endswith(".") and not message.endswith(".."):
        yield from ((message[:-1], "\u3002"), (small[:-1], "\u3002"))


def _joints(message: str, written: Mapping[str, str], said: Mapping[str, str]) -> str:
    """A message that joins values, with the joints of Chinese: words always, signs between Chinese alone."""
    made = message
    for first, second in itertools.pairwise(written):
        is_chinese = all(said[name] != written[name] for name in (first, second))
        for joint, other in {**_WORDS, **(_SIGNS if is_chinese else {})}.items():
            made = made.replace(f"{{{first}}}{joint}{{{second}}}", f"{{{first}}}{other}{{{second}}}")
    return made


def _joined_up(translation: str, values: Mapping[str, str], said: dict[str, str]) -> str:
    """The translation with its spaces: none beside Chinese of fields, one beside their letters and digits."""
    han = _HAN.pattern
    for name in values:
        field = re.escape(f"{{{name}}}")
        if _NARROW_FIRST.match(said[name]):
            translation = re.sub(f"(?<={han})(?={field})", " ", translation)
        if _NARROW_LAST.match(said[name][-1:]):
            translation = re.sub(f"(?<={field})(?={han})", " ", translation)
    for name in (name for name, value in values.items() if said[name] != value):
        if _is_part(name):
            said[name] = _SPACES_OF_PART.sub("", said[name])
        field = re.escape(f"{{{name}}}")
        if _HAN.match(said[name]):
            translation = re.sub(f"(?<={han}) (?={field})", "", translation)
        if _HAN.match(said[name][-1:]):
            translation = re.sub(f"(?<={field}) (?={han})", "", translation)
    return translation


def _is_part(name: str) -> bool:
    """True of a field that is a part of a template's sentence."""
    return name.startswith("part")


@cache
def _catalogue(wanted: str) -> Catalogue:
    found = json.loads(
        files("pellucid").joinpath("language", _CATALOGUES[wanted]).read_text(encoding="utf-8")
    )
    return Catalogue(found["messages"])
