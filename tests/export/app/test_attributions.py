"""Explanations by a page's script, beside those of Python for the same input."""

from typing import Any

import numpy as np
import pytest
import torch

from export.app.network_runs import RUN, given_of
from export.app.node import Node
from insight.small_networks import asked, model, opened
from pellucid.export.app.content import layers_page_data
from pellucid.export.export import metadata_of
from pellucid.insight.attribution import grad_cam, integrated_gradients_of_image, score_of_outputs
from pellucid.insight.by_target import OPENED
from pellucid.insight.occlusion import ImagePieces, occlusion
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION
from small_models import digits

EXPLAIN = """
const { gradCam, inputTimesGradient, integratedGradients, occlusion, paintOf } =
  await import(`${folder}/attributions.js`);
const { softmaxOf } = await import(`${folder}/shares.js`);
const { slopesOfScore } = await import(`${folder}/answer_slopes.js`);
const run = runIn(Float32Array);
const runOn = (inputs) => run(new Map([["inputs", inputs]]));
const inputs = tensorsOf(given.inputs, Float32Array).get("inputs");
const outputsOf = ({ values }) => values.get(given.output).data;
const startOf = (found) =>
  new Map([[given.output, slopesOfScore(given.answer, outputsOf(found), given.target)]]);
const ask = (image) => softmaxOf(outputsOf(runOn(image)))[given.target];
const here = runOn(inputs);
const slopes = gradientsFrom(here, startOf(here)).get("gradient:inputs").data;
const found = [
  gradCam(here, startOf(here)),
  integratedGradients(runOn, startOf, inputs, paintOf(inputs), given.steps),
  inputTimesGradient(inputs, slopes),
  given.answer === "class" ? occlusion(inputs, ask) : null,
];
return found.map((each) => each && [each.shape, Array.from(each.data)]);
"""


@pytest.mark.parametrize("name", ["cnn", "lenet-average", "cnn-of-labels", "cnn-of-numbers", "mlp"])
def test_maps_are_those_of_python(node: Node, name: str) -> None:
    made, network, image = model(name), opened(name), asked(name)[0]
    target = 2 if made.classes else None
    score = score_of_outputs(made, target)
    paint = np.rint(image.mean(axis=(1, 2), keepdims=True)) + np.zeros_like(image)
    collected = integrated_gradients_of_image(made.network, image, paint, score)
    inputs = torch.from_numpy(image[None]).requires_grad_(True)
    (slopes,) = torch.autograd.grad(score(made.network(inputs)).sum(), inputs)
    ours: list[Any] = [
        None if name == "mlp" else grad_cam(made.network, image, score),
        collected.scores,
        (slopes[0].numpy() * image).sum(axis=0),
        None,
    ]
    if made.target is CLASSIFICATION:
        made.temperature = 1.0
        pieces = ImagePieces(made, digits()[0][300], target)
        ours[3] = occlusion(pieces).reshape(pieces.shape)
    given = given_of(network, layers_page_data(metadata_of(made, "model"), network)["layers"])
    given |= {"answer": made.target.noun, "target": target, "steps": collected.steps}
    found = node.run("", RUN + EXPLAIN, given)
    for map_of_python, map_of_page in zip(ours, found, strict=True):
        assert (map_of_python is None) == (map_of_page is None)
        if map_of_python is not None:
            most = np.abs(map_of_python).max()
            np.testing.assert_allclose(
                np.reshape(map_of_page[1], map_of_page[0]), map_of_python, atol=1e-4 * most
            )


SLOPES = """
const { slopesOfScore } = await import(`${folder}/answer_slopes.js`);
return given.map(([answer, outputs, target]) => Array.from(slopesOfScore(answer, outputs, target)));
"""


def test_slopes_of_every_score_are_those_of_torch(node: Node) -> None:
    rows = torch.tensor([[1.5, 0.3, -0.7], [0.1, 0.9, -2.0]], dtype=torch.float64, requires_grad=True)
    asked_for: list[Any] = [(CLASSIFICATION, 1), (MULTILABEL, 2), (REGRESSION, None)]
    asked_for += [(ORDERED, target) for target in range(4)]
    given, ours = [], []
    for target, column in asked_for:
        for outputs in rows:
            (slopes,) = torch.autograd.grad(OPENED[target].score(outputs[None], column).sum(), outputs)
            given.append([target.noun, outputs.tolist(), column])
            ours.append(slopes.tolist())
    np.testing.assert_allclose(node.run("", RUN + SLOPES, given), ours, rtol=1e-9)
