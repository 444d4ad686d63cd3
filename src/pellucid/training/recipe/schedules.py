"""Learning rate as a function of the step alone, so that a resumed run follows the same course."""

import math
from collections.abc import Callable

WARM_UP = 0.2


def one_cycle(progress: float) -> float:
    """Straight up to 1 over the first fifth, then straight down to 0.

    Args:
        progress: share of all steps already taken, 0 to 1.

    Returns:
        Factor on the largest learning rate.

    Source: Smith and Topin, "Super-Convergence", 2018, with the final annihilation to zero.
    """
    return progress / WARM_UP if progress < WARM_UP else (1.0 - progress) / (1.0 - WARM_UP)


def cosine(progress: float) -> float:
    r"""Half a cosine from 1 to 0: $\frac{1}{2}(1 + \cos \pi p)$.

    Args:
        progress: share of all steps already taken, 0 to 1.

    Returns:
        Factor on the largest learning rate.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def constant(progress: float) -> float:
    """Always 1.

    Args:
        progress: share of all steps already taken; not used.

    Returns:
        1.
    """
    del progress
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "one-cycle": one_cycle,
    "cosine": cosine,
    "constant": constant,
}


def learning_rate(schedule: str, largest: float, step: int, total_steps: int) -> float:
    """Learning rate of one step.

    Args:
        schedule: a key of `SCHEDULES`.
        largest: peak learning rate.
        step: steps already taken, from 0.
        total_steps: steps of the whole run.

    Returns:
        The rate at the middle of the step, so that neither the first nor the last step is idle.
    """
    return largest * SCHEDULES[schedule]((step + 0.5) / total_steps)
