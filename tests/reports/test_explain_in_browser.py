"""The explain page in a real browser: what it computes of a clicked unit is what the network says."""

import dataclasses
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from insight.small_networks import NAMES
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.reports.explain import page, render_explanation
from pellucid.reports.explain.page_data import HIDDEN, loudest_units
from reports.explained import (
    BACKBONE,
    GENERATORS,
    HOSTILE,
    explained,
    explained_classical,
    explained_large,
    explained_large_generator,
    likes,
)
from reports.pages_over_http import AXE, open_page

UNITS = 2
MOST_LAYERS = (
    40  # of a longer network one unit of every second layer: a browser throttles changes of the address
)
LARGE = {
    "cnn": explained_large,
    "sentence-encoder": lambda: explained("sentence-encoder"),
    "vae": explained_large_generator,
    "vision-transformer": lambda: explained("vision-transformer"),
}
VIEWS = ("forward", "backward", "drove")
WALK = """<!doctype html><title>walking</title>
<iframe id="frame" src="page.html" width="1280" height="900" style="border: 0"></iframe>
<script>onload = async () => {
  const frame = document.getElementById("frame").contentWindow;
  const page = frame.document;
  const wait = () => new Promise(done => setTimeout(done, 20));
  const seen = [];
  for (const [layer, unit] of PLACES) {
    frame.location.hash = `#forward/${encodeURIComponent(layer)}/${unit.join(",")}`;
    await wait();
    seen.push([page.getElementById("layer-title").textContent, page.getElementById("unit-title").textContent,
      page.getElementById("verdict")?.textContent,
      Number(page.getElementById("arithmetic").dataset.difference),
      page.getElementById("as-text").textContent.split("\\n").pop()]);
  }
  const key = (element, name) =>
    element.dispatchEvent(new frame.KeyboardEvent("keydown", { key: name, bubbles: true }));
  const here = () => [frame.location.hash, page.getElementById("unit-title").textContent];
  const keys = [];
  const first = page.querySelector(".strip button");
  first.click();
  keys.push(here()[0].split("/")[1]);
  key(first, "ArrowDown");
  keys.push(here()[0].split("/")[1], page.activeElement.dataset.layer);
  frame.location.hash = `#forward/${encodeURIComponent(PLACES[0][0])}/` + PLACES[0][1].map(() => 0).join(",");
  await wait();
  const maps = page.getElementById("maps");
  key(maps, "ArrowRight");
  keys.push(here()[1]);
  const box = maps.getBoundingClientRect();
  const corner = { clientX: box.left + 1, clientY: box.top + 1, bubbles: true };
  maps.dispatchEvent(new frame.MouseEvent("click", corner));
  keys.push(here()[1]);
  const backward = page.getElementById("tab-backward");
  if (backward) { backward.click(); await wait(); }
  keys.push(page.getElementById("arithmetic").textContent.slice(0, 400));
  page.getElementById("tab-drove").click();
  keys.push(page.getElementById("panel-drove").hidden, frame.location.hash.split("/")[0]);
  document.title = JSON.stringify({ seen, keys, title: page.title, width: page.documentElement.scrollWidth });
};</script>"""


def places_of(explanation):
    """Some units of every layer that has any."""
    draws = np.random.default_rng(0)
    layers = [record for record in explanation.layers if record.kind not in ("present", "turned-places")]
    chosen = layers[::-2] if len(layers) > MOST_LAYERS else [each for each in layers for _ in range(UNITS)]
    return [[record.name, [int(draws.integers(size)) for size in record.output_shape]] for record in chosen]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, BACKBONE, *GENERATORS])
def test_what_the_page_computes_is_what_the_network_says(chromium: str, tmp_path: Path, name: str) -> None:
    explanation = explained(name)
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(render_explanation(explanation, "digits.npz:301"), encoding="utf-8")
    places = places_of(explanation)
    (folder / "walk.html").write_text(WALK.replace("PLACES", json.dumps(places)), encoding="utf-8")
    walked, console, asked = open_page(chromium, folder, "walk.html")
    assert console == []
    assert {path for path in asked if path != "/favicon.ico"} == {"/walk.html", "/page.html"}
    for (layer, unit), (title, unit_title, verdict, difference, text) in zip(
        places, walked["seen"], strict=True
    ):
        assert title.endswith(f" ({layer})")
        assert unit_title.split(": ")[0] == f"Unit ({', '.join(map(str, unit))})"  # a score has its class
        assert difference <= TOLERANCE, f"{layer} {unit}: {verdict}"
        said = re.match(r"network says ([-\d.e+]+), by hand ([-\d.e+]+), difference", text)
        assert said is not None, f"{layer} {unit}: {text}"
        network = float(np.float32(explanation.opened.value(layer)[tuple(unit)]))
        by_hand = explanation.unit(layer, unit).value
        magnitude = max(explanation.unit(layer, unit).magnitude, 1e-30)
        assert float(said[1]) == pytest.approx(network, rel=1e-12)
        assert abs(float(said[2]) - by_hand) <= 1e-6 * magnitude, f"{layer} {unit}: {text}, Python {by_hand}"
    assert walked["keys"][-2:] == [False, "#drove"]
    assert "Length of the gradient" in walked["keys"][-3] or "no gradient here" in walked["keys"][-3]
    assert walked["keys"][1] == walked["keys"][2]
    assert walked["keys"][0] != walked["keys"][1] or len(explanation.layers) == 1


def values_of(record):
    """Values of which the page of a large network chooses units; between patches those of the class token."""
    is_of_patches = record.kind == "attention-weights" and record.name.startswith("body.encoder.layer")
    return record.values[:, :1] if is_of_patches else record.values


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_chosen_units_of_a_large_network_open(
    chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    budgets = {"cnn": 300_000, "sentence-encoder": 250_000, "vae": 400_000, "vision-transformer": 40_000}
    monkeypatch.setattr(page, "BUDGET", budgets[name])
    explanation = LARGE[name]()
    html = render_explanation(explanation, "an input")
    assert "too large for all of its numbers" in html
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(html, encoding="utf-8")
    places = [
        [record.name, list(unit)]
        for record in explanation.layers
        if record.kind not in HIDDEN
        for unit in loudest_units(values_of(record))
    ]
    (folder / "walk.html").write_text(WALK.replace("PLACES", json.dumps(places)), encoding="utf-8")
    walked, console, _ = open_page(chromium, folder, "walk.html")
    assert console == []
    for (layer, unit), (title, _, verdict, difference, text) in zip(places, walked["seen"], strict=True):
        assert title.endswith(f" ({layer})")
        assert difference <= TOLERANCE, f"{layer} {unit}: {verdict}"
        said = re.match(r"network says ([-\d.e+]+), by hand", text)
        assert said is not None, f"{layer} {unit}: {text}"
        network = float(np.float32(explanation.opened.value(layer)[tuple(unit)]))
        assert float(said[1]) == pytest.approx(network, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "text-cnn"])
def test_hostile_names_are_not_obeyed(chromium: str, tmp_path: Path, name: str) -> None:
    explanation = explained(name, HOSTILE) if name == "text-cnn" else explained(name)
    names = (HOSTILE, *explanation.classes[1:])
    hostile = dataclasses.replace(explanation, classes=names, nearest=likes() if name == "cnn" else [])
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(render_explanation(hostile, HOSTILE), encoding="utf-8")
    (folder / "walk.html").write_text(
        WALK.replace("PLACES", json.dumps(places_of(explanation)[:2])), encoding="utf-8"
    )
    walked, console, asked = open_page(chromium, folder, "walk.html")
    assert console == []
    assert walked["title"].startswith(f"{name} on <script>document.title")
    assert {path for path in asked if path != "/favicon.ico"} == {"/walk.html", "/page.html"}


CHECKING = """<!doctype html><title>checking</title><script>
const found = [];
const next = () => {
  if (found.length === VIEWS.length) { document.title = JSON.stringify({ found }); return; }
  const frame = document.createElement("iframe");
  Object.assign(frame, { width: WIDTH, height: 900, style: "border: 0" });
  frame.src = `checked.html?${found.length}#${VIEWS[found.length]}`;
  document.body.replaceChildren(frame);
};
window.checked = result => { found.push(result); setTimeout(next); };
onload = next;
</script><body></body>"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [
        *((name, 360) for name in ("vae", "svm-on-cnn")),
        *((name, 1280) for name in ("gru", "sentence-encoder", "majority")),
    ],
)
def test_the_accessibility_checker_finds_nothing(
    chromium: str, axe_core: Path, tmp_path: Path, name: str, width: int
) -> None:
    """Every view; pages of other models, as they open, are checked with the pages of every kind."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(axe_core, folder / "axe.min.js")
    is_network = name in (*NAMES, *GENERATORS)
    views = (*VIEWS, "bound") if name == "vae" else VIEWS if is_network else ("drove",)
    explanation = explained(name) if is_network else explained_classical(name)
    html = render_explanation(explanation, "digits.npz:301")
    # The page allows one script alone, so the checker looks at it without its policy.
    html = re.sub(r"<meta http-equiv=[^>]*>", "", html).replace("</body>", AXE + "</body>")
    (folder / "checked.html").write_text(html, encoding="utf-8")
    checking = CHECKING.replace("VIEWS", json.dumps(views)).replace("WIDTH", str(width))
    (folder / "frame.html").write_text(checking, encoding="utf-8")
    opened, _, _ = open_page(chromium, folder, "frame.html", "dark" if width == 360 else "light")
    assert len(opened["found"]) == len(views)
    for view, found in zip(views, opened["found"], strict=True):
        assert found["violations"] == [], f"{view}: {found['violations']}"
        assert found["passes"] > 20
        assert (found["wide"], found["dark"]) == (width, width == 360)
        assert found["needed"] <= width, f"{view}: the page scrolls sideways"


@pytest.mark.slow
def test_the_page_opens_quickly(chromium: str, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "page.html").write_text(render_explanation(explained("cnn"), "x"), encoding="utf-8")
    timing = """<!doctype html><title>timing</title><iframe id="frame" src="page.html"></iframe><script>
onload = () => {
const { performance } = document.getElementById("frame").contentWindow;
const [entry] = performance.getEntriesByType("navigation");
document.title = JSON.stringify({ milliseconds: entry.domContentLoadedEventEnd }); };</script>"""
    (folder / "timing.html").write_text(timing, encoding="utf-8")
    started = time.monotonic()
    found, _, _ = open_page(chromium, folder, "timing.html")
    assert found["milliseconds"] < 2000, f"{time.monotonic() - started:.1f} s in all"


OPENING = """<!doctype html><title>opening</title>
<iframe id="frame" src="PAGE" width="1280" height="720" style="border: 0"></iframe>
<script>onload = async () => {
  const frame = document.getElementById("frame").contentWindow;
  const page = frame.document;
  const wait = () => new Promise(done => setTimeout(done, 50));
  const hidden = id => page.getElementById(id)?.hidden ?? null;
  await wait();
  const opened = [frame.scrollY, page.body.dataset.view, hidden("panel-network"), hidden("panel-bound")];
  page.querySelector(`#panel-bound a[href="#forward/draw/3"]`)?.click();
  await wait();
  const title = page.getElementById("layer-title");
  document.title = JSON.stringify({ opened, view: page.body.dataset.view, title: title.textContent,
    unit: page.getElementById("unit-title").textContent, top: title.getBoundingClientRect().top,
    maps: page.querySelectorAll(".walk canvas").length,
    painted: [...page.querySelectorAll(".walk canvas")].filter(canvas => canvas.width === 8).length });
};</script>"""


@pytest.mark.slow
def test_a_link_from_the_bound_opens_the_layer(chromium: str, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("vae", "cnn"):
        (folder / f"{name}.html").write_text(render_explanation(explained(name), "x"), encoding="utf-8")
        (folder / f"{name}-opened.html").write_text(OPENING.replace("PAGE", f"{name}.html#bound"))
    found, console, _ = open_page(chromium, folder, "vae-opened.html")
    assert console == []
    assert found["opened"] == [0, "bound", True, False], "the page stays at its top"
    assert (found["view"], found["unit"]) == ("forward", "Unit (3)")
    assert found["title"].endswith(" (draw)")
    assert 0 <= found["top"] < 720
    assert found["maps"] == found["painted"] == len(explained("vae").latents.traversals)
    other, _, _ = open_page(chromium, folder, "cnn-opened.html")
    assert other["opened"] == [0, "drove", True, None], "a page without a bound has no such view"
