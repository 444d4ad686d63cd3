"""Labels and probabilities of exported files and of pages beside the model's, on all held-out original files.

    fashion       Fashion-MNIST as PNG files, its test split of 10,000
    photographs   colour photographs made JPEG files of mixed sizes, each in one of EXIF's eight orientations;
                  needs --photographs FOLDER, class folders in `train` and `test`
    r8, chinese, spam   texts, see `text_data.py`

A network of each is trained for an epoch, exported, which proves the file on up to 1,000 test examples; then
`pellucid predict` and `python -m pellucid.runtime` are asked about all test files, the runtime in a process
that cannot import torch, scikit-learn or SciPy. With --pages its page is opened in a browser and asked about
all of them too.

Takes: about 10 minutes, with pages 20; texts come from the registries once.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measuring import command_line, heading, print_table
from PIL import Image

FASHION = Path("/usr/share/datasets/fashion-mnist")
TIE = 1e-5
SETS = ("fashion", "photographs", "r8", "chinese", "spam")
_ORIENTATION = 0x0112
_WITHOUT = (
    "import sys; sys.modules['torch'] = sys.modules['sklearn'] = sys.modules['scipy'] = None; "
    "from pellucid.runtime.__main__ import main; sys.exit(main())"
)


def main() -> int:
    """Train, export, ask and print a table; exit code 1 where a label differs without a tie."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument(
        "--sets", default="fashion,photographs,r8,chinese,spam", help="some of them, by commas"
    )
    parser.add_argument("--photographs", type=Path, help="folder of photographs")
    parser.add_argument("--train", type=int, default=2_000, help="training examples (default: 2,000)")
    parser.add_argument("--test", type=int, default=10_000, help="most test examples (default: 10,000)")
    parser.add_argument("--pages", action="store_true", help="ask pages in a browser too")
    given = parser.parse_args()
    heading(("pellucid", "onnxruntime", "torch", "numpy", "pillow"))
    rows = []
    for name in given.sets.split(","):
        if name == "photographs" and given.photographs is None:
            print("photographs: left out; give --photographs FOLDER")
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            data, inputs, model = _MAKERS.get(name, _texts)(name, folder, given)
            found = compared(folder, data, inputs, model, _FLAGS.get(name, ()))
            page = on_page(str(folder / "run"), given.test) if given.pages else "not asked"
            rows.append((name, model, *found, page))
            print(*rows[-1], flush=True)
    heads = ("set", "model", "examples", "labels equal", "ties", "largest difference", "novelty", "page")
    print_table(heads, rows)
    return int(any(row[3] != row[2] for row in rows))


def compared(folder: Path, data: Path, inputs: Path, model: str, given: Sequence[str]) -> tuple[str, ...]:
    """Train, export, and compare the answers about `inputs`; cells of a row."""
    run, exported = str(folder / "run"), str(folder / "model.onnx")
    pellucid = [sys.executable, "-m", "pellucid"]
    more = ["--model", model, "--epochs", "1", "--no-baselines", "--no-learning-curve", "--seed", "1"]
    more += given
    quiet([*pellucid, "train", str(data), "--out", run, *more])
    print(quiet([*pellucid, "export", run, "--out", exported]).splitlines()[-2], flush=True)
    asked = [str(inputs), "--probabilities", "--out"]
    quiet([*pellucid, "predict", run, *asked, str(folder / "ours.csv")])
    quiet([sys.executable, "-c", _WITHOUT, exported, *asked, str(folder / "theirs.csv")])
    header, ours = rows_of(folder / "ours.csv")
    other, theirs = rows_of(folder / "theirs.csv")
    if header != other or [row[0] for row in ours] != [row[0] for row in theirs]:
        raise SystemExit(f"{inputs}: other columns or rows")
    first, second = (np.array([row[5:] for row in each], float) for each in (ours, theirs))
    labels = [our[1] == their[1] for our, their in zip(ours, theirs, strict=True)]
    places = np.arange(len(first))
    gap = first.max(axis=1) - first[places, second.argmax(axis=1)]
    ties = sum(not same and each <= TIE for same, each in zip(labels, gap.tolist(), strict=True))
    novelty = [
        abs(float(our[4]) - float(their[4])) for our, their in zip(ours, theirs, strict=True) if our[4]
    ]
    return (
        f"{len(ours):,}",
        f"{sum(labels) + ties:,}",
        f"{ties:,}",
        f"{np.abs(first - second).max():.1e}",
        f"{max(novelty):.1e}" if novelty else "none",
    )


def on_page(run: str, most: int) -> str:
    """Ask the page of a run about its held-out original files; it fails where a label differs without a tie.

    How many, and the largest difference of a probability.
    """
    from pellucid.answering.naming import model_of
    from pellucid.bundle import load
    from pellucid.export.app.chromium import find_browser
    from pellucid.export.app.content import page_of
    from pellucid.export.app.exporting import prove_app
    from pellucid.export.app.kinds import KINDS
    from pellucid.export.export import metadata_of
    from pellucid.export.proof import held_out_examples

    program, found = find_browser(), model_of(run, None)
    if program is None:
        raise SystemExit("--pages: no browser was found; install Chromium")
    model = load(found.folder)
    content = page_of(model, metadata_of(model, model.name), {"rows": [], "metric": "", "models": []}).html(
        None
    )
    examples = held_out_examples(run, found.folder, most)
    proof = prove_app(model, KINDS[model.input_kind.name], content, examples, program)
    return f"{proof.examples:,} equal, {proof.difference:.1e}"


def quiet(command: Sequence[str]) -> str:
    """Run a command that must succeed; what it said on standard error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr[-2000:]}")
    return done.stderr


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def _fashion(name: str, folder: Path, given: argparse.Namespace) -> tuple[Path, Path, str]:
    """Fashion-MNIST as PNG files in class folders."""
    del name
    if not FASHION.is_dir():
        raise SystemExit(f"{FASHION}: missing; install dataset-fashion-mnist")
    for split, start, most in (("train", "train", given.train), ("test", "t10k", given.test)):
        with gzip.open(FASHION / f"{start}-images-idx3-ubyte.gz") as file:
            pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
        with gzip.open(FASHION / f"{start}-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
        for place in range(min(most, len(labels))):
            path = folder / "data" / split / f"class {labels[place]}" / f"{place:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[place]).save(path)
    return folder / "data", folder / "data" / "test", "cnn"


def _photographs(name: str, folder: Path, given: argparse.Namespace) -> tuple[Path, Path, str]:
    """Photographs enlarged to mixed sizes, some grey, each turned as its EXIF says."""
    del name
    draws = np.random.default_rng(0)
    for split, most in (("train", given.train), ("test", given.test)):
        classes = sorted(each for each in (given.photographs / split).iterdir() if each.is_dir())
        for source in (path for each in classes for path in sorted(each.iterdir())[: most // len(classes)]):
            path = folder / "data" / split / source.parent.name / f"{source.stem}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(source) as image:
                size = tuple(int(side) for side in draws.integers(24, 200, 2))
                mode = "L" if draws.random() < 0.1 else "RGB"
                exif = Image.Exif()
                exif[_ORIENTATION] = int(draws.integers(1, 9))
                image.convert(mode).resize(size, Image.Resampling.BICUBIC).save(path, quality=85, exif=exif)
    return folder / "data", folder / "data" / "test", "cnn"


def _texts(name: str, folder: Path, given: argparse.Namespace) -> tuple[Path, Path, str]:
    """Texts as one table with splits to learn from, and one of the test texts."""
    import text_data

    data = text_data.load(name)
    tables = {"data.csv": folder / "data.csv", "test.csv": folder / "test.csv"}
    with tables["data.csv"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for split, texts, labels, most in (
            ("train", data.train, data.train_labels, given.train),
            ("test", data.test, data.test_labels, given.test),
        ):
            # Evenly from all, which may stand in the order of their classes.
            places = np.unique(np.linspace(0, len(texts) - 1, min(most, len(texts))).astype(int)).tolist()
            writer.writerows((texts[place], labels[place], split) for place in places)
    with tables["test.csv"].open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in data.test[: given.test])])
    return tables["data.csv"], tables["test.csv"], {"chinese": "text-cnn", "spam": "rnn"}.get(name, "bag")


_FLAGS = {"photographs": ("--image-size", "48x48")}
_MAKERS: dict[str, Callable[[str, Path, argparse.Namespace], tuple[Path, Path, str]]] = {
    "fashion": _fashion,
    "photographs": _photographs,
}

if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
