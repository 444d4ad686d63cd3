"""Plots as plain SVG: dots with intervals, and lines with direct labels, in the colours of the reports."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 640.0, 190.0, 620.0
TEAL, INK, FAINT = "#0b5f66", "#26303a", "#8a949e"
# Okabe and Ito's colours, the darker ones first.
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_ROW, _LABEL = 26.0, 15.0


@dataclass(frozen=True)
class Row:
    """One line of a dot plot: an estimate, its interval, and single values, drawn faintly above the bar."""

    label: str
    value: float
    low: float
    high: float
    all: Sequence[float] = ()


@dataclass(frozen=True)
class Dots:
    """A dot for each row, its interval as a thin bar, beside a value such as zero or chance and its name."""

    title: str
    axis: str
    rows: Sequence[Row]
    line: tuple[float, str] | None = None

    @property
    def height(self) -> float:
        """Height in user units."""
        return 44 + _ROW * len(self.rows) + 50

    def drawn(self, top: float) -> str:
        """The marks as SVG elements, from `top` downwards."""
        values = [each for row in self.rows for each in (row.low, row.high, row.value, *row.all)]
        if self.line:
            values.append(self.line[0])
        low, high = padded(min(values), max(values))
        place = scale(low, high, LEFT, RIGHT)
        bottom = top + 40 + _ROW * len(self.rows)
        parts = [heading(self.title, top), _x_axis(low, high, place, bottom, self.axis)]
        if self.line:
            at = place(self.line[0])
            parts.append(stroke(at, top + 34, at, bottom, FAINT, 1, "4 3"))
            if self.line[1]:
                side, anchor = (4, "start") if at < RIGHT - 80 else (-4, "end")
                parts.append(word(at + side, top + 36, self.line[1], FAINT, anchor, 11))
        for number, row in enumerate(self.rows):
            y = top + 40 + _ROW * (number + 0.5)
            parts.append(word(LEFT - 12, y + 4, row.label, INK, "end"))
            parts += [dot(place(each), y - 7, 1.8, FAINT) for each in row.all]
            parts.append(stroke(place(row.low), y, place(row.high), y, TEAL, 2))
            parts.append(dot(place(row.value), y, 4.2, TEAL))
        return "".join(parts)


@dataclass(frozen=True)
class Line:
    """One line of a line plot: its label stands at its right end; intervals where there are any."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    colour: str = TEAL


@dataclass(frozen=True)
class Lines:
    """Lines over a common axis, either axis perhaps logarithmic."""

    title: str
    x_axis: str
    y_axis: str
    lines: Sequence[Line]
    log_x: bool = False
    log_y: bool = False

    height = 320.0

    def drawn(self, top: float) -> str:
        """The marks as SVG elements, from `top` downwards."""
        left, right, upper, lower = 64.0, 450.0, top + 52, top + 262
        xs = [each for line in self.lines for each in line.xs]
        ys = [each for line in self.lines for each in (*line.ys, *line.lows, *line.highs)]
        x_place, x_ticks = _axis(xs, left, right, self.log_x)
        y_place, y_ticks = _axis(ys, lower, upper, self.log_y)
        parts = [heading(self.title, top), word(left - 44, upper - 10, self.y_axis, FAINT, "start", 12)]
        parts += [stroke(left, y_place(each), right, y_place(each), "#e6e9ec", 1) for each in y_ticks]
        parts += [word(left - 8, y_place(each) + 4, number(each), INK, "end", 12) for each in y_ticks]
        parts += [word(x_place(each), lower + 18, number(each), INK, "middle", 12) for each in x_ticks]
        parts.append(word((left + right) / 2, lower + 38, self.x_axis, FAINT, "middle", 12))
        heights = parted([y_place(line.ys[-1]) for line in self.lines])
        for line, height in zip(self.lines, heights, strict=True):
            parts.append(_line(line, x_place, y_place))
            parts.append(word(right + 12, height + 4, line.label, line.colour, "start"))
        return "".join(parts)


def figure(panels: Sequence[Dots | Lines], description: str) -> str:
    """Panels one below the other, as SVG; the description says for screen readers what they show."""
    marks, top = [], 8.0
    for panel in panels:
        marks.append(panel.drawn(top))
        top += panel.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {top:g}" role="img" '
        f'font-family="{_FONT}" font-size="13">\n<title>{escape(description)}</title>\n'
        f'<rect width="{WIDTH:g}" height="{top:g}" rx="6" fill="#ffffff"/>\n'
        + "".join(marks).replace("><", ">\n<")
        + "\n</svg>\n"
    )


def heading(text: str, top: float) -> str:
    place = f'x="20" y="{top + 20:g}"'
    return f'<text {place} fill="{INK}" font-size="14" font-weight="600">{escape(text)}</text>'


def word(x: float, y: float, text: str, colour: str, anchor: str, size: float = 13) -> str:
    shade = "#5c6770" if colour == FAINT else colour
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{shade}" text-anchor="{anchor}" font-size="{size:g}" '
        f'style="font-variant-numeric: tabular-nums">{escape(text)}</text>'
    )


def stroke(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, dashes: str = "") -> str:
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{pattern}/>'
    )


def dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>'


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def padded(low: float, high: float) -> tuple[float, float]:
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [round(step * each, 12) for each in places]


def number(value: float) -> str:
    if value and (abs(value) < 0.001 or abs(value) >= 1e6):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def parted(heights: Sequence[float]) -> list[float]:
    """Move labels apart so that none lies on another."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for _ in order:
        for above, below in itertools.pairwise(order):
            overlap = moved[above] + _LABEL - moved[below]
            if overlap > 0:
                moved[above] -= overlap / 2
                moved[below] += overlap / 2
    return moved


def _axis(
    values: Sequence[float], start: float, end: float, log: bool
) -> tuple[Callable[[float], float], list[float]]:
    if not log:
        low, high = padded(min(values), max(values))
        return scale(low, high, start, end), ticks(low, high)
    low, high = padded(math.log10(min(values)), math.log10(max(values)))
    place = scale(low, high, start, end)
    powers = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 3) if high - low < 3 else (1,)
    every = max(1, (len(powers) - 1) // 6)
    shown = [factor * 10.0**power for power in powers[::every] for factor in factors]
    return lambda value: place(math.log10(value)), [each for each in shown if low <= math.log10(each) <= high]


def _x_axis(low: float, high: float, place: Callable[[float], float], y: float, name: str) -> str:
    parts = [stroke(LEFT, y, RIGHT, y, FAINT, 1)]
    for each in ticks(low, high):
        parts.append(stroke(place(each), y, place(each), y + 4, FAINT, 1))
        parts.append(word(place(each), y + 18, number(each), INK, "middle", 12))
    parts.append(word((LEFT + RIGHT) / 2, y + 36, name, FAINT, "middle", 12))
    return "".join(parts)


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    path = " L".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(line.xs, line.ys, strict=True))
    parts = [f'<path d="M{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>']
    if line.lows:
        parts += [
            stroke(x(a), y(low), x(a), y(high), line.colour, 1.2)
            for a, low, high in zip(line.xs, line.lows, line.highs, strict=True)
        ]
    if len(line.xs) <= 12:
        parts += [dot(x(a), y(b), 3, line.colour) for a, b in zip(line.xs, line.ys, strict=True)]
    return "".join(parts)
