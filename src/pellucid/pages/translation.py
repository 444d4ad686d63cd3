"""Templates of pages, written in English, in another language: translated once, as they are loaded.

What lies between two tags of blocks, such as a paragraph or a cell, is one message of the catalogue. What is
filled in, what depends on a condition or is repeated within it, and elements such as `<strong>` are its
fields, which a translation may put elsewhere, and texts in turn. Scripts, styles, code and what users named
(`class="foreign"`) stay as they are. Nothing is recognised: a message is looked up as it stands in the
template, a value by the template that it keeps (`Sentence`), or as the whole message that it is.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape, unescape
from typing import Any, NamedTuple

from jinja2 import Environment, Template, nodes
from jinja2.filters import do_capitalize, do_join
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from pellucid.language.catalogue import ENGLISH, form_of, language, translated
from pellucid.language.sentence import Sentence
from pellucid.pages.joints import FULL, HAN, INLINE, KEPT, POINT, TAG, TIGHT, WIDE, joined_up

_TOKEN = re.compile(
    r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1>|</?[a-zA-Z\U000f0000-\U000ffffd][^>]*>|<![^>]*>|[^<]+|<",
    re.DOTALL,
)
_TAG_NAME = re.compile(r"</?([a-zA-Z][\w-]*)")
_VOID = frozenset({"br", "img", "input", "link", "meta", "hr", "wbr"})
ATTRIBUTE = re.compile(r'\b(aria-label|title|alt|placeholder|data-title|data-label)="([^"]*)"')
# The name of an element whose content stays as it is.
_NAMED = re.compile(r'\b(aria-label)="([^"]*)"')
_SAID = re.compile(r'\btr\(\s*("(?:[^"\\]|\\.)*")')
_PROGRAM = re.compile('<script(?: type="module")?>')  # and no data
_LETTERS = re.compile("[A-Za-z]{2}")
_LANG = re.compile(r'^(<html\b[^>]*\blang=")en(")')

# Within the text of a template, one character for each element within a text, each field, and each node that
# shows nothing, such as a definition.
_ELEMENT = 0xF0000
_FIELD = 0xF4000
_SILENT = 0xF8000
_MARK = "[\U000f0000-\U000f7fff]"
_MARKS = re.compile(_MARK)
_SILENT_MARKS = re.compile("[\U000f8000-\U000fffef]")
_NODE_MARKS = re.compile("([\U000f4000-\U000fffef])")
_SEPARATED = "<hr {}>"
_SEPARATED_MARK = re.compile("<hr ([\U000f4000-\U000fffef])>")
_SPACES_BEFORE = re.compile(f"({FULL})( *)(?={_MARK})")
_SPACES_BEHIND = re.compile(f"({_MARK})( *)(?={FULL})")
_BETWEEN = re.compile(rf"({_MARK}) +(?=\(?{_MARK})")
_POINT_BETWEEN = re.compile(f"({_MARK})(?=[,;.:] {_MARK})")
_POINT_BEHIND = re.compile(f"({_MARK})(?=[,;.:)]+(?: |$|{_MARK}))")
_POINT_ALONE = re.compile("^(?=[,;.:] ?$)")
_POINT_BEFORE = re.compile(rf"(?=\({_MARK})")
_AT_BEGINNING = re.compile(f"^ +(?={FULL}|{_MARK})")
_AT_END = re.compile(f"(?<={FULL}) +$|(?<={_MARK}) +$")


def messages_of_script(text: str) -> list[str]:
    """Messages that a script says by `tr("...")`, in their order."""
    return list(dict.fromkeys(json.loads(match) for match in _SAID.findall(text)))


class _TranslatedTemplate(Template):
    """A template whose page is in the language of its environment."""

    environment: "PageEnvironment"

    def render(self, *given: Any, **values: Any) -> str:
        """The page; what it includes is a part of it."""
        page: str = super().render(*given, **values)
        wanted = self.environment.wanted
        return page if wanted == ENGLISH else _with_messages_of_scripts(joined_up(page), wanted)


class PageEnvironment(Environment):
    """Templates that are written in English, in the language of this program or in `wanted`."""

    template_class = _TranslatedTemplate

    def __init__(self, wanted: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.wanted = wanted or language()
        if self.wanted != ENGLISH:
            self.filters["capitalize"] = self._capitalized
            self.filters["join"] = self._joined

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if self.wanted == ENGLISH:
            return tree
        return TemplateTranslation(lambda message: form_of(message, self.wanted), self.wanted).of(tree)

    def spoken(self, value: Any) -> Any:
        """What a template shows for a value: a sentence, or a whole message, in the language of the page."""
        is_text = isinstance(value, str) and not isinstance(value, Markup)
        return translated(value, self.wanted) if is_text else value

    def sentence(self, template: str, *values: Any) -> str:
        """A text that a template joins with `~`; what begins or ends with a space is joined further."""
        message = template.strip()
        if message == template:
            return Sentence(template, *values)
        said = str(self.spoken(Sentence(message, *values)))
        begin, end = template[: template.index(message[0])], template[len(template.rstrip()) :]
        return ("" if HAN.match(said) else begin) + said + ("" if HAN.match(said[-1:]) else end)

    def _capitalized(self, value: Any) -> Any:
        return self.spoken(value) if isinstance(value, Sentence) else do_capitalize(value)

    def _joined(self, value: Iterable[Any], separator: str = "", attribute: str | int | None = None) -> Any:
        context = nodes.EvalContext(self)
        found = value if attribute is None else (self.getitem(each, attribute) for each in value)
        return do_join(context, map(self.spoken, found), self.spoken(separator))


def _with_messages_of_scripts(page: str, wanted: str) -> str:
    """A page with what its scripts say, where they look it up (`reports/script/tr.js`)."""
    said = {
        message: (form_of(message, wanted) or message) if "{" in message else translated(message, wanted)
        for message in messages_of_script(page)
    }
    if not said:
        return page
    content = json.dumps(said, ensure_ascii=False).replace("<", "\\u003c")
    data = f'<script type="application/json" id="translations">{content}</script>\n'
    return _PROGRAM.sub(lambda match: data + match[0], page, count=1)


class TemplateTranslation:
    """The tree of a template in another language.

    Args:
        form: translation of a message, with its fields by name; `None` where there is none.
        wanted: the language.
    """

    def __init__(self, form: Callable[[str], str | None], wanted: str) -> None:
        self.form, self.wanted = form, wanted
        self._nodes: list[tuple[str, nodes.Node]] = []  # by their characters, with the names of fields
        self._shown: dict[int, str] = {}  # numbers of those that are read in turn: as text, or as attributes

    def of(self, tree: nodes.Template) -> nodes.Template:
        """The tree, changed in place."""
        _Concatenations(self.form).visit(tree)
        tree.body = self._body(tree.body)
        return tree

    def _body(self, body: Sequence[nodes.Node], *, is_part: bool = False) -> list[nodes.Node]:
        return self._built(_Page(self._text(body), self, is_part=is_part).written())

    def _text(self, body: Sequence[nodes.Node]) -> str:
        return "".join(piece for node in body for piece in self._pieces(node))

    def _pieces(self, node: nodes.Node) -> Iterator[str]:
        if isinstance(node, nodes.Output):
            for each in node.nodes:
                yield each.data if isinstance(each, nodes.TemplateData) else self._marked(each, name_of(each))
        elif isinstance(node, nodes.If | nodes.For):
            name = "part" if isinstance(node, nodes.If) else name_of(node.iter)
            mark, texts = self._marked(node, name), [self._text(each) for each in _bodies(node)]
            names = {name.lower() for text in texts for name in _TAG_NAME.findall(text)}
            yield _SEPARATED.format(mark) if names - INLINE else mark
        elif isinstance(node, nodes.Include):
            yield _SEPARATED.format(self._marked(node))
        else:
            yield self._marked(node)

    def _marked(self, node: nodes.Node, name: str = "") -> str:
        self._nodes.append((name, node))
        return chr((_FIELD if name else _SILENT) + len(self._nodes) - 1)

    def name(self, mark: str) -> str:
        """Name of a field."""
        return self._nodes[_number(mark)][0]

    def show(self, text: str, kind: str) -> None:
        """Note that what a text fills in is text that people read, or attributes of a tag."""
        self._shown.update((_number(mark), kind) for mark in _NODE_MARKS.findall(text))

    def _built(self, text: str) -> list[nodes.Node]:
        """Nodes of a text."""
        made: list[nodes.Node] = []
        for piece in _NODE_MARKS.split(_SEPARATED_MARK.sub(r"\1", text)):
            if not piece:
                continue
            node = self._node(piece) if _NODE_MARKS.fullmatch(piece) else nodes.TemplateData(piece)
            if not isinstance(node, nodes.Expr):
                made.append(node)
            elif made and isinstance(made[-1], nodes.Output):
                made[-1].nodes.append(node)
            else:
                made.append(nodes.Output([node], lineno=node.lineno or 1))
        return made

    def _node(self, mark: str) -> nodes.Node:
        """The node of a mark, in the other language; each is translated once."""
        number = _number(mark)
        kind, (name, node) = self._shown.pop(number, ""), self._nodes[number]
        if isinstance(node, nodes.If | nodes.For):
            if kind == "attributes":
                self._replace(node, lambda body: self._built(_Page("", self).tag(self._text(body))))
            elif kind:
                self._replace(node, lambda body: self._body(body, is_part=True))
        elif isinstance(node, nodes.Macro | nodes.Block | nodes.AssignBlock | nodes.CallBlock | nodes.With):
            node.body = self._body(node.body, is_part=isinstance(node, nodes.Macro | nodes.AssignBlock))
        elif kind == "text" and isinstance(node, nodes.Expr):
            self._nodes[number] = name, called("spoken", node)
        return self._nodes[number][1]

    def _replace(
        self, node: nodes.If | nodes.For, change: Callable[[list[nodes.Node]], list[nodes.Node]]
    ) -> None:
        node.body = change(node.body)
        node.else_ = change(node.else_) if node.else_ else node.else_
        for each in node.elif_ if isinstance(node, nodes.If) else ():
            each.body = change(each.body)


def _number(mark: str) -> int:
    return ord(mark) - (_FIELD if ord(mark) < _SILENT else _SILENT)


def _bodies(node: nodes.If | nodes.For) -> list[list[nodes.Node]]:
    """What is shown in one case or another."""
    found = [
        node.body,
        *([each.body for each in node.elif_] if isinstance(node, nodes.If) else []),
        node.else_,
    ]
    return [each for each in found if each]


def called(name: str, *arguments: nodes.Expr) -> nodes.Call:
    """A call of a method of the environment."""
    return nodes.Call(
        nodes.EnvironmentAttribute(name), list(arguments), [], None, None, lineno=arguments[0].lineno
    )


class _Concatenations(NodeTransformer):
    """What `~` makes of words of ours and values, as sentences."""

    def __init__(self, form: Callable[[str], str | None]) -> None:
        self._form = form

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """The sentence, or the same where it has no message."""
        self.generic_visit(node)
        template, values = template_of(node)
        if not _LETTERS.search(_without_fields(template)) or self._form(" ".join(template.split())) is None:
            return node
        return called("sentence", nodes.Const(template, lineno=node.lineno), *values)


def template_of(node: nodes.Concat) -> tuple[str, list[nodes.Expr]]:
    """What `~` makes as a template, and its values."""
    used: list[str] = []
    parts = []
    for each in node.nodes:
        if isinstance(each, nodes.Const):
            parts.append(_doubled(str(each.value)))
        else:
            parts.append(_field(name_of(each), used))
    return "".join(parts), [each for each in node.nodes if not isinstance(each, nodes.Const)]


def _field(name: str, used: list[str]) -> str:
    """A field with a name that is not yet used."""
    used.append(name)
    return f"{{{name if used.count(name) == 1 else f'{name}{used.count(name)}'}}}"


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _without_fields(message: str) -> str:
    return re.sub(r"\{\w+\}", "", message)


def name_of(node: nodes.Node) -> str:
    """Name of a value in a template: its own, else that of what it is made of."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        return str(node.attr)
    if isinstance(node, nodes.Getitem):
        return name_of(node.node)
    if isinstance(node, nodes.Filter) and node.node is not None:
        return name_of(node.node)
    if isinstance(node, nodes.Call):
        inner = [name_of(each) for each in node.args if not isinstance(each, nodes.Const)]
        return inner[0] if inner and inner[0] != "value" else name_of(node.node)
    if isinstance(node, nodes.CondExpr):
        return "word"
    if isinstance(node, nodes.Concat):
        return next((found for each in node.nodes if (found := name_of(each)) != "value"), "value")
    return "value"


class _Part(NamedTuple):
    """A token of HTML."""

    text: str
    name: str  # of a tag, in lower case; empty for text, and for what is kept as it is
    ends: bool  # whether it is the end of an element


def _parts(html: str) -> Iterator[_Part]:
    for match in _TOKEN.finditer(html):
        text = match[0]
        tag = None if match[1] else TAG.match(text)
        yield _Part(text, "" if tag is None else tag[2].lower(), tag is not None and bool(tag[1]))


class _Page:
    """The translation of a piece of a template; tokens are read once, from the left.

    Args:
        html: the piece, with a character for each of its fields.
        template: what it is a piece of.
        is_part: whether it lies within a text.
    """

    def __init__(self, html: str, template: TemplateTranslation, *, is_part: bool = False) -> None:
        self._parts = list(_parts(html))
        self._template = template
        self._is_part = is_part
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
        if part.name and not part.ends and part.name not in _VOID and KEPT.search(part.text):
            return self.tag(part.text, _NAMED) + self._rest_of(part.name)
        if _SEPARATED_MARK.fullmatch(part.text):
            self._template.show(part.text, "text")
            return part.text
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

    def _run(self) -> str:
        """Text and elements within it up to the next tag of a block, or the end of an element."""
        made: list[str] = []
        inner: list[str] = []
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
            made.append(chr(_ELEMENT + len(inner)))
            inner.append(self._element())
        return self._said("".join(made), inner)

    def _element(self) -> str:
        part = self._parts[self._at]
        self._at += 1
        if part.name in _VOID:
            return part.text
        if KEPT.search(part.text):
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

    def _said(self, text: str, inner: Sequence[str]) -> str:
        """A text in the other language; `inner` are its elements, one for each of their marks."""
        silent = "".join(_SILENT_MARKS.findall(text))
        text = self._translated(_SILENT_MARKS.sub("", text), inner, quotes=False)
        self._template.show(text, "text")
        return silent + _MARKS.sub(lambda mark: _at(inner, mark[0]), text)

    def _translated(self, text: str, inner: Sequence[str], *, quotes: bool) -> str:
        begin, end = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        message, fields = self._message(text, inner)
        if _LETTERS.search(_without_fields(message)):
            form = self._template.form(message)
            if form is None:
                return text
            said = escape(form.format_map(fields), quote=quotes)
            said = _SPACES_BEFORE.sub(lambda match: match[1] + _joint(match[2]), said)
            said = _SPACES_BEHIND.sub(lambda match: match[1] + _joint(match[2]), said)
            said = _POINT_BETWEEN.sub(rf"\1{POINT}", _BETWEEN.sub(rf"\1{WIDE}", said))
            text = begin + said + end
        elif fields:
            text = _POINT_BEFORE.sub(
                POINT, _POINT_BEHIND.sub(rf"\1{POINT}", _BETWEEN.sub(rf"\1{WIDE}", text))
            )
        elif self._is_part:
            text = _POINT_ALONE.sub(POINT, text)
        if self._is_part:
            text = _AT_END.sub(WIDE, _AT_BEGINNING.sub(WIDE, text))
        return text

    def _message(self, text: str, inner: Sequence[str]) -> tuple[str, dict[str, str]]:
        """A text as a message, and the marks of its fields by their names."""
        used: list[str] = []
        marks: list[str] = []

        def name(mark: re.Match[str]) -> str:
            tag = None if ord(mark[0]) >= _FIELD else _TAG_NAME.match(inner[ord(mark[0]) - _ELEMENT])
            word = self._template.name(mark[0]) if ord(mark[0]) >= _FIELD else tag[1] if tag else "value"
            marks.append(mark[0])
            return _field(word, used)

        message = _MARKS.sub(name, _doubled(" ".join(unescape(text).split())))
        names = re.findall(r"\{(\w+)\}", message.replace("{{", "").replace("}}", ""))
        return message, dict(zip(names, marks, strict=True))

    def tag(self, text: str, attributes: re.Pattern[str] = ATTRIBUTE) -> str:
        """A tag whose attributes are in the other language."""
        if attributes is ATTRIBUTE:
            self._template.show(text, "attributes")

        def said(match: re.Match[str]) -> str:
            found = self._translated(match[2], (), quotes=True)
            self._template.show(found, "text")
            return f'{match[1]}="{found}"'

        return attributes.sub(said, _LANG.sub(rf"\g<1>{self._template.wanted}\g<2>", text))


def _at(inner: Sequence[str], mark: str) -> str:
    return mark if ord(mark) >= _FIELD else inner[ord(mark) - _ELEMENT]


def _joint(spaces: str) -> str:
    return WIDE if spaces else TIGHT
