"""Sentences keep their template and values: they read as English, and are translated with nothing guessed."""

import ast
import json
import math
import pickle
from pathlib import Path

import codes
import pytest

from pellucid.errors import DataError, InterruptedRun, NotFiniteError, StorageError, UsageError
from pellucid.language.catalogue import CHINESE, translated
from pellucid.language.codes import Parts, parts_of
from pellucid.language.documents import with_sentences, with_templates
from pellucid.language.sentence import (
    Field,
    Sentence,
    fields,
    join,
    message_of,
)

SOURCE = Path(codes.catalogue.SOURCE)
OF_A_TEMPLATE = set(codes.EXIT_CODES) - {"InterruptedRun", "NotFiniteError"}  # which take another argument


def test_a_template_is_filled_in_the_order_of_its_fields():
    made = Sentence("{path}: {count:,} of {share:.1f} {name!r} {{as}} it is", Path("a/b"), 12_345, 6.78, "x'")
    assert made == 'a/b: 12,345 of 6.8 "x\'" {as} it is'
    assert made.values == {"path": "a/b", "count": 12_345, "share": 6.78, "name": "x'"}
    assert fields(made.template)[1:3] == (Field("count", ",", ""), Field("share", ".1f", ""))
    assert message_of(made.template) == "{path}: {count} of {share} {name} {{as}} it is"


def test_a_text_without_values_stays_as_it_is():
    assert Sentence("a {b} {c") == "a {b} {c"
    assert str(DataError("100 % {of} it")) == "100 % {of} it"


@pytest.mark.parametrize("values", [("a",), ("a", "b", "c")])
def test_there_are_as_many_values_as_fields(values):
    with pytest.raises(ValueError, match="zip"):
        Sentence("{one} and {two}", *values)


@pytest.mark.parametrize(
    "error",
    [
        DataError("{place}: empty label at {some}; fill it in or remove the row", "t.csv", "row 3"),
        StorageError("{path}: {reason}; use an undamaged copy", Path("x"), "full"),
        NotFiniteError("model: it failed", [3, 5]),
        InterruptedRun("stopped", 15),
    ],
)
def test_errors_survive_another_process(error):
    if isinstance(error, NotFiniteError | InterruptedRun):
        assert (str(error), str(error.sentence)) == (error.args[0], error.args[0])
        return
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.args) == (type(error), str(error), error.args)
    assert (again.sentence.template, again.sentence.values) == (
        error.sentence.template,
        error.sentence.values,
    )


def test_values_that_read_like_sentences_stay_the_users():
    place = "no such file; give another, and a row of 3 rows: it is empty.csv"
    error = DataError("{place}: empty label at {some}; fill it in or remove the row", place, "row 3")
    said = translated(error.sentence, CHINESE)
    assert said.startswith(f"{place}: 标签为空")
    assert said.endswith("应填写，或删除该行")


def test_an_error_within_an_error_is_translated_by_its_own_template():
    within = DataError("{place}: empty label at {some}; fill it in or remove the row", "b.csv", "row 7")
    around = UsageError("{flag}: {error}", "--test", within)
    assert str(around) == f"--test: {within}"
    assert translated(around.sentence, CHINESE) == f"--test: {translated(within.sentence, CHINESE)}"
    assert parts_of(around.sentence, 2) == Parts(
        parts_of(within.sentence, 3).code, "--test", "fill it in or remove the row"
    )
    shown = translated(Sentence("error: {error}", around), CHINESE)
    assert shown == f"错误：{translated(around.sentence, CHINESE)}"


def test_parts_of_what_has_no_template():
    assert parts_of(DataError("whatever the system said").sentence, 3) == Parts("PEL3000", "", "")
    assert parts_of(InterruptedRun("a signal came", 2).sentence, 130) == Parts("PEL8000", "", "")


def test_every_error_of_the_source_is_made_from_a_template():
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else ""
            if name not in OF_A_TEMPLATE or not node.args:
                continue
            template, *values = node.args
            if isinstance(template, ast.JoinedStr):
                wrong.append(f"{path}:{node.lineno}: an f-string")
            elif values and isinstance(template, ast.Constant) and len(fields(template.value)) != len(values):
                wrong.append(f"{path}:{node.lineno}: as many values as fields are needed")
    assert not wrong, "\n".join(wrong)


def test_every_message_of_an_error_has_a_code_and_the_page_lists_it():
    table, found = codes.json.loads(codes.TABLE.read_text(encoding="utf-8")), codes.messages()
    assert set(found) <= set(table.values()), "run `make generated`"
    assert len(set(table.values())) == len(table)
    assert all(code[3] == str(found[message]) for code, message in table.items() if message in found)
    assert codes.PAGE.read_text(encoding="utf-8") == codes.page(table, found), "run `make generated`"


def test_a_code_stays_where_messages_come_and_go():
    table = {"PEL2001": "old", "PEL2002": "gone", "PEL3001": "data"}
    assert codes.updated(table, {"new": 2, "old": 2, "more": 5}) == {
        **table,
        "PEL2003": "new",
        "PEL5001": "more",
    }


def test_a_document_keeps_templates_beside_its_english():
    within = join("; ", [Sentence("{count:,} images", 1234), "cat"])
    said = Sentence("Left out: {listed}, {share:.1f} %.", within, 2.55)
    document = {"words": [said, "a plain text", Sentence("no values")], "scores": {"best": said, "n": 3}}
    written = json.loads(json.dumps(with_sentences(document)))
    assert {name: each for name, each in written.items() if name != "templates"} == document
    assert [*written["templates"]] == [said]
    again = with_templates(written)
    assert again == document
    for one in (again["words"][0], again["scores"]["best"]):
        assert (one.template, one.values["listed"].template) == (said.template, within.template)
        assert translated(one, CHINESE) == translated(said, CHINESE)
    assert "templates" not in with_sentences({"words": "a plain text"})


def test_what_json_cannot_hold_is_kept_as_text_alone():
    for said in (Sentence("{share:.1f} %", math.nan), Sentence("{name:>8} it is", "a")):
        assert with_sentences({"words": said}) == {"words": said}


@pytest.mark.parametrize(
    "document",
    [
        {"template": "{x:>999999999}", "values": {"x": 1}},
        {"template": "{x.__class__}", "values": {"x": 1}},
        {"template": "{x[0]}", "values": {"x": "a"}},
        {"template": "{x", "values": {}},
        {"template": "{x}", "values": {"y": 1}},
        {"template": "{x}", "values": {"x": [1]}},
        {"template": "another text", "values": {}},
        {"values": {}},
        "text",
    ],
)
def test_a_document_cannot_have_a_template_do_anything_but_its_text(document):
    with pytest.raises(ValueError, match="templates: 'said'"):
        with_templates({"templates": {"said": document}})


def test_a_sentence_stays_one_where_it_is_joined_or_its_values_change():
    said = Sentence("{count:,} of {name}", 1234, "b\x1b") + "; " + Sentence("{n} left", 3)
    shown = said.each_text(lambda text: text.replace("\x1b", "?"))
    assert (str(said), str(shown)) == ("1,234 of b\x1b; 3 left", "1,234 of b?; 3 left")
    assert isinstance("a: " + said, Sentence)
    assert [*map(str, [said])] == [said]
    assert str(said) is said
    assert str(DataError("{place}: it is empty", "a.csv")).template == "{place}: it is empty"
    assert type(said * 2) is str
    assert (said * True is said, said * False) == (True, "")
    assert join("; ", [said]) is said
