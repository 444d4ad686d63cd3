"""Labels that `pellucid label` needs beside random ones, and whether its audit is honest.

    python benchmarks/labelling.py [PHOTOS] [--sets r8 photographs] [--seeds 5] [--audits 100]

A simulated person answers every question rightly. `r8` are the texts of Reuters R8 (their own train and test
parts mixed, since they differ in time); `photographs` are images in PHOTOS/train, a sub-folder for each
class, at most 8,000 of them, with the features of the installed backbone. For each seed a quarter is set
aside as fresh examples, on which everything is measured; the rest is the pool.

1. Accuracy after so many questions, those about the audit included, beside models of as many random labels,
   none of which is kept for an audit; the least number of questions, in steps of 20, with which the mean over
   the seeds reaches that of 1,000 random labels; and what the page says about selection at the end.
2. The share of simulations in which the interval on the audit contains the accuracy on the fresh examples,
   at 60, 120, 200 and 300 questions.

Takes: FOLDER; with OMP_NUM_THREADS=1 half an hour on two cores; the features of 8,000 images 5 minutes more
"""

import collections
import statistics
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measuring import Among, command_line, heading, print_table, write_json
from text_data import load

from pellucid.data.raw_texts import Texts
from pellucid.labelling.features import features_of_images, features_of_texts
from pellucid.labelling.judging import Judgement, judge
from pellucid.labelling.selection import (
    AUDIT,
    MARGIN,
    TYPICAL,
    Label,
    audit_sample,
    fit,
    is_right,
    next_policy,
    random_order,
    typical,
)
from pellucid.targets import CLASSIFICATION

_MOST_IMAGES = 8_000
_STEP, _LAST, _RANDOM = 20, 600, 1_000
_AUDITED_AT = (60, 120, 200, 300)
_REFIT = 10  # the page trains all the time; so often here


class Data(NamedTuple):
    """Features of the pool and of fresh examples, and the labels that a person would give."""

    pool: np.ndarray
    pool_labels: list[str]
    fresh: np.ndarray
    fresh_labels: list[str]

    def accuracy(self, learned: list[Label]) -> float:
        """Share of fresh examples that a model of these labels answers rightly."""
        model = fit(self.pool, learned, CLASSIFICATION)
        asked = [Label(at, (label,), AUDIT) for at, label in enumerate(self.fresh_labels)]
        return float(is_right(model, self.fresh, asked).mean())

    def label(self, example: int, policy: str) -> Label:
        return Label(example, (self.pool_labels[example],), policy)


def texts() -> tuple[np.ndarray, list[str]]:
    found = load("r8")
    return features_of_texts(Texts.of(found.train + found.test)).rows, found.train_labels + found.test_labels


def photographs(folder: Path) -> tuple[np.ndarray, list[str]]:
    paths = sorted((folder / "train").glob("*/*"))
    paths = [paths[at] for at in np.random.default_rng(0).permutation(len(paths))[:_MOST_IMAGES]]
    return features_of_images(list(paths)).rows, [path.parent.name for path in paths]


def divided(rows: np.ndarray, labels: list[str], seed: int) -> Data:
    order = np.random.default_rng(1_000 + seed).permutation(len(rows))
    fresh, pool = order[: len(order) // 4], order[len(order) // 4 :]
    return Data(rows[pool], [labels[at] for at in pool], rows[fresh], [labels[at] for at in fresh])


def simulated(data: Data, seed: int, questions: int) -> list[Label]:
    """The labels of a person who answers so many questions, in their order."""
    audit, order = audit_sample(len(data.pool), seed), random_order(len(data.pool), seed)
    kept, labels, taught = set(audit.tolist()), list[Label](), list[Label]()
    audits, randoms = iter(audit.tolist()), (each for each in order.tolist() if each not in kept)
    taken, queue, asked = set(kept), list[int](), collections.Counter[str]()
    queued, harmful = ("", 0), False
    while len(labels) < questions:
        classes = len({each.labels for each in taught})
        policy = next_policy(asked, classes, is_ready=True, is_harmful=harmful)
        if policy in (TYPICAL, MARGIN):
            if queued != (policy, len(labels) // _REFIT) or not queue:
                rest = np.array([each for each in order.tolist() if each not in taken])
                if policy == TYPICAL:
                    queue = typical(data.pool, rest, np.array([each.example for each in taught], int), seed)
                else:
                    model = fit(data.pool, taught, CLASSIFICATION)
                    queue = rest[np.argsort(model.margins(data.pool[rest]))[:_REFIT]].tolist()
                queued = (policy, len(labels) // _REFIT)
            example = next(each for each in queue if each not in taken)
            queue.remove(example)
        else:
            example = next(audits) if policy == AUDIT else next(each for each in randoms if each not in taken)
        taken.add(example)
        asked[policy] += 1
        labels.append(data.label(example, policy))
        taught += labels[-1:] if policy != AUDIT else []
        if len(labels) % 100 == 0:
            harmful = judged(data, labels).is_harmful
    return labels


def judged(data: Data, labels: list[Label]) -> Judgement:
    return judge(data.pool, labels, fit(data.pool, learned(labels), CLASSIFICATION))


def learned(labels: list[Label]) -> list[Label]:
    return [each for each in labels if each.policy != AUDIT]


def needed(name: str, rows: np.ndarray, labels: list[str], seeds: int) -> dict[str, object]:
    """Print and return the curves of accuracy, the questions needed, and what is said of selection."""
    steps = list(range(_STEP * 2, _LAST + 1, _STEP))
    curves = {"selected": list[list[float]](), "random": list[list[float]]()}
    goals, said = list[float](), list[list[str]]()
    for seed in range(seeds):
        data = divided(rows, labels, seed)
        order = random_order(len(data.pool), 100 + seed).tolist()
        by_chance = [data.label(each, "random") for each in order[:_RANDOM]]
        given = simulated(data, seed, _LAST)
        curves["selected"].append([data.accuracy(learned(given[:step])) for step in steps])
        curves["random"].append([data.accuracy(by_chance[:step]) for step in steps])
        goals.append(data.accuracy(by_chance))
        said.append([judged(data, given[:step]).sentences(CLASSIFICATION)[-1] for step in (400, _LAST)])
    means = {key: [statistics.fmean(each) for each in zip(*of, strict=True)] for key, of in curves.items()}
    goal = statistics.fmean(goals)
    reached = next((step for step, mean in zip(steps, means["selected"], strict=True) if mean >= goal), None)
    shown = [at for at, step in enumerate(steps) if step % 100 == 0 or step == 60]
    print(f"{name}: {len(rows):,} examples; accuracy of 1,000 random labels {goal:.4f} (n={seeds} seeds)")
    print_table(
        ["questions", *(str(steps[at]) for at in shown)],
        [[key, *(f"{means[key][at]:.4f}" for at in shown)] for key in means],
    )
    print(f"reached with {reached or f'more than {_LAST}'} questions, audit included")
    for seed, (early, late) in enumerate(said):
        print(f"  seed {seed}, 400: {early}\n  seed {seed}, {_LAST}: {late}")
    return {"goal": goals, "steps": steps, "curves": curves, "reached": reached, "said": said}


def covered(name: str, rows: np.ndarray, labels: list[str], simulations: int) -> dict[str, object]:
    """Print and return how often the audit's interval contains the accuracy on fresh examples."""
    inside = {at: list[bool]() for at in _AUDITED_AT}
    for seed in range(simulations):
        data = divided(rows, labels, 10_000 + seed)
        given = simulated(data, 10_000 + seed, max(_AUDITED_AT))
        for at, found in inside.items():
            interval = judged(data, given[:at]).accuracy
            assert interval is not None
            found.append(interval.low <= data.accuracy(learned(given[:at])) <= interval.high)
    shares = {str(at): statistics.fmean(found) for at, found in inside.items()}
    every = statistics.fmean(shares.values())
    print(f"{name}: interval on the audit contains the true accuracy (n={simulations} simulations)")
    print_table(
        ["questions", *shares, "all"],
        [["share", *(f"{each:.3f}" for each in shares.values()), f"{every:.3f}"]],
    )
    return {"shares": shares, "simulations": simulations}


def main() -> None:
    parser = command_line(__doc__, sets=Among(["r8", "photographs"]), seeds=5, audits=100)
    parser.add_argument("photographs", metavar="PHOTOS", nargs="?", type=Path)
    given = parser.parse_args()
    found = heading("pellucid", "scikit-learn", "torch")
    for name in given.sets:
        if name == "photographs" and given.photographs is None:
            print("photographs: left out; name a folder with train/ and a sub-folder for each class\n")
            continue
        rows, labels = texts() if name == "r8" else photographs(given.photographs)
        found[name] = {
            "needed": needed(name, rows, labels, given.seeds) if given.seeds else None,
            "audit": covered(name, rows, labels, given.audits) if given.audits else None,
        }
    write_json(given.json, found)


if __name__ == "__main__":
    main()
