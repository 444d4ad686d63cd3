"""Explanation of one image by a network that makes images: an autoencoder, or a generator's adversary."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import UInt8

from pellucid.bundle import AdversarialModel, AutoencoderModel, Generator
from pellucid.data.wording import quoted
from pellucid.insight.explanation import Explanation
from pellucid.insight.explanations.contests import SEED as CONTEST_SEED
from pellucid.insight.explanations.contests import contest_of
from pellucid.insight.explanations.latents import SEED, bounds_by_class, latents_of, noise_for
from pellucid.insight.gradients.backward import Backward, go_back
from pellucid.insight.gradients.weight_checks import WeightChecker
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.opening import open_program
from pellucid.insight.layers.records import layer_records
from pellucid.insight.programs.adversarial import MADE, adversarial_program
from pellucid.insight.programs.autoencoding import CLASS, NOISE, autoencoder_program
from pellucid.insight.programs.layers import one_hot
from pellucid.insight.programs.program import Program


def explain_autoencoder(
    model: AutoencoderModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open an autoencoder on one image: encoder, draw, decoder, and the bound; checks are still to be made.

    The image is opened as of the class `target`, by default the true one, or where that is not known the one
    of the highest bound.
    """
    bounds = bounds_by_class(model, image)
    best = (bounds[0][0], "its bound is highest") if bounds else (0, "")
    label, why = _label(model, best, target, truth)
    program = autoencoder_program(model.network, label)
    opened = _opened(program, model, image, label, {NOISE: noise_for(model)})
    backward = go_back(program, opened, None)
    latents = latents_of(model, image, bounds, label, opened, backward)
    note = (
        f"The latent numbers are drawn by noise of seed {SEED}, and everything behind them is opened for "
        "this one draw."
    )
    found = _explanation(model, image, label, program, opened, backward)
    return dataclasses.replace(
        found, answer=np.array([-latents.loss]), truth=truth, latents=latents, notes=(*why, note)
    )


def explain_adversarial(
    model: AdversarialModel,
    image: UInt8[np.ndarray, "1 height width channels"],
    target: int | None = None,
    truth: int | None = None,
) -> Explanation:
    """Open generator and discriminator: a given image beside a made one, and both losses.

    The image is opened as of the class `target`, by default the true one, or where that is not known the one
    that the discriminator scores highest. The checks of the explanation are still to be made.
    """
    label, why = _label(model, _scored_highest(model, image), target, truth)
    noise = model.noise(1, CONTEST_SEED)
    with torch.inference_mode():
        made = model.network.made(torch.from_numpy(noise), torch.tensor([label])).numpy()
    program = adversarial_program(model.network, label)
    opened = _opened(program, model, image, label, {NOISE: noise, MADE: made})
    backward = go_back(program, opened, None)
    contest = contest_of(opened, backward, label, noise[0])
    notes = (
        f"The made image is made of noise of seed {CONTEST_SEED} by the averaged generator.",
        "The discriminator stands here three times with the same weights. In training a weight of it gets "
        "the sum of its gradients on the given and on the made image, and none on the way to the generator.",
    )
    found = _explanation(model, image, label, program, opened, backward)
    return dataclasses.replace(
        found, answer=np.array([contest.score]), truth=truth, contest=contest, notes=(*why, *notes)
    )


def _opened(
    program: Program,
    model: Generator,
    image: UInt8[np.ndarray, "1 height width channels"],
    label: int,
    given: Mapping[str, np.ndarray],
) -> Opened:
    """Open a program on an image of a class, and on what else it is given."""
    every = {
        "inputs": image.transpose(0, 3, 1, 2).astype(np.float32),
        CLASS: one_hot(label, model.network.config.conditions).numpy(),
        **given,
    }
    return open_program(program, {name: every[name] for name in program.given})


def _explanation(
    model: Generator,
    image: UInt8[np.ndarray, "1 height width channels"],
    label: int,
    program: Program,
    opened: Opened,
    backward: Backward,
) -> Explanation:
    """Parts that the explanations of all such networks have; the outcome is still to be filled in."""
    return Explanation(
        model=model.name,
        classes=model.classes,
        answer=np.zeros(1),
        target=label if model.classes else None,
        inputs=image[0],
        opened=opened,
        layers=layer_records(opened),
        backward=backward,
        checker=WeightChecker(program, opened, backward),
    )


def _scored_highest(
    model: AdversarialModel, image: UInt8[np.ndarray, "1 height width channels"]
) -> tuple[int, str]:
    """Class of the highest score, and the words for that; the first where there are none."""
    turns = np.arange(max(1, len(model.classes)), dtype=np.int64)
    scores = model.scores(np.repeat(image, len(turns), axis=0), turns)
    return int(scores.argmax()), "the discriminator scores it highest"


def _label(
    model: Generator, best: tuple[int, str], target: int | None, truth: int | None
) -> tuple[int, tuple[str, ...]]:
    """Class that the image is opened as, and a sentence that says why.

    `best` is the class that fits best, and in which way.
    """
    if not model.classes:
        return 0, ()
    if target is not None:
        return target, (
            f"It is opened as an image of class {quoted(model.classes[target])}, as was asked for.",
        )
    if truth is not None:
        return truth, (f"It is opened as an image of its true class, {quoted(model.classes[truth])}.",)
    label, why = best
    return label, (
        f"Its class is not known, so it is opened as an image of {quoted(model.classes[label])}: of the "
        f"{len(model.classes)} classes {why}.",
    )
