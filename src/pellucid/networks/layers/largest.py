"""Largest answers of convolutions over a text, with a gradient that visits only the windows that won.

Of all windows of a text only one is the largest of its filter, and only there does the filter's gradient
differ from 0. So the backward pass, which costs a convolution twice what its forward pass does, shrinks to
a sum over one window for each filter and text.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn
from torch.nn import functional

# Activations that never fall: the largest of their outputs is the output of the largest.
RISING = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)


class _Windows(NamedTuple):
    """The windows that won, tap by tap: each filter of each width has as many taps as it is wide.

    Attributes:
        places: row of the padded vectors under a tap, (taps, texts).
        shares: gradient of that filter's largest answer for that text, (taps, texts).
    """

    places: Int[Tensor, "taps batch"]
    shares: Float[Tensor, "taps batch"]


def largest_answers(
    vectors: Float[Tensor, "batch length size"],
    present: Bool[Tensor, "batch length"],
    layers: list[nn.Conv1d],
) -> Float[Tensor, "batch filters"]:
    """Largest answer of every filter over the places that are present, zeros beyond both ends of a text.

    `layers` have one stride, no padding of their own, equally many filters and different widths.
    """
    weights = [layer.weight for layer in layers]
    biases = torch.cat([layer.bias for layer in layers if layer.bias is not None])
    found: Tensor = _Largest.apply(vectors, present, *weights)  # type: ignore[no-untyped-call,unused-ignore]
    return found + biases


class _Largest(torch.autograd.Function):
    """Maximum over places of convolutions of several widths, without their biases."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, present: Tensor, *weights: Tensor) -> Tensor:
        """Largest answers; keeps where they were found."""
        padding = None if bool(present.all()) else ~present.unsqueeze(1)
        values, places = zip(*(_best(vectors, padding, weight) for weight in weights), strict=True)
        ctx.save_for_backward(vectors, torch.cat(places, 1), *weights)
        return torch.cat(values, 1).to(vectors.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the vectors and of the weights."""
        vectors, places, *weights = ctx.saved_tensors
        widths = [weight.shape[2] for weight in weights]
        padded = functional.pad(vectors, (0, 0, *_around(max(widths))))
        windows = _windows(places, gradient.to(vectors.dtype), widths, padded.shape[1])
        by_weights = _gradients_of_weights(padded, windows, weights)
        by_vectors = None
        if ctx.needs_input_grad[0]:
            by_vectors = _gradient_of_vectors(padded, windows, weights)[:, _around(max(widths))[0] :]
            by_vectors = by_vectors[:, : vectors.shape[1]]
        return (by_vectors, None, *by_weights)


def _around(width: int) -> tuple[int, int]:
    """Zeros before and behind a text, so that there are as many windows as places."""
    return (width - 1) // 2, width - 1 - (width - 1) // 2


def _best(
    vectors: Float[Tensor, "batch length size"],
    padding: Bool[Tensor, "batch 1 length"] | None,
    weight: Float[Tensor, "filters size width"],
) -> tuple[Float[Tensor, "batch filters"], Int64[Tensor, "batch filters"]]:
    """Largest answers of the filters of one width, and the places where they were found."""
    # As images of one row whose channels lie side by side: the kernels for these are the fastest.
    rows = functional.pad(vectors.transpose(1, 2), _around(weight.shape[2])).unsqueeze(2)
    taps = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    answers = functional.conv2d(rows, taps).squeeze(2)
    if padding is not None:
        answers.masked_fill_(padding, -torch.inf)
    best = answers.max(2)
    return best.values, best.indices


def _windows(
    places: Int64[Tensor, "batch filters"],
    gradient: Float[Tensor, "batch filters"],
    widths: list[int],
    rows: int,
) -> _Windows:
    """Every tap of every window that won; `rows` are those of one padded text."""
    before = _around(max(widths))[0]
    starts = torch.arange(len(places), device=places.device) * rows + before
    firsts = (places.T + starts).int().chunk(len(widths))
    shares = gradient.T.chunk(len(widths))
    taps = [torch.arange(width, dtype=torch.int32, device=places.device) for width in widths]
    return _Windows(
        torch.cat([
            (first.unsqueeze(1) + (tap - _around(len(tap))[0]).view(1, -1, 1)).flatten(0, 1)
            for first, tap in zip(firsts, taps, strict=True)
        ]),
        torch.cat([
            share.unsqueeze(1).expand(-1, width, -1).flatten(0, 1)
            for share, width in zip(shares, widths, strict=True)
        ]),
    )  # fmt: skip


def _gradients_of_weights(
    padded: Float[Tensor, "batch rows size"], windows: _Windows, weights: list[Tensor]
) -> list[Tensor]:
    """Of each tap the vectors beneath it, weighed by the gradients of the answers that they gave."""
    vectors = padded.flatten(0, 1)
    summed = functional.embedding_bag(windows.places, vectors, per_sample_weights=windows.shares, mode="sum")
    sizes = [weight.shape[0] * weight.shape[2] for weight in weights]
    return [
        each.view(weight.shape[0], weight.shape[2], -1).transpose(1, 2)
        for each, weight in zip(torch.split(summed, sizes), weights, strict=True)
    ]


def _gradient_of_vectors(
    padded: Float[Tensor, "batch rows size"], windows: _Windows, weights: list[Tensor]
) -> Float[Tensor, "batch rows size"]:
    """Of each row the taps that lay on it, weighed likewise; sorted by rows, so that each is summed once."""
    taps = torch.cat([weight.transpose(1, 2).flatten(0, 1) for weight in weights])
    places, shares = windows.places.flatten(), windows.shares.flatten()
    order = torch.sort(places, stable=True).indices
    counts = torch.bincount(places, minlength=padded.shape[0] * padded.shape[1])
    summed = functional.embedding_bag(
        torch.div(order, windows.places.shape[1], rounding_mode="floor"),
        taps.to(padded.dtype),
        counts.cumsum(0) - counts,
        per_sample_weights=shares[order],
        mode="sum",
    )
    return summed.view_as(padded)
