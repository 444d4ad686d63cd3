"""Sentences that keep their template and values, by which they are translated: nothing is guessed."""

import math
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, SupportsIndex

# How a document may have a number written; no wider than numbers are.
_FORM = re.compile(r"[+ ]?,?(?:\.\d{1,2})?[dfeg%]?")


class Field(NamedTuple):
    """A place of a template that is filled.

    Attributes:
        name: unique in the template.
        form: how a value is written there, as `,` or `.1f`; empty for its text.
        conversion: `r` where a value is quoted, else empty.
    """

    name: str
    form: str
    conversion: str


class Sentence(str):
    """An English sentence, or a part of one.

    Args:
        template: text whose fields have names, as `{path}: row {row:,} has no label`; without values the
            text itself.
        *values: of the fields, in their order. A `Sentence`, or an error that has one, is translated in turn.

    Attributes:
        template: see the argument.
        values: by the names of their fields, each text, number or `Sentence`.

    Raises:
        ValueError: there are not as many values as fields.
    """

    template: str
    values: Mapping[str, str | int | float]

    def __new__(cls, template: str, *values: object) -> "Sentence":
        """Fill the template."""
        if not values:
            made = super().__new__(cls, template)
            made.template, made.values = template, {}
        else:
            named = dict(zip((each.name for each in fields(template)), values, strict=True))
            made = super().__new__(cls, template.format_map(named))
            made.template = template
            made.values = {each.name: _kept(named[each.name], each.form) for each in fields(template)}
        return made

    def texts(self) -> list[str]:
        """The values as they are written in the sentence."""
        return [
            repr(self.values[each.name]) if each.conversion else format(self.values[each.name], each.form)
            for each in fields(self.template)
        ]

    def each_text(self, change: Callable[[str], str]) -> "Sentence":
        """The same sentence with texts among its values changed, such as names made visible."""
        values = [
            value.each_text(change)
            if isinstance(value, Sentence)
            else change(value)
            if isinstance(value, str)
            else value
            for value in self.values.values()
        ]
        return Sentence(self.template, *values)

    def __add__(self, other: str) -> "Sentence":
        return join("", (self, other))

    def __radd__(self, other: str) -> "Sentence":
        return join("", (other, self))

    def __mul__(self, times: SupportsIndex) -> str:
        return self if times == 1 else str(self) * times

    def __reduce__(self) -> Any:
        return type(self), (self.template, *self.values.values())


def join(between: str, parts: Iterable[str]) -> Sentence:
    """Texts with something between them, each translated by itself, as a list, clauses or whole sentences.

    Args:
        between: punctuation and spaces, which the language decides in turn; never words.
        parts: sentences and names.

    Returns:
        A sentence that has them as values; the only part itself where that is a sentence.
    """
    texts = list(parts)
    if len(texts) == 1 and isinstance(texts[0], Sentence):
        return texts[0]
    return Sentence(between.join(f"{{part{at}}}" for at in range(1, len(texts) + 1)), *texts)


def with_sentences(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with `sentences`: template and values of each sentence in it, by its text.

    Sentences without values, which are templates themselves, are not listed.
    """
    found = {
        str(each): _as_json(each) for each in _sentences_in(document) if each.values and _fits_json(each)
    }
    return {**document, "sentences": found} if found else {**document}


def with_templates(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document that `with_sentences` made, without `sentences`: texts listed there have their templates.

    Args:
        document: as JSON has it.

    Returns:
        The document with a `Sentence` for each listed text.

    Raises:
        ValueError: a listed sentence does not fit its template.
    """
    listed = document.get("sentences", {})
    found = {text: _from_json(text, each) for text, each in listed.items()}

    def restored(value: Any) -> Any:
        if isinstance(value, str):
            return found.get(value, value)
        if isinstance(value, Mapping):
            return {name: restored(each) for name, each in value.items()}
        return [restored(each) for each in value] if isinstance(value, list) else value

    return {name: restored(each) for name, each in document.items() if name != "sentences"}


def _sentences_in(value: object) -> Iterator[Sentence]:
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _sentences_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _sentences_in(each)


def _fits_json(sentence: Sentence) -> bool:
    """True where JSON has all values, and the sentence can be made of them again."""
    return _is_harmless(sentence.template, sentence.values) and all(
        _fits_json(value) if isinstance(value, Sentence) else isinstance(value, str) or math.isfinite(value)
        for value in sentence.values.values()
    )


def _as_json(sentence: Sentence) -> dict[str, Any]:
    values = {
        name: _as_json(value) if isinstance(value, Sentence) else value
        for name, value in sentence.values.items()
    }
    return {"template": sentence.template, "values": values}


def _from_json(text: str, document: Any) -> Sentence:
    template = document.get("template") if isinstance(document, Mapping) else None
    given = document.get("values") if isinstance(document, Mapping) else None
    if not (isinstance(template, str) and isinstance(given, Mapping) and _is_harmless(template, given)):
        raise ValueError(Sentence("sentences: {text!r} has no template that can be filled", text[:80]))
    values = [_from_json(text, each) if isinstance(each, Mapping) else each for each in given.values()]
    return Sentence(template, *values)


def _is_harmless(template: str, values: Mapping[str, Any]) -> bool:
    """True where the fields have these values, and none takes more room than its value."""
    try:
        found = fields(template)
    except ValueError:
        return False
    return [each.name for each in found] == [*values] and all(
        each.name.isidentifier()
        and _FORM.fullmatch(each.form)
        and isinstance(value := values[each.name], Mapping | str | int | float)
        and not (each.form and isinstance(value, Mapping | str))
        for each in found
    )


def _kept(value: Any, form: str) -> str | int | float:
    """A value as a sentence keeps it: never an object that somebody may still change."""
    within = getattr(value, "sentence", value)
    if isinstance(value, Exception) and within is value and value.args:
        within = value.args[0] if isinstance(value.args[0], Sentence) else value
    if isinstance(within, str | int | float):
        return within
    return within.item() if form and hasattr(within, "item") else str(within)


@lru_cache(1 << 12)
def fields(template: str) -> tuple[Field, ...]:
    """Fields of a template in their order."""
    parts = string.Formatter().parse(template)
    return tuple(Field(name, form or "", other or "") for _, name, form, other in parts if name is not None)


@lru_cache(1 << 12)
def message_of(template: str) -> str:
    """What a catalogue has a template by: its text with the names of its fields, not how they are written."""
    parts = string.Formatter().parse(template)
    return "".join(
        literal.replace("{", "{{").replace("}", "}}") + ("" if name is None else f"{{{name}}}")
        for literal, name, _, _ in parts
    )
