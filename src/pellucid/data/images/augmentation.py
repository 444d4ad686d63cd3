"""Whole-batch augmentation, and probes that ask the data which variations keep its classes and numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from pellucid.arithmetic.probabilities import at_most
from pellucid.data.images.preprocessing import block_rows, blocks
from pellucid.language.sentence import Sentence

Pixels = UInt8[np.ndarray, "n height width channels"]
Batch = UInt8[np.ndarray, "batch height width channels"]
Rows = Float32[np.ndarray, "m values"]

# About how many bytes of images a probe has in memory at a time.
PROBE_BYTES = 1 << 22

_PROBE_EXAMPLES = 5000  # of training
_PROBE_SIDE = 16  # cells of the longer side
_LEVEL = 0.05


@dataclass(frozen=True)
class Augmentation:
    """Settings of the variation of training images."""

    mirror: bool = False  # every image is shown mirrored left to right in every other epoch
    shift: int = 0  # largest shift in pixels along each side; the border is filled by reflection
    erase: float = 0.0  # probability that a rectangle of an image is replaced by noise
    # probability that one is replaced by that of another training image, whose class then counts by the
    # rectangle's share of the area
    mix: float = 0.0

    @property
    def is_off(self) -> bool:
        """True where images are shown as they are."""
        return not self.mirror and self.shift == 0 and self.erase == 0.0 and self.mix == 0.0


def usual_shift(shortest_side: int) -> int:
    """Default shift of training images: a fourteenth of their shortest side, in pixels."""
    return round(shortest_side / 14)


def augmented_batch(
    pixels: Pixels,
    indices: Int64[np.ndarray, " batch"],
    mirrored: Bool[np.ndarray, " batch"],
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> Batch:
    """Copy images out of the store, shifted, mirrored and partly erased."""
    count, height, width, channels = pixels.shape
    shifts = generator.integers(-augmentation.shift, augmentation.shift + 1, size=(2, len(indices), 1))
    rows = _reflected(np.arange(height) + shifts[0], height)
    columns = _reflected(np.arange(width) + shifts[1], width)
    columns = np.where(mirrored[:, None], width - 1 - columns, columns)
    places = (indices[:, None] * height + rows)[:, :, None] * width + columns[:, None, :]
    batch: np.ndarray = pixels.reshape(count * height * width, channels).take(places, axis=0)
    if augmentation.erase > 0:
        places_of = _rectangles(batch, generator, largest=0.33, longest=1 / 0.3)
        chosen = generator.random(len(batch)) < augmentation.erase
        for index in np.flatnonzero(chosen).tolist():
            patch = batch[index][places_of(index)]
            patch[...] = generator.integers(0, 256, size=patch.shape, dtype=np.uint8)
    return batch


def _reflected(positions: np.ndarray, size: int) -> np.ndarray:
    """Positions outside 0..size-1 folded back at the border, the border pixel not repeated."""
    if size == 1:
        return np.zeros_like(positions)
    period = 2 * (size - 1)
    folded = np.abs(positions) % period
    return np.asarray(np.where(folded < size, folded, period - folded))


def mix(batch: Batch, probability: float, generator: np.random.Generator) -> Float32[np.ndarray, " batch"]:
    """Replace a random rectangle by that of the image before, in place; the first follows the last.

    Area 2 to 50 % of the image, aspect ratio 0.5 to 2; `generator` draws them. The result is the share of
    each image's pixels that come from the image before, 0 where nothing was replaced.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features", ICCV 2019, equation 1.
    """
    places_of = _rectangles(batch, generator, largest=0.5, longest=2.0)
    chosen = generator.random(len(batch)) < probability
    shares = np.zeros(len(batch), np.float32)
    last = batch[-1].copy()
    for index in np.flatnonzero(chosen)[::-1].tolist():  # so the image before is still whole
        places = places_of(index)
        before = batch[index - 1] if index else last
        batch[index][places] = before[places]
        shares[index] = before[places][..., 0].size / before[..., 0].size
    return shares


def _rectangles(
    batch: Batch, generator: np.random.Generator, largest: float, longest: float
) -> Callable[[int], tuple[slice, slice]]:
    """Draw rectangles of 2 % of the area or more, each by its image's index, as rows and columns."""
    count, height, width, _ = batch.shape
    area = generator.uniform(0.02, largest, count) * height * width
    aspect = np.exp(generator.uniform(-np.log(longest), np.log(longest), count))
    tall = np.clip(np.rint(np.sqrt(area * aspect)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area / aspect)), 1, width).astype(np.int64)
    top = generator.integers(0, height - tall + 1)
    left = generator.integers(0, width - wide + 1)
    return lambda index: (
        slice(int(top[index]), int(top[index] + tall[index])),
        slice(int(left[index]), int(left[index] + wide[index])),
    )


@dataclass(frozen=True)
class MirrorProbe:
    """Probe of mirroring: nearest neighbours judge if a mirrored image still shows its class.

    Each of up to 5,000 training images is classified by its nearest other one, once among the
    images as they are, once with every image's mirror image joined to them, and once mirrored among the
    others as they are. A class that mirroring turns into another (most digits and letters) makes the second
    answer worse; images that are never seen mirrored, such as signs and spectrograms, the third.
    """

    examples: int  # images classified
    lost: int  # right without the mirror images, wrong with them
    gained: int  # wrong without, right with
    unknown: int  # recognised as they are, and not when mirrored
    known: int  # recognised when mirrored alone

    @property
    def keeps_class(self) -> bool:
        """True where no more than twice as many are lost as gained, and that or the third answer is evidence.

        Evidence is that a mirrored image is recognised as often as it is otherwise, or not less beyond chance
        (McNemar's test, 5 %); or that more are gained than half of those lost, beyond chance.

        Measured on 2,000 images each, as they are and mirrored: photographs 27.0 and 27.7 % recognised,
        digits 98.8 and 34.4 %, hand signs 71.0 and 20.8 %; of garments 78.6 and 59.2 %, but 33 of 3,000 are
        gained and 34 lost.
        """
        if self.examples == 0 or self.lost > 2 * self.gained:
            return False
        is_known = at_most(self.known, self.known + self.unknown, 0.5) > _LEVEL
        moved = self.lost + self.gained
        helps = self.gained > 0 and 1 - at_most(self.gained - 1, moved, 1 / 3) <= _LEVEL
        return is_known or helps

    def sentence(self) -> str:
        """Verdict on mirroring, for people."""
        if not self.keeps_class:
            return Sentence(
                "mirroring off: flipping may change the class (checked on {examples:,} training images)",
                self.examples,
            )
        return Sentence(
            "mirroring on: flipping does not change the class (checked on {examples:,} training images)",
            self.examples,
        )


def probe_mirroring(
    pixels: Pixels,
    labels: Int64[np.ndarray, " n"],
    indices: Int64[np.ndarray, " train"],
    generator: np.random.Generator,
) -> MirrorProbe:
    """Ask some of the training examples, drawn from `indices`, whether mirroring keeps the class."""
    if len(indices) < 2:
        return MirrorProbe(examples=0, lost=0, gained=0, unknown=0, known=0)
    chosen = np.sort(generator.permutation(indices)[:_PROBE_EXAMPLES])
    parts = blocks(chosen, block_rows(pixels, PROBE_BYTES))
    images = np.concatenate([small_images(pixels[part]) for part in parts])
    classes = labels[chosen]
    plain = images.reshape(len(images), -1)
    mirrored = images[:, :, ::-1].reshape(len(images), -1)
    near_plain, near_mirrored, is_nearer = _neighbours(plain, mirrored)
    plain_right = classes[near_plain] == classes
    # An image is as far from another's mirror image as its own mirror image is from that other.
    mirrored_right = classes[near_mirrored] == classes
    joint_right = classes[np.where(is_nearer, near_mirrored, near_plain)] == classes
    return MirrorProbe(
        examples=len(images),
        lost=int((plain_right & ~joint_right).sum()),
        gained=int((joint_right & ~plain_right).sum()),
        unknown=int((plain_right & ~mirrored_right).sum()),
        known=int((mirrored_right & ~plain_right).sum()),
    )


def _neighbours(
    plain: Rows, varied: Rows
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """For each image the nearest other one, the other whose varied copy is nearest, and if that is nearer."""
    from pellucid.pieces import in_pieces  # with torch, which training alone needs

    # Half of the squared distances but for a constant of each row.
    columns = [np.square(others).sum(axis=1) for others in (plain, varied)]
    near_plain, near_varied = np.empty((2, len(plain)), np.int64)
    is_varied = np.empty(len(plain), bool)

    def ask(start: int) -> None:
        """Find the neighbours of the rows from `start` on."""
        block = slice(start, start + _ROWS)
        rows = np.arange(len(plain[block]))
        to_plain, to_varied = ((-2 * plain[block]) @ others.T for others in (plain, varied))
        to_plain += columns[0]
        to_varied += columns[1]
        to_plain[rows, rows + start] = to_varied[rows, rows + start] = np.inf
        near_plain[block], near_varied[block] = to_plain.argmin(1), to_varied.argmin(1)
        is_varied[block] = to_varied[rows, near_varied[block]] < to_plain[rows, near_plain[block]]

    in_pieces(ask, range(0, len(plain), _ROWS))
    return near_plain, near_varied, is_varied


def small_images(pixels: np.ndarray) -> np.ndarray:
    """Reduce uint8 images by block means to about 16 pixels a side; float32, centred on zero."""
    _, height, width, _ = pixels.shape
    block = max(1, round(max(height, width) / _PROBE_SIDE))
    rows, columns = max(1, height // block), max(1, width // block)
    cut = pixels[:, : rows * block, : columns * block] if block > 1 else pixels
    if block > 1 and min(height, width) >= block:
        # Sums of whole numbers, first of rows and then of columns, are exact.
        down = cut[:, ::block].astype(np.uint32)
        for row in range(1, block):
            down += cut[:, row::block]
        sums = down[:, :, ::block].copy()
        for column in range(1, block):
            sums += down[:, :, column::block]
        cut = sums.astype(np.float32) / np.float32(block * block)
    return cut.astype(np.float32) - 127.5


# Probes of variations: nearest neighbours judge if a varied image still shows its number. An angle or a
# position changes when an image is mirrored or shifted; a price or an age does not. So the training data is
# asked:
#
# 1. The number of each of up to 3,000 training images is predicted by its nearest other one, once
#    among the images as they are and once with a varied copy of every image joined to them,
#    labelled with the number of its original.
# 2. Where the varied copies make the mean squared error larger by more than its standard error, the
#    variation changes the number.
# 3. Where even the plain neighbours are hardly better than images taken at random, or fewer than
#    20 images find a varied copy nearer, nothing is known; then the variation counts as changing
#    the number, too.
#
# The rule errs on the safe side: by chance alone it also leaves out about one in six of the
# variations that do keep the number, which costs a little accuracy and never wrong training.

_EXAMPLES = 3000  # of training
_ROWS = 500  # images at a time
_WORTH_ASKING = 0.9
_FEWEST_CHANGED = 20


@dataclass(frozen=True)
class VariationProbe:
    """What the training data says of one way of varying images."""

    name: str  # what is done to the images, such as `mirroring`
    examples: int  # images asked
    changed: int  # those of them to which a varied copy is nearest
    random_error: float  # mean squared error of images taken at random
    plain_error: float  # of the nearest images as they are
    joint_error: float  # of the nearest images, varied copies among them
    standard_error: float  # of the difference between the last two

    @property
    def can_tell(self) -> bool:
        """True where neighbours know something about the number, and varied copies are among them."""
        knows = self.plain_error < _WORTH_ASKING * self.random_error
        return knows and self.changed >= _FEWEST_CHANGED

    @property
    def keeps_number(self) -> bool:
        """True where varied images may be trained on."""
        return self.can_tell and self.joint_error <= self.plain_error + self.standard_error

    def sentence(self) -> str:
        """Verdict on the variation, for people."""
        if not self.can_tell:
            return Sentence(
                "{name} off: too little is known to say whether it changes the number "
                "(checked on {examples:,} training images)",
                self.name,
                self.examples,
            )
        checked = Sentence(
            "checked on {examples:,} training images, whose nearest neighbours err by {plain_error:.4g} "
            "(root mean square), with such copies among them by {joint_error:.4g}",
            self.examples,
            self.plain_error**0.5,
            self.joint_error**0.5,
        )
        if self.keeps_number:
            return Sentence("{name} on: it does not change the number ({checked})", self.name, checked)
        return Sentence("{name} off: it may change the number ({checked})", self.name, checked)


def probe_variations(
    pixels: Pixels,
    numbers: Float64[np.ndarray, " n"],
    indices: Int64[np.ndarray, " train"],
    shift: int,
    generator: np.random.Generator,
) -> tuple[VariationProbe, VariationProbe]:
    """Ask some training images whether mirroring keeps the number, and whether shifting does."""
    chosen = np.sort(generator.permutation(indices)[:_EXAMPLES])
    labels = numbers[chosen]

    def rows(variation: Augmentation) -> Rows:
        """The chosen images, every one varied, small; a few at a time are in memory at their full size."""
        found = []
        for part in blocks(chosen, block_rows(pixels, PROBE_BYTES)):
            mirrored = np.full(len(part), variation.mirror)
            small = small_images(augmented_batch(pixels, part, mirrored, variation, generator))
            found.append(small.reshape(len(small), -1))
        return np.concatenate(found)

    plain = rows(Augmentation())
    return (
        _compare("mirroring", plain, rows(Augmentation(mirror=True)), labels),
        _compare("shifting", plain, rows(Augmentation(shift=shift)), labels),
    )


def _compare(name: str, plain: Rows, varied: Rows, labels: Float64[np.ndarray, " m"]) -> VariationProbe:
    """Steps 1 and 2 for one variation."""
    near_plain, near_varied, is_varied = _neighbours(plain, varied)
    nearest_joint = np.where(is_varied, near_varied, near_plain)
    plain_errors = np.square(labels[near_plain] - labels)
    joint_errors = np.square(labels[nearest_joint] - labels)
    return VariationProbe(
        name=name,
        examples=len(plain),
        changed=int(is_varied.sum()),
        random_error=2.0 * float(labels.var()),
        plain_error=float(plain_errors.mean()),
        joint_error=float(joint_errors.mean()),
        standard_error=float((joint_errors - plain_errors).std() / len(plain) ** 0.5),
    )
