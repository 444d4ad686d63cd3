"""`pellucid play`: data packed into a page that trains in a browser, and what is refused."""

import json
import re
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from browsers import browsing, until
from pellucid.cli.main import main
from pellucid.errors import DataError, UsageError
from pellucid.export.app.chromium import Tab
from pellucid.export.app.exporting import export_app
from pellucid.export.play.playing import part_of_run, play
from pellucid.settings import Settings
from small_models import write_digits


def held(page: Path, name: str) -> bytes:
    """What a page holds deflated."""
    packed = re.search(rf'id="play-{name}">([^<]*)<', page.read_text(encoding="utf-8"))
    assert packed is not None
    return zlib.decompress(b64decode(packed[1]))


def table(folder: Path, classes: int, rows: int = 80) -> Path:
    lines = [f"a text about {row % classes} and {row},class {row % classes}" for row in range(rows)]
    (folder / "texts.csv").write_text("\n".join(["text,label", *lines]))
    return folder / "texts.csv"


def test_images_are_packed_at_their_share_of_each_class(tmp_path):
    data, out = tmp_path / "digits", tmp_path / "play.html"
    write_digits(data, range(300), by_class=True)
    done = play(str(data), out, Settings(), most=100)
    (facts,) = json.loads(held(out, "facts"))
    assert facts["shape"] == [1, 28, 28]
    counts = {part: len(facts[part]["labels"]) for part in ("train", "validation")}
    assert counts == done.data[facts["name"]] == {"train": 80, "validation": 20}
    assert len(held(out, "pixels")) == 100 * 28 * 28
    assert len(set(facts["train"]["labels"])) == 10
    assert "100 of " in done.sentences[0]


def test_texts_are_cut_and_the_command_says_what_it_wrote(tmp_path, capsys):
    out = tmp_path / "play.html"
    assert main(["play", str(table(tmp_path, 2)), "--out", str(out), "--json"]) == 0
    (facts,) = json.loads(held(out, "facts"))
    assert facts["kind"] == "text"
    assert all(len(text) <= 400 for text in facts["train"]["texts"])
    assert json.loads(capsys.readouterr().out)["page"] == str(out)


def test_what_cannot_be_learnt_is_refused_before_work(tmp_path, capsys):
    out = tmp_path / "play.html"
    with pytest.raises(DataError, match=r"24 classes found, but the page shows at most 20; merge some"):
        play(str(table(tmp_path, 24, 240)), out, Settings())
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("\n".join(["text,label", *(f"text {row},{row / 7}" for row in range(60))]))
    with pytest.raises(DataError, match=r"but the page learns one class of each text; choose a column"):
        play(str(numbers), out, Settings())
    with pytest.raises(UsageError, match=r"--examples: 10 given; give 50 to 4000"):
        play(str(numbers), out, Settings(), most=10)
    with pytest.raises(UsageError, match=r"does not end in \.html; choose a name that does"):
        play(str(numbers), tmp_path / "play.htm", Settings())
    assert not out.exists()
    assert main(["export", str(tmp_path), "--out", str(out), "--play"]) == 2
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "model.onnx"), "--play"]) == 2
    refusals = capsys.readouterr().err
    assert "is no run of pellucid train, whose data the page could train on" in refusals
    assert "--play: it is for a page; leave it out" in refusals


@pytest.mark.slow
@pytest.mark.parametrize("size", [(360, 760), (1280, 900)])
def test_everybody_can_train_on_it(chromium: str, axe_core: Path, tmp_path: Path, size) -> None:
    """On points, images and texts it learns beyond chance; both languages, no finding of axe, no request."""
    out = tmp_path / "play.html"
    play(None, out, Settings())
    with browsing(chromium) as tab:
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )
        tab.open(out.as_uri())
        tab.evaluate("pellucidPlay.ready.then(() => 1)")
        for choice, least in ((0, 0.8), (4, 0.5), (5, 0.7)):
            tab.evaluate(f"document.querySelectorAll('#play-data button')[{choice}].click()")
            tab.evaluate("document.getElementById('play-run').click()")
            shown = "document.querySelector('#play-accuracy-plot text.validation')?.textContent"
            until(tab, f"Number({shown}.split(' ').pop()) > {least}")
            tab.evaluate("document.getElementById('play-run').click()")
        tab.evaluate("document.getElementById('play-step').click()")
        until(tab, "!document.getElementById('play-stepped').hidden")
        tab.evaluate("document.getElementById('play-check').click()")
        until(tab, "!document.getElementById('play-checked').hidden")
        tab.evaluate(axe_core.read_text(encoding="utf-8") + ";0")
        for _ in range(2):
            tab.evaluate("document.getElementById('language').click()")
            found = "axe.run({ elementRef: false }).then(({ violations }) => violations.map(({ id }) => id))"
            assert tab.evaluate(found) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert tab.errors == []
        assert all(each.startswith(("file:", "blob:", "data:")) for each in tab.requests)


def choose(tab: Tab, name: str, value: str) -> None:
    """Set a control of the page as a hand does."""
    field = f"document.getElementById('play-{name}')"
    tab.evaluate(f"{field}.value = '{value}'; {field}.dispatchEvent(new Event('input')); 1")


def learnt(tab: Tab) -> list[str]:
    """What the page shows of a guess, but speed and a running mean, once both networks are done."""
    tab.evaluate("document.getElementById('play-predict').click()")
    until(tab, "!document.getElementById('play-compared').hidden")
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown = "[...document.querySelectorAll('#play-compared p, .play-plot text:not(.train), #play-bars td')]"
    return tab.evaluate(f"{shown}.map(({{ textContent }}) => textContent).sort()")


@pytest.mark.slow
def test_the_same_seed_shows_the_same_numbers_and_a_guess_is_compared(chromium: str, tmp_path: Path) -> None:
    out = tmp_path / "play.html"
    play(str(table(tmp_path, 2, 120)), out, Settings())
    with browsing(chromium) as tab:
        tab.open(out.as_uri())
        tab.evaluate("pellucidPlay.ready.then(() => 1)")
        assert tab.evaluate("document.getElementById('play-model').value") == "bag"
        first = learnt(tab)
        assert learnt(tab) == first
        choose(tab, "seed", "7")
        assert learnt(tab) != first
        assert any(each.startswith("You guessed 50.0 %") for each in first)
        assert any(each.startswith("Ten times the rate: ") for each in first)
        bars = "document.getElementById('play-bars').textContent"
        before = tab.evaluate(bars)
        choose(tab, "typed", "words of class 1")
        until(tab, f"{bars} !== {json.dumps(before)}")
        assert "its label" not in tab.evaluate(bars)
        assert tab.errors == []


@pytest.mark.slow
def test_a_click_on_the_plane_follows_the_nearest_point(chromium: str, tmp_path: Path) -> None:
    out = tmp_path / "play.html"
    play(str(table(tmp_path, 2)), out, Settings())
    with browsing(chromium) as tab:
        tab.open(out.as_uri())
        tab.evaluate("pellucidPlay.ready.then(() => 1)")
        tab.evaluate("document.querySelectorAll('#play-data button')[1].click()")
        until(tab, "!document.getElementById('play-plane-part').hidden")
        place = "document.getElementById('play-pinnable').textContent.match(/\\((.*), (.*)\\)/)"
        for across, down in ((0.1, 0.5), (0.5, 0.85)):
            tab.evaluate(f"""(() => {{
              const plane = document.getElementById("play-plane");
              const {{ left, top, width, height }} = plane.getBoundingClientRect();
              plane.dispatchEvent(new MouseEvent("click", {{
                clientX: left + {across} * width, clientY: top + {down} * height }}));
            }})()""")
            x, y = (float(each.replace("\u2212", "-")) for each in tab.evaluate(place)[1:3])
            assert abs(x - (2.4 * across - 1.2)) < 0.5
            assert abs(y - (1.2 - 2.4 * down)) < 0.5
        tab.evaluate("document.querySelectorAll('#play-layers button')[1].click()")
        assert tab.evaluate("document.getElementById('play-layer-name').textContent") == "ReLU 1"
        assert tab.errors == []


@pytest.mark.parametrize("model", ["mlp", "svm"])
def test_a_page_of_a_model_trains_in_a_view_of_its_own(
    run_on_digits: Any, chromium: str, axe_core: Path, tmp_path: Path, model: str
) -> None:
    """On the run's train and validation splits alone, beside the other views."""
    run, out = run_on_digits(300), tmp_path / "app.html"
    done = export_app(str(run), out, model, is_proved=False, training=part_of_run(str(run)))
    assert done.bytes < 6_000_000
    counts = json.loads((run / "config.json").read_text())["data"]
    (facts,) = json.loads(held(out, "facts"))
    assert {part: len(facts[part]["labels"]) for part in ("train", "validation")} == {
        part: counts[part] for part in ("train", "validation")
    }
    with browsing(chromium) as tab:
        tab.open(out.as_uri())
        tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
        tab.evaluate("document.getElementById('tab-play').click()")
        tab.evaluate("pellucidPlay.ready.then(() => 1)")
        assert (
            tab.evaluate("document.querySelector('#play-data [aria-pressed=true]').textContent")
            == facts["name"]
        )
        tab.evaluate("document.getElementById('play-run').click()")
        shown = "document.querySelector('#play-accuracy-plot text.validation')?.textContent"
        until(tab, f"Number({shown}.split(' ').pop()) > 0.5")
        tab.evaluate(axe_core.read_text(encoding="utf-8") + ";0")
        found = "axe.run({ elementRef: false }).then(({ violations }) => violations.map(({ id }) => id))"
        assert tab.evaluate(found) == []
        tab.evaluate("document.getElementById('tab-drove').click()")
        assert tab.evaluate("document.getElementById('panel-play').hidden")
        assert tab.evaluate("document.getElementById('answer').textContent")
        assert tab.errors == []
        assert all(each.startswith(("file:", "blob:", "data:")) for each in tab.requests)
