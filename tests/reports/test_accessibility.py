"""Every page, on a phone and a desk, in both themes and languages: axe-core finds nothing, none overflows."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app_pages import file_of, original, page
from browsers import browsing, until
from command_line import within
from labelling.served import serving as labelling
from labelling.served import write_images, write_texts
from models_with_detectors import with_detector
from pellucid.data import prepare
from pellucid.export.app.chromium import Tab
from pellucid.pipeline.train import train
from pellucid.pipeline.tuning.tune import tune
from pellucid.reports import render
from pellucid.reports.comparison import render_comparison
from pellucid.reports.explain import render_explanation
from pellucid.reports.report import render_preview
from pellucid.settings import METRICS, Settings
from reports.explained import explained, explained_classical
from reports.made_labels import several_facts
from reports.made_texts import text_facts
from reports.test_report_comparison import compared
from serving.served import TEXTS, serving, write_models
from serving.served_pages import address, drop, write
from small_models import digits, untrained_model
from text_models import text_model
from watched import watching

RULES = {"light": "{}", "dark": '{ runOnly: ["color-contrast"] }'}
FINDINGS = """axe.run({ elementRef: false, ...%s }).then(({ violations, passes }) => [
  violations.map((each) => [each.impact, each.id, each.nodes.length, each.nodes[0].html]), passes.length])"""
SIZES = ((360, 760), (1280, 900))
# What a test does with a page once it is open, so that all of it is shown.
Act = Callable[[Tab], None]
TOKEN = "a-token-of-24-characters"


def nothing(tab: Tab) -> None:
    """The page is as it opens."""


def give_image(tab: Tab) -> None:
    tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
    drop(tab, ("digit.png", "image/png", file_of(digits()[0][3, ..., 0])), ("no.png", "image/png", b"no"))
    until(tab, "document.querySelectorAll('#rows tr').length === 2")
    explain(tab)


def give_text(tab: Tab) -> None:
    tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
    write(tab, "one two perhaps not four")
    drop(tab, ("many.txt", "text/plain", b"one\ntwo three\n"))
    until(tab, "document.querySelectorAll('#rows tr').length === 2")
    explain(tab)


def explain(tab: Tab) -> None:
    """Ask a server what drove an answer."""
    if tab.evaluate("document.getElementById('explain') !== null"):
        tab.evaluate("document.getElementById('explain').click()")
        until(tab, "!document.getElementById('explained').hidden")


def open_layer(tab: Tab) -> None:
    """Go forward to the second layer of an explain page, and into the details of one of its units."""
    tab.evaluate("document.getElementById('tab-forward').click()")
    tab.evaluate("document.querySelectorAll('.strip button')[1].click()")


def file_with(content: str | bytes, folder: Path) -> str:
    place = folder / "page.html"
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place.as_uri()


def studied(folder: Path) -> str:
    """The page of a small study of settings."""
    data = write_digits(folder)
    given = {"model": "mlp", "epochs": 2, "threads": 1, "quiet": True}
    run = tune(data, out=folder / "run", trials=3, **given)
    return (run / "report.html").as_uri()


def write_digits(folder: Path) -> Path:
    """A small split of digits in a file."""
    pixels, labels = digits()
    split = {
        "x_train": pixels[:300],
        "y_train": labels[:300],
        "x_test": pixels[500:600],
        "y_test": labels[500:600],
    }
    np.savez(folder / "digits.npz", **split)
    return folder / "digits.npz"


def changed(folder: Path) -> str:
    """The page that compares the answers of two runs."""
    data = write_digits(folder)
    given = {"learning_curve": False, "threads": 1, "quiet": True}
    for name in ("majority", "logistic-regression"):
        train(data, out=folder / name, model=name, **given)
    runs = str(folder / "majority"), str(folder / "logistic-regression")
    done = within("compare", *runs, data, "--out", folder / "changes.html")
    assert done.returncode == 0, done.stderr
    return (folder / "changes.html").as_uri()


def previewed(folder: Path) -> str:
    """The page of a dry run."""
    write_images(folder / "images", 24)
    return render_preview(*prepare(str(folder / "images"), Settings(seed=0)))


IMAGE_TO_TRY = {"original": original(file_of(digits()[0][3, ..., 0])), "label": "digit 3"}
TEXT_TO_TRY = {"original": {"text": "four perhaps seven"}, "label": "seven"}

# Pages that are files: their content, or their address, from the facts of a report and a folder.
FILES: dict[str, tuple[Callable[..., str | bytes], Act]] = {
    "report": (lambda get, _: render(get("rich_facts")), nothing),
    "report of numbers": (lambda get, _: render(get("number_facts")), nothing),
    "report of texts": (lambda get, _: render(text_facts(get("digit_facts"))), nothing),
    "report of several labels": (lambda get, _: render(several_facts(get("digit_facts"))), nothing),
    "preview": (lambda _, folder: previewed(folder), nothing),
    "comparison": (lambda *_: render_comparison(compared(METRICS["accuracy"], "v7")), nothing),
    "study of settings": (lambda _, folder: studied(folder), nothing),
    "changes between two runs": (lambda _, folder: changed(folder), nothing),
    "explain page": (lambda *_: render_explanation(explained("cnn"), "a.png"), nothing),
    "explain page of a text": (lambda *_: render_explanation(explained("text-cnn"), "a.txt"), nothing),
    "explain page, a layer": (lambda *_: render_explanation(explained("cnn"), "a.png"), open_layer),
    "explain page, unrolled": (lambda *_: render_explanation(explained("lstm"), "a.txt"), open_layer),
    "explain page of a forest": (
        lambda *_: render_explanation(explained_classical("random-forest"), "a.png"),
        nothing,
    ),
    "app": (
        lambda *_: page(with_detector(untrained_model(mirror=True)), examples=[IMAGE_TO_TRY]),
        give_image,
    ),
    "app of texts": (lambda *_: page(text_model("text-cnn"), examples=[TEXT_TO_TRY]), give_text),
}


@contextlib.contextmanager
def labelled(folder: Path, kind: str) -> Iterator[str]:
    if kind == "texts":
        write_texts(folder / "texts.csv", 10)
    else:
        write_images(folder / "images", 6)
    place = folder / ("texts.csv" if kind == "texts" else "images")
    flags = ("--classes", "a,b", *(("--several-labels",) if kind == "images" else ()))
    with labelling(place, folder / "labels.csv", *flags) as server:
        yield f"http://127.0.0.1:{server.port}/"


@contextlib.contextmanager
def served(folder: Path, model: str, *flags: str) -> Iterator[str]:
    words = write_models(folder, digits="cnn, mirrored", texts=TEXTS, vectors="mlp of vectors")
    with serving(*words, *flags) as server:
        yield address(server, model)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[str]:
    (folder / "token").write_text(TOKEN)
    with served(folder, "digits", "--token-file", str(folder / "token")) as found:
        yield found


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[str]:
    """The page of a run under way."""
    words = ("--epochs", "2000", "--width", "16", "--threads", "1", "--no-baselines", "--watch")
    with watching("train", write_digits(folder), "--out", folder / "run", "--model", "mlp", *words) as run:
        run.until(lambda news: news["can_stop"])
        yield f"http://127.0.0.1:{run.port}/"


def wait_for_sections(tab: Tab) -> None:
    until(tab, "document.querySelectorAll('#sections > *').length > 0")


def wait_for_question(tab: Tab) -> None:
    until(tab, "document.getElementById('counts').textContent.startsWith('0 of ')")


SERVERS: dict[str, tuple[Callable[[Path], contextlib.AbstractContextManager[str]], Act]] = {
    "label page": (lambda folder: labelled(folder, "texts"), wait_for_question),
    "label page of images": (lambda folder: labelled(folder, "images"), wait_for_question),
    "page of a run under way": (watched, wait_for_sections),
    "served page": (lambda folder: served(folder, "digits"), give_image),
    "served page of texts": (lambda folder: served(folder, "texts"), give_text),
    "served page of vectors": (lambda folder: served(folder, "vectors"), nothing),
    "page that asks for a token": (locked, nothing),
}


def check(tab: Tab, axe: str, name: str) -> list[object]:
    """What axe-core finds, and whether it scrolls sideways, at each size and in each theme.

    A theme changes nothing but colours. A page of two languages is in English at the first size, in
    Chinese at the second one.
    """
    found: list[object] = []
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.evaluate(f"{axe}; 1")
    languages = 2 if tab.evaluate("document.getElementById('language') !== null") else 1
    for (width, height), (theme, rules) in itertools.product(SIZES, RULES.items()):
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        if languages == 2 and (width, theme) == (SIZES[1][0], "light"):
            tab.evaluate("document.getElementById('language').click()")
        language = tab.evaluate("document.documentElement.lang")
        violations, passes = tab.evaluate(FINDINGS % rules, 180.0)
        assert passes > (8 if theme == "light" else 0), f"{name}: nothing was checked"
        found += [[width, theme, language, *each] for each in violations]
        needed = tab.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            found.append([width, theme, language, f"scrolls sideways, needs {needed}"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_everybody_can_use_a_page_that_is_a_file(
    chromium: str, axe_core: Path, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    make, act = FILES[name]
    content = make(request.getfixturevalue, tmp_path)
    is_address = isinstance(content, str) and content.startswith("file:")
    with browsing(chromium) as tab:
        tab.open(str(content) if is_address else file_with(content, tmp_path))
        act(tab)
        assert check(tab, axe_core.read_text(encoding="utf-8"), name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_everybody_can_use_a_page_of_a_server(
    chromium: str, axe_core: Path, tmp_path: Path, name: str
) -> None:
    serve, act = SERVERS[name]
    with serve(tmp_path) as place, browsing(chromium) as tab:
        tab.open(place)
        act(tab)
        assert check(tab, axe_core.read_text(encoding="utf-8"), name) == []
