r"""Thresholds of several labels: what F1 is left on new examples by each rule that chooses them?

    python benchmarks/label_thresholds.py [--draws 100] [--examples 200 1000]

Of twenty labels five each are present in 1, 3, 10 and 30 % of the examples; normal scores of the present and
the absent lie 2 standard deviations apart. Probabilities are the true ones; or each label's logits are
multiplied (log-normal, 0.25) and shifted (normal, 0.5) by chance; or they are in the mean 1.5 times as large
and 0.5 too low besides. A rule chooses thresholds on so many examples and is scored on 20,000 others; `best`
chooses on these themselves.

Takes: 1 minute on one core
"""

import numpy as np
from measuring import command_line, heading, print_table, write_json

from pellucid.arithmetic.metrics import label_counts, label_macro_f1, micro_f1
from pellucid.evaluation.label_scores import fit_thresholds

SHARES = np.repeat([0.01, 0.03, 0.1, 0.3], 5)
APART = 2.0
TESTED = 20_000
STATED = ("true", "off", "overconfident")


def drawn(generator: np.random.Generator, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the logits of their true probabilities."""
    labels = (generator.random((examples, len(SHARES))) < SHARES).astype(np.int8)
    scores = generator.normal(size=labels.shape) + APART * labels
    return labels, APART * scores - APART**2 / 2 + np.log(SHARES / (1 - SHARES))


def best_threshold(present: np.ndarray, probabilities: np.ndarray) -> float:
    """The probability from which on F1 is largest."""
    order = np.argsort(-probabilities)
    f1 = 2 * present[order].cumsum() / (present.sum() + np.arange(1, len(order) + 1))
    return float(probabilities[order][f1.argmax()])


def own(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The best threshold of each label on the examples."""
    return np.array(
        [
            best_threshold(*both) if both[0].any() else 0.5
            for both in zip(labels.T, probabilities.T, strict=True)
        ]
    )


RULES = {
    "one half": lambda labels, probabilities: np.full(len(SHARES), 0.5),
    "own": own,
    "common": lambda labels, probabilities: best_threshold(labels.ravel(), probabilities.ravel()),
    "pellucid": fit_thresholds,
}


def main() -> None:
    flags = command_line(__doc__, draws=100, examples=[200, 1000]).parse_args()
    report = heading("numpy")
    rows = []
    for examples in flags.examples:
        for stated in STATED:
            scores: dict[str, list[list[float]]] = {name: [] for name in (*RULES, "best")}
            for draw in range(flags.draws):
                generator = np.random.default_rng([draw, examples])
                (labels, logits), (wanted, others) = drawn(generator, examples), drawn(generator, TESTED)
                if stated != "true":
                    scale = np.exp(generator.normal(0, 0.25, len(SHARES)))
                    shift = generator.normal(0, 0.5, len(SHARES))
                    if stated == "overconfident":
                        scale, shift = 1.5 * scale, shift - 0.5
                    logits, others = scale * logits + shift, scale * others + shift
                asked, said = (1 / (1 + np.exp(-each)) for each in (logits, others))
                chosen = {name: rule(labels, asked) for name, rule in RULES.items()}
                for name, thresholds in {**chosen, "best": own(wanted, said)}.items():
                    counts = label_counts(wanted, (said >= thresholds).astype(np.int8))
                    of_label = 2 * counts.hits / np.maximum(counts.labelled + counts.predicted, 1)
                    shares = of_label.reshape(4, -1).mean(axis=1).tolist()
                    scores[name].append([*shares, float(label_macro_f1(counts)), float(micro_f1(counts))])
            for name, each in scores.items():
                rows.append([str(examples), stated, name, *(f"{mean:.3f}" for mean in np.mean(each, axis=0))])
    head = ["examples", "probabilities", "rule", "1 %", "3 %", "10 %", "30 %", "macro-F1", "micro-F1"]
    print_table(head, rows)
    write_json(flags.json, {**report, "rows": [dict(zip(head, row, strict=True)) for row in rows]})


if __name__ == "__main__":
    main()
