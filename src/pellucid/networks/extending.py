r"""Continual training with other classes: old ones keep their weights, new ones get fresh rows.

Only the last dense layer has one row for each class. Its rows are put into the order of the new
classes. A new class $c$ starts where its examples lie: with $\bar w$, $\bar b$ the mean of the old rows
and biases, $\ell$ the mean length of the old rows as they differ from $\bar w$, $h$ the input of that layer,
$\mu$ its mean over all examples and $\mu_c$ its mean over those of the class,

$$u_c = \frac{\mu_c - \mu}{\lVert \mu_c - \mu \rVert}, \qquad
w_c = \bar w + \ell u_c, \qquad b_c = \bar b - \ell \, u_c \cdot \mu,$$

so that on the mean example the logit of a new class is the mean of the old ones, and it grows towards the
examples of the class as the old ones do towards theirs.

Source: Qi, Brown and Lowe 2018, "Low-Shot Learning with Imprinted Weights", arXiv:1712.07136, for rows
taken from the mean of a class.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor, nn

from pellucid.language.sentence import Sentence
from pellucid.networks.families import allocated
from pellucid.networks.network import Network


def copied(network: Network) -> Network:
    """Trainable copy of a network on the processor; frozen parameters stay frozen."""
    return _filled(network, network.state_dict())


def with_classes(
    network: Network, origins: Sequence[int | None], centres: Callable[[], "Centres"]
) -> Network:
    """Copy of a network for other classes, or the same in another order, in training mode.

    `origins` give for each class, in the new order, its place among the old ones; `None` for a new one.
    `centres` give where the examples of each class lie; they are asked for only where there is a new class.

    Raises: `ValueError` if the network ends in no dense layer with a row for each of its classes.
    """
    name, layer = _last_layer(network)
    weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
    rows = [0 if place is None else place for place in origins]
    new = [place for place, origin in enumerate(origins) if origin is None]
    state = dict(network.state_dict())
    new_weight, new_bias = weight[rows], bias[rows]
    if new:
        found = centres()
        length = (weight - weight.mean(0)).norm(dim=1).mean()
        for place in new:
            away = found.of_class[place] - found.of_all
            direction = away / away.norm().clamp(min=torch.finfo(torch.float32).tiny)
            new_weight[place] = weight.mean(0) + length * direction
            new_bias[place] = bias.mean() - length * direction @ found.of_all
    state[f"{name}.weight"], state[f"{name}.bias"] = new_weight.float(), new_bias.float()
    return _filled(network, state, len(origins))


@dataclasses.dataclass(frozen=True)
class Centres:
    """Mean inputs of the last dense layer."""

    of_all: Float64[Tensor, " hidden"]  # over all examples
    of_class: Float64[Tensor, "classes hidden"]  # over those of each class; of all where a class has none


@torch.no_grad()
def centres_of(
    network: Network, batches: Iterable[tuple[Shaped[Tensor, "_ ..."], Int64[Tensor, " _"]]], classes: int
) -> Centres:
    """Mean inputs, in float64, of the last dense layer, over all examples and over those of each class.

    The network is on the processor; its mode is left as it was. `batches` are inputs as `Network.features`
    takes them, and the class of each.

    Raises: `ValueError` if the network ends in no dense layer with a row for each of its classes.
    """
    layer = _last_layer(network)[1]
    sums = torch.zeros(classes, layer.in_features, dtype=torch.float64)
    counts = torch.zeros(classes, dtype=torch.float64)
    given: list[Float[Tensor, "batch hidden"]] = []
    was_training = network.training
    network.eval()
    with_hook = layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    try:
        for inputs, labels in batches:
            network(inputs)
            sums.index_add_(0, labels, given.pop().double())
            counts += torch.bincount(labels, minlength=classes)
    finally:
        with_hook.remove()
        network.train(was_training)
    of_all = sums.sum(0) / counts.sum().clamp(min=1)
    means = sums / counts.clamp(min=1)[:, None]
    return Centres(of_all, torch.where(counts[:, None] > 0, means, of_all))


def _last_layer(network: Network) -> tuple[str, nn.Linear]:
    """Dense layer of the head that has one row for each class, and its name in the network.

    Raises: `ValueError` if there is none.
    """
    dense = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    name, layer = dense[-1] if dense else ("", None)
    if layer is None or not name.startswith("head") or layer.out_features != network.config.outputs:
        raise ValueError(
            Sentence(
                "{name}: its head does not end in a dense layer of {outputs} units",
                network.config.name,
                network.config.outputs,
            )
        )
    return name, layer


def _filled(network: Network, state: dict[str, Tensor], outputs: int | None = None) -> Network:
    """Network of the same layers with the given tensors, and with so many outputs where given."""
    config = network.config if outputs is None else dataclasses.replace(network.config, outputs=outputs)
    filled = allocated(config)
    filled.load_state_dict(state)
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    for name, parameter in filled.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return filled.train()
