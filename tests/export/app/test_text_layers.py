"""Pages of texts answer as their models do: networks layer by layer, classical models by their numbers."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from export.app.node import Node
from exported_models import EVERY
from pellucid.bundle import ClassicalModel, Model, TextModel
from pellucid.classical import TF_IDF
from pellucid.classical.forests import Forest
from pellucid.classical.kernel_machines import Kernel
from pellucid.classical.predictors import Constant, Linear
from pellucid.data.raw_texts import Texts
from pellucid.encoding.ngrams import Shape
from pellucid.encoding.tfidf import fit_tfidf
from pellucid.export.app.content import app_facts, bodies_of, layers_page_data, opened_place, refusal
from pellucid.export.app.kinds import KINDS, formula_of_text
from pellucid.export.app.page_data import Tensors
from pellucid.export.export import metadata_of
from pellucid.insight.attribution import ids_of
from pellucid.insight.contributions import contributions_of
from pellucid.insight.layer_records import layer_records, receptive_field
from pellucid.insight.opened_networks import open_network
from pellucid.novelty.detectors import fit_detector, fit_measure
from pellucid.reports.explain.page_data import HIDDEN
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, digits
from text_models import text_model, texts

ASK = """
globalThis.document = { getElementById: (id) => ({ textContent: given.documents[id] }) };
const explain = "./pellucid/reports/explain/script";
const folder = "./pellucid/export/app/script";
const { keep, pageData } = await import(`${explain}/page_data.js`);
const { wholeOf } = await import(`${explain}/arrays.js`);
const { fieldOf, forgetValues } = await import(`${explain}/values.js`);
const { linearFor } = await import(`${folder}/classical.js`);
const { app, arraysOf } = await import(`${folder}/app.js`);
const { answeredText, readText } = await import(`${folder}/texts/reading.js`);
for (const [name, [shape, numbers]] of Object.entries(given.arrays)) {
  keep(name, wholeOf(shape, Float32Array.from(numbers)));
}
return given.texts.map((text) => {
  const read = readText(text);
  const { said, novelty, values } = answeredText(read);
  for (const [name, found] of values) keep(name, found);
  forgetValues();
  const best = said.indexOf(Math.max(...said));
  const [{ features }] = read.readings;
  const [{ predictor }] = app.members;
  const isLinear = predictor?.kind === "linear" && features;
  const linear = isLinear ? linearFor(arraysOf(predictor), best, !app.several) : null;
  const { columns, values: numbers } = features ?? {};
  return {
    terms: linear && columns.map((column, at) => numbers[at] * linear.weightOf(column)),
    bias: linear && linear.bias,
    said,
    novelty,
    fields: Object.fromEntries(pageData.layers.filter(({ hidden }) => !hidden).map(({ name, shape }) => {
      const places = shape.length === 2 ? shape[0] : 0;
      return [name, Array.from({ length: places }, (_, place) => fieldOf(name, [place, 0]))];
    })),
    values: [...values].map(([name, { shape, data }]) => [name, shape, Array.from(data)]),
  };
});
"""
NETWORKS = ("bag", "text-cnn", "rnn", "gru", "transformer", "sentence-encoder", "ngram-encoder")


class Recorder(Tensors):
    """Tensors that also keep their numbers, for a script that is asked without a page."""

    def __init__(self) -> None:
        super().__init__()
        self.arrays: dict[str, Any] = {}

    def add(self, name: str, array: np.ndarray, *, exactly: bool = False) -> None:
        self.arrays[name] = [list(array.shape), np.asarray(array, np.float64).ravel().tolist()]
        super().add(name, array, exactly=exactly)


def said_by_script(node: Node, model: Model, asked: list[str]) -> list[dict[str, Any]]:
    """What a page's script says of texts, with weights in single precision."""
    kind, tensors = KINDS["texts"], Recorder()
    bodies, metadata = bodies_of(model, kind), metadata_of(model, "model")
    facts = app_facts(model, kind, metadata, bodies, tensors)
    layers = layers_page_data(metadata, bodies[opened_place(bodies)].opened)
    documents = {"page-data": json.dumps(layers), "app": json.dumps(facts)}
    given = {"documents": documents, "arrays": tensors.arrays, "texts": asked}
    found: list[dict[str, Any]] = node.run("", ASK, given)
    return found


def network_model(name: str, **given: Any) -> TextModel:
    """A network of each family with weights that are not all alike, small and untrained."""
    settings = {"depth": 2} if name in ("bag", "rnn") else {}
    if name == "gru":
        return text_model("rnn", cell="gru", **given)
    return text_model(name, **settings, **given)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_that_of_the_network(node: Node, name: str) -> None:
    model = network_model(name)
    asked = ["one two perhaps not", "größer", "?", *texts()[:2], "four " * 40]
    for text, found in zip(asked, said_by_script(node, model, asked), strict=True):
        opened = open_network(model.network, ids_of(model.encoder, text)[None])
        known = {layer for layer, _, _ in found["values"]} & opened.values.keys()
        assert len(known) >= 3, found["values"]
        for layer, shape, numbers in found["values"]:
            if layer in known:
                ours = opened.values[layer][0]
                assert tuple(shape) == ours.shape, layer
                np.testing.assert_allclose(np.reshape(numbers, shape), ours, atol=2e-5, err_msg=layer)
        np.testing.assert_allclose(found["said"], model.predict_proba([text])[0], atol=1e-5)


@pytest.mark.parametrize("name", ["text-cnn", "rnn", "transformer", "sentence-encoder", "ngram-encoder"])
def test_what_places_see_is_that_of_python(node: Node, name: str) -> None:
    model, text = network_model(name), "one two three four five six"
    [found] = said_by_script(node, model, [text])
    opened = open_network(model.network, ids_of(model.encoder, text)[None])
    names = [layer for layer, field in found["fields"].items() if field and layer in opened.by_name]
    assert len(names) >= 3
    for layer in names:
        for place, seen in enumerate(found["fields"][layer]):
            [whole] = [(0, len(opened.value("inputs")) - 1)] if seen is None else [tuple(seen[0])]
            assert receptive_field(opened, layer, (place, 0)) == (whole,), (layer, place)


@pytest.mark.parametrize("name", ["average of texts that are read in three ways", "average of texts"])
def test_an_average_says_the_mean_of_what_its_members_say(node: Node, name: str) -> None:
    """Each text is read in every member's own way, one after the other, whatever was read before."""
    model, asked = EVERY[name](), ["one two perhaps not", "größer", "?", *texts()[:6], "four " * 40]
    ours, found = model.answer(asked), said_by_script(node, model, asked)
    np.testing.assert_allclose([each["said"] for each in found], ours.said, atol=1e-5)
    if ours.novelty is not None:
        np.testing.assert_allclose([each["novelty"] for each in found], ours.novelty, atol=1e-5)


def test_a_network_that_predicts_a_number_says_one(node: Node) -> None:
    model = text_model("text-cnn", ())
    asked = texts()[:5]
    said = [found["said"] for found in said_by_script(node, model, asked)]
    np.testing.assert_allclose(np.ravel(said), model.predict_values(asked), rtol=1e-5)


def linear(features: int, rng: np.random.Generator) -> Linear:
    """Weights for three of ten classes."""
    some = np.array([1, 4, 7], np.int32)
    return Linear(False, 10, rng.normal(size=(features, 3)), rng.normal(size=3), some)


def forest(features: int, rng: np.random.Generator) -> Forest:
    """Two trees: one of two questions, one of a single leaf."""
    return Forest(
        outputs=10,
        number=False,
        inputs=features,
        roots=np.array([0, -4], np.int32),
        feature=rng.integers(0, features, 2).astype(np.int32),
        threshold=np.array([0.1, 0.0], np.float32),
        left=np.array([1, -1], np.int32),
        right=np.array([-3, -2], np.int32),
        ends=np.array([2, 3, 4, 5], np.int32),
        entry=np.array([0, 3, 2, 3, 9], np.int32),
        content=np.array([3, 1, 5, 2, 4], np.int32),
    )


def constant(features: int, rng: np.random.Generator) -> Constant:
    """Any ten shares."""
    return Constant(number=False, answer=np.full(10, 0.1))


@pytest.mark.parametrize("make", [linear, forest, constant])
def test_classical_models_of_words_say_what_they_say(node: Node, make: Any) -> None:
    rng = np.random.default_rng(0)
    tfidf = fit_tfidf(Texts.of(texts()), np.arange(300), Shape(2), 200).tfidf
    predictor = make(tfidf.features, rng)
    model = ClassicalModel(
        predictor, TF_IDF, CLASSES, CLASSIFICATION, preprocessing=None, tfidf=tfidf, temperature=1.5
    )
    if make is linear:
        rows, labels = tfidf.transform(texts()[:300]), digits()[1]
        measure = fit_measure(rows, labels[:300], model.sort_seen, 0)
        model.detector = fit_detector(measure, tfidf.transform(texts()[300:500]), labels[300:500], 10)
    asked = [*texts()[:20], "nothing known", "ONE\uff01 two"]
    ours = model.answer(asked)
    found = said_by_script(node, model, asked)
    np.testing.assert_allclose([each["said"] for each in found], ours.said, atol=1e-6)
    if ours.novelty is not None:
        np.testing.assert_allclose([each["novelty"] for each in found], ours.novelty, atol=1e-6)


def test_terms_of_a_linear_model_are_those_of_the_explain_page(node: Node) -> None:
    """Of two classes scikit-learn keeps the weights of one: each word adds half as much to each side."""
    rng = np.random.default_rng(0)
    tfidf = fit_tfidf(Texts.of(texts()), np.arange(300), Shape(2), 200).tfidf
    for columns in (2, 3):
        weights, bias = rng.normal(size=(tfidf.features, columns)), rng.normal(size=columns)
        weights[:, 0] = bias[0] = 0
        predictor = Linear(False, 10, weights, bias, np.arange(columns, dtype=np.int32))
        model = ClassicalModel(predictor, TF_IDF, CLASSES, CLASSIFICATION, preprocessing=None, tfidf=tfidf)
        (found,) = said_by_script(node, model, texts()[:1])
        ours = contributions_of(model, texts()[:1], int(np.argmax(found["said"])))
        assert ours is not None
        scores = ours.scores[np.flatnonzero(ours.features)]
        np.testing.assert_allclose(sorted(found["terms"]), sorted(scores), atol=1e-6)
        np.testing.assert_allclose(found["bias"], ours.start, atol=1e-6)


def test_classical_models_on_a_network_say_what_they_say(node: Node) -> None:
    rng, below = np.random.default_rng(0), network_model("text-cnn")
    hidden = below.transform(texts()[:1]).shape[1]
    kernel = Kernel(
        outputs=10,
        number=False,
        mean=rng.normal(size=hidden).astype(np.float32),
        projection=rng.normal(size=(hidden, 4)).astype(np.float32),
        points=rng.normal(size=(6, 4)).astype(np.float32),
        gamma=np.array([0.05]),
        weights=rng.normal(size=(6, 2)),
        bias=rng.normal(size=3),
        scale=np.array([1.7]),
        ends=np.array([2, 3, 6], np.int32),
        classes=np.array([0, 5, 9], np.int32),
    )
    for predictor in (linear(hidden, rng), kernel):
        model = ClassicalModel(
            predictor,
            "network",
            CLASSES,
            CLASSIFICATION,
            preprocessing=None,
            network=below.network,
            encoder=below.encoder,
        )
        found = said_by_script(node, model, texts()[:6])
        ours = model.predict_proba(texts()[:6])
        np.testing.assert_allclose([each["said"] for each in found], ours, atol=1e-5)
        assert [name for name, *_ in found[0]["values"]][-1] == "body.filters.pool"


@pytest.mark.parametrize("name", NETWORKS)
def test_formulas_hold_for_texts_of_any_length(name: str) -> None:
    model = network_model(name)
    found = []
    for places in (4, 6):
        opened = open_network(model.network, np.ones((1, places), np.int64))
        records = [each for each in layer_records(opened) if each.kind not in HIDDEN]
        found.append([formula_of_text(each.kind, each.formula, opened) for each in records])
    assert found[0] == found[1]


def test_a_network_on_vectors_of_words_says_what_it_says(node: Node) -> None:
    model = text_model("word-vectors")
    model.network.body.words.weights.uniform_(0.1, 1.0, generator=torch.Generator().manual_seed(0))
    asked = ["one unheard of two two", "unheard of", "?", *texts()[:3], "four unheard " * 40]
    found = said_by_script(node, model, asked)
    np.testing.assert_allclose([each["said"] for each in found], model.predict_proba(asked), atol=1e-6)
    layers = [name.removeprefix("body.words.") for name, *_ in found[0]["values"]]
    assert layers[1:8] == ["weighed", "mean", "mean_unit", "vectors", "largest", "largest_unit", "both"]


def test_a_network_that_pages_do_not_compute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.export.app.kinds._NETWORKS", ("bag",))
    assert "do not compute rnn" in KINDS["texts"].refusal(network_model("rnn"))
    assert KINDS["texts"].refusal(network_model("bag")) == ""
    monkeypatch.setattr("pellucid.export.app.kinds._NETWORKS", ())
    assert refusal(EVERY["average of texts"]()).startswith("of its members svm-on-text-cnn cannot be a page")
