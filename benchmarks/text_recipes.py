"""Recipes of networks of texts: learning rate, tokens replaced and epochs, on training texts held out.

    python benchmarks/text_recipes.py [--data r8 chinese] [--networks text-cnn rnn] [--rates 0.004 0.008]
        [--replaced 0.1 0.3] [--seeds 1]
    python benchmarks/text_recipes.py --networks --bag-epochs 6 10 --bag-units 64 128

A fifth of the training texts of each set is held out, drawn by one seed for all; the others train the network
as `fit` does, with a tenth of them as validation. The test texts are never looked at. `bag` stands beside
them as it is, or with given epochs and units. One thread; accuracy, macro-F1, log loss and seconds of
the processor.

Takes: one to two minutes for each network, set-up and seed on one core.
"""

import dataclasses
import itertools
import sys
import time
from typing import Any

import numpy as np
import text_data
from measuring import command_line, heading, print_table, write_json
from sklearn.metrics import accuracy_score, f1_score, log_loss

from pellucid import TextClassifier
from pellucid.training.recipe_defaults import TEXTS

_HELD_OUT = 0.2


def measured(data: text_data.TextData, network: str, seed: int, units: int | None) -> dict[str, float]:
    """Scores on held-out training texts, and seconds of the processor of one `fit`."""
    labels = np.array(data.train_labels)
    order = np.random.default_rng(7).permutation(len(labels))
    held, learnt = np.split(order, [int(_HELD_OUT * len(labels))])
    began = time.process_time()
    classifier = TextClassifier(model=network, threads=1, seed=seed, width=units)
    classifier.fit([data.train[place] for place in learnt], labels[learnt])
    seconds = time.process_time() - began
    said = classifier.predict_proba([data.train[place] for place in held])
    answers = classifier.classes_[said.argmax(1)]
    return {
        "accuracy": float(accuracy_score(labels[held], answers)),
        "macro_f1": float(f1_score(labels[held], answers, average="macro")),
        "log_loss": float(log_loss(labels[held], said, labels=classifier.classes_)),
        "seconds": seconds,
    }


def main() -> int:
    """Measure and print a table; the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--data", nargs="+", choices=list(text_data.SETS), default=["r8", "chinese"])
    parser.add_argument("--networks", nargs="*", default=["text-cnn", "rnn"])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.004, 0.008])
    parser.add_argument("--replaced", nargs="+", type=float, default=[0.1, 0.3])
    parser.add_argument("--bag-epochs", nargs="+", type=int, default=[None], help="default: as it is")
    parser.add_argument("--bag-units", nargs="+", type=int, default=[None], help="default: as it is")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    facts = heading(("pellucid", "torch", "numpy"))
    usual = dict(TEXTS)
    setups: list[tuple[str, str, dict[str, Any], int | None]] = []
    for epochs, units in itertools.product(given.bag_epochs, given.bag_units):
        changed = {} if epochs is None else {"epochs": dict.fromkeys(usual["bag"].epochs, epochs)}
        words = [f"{count} {noun}" for count, noun in ((epochs, "epochs"), (units, "units")) if count]
        setups.append(("bag", ", ".join(words) or "as it is", changed, units))
    for name, rate, share in itertools.product(given.networks, given.rates, given.replaced):
        changed = {"learning_rate": rate, "rate_of_few": rate}
        changed |= {"word_dropout": share, "word_dropout_of_few": share}
        setups.append((name, f"{rate:g}, {100 * share:.0f} %", changed, None))
    rows, found = [], []
    for name in given.data:
        data = text_data.load(name)
        for network, setup, changed, units in setups:
            TEXTS.update(usual)
            TEXTS[network] = dataclasses.replace(usual[network], **changed)
            runs = [measured(data, network, seed, units) for seed in range(given.seeds)]
            mean = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
            row = (
                name,
                network,
                setup,
                f"{mean['accuracy']:.4f}",
                f"{mean['macro_f1']:.4f}",
                f"{mean['log_loss']:.4f}",
                f"{mean['seconds']:.0f} s",
            )
            print(*row, flush=True)
            rows.append(row)
            found.append({"data": name, "network": network, "setup": setup, "runs": runs})
    print()
    print_table(("data", "network", "set-up", "accuracy", "macro-F1", "log loss", "processor"), rows)
    write_json(given.json, {**facts, "found": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
