"""What a pretrained backbone gains on few images, and what fine-tuning adds.

    python benchmarks/backbones.py [FOLDER] [--stamps groups] [--folds 5] [--backbone efficientnet-lite0]
    python benchmarks/backbones.py [DATA] [--stamps groups] --tuning [--whole] [--test DATA] [--seeds 3]
                                                          [--epochs N]

FOLDER holds one folder for each class. Without one, `--stamps` lays out those of Debian's package
`tuxpaint-stamps-default`, photographs and drawings, cut out: `groups` takes eight of the uppermost folders,
563 images; `kinds` every folder one level below with at least 16 images, letters, coins and signs left out.

On the same folds three models are trained and judged: `cnn` from scratch, a support vector machine on
histograms of oriented gradients or pixels, and the models on the backbone, of which the best on validation is
taken.

With `--tuning`, for each seed a head is trained on the frozen features of the backbone, which is fine-tuned
as `pellucid train` does it, its last blocks alone where the images are few, or with `--whole` every layer;
then the weights before, those after and the mean of both are asked about test examples drawn by chance. The
seed decides which examples validate, and every draw of training.

Takes: about 12 minutes for 560 images and 5 folds on two cores; fine-tuning 90 seconds a seed for 500 images
"""

import argparse
import copy
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from measuring import STAMPS, Among, command_line, heading, print_table, write_json

from pellucid.arithmetic import accuracy, log_loss
from pellucid.data import Dataset, prepare
from pellucid.data import folds as divided
from pellucid.pipeline.comparing.compare import fitted_on_folds
from pellucid.pipeline.learners import backbone_learners
from pellucid.pipeline.learners.backbone_choice import chosen
from pellucid.pipeline.learners.backbone_costs import tunes_last_blocks, tuning_recipe
from pellucid.pipeline.learners.backbone_learners import train_head
from pellucid.pipeline.learners.candidates import Features
from pellucid.pipeline.learners.preparation import unvaried_model_of
from pellucid.settings import Settings
from pellucid.training import loop
from pellucid.training.hardware import choose_threads, pinned
from pellucid.training.state import weights_of

_GROUPS = ("animals", "clothes", "food", "household", "people", "plants", "town", "vehicles")
_FEWEST = 16


def lay_out(division: str, folder: Path) -> str:
    """Copy the stamps of a division into folders of classes, each under the name of its whole path."""
    classes = [STAMPS / name for name in _GROUPS]
    if division == "kinds":
        below = [path for path in sorted(STAMPS.glob("*/*/")) if path.parent.name != "symbols"]
        classes = [path for path in below if len(list(path.rglob("*.png"))) >= _FEWEST]
    for source in classes:
        (folder / source.name).mkdir()
        for image in sorted(source.rglob("*.png")):
            shutil.copy(image, folder / source.name / "_".join(image.relative_to(STAMPS).parts))
    return str(folder)


def compared(data: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train and judge every contender on every fold, and print a table."""
    on = Settings(backbone=given.backbone, threads=given.threads)
    contenders = {name: Settings(model=name, threads=given.threads) for name in ("cnn", "svm")}
    contenders[given.backbone] = on
    dataset, _ = prepare(data, on)
    rows = []
    for name, settings in contenders.items():
        parts = divided(dataset, given.folds, settings.seed)
        found = [*fitted_on_folds(settings, parts)]
        scores = [float(one.of("scores")["accuracy"]) for one in found]
        seconds = statistics.median(one.seconds for one in found)
        shown = ", ".join(f"{score:.3f}" for score in scores)
        rows.append([name, f"{np.mean(scores):.3f}", shown, f"{seconds:.0f} s", f"{len(parts[0].train)}"])
        print(rows[-1], flush=True)
    print_table(["model", "accuracy", "folds", "seconds a fold", "training images"], rows)
    return {"rows": rows}


Scores = tuple[float, float]


def tuned(dataset: Dataset, settings: Settings, tested: int, *, whole: bool) -> dict[str, Scores | float]:
    """Accuracy and log loss of the three networks on test examples; what validation kept; seconds."""
    material = dataset
    (choice,) = chosen(settings, material)
    network, prepared = choice.started(settings), choice.prepared(material)
    asked = np.random.default_rng(0).permutation(dataset.test)[:tested]
    with pinned(choose_threads(settings)):
        model = unvaried_model_of(network, prepared, material.classes)
        positions = np.union1d(choice.train, material.validation)
        seen = Features(model.transform(material.inputs[positions]), positions)
        train_head(network, seen, prepared, settings)
        trained, last = copy.deepcopy(network), {}

        def run(session: backbone_learners.Session[Any]) -> None:
            backbone_learners.to_the_end(session)
            last.update(weights_of(trained))

        began = time.perf_counter()
        is_upper = not whole and tunes_last_blocks(settings, choice, prepared)
        recipe = tuning_recipe(settings, prepared, is_upper=is_upper)
        kept, _ = backbone_learners.tuned(trained, prepared, recipe, run, is_upper=is_upper)
        found: dict[str, Scores | float] = {"kept": kept, "seconds": time.perf_counter() - began}
        for share in loop.SHARES:
            trained.load_state_dict(loop.mixed(weights_of(network), last, share))
            said = unvaried_model_of(trained, prepared, dataset.classes).predict_proba(dataset.inputs[asked])
            labels = dataset.labels[asked]
            found[str(share)] = accuracy(labels, said), log_loss(labels, said)
    return found


def fine_tuning(data: str, given: argparse.Namespace) -> dict[str, Any]:
    """Fine-tune with every seed, and print a table."""
    own = {"backbone": given.backbone, "epochs": given.epochs, "threads": given.threads, "test": given.test}
    rows, found = [], []
    for seed in range(given.seeds):
        settings = Settings(**own, seed=seed)
        one = tuned(prepare(data, settings)[0], settings, given.tested, whole=given.whole)
        found.append(one)
        rows.append([f"seed {seed}", *_cells(one), f"{one['kept']}", f"{one['seconds']:.0f} s"])
        print(rows[-1], flush=True)
    means = {str(share): np.mean([one[str(share)] for one in found], axis=0) for share in loop.SHARES}
    rows.append(["mean", *_cells(means), "", ""])
    print_table(["", "frozen", "the mean", "fine-tuned", "kept", "fine-tuning"], rows)
    return {"found": found}


def _cells(found: Mapping[str, Any]) -> list[str]:
    return ["{:.3f}, {:.3f}".format(*found[str(share)]) for share in loop.SHARES]


def main() -> None:
    own = {"backbone": "efficientnet-lite0", "threads": int, "folds": 5, "seeds": 3, "epochs": int}
    stamps = Among(("groups", "kinds"), "groups")
    parser = command_line(__doc__, stamps=stamps, **own, tuning=False, whole=False, test=str, tested=600)
    parser.add_argument("data", metavar="FOLDER", nargs="?")
    given = parser.parse_args()
    if given.data is None and not STAMPS.is_dir():
        print(f"skipped: {STAMPS} is not there; apt install tuxpaint-stamps-default, or give FOLDER")
        return
    facts = heading("torch", "timm", "scikit-learn")
    with tempfile.TemporaryDirectory() as into:
        data = given.data or lay_out(given.stamps, Path(into))
        facts |= (fine_tuning if given.tuning else compared)(data, given)
    write_json(given.json, facts)


if __name__ == "__main__":
    main()
