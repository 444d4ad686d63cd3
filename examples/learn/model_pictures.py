"""Pictures of chapters 7 to 12 of Learn as SVG, each from its record: see models.py."""

import base64
import io
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from drawing import (
    CATEGORIES,
    FAINT,
    INK,
    TEAL,
    Line,
    Lines,
    dot,
    figure,
    heading,
    number,
    scale,
    stroke,
    word,
)
from PIL import Image

Record = dict[str, Any]

GRID = 48  # cells of a side of a map of answers
BLUE, ORANGE = CATEGORIES[0], CATEGORIES[1]
_LEFT, _RIGHT = 20.0, 620.0


@dataclass(frozen=True)
class Marks:
    """A panel of a figure that draws itself; `height` is in user units."""

    height: float
    draw: Callable[[float], str]

    def drawn(self, top: float) -> str:
        """The marks as SVG elements, from `top` downwards."""
        return self.draw(top)


def packed(image: np.ndarray) -> str:
    """A grey image (height, width) as PNG in base64."""
    stored = io.BytesIO()
    Image.fromarray(np.asarray(image).clip(0, 255).round().astype(np.uint8)).save(
        stored, "PNG", optimize=True
    )
    return base64.b64encode(stored.getvalue()).decode("ascii")


def image_at(x: float, y: float, size: float, png: str) -> str:
    return (
        f'<image x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" '
        f'href="data:image/png;base64,{png}" style="image-rendering: pixelated"/>'
    )


def box(x: float, y: float, width: float, height: float, fill: str, edge: str = "none") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{fill}" stroke="{edge}"/>'


def path(points: Sequence[tuple[float, float]], colour: str, width: float = 2, dashes: str = "") -> str:
    steps = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="{width:g}"{pattern}/>'


def turned(x: float, y: float, text: str, colour: str = INK) -> str:
    """A word that reads upwards from its end at a place."""
    return (
        f'<g transform="translate({x:.1f} {y:.1f}) rotate(-60)">{word(0, 0, text, colour, "start", 11)}</g>'
    )


def mixed(share: float, colour: str) -> str:
    """White mixed with a colour: none of it at 0, the colour itself at 1."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * min(1.0, share)):02x}" for part in parts)


def signed(value: float, most: float) -> str:
    """Blue below zero, white at it, orange above."""
    return mixed(abs(value) / most, ORANGE if value > 0 else BLUE)


# Chapter 7.

_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(0, x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}
_SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: (x > 0).astype(float),
    "sigmoid": lambda x: _FUNCTIONS["sigmoid"](x) * (1 - _FUNCTIONS["sigmoid"](x)),
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
}
_TITLES = {"relu": "ReLU", "sigmoid": "sigmoid", "tanh": "tanh"}


def activations(record: Record) -> str:
    def draw(top: float) -> str:
        parts = []
        most = max(max(of["share"][1:-1]) for of in record.values())  # the ends hold all that is beyond them
        for place, (name, of) in enumerate(record.items()):
            left, low = 40 + 200 * place, (-4, 4)
            x, y = scale(*low, left, left + 160), scale(-1.2, 3.2, top + 170, top + 50)
            bars = scale(0, most, top + 290, top + 205)
            xs = np.linspace(*low, 161)
            parts += [heading_at(left, top, _TITLES[name]), stroke(left, y(0), left + 160, y(0), FAINT, 1)]
            parts.append(
                path([(x(a), y(b)) for a, b in zip(xs, _FUNCTIONS[name](xs), strict=True) if b <= 3.2], TEAL)
            )
            parts.append(
                path([(x(a), y(b)) for a, b in zip(xs, _SLOPES[name](xs), strict=True)], ORANGE, 1.5, "4 3")
            )
            edges = np.linspace(-8, 8, len(of["share"]) + 1)
            for (start, end), share in zip(itertools.pairwise(edges), of["share"], strict=True):
                if low[0] <= start and end <= low[1]:
                    flat = _SLOPES[name](np.array([(start + end) / 2]))[0] < (
                        0.025 if name == "sigmoid" else 0.1
                    )
                    parts.append(
                        box(
                            x(start),
                            bars(share),
                            x(end) - x(start),
                            bars(0) - bars(share),
                            "#b9c2ca" if flat else TEAL,
                        )
                    )
            parts.append(stroke(left, bars(0), left + 160, bars(0), FAINT, 1))
            for tick in (-4, -2, 0, 2, 4):
                parts.append(word(x(tick), top + 306, f"{tick}", INK, "middle", 12))
            parts.append(word(left + 80, top + 326, f"{100 * of['flat']:.0f} % flat", FAINT, "middle", 12))
        parts.append(word(40, top + 60, "function", TEAL, "start", 12))
        parts.append(word(40, top + 76, "its slope (dashed)", ORANGE, "start", 12))
        parts.append(word(40, top + 198, "where the inputs of the units are", FAINT, "start", 12))
        parts.append(
            word(
                320,
                top + 348,
                "input of a unit of the first hidden layer; grey: its slope is under a tenth of the largest",
                FAINT,
                "middle",
                12,
            )
        )
        return "".join(parts)

    title = "Three activation functions, their slopes, and the inputs that the units of trained networks get"
    return figure([Marks(362, draw)], title)


def heading_at(left: float, top: float, text: str) -> str:
    return heading(text, top).replace('x="20"', f'x="{left:g}"')


# Chapter 8.


def dropout(record: Record) -> str:
    values, columns = np.array(record["values"]), 32
    most = float(values.max())

    def cells(top: float, mask: Sequence[int] | None) -> str:
        parts = []
        for at, value in enumerate(values):
            x, y = 150 + 11 * (at % columns), top + 11 * (at // columns)
            if mask is not None and not mask[at]:
                parts += [
                    box(x, y, 10, 10, "#ffffff", "#c9d0d6"),
                    stroke(x + 2, y + 8, x + 8, y + 2, "#c9d0d6", 1),
                ]
            else:
                scaled = value if mask is None else 2 * value
                parts.append(box(x, y, 10, 10, mixed(scaled / (2 * most) + 0.04, TEAL), "#e1e5e8"))
        return "".join(parts)

    def draw(top: float) -> str:
        parts = [
            heading("The 64 hidden units for one image", top),
            image_at(20, top + 42, 52, record["image"]),
        ]
        parts.append(word(20, top + 110, record["label"], INK, "start", 12))
        rows = [("answering", None, record["whole"])]
        rows += [
            (f"step {at + 1}", mask, answer)
            for at, (mask, answer) in enumerate(zip(record["masks"], record["answers"], strict=True))
        ]
        parts.append(word(620, top + 32, "probability of the class", FAINT, "end", 11))
        for at, (name, mask, answer) in enumerate(rows):
            y = top + 42 + 30 * at
            parts += [word(142, y + 14, name, INK, "end", 12), cells(y, mask)]
            parts += [box(512, y + 5, 80, 10, "#eef1f3"), box(512, y + 5, 80 * answer, 10, TEAL)]
            parts.append(word(598, y + 14, f"{answer:.2f}", INK, "start", 12))
        parts.append(
            word(
                150,
                top + 206,
                "crossed out: dropped in this step; the others count double",
                FAINT,
                "start",
                12,
            )
        )
        return "".join(parts)

    def histogram(top: float) -> str:
        x, y = scale(0, 1, 64, 600), scale(0, max(record["share"]), top + 150, top + 40)
        parts = [heading("The same image through 2,000 masks", top)]
        width = 1 / len(record["share"])
        for at, share in enumerate(record["share"]):
            parts.append(box(x(at * width), y(share), x(width) - x(0) - 1, y(0) - y(share), "#9fc3c6"))
        parts.append(stroke(64, y(0), 600, y(0), FAINT, 1))
        for value, words, colour, at in (
            (record["mean"], "mean", ORANGE, 60),
            (record["whole"], "without dropout", TEAL, 44),
        ):
            parts.append(stroke(x(value), top + at, x(value), y(0), colour, 2))
            parts.append(word(x(value) - 6, top + at + 4, f"{words} {value:.2f}", colour, "end", 12))
        for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
            parts.append(word(x(tick), top + 168, number(tick), INK, "middle", 12))
        parts.append(word(332, top + 188, f"probability of {record['label']}", FAINT, "middle", 12))
        return "".join(parts)

    title = "One hidden layer with and without dropout, and the answers of 2,000 masks for one image"
    return figure([Marks(222, draw), Marks(200, histogram)], title)


# Chapter 9.


def recurrent(record: Record) -> str:
    tokens, memory = record["tokens"], np.array(record["memory"])
    step = min(40.0, 480 / len(tokens))
    left, most = 110.0, float(np.abs(memory).max())
    middle = [left + step * (at + 0.5) for at in range(len(tokens))]

    def gates(top: float) -> str:
        y = scale(0, 1, top + 210, top + 110)
        parts = [heading(f"A spam mail, read token by token: the gates of unit {record['unit']}", top)]
        parts += [turned(x, top + 98, token[:14]) for x, token in zip(middle, tokens, strict=True)]
        for tick in (0, 0.5, 1):
            parts += [
                stroke(left, y(tick), left + step * len(tokens), y(tick), "#e6e9ec", 1),
                word(left - 8, y(tick) + 4, number(tick), INK, "end", 12),
            ]
        ends = []
        for colour, (name, of) in zip((ORANGE, TEAL, FAINT), record["gates"].items(), strict=True):
            parts.append(path([(x, y(value)) for x, value in zip(middle, of, strict=True)], colour))
            ends.append((name, colour))
        for at, (name, colour) in enumerate(ends):
            parts.append(word(left + 150 * at, top + 232, name, colour, "start", 12))
        return "".join(parts)

    def cells(top: float) -> str:
        parts = [heading("The memory s of twelve units after each token", top)]
        for row, of in enumerate(memory):
            for at, value in enumerate(of):
                parts.append(
                    box(left + step * at, top + 36 + 12 * row, step - 1, 11, signed(float(value), most))
                )
        end = top + 36 + 12 * len(memory)
        parts.append(word(left - 8, top + 45, f"unit {record['unit']}", INK, "end", 12))
        for at, share in enumerate((-1.0, -0.5, 0.0, 0.5, 1.0)):
            parts.append(box(left + 26 * at, end + 10, 25, 11, signed(share * most, most), "#e1e5e8"))
        parts.append(word(left - 8, end + 20, f"{-most:.2g}".replace("-", "\u2212"), INK, "end", 12))
        parts.append(word(left + 136, end + 20, f"{most:.2g}", INK, "start", 12))
        return "".join(parts)

    title = "An LSTM unrolled over a spam mail: gates of one unit and the memory of twelve"
    return figure([Marks(246, gates), Marks(220, cells)], title)


# Chapters 10 and 11.


def _image_rows(rows: Sequence[tuple[str, str, Sequence[str]]], columns: Sequence[str], title: str) -> Marks:
    """Rows of images: each a name, words below it, and its images."""

    def draw(top: float) -> str:
        parts = [heading(title, top)] if title else []
        for at, name in enumerate(columns):
            parts.append(word(150 + 47 * at + 22, top + 42, _short(name), FAINT, "middle", 10))
        for row, (name, words, images) in enumerate(rows):
            y = top + 50 + 50 * row
            parts += [word(20, y + 20, name, INK, "start", 12), word(20, y + 36, words, FAINT, "start", 11)]
            parts += [image_at(150 + 47 * at, y, 44, png) for at, png in enumerate(images)]
        return "".join(parts)

    return Marks(60 + 50 * len(rows), draw)


def _short(name: str) -> str:
    return {"Ankle boot": "Boot", "T-shirt/top": "T-shirt"}.get(name, name)


def autoencoder(record: Record) -> str:
    rows, error = record["rows"], record["error"]
    rebuilt = [
        ("test image", "", rows["real"]),
        ("by the VAE", f"error {error['VAE']:.1f}", rows["VAE"]),
        ("by 32 components", f"error {error['PCA']:.1f}", rows["PCA"]),
    ]
    new = [
        ("VAE", "from its prior", rows["made by VAE"]),
        ("PCA", "normal distribution", rows["made by PCA"]),
    ]
    panels = [
        _image_rows(rebuilt, record["classes"], "Rebuilt from 32 numbers"),
        _image_rows(new, record["classes"], "New images, from random numbers"),
    ]
    return figure(panels, "Images rebuilt and made by a VAE and by principal components")


def gan(record: Record) -> str:
    longest = list(record.values())[-1]
    lines = [
        Line(
            words,
            range(1, len(longest["history"]) + 1),
            [each[key] for each in longest["history"]],
            colour=colour,
        )
        for words, key, colour in (
            ("discriminator", "train_loss", BLUE),
            ("generator", "train_generator_loss", ORANGE),
        )
    ]
    rows = [
        (f"{epochs} pass{'es' if epochs != '1' else ''}", f"distance {of['frechet']:.1f}", of["images"])
        for epochs, of in record.items()
    ]
    panels: list[Any] = [
        Lines("The losses of both networks", "passes over the images", "loss, nats", lines),
        _image_rows(rows, longest["classes"], "What the generator makes of the same noise"),
    ]
    return figure(panels, "Both losses of a GAN over its training, and images after several passes")


# Chapter 12.


def classical(record: Record) -> str:
    names = {
        "logistic-regression": "logistic regression",
        "svm": "support vector machine",
        "random-forest": "random forest",
        "mlp": "perceptron",
    }
    points, edge, side = np.array(record["points"]), record["edge"], 270.0

    def draw(top: float) -> str:
        parts = []
        for place, (name, words) in enumerate(names.items()):
            of = record["models"][name]
            left, upper = 30 + 300 * (place % 2), top + 44 + 340 * (place // 2)
            x, y = scale(-edge, edge, left, left + side), scale(-edge, edge, upper + side, upper)
            cell = side / GRID
            grid = np.array(of["grid"]).reshape(GRID, GRID) / 255
            for row, line in enumerate(grid):
                start = 0
                shades = [_shade(float(share)) for share in line]
                for shade, run in itertools.groupby(shades):
                    length = len(list(run))
                    parts.append(
                        box(
                            left + cell * start,
                            upper + side - cell * (row + 1),
                            cell * length + 0.3,
                            cell + 0.3,
                            shade,
                        )
                    )
                    start += length
            for (a, b), first in zip(points, record["is_first"], strict=True):
                parts.append(dot(x(a), y(b), 2, BLUE if first else ORANGE))
            parts.append(heading_at(left, upper - 36, words))
            kept = f"; {of['kept']} support vectors" if of["kept"] else ""
            parts.append(
                word(
                    left,
                    upper + side + 18,
                    f"right on {of['train']:.3f}, on others {of['test']:.3f}{kept}",
                    FAINT,
                    "start",
                    11,
                )
            )
        return "".join(parts)

    title = "Where four models answer pullover (blue) or dress (orange), by two numbers of an image"
    return figure([Marks(700, draw)], title)


def _shade(share: float) -> str:
    """Background of an answer in eleven steps, pale enough for points upon it."""
    step = round(10 * share) / 10
    return signed(0.45 * (1 - 2 * step), 1)
