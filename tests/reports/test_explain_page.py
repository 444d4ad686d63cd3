"""The explain page as text: nothing foreign is obeyed, everything fits, and the numbers are the network's."""

import base64
import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest

from every_model import average, inputs_of
from insight.small_networks import NAMES
from pellucid.insight.explaining import explain_model
from pellucid.insight.layer_records import layer_records
from pellucid.insight.opened_networks import open_network
from pellucid.networks import InputFacts, build, design
from pellucid.reports.explain import LARGEST_PAGE, render_explanation
from pellucid.reports.explain import page as rendering
from pellucid.reports.explain.page import mathml
from pellucid.reports.explain.page_data import BUDGET, chosen_units, pack
from pellucid.settings import Settings
from reports.explained import GENERATORS, HOSTILE, explained, explained_large_generator, likes
from reports.report_page import Page

GRADIENTS = ("gradient:", "sums:", "state-sums:")

# Kinds of layers whose values are those of others in another order.
COPIES = (
    "flatten",
    "unflatten",
    "part",
    "without-padding",
    "side-by-side",
    "turn",
    "present",
    "turned-places",
    "patches-to-tokens",
    "choose-token",
)


def numbers_of(packed, name):
    """An array back from the bytes of a page."""
    floats = np.frombuffer(base64.b64decode(packed.text), "<f4")
    place = packed.places[name]
    shape = place["shape"] if "kept" not in place else [len(place["kept"]), *place["shape"][1:]]
    count = int(np.prod(shape))
    return floats[place["at"] : place["at"] + count].reshape(shape)


def size_of(packed, prefixes):
    """Bytes of the arrays whose names begin so."""
    return sum(
        4 * int(np.prod([len(place.get("kept", range(place["shape"][0]))), *place["shape"][1:]]))
        for name, place in packed.places.items()
        if name.startswith(prefixes)
    )


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_one_file_with_one_script_and_no_request(name):
    page = render_explanation(explained(name), "digits.npz:301")
    assert len(page.encode()) < LARGEST_PAGE
    assert page == render_explanation(explained(name), "digits.npz:301")
    scripts = re.findall(r"<script(.*?)>(.*?)</script>", page, re.DOTALL)
    assert [attributes.strip() for attributes, _ in scripts] == [
        'type="application/json" id="page-data"', 'type="text/plain" id="numbers"', "",
    ]  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(scripts[2][1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href|action)="(?!data:|#)', page)
    assert "http" not in re.sub(r"http-equiv|http://www.w3.org/2000/svg", "", page)
    for record in explained(name).layers:
        assert record.name in page


@pytest.mark.parametrize("name", ["cnn", "text-cnn"])
def test_hostile_names_and_texts_are_text(name):
    explanation = explained(name, HOSTILE) if name == "text-cnn" else explained(name)
    names = (HOSTILE, *explanation.classes[1:])
    hostile = dataclasses.replace(
        explanation, classes=names, outputs=names, notes=(HOSTILE,), target=0,
        nearest=likes() if name == "cnn" else [],
    )  # fmt: skip
    page = render_explanation(hostile, f"{HOSTILE}.png")
    assert "<script>document" not in page
    assert "<img src=/stolen" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;document.title" in page
    told = json.loads(re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)[1])
    assert told["classes"][0].startswith("<script>document")
    assert "⟨U+202E⟩" in told["classes"][0]
    parsed = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    found = Page(parsed.replace("<input", "<img"))
    assert [each for each in found.elements if any(at.startswith("on") for at in each[1])] == []


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_the_page_holds_every_number_of_a_small_network(name):
    explanation = explained(name)
    packed = pack(explanation)
    assert not packed.left_out
    for line in explanation.opened.lines:
        if line.kind not in COPIES:
            np.testing.assert_array_equal(
                numbers_of(packed, line.name), explanation.opened.value(line.name).astype(np.float32)
            )
        for weight in (each for each in line.takes if each in explanation.opened.weights):
            kept = packed.places[weight].get("kept")
            whole = explanation.opened.weights[weight]
            np.testing.assert_array_equal(numbers_of(packed, weight), whole if kept is None else whole[kept])
            if line.kind == "places":
                assert kept == list(range(len(explanation.opened.value(line.name))))
            elif kept is not None:  # rows of the ids that stand in the text
                assert set(explanation.opened.value("inputs").tolist()) <= set(kept)


def test_a_large_network_says_what_it_leaves_out():
    network = build(design("cnn", Settings(model="cnn"), InputFacts((3, 64, 64), 2, 5000)))
    opened = open_network(
        network, np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)
    )
    explanation = dataclasses.replace(
        explained("cnn"),
        opened=opened,
        layers=layer_records(opened),
        backward=None,
        checks=(),
        attributions=None,
    )
    every = pack(explanation, 1 << 30)
    assert not every.left_out
    budget = len(base64.b64decode(every.text)) // 3
    packed = pack(explanation, budget)
    assert packed.left_out
    assert len(base64.b64decode(packed.text)) < 1.1 * budget
    kept = {name: place["kept"] for name, place in packed.places.items() if "kept" in place}
    assert kept
    for name, rows in kept.items():
        assert rows == sorted(set(rows))
        assert 4 <= len(rows) < packed.places[name]["shape"][0]
    page = render_explanation(
        dataclasses.replace(explanation, classes=("a", "b"), target=0, answer=np.array([0.5, 0.5])), "x"
    )
    assert len(page.encode()) < LARGEST_PAGE
    chosen = chosen_units(explanation, packed)
    assert chosen.keys() == {record.name for record in explanation.layers}
    for layer, units in chosen.items():
        assert units, layer
        for told in units:
            assert told["network"] == opened.value(layer)[tuple(told["unit"])]
            assert abs(told["value"] - told["network"]) <= 1e-5 * told["magnitude"]
    assert ("too large for all of its numbers" in page) == (len(base64.b64decode(every.text)) > BUDGET)


def test_the_maps_of_attention_come_first_where_not_everything_fits():
    explanation = explained("sentence-encoder", " ".join(["it is not a three, perhaps"] * 6))
    weights = [record for record in explanation.layers if record.kind == "attention-weights"]
    packed = pack(explanation, 250_000)
    assert packed.left_out
    for record in weights:
        np.testing.assert_array_equal(numbers_of(packed, record.name), record.values)
        assert "kept" not in packed.places[record.takes[0]]  # what they are computed from
    tokens = [packed.places[f"body.encoder.layer{number}.linear1"]["kept"] for number in (1, 2)]
    assert tokens[0] == tokens[1]  # the same ones in all layers
    assert len(tokens[0]) >= 4
    few = pack(explanation, 28_000)  # three fifths of it hold two maps of 32 by 32 tokens for each layer
    assert [len(few.places[record.name]["kept"]) for record in weights] == [2, 2]
    assert not any(record.name in pack(explanation, 1000).places for record in weights)


def test_of_a_large_vision_transformer_whole_channels_and_rounded_attention_are_kept():
    explanation = explained("vision-transformer")
    opened = explanation.opened
    packed = pack(explanation, 40_000)
    assert packed.left_out
    (weights, _) = [record for record in explanation.layers if record.kind == "attention-weights"]
    place = packed.places[f"bytes:{weights.name}"]
    tokens = weights.output_shape[2]
    assert place["kept"] == [0, 1, 2, *range(3, tokens)][: len(place["kept"])]  # learnt tokens come first
    assert place["shape"] == [2, len(place["kept"]), tokens]
    rows = np.frombuffer(base64.b64decode(packed.text), np.uint8)[4 * place["at"] :][
        : np.prod(place["shape"])
    ]
    rows = rows.reshape(place["shape"])
    shares = rows / rows.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(shares, weights.values[:, place["kept"]], rtol=0, atol=0.01)
    name = "body.encoder.layer2.linear1"
    assert name not in packed.places
    kept = packed.places[f"maps:{name}"].get("kept", range(24))  # small arrays are whole
    start = packed.places[f"maps:{name}"]["at"]
    floats = np.frombuffer(base64.b64decode(packed.text), "<f4")[start:][: len(kept) * tokens]
    np.testing.assert_array_equal(floats.reshape(len(kept), tokens), opened.value(name).T[kept])
    with_attention = [unit["unit"] for unit in chosen_units(explanation, packed)[weights.name]]
    assert all(query == 0 for _, query, _ in with_attention)  # of the class token


def test_a_page_without_some_gradients_says_that_alone(monkeypatch):
    explanation = explained("text-cnn")
    every = pack(explanation)
    arithmetic = (
        len(base64.b64decode(every.text)) - size_of(every, GRADIENTS) - size_of(every, ("autograd:",))
    )
    monkeypatch.setattr(rendering, "BUDGET", arithmetic + 1000)
    html = render_explanation(explanation, "x")
    assert "Every unit opens here." in html
    assert "too large for all of its numbers" not in html
    assert "Every unit opens here." not in render_explanation(explained("cnn"), "x")


def test_gradients_are_the_first_to_go():
    explanation = explained("text-cnn")
    every = pack(explanation)
    gradients, by_autograd = size_of(every, GRADIENTS), size_of(every, ("autograd:",))
    size = len(base64.b64decode(every.text))
    without_autograd = pack(explanation, size - by_autograd)
    assert not without_autograd.left_out
    assert by_autograd > 0
    assert not any(name.startswith("autograd:") for name in without_autograd.places)
    assert not without_autograd.gradients_left_out
    packed = pack(explanation, size - by_autograd - gradients // 2)
    assert packed.gradients_left_out
    assert not packed.left_out
    assert chosen_units(explanation, packed) == {}
    assert all(
        name.startswith(GRADIENTS) or "kept" not in place or "embedding" in name
        for name, place in packed.places.items()
    )


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_every_formula_becomes_mathml(name):
    records = layer_records(explained(name).opened)
    assert records
    for record in records:
        page = Page(str(mathml(record.formula)))
        assert page.all("math") == [{"display": "block"}] * (1 + record.formula.count(r"\\ "))
        assert "\\" not in page.text


def test_a_layer_shows_its_line_of_index_notation():
    """With what is done over the letters on the right alone; a layer of steps on each number has no line."""
    found = explained("cnn")
    page = " ".join(render_explanation(found, "digits.npz:301").split())
    lines = {
        each.kind: each.declaration["line"] for each in found.layers if "line" in (each.declaration or {})
    }
    assert lines["dense"] == "y[o] = W[o,i] * x[i] + b[o]"
    for kind, done in (("dense", "summed over"), ("convolution", "summed over"), ("global-max", "largest")):
        shown = rf"<code>{re.escape(lines[kind])}</code>\. Letters on the right alone are [a-z ]*{done}\."
        assert re.search(shown, page), kind
    assert page.count("In index notation") == sum("line" in (each.declaration or {}) for each in found.layers)


def test_formulas_by_hand():
    assert str(mathml(r"y_{o} = \frac{1}{2} x")) == (
        '<math display="block"><mrow><msub><mi>y</mi><mrow><mi>o</mi></mrow></msub><mo>=</mo>'
        "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac><mi>x</mi></mrow></math>"
    )
    assert "<munderover>" in mathml(r"\sum_{i=1}^{3} x_{i}")
    assert "<munder>" in mathml(r"\max_{i < 3} x")
    assert "&lt;" in mathml(r"\max_{i < 3} x")


def test_what_is_no_formula_is_told():
    with pytest.raises(ValueError, match=r"formula: y = \\mathbf\{x\}: \\mathbf is not understood"):
        mathml(r"y = \mathbf{x}")
    with pytest.raises(ValueError, match="a brace is not closed"):
        mathml(r"y_{o")


def test_the_page_of_an_average_shows_what_each_member_adds():
    model = average({"svm": 3, "logistic-regression-on-cnn": 2, "logistic-regression": 1}).at(0.8)
    found = explain_model(model, inputs_of(model, 1), name="average")
    html = " ".join(render_explanation(found, "digits.npz:301").split())
    table = html[html.index('<table class="mean">') :].split("</table>")[0]
    rows = re.findall(
        r'<span class="foreign">(.*?)</span>.*?<td>.*?</td><td>(.*?)</td><td>(.*?)</td></tr>', table
    )
    assert [each[:2] for each in rows] == [
        ("svm", "3 / 6"),
        ("logistic-regression-on-cnn", "2 / 6"),
        ("logistic-regression", "1 / 6"),
    ]
    assert sum(float(adds) for *_, adds in rows) == pytest.approx(found.mean.of(found.target), rel=0.01)
    assert "At the temperature 0.8" in html
    assert found.mean.opened == "logistic-regression-on-cnn"
    for name, place in (("svm", None), ("logistic-regression-on-cnn", None), ("logistic-regression", 2)):
        assert f'What each part of <span class="foreign">{name}</span> adds' in html
        assert (f'data-driver="contributions-{place}"' in html) == (place is not None)
    assert "An average has no weights of its own that could be shuffled" in html


def test_an_explanation_that_failed_says_so():
    explanation = explained("cnn")
    first, *others = explanation.attributions.methods
    failed = dataclasses.replace(first, trial=dataclasses.replace(first.trial, likeness=0.9))
    changed = dataclasses.replace(
        explanation, attributions=explanation.attributions._replace(methods=[failed, *others])
    )
    before, after = (render_explanation(each, "x") for each in (explanation, changed))
    assert after.count("not faithful here") == before.count("not faithful here") + 1
    assert "it shows the input more than the network" in after
    nothing = dataclasses.replace(first, trial=dataclasses.replace(first.trial, shows_nothing=True))
    changed = dataclasses.replace(
        explanation, attributions=explanation.attributions._replace(methods=[nothing])
    )
    assert "and so shows nothing" in render_explanation(changed, "x")


def test_the_page_of_an_autoencoder_shows_draw_bound_and_traversals():
    explanation = explained("vae")
    page = render_explanation(explanation, "digits.npz:701")
    found, latents = Page(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)), explanation.latents
    assert f"<h1>{explanation.headline}</h1>" in page
    tabs = re.findall(r'data-view="(\w+)"[^>]*>([^<]+)</button>', page)
    assert tabs == [
        ("drove", "Latents"),
        ("forward", "Forward"),
        ("backward", "Backward"),
        ("bound", "Bound"),
    ]
    parts = re.findall(r'<li class="part">([^<]+)</li>', page)
    assert parts == ["encoder", "latent variables", "decoder", "bound"]
    assert page.index('<li class="part">decoder') < page.index('data-layer="decoder.linear"')
    for term in (latents.reconstruction, latents.of_draw, latents.of_prior):
        for step in term.arithmetic.steps:
            assert step.words.split(" (")[0] in found.text
        assert f"{term.arithmetic.value:.7g}".replace("-", "\u2212") in page
        assert f'href="#forward/{term.layer}/0"' in page
    for number in range(len(latents.drawn)):
        assert f'href="#forward/draw/{number}"' in page
        assert f"{latents.drawn[number]:.4g}".replace("-", "\u2212") in page
    decoded = [each["alt"] for each in found.all("img") if "moved by" in each["alt"]]
    assert len(decoded) == 9 * len(latents.traversals)
    assert decoded[0] == f"latent variable {latents.traversals[0].number} moved by \u22122"
    told = json.loads(re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)[1])
    maps = [each["name"] for each in told["drivers"] if each["centred"]]
    assert maps == [f"latent-{each.number}" for each in latents.traversals]
    assert told["given"] == {"noise": [16], "class": [10]}
    assert told["terms"] == {"reconstruction": 1.0, "density_of_draw": 1.0, "prior": -1.0}
    assert "Why this answer: attribution to the input" not in page
    assert "The same image as of other classes" in page
    assert "The same image as of other classes" not in render_explanation(
        explained("vae-without-classes"), "x"
    )
    assert "panel-bound" not in render_explanation(explained("cnn"), "x").split("<script")[0]


def test_a_large_autoencoder_keeps_the_kernels_of_the_loudest_maps():
    explanation = explained_large_generator()
    packed = pack(explanation, 400_000)
    assert packed.left_out
    line = explanation.opened.line("decoder.up3")
    kept = packed.places[line.takes[1]]["kept"]
    below = np.abs(explanation.opened.value(line.takes[0]))  # a row of the kernels belongs to a map below
    loudness = below.reshape(len(below), -1).max(axis=1)
    assert kept == sorted(np.argsort(-loudness, kind="stable")[: len(kept)].tolist())
    assert 0 < len(kept) < len(below)
    chosen = chosen_units(explanation, packed)
    assert chosen.keys() == {record.name for record in explanation.layers}
    for layer, units in chosen.items():
        assert units, layer
        for told in units:
            assert abs(told["value"] - told["network"]) <= 1e-5 * told["magnitude"], layer


def test_brackets_are_tall_only_around_fractions():
    assert str(mathml("(x)")) == (
        "<math display=\"block\"><mrow><mrow><mo stretchy='false'>(</mo><mrow><mi>x</mi></mrow>"
        "<mo stretchy='false'>)</mo></mrow></mrow></math>"
    )
    assert "stretchy" not in mathml(r"(\frac{1}{2})^{2}")
    with pytest.raises(ValueError, match="a brace is not closed"):
        mathml("(x")
