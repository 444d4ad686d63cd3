"""What every experiment shares: its trainings, their statistics and its record.

An experiment tests one claim of the textbooks on real data. `compared` calls Pellucid's `compare`. `twins` is
for variants that differ in several settings at once, such as an optimiser with the learning rate that suits
it, and for what `compare` does not report, the score on the training examples: folds, seeds and statistics
are those of `compare`, but no examples are kept back to choose an epoch; the weights after the last one are
judged. `best_rates` chooses that rate in separate trainings with another seed.
"""

import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.arithmetic import accuracy
from pellucid.data import Dataset, folds, prepare
from pellucid.errors import DivergedError
from pellucid.pipeline.comparing.compare import compare
from pellucid.pipeline.comparing.standings import rank, scores_of
from pellucid.pipeline.learners.candidates import answers
from pellucid.pipeline.learners.network import learner_of
from pellucid.settings import METRICS, Settings

ROOT = Path(__file__).resolve().parent.parent
RECORDS, IMAGES = Path("docs/textbook"), Path("docs/images/textbook")
TUNING_SEED = 1000
# Seed of what an experiment makes up: none of those that divide the examples, whose draws would be the same.
DRAWS = 20_260
_ACCURACY, _SEEN = METRICS["accuracy"], "accuracy on the training examples"
MEASURES = {
    "accuracy": _ACCURACY,
    "log_loss": METRICS["log_loss"],
    "train_accuracy": dataclasses.replace(_ACCURACY, key="train_accuracy", words=_SEEN),
    "gap": dataclasses.replace(_ACCURACY, key="gap", words="gap between training and fold", is_error=True),
}

# A perceptron without what would blur a comparison.
BARE = {"model": "mlp", "batch_norm": False, "augment": False, "label_smoothing": 0.0, "precision": "fp32"}

Record = dict[str, Any]
Scores = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Options:
    """How much is tried: at most so many examples, trainings on each fold, folds for each seed.

    `epochs` are passes in every training, `None` for those of each experiment; `work` is a folder for what is
    not kept.
    """

    examples: int
    seeds: int
    folds: int
    epochs: int | None
    threads: int
    work: Path

    @property
    def limit(self) -> dict[str, int]:
        """The epochs given for all, as a setting, where they are."""
        return {} if self.epochs is None else {"epochs": self.epochs}

    def passes(self, usual: int) -> int:
        """Epochs of a training: the usual ones of the experiment, or what was given for all."""
        return self.epochs or usual


def images(options: Options, count: int | None = None) -> str:
    """The bundled part of Fashion-MNIST, or `count` of its images, as DATA for `compare`.

    `options.examples` bounds the number.
    """
    wanted = min(options.examples, count or options.examples)
    dataset, _ = prepare("sample:fashion", Settings())
    pool = np.concatenate([dataset.train, dataset.validation])
    if wanted >= len(pool):
        return "sample:fashion"
    chosen = np.random.default_rng(0).permutation(pool)[:wanted]
    path = options.work / f"fashion-{wanted}.npz"
    labels, parts = np.array(dataset.classes)[dataset.labels], {"train": chosen, "test": dataset.test}
    arrays = {f"x_{part}": dataset.inputs[where] for part, where in parts.items()}
    np.savez(path, **arrays, **{f"y_{part}": labels[where] for part, where in parts.items()})
    return str(path)


def texts_of(options: Options, name: str, texts: Sequence[str], labels: Sequence[str]) -> str:
    """A table of texts and their classes, as DATA for `compare`; `options.examples` bounds the number."""
    path = options.work / f"{name}.jsonl"
    chosen = np.random.default_rng(0).permutation(len(texts))[: options.examples]
    rows = [{"text": texts[row], "label": labels[row]} for row in chosen]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def mails() -> tuple[list[str], list[str]]:
    """The bundled e-mails that are not for the test: texts, and the class of each."""
    dataset, _ = prepare("sample:spam", Settings())
    pool = [*dataset.train.tolist(), *dataset.validation.tolist()]
    return [dataset.inputs[row] for row in pool], [dataset.label_text(row) for row in pool]


def compared(
    options: Options, place: str, vary: Mapping[str, Sequence[Any]], *, folds: int | None = None, **given: Any
) -> tuple[Record, list[Record]]:
    """Let `compare` of Pellucid train variants on DATA and judge them.

    `folds` are other than the options', `given` fixed settings. The findings, as `summed_up` gives them, and
    the history: one line for each epoch of each training.
    """
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        own = {"seeds": options.seeds, "folds": folds or options.folds, "threads": options.threads}
        run = compare(place, out=Path(folder) / "run", vary=vary, quiet=True, **own, **given)
        found = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["compare"]
        lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    scores = {name: each["scores"] for name, each in found["variants"].items()}
    record = summed_up(scores, found["train"], found["judged"], ("accuracy", "log_loss"))
    record["settings"] = {"vary": vary, **given}
    for name, each in found["variants"].items():
        record["variants"][name] |= {key: each[key] for key in ("parameters", "steps", "train_seconds")}
    return record, [json.loads(line) for line in lines]


def twins(
    options: Options,
    place: str,
    variants: Mapping[str, Mapping[str, Any]],
    *,
    first_seed: int = 0,
    **given: Any,
) -> Record:
    """Train variants on the same folds and seeds, and judge them on fold and training examples.

    Variants are names to the settings in which they differ, `given` fixed ones; seeds are counted up from the
    first. The findings, as `summed_up` gives them; `curve` is the mean training loss, epoch by epoch.
    """
    dataset, _ = prepare(place, Settings(**given))
    scores: dict[str, list[Record]] = {name: [] for name in variants}
    curves: dict[str, list[list[float]]] = {name: [] for name in variants}
    sizes: list[tuple[int, int]] = []
    for seed in range(first_seed, first_seed + options.seeds):
        for number, whole in enumerate(folds(dataset, options.folds, seed), start=1):
            others = np.sort(np.concatenate([whole.train, whole.validation]))
            fold = dataclasses.replace(whole, train=others, validation=others[:0])
            sizes.append((len(fold.train), len(fold.test)))
            for name, own in variants.items():
                settings = Settings(**{**given, **own}, seed=seed, threads=options.threads)
                found, curve = _judged(settings, fold)
                scores[name].append({"seed": seed, "fold": number, **found})
                curves[name].append(curve)
    train, judged = (float(each) for each in np.mean(sizes, axis=0))
    record = summed_up(scores, train, judged, tuple(MEASURES))
    record["settings"] = {"variants": {name: dict(own) for name, own in variants.items()}, **given}
    for name, each in record["variants"].items():
        each["parameters"] = scores[name][0]["parameters"]
        each["curve"] = np.mean(curves[name], axis=0).round(4).tolist()
    return record


def _judged(settings: Settings, fold: Dataset) -> tuple[Record, list[float]]:
    """Train on a fold's examples, and score on the fold and on what was learnt."""
    began = time.process_time()
    (fitted,) = learner_of(settings, fold).fit(fold)
    seconds = time.process_time() - began
    scores = scores_of(fold.labels_at(fold.test), answers(fitted.model, fold, fold.test))
    seen = accuracy(fold.labels[fold.train], answers(fitted.model, fold, fold.train))
    scores |= {"train_accuracy": seen, "gap": seen - scores["accuracy"]}
    facts = {"processor_seconds": round(seconds, 2), "parameters": fitted.model.parameters}
    return scores | facts, [each["train_loss"] for each in fitted.history]


def best_rates(
    options: Options,
    place: str,
    over: str,
    values: Sequence[str],
    rates: Mapping[str, Sequence[float]] | Sequence[float],
    **given: Any,
) -> tuple[dict[str, float], Record]:
    """Choose for each value of the setting `over` the learning rate that suits it.

    `rates` are those to try, for all values or for each; `given` are fixed settings. The rate with the best
    mean accuracy for each value, and what all of them reached, 0 where the loss did not stay finite.
    """
    once = dataclasses.replace(options, seeds=1, folds=2)
    tried: Record = {}
    for value in values:
        reached = {}
        for rate in rates[value] if isinstance(rates, Mapping) else rates:
            own = {value: {over: value, "learning_rate": rate}}
            try:
                found = twins(once, place, own, first_seed=TUNING_SEED, **given)
                reached[f"{rate:g}"] = round(found["variants"][value]["accuracy"]["value"], 4)
            except DivergedError:
                reached[f"{rate:g}"] = 0.0
        tried[value] = reached
    return {value: float(max(means, key=means.__getitem__)) for value, means in tried.items()}, tried


def summed_up(scores: Scores, train: float, judged: float, measures: Sequence[str]) -> Record:
    """Means and paired differences with the intervals of `compare`.

    Scores are those of every training, in the same order for every variant; `train` and `judged` are the
    examples trained and judged on; of the measures the first decides. `variants` with `value`, `low` and
    `high` of each measure, `differences` of every pair.
    """
    variants: Record = {name: {} for name in scores}
    differences: list[Record] = []
    for measure in measures:
        values = {name: [each[measure] for each in of] for name, of in scores.items()}
        standings = rank(values, train, judged, MEASURES[measure])
        for name, mean in standings.means.items():
            variants[name][measure] = mean._asdict() | {"all": [round(each, 5) for each in values[name]]}
        differences += [
            {"measure": measure, "a": each.a, "b": each.b, **each.difference._asdict()}
            | {"p_value_holm": each.adjusted, "verdict": each.to_json()["verdict"]}
            for each in standings.contrasts
        ]
    trainings = len(next(iter(scores.values())))
    sizes = {"train": round(train), "judged": round(judged), "trainings": trainings}
    return {**sizes, "variants": variants, "differences": differences}


def difference(record: Record, a: str, b: str, measure: str = "accuracy") -> Record:
    """The paired difference of two variants in a record of `summed_up`: a minus b.

    It has `value`, `low`, `high` and the `verdict`.

    Raises: `KeyError` if the two were not compared.
    """
    for each in record["differences"]:
        if each["measure"] == measure and {each["a"], each["b"]} == {a, b}:
            sign = 1 if each["a"] == a else -1
            low, high = sorted((sign * each["low"], sign * each["high"]))
            return {"value": sign * each["value"], "low": low, "high": high, "verdict": each["verdict"]}
    raise KeyError(f"{a} against {b}: no difference in {measure}")


def run(module: ModuleType, options: Options, out: Path) -> None:
    """Test the claim of a module; write its record and its plot into the folder in which `docs` lies."""
    name = module.__name__
    print(f"{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as work:
        record: Record = module.tried(dataclasses.replace(options, work=Path(work)))
    facts = {
        "claim": (module.__doc__ or "").splitlines()[0],
        "seeds": options.seeds,
        "threads": options.threads,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(sum(os.times()[:4]) - cpu, 1),
    }
    write(name, facts | record, module.drawn, out)
    print(f"    {facts['seconds']:.0f} s, of the processor {facts['processor_seconds']:.0f} s", flush=True)


def write(name: str, record: Record, drawn: Callable[[Record], str], out: Path) -> None:
    """Write record and plot of an experiment; `out` is the folder in which `docs` lies."""
    for folder in (RECORDS, IMAGES):
        (out / folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False)
    (out / RECORDS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (out / IMAGES / f"{name}.svg").write_text(drawn(record), encoding="utf-8")
