"""Sentences in documents: English text for people, and beside it template, values and code for programs."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pellucid.language.codes import codes
from pellucid.language.sentence import Sentence, fields, message_of

# How a document may have a number written; no wider than numbers are.
_FORM = re.compile(r"[+ ]?,?(?:\.\d{1,2})?[dfeg%]?")


def with_sentences(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with `templates`: code, template and values of each sentence in it, by its text.

    Sentences without values, which are templates themselves, are not listed.
    """
    found = {
        str(each): _as_json(each) for each in _sentences_in(document) if each.values and _fits_json(each)
    }
    return {**document, "templates": found} if found else {**document}


def with_templates(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document that `with_sentences` made, without `templates`: texts listed there have their templates.

    Args:
        document: as JSON has it.

    Returns:
        The document with a `Sentence` for each listed text.

    Raises:
        ValueError: a listed sentence is not what its template comes to.
    """
    listed = document.get("templates", {})
    found = {text: _listed(text, each) for text, each in listed.items()}

    def restored(value: Any) -> Any:
        if isinstance(value, str):
            return found.get(value, value)
        if isinstance(value, Mapping):
            return {name: restored(each) for name, each in value.items()}
        return [restored(each) for each in value] if isinstance(value, list) else value

    return {name: restored(each) for name, each in document.items() if name != "templates"}


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
    code = codes().get(message_of(sentence.template))
    return {**({} if code is None else {"code": code}), "template": sentence.template, "values": values}


def _from_json(text: str, document: Any) -> Sentence:
    template = document.get("template") if isinstance(document, Mapping) else None
    given = document.get("values") if isinstance(document, Mapping) else None
    if not (isinstance(template, str) and isinstance(given, Mapping) and _is_harmless(template, given)):
        raise ValueError(Sentence("templates: {text!r} has no template that can be filled", text[:80]))
    values = [_from_json(text, each) if isinstance(each, Mapping) else each for each in given.values()]
    return Sentence(template, *values)


def _listed(text: str, document: Any) -> Sentence:
    found = _from_json(text, document)
    if found != text:
        raise ValueError(Sentence("templates: {text!r} is not what its template comes to", text[:80]))
    return found


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
