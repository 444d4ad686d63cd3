r"""Activation functions of straight lines: rectifiers and bounds, value by value.

Each backward function multiplies the gradient of the result by the slope: $\bar x = \bar y \, f'(x)$.
"""

import numpy as np
from jaxtyping import Float


def relu(inputs: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    r"""Rectifier: $y = \max(0, x)$.

    Args:
        inputs: $x$.

    Returns:
        $y$.

    Source: Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines", ICML.
    """
    outputs: np.ndarray = np.maximum(0, inputs)
    return outputs


def relu_backward(
    gradient: Float[np.ndarray, "*shape"], inputs: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    r"""Gradient of `relu`: $\bar x = \bar y$ where $x > 0$, else 0; at 0, where there is no slope, 0.

    Args:
        gradient: $\bar y$.
        inputs: $x$.

    Returns:
        $\bar x$.

    Source: Nair and Hinton 2010.
    """
    return gradient * (inputs > 0)


def relu6(inputs: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    r"""Rectifier that ends at six: $y = \min(6, \max(0, x))$.

    Args:
        inputs: $x$.

    Returns:
        $y$.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    """
    outputs: np.ndarray = np.clip(inputs, 0, 6)
    return outputs


def relu6_backward(
    gradient: Float[np.ndarray, "*shape"], inputs: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    r"""Gradient of `relu6`: $\bar x = \bar y$ where $0 < x < 6$, else 0; at the bends, too.

    Args:
        gradient: $\bar y$.
        inputs: $x$.

    Returns:
        $\bar x$.

    Source: Krizhevsky 2010.
    """
    return gradient * ((inputs > 0) & (inputs < 6))


def clamp(inputs: Float[np.ndarray, "*shape"], *, low: float, high: float) -> Float[np.ndarray, "*shape"]:
    r"""Keep numbers within bounds: $y = \min(b, \max(a, x))$.

    Args:
        inputs: $x$.
        low: $a$.
        high: $b$.

    Returns:
        $y$.
    """
    outputs: np.ndarray = np.clip(inputs, low, high)
    return outputs


def clamp_backward(
    gradient: Float[np.ndarray, "*shape"], inputs: Float[np.ndarray, "*shape"], *, low: float, high: float
) -> Float[np.ndarray, "*shape"]:
    r"""Gradient of `clamp`: $\bar x = \bar y$ where $a \le x \le b$, else 0.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        low: $a$.
        high: $b$.

    Returns:
        $\bar x$.
    """
    return gradient * ((inputs >= low) & (inputs <= high))


def leaky_relu(inputs: Float[np.ndarray, "*shape"], *, slope: float = 0.01) -> Float[np.ndarray, "*shape"]:
    r"""Leaky rectifier: $y = x$ where $x > 0$, else $a x$.

    Args:
        inputs: $x$.
        slope: $a$.

    Returns:
        $y$.

    Source: Maas, Hannun and Ng 2013, "Rectifier nonlinearities improve neural network acoustic
        models", ICML, eq. 2.
    """
    return np.where(inputs > 0, inputs, slope * inputs)


def leaky_relu_backward(
    gradient: Float[np.ndarray, "*shape"], inputs: Float[np.ndarray, "*shape"], *, slope: float = 0.01
) -> Float[np.ndarray, "*shape"]:
    r"""Gradient of `leaky_relu`: $\bar x = \bar y$ where $x > 0$, else $a \bar y$.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        slope: $a$.

    Returns:
        $\bar x$.

    Source: Maas et al. 2013, eq. 2.
    """
    return np.where(inputs > 0, gradient, slope * gradient)
