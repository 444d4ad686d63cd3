r"""Losses of a generative adversarial network: of the discriminator, and of the generator.

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
from jaxtyping import Float

from pellucid.reference.layers.activations import sigmoid


def discriminator_loss(real: Float[np.ndarray, " examples"], made: Float[np.ndarray, " examples"]) -> float:
    r"""Loss of the discriminator.

    $$L_D = \frac{1}{n} \sum_i \ln(1 + e^{-s_i}) + \frac{1}{n} \sum_i \ln(1 + e^{\tilde s_i})$$

    Args:
        real: $s$, scores of real images.
        made: $\tilde s$, scores of made ones.

    Returns:
        $L_D$.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return float(np.logaddexp(0, -real).mean() + np.logaddexp(0, made).mean())


def discriminator_loss_backward(
    gradient: float, real: Float[np.ndarray, " examples"], made: Float[np.ndarray, " examples"]
) -> tuple[Float[np.ndarray, " examples"], Float[np.ndarray, " examples"]]:
    r"""Gradients of `discriminator_loss`: by how much each image was misjudged.

    $$\bar s_i = -\frac{1}{n} (1 - \sigma(s_i)) \, \bar L_D, \qquad
      \bar{\tilde s}_i = \frac{1}{n} \sigma(\tilde s_i) \, \bar L_D$$

    Args:
        gradient: $\bar L_D$, 1 where the loss is the end.
        real: $s$.
        made: $\tilde s$.

    Returns:
        $\bar s$ and $\bar{\tilde s}$.

    Source: the derivative of the softplus.
    """
    return -gradient * sigmoid(-real) / len(real), gradient * sigmoid(made) / len(made)


def generator_loss(made: Float[np.ndarray, " examples"]) -> float:
    r"""Loss of the generator that does not saturate.

    $$L_G = \frac{1}{n} \sum_i \ln(1 + e^{-\tilde s_i})$$

    Args:
        made: $\tilde s$, scores of made images.

    Returns:
        $L_G$.

    Source: Goodfellow et al. 2014, section 3.
    """
    return float(np.logaddexp(0, -made).mean())


def generator_loss_backward(
    gradient: float, made: Float[np.ndarray, " examples"]
) -> Float[np.ndarray, " examples"]:
    r"""Gradient of `generator_loss`: largest where the discriminator is sure that the image is made.

    $$\bar{\tilde s}_i = -\frac{1}{n} (1 - \sigma(\tilde s_i)) \, \bar L_G$$

    Args:
        gradient: $\bar L_G$.
        made: $\tilde s$.

    Returns:
        $\bar{\tilde s}$.

    Source: the derivative of the softplus.
    """
    return -gradient * sigmoid(-made) / len(made)
