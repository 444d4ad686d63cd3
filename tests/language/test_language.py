"""Two languages from one catalogue: complete, looked up by message, and never in a user's text."""

import json
import re
from importlib.resources import files

import catalogue
import pytest

from command_line import within
from pellucid.language.catalogue import _catalogue, form_of, language, translated, translated_list
from pellucid.language.sentence import Sentence, fields, join

CHINESE = "zh-CN"
SHIPPED = json.loads(files("pellucid").joinpath("language", "zh_CN.json").read_text(encoding="utf-8"))


def test_every_message_of_the_source_is_in_the_catalogue_with_its_translation():
    assert catalogue.wrong(catalogue.updated()) == []


def test_no_sentence_is_made_without_a_template():
    """F-strings have none, so that nothing would find them; what is no sentence of a page is listed."""
    others = {"encoding/token_encoders.py", "estimators/estimator.py", "estimators/predictors.py"}
    found = {
        f"{path.relative_to(catalogue.SOURCE)}:{line}: {said}"
        for path in catalogue.SOURCE.rglob("*.py")
        for line, said in catalogue.formatted(path.read_text(encoding="utf-8"))
        if str(path.relative_to(catalogue.SOURCE)) not in others
    }
    assert not {each for each in found if not each.startswith(catalogue.NOBODY)}
    assert catalogue.formatted('f"{count} of {noun}s"').__next__() == (1, "{} of {}s")


def test_what_ships_is_the_catalogue():
    assert catalogue.compiled(catalogue.read()) == catalogue.SHIPPED.read_text(encoding="utf-8")


def test_every_message_is_said_by_its_translation():
    """Filled with names, which stay; spaces aside, which depend on the values."""
    for message, translation in SHIPPED["messages"].items():
        names = [each.name for each in fields(message)]
        if not names or message.startswith(("error: ", "warning: ")):
            continue
        values = {name: f"Zq{at}" for at, name in enumerate(names)}
        if len(values) == len(names):
            said = translated(Sentence(message, *values.values()), CHINESE)
            assert said.replace(" ", "") == translation.format_map(values).replace(" ", "")


def test_a_finished_sentence_is_not_recognised():
    message = next(each for each in SHIPPED["messages"] if [one.name for one in fields(each)] == ["path"])
    sentence = Sentence(message, "a.csv")
    plain = "".join(list(sentence))
    assert translated(plain, CHINESE) == plain
    assert translated(sentence, CHINESE) != plain


@pytest.mark.parametrize("words", [("--help",), ("train", "--help-all")])
def test_help_is_in_chinese(monkeypatch, words):
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    assert "语言" in within.succeed(*words).stdout


def test_values_are_translated_by_their_own_templates_or_as_whole_messages():
    for template in ("{images}, {texts}", "{first}: {second}"):
        both = Sentence(template, Sentence("{count} images", 3), "Mistakes")
        said = translated(both, CHINESE)
        assert said.startswith("3 ")
        assert not re.search("[A-Za-z]", said)


def test_what_joins_sentences_is_of_chinese_and_what_joins_names_is_not():
    assert translated(join(", ", ["cat", "dog"]), CHINESE) == "cat, dog"
    some = [Sentence("{count} images", 3), Sentence("{count} texts", 2)]
    assert "，" in translated(join(", ", some), CHINESE)
    assert translated(join("; ", some), CHINESE).count("；") == 1
    assert translated_list("cat, dog") == "cat, dog"


@pytest.mark.parametrize(
    "text",
    [
        "images and texts of 3 classes or more",
        "I have images, and 3 of them are from 2012. No label was given.",
        "from one to another; on it",
        "<b>cat</b> & dog: not a digit",
        "3 images",
        "猫和狗",
    ],
)
def test_a_text_of_the_user_stays_as_it_is(text):
    assert translated(text, CHINESE) == text


def test_braces_of_a_name_are_no_fields():
    said = translated(Sentence("{count} images", "{0} {x}"), CHINESE)
    assert "{0} {x}" in said


def test_a_message_to_be_filled_keeps_its_fields():
    assert "{count}" in form_of("{count} images", CHINESE)
    assert form_of("{count} images", "en") == "{count} images"
    assert form_of("no such message {x}", CHINESE) is None


def test_an_error_begins_in_chinese():
    assert translated("error: ", CHINESE) != "error: "
    assert not translated(Sentence("error: {count} images", 3), CHINESE).startswith("error")
    assert _catalogue(CHINESE) is _catalogue(CHINESE)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"PELLUCID_LANGUAGE": "zh", "LC_ALL": "en_US.UTF-8"}, "zh-CN"),
    ],
)
def test_the_language_is_that_of_the_variable_then_of_the_locale(monkeypatch, variables, wanted):
    for name in ("PELLUCID_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == wanted
