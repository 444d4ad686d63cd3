"""Models as pages: what is written, what is refused, and what stands in the file."""

import json
import re
import zlib
from base64 import b64decode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app_pages import CARD, HOSTILE, packed_in, page
from command_line import within
from every_model import MODELS
from models_with_detectors import with_detector
from pellucid.data.listing import VALIDATION
from pellucid.errors import StorageError, UsageError
from pellucid.export.app import exporting
from pellucid.export.app.content import card_of, page_of, refusal
from pellucid.export.app.exporting import AppProof, _answers, export_app
from pellucid.export.app.page_data import Tensors, stepped
from pellucid.export.export import metadata_of
from pellucid.export.proof import DisagreeingError
from small_models import DIGITS, digits, number_model, untrained_model, vector_model

LARGEST_BESIDE_WEIGHTS = 400_000


@pytest.fixture(scope="module")
def run(run_on_digits):
    """A run on image files larger than the network takes, with baselines."""
    return run_on_digits(300, width=16, image_size="6x7")


@given(arrays.arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32)))
def test_a_weight_of_16_bits_is_off_by_half_a_step_at_most(rows):
    steps, whole = stepped(rows)
    found = whole.astype(np.float64) * steps[:, None]
    assert (np.abs(found - rows) <= np.maximum(0.51 * steps[:, None], 1e-30)).all()
    largest = np.abs(rows).max(axis=1)
    assert (steps[largest > 1e-30] <= largest[largest > 1e-30] / 32_766).all()


def test_vectors_and_what_is_asked_for_stay_in_single_precision():
    tensors = Tensors()
    tensors.add("weight", np.array([[1.0, -0.5], [0.0, 0.0]]))
    tensors.add("bias", np.array([0.1]))
    tensors.add("axes", np.array([[0.1]]), exactly=True)
    assert tensors.places["weight"] == {"at": 8, "shape": [2, 2], "steps": 0}
    assert [tensors.places[name]["steps"] for name in ("bias", "axes")] == [None, None]
    content = zlib.decompress(b64decode(tensors.text))
    high, low = content[8:12], content[12:16]
    assert [int.from_bytes(bytes(each), "big", signed=True) for each in zip(high, low, strict=True)] == [
        32767,
        -16384,
        0,
        0,
    ]
    assert np.frombuffer(content, "<f4", 1, tensors.places["bias"]["at"])[0] == np.float32(0.1)


def test_a_page_asks_nobody_and_is_small():
    content = page(with_detector(untrained_model(mirror=True))).decode()
    weights = re.search(r'id="weights">([^<]*)<', content)
    assert weights is not None
    assert len(content) - len(weights[1]) < LARGEST_BESIDE_WEIGHTS
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    assert policy is not None
    assert policy[1].startswith(
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src"
    )
    assert "connect-src" not in policy[1]
    assert re.findall(r"https?://[^\s\"']+", content) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"<(?:iframe|object|embed|link|img)[^>]*>", content) == [
        '<link rel="icon" href="data:,">'
    ]


def test_equal_models_give_equal_pages():
    assert page(untrained_model("lenet")) == page(untrained_model("lenet"))


def test_hostile_names_stay_text():
    model = untrained_model("mlp")
    model.classes = tuple(f"{number} {HOSTILE[number % len(HOSTILE)]}" for number in range(10))
    card = {"rows": [("cardTrained", HOSTILE[0])], "metric": "", "models": []}
    content = page_of(model, metadata_of(model, HOSTILE[0]), card).html(None).decode()
    for name in HOSTILE:
        if "<" in name:
            assert name not in content
    assert content.count("<script") == 5


def test_what_takes_neither_images_nor_texts_is_refused():
    assert refusal(untrained_model("cnn")) == ""
    assert refusal(number_model("lenet")) == ""
    assert "takes feature vectors" in refusal(vector_model())


def test_a_network_with_a_layer_of_its_own_is_refused_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        exporting, "refusal", lambda model: "there is no formula for its layers of the kind SiLU"
    )
    done = within("export", run, "--model", "mlp", "--out", tmp_path / "app.html")
    assert done.returncode == 2
    assert (
        "layers of the kind SiLU; choose another model with --model, or write --out model.onnx" in done.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(run, tmp_path):
    with pytest.raises(StorageError, match=r"its folder does not exist"):
        export_app(str(run), tmp_path / "none" / "app.html")
    with pytest.raises(UsageError, match=r"does not end in \.html"):
        export_app(str(run), tmp_path / "app.htm", "mlp")


def facts_in(file):
    """The document `app` of a page."""
    return json.loads(packed_in(file.read_text())["documents"]["app"])


def test_without_a_browser_the_page_says_that_it_was_not_proved(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_browser", lambda: None)
    done = export_app(str(run), tmp_path / "app.html", "mlp")
    assert done.proof is None
    assert facts_in(tmp_path / "app.html")["proof"] is None
    assert len(facts_in(tmp_path / "app.html")["examples"]) == done.examples == 6
    assert export_app(str(run), tmp_path / "app.html", "mlp", examples=0).examples == 0
    assert facts_in(tmp_path / "app.html")["examples"] == []


def test_where_16_bits_change_an_answer_weights_have_32(run, tmp_path, monkeypatch):
    asked = []

    def prove(model, kind, content, examples, program):
        asked.append(len(content))
        if len(asked) == 1:
            raise DisagreeingError("the page disagrees")
        return AppProof(20, 1e-6, "a browser")

    monkeypatch.setattr(exporting, "find_browser", lambda: "browser")
    monkeypatch.setattr(exporting, "prove_app", prove)
    heard = []
    done = export_app(str(run), tmp_path / "app.html", "mlp", heard.append)
    assert asked[1] > asked[0]
    assert done.bytes > asked[1]
    assert heard[-1] == "an answer differs by too much where weights have 16 bits; writing all 32 of them"


def test_the_card_says_what_the_run_found(run):
    card = card_of(number_model("mlp"), "mlp", run / "models" / "mlp")
    rows = dict(card["rows"])
    learned = json.loads((run / "metrics.json").read_text())["models"]["mlp"]["train_examples"]
    assert re.fullmatch(rf"images\d* \u00b7 {learned}", rows["cardTrained"])
    assert rows["model"] == "mlp"
    assert card["title"] in rows["cardTrained"]
    assert rows["cardScore"].startswith("accuracy 0.")
    assert rows["input"] == f"{DIGITS.width} \u00d7 {DIGITS.height} \u00d7 1"
    assert [each["name"] for each in card["models"] if each["is_own"]] == ["mlp"]
    assert len(card["models"]) > 3
    assert card["models"][-1]["name"] == "majority"
    assert [key for key, _ in card_of(number_model("mlp"), "mlp", run.parent)["rows"]] == [
        "model",
        "input",
        "cardParameters",
        "cardVersion",
    ]
    assert CARD["models"] == []


@pytest.mark.parametrize(
    ("place", "title"),
    [
        ("sample:spam", "spam"),
        ("mails/评论.csv.gz", "评论"),
        ("C:\\photos\\v1.2\\", "v1.2"),
        ("photos/.csv", ".csv"),
        (None, ""),
    ],
)
def test_a_page_is_called_as_its_data(tmp_path, place, title):
    data = {} if place is None else {"place": place}
    (tmp_path / "config.json").write_text(json.dumps({"data": data}))
    (tmp_path / "metrics.json").write_text("{}")
    card = card_of(number_model("mlp"), "mlp", tmp_path / "models" / "mlp")
    assert card["title"] == title
    shown = page_of(number_model("mlp"), metadata_of(number_model("mlp"), "mlp"), card).html(None).decode()
    assert f'class="foreign">{title or "mlp"}</h1>' in shown


def test_a_page_gets_a_title_and_examples_and_an_onnx_file_does_not(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_browser", lambda: None)
    out = tmp_path / "app.html"
    done = within("export", run, "--out", out, "--title", "Digits <b>", "--examples", 4)
    assert done.returncode == 0, done.stderr
    assert '">Digits &lt;b&gt;</h1>' in out.read_text()
    examples = facts_in(out)["examples"]
    assert len({each["label"] for each in examples}) == len(examples) == 4
    for option, value in (("--title", "Digits"), ("--examples", 4)):
        done = within("export", run, "--out", tmp_path / "model.onnx", option, value)
        assert done.returncode == 2
        assert f"{option}: it is for a page" in done.stderr
    done = within("export", run, "--out", out, "--examples", 25)
    assert (done.returncode, "--examples: 25 given; give 0 to 24" in done.stderr) == (2, True)


def test_examples_of_validation_are_not_passed_off_as_test_examples(run, tmp_path, monkeypatch):
    found = exporting.held_out_examples(str(run), run / "model", 20)
    monkeypatch.setattr(exporting, "held_out_examples", lambda *_: found._replace(split=VALIDATION))
    with pytest.raises(UsageError, match="--examples: the run has no test examples"):
        export_app(str(run), tmp_path / "app.html", examples=6)
    assert not (tmp_path / "app.html").exists()


def test_one_example_that_a_page_cannot_read_leaves_the_novelty_of_the_others():
    model = with_detector(MODELS["svm"]())
    (said, novelty) = model.answer(digits()[0][:3])
    page = [{"said": row.tolist(), "novelty": float(each)} for row, each in zip(said, novelty, strict=True)]
    found = _answers(model, [page[0], {"error": "no image"}, page[2]])
    np.testing.assert_array_equal(found.said[[0, 2]], said[[0, 2]])
    np.testing.assert_array_equal(found.novelty[[0, 2]], novelty[[0, 2]])
    assert np.isnan(found.said[1]).all()
    assert np.isnan(found.novelty[1])
    unread = _answers(model, [{"error": "no image"}] * 2)
    assert unread.novelty is None
