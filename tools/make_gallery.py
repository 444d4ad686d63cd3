"""Make the gallery: real reports, explain pages and app pages of small models of the bundled samples.

    python tools/make_gallery.py        # about 4.5 minutes on two quiet cores; make gallery does it too

Writes docs/_extra/gallery, which Sphinx copies into the site beside the pages. Runs stay in
docs/_build/gallery, so that another call trains nothing; `make clean` removes both.
"""

import argparse
import gzip
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

import pellucid
from pellucid.data.sources.samples import FASHION_FOLDER, SPAM_FILE

DOCS = Path(__file__).parent.parent / "docs"
OUT = DOCS / "_extra" / "gallery"
RUNS = DOCS / "_build" / "gallery"

# What is trained, by the folder of its run. Images and texts are compared with all classical models.
TRAINED = {
    "images": "train sample:fashion --model cnn --preset quick --epochs 8",
    "lenet": "train sample:fashion --model lenet --no-batch-norm --no-augment --no-baselines --epochs 8",
    "perceptron": "train sample:fashion --model mlp --preset quick --no-baselines",
    "texts": "train sample:spam --model rnn --preset quick --epochs 4",
    "vae": "train sample:fashion --model vae --preset quick --epochs 6",
}

# The pages, each with its command and its run. boot.png and mail.txt come from the samples' tests.
PAGES = {
    "explain-cnn.html": ("explain {run} boot.png --model cnn", "images"),
    "explain-svm.html": ("explain {run} boot.png --model svm", "images"),
    "explain-forest.html": ("explain {run} boot.png --model random-forest", "images"),
    "explain-lenet.html": ("explain {run} boot.png --model lenet", "lenet"),
    "explain-perceptron.html": ("explain {run} boot.png --model mlp", "perceptron"),
    "explain-lstm.html": ("explain {run} mail.txt --model rnn", "texts"),
    "explain-vae.html": ("explain {run} boot.png", "vae"),
    "app-images.html": ("export {run} --model cnn --examples 6 --play", "images"),
    "app-texts.html": ("export {run} --examples 6", "texts"),
}
REPORTS = {"report-images.html": "images", "report-texts.html": "texts"}

# Inputs of the samples' tests: the class of ankle boots, and the row of a short mail that is spam.
_BOOT = 9
_MAIL = 1562


def run_pellucid(command: str, *more: str) -> None:
    """Run a command in the folder of the runs, and end with its exit code if that is not 0."""
    sys.stdout.write(f"pellucid {' '.join([command, *more])}\n")
    sys.stdout.flush()
    words = [sys.executable, "-m", "pellucid", *command.split(), *more]
    # A backbone that is installed by chance must not make another gallery.
    environment = {**os.environ, "PELLUCID_BACKBONES": "none"}
    done = subprocess.run(words, cwd=RUNS, env=environment, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def write_inputs() -> None:
    """Write the image and the text that are explained."""
    images = gzip.decompress((FASHION_FOLDER / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((FASHION_FOLDER / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    number = labels.index(_BOOT)
    Image.frombytes("L", (28, 28), images[number * 784 : (number + 1) * 784]).save(RUNS / "boot.png")
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as lines:
        row = json.loads(next(itertools.islice(lines, _MAIL - 1, None)))
    (RUNS / "mail.txt").write_text(row["text"], encoding="utf-8")


def make(out: Path) -> None:
    """Train what is not trained yet, and write every page."""
    out.mkdir(parents=True, exist_ok=True)
    RUNS.mkdir(parents=True, exist_ok=True)
    write_inputs()
    for name, command in TRAINED.items():
        run_pellucid(command, "--out", name, "--resume")
    for page, (command, run) in PAGES.items():
        run_pellucid(command.format(run=run), "--out", str(out / page))
    for page, run in REPORTS.items():
        (out / page).write_bytes((RUNS / run / "report.html").read_bytes())
    # Last: what make and the tests take for a finished gallery.
    (out / "version.txt").write_text(f"{pellucid.__version__}\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="where the pages go")
    make(parser.parse_args().out.absolute())
