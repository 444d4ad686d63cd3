"""Pages of texts in a browser: typed and many texts, layers, hostile texts and names of classes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app_pages import opened, page
from browsers import until
from pellucid.bundle import TextModel
from pellucid.export.app.chromium import Tab
from text_models import text_model, texts

HOSTILE = (
    "<script>document.title = 'taken over'</script>",
    "</script><img src=x onerror=\"document.title='taken over'\">", '=HYPERLINK("http://example.com")',
    "\u202egnp.exe", "]]>--><!--", "${document.title='taken over'}", "{{ 7 * 7 }}", "javascript:alert(1)",
    "a\u0000b", "数字",
)  # fmt: skip
"""Ten names of classes, and texts."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hostile_model() -> TextModel:
    return text_model("text-cnn", HOSTILE)


@pytest.fixture(scope="module")
def tab(chromium: str, hostile_model: TextModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The page of a model with hostile names of classes."""
    with opened(chromium, tmp_path_factory.mktemp("app"), page(hostile_model)) as found:
        yield found
        assert found.errors == []
        assert [each for each in found.requests if not each.startswith(("file:", "data:", "blob:"))] == []


def typed(tab: Tab, text: str) -> None:
    """Type a text, and wait until it is answered and its words are coloured."""
    tab.evaluate(f"""(async () => {{
        const field = document.getElementById("text");
        field.value = {json.dumps(text)};
        field.dispatchEvent(new Event("input"));
        for (let tries = 0; tries < 200; tries += 1) {{
            await new Promise((resolve) => setTimeout(resolve, 25));
            const highlight = document.getElementById("highlight");
            const isDone = document.getElementById("drove-state").textContent === "";
            const isColoured = highlight.children.length > 0;
            if (tries > 12 && isDone && isColoured && highlight.textContent === field.value) return;
        }}
        throw new Error("not done: " + document.getElementById("drove-state").textContent);
    }})()""")


def words(tab: Tab, part: str) -> str:
    return str(tab.evaluate(f"document.getElementById({part!r}).textContent"))


def test_a_typed_text_is_answered_and_a_word_changes_every_layer(tab: Tab, hostile_model: TextModel) -> None:
    before, after = "four perhaps not", "four perhaps seven"
    for text in (before, after):
        typed(tab, text)
        said = hostile_model.predict_proba([text])[0]
        assert HOSTILE[int(said.argmax())] in words(tab, "answer")
        assert f"{said.max():.3f}" in words(tab, "answer")
        assert words(tab, "tokens").split() == text.split()
        shapes = tab.evaluate(
            """[...document.querySelectorAll("#strip [data-out='body.filters.embedding']")]
            .map((part) => part.textContent)"""
        )
        assert shapes == ["3\u00d7128"]


def test_a_text_typed_while_the_page_opens_is_answered(chromium: str, tmp_path: Path) -> None:
    early = "document.getElementById('text').value = 'four perhaps seven';"
    model = text_model("text-cnn")
    with opened(chromium, tmp_path, page(model), early) as tab:
        until(tab, "document.getElementById('bars').children.length > 0")
        said = model.predict_proba(["four perhaps seven"])[0]
        assert f"{said.max():.3f}" in words(tab, "answer")


def test_units_open_their_arithmetic(tab: Tab) -> None:
    typed(tab, "one two three four five")
    tab.evaluate("""document.querySelector('button[data-layer="body.filters.conv3"]').click()""")
    assert "Unit (" in words(tab, "unit-title")
    verdict = words(tab, "verdict")
    assert verdict.startswith("network says ")
    difference = float(verdict.rsplit(" ", 1)[1].replace("\u2212", "-"))
    assert difference < 1e-5


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(tab: Tab, text: str) -> None:
    typed(tab, text)
    assert tab.evaluate("document.title") != "taken over"
    assert tab.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert tab.evaluate("document.getElementById('highlight').children.length") > 0


def test_hostile_classes_are_shown_as_they_are(tab: Tab) -> None:
    typed(tab, "one")
    shown = tab.evaluate("""[...document.querySelectorAll("#bars th")].map((cell) => cell.textContent)""")
    assert sorted(shown) == sorted(HOSTILE)
    assert HOSTILE[0] in words(tab, "main")


def test_many_texts_become_a_table_and_a_file(tab: Tab, hostile_model: TextModel) -> None:
    some = texts()[:4]
    content = "label,text\n" + "".join(f'x,"{text}"\n' for text in [*some, " "])
    rows = tab.evaluate(f"""(async () => {{
        const files = new DataTransfer();
        files.items.add(new File([{json.dumps(content)}], "=some.csv"));
        const field = document.getElementById("choose");
        field.files = files.files;
        field.dispatchEvent(new Event("change"));
        for (let tries = 0; tries < 200; tries += 1) {{
            await new Promise((resolve) => setTimeout(resolve, 25));
            const rows = [...document.querySelectorAll("#rows tr")];
            if (rows.length >= 5) return rows.map((row) => [...row.children].map((cell) => cell.textContent));
        }}
    }})()""")
    said = hostile_model.predict_proba(some)
    assert [row[0] for row in rows] == [f"=some.csv:{number}" for number in range(2, 7)]
    assert [row[1] for row in rows[:4]] == [HOSTILE[at] for at in said.argmax(axis=1)]
    assert [float(row[2]) for row in rows[:4]] == pytest.approx(said.max(axis=1), abs=2e-4)
    assert rows[4][3] == "holds no text"
    # The first is open, and its layers are its own whatever was answered after it.
    read = [piece for piece, _ in hostile_model.encoder.explain(some[0])]
    assert words(tab, "tokens").split() == read
    places = tab.evaluate("document.querySelector(`#strip [data-out='body.filters.embedding']`).textContent")
    assert places == f"{len(read)}\u00d7128"


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_everybody_can_use_it(tab: Tab, axe_core: Path, width: int, theme: str) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    typed(tab, "one two perhaps not four")
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.evaluate(axe_core.read_text(encoding="utf-8") + "; 1")
    found = tab.evaluate(
        "axe.run().then(({ violations }) => violations.map((each) => [each.id, each.nodes[0].html]))"
    )
    assert found == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
