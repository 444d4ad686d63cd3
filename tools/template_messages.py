"""Messages of the templates of pages: what lies between their tags, with fields for what is filled in."""

import re
from pathlib import Path

from jinja2 import Environment, nodes

from pellucid.language.catalogue import ENGLISH
from pellucid.pages.translation import TemplateTranslation, template_of

_LETTERS = re.compile("[A-Za-z]{2}")
_CONSTANT = re.compile(r"[a-z]+,? [a-z]+|[A-Z][a-z]+ ?[a-z]*")


def messages_of(path: Path) -> list[str]:
    """Every message of a template, in its order."""
    tree = Environment(trim_blocks=True, lstrip_blocks=True).parse(path.read_text(encoding="utf-8"))
    concatenations = [*tree.find_all(nodes.Concat)]
    within = {id(part) for each in concatenations for part in each.nodes}
    constants = [
        each.value for each in tree.find_all(nodes.Const) if id(each) not in within and _is_text(each.value)
    ]
    joined = [" ".join(template_of(each)[0].split()) for each in concatenations]
    found: list[str] = []
    TemplateTranslation(found.append, ENGLISH).of(tree)  # which has no translation, and so changes nothing
    found += constants
    found += [each for each in joined if _LETTERS.search(re.sub(r"\{\w+\}", "", each))]
    return list(dict.fromkeys(found))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(_CONSTANT.fullmatch(value.strip()) or value.count(" ") > 1)
