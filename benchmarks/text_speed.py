"""Training speed of one network of texts in Keras, plain PyTorch and Pellucid; `bag` against fastText.

    python benchmarks/text_speed.py [--networks rnn text-cnn] [--rounds 5] [--steps 24] [--only NAME ...]
    python benchmarks/text_speed.py --networks none --bag r8 20ng

Every contestant lives in a process of its own that waits while the others run. In each round each
trains one epoch of the same texts; the order rotates from round to round. Building, compiling and
a warm-up epoch are not counted. Everybody uses all cores, as each does by default. There are two
tables for each network: texts that all have the same number of words, so that everybody computes
the same, and texts as they are, which Pellucid puts side by side by length while the others are
handed a rectangle. `contestants/` holds the network and the loop of each.

Then `bag` and fastText each learn whole data sets from texts in memory to answers on the test split,
once for each seed; the time includes tokens and vocabulary, and for fastText the file it reads.

Takes: about 25 minutes on two cores; fetches its data; the baselines come with `pip install pellucid[bench]`.
"""

import argparse
import collections
import statistics
import sys
from collections.abc import Callable
from typing import Any

import fasttext_bag
import numpy as np
import text_data
from contest import Worker, held, show
from contestants import HIDDEN, TEXT_CONTESTANTS
from contestants.data import Texts
from measuring import command_line, heading, print_table, spread, summary, write_json

PACKAGES = ("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fasttext-numpy2", "numpy")
OURS = "texts-pellucid"
TABLES = {
    "defaults": "everybody at their defaults",
    "equal": "published beside it: everybody at Pellucid's precision",
}
LENGTHS = {"equal": "texts of {length} words each", "natural": "texts of up to {length} words, as they are"}
SECOND_BIAS = 2 * 4 * HIDDEN
"""PyTorch's LSTM adds two biases where Keras has one; in both directions, four gates each."""


def cut(network: str, lengths: str, arguments: argparse.Namespace) -> Texts:
    """Take `batch * steps` training texts of 20 Newsgroups as ids of their words; 0 is padding.

    1 is a word beyond the vocabulary. `lengths` is `equal` for the first words of texts that are long enough,
    else `natural`.
    """
    data = text_data.load("20ng")
    words = [text.split() for text in data.train]
    kept = [i for i, each in enumerate(words) if lengths == "natural" or len(each) >= arguments.length]
    chosen = np.random.default_rng(0).permutation(kept)[: arguments.batch * arguments.steps]
    if len(chosen) < arguments.batch * arguments.steps:
        raise SystemExit(
            f"--steps: only {len(kept):,} texts are long enough; choose fewer, or a smaller --length"
        )
    counts = collections.Counter(word for each in words for word in each)
    ids = {word: i for i, (word, _) in enumerate(counts.most_common(arguments.vocabulary - 2), start=2)}
    rectangle = np.zeros((len(chosen), arguments.length), np.int32)
    for row, number in enumerate(chosen):
        found = [ids.get(word, 1) for word in words[number][: arguments.length]] or [1]
        rectangle[row, : len(found)] = found
    names = sorted(set(data.train_labels))
    labels = np.array([names.index(data.train_labels[number]) for number in chosen])
    steps = min(arguments.warm_up, arguments.steps)
    return Texts(rectangle, labels, len(names), arguments.vocabulary, network, arguments.batch, steps)


def contest(network: str, lengths: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let everybody train one network on texts of one kind, and print the tables; numbers for `--json`."""
    chosen = {name: TEXT_CONTESTANTS[name] for name in arguments.only}
    workers, missing = held(chosen, cut(network, lengths, arguments), arguments.rounds)
    counts, agree = parameters(network, workers)
    print(
        f"n = {arguments.rounds} rounds of {arguments.steps} steps of {arguments.batch} texts each; "
        f"trainable parameters {', '.join(f'{count:,}' for count in sorted(set(counts.values())))} "
        f"({'the same network for all' if agree else f'NOT EQUAL: {counts}'}); "
        "ratios are medians over the rounds\n"
    )
    for table, title in TABLES.items():
        print(f"{network}, {LENGTHS[lengths].format(length=arguments.length)}: {title}")
        belongs = {name: each for name, each in TEXT_CONTESTANTS.items() if each.table in (table, "both")}
        show(belongs, workers, missing, OURS, "texts")
    speeds = {name: summary(worker.speeds) for name, worker in workers.items()}
    return {"parameters": counts, "agree": agree, "texts_per_second": speeds, "missing": missing}


def parameters(network: str, workers: dict[str, Worker]) -> tuple[dict[str, int], bool]:
    """Parameters of each network, and whether they are equal but for the second bias of PyTorch's LSTM."""
    counts = {name: worker.parameters for name, worker in workers.items()}
    second = SECOND_BIAS if network == "rnn" else 0
    by_keras = {count for name, count in counts.items() if "keras" in name}
    by_torch = {count - second for name, count in counts.items() if "keras" not in name}
    return counts, len(by_keras | by_torch) <= 1


def against_fasttext(names: list[str], seeds: int) -> dict[str, Any]:
    """Let `bag` and fastText learn whole data sets, and print a table for each; the numbers, for `--json`."""
    results: dict[str, Any] = {}
    for name in names:
        data = text_data.load(name)
        sizes = f"{len(data.train):,} texts to learn from, {len(data.test):,} to be tested on"
        print(f"{name}: {sizes}, n = {seeds}")
        rows, results[name] = [], {}
        for title, learn in fasttext_bag.LEARNERS.items():
            runs, failures = repeated(learn, data, seeds)
            results[name][title] = {"runs": [each._asdict() for each in runs], "failures": failures}
            accuracies, seconds = [each.accuracy for each in runs], [each.seconds for each in runs]
            figures = (
                [
                    f"{statistics.fmean(accuracies):.4f}",
                    spread(accuracies, 4),
                    f"{statistics.median(seconds):.1f}",
                    spread(seconds, 1),
                ]
                if runs
                else [""] * 4
            )
            rows.append([title, *figures, f"{len(failures)}"])
            for failure in sorted(set(failures)):
                print(f"failed: {title}: {failure}")
        print_table(["", "test accuracy, mean", "range", "s, median", "range", "failed"], rows)
    return results


def repeated(
    learn: Callable[[text_data.TextData, int], fasttext_bag.Learnt], data: text_data.TextData, seeds: int
) -> tuple[list[fasttext_bag.Learnt], list[str]]:
    """Learn a data set once with each seed below `seeds`.

    The runs, and why others failed: fastText may meet a number that is none.
    """
    runs, failures = [], []
    for seed in range(seeds):
        try:
            runs.append(learn(data, seed))
        except (RuntimeError, ImportError) as error:
            failures.append(str(error))
    return runs, failures


def main() -> int:
    """Measure and print the tables; 0 when all networks have the same number of parameters, else 1."""
    parser = command_line(__doc__)
    parser.add_argument(
        "--networks", nargs="+", choices=["rnn", "text-cnn", "none"], default=["rnn", "text-cnn"]
    )
    parser.add_argument("--lengths", nargs="+", choices=list(LENGTHS), default=list(LENGTHS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24, help="steps per contestant and round (default: 24)")
    parser.add_argument("--warm-up", type=int, default=4, help="steps before the first round (default: 4)")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=128, help="words of a text (default: 128)")
    parser.add_argument("--vocabulary", type=int, default=20_000, help="number of ids (default: 20,000)")
    parser.add_argument("--only", nargs="+", choices=list(TEXT_CONTESTANTS), default=list(TEXT_CONTESTANTS))
    parser.add_argument("--bag", nargs="*", default=["r8", "20ng"], help="data for bag against fastText")
    parser.add_argument("--seeds", type=int, default=3, help="runs of bag and of fastText (default: 3)")
    arguments = parser.parse_args()

    facts: dict[str, Any] = heading(PACKAGES)
    networks = [name for name in arguments.networks if name != "none"]
    speeds = {
        f"{network}, {lengths}": contest(network, lengths, arguments)
        for network in networks
        for lengths in arguments.lengths
    }
    bag = against_fasttext(arguments.bag, arguments.seeds)
    write_json(arguments.json, {**facts, "speed": speeds, "bag": bag})
    return 0 if all(each["agree"] for each in speeds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
