"""Delimiters and quotes of tables, found or named; text files of labelled lines; on both sides."""

import csv
import io
import random
from pathlib import Path

import pytest

from data.made import read, require_refused, texts_of, written
from pellucid.data.sources.places import open_places
from pellucid.data.sources.source import Cell
from pellucid.data.tables.dialects import dialect_of_file
from pellucid.data.tables.table_files import has_labelled_lines, open_table
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import TEXTS
from pellucid.settings import Settings

WORDS = (
    "don't", "'tis", "rock 'n' roll", "the dogs'", "good,", "bad;", 'said "no"', '5" screen', "a|b", "why?",
    "O'Neil", "'90s", "C:\\new", "and", "the", "film", "'quoted'", "yes, but; no",
)  # fmt: skip
OPENML = """'text, raw';'class'
'text with; inside';'good'
'it is, alas; bad';'bad'
'plain one';'good'
'another, one';'bad'
"""


def asked_of(path: Path, **settings: object) -> list[str]:
    """Texts of an INPUT of `predict`."""
    inputs = open_places([str(path)], Settings(**settings), TEXTS)  # type: ignore[arg-type]
    return [str(each.content.value) for each in inputs if isinstance(each.content, Cell)]


def rows_of(path: Path, **settings: object) -> list[list[str]]:
    table = open_table(path, path.name, Settings(**settings))  # type: ignore[arg-type]
    blocks = [zip(*block.columns.values(), strict=True) for block in table.read(table.names)]
    return [list(table.names), *(list(row) for block in blocks for row in block)]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("openml.csv", OPENML, ["text with; inside", "it is, alas; bad", "plain one", "another, one"]),
        ("commas.csv", "text,label\n'a, b',x\nplain,y\n'c, d',x\n", ["a, b", "plain", "c, d"]),
        ("doubled.csv", "'text';'class'\n'don''t; no';'a'\n'b';'b'\n", ["don't; no", "b"]),
        ("backslash.csv", "text;class\n'don\\'t; C:\\new';'a'\n'b; c';'b'\n", ["don't; C:\\new", "b; c"]),
        ("lines.csv", "text;class\n'two\nlines; here';'a'\nb;b\n", ["two\nlines; here", "b"]),
        ("pipes.csv", "text|label\nit's, well|a\n'tis; no|b\n", ["it's, well", "'tis; no"]),
        ("pipes2.csv", 'id|text|label\n1|"a|b, c"|x\n2|it\'s|y\n', ["a|b, c", "it's"]),
        ("open.tsv", 'text\tlabel\n"never closed\ta\nplain\tb\n', ['"never closed', "plain"]),
        ("tabs.csv", "text\tlabel\n'one\ttwo'\ta\nthree\tb\n", ["one\ttwo", "three"]),
        ("single.tsv", "text\tlabel\n'one\ttwo'\ta\nthree\tb\n", ["one\ttwo", "three"]),
        # As always: no apostrophe quotes, and what the usual reading cuts evenly keeps it.
        ("tis.csv", "text,label\n'tis nice,a\ndon't,b\nthe dogs',a\n", ["'tis nice", "don't", "the dogs'"]),
        ("pair.csv", "text,label\n'tis nice,'a'\n'why',b\n", ["'tis nice", "'why'"]),
        ("said.csv", 'text,label\n"\'Hello, you\', he said",a\nb,b\n', ["'Hello, you', he said", "b"]),
        ("mixed.csv", 'text;label\n"a; b";x\n\'c\';y\n', ["a; b", "'c'"]),
        ("inner.tsv", 'text\tlabel\n"one\ttwo"\ta\nthree\tb\n', ["one\ttwo", "three"]),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith("sv") else "",
)  # fmt: skip
def test_training_and_prediction_find_the_same(
    tmp_path: Path, name: str, content: str, texts: list[str]
) -> None:
    path = written(tmp_path / name, content)
    column = open_table(path, name).names[1 if name == "pipes2.csv" else 0]
    label = open_table(path, name).names[-1]
    assert texts_of(read(path, input_column=column, label_column=label)) == texts
    assert asked_of(path, input_column=column) == texts


@pytest.mark.parametrize(
    ("content", "match"),
    [
        # Commas within no quotes at all, apostrophes among them.
        ("text,label\n'tis nice, isn't it,a\nb,b\n", r"row 2 has 3 fields, the first row 2; fix the row, or"),
        ("text,label\n'Hello, you', he said,a\nb,b\n", r"row 2 has 4 fields.*read with --delimiter comma"),
        ("text,label\nfine,a\nno,way,b\n", r"row 3 has 3 fields.*--delimiter and --quote"),
        ('text,label\n"never closes,a\nb,b\n', r"quote opened at row 2 never closes; close or remove it, or"),
    ],
)  # fmt: skip
def test_what_nothing_cuts_evenly_is_refused(tmp_path: Path, content: str, match: str) -> None:
    require_refused(written(tmp_path / "t.csv", content), match)


def test_what_is_named_is_read_so(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text^label\nit's, 'so'^a\n~b^c~^b\n")
    listing = read(path, delimiter="^", quote="~")
    assert texts_of(listing) == ["it's, 'so'", "b^c"]
    assert listing.dialect == {"delimiter": "^", "quote": "~"}
    assert asked_of(path, delimiter="^", quote="~") == ["it's, 'so'", "b^c"]
    lines = written(tmp_path / "lines.csv", "text\none, two\nthree, four, five\n")
    assert asked_of(lines, delimiter="tab") == ["one, two", "three, four, five"]
    literal = written(tmp_path / "literal.csv", 'text,label\n"a",x\n"b",y\n')
    assert asked_of(literal, quote="none") == ['"a"', '"b"']
    warnings = read(written(tmp_path / "kept.csv", "text;label\n'a';x\n'b';y\n")).warnings
    assert any("--quote single takes them off" in each for each in warnings)
    assert asked_of(tmp_path / "kept.csv", quote="single") == ["a", "b"]
    require_refused(
        written(tmp_path / "s.csv", "text,label,more\n'a,x\nb,y\n"), "row 2 never closes", quote="single"
    )
    require_refused(
        written(tmp_path / "u.csv", "text,label\n'a'b,x\nb,y\n"), "row 2 cannot be read", quote="'"
    )


def test_what_is_named_and_does_not_fit_is_refused_with_what_does(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,label\none,a\ntwo,b\n")
    with pytest.raises(
        DataError, match=r"--delimiter semicolon, given .*give --delimiter comma --quote double"
    ):
        asked_of(path, delimiter=";")
    require_refused(path, "give --delimiter comma --quote double", delimiter="semicolon")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"delimiter": "ab"},
            "--delimiter: 'ab' is not allowed; give one character, or one of comma, semi",
        ),
        ({"delimiter": ""}, "--delimiter: '' is not allowed"),
        ({"delimiter": '"'}, "--delimiter: .* is not allowed"),
        ({"delimiter": "\n"}, "--delimiter: .* is not allowed"),
        ({"delimiter": "x"}, "--delimiter: 'x' is not allowed"),
        (
            {"quote": ","},
            "--quote: ',' is not allowed; give one character, or one of double, single, none",
        ),
        ({"quote": "^", "delimiter": "^"}, r"--quote: '\^' is the --delimiter too"),
    ],
)
def test_what_cannot_separate_or_quote_is_refused(given: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Settings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [[], "x", {"delimiter": 7}, {"delimiter": "ab"}, {"quote": ","}, {"more": ";"}]
)
def test_no_other_dialect_is_taken_from_a_file(value: object) -> None:
    with pytest.raises(ValueError, match="dialect: "):
        dialect_of_file(value)


def made_table(draw: random.Random, delimiter: str) -> list[list[str]]:
    """A table of texts of such words, a class and a number."""

    def text() -> str:
        words = [draw.choice(WORDS) for _ in range(draw.randint(1, 12))]
        more = [f"{delimiter} more"] * (draw.random() < 0.3) + ["\nline"] * (draw.random() < 0.03)
        return " ".join([*words, *more])

    rows = [
        [text(), draw.choice(["pos", "neg"]), str(draw.randint(0, 9))] for _ in range(draw.randint(3, 60))
    ]
    return [["text", "label", "n"], *rows]


def as_written(rows: list[list[str]], delimiter: str, quote: str, quoting: int, *, escapes: bool) -> str:
    file = io.StringIO()
    more = {"escapechar": "\\", "doublequote": False} if escapes else {}
    csv.writer(
        file, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator="\n", **more
    ).writerows(rows)  # type: ignore[call-overload]
    return file.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'", ""])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
def test_random_tables_are_read_back(tmp_path: Path, delimiter: str, quote: str, quoting: int) -> None:
    draw = random.Random(f"{delimiter}{quote}{quoting}")
    for _ in range(15):
        rows = made_table(draw, delimiter)
        escapes = quote == "'" and quoting != csv.QUOTE_MINIMAL and draw.random() < 0.3
        if not quote:
            rows = [[cell.replace(delimiter, " ").replace("\n", " ") for cell in row] for row in rows]
            content = "".join(f"{delimiter.join(row)}\n" for row in rows)
        else:
            content = as_written(rows, delimiter, quote, quoting, escapes=escapes)
        path = written(tmp_path / "t.csv", content)
        assert rows_of(path, delimiter=delimiter, quote=quote) == rows
        needs_quotes = any(delimiter in cell or "\n" in cell for row in rows for cell in row)
        if quote != "'" or needs_quotes:
            assert rows_of(path) == rows


def test_a_large_table_is_judged_by_its_beginning(tmp_path: Path) -> None:
    rows = [["text", "label"], *([f"it's number {number}; so", "ab"[number % 2]] for number in range(40_000))]
    path = written(tmp_path / "t.csv", as_written(rows, ";", "'", csv.QUOTE_ALL, escapes=False))
    assert rows_of(path) == rows
    late = [f"text {number},a" for number in range(5_000)]
    path = written(tmp_path / "late.csv", "\n".join(["text,label", *late, "'one, two',b", *late]))
    require_refused(
        path, "row 5002 has 3 fields, the first row 2; fix the row, or give --delimiter and --quote"
    )


# Text files of labelled lines.

MESSAGES = [f"\"{greeting} don't be late {number}" for number in range(10) for greeting in ("hi", "hello")]
CLASSES = ["ham", "spam"] * 10


@pytest.mark.parametrize("name", ["t.txt", "SMSSpamCollection", "t.txt.gz"])
@pytest.mark.parametrize("is_class_first", [True, False])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_of_text_and_class(tmp_path: Path, name: str, is_class_first: bool, line_end: str) -> None:
    import gzip

    pairs = list(zip(CLASSES, MESSAGES, strict=True))
    lines = ["\t".join(pair if is_class_first else pair[::-1]) for pair in pairs]
    content = (line_end.join(lines) + line_end).encode()
    path = written(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    listing = read(path)
    assert (texts_of(listing), listing.labels) == (MESSAGES, CLASSES)
    assert listing.sources[0] == f"{path}:1"
    assert listing.dialect == {}
    assert asked_of(path) == MESSAGES
    tsv = written(tmp_path / "t.tsv", content)
    assert read(tsv, quote="none").labels == CLASSES


@pytest.mark.parametrize(
    "content",
    [
        "A letter\n\tindented\nof\ttabs\n\tand lines\n",
        "ham\tone text\nspam\tanother text\n",  # too few to be certain
        "".join(f"id{number}\tone text {number}\n" for number in range(20)),  # no classes
        "".join(f"{number % 2}\t{number}\n" for number in range(20)),  # no texts
        "".join(f"a\ttext number {number}\n" for number in range(9)) + "a\tb\tc\n",
        "".join(f"\ttext number {number}\n" for number in range(9)),
        "plain text\n" * 9,
    ],
)
def test_any_other_text_file_stays_one_text(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "t.txt", content)
    assert not has_labelled_lines(path)
    (given,) = open_places([str(path)], Settings(), TEXTS)
    assert given.content == path
    require_refused(
        path, "not a form of DATA; give .*a .txt in which every line is a class, a tab and a text"
    )


def test_folders_of_text_files_are_read_as_before(tmp_path: Path) -> None:
    content = "".join(f"{label}\t{text}\n" for label, text in zip(CLASSES, MESSAGES, strict=True))
    for name in ("ham", "spam"):
        (tmp_path / name).mkdir()
        for number in range(3):
            written(tmp_path / name / f"{number}.txt", f"{name} {number}\n{content}")
    listing = read(tmp_path)
    assert listing.labels == ["ham"] * 3 + ["spam"] * 3
    assert len(list(open_places([str(tmp_path)], Settings(), TEXTS))) == 6
    (tmp_path / "pipe.txt").symlink_to("/dev/zero")
    assert not has_labelled_lines(tmp_path / "pipe.txt")
    assert not has_labelled_lines(tmp_path / "missing.txt")
