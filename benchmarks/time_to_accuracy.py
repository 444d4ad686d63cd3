"""Accuracy against time of training: libraries by documented recipes beside Pellucid.

    python benchmarks/time_to_accuracy.py [--rounds 3] [--only NAME ...] [--epochs 1 2 3 4 6]
                                          [--limits 3 6 15 30] [--avx2]
    python benchmarks/time_to_accuracy.py --data FOLDER --only fastai timm pellucid-limit
                                          --theirs 1 3 9 --limits 30 60 120 --longest 240 --curve FILE.svg

Every library trains by a recipe that its own documents, named at each, give for small images (layers, batches
and rates; only the data differs), for the epochs of the recipe or for each of `--theirs`, and is asked once
about the test images. Pellucid trains its `cnn` and its `mlp`, each as wide as usual and half as wide, for
each number of epochs in `--epochs`, its support vector machine within each time limit of `--limits`, and
`pellucid-limit`, the `cnn` within the same limits, at its defaults otherwise. Beside each recipe stands the
shortest of Pellucid's trainings that is at least as accurate in its mean over the rounds; `--curve` draws all
of them. FOLDER holds four IDX files, by default Fashion-MNIST, or `train/` and `test/` with a folder of
images of at most 32 x 32 pixels for each class. Seconds run from the images in memory to the trained model,
imports aside; processes are interleaved, one after the other, on all cores. A training that would take more
than `--longest` seconds by that for fewer epochs is left out.

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

_BY_SECONDS = ("pellucid-svm", "pellucid-limit")
_LARGEST = 32  # pixels of a side, which the recipes' networks take
OURS = ("pellucid", "pellucid-narrow", "pellucid-mlp", "pellucid-narrow-mlp", *_BY_SECONDS)


class Images(NamedTuple):
    """Images, grey or coloured, in 8 bits, and the numbers of their classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def classes(self) -> int:
        return int(self.y_train.max()) + 1

    @property
    def channels(self) -> int:
        return self.x_train.shape[3] if self.x_train.ndim == 4 else 1


Trained = Callable[[], np.ndarray]  # labels that a trained model gives the test images


def scaled(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255)


def with_channels(images: np.ndarray) -> np.ndarray:
    """Images as (examples, height, width, channels), 0 to 1."""
    return scaled(images if images.ndim == 4 else images[..., None])


def channels_first(images: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(with_channels(images)).permute(0, 3, 1, 2).contiguous()


def labels_of(labels: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(labels.astype(np.int64))


def answers_of(network: Any, images: Any) -> Trained:
    def answers() -> np.ndarray:
        import torch

        network.eval()
        with torch.no_grad():
            return torch.cat([network(some).argmax(dim=1) for some in images.split(1000)]).numpy()

    return answers


def keras(data: Images, epochs: int) -> Trained:
    """The code example "Simple MNIST convnet", on the backend that KERAS_BACKEND names."""
    from keras import Input, Sequential, layers

    convolutions = [
        layer
        for width in (32, 64)
        for layer in (layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D())
    ]
    head = [layers.Flatten(), layers.Dropout(0.5), layers.Dense(data.classes, activation="softmax")]
    x_train = with_channels(data.x_train)
    model = Sequential([Input(x_train.shape[1:]), *convolutions, *head])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x_train, data.y_train, batch_size=128, epochs=epochs, validation_split=0.1, verbose=0)
    return lambda: model.predict(with_channels(data.x_test), verbose=0).argmax(axis=1)


def fastai(data: Images, epochs: int) -> Trained:
    """The network that chapter 13 of the book ends with: strides of 2, batch norm, one cycle up to 0.1."""
    from torch import nn

    def convolution(before: int, after: int, kernel: int = 3, last: bool = False) -> nn.Sequential:
        tail = [] if last else [nn.ReLU()]
        return nn.Sequential(nn.Conv2d(before, after, kernel, 2, kernel // 2), nn.BatchNorm2d(after), *tail)

    widths = [convolution(data.channels, 8, 5), convolution(8, 16), convolution(16, 32), convolution(32, 64)]
    network = nn.Sequential(*widths, convolution(64, data.classes, last=True), nn.Flatten())
    return one_cycle_of_fastai(data, network, epochs, 512, 0.1)


def fastai_xresnet(data: Images, epochs: int) -> Trained:
    """The tutorial "Training a model on Imagenette": xresnet34 from random weights, one cycle up to 1e-3."""
    from fastai.vision.models.xresnet import xresnet34

    network = xresnet34(n_out=data.classes, c_in=data.channels)
    return one_cycle_of_fastai(data, network, epochs, 64, 1e-3)


def one_cycle_of_fastai(data: Images, network: Any, epochs: int, batch: int, rate: float) -> Trained:
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from torch import nn
    from torch.utils.data import TensorDataset

    train, test = (
        TensorDataset(channels_first(images), labels_of(labels))
        for images, labels in ((data.x_train, data.y_train), (data.x_test, data.y_test))
    )
    loaders = DataLoaders.from_dsets(train, test, bs=batch, num_workers=0, device="cpu")
    learner = Learner(loaders, network, loss_func=nn.functional.cross_entropy)
    with learner.no_bar(), learner.no_logging(), learner.no_mbar():
        learner.fit_one_cycle(epochs, rate)
    return answers_of(network, test.tensors[0])


def skorch(data: Images, epochs: int) -> Trained:
    """The convolutional network of the notebook "MNIST with SciKit-Learn and skorch"."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    side = ((data.x_train.shape[1] - 2) // 2 - 2) // 2
    maps = [
        nn.Conv2d(data.channels, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.Dropout2d(0.5),
    ]
    maps += [nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    dense = [nn.Linear(64 * side * side, 100), nn.ReLU(), nn.Dropout(0.5), nn.Linear(100, data.classes)]
    network = nn.Sequential(*maps, *dense, nn.Softmax(dim=-1))
    classifier = NeuralNetClassifier(
        network, max_epochs=epochs, lr=0.002, optimizer=torch.optim.Adam, verbose=0
    )
    classifier.fit(channels_first(data.x_train), labels_of(data.y_train))
    return lambda: classifier.predict(channels_first(data.x_test))


def lightning(data: Images, epochs: int) -> Trained:
    """The tutorial "MNIST Hello World": two hidden layers of 64 units."""
    import torch
    from torch import nn

    layers = [nn.Flatten(), nn.Linear(data.x_train[0].size, 64), nn.ReLU(), nn.Dropout(0.1)]
    layers += [nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, data.classes)]

    def optimiser(weights: Any, _: int) -> Any:
        return torch.optim.Adam(weights, lr=2e-4)

    x_train, x_test = ((channels_first(images) - 0.1307) / 0.3081 for images in (data.x_train, data.x_test))
    network = nn.Sequential(*layers)
    trained_by_lightning(network, x_train, labels_of(data.y_train), optimiser, epochs, 64)
    return answers_of(network, x_test)


def lightning_resnet(data: Images, epochs: int) -> Trained:
    """The tutorial "CIFAR10 ~94 % Baseline": ResNet-18 with a small stem, one cycle up to 0.1, batch 256."""
    import torch
    from torch import nn
    from torchvision.models import resnet18
    from torchvision.transforms import v2

    network = resnet18(num_classes=data.classes)
    network.conv1 = nn.Conv2d(data.channels, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    x_train, x_test = (channels_first(images) for images in (data.x_train, data.x_test))
    mean, std = x_train.mean((0, 2, 3), keepdim=True), x_train.std((0, 2, 3), keepdim=True)
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std
    views = v2.Compose([v2.RandomCrop(x_train.shape[2:], padding=4), v2.RandomHorizontalFlip()])

    def optimiser(weights: Any, steps: int) -> Any:
        descent = torch.optim.SGD(weights, lr=0.05, momentum=0.9, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(descent, 0.1, total_steps=steps)
        return {"optimizer": descent, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    trained_by_lightning(network, x_train, labels_of(data.y_train), optimiser, epochs, 256, views)
    return answers_of(network, x_test)


def trained_by_lightning(
    network: Any,
    x_train: Any,
    y_train: Any,
    optimiser: Callable[[Any, int], Any],
    epochs: int,
    batch: int,
    view: Callable[[Any], Any] = lambda image: image,
) -> None:
    """Train with a twelfth of the examples for validation; `view` changes an image of training."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, random_split

    class Classifier(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

        def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
            self.log("loss", nn.functional.cross_entropy(self.layers(batch[0]), batch[1]), prog_bar=True)

        def configure_optimizers(self) -> Any:
            return optimiser(self.parameters(), int(self.trainer.estimated_stepping_batches))

    def collated(examples: list[tuple[torch.Tensor, torch.Tensor]]) -> list[torch.Tensor]:
        return [torch.stack([view(image) for image, _ in examples]), torch.stack([y for _, y in examples])]

    held = len(x_train) // 12
    train, validation = random_split(TensorDataset(x_train, y_train), [len(x_train) - held, held])
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False)
    loader = DataLoader(train, batch_size=batch, shuffle=True, drop_last=True, collate_fn=collated)
    trainer.fit(Classifier(), loader, DataLoader(validation, batch_size=batch))


def timm(data: Images, epochs: int) -> Trained:
    """ResNet-18 by the defaults of timm's `train.py`: SGD with cosine, its augmentation, batch 128."""
    import torch
    from PIL import Image
    from timm import create_model
    from timm.data import create_transform
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler

    side, grey = data.x_train.shape[1], data.channels == 1
    network = create_model("resnet18", num_classes=data.classes, in_chans=data.channels)
    plain = {"mean": (0.5,) * data.channels, "std": (0.5,) * data.channels}
    view = create_transform(side, is_training=True, color_jitter=None if grey else 0.4, **plain)
    pictures = [Image.fromarray(image) for image in data.x_train]
    steps = len(pictures) // 128
    optimiser = create_optimizer_v2(network, "sgd", lr=0.05, weight_decay=2e-5, momentum=0.9)
    warm_up = min(5, epochs // 4) * steps
    schedule = CosineLRScheduler(optimiser, epochs * steps, warmup_t=warm_up, warmup_lr_init=1e-5)
    loss = LabelSmoothingCrossEntropy(0.1)
    network.train()
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(pictures))
        for number, chosen in enumerate(np.split(order[: 128 * steps], steps)):
            schedule.step(epoch * steps + number)
            optimiser.zero_grad()
            images = torch.stack([view(pictures[index]) for index in chosen])
            loss(network(images), labels_of(data.y_train[chosen])).backward()
            optimiser.step()
    return answers_of(network, (channels_first(data.x_test) - 0.5) / 0.5)


def pellucid(by_seconds: bool = False, **settings: Any) -> Callable[[Images, int], Trained]:
    """Pellucid at its defaults but for these settings and the number of epochs, or of seconds."""

    def train(data: Images, length: int) -> Trained:
        from pellucid import ImageClassifier

        limit = {"time_limit": f"{length}s"} if by_seconds else {"epochs": length}
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
_LIGHTNING, _TIMM = ("lightning.pytorch", "torchvision", "torch"), ("timm", "timm.data", "torch")
_FASTAI = ("fastai.vision.models", "fastai.callback.progress", "fastai.callback.schedule", "torch")
_SVM = (*_PELLUCID, "pellucid.classical", "sklearn.decomposition", "sklearn.svm")
RECIPES = {
    "keras-tensorflow": Recipe(f"{_KERAS}, TensorFlow", keras, 15, ("keras", "tensorflow"), "tensorflow"),
    "keras-jax": Recipe(f"{_KERAS}, JAX", keras, 15, ("keras", "jax"), "jax"),
    "keras-torch": Recipe(f"{_KERAS}, PyTorch", keras, 15, ("keras", "torch"), "torch"),
    "fastai": Recipe("fastai, the book's chapter 13", fastai, 5, _FASTAI),
    "skorch": Recipe("skorch, notebook MNIST", skorch, 10, ("skorch", "torch")),
    "fastai-xresnet": Recipe("fastai, tutorial Imagenette", fastai_xresnet, 5, _FASTAI),
    "lightning": Recipe("Lightning, MNIST hello world", lightning, 3, _LIGHTNING),
    "lightning-resnet": Recipe("Lightning, CIFAR10 baseline", lightning_resnet, 30, _LIGHTNING),
    "timm": Recipe("timm, resnet18 by train.py", timm, 300, _TIMM),
    "pellucid": Recipe("Pellucid, `cnn`", pellucid(), 6, _PELLUCID),
    "pellucid-narrow": Recipe("Pellucid, `cnn --width 16`", pellucid(width=16), 6, _PELLUCID),
    "pellucid-mlp": Recipe("Pellucid, `mlp`", pellucid(model="mlp"), 4, _PELLUCID),
    "pellucid-narrow-mlp": Recipe(
        "Pellucid, `mlp --width 256`", pellucid(model="mlp", width=256), 4, _PELLUCID
    ),
    "pellucid-svm": Recipe("Pellucid, `svm --time-limit`", pellucid(by_seconds=True, model="svm"), 15, _SVM),
    "pellucid-limit": Recipe(
        "Pellucid, `cnn --time-limit`", pellucid(by_seconds=True, model="cnn"), 15, _PELLUCID
    ),
}


def load(folder: Path) -> dict[str, np.ndarray]:
    """The four IDX files of FOLDER, or its images by class; `SystemExit` where they are too large."""
    if (folder / "train").is_dir():
        return {
            f"{name}_{split}": values
            for split in ("train", "test")
            for name, values in zip("xy", by_class(folder / split), strict=True)
        }
    found = {}
    for split, start in (("train", "train"), ("test", "t10k")):
        for name, kind, offset in (("x", "images-idx3", 16), ("y", "labels-idx1", 8)):
            content = gzip.decompress((folder / f"{start}-{kind}-ubyte.gz").read_bytes())
            shape = (-1, 28, 28) if name == "x" else (-1,)
            found[f"{name}_{split}"] = np.frombuffer(content, np.uint8, offset=offset).reshape(shape)
    return found


def by_class(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Coloured images of a folder of classes, at the largest of their sizes, and their classes."""
    from PIL import Image

    paths = sorted(folder.glob("*/*"))
    names = sorted({path.parent.name for path in paths})
    pictures = [Image.open(path).convert("RGB") for path in paths]
    side = max(max(picture.size) for picture in pictures)
    if side > _LARGEST:
        raise SystemExit(f"error: {folder}: images of {side} pixels, at most {_LARGEST} expected")
    x = np.stack([np.asarray(picture.resize((side, side))) for picture in pictures])
    return x, np.array([names.index(path.parent.name) for path in paths])


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


def draw(path: Path, found: dict[tuple[str, int], list[dict[str, float]]]) -> None:
    """Draw the mean accuracy of each over its median seconds, on a logarithmic scale."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    axes = (figure := Figure((7, 4.5), layout="constrained")).add_subplot()
    for name in dict.fromkeys(name for name, _ in found):
        points = sorted(
            (
                statistics.median(run["seconds"] for run in runs),
                statistics.fmean(run["accuracy"] for run in runs),
            )
            for key, runs in found.items()
            if key[0] == name
        )
        style = {"linewidth": 2.5} if name in OURS else {"linestyle": "--"}
        axes.plot(*zip(*points, strict=True), marker="o", label=RECIPES[name].title.replace("`", ""), **style)
    axes.set(xscale="log", xlabel="seconds of training", ylabel="accuracy on test images")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)


def main() -> int:
    parser = command_line(
        __doc__, data=FASHION, rounds=3, only=Among(RECIPES), epochs=[1, 2, 3, 4, 6],
        limits=[3, 6, 15, 30], theirs=[0], longest=3600, curve=Path, avx2=False,
    )  # fmt: skip
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(*given.alone)
        return 0
    rivals = ("keras", "tensorflow-cpu", "jax", "fastai", "skorch", "lightning", "timm")
    facts = heading("pellucid", "torch", *rivals)
    there = [
        name
        for name in given.only
        if all(importlib.util.find_spec(package.split(".")[0]) for package in RECIPES[name].packages)
    ]
    for name in sorted(set(given.only) - set(there)):
        print(f"{name}: not installed, left out")
    lengths = {name: given.limits if name in _BY_SECONDS else given.epochs for name in OURS}
    plan = [
        (name, length or RECIPES[name].epochs) for name in there for length in lengths.get(name, given.theirs)
    ]
    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **load(given.data))
        for number in range(given.rounds):
            for name, epochs in plan[number % len(plan) :] + plan[: number % len(plan)]:
                if any(
                    run["seconds"] * epochs / before > given.longest and before < epochs
                    for (other, before), runs in found.items()
                    if other == name and name not in _BY_SECONDS
                    for run in runs
                ):
                    continue
                run = run_once(name, data, epochs, AVX2 if given.avx2 else {})
                found[name, epochs].append(run)
                print(f"{name}, {epochs}: {run['accuracy']:.4f} in {run['seconds']:.1f} s", flush=True)
    ordered = {key: found[key] for key in plan if len(found[key]) == given.rounds}
    print(f"\nn = {given.rounds}; accuracy on the test images, mean; seconds, median\n")
    print_table(("recipe", "epochs or limit", "accuracy", "time", "Pellucid", "Pellucid is"), rows(ordered))
    if given.curve:
        draw(given.curve, ordered)
    write_json(given.json, {**facts, "found": [[*key, runs] for key, runs in ordered.items()]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
