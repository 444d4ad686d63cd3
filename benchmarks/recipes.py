"""Recipes that other libraries document for small grey images, each in a process of its own.

    python benchmarks/recipes.py NAME DATA.npz [--epochs N]

DATA.npz holds uint8 `x_train`, `x_test` of 28 by 28 pixels and their labels `y_train`, `y_test`. Prints
one JSON line: seconds from the images in memory to the trained model, and its accuracy on the test images.
Layers, epochs, batches and rates are those of the documents named at each recipe, written for MNIST; only the
data differs. Imports of the library do not count.

Takes: on two cores half a minute to six minutes for each recipe on 60,000 images.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import command_line


class Images(NamedTuple):
    """Images and labels as the script was handed them."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


Trained = Callable[[], np.ndarray]
"""Labels that a trained model gives the test images."""


def keras(data: Images, epochs: int) -> Trained:
    """The code example "Simple MNIST convnet", on the backend that KERAS_BACKEND names."""
    from keras import Input, Sequential, layers

    model = Sequential(
        [
            Input((28, 28, 1)),
            *(
                layer
                for width in (32, 64)
                for layer in (layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D())
            ),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    x_train = (data.x_train / np.float32(255))[..., None]
    model.fit(x_train, data.y_train, batch_size=128, epochs=epochs, validation_split=0.1, verbose=0)
    return lambda: model.predict((data.x_test / np.float32(255))[..., None], verbose=0).argmax(axis=1)


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
        floats = torch.from_numpy(images / np.float32(255))[:, None]
        return TensorDataset(floats, torch.from_numpy(labels.astype(np.int64)))

    network = nn.Sequential(
        convolution(1, 8, 5),
        convolution(8, 16),
        convolution(16, 32),
        convolution(32, 64),
        convolution(64, 10, last=True),
        nn.Flatten(),
    )
    test = tensors(data.x_test, data.y_test)
    loaders = DataLoaders.from_dsets(
        tensors(data.x_train, data.y_train), test, bs=512, num_workers=0, device="cpu"
    )
    learner = Learner(loaders, network, loss_func=nn.functional.cross_entropy)
    with learner.no_bar(), learner.no_logging(), learner.no_mbar():
        learner.fit_one_cycle(epochs, 0.1)

    def answers() -> np.ndarray:
        network.eval()
        with torch.no_grad():
            return network(test.tensors[0]).argmax(dim=1).numpy()

    return answers


def skorch(data: Images, epochs: int) -> Trained:
    """The convolutional network of the notebook "MNIST with SciKit-Learn and skorch"."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.Dropout2d(0.5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1600, 100),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(100, 10),
        nn.Softmax(dim=-1),
    )
    classifier = NeuralNetClassifier(
        network, max_epochs=epochs, lr=0.002, optimizer=torch.optim.Adam, verbose=0
    )
    classifier.fit((data.x_train / np.float32(255))[:, None], data.y_train.astype(np.int64))
    return lambda: classifier.predict((data.x_test / np.float32(255))[:, None])


def lightning(data: Images, epochs: int) -> Trained:
    """The tutorial "MNIST Hello World": two hidden layers of 64 units."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, random_split

    class Classifier(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Flatten(),
                nn.Linear(784, 64),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Linear(64, 64),
                nn.ReLU(),
                nn.Dropout(0.1),
                nn.Linear(64, 10),
            )

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

        def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
            self.log("loss", nn.functional.cross_entropy(self.layers(batch[0]), batch[1]), prog_bar=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=2e-4)

    def floats(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((images / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081))[:, None]

    examples = TensorDataset(floats(data.x_train), torch.from_numpy(data.y_train.astype(np.int64)))
    train, validation = random_split(examples, [len(examples) - 5000, 5000])
    model = Classifier()
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(model, DataLoader(train, batch_size=64), DataLoader(validation, batch_size=64))

    def answers() -> np.ndarray:
        model.eval()
        with torch.no_grad():
            return model.layers(floats(data.x_test)).argmax(dim=1).numpy()

    return answers


def pellucid(data: Images, epochs: int) -> Trained:
    """Pellucid at its defaults but for the number of epochs."""
    from pellucid import ImageClassifier

    classifier = ImageClassifier(epochs=epochs).fit(data.x_train, data.y_train)
    return lambda: classifier.predict(data.x_test)


def narrow_pellucid(data: Images, epochs: int) -> Trained:
    """Pellucid's `cnn` of half the usual width, at its defaults otherwise."""
    from pellucid import ImageClassifier

    classifier = ImageClassifier(width=16, epochs=epochs).fit(data.x_train, data.y_train)
    return lambda: classifier.predict(data.x_test)


def small_pellucid(data: Images, epochs: int) -> Trained:
    """Pellucid's `mlp`, whose epochs are shorter, at its defaults but for their number."""
    from pellucid import ImageClassifier

    classifier = ImageClassifier(model="mlp", epochs=epochs).fit(data.x_train, data.y_train)
    return lambda: classifier.predict(data.x_test)


def narrow_small_pellucid(data: Images, epochs: int) -> Trained:
    """Pellucid's `mlp` of half the usual width, at its defaults otherwise."""
    from pellucid import ImageClassifier

    classifier = ImageClassifier(model="mlp", width=256, epochs=epochs).fit(data.x_train, data.y_train)
    return lambda: classifier.predict(data.x_test)


def machine_of_pellucid(data: Images, seconds: int) -> Trained:
    """Pellucid's support vector machine, which sees HOG, within a time limit of so many seconds."""
    from pellucid import ImageClassifier

    classifier = ImageClassifier(model="svm", time_limit=f"{seconds}s").fit(data.x_train, data.y_train)
    return lambda: classifier.predict(data.x_test)


class Recipe(NamedTuple):
    """A documented recipe.

    Attributes:
        title: what people read.
        train: trains on images for a number of epochs, or within a number of seconds.
        epochs: as documented, or those seconds.
        packages: what it imports, first so that imports do not count.
        backend: of Keras.
    """

    title: str
    train: Callable[[Images, int], Trained]
    epochs: int
    packages: tuple[str, ...]
    backend: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that its process starts with."""
        return {"KERAS_BACKEND": self.backend} if self.backend else {}


_KERAS, _PELLUCID = "Keras, simple MNIST convnet", ("pellucid", "pellucid.estimators", "torch")
RECIPES = {
    "keras-tensorflow": Recipe(f"{_KERAS}, TensorFlow", keras, 15, ("keras", "tensorflow"), "tensorflow"),
    "keras-jax": Recipe(f"{_KERAS}, JAX", keras, 15, ("keras", "jax"), "jax"),
    "keras-torch": Recipe(f"{_KERAS}, PyTorch", keras, 15, ("keras", "torch"), "torch"),
    "fastai": Recipe(
        "fastai, the book's chapter 13",
        fastai,
        5,
        ("fastai.callback.progress", "fastai.callback.schedule", "torch"),
    ),
    "skorch": Recipe("skorch, notebook MNIST", skorch, 10, ("skorch", "torch")),
    "lightning": Recipe("Lightning, MNIST hello world", lightning, 3, ("lightning.pytorch", "torch")),
    "pellucid": Recipe("Pellucid, `cnn`", pellucid, 6, _PELLUCID),
    "pellucid-narrow": Recipe("Pellucid, `cnn --width 16`", narrow_pellucid, 6, _PELLUCID),
    "pellucid-mlp": Recipe("Pellucid, `mlp`", small_pellucid, 4, _PELLUCID),
    "pellucid-narrow-mlp": Recipe("Pellucid, `mlp --width 256`", narrow_small_pellucid, 4, _PELLUCID),
    "pellucid-svm": Recipe(
        "Pellucid, `svm --time-limit`",
        machine_of_pellucid,
        15,
        (*_PELLUCID, "pellucid.classical", "sklearn.decomposition", "sklearn.svm"),
    ),
}


def main() -> int:
    """Train one recipe and print what it cost and reached; the exit code."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("name", choices=list(RECIPES))
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, help="default: as documented")
    given = parser.parse_args()
    answers_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints goes to standard error
    recipe = RECIPES[given.name]
    for package in recipe.packages:
        __import__(package)
    with np.load(given.data, allow_pickle=False) as file:
        data = Images(*(file[name] for name in Images._fields))
    began = time.perf_counter()
    trained = recipe.train(data, given.epochs or recipe.epochs)
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {"seconds": seconds, "accuracy": float((trained() == data.y_test).mean())}
    answers_to.write(json.dumps(found) + "\n")
    answers_to.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
