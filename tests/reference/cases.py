"""Small arguments for every layer of the reference, and what torch calls the same."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from pellucid.networks.text_encoders import Attend, WithoutPadding
from pellucid.networks.text_layers import EmbeddingBag, MaskedPool, reordered, reversed_order, token_mask

LSTM_GATES, GRU_GATES = 4, 3
TOKENS = np.array([[3, 5, 3, 4, 0], [2, 0, 0, 0, 0], [1, 6, 2, 2, 5]])
LABELS = np.array([2, 0, 1, 1])
CLASS_WEIGHTS = (0.5, 2.0, 1.25)
STATES = np.array([[1, 0, -1], [0, 0, 0], [-1, 1, -1], [1, 1, 0]], np.int8)
GROUPS = (2, 5, 7)


class Case(NamedTuple):
    """Arguments of a layer.

    Attributes:
        arrays: in order.
        theirs: the same in torch.
        settings: keywords.
        fixed: places of the arrays that have no gradient.
    """

    arrays: tuple[np.ndarray, ...]
    theirs: Any
    settings: dict[str, Any] = {}  # noqa: RUF012
    fixed: tuple[int, ...] = ()


def draw(*shape, seed=0):
    """Numbers of the normal distribution."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def recurrent(gates, layer):
    """A recurrent layer of 4 units over 3 texts of 5 places with vectors of 2."""

    def theirs(inputs, *weights):
        module = layer(2, 4, batch_first=True).double()
        names = [name for name, _ in module.named_parameters()]
        values = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(module, values, (inputs,))[0]

    return Case(
        (draw(3, 5, 2), draw(4 * gates, 2), draw(4 * gates, 4), draw(4 * gates), draw(4 * gates, seed=1)),
        theirs,
    )


def standing(shape):
    """Which values a dropout of torch's leaves standing, by its seed."""
    return torch.nn.functional.dropout(torch.ones(shape), 0.4).numpy() > 0


def seeded(function):
    """Run with torch's generator at one and the same place."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return function()


def smoothed(logits, labels):
    return functional.cross_entropy(
        logits, labels, weight=torch.tensor(CLASS_WEIGHTS).double(), label_smoothing=0.2
    )


def of_known_labels(loss, logits, states, smoothing=0.0):
    """Mean over examples of the mean loss of the labels that are known."""
    targets = (states == 1).double() * (1 - smoothing) + smoothing / 2
    losses = loss(logits, targets, reduction="none")
    return torch.stack([row[known].mean() for row, known in zip(losses, states >= 0, strict=True)]).mean()


def squared_sigmoid(logits, targets, reduction):
    return functional.mse_loss(logits.sigmoid(), targets, reduction=reduction)


def scaled(size, images):
    images = images.expand(-1, 3, -1, -1)
    return functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def squared(logits, labels):
    errors = (logits.softmax(1) - functional.one_hot(labels, 3)).square().sum(1)
    weights = torch.tensor(CLASS_WEIGHTS).double()[labels]
    return (errors * weights).sum() / weights.sum()


def weighed(tokens, weight, bias, rarity):
    layer = EmbeddingBag(GROUPS, weight.shape[1]).double()
    return torch.func.functional_call(layer, {"weight": weight, "bias": bias, "rarity": rarity}, (tokens,))


def rows_of(vectors, weight):
    """The row of each place; beyond the last one, the last."""
    return torch.arange(vectors.shape[1]).clamp(max=len(weight) - 1)


def mixed(projected, weights):
    """Values of each head, mixed by given weights."""
    values = projected[..., 8:].unflatten(-1, (weights.shape[1], -1)).transpose(1, 2)
    return (weights @ values).transpose(1, 2).flatten(2)


def mixture_in_torch(latent, means, log_variances, logits):
    """Density of latent variables under a mixture, as torch knows it."""
    distributions = torch.distributions
    parts = distributions.Independent(distributions.Normal(means, (log_variances / 2).exp()), 1)
    mixture = distributions.MixtureSameFamily(distributions.Categorical(logits=logits), parts)
    return mixture.log_prob(latent).mean()


def noisy(images, reconstructed, variance):
    """Minus the logarithm of a normal density, the mean over uniform noise taken at three points.

    Simpson's rule is exact for the parabola that the logarithm is.
    """
    density = torch.distributions.Normal(reconstructed, torch.as_tensor(variance).double().sqrt())
    at = [density.log_prob(images.detach() + shift) for shift in (-0.5, 0.0, 0.5)]
    return -((at[0] + 4 * at[1] + at[2]) / 6).sum((1, 2, 3)).mean()


def sharpest(images, reconstructed):
    """The same under the variance at which it is least, which follows the reconstruction."""
    return noisy(images, reconstructed, (reconstructed - images.detach()).square().mean() + 1 / 12)


MAPS = draw(2, 3, 4, 5)
GREY_LEVELS = np.round(128 + 40 * draw(2, 3, 4, 5, seed=1))
PRESENT = TOKENS != 0
RARITY = np.array([0.0, 0.0, *np.abs(draw(5)) + 1])

CASES: dict[str, list[Case]] = {
    "dense": [
        Case((draw(4, 3), draw(2, 3), draw(2)), functional.linear),
        Case((draw(4, 3), draw(2, 3)), functional.linear),
        Case((draw(2, 5, 3), draw(2, 3), draw(2)), functional.linear),
        Case((draw(2, 2, 4, 3), draw(2, 3), draw(2)), functional.linear),
    ],
    "convolution": [
        Case((MAPS, draw(2, 3, 2, 3), draw(2)), functional.conv2d),
        Case(
            (MAPS, draw(2, 3, 3, 2)),
            lambda x, w: functional.conv2d(x, w, stride=(2, 1), padding=(1, 2)),
            {"stride": (2, 1), "padding": (1, 2)},
        ),
        Case(  # depthwise, and padded as TensorFlow pads for a stride of 2
            (MAPS, draw(3, 1, 3, 3)),
            lambda x, w: functional.conv2d(functional.pad(x, (1, 1, 0, 1)), w, stride=2, groups=3),
            {"stride": (2, 2), "padding": (0, 1), "padding_after": (1, 1), "groups": 3},
        ),
        Case(
            (draw(2, 4, 4, 5), draw(6, 2, 2, 3), draw(6)),
            lambda x, w, b: functional.conv2d(x, w, b, groups=2),
            {"groups": 2},
        ),
    ],
    "transposed-convolution": [
        Case((MAPS, draw(3, 2, 2, 3), draw(2)), functional.conv_transpose2d),
        Case(
            (draw(2, 3, 3, 2), draw(3, 2, 4, 4), draw(2)),
            lambda x, w, b: functional.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=(1, 0)),
            {"stride": (2, 2), "padding": (1, 1), "more": (1, 0)},
        ),
    ],
    "neighbours": [
        Case(
            (draw(3, 5, 2), draw(4, 2, kernel), draw(4)),
            lambda x, w, b: functional.conv1d(x.transpose(1, 2), w, b, padding="same").transpose(1, 2),
        )
        for kernel in (1, 3, 5, 7)
    ],
    "max-pool": [Case((MAPS,), lambda x: functional.max_pool2d(x, (2, 2)), {"window": (2, 2)})],
    "average-pool": [Case((MAPS,), lambda x: functional.avg_pool2d(x, (3, 2)), {"window": (3, 2)})],
    "global-max": [Case((MAPS,), lambda x: x.amax((2, 3)))],
    "global-average": [Case((MAPS,), lambda x: x.mean((2, 3)))],
    "batch-norm": [
        Case(
            (inputs, draw(3), draw(3, seed=1)),
            lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        )
        for inputs in (MAPS, draw(4, 3))
    ],
    "fixed-norm": [
        Case(
            (inputs, draw(3), draw(3, seed=1), draw(3, seed=2), draw(3) ** 2),
            lambda x, w, b, mean, variance: functional.batch_norm(x, mean.detach(), variance.detach(), w, b),
            fixed=(3, 4),
        )
        for inputs in (MAPS, draw(4, 3))
    ],
    "layer-norm": [
        Case(
            (inputs, draw(3), draw(3, seed=1)),
            lambda x, w, b: functional.layer_norm(x, (3,), w, b, eps=1e-12),
        )
        for inputs in (draw(4, 3), draw(2, 5, 3))
    ],
    "relu": [Case((MAPS,), functional.relu)],
    "relu6": [Case((5 * MAPS,), functional.relu6)],
    "leaky-relu": [Case((MAPS,), lambda x: functional.leaky_relu(x, 0.2), {"slope": 0.2})],
    "gelu": [Case((MAPS,), functional.gelu)],
    "softplus": [Case((5 * MAPS,), functional.softplus)],
    "sigmoid": [Case((MAPS,), torch.sigmoid)],
    "tanh": [Case((MAPS,), torch.tanh)],
    "softmax": [Case((draw(4, 3),), lambda x: x.softmax(1))],
    "dropout": [
        Case(
            (draw(4, 6), seeded(lambda: standing((4, 6)))),
            lambda x, mask: seeded(lambda: functional.dropout(x, 0.4)),
            {"probability": 0.4},
            fixed=(1,),
        )
    ],
    "resize": [
        Case((images,), partial(scaled, size), {"size": size, "channels": 3})
        for images, size in [
            *((MAPS, size) for size in [(7, 11), (2, 3), (3, 8), (4, 5)]),
            (draw(2, 1, 4, 5), (8, 5)),
        ]
    ],
    "standardise": [
        Case((inputs, *each), lambda x, mean, deviation: (x - mean) / deviation, fixed=(1, 2))
        for inputs, each in [
            (MAPS, (draw(3, 1, 1), np.exp(draw(3, 1, 1)))),
            (draw(4, 3), (draw(3), np.exp(draw(3)))),
        ]
    ],
    "rescale": [
        Case((draw(4, 1), draw(1), np.exp(draw(1))), lambda x, m, s: x * s + m, fixed=(1, 2)),
        Case((MAPS, draw(3, 1, 1), np.exp(draw(3, 1, 1))), lambda x, m, s: x * s + m, fixed=(1, 2)),
    ],
    "divide": [Case((draw(4, 3),), lambda x: x / 3, {"divisor": 3.0})],
    "unit-length": [Case((draw(4, 3),), lambda x: functional.normalize(x, dim=1))],
    "add": [Case((MAPS, draw(2, 3, 4, 5, seed=1)), torch.add)],
    "side-by-side": [
        Case((draw(3, 5, 2), draw(3, 5, 1), draw(3, 5, 4)), lambda *parts: torch.cat(parts, -1)),
        Case((draw(3, 2), draw(3, 4)), lambda *parts: torch.cat(parts, -1)),
    ],
    "flatten": [Case((MAPS,), lambda x: x.flatten(1))],
    "unflatten": [Case((draw(2, 12),), lambda x: x.unflatten(1, (3, 2, 2)), {"shape": (3, 2, 2)})],
    "part": [
        Case((draw(*shape),), lambda x: x[..., 2:5], {"start": 2, "stop": 5}) for shape in ((4, 6), (4, 3, 6))
    ],
    "clamp": [Case((draw(4, 6),), lambda x: x.clamp(-0.5, 1.0), {"low": -0.5, "high": 1.0})],
    "patches-to-tokens": [Case((MAPS,), lambda x: x.flatten(2).transpose(1, 2))],
    "class-token": [
        Case((draw(3, 5, 2), draw(learnt, 2)), lambda x, w: torch.cat([w.expand(3, *w.shape), x], 1))
        for learnt in (1, 3)
    ],
    "layer-scale": [Case((draw(3, 5, 2), draw(2)), torch.mul)],
    "choose-token": [Case((draw(3, 5, 2),), lambda x: x[:, 1], {"place": 1})],
    "token-mean": [
        Case((draw(3, 5, 2),), lambda x, start=start: x[:, start:].mean(1), {"start": start})
        for start in (0, 2)
    ],
    "embedding": [Case((np.maximum(TOKENS, 1), draw(7, 3)), functional.embedding, fixed=(0,))],
    "places": [
        Case((draw(3, 5, 2), draw(length, 2)), lambda x, w: functional.embedding(rows_of(x, w), w) + x)
        for length in (7, 4)
    ],
    "attention-weights": [
        Case(
            (draw(3, 5, 3 * heads * 2), PRESENT),
            lambda x, present, heads=heads: Attend(heads).weights(x, present),
            {"heads": heads},
            fixed=(1,),
        )
        for heads in (1, 2)
    ]
    + [
        Case(
            (draw(3, 5, 12),),
            lambda x: Attend(2).weights(x, torch.ones(3, 5, dtype=torch.bool)),
            {"heads": 2},
        )
    ],
    "attention": [Case((draw(3, 5, 3 * 4), draw(3, heads, 5, 5)), mixed) for heads in (1, 2)],
    "present": [Case((tokens,), token_mask) for tokens in (TOKENS, np.zeros((2, 3), np.int64))],
    "text-max": [Case((draw(3, 5, 2), PRESENT), MaskedPool("max"), fixed=(1,))],
    "text-average": [Case((draw(3, 5, 2), PRESENT), MaskedPool("average"), fixed=(1,))],
    "text-root": [Case((draw(3, 5, 2), PRESENT), MaskedPool("root"), fixed=(1,))],
    "without-padding": [Case((draw(3, 5, 2), PRESENT), WithoutPadding(), fixed=(1,))],
    "turned-places": [Case((PRESENT,), reversed_order)],
    "turn": [Case((draw(3, 5, 2), reversed_order(torch.from_numpy(PRESENT)).numpy()), reordered, fixed=(1,))],
    "lstm": [recurrent(LSTM_GATES, torch.nn.LSTM)],
    "gru": [recurrent(GRU_GATES, torch.nn.GRU)],
    "weighed-sum": [Case((TOKENS, draw(7, 3), draw(3), RARITY), weighed, {"groups": GROUPS}, fixed=(0, 3))],
    "reparametrised": [
        Case(
            (draw(4, 3), draw(4, 3, seed=1), draw(4, 3, seed=2)),
            lambda mean, log_variance, noise: mean + (log_variance / 2).exp() * noise.detach(),
            fixed=(2,),
        )
    ],
    "density-of-draw": [
        Case(
            (draw(4, 3), draw(4, 3, seed=1)),
            lambda log_variance, noise: (
                torch.distributions.Normal(0.0, (log_variance / 2).exp())
                .log_prob((log_variance / 2).exp() * noise.detach())
                .sum(1)
                .mean()
            ),
            fixed=(1,),
        )
    ],
    "mixture-density": [
        Case((draw(4, 3), draw(4, 2, 3), draw(4, 2, 3, seed=1), draw(4, 2)), mixture_in_torch)
    ],
    "reconstruction": [
        Case((GREY_LEVELS, GREY_LEVELS + 9 * MAPS), sharpest, fixed=(0,)),
        Case(
            (GREY_LEVELS, GREY_LEVELS + 9 * MAPS),
            partial(noisy, variance=40.0),
            {"variance": 40.0},
            fixed=(0,),
        ),
    ],
    "discriminator-loss": [
        Case(
            (3 * draw(6), 3 * draw(6, seed=1)),
            lambda real, made: (
                functional.binary_cross_entropy_with_logits(real, torch.ones_like(real))
                + functional.binary_cross_entropy_with_logits(made, torch.zeros_like(made))
            ),
        )
    ],
    "generator-loss": [
        Case(
            (3 * draw(6),),
            lambda made: functional.binary_cross_entropy_with_logits(made, torch.ones_like(made)),
        )
    ],
    "cross-entropy": [
        Case((draw(4, 3), LABELS), functional.cross_entropy, fixed=(1,)),
        Case((draw(4, 3), LABELS), smoothed, {"smoothing": 0.2, "class_weights": CLASS_WEIGHTS}, fixed=(1,)),
    ],
    "squared-error": [
        Case((draw(4, 1), draw(4)), lambda x, y: (x[:, 0] - y).square().mean(), fixed=(1,)),
        Case(
            (draw(4, 1), draw(4)), lambda x, y: ((x[:, 0] - y) / 5).square().mean(), {"unit": 5.0}, fixed=(1,)
        ),
    ],
    "squared-error-of-probabilities": [
        Case((draw(4, 3), LABELS), squared, {"class_weights": CLASS_WEIGHTS}, fixed=(1,)),
        Case(
            (draw(4, 3), LABELS),
            lambda x, y: (x.softmax(1) - functional.one_hot(y, 3)).square().sum(1).mean(),
            fixed=(1,),
        ),
    ],
    "binary-cross-entropy": [
        Case(
            (3 * draw(4, 3), np.abs(STATES)),
            lambda logits, states: functional.binary_cross_entropy_with_logits(logits, states.double()),
            fixed=(1,),
        ),
        Case(
            (3 * draw(4, 3), STATES),
            partial(of_known_labels, functional.binary_cross_entropy_with_logits, smoothing=0.2),
            {"smoothing": 0.2},
            fixed=(1,),
        ),
    ],
    "squared-error-of-labels": [
        Case((3 * draw(4, 3), STATES), partial(of_known_labels, squared_sigmoid), fixed=(1,)),
    ],
}
