"""Occlusion: an input cut into pieces, and how an answer changes without each; with NumPy alone."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from pellucid.encoding.token_encoders import WORDS, split
from pellucid.encoding.words import aligned

# Most cells along a side of an image.
MOST_CELLS = 14

# Most pieces of a text; neighbours are taken together where there are more tokens or words.
MOST_PIECES = 128


@runtime_checkable
class Scoring(Protocol):
    """A model, or an exported one, as far as it scores inputs."""

    def predict_proba(self, inputs: Any, /) -> np.ndarray:
        """Probability of every class or label for every input."""

    def predict_values(self, inputs: Any, /) -> np.ndarray:
        """Number predicted for every input."""


@runtime_checkable
class Pieces(Protocol):
    """Protocol of an input in pieces.

    `shape`: rows and columns of a grid, or the number of pieces of a text.
    """

    shape: tuple[int, ...]

    def ask(self, kept: Bool[np.ndarray, "variants pieces"]) -> Float64[np.ndarray, " variants"]:
        """Probability of the class or label in question, or the number, with the `kept` pieces alone."""
        ...


def score_of(
    model: Scoring, inputs: np.ndarray | Sequence[str], target: int | None
) -> Float64[np.ndarray, " inputs"]:
    """Probability of the class or label `target` for each input, or the number where it is `None`."""
    if target is None:
        return model.predict_values(inputs)
    probabilities: np.ndarray = model.predict_proba(inputs)[:, target]
    return probabilities


class ImagePieces:
    """Image as cells of a grid, each painted with the mean colour (`paint`) where it is taken out.

    `shape`: rows and columns of the grid; `rows`, `columns`: cell in which each row and column of pixels
    lies.
    """

    shape: tuple[int, ...]

    def __init__(
        self, model: Scoring, pixels: UInt8[np.ndarray, "height width channels"], target: int | None
    ) -> None:
        self.pixels = pixels
        self.paint = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
        height, width = pixels.shape[:2]
        self.shape = (min(height, MOST_CELLS), min(width, MOST_CELLS))
        self.rows = np.arange(height) * self.shape[0] // height
        self.columns = np.arange(width) * self.shape[1] // width
        self._model, self._target = model, target

    def ask(self, kept: Bool[np.ndarray, "variants pieces"]) -> Float64[np.ndarray, " variants"]:
        """Answers about images of which some cells are painted over."""
        grids = kept.reshape(-1, *self.shape)
        found = []
        most = max(1, (1 << 23) // self.pixels.size)
        for start in range(0, len(grids), most):
            fine = grids[start : start + most][:, self.rows][:, :, self.columns]
            images = np.where(fine[..., None], self.pixels, self.paint)
            found.append(score_of(self._model, images, self._target))
        return np.concatenate(found)

    def summed(self, fine: Float64[np.ndarray, "height width"]) -> Float64[np.ndarray, " pieces"]:
        """Sum of a number for each pixel, cell by cell."""
        sums = np.zeros(self.shape)
        np.add.at(sums, (self.rows[:, None], self.columns[None]), fine)
        return sums.ravel()


class WordPieces:
    """Text as its words, each with the space behind it, neighbours together where they are many."""

    shape: tuple[int, ...]

    def __init__(self, model: Scoring, text: str, target: int | None) -> None:
        self.words = words_of(text)
        self.shape = (len(self.words),)
        self._model, self._target = model, target

    def ask(self, kept: Bool[np.ndarray, "variants pieces"]) -> Float64[np.ndarray, " variants"]:
        """Answers about texts that lack some words."""
        texts = [
            "".join(word for word, stays in zip(self.words, row, strict=True) if stays)
            for row in kept.tolist()
        ]
        return score_of(self._model, texts, self._target)


def words_of(text: str) -> list[str]:
    """Cut a text into one to `MOST_PIECES` words, each with the space behind it, that make up the text."""
    origin = aligned(text)
    _, spans = split(WORDS, [origin.text])
    starts = [origin.starts[start] for start in spans.starts.tolist()]
    if not starts or len(origin.written) != len(text):
        return [text]
    starts[0] = 0
    count = min(len(starts), MOST_PIECES)
    firsts = [starts[-(-piece * len(starts) // count)] for piece in range(count)]
    return [text[start:end] for start, end in zip(firsts, [*firsts[1:], len(text)], strict=True)]


# Windows of occlusion: three by three cells, around every second cell.
_REACH = 1  # cells to each side
_APART = 2  # cells between the middles of windows


def occlusion(pieces: Pieces) -> Float64[np.ndarray, " pieces"]:
    """Fall of the class's probability, or of the number, without each piece; negative where it rises.

    Of a cell of an image it is the mean over all windows that cover it.

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", ECCV, section 4.2;
        Li, Monroe and Jurafsky 2016, arXiv:1612.08220, for texts.
    """
    if len(pieces.shape) == 1:
        gone = np.eye(pieces.shape[0], dtype=bool)
    else:  # a window of cells around every second cell
        rows, columns = np.indices(pieces.shape).reshape(2, -1)
        middles = np.indices([-(-side // _APART) for side in pieces.shape]).reshape(2, -1, 1) * _APART
        gone = (np.abs(middles[0] - rows) <= _REACH) & (np.abs(middles[1] - columns) <= _REACH)
    whole = np.ones((1, gone.shape[1]), bool)
    answers = pieces.ask(np.concatenate([whole, ~gone]))
    lost = answers[0] - answers[1:]
    scores: np.ndarray = lost @ gone / gone.sum(axis=0)
    return scores
