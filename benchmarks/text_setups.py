"""Linear models of texts: what a last fit with held-out texts gains; scikit-learn untuned beside them.

    python benchmarks/text_setups.py [--again | --beside] [--data tweets r8 ...] [--seeds 5]

With `--again`, for every seed a tenth of the training texts, drawn by chance, is validation; the set-up of
the linear support vector machine that `train` takes is fitted to the others and once more with those of
validation, as `train` does in the end. With `--beside` both linear models, fitted so, stand beside
scikit-learn on the same test texts: words, pairs of words and 2 to 5 characters within words as TF-IDF,
`LinearSVC()` or `LogisticRegression(C=10)`. Without either both are shown. Seconds are the processor's, on
one thread.

Takes: about 5 minutes on one core for `tweets` and `r8`; fetches its data the first time.
"""

import sys
import time
from typing import Any

import numpy as np
import text_data
from measuring import Among, command_line, heading, mean_of, print_table, write_json
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from pellucid.arithmetic.metrics import accuracy, log_loss_terms
from pellucid.classical import Fitted, TrainingSet, fit_baseline
from pellucid.data.raw_texts import Texts
from pellucid.targets import CLASSIFICATION, Labels


def divided(data: text_data.TextData, seed: int) -> TrainingSet:
    """Training, validation and behind them test texts, with one division into the first two."""
    codes = {label: code for code, label in enumerate(sorted({*data.train_labels, *data.test_labels}))}
    labels = np.array([codes[label] for label in (*data.train_labels, *data.test_labels)])
    texts, known = Texts.of([*data.train, *data.test]), len(data.train)
    order = np.random.default_rng(seed).permutation(known)
    validation, train = (np.sort(part) for part in np.split(order, [known // 10]))
    return TrainingSet(texts, Labels(labels, tuple(codes), CLASSIFICATION), train, validation, "texts")


def everything(data: text_data.TextData, lesson: TrainingSet) -> TrainingSet:
    """The same with the validation texts among those to learn from, as `train` does in the end."""
    known = np.arange(len(data.train))
    return TrainingSet(lesson.inputs, lesson.labels, known, known[:0], "texts")


def answered(fitted: Fitted, data: text_data.TextData) -> np.ndarray:
    assert fitted.tfidf is not None  # it learns from texts
    return fitted.predictor.predict(fitted.tfidf.transform(data.test))


def again(data: text_data.TextData, seed: int) -> dict[str, Any]:
    """The set-up taken, fitted without and with the validation texts: test accuracy and seconds."""
    lesson, began = divided(data, seed), time.process_time()
    first = fit_baseline("svm", lesson, seed=seed, threads=1)
    then, own = time.process_time(), {"setup": first.setup, "scale": first.scale}
    last = fit_baseline("svm", everything(data, lesson), seed=seed, threads=1, **own)
    seconds = then - began, time.process_time() - then
    truth = lesson.labels.values[len(data.train) :]
    tests = [accuracy(truth, answered(fitted, data)) for fitted in (first, last)]
    return {"words": first.setup[1], "test": tests, "seconds": seconds}


def beside(data: text_data.TextData) -> list[tuple[str, ...]]:
    """Rows of the table of `--beside`: model, accuracy, macro-F1, log loss, seconds of the processor."""
    lesson, known = divided(data, 0), len(data.train)
    labels, truth = lesson.labels.values[:known], lesson.labels.values[known:]
    rows = []

    def row(words: str, began: float, guess: np.ndarray, said: np.ndarray | None = None) -> None:
        found = accuracy_score(truth, guess), f1_score(truth, guess, average="macro")
        loss = "" if said is None else f"{log_loss_terms(truth, said).mean():.3f}"
        seconds = f"{time.process_time() - began:.1f}"
        rows.append((data.name, words, f"{found[0]:.4f}", f"{found[1]:.4f}", loss, seconds))

    for name in ("svm", "logistic-regression"):
        began = time.process_time()
        first = fit_baseline(name, lesson, seed=0, threads=1)
        own = {"setup": first.setup, "scale": first.scale}
        last = fit_baseline(name, everything(data, lesson), seed=0, threads=1, **own)
        said = answered(last, data)
        row(f"{name}: {last.setup[1]}", began, said.argmax(axis=1), said)
    began = time.process_time()
    counting = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    train, test = counting.fit_transform(data.train), counting.transform(data.test)
    row("scikit-learn, LinearSVC()", began, LinearSVC().fit(train, labels).predict(test))
    began = time.process_time()
    said = LogisticRegression(C=10, max_iter=200).fit(train, labels).predict_proba(test)
    row("scikit-learn, LogisticRegression(C=10), without counting", began, said.argmax(axis=1), said)
    return rows


def main() -> int:
    parser = command_line(
        __doc__, data=Among(text_data.SETS, ["tweets", "r8"]), seeds=5, again=False, beside=False
    )
    given = parser.parse_args()
    facts, kept = heading("pellucid", "scikit-learn", "numpy"), {}
    for name in given.data:
        data = text_data.load(name)
        if given.beside or not given.again:
            kept[f"{name}, beside"] = beside(data)
            columns = ("data", "model", "accuracy", "macro-F1", "log loss", "processor, s")
            print_table(columns, kept[f"{name}, beside"])
        if given.again or not given.beside:
            runs = kept[name] = [again(data, seed) for seed in range(given.seeds)]
            both = [mean_of(each, 4) for each in zip(*(run["test"] for run in runs), strict=True)]
            seconds = " + ".join(
                f"{each:.1f} s" for each in np.mean([run["seconds"] for run in runs], axis=0)
            )
            heads = ("data", "training texts alone", "held-out texts too", "processor")
            print_table(heads, [(name, *both, seconds)])
    write_json(given.json, {**facts, "n": given.seeds, "runs": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
