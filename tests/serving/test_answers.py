"""Answers over HTTP: those of the runtime to the last bit, alone and under load, or the reason of none."""

import csv
import dataclasses
import json
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO

import numpy as np
import onnx
import pytest
from PIL import Image

from exported_models import EVERY, content_of, exported
from pellucid.data.sources.blocks import text_or_reason
from pellucid.data.tables.table import Joined
from pellucid.errors import DataError
from pellucid.export.export import finished, metadata_of
from pellucid.export.onnx_graph import graph_of
from pellucid.runtime.exported import load, opened
from pellucid.serving import worker
from pellucid.serving.worker import Answering, Refused
from serving.served import IMAGES, JSON, PNG, TEXTS, as_written, base64_of, png_of, serving, write_models
from small_models import vector_model, vectors
from text_models import texts

MODELS = {
    "svm": IMAGES,
    "cnn": "cnn, mirrored",
    "numbers": "lenet of numbers",
    "labels": "cnn of labels, mirrored",
    "words": TEXTS,
    "rnn": "rnn",
}
CLIENTS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def server(folder):
    with serving(*write_models(folder, **MODELS), "--workers", "2") as server:
        yield server


def asked_of(name):
    """Bodies of requests for a model, their content type, and the inputs."""
    if exported(MODELS[name]).input_kind.name == "texts":
        inputs = texts()[:20]
        return [json.dumps({"text": text}) for text in inputs], JSON, inputs
    inputs = [png_of(seed, (9 + seed, 8)) for seed in range(20)]
    return inputs, PNG, inputs


def by_runtime(folder, name, inputs, place):
    """Rows of `python -m pellucid.runtime`, one input at a time."""
    rows = []
    command = [sys.executable, "-m", "pellucid.runtime", str(folder / f"{name}.onnx"), "--threads", "1"]
    if exported(MODELS[name]).classes:
        command.append("--probabilities")
    for number, given in enumerate(inputs):
        if isinstance(given, str):
            asked = ["--text", given]
        else:
            (place / f"{number}.png").write_bytes(given)
            asked = [str(place / f"{number}.png")]
        done = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
        (row,) = csv.DictReader(StringIO(done.stdout))
        rows.append(row)
    return rows


def is_row(answer, row, classes):
    """Whether an answer holds the numbers of a row, to the last bit."""
    numbers = [(answer.get("novelty"), row["novelty"])]
    if classes:
        numbers += [(answer["probability"], row["probability"])]
        numbers += [(answer["probabilities"][name], row[name]) for name in classes]
        assert list(answer["probabilities"]) == list(classes)
        assert answer["label"] == row["label"]
    else:
        numbers += [(answer["label"], row["label"])]
    return all(text == "" if number is None else number == float(text) for number, text in numbers)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_the_runtime_alone_and_under_load(server, folder, name, tmp_path):
    """The rows of the command for two of them; for all, those of the library that the command uses."""
    bodies, headers, inputs = asked_of(name)
    model = load(folder / f"{name}.onnx", 1)
    rows = by_runtime(folder, name, inputs[:2], tmp_path)
    ready = [model.ready([each]) for each in inputs]
    expected = [model.answer(each) for each in ready]

    def ask(number):
        status, found = server.predict(bodies[number], headers, name)
        assert status == 200, found
        return found

    alone = [ask(number) for number in range(len(bodies))]
    for answer, answers in zip(alone, expected, strict=True):
        if model.classes:
            assert list(answer["probabilities"].values()) == as_written(answers.said[0].tolist())
        else:
            assert answer["label"] == answers.said[0].tolist()
        assert answer.get("novelty") == (
            None if answers.novelty is None else round(float(answers.novelty[0]), 6)
        )
    for answer, row in zip(alone, rows, strict=False):
        assert is_row(answer, row, model.classes)
    with ThreadPoolExecutor(CLIENTS) as executor:
        numbers = [number % len(bodies) for number in range(8 * CLIENTS)]
        assert list(executor.map(ask, numbers)) == [alone[number] for number in numbers]


@pytest.mark.parametrize("name", ["cnn", "rnn"])
def test_several_inputs_of_one_request_are_answered_as_a_list(server, folder, name):
    _, _, inputs = asked_of(name)
    is_text = isinstance(inputs[0], str)
    given = [*inputs[:3], " " if is_text else b"no image", inputs[3]]
    body = {"texts": given} if is_text else {"images": list(map(base64_of, given))}
    status, found = server.predict(json.dumps(body), JSON, name)
    assert status == 200
    answers = found["answers"]
    assert answers[3] == {"error": "holds no text" if is_text else "not an image (text)"}
    model = load(folder / f"{name}.onnx", 1)
    expected = model.answer(model.ready(inputs[:4])).said
    usable = [each for number, each in enumerate(answers) if number != 3]
    assert [list(each["probabilities"].values()) for each in usable] == as_written(expected.tolist())


def test_several_labels_are_a_list_too(server):
    status, found = server.predict(png_of(0), PNG, "labels")
    assert status == 200
    assert found["label"] == ";".join(found["labels"])
    assert {name for name, share in found["probabilities"].items() if share >= 0.5} == set(found["labels"])


def bomb():
    """A PNG whose header announces 13,400 by 13,400 pixels."""
    file = BytesIO()
    Image.new("1", (1, 1)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = (13_400).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def test_an_input_that_cannot_be_read_has_its_status_and_reason(server):
    whole = png_of(0, (40, 40))
    for status, reason, body, headers, model in (
        (400, "truncated image", whole[: len(whole) // 2], PNG, "svm"),
        (400, "empty file (zero bytes)", b"", PNG, "svm"),
        (400, "no JSON", "{", JSON, "words"),
        (400, "no JSON", '{"text": "a", "text": "b"}', JSON, "words"),
        (400, "no JSON", '{"text": "\\ud800"}', JSON, "words"),
        (413, "over the limit of 100,000,000 pixels", bomb(), PNG, "svm"),
        (400, "not an image (HTML)", b"<html>", PNG, "svm"),
        (415, "this model takes texts", whole, PNG, "words"),
        (
            415,
            "send the bytes of an image",
            "a=1",
            {"content-type": "application/x-www-form-urlencoded"},
            "svm",
        ),
        (415, "send the bytes of an image", whole, {}, "svm"),
        (422, "holds no text", '{"text": " \\u200b"}', JSON, "words"),
        (422, "is no text", '{"text": 3}', JSON, "words"),
        (422, "is no text in base64", '{"image": "!"}', JSON, "svm"),
        (422, 'an object is expected with "text" or "texts"', '{"image": "aaaa"}', JSON, "words"),
        (422, "a list of 1 to 256", '{"texts": []}', JSON, "words"),
        (422, "a list of 1 to 256", json.dumps({"texts": ["a"] * 257}), JSON, "words"),
        (422, "an object is expected", "[]", JSON, "words"),
        (404, "there is no model of this name", whole, PNG, "../svm"),
    ):
        found, document = server.predict(body, headers, model)
        assert (found, list(document)) == (status, ["error"]), (found, document)
        assert reason in document["error"]


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_of_several_frames_the_first_is_answered_with_a_warning(server, form):
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (0, 200)]
    file = BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:], duration=100)
    status, found = server.predict(file.getvalue(), {"content-type": f"image/{form.lower()}"}, "svm")
    assert status == 200
    assert found["warning"] == "animated, 2 frames; the first is used"


def test_an_image_is_explained_by_its_cells(server, folder):
    body = png_of(3)
    status, found = server.predict(body, PNG, "svm", job="explain")
    assert status == 200
    assert (found["rows"], found["columns"]) == (8, 8)
    scores = np.array(found["scores"])
    assert scores.shape == (8, 8)
    assert found["explained"] == found["label"]
    assert as_written([found["score"]]) == [found["probabilities"][found["label"]]]
    model = load(folder / "svm.onnx", 1)
    pixels = model.ready([body])[0]
    code = model.classes.index(found["label"])
    flat = np.broadcast_to(pixels.mean(axis=(0, 1)).round().astype(np.uint8), pixels.shape)
    assert found["baseline"] == model.predict_proba(flat[None])[0, code]
    # Of the cell in a corner the one window around it decides, by hand.
    without = pixels.copy()
    without[:2, :2] = flat[0, 0]
    corner = found["score"] - model.predict_proba(without[None])[0, code]
    assert scores[0, 0] == pytest.approx(corner, abs=1e-6)


def test_a_text_is_explained_by_its_words(server, folder):
    text = "I read a seven here"
    status, found = server.predict(json.dumps({"text": text}), JSON, "words", job="explain")
    assert status == 200
    assert found["pieces"] == ["I ", "read ", "a ", "seven ", "here"]
    model = load(folder / "words.onnx", 1)
    code = model.classes.index(found["label"])
    lost = found["score"] - model.predict_proba(["I read a here"])[0, code]
    assert found["scores"][3] == pytest.approx(lost, abs=1e-6)
    assert found["baseline"] == model.predict_proba([""])[0, code]
    assert server.predict('{"texts": ["a", "b"]}', JSON, "words", job="explain")[0] == 422


def test_what_a_model_takes_is_told(server):
    status, _, content = server.ask("GET", "/api/model?model=words")
    found = json.loads(content)
    assert status == 200
    assert found["models"] == list(MODELS)
    assert found["classes"] == list(exported(TEXTS).classes)
    assert (found["name"], found["input"], found["size"], found["drift"]) == ("words", "texts", None, None)
    assert json.loads(server.ask("GET", "/api/model")[2])["size"] == [8, 8]  # of the first one


@pytest.fixture
def unlimited(monkeypatch):
    """No limit of processor time, which the process of the tests would keep for good."""
    monkeypatch.setattr(worker, "begin_job", lambda seconds=None: None)


@pytest.mark.usefixtures("unlimited")
def test_columns_that_a_model_reads_as_one_are_joined():
    graph = onnx.load_model_from_string(content_of(TEXTS))
    metadata = dataclasses.replace(exported(TEXTS).metadata, joined_columns=("title", "body"))
    answering = Answering(finished(graph, metadata), "joined.onnx")
    text = text_or_reason(Joined(("title", "body"), ("seven", "I read")))[0]
    assert text == "title: seven\nbody: I read"
    asked = {"text": {"title": "seven", "body": "I read"}}
    by_columns = answering.predict("json", json.dumps(asked).encode())[1]
    assert by_columns == answering.predict("json", json.dumps({"text": text}).encode())[1]
    with pytest.raises(Refused, match="has no column 'titel' in this model"):
        answering.predict("json", b'{"text": {"titel": "seven"}}')


@pytest.mark.usefixtures("unlimited")
def test_a_number_is_explained_too():
    model = exported("lenet of numbers")
    found = json.loads(Answering(content_of("lenet of numbers"), "x").explain("image", png_of(0))[1])
    assert found["explained"] is None
    assert found["score"] == found["label"] == model.predict_values([png_of(0)])[0]
    with pytest.raises(DataError, match="it predicts classes"):
        exported(IMAGES).predict_values([png_of(0)])


@pytest.mark.usefixtures("unlimited")
def test_vectors_of_numbers_are_answered_and_others_refused():
    model = vector_model()
    content = finished(graph_of(model), metadata_of(model, "vectors"))
    answering = Answering(content, "vectors.onnx")
    rows = vectors()[:3].astype(np.float32)
    given = [*rows.tolist(), [1.0], ["a"] * rows.shape[1]]
    _, body = answering.predict("json", json.dumps({"values": given}).encode())
    answers = json.loads(body)["answers"]
    expected = opened(content, "x", 1).predict_proba(rows)
    assert [list(each["probabilities"].values()) for each in answers[:3]] == as_written(expected.tolist())
    assert answers[3:] == [{"error": f"is no list of {rows.shape[1]} numbers"}] * 2
    with pytest.raises(Refused, match="this model takes numbers"):
        answering.explain("json", json.dumps({"value": given[0]}).encode())


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_model_answers_within_its_limits(name, tmp_path):
    """Nothing is imported or opened once the process has limited itself."""
    model = exported(name)
    with serving(*write_models(tmp_path, model=name), "--workers", "1") as server:
        if model.input_kind.name == "texts":
            body, headers = json.dumps({"text": "größer, it is 数字 \U0001f3b2 seven"}), JSON
        elif model.input_kind.name == "images":
            body, headers = png_of(0, (300, 200), "JPEG"), PNG
        else:
            body, headers = json.dumps({"value": vectors()[0].tolist()}), JSON
        assert server.predict(body, headers)[0] == 200
        assert server.predict(body, headers, job="explain")[0] == (422 if "value" in str(body) else 200)
