"""Small folders of photographs: `pellucid train` on a backbone beside timm, fastai and ultralytics.

    python benchmarks/few_photographs.py FOLDER... [--size 160] [--epochs 5] [--limit 2m]
                                         [--only pellucid frozen fastai]

Each FOLDER holds `train/` and `test/` with one sub-folder per class; `test/` may be large. Each contestant
runs in a process of its own, one after the other, offline, and answers with its accuracy on `test/`, beside
the seconds that it took from start to end, by the clock and, for machines with other work, of the processor,
of all its threads together:

- `pellucid train FOLDER --backbone efficientnet-lite0`, everything else at its default, within
  `--limit` where one is given;
- the same weights in timm's network as they are (frozen), and scikit-learn's logistic regression on their
  features of the images at that size, standardised: twenty lines;
- fastai's `vision_learner` with the same weights on images of the same size, then `fine_tune`, with
  `aug_transforms` and a tenth of the training images for validation, as its documentation shows;
- ultralytics' `yolo11n-cls`, 100 epochs on 64 pixels, as its documentation shows. Its weights come over the
  network alone, so it starts from random ones, and the table says so.

Install fastai (`pip install 'pellucid[bench]'`) and, only to compare with it, ultralytics, which is
licensed under the AGPL and therefore not named in our requirements. What is missing is left out.

Takes: FOLDER; for 500 images to learn from and 5,000 to be tested about 6 minutes on two cores
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measuring import PELLUCID, Among, command_line, heading, print_table, ran, write_json

_NAME = "efficientnet-lite0"
_NO_NETWORK = {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true"}
_MEAN, _SPREAD = (127 / 255,) * 3, (128 / 255,) * 3  # of colours, as these weights were trained
_ANSWER = "accuracy: "


def with_pellucid(folder: str, given: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as out:
        run = Path(out) / "run"
        limited = ["--time-limit", given.limit] if given.limit else []
        ran([PELLUCID, "train", folder, "--out", run, "--backbone", _NAME, *limited])
        metrics = json.loads((run / "metrics.json").read_bytes())
    accuracy: float = metrics["models"][metrics["recommended"]]["test"]["accuracy"]["value"]
    return accuracy


def with_frozen(folder: str, given: argparse.Namespace) -> float:
    """Logistic regression on features of timm's network, whose weights stay as they are."""
    import numpy as np
    import torch
    from PIL import Image
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from timm import create_model
    from timm.data import create_transform

    from pellucid.pretrained import packaged_backbone

    network = create_model("tf_efficientnet_lite0", num_classes=0).eval()
    network.load_state_dict(packaged_backbone(_NAME).tensors, strict=False)
    view = create_transform(given.size, mean=_MEAN, std=_SPREAD, crop_pct=1.0)
    splits = {}
    for split in ("train", "test"):
        paths = sorted(Path(folder, split).glob("*/*"))
        views = [view(Image.open(path).convert("RGB")) for path in paths]
        with torch.inference_mode():
            features = [network(torch.stack(views[start : start + 64])) for start in range(0, len(views), 64)]
        splits[split] = np.concatenate(features), [path.parent.name for path in paths]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*splits["train"])
    return float(model.score(*splits["test"]))


def with_fastai(folder: str, given: argparse.Namespace) -> float:
    """Train with fastai as its documentation shows, from the same weights."""
    from fastai.vision.all import (
        ImageDataLoaders,
        Normalize,
        Resize,
        accuracy,
        aug_transforms,
        get_image_files,
        vision_learner,
    )

    from pellucid.pretrained import packaged_backbone

    loaders = ImageDataLoaders.from_folder(
        Path(folder) / "train",
        valid_pct=0.1,
        seed=0,
        item_tfms=Resize(given.size),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(_MEAN, _SPREAD)],
        num_workers=0,
    )
    learner = vision_learner(loaders, "tf_efficientnet_lite0", pretrained=False, metrics=accuracy)
    missing, _ = learner.model[0].model.load_state_dict(packaged_backbone(_NAME).tensors, strict=False)
    assert not missing, missing
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(given.epochs)
        test = loaders.test_dl(get_image_files(Path(folder) / "test"), with_labels=True)
        return float(learner.validate(dl=test)[1])


def with_ultralytics(folder: str, given: argparse.Namespace) -> float:
    """Train ultralytics' smallest classifier as its documentation shows; size and epochs are its own."""
    del given
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as out:
        model = YOLO("yolo11n-cls.yaml")
        model.train(
            data=folder, epochs=100, imgsz=64, val=False, project=out, device="cpu", plots=False, workers=0
        )
        return float(model.metrics.top1)


CONTESTANTS: dict[str, Callable[[str, argparse.Namespace], float]] = {
    "pellucid": with_pellucid,
    "frozen": with_frozen,
    "fastai": with_fastai,
    "ultralytics": with_ultralytics,
}
_PACKAGES = {"frozen": "timm"}
_STARTS = {"ultralytics": "random"}


def main() -> None:
    parser = command_line(__doc__, size=160, epochs=5, limit="", only=Among(CONTESTANTS))
    parser.add_argument("folders", metavar="FOLDER", nargs="+")
    parser.add_argument("--alone", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(f"{_ANSWER}{CONTESTANTS[given.alone](given.folders[0], given)}")
        return
    facts = heading("pellucid", "torch", "timm", "fastai", "ultralytics")
    rows, own = [], ["--size", given.size, "--epochs", given.epochs, "--limit", given.limit]
    there = [name for name in given.only if importlib.util.find_spec(_PACKAGES.get(name, name))]
    for folder in given.folders:
        for name in there:
            command = [sys.executable, __file__, folder, "--alone", name, *own]
            ended = ran(command, _NO_NETWORK)
            accuracy, seconds = float(ended.output.rpartition(_ANSWER)[2]), ended.seconds
            costs = f"{seconds:.0f} s", f"{ended.processor_seconds:.0f} s"
            start = _STARTS.get(name, "ImageNet")
            rows.append([Path(folder).name, name, start, f"{accuracy:.3f}", *costs])
            print(*rows[-1], flush=True)
    print_table(["images", "contestant", "weights at the start", "accuracy", "time", "processor"], rows)
    write_json(given.json, {**facts, "rows": rows})


if __name__ == "__main__":
    main()
