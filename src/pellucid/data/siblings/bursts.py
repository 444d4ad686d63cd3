"""Bursts: images of one scene, taken one after the other, by the camera's clock or by numbered names.

Two orders raise a suspicion, and the images themselves confirm it (`scenes.py`):

1. The camera's clock (EXIF): same make, model and serial number, at most 3 seconds after the one before.
2. Numbered names: `IMG_0412.jpg` and `IMG_0413.jpg` of one folder, equal but for the last number in the name,
   which is at most 3 further, or as far as the numbers of that folder usually are from each other (every
   tenth frame of a video). Folders that only name a split (`train`, `test`) count as one.

Of each order an image is set against the next one and the one after, so that a single blurred frame does not
part a burst.
"""

import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int64

from pellucid.data.listing import Images, Listing
from pellucid.data.siblings.scenes import of_one_scene

MOST_SECONDS = 3.0
MOST_STEPS = 3
FALSE_BY_CLOCK, FALSE_BY_NAME = 0.01, 0.002
_AHEAD = 2
_OTHERS = 10_000
_DRAWS = (0xB0857,)
_NUMBERED = re.compile(r"(\D*)(\d+)(.*)", re.DOTALL | re.ASCII)
_SPLIT_FOLDERS = frozenset({"train", "val", "validation", "test"})

RULE = (MOST_SECONDS, MOST_STEPS, FALSE_BY_CLOCK, FALSE_BY_NAME, _AHEAD, _OTHERS)

# Sequence and place in it of each image; sequence -1 where it has none.
Order = Int64[np.ndarray, "n 2"]


def bursts(
    listing: Listing, images: Images, positions: Int64[np.ndarray, " positions"]
) -> Int64[np.ndarray, "links 2"]:
    """Link images of one scene that follow one another, by the rule at the top of this file.

    `positions` ascend and hold one usable image of each exact content.
    """
    links = [np.zeros((0, 2), np.int64)]
    labels = np.zeros(len(listing), np.int64)
    if listing.values is None:
        labels = np.unique(np.array(listing.labels), return_inverse=True)[1].reshape(-1)
    for order, most, most_false in _orders(listing, images, positions):
        suspected = _following(order, most, positions)
        if len(suspected):
            others = _apart(order, labels, positions)
            links.append(suspected[of_one_scene(images.pixels, suspected, others, most_false)])
    return np.concatenate(links)


def _orders(
    listing: Listing, images: Images, positions: Int64[np.ndarray, " positions"]
) -> Iterator[tuple[Order, Int64[np.ndarray, " sequences"], float]]:
    """Each order of images, with the farthest that two of a sequence may lie apart in a burst.

    Last the share of chance pairs that may reach what is confirmed: few photographs are suspected by the
    clock, but by their numbers all of a folder may be.
    """
    if images.taken is not None:
        times, cameras = images.taken.T
        has_time = times >= 0
        order = np.stack([np.unique(cameras, return_inverse=True)[1].reshape(-1), times], axis=1)
        order[~has_time, 0] = -1
        yield order, np.full(int(order[:, 0].max(initial=0)) + 1, int(1000 * MOST_SECONDS)), FALSE_BY_CLOCK
    if listing.paths is not None:
        order = by_names([str(path) for path in listing.paths])
        yield order, _usual_steps(order, positions), FALSE_BY_NAME


def by_names(paths: Sequence[str]) -> Order:
    """Sequence and number of each path by its name; names without a number stand in no sequence."""
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


def _usual_steps(order: Order, positions: Int64[np.ndarray, " positions"]) -> Int64[np.ndarray, " sequences"]:
    """For each sequence the median step from one number to the next, three at least."""
    count = int(order[:, 0].max(initial=-1)) + 1
    steps = np.full(count, MOST_STEPS, np.int64)
    places = order[positions]
    places = places[places[:, 0] >= 0]
    places = places[np.lexsort((places[:, 1], places[:, 0]))]
    for part in np.split(places, np.flatnonzero(np.diff(places[:, 0])) + 1) if len(places) else []:
        if len(part) > _AHEAD:
            steps[part[0, 0]] = max(MOST_STEPS, int(np.median(np.diff(part[:, 1]))))
    return steps


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


def _apart(
    order: Order, labels: Int64[np.ndarray, " n"], positions: Int64[np.ndarray, " positions"]
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
