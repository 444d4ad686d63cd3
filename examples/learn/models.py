"""Measures and draws chapters 7 to 12 of Learn: `python examples/learn/models.py [NAME ...]`.

Each chapter has a function that trains small models on the bundled samples and returns a record, one that
draws its picture from it, and one that writes its figures. Records go to docs/learn/models.json, pictures to
docs/images/learn, figures into the chapters. `--pictures` trains nothing and does the rest from the records;
`--check` reports whether pictures and chapters are those of the records.

Takes: about 4 minutes with one thread.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import model_pictures as pictures  # noqa: E402
from showing import table  # noqa: E402
from trying import ROOT  # noqa: E402

import pellucid  # noqa: E402
from pellucid.arithmetic import softmax  # noqa: E402
from pellucid.data import prepare  # noqa: E402
from pellucid.evaluation.generated_images import frechet  # noqa: E402
from pellucid.insight.attribution import ids_of  # noqa: E402
from pellucid.reference.recurrent import lstm_states  # noqa: E402
from pellucid.settings import Settings  # noqa: E402

Record = dict[str, Any]

RECORD, IMAGES, PAGES = Path("docs/learn/models.json"), Path("docs/images/learn"), Path("docs/learn")
TRAIN, TEST, SEED = 2_000, 1_000, 0
# A perceptron without what would blur the subject of a chapter, at a rate that suits every activation.
PLAIN: Record = {"model": "mlp", "batch_norm": False, "augment": False, "threads": 1, "seed": SEED}
PLAIN |= {"optimizer": "adam", "learning_rate": 0.001}
ACTIVATIONS = ("relu", "sigmoid", "tanh")
FLAT = 0.1  # of the largest slope
BINS = np.linspace(-8, 8, 65)
DROPOUT, DRAWS, SHOWN_DRAWS = 0.5, 2_000, 4
# Tokens that are read of a mail; the beginning of a short mail of spam in the test split.
LENGTH, MAIL = 60, "NEED TO FIND SOMETHING?"
LATENT, COMPARED = 32, 500
GAN_EPOCHS, GAN_WIDTH = (1, 3, 9), 16
PAIR = ("Pullover", "Dress")
MODELS = {
    "logistic-regression": "logistic regression",
    "svm": "support vector machine",
    "random-forest": "random forest",
    "mlp": "perceptron, two hidden layers",
}
TREES = (1, 10, 100)


class Sample(NamedTuple):
    """Images of clothes (n, 28, 28) to learn from and to test with, and their classes by name."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def sample() -> Sample:
    data, _ = prepare("sample:fashion", Settings())
    draws = np.random.default_rng(SEED)
    names = np.array(data.classes)[data.labels]
    train, test = (
        draws.permutation(rows)[:count] for rows, count in ((data.train, TRAIN), (data.test, TEST))
    )
    return Sample(data.inputs[train][..., 0], names[train], data.inputs[test][..., 0], names[test])


def perceptron(found: Sample, **given: Any) -> pellucid.ImageClassifier:
    return pellucid.ImageClassifier(**PLAIN, **given).fit(found.images, found.labels)


@torch.no_grad()
def values_of(classifier: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer of a perceptron gives for images (n, height, width), by its name, without dropout."""
    network = classifier.model_.network.eval()
    value = network.standardise(torch.from_numpy(images[:, None].astype(np.float32)))
    found = {}
    for name, module in network.body.named_children():
        value = module(value).clone()  # an activation may write over what the layer before it gave
        found[name] = value.double().numpy()
    return found


# Chapter 7: where on their curve the units of a trained network are.


def slope(name: str, inputs: np.ndarray) -> np.ndarray:
    """Slope of an activation function as a share of its largest."""
    if name == "relu":
        return (inputs > 0).astype(float)
    if name == "tanh":
        return 1 - np.tanh(inputs) ** 2
    return 4 / (1 + np.exp(-inputs)) * (1 - 1 / (1 + np.exp(-inputs)))


def activations() -> Record:
    found, record = sample(), {}
    for name in ACTIVATIONS:
        classifier = perceptron(found, activation=name, depth=2, width=64, epochs=10)
        inputs = values_of(classifier, found.test_images)["linear1"]
        counts, _ = np.histogram(inputs.clip(BINS[0], BINS[-1]), BINS)
        record[name] = {
            "share": (counts / inputs.size).round(5).tolist(),
            "flat": float((slope(name, inputs) < FLAT).mean()),
            "silent_units": int((slope(name, inputs) < FLAT).all(axis=0).sum()),
            "units": inputs.shape[1],
            "accuracy": float(classifier.score(found.test_images, found.test_labels)),
        }
    return record


def activations_figures(record: Record) -> str:
    rows = [
        [name, f"{100 * of['flat']:.0f} %", f"{of['silent_units']} of {of['units']}", f"{of['accuracy']:.3f}"]
        for name, of in record.items()
    ]
    header = [
        "first hidden layer",
        "flat: slope below a tenth of the largest",
        "units flat on every image",
        "accuracy",
    ]
    return table(header, rows) + f"\n{TRAIN:,} training images, {TEST:,} test images, one training each.\n"


# Chapter 8: one image through many masks.


def dropout() -> Record:
    found = sample()
    classifier = perceptron(found, depth=1, width=64, epochs=15, dropout=DROPOUT)
    network, names = classifier.model_.network, list(classifier.model_.classes)
    last = list(values_of(classifier, found.test_images).values())[-1]
    weights, bias = (each.detach().double().numpy() for each in (network.head.weight, network.head.bias))
    rights = np.array([names.index(label) for label in found.test_labels])
    answers = softmax(last @ weights.T + bias)
    # An image about which the network is neither certain nor lost.
    row = int(np.argmin(np.abs(answers[np.arange(TEST), rights] - 0.8)))
    draws = np.random.default_rng(SEED)
    masks = draws.random((DRAWS, last.shape[1])) >= DROPOUT
    logits = (masks * last[row] / (1 - DROPOUT)) @ weights.T + bias
    drawn = softmax(logits)[:, rights[row]]
    every = draws.random(last.shape) >= DROPOUT
    masked = softmax((every * last / (1 - DROPOUT)) @ weights.T + bias)
    counts, _ = np.histogram(drawn, np.linspace(0, 1, 41))
    return {
        "image": pictures.packed(found.test_images[row]),
        "label": str(found.test_labels[row]),
        "values": last[row].round(4).tolist(),
        "masks": masks[:SHOWN_DRAWS].astype(int).tolist(),
        "answers": drawn[:SHOWN_DRAWS].round(4).tolist(),
        "share": (counts / DRAWS).tolist(),
        "whole": float(answers[row, rights[row]]),
        "mean": float(drawn.mean()),
        "low": float(np.quantile(drawn, 0.05)),
        "high": float(np.quantile(drawn, 0.95)),
        "logit": float((last[row] @ weights.T + bias)[rights[row]]),
        "mean_logit": float(logits[:, rights[row]].mean()),
        "accuracy": float((answers.argmax(axis=1) == rights).mean()),
        "accuracy_masked": float((masked.argmax(axis=1) == rights).mean()),
    }


def dropout_figures(record: Record) -> str:
    rows = [
        ["logit of the true class", f"{record['logit']:.3f}", f"{record['mean_logit']:.3f}", ""],
        [
            "its probability",
            f"{record['whole']:.2f}",
            f"{record['mean']:.2f}",
            f"{record['low']:.2f} to {record['high']:.2f}",
        ],
        [
            f"accuracy on {TEST:,} test images",
            f"{record['accuracy']:.3f}",
            f"{record['accuracy_masked']:.3f}",
            "",
        ],
    ]
    header = ["", "without dropout", "with it, mean", "nine of ten masks"]
    return table(header, rows) + (
        f"\nThe first two rows are of the image above and {DRAWS:,} masks, the last of one mask each; "
        "one training.\n"
    )


# Chapter 9: what an LSTM keeps.


def recurrent() -> Record:
    data, _ = prepare("sample:spam", Settings())
    train, test = ([data.inputs[row] for row in rows] for rows in (data.train, data.test))
    labels = [data.label_text(row) for row in data.train]
    classifier = pellucid.TextClassifier(model="rnn", width=24, length=LENGTH, epochs=4, threads=1, seed=SEED)
    classifier.fit(train, labels)
    answers = classifier.predict_proba(test)
    is_right = classifier.classes_[answers.argmax(axis=1)] == np.array(
        [data.label_text(row) for row in data.test]
    )
    kept = []
    for text in test:
        states, tokens = _states(classifier, text)
        if len(tokens) == LENGTH:
            kept.append(states.kept[0])
        if len(kept) == 100:
            break
    (at,) = (row for row, text in enumerate(test) if text.startswith(MAIL))
    states, tokens = _states(classifier, test[at])
    order = np.argsort(-np.abs(states.memory[0]).max(axis=0))[:12]
    unit = int(order[0])
    names = {"incoming": "input gate i", "kept": "forget gate f", "outgoing": "output gate o"}
    gates = np.array(kept)  # (texts, places, units)
    left = {}
    for steps in (1, 5, 10, 20, 50):
        products = [gates[:, first : first + steps].prod(axis=1) for first in range(0, LENGTH - steps + 1, 5)]
        left[str(steps)] = [float(np.quantile(products, each)) for each in (0.1, 0.5, 0.9)]
    return {
        "tokens": tokens,
        "unit": unit,
        "memory": states.memory[0][:, order].T.round(4).tolist(),
        "gates": {words: getattr(states, key)[0][:, unit].round(4).tolist() for key, words in names.items()},
        "left": left,
        "texts": len(kept),
        "accuracy": float(is_right.mean()),
        "tests": len(test),
    }


def _states(classifier: Any, text: str) -> tuple[Any, list[str]]:
    """Gates and states of the LSTM that reads forwards, place by place, and the tokens that it read."""
    encoder, network = classifier.model_.encoder, classifier.model_.network.eval()
    layers, ids = network.body.layers, torch.as_tensor(ids_of(encoder, text), dtype=torch.int64)
    with torch.no_grad():
        vectors = layers.embedding(ids[None]).double().numpy()
    weights = {name: each.detach().double().numpy() for name, each in layers.forwards1.named_parameters()}
    return lstm_states(vectors, *weights.values()), [piece for piece, _ in encoder.explain(text)]


def recurrent_figures(record: Record) -> str:
    rows = [[steps, *(f"{100 * each:.2g} %" for each in left)] for steps, left in record["left"].items()]
    header = [
        "tokens later",
        *(f"{who} at most" for who in ("a tenth of the units keeps", "half", "nine tenths")),
    ]
    words = (
        f"Products of the forget gates of all units, {record['texts']} mails of {LENGTH} tokens, one training"
    )
    return (
        table(header, rows) + f"\n{words} (accuracy {record['accuracy']:.3f} on {record['tests']} mails).\n"
    )


# Chapter 10: an autoencoder beside principal components.


def autoencoder() -> Record:
    found = sample()
    vae = pellucid.ImageGenerator(model="vae", latent=LATENT, width=16, epochs=16, threads=1, seed=SEED)
    vae.fit(found.images, found.labels)
    images = found.images.reshape(TRAIN, -1).astype(float)
    mean = images.mean(axis=0)
    _, _, components = np.linalg.svd(images - mean, full_matrices=False)
    components = components[:LATENT]
    tested = found.test_images[:COMPARED]
    by_vae = vae.reconstruct(tested).astype(float)
    scores = (tested.reshape(COMPARED, -1) - mean) @ components.T
    by_components = (mean + scores @ components).reshape(tested.shape)
    names = np.array(vae.classes_)
    turns = np.arange(COMPARED) % len(names)
    drawn = _gaussian_images(found, names, turns, mean, components)
    judge = perceptron(found, depth=2, width=64, epochs=10)
    shown = [int(np.flatnonzero(found.test_labels[:COMPARED] == name)[0]) for name in names]
    sampled = vae.sample(COMPARED)
    rows = {
        "real": tested[shown],
        "VAE": by_vae[shown],
        "PCA": by_components[shown],
        "made by VAE": sampled[: len(names)],
        "made by PCA": drawn[: len(names)],
    }
    return {
        "classes": names.tolist(),
        "rows": {name: [pictures.packed(each) for each in of] for name, of in rows.items()},
        "error": {"VAE": _error(by_vae, tested), "PCA": _error(by_components, tested)},
        "recognised": {
            "VAE": float((judge.predict(sampled) == names[turns]).mean()),
            "PCA": float((judge.predict(drawn) == names[turns]).mean()),
            "real": float(judge.score(tested, found.test_labels[:COMPARED])),
        },
        "parameters": {"VAE": int(vae.model_.parameters), "PCA": int(mean.size + components.size)},
    }


def _gaussian_images(
    found: Sample, names: np.ndarray, turns: np.ndarray, mean: np.ndarray, components: np.ndarray
) -> np.ndarray:
    """Images drawn from a normal distribution of the components of each class, as grey levels."""
    draws, scores = np.random.default_rng(SEED), (found.images.reshape(TRAIN, -1) - mean) @ components.T
    made = np.empty((len(turns), found.images[0].size))
    for code, name in enumerate(names):
        own = scores[found.labels == name]
        drawn = draws.multivariate_normal(own.mean(axis=0), np.cov(own.T), int((turns == code).sum()))
        made[turns == code] = mean + drawn @ components
    return made.clip(0, 255).round().astype(np.uint8).reshape(-1, *found.images.shape[1:])


def _error(made: np.ndarray, real: np.ndarray) -> float:
    """Root of the mean squared difference, in grey levels."""
    return float(np.sqrt(np.square(made.astype(float) - real).mean()))


def autoencoder_figures(record: Record) -> str:
    error, recognised = record["error"], record["recognised"]
    rows = [
        [
            f"{words}, {LATENT} numbers an image",
            f"{record['parameters'][name]:,}",
            f"{error[name]:.1f}",
            f"{100 * recognised[name]:.0f} %",
        ]
        for name, words in (("VAE", "VAE"), ("PCA", "principal components"))
    ]
    rows.append(["real images", "", "0", f"{100 * recognised['real']:.0f} %"])
    header = [
        "",
        "parameters",
        "error of reconstruction, grey levels",
        "new images recognised as their class",
    ]
    return table(header, rows) + (
        f"\nTrained on {TRAIN:,} images, error on {COMPARED} test images; {COMPARED} new images, judged by "
        "a perceptron trained on the real ones; one training.\n"
    )


# Chapter 11: the losses of a GAN beside the images.


def gan() -> Record:
    found = sample()
    judge = perceptron(found, depth=2, width=64, epochs=10)
    real, record = judge.transform(found.test_images), {}
    unit = float(np.sqrt(real.astype(float).var(axis=0).mean()))
    for epochs in GAN_EPOCHS:
        given = {"model": "gan", "width": GAN_WIDTH, "schedule": "constant", "threads": 1, "seed": SEED}
        made = pellucid.ImageGenerator(**given, epochs=epochs).fit(found.images, found.labels)
        images, names = made.sample(TEST, seed=1), np.array(made.classes_)
        features = judge.transform(images).astype(float) / unit
        record[str(epochs)] = {
            "classes": names.tolist(),
            "images": [pictures.packed(each) for each in images[: len(names)]],
            "frechet": frechet(real.astype(float) / unit, features).value,
            "recognised": float((judge.predict(images) == names[np.arange(TEST) % len(names)]).mean()),
            "history": [{key: each[key] for key in (*LOSSES, RIGHT)} for each in made.history_],
        }
    return record


# Keys of the history: losses of discriminator and generator, and how often the discriminator is right.
LOSSES, RIGHT = ("train_loss", "train_generator_loss"), "train_discriminator_accuracy"


def gan_figures(record: Record) -> str:
    rows = []
    for epochs, of in record.items():
        last = of["history"][-1]
        losses = [f"{last[key]:.2f}" for key in LOSSES]
        right = f"{100 * last[RIGHT]:.0f} %"
        rows.append([epochs, *losses, right, f"{of['frechet']:.1f}", f"{100 * of['recognised']:.0f} %"])
    header = ["passes over the images", "loss of the discriminator", "loss of the generator"]
    header += ["discriminator right", "Fréchet distance", "images recognised as their class"]
    return table(header, rows) + (
        f"\n{TRAIN:,} training images, width {GAN_WIDTH}, one training each; {TEST:,} images made, judged by "
        "the features of a perceptron trained on real images.\n"
    )


# Chapter 12: four models on two numbers an image.


def classical() -> Record:
    from sklearn.ensemble import RandomForestClassifier

    found = sample()
    trees = {}
    flat, tested = (each.reshape(len(each), -1) for each in (found.images, found.test_images))
    for count in TREES:
        forest = RandomForestClassifier(count, random_state=SEED).fit(flat, found.labels)
        trees[str(count)] = [forest.score(flat, found.labels), forest.score(tested, found.test_labels)]
    train, test = (np.isin(labels, PAIR) for labels in (found.labels, found.test_labels))
    pixels = flat[train].astype(float)
    mean = pixels.mean(axis=0)
    _, spread, components = np.linalg.svd(pixels - mean, full_matrices=False)
    deviations = spread[:2] / np.sqrt(len(pixels))
    points, test_points = (
        ((each - mean) @ components[:2].T / deviations).astype(np.float32) for each in (pixels, tested[test])
    )
    edge = np.abs(points).max() * 1.05
    ticks = np.linspace(-edge, edge, pictures.GRID)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2).astype(np.float32)
    models = {}
    for name in MODELS:
        given = {"epochs": 200, "width": 32} if name == "mlp" else {}
        model = pellucid.ImageClassifier(model=name, threads=1, seed=SEED, **given).fit(
            points, found.labels[train]
        )
        code = list(model.classes_).index(PAIR[0])
        models[name] = {
            "grid": (255 * model.predict_proba(grid)[:, code]).round().astype(int).tolist(),
            "train": float(model.score(points, found.labels[train])),
            "test": float(model.score(test_points, found.test_labels[test])),
            "kept": len(model.model_.predictor.points) if name == "svm" else 0,
        }
    return {
        "points": points.round(3).tolist(),
        "is_first": (found.labels[train] == PAIR[0]).astype(int).tolist(),
        "edge": float(edge),
        "models": models,
        "tested": int(test.sum()),
        "trees": trees,
    }


def classical_figures(record: Record) -> str:
    rows = [[count, *(f"{each:.3f}" for each in scores)] for count, scores in record["trees"].items()]
    forests = table(["trees", "accuracy on the training images", "on others"], rows)
    both = [
        [words, *(f"{record['models'][name][key]:.3f}" for key in ("train", "test"))]
        for name, words in MODELS.items()
    ]
    two = table(["two numbers an image", "accuracy on the training images", "on others"], both)
    return (
        f"{two}\n{PAIR[0]} against {PAIR[1]}: {len(record['points'])} training images and {record['tested']} "
        f"others, the first two principal components, one training each.\n\n{forests}\nForests of "
        f"scikit-learn on all 784 pixels, ten classes, {TRAIN:,} training images and {TEST:,} others.\n"
    )


class Chapter(NamedTuple):
    """One chapter: its page, what it measures, its picture and its figures."""

    page: str
    measured: Callable[[], Record]
    drawn: Callable[[Record], str]
    figures: Callable[[Record], str]


CHAPTERS: Mapping[str, Chapter] = {
    "activations": Chapter("07-activations.md", activations, pictures.activations, activations_figures),
    "dropout": Chapter("08-dropout.md", dropout, pictures.dropout, dropout_figures),
    "recurrent": Chapter("09-recurrent-networks.md", recurrent, pictures.recurrent, recurrent_figures),
    "autoencoder": Chapter("10-autoencoders.md", autoencoder, pictures.autoencoder, autoencoder_figures),
    "gan": Chapter("11-gans.md", gan, pictures.gan, gan_figures),
    "classical": Chapter("12-classical-models.md", classical, pictures.classical, classical_figures),
}


def filled(name: str, record: Record) -> str:
    """A chapter with its figures brought up to date."""
    text = (ROOT / PAGES / CHAPTERS[name].page).read_text(encoding="utf-8")
    start, end = f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
    before, after = text[: text.index(start) + len(start)], text[text.index(end) :]
    source = f" By `python examples/learn/models.py {name}`.\n"
    return before + CHAPTERS[name].figures(record).removesuffix("\n") + source + after


def stale(records: Mapping[str, Record]) -> list[str]:
    """Names of chapters and pictures that are not those of the records."""
    found = []
    for name, chapter in CHAPTERS.items():
        if filled(name, records[name]) != (ROOT / PAGES / chapter.page).read_text(encoding="utf-8"):
            found.append(chapter.page)
        if chapter.drawn(records[name]) != (ROOT / IMAGES / f"{name}.svg").read_text(encoding="utf-8"):
            found.append(f"{name}.svg")
    return found


def main() -> int:
    """Measure and draw anew; with `--check` 1 where something is not up to date."""
    flags = argparse.ArgumentParser(description="Measure and draw chapters 7 to 12 of Learn.")
    flags.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(CHAPTERS)}; default: all")
    flags.add_argument("--pictures", action="store_true", help="train nothing, draw from the records")
    flags.add_argument("--check", action="store_true", help="write nothing, report whether all is up to date")
    given = flags.parse_args()
    if unknown := set(given.names) - set(CHAPTERS):
        flags.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(CHAPTERS)}")
    path = ROOT / RECORD
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if given.check:
        if names := stale(records):
            print(f"run `python examples/learn/models.py --pictures`: not up to date: {', '.join(names)}")
        return int(bool(names))
    (ROOT / IMAGES).mkdir(parents=True, exist_ok=True)
    for name in given.names or CHAPTERS:
        chapter = CHAPTERS[name]
        if not given.pictures:
            print(f"{name}: measuring", flush=True)
            records[name] = chapter.measured()
            # Another process may have written other chapters meanwhile.
            others = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            records = others | {name: records[name]}
            path.write_text(json.dumps(records, separators=(",", ":")) + "\n", encoding="utf-8")
        (ROOT / IMAGES / f"{name}.svg").write_text(chapter.drawn(records[name]), encoding="utf-8")
        page = ROOT / PAGES / chapter.page
        page.write_text(filled(name, records[name]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
