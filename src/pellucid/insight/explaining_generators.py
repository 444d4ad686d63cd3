"""Explanation of one image by a network that makes images: an autoencoder opened as of one class."""

import numpy as np
from jaxtyping import UInt8

from pellucid.bundle import AutoencoderModel
from pellucid.data.wording import quoted
from pellucid.insight.explanation import Explanation
from pellucid.insight.explanations.latents import SEED, bounds_by_class, latents_of, noise_for
from pellucid.insight.gradients.backward import go_back
from pellucid.insight.gradients.weight_checks import WeightChecker
from pellucid.insight.layers.autoencoding import CLASS, NOISE, autoencoder_program
from pellucid.insight.layers.opening import open_program
from pellucid.insight.layers.program_layers import one_hot
from pellucid.insight.layers.records import layer_records


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


def _label(
    model: AutoencoderModel, bounds: list[tuple[int, float]], target: int | None, truth: int | None
) -> tuple[int, tuple[str, ...]]:
    """Class that the image is opened as, and a sentence that says why."""
    if not model.classes:
        return 0, ()
    if target is not None:
        return target, (
            f"It is opened as an image of class {quoted(model.classes[target])}, as was asked for.",
        )
    if truth is not None:
        return truth, (f"It is opened as an image of its true class, {quoted(model.classes[truth])}.",)
    best = bounds[0][0]
    return best, (
        f"Its class is not known, so it is opened as an image of {quoted(model.classes[best])}: of the "
        f"{len(model.classes)} classes its bound is highest.",
    )
