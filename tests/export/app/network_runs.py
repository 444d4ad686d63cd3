"""Networks of Python under a page's script: what it needs to run one on an input, and the code that does."""

from typing import Any

import numpy as np

from pellucid.insight.opened_networks import Opened

# `runOn` computes every layer from what the network is given.
RUN = """
globalThis.document = { documentElement: { lang: "en" }, getElementById: () => ({ textContent: "{}" }) };
const folder = "./pellucid/reports/explain/script";
const { wholeOf } = await import(`${folder}/arrays.js`);
const { computed } = await import(`${folder}/layers.js`);
const { gradientsFrom } = await import(`${folder}/backward.js`);
const { slopesOfLoss } = await import(`${folder}/answer_slopes.js`);
const tensorsOf = (named, Kind) => new Map(
  Object.entries(named).map(([name, [shape, numbers]]) => [name, wholeOf(shape, Kind.from(numbers))]),
);
const runIn = (Kind) => {
  const tensors = tensorsOf(given.weights, Kind);
  const weights = (name) => tensors.get(name);
  return (inputs) => {
    const values = new Map(inputs);
    for (const layer of given.layers.filter(({ hidden }) => !hidden)) {
      const taken = layer.takes.filter((name) => values.has(name)).map((name) => values.get(name));
      values.set(layer.name, computed(layer, taken, layer.weights.map(weights), Kind));
    }
    return { layers: given.layers, values, weights, Kind };
  };
};
"""


def given_of(opened: Opened, layers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the script needs to run a network on its input."""

    def tensor(array: np.ndarray) -> Any:
        return [list(array.shape), np.asarray(array, np.float64).ravel().tolist()]

    return {
        "layers": layers,
        "weights": {name: tensor(each) for name, each in opened.weights.items()},
        "inputs": {name: tensor(opened.value(name)) for name in opened.given},
        "output": opened.output,
    }
