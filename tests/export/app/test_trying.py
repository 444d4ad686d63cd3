"""What a page offers to try its model on: examples of the test, and the camera."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app_pages import file_of, opened, original, page
from browsers import until
from pellucid.data.listing import Listing
from pellucid.export.app.chromium import Tab
from pellucid.export.app.exporting import _to_try
from pellucid.export.app.kinds import KINDS
from pellucid.export.proof import HeldOutExamples
from small_models import LABELS, digits, untrained_model
from text_models import text_model

CAMERA = """
  const shown = document.createElement("canvas");
  Object.assign(shown, { width: 64, height: 48 });
  const context = shown.getContext("2d");
  window.paint = (colour) => { context.fillStyle = colour; context.fillRect(0, 0, 64, 48); };
  setInterval(() => window.paint(window.colour ?? "#ffffff"), 20);
  navigator.mediaDevices.getUserMedia = async () => (window.stream = shown.captureStream(30));
"""


def words(tab: Tab, place: str) -> str:
    return str(tab.evaluate(f"document.getElementById({place!r}).textContent"))


def test_an_example_of_the_test_is_answered_at_a_click(chromium: str, tmp_path: Path) -> None:
    model = untrained_model("mlp")
    images, labels = digits()[0][:3], [LABELS[at] for at in range(3)]
    examples = [
        {"original": original(file_of(image[..., 0])), "label": label}
        for image, label in zip(images, labels, strict=True)
    ]
    with opened(chromium, tmp_path, page(model, examples=examples)) as tab:
        assert tab.evaluate("document.querySelectorAll('#examples button').length") == 3
        until(tab, "[...document.querySelectorAll('#examples canvas')].every((each) => each.width === 8)")
        tab.evaluate("document.querySelectorAll('#examples button')[1].click()")
        until(tab, "document.querySelectorAll('#rows tr').length === 1")
        assert words(tab, "answer-of") == f"test example 2, labelled {labels[1]}"
        said = model.predict_proba(images[1:2])[0]
        assert f"{said.max():.3f}" in words(tab, "answer")
        tab.evaluate("document.getElementById('language').click()")
        assert words(tab, "answer-of") == f"测试样本 2\uff0c标签为 {labels[1]}"
        assert f"测试样本 2\uff0c标签为 {labels[1]}" in words(tab, "rows")
        assert tab.errors == []


def test_an_example_of_a_text_goes_into_the_field(chromium: str, tmp_path: Path) -> None:
    text = "seven " * 20
    examples = [{"original": {"text": text}, "label": "<b>even</b>"}]
    with opened(chromium, tmp_path, page(text_model("text-cnn"), examples=examples)) as tab:
        assert words(tab, "examples") == text[:60] + "\u2026"
        tab.evaluate("document.querySelector('#examples button').click()")
        until(tab, "document.querySelectorAll('#rows tr').length === 1")
        assert tab.evaluate("document.getElementById('text').value") == text
        assert words(tab, "answer-of") == "test example 1, labelled <b>even</b>"


def test_what_the_camera_shows_is_answered_until_it_is_stopped(chromium: str, tmp_path: Path) -> None:
    model = untrained_model("mlp")
    with opened(chromium, tmp_path, page(model), CAMERA) as tab:
        assert tab.evaluate("document.getElementById('examples')") is None
        tab.evaluate("document.getElementById('camera').click()")
        for colour, level in (("#ffffff", 255), ("#000000", 0)):
            tab.evaluate(f"window.colour = '{colour}'")
            said = model.predict_proba(np.full((1, 8, 8, 1), level, np.uint8))[0]
            until(tab, f"document.getElementById('answer').textContent.endsWith('{said.max():.3f}')")
        assert words(tab, "answer-of") == "camera"
        assert words(tab, "camera") == "Stop the camera"
        tab.evaluate("document.getElementById('camera').click()")
        assert words(tab, "camera") == "Camera"
        assert tab.evaluate("window.stream.active") is False
        assert tab.evaluate("document.querySelectorAll('#rows tr').length") == 0
        assert tab.errors == []


def test_a_camera_that_may_not_be_used_is_said_so(chromium: str, tmp_path: Path) -> None:
    early = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no'); };"
    with opened(chromium, tmp_path, page(untrained_model("mlp")), early) as tab:
        tab.evaluate("document.getElementById('camera').click()")
        until(tab, "document.getElementById('camera-state').textContent.startsWith('The camera cannot be')")
        assert words(tab, "camera") == "Camera"


def test_examples_are_of_as_many_labels_as_there_are_and_not_large(tmp_path: Path) -> None:
    names, labels = [f"{number}.png" for number in range(7)], ["a", "a", "a", "b", "b", "c", "c"]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 255, (900, 600, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    (tmp_path / names[3]).write_bytes(b"no image")
    listing = Listing("photos", "folder", names, labels, paths=[tmp_path / name for name in names])
    held_out = HeldOutExamples(listing, list(range(7)))
    found = _to_try(untrained_model("mlp"), KINDS["images"], held_out, 4)
    assert [each["label"] for each in found] == ["a", "c", "a", "b"]

    for each in found:
        with Image.open(BytesIO(b64decode(each["original"]["file"]))) as image:
            assert (image.format, image.size) == ("JPEG", (341, 512))
