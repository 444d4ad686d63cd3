"""Templates in another language: messages are looked up exactly, values are where translations have them."""

import re
from importlib.resources import files

import pytest
from jinja2 import DictLoader
from markupsafe import Markup

from pellucid.language.catalogue import CHINESE, ENGLISH
from pellucid.language.sentence import Sentence
from pellucid.pages import translation
from pellucid.pages.joints import joined_up
from pellucid.pages.translation import PageEnvironment

FORMS = {
    "Seen {count} times in {place}": "在{place}见过{count}次",
    "of {name}": "属于{name}",
    "Data{part}": "数据{part}",
    ", twice": "，两次",
    "{strong} is best": "最好的是{strong}",
    "{bdi} is best": "最好的是 {bdi}",
    "Table of {noun}s": "{noun}表",
    "old {noun}": "旧{noun}",
    "says {text}": "写着{text}",
}
WORDS = {"image": "图像", "images": "图像", "mistakes": "错误", "settings": "设置"}


def exact(text: str, wanted: str) -> str:
    """The catalogue of these tests."""
    if wanted == ENGLISH:
        return text
    if isinstance(text, Sentence) and text.values:
        said = {name: exact(value, wanted) for name, value in text.values.items()}
        return FORMS[text.template].format_map(said)
    return WORDS.get(text[:1].lower() + text[1:], text)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "form_of", lambda message, _: FORMS.get(message))
    monkeypatch.setattr(translation, "translated", exact)


def shown(template: str, wanted: str = CHINESE, **values: object) -> str:
    return PageEnvironment(wanted, autoescape=True).from_string(template).render(**values)


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ("<p>Seen {{ count }} times in {{ place }}</p>", {"count": 3, "place": "a/b"}, "在 a/b 见过 3 次"),
        ("<p>Seen {{ count }} times in {{ place }}</p>", {"count": 3, "place": "image"}, "在图像见过 3 次"),
        ("<p>Data{% if more %}, twice{% endif %}</p>", {"more": True}, "数据，两次"),
        ("<p>Data{% if more %}, twice{% endif %}</p>", {"more": False}, "数据"),
        ("<p><strong>{{ a }}</strong> is best</p>", {"a": "Image"}, "最好的是<strong>图像</strong>"),
        ("<p><strong>{{ a }}</strong> is best</p>", {"a": "svm"}, "最好的是 <strong>svm</strong>"),
        ("<p><bdi>{{ a }}</bdi> is best</p>", {"a": "image"}, "最好的是 <bdi>image</bdi>"),
        ("<p>{{ a }}, {{ b }}.</p>", {"a": "Mistakes", "b": "settings"}, "错误，设置。"),
        ("<p>{{ a }}, {{ b }}.</p>", {"a": "x", "b": "y"}, "x, y."),
        ("<p>{{ a }} ({{ b }})</p>", {"a": "x", "b": "image"}, "x（图像）"),
        ("<p>{{ 'old ' ~ noun }}</p>", {"noun": "image"}, "旧图像"),
        ("<p>{{ noun|capitalize ~ 's' }}</p>", {"noun": "image"}, "图像"),
        ("<p>{{ all|join(', ') }}</p>", {"all": ["image", "x"]}, "图像, x"),
        ("<p>says {{ text }}</p>", {"text": Sentence("of {name}", "<x>")}, "写着属于&lt;x&gt;"),
        ("<p>says {{ text }}</p>", {"text": Markup("<b>image</b>")}, "写着 <b>image</b>"),
    ],
)
def test_a_text_is_one_message_and_its_values_are_put_where_the_translation_has_them(template, values, said):
    assert shown(template, **values) == f"<p>{said}</p>"


def test_attributes_that_people_read_are_translated_and_no_others():
    title, label = 'title="Table of {{ noun }}s"', '{% if noun %} aria-label="{{ noun }}"{% endif %}'
    assert (
        shown(f'<i class="{{{{ noun }}}}" {title}{label}></i>', noun="image")
        == '<i class="image" title="图像表" aria-label="图像"></i>'
    )


def test_scripts_code_and_names_stay_to_the_last_byte():
    page = (
        '<!doctype html><html lang="en"><style>p{a:b}</style><h2>WORD</h2><code>WORD</code>'
        '<strong class="foreign">{% if 1 %}WORD{% endif %}</strong><script>WORD < 3;</script></html>'
    )
    said = shown(page.replace("WORD", "{{ word }}"), word="mistakes")
    page = page.replace('"en"', f'"{CHINESE}"').replace("<h2>WORD", "<h2>错误").replace("WORD", "mistakes")
    assert said == page.replace("{% if 1 %}", "").replace("{% endif %}", "")


def test_english_is_what_the_template_says():
    template = "<p>Seen {{ count }} times in {{ place }}</p> {{ 'old ' ~ place|capitalize }}"
    assert shown(template, ENGLISH, count=1, place="image") == "<p>Seen 1 times in image</p> old Image"


def test_what_a_template_imports_defines_and_includes_is_translated_as_it_is_loaded():
    pages = PageEnvironment(
        CHINESE,
        loader=DictLoader(
            {
                "page": '{% import "own" as own %}{% include "part" %}{{ own.best("image") }}{{ own.s }}',
                "own": '{% macro best(a) %}<b>{{ a }}</b>{% endmacro %}{% set s %} of {{ "x" }}{% endset %}',
                "part": "<p>says {% for each in (1, 2) %}{{ each }}{% endfor %}</p>",
            }
        ),
        autoescape=True,
    )
    FORMS["says {value}"] = "写着{value}"
    FORMS["of {value}"] = "属于{value}"
    assert pages.get_template("page").render() == "<p>写着 12</p><b>图像</b>属于 x"


def test_scripts_have_what_they_say_beside_them():
    page = shown('<script>tr("mistakes") + tr("of {name}")</script>')
    assert '<script type="application/json" id="translations">' in page
    assert '{"mistakes": "错误", "of {name}": "属于{name}"}' in page


def test_a_page_without_joints_stays_as_it_is():
    page = "<p>a < b <b>c</b></p>"
    assert joined_up(page) == page


def test_no_message_has_a_character_that_marks_something():
    shipped = files("pellucid").joinpath("language", "zh_CN.json").read_text(encoding="utf-8")
    assert not re.search("[\U000f0000-\U000ffffd]", shipped)
