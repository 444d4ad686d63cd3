r"""Losses that training minimises, of one network or of two adversaries.

Losses that training minimises: cross-entropy, and squared errors of numbers and of probabilities.

Notation: $n$ examples, $K$ classes, $z$ logits, $p = \mathrm{softmax}(z)$, $y_i$ the class of example $i$,
$w_k$ the weight of class $k$.

Of examples that may have several labels each has a probability of its own, $p_{il} = \sigma(z_{il})$;
$y_{il}$ is 1 where example $i$ has label $l$ and 0 where it does not, and $K_i$ are the labels of which that
is known: the others count nowhere.

Losses of a generative adversarial network: of the discriminator, and of the generator.

The discriminator gives an image a score $s$, positive where it takes it for a real one; $\sigma(s)$ is the
probability that it is real. It is to be right about real images with scores $s$ and made ones with scores
$\tilde s$, and the generator is to make images that are taken for real:

$$L_D = \frac{1}{n} \sum_i \left( -\ln \sigma(s_i) - \ln(1 - \sigma(\tilde s_i)) \right), \qquad
  L_G = -\frac{1}{n} \sum_i \ln \sigma(\tilde s_i)$$

The generator could go up $L_D$ instead, but where the discriminator is sure that an image is made,
$\ln(1 - \sigma)$ is level there and teaches nothing; $-\ln \sigma$ is steep.

With $-\ln \sigma(s) = \ln(1 + e^{-s})$ both are sums of one function, the softplus. Where there are classes
the score is that of the image's own class.

Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS, eq. 1 and section 3; Miyato and Koyama
2018, "cGANs with projection discriminator", arXiv:1802.05637, for the score of a class.
"""

import numpy as np
from jaxtyping import Float, Int8, Int64

from pellucid.reference.activations import sigmoid, sigmoid_backward, softmax, softmax_backward
from pellucid.targets import PRESENT, UNKNOWN

Logits = Float[np.ndarray, "examples classes"]
Labels = Int64[np.ndarray, " examples"]
States = Int8[np.ndarray, "examples classes"]
Scores = Float[np.ndarray, " examples"]
Predicted = Float[np.ndarray, "examples 1"]

Weights = tuple[float, ...] | None


def cross_entropy(
    logits: Logits, labels: Labels, *, smoothing: float = 0.0, class_weights: Weights = None
) -> float:
    r"""Cross-entropy of the classes under the softmax of the logits.

    $$L = -\frac{1}{\sum_i w_{y_i}} \sum_i \sum_k w_k \, t_{ik} \ln p_{ik}, \qquad
      t_{ik} = (1 - \varepsilon) \, \delta_{k y_i} + \frac{\varepsilon}{K}$$

    `logits`: $z$; `labels`: $y$; `smoothing`: $\varepsilon$, the share of a target that is spread over all
    classes; `class_weights`: $w$, or `None` for ones.

    Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 6.12; Szegedy et al. 2016,
        "Rethinking the Inception architecture", section 7, for smoothing.
    """
    w = _weights(logits, class_weights)
    t = _smoothed(logits, labels, smoothing)
    # $\ln p_k = z_k - \ln \sum_j e^{z_j}$, the largest logit taken off first, so that none overflows.
    z = logits - logits.max(axis=1, keepdims=True)
    logarithms: np.ndarray = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(-(w * t * logarithms).sum() / w[labels].sum())


def cross_entropy_backward(
    gradient: float, logits: Logits, labels: Labels, *, smoothing: float = 0.0, class_weights: Weights = None
) -> tuple[Logits, None]:
    r"""Gradient of `cross_entropy`; without weights it is the error of the probabilities.

    $$\bar z_{ik} = \frac{1}{\sum_i w_{y_i}} \Bigl(p_{ik} \sum_j w_j t_{ij} - w_k t_{ik}\Bigr) \bar L, \qquad
      \bar z_{ik} = \frac{1}{n} (p_{ik} - t_{ik}) \, \bar L \text{ where } w = 1$$

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs".
    """
    w = _weights(logits, class_weights)
    t = _smoothed(logits, labels, smoothing)
    p = softmax(logits)
    of_logits = (p * (w * t).sum(axis=1, keepdims=True) - w * t) / w[labels].sum()
    return of_logits * gradient, None


def squared_error(predicted: Predicted, numbers: Scores, *, unit: float = 1.0) -> float:
    r"""Mean of the squared errors of predicted numbers: $L = \frac{1}{n} \sum_i ((\hat y_i - y_i) / u)^2$.

    `predicted`: $\hat y$; `numbers`: $y$, the true ones; `unit`: $u$, what errors are measured in; training
    takes the standard deviation of the labels.

    Source: Goodfellow et al. 2016, eq. 5.4.
    """
    errors = (predicted[:, 0] - numbers) / unit
    return float((errors**2).mean())


def squared_error_backward(
    gradient: float, predicted: Predicted, numbers: Scores, *, unit: float = 1.0
) -> tuple[Predicted, None]:
    r"""Gradient of `squared_error`: $\bar{\hat y}_i = \frac{2}{n u^2} (\hat y_i - y_i) \, \bar L$.

    Source: Goodfellow et al. 2016, eq. 5.8.
    """
    of_predicted = 2 / (len(numbers) * unit**2) * (predicted[:, 0] - numbers) * gradient
    return of_predicted[:, None], None


def squared_error_of_probabilities(logits: Logits, labels: Labels, *, class_weights: Weights = None) -> float:
    r"""Squared distance of probabilities from certainty about the class.

    $$L = \frac{1}{\sum_i w_{y_i}} \sum_i w_{y_i} \sum_k (p_{ik} - \delta_{k y_i})^2$$

    `logits`: $z$; `labels`: $y$; `class_weights`: $w$, or `None` for ones.

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", eq. 2.
    """
    w = _weights(logits, class_weights)[labels]
    errors = softmax(logits) - _smoothed(logits, labels, 0.0)
    return float((w * (errors**2).sum(axis=1)).sum() / w.sum())


def squared_error_of_probabilities_backward(
    gradient: float, logits: Logits, labels: Labels, *, class_weights: Weights = None
) -> tuple[Logits, None]:
    r"""Gradient of `squared_error_of_probabilities`, through the softmax.

    $$\bar p_{ik} = \frac{2 w_{y_i}}{\sum_i w_{y_i}} (p_{ik} - \delta_{k y_i}) \, \bar L$$
    """
    w = _weights(logits, class_weights)[labels]
    errors = softmax(logits) - _smoothed(logits, labels, 0.0)
    of_probabilities = 2 * w[:, None] / w.sum() * errors * gradient
    return softmax_backward(of_probabilities, logits), None


def binary_cross_entropy(logits: Logits, states: States, *, smoothing: float = 0.0) -> float:
    r"""Cross-entropy of each label against its absence: the mean over examples of the mean of their labels.

    $$L = \frac{1}{n} \sum_i \frac{1}{|K_i|} \sum_{l \in K_i}
      \bigl(-t_{il} \ln p_{il} - (1 - t_{il}) \ln(1 - p_{il})\bigr), \qquad
      t_{il} = (1 - \varepsilon) \, y_{il} + \frac{\varepsilon}{2}$$

    `logits`: $z$; `states`: $y$, 1 or 0, or -1 where it is not known; `smoothing`: $\varepsilon$.

    Source: Nam et al. 2014, "Large-scale multi-label text classification: revisiting neural networks",
        arXiv:1312.5419, section 3.2.
    """
    shares, t = _known_shares(logits, states), _smoothed_states(logits, states, smoothing)
    # $-\ln \sigma(z) = \ln(1 + e^{-z})$ and $-\ln(1 - \sigma(z)) = \ln(1 + e^z)$, which no $z$ overflows.
    losses = t * np.logaddexp(0, -logits) + (1 - t) * np.logaddexp(0, logits)
    return float((shares * losses).sum())


def binary_cross_entropy_backward(
    gradient: float, logits: Logits, states: States, *, smoothing: float = 0.0
) -> tuple[Logits, None]:
    r"""Gradient of `binary_cross_entropy`: the error of the probability of each label that is known.

    $$\bar z_{il} = \frac{1}{n |K_i|} (p_{il} - t_{il}) \, \bar L \text{ where } l \in K_i, \text{ else } 0$$

    Source: Bishop 2006, "Pattern recognition and machine learning", eq. 5.18.
    """
    errors = sigmoid(logits) - _smoothed_states(logits, states, smoothing)
    return _known_shares(logits, states) * errors * gradient, None


def squared_error_of_labels(logits: Logits, states: States) -> float:
    r"""Squared error of the probability of each label: the mean over examples of the mean of their labels.

    $$L = \frac{1}{n} \sum_i \frac{1}{|K_i|} \sum_{l \in K_i} (p_{il} - y_{il})^2$$

    `logits`: $z$; `states`: $y$, as in `binary_cross_entropy`.

    Source: Brier 1950, eq. 2, of each label and its absence, halved.
    """
    errors = sigmoid(logits) - _smoothed_states(logits, states, 0.0)
    return float((_known_shares(logits, states) * errors**2).sum())


def squared_error_of_labels_backward(gradient: float, logits: Logits, states: States) -> tuple[Logits, None]:
    r"""Gradient of `squared_error_of_labels`, through the sigmoid.

    $$\bar p_{il} = \frac{2}{n |K_i|} (p_{il} - y_{il}) \, \bar L \text{ where } l \in K_i, \text{ else } 0$$
    """
    errors = sigmoid(logits) - _smoothed_states(logits, states, 0.0)
    of_probabilities = 2 * _known_shares(logits, states) * errors * gradient
    return sigmoid_backward(of_probabilities, logits), None


def _known_shares(logits: Logits, states: States) -> Logits:
    r"""$\frac{1}{n |K_i|}$ of each label that is known, 0 of the others."""
    known = (states != UNKNOWN).astype(logits.dtype)
    shares: np.ndarray = known / np.maximum(known.sum(axis=1, keepdims=True), 1) / len(known)
    return shares


def _smoothed_states(logits: Logits, states: States, smoothing: float) -> Logits:
    """The targets $t$: 1 and 0, both moved towards one half."""
    targets: np.ndarray = (1 - smoothing) * (states == PRESENT).astype(logits.dtype) + smoothing / 2
    return targets


def _weights(logits: np.ndarray, class_weights: Weights) -> np.ndarray:
    """Weight of each class."""
    classes = logits.shape[1]
    return np.asarray(np.ones(classes) if class_weights is None else class_weights, logits.dtype)


def _smoothed(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    """The targets $t$: one-hot rows, some of which is spread over all classes."""
    classes = logits.shape[1]
    one_hot = np.eye(classes, dtype=logits.dtype)[labels]
    targets: np.ndarray = (1 - smoothing) * one_hot + smoothing / classes
    return targets


def discriminator_loss(real: Scores, made: Scores) -> float:
    r"""Loss of the discriminator.

    $$L_D = \frac{1}{n} \sum_i \ln(1 + e^{-s_i}) + \frac{1}{n} \sum_i \ln(1 + e^{\tilde s_i})$$

    `real`: $s$, scores of real images; `made`: $\tilde s$, scores of made ones; result: $L_D$.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return float(np.logaddexp(0, -real).mean() + np.logaddexp(0, made).mean())


def discriminator_loss_backward(gradient: float, real: Scores, made: Scores) -> tuple[Scores, Scores]:
    r"""Gradients of `discriminator_loss`: by how much each image was misjudged.

    $$\bar s_i = -\frac{1}{n} (1 - \sigma(s_i)) \, \bar L_D, \qquad
      \bar{\tilde s}_i = \frac{1}{n} \sigma(\tilde s_i) \, \bar L_D$$
    """
    return -gradient * sigmoid(-real) / len(real), gradient * sigmoid(made) / len(made)


def generator_loss(made: Scores) -> float:
    r"""Loss of the generator that does not saturate.

    $$L_G = \frac{1}{n} \sum_i \ln(1 + e^{-\tilde s_i})$$

    Source: Goodfellow et al. 2014, section 3.
    """
    return float(np.logaddexp(0, -made).mean())


def generator_loss_backward(gradient: float, made: Scores) -> Scores:
    r"""Gradient of `generator_loss`: largest where the discriminator is sure that the image is made.

    $$\bar{\tilde s}_i = -\frac{1}{n} (1 - \sigma(\tilde s_i)) \, \bar L_G$$
    """
    return -gradient * sigmoid(-made) / len(made)
