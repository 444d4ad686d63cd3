"""Training loop, the only one; validation after each epoch, and the mixture of weights that it chooses."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.encoding.encoder import Tokens
from pellucid.networks import Adversarial, Autoencoder, HeadAlone, Network
from pellucid.pieces import in_pieces
from pellucid.settings import metric_of
from pellucid.training.batches import ROWS, Batches, Examples, blocks_by_length, to_tensor
from pellucid.training.hardware import pinned, seed_step
from pellucid.training.layer_health import epoch_health
from pellucid.training.objectives import OBJECTIVES
from pellucid.training.optimisers import learning_rate
from pellucid.training.ranks import Ranks, packed, unpacked
from pellucid.training.recipe import Recipe
from pellucid.training.state import Best, Record, State, Sums, weights_of
from pellucid.training.steps import Step

# Parameters of the first block of `cnn`, which the recipe may freeze towards the end: its maps are the
# largest and its weights the first to settle. Source: Brock, Lim, Ritchie and Weston 2017, "FreezeOut",
# arXiv:1706.04983.
FIRST = "body.block1."


@runtime_checkable
class Observer(Protocol):
    """Callbacks that print, record, checkpoint or stop training, and decide no number of it.

    What an observer does not define does nothing.
    """

    def after_step(self, state: State) -> None:
        """Called after every step."""
        return

    def after_epoch(self, state: State) -> None:
        """Called after every epoch, its record already in the history."""
        return


@runtime_checkable
class AnswersObserver(Protocol):
    """Observer that gets the network's answers on validation as well."""

    def after_validation(self, answers: np.ndarray) -> None:
        """Called once in an epoch, before its record is made: probabilities (n, classes), or numbers (n,)."""


def fit(
    state: State,
    step: Step,
    batches: Batches,
    validate: Callable[[], Record],
    observers: Sequence[Observer] = (),
    follow: Callable[[int, Recipe], Recipe] | None = None,
) -> None:
    """Train until the recipe's steps are taken or patience runs out; the state is changed in place.

    `validate` scores the network on the validation split; empty when there is none. Observers are called
    after every step and epoch. `follow` is asked after every step for the recipe that holds from there
    on: the same, or one of another number of steps.
    """
    recipe = batches.recipe
    named = () if recipe.frozen_from is None else state.network.named_parameters()
    first_block = [each for name, each in named if name.startswith(FIRST) and each.requires_grad]
    # An epoch is open until it is closed: a checkpoint may be of its last step, which may be the last of all.
    while (state.step < recipe.total_steps or state.sums.examples > 0) and not state.stopped:
        epoch = len(state.history)
        state.network.train()
        for each in first_block:
            each.requires_grad_(not recipe.is_frozen(epoch, batches.per_epoch))
        left = batches.epoch(epoch, start=state.step - epoch * batches.per_epoch)
        while state.step < recipe.total_steps:
            began = time.perf_counter()
            if (batch := next(left, None)) is None:
                break
            seed_step(recipe, state.step)
            result = step(batch, state.step, _rate(recipe, state.step))
            state.step += 1
            state.sums.add(result, time.perf_counter() - began)
            for observer in observers:
                observer.after_step(state)
            if follow is not None:
                recipe = batches.recipe = follow(state.step, recipe)
        _close_epoch(state, batches, validate())
        for observer in observers:
            observer.after_epoch(state)
    for each in first_block:
        each.requires_grad_(True)


def _rate(recipe: Recipe, step: int) -> float:
    return learning_rate(recipe.schedule, recipe.learning_rate, step, recipe.total_steps, recipe.shortened)


def _close_epoch(state: State, batches: Batches, validation: Record) -> None:
    """Write the epoch's record and remember the best weights; equal scores go to the later epoch."""
    recipe = batches.recipe
    sums, state.sums = state.sums, Sums()
    examples = batches.examples
    right = examples.target.right
    hits = {f"train_{right}": sums.correct / sums.examples} if right else {}
    state.history.append(
        {
            "epoch": len(state.history) + 1,
            "step": state.step,
            "seconds": round(sums.seconds, 3),
            "learning_rate": _rate(recipe, state.step - 1),
            "train_loss": sums.loss / sums.examples,
            **hits,
            **{f"train_{name}": total / sums.examples for name, total in sums.also.items()},
            **validation,
            examples.input_kind.speed: round(sums.examples / max(sums.seconds, 1e-9), 1),
            **epoch_health(sums.health),
        }
    )
    if not validation:
        return
    score, best = selection_score(validation, recipe.metric), state.best
    if best is None or score >= best.score:
        state.best = Best(epoch=len(state.history), score=score, weights=weights_of(state.network))
    gained = best is None or score > best.score
    state.epochs_without_gain = 0 if gained else state.epochs_without_gain + 1
    state.stopped = recipe.patience is not None and state.epochs_without_gain >= recipe.patience


def selection_score(validation: Record, metric: str) -> float:
    """Score that decides which epoch is best, larger is better: errors are negated."""
    decides = metric_of(metric)
    return decides.better(float(validation[decides.in_history]))


def validator(
    network: Network | HeadAlone,
    examples: Examples,
    device: str,
    beta: float = 1.0,
    ranks: Ranks | None = None,
    observers: Sequence[Observer] = (),
) -> Callable[[], Record]:
    """Function that scores the network as it is, in evaluation mode, on the validation split.

    It gives `validation_loss` (log loss) and every other metric that may choose an epoch, or, for numbers,
    `validation_loss` (mean squared error of standardised numbers), `validation_root_mean_squared_error`,
    `validation_mean_absolute_error` and `validation_r2`, or, for made images, `validation_loss` (bits per
    dimension, the divergence weighed by `beta`), `validation_elbo` (the same at 1),
    `validation_reconstruction` and `validation_kl` (nats per image); an empty record when there is no
    validation split, and for a gan, whose images no number of an epoch judges. `ranks` score it together,
    each some of the blocks of examples; the record is then empty but with rank 0. `observers` get the answers
    if they are for that.
    """
    onlookers = [each for each in observers if isinstance(each, AnswersObserver)]

    def validate() -> Record:
        if not len(examples.validation) or isinstance(network, Adversarial):
            return {}
        if isinstance(network, Autoencoder):
            return _score_bound(network, examples, device, beta, ranks)
        outputs = _outputs(network, examples, device, ranks)
        if outputs is None:
            return {}
        learning = OBJECTIVES[examples.target]
        answers = learning.answers(outputs).cpu().numpy()
        for onlooker in onlookers:
            onlooker.after_validation(answers)
        return learning.scores(examples.target, examples.labels[examples.validation], answers, network)

    return validate


def _score_bound(
    network: Autoencoder, examples: Examples, device: str, beta: float, ranks: Ranks | None
) -> Record:
    """Evidence lower bound in bits per dimension, and its two terms in nats per image.

    The latent variables are drawn by the same noise after every epoch.
    """
    network.eval()
    draws, positions = torch.Generator().manual_seed(torch_seed(0, Purpose.LATENT)), examples.validation
    noise = torch.randn(len(positions), network.latent, generator=draws)

    @torch.inference_mode()
    def sums(block: np.ndarray) -> Tensor:
        some = positions[block]
        labels, drawn = torch.from_numpy(examples.labels[some]).to(device), noise[block].to(device)
        terms = network.terms(to_tensor(examples.inputs, some).to(device), labels, drawn)
        return torch.stack([term.double().sum() for term in terms]).cpu()

    found = _in_blocks(sums, np.split(np.arange(len(positions)), range(ROWS, len(positions), ROWS)), ranks)
    if not found:
        return {}
    reconstruction, divergence = (np.sum([each.numpy() for each in found], axis=0) / len(positions)).tolist()
    unit = math.prod(network.config.input_shape) * math.log(2)
    return {
        "validation_loss": (reconstruction + beta * divergence) / unit,
        "validation_elbo": (reconstruction + divergence) / unit,
        "validation_reconstruction": reconstruction,
        "validation_kl": divergence,
    }


def _in_blocks(
    work: Callable[[np.ndarray], Tensor], blocks: Sequence[np.ndarray], ranks: Ranks | None
) -> list[Tensor]:
    """Results of work on blocks, in their order; with several ranks each computes some, rank 0 has all."""
    if ranks is None:
        return in_pieces(work, blocks)
    found = in_pieces(work, ranks.share(blocks))
    if ranks.rank:
        ranks.send(packed(None, found), 0)
        return []
    return found + [each for rank in range(1, ranks.size) for each in unpacked(ranks.receive(rank)).tensors]


def _outputs(
    network: Network | HeadAlone, examples: Examples, device: str, ranks: Ranks | None
) -> Tensor | None:
    """Outputs of the network on the validation split, in float64; `None` where only rank 0 has all."""
    network.eval()
    positions = examples.validation
    if isinstance(examples.inputs, Tokens):
        blocks = blocks_by_length(examples.inputs.lengths[positions])
    else:
        blocks = np.split(np.arange(len(positions)), range(ROWS, len(positions), ROWS))

    @torch.inference_mode()
    def ask(block: np.ndarray) -> Tensor:
        outputs: Tensor = network(to_tensor(examples.inputs, positions[block]).to(device))
        return outputs.double().cpu()

    found = _in_blocks(ask, blocks, ranks)
    return torch.cat(found)[np.argsort(np.concatenate(blocks))] if found else None


# Weight interpolation between a network before and after further training, $(1 - \alpha) \theta_0 + \alpha
# \theta_1$: at the mean of both the loss is mostly lower than at either end.
# Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903, which recommends
# $\alpha = 0.5$ where nothing else is known.
MEAN = 0.5
# Values of alpha that are compared.
SHARES = (0.0, MEAN, 1.0)
ENDS = (0.0, 1.0)


def keep_best_mixture(
    network: Network | HeadAlone,
    before: Mapping[str, Tensor],
    examples: Examples,
    recipe: Recipe,
    shares: Sequence[float] = SHARES,
    usual: float = MEAN,
) -> float:
    """Give the network the share of its change that scores best on validation; return the share.

    Equal scores go to the smaller share. Without validation examples it is the `usual` one.
    """
    after = weights_of(network)
    validate = validator(network, examples, recipe.device)

    def score(share: float) -> float:
        network.load_state_dict(mixed(before, after, share))
        return selection_score(validate(), recipe.metric)

    with pinned(recipe.threads):
        best = max(shares, key=score) if len(examples.validation) else usual
        network.load_state_dict(mixed(before, after, best))
    return best


def mixed(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Interpolate by alpha; 0 and 1 give the ends to the last bit, integer tensors are those after."""
    return {
        name: before[name].to(new.device).lerp(new, share) if new.is_floating_point() else new
        for name, new in after.items()
    }
