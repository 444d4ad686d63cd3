"""Weighted sums of rows of a table, whose gradient holds the rows of the batch alone."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional


class SumOfRows(torch.autograd.Function):
    r"""$y_i = \sum_j a_{ij} E_{t_{ij}}$ for rows $t_{ij}$ of a table $E$, as `embedding_bag` computes it.

    The gradient $\bar E_t = \sum_{ij: t_{ij} = t} a_{ij} \bar y_i$ is sparse, and each row stands in it once:
    the rest of a large table is neither cleared nor looked at. Weights $a$ get no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        table: Float[Tensor, "rows units"],
        ids: Int64[Tensor, "batch length"],
        weights: Float[Tensor, "batch length"],
    ) -> Float[Tensor, "batch units"]:
        """Sums, one for each line of ids."""
        ctx.save_for_backward(ids, weights)
        ctx.shape = table.shape
        return functional.embedding_bag(ids, table, mode="sum", per_sample_weights=weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Gradient of the table: for each row that a line holds, the sum over these lines."""
        ids, weights = ctx.saved_tensors
        (gradient,) = gradients
        ascending, places = ids.flatten().sort(stable=True)
        rows, counts = ascending.unique_consecutive(return_counts=True)
        lines = torch.div(places, ids.shape[1], rounding_mode="floor")
        values = functional.embedding_bag(
            lines,
            gradient.contiguous(),
            offsets=counts.cumsum(0) - counts,
            mode="sum",
            per_sample_weights=weights.flatten()[places],
        )
        found = torch.sparse_coo_tensor(
            rows[None], values, ctx.shape, is_coalesced=True, check_invariants=False
        )
        return found, None, None
