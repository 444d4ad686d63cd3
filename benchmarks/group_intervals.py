"""Intervals of accuracy where examples come in groups: how often they hold the truth, by groups and without.

    python benchmarks/group_intervals.py [--trials 800]

Hits are beta-binomial: each group draws the share that is right of it. Groups have 1 to twice the mean size.

Takes: a minute and a half on two cores
"""

import itertools

import numpy as np
from measuring import command_line, heading, print_table

from pellucid.evaluation import Groups
from pellucid.evaluation.intervals import share_interval

COUNTS, SIZES, SHARES, CORRELATIONS = (3, 5, 10, 14, 30), (10, 50), (0.6, 0.9, 0.98), (0.0, 0.1, 0.4)


def hits_of(generator: np.random.Generator, groups: Groups, share: float, correlation: float) -> np.ndarray:
    """Which examples are answered right."""
    shares = np.full(groups.count, share)
    if correlation:
        precision = 1 / correlation - 1
        shares = generator.beta(share * precision, (1 - share) * precision, groups.count)
    found: np.ndarray = generator.random(len(groups.of)) < shares[groups.of]
    return found


def covered(count: int, size: int, share: float, correlation: float, trials: int) -> list[float]:
    """How often the interval holds the truth, and its mean width: without groups, then by them."""
    generator, sums = np.random.default_rng(1), np.zeros(4)
    for _ in range(trials):
        sizes = generator.integers(1, 2 * size, count)
        groups = Groups.of_sets(np.repeat(np.arange(count), sizes))
        hits = hits_of(generator, groups, share, correlation)
        for place, of in enumerate((None, groups)):
            found = share_interval(hits, of)
            sums[2 * place :][:2] += found.low <= share <= found.high, found.high - found.low
    return (sums / trials).tolist()


def main() -> None:
    """Print a row for each kind of data."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--trials", type=int, default=800)
    trials = parser.parse_args().trials
    heading(["pellucid", "numpy"])
    rows = []
    for kind in itertools.product(COUNTS, SIZES, SHARES, CORRELATIONS):
        plain, width, grouped, wide = covered(*kind, trials)
        rows.append((*map(str, kind), f"{plain:.3f}", f"{width:.3f}", f"{grouped:.3f}", f"{wide:.3f}"))
    print_table(
        ("groups", "mean size", "accuracy", "correlation", "plain", "width", "by groups", "width"), rows
    )


if __name__ == "__main__":
    main()
