"""`predict` on image files against decoding them alone on all cores, and its memory by the number of inputs.

Writes Fashion-MNIST as PNG files, trains a model of each kind for one epoch (what it weighs counts here, not
how good it is), and then, all in one process and in turns: decodes the files in threads, as `predict` does,
and in processes; has the model answer the decoded images; and calls `predict`, from the paths to the finished
CSV, with the loading of the model. Loading PyTorch, which takes a second or two, is not in it.

With --memory instead: the peak of resident memory (VmHWM) of the whole command at 2,000 and 60,000 inputs, on
folders, tables and archives.

Takes: about 5 minutes.
"""

import gzip
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from measuring import command_line, cores, heading, print_table, spread
from PIL import Image

from pellucid.answering.predict import predict
from pellucid.bundle import load
from pellucid.data.images.decoding_threads import quiet_pillow
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.reading.forms import FASHION_FOLDER
from pellucid.data.reading.input_places import open_places
from pellucid.data.reading.inputs import blocks_of, decoders, fit_inputs
from pellucid.settings import Settings
from pellucid.tasks import IMAGES

_AT_A_TIME = 256
_PEAK = """
import sys
from pellucid.cli.main import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


def write_images(folder: Path, count: int, idx: Path) -> list[Path]:
    """Write images of an IDX file, packed with gzip, as PNG files, those of a short file again and again."""
    with gzip.open(idx) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    folder.mkdir()
    paths = [folder / f"{number:06}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray(pixels[number % len(pixels)]).save(path)
    return paths


def decode_in_threads(folder: Path, preprocessing: Preprocessing) -> np.ndarray:
    """Decode the files of a folder as `predict` does, without asking a model."""
    inputs = open_places([str(folder)], Settings(), IMAGES).inputs
    with decoders() as executor:
        blocks = [
            fit_inputs(block, preprocessing, executor).pixels for block in blocks_of(inputs, preprocessing)
        ]
    return np.concatenate(blocks)


def _decode_some(given: tuple[Preprocessing, Sequence[Path]]) -> np.ndarray:
    preprocessing, paths = given
    with quiet_pillow():
        return np.stack([preprocessing.image(path) for path in paths])


def decode_in_processes(
    paths: Sequence[Path], preprocessing: Preprocessing, executor: ProcessPoolExecutor
) -> np.ndarray:
    """Decode files in processes that run already, the fastest way that we know for small files.

    The executor has as many processes as there are cores.
    """
    parts = [(preprocessing, paths[start : start + _AT_A_TIME]) for start in range(0, len(paths), _AT_A_TIME)]
    return np.concatenate(list(executor.map(_decode_some, parts)))


def train(model: str, run: Path) -> None:
    """Train a model such as `mlp` for one epoch on the bundled sample."""
    words = ["train", "sample:fashion", "--out", str(run), "--model", model, "--preset", "quick"]
    few = ["--epochs", "1", "--no-baselines", "--folds", "0"]
    subprocess.run([sys.executable, "-m", "pellucid", *words, *few], check=True, capture_output=True)


def speeds(folder: Path, paths: list[Path], runs: dict[str, Path], rounds: int) -> None:
    """Measure the run of each model in turns on the images of a folder, and print images a second."""
    found: dict[str, list[float]] = {}
    spent: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        started, before = time.perf_counter(), time.process_time()
        work()
        found.setdefault(name, []).append(len(paths) / (time.perf_counter() - started))
        spent.setdefault(name, []).append(1e6 * (time.process_time() - before) / len(paths))

    models = {name: load(run) for name, run in runs.items()}
    preprocessing = next(iter(models.values())).preprocessing
    assert preprocessing is not None
    pixels = decode_in_threads(folder, preprocessing)
    out = folder.parent / "answers.csv"
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as executor:
        decode_in_processes(paths[: _AT_A_TIME * cores()], preprocessing, executor)
        for _ in range(rounds):
            timed("decode, threads", lambda: decode_in_threads(folder, preprocessing))
            timed("decode, processes", lambda: decode_in_processes(paths, preprocessing, executor))
            for name, model in models.items():
                timed(f"{name}: answer decoded ones", lambda model=model: model.answer(pixels))  # type: ignore[misc]
                timed(
                    f"{name}: predict",
                    lambda name=name: predict(runs[name], [str(folder)], out, Settings()),  # type: ignore[misc]
                )
    _print(found, spent, runs)


def _print(found: dict[str, list[float]], spent: dict[str, list[float]], runs: dict[str, Path]) -> None:
    """Print medians, what predict reaches of decoding alone, and the processor time of this process."""
    median = {name: statistics.median(values) for name, values in found.items()}
    rounds = len(next(iter(found.values())))
    print_table(
        ("", f"images/s, median of {rounds}", "range", "processor time an image, us"),
        [
            (name, f"{median[name]:,.0f}", spread(values), f"{statistics.median(spent[name]):,.0f}")
            for name, values in found.items()
        ],
    )
    rows = []
    for name in runs:
        speed = median[f"{name}: predict"]
        one_by_one = 1 / (1 / median["decode, threads"] + 1 / median[f"{name}: answer decoded ones"])
        fastest = max(median["decode, threads"], median["decode, processes"])
        cells = (speed / median["decode, threads"], speed / fastest, speed / one_by_one)
        rows.append((name, *(f"{cell:.2f}" for cell in cells)))
    print_table(
        ("predict against", "decoding, threads", "decoding, fastest", "decoding, then answering"), rows
    )


def memory(scratch: Path, run: Path, counts: Sequence[int], idx: Path) -> None:
    """Print the peak of memory of the command by form and number of inputs."""
    rows = []
    for count in counts:
        folder = scratch / f"images-{count}"
        paths = write_images(folder, count, idx)
        table = scratch / f"{count}.csv"
        table.write_text("image\n" + "".join(f"{folder.name}/{path.name}\n" for path in paths))
        archive = scratch / f"{count}.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as file:
            file.add(folder, "images")
        for place in (folder, table, archive):
            out = scratch / "answers.csv"
            words = ["predict", str(run), str(place), "--out", str(out)]
            done = subprocess.run(
                [sys.executable, "-c", _PEAK, *words], check=True, capture_output=True, text=True
            )
            rows.append((place.name, f"{count:,}", f"{int(done.stderr.split()[-1]) / 1024:,.0f}"))
    print_table(("INPUT", "inputs", "VmHWM, MiB"), rows)


def main() -> int:
    """Measure and print."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--images", type=int, default=10_000, help="files (default: 10,000)")
    parser.add_argument("--models", default="mlp,cnn", help="models, by commas (default: mlp,cnn)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    parser.add_argument("--idx", type=Path, help="IDX file of images, .gz (default: the bundled sample)")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    arguments = parser.parse_args()
    idx = arguments.idx or FASHION_FOLDER / "train-images-idx3-ubyte.gz"
    heading(("pellucid", "torch", "pillow", "numpy"))
    names = ["mlp"] if arguments.memory else arguments.models.split(",")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        runs = {model: scratch / model for model in names}
        for model, run in runs.items():
            train(model, run)
        if arguments.memory:
            memory(scratch, runs["mlp"], (2_000, 60_000), idx)
        else:
            paths = write_images(scratch / "images", arguments.images, idx)
            speeds(scratch / "images", paths, runs, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
