"""The backward pass of a page's script, beside the gradients of Python, for every family of networks."""

from typing import Any

import numpy as np
import pytest

from export.app.node import Node
from insight.small_networks import NAMES, model, opened
from pellucid.export.app.content import layers_page_data
from pellucid.export.export import metadata_of
from pellucid.insight.gradients import Backward, go_back
from pellucid.insight.opened_networks import Opened
from pellucid.reports.explain.page_data import Packed, described
from pellucid.targets import PRESENT, UNKNOWN
from reports.explained import BACKBONE, explained

IMPORTS = """
globalThis.document = { documentElement: { lang: "en" }, getElementById: () => ({ textContent: "{}" }) };
const folder = "./pellucid/reports/explain/script";
const { wholeOf } = await import(`${folder}/arrays.js`);
const { computed } = await import(`${folder}/layers.js`);
const { gradientsFrom, slopesOfLoss } = await import(`${folder}/backward.js`);
"""
RUN = """
const Kind = given.isDouble ? Float64Array : Float32Array;
const tensor = ([shape, numbers]) => wholeOf(shape, Kind.from(numbers));
const tensors = new Map(Object.entries(given.weights).map(([name, each]) => [name, tensor(each)]));
const weights = (name) => tensors.get(name);
const values = new Map(Object.entries(given.inputs).map(([name, each]) => [name, tensor(each)]));
for (const layer of given.layers.filter(({ hidden }) => !hidden)) {
  const taken = layer.takes.filter((name) => values.has(name)).map((name) => values.get(name));
  values.set(layer.name, computed(layer, taken, layer.weights.map(weights), Kind));
}
const { layers, output, against } = given;
"""
GRADIENTS = """
const start = Object.entries(given.terms).map(([name, factor]) => [name, [factor]]);
if (!start.length) start.push([output, slopesOfLoss(values.get(output).data, against)]);
const found = gradientsFrom({ layers, values, weights, Kind }, new Map(start));
return [...found].map(([name, { shape, data }]) => [name, shape, Array.from(data)]);
"""


def given_of(opened: Opened, layers: list[dict[str, Any]], *, is_double: bool = False) -> dict[str, Any]:
    """What the script needs to run a network on its input."""

    def tensor(array: np.ndarray) -> Any:
        return [list(array.shape), np.asarray(array, np.float64).ravel().tolist()]

    return {
        "layers": layers,
        "weights": {name: tensor(each) for name, each in opened.weights.items()},
        "inputs": {name: tensor(opened.value(name)) for name in opened.given},
        "output": opened.output,
        "against": None,
        "terms": {},
        "isDouble": is_double,
    }


def check(found: list[Any], backward: Backward, opened: Opened, most: float) -> None:
    """Every gradient of Python's is there, and no more differs from it than this share of its largest number."""
    gradients = {name: np.reshape(numbers, shape) for name, shape, numbers in found}
    for name in opened.values:
        if (ours := backward.gradient(name)) is not None and f"gradient:{name}" in gradients:
            theirs = gradients.pop(f"gradient:{name}")
            assert np.abs(theirs - ours).max() <= most * max(np.abs(ours).max(), 1e-12), name
        else:
            assert ours is None or not ours.any(), name
    for name, (of_inputs, of_state) in backward.sums.items():
        for kind, ours in (("sums", of_inputs), ("state-sums", of_state)):
            theirs = gradients.pop(f"{kind}:{name}")
            assert np.abs(theirs - ours).max() <= most * np.abs(ours).max(), name
    assert not gradients


@pytest.mark.parametrize("name", NAMES)
def test_gradients_at_every_layer_are_those_of_python(node: Node, name: str) -> None:
    made, network = model(name), opened(name)
    against: Any = 3 if made.classes else None
    if name.endswith("labels"):
        against = (PRESENT, 0, UNKNOWN, 1)
    backward = go_back(made.network, network, against)
    layers = layers_page_data(metadata_of(made, "model"), network)["layers"]
    for is_double, most in ((True, 1e-9), (False, 1e-4)):
        given = given_of(network, layers, is_double=is_double) | {"against": against}
        check(node.run("", IMPORTS + RUN + GRADIENTS, given), backward, network, most)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "vae-without-classes", "gan", BACKBONE])
def test_gradients_through_generators_and_a_backbone_are_those_of_python(node: Node, name: str) -> None:
    explanation = explained(name)
    network, backward = explanation.opened, explanation.backward
    assert network is not None
    assert backward is not None
    layers = described(explanation, Packed())["layers"]
    for is_double, most in ((True, 1e-9), (False, 1e-4)):
        given = given_of(network, layers, is_double=is_double)
        given |= {"against": backward.target, "terms": dict(backward.terms)}
        check(node.run("", IMPORTS + RUN + GRADIENTS, given), backward, network, most)
