"""Whether a training ends in the same bytes on any number of threads, and when resumed on another number.

    python benchmarks/same_weights.py [cnn rnn vae ...] [--threads 1 2 3 4] [--schedules 20] [--avx2]

Each family learns from a bundled sample, once on each number of threads; `folds`, `gan`, and `backbone` of
drawn weights, from 300 images of it. What must agree are all files of its models and its table of the test
(`test.csv`).
`--schedules` says how many trainings are killed with SIGKILL, up to three times each, at random moments,
family after family, and each time resumed on a number of threads that is drawn anew.

Takes: about 25 minutes on two cores.
"""

import gzip
import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from measuring import AVX2, PELLUCID, command_line, heading, print_table, ran, write_json

import pellucid

IMAGES, TEXTS, ALONE = "sample:fashion", "sample:spam", "--no-baselines --folds 0"
FAMILIES = {
    "cnn": f"{IMAGES} --model cnn --width 16 --batch-size 256 --dropout 0.1 --epochs 3 {ALONE}",
    "muon": f"{IMAGES} --model cnn --width 16 --batch-size 256 --optimizer muon --epochs 2 {ALONE}",
    "lenet": f"{IMAGES} --model lenet --batch-size 256 --epochs 6 {ALONE}",
    "mlp": f"{IMAGES} --model mlp --batch-size 256 --epochs 12 {ALONE}",
    "folds": "few.npz --model mlp --batch-size 64 --parts 4 --folds 3 --epochs 8",
    "backbone": f"few.npz --backbone test_efficientnet --weights backbone.safetensors {ALONE} --epochs 3",
    "vae": f"{IMAGES} --model vae --width 16 --batch-size 192 --epochs 3",
    "gan": "few.npz --model gan --width 8 --batch-size 64 --parts 4 --epochs 20",
    "bag": f"{TEXTS} --model bag --epochs 2 --folds 0",
    "text-cnn": f"{TEXTS} --model text-cnn --width 32 --epochs 2 {ALONE}",
    "rnn": f"{TEXTS} --model rnn --width 32 --length 100 --epochs 2 {ALONE}",
}
KILLS = 3


def command(family: str, run: Path, threads: int) -> list[str]:
    """The command of a training, which goes on with what is there."""
    words = FAMILIES[family].split()
    return [PELLUCID, "train", *words, "--out", str(run), "--threads", str(threads), "--resume"]


def digest(run: Path) -> str:
    """One hash of all that a training has learnt and answered."""
    found = hashlib.sha256()
    for path in sorted([*run.glob("models/**/*.safetensors"), run / "test.csv"]):
        if path.is_file():
            found.update(path.relative_to(run).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:12]


def write_backbone() -> None:
    """A small network of drawn weights, as a user's own file, and a few images for it."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=7)
    save_file(network.state_dict(), "backbone.safetensors")
    sample = Path(pellucid.__file__).parent / "data" / "fashion"
    images, labels = (
        np.frombuffer(gzip.decompress(next(sample.glob(f"train-{kind}*")).read_bytes()), np.uint8)
        for kind in ("images", "labels")
    )
    pixels = images[16:].reshape(-1, 28, 28)
    test = {"x_test": pixels[300:400], "y_test": labels[308:408]}
    np.savez("few.npz", x_train=pixels[:300], y_train=labels[8:308], **test)


def killed(words: Sequence[str], seconds: float) -> bool:
    """True where a command was still running after so many seconds, and so was killed."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if code := process.wait(timeout=seconds):
            raise SystemExit(f"error: {' '.join(words)}: {code}")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def print_hashes(hashes: Mapping[str, Mapping[str, str]], kills: Mapping[str, int]) -> None:
    """Print for each family how many different hashes its trainings ended in."""
    rows = [
        (
            family,
            str(len(found)),
            str(kills[family]),
            str(len(set(found.values()))),
            next(iter(found.values())),
        )
        for family, found in hashes.items()
    ]
    print_table(("family", "trainings", "kills", "different hashes", "the first"), rows)


def main() -> int:
    parser = command_line(__doc__, threads=[1, 2, 3, 4], schedules=20, seed=0, avx2=False)
    parser.add_argument("families", nargs="*", default=list(FAMILIES), metavar="FAMILY")
    given = parser.parse_args()
    if unknown := set(given.families) - set(FAMILIES):
        parser.error(f"unknown family {', '.join(sorted(unknown))}; known are {', '.join(FAMILIES)}")
    facts = heading("pellucid", "torch")
    os.environ.update(AVX2 if given.avx2 else {}, OMP_WAIT_POLICY="PASSIVE")
    draws, hashes, times, kills = random.Random(given.seed), {}, {}, dict.fromkeys(given.families, 0)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_backbone()
        for family in given.families:
            for threads in given.threads:
                run = Path(f"{family}-{threads}")
                times[family] = ran(command(family, run, threads)).seconds
                hashes.setdefault(family, {})[f"{threads} threads"] = digest(run)
            print(f"{family}: {', '.join(hashes[family].values())}", flush=True)
        for number, family in zip(range(given.schedules), itertools.cycle(given.families), strict=False):
            run = Path(f"{family}-schedule-{number}")
            for _ in range(draws.randint(1, KILLS)):
                words = command(family, run, draws.choice(given.threads))
                if not killed(words, draws.uniform(0.2, 0.9) * times[family]):
                    break
                kills[family] += 1
            ran(command(family, run, draws.choice(given.threads)))
            hashes[family][f"schedule {number}"] = digest(run)
    print(f"threads {', '.join(map(str, given.threads))}; {sum(kills.values())} kills\n")
    print_hashes(hashes, kills)
    write_json(given.json, {**facts, "hashes": hashes, "kills": kills})
    return int(any(len(set(found.values())) > 1 for found in hashes.values()))


if __name__ == "__main__":
    sys.exit(main())
