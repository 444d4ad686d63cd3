"""Whether `predict --max-error` and `--sets` keep what they promise, over resplits of real predictions.

    python benchmarks/abstention.py [--resplits 1000] [--max-error 0.05 0.02] [--data NAME ...]

Each model learns from a small part of its data (the bundled clothes, R8, the bundled mails), as `train` and
an estimator let it, and answers all the rest once. These saved predictions are split in two halves 1,000
times, by chance: one chooses the threshold as held-out answers do, the other is asked.

`broken` is counted in three ways. **drawn**: the threshold comes from as many predictions drawn with
replacement, and the promise is broken where the error among the answered of *all* saved predictions is above
it; this is the case that the promise speaks of, its truth known, and at most 5 % may be broken. **beyond
chance**: in the other half the error among the answered is larger than the promise by more than chance
explains (exact binomial test at 5 %). **plain**: it is larger at all. The last counts the other half's own
luck as well, so that up to about 12 % are broken where a promise is kept in exactly 95 %: the two halves of
one set of predictions differ by 1.4 times as much as one of them differs from all.

A second table is about what the test split adds: each set of predictions is split in three, which are held
out, tested and asked; and once more with held-out predictions that flatter: a third of the wrong ones is
left out. *Checked* thresholds are of the first two parts, others of the first alone. *Broken beyond chance*
and *larger at all* are shares of the promises that were made; what is refused or answers nothing makes none.
How many answers are given of those that could be: `benchmarks/promises.py`.

Takes: about 4 minutes on two cores; fetches texts the first time.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from measuring import Among, command_line, heading, print_table, write_json
from scipy.stats import binom

from novelty import Inputs, clothes, reuters
from pellucid.arithmetic.probabilities import trust
from pellucid.bundle import Model
from pellucid.data import Dataset, Preprocessing
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.samples import read_sample
from pellucid.evaluation.promises import checked_promise, coverage_of, in_sets, promise
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.learners.candidates import calibrated
from pellucid.pipeline.learners.network import learner_of
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, Labels

TRAINED_ON = {"clothes": 3000, "R8": 1500, "mails": 600}
_VALIDATION, _BLOCK, _LEVEL = 500, 1000, 0.05


@dataclass(frozen=True)
class Saved:
    """Answers of a calibrated model with its detector about examples that it has not seen."""

    said: np.ndarray  # probabilities (n, classes)
    novelty: np.ndarray
    labels: np.ndarray

    @property
    def is_wrong(self) -> np.ndarray:
        return self.said.argmax(axis=1) != self.labels

    @property
    def trusted(self) -> np.ndarray:
        """Trust in each answer, 0 to 1."""
        return trust(self.said.max(axis=1), self.novelty, 0.05)


def read(name: str) -> tuple[Inputs, np.ndarray]:
    """Inputs and class codes of a data set, a key of `TRAINED_ON`, its splits put together."""
    if name == "mails":
        listing = read_sample("sample:spam")
        return Texts.of(list(listing.texts)), np.unique(listing.labels, return_inverse=True)[1]
    train, codes, test, of_test = clothes(None) if name == "clothes" else reuters()
    both = np.concatenate([train, test]) if name == "clothes" else Texts.of([*train, *test])
    return both, np.concatenate([codes, of_test])


def answered_by(model: Model, inputs: Any) -> list[np.ndarray]:
    """Probabilities and novelty, block by block, of a model with a detector."""
    found = [model.answer(inputs[at : at + _BLOCK]) for at in range(0, len(inputs), _BLOCK)]
    return [np.concatenate(each) for each in zip(*found, strict=True)]


def saved(name: str, kind: str, seed: int) -> Saved:
    """Train a model on a small part of a data set, a key of `TRAINED_ON`, and let it answer the rest."""
    inputs, labels = read(name)
    order = np.random.default_rng(seed).permutation(len(labels))
    train, rest = np.sort(order[: TRAINED_ON[name]]), order[TRAINED_ON[name] :]
    validation, asked = np.sort(rest[:_VALIDATION]), np.sort(rest[_VALIDATION:])
    names = tuple(str(code) for code in range(labels.max() + 1))
    preprocessing = Preprocessing(28, 28, 1) if name == "clothes" else None
    material = Dataset(inputs, labels, train, validation, names, preprocessing, target=CLASSIFICATION)
    (fitted,) = learner_of(Settings(model=kind, seed=seed), material).fit(material)
    (found,) = with_detectors(calibrated([fitted], material, seed), material, seed)
    said, novelty = answered_by(found.model, inputs[asked])
    return Saved(said, novelty, labels[asked])


def outcome(is_answered: np.ndarray, is_wrong: np.ndarray, max_error: float) -> tuple[float, ...]:
    """Share answered, error among these, and whether it is above the promise beyond chance and at all."""
    answered, wrong = int(is_answered.sum()), int(is_wrong[is_answered].sum())
    beyond = answered > 0 and binom.sf(wrong - 1, answered, max_error) <= _LEVEL
    return answered / len(is_wrong), wrong / max(1, answered), beyond, wrong > max_error * answered


def kept_promise(each: Saved, resplits: int, max_error: float, seed: int) -> dict[str, float]:
    """Choose thresholds on one half and ask the other, many times; means over the resplits."""
    trusted, is_wrong, draws = each.trusted, each.is_wrong, np.random.default_rng(seed)
    half, rows = len(trusted) // 2, []
    for _ in range(resplits):
        order = draws.permutation(len(trusted))
        one, other = order[:half], order[half:]
        threshold = promise(trusted[one], is_wrong[one], max_error).threshold
        drawn = draws.integers(0, len(trusted), half)
        of_all = trusted >= promise(trusted[drawn], is_wrong[drawn], max_error).threshold
        is_broken = of_all.any() and is_wrong[of_all].mean() > max_error
        rows.append((*outcome(trusted[other] >= threshold, is_wrong[other], max_error), is_broken))
    names = ("answered", "error", "beyond chance", "plain", "drawn")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def checked(each: Saved, resplits: int, max_error: float, flattered: float, seed: int) -> dict[str, float]:
    """Choose thresholds on a third, check them on the second and ask the last, many times.

    `flattered` is the share of wrong held-out predictions that is left out. For promises that were not
    checked and for those that were: the share made, of these broken and larger at all, and the mean answered.
    """
    trusted, is_wrong, draws = each.trusted, each.is_wrong, np.random.default_rng(seed)
    third = len(trusted) // 3
    rows: dict[str, list[tuple[float, ...]]] = {"unchecked": [], "checked": []}
    for _ in range(resplits):
        order = draws.permutation(len(trusted))
        held_out, test, asked = (order[at * third : (at + 1) * third] for at in range(3))
        held_out = held_out[~(is_wrong[held_out] & (draws.random(third) < flattered))]
        one, two = ((trusted[places], is_wrong[places]) for places in (held_out, test))
        for name, of_test in (("unchecked", None), ("checked", two)):
            found = checked_promise(one, of_test, max_error)
            if found.answered:
                rows[name].append(outcome(trusted[asked] >= found.threshold, is_wrong[asked], max_error))
    means: dict[str, float] = {}
    for name, of in rows.items():
        answered, _, beyond, plain = np.mean(of, axis=0).tolist() if of else (0.0,) * 4
        values = {"made": len(of) / resplits, "beyond chance": beyond, "plain": plain, "answered": answered}
        means |= {f"{name}, {key}": value for key, value in values.items()}
    return means


def covered(each: Saved, resplits: int, coverage: float, seed: int) -> list[float]:
    """Choose the cutoff of sets on one half and ask the other, many times; mean coverage and mean size."""
    draws, best = np.random.default_rng(seed), each.said.argmax(axis=1)
    half, rows = len(best) // 2, []
    for _ in range(resplits):
        order = draws.permutation(len(best))
        one, other = order[:half], order[half:]
        cutoff = coverage_of(Labels(each.labels[one], (), CLASSIFICATION), each.said[one], coverage).cutoff
        held = in_sets(each.said[other], best[other], cutoff)
        rows.append((held[np.arange(len(other)), each.labels[other]].mean(), held.sum(axis=1).mean()))
    means: list[float] = np.mean(rows, axis=0).tolist()
    return means


def main() -> int:
    """Measure and print; exit code 1 where a promise was broken in more than 5 % beyond chance."""
    parser = command_line(
        __doc__, resplits=1000, max_error=[0.05, 0.02], coverage=0.95, data=Among(TRAINED_ON),
        model="logistic-regression", seed=0,
    )  # fmt: skip
    given = parser.parse_args()
    resplits, seed = given.resplits, given.seed
    facts = heading("pellucid", "numpy", "scipy", "scikit-learn", "torch")
    kept = {name: saved(name, given.model, seed) for name in given.data}
    pairs = [(name, max_error) for max_error in given.max_error for name in kept]
    found = {pair: kept_promise(kept[pair[0]], resplits, pair[1], seed) for pair in pairs}
    print(f"{given.model}, {resplits:,} resplits")
    _table(
        "data, predictions, error of all, promised",
        [
            [name, f"{len(kept[name].labels):,}", f"{kept[name].is_wrong.mean():.3f}", f"{of:g}"]
            for name, of in found
        ],
        list(found.values()),
    )
    sets = {name: covered(each, resplits, given.coverage, seed) for name, each in kept.items()}
    print(f"--sets {given.coverage:g}, the same resplits")
    rows = [[name, f"{coverage:.4f}", f"{size:.2f}"] for name, (coverage, size) in sets.items()]
    print_table(["data", "coverage", "mean size"], rows)
    checks = {
        (name, max_error, flattered): checked(each, resplits, max_error, flattered, seed)
        for flattered in (0.0, 1 / 3)
        for max_error in (0.01, 0.02, 0.05, 0.1)
        for name, each in kept.items()
    }
    print("checked on a third, asked on another; held-out predictions as they are, or flattering")
    heads = [[name, f"{of:g}", f"{flattered:.2f}"] for name, of, flattered in checks]
    _table("data, promised, flattered", heads, list(checks.values()))
    tables: dict[str, Any] = {"found": found, "checked": checks}
    named = {title: [[*key, each] for key, each in of.items()] for title, of in tables.items()}
    write_json(given.json, {**facts, **named, "sets": sets})
    most = binom.ppf(0.999, resplits, _LEVEL) / resplits
    return int(any(max(each["drawn"], each["beyond chance"]) > most for each in found.values()))


def _table(columns: str, heads: list[list[str]], found: list[dict[str, float]]) -> None:
    """Print a row of shares behind each of the heads."""
    rows = [
        [*head, *(f"{100 * value:.1f} %" for value in each.values())]
        for head, each in zip(heads, found, strict=True)
    ]
    print_table([*columns.split(", "), *found[0]], rows)


if __name__ == "__main__":
    sys.exit(main())
