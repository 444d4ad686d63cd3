"""Training speed of one network of texts in Keras, plain PyTorch and Pellucid; `bag` against fastText.

    python benchmarks/text_speed.py [--networks rnn text-cnn] [--rounds 5] [--steps 24] [--only NAME ...]
    python benchmarks/text_speed.py --networks --bag r8 20ng

A contest as in `training_speed.py`, twice for each network: of texts that all have the same number of
words, so that everybody computes the same, and of texts as they are, which Pellucid puts side by side by
length while the others are handed a rectangle. Then `bag` and fastText each learn whole data sets from texts
in memory to answers on the test split, once for each seed; the time includes tokens and vocabulary.

Takes: about 25 minutes on two cores; fetches its data; the baselines come with `pip install pellucid[bench]`.
"""

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import text_data
from contestants import HIDDEN, TEXTS, Data
from measuring import Among, command_line, cores, heading, mean_of, middle, print_table, write_json
from training_speed import contest, say_size, show

from pellucid import TextClassifier

LENGTHS = {"equal": "texts of {} words each", "natural": "texts of up to {} words, as they are"}
SECOND_BIAS = 2 * 4 * HIDDEN  # PyTorch's LSTM adds two biases where Keras has one; two directions, four gates
LEARNERS: dict[str, dict[str, float] | None] = {
    "fastText at its defaults (5 epochs, rate 0.1)": {},
    "fastText as its tutorial ends (25 epochs, rate 1.0, pairs of words)": {
        "lr": 1.0, "epoch": 25, "wordNgrams": 2
    },
    "Pellucid, bag": None,
}  # fmt: skip


def cut(network: str, lengths: str, given: argparse.Namespace) -> Data:
    """`batch * steps` training texts of 20 Newsgroups as ids of their words; 1 is one beyond the vocabulary.

    `lengths` is `equal` for the first words of texts that are long enough, else `natural`.
    """
    data = text_data.load("20ng")
    words = [text.split() for text in data.train]
    kept = [i for i, each in enumerate(words) if lengths == "natural" or len(each) >= given.length]
    chosen = np.random.default_rng(0).permutation(kept)[: given.batch * given.steps]
    if len(chosen) < given.batch * given.steps:
        raise SystemExit(f"--steps: only {len(kept):,} texts are long enough; choose fewer, or --length")
    counts = collections.Counter(word for each in words for word in each)
    ids = {word: i for i, (word, _) in enumerate(counts.most_common(given.vocabulary - 2), start=2)}
    rectangle = np.zeros((len(chosen), given.length), np.int32)
    for row, number in enumerate(chosen):
        found = [ids.get(word, 1) for word in words[number][: given.length]] or [1]
        rectangle[row, : len(found)] = found
    names = sorted(set(data.train_labels))
    labels = np.array([names.index(data.train_labels[number]) for number in chosen])
    steps = min(given.warm_up, given.steps)
    return Data(rectangle, labels, len(names), given.batch, steps, network, given.vocabulary)


def measured(network: str, lengths: str, given: argparse.Namespace) -> dict[str, Any]:
    """Let everybody train one network on texts of one kind, and print the tables; numbers for `--json`."""
    chosen = {name: TEXTS[name] for name in given.only}
    workers, missing = contest(chosen, cut(network, lengths, given), given.rounds)
    counts = {name: worker.parameters for name, worker in workers.items()}
    second = SECOND_BIAS if network == "rnn" else 0
    agree = len({count - (0 if "keras" in name else second) for name, count in counts.items()}) <= 1
    print(f"{network}, {LENGTHS[lengths].format(given.length)}")
    say_size(given.rounds, given.steps, given.batch, counts, agree)
    speeds = show(chosen, workers, missing, "texts")
    return {"parameters": counts, "agree": agree, "texts_per_second": speeds, "missing": missing}


def learnt(data: text_data.TextData, seed: int, given: dict[str, float] | None) -> tuple[float, float]:
    """Accuracy on the test split of fastText, or of `bag` where nothing is given, and the seconds it took."""
    began = time.perf_counter()
    if given is None:
        classifier = TextClassifier(model="bag", seed=seed).fit(data.train, data.train_labels)
        answers = list(classifier.predict(data.test))
    else:
        import fasttext

        names = {label: f"__label__{at}" for at, label in enumerate(sorted(set(data.train_labels)))}
        pairs = zip(data.train, data.train_labels, strict=True)
        lines = [f"{names[label]} {' '.join(text.split())}\n" for text, label in pairs]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            path.write_text("".join(lines), encoding="utf-8")
            model = fasttext.train_supervised(str(path), seed=seed, thread=cores(), verbose=0, **given)
        labels = {name: label for label, name in names.items()}
        said = model.predict([" ".join(text.split()) for text in data.test])[0]
        answers = [labels[each[0]] for each in said]
    return float(np.mean(np.array(answers) == np.array(data.test_labels))), time.perf_counter() - began


def against_fasttext(name: str, seeds: int) -> dict[str, Any]:
    """Let `bag` and fastText learn a data set with every seed; fastText may meet a number that is none."""
    data, rows, found = text_data.load(name), [], dict[str, Any]()
    print(f"{name}: {len(data.train):,} texts to learn from, {len(data.test):,} to be tested on, n = {seeds}")
    for title, given in LEARNERS.items():
        runs, failures = [], []
        for seed in range(seeds):
            try:
                runs.append(learnt(data, seed, given))
            except (RuntimeError, ImportError) as error:
                failures.append(str(error))
        cells = (
            [mean_of([run[0] for run in runs], 4), middle([run[1] for run in runs], 1)] if runs else ["", ""]
        )
        rows.append([title, *cells, str(len(failures))])
        found[title] = {"runs": runs, "failures": failures}
        for failure in sorted(set(failures)):
            print(f"failed: {title}: {failure}")
    print_table(["", "test accuracy, mean (range)", "s, median (range)", "failed"], rows)
    return found


def main() -> int:
    """Measure and print the tables; 0 when all networks have the same number of parameters, else 1."""
    parser = command_line(
        __doc__, networks=Among(("rnn", "text-cnn")), lengths=Among(LENGTHS), rounds=5, steps=24,
        warm_up=4, batch=64, length=128, vocabulary=20_000, only=Among(TEXTS), bag=["r8", "20ng"],
        seeds=3,
    )  # fmt: skip
    given = parser.parse_args()
    facts = heading("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fasttext-numpy2", "numpy")
    speeds = {
        f"{network}, {lengths}": measured(network, lengths, given)
        for network in given.networks
        for lengths in given.lengths
    }
    bag = {name: against_fasttext(name, given.seeds) for name in given.bag}
    write_json(given.json, {**facts, "speed": speeds, "bag": bag})
    return 0 if all(each["agree"] for each in speeds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
