"""Learning rate as a function of the step alone, so that a resumed run follows the same course.

A schedule maps the progress $p$, the share of all steps already taken, 0 to 1, to a factor on the largest
learning rate.
"""

import math
from collections.abc import Callable

WARM_UP = 0.2


def one_cycle(progress: float) -> float:
    """Straight up to 1 over the first fifth, then straight down to 0.

    Source: Smith and Topin, "Super-Convergence", 2018, with the final annihilation to zero.
    """
    return progress / WARM_UP if progress < WARM_UP else (1.0 - progress) / (1.0 - WARM_UP)


def cosine(progress: float) -> float:
    r"""Half a cosine from 1 to 0: $\frac{1}{2}(1 + \cos \pi p)$.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def constant(progress: float) -> float:
    """Factor 1 throughout."""
    del progress
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "one-cycle": one_cycle,
    "cosine": cosine,
    "constant": constant,
}


def learning_rate(schedule: str, largest: float, step: int, total_steps: int) -> float:
    """Learning rate at the middle of a step (from 0), so that neither the first nor the last step is idle."""
    return largest * SCHEDULES[schedule]((step + 0.5) / total_steps)
