"""Features of pixels by which a giveaway is looked for: colours, borders, corners and backgrounds."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Integer, Shaped, UInt8

from pellucid.data.giveaway_features import CONTENT, FORM, Feature, Marks, Numbers, marks_of
from pellucid.data.images.pixels import inner_size
from pellucid.data.images.preprocessing import Preprocessing, blocks
from pellucid.language.sentence import Sentence
from pellucid.progress import report

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
_BLOCK_BYTES = 1 << 23
# Sides of a corner's patch as parts of the shorter side, at least two pixels.
PATCHES = (0.07, 0.12)
_THUMB = 8
_RING_POINTS = 32
_PIXELS = 1024  # of an image, by which its darkest and brightest levels are judged

# Levels of 255 within which pixels of a flat region lie, and at which two patches are the same mark.
FLAT = 10.0
SAME = 8.0
_NOT_FLAT = 12.0
# Of a corner that is taken out; marks are larger than the patches by which they are found.
_TAKEN_OUT = "25%"
_STEP = 24  # of a grid of colours; a second one, moved by half a step, has what lies at its edges
_COLOURLESS = 3
# Where so much of other classes' borders has the colour, it is the ordinary background of the data.
_ORDINARY = 0.25
# A colour of fewer images, or of several classes, is no rule and not looked at further.
_FEWEST_MARKED = 8  # images
_NEARLY_ONE_CLASS = 0.9  # share of the images marked
_MOST_PROTOTYPES = 240
_MOST_OF_CLASS = 24
_FEWEST_OF_CLASS = 3


class Looks(NamedTuple):
    """What was measured of the pixels of each image."""

    means: Float64[np.ndarray, "rows channels"]
    contrast: Float64[np.ndarray, " rows"]
    darkest: Float64[np.ndarray, "rows channels"]  # levels below and above which hardly any pixel lies
    brightest: Float64[np.ndarray, "rows channels"]
    colourless: Bool[np.ndarray, " rows"]
    border_spread: Float64[
        np.ndarray, " rows"
    ]  # distance of border pixels from their median, nearly the largest
    frame: Float64[np.ndarray, " rows"]  # width of a border of one colour, as a part of the shorter side
    ring: UInt8[np.ndarray, "rows points channels"]
    # pixels of each corner, for each size of patch
    corners: tuple[UInt8[np.ndarray, "rows 4 side side channels"], ...]
    thumbs: Float32[np.ndarray, "rows values"]  # small, without brightness and contrast


def looks_of(
    pixels: UInt8[np.ndarray, "n height width channels"],
    sizes: Integer[np.ndarray, "n 2"],
    preprocessing: Preprocessing,
    rows: Int64[np.ndarray, " rows"],
) -> Looks:
    """Measure images; what was filled beside an image of another aspect does not count as its border."""
    height, width, channels = pixels.shape[1:]
    sides = [max(2, round(part * min(height, width))) for part in PATCHES]
    count, measured = len(rows), 0
    found = Looks(
        np.zeros((count, channels)), np.zeros(count), np.zeros((count, channels)),
        np.zeros((count, channels)), np.zeros(count, bool), np.zeros(count), np.zeros(count),
        np.zeros((count, _RING_POINTS, channels), np.uint8),
        tuple(np.zeros((count, 4, side, side, channels), np.uint8) for side in sides),
        np.zeros((count, _THUMB * _THUMB * channels), np.float32),
    )  # fmt: skip
    for places, inner in _alike(pixels, sizes, preprocessing, rows):
        for part in blocks(places, max(1, _BLOCK_BYTES // max(1, pixels[:1].nbytes))):
            top, left, inner_height, inner_width = inner
            block = pixels[rows[part]][:, top : top + inner_height, left : left + inner_width]
            _measure(block, part, found)
            measured += len(part)
            report("searching images for giveaways", measured, count)
    return found


def _alike(
    pixels: np.ndarray, sizes: np.ndarray, preprocessing: Preprocessing, rows: Int64[np.ndarray, " rows"]
) -> Iterator[tuple[Int64[np.ndarray, " some"], tuple[int, int, int, int]]]:
    """Places among `rows` of images that fill the same part of the frame, and that part."""
    height, width = pixels.shape[1:3]
    if preprocessing.stretch:
        yield np.arange(len(rows)), (0, 0, height, width)
        return
    own, which = np.unique(sizes[rows], axis=0, return_inverse=True)
    inner = [inner_size((int(one), int(other)), (height, width)) for one, other in own.tolist()]
    frames = np.array([(h, w) if (one, other) != (height, width) else (height, width)
                       for (h, w), (one, other) in zip(inner, own.tolist(), strict=True)])  # fmt: skip
    for frame in np.unique(frames, axis=0).tolist():
        places = np.flatnonzero((frames[which.ravel()] == frame).all(axis=1))
        yield places, ((height - frame[0]) // 2, (width - frame[1]) // 2, frame[0], frame[1])


def _measure(block: UInt8[np.ndarray, "some h w channels"], part: np.ndarray, found: Looks) -> None:
    """Measure images that fill the same part of their frames."""
    values = block.astype(np.float32)
    count, height, width, channels = block.shape
    rows, columns = (np.linspace(0, side, _THUMB + 1).astype(int)[:-1] for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=1), columns, axis=2)
    means = sums.sum(axis=(1, 2), dtype=np.float64) / (height * width)
    squares = np.square(values).sum(axis=(1, 2), dtype=np.float64) / (height * width)
    found.means[part] = means
    found.contrast[part] = np.sqrt(np.maximum(squares - means**2, 0.0)).mean(axis=1)
    if channels == 3:
        red, green, blue = block[..., 0], block[..., 1], block[..., 2]
        highest, lowest = (each(each(red, green), blue) for each in (np.maximum, np.minimum))
        found.colourless[part] = (highest - lowest).reshape(count, -1).max(axis=1) <= _COLOURLESS
    some = block.reshape(count, -1, channels)[:, :: max(1, height * width // _PIXELS)]
    ends = [int(share * (some.shape[1] - 1)) for share in (0.01, 0.99)]
    some = np.partition(some, ends, axis=1)
    found.darkest[part], found.brightest[part] = some[:, ends[0]], some[:, ends[1]]
    ring = np.concatenate([block[:, 0], block[:, -1], block[:, :, 0], block[:, :, -1]], axis=1)
    ordered = np.sort(ring, axis=1)
    middle = ordered[:, ring.shape[1] // 2]
    low, high = (ordered[:, int(share * (ring.shape[1] - 1))].astype(np.int16) for share in (0.01, 0.99))
    found.border_spread[part] = np.maximum(high - middle, middle - low).max(axis=1)
    found.frame[part] = _widths(block, middle, found.border_spread[part] <= FLAT)
    found.ring[part] = ring[:, np.linspace(0, ring.shape[1] - 1, _RING_POINTS).astype(int)]
    for patches in found.corners:
        side = patches.shape[2]
        if min(height, width) < 2 * side:
            continue
        corners = (
            block[:, :side, :side],
            block[:, :side, -side:],
            block[:, -side:, :side],
            block[:, -side:, -side:],
        )
        for corner, pixels in enumerate(corners):
            patches[part, corner] = pixels
    shares = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    thumbs = sums / np.maximum(shares, 1)[None, :, :, None]
    thumbs = thumbs - thumbs.mean(axis=(1, 2), keepdims=True)
    spread = thumbs.std(axis=(1, 2, 3), keepdims=True)
    found.thumbs[part] = (thumbs / np.maximum(spread, 1.0)).reshape(count, -1)


def _widths(
    block: UInt8[np.ndarray, "some h w channels"],
    colours: UInt8[np.ndarray, "some channels"],
    is_flat: Bool[np.ndarray, " some"],
) -> Float64[np.ndarray, " some"]:
    """Width of the border of images that have one of one colour; at most a quarter of the shorter side."""
    widths, places = np.zeros(len(block)), np.flatnonzero(is_flat)
    side = min(block.shape[1:3])
    for width in range(1, side // 4 + 1):
        at, end = width - 1, -width
        edges = [block[places, at], block[places, end], block[places, :, at], block[places, :, end]]
        inner = np.concatenate([edge[:, width - 1 : edge.shape[1] - width + 1] for edge in edges], axis=1)
        distances = np.abs(inner.astype(np.int16) - colours[places, None]).max(axis=2)
        places = places[np.quantile(distances, 0.98, axis=1) <= FLAT] if len(places) else places
        if not len(places):
            break
        widths[places] = width / side
    return widths


def pixel_features(
    looks: Looks, labels: Int64[np.ndarray, " rows"], is_train: Bool[np.ndarray, " rows"]
) -> list[Feature]:
    """Every feature of pixels, those that no content makes first."""
    found = list[Feature]()
    flat_border = looks.border_spread <= FLAT
    colours = np.median(looks.ring, axis=1)
    found.append(
        _flat(
            "flat border",
            flat_border,
            colours,
            looks,
            labels,
            is_train,
            _border_of(looks, flat_border & is_train),
        )
    )
    means = [patches.reshape(*patches.shape[:2], -1, patches.shape[-1]) for patches in looks.corners]
    spreads = [np.abs(each - each.mean(axis=2, keepdims=True)).max(axis=(2, 3)) for each in means]
    is_flat, centres = spreads[-1] <= FLAT, means[-1].mean(axis=2)
    alike = np.abs(centres - centres[:, :1]).max(axis=(1, 2)) <= FLAT
    found.append(
        _flat(
            "flat background", is_flat.all(axis=1) & alike, centres.mean(axis=1), looks, labels, is_train, ""
        )
    )
    for corner, name in enumerate(CORNERS):
        ignore = Sentence("corner:{name}:{TAKEN_OUT}", name, _TAKEN_OUT)
        kind = Sentence("flat corner, {name}", name)
        found.append(_flat(kind, is_flat[:, corner], centres[:, corner], looks, labels, is_train, ignore))
    for corner, name in enumerate(CORNERS):
        for patches, spread in zip(looks.corners, spreads, strict=True):
            own = patches[:, corner].reshape(len(labels), -1)
            ignore = Sentence("corner:{name}:{TAKEN_OUT}", name, _TAKEN_OUT)
            found.append(
                _same(
                    Sentence("mark in a corner, {name}", name),
                    own,
                    spread[:, corner],
                    labels,
                    is_train,
                    ignore,
                )
            )
    brightness = looks.means.mean(axis=1)
    if looks.means.shape[1] == 3:
        found.append(
            marks_of("no colours", FORM, [("grey only" if each else None) for each in looks.colourless])
        )
        red, green, blue = looks.means.T
        # Light and camera colour the lightest parts, which are otherwise nearly white in most images.
        lightest = np.log1p(looks.brightest)
        found += [
            Numbers("mean colour, red against green", CONTENT, red - green, "levels"),
            Numbers("mean colour, blue against green", CONTENT, blue - green, "levels"),
            Numbers("lightest colour, red to green", CONTENT, np.exp(lightest[:, 0] - lightest[:, 1])),
            Numbers("lightest colour, blue to green", CONTENT, np.exp(lightest[:, 2] - lightest[:, 1])),
        ]
    names = ("red", "green", "blue") if looks.means.shape[1] == 3 else ("grey",)
    for channel, name in enumerate(names):
        found.append(Numbers(Sentence("darkest {name}", name), CONTENT, looks.darkest[:, channel], "levels"))
        found.append(
            Numbers(Sentence("brightest {name}", name), CONTENT, looks.brightest[:, channel], "levels")
        )
    found.append(Numbers("mean brightness", CONTENT, brightness, "levels"))
    found.append(Numbers("contrast", CONTENT, looks.contrast, "levels"))
    return found


def _border_of(looks: Looks, is_flat: Bool[np.ndarray, " rows"]) -> str:
    """What `--ignore` takes to remove the borders of nearly all images that have one."""
    widths = looks.frame[is_flat & (looks.frame > 0)]
    return (
        Sentence("border:{widths}%", min(50, 1 + int(np.ceil(100 * np.quantile(widths, 0.9)))))
        if len(widths)
        else ""
    )


def _flat(
    kind: str,
    is_flat: Bool[np.ndarray, " rows"],
    colours: Float64[np.ndarray, "rows channels"],
    looks: Looks,
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
    ignore: str,
) -> Marks:
    """A region of one colour, whichever it is or a certain one, where others do not have that one too."""
    places = np.flatnonzero(is_flat)
    rows, codes, names = list[np.ndarray](), list[np.ndarray](), list[str]()

    def add(members: Int64[np.ndarray, " members"], name: str = "") -> None:
        if not _is_ordinary(members[is_train[members]], colours, looks, labels, is_train):
            rows.append(members)
            codes.append(np.full(len(members), len(names)))
            names.append(name or _colour_of(colours[members]))

    for moved in (0, _STEP // 2):
        cells = ((colours[places] + moved) // _STEP).astype(np.int64)
        for cell in np.unique(cells, axis=0):
            members = places[(cells == cell).all(axis=1)]
            add(members)
    add(places, "of any colour")
    joined = [np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64) for parts in (rows, codes)]
    return Marks(kind, FORM, joined[0], joined[1], names.__getitem__, lambda _: ignore)


def _colour_of(colours: Float64[np.ndarray, "some channels"]) -> str:
    levels = np.median(colours, axis=0).astype(int).tolist()
    return "of about #" + "".join(f"{level:02x}" for level in (levels if len(levels) == 3 else 3 * levels))


def _is_ordinary(
    members: Int64[np.ndarray, " members"],
    colours: Float64[np.ndarray, "rows channels"],
    looks: Looks,
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
) -> bool:
    """Whether marked training images are of several classes, or others have their colour there too."""
    counts = np.bincount(labels[members], minlength=1)
    if counts.max() < max(_FEWEST_MARKED, _NEARLY_ONE_CLASS * len(members)):
        return True
    colour = np.median(colours[members], axis=0)
    others = looks.ring[is_train & (labels != counts.argmax())].astype(np.int16)
    if not len(others):
        return True
    share = (np.abs(others - colour).max(axis=2) <= _STEP).mean()
    return bool(share >= _ORDINARY)


def _same(
    kind: str,
    patches: UInt8[np.ndarray, "rows values"],
    spread: Float64[np.ndarray, " rows"],
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
    ignore: str,
) -> Marks:
    """Patches that are no flat colour and yet practically the same in several images.

    Each class lends some of its images, and those that are within `SAME` levels of one have its mark.
    """
    candidates = np.flatnonzero((spread > _NOT_FLAT) & is_train)
    classes = np.unique(labels[candidates])
    each = max(_FEWEST_OF_CLASS, min(_MOST_OF_CLASS, _MOST_PROTOTYPES // max(1, len(classes))))
    chosen = [_spread_over(candidates[labels[candidates] == code], each) for code in classes.tolist()]
    prototypes = np.concatenate([np.zeros(0, np.int64), *chosen]).astype(np.int64)
    rows, codes = list[np.ndarray](), list[np.ndarray]()
    able = np.flatnonzero(spread > _NOT_FLAT / 2)
    values = patches[able].astype(np.float32)
    squares = (values**2).sum(axis=1)
    bound = patches.shape[1] * SAME**2
    for start in range(0, len(prototypes), 64):
        own = patches[prototypes[start : start + 64]].astype(np.float32)
        distances = squares[:, None] + (own**2).sum(axis=1) - 2 * (values @ own.T)
        places, which = np.nonzero(distances <= bound)
        rows.append(able[places])
        codes.append(which + start)
    joined = [np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64) for parts in (rows, codes)]
    return Marks(kind, FORM, joined[0], joined[1], lambda _: "the same in all", lambda _: ignore)


def _spread_over(places: Shaped[np.ndarray, " some"], most: int) -> Shaped[np.ndarray, " few"]:
    """At most so many places, evenly spread."""
    return (
        places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)] if len(places) else places
    )
