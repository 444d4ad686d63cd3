r"""Optimisers, from gradients to the next weights: gradient descent, momentum, Nesterov, Adam, AdamW, Muon.

Notation: $w$ weights, $\bar w$ their gradient, $\eta$ the learning rate, $\lambda$ the weight decay,
$\mu$ the momentum, $\beta_1, \beta_2$ and $\epsilon$ the numbers of Adam. Everything happens number by
number, but in Muon, which sees a kernel as a matrix: a rule takes $w$, $\bar w$ and its memory, and
returns $w$ and the memory after the step. In all but AdamW and Muon decay is a part of the gradient, as if
$\frac{\lambda}{2} w^2$ stood in the loss:

$$g = \bar w + \lambda w$$
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "*shape"]


class Numbers(NamedTuple):
    r"""Hyper-parameters $\eta, \lambda, \mu, \beta_1, \beta_2$ and $\epsilon$; each rule reads its own."""

    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8


class Memory(NamedTuple):
    """Steps before, running sum or mean of the gradients, and running mean of their squares, of one array."""

    step: int = 0
    first: Values | float = 0.0
    second: Values | float = 0.0


def gradient_descent(
    weight: Values, gradient: Values, memory: Memory, numbers: Numbers
) -> tuple[Values, Memory]:
    r"""One step down the gradient: $w \leftarrow w - \eta g$.

    Source: Cauchy 1847, "Méthode générale pour la résolution des systèmes d'équations simultanées".
    """
    g = gradient + numbers.weight_decay * weight
    return weight - numbers.learning_rate * g, Memory(memory.step + 1)


def momentum(weight: Values, gradient: Values, memory: Memory, numbers: Numbers) -> tuple[Values, Memory]:
    r"""Heavy-ball momentum: $v \leftarrow \mu v + g$, then $w \leftarrow w - \eta v$.

    `memory`: `first` is $v$.

    Source: Polyak 1964, "Some methods of speeding up the convergence of iteration methods"; Sutskever,
        Martens, Dahl and Hinton 2013, "On the importance of initialization and momentum", ICML, eq. 1
        and 2, where $\eta$ is inside $v$.
    """
    g = gradient + numbers.weight_decay * weight
    v = numbers.momentum * memory.first + g
    return weight - numbers.learning_rate * v, Memory(memory.step + 1, v)


def nesterov(weight: Values, gradient: Values, memory: Memory, numbers: Numbers) -> tuple[Values, Memory]:
    r"""Momentum that looks ahead: $v \leftarrow \mu v + g$, then $w \leftarrow w - \eta (g + \mu v)$.

    `weight`: $w$, one step of momentum ahead of the paper's; `memory`: `first` is $v$.

    Source: Sutskever et al. 2013, eq. 3 and 4, written for the point where the gradient is taken.
    """
    g = gradient + numbers.weight_decay * weight
    v = numbers.momentum * memory.first + g
    return weight - numbers.learning_rate * (g + numbers.momentum * v), Memory(memory.step + 1, v)


def adam(weight: Values, gradient: Values, memory: Memory, numbers: Numbers) -> tuple[Values, Memory]:
    r"""Steps of like size for all weights: the mean gradient over the root of the mean square.

    $$m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2$$

    $$\hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}, \quad
      w \leftarrow w - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$

    `memory`: `first` is $m$, `second` is $v$, `step` is $t - 1$.

    Source: Kingma and Ba 2014, arXiv:1412.6980, algorithm 1.
    """
    g = gradient + numbers.weight_decay * weight
    (beta1, beta2), t = numbers.betas, memory.step + 1
    m = beta1 * memory.first + (1 - beta1) * g
    v = beta2 * memory.second + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    after = weight - numbers.learning_rate * m_hat / (np.sqrt(v_hat) + numbers.epsilon)
    return after, Memory(t, m, v)


def adamw(weight: Values, gradient: Values, memory: Memory, numbers: Numbers) -> tuple[Values, Memory]:
    r"""Adam whose decay does not pass through the gradient: $w \leftarrow w - \eta \lambda w$ first.

    Source: Loshchilov and Hutter 2017, arXiv:1711.05101, algorithm 2.
    """
    decayed = weight - numbers.learning_rate * numbers.weight_decay * weight
    return adam(decayed, gradient, memory, numbers._replace(weight_decay=0.0))


def orthogonalised(matrix: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    r"""Nearly $U V^\top$ of a matrix $U \Sigma V^\top$, by three steps that bring its singular values near 1.

    From $X = M / \lVert M \rVert$ with $a = 3.4445, b = -4.775, c = 2.0315$:

    $$X \leftarrow a X + (b X X^\top + c (X X^\top)^2) X$$

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    x = matrix / max(float(np.linalg.norm(matrix)), 1e-7)
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x


def muon(weight: Values, gradient: Values, memory: Memory, numbers: Numbers) -> tuple[Values, Memory]:
    r"""Momentum made orthogonal: steps of like size in all directions, at a scale that stays.

    Weights and gradients are matrices of a row for each output, $r$ in all; $m \leftarrow \mu m + \bar w$ and

    $$w \leftarrow s \left(\frac{w}{\lVert w \rVert} - \frac{\eta}{\sqrt r} O(\bar w + \mu m)\right)$$

    `memory`: `first` is $m$, `second` is $s$, the length $\lVert w \rVert$ before the first step.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; Jordan 2024,
        `airbench94_muon.py`, for the scale.
    """
    scale = memory.second if memory.step else np.asarray(np.linalg.norm(weight))
    m = numbers.momentum * memory.first + gradient
    direction = orthogonalised((gradient + numbers.momentum * m).reshape(len(weight), -1))
    step = numbers.learning_rate / len(weight) ** 0.5 * direction.reshape(weight.shape)
    return scale * (weight / np.linalg.norm(weight) - step), Memory(memory.step + 1, m, scale)


Rule = Callable[[np.ndarray, np.ndarray, Memory, Numbers], tuple[np.ndarray, Memory]]

RULES: dict[str, Rule] = {
    "gd": gradient_descent,
    "sgd": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "adam": adam,
    "adamw": adamw,
    "muon": muon,
}


def update(
    rule: Rule,
    weights: Mapping[str, np.ndarray],
    gradients: Mapping[str, Any],
    memories: Mapping[str, Memory],
    numbers: Numbers,
) -> tuple[dict[str, np.ndarray], dict[str, Memory]]:
    """Take one step with all weights of a network.

    As in `training/optimisers.py`, decay acts on matrices and kernels only: biases and the scales of
    norms, which have one axis, are left alone.

    `weights`: what is learnt, by name; `gradients`: of at least these; `memories`: empty at the first step.
    """
    after, remembered = {}, {}
    for name, weight in weights.items():
        own = numbers if weight.ndim > 1 else numbers._replace(weight_decay=0.0)
        after[name], remembered[name] = rule(weight, gradients[name], memories.get(name, Memory()), own)
    return after, remembered
