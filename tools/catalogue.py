"""The catalogue of what people read: sentences taken from the source by Babel, their Chinese, and what ships.

    python tools/catalogue.py            # new sentences into language/zh_CN.po, and zh_CN.json from it
    python tools/catalogue.py --missing  # sentences that have no Chinese yet

Sentences are templates as they stand in the source: `Sentence("{path}: row {row:,} has no label", ...)` is
the message `{path}: row {row} has no label`, by which a program that speaks Chinese looks the sentence up
(`pellucid.language.catalogue`); files that machines read, and exceptions, are English in every language.
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
    "feature", "feature vector", "file", "group", "held-out example",
    "held-out image", "held-out text", "image", "label", "latent", "latent variable", "layer", "line",
    "model", "more character", "more variant", "new test example", "new test image", "new test text",
    "new validation example", "new validation image", "new validation text", "old class",
    "old test example", "old test image", "old test text", "old training image", "old training text",
    "other image", "other text", "other trial", "parameter", "part", "row", "second", "seed", "set", "step",
    "test example", "test image", "test text", "text", "thread", "token", "trainable layer", "training",
    "training example label", "training image label", "training text label", "training example",
    "training image", "training text", "trial", "unknown label", "validation example", "validation image",
    "validation text", "variant", "word",
)  # fmt: skip
OTHERS = Path(__file__).with_name("more_messages.txt")  # one in each line
_WORD = re.compile("[A-Za-z]{2}")
_FIELD = re.compile("{[^{}]*}")
_WORDS = re.compile(r"[A-Za-z][a-z']+[ ,;:.)]+(?:[({]|[a-z{])|[}] [a-z]{3,}|[a-z]{3,}[:,]? [{]")
_FORMS = re.compile(r"\(\?|\\[dswb]|^\s*<|^[#.@][\w-]+ *[{]|%[A-Za-z] %")


def messages_of(text: str) -> Iterator[tuple[int, str]]:
    """Line and message of every sentence of a module."""
    tree = ast.parse(text)
    skipped = {id(part) for node in ast.walk(tree) for part in _silent(node)}

    def walk(node: ast.AST) -> Iterator[tuple[int, str]]:
        if id(node) in skipped:
            return
        if (found := _with_fields(node)) is not None:
            message, values = found
            if _WORD.search(_FIELD.sub("", message)):
                yield node.lineno, message
            for value in values:
                yield from walk(value)
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_sentence(node.value):
            yield node.lineno, _filled_later(node.value)
        is_format = isinstance(node, ast.JoinedStr)  # never a sentence itself, though values of it may be
        for child in ast.iter_child_nodes(node):
            if not (is_format and isinstance(child, ast.Constant)):
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

_OF_PROGRAMS = ("AttributeError", "ImportError", "LookupError", "ModuleNotFoundError", "TypeError")
_SAID = re.compile(
    r"(?:^|[ }])(?:an?|and|are|cannot|for|from|has|have|in|is|no|not|of|or|the|to|with)(?:[ {,;:.]|$)"
)

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
    if not re.fullmatch(r"(?:[^{}]|\{[a-z_]*\d?(?::[^{}]*)?\})*", text):
        return text.replace("{", "{{").replace("}", "}}")
    names = iter(["value", *(f"value{number}" for number in range(2, 20))])
    return re.sub(r"\{([a-z_]*\d?)(?::[^{}]*)?\}", lambda match: f"{{{match[1] or next(names)}}}", text)


def _with_fields(node: ast.AST) -> tuple[str, list[ast.expr]] | None:
    """Message and values of a template that a call fills."""
    if not (isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Constant)):
        return None
    name, template = ast.unparse(node.func), node.args[0].value
    if isinstance(template, str) and name.endswith(_FILLING) and fields(template):
        return message_of_fields(template), node.args[1:]
    return None


def formatted(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of f-strings of a module that read like sentences: no template is there to find them by.

    Errors of a program, which programmers read in English, are none.
    """
    tree = ast.parse(text)
    silent = {id(part) for node in ast.walk(tree) for part in _silent(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _OF_PROGRAMS:
            silent |= {id(each) for each in ast.walk(node)}
        if isinstance(node, ast.JoinedStr) and id(node) not in silent:
            parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
            said = "".join(map(str, parts))
            if _SAID.search(said):
                yield node.lineno, said


def python_messages(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extractor of a module of ours."""
    for line, message in messages_of(file.read().decode()):
        yield line, "", message, []


def extracted() -> Catalog:
    """Every message of the source, with its places."""
    found = Catalog(locale="zh_CN", project="Pellucid", charset="utf-8")
    for name, line, message, _, _ in extract_from_dir(SOURCE, [("**.py", python_messages)]):
        if not name.startswith(NOBODY):
            found.add(message, locations=[(name, line)])
    # The page of an exported model speaks both languages by itself: script/words.
    templates = [path for path in sorted(SOURCE.rglob("*.html")) if not {"app", "play"} & set(path.parts)]
    for path in templates:
        for message in template_messages.messages_of(path):
            found.add(message, locations=[(str(path.relative_to(SOURCE)), 0)])
    for path in sorted(SOURCE.rglob("*.js")):
        for message in messages_of_script(path.read_text(encoding="utf-8")):
            found.add(message, locations=[(str(path.relative_to(SOURCE)), 0)])
    _add_words(found)
    return found


def _add_words(found: Catalog) -> None:
    """Add what people read beside sentences of the source: nouns, metrics, and others."""
    for noun in NOUNS:
        many = count_of(2, noun)[2:]
        for message in (
            *(noun, many, f"1 {noun}", with_article(noun)),
            *(f"{{count}} {noun}", f"{{count}} {many}"),
        ):
            found.add(str(message), locations=[("nouns", 0)])
    for metric in METRICS.values():
        words = metric.words
        for message in (
            *(words, with_article(words), f"mean {words}"),
            *(f"{part} {words}" for part in ("held-out", "test", "unseen test", "validation")),
            *(f"{words} {{scores}}", f"validation {words} {{scores}}"),
        ):
            found.add(str(message), locations=[("metrics", 0)])
    for message in OTHERS.read_text(encoding="utf-8").splitlines():
        found.add(message, locations=[("others", 0)])


def compiled(catalogue: Catalog) -> str:
    """What ships: translations by message, as JSON."""
    known = [each for each in catalogue if each.id and each.string and each.string != each.id]
    messages = {str(each.id): each.string for each in known}
    return json.dumps({"messages": messages}, ensure_ascii=False, indent=0, sort_keys=True) + "\n"


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
