"""Pictures of an opened network as SVG: maps as small images, sums as cells, in the look of the plots."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from drawing import CATEGORIES, FAINT, INK, TEAL, Line, Lines, dot, figure, heading, stroke, word
from PIL import Image

from pellucid.insight.explanation import Explanation
from pellucid.insight.unit_arithmetic import Weighing

# Colours of the explain page: magnitudes from dark to bright, signed numbers from blue over white to orange.
BRIGHT = ((68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128),
          (94, 201, 98), (173, 220, 48), (253, 231, 37))  # fmt: skip
SIGNED = ((8, 64, 129), (43, 121, 185), (122, 178, 218), (206, 226, 240), (255, 255, 255), (253, 219, 190),
          (247, 162, 92), (214, 98, 20), (140, 55, 4))  # fmt: skip
PALE = ((255, 255, 255), (222, 228, 232), (150, 163, 172))
_LEFT, _RIGHT = 190.0, 620.0

Stops = Sequence[tuple[int, int, int]]
Colouring = Callable[[np.ndarray, float | None], np.ndarray]


@dataclass(frozen=True)
class Panel:
    """Marks that were drawn from 0 downwards, so high."""

    height: float
    marks: Sequence[str]

    def drawn(self, top: float) -> str:
        """The marks as SVG elements, from `top` downwards."""
        return f'<g transform="translate(0 {top:g})">{"".join(self.marks)}</g>'


def coloured(numbers: np.ndarray, stops: Stops) -> np.ndarray:
    """Numbers from 0 to 1 as colours (..., 3)."""
    place = np.clip(numbers, 0, 1) * (len(stops) - 1)
    low = np.minimum(place.astype(int), len(stops) - 2)
    ends = np.asarray(stops, float)
    mixed: np.ndarray = np.round(ends[low] + (ends[low + 1] - ends[low]) * (place - low)[..., None])
    return mixed.astype(np.uint8)


def signed(numbers: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Signed numbers as colours, white at 0, up to the largest magnitude, by default their own."""
    return coloured(0.5 + 0.5 * numbers / (largest or np.abs(numbers).max() or 1.0), SIGNED)


def bright(numbers: np.ndarray, largest: float | None = None) -> np.ndarray:
    """Numbers from 0 on as colours, dark at 0."""
    return coloured(numbers / (largest or numbers.max() or 1.0), BRIGHT)


def cells(colours: np.ndarray, x: float, y: float, width: float, height: float) -> str:
    """Colours (rows, columns, 3), or grey pixels (rows, columns), as an image with sharp cells."""
    packed = io.BytesIO()
    Image.fromarray(colours).save(packed, "PNG", optimize=True)
    uri = f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return (
        f'<image {box} preserveAspectRatio="none" style="image-rendering: pixelated" href="{uri}"/>'
        f'<rect {box} fill="none" stroke="{FAINT}" stroke-width="0.6"/>'
    )


def bold(x: float, y: float, text: str, colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {place} fill="{colour}" font-size="13" font-weight="600">{escape(text)}</text>'


def path(points: np.ndarray, colour: str, width: float = 2) -> str:
    """A line through points (n, 2)."""
    steps = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"/>'
    )


def neuron(sum_: Weighing, image: np.ndarray) -> str:
    """Chapter 1: what one neuron of the last layer multiplies and adds up."""
    x, w = sum_.patch.ravel(), sum_.weights.ravel()
    left, right = 150.0, 600.0
    marks = [heading("One neuron: the score of Ankle boot for one image", 0)]
    marks.append(cells(image, 20, 40, 84, 84))
    rows = (("inputs x", x, bright), ("weights w", w, signed), ("products w·x", w * x, signed))
    for number, (label, numbers, colour) in enumerate(rows):
        y = 52 + 46 * number
        span = f"{numbers.min():.2g} to {numbers.max():.2g}".replace("-", "\u2212")
        marks.append(word(left, y - 5, f"{label}: {len(numbers)} numbers, {span}", INK, "start", 12))
        marks.append(cells(colour(numbers[None]), left, y, right - left, 22))
    so_far = np.concatenate([[sum_.bias], sum_.bias + np.cumsum(w * x)])
    low, high = min(0.0, so_far.min()), so_far.max()
    places = 320 - (so_far - low) / (high - low) * 110
    zero = 320 + low / (high - low) * 110
    marks += [
        word(left, 196, "sum so far, from the bias to the score", INK, "start", 12),
        stroke(left, zero, right, zero, FAINT, 1, "4 3"),
        word(right + 8, zero + 4, "0", INK, "start", 12),
        path(np.stack([np.linspace(left, right, len(so_far)), places], axis=1), TEAL),
        dot(right, places[-1], 4.2, TEAL),
        word(left - 8, places[0] + 4, f"bias {sum_.bias:.2f}".replace("-", "\u2212"), INK, "end", 12),
        word(right + 14, places[-1] - 9, f"{so_far[-1]:.2f}", TEAL, "end", 13),
    ]
    return figure(
        [Panel(340, marks)],
        "One neuron: 84 inputs, 84 weights, their products, and the sum that is its score",
    )


_SHOWN = {
    "body.conv1": "convolution",
    "body.activation1": "max pooling + ReLU",
    "body.conv2": "convolution",
    "body.activation2": "max pooling + ReLU",
    "body.activation3": "dense + ReLU",
    "body.activation4": "dense + ReLU",
}


def _row(numbers: np.ndarray, y: float, colour: Colouring) -> str:
    """A layer's numbers on one scale: maps side by side, or a vector as one line of cells."""
    largest = float(np.abs(numbers).max())
    if numbers.ndim == 1:
        return cells(colour(numbers[None], largest), _LEFT, y + 12, _RIGHT - _LEFT, 22)
    side = min(46.0, (_RIGHT - _LEFT) / len(numbers) - 3)
    return "".join(
        cells(colour(each, largest), _LEFT + number * (side + 3), y + (46 - side) / 2, side, side)
        for number, each in enumerate(numbers)
    )


def forward(found: Explanation, image: np.ndarray) -> str:
    """Chapter 2: the same image in every layer, from pixels to probabilities."""
    return _through(
        found, image, "One image in every layer of LeNet, from pixels to probabilities", gradients=False
    )


def backward(found: Explanation, image: np.ndarray) -> str:
    """Chapter 3: the gradient of the loss in every layer, from the scores back to the pixels."""
    return _through(found, image, "The gradient of one loss in every layer of LeNet", gradients=True)


def _through(found: Explanation, image: np.ndarray, title: str, *, gradients: bool) -> str:
    marks = [heading(title, 0)]
    y = 36.0
    marks += [bold(20, y + 22, "image"), word(20, y + 38, "28 \u00d7 28 pixels", FAINT, "start", 12)]
    marks.append(cells(image, _LEFT, y, 46, 46))
    if gradients:
        marks.append(cells(signed(_gradient(found, "inputs")[0]), _LEFT + 58, y, 46, 46))
        marks.append(word(_LEFT + 116, y + 28, "how the loss changes with each pixel", FAINT, "start", 12))
    for name, layer in _SHOWN.items():
        y += 60
        numbers = _gradient(found, name) if gradients else found.layer(name).values
        shape = numbers.shape
        size = f"{shape[0]} maps, {shape[1]} \u00d7 {shape[2]}" if len(shape) == 3 else f"{shape[0]} numbers"
        words = f"{name[5:]}: {f'largest {np.abs(numbers).max():.2g}' if gradients else size}"
        marks += [
            bold(20, y + 22, layer),
            word(20, y + 38, words, FAINT, "start", 11),
        ]
        has_signs = gradients or name.startswith("body.conv")
        marks.append(_row(numbers, y, signed if has_signs else bright))
    y += 66
    scores = _gradient(found, "head") if gradients else found.layer("probabilities").values
    if gradients:
        words = ("gradient of each score", "probability \u2212 1 or 0")
    else:
        words = ("dense + softmax", "head: 10 classes")
    marks += [bold(20, y + 16, words[0]), word(20, y + 32, words[1], FAINT, "start", 12)]
    zero = _LEFT + 110 + (140 if gradients else 0)
    length = 150.0 / np.abs(scores).max() if gradients else 240.0
    for name, score in zip(found.classes, scores, strict=True):
        y += 15
        start, end = sorted((zero, zero + length * score))
        colour = CATEGORIES[0] if score < 0 else CATEGORIES[1] if gradients else TEAL
        marks.append(word(_LEFT + 94, y, name, INK, "end", 12))
        box = f'x="{start:.1f}" y="{y - 9:.1f}" width="{max(0.6, end - start):.1f}" height="9"'
        marks.append(f'<rect {box} fill="{colour}"/>')
        shown = f"{score:+.3f}".replace("-", "\u2212") if gradients else f"{score:.3f}"
        marks.append(word(end + 6, y, shown, INK, "start", 12))
    return figure([Panel(y + 14, marks)], title)


def _gradient(found: Explanation, name: str) -> np.ndarray:
    assert found.backward is not None
    gradient = found.backward.gradient(name)
    assert gradient is not None
    return gradient


def descent(found: Mapping[str, Any]) -> str:
    """Chapter 4: the way of three optimisers over the loss of two weights."""
    left, top, side = 60.0, 44.0, 330.0
    losses, reach = found["losses"], found["reach"]
    levels = np.log(losses / losses.min())
    bands = np.floor(14 * np.sqrt(levels / levels.max())) / 14

    def placed(way: np.ndarray) -> np.ndarray:
        share = (way + reach) / (2 * reach)
        return side * np.stack([share[:, 0], 1 - share[:, 1]], axis=1)

    x = left + side + 18
    words = [heading(f"Two of LeNet's weights, and the loss as they change (score of {found['class']})", 0)]
    first = f"loss at the start {found['first_loss']:.2f}"
    words += [word(x, top + 12, first, INK, "start", 12)]
    words += [word(x, top + 28, f"least in this window {losses.min():.3f}", INK, "start", 12)]
    ways: list[str] = []
    for number, (name, each) in enumerate(found["paths"].items()):
        points, colour = placed(each["way"]), CATEGORIES[number]
        ways += [path(points, "#ffffff", 4), path(points, colour)]
        ways += [dot(x, y, 2, colour) for x, y in points]
        y = top + 68 + 62 * number
        loss = f"loss after {len(points) - 1} steps {each['loss']:.3f}"
        words += [bold(x, y, name, colour), word(x, y + 32, loss, INK, "start", 12)]
        words += [word(x, y + 16, f"learning rate {each['rate']:g}", INK, "start", 12)]
    least = np.argwhere(losses == losses.min())[0][::-1] / (len(losses) - 1)
    ways.append(dot(side * least[0], side * (1 - least[1]), 4, INK))
    words.append(word(x, top + 264, "black dot: least loss", INK, "start", 12))
    one, other = (f"head.weight[{found['label']}, {each}], \u00b1{reach:.2g}" for each in found["pair"])
    words.append(word(left + side / 2, top + side + 20, one, FAINT, "middle", 12))
    turned = f'transform="rotate(-90 {left - 14} {top + side / 2})"'
    words.append(f"<g {turned}>{word(left - 14, top + side / 2, other, FAINT, 'middle', 12)}</g>")
    # What leaves the window is cut off by an inner drawing of its own.
    window = f'<svg x="{left:g}" y="{top:g}" width="{side:g}" height="{side:g}">{"".join(ways)}</svg>'
    marks = [cells(coloured(bands[::-1], PALE), left, top, side, side), window, *words]
    return figure([Panel(top + side + 32, marks)], "The way of three optimisers over the loss of two weights")


def convolution(kernels: Sequence[np.ndarray], first_maps: np.ndarray, found: Explanation) -> str:
    """Chapter 5: the six kernels of the first convolution and their maps, before training and after."""
    rows = (
        ("kernels at the start", "5 \u00d7 5 random weights", kernels[0]),
        ("their maps", "before training", first_maps),
        ("kernels as learnt", "5 \u00d7 5 weights", kernels[1]),
        ("their maps", "after training", found.layer("body.conv1").values),
    )
    marks = [heading("Six kernels of LeNet's first convolution", 0)]
    for number, (title, words, each) in enumerate(rows):
        y = 40.0 + 78 * number + 12 * (number // 2)
        marks += [bold(20, y + 32, title), word(20, y + 48, words, FAINT, "start", 12)]
        largest = float(np.abs(each).max())
        marks += [cells(signed(one, largest), _LEFT + 72 * at, y, 66, 66) for at, one in enumerate(each)]
    return figure([Panel(368, marks)], "The six kernels of the first convolution and their maps")


_LAYERS = {
    "conv1": "conv1",
    "pool1": "pool1, after 1 pool",
    "pool2": "pool2, after 2 pools",
    "linear4": "linear4",
}


def pooling(
    found: Explanation, shifts: Sequence[Mapping[str, Sequence[float]]], columns: Sequence[int]
) -> str:
    """Chapter 6: one map before and after pooling, and how far shifted images change each layer."""
    # Not at the border, where windows of the convolution see zeros beyond the image.
    inner = found.layer("body.pool1").values[:, 2:-2, 2:-2]
    channel, row, column = np.add(np.unravel_index(inner.argmax(), inner.shape), (0, 2, 2))
    maps = {name: found.layer(f"body.{name}").values[channel] for name in ("conv1", "pool1")}
    marks, cell = [heading("Max pooling: of four numbers the largest is kept", 0)], 240 / 14
    for x, (name, numbers) in zip((60.0, 350.0), maps.items(), strict=True):
        size = " \u00d7 ".join(map(str, numbers.shape))
        marks.append(cells(signed(numbers), x, 40, 240, 240))
        marks.append(word(x + 120, 298, f"{name}, map {channel}: {size} numbers", FAINT, "middle", 12))
        box = f'x="{x + column * cell:.1f}" y="{40 + row * cell:.1f}" width="{cell:.1f}" height="{cell:.1f}"'
        marks.append(f'<rect {box} fill="none" stroke="{INK}" stroke-width="2"/>')
    lines = []
    for (name, label), colour in zip(_LAYERS.items(), CATEGORIES[:3] + CATEGORIES[-1:], strict=True):
        change = 100 * np.mean([each[name] for each in shifts], axis=0)
        lines.append(Line(label, columns, change, colour=colour))
    words = ("How far a shifted image changes each layer", "pixels to the right", "change of the values, %")
    title = "One map before and after max pooling, and how far a shift changes each layer"
    return figure([Panel(316, marks), Lines(*words, lines)], title)
