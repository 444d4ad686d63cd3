"""Keras 3: `Model.compile` and `Model.fit` at their defaults, on the backend that KERAS_BACKEND names."""

import os
from collections.abc import Callable

import keras
from keras import layers

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE, WIDTHS, Data


def build(name: str, data: Data) -> tuple[Callable[[slice], float], int]:
    """A function that trains on a part and returns the mean loss, and the trainable parameters.

    The name is not used: backend and precision come from the environment.
    """
    del name
    keras.mixed_precision.set_global_policy(os.environ["BENCHMARK_POLICY"])
    values = data.inputs if data.network else data.standardised()
    inputs = keras.Input(values.shape[1:], dtype="int32" if data.network else None)
    if data.network:
        words = layers.Embedding(data.vocabulary, EMBEDDING)(inputs)
        features = _lstm(words) if data.network == "rnn" else _filters(words)
    else:
        features = _convolutions(inputs)
    model = keras.Model(inputs, layers.Dense(data.classes, dtype="float32")(features))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss)

    def epoch(part: slice) -> float:
        history = model.fit(values[part], data.labels[part], batch_size=data.batch, epochs=1)
        return float(history.history["loss"][-1])

    return epoch, sum(int(keras.ops.convert_to_numpy(each).size) for each in model.trainable_weights)


def _convolutions(images: keras.KerasTensor) -> keras.KerasTensor:
    for number, width in enumerate(WIDTHS, start=1):
        images = layers.Conv2D(width, 3, padding="same", use_bias=False)(images)
        images = layers.ReLU()(layers.BatchNormalization()(images))
        images = images if number % 2 else layers.MaxPooling2D()(images)
    return layers.Flatten()(images)


def _lstm(words: keras.KerasTensor) -> keras.KerasTensor:
    states = layers.Bidirectional(layers.LSTM(HIDDEN, return_sequences=True))(words)
    pools = layers.GlobalMaxPooling1D()(states), layers.GlobalAveragePooling1D()(states)
    return layers.Concatenate()(list(pools))


def _filters(words: keras.KerasTensor) -> keras.KerasTensor:
    found = [layers.Conv1D(FILTERS, kernel, padding="same", activation="relu")(words) for kernel in KERNELS]
    return layers.Concatenate()([layers.GlobalMaxPooling1D()(each) for each in found])
