r"""Siblings among images: bursts of one scene, confirmed by registration.

Registration lays two images over each other, so that only what differs between them is left.
One image is moved and scaled about its middle, $x \mapsto (1 + a)\,x + t$, to where its correlation $\rho$
with the other is largest, as far as that can be reached from a shift that is nearly right. With both images
about their means and at length 1, $\hat u$ and $\hat v(a, t)$, a step of Gauss and Newton solves

$$\min_{d}\; \bigl\lVert (\hat u - \rho \hat v)/\rho - J d \bigr\rVert^2, \qquad
J = (I - \hat v \hat v^\top)\, \partial v / \lVert v \rVert .$$

Means and lengths are taken where the two overlap, each channel about its own mean, so that brightness does
not count.

Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique"; Evangelidis and Psarakis 2008,
"Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization".
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from pellucid.data.image_copies import averaging
from pellucid.data.listing import Images, Listing
from pellucid.progress import counted
from pellucid.targets import class_labels

Cells = Float32[np.ndarray, "m channels side side"]

Moves = Float32[np.ndarray, "m 3"]
Likeness = Float32[np.ndarray, " m"]
Pairs = Int64[np.ndarray, "pairs 2"]
Positions = Int64[np.ndarray, " positions"]
Pixels = UInt8[np.ndarray, "n height width channels"]

_MOST_SCALE = 0.2  # of a registration, beside 1
_MOST_SHIFT = 0.2  # share of the side
_SCALE_STEP = 0.06  # most of one step
_SHIFT_STEP = 0.1  # most of one step, as a share of the side
_LEAST_OVERLAP = 0.5
_DAMPING = 1e-4


class Laid(NamedTuple):
    """The second images of pairs, laid over the first."""

    # correlation where they overlap, the largest on the way there; -1 without an overlap
    likeness: Likeness
    # scale $a$ and the shifts $t$ down and across, these as shares of the side
    moved: Moves


def register(one: Cells, other: Cells, moved: Moves, steps: int) -> Laid:
    """Lay the second image of each pair over the first, beginning at `moved`, in so many steps."""
    side = one.shape[-1]
    slopes = [np.gradient(other, axis=axis).astype(np.float32) for axis in (2, 3)]
    largest, limit = np.full(len(one), -1.0, np.float32), (_MOST_SCALE, _MOST_SHIFT, _MOST_SHIFT)
    best = moved
    for step in range(steps + 1):
        view = _View.at(moved, side)
        u, v = view.centred(one), view.centred(view.of(other))
        lengths = [np.sqrt(np.einsum("mcij,mcij->m", each, each) + 1.0) for each in (u, v)]
        # Images of one brightness all over have nothing to compare.
        found = np.einsum("mcij,mcij->m", u, v) / (lengths[0] * lengths[1])
        overlap = view.inside.mean(axis=(1, 2, 3))
        found = np.where(overlap >= _LEAST_OVERLAP, found, -1.0).astype(np.float32)
        best = np.where((found > largest)[:, None], moved, best)
        largest = np.maximum(largest, found)
        if step < steps:
            one_unit, other_unit = u / lengths[0][:, None, None, None], v / lengths[1][:, None, None, None]
            change = _step(view, one_unit, other_unit, [view.of(each) for each in slopes], lengths[1], found)
            moved = np.clip(moved + change, np.negative(limit), limit).astype(np.float32)
    return Laid(largest, best)


class _View(NamedTuple):
    """The square of the first image as it lies in the second."""

    down: Float32[np.ndarray, "m 1 side side"]  # weights of the rows of the second for each row of the view
    across: Float32[np.ndarray, "m 1 side side"]  # weights of its columns for each column
    inside: Float32[np.ndarray, "m 1 side side"]  # 1 where the view lies in the second, 0 elsewhere
    axis: Float32[np.ndarray, " side"]  # places from the middle, in cells

    @classmethod
    def at(cls, moved: Moves, side: int) -> "_View":
        """View of a scale and shifts; scale and shift act on rows and columns alone, so two products do."""
        axis = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
        places = (1 + moved[:, :1]) * axis + np.float32((side - 1) / 2)
        rows, columns = places + side * moved[:, 1:2], places + side * moved[:, 2:3]
        is_in = [(each >= 0) & (each <= side - 1) for each in (rows, columns)]
        inside = (is_in[0][:, None, :, None] & is_in[1][:, None, None, :]).astype(np.float32)
        down, across = (
            np.maximum(0, 1 - abs(each[:, None, :, None] - np.arange(side, dtype=np.float32)))
            for each in (rows, columns)
        )
        return cls(down, across.swapaxes(2, 3), inside, axis)

    def of(self, other: Cells) -> Cells:
        """Values that the view shows, interpolated between cells."""
        shown: Cells = self.down @ other @ self.across
        return shown

    def centred(self, cells: Cells) -> Cells:
        """Each channel about its mean inside, and 0 outside."""
        count = np.maximum(self.inside.sum(axis=(2, 3), keepdims=True), 1)
        mean = (cells * self.inside).sum(axis=(2, 3), keepdims=True) / count
        found: Cells = (cells - mean) * self.inside
        return found


def _step(
    view: _View, u: Cells, v: Cells, slopes: list[Cells], length: Likeness, likeness: Likeness
) -> Moves:
    """One step of Gauss and Newton, as a change of scale and shifts."""
    down, across = slopes
    side = len(view.axis)
    changes = [down * view.axis[:, None] + across * view.axis, side * down, side * across]
    scaled = [view.centred(each) / length[:, None, None, None] for each in changes]
    columns = np.stack([each.reshape(len(u), -1) for each in scaled], axis=1)
    v = v.reshape(len(u), -1)
    columns -= (columns @ v[:, :, None]) * v[:, None]
    rest = u.reshape(len(u), -1) - likeness[:, None] * v
    towards = columns @ rest[:, :, None] / np.maximum(likeness, 0.3)[:, None, None]
    # In cells the three are of one size, which the damping has to respect.
    size = np.array([1, side, side], np.float32)
    square = columns @ columns.swapaxes(1, 2) + _DAMPING * np.diag(size**2)
    change = np.linalg.solve(square, towards)[:, :, 0]
    most = (_SCALE_STEP, _SHIFT_STEP, _SHIFT_STEP)
    found: Moves = np.clip(change, np.negative(most), most).astype(np.float32)
    return found


# Scenes: which pairs of images show the same one, judged against pairs that do not.
#
# The likeness of two images is their correlation, each channel about its own mean: at 16 x 16 cells the
# largest over shifts of up to two cells, and, of pairs that are rather alike by that, at 32 x 32 cells where
# one lies best over the other (`register`): two shirts on white differ by less than two frames of one shirt
# that are shifted a little.
#
# How alike two images of one scene must be depends on the data: two photographs of cats differ more than two
# shirts. So suspected pairs are compared with pairs of the same label that nothing makes suspicious, and a
# pair is confirmed where its likeness is at least the smallest $t$ for which
#
# $$\frac{P(\text{likeness of the others} \ge t)}{P(\text{likeness of the suspected} \ge t)} \le 0.01,$$
#
# which is the share of false ones among the confirmed (false discovery rate) or less; no more than a stated
# share of the others may reach $t$, and below 0.75 no two images are one scene. Where names or times say
# nothing, as in shuffled data, both shares are equal, and nothing is confirmed.
#
# Source: Storey and Tibshirani 2003, "Statistical significance for genomewide studies"; Elias and Gygi 2007,
# "Target-decoy search strategy" (decoys in place of a formula for chance).

FALSE_AMONG_CONFIRMED = 0.01
LEAST_LIKENESS = 0.75
SIDE = 16  # cells
REACH = 2  # cells by which one image is shifted
FINE_SIDE = 32  # cells
STEPS = 2  # of Gauss and Newton
# Shares of the others, of the most alike, that are compared more closely.
ON_TO_REGISTER = 0.5  # share
ON_TO_FINE = 0.2  # share

SCENE_RULE = (
    FALSE_AMONG_CONFIRMED, LEAST_LIKENESS, SIDE, REACH, FINE_SIDE, STEPS, ON_TO_REGISTER, ON_TO_FINE,
)  # fmt: skip

_COARSE_SIDE = 8  # cells
_COARSE_REACH = 1  # cells by which one image is shifted
_COARSE_LEAST = 0.6  # correlation
_TOGETHER = 256

# Comparisons, each closer than the one before: cells along a side, cells by which one image is shifted each
# way (`None` where it is laid over the other), and the share of the others, of the most alike, that goes on.
_COMPARISONS = (
    (_COARSE_SIDE, _COARSE_REACH, 1.0),
    (SIDE, REACH, ON_TO_REGISTER),
    (SIDE, None, ON_TO_FINE),
    (FINE_SIDE, None, 1.0),
)


def of_one_scene(
    pixels: Pixels, suspected: Pairs, others: Int64[np.ndarray, "others 2"], most_false: float
) -> Bool[np.ndarray, " pairs"]:
    """Confirm the suspected pairs that are more alike than chance allows, by the rule above.

    `others` are unsuspicious pairs of the same labels, of which a share of `most_false` may reach what is
    confirmed.
    """
    if len(suspected) == 0 or len(others) == 0 or min(pixels.shape[1:3]) < _COARSE_SIDE:
        return np.zeros(len(suspected), bool)
    found, by_chance = likenesses(pixels, suspected, others)
    in_order = np.sort(found)
    levels = in_order[in_order >= LEAST_LIKENESS]
    reached = len(by_chance) - np.searchsorted(np.sort(by_chance), levels)
    confirmed = len(found) - np.searchsorted(in_order, levels)
    # One is added to what chance reached, so that few other pairs cannot look like none.
    is_enough = (reached + 1) / len(by_chance) <= FALSE_AMONG_CONFIRMED * confirmed / len(found)
    is_enough &= reached <= most_false * len(by_chance)
    if not is_enough.any():
        return np.zeros(len(suspected), bool)
    return found >= levels[is_enough][0]  # type: ignore[no-any-return]


def likenesses(
    pixels: Pixels, suspected: Pairs, others: Int64[np.ndarray, "others 2"]
) -> tuple[Float32[np.ndarray, " pairs"], Float32[np.ndarray, " others"]]:
    """Likeness of suspected pairs and of others, at most 1; 0 of those not compared closely."""
    pairs = np.concatenate([suspected, others])
    found, moved = np.ones(len(pairs), np.float32), np.zeros((len(pairs), 3), np.float32)
    for side, reach, share in _COMPARISONS:
        kept = np.flatnonzero(found)
        starts = range(0, len(kept), _TOGETHER)
        for start in counted(starts, "comparing images that may show one scene", len(kept), _TOGETHER):
            part = kept[start : start + _TOGETHER]
            positions, places = np.unique(pairs[part], return_inverse=True)
            cells = _cells(pixels[positions], side)
            one, other = (cells[side_of_pair] for side_of_pair in places.reshape(-1, 2).T)
            found[part], moved[part] = (
                register(one, other, moved[part], STEPS) if reach is None else _best_shift(one, other, reach)
            )
        least = float(np.quantile(found[len(suspected) :], 1 - share, method="lower"))
        found[found < max(_COARSE_LEAST, least)] = 0.0
    return found[: len(suspected)], found[len(suspected) :]


def _cells(images: UInt8[np.ndarray, "m height width channels"], side: int) -> Cells:
    """Means of equal cells; of large images, of some pixels."""
    steps = [max(1, length // (4 * side)) for length in images.shape[1:3]]
    sampled = images[:, :: steps[0], :: steps[1]].astype(np.float32).transpose(0, 3, 1, 2)
    down, across = (averaging(length, side) for length in sampled.shape[2:])
    cells: Cells = down @ sampled @ across.T
    return cells


def _best_shift(one: Cells, other: Cells, reach: int) -> Laid:
    """Largest correlation over all shifts, in what the two then have in common."""
    side = one.shape[-1]
    best, moved = np.full(len(one), -1.0, np.float32), np.zeros((len(one), 3), np.float32)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            rows, columns = side - abs(down), side - abs(across)
            top, left = max(down, 0), max(across, 0)
            first = one[:, :, top : top + rows, left : left + columns]
            top, left = max(-down, 0), max(-across, 0)
            second = other[:, :, top : top + rows, left : left + columns]
            first, second = (each - each.mean(axis=(2, 3), keepdims=True) for each in (first, second))
            product, *powers = (
                np.einsum("mcij,mcij->m", *each)
                for each in ((first, second), (first, first), (second, second))
            )
            # Images of one brightness all over have nothing to compare.
            found = product / np.sqrt(powers[0] * powers[1] + 1.0)
            moved[found > best] = (0.0, -down / side, -across / side)
            np.maximum(best, found, out=best)
    return Laid(best, moved)


# Bursts: images of one scene, taken one after the other, by the camera's clock or by numbered names.
#
# Two orders raise a suspicion, and the images themselves confirm it (`of_one_scene`):
#
# 1. The camera's clock (EXIF): same make, model and serial number, at most 3 seconds after the one before.
# 2. Numbered names: `IMG_0412.jpg` and `IMG_0413.jpg` of one folder, equal but for the last number in the
#    name, which is at most 3 further, or as far as the numbers of that folder usually are from each other
#    (every tenth frame of a video). Folders that only name a split (`train`, `test`) count as one.
#
# Of each order an image is compared with the next one and the one after: a single blurred frame divides no
# burst.

# How many planted bursts these keep together, and innocent images they join: docs/experiments/judging.md.
MOST_SECONDS = 3.0
MOST_STEPS = 3
FALSE_BY_CLOCK = 0.01  # share that chance may confirm
FALSE_BY_NAME = 0.002  # the same where the order is that of names
_AHEAD = 2
_OTHERS = 10_000
_DRAWS = (0xB0857,)
_NUMBERED = re.compile(r"(\D*)(\d+)(.*)", re.DOTALL | re.ASCII)
_SPLIT_FOLDERS = frozenset({"train", "val", "validation", "test"})

BURST_RULE = (MOST_SECONDS, MOST_STEPS, FALSE_BY_CLOCK, FALSE_BY_NAME, _AHEAD, _OTHERS)

# Sequence and place in it of each image; sequence -1 where it has none.
Order = Int64[np.ndarray, "n 2"]


def bursts(listing: Listing, images: Images, positions: Positions) -> Int64[np.ndarray, "links 2"]:
    """Link images, one of each exact content, of one scene that follow one another, by the rule above."""
    links = [np.zeros((0, 2), np.int64)]
    labels = np.zeros(len(listing), np.int64)
    if listing.coded.names:
        labels = class_labels(listing.labels).values
    for order, most, most_false in _orders(listing, images, positions):
        suspected = _following(order, most, positions)
        if len(suspected):
            others = _unrelated(order, labels, positions)
            links.append(suspected[of_one_scene(images.pixels, suspected, others, most_false)])
    return np.concatenate(links)


def _following(
    order: Order, most: Int64[np.ndarray, " sequences"], positions: Int64[np.ndarray, " positions"]
) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs of a sequence near enough to be of one burst, each with the next and the one after."""
    placed = positions[order[positions, 0] >= 0]
    placed = placed[np.lexsort((order[placed, 1], order[placed, 0]))]
    found = [np.zeros((0, 2), np.int64)]
    for ahead in range(1, _AHEAD + 1):
        one, other = placed[:-ahead], placed[ahead:]
        same = order[one, 0] == order[other, 0]
        near = order[other, 1] - order[one, 1] <= ahead * most[order[one, 0]]
        found.append(np.stack([one, other], axis=1)[same & near])
    return np.concatenate(found)


def _orders(
    listing: Listing, images: Images, positions: Positions
) -> Iterator[tuple[Order, Int64[np.ndarray, " sequences"], float]]:
    """Each order of images, and how far two of a sequence may be from each other in a burst.

    Last the share of chance pairs that may reach what is confirmed: by numbers all of a folder is suspected.
    """
    if images.taken is not None:
        times, cameras = images.taken.T
        has_time = times >= 0
        order = np.stack([np.unique(cameras, return_inverse=True)[1].reshape(-1), times], axis=1)
        order[~has_time, 0] = -1
        yield order, np.full(int(order[:, 0].max(initial=0)) + 1, int(1000 * MOST_SECONDS)), FALSE_BY_CLOCK
    if listing.paths is not None:
        order = by_names([str(path) for path in listing.paths])
        # For each sequence the median step from one number to the next, three at least.
        count = int(order[:, 0].max(initial=-1)) + 1
        steps = np.full(count, MOST_STEPS, np.int64)
        places = order[positions]
        places = places[places[:, 0] >= 0]
        places = places[np.lexsort((places[:, 1], places[:, 0]))]
        for part in np.split(places, np.flatnonzero(np.diff(places[:, 0])) + 1) if len(places) else []:
            if len(part) > _AHEAD:
                steps[part[0, 0]] = max(MOST_STEPS, int(np.median(np.diff(part[:, 1]))))
        yield order, steps, FALSE_BY_NAME


def by_names(paths: Sequence[str]) -> Order:
    """Sequence and number of each path by its name; names without a number are in no sequence."""
    sequences: dict[tuple[str, str, str], int] = {}
    order = np.full((len(paths), 2), -1, np.int64)
    for index, path in enumerate(paths):
        folder, name = os.path.split(path)
        stem, ending = os.path.splitext(name)
        # The last number counts: `video3_frame_0012` is the twelfth frame.
        match = _NUMBERED.fullmatch(stem[::-1])
        if match is None or len(match[2]) > 18:
            continue
        parts = [part for part in folder.split(os.sep) if part.lower() not in _SPLIT_FOLDERS]
        behind, number, before = (part[::-1] for part in match.groups())
        key = (os.sep.join(parts), before.lower(), behind.lower() + ending.lower())
        order[index] = sequences.setdefault(key, len(sequences)), int(number)
    return order


def _unrelated(
    order: Order, labels: Int64[np.ndarray, " n"], positions: Positions
) -> Int64[np.ndarray, "others 2"]:
    """Pairs of the same label that no order brings together.

    Of two sequences, or with at least a quarter of the label's images of the sequence between them: nearer
    ones may be of one scene, as the frames of a long video are.
    """
    placed = positions[order[positions, 0] >= 0]
    placed = placed[np.lexsort((order[placed, 1], order[placed, 0], labels[placed]))]
    label, sequence = labels[placed], order[placed, 0]
    starts, ends = (np.searchsorted(label, label, side=side) for side in ("left", "right"))
    part = np.unique(np.stack([label, sequence], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    quarter = np.maximum(np.bincount(part)[part] // 4, _AHEAD + 1)
    # The raw stream of a bit generator is the same in every version of numpy.
    stream = np.random.PCG64(np.random.SeedSequence(len(placed), spawn_key=_DRAWS))
    draws = -(-_OTHERS // len(placed))
    one = np.tile(np.arange(len(placed)), draws)
    drawn = stream.random_raw(len(one)) % (ends - starts)[one].astype(np.uint64)
    other = starts[one] + drawn.astype(np.int64)
    is_apart = (sequence[one] != sequence[other]) | (abs(one - other) >= quarter[one])
    pairs = np.unique(np.sort(np.stack([one, other], axis=1)[is_apart], axis=1), axis=0)
    kept = pairs[np.argsort(stream.random_raw(len(pairs)), kind="stable")[:_OTHERS]]
    return placed[kept]  # type: ignore[no-any-return]
