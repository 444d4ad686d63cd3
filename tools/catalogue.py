"""The catalogue of what people read: sentences taken from the source by Babel, their Chinese, and what ships.

    python tools/catalogue.py            # new sentences into language/zh_CN.po, and zh_CN.json from it
    python tools/catalogue.py --missing  # sentences that have no Chinese yet

Sentences are f-strings as they stand in the source: `f"{path}: row {row} has no label"` is the message
`{path}: row {row} has no label`. A program that speaks Chinese recognises a finished sentence by its message
(`pellucid.language.catalogue`), so that files that machines read, and exceptions, are English in every
language.
"""

import argparse
import ast
import json
import re
import string
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import template_messages
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from pellucid.data.wording import count_of, with_article
from pellucid.language.sentence import fields
from pellucid.language.sentence import message_of as message_of_fields
from pellucid.pages.translation import messages_of_script
from pellucid.settings import METRICS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "pellucid"
CATALOGUE = SOURCE / "language" / "zh_CN.po"
SHIPPED = CATALOGUE.with_suffix(".json")
# Rooms and files whose texts nobody reads: mathematics for readers of the source, forms, names of shapes.
NOBODY = ("arithmetic", "language", "reports/svg", "data/raw_texts.py")
# What people read beside sentences that stand in the source as they are read.
NOUNS = (
    "character", "class", "colour image", "column", "copy", "core", "correction", "epoch", "example",
    "feature vector", "file", "group", "held-out example",
    "held-out image", "held-out text", "image", "label", "latent", "latent variable", "layer", "line",
    "model", "more character", "more variant", "new test example", "new test image", "new test text",
    "new validation example", "new validation image", "new validation text", "old class",
    "old test example", "old test image", "old test text", "old training image", "old training text",
    "other trial", "parameter", "part", "row", "second", "seed", "set", "step", "test example",
    "test image", "test text", "text", "thread", "token", "trainable layer", "training", "training example",
    "training image", "training text", "trial", "validation example", "validation image", "validation text",
    "variant", "word",
)  # fmt: skip
OTHERS = Path(__file__).with_name("more_messages.txt")  # one in each line
_COUNTS = ("count", "number", "number2", "number3", "points")  # fields of others that are numbers
_SHORT = 3
_WORDS = re.compile(r"[A-Za-z][a-z']+[ ,;:.)]+(?:[({]|[a-z{])|[}] [a-z]{3,}|[a-z]{3,}[:,]? [{]")
_FORMS = re.compile(r"\(\?|\\[dswb]|^\s*<|^[#.@][\w-]+ *[{]|%[A-Za-z] %")


def messages_of(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line and message of every sentence of a module, and the fields of it that are numbers."""
    tree = ast.parse(text)
    skipped = {id(part) for node in ast.walk(tree) for part in _silent(node)}

    def walk(node: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
        if id(node) in skipped:
            return
        if (found := _with_fields(node)) is not None:
            message, numbers, values = found
            if _is_sentence(message):
                yield node.lineno, message, numbers
            for value in values:
                yield from walk(value)
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_sentence(node.value):
            yield node.lineno, _filled_later(node.value), []
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    yield from walk(tree)


def _silent(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that nobody reads: documentation, annotations, patterns, names."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (
            each for each in node.body if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        )
    if isinstance(node, ast.ClassDef | ast.Module):
        yield from (
            each for each in node.body if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        )
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (each.annotation for each in _arguments(node.args) if each.annotation is not None)
        if node.returns is not None:
            yield node.returns
    if isinstance(node, ast.AnnAssign):
        yield node.annotation
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        yield node.slice  # a type with a shape
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _QUIET:
        yield from node.args


# Ends of names of what is called with a template and its values.
_FILLING = ("Error", "ChildEnded", "IsLong", "Sentence", "Spent", "TooManyPixels")

_QUIET = (
    "cast", "on_first_use",
    "re.compile", "re.findall", "re.fullmatch", "re.match", "re.search", "re.split", "re.sub",
)  # fmt: skip


def _arguments(given: ast.arguments) -> list[ast.arg]:
    more = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *more]


def _is_sentence(message: str) -> bool:
    plain = re.sub(r"\{[^{}]*\}", "{}", message)
    return bool(_WORDS.search(plain)) and not _FORMS.search(message) and not message.startswith("    ")


def _filled_later(text: str) -> str:
    """A constant as a message: most that have braces are filled in by `format`."""
    if not re.fullmatch(r"(?:[^{}]|\{[a-z_]*(?::[^{}]*)?\})*", text):
        return text.replace("{", "{{").replace("}", "}}")
    names = iter(["value", *(f"value{number}" for number in range(2, 20))])
    return re.sub(r"\{([a-z_]*)(?::[^{}]*)?\}", lambda match: f"{{{match[1] or next(names)}}}", text)


def _with_fields(node: ast.AST) -> tuple[str, list[str], list[ast.expr]] | None:
    """Message, fields that are numbers, and values of an f-string, or of a template that a call fills."""
    if isinstance(node, ast.JoinedStr):
        return *message_of(node), [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
    if not (isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Constant)):
        return None
    name, template = ast.unparse(node.func), node.args[0].value
    if isinstance(template, str) and name.endswith(_FILLING) and fields(template):
        return *message_of_template(template, node.args[1:]), node.args[1:]
    return None


def message_of_template(template: str, values: Sequence[ast.expr]) -> tuple[str, list[str]]:
    """The message of a template, and the fields of it that are numbers."""
    numbers = [
        field.name
        for field, value in zip(fields(template), values, strict=True)
        if re.search(r"[,%dfge]", field.form) or ast.unparse(value).startswith(("len(", "sum("))
    ]
    return message_of_fields(template), numbers


def message_of(node: ast.JoinedStr) -> tuple[str, list[str]]:
    """An f-string as a message, its values being fields, and those of them that are numbers."""
    names: list[str] = []
    numbers: list[str] = []
    parts: list[str] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = _field(part.value)
            names.append(name)
            count = names.count(name)
            field = name if count == 1 else f"{name}{count}"
            parts.append(f"{{{field}}}")
            if _is_number(part):
                numbers.append(field)
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("{", "{{").replace("}", "}}"))
    return "".join(parts), numbers


def _is_number(part: ast.FormattedValue) -> bool:
    spec = "" if part.format_spec is None else ast.unparse(part.format_spec).removeprefix("f")
    return bool(re.search(r"[,%dfge]", spec)) or ast.unparse(part.value).startswith(("len(", "sum("))


def _field(node: ast.expr) -> str:
    """Name of a value: its own, else that of what it is made of."""
    if isinstance(node, ast.Name):
        return node.id.strip("_") or "value"
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_")
    if isinstance(node, ast.Call):
        inner = [each for each in node.args if not isinstance(each, ast.Constant)]
        if inner and _field(inner[0]) != "value":
            return _field(inner[0])
        return _field(node.func)
    if isinstance(node, ast.Subscript | ast.Await | ast.Starred):
        return _field(node.value)
    if isinstance(node, ast.BinOp):
        left = _field(node.left)
        return left if left != "value" else _field(node.right)
    if isinstance(node, ast.IfExp):
        return _field(node.body) if not isinstance(node.body, ast.Constant) else "word"
    return "value"


def python_messages(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extractor of a module of ours."""
    for line, message, numbers in messages_of(file.read().decode()):
        yield line, "", message, [" ".join(["numbers:", *numbers])] if numbers else []


def extracted() -> Catalog:
    """Every message of the source, with its places."""
    found = Catalog(locale="zh_CN", project="Pellucid", charset="utf-8")
    for name, line, message, comments, _ in extract_from_dir(SOURCE, [("**.py", python_messages)]):
        if not name.startswith(NOBODY):
            _add(found, message, (name, line), comments)
    # The page of an exported model speaks both languages by itself: script/words.
    templates = [path for path in sorted(SOURCE.rglob("*.html")) if "app" not in path.parts]
    for path in templates:
        text = path.read_text(encoding="utf-8")
        counted = set(re.findall(r"(\w+)\|count\b", text)) - set(
            re.findall(r"plural\([\w.]*?(\w+)[,|]", text)
        )
        for message in template_messages.messages_of(path):
            # Of few words; a longer one is not taken for another.
            numbers = counted & set(_fields(message)) if len(message.split()) <= _SHORT else ()
            comments = [" ".join(["numbers:", *sorted(numbers)])] if numbers else []
            _add(found, message, (str(path.relative_to(SOURCE)), 0), comments)
    for path in sorted(SOURCE.rglob("*.js")):
        for message in messages_of_script(path.read_text(encoding="utf-8")):
            _add(found, message, (str(path.relative_to(SOURCE)), 0))
    _add_words(found)
    return found


def _add_words(found: Catalog) -> None:
    """Add what people read beside sentences of the source: nouns, metrics, and others."""
    for noun in NOUNS:
        many = count_of(2, noun)[2:]
        for message in (noun, many, f"1 {noun}", with_article(noun)):
            _add(found, message, ("nouns", 0))
        for message in (f"{{count}} {noun}", f"{{count}} {many}"):
            _add(found, message, ("nouns", 0), ["numbers: count"])
    for metric in METRICS.values():
        for message in (metric.words, with_article(metric.words), f"mean {metric.words}"):
            _add(found, message, ("metrics", 0))
        for message in (f"{metric.words} {{scores}}", f"validation {metric.words} {{scores}}"):
            _add(found, message, ("metrics", 0), ["numbers: scores"])
        for split in ("test", "validation"):
            _add(found, f"{split} {metric.words}", ("metrics", 0))
    for message in OTHERS.read_text(encoding="utf-8").splitlines():
        numbers = [name for name in _fields(message) if name in _COUNTS]
        _add(found, message, ("others", 0), [" ".join(["numbers:", *numbers])] if numbers else [])


def _add(found: Catalog, message: str, place: tuple[str, int], comments: Sequence[str] = ()) -> None:
    """Add a message; what is a number in one place and not in another is none."""
    known = found.get(message)
    if known is not None:
        comments = [each for each in known.auto_comments if each in comments]
        known.auto_comments = []
    found.add(message, locations=[place], auto_comments=comments)


def compiled(catalogue: Catalog) -> str:
    """What ships: translations by message, as JSON."""
    known = [each for each in catalogue if each.id and each.string and each.string != each.id]
    messages = {str(each.id): each.string for each in known}
    numbers = {str(each.id): each.auto_comments[0].split()[1:] for each in known if each.auto_comments}
    found = {"messages": messages, "numbers": numbers}
    return json.dumps(found, ensure_ascii=False, indent=0, sort_keys=True) + "\n"


def read() -> Catalog:
    """The catalogue as it is on the disk; an empty one where there is none."""
    if not CATALOGUE.exists():
        return Catalog(locale="zh_CN", project="Pellucid", charset="utf-8")
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_CN")


def updated() -> Catalog:
    """The catalogue with the messages of the source, and no others; translations are kept."""
    found, known = extracted(), read()
    for each in found:
        before = known.get(each.id) if each.id else None
        if before is not None:
            each.string, each.user_comments = before.string, before.user_comments
    return found


def write(catalogue: Catalog) -> None:
    """Write the catalogue, and what ships."""
    with CATALOGUE.open("wb") as file:
        write_po(
            file,
            catalogue,
            width=0,
            no_location=True,
            omit_header=False,
            sort_output=True,
            ignore_obsolete=True,
        )
    SHIPPED.write_text(compiled(catalogue), encoding="utf-8")


def wrong(catalogue: Catalog) -> list[str]:
    """Messages without a translation, and translations with fields that their message does not have."""
    found = []
    for each in catalogue:
        if not each.id:
            continue
        if not each.string:
            found.append(f"no translation: {each.id!r} {each.locations[:1]}")
        elif not set(_fields(str(each.string))) <= set(_fields(str(each.id))):
            found.append(f"unknown field: {each.id!r}: {each.string!r}")
    return found


def _fields(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def main(words: Sequence[str] | None = None) -> int:
    """Bring the catalogue up to date, or list what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--missing", action="store_true", help="list what is missing, and change nothing")
    parser.add_argument(
        "--take", type=Path, nargs="+", help="JSON files of translations by message to take over"
    )
    given = parser.parse_args(words)
    catalogue = updated()
    for path in given.take or ():
        for message, translation in json.loads(path.read_text(encoding="utf-8")).items():
            if (each := catalogue.get(message)) is not None:
                each.string = message if translation is None else translation
                each.user_comments = ["nobody reads it"] if translation is None else []
    if not given.missing:
        write(catalogue)
    lines = wrong(catalogue)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
