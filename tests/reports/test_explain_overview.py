"""The overview of a network, a tree as lines, and the sentences of the page's script in both languages."""

import re
from importlib.resources import files

import numpy as np
import pytest

from every_model import SAVED, inputs_of
from insight.small_networks import NAMES
from pellucid.insight.contributions import TreePath
from pellucid.insight.explaining import explain_model
from pellucid.insight.opened_networks import layered
from pellucid.insight.reference_lines import dropouts_of
from pellucid.networks import InputFacts, build, design
from pellucid.reports.explain import render_explanation
from pellucid.reports.explain.page_data import MOST_STAGES, drawing_of, stages_of
from pellucid.settings import Settings
from pellucid.targets import ORDERED
from reports.explained import BACKBONE, GENERATORS, explained, explained_classical

SCRIPT = files("pellucid") / "reports/explain/script"


def kinds_of(name: str) -> list[str]:
    return [stage.kind for stage in stages_of(explained(name))]


def test_stages_go_from_pixels_or_words_to_the_answer():
    assert kinds_of("cnn") == ["small-patterns", "parts", "whole", "features", "scores", "probabilities"]
    assert kinds_of("mlp") == ["features", "features", "scores", "probabilities"]
    assert kinds_of("softmax-regression") == ["scores", "probabilities"]
    assert kinds_of("bag") == ["bag", "scores", "probabilities"]
    assert kinds_of("lstm") == ["vectors", "states", "features", "scores", "probabilities"]
    assert kinds_of("text-cnn") == ["vectors", "n-grams", "features", "scores", "probabilities"]
    assert kinds_of("transformer") == ["vectors", "context", "context", "features", "scores", "probabilities"]
    at_tokens = stages_of(explained("transformer"))[:3]
    assert [stage.layer.output_shape[1] for stage in at_tokens] == [
        64,
        64,
        64,
    ]  # not of what is inside a layer
    assert kinds_of("cnn-of-numbers")[-1] == "number"
    assert kinds_of("gan")[-1] == "number"  # the discriminator's score
    vae = kinds_of("vae")
    assert vae.index("latent") < vae.index("made-maps") < vae.index("image")


@pytest.mark.parametrize("name", ["cnn", "cnn of ordered classes"])
def test_scores_are_one_for_each_class_or_of_an_order_one_less(name):
    model = SAVED[name]()
    found = explain_model(model, inputs_of(model, 1))
    scores = next(stage.layer for stage in stages_of(found) if stage.kind == "scores")
    is_ordered = model.target is ORDERED
    assert scores.output_shape == (len(model.classes) - is_ordered,)
    page = render_explanation(found, "x")
    assert ("one number for each class but the highest: whether the answer is above it" in page) == is_ordered
    assert ("one number for each class, a weighted sum of the features" in page) == (not is_ordered)


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS, pytest.param(BACKBONE, marks=pytest.mark.slow)])
def test_every_stage_is_a_link_to_its_layer_and_there_are_few(name):
    found = explained(name)
    stages = stages_of(found)
    assert 1 < len(stages) <= MOST_STAGES
    order = [record.name for record in found.layers]
    places = [order.index(stage.layer.name) for stage in stages]
    assert places == sorted(places)
    page = render_explanation(found, "x")
    assert re.findall(r'class="stage" href="#forward/([^"]+)"', page) == [each.layer.name for each in stages]
    opening = page[page.index("<main") :]
    assert opening.index('id="tab-drove"') < opening.index('id="tab-forward"')
    for word in ("Layer", "Unit", "Receptive field"):
        assert f"<dt>{word}</dt>" in opening
    has_maps = any(stage.layer.values.ndim == 3 for stage in stages)
    assert ("<dt>Map</dt>" in opening) == has_maps


def test_a_tree_is_drawn_with_its_path_apart():
    # A root with two children; that of no has two leaves, and the path goes to the first of these.
    path = TreePath(0, 1, (), 1.0, 1.0, np.array([-1, 0, 0, 2, 2]), np.array([1, 0, 1, 1, 0], bool), 5)
    drawn = drawing_of(path)
    # Leaves are at one, three and five sixths of 720 pixels; a fork is in the middle of its branches.
    assert drawn["path"] == "M300.0 0.0H480.0V120.0M480.0 120.0H360.0V240.0"
    assert drawn["others"] == "M300.0 0.0H120.0V120.0M480.0 120.0H600.0V240.0"
    assert np.array(drawn["questions"]) == pytest.approx(np.array([[300, 0], [480, 120]]))
    assert drawn["leaf"] == pytest.approx((360, 240))


def test_a_forest_shows_one_tree_and_a_machine_its_support_vectors_and_kernel():
    page = render_explanation(explained_classical("random-forest"), "x")
    path = explained_classical("random-forest").contributions.path
    assert page.count('class="fork"') == len(path.questions) > 0
    assert f"tree {path.tree} (the first is 0)" in page
    assert len(re.findall(r"<tr><th scope=\"row\">\d+</th><td class=\"words\">", page)) == len(path.questions)
    page = render_explanation(explained_classical("svm"), "x")
    kernel = explained_classical("svm").contributions.kernel
    assert f"its support vectors. Here there are {sum(kernel.counts)}," in page
    assert "formula of the kernel" in page
    assert "kept example" not in page


def test_of_a_text_the_text_comes_first_and_n_grams_are_folded():
    page = render_explanation(explained("bag"), "x")
    given = page[page.index('id="input-title"') : page.index('id="field-words"')]
    assert given.index('aria-label="the text"') < given.index("<details")
    assert '<details class="read"><summary>As the network reads it: ' in given
    read = render_explanation(explained("lstm"), "x")
    assert '<details class="read" open><summary>' in read


def test_dropout_stands_before_the_layers_that_take_what_it_drops():
    assert explained("bag").opened.dropouts == {"head": 0.5}
    assert explained("lstm").opened.dropouts == {"head": 0.5}
    assert explained("cnn").opened.dropouts == {}
    asked = Settings(model="mlp", depth=2, dropout=0.25)
    network = layered(build(design("mlp", asked, InputFacts((1, 8, 8), 10, 500))))
    assert dropouts_of(network) == {"body.linear2": 0.25, "head": 0.25}
    assert not any(module.training for module in network.modules())


# The sentences of the script.


def messages(name: str) -> dict[str, str]:
    """Sentences by key, as a file of words has them."""
    text = (SCRIPT / "words" / f"{name}.js").read_text(encoding="utf-8")
    found = re.findall(r'^  (\w+):\s+"((?:[^"\\]|\\.)*)",$', text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^  \w+:", text, re.MULTILINE)), "every entry is one string"
    return dict(found)


def test_both_languages_have_the_same_sentences_with_the_same_parts():
    english, chinese = messages("english"), messages("chinese")
    assert list(english) == list(chinese)
    for key, sentence in english.items():
        parts = [sorted(set(re.findall(r"\{(\w+)\}", each))) for each in (sentence, chinese[key])]
        assert parts[0] == parts[1], key
        letters = re.sub(r"\{\w+\}|\\u[0-9a-f]{4}", "", chinese[key])
        assert re.search(r"[\u4e00-\u9fff]", letters) or not re.search(r"[A-Za-z]{2}", letters), key


def test_every_sentence_is_used_and_every_key_that_is_used_is_there():
    keys = set(messages("english"))
    code = "".join(path.read_text(encoding="utf-8") for path in SCRIPT.iterdir() if path.name.endswith(".js"))
    quoted = set(re.findall(r'"(\w+)"', code))
    assert keys - quoted == set()
    assert set(re.findall(r'\bmessage(?:With)?\(\s*"(\w+)"', code)) <= keys
