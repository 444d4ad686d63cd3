r"""The evidence lower bound of a variational autoencoder: reconstruction, divergence, reparametrisation.

For an image $x$ of $D$ grey levels, latent variables $z$ and a decoder that gives the image $\hat x(z)$,

$$\ln p(x) \ge \underbrace{\mathrm{E}_{q(z|x)} \ln p(x|z)}_{\text{reconstruction}}
  - \beta \underbrace{\mathrm{KL}(q(z|x) \,\|\, p(z|y))}_{\text{divergence}}, \qquad
  q(z|x) = \mathcal{N}(\mu(x), \mathrm{diag}\, \sigma^2(x))$$

with $\beta = 1$; another $\beta$ weighs the divergence more or less and is a bound no longer where it is
below 1. The prior of class $y$ is a mixture of normal distributions, all of it learnt:

$$p(z|y) = \sum_k w_{yk} \, \mathcal{N}(z;\, m_{yk}, \mathrm{diag}\, s_{yk}^2)$$

A single one of them has its mass where no image lies. Without classes and with one component it is
$\mathcal{N}(0, 1)$. The divergence from a mixture has no formula; it is estimated by the draw that the
reconstruction is made of: $\mathrm{KL} \approx \ln q(z|x) - \ln p(z|y)$, in the mean without error.

**Likelihood.** $p(x|z) = \mathcal{N}(\hat x(z), v)$ with one variance $v$ for all pixels of all images, which
is not set but learnt: the best one for a batch has a formula, so that no balance between the two terms has to
be found by hand ($\sigma$-VAE).

**Grey levels.** Images hold whole numbers 0 to 255, and a density may be arbitrarily large at whole numbers.
So uniform noise $u$ from $-\frac{1}{2}$ to $\frac{1}{2}$ is thought to be added, which makes $\mathrm{E}_u
\ln p(x + u|z)$ a lower bound of the logarithm of the probability of the level itself. Of a normal density the
mean over the noise has a formula: squared errors grow by $\mathrm{E}\, u^2 = \frac{1}{12}$. Divided by $-D
\ln 2$ the bound is in bits per dimension; 8 is what equally likely levels take.

Source: Kingma and Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114, eq. 3, 4 and 10;
Higgins et al. 2017, "beta-VAE", ICLR, eq. 4, for $\beta$; Rybkin, Daniilidis and Levine 2021, "Simple and
effective VAE training with calibrated decoders", ICML, arXiv:2006.13202, section 3, for $v$; Sohn, Lee and
Yan 2015, "Learning structured output representation", NeurIPS, eq. 4, for a prior of each class; Tomczak and
Welling 2018, "VAE with a VampPrior", arXiv:1705.07120, section 2, for mixtures; Theis, van den Oord and
Bethge 2016, "A note on the evaluation of generative models", arXiv:1511.01844, section 3.1, for the noise.
"""

import math

import numpy as np
from jaxtyping import Float

from pellucid.reference.activations import softmax

Latent = Float[np.ndarray, "examples latent"]
Images = Float[np.ndarray, "examples ..."]
Components = Float[np.ndarray, "examples components latent"]
Logits = Float[np.ndarray, "examples components"]

# Variance of uniform noise as wide as one grey level.
NOISE_VARIANCE = 1 / 12


def reparametrised(means: Latent, log_variances: Latent, noise: Latent) -> Latent:
    r"""Draw so that the draw has a gradient: $z = \mu + e^{\lambda / 2} \varepsilon$.

    `means`: $\mu$; `log_variances`: $\lambda = \ln \sigma^2$; `noise`: $\varepsilon$, standard normal;
    result: $z$.

    Source: Kingma and Welling 2014, section 2.4.
    """
    drawn: np.ndarray = means + np.exp(log_variances / 2) * noise
    return drawn


def reparametrised_backward(
    gradient: Latent, means: Latent, log_variances: Latent, noise: Latent
) -> tuple[Latent, Latent, None]:
    r"""Gradients of `reparametrised`.

    $$\bar \mu = \bar z, \qquad \bar \lambda = \tfrac{1}{2} e^{\lambda / 2} \varepsilon \, \bar z$$
    """
    return gradient, gradient * noise * np.exp(log_variances / 2) / 2, None


def density_of_draw(log_variances: Latent, noise: Latent) -> float:
    r"""Mean of $\ln q(z|x)$ at what `reparametrised` draws.

    $$Q = -\frac{1}{2n} \sum_i \sum_j \left( \varepsilon_{ij}^2 + \lambda_{ij} + \ln 2\pi \right)$$

    `log_variances`: $\lambda$; `noise`: $\varepsilon$; result: $Q$.
    """
    terms = noise**2 + log_variances + math.log(2 * math.pi)
    return float(-terms.sum() / (2 * len(noise)))


def density_of_draw_backward(gradient: float, log_variances: Latent, noise: Latent) -> tuple[Latent, None]:
    r"""Gradient of `density_of_draw`: $\bar \lambda = -\frac{1}{2n} \bar Q$."""
    return np.full_like(log_variances, -gradient / (2 * len(noise))), None


def mixture_density(latent: Latent, means: Components, log_variances: Components, logits: Logits) -> float:
    r"""Mean of $\ln p(z|y)$ under the mixture of the class of each example.

    $$P = \frac{1}{n} \sum_i \ln \sum_k \exp a_{ik}, \qquad
      a_{ik} = \ln w_{ik} - \frac{1}{2} \sum_j \left( \frac{(z_{ij} - m_{ikj})^2}{e^{\rho_{ikj}}}
      + \rho_{ikj} + \ln 2\pi \right)$$

    `latent`: $z$; `means`: $m$, of the class of each example; `log_variances`: $\rho = \ln s^2$, likewise;
    `logits`: of which the softmax is $w$, likewise; result: $P$.

    Source: Bishop 2006, "Pattern recognition and machine learning", eq. 9.7.
    """
    a = _joint(latent, means, log_variances, logits)
    highest = a.max(axis=1, keepdims=True)
    return float((highest[:, 0] + np.log(np.exp(a - highest).sum(axis=1))).mean())


def mixture_density_backward(
    gradient: float, latent: Latent, means: Components, log_variances: Components, logits: Logits
) -> tuple[Latent, Components, Components, Logits]:
    r"""Gradients of `mixture_density`, by the responsibility $r_{ik}$ of each component for each example.

    $$r = \mathrm{softmax}_k(a), \qquad
      \bar m_{ikj} = \frac{r_{ik}}{n} \frac{z_{ij} - m_{ikj}}{e^{\rho_{ikj}}}
      \bar P, \qquad \bar z_{ij} = -\sum_k \bar m_{ikj}$$

    $$\bar \rho_{ikj} = \frac{r_{ik}}{2n}
      \left( \frac{(z_{ij} - m_{ikj})^2}{e^{\rho_{ikj}}} - 1 \right) \bar P, \qquad
      \bar \ell_{ik} = \frac{1}{n} (r_{ik} - w_{ik}) \bar P$$

    Source: Bishop 2006, eq. 9.13 and 9.16 to 9.19, before they are set to 0.
    """
    share = gradient / len(latent)
    r = softmax(_joint(latent, means, log_variances, logits))
    away = (latent[:, None] - means) * np.exp(-log_variances)
    of_means = share * r[:, :, None] * away
    of_log_variances = share / 2 * r[:, :, None] * (away * (latent[:, None] - means) - 1)
    return -of_means.sum(axis=1), of_means, of_log_variances, share * (r - softmax(logits))


def _joint(latent: np.ndarray, means: np.ndarray, log_variances: np.ndarray, logits: np.ndarray) -> Logits:
    """Logarithm of weight times density, for each component: $a$ of `mixture_density`."""
    within = (latent[:, None] - means) ** 2 * np.exp(-log_variances) + log_variances + math.log(2 * math.pi)
    joint: np.ndarray = np.log(softmax(logits)) - within.sum(axis=2) / 2
    return joint


def best_variance(images: Images, reconstructed: Images) -> float:
    r"""The one variance under which a batch is likeliest, the noise of its grey levels counted.

    $$\hat v = \frac{1}{nD} \sum_i \sum_d (\hat x_{id} - x_{id})^2 + \frac{1}{12}$$

    `images`: $x$, grey levels; `reconstructed`: $\hat x$; result: $\hat v$.

    Source: Rybkin et al. 2021, section 3.2; Theis et al. 2016, section 3.1.
    """
    return float(((reconstructed - images) ** 2).mean()) + NOISE_VARIANCE


def reconstruction(images: Images, reconstructed: Images, *, variance: float | None = None) -> float:
    r"""Mean of $-\mathrm{E}_u \ln p(x + u | z)$ over images, in nats.

    $$R = \frac{D}{2} \ln(2 \pi v) + \frac{1}{2nv} \sum_i \sum_d
      \left((\hat x_{id} - x_{id})^2 + \tfrac{1}{12} \right), \qquad
      R = \frac{D}{2} \bigl(\ln(2 \pi \hat v) + 1 \bigr) \text{ where } v = \hat v$$

    `images`: $x$, grey levels; `reconstructed`: $\hat x$; `variance`: $v$; by default $\hat v$ of this batch,
    as in training; result: $R$.

    Source: Rybkin et al. 2021, section 3.2; Theis et al. 2016, section 3.1.
    """
    best, dimensions = best_variance(images, reconstructed), images[0].size
    v = best if variance is None else variance
    return float(dimensions / 2 * (math.log(2 * math.pi * v) + best / v))


def reconstruction_backward(
    gradient: float, images: Images, reconstructed: Images, *, variance: float | None = None
) -> tuple[None, Images]:
    r"""Gradient of `reconstruction`: $\bar{\hat x} = \frac{\hat x - x}{n v} \, \bar R$.

    The same where $v = \hat v$, which depends on $\hat x$: at the best variance the loss is level in it. So
    the gradient of an error grows by itself as the reconstructions get better.
    """
    v = best_variance(images, reconstructed) if variance is None else variance
    return None, (reconstructed - images) * (gradient / (len(images) * v))
