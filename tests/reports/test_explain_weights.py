"""Any weight's gradient on the explain page, in a real browser: three ways, as Python says."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from insight.small_networks import NAMES
from pellucid.reports.explain import page, page_data, render_explanation
from reports.explained import GENERATORS, explained, explained_large, explained_wide
from reports.pages_over_http import open_page

WEIGHTS = 3
WALK = """<!doctype html><title>walking</title>
<iframe id="frame" src="page.html" width="1280" height="900" style="border: 0"></iframe>
<script>onload = async () => {
  const frame = document.getElementById("frame").contentWindow;
  const page = frame.document;
  const wait = () => new Promise(done => setTimeout(done, 20));
  const seen = [];
  for (const [layer, unit, name, index] of PLACES) {
    const weight = `${encodeURIComponent(name)}:${index}`;
    frame.location.hash = `#backward/${encodeURIComponent(layer)}/${unit}/${weight}`;
    await wait();
    seen.push([page.getElementById("weight-title").textContent,
      [...page.querySelectorAll("#three-ways td")].map(cell => cell.textContent),
      page.querySelectorAll(".terms tbody tr").length]);
  }
  frame.location.hash = `#forward/${encodeURIComponent(PLACES[PLACES.length - 1][0])}`;
  await wait();
  const button = page.querySelector("#arithmetic .number-button[title^=gradient]");
  const chosen = button.title;
  button.click();
  await wait();
  const loss = page.getElementById("loss");
  const clicked = [chosen, page.getElementById("weight-title").textContent, frame.location.hash,
    page.activeElement.id, loss.hidden, page.getElementById("loss-value")?.textContent];
  const typed = [];
  for (const id of ["unit-0", "weight-0"]) {
    page.getElementById(id).focus();
    for (const digit of "12") {
      if (digit === "1") page.getElementById(id).select();
      page.execCommand("insertText", false, digit);
    }
    typed.push(page.getElementById(id).value, page.activeElement.id, page.getElementById(id).max);
  }
  const before = page.getElementById("unit-title").textContent;
  page.querySelector(".skip").click();
  await wait();
  const kept = [before, page.getElementById("unit-title").textContent, page.activeElement.id];
  document.title = JSON.stringify({ seen, clicked, typed, kept });
};</script>"""


def numbers(texts):
    """The page's numbers, which have a sign for minus of their own."""
    return [None if text == "not in the page" else float(text.replace("\u2212", "-")) for text in texts]


def places_of(explanation):
    """Some weights of every tensor, of tables such as stand in the input."""
    draws = np.random.default_rng(0)
    found = []
    for name in explanation.checker.names:
        line = next(line for line in explanation.opened.lines if name in line.takes)
        gradients = np.abs(explanation.backward.by_autograd[name])
        some = draws.choice(np.flatnonzero(gradients.ravel() >= 0.01 * gradients.max()), WEIGHTS)
        kept = explanation.opened.value(line.name)
        loudest = int(np.abs(kept).reshape(len(kept), -1).max(axis=1).argmax())
        every = [loudest] if gradients.ndim == 1 and kept.ndim == 3 else []
        for at in [*every, *some]:
            index = [int(each) for each in np.unravel_index(at, gradients.shape)]
            unit = ",".join("0" for _ in explanation.opened.value(line.name).shape)
            found.append([line.name, unit, name, index])
    # The last layer is clicked on: of a prior no weight stands among the products of a unit.
    return sorted(found, key=lambda place: place[2].split(".")[0] != "prior")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_three_ways_agree_on_the_page_and_with_python(chromium: str, tmp_path: Path, name: str) -> None:
    explanation = explained(name)
    places = places_of(explanation)
    told = [[layer, unit, weight, ",".join(map(str, index))] for layer, unit, weight, index in places]
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(render_explanation(explanation, "x"), encoding="utf-8")
    (folder / "walk.html").write_text(WALK.replace("PLACES", json.dumps(told)), encoding="utf-8")
    walked, console, _ = open_page(chromium, folder, "walk.html")
    assert console == []
    for (_, _, weight, index), (title, cells, terms) in zip(places, walked["seen"], strict=True):
        assert title == f"One weight: {weight}[{', '.join(map(str, index))}]"
        by_hand, by_autograd, by_difference, error = numbers(cells)
        check = explanation.weight(weight, index)
        size = float(np.abs(explanation.backward.by_autograd[weight]).max())
        assert by_autograd == pytest.approx(check.by_autograd, rel=1e-6)
        # The page begins with the network's numbers in single precision.
        assert by_hand == pytest.approx(check.by_hand, rel=1e-3, abs=1e-5 * size), (weight, index)
        assert by_difference == pytest.approx(check.by_hand, rel=1e-3, abs=1e-4 * size), (weight, index)
        assert error < 2e-3, (weight, index, cells)
        shown = max(1, min(np.count_nonzero(check.above * check.seen), 12))
        assert terms == shown + 1 + (len(check.above) > shown)
    chosen, title, place, focused, hidden, loss = walked["clicked"]
    assert title == f"One weight: {chosen.removeprefix('gradient of ')}"
    assert place.startswith("#backward/")
    assert focused == "weight-title"
    assert not hidden
    for value, active, largest in (walked["typed"][:3], walked["typed"][3:]):
        assert active in ("unit-0", "weight-0")
        assert int(value) == min(12, int(largest))
    before, after, active = walked["kept"]
    assert (before, active) == (after, "main")
    if loss is not None:
        assert float(loss.replace("\u2212", "-")) == pytest.approx(explanation.backward.loss, rel=1e-5)


@pytest.mark.slow
def test_what_does_not_fit_is_told_and_the_page_opens_quickly(chromium: str, tmp_path: Path) -> None:
    """Of nearly a million parameters every one opens, and the page in less than two seconds."""
    explanation = explained_wide()
    html = render_explanation(explanation, "photo.png")
    assert sum(record.cost.parameters for record in explanation.layers) > 900_000
    assert 5_000_000 < len(html.encode()) < 8_000_000
    assert "too large for all of its numbers" not in html
    largest = max(explanation.checker.names, key=lambda name: explanation.opened.weights[name].size)
    line = next(line for line in explanation.opened.lines if largest in line.takes)
    (folder := tmp_path / "served").mkdir()
    (folder / "page.html").write_text(html, encoding="utf-8")
    (folder / "walk.html").write_text(
        WALK.replace("PLACES", json.dumps([[line.name, "3", largest, "3,7"]])), encoding="utf-8"
    )
    walked, console, _ = open_page(chromium, folder, "walk.html")
    assert console == []
    by_hand, by_autograd, by_difference, _ = numbers(walked["seen"][0][1])
    assert by_autograd is None
    assert by_hand == pytest.approx(explanation.weight(largest, (3, 7)).by_hand, rel=1e-4)
    assert by_difference == pytest.approx(by_hand, rel=1e-3)
    timing = """<!doctype html><title>timing</title><iframe id="frame" src="page.html"></iframe><script>
onload = () => {
const { performance } = document.getElementById("frame").contentWindow;
const [entry] = performance.getEntriesByType("navigation");
document.title = JSON.stringify({ milliseconds: entry.domContentLoadedEventEnd }); };</script>"""
    (folder / "timing.html").write_text(timing, encoding="utf-8")
    found, _, _ = open_page(chromium, folder, "timing.html")
    assert found["milliseconds"] < 2000


@pytest.mark.slow
def test_a_page_that_lacks_numbers_says_so_at_every_weight(
    chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "BUDGET", 200_000)
    monkeypatch.setattr(page_data, "_SMALL", 1024)
    explanation = explained_large()
    (folder := tmp_path / "served").mkdir()
    (folder / "page.html").write_text(render_explanation(explanation, "photo.png"), encoding="utf-8")
    places = places_of(explanation)
    told = [[layer, unit, weight, ",".join(map(str, index))] for layer, unit, weight, index in places]
    (folder / "walk.html").write_text(WALK.replace("PLACES", json.dumps(told)), encoding="utf-8")
    walked, console, _ = open_page(chromium, folder, "walk.html")
    assert console == []
    found = [numbers(cells) for _, cells, _ in walked["seen"]]
    assert any(difference is None for _, _, difference, _ in found)
    assert any(difference is not None for _, _, difference, _ in found)
    for (_, _, weight, index), (by_hand, by_autograd, by_difference, _) in zip(places, found, strict=True):
        check = explanation.weight(weight, index)
        size = float(np.abs(explanation.backward.by_autograd[weight]).max())
        for number in (by_hand, by_autograd, by_difference):
            assert number is None or number == pytest.approx(check.by_hand, rel=1e-3, abs=1e-4 * size)


def test_a_page_of_another_true_class_says_both():
    explanation = explained("cnn")
    other = (explanation.target + 1) % 10
    html = render_explanation(
        dataclasses.replace(
            explanation, truth=other, backward=dataclasses.replace(explanation.backward, target=other)
        ),
        "x",
    )
    assert "the loss is against the true class" in html
    assert "which is the true one" in html
    assert html.count("(true class)") == 1
