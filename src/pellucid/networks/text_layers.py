"""Layers that read ids of texts. Padding, id 0 at the end of a text, changes nothing in any of them."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.encoder import PADDING, UNKNOWN

# Largest answers of convolutions over a text, with a gradient that visits only the windows that won.
#
# Of all windows of a text only one is the largest of its filter, and only there does the filter's gradient
# differ from 0. So the backward pass, which costs a convolution twice what its forward pass does, shrinks to
# a sum over one window for each filter and text.

# Activations that never fall: the largest of their outputs is the output of the largest.
RISING = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)


class _Windows(NamedTuple):
    """The windows that won, tap by tap: each filter of each width has as many taps as it is wide.

    `places`: row of the padded vectors under a tap, (taps, texts); `shares`: gradient of that filter's
    largest answer for that text, (taps, texts).
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


# Weighted sums of rows of a table, whose gradient holds the rows of the batch alone.


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


def filled(tokens: Int64[Tensor, "batch length"]) -> Bool[Tensor, "batch length"]:
    """True at ids, False at padding; the first place counts always, so that no text is empty."""
    places = torch.arange(tokens.shape[1], device=tokens.device)
    return (tokens != PADDING) | (places == 0)


class EmbeddingBag(nn.Module):
    r"""Weighted sum of the vectors of a text's ids, in which rare ids weigh more: exact TF-IDF.

    With $n_t$ how often id $t$ stands in the text, $d_t$ in how many of the $N$ training texts:

    $$w_t = (1 + \ln n_t) \, \Bigl(1 + \ln \frac{1 + N}{1 + d_t}\Bigr), \quad
      y = b + \sum_g \frac{a_g}{\lVert a \rVert} \sum_{t \in g} \frac{w_t}{\lVert w_g \rVert} e_t, \quad
      a_1 = 1, \; a_g = \min\Bigl(1, \frac{1}{2} \sqrt{|g| / |g_1|}\Bigr)$$

    Each group $g$ (words, pairs of words) is brought to a length by itself, so that pairs do not drown
    the words; they count in full only where there are four or more for each of the first group, as of
    characters. Order does not matter.

    Attributes:
        weight: vectors of the ids, (vocabulary, units); those of padding and unknown are never used.
        bias: (units,).
        rarity: second factor of $w_t$ for each id, (vocabulary,); 0 for padding and unknown.
        groups: first id of each group and, last, the number of ids.
        shares: $a_g / \lVert a \rVert$ of each group.
        by_rows: whether the gradient of the vectors, while they learn, is sparse: of the batch's ids alone.

    Args:
        groups: see the attribute.
        units: length of a vector.

    Source: Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval", for the
        weights; Galke and Scherp 2022, arXiv:2109.03777, for a wide layer above them.
    """

    weight: nn.Parameter
    bias: nn.Parameter
    rarity: Tensor
    groups: tuple[int, ...]
    shares: tuple[float, ...]
    by_rows: bool

    def __init__(self, groups: tuple[int, ...], units: int) -> None:
        super().__init__()
        self.groups = groups
        # Share of each group; the squares add up to 1.
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
        """Weights of ascending ids, spread evenly over the places where an id stands more than once."""
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
    """Largest or mean value of each channel over the places of a text."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(
        self, values: Float[Tensor, "batch length channel"], filled: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch channel"]:
        """One number per channel."""
        mask = filled.unsqueeze(2)
        if self.pooling == "max":
            return values.masked_fill(~mask, -torch.inf).amax(1)
        return values.masked_fill(~mask, 0).sum(1) / mask.sum(1)


class TokenConv1d(nn.Conv1d):
    """Convolution over neighbouring ids, as many places out as in, zeros beyond both ends."""

    def __init__(self, size: int, filters: int, kernel: int) -> None:
        super().__init__(size, filters, kernel)

    def forward(self, vectors: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length filters"]:
        """One value per filter and place."""
        around = self.kernel_size[0] - 1
        padded = functional.pad(vectors.transpose(1, 2), (around // 2, around - around // 2))
        found: Tensor = super().forward(padded)
        return found.transpose(1, 2)


class ParallelConvolutions(nn.Module):
    """Filters of several widths beside each other, the largest value of each over the text.

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
        present, vectors = filled(tokens), self.embedding(tokens)
        if self._is_learning(vectors):
            answers = largest_answers(
                vectors, present, [getattr(self, f"conv{each}") for each in self.kernels]
            )
            values: Tensor = self.activation(answers)
            return values
        maps = [getattr(self, f"conv{kernel}")(vectors) for kernel in self.kernels]
        found: Tensor = self.pool(self.activation(torch.cat(maps, 2)), present)
        return found

    def _is_learning(self, vectors: Float[Tensor, "batch length size"]) -> bool:
        """True where the short way to the gradient serves: nobody looks at the maps, a processor computes."""
        is_learning = self.training and torch.is_grad_enabled() and isinstance(self.activation, RISING)
        return is_learning and vectors.device.type == "cpu"


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
        present, states = filled(tokens), self.embedding(tokens)
        turned = reversed_order(present)
        for number in range(1, self.layers + 1):
            onward, _ = getattr(self, f"forwards{number}")(states)
            back, _ = getattr(self, f"backwards{number}")(reordered(states, turned))
            states = torch.cat([onward, reordered(back, turned)], 2)
        return torch.cat([self.largest(states, present), self.mean(states, present)], 1)


def reversed_order(present: Bool[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """Places of each text from its last to its first, padding where it was; its own inverse."""
    lengths = present.sum(1, keepdim=True)
    places = torch.arange(present.shape[1], device=present.device).expand_as(present)
    return torch.where(places < lengths, lengths - 1 - places, places)


def reordered(
    values: Float[Tensor, "batch length channel"], places: Int64[Tensor, "batch length"]
) -> Float[Tensor, "batch length channel"]:
    """Values of each text in the order of `places`."""
    return values.gather(1, places.unsqueeze(2).expand(-1, -1, values.shape[2]))


# Layer of `word-vectors`: mean and maximum of the vectors of a text's known words, in any order.


class MeanAndMax(nn.Module):
    r"""Weighted mean of frozen word vectors beside the largest of each of their numbers.

    With $e_t$ the vectors of the words of a text, one that stands twice counted twice, and $w_t$ their
    weights:

    $$m = \sum_t w_t e_t, \quad x = \max_t e_t, \quad
      y = \frac{1}{\sqrt 2} \Bigl( \frac{m}{\lVert m \rVert}, \; \frac{x}{\lVert x \rVert} \Bigr)$$

    Unknown words and padding count for nothing; a text without any other gives zeros.

    Attributes:
        weight: vectors of the ids, (vocabulary, size); never trained.
        weights: $w$ of each id, (vocabulary,).

    Args:
        vocabulary: number of ids.
        size: length of a vector.

    Source: Shen et al. 2018, arXiv:1805.09843, for mean and maximum side by side.
    """

    weight: nn.Parameter
    weights: Tensor

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
