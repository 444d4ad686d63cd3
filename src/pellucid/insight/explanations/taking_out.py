"""Loss of a model when a piece of the input is taken out: occlusion of images, leave-one-out of texts.

Windows are three by three cells, around every second cell. The score of a cell is the mean loss over all
windows that cover it; the score of a word or token is what is lost without it alone.

Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", ECCV, section 4.2;
Li, Monroe and Jurafsky 2016, "Understanding neural networks through representation erasure",
arXiv:1612.08220.
"""

import numpy as np
from jaxtyping import Bool, Float64

from pellucid.insight.explanations.pieces import Pieces

_REACH, _APART = 1, 2


def taking_out(pieces: Pieces) -> Float64[np.ndarray, " pieces"]:
    """Fall of the class's probability, or of the number, without each piece; negative where it rises."""
    gone = _windows(pieces.shape)
    whole = np.ones((1, gone.shape[1]), bool)
    answers = pieces.ask(np.concatenate([whole, ~gone]))
    lost = answers[0] - answers[1:]
    scores: np.ndarray = lost @ gone / gone.sum(axis=0)
    return scores


def _windows(shape: tuple[int, ...]) -> Bool[np.ndarray, "windows pieces"]:
    """Pieces taken out at once: a window of cells around each cell, or one piece of a text."""
    if len(shape) == 1:
        return np.eye(shape[0], dtype=bool)
    rows, columns = np.indices(shape).reshape(2, -1)
    middles = np.indices([-(-side // _APART) for side in shape]).reshape(2, -1, 1) * _APART
    near: np.ndarray = (np.abs(middles[0] - rows) <= _REACH) & (np.abs(middles[1] - columns) <= _REACH)
    return near
