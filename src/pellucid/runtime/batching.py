"""Inputs cut into batches that a graph can answer within its memory: images, texts, feature vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights

_MOST_IMAGES, _MOST_TEXTS, _MOST_IDS, _MOST_VALUES = 128, 256, 1 << 15, 1 << 22
_TEXTS_OF_A_BLOCK = 4096

Inputs = Shaped[np.ndarray, "examples ..."] | Sequence[str]
# Inputs of a graph by their names, one row of each for every example.
Feed = dict[str, np.ndarray]

# Tells whether inputs of some shapes, by their names, can be answered at once.
Affords = Callable[[Mapping[str, tuple[int, ...]]], bool]


def always(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Any number of inputs."""
    del shapes
    return True


class Batching:
    """Cuts inputs into batches.

    Args:
        inputs: names of the graph's inputs, and what turns texts into each; `None` without texts, or where
            they are not looked at.
        affords: whether inputs of some shapes can be answered at once; one of them always can.
    """

    def __init__(self, inputs: Mapping[str, Encoder | TermWeights | None], affords: Affords) -> None:
        self._inputs, self._affords = inputs, affords
        self._most: dict[tuple[tuple[int, ...], ...], int] = {}

    def of(self, inputs: Inputs) -> Iterator[tuple[Feed, np.ndarray]]:
        """Inputs as the graph takes them, some at a time, and their places."""
        if isinstance(inputs, np.ndarray):
            rows = inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs
            most = min(_MOST_IMAGES, _MOST_VALUES // max(1, rows[:1].size))
            (name,) = self._inputs
            yield from self._cut({name: rows}, np.arange(len(rows)), most)
            return
        for start in range(0, len(inputs), _TEXTS_OF_A_BLOCK):
            for batch, places in self._of_texts(list(inputs[start : start + _TEXTS_OF_A_BLOCK])):
                yield batch, places + start

    def _cut(self, feed: Feed, places: np.ndarray, most: int) -> Iterator[tuple[Feed, np.ndarray]]:
        """At most so many rows at a time, and fewer where they would take too much memory together."""
        most = self._at_once({name: rows.shape[1:] for name, rows in feed.items()}, min(most, len(places)))
        for start in range(0, len(places), most):
            some = slice(start, start + most)
            yield {name: np.ascontiguousarray(rows[some]) for name, rows in feed.items()}, places[some]

    def _at_once(self, shapes: Mapping[str, tuple[int, ...]], most: int) -> int:
        """Number of inputs of some shapes that are answered at once, halved until they can be.

        It is asked once for the shapes of one input: what more of them afford, fewer do.
        """
        count, key = max(1, most), tuple(shapes.values())
        while count > max(1, self._most.get(key, 0)):
            if self._affords({name: (count, *shape) for name, shape in shapes.items()}):
                self._most[key] = count
                break
            count //= 2
        return count

    def _of_texts(self, texts: list[str]) -> Iterator[tuple[Feed, np.ndarray]]:
        """Ids of texts of like length together, bounded with their padding, and weights of terms.

        Weights are few of many and made some at a time.
        """
        tokens = {
            name: each.encode(texts) for name, each in self._inputs.items() if isinstance(each, Encoder)
        }
        terms = {name: each for name, each in self._inputs.items() if not isinstance(each, Encoder)}
        lengths = sum((each.lengths for each in tokens.values()), np.zeros(len(texts), np.int64))
        order = np.argsort(lengths, kind="stable")
        weights = sum(0 if each is None else each.features for each in terms.values())
        most = max(1, _MOST_VALUES // max(1, weights))
        most = min(most, _MOST_TEXTS) if tokens else most
        start = 0
        while start < len(order):
            end = start + 1
            while (
                end < len(order)
                and end - start < most
                and (end + 1 - start) * lengths[order[end]] <= _MOST_IDS
            ):
                end += 1
            some = order[start:end]
            feed = {name: each.padded(some) for name, each in tokens.items()}
            for name, weigher in terms.items():
                feed[name] = (
                    np.zeros((len(some), 0), np.float32)
                    if weigher is None
                    else weigher.dense([texts[place] for place in some])
                )
            yield from self._cut(feed, some, len(some))
            start = end
