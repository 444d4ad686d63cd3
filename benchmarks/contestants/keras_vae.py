"""Keras 3: the same variational autoencoder as a `Model` with a loss of its own, `compile` and `fit`."""

import math
import os
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from contestants import LATENT, LEARNING_RATE, VAE_WIDTHS
from contestants.data import Data


class Autoencoder(keras.Model):
    """Encoder and decoder under the evidence lower bound, one variance for all pixels of a batch."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model, deviation: float) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.noise = 1 / 12 / deviation**2
        self.scale = math.log(deviation)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, images: Any) -> Any:
        """Rebuilt images; the divergence is added as a loss of its own."""
        mean, log_variance = ops.split(self.encoder(images), 2, axis=1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        drawn = mean + ops.exp(0.5 * log_variance) * noise
        divergence = 0.5 * ops.sum(ops.square(drawn) - ops.square(noise) - log_variance, axis=1)
        rebuilt = self.decoder(drawn)
        self.add_loss(ops.mean(divergence) / self._unit(rebuilt))
        return rebuilt

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Bits per dimension."""
        del x, sample_weight, training
        variance = ops.mean(ops.square(y_pred - y)) + self.noise
        dimensions = math.prod(y_pred.shape[1:])
        nats = 0.5 * dimensions * (1 + math.log(2 * math.pi) + ops.log(variance)) + dimensions * self.scale
        return nats / self._unit(y_pred) + ops.sum(self.losses)

    def _unit(self, images: Any) -> float:
        return math.prod(images.shape[1:]) * math.log(2)


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters.

    The name is not used: backend and precision come from the environment.
    """
    del name
    keras.mixed_precision.set_global_policy(os.environ["BENCHMARK_POLICY"])
    images = data.standardised()
    shape = images.shape[1:]
    encoder = keras.Sequential([keras.Input(shape)])
    for width in VAE_WIDTHS:
        encoder.add(layers.ZeroPadding2D(1))
        encoder.add(layers.Conv2D(width, 4, strides=2, use_bias=False))
        encoder.add(layers.BatchNormalization())
        encoder.add(layers.ReLU())
    smallest = encoder.output_shape[1:]
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(2 * LATENT, dtype="float32"))
    decoder = keras.Sequential([keras.Input((LATENT,))])
    decoder.add(layers.Dense(math.prod(smallest), use_bias=False))
    decoder.add(layers.BatchNormalization())
    decoder.add(layers.ReLU())
    decoder.add(layers.Reshape(smallest))
    for width in VAE_WIDTHS[-2::-1]:
        decoder.add(layers.Conv2DTranspose(width, 4, strides=2, padding="same", use_bias=False))
        decoder.add(layers.BatchNormalization())
        decoder.add(layers.ReLU())
    decoder.add(layers.Conv2DTranspose(shape[-1], 4, strides=2, padding="same", dtype="float32"))
    model = Autoencoder(encoder, decoder, float(data.pixels.std()))
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))

    def epoch(which: str) -> float:
        part = data.part(which)
        history = model.fit(images[part], images[part], batch_size=data.batch, epochs=1)
        return float(history.history["loss"][-1])

    model(images[:2])
    return epoch, sum(int(keras.ops.convert_to_numpy(each).size) for each in model.trainable_weights)
