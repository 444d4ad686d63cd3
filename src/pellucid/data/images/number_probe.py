"""Probes of variations: nearest neighbours judge if a varied image still shows its number.

An angle or a position changes when an image is mirrored or shifted; a price or an age does not.
Nobody says which it is, so the training data is asked:

1. The number of each of up to 3,000 training images is predicted by its nearest other one, once
   among the images as they are and once with a varied copy of every image joined to them,
   labelled with the number of its original.
2. Where the varied copies make the mean squared error larger by more than its standard error, the
   variation changes the number.
3. Where even the plain neighbours are hardly better than images taken at random, or fewer than
   20 images find a varied copy nearer, nothing can be told; then the variation counts as changing
   the number, too.

The rule errs on the safe side: by chance alone it also leaves out about one in six of the
variations that do keep the number, which costs a little accuracy and never a wrong lesson.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from pellucid.data.images.augmentation import (
    PROBE_BYTES,
    Augmentation,
    augmented_batch,
    distances,
    small_images,
)
from pellucid.data.images.preprocessing import block_rows, blocks

_EXAMPLES, _ROWS = 3000, 500
_WORTH_ASKING = 0.9
_FEWEST_CHANGED = 20


@dataclass(frozen=True)
class VariationProbe:
    """Finding about one way of varying images, from the training data.

    Attributes:
        name: what is done to the images, such as `mirroring`.
        examples: images asked.
        changed: those of them to which a varied copy is nearest.
        random_error: mean squared error of images taken at random.
        plain_error: of the nearest images as they are.
        joint_error: of the nearest images, varied copies among them.
        standard_error: of the difference between the last two.
    """

    name: str
    examples: int
    changed: int
    random_error: float
    plain_error: float
    joint_error: float
    standard_error: float

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
            return (
                f"{self.name} is left out: the nearest neighbours among {self.examples:,} training images "
                "cannot tell whether it keeps the number"
            )
        verdict = "keeps" if self.keeps_number else "changes"
        return (
            f"{self.name} {verdict} the number: the nearest neighbour of {self.examples:,} training images "
            f"errs by {self.plain_error**0.5:.4g} (root mean square), with such copies of them by "
            f"{self.joint_error**0.5:.4g}"
        )


def probe_variations(
    pixels: UInt8[np.ndarray, "n height width channels"],
    numbers: Float64[np.ndarray, " n"],
    indices: Int64[np.ndarray, " train"],
    shift: int,
    generator: np.random.Generator,
) -> tuple[VariationProbe, VariationProbe]:
    """Ask the training data whether mirroring keeps the number, and whether shifting does.

    `indices` are the training split, two images at least; `shift` is the largest one, in pixels; `generator`
    draws the images that are asked, and the shifts.
    """
    chosen = np.sort(generator.permutation(indices)[:_EXAMPLES])
    labels = numbers[chosen]
    plain = _rows(pixels, chosen, Augmentation(), generator)
    return (
        _compare("mirroring", plain, _rows(pixels, chosen, Augmentation(mirror=True), generator), labels),
        _compare("shifting", plain, _rows(pixels, chosen, Augmentation(shift=shift), generator), labels),
    )


def _rows(
    pixels: UInt8[np.ndarray, "n height width channels"],
    chosen: Int64[np.ndarray, " m"],
    variation: Augmentation,
    generator: np.random.Generator,
) -> Float32[np.ndarray, "m values"]:
    """The chosen images, every one varied, small; a few at a time are in memory at their full size."""
    rows = []
    for part in blocks(chosen, block_rows(pixels, PROBE_BYTES)):
        varied = np.full(len(part), variation.mirror)
        small = small_images(augmented_batch(pixels, part, varied, variation, generator))
        rows.append(small.reshape(len(small), -1))
    return np.concatenate(rows)


def _compare(
    name: str,
    plain: Float32[np.ndarray, "m values"],
    varied: Float32[np.ndarray, "m values"],
    labels: Float64[np.ndarray, " m"],
) -> VariationProbe:
    """Steps 1 and 2 for one variation."""
    nearest_plain = np.empty(len(plain), np.int64)
    nearest_joint = np.empty(len(plain), np.int64)
    is_varied = np.empty(len(plain), bool)
    for start in range(0, len(plain), _ROWS):
        block = slice(start, start + _ROWS)
        rows = np.arange(len(plain[block]))
        to_plain, to_varied = distances(plain[block], plain), distances(plain[block], varied)
        to_plain[rows, rows + start] = to_varied[rows, rows + start] = np.inf
        near_plain, near_varied = to_plain.argmin(1), to_varied.argmin(1)
        is_varied[block] = to_varied[rows, near_varied] < to_plain[rows, near_plain]
        nearest_plain[block] = near_plain
        nearest_joint[block] = np.where(is_varied[block], near_varied, near_plain)
    plain_errors = np.square(labels[nearest_plain] - labels)
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
