"""Training on a graphics card: accuracy and seconds by epochs, beside airbench on the same card.

    python benchmarks/on_gpu.py [--data DATA] [--device cuda] [--epochs 8 16 32] [--precisions bf16 fp32]

DATA is CIFAR-10, fetched by torchvision, unless given. Pellucid's `cnn` is trained by the command with its
default recipe for each number of epochs; seconds are those of its epochs, validation included, and the rate
is that of the last epoch. airbench (`pip install airbench torchvision`) trains to 94 % once it has warmed up;
it knows CIFAR-10 alone, and is left out with other data.

Takes: CARD; some minutes on one, and `--device cpu` tries the script without
"""

import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from measuring import PELLUCID, Among, command_line, heading, print_table, ran, write_json

_WANTED = 0.94


def cifar(folder: Path) -> Path:
    """CIFAR-10 as one file of arrays."""
    from torchvision.datasets import CIFAR10

    arrays = {}
    for part in ("train", "test"):
        found = CIFAR10(str(folder), train=part == "train", download=True)
        arrays |= {f"x_{part}": found.data, f"y_{part}": np.array(found.targets)}
    np.savez(folder / "cifar10.npz", **arrays)
    return folder / "cifar10.npz"


def trained(data: object, out: Path, device: str, epochs: int, precision: str) -> dict[str, object]:
    """One training of the `cnn`."""
    command = [PELLUCID, "train", data, "--out", out, "--model", "cnn", "--device", device]
    command += ["--epochs", epochs, "--precision", precision, "--preset", "quick", "--no-baselines"]
    ran([*command, "--backbone", "none"])
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    tested = json.loads((out / "metrics.json").read_text())["models"]["cnn"]["test"]["accuracy"]
    return {
        "name": f"pellucid cnn, {precision}, {epochs} epochs",
        "seconds": sum(epoch["seconds"] for epoch in history),
        "images_per_second": history[-1]["images_per_second"],
        "accuracy": tested["value"],
        "low": tested["low"],
        "high": tested["high"],
    }


def airbench(rounds: int) -> Iterator[dict[str, object]]:
    """airbench94 on this card, if it is installed."""
    if importlib.util.find_spec("airbench") is None:
        print("airbench is not installed: pip install airbench torchvision")
        return
    import airbench as known

    known.warmup94()
    seconds, accuracies = [], []
    for _ in range(rounds):
        torch.cuda.synchronize()
        began = time.perf_counter()
        accuracies.append(float(known.train94()))
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    yield {
        "name": f"airbench94, median of {rounds}",
        "seconds": statistics.median(seconds),
        "accuracy": statistics.fmean(accuracies),
    }


def row(each: dict[str, object]) -> list[str]:
    """One line of the table."""
    rate, low, high = (each.get(key) for key in ("images_per_second", "low", "high"))
    return [
        str(each["name"]),
        f"{each['seconds']:,.1f}",
        "" if rate is None else f"{rate:,.0f}",
        f"{each['accuracy']:.4f}" + ("" if low is None else f" [{low:.4f}, {high:.4f}]"),
    ]


def main() -> None:
    """Train for each number of epochs, and print a line for each training as it ends."""
    parser = command_line(
        __doc__, data="", device="cuda", epochs=[8, 16, 32], precisions=Among(("bf16", "fp32")), rounds=5
    )
    given = parser.parse_args()
    head = heading("torch", "airbench")
    if given.device == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("error: --device: cuda is not available here; --device cpu tries the script")
        print(f"card      {torch.cuda.get_device_name()}\n", flush=True)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        data = given.data or cifar(Path(scratch))
        for precision in given.precisions:
            for epochs in given.epochs:
                run = Path(scratch) / f"run-{precision}-{epochs}"
                found.append(trained(data, run, given.device, epochs, precision))
                print(*row(found[-1]), sep="  ", flush=True)
        if not given.data:
            found += airbench(given.rounds)
    print_table(["training", "seconds", "images/s", "accuracy"], [row(each) for each in found])
    enough = [each for each in found if float(str(each["accuracy"])) >= _WANTED]
    if enough:
        first = min(enough, key=lambda each: float(str(each["seconds"])))
        print(f"first at {_WANTED:.0%}: {first['name']}, {first['seconds']:,.1f} s")
    write_json(given.json, {**head, "trainings": found})


if __name__ == "__main__":
    main()
