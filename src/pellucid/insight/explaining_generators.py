"""Explanation of one image by a network that makes images: an autoencoder, or a generator's adversary."""

import numpy as np
import torch
from jaxtyping import UInt8

from pellucid.bundle import AdversarialModel, AutoencoderModel
from pellucid.data.wording import quoted
from pellucid.insight.explanation import Explanation
from pellucid.insight.explanations.contests import SEED as CONTEST_SEED
from pellucid.insight.explanations.contests import contest_of
from pellucid.insight.explanations.latents import SEED, bounds_by_class, latents_of, noise_for
from pellucid.insight.gradients.backward import go_back
from pellucid.insight.gradients.weight_checks import WeightChecker
from pellucid.insight.layers.opening import open_program
from pellucid.insight.layers.program_layers import one_hot
from pellucid.insight.layers.records import layer_records
from pellucid.insight.programs.adversarial import MADE, adversarial_program
from pellucid.insight.programs.autoencoding import CLASS, NOISE, autoencoder_program

_ASKED = "It is opened as an image of class {}, as was asked for."
_TRUE = "It is opened as an image of its true class, {}."


def explain_autoencoder(
    model: AutoencoderModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open an autoencoder on one image: encoder, draw, decoder, and the bound.

    Args:
        model: trained.
        image: as the model takes it.
        target: class that the image is opened as; by default the true one, or where that is not known the one
            of the highest bound.
        truth: the true class; `None` where it is not known.

    Returns:
        The explanation; its checks are still to be made.
    """
    bounds = bounds_by_class(model, image)
    label, why = _label(model, bounds, target, truth)
    program = autoencoder_program(model.network, label)
    given = {
        "inputs": image.transpose(0, 3, 1, 2).astype(np.float32),
        NOISE: noise_for(model),
        CLASS: one_hot(label, model.network.config.conditions).numpy(),
    }
    opened = open_program(program, {name: given[name] for name in program.given})
    backward = go_back(program, opened, None)
    latents = latents_of(model, image, bounds, label, opened, backward)
    notes = [
        f"The latent numbers are drawn by noise of seed {SEED}, and everything behind them is opened for "
        "this one draw."
    ]
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=np.array([-latents.loss]),
        target=label if model.classes else None,
        truth=truth,
        inputs=image[0],
        opened=opened,
        layers=layer_records(opened),
        backward=backward,
        checker=WeightChecker(program, opened, backward),
        latents=latents,
        notes=(*why, *notes),
    )


def explain_adversarial(
    model: AdversarialModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open generator and discriminator: a given image beside a made one, and both losses.

    Args:
        model: trained.
        image: as the model takes it.
        target: class that the image is opened as; by default the true one, or where that is not known the one
            that the discriminator scores highest.
        truth: the true class; `None` where it is not known.

    Returns:
        The explanation; its checks are still to be made.
    """
    pixels = image.transpose(0, 3, 1, 2).astype(np.float32)
    label, why = _label_by_score(model, image, target, truth)
    noise, codes = model.noise(1, CONTEST_SEED), torch.tensor([label])
    with torch.inference_mode():
        made = model.network.made(torch.from_numpy(noise), codes).numpy()
    program = adversarial_program(model.network, label)
    given = {
        "inputs": pixels,
        NOISE: noise,
        CLASS: one_hot(label, model.network.config.conditions).numpy(),
        MADE: made,
    }
    opened = open_program(program, {name: given[name] for name in program.given})
    backward = go_back(program, opened, None)
    contest = contest_of(opened, backward, label, noise[0])
    notes = (
        f"The made image is made of noise of seed {CONTEST_SEED} by the averaged generator.",
        "The discriminator stands here three times with the same weights. In training a weight of it gets "
        "the sum of its gradients on the given and on the made image, and none on the way to the generator.",
    )
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=np.array([contest.score]),
        target=label if model.classes else None,
        truth=truth,
        inputs=image[0],
        opened=opened,
        layers=layer_records(opened),
        backward=backward,
        checker=WeightChecker(program, opened, backward),
        contest=contest,
        notes=(*why, *notes),
    )


def _label_by_score(
    model: AdversarialModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None,
    truth: int | None,
) -> tuple[int, tuple[str, ...]]:
    """Class that the image is opened as, and a sentence that says why."""
    if not model.classes:
        return 0, ()
    if target is not None:
        return target, (_ASKED.format(quoted(model.classes[target])),)
    if truth is not None:
        return truth, (_TRUE.format(quoted(model.classes[truth])),)
    turns = np.arange(len(model.classes), dtype=np.int64)
    scores = model.scores(np.repeat(image, len(turns), axis=0), turns)
    best = int(scores.argmax())
    return best, (
        f"Its class is not known, so it is opened as an image of {quoted(model.classes[best])}: of the "
        f"{len(model.classes)} classes the discriminator scores it highest.",
    )


def _label(
    model: AutoencoderModel, bounds: list[tuple[int, float]], target: int | None, truth: int | None
) -> tuple[int, tuple[str, ...]]:
    """Class that the image is opened as, and a sentence that says why."""
    if not model.classes:
        return 0, ()
    if target is not None:
        return target, (_ASKED.format(quoted(model.classes[target])),)
    if truth is not None:
        return truth, (_TRUE.format(quoted(model.classes[truth])),)
    best = bounds[0][0]
    return best, (
        f"Its class is not known, so it is opened as an image of {quoted(model.classes[best])}: of the "
        f"{len(model.classes)} classes its bound is highest.",
    )
