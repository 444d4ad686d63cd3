"""The backward pass of a page's script, beside the gradients of Python, for every family of networks."""

from typing import Any

import numpy as np
import pytest

from export.app.network_runs import RUN, given_of
from export.app.node import Node
from insight.small_networks import NAMES, model, opened
from pellucid.export.app.content import layers_page_data
from pellucid.export.export import metadata_of
from pellucid.insight.gradients import Backward, go_back
from pellucid.insight.opened_networks import Opened
from pellucid.reports.explain.page_data import Packed, described
from pellucid.targets import PRESENT, UNKNOWN
from reports.explained import BACKBONE, explained

GRADIENTS = """
return [Float64Array, Float32Array].map((Kind) => {
  const run = runIn(Kind)(tensorsOf(given.inputs, Kind));
  const start = Object.entries(given.terms).map(([name, factor]) => [name, [factor]]);
  const outputs = run.values.get(given.output).data;
  if (!start.length) start.push([given.output, slopesOfLoss(outputs, given.against)]);
  const found = gradientsFrom(run, new Map(start));
  return [...found].map(([name, { shape, data }]) => [name, shape, Array.from(data)]);
});
"""
MOST = (1e-9, 1e-4)  # in double precision and in single, as a share of the largest number


def check(found: list[Any], backward: Backward, opened: Opened, most: float) -> None:
    """Every gradient of Python's is there, apart by a share of its largest number at most."""
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
    given = given_of(network, layers) | {"against": against, "terms": {}}
    for found, most in zip(node.run("", RUN + GRADIENTS, given), MOST, strict=True):
        check(found, backward, network, most)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "vae-without-classes", "gan", BACKBONE])
def test_gradients_through_generators_and_a_backbone_are_those_of_python(node: Node, name: str) -> None:
    explanation = explained(name)
    network, backward = explanation.opened, explanation.backward
    assert network is not None
    assert backward is not None
    layers = described(explanation, Packed())["layers"]
    given = given_of(network, layers) | {"against": backward.target, "terms": dict(backward.terms)}
    for found, most in zip(node.run("", RUN + GRADIENTS, given), MOST, strict=True):
        check(found, backward, network, most)
