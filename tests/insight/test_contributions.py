"""Terms of classical models add up to what the models compute."""

import copy

import numpy as np
import pytest
from torch import nn

from every_model import CLASSICAL, OF_LABELS, ON_NETWORK, answers_of, inputs_of
from pellucid.bundle import ClassicalModel
from pellucid.classical.forests import Forest
from pellucid.classical.kernel_machines import Kernel
from pellucid.classical.predictors import Linear
from pellucid.input_kinds import VALUES
from pellucid.insight.contributions import _names, contributions_of, node_values
from pellucid.insight.explaining import explain_model

WITH_TERMS = [name for name in [*CLASSICAL, *ON_NETWORK] if not name.startswith(("majority", "mean"))]
MODELS = CLASSICAL | ON_NETWORK | OF_LABELS
WITH_TERMS += [name for name in OF_LABELS if name.startswith(("svm", "logistic", "random-forest"))]


def computed(model: ClassicalModel, inputs, target) -> float:
    """The number that the terms must add up to, by the predictor itself."""
    predictor, features = model.predictor, model.seen(inputs)
    answer = predictor.predict(features)[0]
    if target is None:
        return float(answer[0])
    if isinstance(predictor, Forest):
        return float(answer[target])
    if not predictor.exclusive:
        return float(np.log(answer[target] / (1 - answer[target])))
    at = predictor.classes.tolist().index(target)
    if isinstance(predictor, Linear):
        logits = np.log(answer[predictor.classes])
        return float(logits[at] - logits.mean())
    votes = answer[predictor.classes]
    return float(np.log(votes)[at])


@pytest.mark.parametrize("name", WITH_TERMS)
def test_terms_add_up_to_what_the_model_computes(name):
    model = MODELS[name]()
    inputs = inputs_of(model, 1)
    target = min(4, len(model.classes) - 1) if model.classes else None
    found = contributions_of(model, inputs, target)
    assert found.total == pytest.approx(found.start + found.scores.sum())
    assert len(found.names) == len(found.scores)
    if isinstance(model.predictor, Kernel) and target is not None and model.predictor.exclusive:
        decisions = pair_decisions(model.predictor, model.seen(inputs), target)
        assert found.total == pytest.approx(decisions.sum(), abs=1e-9)
    else:
        assert found.total == pytest.approx(computed(model, inputs, target), rel=1e-6, abs=1e-9)
    assert repr(found).startswith(found.how)


def pair_decisions(predictor: Kernel, features, target) -> np.ndarray:
    """Decisions of a class against each other, from how sure the votes are."""
    columns = predictor.classes.tolist()
    own, found = columns.index(target), []
    from pellucid.classical.kernel_machines import likeness, project

    rows = np.asarray(features.toarray() if hasattr(features, "toarray") else features, np.float32)
    projected = project(rows, predictor.mean, predictor.projection)
    near = likeness(projected, predictor.points.astype(np.float64), float(predictor.gamma[0]))[0]
    ends = [0, *predictor.ends.tolist()]
    pairs = [(i, j) for i in range(len(columns)) for j in range(i + 1, len(columns))]
    for (i, j), bias in zip(pairs, predictor.bias.tolist(), strict=True):
        if own not in (i, j):
            continue
        decision = bias
        for point in range(ends[i], ends[i + 1]):
            decision += near[point] * predictor.weights[point, j - 1]
        for point in range(ends[j], ends[j + 1]):
            decision += near[point] * predictor.weights[point, i]
        found.append(decision if own == i else -decision)
    return np.array(found)


def test_terms_are_on_the_map_by_colour_or_are_words():
    for name in ("logistic-regression", "random-forest"):
        model = CLASSICAL[name]()
        found = contributions_of(model, inputs_of(model, 1), 4)
        assert found.drawn.shape == found.map_shape
        assert found.drawn.sum() == pytest.approx(found.scores.sum())
    model = next(made for made in (each() for each in CLASSICAL.values()) if made.features == "pixels")
    names = _names(model, 12, (2, 2), np.repeat(np.arange(4), 3))
    assert names[4] == "pixel at row 0, column 1, in green"
    assert len(set(names)) == 12
    assert _names(model, 4, (2, 2), np.arange(4))[1] == "pixel at row 0, column 1"
    model = CLASSICAL["logistic-regression of texts"]()
    text = "zero is a number here"
    found = contributions_of(model, [text], 0)
    named = {found.names[at] for at in np.flatnonzero(found.scores)}
    assert named
    assert all(word in text for word in named if " " not in word)
    assert max(zip(found.scores, found.names, strict=True))[1] == "zero"


@pytest.mark.parametrize("target", [0, 1])
def test_nodes_of_a_forest_of_labels_are_the_mean_of_both_branches(target):
    """A leaf without an entry says 0 of the label."""
    forest = Forest(
        outputs=2,
        number=False,
        exclusive=False,
        inputs=2,
        roots=np.array([0, -3], np.int32),
        feature=np.array([1], np.int32),
        threshold=np.array([0.5], np.float32),
        left=np.array([-1], np.int32),
        right=np.array([-2], np.int32),
        ends=np.array([2, 2, 3], np.int32),
        entry=np.array([0, 1, 1], np.int32),
        content=np.array([0.75, 1.0, 0.5]),
    )
    nodes, leaves = node_values(forest, target)
    assert nodes.tolist() == [0.375, 0.5][target : target + 1]
    assert leaves.tolist() == [[0.75, 0.0, 0.0], [1.0, 0.0, 0.5]][target]


@pytest.mark.parametrize("name", ["mean", "majority of texts", "majority of labels"])
def test_what_looks_at_nothing_says_so(name):
    model = MODELS[name]()
    found = explain_model(model, inputs_of(model, 1))
    assert found.contributions is None
    assert found.attributions is None
    assert "it looks at nothing" in repr(found)
    assert found.answer.tolist() == answers_of(model, 1).ravel().tolist()


@pytest.mark.parametrize("name", ON_NETWORK)
def test_the_network_below_a_classical_model_is_opened(name):
    model = ON_NETWORK[name]()
    found = explain_model(model, inputs_of(model, 1))
    assert found.layers
    assert all(not record.name.startswith("head") for record in found.layers)
    assert found.backward is None
    np.testing.assert_allclose(
        found.opened.value(found.opened.output), model.transform(inputs_of(model, 1))[0], rtol=1e-5, atol=1e-6
    )
    assert "output layer is not used" in found.notes[0]
    layer = found.layers[-1].name
    assert found.unit(layer, (0,)).agrees


def test_a_network_of_layers_that_are_not_opened_says_so():
    model = copy.deepcopy(ON_NETWORK["logistic-regression-on-sentence-encoder"]())
    model.network.body.append(nn.Softsign())
    found = explain_model(model, inputs_of(model, 1))
    assert found.layers == ()
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"The layers of {model.name} are not opened: body.1: Softsign")
    assert found.attributions is not None


@pytest.mark.parametrize(
    "name", ["svm", "random-forest of texts", "svm of vectors", "ridge of vectors, of numbers"]
)
def test_models_without_a_network(name):
    model = CLASSICAL[name]()
    found = explain_model(model, inputs_of(model, 1))
    assert found.layers == ()
    if model.input_kind is VALUES:
        assert found.attributions is None
    else:
        (method,) = found.attributions.methods
        assert method.trial.likeness is None
    assert found.contributions.how in repr(found)
    with pytest.raises(ValueError, match="head: no layer of this name; there are none"):
        found.unit("head", (0,))
