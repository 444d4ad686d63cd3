"""Time to the same accuracy on Fashion-MNIST: libraries by documented recipes, Pellucid by fewer epochs.

    python benchmarks/time_to_accuracy.py [--rounds 3] [--only NAME ...] [--epochs 1 2 3 4 6]
                                          [--limits 3 6 15 30] [--avx2]

Every library trains on the 60,000 training images by a recipe that its own documents, named at each, give for
MNIST (layers, epochs, batches and rates; only the data differs), and is asked once about the 10,000 test
images. Pellucid trains its `cnn` and its `mlp`, each as wide as usual and half as wide, for each number of
epochs in `--epochs`, and its support vector machine within each time limit of `--limits`, at its defaults
otherwise. Beside each recipe stands the shortest of Pellucid's trainings that is at least as accurate in its
mean over the rounds. Seconds run from the images in memory to the trained model, imports aside; processes are
interleaved, one after the other, on all cores.

Takes: on two cores about 25 minutes a round; the others come with `pip install 'pellucid[bench]' lightning`.
"""

import argparse
import gzip
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import AVX2, FASHION, Among, command_line, heading, print_table, ran, spread, write_json

OURS = ("pellucid", "pellucid-narrow", "pellucid-mlp", "pellucid-narrow-mlp", "pellucid-svm")
_BY_SECONDS = "pellucid-svm"


class Images(NamedTuple):
    """Images and labels as the script was handed them."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


Trained = Callable[[], np.ndarray]  # labels that a trained model gives the test images


def scaled(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255)


def answers_of(network: Any, images: Any) -> Trained:
    def answers() -> np.ndarray:
        import torch

        network.eval()
        with torch.no_grad():
            return network(images).argmax(dim=1).numpy()

    return answers


def keras(data: Images, epochs: int) -> Trained:
    """The code example "Simple MNIST convnet", on the backend that KERAS_BACKEND names."""
    from keras import Input, Sequential, layers

    convolutions = [
        layer
        for width in (32, 64)
        for layer in (layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D())
    ]
    head = [layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")]
    model = Sequential([Input((28, 28, 1)), *convolutions, *head])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    x_train = scaled(data.x_train)[..., None]
    model.fit(x_train, data.y_train, batch_size=128, epochs=epochs, validation_split=0.1, verbose=0)
    return lambda: model.predict(scaled(data.x_test)[..., None], verbose=0).argmax(axis=1)


def fastai(data: Images, epochs: int) -> Trained:
    """The network that chapter 13 of the book ends with: strides of 2, batch norm, one cycle up to 0.1."""
    import torch
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from torch import nn
    from torch.utils.data import TensorDataset

    def convolution(before: int, after: int, kernel: int = 3, last: bool = False) -> nn.Sequential:
        tail = [] if last else [nn.ReLU()]
        return nn.Sequential(nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.BatchNorm2d(after), *tail)

    def tensors(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
        floats = torch.from_numpy(scaled(images))[:, None]
        return TensorDataset(floats, torch.from_numpy(labels.astype(np.int64)))

    widths = [convolution(1, 8, 5), convolution(8, 16), convolution(16, 32), convolution(32, 64)]
    network = nn.Sequential(*widths, convolution(64, 10, last=True), nn.Flatten())
    test = tensors(data.x_test, data.y_test)
    loaders = DataLoaders.from_dsets(
        tensors(data.x_train, data.y_train), test, bs=512, num_workers=0, device="cpu"
    )
    learner = Learner(loaders, network, loss_func=nn.functional.cross_entropy)
    with learner.no_bar(), learner.no_logging(), learner.no_mbar():
        learner.fit_one_cycle(epochs, 0.1)
    return answers_of(network, test.tensors[0])


def skorch(data: Images, epochs: int) -> Trained:
    """The convolutional network of the notebook "MNIST with SciKit-Learn and skorch"."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    maps = [nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.Dropout2d(0.5)]
    maps += [nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    dense = [nn.Linear(1600, 100), nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, 10), nn.Softmax(dim=-1)]
    network = nn.Sequential(*maps, *dense)
    classifier = NeuralNetClassifier(
        network, max_epochs=epochs, lr=0.002, optimizer=torch.optim.Adam, verbose=0
    )
    classifier.fit(scaled(data.x_train)[:, None], data.y_train.astype(np.int64))
    return lambda: classifier.predict(scaled(data.x_test)[:, None])


def lightning(data: Images, epochs: int) -> Trained:
    """The tutorial "MNIST Hello World": two hidden layers of 64 units."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, random_split

    class Classifier(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            hidden = [nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.1)]
            hidden += [nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1)]
            self.layers = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10))

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

        def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
            self.log("loss", nn.functional.cross_entropy(self.layers(batch[0]), batch[1]), prog_bar=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=2e-4)

    def floats(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((scaled(images) - np.float32(0.1307)) / np.float32(0.3081))[:, None]

    examples = TensorDataset(floats(data.x_train), torch.from_numpy(data.y_train.astype(np.int64)))
    train, validation = random_split(examples, [len(examples) - 5000, 5000])
    model = Classifier()
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(model, DataLoader(train, batch_size=64), DataLoader(validation, batch_size=64))
    return lambda: answers_of(model.layers, floats(data.x_test))()


def pellucid(**settings: Any) -> Callable[[Images, int], Trained]:
    """Pellucid at its defaults but for these settings and the number of epochs, or of seconds for `svm`."""

    def train(data: Images, length: int) -> Trained:
        from pellucid import ImageClassifier

        limit = {"time_limit": f"{length}s"} if settings.get("model") == "svm" else {"epochs": length}
        classifier = ImageClassifier(**settings, **limit).fit(data.x_train, data.y_train)
        return lambda: classifier.predict(data.x_test)

    return train


class Recipe(NamedTuple):
    """A documented recipe: its title, how it trains for a number of epochs or seconds, and that number.

    `packages` are what it imports, first so that imports do not count; `backend` is of Keras.
    """

    title: str
    train: Callable[[Images, int], Trained]
    epochs: int
    packages: tuple[str, ...]
    backend: str = ""


_KERAS, _PELLUCID = "Keras, simple MNIST convnet", ("pellucid", "pellucid.estimators", "torch")
_FASTAI = ("fastai.callback.progress", "fastai.callback.schedule", "torch")
_SVM = (*_PELLUCID, "pellucid.classical", "sklearn.decomposition", "sklearn.svm")
RECIPES = {
    "keras-tensorflow": Recipe(f"{_KERAS}, TensorFlow", keras, 15, ("keras", "tensorflow"), "tensorflow"),
    "keras-jax": Recipe(f"{_KERAS}, JAX", keras, 15, ("keras", "jax"), "jax"),
    "keras-torch": Recipe(f"{_KERAS}, PyTorch", keras, 15, ("keras", "torch"), "torch"),
    "fastai": Recipe("fastai, the book's chapter 13", fastai, 5, _FASTAI),
    "skorch": Recipe("skorch, notebook MNIST", skorch, 10, ("skorch", "torch")),
    "lightning": Recipe("Lightning, MNIST hello world", lightning, 3, ("lightning.pytorch", "torch")),
    "pellucid": Recipe("Pellucid, `cnn`", pellucid(), 6, _PELLUCID),
    "pellucid-narrow": Recipe("Pellucid, `cnn --width 16`", pellucid(width=16), 6, _PELLUCID),
    "pellucid-mlp": Recipe("Pellucid, `mlp`", pellucid(model="mlp"), 4, _PELLUCID),
    "pellucid-narrow-mlp": Recipe(
        "Pellucid, `mlp --width 256`", pellucid(model="mlp", width=256), 4, _PELLUCID
    ),
    "pellucid-svm": Recipe("Pellucid, `svm --time-limit`", pellucid(model="svm"), 15, _SVM),
}


def load(folder: Path) -> dict[str, np.ndarray]:
    """The four IDX files of FOLDER."""
    found = {}
    for split, start in (("train", "train"), ("test", "t10k")):
        for name, kind, offset in (("x", "images-idx3", 16), ("y", "labels-idx1", 8)):
            content = gzip.decompress((folder / f"{start}-{kind}-ubyte.gz").read_bytes())
            shape = (-1, 28, 28) if name == "x" else (-1,)
            found[f"{name}_{split}"] = np.frombuffer(content, np.uint8, offset=offset).reshape(shape)
    return found


def run_once(name: str, data: Path, epochs: int, environment: dict[str, str]) -> dict[str, float]:
    """Seconds and test accuracy of one recipe, in a process of its own."""
    backend = {"KERAS_BACKEND": RECIPES[name].backend} if RECIPES[name].backend else {}
    command = [sys.executable, __file__, "--alone", name, data, epochs]
    found: dict[str, float] = json.loads(ran(command, backend | environment).output.splitlines()[-1])
    return found


def alone(name: str, data: str, epochs: str) -> None:
    """Train by one recipe in this process, and print as JSON what it cost and reached."""
    answers_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints goes to standard error
    recipe = RECIPES[name]
    for package in recipe.packages:
        __import__(package)
    with np.load(data, allow_pickle=False) as file:
        images = Images(*(file[name] for name in Images._fields))
    began = time.perf_counter()
    trained = recipe.train(images, int(epochs))
    seconds = time.perf_counter() - began
    accuracy = float((trained() == images.y_test).mean())
    answers_to.write(json.dumps({"seconds": seconds, "accuracy": accuracy}) + "\n")
    answers_to.flush()


def rows(found: dict[tuple[str, int], list[dict[str, float]]]) -> list[tuple[str, ...]]:
    """Rows of the table: each recipe, and the shortest of our trainings that reaches its mean accuracy."""
    mean = {key: statistics.fmean(run["accuracy"] for run in runs) for key, runs in found.items()}
    seconds = {key: [run["seconds"] for run in runs] for key, runs in found.items()}
    ours = sorted((key for key in found if key[0] in OURS), key=lambda key: statistics.median(seconds[key]))
    table = []
    for key in found:
        name, epochs = key
        reached = next((other for other in ours if mean[other] >= mean[key]), None)
        beside = ("", "") if name in OURS else ("not reached", "")
        if name not in OURS and reached is not None:
            ratios = [theirs / own for theirs, own in zip(seconds[key], seconds[reached], strict=True)]
            took = statistics.median(seconds[reached])
            beside = (
                f"{RECIPES[reached[0]].title}, {reached[1]}: {mean[reached]:.4f}, {took:.1f} s",
                f"{statistics.median(ratios):.2f} x [{spread(ratios, 2)}]",
            )
        took = f"{statistics.median(seconds[key]):.1f} s [{spread(seconds[key], 1)}]"
        table.append((RECIPES[name].title, str(epochs), f"{mean[key]:.4f}", took, *beside))
    return table


def main() -> int:
    parser = command_line(
        __doc__, data=FASHION, rounds=3, only=Among(RECIPES), epochs=[1, 2, 3, 4, 6],
        limits=[3, 6, 15, 30], avx2=False,
    )  # fmt: skip
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(*given.alone)
        return 0
    rivals = ("keras", "tensorflow-cpu", "jax", "fastai", "skorch", "lightning")
    facts = heading("pellucid", "torch", *rivals)
    there = [
        name
        for name in given.only
        if all(importlib.util.find_spec(package.split(".")[0]) for package in RECIPES[name].packages)
    ]
    for name in sorted(set(given.only) - set(there)):
        print(f"{name}: not installed, left out")
    lengths = {name: given.limits if name == _BY_SECONDS else given.epochs for name in OURS}
    plan = [(name, length) for name in there for length in lengths.get(name, [RECIPES[name].epochs])]
    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **load(given.data))
        for number in range(given.rounds):
            for name, epochs in plan[number % len(plan) :] + plan[: number % len(plan)]:
                run = run_once(name, data, epochs, AVX2 if given.avx2 else {})
                found[name, epochs].append(run)
                print(f"{name}, {epochs}: {run['accuracy']:.4f} in {run['seconds']:.1f} s", flush=True)
    ordered = {key: found[key] for key in plan}
    print(f"\nn = {given.rounds}; accuracy on 10,000 test images, mean; seconds, median\n")
    print_table(("recipe", "epochs or limit", "accuracy", "time", "Pellucid", "Pellucid is"), rows(ordered))
    write_json(given.json, {**facts, "found": [[*key, runs] for key, runs in ordered.items()]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
