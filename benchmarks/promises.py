"""How many answers `--max-error` gives of those that could be given, and how often its promise is kept.

    python benchmarks/promises.py [--resplits 500] [--max-error 0.05 0.02] [--data NAME ...]

Populations whose errors are known: three invented curves of error against trust, and saved predictions of
`benchmarks/abstention.py`, all of which are then the population. Held-out and test rows are drawn from one
with replacement, many times; `predict`'s threshold (**both**) is compared with three others: the **stricter**
one of the two splits, each by itself; **cross-fitting**, where each half of all rows proves at 2.5 % the
threshold that the other one chose, and the less strict proof is used; and **one test**, the largest set of
all rows that a single exact test at 5 % proves, which nobody can know beforehand: more cannot be proved.

`oracle` is the largest share of the population with an error of at most the promise. Answered shares are in
per cent of it. A promise is **kept** where the error of the population's answered share is at most what was
promised. Held-out rows are also changed, so that they flatter (a third of the wrong ones is left out), or
have three errors for every two, as models of folds may.

Takes: about 20 minutes on two cores; fetches texts the first time.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from abstention import TRAINED_ON, saved
from measuring import Among, command_line, heading, print_table, write_json
from scipy.stats import binom

from pellucid.evaluation.promises import checked_promise, least_examples, promise

INVENTED = ("even", "sharp", "flat")
SIZES = ((60, 40), (100, 100), (250, 250), (1000, 1000), (500, 10_000), (8000, 2000))
_INVENTED_ROWS, _LEVEL, _NOBODY = 200_000, 0.05, np.inf

Rows = tuple[np.ndarray, np.ndarray]


class Population(NamedTuple):
    """Trust in answers, the highest first, whether each is wrong, and the error of all down to it."""

    trusted: np.ndarray
    is_wrong: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, trusted: np.ndarray, is_wrong: np.ndarray) -> "Population":
        order = np.argsort(-trusted, kind="stable")
        trusted, is_wrong = trusted[order], is_wrong[order]
        return cls(trusted, is_wrong, np.cumsum(is_wrong) / np.arange(1, len(order) + 1))

    def oracle(self, max_error: float) -> float:
        """Largest share that may be answered."""
        kept = np.flatnonzero((self.error <= max_error) & (self.trusted > 0))
        return (int(kept[-1]) + 1) / len(self.error) if len(kept) else 0.0

    def answered(self, threshold: float) -> tuple[float, float]:
        """Share that a threshold answers, and the error among it."""
        count = int(np.searchsorted(-self.trusted, -threshold, side="right"))
        return count / len(self.error), float(self.error[count - 1]) if count else 0.0

    def drawn(self, draws: np.random.Generator, count: int) -> Rows:
        """Rows drawn with replacement."""
        some = draws.integers(0, len(self.error), count)
        return self.trusted[some], self.is_wrong[some]


def population(name: str, model: str, seed: int) -> Population:
    """An invented population, or saved predictions."""
    if name not in INVENTED:
        found = saved(name, model, seed)
        return Population.of(found.trusted, found.is_wrong)
    draws = np.random.default_rng(seed)
    trusted = draws.random(_INVENTED_ROWS)
    wrong = {
        "even": 0.4 * (1 - trusted) ** 2,  # the error rises evenly
        "sharp": np.where(trusted > 0.6, 0.005, 0.3),  # a part is known for sure, the rest hardly
        "flat": 0.03 + 0.05 * (1 - trusted),  # trust says little
    }[name]
    return Population.of(trusted, draws.random(_INVENTED_ROWS) < wrong)


def stricter(held_out: Rows, test: Rows, max_error: float) -> float:
    """The stricter threshold of both splits; that of the held-out rows where the test has none."""
    first, second = (promise(*each, max_error).threshold for each in (held_out, test))
    return first if np.isinf(second) else max(first, second)


def cross_fitted(held_out: Rows, test: Rows, max_error: float) -> float:
    """The less strict threshold of those that a half of all rows chose and the other one proved."""
    trusted, is_wrong = (np.concatenate(each) for each in zip(held_out, test, strict=True))
    order = np.random.default_rng(0).permutation(len(trusted))
    found = [_NOBODY]
    for chooses, proves in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        threshold = promise(trusted[chooses], is_wrong[chooses], max_error).threshold
        answered = is_wrong[proves][trusted[proves] >= threshold]
        if len(answered) and binom.cdf(answered.sum(), len(answered), max_error) <= _LEVEL / 2:
            found.append(threshold)
    return min(found)


def one_test(held_out: Rows, test: Rows, max_error: float) -> float:
    """Threshold of the largest set of all rows that one exact test proves."""
    trusted, is_wrong = (np.concatenate(each) for each in zip(held_out, test, strict=True))
    order = np.lexsort((is_wrong, -trusted))
    proved = binom.cdf(np.cumsum(is_wrong[order]), np.arange(1, len(order) + 1), max_error) <= _LEVEL
    ends = np.append(np.diff(trusted[order]) < 0, True) & (trusted[order] > 0)
    kept = np.flatnonzero(proved & ends)
    return float(trusted[order][kept[-1]]) if len(kept) else _NOBODY


METHODS: dict[str, Callable[[Rows, Rows, float], float]] = {
    "both": lambda held_out, test, max_error: checked_promise(held_out, test, max_error).threshold,
    "stricter": stricter,
    "cross-fitting": cross_fitted,
    "one test": one_test,
}


def changed(rows: Rows, share: float, draws: np.random.Generator) -> Rows:
    """Rows with so many times their errors: some wrong ones left out, or some right ones made wrong."""
    trusted, is_wrong = rows
    if share <= 1:
        kept = ~(is_wrong & (draws.random(len(trusted)) > share))
        return trusted[kept], is_wrong[kept]
    more = (share - 1) * is_wrong.mean() * (1 - trusted) / max(1e-9, (1 - trusted).mean())
    return trusted, is_wrong | (draws.random(len(trusted)) < more)


def measured(
    of: Population, sizes: tuple[int, int], max_error: float, resplits: int, share: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Mean answered, as a share of the oracle's, and share of kept promises, of every method."""
    draws, oracle = np.random.default_rng(seed), of.oracle(max_error)
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for _ in range(resplits):
        held_out, test = (of.drawn(draws, count) for count in sizes)
        held_out = changed(held_out, share, draws) if share != 1 else held_out
        for name, method in METHODS.items():
            answered, error = of.answered(method(held_out, test, max_error))
            rows[name].append((answered / oracle, error <= max_error))
    return {
        name: (float(np.mean(of_one, axis=0)[0]), float(np.mean(of_one, axis=0)[1]))
        for name, of_one in rows.items()
    }


def main() -> int:
    """Measure and print; exit code 1 where a promise of rows that are alike was kept in too few draws."""
    parser = command_line(
        __doc__, resplits=500, max_error=[0.05, 0.02], data=Among((*INVENTED, *TRAINED_ON)),
        model="logistic-regression", seed=0,
    )  # fmt: skip
    given = parser.parse_args()
    facts = heading("pellucid", "numpy", "scipy", "scikit-learn", "torch")
    of = {name: population(name, given.model, given.seed) for name in given.data}
    rows, found, least = [], [], 1.0
    for share in (1.0, 2 / 3, 1.5):
        for (name, each), max_error in ((pair, error) for pair in of.items() for error in given.max_error):
            oracle = each.oracle(max_error)
            if oracle < 0.05 or oracle > 0.999:  # nothing to choose
                continue
            for sizes in SIZES if share == 1 else SIZES[3:]:
                if sum(sizes) < least_examples(max_error):
                    continue
                values = measured(each, sizes, max_error, given.resplits, share, given.seed)
                least = min(least, values["both"][1]) if share == 1 else least
                cells = [f"{100 * value:.1f}" for pair in values.values() for value in pair]
                head = [
                    name,
                    f"{max_error:g}",
                    f"{share:.2f}",
                    f"{sizes[0]:,} + {sizes[1]:,}",
                    f"{oracle:.3f}",
                ]
                rows.append([*head, *cells])
                found.append([name, max_error, share, sizes, oracle, values])
    columns = [f"{name}: {what}" for name in METHODS for what in ("answered", "kept")]
    print(f"{given.resplits:,} draws; answered in % of the oracle, promises kept in %")
    print_table(["data", "promised", "errors held out", "rows", "oracle", *columns], rows)
    write_json(given.json, {**facts, "found": found})
    return int(least < 1 - binom.ppf(0.9999, given.resplits, _LEVEL) / given.resplits)


if __name__ == "__main__":
    sys.exit(main())
