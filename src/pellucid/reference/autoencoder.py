r"""The evidence lower bound of a variational autoencoder: reconstruction, divergence, reparametrisation.

For an image $x$ of $D$ grey levels, latent numbers $z$ and a decoder that gives the image $\hat x(z)$,

$$\ln p(x) \ge \underbrace{\mathrm{E}_{q(z|x)} \ln p(x|z)}_{\text{reconstruction}}
  - \beta \underbrace{\mathrm{KL}(q(z|x) \,\|\, p(z|y))}_{\text{divergence}}, \qquad
  q(z|x) = \mathcal{N}(\mu(x), \mathrm{diag}\, \sigma^2(x))$$

with $\beta = 1$; another $\beta$ weighs the divergence more or less and is a bound no longer where it is
below 1. The prior $p(z|y) = \mathcal{N}(m_y, \mathrm{diag}\, s_y^2)$ is learnt for each class $y$; without
classes it is $\mathcal{N}(0, 1)$.

**Likelihood.** $p(x|z) = \mathcal{N}(\hat x(z), v)$ with one variance $v$ for all pixels of all images, which
is not set but learnt: the best one for a batch has a formula, so that no balance between the two terms has to
be found by hand ($\sigma$-VAE).

**Grey levels.** Images hold whole numbers 0 to 255, and a density may be arbitrarily large at whole numbers.
So uniform noise $u$ from $-\frac{1}{2}$ to $\frac{1}{2}$ is thought to be added, which makes $\mathrm{E}_u
\ln p(x + u|z)$ a lower bound of the logarithm of the probability of the level itself. Of a normal density the
mean over the noise has a formula: squared errors grow by $\mathrm{E}\, u^2 = \frac{1}{12}$. Divided by $-D
\ln 2$ the bound is in bits per dimension; 8 is what equally likely levels take.

Source: Kingma and Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114, eq. 3, 4 and 10 and
appendix B; Higgins et al. 2017, "beta-VAE", ICLR, eq. 4, for $\beta$; Rybkin, Daniilidis and Levine 2021,
"Simple and effective VAE training with calibrated decoders", ICML, arXiv:2006.13202, section 3, for $v$;
Sohn, Lee and Yan 2015, "Learning structured output representation", NeurIPS, eq. 4, for a prior of each
class; Theis, van den Oord and Bethge 2016, "A note on the evaluation of generative models", arXiv:1511.01844,
section 3.1, for the noise.
"""

import math

import numpy as np
from jaxtyping import Float

NOISE_VARIANCE = 1 / 12
"""Variance of uniform noise as wide as one grey level."""


def reparametrised(
    means: Float[np.ndarray, "examples latent"],
    log_variances: Float[np.ndarray, "examples latent"],
    noise: Float[np.ndarray, "examples latent"],
) -> Float[np.ndarray, "examples latent"]:
    r"""Draw so that the draw has a gradient: $z = \mu + e^{\lambda / 2} \varepsilon$.

    Args:
        means: $\mu$.
        log_variances: $\lambda = \ln \sigma^2$.
        noise: $\varepsilon$, standard normal.

    Returns:
        $z$.

    Source: Kingma and Welling 2014, section 2.4.
    """
    drawn: np.ndarray = means + np.exp(log_variances / 2) * noise
    return drawn


def reparametrised_backward(
    gradient: Float[np.ndarray, "examples latent"],
    means: Float[np.ndarray, "examples latent"],
    log_variances: Float[np.ndarray, "examples latent"],
    noise: Float[np.ndarray, "examples latent"],
) -> tuple[Float[np.ndarray, "examples latent"], Float[np.ndarray, "examples latent"], None]:
    r"""Gradients of `reparametrised`.

    $$\bar \mu = \bar z, \qquad \bar \lambda = \tfrac{1}{2} e^{\lambda / 2} \varepsilon \, \bar z$$

    Args:
        gradient: $\bar z$.
        means: $\mu$, whose gradient does not depend on them.
        log_variances: $\lambda$.
        noise: $\varepsilon$.

    Returns:
        $\bar \mu$ and $\bar \lambda$; the noise has no gradient.

    Source: the chain rule on Kingma and Welling 2014, section 2.4.
    """
    del means
    return gradient, gradient * noise * np.exp(log_variances / 2) / 2, None


def divergence(
    means: Float[np.ndarray, "examples latent"],
    log_variances: Float[np.ndarray, "examples latent"],
    prior_means: Float[np.ndarray, "examples latent"],
    prior_log_variances: Float[np.ndarray, "examples latent"],
) -> float:
    r"""Mean Kullback-Leibler divergence of normal distributions with independent components, in nats.

    $$K = \frac{1}{2n} \sum_i \sum_j \left( \frac{(\mu_{ij} - m_{ij})^2 + e^{\lambda_{ij}}}{e^{\rho_{ij}}}
      - 1 - \lambda_{ij} + \rho_{ij} \right)$$

    Args:
        means: $\mu$.
        log_variances: $\lambda$.
        prior_means: $m$, of the class of each example; 0 without classes.
        prior_log_variances: $\rho = \ln s^2$, likewise.

    Returns:
        $K$.

    Source: Kingma and Welling 2014, appendix B, where $m = \rho = 0$.
    """
    ratio = ((means - prior_means) ** 2 + np.exp(log_variances)) * np.exp(-prior_log_variances)
    return float((ratio - 1 - log_variances + prior_log_variances).sum() / (2 * len(means)))


def divergence_backward(
    gradient: float,
    means: Float[np.ndarray, "examples latent"],
    log_variances: Float[np.ndarray, "examples latent"],
    prior_means: Float[np.ndarray, "examples latent"],
    prior_log_variances: Float[np.ndarray, "examples latent"],
) -> tuple[
    Float[np.ndarray, "examples latent"],
    Float[np.ndarray, "examples latent"],
    Float[np.ndarray, "examples latent"],
    Float[np.ndarray, "examples latent"],
]:
    r"""Gradients of `divergence`.

    $$\bar \mu = -\bar m = \frac{\mu - m}{n \, e^\rho} \bar K, \qquad
      \bar \lambda = \frac{e^{\lambda - \rho} - 1}{2n} \bar K, \qquad
      \bar \rho = \frac{1}{2n} \left(1 - \frac{(\mu - m)^2 + e^\lambda}{e^\rho} \right) \bar K$$

    Args:
        gradient: $\bar K$, 1 where the divergence is the end.
        means: $\mu$.
        log_variances: $\lambda$.
        prior_means: $m$.
        prior_log_variances: $\rho$.

    Returns:
        $\bar \mu$, $\bar \lambda$, $\bar m$ and $\bar \rho$.

    Source: the derivatives of Kingma and Welling 2014, appendix B.
    """
    precision, share = np.exp(-prior_log_variances), gradient / len(means)
    of_means = share * (means - prior_means) * precision
    of_log_variances = share / 2 * (np.exp(log_variances) * precision - 1)
    ratio = ((means - prior_means) ** 2 + np.exp(log_variances)) * precision
    return of_means, of_log_variances, -of_means, share / 2 * (1 - ratio)


def best_variance(
    images: Float[np.ndarray, "examples ..."], reconstructed: Float[np.ndarray, "examples ..."]
) -> float:
    r"""The one variance under which a batch is likeliest, the noise of its grey levels counted.

    $$\hat v = \frac{1}{nD} \sum_i \sum_d (\hat x_{id} - x_{id})^2 + \frac{1}{12}$$

    Args:
        images: $x$, grey levels.
        reconstructed: $\hat x$.

    Returns:
        $\hat v$.

    Source: Rybkin et al. 2021, section 3.2; Theis et al. 2016, section 3.1.
    """
    return float(((reconstructed - images) ** 2).mean()) + NOISE_VARIANCE


def reconstruction(
    images: Float[np.ndarray, "examples ..."],
    reconstructed: Float[np.ndarray, "examples ..."],
    *,
    variance: float | None = None,
) -> float:
    r"""Mean of $-\mathrm{E}_u \ln p(x + u | z)$ over images, in nats.

    $$R = \frac{D}{2} \ln(2 \pi v) + \frac{1}{2nv} \sum_i \sum_d
      \left((\hat x_{id} - x_{id})^2 + \tfrac{1}{12} \right), \qquad
      R = \frac{D}{2} \bigl(\ln(2 \pi \hat v) + 1 \bigr) \text{ where } v = \hat v$$

    Args:
        images: $x$, grey levels.
        reconstructed: $\hat x$.
        variance: $v$; by default $\hat v$ of this batch, as in training.

    Returns:
        $R$.

    Source: Rybkin et al. 2021, section 3.2; Theis et al. 2016, section 3.1.
    """
    best, dimensions = best_variance(images, reconstructed), images[0].size
    v = best if variance is None else variance
    return float(dimensions / 2 * (math.log(2 * math.pi * v) + best / v))


def reconstruction_backward(
    gradient: float,
    images: Float[np.ndarray, "examples ..."],
    reconstructed: Float[np.ndarray, "examples ..."],
    *,
    variance: float | None = None,
) -> tuple[None, Float[np.ndarray, "examples ..."]]:
    r"""Gradient of `reconstruction`: $\bar{\hat x} = \frac{\hat x - x}{n v} \, \bar R$.

    The same where $v = \hat v$, which depends on $\hat x$: at the best variance the loss is level in it. So
    the gradient of an error grows by itself as the reconstructions get better.

    Args:
        gradient: $\bar R$, 1 where the loss is the end.
        images: $x$.
        reconstructed: $\hat x$.
        variance: $v$; by default $\hat v$ of this batch.

    Returns:
        $\bar{\hat x}$; the images have no gradient.

    Source: the derivative of Rybkin et al. 2021, section 3.2.
    """
    v = best_variance(images, reconstructed) if variance is None else variance
    return None, (reconstructed - images) * (gradient / (len(images) * v))
