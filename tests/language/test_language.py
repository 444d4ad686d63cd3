"""Two languages from one catalogue: complete, recognised in every sentence, and never in a user's text."""

import json
import re
from importlib.resources import files

import catalogue
import pytest

from command_line import within
from pellucid.language.catalogue import _ELEMENTS, Catalogue, _catalogue, _parsed, language, translated

FIRST_MARK = 0xF0000

SHIPPED = json.loads(files("pellucid").joinpath("language", "zh_CN.json").read_text(encoding="utf-8"))


def test_every_message_of_the_source_is_in_the_catalogue_with_its_translation():
    assert catalogue.wrong(catalogue.updated()) == []


def test_what_ships_is_the_catalogue():
    assert catalogue.compiled(catalogue.read()) == catalogue.SHIPPED.read_text(encoding="utf-8")


def test_finished_sentences_are_recognised_as_their_messages():
    """Each message is filled in, and said with the same values; at most one in two hundred is not."""
    found = Catalogue(SHIPPED["messages"], SHIPPED["numbers"])
    others = []
    for message, translation in SHIPPED["messages"].items():
        numbers = SHIPPED["numbers"].get(message, ())
        names = _parsed(message)[1::2]
        values = {name: f"{at + 11}" if name in numbers else f"Zq{at}" for at, name in enumerate(names)}
        values |= {
            name: chr(FIRST_MARK + at) for at, name in enumerate(names) if name.rstrip("23") in _ELEMENTS
        }
        if sum(map(str.isalpha, "".join(_parsed(message)[::2]))) < 10:
            continue  # recognised as a value within others alone
        said = re.sub(" ", "", found.translate(message.format_map(values)))
        if said != re.sub(" ", "", translation.format_map(values)):
            others.append(message)
    assert len(others) <= len(SHIPPED["messages"]) / 200, others


def test_a_sentence_may_follow_others_that_are_a_value_of_it():
    sets = "95 % intervals are from resampling the 108 groups tested, not single texts."
    alike = (
        f"{sets} Answers about one group are alike (intra-group correlation 0.241): these 2,550 texts say as "
        "much as about 144 independent ones."
    )
    said = translated(alike, "zh-CN")
    assert "0.241" in said
    assert not re.search("[A-Za-z]", said)


@pytest.mark.parametrize(("words", "most"), [(("--help",), 10), (("train", "--help-all"), 100)])
def test_help_compiles_the_patterns_that_it_needs_alone(monkeypatch, words, most):
    """Of thousands: to compile them all takes seconds."""
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    _catalogue.cache_clear()
    assert "语言" in within.succeed(*words).stdout
    messages = [each for some in _catalogue("zh-CN")._messages.values() for each in some]
    assert len(messages) > 2000
    assert sum("form" in vars(each) for each in messages) <= most


def test_of_messages_that_fit_equally_the_same_one_is_taken_in_every_process():
    """Not by the order of a set of words, which changes from process to process."""
    for first in ("learning", "networks", "examples", "accuracy", "settings", "training", "patterns"):
        second = first[::-1]
        found = Catalogue({f"{first} {{x}}": "甲{x}", f"{{x}} {second}": "乙{x}"}, {})
        assert found.translate(f"{first} {second}").startswith("乙")


def test_a_score_is_no_part_of_the_count_before_it():
    said = translated("trained random-forest from 8,618 of 8,812 texts: validation accuracy 0.628", "zh-CN")
    assert said == "已训练 random-forest（8,812 段文本中的 8,618 个）：验证准确率 0.628"


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (
            "--model: '网络' is no model of 运行/; choose one of svm, bag",
            "--model: '网络' 不是 运行/ 的模型；应从 svm, bag 中选择",
        ),
        (
            "A classifier trained only on images of gan scores 70.1 % on 2,000 real test images, on as "
            "many real ones 88.3 %, on those of a PCA + Gaussian baseline 80.5 %, on those of a vae that was "
            "trained briefly 81.4 %: significantly worse than a PCA + Gaussian baseline or a vae that was "
            "trained briefly.",
            "只用 gan 的图像训练的分类器，在 2,000 张真实的测试图像上得分 70.1 %，"
            "用同样多的真实图像训练则为 88.3 %，用 PCA 加高斯分布的基线所生成的图像训练的为 80.5 %，"
            "用简短训练的 vae 所生成的图像训练的为 81.4 %：显著更差。",
        ),
        (
            "评估.csv has texts that a run learned from (运行/ was trained on 173; 其他 was trained "
            "on 2); they are left out, since answers about them flatter.",
            "评估.csv 中有某个运行学习过的文本（运行/ 学习过 173 个；其他 学习过 2 个）；这些已排除，"
            "因为对它们的答案会使得分偏高。",
        ),
    ],
)
def test_every_value_is_found_where_it_ends(sentence, said):
    assert translated(sentence, "zh-CN") == said


@pytest.mark.parametrize("name", ["t.csv", "我的 数据/空 文本.csv", "my data/t.csv"])
def test_names_of_files_may_have_spaces(name):
    for sentence in (
        f"Left out because they cannot be used: 2 texts, {name}:9 (holds no text), {name}:10 (no text).",
        f"{name}: 2 of 300 texts cannot be used; fix or remove them, or leave them out with --skip-bad\n"
        f"  {name}:9: holds no text\n  {name}:10: holds no text",
        f"{name}: texts from column 'a b'; labels from column 'c'; groups from column 'd'",
    ):
        said = translated(sentence, "zh-CN")
        assert not re.search("[A-Za-z]", re.sub(f"'.*?'|--skip-bad|{name}", "", said))
        assert said.count(name) == sentence.count(name)


def test_lists_of_labelled_examples_lie_within_a_sentence():
    """Three sets of examples and their labels, of which two name how many more there are."""
    listed = "t.csv:5 ('a b') and 633 more; t.csv:8 ('a b'), t.csv:9 (4.5); t.csv:1 ('c') and 2 more"
    said = translated(
        f"Equal texts have different labels, of which one at most is right: 3 sets, for instance {listed}.",
        "zh-CN",
    )
    assert "以及另外 633 个" in said
    assert "以及另外 2 个" in said
    assert not re.search("more|and|instance", said)


@pytest.mark.parametrize(
    "text",
    [
        "images and texts of 3 classes or more",
        "I have images, and 3 of them are from 2012. No label was given.",
        "from one to another; on it",
        "<b>cat</b> & dog: not a digit",
        "猫和狗",
    ],
)
def test_a_text_of_the_user_stays_as_it_is(text):
    assert translated(text, "zh-CN") == text


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
