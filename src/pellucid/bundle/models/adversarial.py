"""Generative adversarial networks as models that make images."""

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle.checks import Inputs, finite_answers, require_images
from pellucid.bundle.models.generator import Generator
from pellucid.networks import Adversarial
from pellucid.networks.costs import hidden_units


class AdversarialModel(Generator):
    """A generative adversarial network, whose averaged generator makes images.

    Always fp32, always evaluation mode.

    Attributes:
        network: the trained network.
    """

    network: Adversarial

    def sample(
        self, labels: Int64[np.ndarray, " count"], seed: int
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Make images as `Generator.sample`, of noise."""
        return self._images(self.network.made, self.noise(len(labels), seed), labels)

    def noise(self, count: int, seed: int) -> Float32[np.ndarray, "count latent"]:
        """Noise that so many images are made of; less of it is the beginning of more."""
        draws = generator(seed, Purpose.NOISE)
        return draws.standard_normal((count, self.network.latent), dtype=np.float32)

    @torch.inference_mode()
    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The discriminator's last hidden layer, as `Model.transform`."""
        pixels = require_images(inputs, self.preprocessing)
        rows = [finite_answers(self.network.features(block)).numpy() for block, _ in self._blocks(pixels)]
        return np.concatenate(rows) if rows else np.zeros((0, hidden_units(self.network.config)), np.float32)

    @torch.inference_mode()
    def scores(
        self, images: Inputs, labels: Int64[np.ndarray, " examples"]
    ) -> Float64[np.ndarray, " examples"]:
        """The discriminator's score of each image as one of its class: above 0 it takes it for a real one.

        Raises: `DataError` if the inputs are of another form.
        """
        parts = [np.zeros(0)]
        for block, rows in self._blocks(require_images(images, self.preprocessing)):
            codes = torch.from_numpy(np.ascontiguousarray(labels[rows]))
            parts.append(self.network.scores(block, codes).double().numpy())
        return np.concatenate(parts)
