"""Keras 3: `Model.compile` and `Model.fit` at their defaults, on the backend KERAS_BACKEND names."""

import os
from collections.abc import Callable

import keras
from keras import layers

from contestants import LEARNING_RATE, WIDTHS
from contestants.data import Data


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters.

    The name is not used: backend and precision come from the environment.
    """
    del name
    keras.mixed_precision.set_global_policy(os.environ["BENCHMARK_POLICY"])
    images = data.standardised()
    model = keras.Sequential([keras.Input(images.shape[1:])])
    for number, width in enumerate(WIDTHS, start=1):
        model.add(layers.Conv2D(width, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        if number % 2 == 0:
            model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(data.classes, dtype="float32"))
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def epoch(which: str) -> float:
        part = data.part(which)
        history = model.fit(images[part], data.labels[part], batch_size=data.batch, epochs=1)
        return float(history.history["loss"][-1])

    return epoch, sum(int(weight.size) for weight in _counted(model))


def _counted(model: keras.Model) -> list:
    """Trainable weights as arrays; their `size` is what is counted."""
    return [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
