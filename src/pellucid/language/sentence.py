"""Sentences that keep their template and values, by which they are translated: nothing is guessed."""

import string
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, SupportsIndex


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

    def __str__(self) -> str:
        return self  # a text already, which `str` would rob of its template

    def __mul__(self, times: SupportsIndex) -> str:
        return self if times == 1 else super().__mul__(times)

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


def plain(text: str) -> str:
    """The English text of a sentence, without its template."""
    return str.__str__(text)


def begun(text: str) -> str:
    """A text that begins with a capital letter."""
    if isinstance(text, Sentence) and text.values:
        return Sentence(text.template[:1].upper() + text.template[1:], *text.values.values())
    return text[:1].upper() + text[1:]


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
