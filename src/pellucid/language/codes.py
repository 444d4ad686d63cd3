"""Codes of errors: each template of an error has one that stays, and the parts that a program reads."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pellucid.language.sentence import Sentence, fields, message_of

# First digit of the codes of interruptions, whose exit codes are above 128.
INTERRUPTED = 8
# The code of an error whose template has none: the text of a library, for example.
_GENERAL = "PEL{digit}000"


class Parts(NamedTuple):
    """An error as `PLACE: what is wrong; what to do`.

    Attributes:
        code: of its template.
        place: file, row, flag or setting that it is about; empty where it names none.
        remedy: what to do; empty where it does not say.
    """

    code: str
    place: str
    remedy: str


def parts_of(sentence: Sentence, exit_code: int) -> Parts:
    """Code, place and remedy of an error; one that only adds a place to another has the code of that one."""
    known = codes().get(message_of(sentence.template) if sentence.values else sentence.template)
    place, remedy = _place(sentence), _remedy(sentence)
    if known is None:
        for value in sentence.values.values():
            if isinstance(value, Sentence):
                within = parts_of(value, exit_code)
                return Parts(within.code, place or within.place, remedy or within.remedy)
    return Parts(known or _GENERAL.format(digit=min(exit_code, INTERRUPTED)), place, remedy)


def _place(sentence: Sentence) -> str:
    """What lies before the first colon of a template."""
    before, colon, _ = sentence.template.partition(": ")
    if colon and not before.count("{") == before.count("}"):
        return ""  # within a field
    return _part(sentence, before) if colon else ""


def _remedy(sentence: Sentence) -> str:
    """What lies behind the last semicolon of a template."""
    _, semicolon, behind = sentence.template.rpartition("; ")
    return _part(sentence, behind).partition("\n")[0] if semicolon else ""


def _part(sentence: Sentence, template: str) -> str:
    """A part of a template with the values of its fields."""
    if not sentence.values:
        return template
    return str(Sentence(template, *(sentence.values[each.name] for each in fields(template)))) or template


@cache
def codes() -> Mapping[str, str]:
    """Code of each message of an error."""
    table = json.loads(files("pellucid").joinpath("language", "codes.json").read_text(encoding="utf-8"))
    return {message: code for code, message in table.items()}
