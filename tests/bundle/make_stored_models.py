"""Makes the stored models of a version, once for each release: `python make_stored_models.py FOLDER`.

FOLDER gets the inputs, and for each model its folder and `NAME.csv`, what `predict --probabilities` answered.
It only needs the commands of that version, so that it also runs beside the source of an earlier one.
"""

import csv
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

COMMON = ("--seed", "1", "--threads", "1", "--no-baselines")
MODELS = {
    "cnn": ("images", "--model", "cnn", "--width", "4", "--epochs", "2"),
    "lenet": ("images", "--model", "lenet", "--width", "4", "--epochs", "2"),
    "image-svm": ("images", "--model", "svm"),
    "text-cnn": ("texts.csv", "--model", "text-cnn", "--width", "4", "--epochs", "2"),
    "rnn": ("texts.csv", "--model", "rnn", "--width", "4", "--epochs", "2"),
    "bag": ("texts.csv", "--model", "bag", "--width", "4", "--epochs", "2"),
    "text-logistic-regression": ("texts.csv", "--model", "logistic-regression"),
}
WORDS = {
    "weather": "rain sun wind cloud storm warm cold snow fog mild".split(),
    "music": "song drum choir piano tune opera violin band verse note".split(),
}


def draw_images(folder: Path, count: int, seed: int) -> None:
    """Grey pictures of 8 x 8 pixels: stripes from left to right, or from top to bottom."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        for name, turned in (("across", False), ("down", True)):
            stripes = np.sin(np.arange(8) * generator.uniform(1.0, 2.2) + generator.uniform(0, 6))
            pixels = np.tile(stripes, (8, 1)) * 90 + 128 + generator.normal(0, 12, (8, 8))
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            grey = (pixels.T if turned else pixels).clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(place / f"{number}.png")


def write_texts(path: Path, count: int, seed: int) -> None:
    """A table of texts of five to nine words, two thirds of them of their class."""
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        for _ in range(count):
            for label, own in WORDS.items():
                others = [word for words in WORDS.values() for word in words]
                words = [
                    generator.choice(own if generator.random() < 2 / 3 else others)
                    for _ in range(generator.randint(5, 9))
                ]
                table.writerow((" ".join(words), label))


def run(folder: Path, *words: str) -> None:
    """Run a command of Pellucid in a folder, which must succeed; paths are relative to it."""
    subprocess.run([sys.executable, "-m", "pellucid", *words], check=True, cwd=folder)


def main(folder: Path) -> None:
    """Train each model on data made here, and keep its folder beside its answers."""
    draw_images(folder / "images", 3, seed=2)
    write_texts(folder / "texts.csv", 3, seed=2)
    with tempfile.TemporaryDirectory() as made:
        draw_images(Path(made) / "images", 60, seed=1)
        write_texts(Path(made) / "texts.csv", 60, seed=1)
        for name, (data, *settings) in MODELS.items():
            run(Path(made), "train", data, "--out", name, *COMMON, *settings)
            shutil.copytree(Path(made) / name / "model", folder / name)
            run(folder, "predict", name, data, "--probabilities", "--out", f"{name}.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
