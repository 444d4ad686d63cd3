"""Programs, and the layers into which networks are unfolded where neither torch nor our networks have one."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.encoder import UNKNOWN
from pellucid.networks.autoencoder import Gaussian, Prior, mixture_log_density
from pellucid.networks.layers import Divide, Standardise
from pellucid.networks.text_encoders import UnitLength
from pellucid.networks.text_layers import MaskedPool, MeanAndMax
from pellucid.reference.autoencoder import NOISE_VARIANCE

Pair = tuple[int, int]


class Plain(nn.Module):
    """Layer without weights that the reference has and torch has none for.

    `kind`: key of `LAYERS`; `compute`: what it does; `settings`: of the layer in the reference.
    """

    def __init__(
        self, kind: str, compute: Callable[..., Tensor], settings: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.kind, self.compute, self.settings = kind, compute, dict(settings or {})

    def forward(self, *given: Tensor) -> Tensor:
        """Result for a batch."""
        return self.compute(*given)


def resize(size: Pair, channels: int) -> Plain:
    """Scaling of images, as `ScaleAndStandardise` does it; a grey one may be repeated for more channels."""

    def resized(images: Float[Tensor, "batch channels height width"]) -> Tensor:
        images = images.expand(-1, channels, -1, -1)
        own = (images.shape[2], images.shape[3])
        if own == size:
            return images
        is_smaller = size[0] < own[0] or size[1] < own[1]
        return functional.interpolate(
            images, size, mode="bilinear", align_corners=False, antialias=is_smaller
        )

    return Plain("resize", resized, {"size": size, "channels": channels})


def add() -> Plain:
    """Addition of a shortcut, both terms left as they are."""
    return Plain("add", operator.add)


def side_by_side() -> Plain:
    """Concatenation of feature vectors."""
    return Plain("side-by-side", lambda *parts: torch.cat(parts, dim=1))


def part(start: int, stop: int) -> Plain:
    """Neighbouring numbers of a vector, from `start` to before `stop`."""
    return Plain("part", lambda numbers: numbers[:, start:stop], {"start": start, "stop": stop})


def clamp(low: float, high: float) -> Plain:
    """Numbers kept within bounds."""
    return Plain("clamp", lambda numbers: numbers.clamp(low, high), {"low": low, "high": high})


def draw() -> Plain:
    """Reparametrised draw from normal distributions, of means and log variances, by noise."""
    return Plain("reparametrised", lambda means, logs, noise: Gaussian(means, logs).drawn(noise))


def density_of_draw() -> Plain:
    """Logarithm of the density of a draw under its distribution, of log variances and noise."""

    def density(log_variances: Tensor, noise: Tensor) -> Tensor:
        centred = Gaussian(torch.zeros_like(log_variances), log_variances)  # the means do not matter
        return centred.log_density_of_draw(noise)[:, None]

    return Plain("density-of-draw", density)


class PaddedConvolution(nn.Conv2d):
    """Convolution padded below and right (`after`) otherwise than above and left, as TensorFlow does it."""

    def __init__(self, layer: nn.Conv2d, before: Pair, after: Pair) -> None:
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            (layer.kernel_size[0], layer.kernel_size[1]),
            (layer.stride[0], layer.stride[1]),
            groups=layer.groups,
            bias=layer.bias is not None,
            device="meta",
        )
        self.weight, self.bias = layer.weight, layer.bias
        self.before, self.after = before, after

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch filters rows columns"]:
        """Maps of the padded input."""
        (top, left), (bottom, right) = self.before, self.after
        return super().forward(functional.pad(input, (left, right, top, bottom)))


class Closed(nn.Module):
    """Step of a backbone, a layer or function, that is computed, but not opened.

    `what`: the step in words; `gives_values`: whether its result is an array of numbers.
    """

    def __init__(self, step: Callable[..., Any], what: str, gives_values: bool) -> None:
        super().__init__()
        self.step, self.what, self.gives_values = step, what, gives_values

    def forward(self, *given: Any, **settings: Any) -> Any:
        """Result of the step."""
        return self.step(*given, **settings)


class Levels(nn.Module):
    """Grey levels out of standardised maps: the inverse of a standardisation, whose numbers it has."""

    mean: Tensor
    std: Tensor

    def __init__(self, standardise: Standardise) -> None:
        super().__init__()
        self.register_buffer("mean", standardise.mean.clone())
        self.register_buffer("std", standardise.std.clone())

    def forward(
        self, maps: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Grey levels."""
        return maps * self.std + self.mean


class Reconstruction(nn.Module):
    """Minus the logarithm of the probability of grey levels, normal around rebuilt ones with one variance."""

    variance: Tensor

    def __init__(self, variance: Float[Tensor, " 1"]) -> None:
        super().__init__()
        self.register_buffer("variance", variance.clone())

    def forward(
        self,
        images: Float[Tensor, "batch channel height width"],
        rebuilt: Float[Tensor, "batch channel height width"],
    ) -> Float[Tensor, "batch 1"]:
        """One number for each example, in nats."""
        errors = (rebuilt - images).square() + NOISE_VARIANCE
        density = (2 * math.pi * self.variance).log() * images[0].numel()
        return 0.5 * (density + errors.sum(dim=(1, 2, 3)) / self.variance)[:, None]


class PriorOfClass(nn.Module):
    """Prior of one class: logarithm of the density of latent variables under its mixture.

    Its numbers are parameters where they were learnt: `means` and `log_variances` (1, component, number), and
    `logits` (1, component).
    """

    means: Tensor
    log_variances: Tensor
    logits: Tensor

    def __init__(self, prior: Prior, label: int) -> None:
        super().__init__()
        for name in ("means", "log_variances", "logits"):
            every = getattr(prior, name)
            own = every.detach()[[label]].clone()
            if every.requires_grad:
                self.register_parameter(name, nn.Parameter(own))
            else:
                self.register_buffer(name, own)

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1"]:
        """One number for each example."""
        count = len(latent)
        numbers = (self.means, self.log_variances, self.logits.log_softmax(dim=1))
        own = (each.expand(count, *each.shape[1:]) for each in numbers)
        return mixture_log_density(latent, *own)[:, None]

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"]]:
        """Mean and standard deviation of each latent variable under the mixture."""
        shares = self.logits[0].softmax(dim=0)[:, None]
        means = (shares * self.means[0]).sum(dim=0)
        squares = (shares * (self.log_variances[0].exp() + self.means[0].square())).sum(dim=0)
        return means, (squares - means.square()).clamp(min=0.0).sqrt()


def one_hot(label: int, count: int) -> Float[Tensor, "1 count"]:
    """Class as the decoder takes it."""
    return torch.eye(count)[[label]]


class KnownWords(nn.Module):
    """Output of `MeanAndMax` for texts that hold known words alone, or one unknown word.

    The weighted mean is brought to length 1, so that it may be that of vectors times their weights.
    """

    def __init__(self, layer: MeanAndMax) -> None:
        super().__init__()
        vectors = layer.weight.detach().clone()
        vectors[: UNKNOWN + 1] = 0
        weighed = vectors * layer.weights.unsqueeze(1)
        words, size = vectors.shape
        self.vectors = nn.Embedding(words, size, _weight=vectors)
        self.weighed = nn.Embedding(words, size, _weight=weighed)
        self.mean, self.largest = MaskedPool("average"), MaskedPool("max")
        self.mean_unit, self.largest_unit = UnitLength(), UnitLength()
        self.halves = Divide(2**0.5)

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch twice_size"]:
        """One vector for each text."""
        present = tokens > 0
        mean = self.mean_unit(self.mean(self.weighed(tokens), present))
        largest = self.largest_unit(self.largest(self.vectors(tokens), present))
        halves: Tensor = self.halves(torch.cat([mean, largest], 1))
        return halves


class Step(NamedTuple):
    """Step of a program: a layer of a part of the network; it takes given values, or other steps, by name."""

    name: str
    part: str
    layer: nn.Module
    takes: tuple[str, ...]


class Program(nn.Module):
    """Network of several parts, such as encoder and decoder, step by step; its loss is a sum of some steps.

    `steps`: in the order of computation, their layers by name, names of weights are theirs; `given`: names of
    what it is given, `inputs` is the image; `output`: name of the step that gives its answer; `terms`: steps
    that add up to the loss, each a number for each example, and the factor of each.
    """

    def __init__(
        self, steps: Sequence[Step], *, given: tuple[str, ...], output: str, terms: Mapping[str, float]
    ) -> None:
        super().__init__()
        for step in steps:
            self.add_module(step.name, step.layer)
        self.takes = {step.name: step.takes for step in steps}
        self._parts = {step.name: step.part for step in steps}
        self.given, self.output, self.terms = given, output, dict(terms)

    def forward(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Values of all steps, by name, and what was given."""
        values = dict(given)
        for name, takes in self.takes.items():
            values[name] = self.get_submodule(name)(*(values[each] for each in takes))
        return values

    def loss(self, given: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Sum of the terms, each times its factor."""
        values = self(given)
        return torch.stack([factor * values[name].sum() for name, factor in self.terms.items()]).sum()

    def part_of(self, line: str) -> str:
        """Part of the network that a layer belongs to."""
        return next(part for name, part in self._parts.items() if line == name or line.startswith(f"{name}."))
