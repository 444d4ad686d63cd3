"""`predict` on image files against decoding them alone on all cores.

Writes Fashion-MNIST as PNG files, trains a model of each kind for one epoch on `--data` (what it weighs
counts here, not how good it is), and then, all in one process and in turns: decodes the files in threads, as
`predict` does, and in processes; has the model answer the decoded images, and the runtime, from an export;
runs the network alone on them and, where answers are averages of both, on their mirror images, its norms
folded into its weights; and calls `predict`, from the paths to the finished CSV, with the loading of the
model. Loading PyTorch, which takes a second or two, is not in it.

Takes: about 5 minutes.
"""

import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from measuring import PELLUCID, command_line, cores, heading, in_turns, middle, print_table, ran, write_json
from PIL import Image

from pellucid.answering.predict import predict
from pellucid.bundle import load
from pellucid.data.images.decoding import quiet_pillow
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.sources.blocks import blocks_of, decoders, fit_inputs
from pellucid.data.sources.places import open_places
from pellucid.data.sources.samples import FASHION_FOLDER
from pellucid.input_kinds import IMAGES
from pellucid.runtime import load as load_exported
from pellucid.settings import Settings

_AT_A_TIME, BUNDLED = 256, FASHION_FOLDER / "train-images-idx3-ubyte.gz"


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
    inputs = open_places([str(folder)], Settings(), IMAGES)
    with decoders() as executor:
        blocks = blocks_of(inputs, preprocessing)
        return np.concatenate([fit_inputs(block, preprocessing, executor).pixels for block in blocks])


def _decode_some(given: tuple[Preprocessing, Sequence[Path]]) -> np.ndarray:
    preprocessing, paths = given
    with quiet_pillow():
        return np.stack([preprocessing.image_and_warning(path)[0] for path in paths])


def decode_in_processes(
    paths: Sequence[Path], preprocessing: Preprocessing, executor: ProcessPoolExecutor
) -> np.ndarray:
    """Decode in processes that run already, one a core: the fastest way that we know for small files."""
    parts = [(preprocessing, paths[start : start + _AT_A_TIME]) for start in range(0, len(paths), _AT_A_TIME)]
    return np.concatenate(list(executor.map(_decode_some, parts)))


def network_alone(model: Any, pixels: np.ndarray) -> Callable[[], None]:
    """What runs a model's network, folded by TorchScript, over images and the views that it averages."""
    import torch

    def batch(start: int) -> torch.Tensor:
        images = torch.from_numpy(pixels[start : start + _AT_A_TIME // 2]).permute(0, 3, 1, 2).float()
        return torch.cat([images, images.flip(3)]) if model.mirror else images

    with torch.no_grad():
        network = torch.jit.freeze(torch.jit.trace(model.network.eval(), batch(0)))

    def run() -> None:
        with torch.inference_mode():
            for start in range(0, len(pixels), _AT_A_TIME // 2):
                network(batch(start))

    run()
    return run


def speeds(folder: Path, paths: list[Path], runs: dict[str, Path], rounds: int) -> dict[str, Any]:
    """Measure the run of each model in turns on the images of a folder, and print images a second."""
    models = {name: load(run) for name, run in runs.items()}
    preprocessing = next(iter(models.values())).preprocessing
    assert preprocessing is not None
    pixels, out = decode_in_threads(folder, preprocessing), folder.parent / "answers.csv"

    def timed(work: Callable[..., object], *given: Any) -> tuple[float, float]:
        """Images a second by the clock, and microseconds of this process an image."""
        started, before = time.perf_counter(), time.process_time()
        work(*given)
        rate = len(paths) / (time.perf_counter() - started)
        return rate, 1e6 * (time.process_time() - before) / len(paths)

    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as executor:
        decode_in_processes(paths[: _AT_A_TIME * cores()], preprocessing, executor)
        work = {
            "decode, threads": partial(timed, decode_in_threads, folder, preprocessing),
            "decode, processes": partial(timed, decode_in_processes, paths, preprocessing, executor),
        }
        for name, model in models.items():
            exported = load_exported(runs[name].with_suffix(".onnx"))
            work[f"{name}: network alone"] = partial(timed, network_alone(model, pixels))
            work[f"{name}: answer, decoded ones"] = partial(timed, model.answer, pixels)
            work[f"{name}: runtime, decoded ones"] = partial(timed, exported.answer, pixels)
            work[f"{name}: predict"] = partial(timed, predict, runs[name], [str(folder)], out, Settings())
        found = in_turns(work, rounds)
    rates = {name: [rate for rate, _ in of] for name, of in found.items()}
    median = {name: statistics.median(of) for name, of in rates.items()}
    print_table(
        ("", f"images/s, median of {rounds} (range)", "processor time an image, us"),
        [
            (name, middle(of), f"{statistics.median(spent for _, spent in found[name]):,.0f}")
            for name, of in rates.items()
        ],
    )
    rows = []
    for name in runs:
        speed, threads = median[f"{name}: predict"], median["decode, threads"]
        one_by_one = 1 / (1 / threads + 1 / median[f"{name}: answer, decoded ones"])
        against = (threads, max(threads, median["decode, processes"]), one_by_one)
        alone = median[f"{name}: network alone"]
        answering = [median[f"{name}: {way}, decoded ones"] / alone for way in ("answer", "runtime")]
        rows.append(
            (name, *(f"{speed / each:.2f}" for each in against), *(f"{each:.2f}" for each in answering))
        )
    heads = ("decoding, threads", "decoding, fastest", "decoding, then answering")
    print_table(("", *(f"predict / {head}" for head in heads), "answer / network", "runtime / network"), rows)
    return found


def main() -> int:
    given = command_line(
        __doc__, images=10_000, models=["mlp", "cnn"], rounds=3, idx=BUNDLED, data="sample:fashion"
    ).parse_args()
    facts = heading("pellucid", "torch", "pillow", "numpy")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        runs = {model: scratch / model for model in given.models}
        few = ["--preset", "quick", "--epochs", "1", "--no-baselines", "--folds", "0"]
        for model, run in runs.items():
            ran([PELLUCID, "train", given.data, "--out", run, "--model", model, *few])
            ran([PELLUCID, "export", run, "--out", run.with_suffix(".onnx")])
        paths = write_images(scratch / "images", given.images, given.idx)
        facts |= speeds(scratch / "images", paths, runs, given.rounds)
    write_json(given.json, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
