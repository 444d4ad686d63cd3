r"""Activation functions, value by value, and softmax, row by row.

Each backward function multiplies the gradient of the result by the slope: $\bar x = \bar y \, f'(x)$.
Softmax, $p_k = e^{z_k} / \sum_j e^{z_j}$, is in `arithmetic/probabilities.py`, since scores need it, too.
"""

import math

import numpy as np
from jaxtyping import Float

from pellucid.arithmetic import softmax as softmax

Values = Float[np.ndarray, "*shape"]
Rows = Float[np.ndarray, "examples classes"]


def relu(inputs: Values) -> Values:
    r"""Rectifier: $y = \max(0, x)$.

    Source: Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines", ICML.
    """
    outputs: np.ndarray = np.maximum(0, inputs)
    return outputs


def relu_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `relu`: $\bar x = \bar y$ where $x > 0$, else 0; at 0, where there is no slope, 0."""
    return gradient * (inputs > 0)


def relu6(inputs: Values) -> Values:
    r"""Rectifier that ends at six: $y = \min(6, \max(0, x))$.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """
    outputs: np.ndarray = np.clip(inputs, 0, 6)
    return outputs


def relu6_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `relu6`: $\bar x = \bar y$ where $0 < x < 6$, else 0; at the bends, too."""
    return gradient * ((inputs > 0) & (inputs < 6))


def clamp(inputs: Values, *, low: float, high: float) -> Values:
    r"""Keep numbers within bounds: $y = \min(b, \max(a, x))$.

    `inputs`: $x$; `low`: $a$; `high`: $b$.
    """
    outputs: np.ndarray = np.clip(inputs, low, high)
    return outputs


def clamp_backward(gradient: Values, inputs: Values, *, low: float, high: float) -> Values:
    r"""Gradient of `clamp`: $\bar x = \bar y$ where $a \le x \le b$, else 0."""
    return gradient * ((inputs >= low) & (inputs <= high))


def leaky_relu(inputs: Values, *, slope: float = 0.01) -> Values:
    r"""Leaky rectifier: $y = x$ where $x > 0$, else $a x$.

    `inputs`: $x$; `slope`: $a$.

    Source: Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic
        models", ICML, eq. 2.
    """
    return np.where(inputs > 0, inputs, slope * inputs)


def leaky_relu_backward(gradient: Values, inputs: Values, *, slope: float = 0.01) -> Values:
    r"""Gradient of `leaky_relu`: $\bar x = \bar y$ where $x > 0$, else $a \bar y$.

    Source: Maas et al. 2013, eq. 2.
    """
    return np.where(inputs > 0, gradient, slope * gradient)


def gelu(inputs: Values) -> Values:
    r"""Gaussian error linear unit: $y = x \, \Phi(x)$, $\Phi$ the normal distribution function.

    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
    """
    outputs: np.ndarray = inputs * _normal_distribution(inputs)
    return outputs


def gelu_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `gelu`: $\bar x = \bar y \, (\Phi(x) + x \, \varphi(x))$, $\varphi$ the normal density.

    $$\varphi(x) = \Phi'(x) = \frac{1}{\sqrt{2 \pi}} e^{-x^2 / 2}$$

    Source: Hendrycks and Gimpel 2016, section 2.
    """
    density = 1 / math.sqrt(2 * math.pi) * np.exp(-(inputs**2) / 2)
    return gradient * (_normal_distribution(inputs) + inputs * density)


def _normal_distribution(inputs: np.ndarray) -> np.ndarray:
    r"""$\Phi(x) = \frac12 (1 + \mathrm{erf}(x / \sqrt 2))$, one value after the other."""
    values = [0.5 * (1 + math.erf(x / math.sqrt(2))) for x in inputs.ravel().tolist()]
    return np.array(values, inputs.dtype).reshape(inputs.shape)


def sigmoid(inputs: Values) -> Values:
    r"""From 0 to 1: $y = \sigma(x) = 1 / (1 + e^{-x})$, as $e^{-\ln(e^0 + e^{-x})}$, which no $x$ overflows.

    Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 2.
    """
    outputs: np.ndarray = np.exp(-np.logaddexp(0, -inputs))
    return outputs


def sigmoid_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `sigmoid`: $\bar x = \bar y \, y \, (1 - y)$.

    Source: Rumelhart et al. 1986, eq. 5.
    """
    outputs = sigmoid(inputs)
    of_inputs: np.ndarray = gradient * outputs * (1 - outputs)
    return of_inputs


def softplus(inputs: Values) -> Values:
    r"""Smooth ReLU: $y = \ln(1 + e^x)$, which is $-\ln \sigma(-x)$.

    Source: Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing",
        NeurIPS 13, section 2.
    """
    outputs: np.ndarray = np.logaddexp(0, inputs)
    return outputs


def softplus_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `softplus`: $\bar x = \bar y \, \sigma(x)$."""
    of_inputs: np.ndarray = gradient * sigmoid(inputs)
    return of_inputs


def tanh(inputs: Values) -> Values:
    r"""Hyperbolic tangent: $y = \tanh x = (e^x - e^{-x}) / (e^x + e^{-x})$.

    Source: LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp", section 4.4.
    """
    outputs: np.ndarray = np.tanh(inputs)
    return outputs


def tanh_backward(gradient: Values, inputs: Values) -> Values:
    r"""Gradient of `tanh`: $\bar x = \bar y \, (1 - y^2)$.

    Source: LeCun et al. 1998, section 4.4.
    """
    outputs = tanh(inputs)
    of_inputs: np.ndarray = gradient * (1 - outputs**2)
    return of_inputs


def softmax_backward(gradient: Rows, logits: Rows) -> Rows:
    r"""Gradient of `softmax`: each logit raises its own probability and lowers all others.

    $$\frac{\partial p_j}{\partial z_k} = p_j (\delta_{jk} - p_k), \quad
      \bar z_k = \sum_j \bar p_j \frac{\partial p_j}{\partial z_k}
      = p_k \Bigl(\bar p_k - \sum_j \bar p_j p_j\Bigr)$$

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs".
    """
    p = softmax(logits)
    of_logits: np.ndarray = p * (gradient - (gradient * p).sum(axis=1, keepdims=True))
    return of_logits
