"""What a pretrained backbone gains on few images, and how close its features come to the bare speed.

    python benchmarks/backbones.py FOLDER [--most 40] [--folds 5] [--backbone efficientnet-lite0]

FOLDER holds one folder for each class; `--most` draws so many images of each. On the same folds three
models are trained and judged: `cnn` from scratch, a support vector machine on histograms of oriented
gradients or pixels, and the models on the backbone, of which the best on validation is taken. Then features
of the images are computed by `transform` and by the bare network of timm in the same layout, in turn, and
their rates compared.

Takes: FOLDER; about 12 minutes for 560 images and 5 folds on two cores, most of them for `cnn`
"""

import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import command_line, heading, print_table

from pellucid.bundle import ImageModel
from pellucid.data import Dataset, prepare
from pellucid.data import folds as divided
from pellucid.pipeline.comparing.compare import fitted_on_folds
from pellucid.pipeline.learners.backbone_choice import chosen
from pellucid.pipeline.learners.preparation import material_of
from pellucid.settings import Settings
from pellucid.training.hardware import choose_threads, keep_freed_memory, pinned

_BATCH, _ROUNDS, _MOST_TIMED = 32, 5, 256


def judged(dataset: Dataset, settings: dict[str, Settings], folds: int) -> list[list[str]]:
    """Train and judge every contender on every fold; rows of a table."""
    rows = []
    for name, each in settings.items():
        parts = divided(dataset, folds, each.seed)
        found = [*fitted_on_folds(each, parts)]
        scores = [float(one.of("scores")["accuracy"]) for one in found]
        seconds = statistics.median(one.seconds for one in found)
        shown = ", ".join(f"{score:.3f}" for score in scores)
        rows.append([name, f"{np.mean(scores):.3f}", shown, f"{seconds:.0f} s", f"{len(parts[0].train)}"])
        print(rows[-1], flush=True)
    return rows


def rates(dataset: Dataset, settings: Settings) -> tuple[float, float]:
    """Images a second by `transform`, and by the bare network on inputs that are ready for it.

    Medians of both, taken in turn.
    """
    (choice,) = chosen(settings, material_of(dataset))
    assert dataset.preprocessing is not None
    network = choice.started(settings)
    model = ImageModel(network, dataset.preprocessing, dataset.classes)
    pixels = np.array(dataset.inputs[: min(len(dataset.labels), _MOST_TIMED)])
    bare = network.body.get_submodule("backbone.layers")
    ready = torch.rand(_BATCH, 3, *choice.config.seen).contiguous(memory_format=torch.channels_last)

    def by_network() -> None:
        with torch.inference_mode():
            for _ in range(len(pixels) // _BATCH):
                bare(ready)

    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    keep_freed_memory()  # as training and its features do
    with pinned(choose_threads(settings)):
        for _ in range(_ROUNDS):
            for name, work in (("ours", lambda: model.transform(pixels)), ("bare", by_network)):
                began = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - began)
    ours = len(pixels) / statistics.median(seconds["ours"])
    return ours, len(pixels) // _BATCH * _BATCH / statistics.median(seconds["bare"])


def drawn(folder: Path, most: int | None, into: Path) -> Path:
    """Copy images of every class by chance, or all where `most` is `None`, into a folder of the same form."""
    if most is None:
        return folder
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in one.iterdir() if path.is_file())
        (into / one.name).mkdir()
        for path in random.Random(0).sample(files, min(most, len(files))):
            shutil.copy(path, into / one.name)
    return into


def main() -> None:
    """Compare and print."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, help="images of each class (default: all)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--without-cnn", action="store_true", help="leave the network from scratch out")
    given = parser.parse_args()
    on = Settings(backbone=given.backbone, threads=given.threads)
    contenders = {
        "cnn": Settings(model="cnn", threads=given.threads),
        "svm": Settings(model="svm", threads=given.threads),
        given.backbone: on,
    }
    if given.without_cnn:
        del contenders["cnn"]
    with tempfile.TemporaryDirectory() as into:
        dataset, _ = prepare(str(drawn(given.folder, given.most, Path(into))), on)
    heading(["torch", "timm", "scikit-learn"])
    ours, bare = rates(dataset, on)
    print(
        f"features {ours:.0f} images/s, bare network {bare:.0f} images/s, ratio {ours / bare:.2f}",
        flush=True,
    )
    rows = judged(dataset, contenders, given.folds)
    print_table(["model", "accuracy", "folds", "seconds a fold", "training images"], rows)


if __name__ == "__main__":
    main()
