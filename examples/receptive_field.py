"""A unit of a convolution sees the whole image.

Trains LeNet and the residual network of Pellucid on Fashion-MNIST and follows one unit in the middle of
every layer back to the pixels: by rule (`found.field` of `pellucid.explain`), and by measurement: the
gradient of the unit with respect to every pixel, over many images, is exactly zero outside its field.
Changing all pixels outside the field leaves the unit as it was, to the bit or nearly so.

Takes: about 1 minute with one thread.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from drawing import Dots, Row, figure
from showing import NO, YES, Conclusion, cost, table
from torch import Tensor, nn
from trying import Options, images

from pellucid import ImageClassifier, explain
from pellucid.data import Dataset, prepare
from pellucid.insight.layer_records import Box
from pellucid.networks import Network
from pellucid.settings import Settings

NETWORKS = {"lenet": {"epochs": 4}, "cnn": {"epochs": 2, "width": 8}}
TITLES = {"lenet": "LeNet", "cnn": "residual network"}
IMAGES, SIDE = 64, 28


class Seen(NamedTuple):
    """What a unit sees: rows and columns of its layer's maps (1 where it has none) and of the field by rule.

    `share` is that of the image's pixels in the field, `share_with_gradient` that of the pixels that have a
    gradient in at least one image, `outside` the largest gradient outside the field, `change` that of the
    unit, relative to its spread over images, when all pixels outside are exchanged.
    """

    layer: str
    kind: str
    maps: int
    field: tuple[int, int]
    share: float
    share_with_gradient: float
    outside: float
    change: float


def tried(options: Options) -> dict[str, Any]:
    dataset, _ = prepare(images(options), Settings())
    found = {}
    for name, given in NETWORKS.items():
        own = {**given, "epochs": options.passes(given["epochs"])}
        chosen = dataset.train[: options.examples]
        classifier = ImageClassifier(model=name, threads=options.threads, **own)
        classifier.fit(dataset.inputs[chosen][..., 0], dataset.labels[chosen])
        found[name] = [each._asdict() for each in _seen(classifier, dataset)]
    return {"networks": found}


def _seen(classifier: ImageClassifier, dataset: Dataset) -> list[Seen]:
    explained = explain(classifier, dataset.inputs[dataset.test[0], ..., 0])
    network = classifier.model_.network
    network.eval()
    images = torch.from_numpy(np.array(dataset.inputs[dataset.test[:IMAGES]].transpose(0, 3, 1, 2))).float()
    modules = dict(network.named_modules())
    rows = []
    for line in explained.opened.lines:
        if line.kind not in _LOOKED_AT or line.name not in modules:
            continue
        shape = explained.opened.value(line.name).shape
        unit = (0, shape[1] // 2, shape[2] // 2) if len(shape) == 3 else (0,)
        measured = _through(network, modules[line.name], unit, images, explained.field(line.name, unit))
        rows.append(Seen(line.name, line.kind, shape[1] if len(shape) == 3 else 1, *measured))
    return rows


_LOOKED_AT = ("convolution", "max-pool", "average-pool", "global-max", "dense")


def _through(
    network: Network, module: nn.Module, unit: tuple[int, ...], images: Tensor, field: Box
) -> tuple[Any, ...]:
    """Measure what one unit sees: the fields of `Seen` from `field` on."""
    inside = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    (top, bottom), (left, right) = field
    inside[top : bottom + 1, left : right + 1] = True
    asked = images.clone().requires_grad_()
    values = _unit(network, module, unit, asked)
    (gradient,) = torch.autograd.grad(values.sum(), asked)
    reach = gradient.abs().amax(dim=(0, 1))
    exchanged = torch.where(inside, images, images.roll(1, dims=0))
    with torch.no_grad():
        after = _unit(network, module, unit, exchanged)
    spread = float(values.detach().std()) or 1.0
    return (
        (bottom - top + 1, right - left + 1),
        round(float(inside.float().mean()), 4),
        round(float((reach > 0).float().mean()), 4),
        float(reach[~inside].max()) if (~inside).any() else 0.0,
        float(f"{float((after - values.detach()).abs().max()) / spread:.2g}"),
    )


def _unit(network: Network, module: nn.Module, unit: tuple[int, ...], images: Tensor) -> Tensor:
    kept: list[Tensor] = []
    # A copy, since a later layer may write over what this one gives.
    hook = module.register_forward_hook(lambda _module, _taken, given: kept.append(given.clone()))
    network(images)
    hook.remove()
    found: Tensor = kept[0][(slice(None), *unit)]
    return found


def drawn(record: dict[str, Any]) -> str:
    panels = []
    for name, layers in record["networks"].items():
        rows = [Row(_short(each["layer"]), 100 * each["share"], 0.0, 100 * each["share"]) for each in layers]
        title = f"{TITLES[name]}: how much of the image one unit of each layer sees"
        panels.append(Dots(title, "per cent of the pixels", rows))
    return figure(panels, "Share of the image that one unit of each layer sees, in two networks")


def _short(layer: str) -> str:
    return layer.removeprefix("body.").replace(".", " ")


def shown(record: dict[str, Any]) -> str:
    header = ["layer", "maps of", "field by rule", "share of the image", "pixels with a gradient",
              "largest gradient outside", "change when all outside is exchanged"]  # fmt: skip
    parts = []
    for name, layers in record["networks"].items():
        rows = []
        for each in layers:
            shares = [f"{100 * each[key]:.0f} %" for key in ("share", "share_with_gradient")]
            sizes = [f"{each['maps']} x {each['maps']}", f"{each['field'][0]} x {each['field'][1]}"]
            last = [f"{each['outside']:g}", f"{each['change']:.1g}"]
            rows.append([f"`{_short(each['layer'])}`", *sizes, *shares, *last])
        parts.append(f"{TITLES[name]}\n\n{table(header, rows)}\n")
    return (
        "".join(parts) + f"One unit in the middle of each layer, {IMAGES} images; the change is relative to "
        f"the spread of the unit over images. {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    first = next(iter(record["networks"].values()))[0]
    verdict = YES if first["share"] == 1 else NO
    return Conclusion(
        verdict, f"a unit of the first convolution of LeNet: {100 * first['share']:.0f} % of the image"
    )
