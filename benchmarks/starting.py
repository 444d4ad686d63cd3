"""Time from the start of a process to `--help`, a first step, a demo's first mistakes, a runtime's answer.

    python benchmarks/starting.py [help second demo runtime] [--runs 3] [--avx2] [--data DATA]

    help       to the end of `pellucid --help` and of `import pellucid`, beside the bare interpreter
    second     of `pellucid train --no-baselines` to its first step, first and second start; DATA is the full
               Fashion-MNIST where it is installed. Each run has a cache of its own, empty at the first
               start, and ends itself after the first step
    demo       of `pellucid demo`, with an empty cache as a newcomer has, to its first line, to the first page
               of mistakes (of the best baseline, while the network learns) and to its end
    runtime    of `python -m pellucid.runtime` to a first answer of a `cnn`, in a fresh environment with the
               wheel pellucid-runtime alone, beside the import of its libraries

`--avx2` keeps torch and oneDNN from whatever the processor has beyond AVX2.

Takes: on two cores about 7 minutes; `runtime` needs pip's index.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from measuring import (
    AVX2,
    PELLUCID,
    Ended,
    command_line,
    fashion_or_sample,
    heading,
    in_turns,
    ran,
    show_parts,
    write_json,
)
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 20  # of each kind, where one takes less than a second
DRIVER = """
import json, os, sys, time

from pellucid.cli.main import main
from pellucid.pipeline import train
from pellucid.training.session import Session
from pellucid.training.steps import TrainingStep

moments = [time.time()]
prepare, run, step = train.prepare, Session.run, TrainingStep.__call__

def timed_prepare(*arguments, **named):
    result = prepare(*arguments, **named)
    moments.append(time.time())
    return result

def timed_run(*arguments, **named):
    moments.append(time.time())
    return run(*arguments, **named)

def timed_step(*arguments, **named):
    result = step(*arguments, **named)
    if len(moments) < 3:  # of a copy, by which the time of the whole is estimated
        return result
    moments.append(time.time())
    print(json.dumps(moments), flush=True)
    os._exit(0)

train.prepare, Session.run, TrainingStep.__call__ = timed_prepare, timed_run, timed_step
main(sys.argv[1:])
"""


def short(cases: dict[str, list[str]]) -> dict[str, Any]:
    """Run short processes in turns, their first round aside; seconds of the clock and of the processor."""
    clean = dict.fromkeys(("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"), "")  # the first round writes bytecode
    work = {name: (lambda command=command: ran(command, clean)) for name, command in cases.items()}
    ended: dict[str, list[Ended]] = in_turns(work, PROCESSES, warm_up=True)
    found = {
        name: [{"seconds": each.seconds, "of the processor": each.processor_seconds} for each in of]
        for name, of in ended.items()
    }
    print(f"n = {PROCESSES} processes of each")
    show_parts(found, 3)
    return found


def help_of(_: Any) -> dict[str, Any]:
    bare, imported = ([sys.executable, "-c", words] for words in ("pass", "import pellucid"))
    return short({"bare": bare, "import pellucid": imported, "pellucid --help": [PELLUCID, "--help"]})


def second(given: Any) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {"first start": [], "second start": []}
    parts = ("import", "reading and checking", "planning", "first step")
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory() as folder:
            for name, runs in found.items():
                train = ["train", given.data, "--no-baselines", "--out", f"{folder}/{name}"]
                began = time.time()
                own = {"XDG_CACHE_HOME": f"{folder}/cache", **given.environment}
                moments = [began, *json.loads(ran([sys.executable, "-c", DRIVER, *train], own).output)]
                seconds = [later - earlier for earlier, later in itertools.pairwise(moments)]
                runs.append(dict(zip(parts, seconds, strict=True)) | {"total": moments[-1] - began})
    print(f"{given.data}, n = {given.runs}, seconds")
    show_parts(found, 2)
    return found


def demo(given: Any) -> dict[str, Any]:
    runs = [_demo(given.environment) for _ in range(given.runs)]
    print(f"pellucid demo{', AVX2 alone' if given.avx2 else ''}, n = {given.runs}, seconds")
    show_parts({"": runs}, 1)
    return {"demo": runs}


def _demo(environment: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        run, began = Path(folder) / "run", time.perf_counter()
        process = subprocess.Popen(
            [PELLUCID, "demo", "--out", str(run)],
            env={**os.environ, "XDG_CACHE_HOME": f"{folder}/cache", **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        files = {"first page of mistakes": run / "report.html", "images finished": run / "metrics.json"}

        def watch() -> None:
            while process.returncode is None:
                for name, path in files.items():
                    if name not in found and path.exists():
                        found[name] = time.perf_counter() - began
                time.sleep(0.05)

        threading.Thread(target=watch, daemon=True).start()
        for line in process.stderr:
            if line.strip():
                found.setdefault("first useful line", time.perf_counter() - began)
        if process.wait() != 0:
            raise SystemExit(f"error: the command ended with {process.returncode}")
        found["end"] = time.perf_counter() - began
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def runtime(_: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python, wheels = folder / "venv" / "bin" / "python", folder / "wheels"
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        ran([sys.executable, "-m", "venv", folder / "venv"])
        ran([*pip, "wheel", "--no-deps", "-w", wheels, ROOT / "tools" / "runtime_distribution"])
        ran([*pip, "install", *wheels.iterdir()])
        few = ["--epochs", "1", "--model", "cnn", "--no-baselines"]
        ran([PELLUCID, "train", "sample:fashion", "--out", folder / "run", *few])
        ran([PELLUCID, "export", folder / "run", "--out", folder / "cnn.onnx"])
        Image.effect_noise((28, 28), 80).save(folder / "image.png")
        answer = [python, "-m", "pellucid.runtime", folder / "cnn.onnx", folder / "image.png"]
        imported = [python, "-c", "import onnxruntime, numpy, PIL.Image"]
        return short({"its three imports alone": imported, "one answer": answer})


PARTS = {"help": help_of, "second": second, "demo": demo, "runtime": runtime}


def main() -> int:
    parser = command_line(__doc__, runs=3, avx2=False, data=fashion_or_sample())
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
    given.environment = AVX2 if given.avx2 else {}
    facts = heading("pellucid", "torch", "numpy", "pillow", "scikit-learn")
    write_json(given.json, facts | {part: PARTS[part](given) for part in given.parts or PARTS})
    return 0


if __name__ == "__main__":
    sys.exit(main())
