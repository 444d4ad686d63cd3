"""Set-ups of the linear support vector machine of texts: what each reaches and costs, and which is taken.

    python benchmarks/text_setups.py [--again | --beside] [--data tweets r8 ...] [--seeds 5]

For every seed a tenth of the training texts, drawn by chance, is validation. Every set-up learns from the
others, and answers about validation and the test split; so a table shows how much of the spread over seeds
comes from the examples, and how much from the choice. Seconds are the processor's, on one thread. Two choices
stand beside each other: the smallest log loss among set-ups within one standard error of the best, and the
first of those whose log loss is as good, which `train` takes. With `--again` that set-up alone,
fitted to the training texts and once more with those of validation, as `train` does in the end. With
`--beside` both linear models, fitted so, beside scikit-learn untuned on the same test texts: words, pairs of
words and 2 to 5 characters within words as TF-IDF, `LinearSVC()` or `LogisticRegression(C=10)`.

Takes: about 5 minutes on one core for `tweets` and `r8`; fetches its data the first time.
"""

import sys
import time
from typing import Any

import numpy as np
import text_data
from measuring import command_line, heading, print_table, spread, write_json
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from pellucid.arithmetic.metrics import accuracy, log_loss_terms
from pellucid.classical import Budget, Fitted, TrainingSet, fit_baseline
from pellucid.classical.search import Work, _settled
from pellucid.classical.text_baselines import TEXT_BASELINES
from pellucid.classical.text_features import text_table
from pellucid.classical.training_set import Configuration
from pellucid.data.raw_texts import Texts


def divided(data: text_data.TextData, seed: int) -> TrainingSet:
    """Training, validation and behind them test texts, with one division into the first two."""
    codes = {label: code for code, label in enumerate(sorted({*data.train_labels, *data.test_labels}))}
    labels = np.array([codes[label] for label in (*data.train_labels, *data.test_labels)])
    texts, known = Texts.of([*data.train, *data.test]), len(data.train)
    order = np.random.default_rng(seed).permutation(known)
    validation, train = (np.sort(part) for part in np.split(order, [known // 10]))
    return TrainingSet(texts, labels, train, validation, len(codes), "texts")


def again(data: text_data.TextData, seed: int) -> dict[str, Any]:
    """The set-up taken, fitted without and with the validation texts: test accuracy and seconds."""
    lesson, began = divided(data, seed), time.process_time()
    first = fit_baseline("svm", lesson, seed=seed, threads=1)
    then = time.process_time()
    everything = np.arange(len(data.train))
    whole = TrainingSet(lesson.inputs, lesson.labels, everything, everything[:0], lesson.classes, "texts")
    last = fit_baseline("svm", whole, seed=seed, threads=1, setup=first.setup, scale=first.scale)
    seconds = then - began, time.process_time() - then

    def tested(fitted: Fitted) -> float:
        assert fitted.tfidf is not None  # it looks at texts
        rows = fitted.tfidf.transform(data.test)
        return accuracy(lesson.labels[len(data.train) :], fitted.predictor.predict(rows))

    return {"words": first.setup[1], "test": (tested(first), tested(last)), "seconds": seconds}


def beside(data: text_data.TextData) -> list[tuple[str, ...]]:
    """Rows of the table of `--beside`: model, accuracy, macro-F1, log loss, seconds of the processor."""
    lesson, known = divided(data, 0), len(data.train)
    everything = np.arange(known)
    whole = TrainingSet(lesson.inputs, lesson.labels, everything, everything[:0], lesson.classes, "texts")
    labels, truth = lesson.labels[:known], lesson.labels[known:]
    rows = []

    def row(words: str, began: float, guess: np.ndarray, said: np.ndarray | None = None) -> None:
        found = accuracy_score(truth, guess), f1_score(truth, guess, average="macro")
        loss = "" if said is None else f"{log_loss_terms(truth, said).mean():.3f}"
        seconds = f"{time.process_time() - began:.1f}"
        rows.append((data.name, words, f"{found[0]:.4f}", f"{found[1]:.4f}", loss, seconds))

    for name in ("svm", "logistic-regression"):
        began = time.process_time()
        first = fit_baseline(name, lesson, seed=0, threads=1)
        last = fit_baseline(name, whole, seed=0, threads=1, setup=first.setup, scale=first.scale)
        assert last.tfidf is not None  # it looks at texts
        said = last.predictor.predict(last.tfidf.transform(data.test))
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


def tried(data: text_data.TextData, seed: int) -> list[dict[str, Any]]:
    """Every set-up with one division into training and validation."""
    lesson, known = divided(data, seed), len(data.train)
    texts, labels, validation = lesson.inputs, lesson.labels, lesson.validation
    train = np.random.default_rng(seed).permutation(lesson.train)  # the last of which find a scale
    asked = np.concatenate([validation, np.arange(known, len(labels))])
    work = Work(lesson.classes, seed, 1, Budget())
    tables: dict[str, Any] = {}
    found = []
    for trial in TEXT_BASELINES["svm"](lesson, work.budget):
        counting = 0.0
        if trial.features not in tables:
            began = time.process_time()
            table = text_table(trial.features, texts, train, asked, lesson.classes)
            tables[trial.features] = table.tfidf.weigh(table.train), table.tfidf.weigh(table.validation)
            counting = time.process_time() - began
        rows, others = tables[trial.features]
        began = time.process_time()
        with threadpool_limits(1):
            said = trial.learn(rows, labels[train], work).predict(others)
        held, tested = said[: len(validation)], said[len(validation) :]
        found.append(
            {
                "words": trial.words,
                "validation": accuracy(labels[validation], held),
                "losses": log_loss_terms(labels[validation], held),
                "test": accuracy(labels[known:], tested),
                "seconds": counting + time.process_time() - began,
            }
        )
    return found


def smallest(runs: list[dict[str, Any]]) -> int:
    """The smallest log loss among set-ups within one standard error of the best."""
    scores = [run["validation"] for run in runs]
    best, count = max(scores), len(runs[0]["losses"])
    error = np.sqrt(best * (1 - best) / count)
    alike = [number for number, score in enumerate(scores) if score >= best - error]
    return min(alike, key=lambda number: runs[number]["losses"].mean())


def first(runs: list[dict[str, Any]]) -> int:
    """The choice as `search` makes it."""
    compared = [Configuration("tf-idf", run["words"], run["validation"]) for run in runs]
    settled = _settled(compared, np.stack([run["losses"] for run in runs]))
    return next(number for number, each in enumerate(settled) if each.chosen)


def show_again(name: str, runs: list[dict[str, Any]]) -> None:
    """Print a line with the mean and range of both fits."""
    without, with_ = zip(*(each["test"] for each in runs), strict=True)
    both = [f"{np.mean(each):.4f} [{spread(each, 4)}]" for each in (without, with_)]
    seconds = " + ".join(f"{each:.1f} s" for each in np.mean([run["seconds"] for run in runs], axis=0))
    print(f"| {name} | {both[0]} | {both[1]} | {seconds} |", flush=True)


def main() -> int:
    """Run and print the tables.

    Returns:
        The exit code.
    """
    parser = command_line(__doc__)
    parser.add_argument("--data", nargs="+", choices=list(text_data.SETS), default=["tweets", "r8"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--again", action="store_true", help="what a last fit with the validation texts gains"
    )
    parser.add_argument("--beside", action="store_true", help="beside untuned lines of scikit-learn")
    arguments = parser.parse_args()
    facts, kept = heading(("pellucid", "scikit-learn", "numpy")), {}
    for name in arguments.data:
        data = text_data.load(name)
        if arguments.beside:
            kept[name] = beside(data)
            columns = ("data", "model", "accuracy", "macro-F1", "log loss", "processor, s")
            print_table(columns, kept[name])
            continue
        if arguments.again:
            kept[name] = [again(data, seed) for seed in range(arguments.seeds)]
            show_again(name, kept[name])
            continue
        runs = [tried(data, seed) for seed in range(arguments.seeds)]
        print(f"\n{name}: {len(data.train):,} + {len(data.test):,} texts, {arguments.seeds} seeds\n")
        rows = {each["words"]: [run[place] for run in runs] for place, each in enumerate(runs[0])}
        rows |= {f"taken, {rule.__name__}": [run[rule(run)] for run in runs] for rule in (smallest, first)}
        print("| Set-up | Validation | Test, mean [range] | Seconds |\n| --- | --- | --- | --- |")
        for words, of in rows.items():
            means = {
                key: float(np.mean([each[key] for each in of])) for key in ("validation", "test", "seconds")
            }
            tests = spread([each["test"] for each in of], 4)
            seconds = "" if words.startswith("taken") else f"{means['seconds']:.2f}"
            print(f"| {words} | {means['validation']:.4f} | {means['test']:.4f} [{tests}] | {seconds} |")
        kept[name] = {
            words: [{key: each[key] for key in ("validation", "test", "seconds")} for each in of]
            for words, of in rows.items()
        }
    write_json(arguments.json, {**facts, "n": arguments.seeds, "runs": kept})
    return 0


if __name__ == "__main__":
    sys.exit(main())
