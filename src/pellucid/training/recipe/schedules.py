"""Learning rate as a function of the step alone, so that a resumed run follows the same course.

A schedule maps the progress $p$, the share of all steps already taken, 0 to 1, to a factor on the largest
learning rate.
"""

import math
from collections.abc import Callable, Sequence

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


def learning_rate(
    schedule: str,
    largest: float,
    step: int,
    total_steps: int,
    shortened: Sequence[tuple[int, int]] = (),
) -> float:
    """Learning rate at the middle of a step (from 0), so that neither the first nor the last step is idle.

    `shortened` are the steps at which the training was made shorter, each with the steps in all until then.
    """
    return largest * SCHEDULES[schedule](_progress(step + 0.5, total_steps, shortened))


def _progress(step: float, total_steps: int, shortened: Sequence[tuple[int, int]]) -> float:
    """Share of the course that a step has reached; from where it was made shorter it goes on faster to 1."""
    reached, since = 0.0, 0
    for at, planned in shortened:
        if step < at:
            return reached + (1 - reached) * (step - since) / (planned - since)
        reached += (1 - reached) * (at - since) / (planned - since)
        since = at
    return reached + (1 - reached) * (step - since) / (total_steps - since)
