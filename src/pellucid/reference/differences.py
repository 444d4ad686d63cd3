r"""Central differences: the gradient without any formula for it.

$$\frac{\partial f}{\partial x_j} \approx \frac{f(x + h e_j) - f(x - h e_j)}{2 h}$$

Two errors add up. By Taylor's theorem the quotient is off by $\frac{h^2}{6} |f'''|$. And each value of
$f$ is only known to about $\epsilon |f|$, with $\epsilon$ the distance from 1 to the next number, which the
division by $2 h$ turns into $\epsilon |f| / h$. Their sum is smallest where its derivative vanishes,

$$\frac{h}{3} |f'''| = \frac{\epsilon |f|}{h^2}, \qquad
  h = \sqrt[3]{3 \epsilon \, \frac{|f|}{|f'''|}} \sim \epsilon^{1/3} \max(1, |x_j|),$$

where $|f / f'''|$ is taken as the cube of the scale on which $f$ bends. Then the error is of the order
$\epsilon^{2/3}$: about ten digits of sixteen in double precision ($h \approx 6 \cdot 10^{-6}$), and four of
seven in single. A one-sided difference reaches $\epsilon^{1/2}$ only. Where $f$ has a kink within $h$ of
$x_j$, as at the zero of a ReLU, the quotient is a mean of the slopes on both sides and says nothing about
either.

Source: Press, Teukolsky, Vetterling and Flannery 2007, "Numerical Recipes", 3rd edition, section 5.7.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def numerical_gradient(
    function: Callable[[np.ndarray], float], at: Float[np.ndarray, "*shape"], step: float | None = None
) -> Float[np.ndarray, "*shape"]:
    r"""Central differences: $(f(x + h e_j) - f(x - h e_j)) / 2 h$ for each $j$.

    Args:
        function: $f$, from an array to a number.
        at: $x$, which stays as it is.
        step: $h$; by default $\epsilon^{1/3} \max(1, |x_j|)$ in the arithmetic of $x$.

    Returns:
        One quotient for each number in $x$.

    Source: Press et al. 2007, eq. 5.7.7, and eq. 5.7.8 for the step.
    """
    found = np.zeros_like(at)
    for j in np.ndindex(at.shape):
        h = best_step(float(at[j]), at.dtype) if step is None else step
        more, less = at.copy(), at.copy()
        more[j] += h
        less[j] -= h
        # The distance that was gone, which rounding makes another than 2 h.
        found[j] = (function(more) - function(less)) / (more[j] - less[j])
    return found


def best_step(number: float, dtype: np.dtype) -> float:
    r"""The step where both errors together are about smallest: $h = \epsilon^{1/3} \max(1, |x|)$.

    Args:
        number: $x$.
        dtype: of the arithmetic, which sets $\epsilon$.

    Returns:
        $h$.

    Source: Press et al. 2007, eq. 5.7.8.
    """
    epsilon = float(np.finfo(dtype).eps)
    return math.cbrt(epsilon) * max(1.0, abs(number))
