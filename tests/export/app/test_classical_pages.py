"""Pages of classical models of images in a browser: answers are the models' own, and decisions are opened."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app_pages import file_of, original, page
from browsers import browsing
from every_model import CLASSICAL, OF_LABELS, ON_NETWORK
from models_with_detectors import with_detector
from pellucid.export.app.chromium import Tab
from pellucid.export.app.exporting import ask
from small_models import digits

MODELS = {
    name: make
    for name, make in (CLASSICAL | ON_NETWORK | OF_LABELS).items()
    if not any(word in name for word in ("text", "vector", "sentence", "cnn of labels"))
}
COUNT = 12
SUM = re.compile(r"the bias (\S+), add up to (?:the number )?(\S+[0-9])")
ALL_ROWS = 30


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Tab]:
    """A browser that goes from page to page."""
    with browsing(chromium) as tab:
        yield tab


def drawn(tab: Tab) -> None:
    """Shift the image that is shown, so that it is answered."""
    tab.evaluate("""(async () => {
        const easel = document.getElementById("easel");
        easel.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    })()""")


def adds(tab: Tab) -> list[float]:
    """The last column of the last table of the decision."""
    cells = tab.evaluate("""[...document.querySelectorAll("#decided > :last-child tbody tr")]
        .map((row) => row.lastElementChild.textContent)""")
    return [number(cell) for cell in cells]


def number(shown: str) -> float:
    """A number as pages write it."""
    return float(shown.replace("\u2212", "-"))


@pytest.mark.parametrize("name", MODELS)
def test_a_page_answers_as_its_classical_model_does(browser: Tab, tmp_path: Path, name: str) -> None:
    model = MODELS[name]()
    if name in ("svm", "svm-on-cnn"):
        model = with_detector(model)
    place = tmp_path / "app.html"
    place.write_bytes(page(model))
    browser.open(place.as_uri())
    pixels = digits()[0][500 : 500 + COUNT]
    found = ask(browser, [original(file_of(each[..., 0])) for each in pixels])
    ours = model.answer(pixels)
    said = np.array([each["said"] for each in found])
    np.testing.assert_allclose(said.reshape(ours.said.shape), ours.said, atol=1e-3, rtol=1e-3)
    if ours.novelty is not None:
        np.testing.assert_allclose([each["novelty"] for each in found], ours.novelty, atol=0.02)
    drawn(browser)
    words = browser.evaluate("document.getElementById('decided')?.textContent ?? ''")
    assert browser.errors == []
    if model.predictor.kind == "constant":
        assert words == ""
        return
    assert "undefined" not in words
    assert "NaN" not in words
    if model.predictor.kind == "forest":
        assert "trees" in words
        of_leaf = "training examples (of digit|with a label: [a-z\u2013])|The leaf at the end says"
        assert re.search(of_leaf, words)
        return
    added, (bias, total) = adds(browser), (number(each) for each in SUM.findall(words)[-1])
    if len(added) < ALL_ROWS:  # all products are shown
        assert sum(added) + bias == pytest.approx(total, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [
        ("logistic-regression", 360, "dark"),
        ("random-forest", 1280, "light"),
        ("svm-on-cnn", 360, "light"),
        ("svm of labels", 1280, "dark"),
    ],
)
def test_everybody_can_use_it(
    browser: Tab, axe_core: Path, tmp_path: Path, name: str, width: int, theme: str
) -> None:
    place = tmp_path / "app.html"
    place.write_bytes(page(MODELS[name]()))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.open(place.as_uri())
    browser.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
    drawn(browser)
    browser.evaluate(axe_core.read_text(encoding="utf-8") + "; 1")
    found = browser.evaluate(
        "axe.run().then(({ violations }) => violations.map((each) => [each.id, each.nodes[0].html]))"
    )
    assert found == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
