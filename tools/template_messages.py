"""Messages of the templates of pages: what lies between their tags, with fields for what is filled in."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path

from jinja2 import Environment, nodes

from pellucid.pages.translation import ATTRIBUTE, FIRST_MARK, INLINE, MARK, Page

# A field within the text of a template, while its tags are looked for.
_FIRST_FIELD = FIRST_MARK + 0x8000
_TAG = re.compile(r"</?([a-zA-Z][\w-]*)")
_SEPARATOR = "<hr>"
_LETTERS = re.compile("[A-Za-z]{2}")
_CONSTANT = re.compile(r"[a-z]+,? [a-z]+|[A-Z][a-z]+ ?[a-z]*")


def messages_of(path: Path) -> list[str]:
    """Every message of a template, in its order."""
    text = path.read_text(encoding="utf-8")
    tree = Environment(trim_blocks=True, lstrip_blocks=True).parse(text)
    found: list[str] = []
    _Template(found).read(tree.body)
    found += [each.value for each in tree.find_all(nodes.Const) if _is_text(each.value)]
    found += [message for each in tree.find_all(nodes.Concat) if (message := _concatenated(each))]
    return list(dict.fromkeys(found))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(_CONSTANT.fullmatch(value.strip()) or value.count(" ") > 1)


def _concatenated(node: nodes.Concat) -> str:
    """What `~` makes as a message; empty where it has no word of ours."""
    names = [None if isinstance(each, nodes.Const) else _name(each) for each in node.nodes]
    parts = []
    for at, each in enumerate(node.nodes):
        name = names[at]
        if name is None:
            parts.append(str(each.as_const()))
        else:
            count = names[: at + 1].count(name)
            parts.append(f"{{{name if count == 1 else f'{name}{count}'}}}")
    message = " ".join("".join(parts).split())
    return message if _LETTERS.search(re.sub(r"\{\w+\}", "", message)) else ""


class _Template:
    """Texts of a template; what depends on a condition or is repeated within a text is a text in turn."""

    def __init__(self, found: list[str]) -> None:
        self._found = found
        self._names: list[str] = []

    def read(self, body: Sequence[nodes.Node]) -> None:
        """Take the messages of a piece of a template."""
        text = self._text(body)
        _Collected(text, self._found, self._names).written()

    def _text(self, body: Sequence[nodes.Node]) -> str:
        return "".join(piece for node in body for piece in self._pieces(node))

    def _pieces(self, node: nodes.Node) -> Iterator[str]:
        if isinstance(node, nodes.Output):
            for each in node.nodes:
                yield each.data if isinstance(each, nodes.TemplateData) else self._field(_name(each))
        elif isinstance(node, nodes.If):
            branches = [node.body, *(each.body for each in node.elif_), node.else_]
            yield self._some([each for each in branches if each], "part")
        elif isinstance(node, nodes.For):
            yield self._some([node.body, *([node.else_] if node.else_ else [])], _name(node.iter))
        elif isinstance(node, nodes.Macro | nodes.CallBlock | nodes.FilterBlock | nodes.Block | nodes.With):
            if isinstance(node, nodes.CallBlock):
                yield self._field(_name(node.call))
            self.read(node.body)
        elif isinstance(node, nodes.AssignBlock):
            self.read(node.body)
        elif isinstance(node, nodes.Include):
            yield _SEPARATOR

    def _some(self, bodies: Sequence[Sequence[nodes.Node]], name: str) -> str:
        """Pieces of which one is shown, or one several times: a field where they are within a text."""
        texts = [self._text(each) for each in bodies]
        if any(_TAG.search(each) and {tag.lower() for tag in _TAG.findall(each)} - INLINE for each in texts):
            return _SEPARATOR.join(["", *texts, ""])
        for each in texts:
            if not re.match(r'\s*[\w-]+="', each):
                _Collected(each, self._found, self._names).written()
        return self._field(name)

    def _field(self, name: str) -> str:
        self._names.append(name)
        return chr(_FIRST_FIELD + len(self._names) - 1)


class _Collected(Page):
    """A template whose messages are collected, and which stays as it is."""

    def __init__(self, text: str, found: list[str], names: Sequence[str]) -> None:
        super().__init__(text, "")
        self._found, self._names = found, names

    def said(self, text: str, inner: list[str]) -> str | None:
        """Collect a text."""
        self._add(text, inner)
        return MARK.sub(lambda mark: _at(inner, ord(mark[0]) - FIRST_MARK, mark[0]), text)

    def tag(self, text: str, attributes: re.Pattern[str] = ATTRIBUTE) -> str:
        """Collect what the attributes of a tag say."""
        for match in attributes.finditer(text):
            self._add(match[2], [])
        return text

    def _add(self, text: str, inner: Sequence[str]) -> None:
        plain = " ".join(unescape(text).split())
        used: list[str] = []

        def name(mark: re.Match[str]) -> str:
            number = ord(mark[0])
            if number >= _FIRST_FIELD:
                word = self._names[number - _FIRST_FIELD]
            else:
                tag = _TAG.match(inner[number - FIRST_MARK])
                word = tag[1] if tag else "value"
            used.append(word)
            return f"{{{word if used.count(word) == 1 else f'{word}{used.count(word)}'}}}"

        message = MARK.sub(name, plain.replace("{", "{{").replace("}", "}}"))
        if _LETTERS.search(re.sub(r"\{\w+\}", "", message)):
            self._found.append(message)


def _at(inner: Sequence[str], number: int, mark: str) -> str:
    return inner[number] if number < len(inner) else mark


def _name(node: nodes.Node) -> str:
    """Name of a value in a template: its own, else that of what it is made of."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        return str(node.attr)
    if isinstance(node, nodes.Getitem):
        return _name(node.node)
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _name(node.node)
    if isinstance(node, nodes.Call):
        inner = [_name(each) for each in node.args if not isinstance(each, nodes.Const)]
        return inner[0] if inner and inner[0] != "value" else _name(node.node)
    if isinstance(node, nodes.CondExpr):
        return "word"
    if isinstance(node, nodes.Concat):
        return next((found for each in node.nodes if (found := _name(each)) != "value"), "value")
    return "value"
