"""Scores on the validation split after each epoch, in fp32 whatever training uses."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic import metric_value, number_errors
from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.encoding.tokens.ragged import Tokens
from pellucid.networks import Adversarial, Autoencoder, HeadAlone, Network
from pellucid.settings import metrics_of
from pellucid.tasks import CLASSIFICATION, GENERATION, REGRESSION
from pellucid.training.batches import Examples, to_tensor
from pellucid.training.lengths import ROWS, blocks_by_length
from pellucid.training.state import Record

# The metrics that may choose an epoch, in the order of `history.jsonl`: of two classes, and of others.
_LOSS_FIRST = {
    classes: sorted(
        (metric for metric in metrics_of("class", classes) if metric.test),
        key=lambda metric: metric.key != "log_loss",
    )
    for classes in (0, 2)
}


def validator(
    network: Network | HeadAlone, examples: Examples, device: str, beta: float = 1.0
) -> Callable[[], Record]:
    """Function that scores the network as it stands, in evaluation mode, on the validation split.

    It gives `validation_loss` (log loss) and every other metric that may choose an epoch, or, for numbers,
    `validation_loss` (mean squared error of standardised numbers), `validation_root_mean_squared_error`,
    `validation_mean_absolute_error` and `validation_r2`, or, for made images, `validation_loss` (bits per
    dimension, the divergence weighed by `beta`), `validation_elbo` (the same at 1),
    `validation_reconstruction` and `validation_kl` (nats per image); an empty record when there is no
    validation split, and for a gan, whose images no number of an epoch judges.
    """
    score = (
        _SCORES[examples.target] if examples.target is not GENERATION else partial(_score_bound, beta=beta)
    )

    def validate() -> Record:
        has_score = len(examples.validation) and not isinstance(network, Adversarial)
        return score(network, examples, device) if has_score else {}

    return validate


def _score_classes(network: Network | HeadAlone, examples: Examples, device: str) -> Record:
    probabilities = _outputs(network, examples, device).softmax(dim=1).cpu().numpy()
    labels = examples.labels[examples.validation]
    metrics = _LOSS_FIRST[2 if examples.classes == 2 else 0]
    return {metric.in_history: metric_value(metric, labels, probabilities) for metric in metrics}


def _score_numbers(network: Network | HeadAlone, examples: Examples, device: str) -> Record:
    assert network.rescale is not None
    predicted = _outputs(network, examples, device)[:, 0].cpu().numpy()
    errors = number_errors(examples.labels[examples.validation], predicted)
    standardised = errors.root_mean_squared_error / float(network.rescale.std)
    return {
        "validation_loss": standardised * standardised,
        **{f"validation_{name}": value for name, value in errors._asdict().items()},
    }


@torch.inference_mode()
def _score_bound(network: Network | HeadAlone, examples: Examples, device: str, *, beta: float) -> Record:
    """Evidence lower bound in bits per dimension, and its two terms in nats per image.

    The latent numbers are drawn by the same noise after every epoch.
    """
    assert isinstance(network, Autoencoder)
    network.eval()
    noise = torch.Generator().manual_seed(torch_seed(0, Purpose.LATENT))
    sums, positions = np.zeros(2), examples.validation
    for block in np.split(positions, range(ROWS, len(positions), ROWS)):
        images = to_tensor(examples.inputs, block).to(device)
        labels = torch.from_numpy(examples.labels[block]).to(device)
        drawn = torch.randn(len(block), network.latent, generator=noise).to(device)
        terms = network.terms(images, labels, drawn)
        sums += [float(each.double().sum()) for each in terms]
    reconstruction, divergence = (sums / len(positions)).tolist()
    unit = math.prod(network.config.input_shape) * math.log(2)
    return {
        "validation_loss": (reconstruction + beta * divergence) / unit,
        "validation_elbo": (reconstruction + divergence) / unit,
        "validation_reconstruction": reconstruction,
        "validation_kl": divergence,
    }


_SCORES = {CLASSIFICATION: _score_classes, REGRESSION: _score_numbers}


@torch.inference_mode()
def _outputs(network: Network | HeadAlone, examples: Examples, device: str) -> Tensor:
    """Outputs of the network on the validation split, in float64."""
    network.eval()
    positions = examples.validation
    if isinstance(examples.inputs, Tokens):
        blocks = blocks_by_length(examples.inputs.lengths[positions])
    else:
        blocks = np.split(np.arange(len(positions)), range(ROWS, len(positions), ROWS))
    rows = [network(to_tensor(examples.inputs, positions[block]).to(device)) for block in blocks]
    return torch.cat(rows)[np.argsort(np.concatenate(blocks))].double()
