"""The explain page as a reader meets it: its first view, headings in view, sliding windows, masks, steps."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browsers import browsing
from pellucid.export.app.chromium import Tab
from pellucid.reports.explain import render_explanation
from pellucid.reports.explain.page_data import HIDDEN
from reports.explained import explained

SIZES = ((360, 760), (1280, 800))
FRAME = """(name) => [...document.querySelectorAll(`.sliding .${name} .window`)].map((frame) =>
  ["top", "left", "height", "width"].map((side) => Number.parseFloat(frame.style[side])))[0] ?? null"""


@pytest.fixture
def tab(chromium: str) -> Iterator[Tab]:
    with browsing(chromium) as found:
        yield found


def opened(tab: Tab, folder: Path, name: str, place: str = "", size: tuple[int, int] = (1280, 800)) -> None:
    """Open the page of a small network at a place and a size of the window."""
    file = folder / f"{name}.html"
    if not file.exists():
        file.write_text(render_explanation(explained(name), "digits.npz:301"), encoding="utf-8")
    width, height = size
    tab.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )
    tab.open("about:blank")
    tab.open(file.as_uri() + place)


def frame(tab: Tab, name: str) -> list[float]:
    """Top, left, height and width of the window in one of both pictures, in percent."""
    found = tab.evaluate(f"({FRAME})({name!r})")
    assert found is not None, "the layer has a window"
    return list(map(float, found))


def move_over(tab: Tab, selector: str, across: float, down: float) -> None:
    """Move the pointer over a part, to shares of its width and height."""
    x, y = tab.evaluate(
        f"""(() => {{ const part = document.querySelector({selector!r});
          part.scrollIntoView({{ block: "center" }});
          const box = part.getBoundingClientRect();
          return [box.left + {across} * box.width, box.top + {down} * box.height]; }})()"""
    )
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


@pytest.mark.slow
def test_it_opens_with_why_and_an_overview_whose_pictures_are_drawn(tab: Tab, tmp_path: Path) -> None:
    for name in ("cnn", "lstm"):
        opened(tab, tmp_path, name)
        assert tab.evaluate("document.body.dataset.view") == "drove"
        assert tab.evaluate("document.querySelector('[role=tab]').id") == "tab-drove"
        assert tab.evaluate("document.getElementById('panel-network').hidden")
        drawn = tab.evaluate(
            "[...document.querySelectorAll('canvas[data-stage]')].map((each) => each.width * each.height)"
        )
        assert len(drawn) > 2
        assert min(drawn) > 1
    opened(tab, tmp_path, "cnn")
    tab.evaluate("document.querySelector('a.stage').click()")
    tab.evaluate("new Promise((done) => setTimeout(done, 100)).then(() => 1)")
    assert tab.evaluate("document.body.dataset.view") == "forward"
    assert str(tab.evaluate("location.hash")).startswith("#forward/")


@pytest.mark.slow
def test_scores_and_probabilities_are_titled_with_their_class(tab: Tab, tmp_path: Path) -> None:
    explanation = explained("cnn")
    for layer in (explanation.opened.output, "probabilities"):
        opened(tab, tmp_path, "cnn", f"#forward/{layer}/3")
        title = tab.evaluate("document.getElementById('unit-title').textContent")
        assert title == f"Unit (3): {explanation.classes[3]}"


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_choosing_a_layer_leaves_its_heading_in_view(tab: Tab, tmp_path: Path, size: tuple[int, int]) -> None:
    opened(tab, tmp_path, "cnn", "#forward/body.stem", size)
    for layer in ("head.linear", "body.block1.conv2"):
        tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        tab.evaluate(f"document.querySelector('.strip [data-layer=\"{layer}\"]').click()")
        top, bottom, covered, title = tab.evaluate(
            """(() => { const box = document.getElementById("layer-title").getBoundingClientRect();
              const fixed = [...document.querySelectorAll(".tabs, .strip")]
                .filter((part) => getComputedStyle(part).position === "sticky")
                .map((part) => part.getBoundingClientRect())
                .filter(({ left, right }) => left < box.right && right > box.left);
              const covered = Math.max(...fixed.map(({ bottom }) => bottom));
              const title = document.getElementById("layer-title").textContent;
              return [box.top, box.bottom, covered, title]; })()"""
        )
        assert title.endswith(f" ({layer})")
        assert covered <= top
        assert bottom <= size[1]
        assert tab.evaluate(
            """(() => { const chosen = document.querySelector(".strip [aria-current=true]");
              const { top, bottom, left, right } = chosen.getBoundingClientRect();
              return top >= 0 && bottom <= innerHeight + 1 && left >= 0 && right <= innerWidth + 1; })()"""
        ), "the chosen layer is in view in the strip too"


@pytest.mark.slow
def test_the_window_of_the_unit_under_the_pointer_slides_over_the_map_before(
    tab: Tab, tmp_path: Path
) -> None:
    layer, explanation = "body.block1.conv1", explained("cnn")
    opened(tab, tmp_path, "cnn", f"#forward/{layer}/2,0,0")
    rows, columns = explanation.opened.value(layer).shape[1:]
    at_rest = frame(tab, "own")
    assert at_rest[:2] == [0, 0]
    for row, column in ((3, 4), (6, 6)):
        move_over(tab, ".sliding .own canvas", (column + 0.5) / columns, (row + 0.5) / rows)
        top, left, height, width = frame(tab, "own")
        assert (top, left) == pytest.approx((100 * row / rows, 100 * column / columns), abs=0.001)
        assert (height, width) == pytest.approx((100 / rows, 100 / columns), abs=0.001)
        # A kernel of three rows and columns with a border of one: the window is cut at the edges of the map.
        first = [max(0, place - 1) for place in (row, column)]
        last = [min(6, place + 1) for place in (row, column)]
        spans = [end - start + 1 for start, end in zip(first, last, strict=True)]
        assert frame(tab, "seen") == pytest.approx([100 / 7 * each for each in (*first, *spans)], abs=0.001)
        number = float(explanation.opened.value(layer)[2, row, column])
        words = tab.evaluate("document.querySelector('.sliding > p').textContent").replace("\u2212", "-")
        assert f"Unit (2, {row}, {column}) sees" in words
        assert float(words.split("gives ")[1].rstrip(".")) == pytest.approx(number, rel=1e-4)
        (top, _), (left, _) = explanation.field(layer, (2, row, column))
        field = tab.evaluate("['top', 'left'].map((side) => document.getElementById('field').style[side])")
        assert [float(each.rstrip("%")) for each in field] == pytest.approx([100 * top / 8, 100 * left / 8])
    assert tab.evaluate("document.getElementById('unit-title').textContent") == "Unit (2, 0, 0)"
    move_over(tab, "h1", 0.5, 0.5)
    assert frame(tab, "own") == at_rest, "once the pointer is gone, the pinned unit is shown again"


@pytest.mark.slow
def test_the_window_slides_by_itself_when_asked_and_never_glides_where_motion_is_reduced(
    tab: Tab, tmp_path: Path
) -> None:
    for motion, glides in (("no-preference", True), ("reduce", False)):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": motion}])
        opened(tab, tmp_path, "cnn", "#forward/body.block1.pool/1,0,0")
        duration = tab.evaluate("getComputedStyle(document.querySelector('.own .window')).transitionDuration")
        assert (max(float(each.rstrip("s ")) for each in duration.split(",")) > 0) == glides
    tab.evaluate("window.seen = new Set()")
    tab.evaluate(
        """(() => { const words = document.querySelector(".sliding > p");
          new MutationObserver(() => window.seen.add(words.textContent)).observe(words, { childList: true });
          document.querySelector("#window button").click(); })()"""
    )
    assert tab.evaluate("document.querySelector('#window button').textContent") == "Stop"
    tab.evaluate("new Promise((done) => setTimeout(done, 2500)).then(() => 1)")
    assert tab.evaluate("window.seen.size") == 9, "every unit of a map of three rows and columns"
    assert tab.evaluate("document.querySelector('#window button').textContent") != "Stop"
    assert "Unit (1, 0, 0)" in tab.evaluate("document.querySelector('.sliding > p').textContent")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_backward_opens_on_the_unit_with_the_largest_gradient(tab: Tab, tmp_path: Path, name: str) -> None:
    explanation = explained(name)
    opened(tab, tmp_path, name)
    tab.evaluate("document.getElementById('tab-backward').click()")
    layer, unit = str(tab.evaluate("location.hash")).split("/")[1:3]
    assert layer == ("head.linear" if name == "cnn" else "head"), "the last layer with weights"
    gradient = np.abs(explanation.backward.gradient(layer))
    assert gradient[tuple(map(int, unit.split(",")))] == gradient.max()
    shown = [each for each in explanation.layers if each.kind not in HIDDEN]
    for record in shown[1:6:2]:
        tab.evaluate(f"document.querySelector('.strip [data-layer=\"{record.name}\"]').click()")
        layer, unit = str(tab.evaluate("location.hash")).split("/")[1:3]
        gradient = np.abs(explanation.backward.gradient(layer))
        assert gradient[tuple(map(int, unit.split(",")))] == pytest.approx(gradient.max(), rel=1e-6)
    # A unit that the reader chose stays.
    last = explanation.layers[-2].name
    tab.evaluate(f"location.hash = '#forward/{last}/3'")
    tab.evaluate("new Promise((done) => setTimeout(done, 100)).then(() => 1)")
    tab.evaluate("document.getElementById('tab-backward').click()")
    assert tab.evaluate("location.hash") == f"#backward/{last}/3"


@pytest.mark.slow
def test_a_recurrent_layer_is_unrolled_and_its_steps_are_walked(tab: Tab, tmp_path: Path) -> None:
    explanation, layer = explained("lstm"), "body.layers.backwards1"
    opened(tab, tmp_path, "lstm", f"#forward/{layer}/2,5")
    states = explanation.opened.value(layer)
    labels = tab.evaluate(
        "[...document.querySelectorAll('.unrolled button .hidden')].map((each) => each.textContent)"
    )
    assert len(labels) == len(states)
    moves = np.linalg.norm(np.diff(states, axis=0, prepend=np.zeros_like(states[:1])), axis=1)
    tokens = [each or "(unknown)" for each in reversed(explanation.tokens)]  # it reads from the end
    for step, (label, token, move) in enumerate(zip(labels, tokens, moves, strict=True)):
        assert label.startswith(f"step {step}: {token}, the state moves by ")
        assert float(label.rsplit(" ", 1)[1]) == pytest.approx(move, rel=0.01)
    assert tab.evaluate("document.querySelector('.unrolled [aria-current=step]').dataset.step") == "2"
    tab.evaluate("document.querySelector('.unrolled [aria-current=step]').focus()")
    for key in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=key, key="ArrowRight", windowsVirtualKeyCode=39)
    assert tab.evaluate("document.getElementById('unit-title').textContent") == "Unit (3, 5)"
    assert tab.evaluate("document.activeElement.dataset.step") == "3"


@pytest.mark.slow
def test_dropout_is_shown_as_an_example_of_training(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "lstm", "#forward/head/0")
    texts = tab.evaluate("document.getElementById('layer-more').textContent")
    assert "with probability 0.5" in texts
    assert "It is an example, not a part of this answer." in texts
    (count,) = explained("lstm").opened.value("body.layers.pooled").shape
    dropped = set()
    for _ in range(6):
        label = tab.evaluate("document.querySelector('.dropped canvas').getAttribute('aria-label')")
        number, whole = (int(word) for word in label.split() if word.isdigit())
        assert whole == count == 32
        assert 4 <= number <= 28, "fewer or more in one of ten million masks"
        dropped.add(number)
        tab.evaluate("[...document.querySelectorAll('#layer-more button')].pop().click()")
    assert len(dropped) > 1
    opened(tab, tmp_path, "cnn", "#forward/head.linear/0")
    assert tab.evaluate("document.querySelector('.dropped') === null")


@pytest.mark.slow
def test_the_script_writes_in_the_language_of_the_page(tab: Tab, tmp_path: Path) -> None:
    for name, layer in (("cnn", "body.block1.conv1"), ("lstm", "body.layers.forwards1"), ("lstm", "head")):
        opened(tab, tmp_path, name)
        tab.evaluate("document.documentElement.lang = 'zh-CN'")
        for view in ("forward", "backward"):
            tab.evaluate(f"location.hash = '#{view}/{layer}'")
            tab.evaluate("new Promise((done) => setTimeout(done, 100)).then(() => 1)")
            parts = ("maps-legend", "window", "kernels", "layer-more", "unit-title", "arithmetic")
            found = tab.evaluate(
                f"""{list(parts)!r}.flatMap((id) => {{
                  const walker = document.createTreeWalker(document.getElementById(id), NodeFilter.SHOW_TEXT);
                  const texts = [];
                  while (walker.nextNode()) {{
                    const checks = walker.currentNode.parentElement.closest("details:not([open]), .foreign");
                    if (!checks) texts.push(walker.currentNode.textContent);
                  }}
                  return texts;
                }})"""
            )
            sentences = [each for each in found if len(each.split(" ")) > 3 and each.isascii()]
            assert sentences == [], (name, layer, view)
        assert "单元" in tab.evaluate("document.getElementById('unit-title').textContent")
