"""Layers that read ids of texts. Padding, id 0 at the end of a text, changes nothing in any of them."""

import math
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.encoder import PADDING, UNKNOWN

# Activations that never fall: the largest of their outputs is the output of the largest.
RISING = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)


def token_mask(tokens: Int64[Tensor, "batch length"]) -> Bool[Tensor, "batch length"]:
    """True at ids, False at padding; the first place counts always, so that no text is empty."""
    places = torch.arange(tokens.shape[1], device=tokens.device)
    return (tokens != PADDING) | (places == 0)


def largest_answers(
    vectors: Float[Tensor, "batch length size"], mask: Bool[Tensor, "batch length"], layers: list[nn.Conv1d]
) -> Float[Tensor, "batch filters"]:
    """Largest answer of every filter over the places of a text, zeros beyond both of its ends.

    `layers` have one stride, no padding of their own, equally many filters and different widths.

    Of all windows of a text only one is the largest of its filter, and only there does the filter's gradient
    differ from 0. So the backward pass, which costs a convolution twice what its forward pass does, shrinks
    to a sum over one window for each filter and text.
    """
    weights = [layer.weight for layer in layers]
    biases = torch.cat([layer.bias for layer in layers if layer.bias is not None])
    found: Tensor = _Largest.apply(vectors, mask, *weights)  # type: ignore[no-untyped-call,unused-ignore]
    return found + biases


class _Largest(torch.autograd.Function):
    """Maximum over places of convolutions of several widths, without their biases."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, mask: Tensor, *weights: Tensor) -> Tensor:
        """Largest answers; keeps where they were found."""
        padding = None if bool(mask.all()) else ~mask.unsqueeze(1)
        values, places = zip(*(_best(vectors, padding, weight) for weight in weights), strict=True)
        ctx.save_for_backward(vectors, torch.cat(places, 1), *weights)
        return torch.cat(values, 1).to(vectors.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the vectors and of the weights."""
        vectors, places, *weights = ctx.saved_tensors
        widths = [weight.shape[2] for weight in weights]
        before, behind = _around(max(widths))
        padded = functional.pad(vectors, (0, 0, before, behind))
        # Of every tap of every window that won the row of `padded` beneath it, and the gradient of that
        # answer.
        starts = torch.arange(len(places), device=places.device) * padded.shape[1] + before
        firsts = (places.T + starts).int().chunk(len(widths))
        shares_of = gradient.to(vectors.dtype).T.chunk(len(widths))
        taps = [torch.arange(width, dtype=torch.int32, device=places.device) for width in widths]
        rows = torch.cat([
            (first.unsqueeze(1) + (tap - _around(len(tap))[0]).view(1, -1, 1)).flatten(0, 1)
            for first, tap in zip(firsts, taps, strict=True)
        ])  # fmt: skip
        shares = torch.cat([
            share.unsqueeze(1).expand(-1, width, -1).flatten(0, 1)
            for share, width in zip(shares_of, widths, strict=True)
        ])  # fmt: skip
        # Of each tap the vectors beneath it, weighted by these gradients.
        summed = functional.embedding_bag(rows, padded.flatten(0, 1), per_sample_weights=shares, mode="sum")
        by_weights = [
            each.view(weight.shape[0], weight.shape[2], -1).transpose(1, 2)
            for each, weight in zip(
                torch.split(summed, [weight.shape[0] * weight.shape[2] for weight in weights]),
                weights,
                strict=True,
            )
        ]
        if not ctx.needs_input_grad[0]:
            return (None, None, *by_weights)
        # Of each row the taps that lay on it, weighted likewise; sorted by rows, so that each is summed once.
        order = torch.sort(rows.flatten(), stable=True).indices
        counts = torch.bincount(rows.flatten(), minlength=padded.shape[0] * padded.shape[1])
        by_vectors = functional.embedding_bag(
            torch.div(order, rows.shape[1], rounding_mode="floor"),
            torch.cat([weight.transpose(1, 2).flatten(0, 1) for weight in weights]).to(padded.dtype),
            counts.cumsum(0) - counts,
            per_sample_weights=shares.flatten()[order],
            mode="sum",
        ).view_as(padded)
        return (by_vectors[:, before:][:, : vectors.shape[1]], None, *by_weights)


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


class SumOfRows(torch.autograd.Function):
    r"""$y_i = \sum_j a_{ij} E_{t_{ij}}$ for rows $t_{ij}$ of a table $E$, as `embedding_bag` computes it.

    The gradient $\bar E_t = \sum_{ij: t_{ij} = t} a_{ij} \bar y_i$ is sparse, and holds each row once: the
    rest of a large table is neither cleared nor read. Weights $a$ get no gradient.
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
        values = functional.embedding_bag(
            torch.div(places, ids.shape[1], rounding_mode="floor"),
            gradient.contiguous(),
            offsets=counts.cumsum(0) - counts,
            mode="sum",
            per_sample_weights=weights.flatten()[places],
        )
        found = torch.sparse_coo_tensor(
            rows[None], values, ctx.shape, is_coalesced=True, check_invariants=False
        )
        return found, None, None


class EmbeddingBag(nn.Module):
    r"""Weighted sum of the vectors of a text's ids, in which rare ids weigh more: exact TF-IDF.

    With $n_t$ how often id $t$ occurs in the text, $d_t$ in how many of the $N$ training texts:

    $$w_t = (1 + \ln n_t) \, \Bigl(1 + \ln \frac{1 + N}{1 + d_t}\Bigr), \quad
      y = b + \sum_g \frac{a_g}{\lVert a \rVert} \sum_{t \in g} \frac{w_t}{\lVert w_g \rVert} e_t, \quad
      a_1 = 1, \; a_g = \min\Bigl(1, \frac{1}{2} \sqrt{|g| / |g_1|}\Bigr)$$

    Each group $g$ (words, pairs of words) is brought to a length by itself, so that pairs do not drown
    the words; they count in full only where there are four or more for each of the first group, as of
    characters. Order does not matter.

    `groups` are the first id of each group and, last, the number of ids; `units` is the length of a vector.

    Source: Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval", for the
        weights; Galke and Scherp 2022, arXiv:2109.03777, for a wide layer above them.
    """

    weight: nn.Parameter  # vectors of the ids, (vocabulary, units); those of padding and unknown are unused
    bias: nn.Parameter  # (units,)
    rarity: Tensor  # second factor of $w_t$ for each id, (vocabulary,); 0 for padding and unknown
    groups: tuple[int, ...]
    shares: tuple[float, ...]  # $a_g / \lVert a \rVert$ of each group
    by_rows: (
        bool  # whether the gradient of the vectors, while they learn, is sparse: of the batch's ids alone
    )

    def __init__(self, groups: tuple[int, ...], units: int) -> None:
        super().__init__()
        self.groups = groups
        sizes = [end - first for first, end in pairwise(groups)]
        counts = [1.0, *(min(1.0, math.sqrt(size / max(1, sizes[0])) / 2) for size in sizes[1:])]
        self.shares = tuple(count / math.hypot(*counts) for count in counts)
        self.by_rows = False
        self.weight = nn.Parameter(torch.empty(groups[-1], units))
        self.bias = nn.Parameter(torch.empty(units))
        self.register_buffer("rarity", torch.ones(groups[-1]))

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch units"]:
        """Sums, one for each text."""
        ids = tokens.sort(dim=1).values
        weights = self.weigh(ids)
        if torch.compiler.is_exporting():  # the operation below fixes the batch, and few formats have it
            return torch.einsum("bl,blu->bu", weights, functional.embedding(ids, self.weight)) + self.bias
        if self.by_rows and self.training:
            total: Tensor = SumOfRows.apply(self.weight, ids, weights)  # type: ignore[no-untyped-call]
        else:
            total = functional.embedding_bag(ids, self.weight, mode="sum", per_sample_weights=weights)
        return total + self.bias

    @torch.no_grad()
    def weigh(self, ids: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch length"]:
        """Weights of ascending ids, spread evenly over the places where an id occurs more than once."""
        before = functional.pad(ids, (1, 0), value=PADDING)[:, :-1]
        run = (ids != before).cumsum(1)
        rarity = self.rarity[ids]
        counts = functional.pad(torch.zeros_like(rarity), (0, 1)).scatter_add(1, run, torch.ones_like(rarity))
        times = counts.gather(1, run)
        weights = rarity * (1 + times.log())
        squares = weights.square() / times
        scale = torch.zeros_like(weights)
        for first, end, share in zip(self.groups, self.groups[1:], self.shares, strict=False):
            inside = (ids >= first) & (ids < end)
            length = (squares * inside).sum(1, keepdim=True).sqrt()
            scale = torch.where(inside, share / length.clamp(min=torch.finfo(length.dtype).tiny), scale)
        return weights / times * scale

    @torch.no_grad()
    def fit(self, counts: Int64[Tensor, " vocabulary"], texts: int) -> None:
        """Set the rarity of each id from `counts`, the training texts that hold it, out of `texts`."""
        rarity = 1 + torch.log((1 + texts) / (1 + counts.double()))
        rarity[: self.groups[0]] = 0
        self.rarity.copy_(rarity)


class MaskedPool(nn.Module):
    """Largest or mean of each channel over the places of a text, or their sum by the root of how many."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(
        self, values: Float[Tensor, "batch length channel"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch channel"]:
        """One number per channel."""
        each = mask.unsqueeze(2)
        if self.pooling == "max":
            return values.masked_fill(~each, -torch.inf).amax(1)
        counts = each.sum(1)
        divisor = counts.to(values.dtype).sqrt() if self.pooling == "root" else counts
        return values.masked_fill(~each, 0).sum(1) / divisor


class TokenConv1d(nn.Conv1d):
    """Convolution over neighbouring ids, as many places out as in, zeros beyond both ends."""

    def __init__(self, size: int, filters: int, kernel: int) -> None:
        super().__init__(size, filters, kernel)
        self.sees = kernel  # places, in the end

    def forward(self, vectors: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length filters"]:
        """One value per filter and place."""
        padded = functional.pad(vectors.transpose(1, 2), _around(self.kernel_size[0]))
        found: Tensor = super().forward(padded)
        return found.transpose(1, 2)


class ParallelConvolutions(nn.Module):
    """Filters of several widths side by side, the largest value of each over the text.

    `vocabulary` is the number of ids, `size` the length of the vector of an id, `filters` how many there are
    of each width in `kernels`. `activation` makes what follows a convolution.

    Source: Kim 2014, arXiv:1408.5882.
    """

    def __init__(
        self, vocabulary: int, size: int, kernels: tuple[int, ...], filters: int, activation: nn.Module
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        for kernel in kernels:
            self.add_module(f"conv{kernel}", TokenConv1d(size, filters, kernel))
        self.kernels = kernels
        self.activation = activation
        self.pool = MaskedPool("max")

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch filters"]:
        """Largest value of each filter."""
        mask, vectors = token_mask(tokens), self.embedding(tokens)
        layers = [getattr(self, f"conv{kernel}") for kernel in self.kernels]
        is_learning = self.training and torch.is_grad_enabled() and isinstance(self.activation, RISING)
        if is_learning and vectors.device.type == "cpu":  # nobody needs the maps
            values: Tensor = self.activation(largest_answers(vectors, mask, layers))
            return values
        maps = torch.cat([layer(vectors) for layer in layers], 2)
        found: Tensor = self.pool(self.activation(maps), mask)
        return found


class BothWays(nn.Module):
    """Recurrent layers that read each text forwards and backwards, then the largest and the mean state.

    Backwards reads the text itself turned around, not its padding: two one-way networks, the second
    over places gathered in reverse. So nothing needs to be packed, and the network can be exported.

    `vocabulary` is the number of ids, `size` the length of the vector of an id. `cell` is `lstm` or `gru`;
    `widths` are the units of each layer in either direction.

    Source: Hochreiter and Schmidhuber 1997, Neural Computation 9(8); Cho et al. 2014,
        arXiv:1406.1078; Schuster and Paliwal 1997, for both ways.
    """

    def __init__(self, vocabulary: int, size: int, cell: str, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        sizes = (size, *(2 * width for width in widths))
        for number, (incoming, width) in enumerate(zip(sizes, widths, strict=False), start=1):
            self.add_module(f"forwards{number}", layer(incoming, width, batch_first=True))
            self.add_module(f"backwards{number}", layer(incoming, width, batch_first=True))
        self.layers = len(widths)
        self.largest = MaskedPool("max")
        self.mean = MaskedPool("average")

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch features"]:
        """Largest and mean state of each unit."""
        mask, states = token_mask(tokens), self.embedding(tokens)
        order = reversed_order(mask)
        for number in range(1, self.layers + 1):
            onward, _ = getattr(self, f"forwards{number}")(states)
            back, _ = getattr(self, f"backwards{number}")(reordered(states, order))
            states = torch.cat([onward, reordered(back, order)], 2)
        return torch.cat([self.largest(states, mask), self.mean(states, mask)], 1)


def reversed_order(mask: Bool[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """Places of each text from its last to its first, padding where it was; its own inverse."""
    lengths = mask.sum(1, keepdim=True)
    places = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(places < lengths, lengths - 1 - places, places)


def reordered(
    values: Float[Tensor, "batch length channel"], places: Int64[Tensor, "batch length"]
) -> Float[Tensor, "batch length channel"]:
    """Values of each text in the order of `places`."""
    return values.gather(1, places.unsqueeze(2).expand(-1, -1, values.shape[2]))


class MeanAndMax(nn.Module):
    r"""Weighted mean of frozen word vectors, and the largest of each of their numbers.

    With $e_t$ the vectors of the words of a text, one that occurs twice counted twice, and $w_t$ their
    weights:

    $$m = \sum_t w_t e_t, \quad x = \max_t e_t, \quad
      y = \frac{1}{\sqrt 2} \Bigl( \frac{m}{\lVert m \rVert}, \; \frac{x}{\lVert x \rVert} \Bigr)$$

    Unknown words and padding count for nothing; a text without any other gives zeros.

    Source: Shen et al. 2018, arXiv:1805.09843, for mean and maximum side by side.
    """

    weight: nn.Parameter  # vectors of the ids, (vocabulary, size); never trained
    weights: Tensor  # $w$ of each id, (vocabulary,)

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, size), requires_grad=False)
        self.register_buffer("weights", torch.ones(vocabulary))

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch twice_size"]:
        """One vector for each text."""
        known = tokens > UNKNOWN
        vectors = functional.embedding(tokens, self.weight)
        mean = ((self.weights[tokens] * known).unsqueeze(2) * vectors).sum(1)
        largest = vectors.masked_fill(~known.unsqueeze(2), -torch.inf).amax(1)
        largest = torch.where(known.any(1, keepdim=True), largest, 0.0)
        both: Tensor = torch.cat([functional.normalize(mean, dim=1), functional.normalize(largest, dim=1)], 1)
        return both / 2**0.5
