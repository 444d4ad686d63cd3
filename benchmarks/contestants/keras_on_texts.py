"""Keras 3 on texts: `Model.compile` and `Model.fit` at their defaults, on the backend KERAS_BACKEND names."""

import os
from collections.abc import Callable

import keras
from keras import layers

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE
from contestants.data import Texts


def build(name: str, data: Texts) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters.

    The name is not used: backend and precision come from the environment.
    """
    del name
    keras.mixed_precision.set_global_policy(os.environ["BENCHMARK_POLICY"])
    ids = keras.Input((data.ids.shape[1],), dtype="int32")
    words = layers.Embedding(data.vocabulary, EMBEDDING)(ids)
    pooled = _lstm(words) if data.network == "rnn" else _convolutions(words)
    model = keras.Model(ids, layers.Dense(data.classes, dtype="float32")(pooled))
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def epoch(which: str) -> float:
        part = data.part(which)
        history = model.fit(data.ids[part], data.labels[part], batch_size=data.batch, epochs=1)
        return float(history.history["loss"][-1])

    return epoch, sum(int(keras.ops.convert_to_numpy(each).size) for each in model.trainable_weights)


def _lstm(words: keras.KerasTensor) -> keras.KerasTensor:
    states = layers.Bidirectional(layers.LSTM(HIDDEN, return_sequences=True))(words)
    return layers.Concatenate()(
        [layers.GlobalMaxPooling1D()(states), layers.GlobalAveragePooling1D()(states)]
    )


def _convolutions(words: keras.KerasTensor) -> keras.KerasTensor:
    found = [layers.Conv1D(FILTERS, kernel, padding="same", activation="relu")(words) for kernel in KERNELS]
    return layers.Concatenate()([layers.GlobalMaxPooling1D()(each) for each in found])
