"""Refusal of answers that are no finite numbers, though the weights behind them are."""

import numpy as np
from jaxtyping import Shaped

from pellucid.errors import NotFiniteError


def require_finite(answers: Shaped[np.ndarray, "inputs ..."]) -> None:
    """Refuse numbers of a model, one row for each input, among which some are not finite.

    Raises: `NotFiniteError` with the places of these inputs; its message names the first.
    """
    finite = np.isfinite(answers)
    if not finite.all():
        places = np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1)).tolist()
        raise NotFiniteError(
            f"model: what it computes for input {places[0] + 1} is not a finite number; train it again",
            places,
        )
