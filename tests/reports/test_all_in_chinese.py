"""What people see in Chinese is Chinese: no sentence is left in English, and none is in two languages."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import spawning
from pellucid.cli.main import build_parser
from pellucid.language.catalogue import CHINESE, translated
from pellucid.pages.translation import PageEnvironment
from reports.test_accessibility import FILES

# Words of English sentences, and any two words; one alone may be the name of a model, unit or format.
ENGLISH = re.compile(
    r"\b(?:an?|and|are|as|by|for|from|has|have|in|is|its?|not|of|on|or|so|than|that|the|this|to|was|were|with)\b"
    r"|\b[a-z]{3,} [a-z]{3,}\b"
)
# What stays English, and why.
ADMITTED = (
    r"Naeem et al\. \d+|Guo et al\. \d+|Angelopoulos et al\. \d+|Nadeau and Bengio \d+",  # who found a method
    r"learn then test",  # a method
    r"[\w./-]*\.(?:npz|png|txt|csv|jsonl|json|html|toml)|/tmp/\S*",  # files
    r"'[^']*'|\"[^\"]*\"",  # names in quotation marks
    r"-{1,2}[a-z][\w-]*",  # options
    r"\bpellucid [a-z]+",  # commands
)
QUIET = ("script", "style", "code", "pre", "kbd", "bdi", "samp", "math")
SHOWN = ("aria-label", "title", "alt", "placeholder")
VOID = (
    "br",
    "img",
    "input",
    "link",
    "meta",
    "hr",
    "circle",
    "line",
    "path",
    "rect",
    "polyline",
    "polygon",
    "use",
)


class Texts(HTMLParser):
    """Texts and attributes that people meet, without what is theirs or code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_quiet = (
            tag in QUIET
            or "foreign" in (given.get("class") or "").split()
            or given.get("translate") == "no"
            or any(quiet for _, quiet in self._open)
        )
        if not is_quiet:
            self.found += [value for name in SHOWN if (value := given.get(name))]
        if tag not in VOID:
            self._open.append((tag, is_quiet))

    def handle_endtag(self, tag: str) -> None:
        while any(name == tag for name, _ in self._open):
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        if not any(quiet for _, quiet in self._open):
            self.found.append(" ".join(data.split()))


def english(texts: list[str]) -> list[str]:
    """Those that have a word of an English sentence."""
    found = []
    for text in texts:
        left = text
        for form in ADMITTED:
            left = re.sub(form, "", left)
        if ENGLISH.search(left):
            found.append(text)
    return list(dict.fromkeys(found))


def texts_of(page: str) -> list[str]:
    parser = Texts()
    parser.feed(page)
    return parser.found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("app")])
def test_a_page_has_no_english_sentence(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    content = FILES[name][0](request.getfixturevalue, tmp_path)
    page = content.decode() if isinstance(content, bytes) else content
    if page.startswith("file:"):
        page = Path(page.removeprefix("file://")).read_text(encoding="utf-8")
    assert f'lang="{CHINESE}"' in page
    assert not re.search("[\U000f0000-\U000ffffd]", page)  # marks of templates
    assert english(texts_of(page)) == []


COMMANDS = sorted(build_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_no_english_sentence(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    monkeypatch.setenv("COLUMNS", "1000")  # no line is broken
    parser = build_parser()._subparsers._group_actions[0].choices[command]  # type: ignore[union-attr, index]
    lines = [line for line in parser.format_help().splitlines() if not line.strip().startswith("pellucid")]
    assert english(lines[1:]) == []  # the first line is the usage


ERRORS = (
    ("train",),
    ("train", "nowhere/", "--out", "run"),
    ("train", "sample:fashion"),
    ("train", "sample:fashion", "--out", "run", "--epochs", "0"),
    ("train", "sample:fashion", "--out", "run", "--model", "cnm"),
    ("train", "sample:fashion", "--out", "run", "--learning-rate", "fast"),
    ("train", "sample:nothing", "--out", "run"),
    ("predict", "nowhere/", "a.png"),
    ("evaluate", "nowhere/", "sample:fashion"),
    ("explain", "nowhere/", "a.png", "--out", "page.html"),
    ("export", "nowhere/", "--out", "app.html"),
    ("inspect", "nowhere/"),
    ("compare", "nowhere/", "elsewhere/"),
    ("label", "nowhere/", "--classes", "a,b", "--out", "labels.csv"),
    ("nothing",),
)


@pytest.mark.slow
@pytest.mark.parametrize("words", ERRORS, ids=" ".join)
def test_an_error_has_no_english_sentence(words: tuple[str, ...], tmp_path: Path) -> None:
    environment = {**os.environ, "PELLUCID_LANGUAGE": "zh"}
    done = spawning.run(
        "-m", "pellucid", *words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("usage", "用法", "  "))]
    assert re.search("[\u4e00-\u9fff]", "".join(lines)), done.stderr
    assert english(lines) == []


# Classes and texts that are words and sentences of our own.
NAMES = ("no", "test", "label", "images and texts")
TEXTS = ("No label was given.", "Nothing to correct.", "Mistakes", "How we know", "What to do next")


@pytest.mark.parametrize("name", NAMES)
def test_a_class_keeps_its_name_in_a_sentence(name: str) -> None:
    said = translated(f"{name}, predicted as {name}", CHINESE)
    assert said.count(name) == 2


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_the_user_keeps_its_words_on_a_page(text: str) -> None:
    page = '<p><bdi class="name">%s</bdi></p><blockquote class="excerpt" translate="no">%s</blockquote>'
    template = PageEnvironment(CHINESE, autoescape=True).from_string(page.replace("%s", "{{ text }}"))
    assert template.render(text=text) == page.replace("%s", text)
