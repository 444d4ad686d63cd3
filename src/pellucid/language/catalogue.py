"""The language of what people read: English sentences recognised by the catalogue, and said in Chinese.

The source has everything in English, as f-strings. A program that speaks another language translates where a
sentence reaches a person: on the terminal, or as a page is written. It is recognised by its message,
the f-string with named fields for its values, which `zh_CN.json` has with its translation; values
that are messages themselves are translated first. So files that machines read, and exceptions, are English in
every language, and a sentence from a file or another process is translated as well as one made here.
"""

import json
import os
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from heapq import merge
from importlib.resources import files

from pellucid.language.sentence import Sentence, fields, message_of

ENGLISH = "en"
CHINESE = "zh-CN"
LANGUAGES = (ENGLISH, CHINESE)
VARIABLE = "PELLUCID_LANGUAGE"
_CATALOGUES = {CHINESE: "zh_CN.json"}
# A value within a sentence that is a sentence itself may have values in turn, as deep as this.
_DEEPEST = 6
# Spaces beside punctuation of full width, which has its own.
_SQUEEZED = re.compile(r"(?<=[\u3000-\u303f\uff00-\uffef]) +| +(?=[\u3001\u3002\uff00-\uffef])")
_WORD = re.compile("[A-Za-z]+")
_FIELD = re.compile("{[^{}]*}")
_BEGIN = re.compile("(?:error|warning): ")
_BRACKETED = re.compile(r"\(([^()]*)\)")
_NOTED = re.compile(r"(\S.*) \(([^()]*)\)")
_NOTE = re.compile(r" \(([^()' ]+ [^()']*)\)(?=, |$)")  # of several words, as no name of a copy is
_HAN = re.compile("[\u4e00-\u9fff]")
_SPACES_OF_PART = re.compile(f"^ (?={_HAN.pattern})|(?<={_HAN.pattern}) $")
_NARROW_FIRST = re.compile("[A-Za-z0-9]")
_NARROW_LAST = re.compile("[A-Za-z0-9%]")
_LETTER = re.compile(r"[A-Za-z]{2}")
# Where texts that were joined are separated, from the outside in; lists only where they are values.
_LINES = re.compile(r"(\n+[ \t]*)")
_SENTENCES = re.compile(r"((?<=[.!?])\s+(?=[A-Z`'\"(\d]))")
_SENTENCES_OF_NAMES = re.compile(r"((?<=[.!?])\s+)")  # names of models begin sentences, too
_CLAUSES = re.compile(r"(; )")
_COLON = re.compile(r"(: )")
_LIST = re.compile(r"(, and |, | and )")
_AND = {", and ": "\u4ee5\u53ca ", " and ": " \u548c ", "; ": "\uff1b"}
# What a field matches: a number as the source formats it, else anything but the end of one sentence and the
# beginning of the next.
_NUMBER = (
    r"(?:[^A-Za-z\u4e00-\u9fff]|(?<=\d)e(?=[+-]\d))*?[^A-Za-z\u4e00-\u9fff\s]"
    r"(?:[^A-Za-z\u4e00-\u9fff]|(?<=\d)e(?=[+-]\d))*?"
)
_ANYTHING = r"(?:(?![.!?] [A-Z]|(?<=[a-z]{3})[.] [a-z]).)*?"
# Fields of elements within a text of a page, each a character of its own there (`page_language`).
_ELEMENTS = frozenset({"bdi", "span", "strong"})
_MARK = "[\U000f0000-\U000ffffd]"
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
# Letters of a message that many a text has by chance.
_LEAST = 2  # letters
_TINY = 3  # letters
_FEW = 7  # letters
_DIGITS = "0123456789"
_JOINED = re.compile(", | and | or ")
# Words that show that a text is English; in quotation marks it is a name.
_ENGLISH = re.compile(
    r"(?<![\w./-])(?:an?|and|are|as|at|be|but|by|can|did|for|from|has|have|if|in|is|its?|may|no|not|of|on|or|see|so|than"
    r"|that|the|there|this|to|was|were|which|will|with|you)(?![\w/-])",  # none that is a part of a path
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'[^']*'")
# Examples with their labels in a list, which are the user's; lists of them are joined by semicolons.
_LABELLED = re.compile(r"(?:[^;()]+ \((?:'[^']*'|[-\d.e]+)\)(?:, )?)+")
# A file, perhaps with a row, or a folder, perhaps with spaces in its name.
_PLACE = re.compile(r"(?=.*[^\W\d])[^:;]*[^:;\s][./\\][^:;\s][^:;]*(?::\d+)?")
# A number that a comma or a colon ends.
_FIGURE = re.compile(r"\d[\d,.]*(?: %)?(?=[,:;] )")
# What may lie between two values of which it is not clear where the first one ends.
_CLOSE = ("", " ", ".", ", ")


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
    return catalogue.translated(text) if isinstance(text, Sentence) else catalogue.translate(text)


def exact(text: str, wanted: str) -> str:
    """A text in the language `wanted`: a sentence by its template, another one as the message that it is."""
    if wanted == ENGLISH:
        return text
    catalogue = _catalogue(wanted)
    return catalogue.translated(text) if isinstance(text, Sentence) else catalogue.exact(text)


def form_of(message: str, wanted: str) -> str | None:
    """The translation of a message with its fields still to be filled; `None` where there is none."""
    return message if wanted == ENGLISH else _catalogue(wanted).forms.get(message)


def translated_list(text: str) -> str:
    """Phrases joined by commas, each translated; names and formulas among them stay as they are."""
    phrases = text.split(", ")
    said = [translated(each) for each in phrases]
    return text if said == phrases else "\uff0c".join(said)


def translated_form(message: str) -> str:
    """The translation of a message of which the fields are still to be filled."""
    return message if language() == ENGLISH else _catalogue(language()).forms.get(message, message)


@dataclass(frozen=True, eq=False)
class Message:
    """A message of the catalogue.

    Attributes:
        parts: what it says around its fields, and between these pieces the names of the fields.
        numbers: names of those fields that are numbers.
        word: its longest word, which every such sentence has; empty where none is certain.
        weight: letters of it that are no fields; of two messages the more particular one has more.
        length: characters of it that are no fields, which decide between equal weights.
        translation: with the same fields, or some of them.
        close: pairs of fields with next to nothing between them, and that.
        is_list: whether values of it may be lists, as behind a colon or a comma.
    """

    parts: Sequence[str]
    numbers: Sequence[str]
    word: str
    weight: int
    length: int
    translation: str
    close: Sequence[tuple[str, str, str]]
    is_list: bool

    @cached_property
    def form(self) -> re.Pattern[str]:
        """What sentences of it look like; compiled at its first use, since all messages take seconds."""
        form, seen = "", set[str]()
        for at, part in enumerate(self.parts):
            if at % 2 == 0:
                form += re.escape(part)
            elif part in seen:
                form += f"(?P={part})"
            else:
                # What a sentence follows is whole sentences.
                is_free = _is_part(part) or re.match(" [A-Z]", self.parts[at + 1])
                kind = _NUMBER if part in self.numbers else ".*?" if is_free else _ANYTHING
                if part.rstrip(_DIGITS) in _ELEMENTS:
                    kind = _MARK
                form += f"(?P<{part}>{kind})"
                seen.add(part)
        return re.compile(form)

    def match(self, text: str) -> re.Match[str] | None:
        """The values of a text that is a sentence of it; its form is compiled only where all pieces fit."""
        at = 0
        for piece in self.parts[::2]:
            at = text.find(piece, at)
            if at < 0:
                return None
            at += len(piece)
        return self.form.fullmatch(text) if text.startswith(self.parts[0]) else None


class Catalogue:
    """Translations by message.

    Args:
        translations: by message.
        numbers: names of those fields of a message that are numbers.
    """

    def __init__(self, translations: Mapping[str, str], numbers: Mapping[str, Sequence[str]]) -> None:
        self.forms, self._numbers = translations, numbers
        self._whole = {
            one.replace("\u00a0", " "): other.format()
            for one, other in translations.items()
            if "{" not in one
        }
        self._with_fields = {one: other for one, other in translations.items() if "{" in one}
        for one, other in self._with_fields.items():
            # Of some, doubled braces are all they have of a field.
            if "{{" in one and len(parts := _parsed(one.replace("\u00a0", " "))) == 1:
                self._whole[parts[0]] = other.format()
        self.translate = lru_cache(1 << 14)(self._translate)
        self._found = lru_cache(1 << 14)(self._find)

    @cached_property
    def _messages(self) -> dict[str, list[Message]]:
        """Messages with fields by a word that all sentences of each have; made once one is asked for."""
        read = ((one, _parsed(one.replace("\u00a0", " ")), other) for one, other in self._with_fields.items())
        made = [
            _message(parts, self._numbers.get(one, ()), other) for one, parts, other in read if len(parts) > 1
        ]
        found: dict[str, list[Message]] = {}
        for message in sorted((each for each in made if each.weight >= _LEAST), key=_particular):
            found.setdefault(message.word, []).append(message)
        return found

    def exact(self, text: str) -> str:
        """Translation of a text that is one message, perhaps with a capital letter or space of its own."""
        plain = text.strip()
        within = plain[:1].lower() + plain[1:]
        found = self._whole.get(text) or self._whole.get(plain) or self._whole.get(within)
        if found is None:
            return text
        return found if text in self._whole else text.replace(plain, found, 1)

    def translated(self, sentence: Sentence) -> str:
        """Translation by the template; where that is unknown, by what the sentence reads like."""
        if sentence.values and (begin := _BEGIN.match(sentence.template)):
            rest = Sentence(sentence.template[begin.end() :], *sentence.values.values())
            return self._whole[begin[0].strip()] + self.translated(rest)
        message = message_of(sentence.template) if sentence.values else ""
        form = self.forms.get(message)
        if form is None and any(isinstance(value, Sentence) for value in sentence.values.values()):
            form = None if _WORD.search(_FIELD.sub("", message)) else message  # a frame, as `{path}: {error}`
        if form is None:
            return self.translate(str(sentence))
        written, said = dict[str, str](), dict[str, str]()
        for field, text in zip(fields(sentence.template), sentence.texts(), strict=True):
            value = sentence.values[field.name]
            written[field.name] = said[field.name] = text
            if isinstance(value, Sentence):
                said[field.name] = self.translated(value)
            elif isinstance(value, str) and not field.conversion:
                is_name = field.name.rstrip(_DIGITS) in _NAMES
                said[field.name] = (self._named if is_name else self._value)(text, 0)
        return _SQUEEZED.sub("", _joined_up(form, written, said).format_map(said))

    def _translate(self, text: str) -> str:
        plain = text.replace("\u00a0", " ")
        found = self._value(plain, -1)
        return text if found == plain else _SQUEEZED.sub("", found)

    def _value(self, value: str, depth: int) -> str:
        """Translation of a whole text or of a value within one, else the same."""
        inner = value.strip()
        if inner != value:
            # A message may begin or end with a space, where it is put behind something.
            is_known = inner in self._whole and value not in self._whole
            found = None if is_known else self._said(value, depth + 1)
            if found is None:
                found = self._found(inner, depth + 1)
                return value if found is None else value.replace(inner, found, 1)
            return found
        found = self._found(value, depth + 1)
        return value if found is None else found

    def _find(self, text: str, depth: int) -> str | None:
        """Translation of a text; `None` if there is none."""
        if depth > _DEEPEST or not _LETTER.search(text):
            return None
        if begin := _BEGIN.match(text):
            rest = self._find(text[begin.end() :], depth)
            return self._said(text, depth) if rest is None else self._whole[begin[0].strip()] + rest
        if depth and "; " in text and (found := self._joined(_CLAUSES.split(text), depth)) is not None:
            return found  # several values, of which none is a part of another
        if bracketed := _BRACKETED.fullmatch(text):
            found = self._find(bracketed[1], depth)
            return self._said(text, depth) if found is None else f"\uff08{found}\uff09"
        within = text[0].lower() + text[1:]  # where it does not begin a sentence
        found = self._whole.get(within) if text not in self._whole else None
        found = found or self._said(text, depth)
        if found is None and text[0].isupper():
            found = self._said(within, depth)
        if found is None and text.endswith(".") and not text.endswith(".."):
            whole = self._find(text[:-1], depth)
            found = None if whole is None else whole + "\u3002"
        return found or self._noted(text, depth) or self._parted(text, depth)

    def _noted(self, text: str, depth: int) -> str | None:
        """Translation of a name with a note in brackets, such as why an example was left out."""
        noted = _NOTED.fullmatch(text) if depth else None
        if noted is None or _ENGLISH.search(noted[1]):
            return None
        note = self._find(noted[2], depth)
        return None if note is None else f"{self._value(noted[1], depth)}\uff08{note}\uff09"

    def _parted(self, text: str, depth: int) -> str | None:
        """Translation of texts that were joined; `None` if there is none."""
        for joint in (
            _LINES,
            _SENTENCES,
            _SENTENCES_OF_NAMES,
            _CLAUSES,
            _COLON,
            *((_LIST,) if depth else ()),
        ):
            parts = joint.split(text, 1 if joint is _COLON else 0)
            if len(parts) > 1 and (found := self._joined(parts, depth)) is not None:
                return found
        return None

    def _joined(self, parts: list[str], depth: int) -> str | None:
        """Texts that were joined, with what joins them; all or none, since they may be the user's."""
        made = []
        for at, part in enumerate(parts):
            if at % 2:
                made.append(_AND.get(part, part))
                continue
            made.append(self._value(part, depth - 1))
        is_place = parts[1] == ": " and made[0] == parts[0] and bool(_PLACE.fullmatch(parts[0]))
        is_named = not depth and made[0] == parts[0] and _LETTER.search(parts[0])
        if parts[1] == ": " and not (is_place or is_named):
            made[1] = "\uff1a"  # a place keeps its colon, a sentence has one of full width
        said = [
            at for at in range(1, len(parts), 2) if _HAN.search(made[at - 1]) and _HAN.search(made[at + 1])
        ]
        comma = (
            "\uff0c"
            if any(re.search(r"[ \d\uff0c]", made[at]) for at in range(0, len(parts), 2))
            else "\u3001"
        )
        for at in said:
            made[at] = comma if parts[at] == ", " else made[at]
        words = [
            at
            for at, part in enumerate(parts)
            if at % 2 == 0 and _LETTER.search(part) and not (parts[1] == "; " and _LABELLED.fullmatch(part))
        ]
        unknown = [parts[at] for at in words if made[at] == parts[at]]
        # Names in a list, a place before a colon; nothing else stays in the midst of what is known.
        if any(" " in part.strip() for part in (unknown[1:] if is_place else unknown)):
            return None
        is_mixed = 0 < len(unknown) < len(words)
        if is_mixed and not (parts[1] == ": " and made[-1] != parts[-1]):
            return None
        return "".join(made)

    def _said(self, text: str, depth: int) -> str | None:
        """Translation of a text that is one message."""
        if text in self._whole:
            return self._whole[text]
        words = {"", *_WORD.findall(text)}
        known = [self._messages[word] for word in words & self._messages.keys()]
        for message in merge(*known, key=_particular):
            if match := message.match(text):
                found = self._filled(message, match, depth)
                if found is not None:
                    return found
        return None

    def _filled(self, message: Message, match: re.Match[str], depth: int) -> str | None:
        """A translation with its values; `None` where a short message has a value that is an unknown text."""
        values = match.groupdict()
        if any(_BEGIN.match(f"{value}: ") for value in values.values()):
            return None  # no place, but what is said before one
        for first, second, between in message.close:
            values[first], values[second] = self._separated(values[first], values[second], between, depth)
        said = {
            name: (self._named if name.rstrip(_DIGITS) in _NAMES else self._value)(value, depth)
            for name, value in values.items()
        }
        # Two words joined by `of` or `to` are no list; a part of a template is a phrase of its own.
        listed = (name for name, value in values.items() if _JOINED.search(value))
        if message.weight <= _TINY and not message.is_list and not all(map(_is_part, listed)):
            return None
        unknown, known = dict[str, str](), message.weight
        for name, value in values.items():
            if said[name] != value:
                known += sum(map(str.isalpha, value))
            elif _LETTER.search(_QUOTED.sub("", value)) and f"{{{name}}}" in message.translation:
                unknown[name] = value
        if _is_doubtful(message, known, unknown):
            return None
        others = (value for name, value in unknown.items() if name.rstrip(_DIGITS) not in (*_NAMES, "error"))
        if any(_ENGLISH.search(_QUOTED.sub("", value)) for value in others):
            return None  # never a sentence of two languages
        return _joined_up(message.translation, values, said).format_map(said)

    def _named(self, value: str, depth: int) -> str:
        """Names of the user's as they are, with what is noted behind them in brackets."""

        def noted(match: re.Match[str]) -> str:
            note = self._found(match[1], depth + 1)
            return match[0] if note is None else f"\uff08{note}\uff09"

        return _NOTE.sub(noted, value)

    def _separated(self, first: str, second: str, between: str, depth: int) -> tuple[str, str]:
        """Two values that lie side by side, so that as much of them as possible is known."""
        both = first + between + second
        if not between and (figure := _FIGURE.match(both)):
            return figure[0], both[figure.end() :]
        if between:
            cuts = [match.start() for match in re.finditer(re.escape(between), both)]
        else:
            cuts = sorted({0, len(both), *(match.start() for match in re.finditer(r"[ ;:(]|,(?!\d)", both))})
        best = (first, second)
        most = self._known(first, depth) + self._known(second, depth, is_behind=True)
        for cut in reversed(cuts):
            pair = both[:cut], both[cut + len(between) :]
            known = self._known(pair[0], depth) + self._known(pair[1], depth, is_behind=True)
            # What is unknown belongs to the first one, since a second one is often empty.
            if known > most or (known == most and not best[0]):
                best, most = pair, known
        return best

    def _known(self, value: str, depth: int, *, is_behind: bool = False) -> float:
        """How much of a value is known: its length if it is a message or a number, nothing if it is a name.

        A number stands apart from the words before it, so there is more for one that is alone.
        """
        if not (_LETTER.search(value) or _HAN.search(value)):
            return len(value) + (2.0 if is_behind else 0.0) if value.strip() else 0.1
        return len(value) if self._value(value, depth + 1) != value else 0.0


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


def _is_doubtful(message: Message, known: int, unknown: Mapping[str, str]) -> bool:
    """True where a text with these unknown values is perhaps no sentence of the message."""
    if any(re.match("[;,] ", value) for value in unknown.values()):
        return True  # the beginning of another phrase
    if known < _FEW and any(
        name.rstrip(_DIGITS) not in _NAMES and (" " in value or not message.is_list)
        for name, value in unknown.items()
    ):
        return True
    return message.weight < _FEW and any(_ENGLISH.search(value) for value in unknown.values())


def _message(parts: list[str], numbers: Sequence[str], translation: str) -> Message:
    literals = parts[::2]
    pairs = zip(parts[1::2], parts[3::2], parts[2::2], strict=False)
    close = [pair for pair in pairs if pair[2] in _CLOSE]
    # What is next to a field may be a part of a word.
    certain = [word for part in _glued(literals) for word in _WORD.findall(part)]
    weight = sum(character.isalpha() for part in literals for character in part)
    is_list = any(re.search("[:,;]| and ", part) for part in literals)
    word, length = max(certain, key=len, default=""), sum(map(len, literals))
    return Message(parts, numbers, word, weight, length, translation, close, is_list)


def _particular(message: Message) -> tuple[int, int, Sequence[str]]:
    """A key by which the most particular messages come first, in the same order in every process."""
    return -message.weight, -message.length, message.parts


def _glued(literals: Sequence[str]) -> list[str]:
    """Pieces between fields without what touches a field."""
    last = len(literals) - 1
    pieces = []
    for at, part in enumerate(literals):
        piece = part if at == 0 else re.sub(r"^[A-Za-z]+", "", part)
        pieces.append(piece if at == last else re.sub(r"[A-Za-z]+$", "", piece))
    return pieces


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
    found = json.loads(
        files("pellucid").joinpath("language", _CATALOGUES[wanted]).read_text(encoding="utf-8")
    )
    return Catalogue(found["messages"], found["numbers"])
