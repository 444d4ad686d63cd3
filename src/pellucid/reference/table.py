"""Every layer and loss of this room in one dict: what it computes, and the gradient of that."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pellucid.reference import adversarial, autoencoder, losses
from pellucid.reference.layers import (
    activations,
    convolution,
    dense,
    dropout,
    joining,
    layer_norm,
    normalisation,
    pooling,
    rectifiers,
    resizing,
    scaling,
    transposed,
)
from pellucid.reference.texts import attention, embedding, gru, lstm, neighbours, turning, weighed_sum
from pellucid.reference.texts import pooling as text_pooling


class Layer(NamedTuple):
    """Two functions that belong together.

    Attributes:
        forward: from arrays, inputs first, then weights, to a result. Settings are keywords.
        backward: from the gradient of the result, then the same arrays and settings, to one gradient
            for each of the arrays: `None` for those that have none, as ids; alone where there is one.
            `None` in place of the function where nothing has a gradient.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None = None


LAYERS: dict[str, Layer] = {
    "dense": Layer(dense.dense, dense.dense_backward),
    "convolution": Layer(convolution.convolution, convolution.convolution_backward),
    "transposed-convolution": Layer(
        transposed.transposed_convolution, transposed.transposed_convolution_backward
    ),
    "neighbours": Layer(neighbours.neighbours, neighbours.neighbours_backward),
    "max-pool": Layer(pooling.max_pool, pooling.max_pool_backward),
    "average-pool": Layer(pooling.average_pool, pooling.average_pool_backward),
    "global-max": Layer(pooling.global_max, pooling.global_max_backward),
    "global-average": Layer(pooling.global_average, pooling.global_average_backward),
    "batch-norm": Layer(normalisation.batch_norm, normalisation.batch_norm_backward),
    "fixed-norm": Layer(normalisation.fixed_norm, normalisation.fixed_norm_backward),
    "layer-norm": Layer(layer_norm.layer_norm, layer_norm.layer_norm_backward),
    "relu": Layer(rectifiers.relu, rectifiers.relu_backward),
    "relu6": Layer(rectifiers.relu6, rectifiers.relu6_backward),
    "clamp": Layer(rectifiers.clamp, rectifiers.clamp_backward),
    "leaky-relu": Layer(rectifiers.leaky_relu, rectifiers.leaky_relu_backward),
    "gelu": Layer(activations.gelu, activations.gelu_backward),
    "sigmoid": Layer(activations.sigmoid, activations.sigmoid_backward),
    "softplus": Layer(activations.softplus, activations.softplus_backward),
    "tanh": Layer(activations.tanh, activations.tanh_backward),
    "softmax": Layer(activations.softmax, activations.softmax_backward),
    "dropout": Layer(dropout.dropout, dropout.dropout_backward),
    "resize": Layer(resizing.resize, resizing.resize_backward),
    "standardise": Layer(scaling.standardise, scaling.standardise_backward),
    "rescale": Layer(scaling.rescale, scaling.rescale_backward),
    "divide": Layer(scaling.divide, scaling.divide_backward),
    "unit-length": Layer(scaling.unit_length, scaling.unit_length_backward),
    "add": Layer(joining.add, joining.add_backward),
    "side-by-side": Layer(joining.side_by_side, joining.side_by_side_backward),
    "flatten": Layer(joining.flatten, joining.flatten_backward),
    "unflatten": Layer(joining.unflatten, joining.unflatten_backward),
    "part": Layer(joining.part, joining.part_backward),
    "embedding": Layer(embedding.embedding, embedding.embedding_backward),
    "places": Layer(embedding.places, embedding.places_backward),
    "attention-weights": Layer(attention.attention_weights, attention.attention_weights_backward),
    "attention": Layer(attention.attention, attention.attention_backward),
    "present": Layer(text_pooling.present),
    "text-max": Layer(text_pooling.text_max, text_pooling.text_max_backward),
    "text-average": Layer(text_pooling.text_average, text_pooling.text_average_backward),
    "turned-places": Layer(turning.turned_places),
    "turn": Layer(turning.turn, turning.turn_backward),
    "lstm": Layer(lstm.lstm, lstm.lstm_backward),
    "gru": Layer(gru.gru, gru.gru_backward),
    "weighed-sum": Layer(weighed_sum.weighed_sum, weighed_sum.weighed_sum_backward),
    "reparametrised": Layer(autoencoder.reparametrised, autoencoder.reparametrised_backward),
    "density-of-draw": Layer(autoencoder.density_of_draw, autoencoder.density_of_draw_backward),
    "mixture-density": Layer(autoencoder.mixture_density, autoencoder.mixture_density_backward),
    "reconstruction": Layer(autoencoder.reconstruction, autoencoder.reconstruction_backward),
    "discriminator-loss": Layer(adversarial.discriminator_loss, adversarial.discriminator_loss_backward),
    "generator-loss": Layer(adversarial.generator_loss, adversarial.generator_loss_backward),
    "cross-entropy": Layer(losses.cross_entropy, losses.cross_entropy_backward),
    "squared-error": Layer(losses.squared_error, losses.squared_error_backward),
    "squared-error-of-probabilities": Layer(
        losses.squared_error_of_probabilities, losses.squared_error_of_probabilities_backward
    ),
}
