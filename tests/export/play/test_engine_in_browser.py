"""The engine of the page that trains, in a worker of a real browser: its steps are those of PyTorch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from browsers import browsing
from pellucid.export.app.chromium import Tab
from pellucid.pages.assembly import joined_script
from small_models import digits

STEPS = 20
PAGE = """<!doctype html><meta charset="utf-8"><script type="text/plain" id="engine">%s</script><script>
const text = document.getElementById("engine").textContent;
const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
const plain = (each) => ArrayBuffer.isView(each) ? Array.from(each)
  : Array.isArray(each) ? each.map(plain)
  : each && typeof each === "object"
    ? Object.fromEntries(Object.entries(each).map(([k, v]) => [k, plain(v)])) : each;
let wanted = null;
worker.onmessage = ({ data }) => { if (wanted && (data.type === wanted.type || data.type === "failed")) {
  const { done } = wanted; wanted = null; done(plain(data)); } };
worker.onerror = (event) => { if (wanted) wanted.done({ type: "failed", key: event.message }); };
const ask = (order, type) => new Promise((done) => { wanted = { type, done }; worker.postMessage(order); });
const dataOf = ({ inputs, ...rest }) => ({ ...rest,
  inputs: Array.isArray(inputs) ? new (rest.isPoints ? Float32Array : Uint8Array)(inputs)
    : { ids: Uint16Array.from(inputs.ids), starts: Uint32Array.from(inputs.starts) },
  labels: Uint8Array.from(rest.labels) });
</script>"""
USUAL = {
    "model": "mlp", "depth": 2, "width": 6, "kernel": 3, "activation": "tanh", "dropout": 0, "rate": 0.05,
    "loss": "cross-entropy", "optimiser": "gradient-descent", "batch": 8, "seed": 3, "precision": "float64",
}  # fmt: skip


@pytest.fixture
def tab(chromium: str, tmp_path: Path) -> Iterator[Tab]:
    place = tmp_path / "engine.html"
    place.write_text(PAGE % joined_script("export/play/script/engine.js"), encoding="utf-8")
    with browsing(chromium) as opened:
        opened.open(place.as_uri())
        yield opened


def images() -> dict[str, Any]:
    """Forty digits of 8 x 8 pixels to learn, ten to validate."""
    pixels, labels = digits()
    part = {
        name: {"inputs": pixels[rows].transpose(0, 3, 1, 2).ravel().tolist(), "labels": labels[rows].tolist()}
        for name, rows in (("train", slice(0, 40)), ("validation", slice(40, 50)))
    }
    return {"kind": "image", "shape": [1, 8, 8], "classes": [str(each) for each in range(10)], **part}


def points() -> dict[str, Any]:
    draws = np.random.default_rng(0)
    inputs = draws.uniform(-1, 1, (50, 2)).astype(np.float32)
    labels = (inputs[:, 0] * inputs[:, 1] > 0).astype(int)
    part = {
        name: {"inputs": inputs[rows].ravel().tolist(), "labels": labels[rows].tolist(), "isPoints": True}
        for name, rows in (("train", slice(0, 40)), ("validation", slice(40, 50)))
    }
    return {"kind": "points", "shape": [2], "classes": ["A", "B"], **part}


def texts() -> dict[str, Any]:
    draws = np.random.default_rng(1)
    part = {}
    for name, count in (("train", 40), ("validation", 10)):
        lengths = draws.integers(1, 7, count)
        starts = np.concatenate([[0], lengths.cumsum()])
        ids = draws.integers(0, 30, starts[-1])
        labels = [int(ids[start] > 14) for start in starts[:-1]]
        part[name] = {"inputs": {"ids": ids.tolist(), "starts": starts.tolist()}, "labels": labels}
    return {"kind": "text", "shape": [30], "classes": ["low", "high"], **part}


DATA = {"images": images, "points": points, "texts": texts}


def ask(tab: Tab, order: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = tab.evaluate(f"ask({json.dumps(order)}, {json.dumps(kind)})", 60)
    assert found["type"] == kind, found
    return found


def start(tab: Tab, design: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    code = f"""(() => {{ const data = {json.dumps(data)};
      for (const part of ["train", "validation"]) data[part] = dataOf(data[part]);
      return ask({{ do: "start", design: {json.dumps(design)}, data }}, "ready"); }})()"""
    found: dict[str, Any] = tab.evaluate(code, 60)
    assert found["type"] == "ready", found
    return found


def tensors(tab: Tab) -> dict[str, np.ndarray]:
    return {
        f"{layer['name']}.{each['name']}": np.array(each["data"]).reshape(each["shape"])
        for layer in ask(tab, {"do": "weights"}, "weights")["layers"]
        for each in layer["weights"]
    }


ACTIVATIONS = {
    "relu": torch.relu,
    "leaky-relu": lambda x: functional.leaky_relu(x, 0.01),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
}
LOSSES = {
    "cross-entropy": functional.cross_entropy,
    "squared-error": lambda z, y: functional.mse_loss(z, functional.one_hot(y, z.shape[1]).to(z.dtype)),
    "hinge": functional.multi_margin_loss,
}
OPTIMISERS = {
    "gradient-descent": lambda weights, rate: torch.optim.SGD(weights, lr=rate),
    "momentum": lambda weights, rate: torch.optim.SGD(weights, lr=rate, momentum=0.9),
    "adam": lambda weights, rate: torch.optim.Adam(weights, lr=rate),
}


def inputs_of(data: dict[str, Any], rows: list[int], dtype: torch.dtype) -> Any:
    given = data["train"]["inputs"]
    if data["kind"] == "text":
        starts = given["starts"]
        return [torch.tensor(given["ids"][starts[row] : starts[row + 1]]) for row in rows]
    x = torch.tensor(given, dtype=dtype).reshape(-1, *data["shape"])[rows]
    return x / 127.5 - 1 if data["kind"] == "image" else x


def outputs(
    layers: list[dict[str, Any]], weights: dict[str, torch.Tensor], x: Any, masks: list[torch.Tensor]
) -> torch.Tensor:
    masks = list(masks)
    for layer in layers:
        name, kind = layer["name"], layer["kind"]
        if kind == "embedding":
            x = torch.stack([weights[f"{name}.weight"][ids].mean(0) for ids in x])
        elif kind == "dense":
            x = functional.linear(x.flatten(1), weights[f"{name}.weight"], weights[f"{name}.bias"])
        elif kind == "convolution":
            x = functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding="same")
        elif kind == "pool":
            x = functional.max_pool2d(x, 2)
        elif kind == "dropout":
            x = x * masks.pop(0).reshape(x.shape)
        else:
            x = ACTIVATIONS[kind](x)
    return x


def by_torch(tab: Tab, design: dict[str, Any], data: dict[str, Any]) -> dict[str, np.ndarray]:
    """Weights after so many steps from those that the page begins with, by the page's order and masks."""
    layers = start(tab, design, data)["layers"]
    dtype = getattr(torch, design["precision"])
    weights = {
        name: torch.tensor(each, dtype=dtype, requires_grad=True) for name, each in tensors(tab).items()
    }
    optimiser = OPTIMISERS[design["optimiser"]](list(weights.values()), design["rate"])
    for step in range(STEPS):
        rows = ask(tab, {"do": "order", "step": step}, "order")["examples"]
        masks = ask(tab, {"do": "masks", "step": step}, "masks")["masks"]
        shown = [torch.tensor(each, dtype=dtype) for each in masks]
        z = outputs(layers, weights, inputs_of(data, rows, dtype), shown)
        loss = LOSSES[design["loss"]](z, torch.tensor([data["train"]["labels"][row] for row in rows]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return {name: each.detach().numpy() for name, each in weights.items()}


def furthest(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    return max(float(np.abs(ours[name] - each).max() / np.abs(each).max()) for name, each in theirs.items())


VARIED = [
    *({"optimiser": each} for each in OPTIMISERS),
    *({"loss": each} for each in LOSSES),
    *({"activation": each} for each in ACTIVATIONS),
    {"model": "perceptron"},
    {"dropout": 0.5},
    *({"model": "cnn", "width": 3, "kernel": each, "depth": 2, "activation": "relu"} for each in (3, 5)),
    {"model": "cnn", "width": 2, "depth": 3, "dropout": 0.3, "optimiser": "adam", "rate": 0.01},
    {"model": "bag", "depth": 1, "data": "texts"},
    {"model": "bag", "depth": 2, "data": "texts", "optimiser": "adam", "rate": 0.01},
    {"data": "points", "optimiser": "momentum"},
]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("varied", VARIED, ids=lambda varied: "-".join(map(str, varied.values())))
def test_twenty_steps_are_those_of_pytorch(tab: Tab, varied: dict[str, Any], precision: str) -> None:
    design = {**USUAL, **varied, "precision": precision}
    data = DATA[str(design.pop("data", "images"))]()
    theirs = by_torch(tab, design, data)
    start(tab, design, data)
    ask(tab, {"do": "run", "most": STEPS}, "paused")
    assert furthest(tensors(tab), theirs) <= (1e-11 if precision == "float64" else 1e-5)


def test_steps_are_the_same_numbers_however_they_are_made(tab: Tab) -> None:
    design, data = {**USUAL, "precision": "float32", "dropout": 0.3}, images()
    start(tab, design, data)
    first = tensors(tab)
    ask(tab, {"do": "run", "most": 7}, "paused")
    ask(tab, {"do": "run", "most": 6}, "paused")
    ours = tensors(tab)
    assert furthest(ours, first) > 0.01
    start(tab, design, data)
    assert furthest(tensors(tab), first) == 0
    ask(tab, {"do": "run", "most": 13}, "paused")
    assert furthest(tensors(tab), ours) == 0
    checks = ask(tab, {"do": "check", "count": 12}, "check")["checks"]
    assert max(each["relativeError"] for each in checks) < 1e-5


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_one_step_is_opened_to_the_update_of_a_weight(tab: Tab, optimiser: str) -> None:
    rate = 0.01
    start(tab, {**USUAL, "optimiser": optimiser, "rate": rate, "batch": 1}, images())
    order = ask(tab, {"do": "order", "step": 0}, "order")["examples"]
    found = ask(tab, {"do": "step", "weight": {"layer": "dense1", "name": "weight", "index": 20}}, "step")
    assert found["example"] == order[0]
    weight = found["weight"]
    ((above, seen),) = weight["terms"]
    assert weight["gradient"] == pytest.approx(above * seen)
    # The first update of Adam has the length of the rate, whatever the gradient.
    change = rate * (np.sign(weight["gradient"]) if optimiser == "adam" else weight["gradient"])
    assert weight["after"] - weight["before"] == pytest.approx(-change, rel=1e-3)
    assert set(found["values"]) == set(found["gradients"]) == {"dense1", "tanh1", "dense2", "tanh2", "dense3"}


def test_a_loss_that_is_no_number_is_reported(tab: Tab) -> None:
    start(tab, {**USUAL, "activation": "relu", "loss": "squared-error", "rate": 1e6}, images())
    found = tab.evaluate('ask({ do: "run", most: 400 }, "failed")', 30)
    assert (found["type"], found["key"]) == ("failed", "diverged")
