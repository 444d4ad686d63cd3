"""Texts as the ids that a network reads, in pieces: answers about them without some."""

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from pellucid.bundle import TextModel
from pellucid.bundle.network_answers import answering
from pellucid.encoding.encoder import UNKNOWN
from pellucid.insight.occlusion import MOST_PIECES

# Most pieces of a bag of n-grams, which is asked about quickly.
MOST_GRAMS = 2048

_IDS_AT_ONCE = 1 << 14


class TokenPieces:
    """Text as the ids that its network reads, neighbours together where they are many.

    Of a bag of n-grams a piece is an n-gram, however often it is in the text. `piece_of`: piece in which each
    id lies.
    """

    shape: tuple[int, ...]

    def __init__(self, model: TextModel, ids: Int64[np.ndarray, " ids"], target: int | None) -> None:
        self.ids = ids
        is_bag = bool(model.network.config.groups)
        place = np.unique(ids, return_inverse=True)[1] if is_bag else np.arange(len(ids))
        units = int(place.max()) + 1
        count = min(units, MOST_GRAMS if is_bag else MOST_PIECES)
        self.shape = (count,)
        self.piece_of = place * count // units
        self._model, self._target = model, target

    def summed(self, fine: Float64[np.ndarray, " ids"]) -> Float64[np.ndarray, " pieces"]:
        """Sum of a number for each id, piece by piece."""
        return np.bincount(self.piece_of, fine, self.shape[0])

    def ask(self, kept: Bool[np.ndarray, "variants pieces"]) -> Float64[np.ndarray, " variants"]:
        """Answers about texts that lack some of the ids."""
        network, found = self._model.network, []
        rows = max(1, _IDS_AT_ONCE // len(self.ids))
        with answering(network, torch.device("cpu")):
            for start in range(0, len(kept), rows):
                some = kept[start : start + rows][:, self.piece_of]
                # Padding changes nothing, so what is kept moves to the front and the rest is padding.
                order = np.argsort(~some, axis=1, kind="stable")
                ids = np.where(np.take_along_axis(some, order, 1), self.ids[order], 0)
                ids[ids[:, 0] == 0, 0] = UNKNOWN
                longest = max(1, int(some.sum(axis=1).max()))
                outputs = network(torch.from_numpy(ids[:, :longest])).numpy().astype(np.float64)
                target = self._model.target
                answers = target.columns(target.of_logits(outputs, self._model.temperature))
                found.append(answers[:, self._target or 0])
        return np.concatenate(found)
