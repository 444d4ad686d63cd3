"""Prove that a change of form changed no result: make small standard runs and hash every file they leave.

    python tools/golden_runs.py --out before.json --keep before/        # with the source as it was
    python tools/golden_runs.py --out after.json --compare before.json  # as it is now: exit 1 on a difference

Each run learns from little real data, parts of the bundled samples. An entry is named by its run and file, as
in `cnn/run/model/weights.safetensors`; `output.txt` is what the commands printed. Only what the clock or the
place decides is blanked before hashing. Only commands and public names are used, so modules may move. Compare
on one machine with the same packages: another processor adds in another order.
"""

import argparse
import csv
import difflib
import gzip
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "src" / "pellucid" / "data"
CLASSES = ("top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
# No pretrained weights by accident.
SURROUNDINGS = {"OMP_WAIT_POLICY": "PASSIVE", "PELLUCID_BACKBONES": "none"}

ALONE = "--no-baselines --folds 0"
FEW = "--epochs 3"
# The commands of each run, the longest first; --out is `run` where it is not given. What follows `killed` is
# killed once a file is there (a checkpoint, after five seconds) or words are printed, and resumed; then it is
# trained undisturbed too, and the two must agree.
RUNS = {
    "killed": f"""killed run/checkpoints/step-* train data/images --model cnn --width 12 --dropout 0.1 {ALONE}
        --epochs 45""",
    "killed-folds": "killed 'judged svm' train data/few.csv --model bag --epochs 2",
    "cnn": f"""train data/images --model cnn --width 8 {ALONE} {FEW} --augment --threads 2;
        predict run data/few --probabilities --sets 0.9 --out predicted.csv;
        evaluate run data/new --json --confusion confusion.csv --max-error 0.2;
        explain run data/images/bag/23.png --out image.html;
        export run --out model.onnx; runtime model.onnx data/few --out predicted-by-runtime.csv;
        export run --out app.html""",
    "text-cnn": f"""train data/mails.csv --model text-cnn --width 16 {ALONE} {FEW};
        predict run data/few.csv --probabilities --out predicted.csv; evaluate run data/few.csv --json;
        explain run data/mail.txt --out text.html; export run --out app.html""",
    "vae": f"""train data/images --model vae --width 8 {FEW}; generate run --count 4 --out generated;
        explain run data/images/bag/23.png --out image.html""",
    "gan": "train data/few --model gan --width 8 --epochs 2; generate run --count 4 --out generated",
    "image-folds": "train data/few --width 8 --epochs 2",
    "text-folds": """inspect data/few.csv --json; train data/few.csv --model bag --epochs 2;
        explain run data/mail.txt --model logistic-regression --out text.html""",
    "mlp": f"inspect data/images.npz --json; train data/images.npz --model mlp --width 32 --folds 0 {FEW}",
    "bag": f"train data/mails.csv --model bag --width 16 --folds 0 {FEW}",
    "from": f"""train data/old --out earlier --model cnn --width 8 {ALONE} {FEW};
        train data/new --from earlier --no-baselines {FEW}""",
    "backbone": f"train data/few --backbone test_efficientnet --weights data/tiny.safetensors {ALONE} {FEW}",
    "text-backbone": f"train data/fewer.csv --backbone all-minilm-l6-v2 {ALONE}",
    "rnn": f"train data/mails.csv --model rnn --width 16 --length 40 {ALONE} {FEW}",
    "lenet": f"train data/images.npz --model lenet {ALONE} {FEW}",
    "image-numbers": f"train data/brightness.csv --model cnn --width 8 --folds 0 {FEW}",
    "text-numbers": f"train data/capitals.csv --model text-cnn --width 16 {ALONE} {FEW}",
    "several-labels": f"""train data/tagged.csv --target labels --width 16 {FEW};
        predict run data/tagged.csv --probabilities --out predicted.csv; evaluate run data/tagged.csv --json;
        export run --out model.onnx; export run --out app.html""",
    "compare": """compare data/images.npz --vary activation=relu,tanh --model mlp --width 16 --seeds 1
        --folds 2 --epochs 2""",
    "estimators": "estimators",
}


def write_data(folder: Path) -> None:
    """Write all that the runs learn from: images as folders and .npz, texts, both with numbers, weights."""
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    def fashion(name: str) -> np.ndarray:
        return np.frombuffer(gzip.decompress((SAMPLES / "fashion" / name).read_bytes()), np.uint8)

    pixels = fashion("train-images-idx3-ubyte.gz")[16:].reshape(-1, 28, 28)
    labels = fashion("train-labels-idx1-ubyte.gz")[8:]
    rows = {"images": (0, 600, 10), "few": (0, 400, 3), "old": (600, 1200, 4), "new": (1200, 1700, 6)}
    for name, (first, last, classes) in rows.items():
        for row in (row for row in range(first, last) if labels[row] < classes):
            path = folder / name / CLASSES[labels[row]] / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[row]).save(path)
    test: dict[str, Any] = {"x_test": pixels[500:600], "y_test": labels[500:600]}
    np.savez(folder / "images.npz", x_train=pixels[:500], y_train=labels[:500], **test)
    lines = gzip.decompress((SAMPLES / "spam" / "spam.jsonl.gz").read_bytes()).decode().splitlines()
    mails = [(mail["text"][:600], mail["label"]) for mail in map(json.loads, lines[::9])][:400]
    capitals = [(text, round(100 * sum(map(str.isupper, text)) / len(text), 3)) for text, _ in mails]
    files = [f"images/{CLASSES[label]}/{row}.png" for row, label in enumerate(labels[:300])]
    brightness = [(name, round(float(image.mean()), 3)) for name, image in zip(files, pixels, strict=False)]
    fewer = [(text[:200], label) for text, label in mails[:80]]
    tagged = [(text, ";".join(tags(text, label))) for text, label in mails[:200]]
    tables = {"mails": mails, "few": mails[:120], "fewer": fewer, "capitals": capitals}
    for name, table in {**tables, "brightness": brightness, "tagged": tagged}.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("input", "label"), *table])
    (folder / "mail.txt").write_text(mails[7][0], encoding="utf-8")
    torch.manual_seed(0)  # a tiny backbone, as a user's own file of weights
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=7)
    save_file(network.state_dict(), folder / "tiny.safetensors")


def tags(text: str, label: str) -> list[str]:
    """Labels of a mail: its own, and some of what it contains."""
    words = {"money": ("money", "$", "free"), "link": ("http", "www"), "short": ()}
    found = [name for name, some in words.items() if any(word in text.lower() for word in some)]
    return [label, *found, *(["short"] if len(text) < 300 else [])]


def command(name: str, *words: str) -> None:
    """Run a command of Pellucid, or one that only the standard runs have; raise where it fails."""
    from pellucid.cli.main import main

    if name == "killed":
        return killed_when(*words)
    print("$", name, *words, flush=True)
    if name == "runtime":
        subprocess.run([sys.executable, "-m", "pellucid.runtime", *words], check=True)
    elif name == "estimators":
        estimators()
    else:
        out = ("--out", "run") if name in ("train", "compare") and "--out" not in words else ()
        if code := main([name, *words, *out]):
            raise RuntimeError(f"exit code {code}")
    return None


def killed_when(ready: str, *words: str) -> None:
    """Kill a training once a file is there or a sentence printed, and resume it; then train undisturbed."""
    for name in ("resumed", "undisturbed"):
        Path(name).mkdir()
        Path(name, "data").symlink_to(Path("data").resolve())
    os.chdir("resumed")
    child = os.fork()
    if not child:
        try:
            command(*words)
        finally:
            os._exit(1)
    printed = Path("../output.txt")
    while not any(Path().glob(ready)) and ready not in printed.read_text(encoding="utf-8"):
        if os.waitpid(child, os.WNOHANG)[0]:
            raise RuntimeError("the training ended before it was killed; make it longer")
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        raise RuntimeError("the training ended before it was killed; make it longer")
    command(*words, "--resume")
    os.chdir("../undisturbed")
    command(*words)


def estimators() -> None:
    """Train and save models from Python, on arrays and lists."""
    import pellucid

    arrays = np.load("data/images.npz")
    pixels, labels = arrays["x_train"][:300], arrays["y_train"][:300]
    classifier = pellucid.ImageClassifier(model="mlp", width=16, epochs=3).fit(pixels, labels)
    np.save("probabilities.npy", classifier.predict_proba(pixels))
    classifier.save("images")
    regressor = pellucid.ImageRegressor(model="ridge").fit(pixels, pixels.mean(axis=(1, 2)))
    np.save("numbers.npy", regressor.predict(pixels))
    regressor.save("numbers")
    with Path("data/few.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    texts, kinds = zip(*rows, strict=True)
    pellucid.TextClassifier(model="logistic-regression").fit(list(texts), list(kinds)).save("texts")


TIME = r"[<\d][\d.,]*[ \u00a0](?:µs|ms|s|min|h)\b"
BLANKED = [
    (re.compile(r'("(?:\w*seconds|\w*_per_second|milliseconds_per_example)": )[\d.e+-]+'), r"\1TIME"),
    (re.compile(rf"{TIME}(?:[ \u00a0]{TIME})*(?: (?:less|more) for an answer)?"), "TIME"),
    (re.compile(r"[\d.,]+(?=/s\b| per second)"), "SPEED"),
    (re.compile(r"(Throughput: (?:<[^>]*>)?)[\d.,]+"), r"\1SPEED"),
]
# The column of seconds in the report's table of epochs.
EPOCHS, SECONDS = re.compile(r">Seconds</th>.*?</table>", re.DOTALL), re.compile(r"(\d</th><td[^>]*>)[^<]+")
TEXTS = {".json", ".jsonl", ".html", ".csv", ".md", ".txt"}


def blanked(path: Path, folder: Path) -> bytes:
    """A file's content without what the clock or the place decides."""
    if path.suffix not in TEXTS:
        return path.read_bytes()
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".json" and '"templates": {' in content:  # times among their values
        whole = {name: each for name, each in json.loads(content).items() if name != "templates"}
        content = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    for place in (folder, ROOT):
        content = content.replace(str(place), "PLACE")
    if path.name == "output.txt":  # its lines are broken where a time's length decides
        content = re.sub(r"^  .* \.\.\.\n", "", content, flags=re.MULTILINE)  # a stage that took long
        content = re.sub(r"\s+", " ", content)
    for pattern, blank in BLANKED:
        content = pattern.sub(blank, content)
    content = EPOCHS.sub(lambda table: SECONDS.sub(r"\1TIME", table[0]), content)
    return (content.replace(" ", "\n") if path.name == "output.txt" else content).encode()


def start(name: str, folder: Path) -> int:
    """Make a run in a fork, so that none sees what another left in memory; return the process."""
    folder.mkdir()
    (folder / "data").symlink_to(folder.parent / "data")
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        printed = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        os.chdir(folder)
        for words in RUNS[name].split(";"):
            command(*shlex.split(words))
        sys.stdout.flush()
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        os._exit(1)


def make(names: list[str], home: Path, jobs: int, keep: Path) -> tuple[dict[str, str], int]:
    """Make the runs and keep their texts; return a hash for each file, and how many runs failed."""
    hashes: dict[str, str] = {}
    began: dict[int, tuple[str, float]] = {}
    waiting, failed = list(names), 0
    while waiting or began:
        while waiting and len(began) < jobs:
            name = waiting.pop(0)
            began[start(name, home / name)] = name, time.monotonic()
        child, status = os.wait()
        name, since = began.pop(child)
        print(f"{name}  {time.monotonic() - since:.1f} s{'  FAILED' if status else ''}", flush=True)
        if status:
            failed += 1
            print("    " + "\n    ".join((home / name / "output.txt").read_text().splitlines()[-8:]))
            continue
        for path in sorted(path for path in (home / name).rglob("*") if path.is_file()):
            # What a killed run prints depends on the moment of the kill.
            if path.name == ".lock" or (name.startswith("killed") and path.name == "output.txt"):
                continue
            entry, content = path.relative_to(home).as_posix(), blanked(path, home / name)
            hashes[entry] = hashlib.sha256(content).hexdigest()
            if path.suffix in TEXTS:
                (keep / entry).parent.mkdir(parents=True, exist_ok=True)
                (keep / entry).write_bytes(content)
    return dict(sorted(hashes.items())), failed


def differences(before: dict[str, str], after: dict[str, str], kept: Path, keep: Path) -> int:
    """Print which entries differ, with the first lines where both texts were kept; return how many."""
    found = sorted(entry for entry in before.keys() | after.keys() if before.get(entry) != after.get(entry))
    for entry in found:
        print("differs:" if entry in before and entry in after else "only one has:", entry)
        if (kept / entry).is_file() and (keep / entry).is_file():
            old, new = (
                re.split(r"(?<=>)|\n", (folder / entry).read_text("utf-8")) for folder in (kept, keep)
            )
            changed = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[0] in "-+"]
            print("\n".join(f"    {line[:200]}" for line in changed[2:10]))
    return len(found)


def main() -> int:
    """Make the runs, write their hashes, compare them; 1 where a run fails or an entry differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON file of hashes to write")
    parser.add_argument("--compare", type=Path, help="JSON file of an earlier call")
    parser.add_argument("--keep", type=Path, help="folder for the blanked texts, to show differences later")
    parser.add_argument("--only", default=",".join(RUNS), help=f"some of {','.join(RUNS)}")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of each run, which decide nothing (default: 1)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    arguments = parser.parse_args()
    names = [name for name in RUNS if name in arguments.only.split(",")]
    if len(names) != len(arguments.only.split(",")):
        parser.error(f"--only: takes some of {', '.join(RUNS)}")
    os.environ.update(SURROUNDINGS, OMP_NUM_THREADS=str(arguments.threads))
    import pellucid

    if ROOT not in Path(pellucid.__file__).parents:
        parser.error(f"another source would run: {pellucid.__file__}")
    assert callable(pellucid.ImageClassifier)  # loads torch once, for all forks
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        (home / "data").mkdir()
        write_data(home / "data")
        keep = arguments.keep.resolve() if arguments.keep else home / "kept"
        after, failed = make(names, home, arguments.jobs, keep)
        found = {"kept": str(keep) if arguments.keep else "", "hashes": after}
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")
        resumed, undisturbed = (
            {entry.replace(f"/{part}/", "/"): each for entry, each in after.items() if f"/{part}/" in entry}
            for part in ("resumed", "undisturbed")
        )
        unlike = differences(undisturbed, resumed, home, home)
        print(f"{len(after)} entries; killed and resumed runs differ from undisturbed ones in {unlike}")
        if arguments.compare:
            earlier = json.loads(arguments.compare.read_text())
            old = earlier["hashes"].items()
            before = {entry: each for entry, each in old if entry.split("/")[0] in names}
            changed = differences(before, after, Path(earlier["kept"] or home / "none"), keep)
            print(f"{changed} entries differ from {arguments.compare}")
            unlike += changed
    return 1 if unlike or failed else 0


if __name__ == "__main__":
    sys.exit(main())
