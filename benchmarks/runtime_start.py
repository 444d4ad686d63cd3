"""First answer of `python -m pellucid.runtime` from a cold start, and what an environment for it takes.

A fresh environment gets the wheel pellucid-runtime with what pip installs for it. One answer of a `cnn` about
one image is timed from the start of the process to its end, beside `import onnxruntime, numpy, PIL` alone,
which no program of this kind can do without; both in turn, so that the machine's mood hits both alike.

Takes: about 3 minutes, most of it for a short training; needs the package index.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import command_line, heading, print_table

ROOT = Path(__file__).resolve().parent.parent
NOT_COUNTED = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
FLOOR = "import onnxruntime, numpy, PIL.Image"


def main() -> int:
    """Measure and print two tables."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--runs", type=int, default=20, help="processes of each kind (default: 20)")
    parser.add_argument("--model", type=Path, help="an exported model of images; default: one is trained")
    given = parser.parse_args()
    heading(("onnxruntime", "numpy", "pillow"))
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder))
        model = given.model or exported(Path(folder))
        image = an_image(Path(folder))
        sizes(Path(folder))
        commands = {
            FLOOR: [str(python), "-c", FLOOR],
            "one answer": [str(python), "-m", "pellucid.runtime", str(model), str(image)],
        }
        for command in commands.values():  # files come into the page cache
            seconds(command)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(given.runs):
            for name, command in commands.items():
                times[name].append(seconds(command))
    ratios = [ours[0] / floor[0] for floor, ours in zip(*times.values(), strict=True)]
    print_table(
        ("seconds", f"wall, median of {given.runs}", "fastest", "slowest", "processor, median"),
        [
            (
                name,
                f"{statistics.median(wall for wall, _ in found):.3f}",
                f"{min(wall for wall, _ in found):.3f}",
                f"{max(wall for wall, _ in found):.3f}",
                f"{statistics.median(processor for _, processor in found):.3f}",
            )
            for name, found in times.items()
        ],
    )
    print(f"an answer takes {statistics.median(ratios):.2f} times the imports (median of pairs)")
    return 0


def environment(folder: Path) -> Path:
    """Interpreter of a fresh environment with the wheel."""
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    wheels = str(folder / "wheels")
    subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", wheels, str(ROOT / "tools" / "runtime_distribution")], check=True
    )
    subprocess.run([*pip, "install", *map(str, Path(wheels).iterdir())], check=True)
    return python


def exported(folder: Path) -> Path:
    """Path of the file of a `cnn`, trained for an epoch on the bundled images."""
    pellucid = [sys.executable, "-m", "pellucid"]
    train = ["train", "sample:fashion", "--out", str(folder / "run"), "--epochs", "1", "--model", "cnn"]
    subprocess.run([*pellucid, *train, "--no-baselines"], check=True, capture_output=True)
    subprocess.run([*pellucid, "export", str(folder / "run"), "--out", str(folder / "cnn.onnx")], check=True)
    return folder / "cnn.onnx"


def an_image(folder: Path) -> Path:
    """Path of a grey image of 28 by 28."""
    from PIL import Image

    Image.effect_noise((28, 28), 80).save(folder / "image.png")
    return folder / "image.png"


def sizes(folder: Path) -> None:
    """Print where the bytes of the environment go, pip and setuptools aside."""
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    found: dict[str, list[int]] = {}
    for path in packages.rglob("*"):
        top = path.relative_to(packages).parts[0]
        if path.is_file() and not path.is_symlink() and not top.startswith(NOT_COUNTED):
            place = found.setdefault(top, [0, 0])
            place[0] += path.stat().st_size
            place[1] += path.stat().st_size if path.suffix == ".pyc" else 0
    rows = sorted(found.items(), key=lambda each: -each[1][0])
    shown = [row for row in rows if row[1][0] >= 500_000]
    total = [sum(size[place] for _, size in rows) for place in (0, 1)]
    print_table(
        ("installed, MB", "files", "of these bytecode"),
        [(name, f"{whole / 1e6:.1f}", f"{compiled / 1e6:.1f}") for name, (whole, compiled) in shown]
        + [("all", f"{total[0] / 1e6:.1f}", f"{total[1] / 1e6:.1f}")],
    )


def seconds(command: list[str]) -> tuple[float, float]:
    """Time of one process: seconds of the clock from its start to its end, and of the processor."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
