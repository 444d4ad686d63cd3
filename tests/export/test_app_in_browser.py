"""Pages in a real browser: they answer as their models do, prepare images as Pillow does, and obey nobody."""

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

from app_pages import CARD, HOSTILE, file_of, opened, original, page
from browsers import until
from every_model import AVERAGES
from exported_models import EVERY
from insight.backbones import lite
from models_with_detectors import with_detector
from pellucid.bundle import ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError, ModelFileError
from pellucid.export.app.chromium import BrowserFailed, browsing
from pellucid.export.app.content import page_of
from pellucid.export.app.exporting import ask, export_app, prove_app
from pellucid.export.app.kinds import KINDS
from pellucid.export.export import metadata_of
from pellucid.export.proof import held_out_examples
from pellucid.networks import InputFacts, build, design
from pellucid.pipeline.train import train
from pellucid.runtime.metadata import Threshold
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from photographs import pieces
from small_models import LABELS, digits, label_model, number_model, untrained_model, write_digits

MODELS = {
    "cnn, mirrored": lambda: with_detector(untrained_model(mirror=True)).at(1.7),
    "lenet": lambda: untrained_model("lenet"),
    "lenet of numbers": lambda: number_model("lenet"),
    "mlp": lambda: with_detector(untrained_model("mlp")),
    "average": lambda: EVERY["average of a network, models on it and another"](),
    "average of numbers": AVERAGES["average of numbers"],
    "cnn of labels, mirrored": EVERY["cnn of labels, mirrored"],
    "average of labels": EVERY["average of labels, at a temperature"],
}
COUNT = 12


def asked(tab, contents):
    """Answers of an open page about files."""
    return ask(tab, [original(content) for content in contents])


@pytest.mark.parametrize("name", MODELS)
def test_a_page_answers_as_its_model_does(chromium: str, tmp_path, name: str) -> None:
    model = MODELS[name]()
    pixels = digits()[0][500 : 500 + COUNT]
    with opened(chromium, tmp_path, page(model)) as tab:
        found = asked(tab, [file_of(each[..., 0]) for each in pixels])
        assert tab.errors == []
        assert [each for each in tab.requests if not each.startswith("blob:")] == [
            (tmp_path / "app.html").as_uri()
        ]
    ours = model.answer(pixels)
    said = np.array([each["said"] for each in found])
    np.testing.assert_allclose(said.reshape(ours.said.shape), ours.said, atol=1e-3, rtol=1e-3)
    if model.classes:
        assert [each["label"] for each in found] == model.target.texts(model.decided(said), model.classes)
    if ours.novelty is None:
        assert {each["novelty"] for each in found} == {None}
    else:
        np.testing.assert_allclose([each["novelty"] for each in found], ours.novelty, atol=0.02)


def test_a_page_shows_what_each_member_of_an_average_adds(chromium: str, tmp_path) -> None:
    model = MODELS["average"]()
    with opened(chromium, tmp_path, page(model)) as tab:
        tab.evaluate(GIVE % '"black.png"')
        found = tab.evaluate("""({
          rows: [...document.querySelectorAll("#member-terms tbody tr")]
            .map((row) => [...row.children].map((cell) => cell.textContent)),
          decided: [...document.querySelectorAll("#decided h3")].map((each) => each.textContent),
          layers: document.getElementById("glass-of").textContent,
          sum: document.getElementById("member-terms").textContent,
        })""")
        assert tab.errors == []
    assert [row[0] for row in found["rows"]] == [each.name for each in model.members]
    assert [row[2] for row in found["rows"]] == ["3 / 8", "2 / 8", "2 / 8", "1 / 8"]
    rows = [[float(row[at].replace("\u2212", "-")) for at in (1, 3)] for row in found["rows"]]
    for (says, adds), member in zip(rows, model.members, strict=True):
        assert adds == pytest.approx(says * member.weight / 8, rel=1e-3)
    (total,) = re.findall(r"adds up to (\S+)\.", found["sum"])
    assert sum(adds for _, adds in rows) == pytest.approx(float(total), rel=1e-3)
    assert "At the temperature 0.7" in found["sum"]
    assert found["decided"] == ["svm-on-cnn", "logistic-regression-on-cnn", "svm"]
    assert found["layers"] == "Layers are those of cnn."  # which the heavier svm-on-cnn is built on


LABELS_SHOWN = """({
  answer: document.getElementById("answer").textContent,
  rows: [...document.querySelectorAll("#bars tr")].map((row) => [row.className,
    ...[...row.querySelectorAll("td")].map((each) => each.textContent),
    row.querySelector("button").textContent, row.querySelector("button").getAttribute("aria-pressed"),
    row.querySelector(".least").offsetLeft]),
  all: document.querySelector("#bars p").textContent,
  tray: [...document.querySelectorAll("#rows tr:last-child td")].map((each) => each.textContent),
  sum: document.getElementById("member-terms").textContent,
})"""


def test_labels_are_answered_from_their_thresholds_on_and_any_is_explained(chromium: str, tmp_path) -> None:
    """Two thresholds are moved next to the probabilities of the image, to either side."""
    model = AVERAGES["average of labels"]()
    image = digits()[0][700]
    (said,) = model.predict_proba(image[None])
    first, second, third, fourth = model.classes
    least = {first: said[0] - 0.01, second: said[1] + 0.01, third: 0.0, fourth: 1.0}
    with opened(chromium, tmp_path, page(model.for_data(threshold=least))) as tab:
        tab.evaluate(given(file_of(image[..., 0])))
        found = tab.evaluate(LABELS_SHOWN)
        tab.evaluate(f"document.querySelectorAll('#bars th button')[{len(model.classes) - 1}].click()")
        chosen = tab.evaluate(LABELS_SHOWN)
        assert tab.errors == []
    assert found["answer"] == f"{first}, {third}"
    names = [row[3] for row in found["rows"]]
    assert sorted(names[:2]) == sorted([first, third])
    assert [row[0] for row in found["rows"]] == ["answered", "answered", "", ""]
    for _, probability, begins, name, _, mark in found["rows"]:
        code = model.classes.index(name)
        assert float(probability) == pytest.approx(said[code], abs=1e-3)
        assert begins == f"from {float(f'{least[name]:.2g}'):g}"
        assert mark == pytest.approx(100 * least[name], abs=1)
    all_right = said[0] * (1 - said[1]) * said[2] * (1 - said[3])
    assert float(re.search(r": (\S+)\.$", found["all"])[1]) == pytest.approx(all_right, abs=1e-3)
    assert found["tray"][0] == f"{first};{third}"
    assert float(found["tray"][1]) == pytest.approx(all_right, abs=1e-3)
    assert [row[4] for row in chosen["rows"]] == ["false", "false", "false", "true"]
    assert f"each model gives {names[-1]}" in chosen["sum"]
    assert chosen["answer"] == found["answer"]


def given(content: bytes) -> str:
    """Script that drops a file on a page."""
    return GIVE.replace(
        "new File([blob], %s)",
        f"new File([{list(content)}].map((each) => new Uint8Array(each)), 'digit.png')",
    )


def test_none_of_these_labels_is_an_answer(chromium: str, tmp_path) -> None:
    model = label_model().for_data(threshold=dict.fromkeys(LABELS, 1.0))
    with opened(chromium, tmp_path, page(model)) as tab:
        tab.evaluate(GIVE % '"black.png"')
        english = tab.evaluate("document.getElementById('answer').textContent")
        tab.evaluate("document.getElementById('language').click()")
        chinese = tab.evaluate("document.getElementById('answer').textContent")
        verdict = tab.evaluate("""(() => {
          document.querySelector('.strip button[data-layer="probabilities"]').click();
          return document.getElementById("verdict").className;
        })()""")
        [found] = asked(tab, [file_of(np.zeros((8, 8), np.uint8))])
        assert tab.errors == []
    assert (english, chinese) == ("None of these labels", "没有任何标签")
    assert found["label"] == ""
    assert verdict == "verdict"


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_the_threshold_of_one_of_two_classes_decides(chromium: str, tmp_path, least: float) -> None:
    facts = InputFacts((1, 8, 8), 2, 1000)
    two = build(design("mlp", Settings(model="mlp", width=8), facts))
    model = ImageModel(two, Preprocessing(8, 8, 1), ("a", "b"), CLASSIFICATION)
    with opened(chromium, tmp_path, page(model.for_data(threshold={"b": least}))) as tab:
        [found] = asked(tab, [file_of(digits()[0][0, ..., 0])])
    assert found["label"] == ("b" if least == 0 else "a")


@pytest.fixture(scope="module")
def grey_and_colour(chromium, tmp_path_factory):
    """Two pages that are open: of 8 x 8 grey pixels, and of 24 x 24 in colour."""
    grey, colour = untrained_model("mlp"), untrained_model("mlp")
    colour.preprocessing = Preprocessing(8, 8, 1)
    with opened(chromium, tmp_path_factory.mktemp("grey"), page(grey)) as tab:
        yield grey.preprocessing, tab


def inputs_of(tab, content: bytes) -> np.ndarray:
    """What an open page hands to its network of a file."""
    from json import dumps

    return np.array(tab.evaluate(f"pellucid.ready.then((page) => page.inputs({dumps(original(content))}))"))


def photograph(height: int, width: int) -> np.ndarray:
    return pieces("flower", 1, 400)[0][:height, :width]


FILES = {
    "grey, the size itself": lambda: file_of(photograph(8, 8)[..., 0]),
    "grey, wide": lambda: file_of(photograph(31, 97)[..., 0]),
    "colour, tall": lambda: file_of(photograph(233, 120)),
    "colour, reduced first": lambda: file_of(photograph(399, 390)),
    "smaller": lambda: file_of(photograph(5, 3)),
    "enlarged noise": lambda: file_of(np.random.default_rng(0).integers(0, 256, (6, 7), np.uint8)),
    "one row": lambda: file_of(photograph(1, 60)),
    "with a hole": lambda: file_of(np.dstack([photograph(64, 64), np.tile(np.uint8([0, 255]), (64, 32))])),
    "palette": lambda: palette(),
    "JPEG": lambda: file_of(photograph(211, 300), "JPEG", quality=90, subsampling=0),
    "JPEG on its side": lambda: on_its_side(),
}


def palette() -> bytes:
    file = io.BytesIO()
    Image.fromarray(photograph(90, 70)).quantize(64).save(file, "PNG")
    return file.getvalue()


def on_its_side() -> bytes:
    image = Image.fromarray(photograph(120, 200))
    exif = image.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_an_image_is_prepared_as_pillow_does(grey_and_colour, name: str) -> None:
    preprocessing, tab = grey_and_colour
    content = FILES[name]()
    wanted = preprocessing.image_and_warning(content)[0].transpose(2, 0, 1).ravel()
    found = inputs_of(tab, content)
    off = np.abs(found - wanted)
    # Decoders of JPEG may round otherwise; all else is the same to the last bit.
    assert off.max() <= (1 if name.startswith("JPEG") else 0), f"{int(off.max())} in {int((off > 0).sum())}"


def test_what_is_no_image_is_said_so(grey_and_colour) -> None:
    _, tab = grey_and_colour
    [found] = ask(tab, [original(b"<html></html>")])
    assert "cannot read it as an image" in found["error"]


def test_a_file_chosen_while_the_page_opens_is_answered(chromium: str, tmp_path) -> None:
    content = base64.b64encode(file_of(digits()[0][3, ..., 0])).decode()
    early = f"""
      const files = new DataTransfer();
      const bytes = Uint8Array.from(atob("{content}"), (each) => each.charCodeAt(0));
      files.items.add(new File([bytes], "early.png", {{ type: "image/png" }}));
      document.getElementById("choose").files = files.files;
    """
    with opened(chromium, tmp_path, page(untrained_model("mlp")), early) as tab:
        until(tab, "document.querySelectorAll('#rows tr').length === 1")
        assert tab.evaluate("document.getElementById('answer-of').textContent") == "early.png"
        assert "probability" in tab.evaluate("document.getElementById('answer').textContent")
        assert tab.errors == []


def test_hostile_names_are_not_obeyed(chromium: str, tmp_path) -> None:
    model = untrained_model("mlp")
    model.classes = tuple(f"{number} {HOSTILE[number % len(HOSTILE)]}" for number in range(10))
    with opened(chromium, tmp_path, page(model, HOSTILE[0])) as tab:
        tab.evaluate(GIVE % '"<img src=x onerror=alert(1)>.png"')
        found = tab.evaluate(
            """({
              title: document.title,
              scripts: document.querySelectorAll("script").length,
              foreign: document.querySelectorAll("img, iframe, object, embed, svg[onload]").length,
              handlers: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames())
                .filter((name) => name.startsWith("on")).length,
              names: document.getElementById("bars").textContent,
              row: document.getElementById("rows").textContent,
            })"""
        )
        assert tab.errors == []
    assert (found["scripts"], found["foreign"], found["handlers"]) == (5, 0, 0)
    assert any(name in found["names"] for name in model.classes)
    assert found["row"].startswith("<img src=x onerror=alert(1)>.png")


GIVE = """new Promise((done) => {
  const canvas = document.createElement("canvas");
  canvas.toBlob((blob) => {
    const files = new DataTransfer();
    files.items.add(new File([blob], %s));
    const event = new Event("drop", { bubbles: true, cancelable: true });
    Object.defineProperty(event, "dataTransfer", { value: files });
    document.dispatchEvent(event);
    setTimeout(done, 500);
  });
})"""


def test_a_stroke_is_followed_by_answer_and_layers(chromium: str, tmp_path) -> None:
    with opened(chromium, tmp_path, page(with_detector(untrained_model(mirror=True)))) as tab:
        before = tab.evaluate("document.getElementById('answer').textContent")
        found = tab.evaluate(
            """(async () => {
              const next = () => new Promise((done) => requestAnimationFrame(done));
              const frame = () => next().then(next);
              const easel = document.getElementById("easel");
              const box = easel.getBoundingClientRect();
              const strip = () =>
                [...document.querySelectorAll(".strip canvas")].map((each) => each.toDataURL());
              const first = strip();
              for (const [type, x] of [["pointerdown", 0.3], ["pointermove", 0.7]]) {
                easel.dispatchEvent(new PointerEvent(type, { pointerId: 1, buttons: 1, bubbles: true,
                  clientX: box.left + x * box.width, clientY: box.top + 0.5 * box.height }));
              }
              await frame();
              const drawn = strip();
              easel.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
              await frame();
              const shifted = strip();
              document.querySelector('.strip button[data-layer="probabilities"]').click();
              return {
                answer: document.getElementById("answer").textContent,
                layers: drawn.length,
                drawn: drawn.filter((each, at) => each !== first[at]).length,
                shifted: shifted.filter((each, at) => each !== drawn[at]).length,
                verdict: document.getElementById("verdict").className,
                language: document.documentElement.lang,
              };
            })()"""
        )
        assert tab.errors == []
        tab.evaluate("document.getElementById('language').click()")
        assert "答案" in tab.evaluate("document.getElementById('answer-title').textContent")
        assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    assert before == "No image yet: choose a file, or draw."
    assert found["answer"].startswith("digit ")
    assert found["drawn"] > found["layers"] / 2
    assert found["shifted"] > found["layers"] / 2
    assert found["verdict"] == "verdict"
    assert found["language"] == "en"


def test_a_page_made_in_chinese_opens_in_chinese(chromium: str, tmp_path, monkeypatch) -> None:
    """In a browser that speaks English."""
    monkeypatch.setenv("PELLUCID_LANGUAGE", "zh")
    with opened(chromium, tmp_path, page(untrained_model("mlp"))) as tab:
        assert tab.evaluate("navigator.language").startswith("en")
        assert tab.evaluate("document.documentElement.lang") == "zh-CN"
        assert "答案" in tab.evaluate("document.getElementById('answer-title').textContent")
        tab.evaluate("document.getElementById('language').click()")
        assert tab.evaluate("document.getElementById('answer-title').textContent") == "The answer"


STATUS = """(async () => {
  const next = () => new Promise((done) => requestAnimationFrame(done));
  document.getElementById("easel").dispatchEvent(
    new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  await next().then(next);
  const part = (id) => document.getElementById(id);
  const found = [part("status").hidden ? null : part("status").textContent, part("known").textContent];
  part("language").click();
  return [...found, part("status").textContent];
})()"""


@pytest.mark.parametrize(
    ("novelty", "threshold", "status", "known", "chinese"),
    [
        (0.5, (0.05, 0.0), "Confident", "Passes the 5 % setting of --max-error.", "有把握"),
        (0.5, (0.1, 0.0), "Uncertain", "Passes the 10 % setting of --max-error.", "没有把握"),
        (
            0.5,
            (0.05, 1.0),
            "Uncertain",
            "none of the settings of --max-error that are promised for",
            "没有把握",
        ),
        (0.5, None, "Uncertain", "No setting of --max-error is promised for this model.", "没有把握"),
        (0.999, (0.05, 0.0), "Unfamiliar input: do not rely on this answer", "No promise is", "陌生输入"),
    ],
)
def test_one_line_says_how_far_an_answer_is_to_be_relied_on(
    chromium: str, tmp_path, novelty: float, threshold, status: str, known: str, chinese: str
) -> None:
    model = with_detector(untrained_model("mlp"))
    model.detector = dataclasses.replace(model.detector, reference=np.full(9, -1.0 if novelty > 0.9 else 1e9))
    promised = () if threshold is None else (Threshold(*threshold),)
    metadata = dataclasses.replace(metadata_of(model, "a model"), abstention=promised)
    content = page_of(model, metadata, CARD).html(None)
    with opened(chromium, tmp_path, content) as tab:
        said, words, translated = tab.evaluate(STATUS)
        assert tab.errors == []
    assert said == status
    assert known in words
    assert ("Passes the" in words) == ("Passes the" in known)
    assert translated.startswith(chinese)


def test_every_unit_that_is_opened_by_hand_is_what_the_network_says(chromium: str, tmp_path) -> None:
    with opened(chromium, tmp_path, page(untrained_model("cnn"))) as tab:
        found = tab.evaluate(
            """(async () => {
              document.getElementById("easel").dispatchEvent(
                new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
              const verdicts = [];
              for (const button of document.querySelectorAll(".strip button")) {
                button.click();
                verdicts.push([button.dataset.layer, document.getElementById("verdict")?.className]);
              }
              return verdicts;
            })()"""
        )
        assert tab.errors == []
    assert len(found) > 10
    assert {verdict for _, verdict in found} == {"verdict"}, found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on image files larger than the network takes."""
    folder = tmp_path_factory.mktemp("images")
    write_digits(folder, range(300), by_class=True)
    out = tmp_path_factory.mktemp("runs") / "run"
    given = {"epochs": 1, "threads": 1, "baselines": False, "learning_curve": False, "quiet": True}
    train(folder, out=out, model="mlp", width=16, image_size="6x7", **given)
    return out


@pytest.mark.slow
def test_a_page_is_proved_on_original_files(chromium: str, run, tmp_path) -> None:
    done = export_app(str(run), tmp_path / "app.html")
    assert done.proof is not None
    assert done.proof.examples == len(held_out_examples(str(run), run / "model").rows)
    assert done.proof.difference < 1e-3
    assert done.proof.browser.startswith("Chrome")
    with browsing(chromium) as tab:
        tab.open((tmp_path / "app.html").as_uri())
        tab.evaluate("pellucid.ready.then(() => 1)")
        said = tab.evaluate("document.getElementById('proof').textContent")
    assert f"the same answers as the model on {done.proof.examples} held-out originals" in said


def test_a_page_that_answers_otherwise_is_refused_with_examples(chromium: str, run) -> None:
    from pellucid.bundle import load

    model = load(run)
    examples = held_out_examples(str(run), run / "model", 20)
    kind = KINDS["images"]
    with pytest.raises(
        ModelFileError,
        match=r"the page in .*Chrome\S+ disagrees .*\.png: digit \d 0\.\d+.* by the model, digit",
    ):
        prove_app(model, kind, page(model.at(5.0)), examples, chromium)
    with pytest.raises(ModelFileError, match="the page failed in"):
        prove_app(model, kind, b"<script>nothing()</script>", examples, chromium)
    for path in {row for row in examples.listing.paths}:
        path.rename(path.with_suffix(".gone"))
    try:
        with pytest.raises(DataError, match="none of the held-out examples can be read any more"):
            prove_app(model, kind, page(model), examples, chromium)
    finally:
        for path in {row for row in examples.listing.paths}:
            path.with_suffix(".gone").rename(path)


def test_a_page_that_crashes_is_told(chromium: str) -> None:
    with browsing(chromium) as tab:
        tab.open("about:blank")
        with pytest.raises(BrowserFailed, match="the page crashed"):
            tab.call("Page.crash", 20.0)


def test_a_program_that_is_no_browser_is_told() -> None:
    with pytest.raises(BrowserFailed, match="the browser"), browsing("/bin/true"):
        pass


@pytest.mark.slow
def test_efficientnet_lite0_answers_as_its_model_does(chromium: str, tmp_path) -> None:
    model = lite(3, (160, 160), 160)
    photographs = pieces("china", 3, 160)
    with opened(chromium, tmp_path, page(model)) as tab:
        found = asked(tab, [file_of(each) for each in photographs])
    said = np.array([each["said"] for each in found])
    np.testing.assert_allclose(said, model.answer(photographs).said, atol=1e-3)
