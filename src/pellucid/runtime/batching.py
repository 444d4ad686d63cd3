"""Inputs cut into batches that a graph can answer within its memory: images, texts, feature vectors."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Shaped

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights

_MOST_IMAGES, _MOST_TEXTS, _MOST_IDS, _MOST_VALUES = 128, 256, 1 << 15, 1 << 22
_TEXTS_OF_A_BLOCK = 4096

Inputs = Shaped[np.ndarray, "examples ..."] | Sequence[str]
Affords = Callable[[tuple[int, ...]], bool]
"""Tells whether inputs of a shape can be answered at once."""


def always(shape: tuple[int, ...]) -> bool:
    """Any number of inputs."""
    del shape
    return True


class Batching:
    """Cuts inputs into batches.

    Args:
        encoder: from texts to what the graph takes; `None` without texts, or where they are not looked at.
        affords: whether inputs of a shape can be answered at once; one of them always can.
    """

    def __init__(self, encoder: Encoder | TermWeights | None, affords: Affords) -> None:
        self._encoder, self._affords = encoder, affords
        self._most: dict[tuple[int, ...], int] = {}

    def of(self, inputs: Inputs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs as the graph takes them, some at a time, and their places."""
        if isinstance(inputs, np.ndarray):
            rows = inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs
            most = min(_MOST_IMAGES, _MOST_VALUES // max(1, rows[:1].size))
            yield from self._cut(rows, np.arange(len(rows)), most)
            return
        for start in range(0, len(inputs), _TEXTS_OF_A_BLOCK):
            texts = list(inputs[start : start + _TEXTS_OF_A_BLOCK])
            batches = (
                self._of_tokens(self._encoder, texts)
                if isinstance(self._encoder, Encoder)
                else self._of_terms(self._encoder, texts)
            )
            for batch, places in batches:
                yield batch, places + start

    def _cut(
        self, rows: np.ndarray, places: np.ndarray, most: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """At most so many rows at a time, and fewer where they would take too much memory together."""
        most = self._at_once(rows.shape[1:], min(most, len(rows)))
        for start in range(0, len(rows), most):
            yield np.ascontiguousarray(rows[start : start + most]), places[start : start + most]

    def _at_once(self, shape: tuple[int, ...], most: int) -> int:
        """Number of inputs of a shape that are answered at once, halved until they can be."""
        count = max(1, most)
        while count > 1 and not self._is_affordable((count, *shape)):
            count //= 2
        return count

    def _is_affordable(self, shape: tuple[int, ...]) -> bool:
        """Ask once for each shape of one input: what more of them afford, fewer do."""
        if shape[0] <= self._most.get(shape[1:], 0):
            return True
        is_affordable = self._affords(shape)
        if is_affordable:
            self._most[shape[1:]] = shape[0]
        return is_affordable

    def _of_terms(
        self, encoder: TermWeights | None, texts: list[str]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Weights of terms, which are few of many and made some at a time."""
        most = max(1, _MOST_VALUES // max(1, 0 if encoder is None else encoder.features))
        for start in range(0, len(texts), most):
            some = texts[start : start + most]
            terms = np.zeros((len(some), 0), np.float32) if encoder is None else encoder.dense(some)
            yield from self._cut(terms, np.arange(start, start + len(some)), most)

    def _of_tokens(self, encoder: Encoder, texts: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ids of texts of like length together, bounded with their padding."""
        tokens = encoder.encode(texts)
        order = np.argsort(tokens.lengths, kind="stable")
        start = 0
        while start < len(order):
            end = start + 1
            while (
                end < len(order)
                and end - start < _MOST_TEXTS
                and (end + 1 - start) * tokens.lengths[order[end]] <= _MOST_IDS
            ):
                end += 1
            some = order[start:end]
            yield from self._cut(tokens.padded(some), some, len(some))
            start = end
