"""Facts about images that a generator made, for its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int, UInt8


@dataclass(frozen=True)
class Pair:
    """Two images that belong together.

    Attributes:
        first: an image, uint8 (height, width, channels).
        second: what was made of it, or is nearest to it.
        label: class; empty without classes.
        source: path or `file:row` of the real one.
    """

    first: UInt8[np.ndarray, "height width channels"]
    second: UInt8[np.ndarray, "height width channels"]
    label: str
    source: str


@dataclass(frozen=True)
class Walk:
    """Images on the way from one held-out image to another.

    Attributes:
        images: from the first to the last, ends reconstructed.
        labels: classes of both ends; empty texts without classes.
    """

    images: Sequence[UInt8[np.ndarray, "height width channels"]]
    labels: tuple[str, str]


@dataclass(frozen=True)
class LatentMap:
    """Held-out images as points.

    Attributes:
        points: place of each in the plane.
        codes: class of each, as a position in the classes of the run; 0 without classes.
        share: share of the variance of the latent numbers that the plane shows; 1 where there are two.
    """

    points: Float64[np.ndarray, "images 2"]
    codes: Int[np.ndarray, " images"]
    share: float


@dataclass(frozen=True)
class GeneratedFacts:
    """Images that a generator made, for the report.

    Attributes:
        samples: some of each class, by name; of an empty name without classes.
        nearest: samples, each beside the training image that is nearest.
        reconstructions: held-out images, each beside what was rebuilt of it; none where nothing is rebuilt.
        walks: ways between held-out images; likewise.
        latent: held-out images by their latent numbers; `None` where there are none.
        over_time: images of the same noise by the epoch after which they were made; none where no such were
            kept.
    """

    samples: Mapping[str, Sequence[UInt8[np.ndarray, "height width channels"]]]
    nearest: Sequence[Pair]
    reconstructions: Sequence[Pair] = ()
    walks: Sequence[Walk] = ()
    latent: LatentMap | None = None
    over_time: Mapping[int, Sequence[UInt8[np.ndarray, "height width channels"]]] = field(
        default_factory=dict
    )
