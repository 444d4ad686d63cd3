"""Installs the built distributions into fresh environments, one for each Python found here, and uses them.

    python tools/try_release.py [--dist dist] [--python python3.13 ...] [--keep FOLDER]

For each interpreter: `pellucid` from its wheel, `pip check`, `demo`, `predict` and `export` of images and of
texts, `explain`; then, in a second environment, `pellucid-runtime` from its wheel must give the labels that
`predict` gave. Interpreters that the package names and that are not here are listed. Where `cyclonedx-bom` is
installed, the SBOM of both environments of the first interpreter is written beside the wheels.
"""

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from checksums import write_checksums

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "export"
NOT_COUNTED = ("pip", "setuptools", "_distutils_hack", "distutils-precedence")
TEXTS = ("Meeting moved to Thursday at ten, same room.", "You have WON a free prize!!! Click here now")

# Pictures of the size of the bundled ones, drawn by the NumPy and Pillow of the environment that is tried.
DRAW = """
import sys, numpy
from PIL import Image
rows, columns = numpy.mgrid[0:28, 0:28]
for number in range(8):
    ring = numpy.hypot(rows - 14, columns - 14) * (number + 1) / 3
    Image.fromarray((127 + 127 * numpy.sin(ring)).astype("uint8")).save(f"{sys.argv[1]}/{number}.png")
"""


class Tried(NamedTuple):
    """What one interpreter gave: its version, packages and bytes of both environments, and seconds."""

    version: str
    packages: int
    bytes: int
    runtime_packages: int
    runtime_bytes: int
    seconds: float


class Environment:
    """A fresh environment of one interpreter; every command in it must succeed."""

    def __init__(self, interpreter: str, folder: Path) -> None:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        self.folder = folder
        self.python = folder / "bin" / "python"

    def run(self, *words: str | Path, within: Path | None = None) -> str:
        """Standard output of a program of the environment, or of this path.

        Raises: `RuntimeError` with the end of its messages if it fails.
        """
        program = self.folder / "bin" / str(words[0])
        command = [str(program if program.exists() else words[0]), *map(str, words[1:])]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=within,
            env={**inherited, "OMP_WAIT_POLICY": "PASSIVE", "PELLUCID_BACKBONES": "none"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done.stdout

    def install(self, *requirements: str | Path) -> None:
        """Install by pip, as a user does."""
        self.run("python", "-m", "pip", "install", "--quiet", "--no-compile", *requirements)

    def install_built(self, name: str, version: str, dist: Path, extras: str = "") -> None:
        """Install a wheel of the folder, never one of an index, and then what it needs."""
        self.install("--no-index", "--no-deps", "--find-links", dist, f"{name}=={version}")
        self.install("--find-links", dist, f"{name}[{extras}]=={version}" if extras else f"{name}=={version}")
        self.run("python", "-m", "pip", "check")

    def size(self) -> tuple[int, int]:
        """Packages and bytes without those that every environment has.

        Bytecode does not count: how much of it there is depends on what ran.
        """
        listed = json.loads(self.run("python", "-m", "pip", "list", "--format", "json"))
        place = Path(
            self.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        )
        counted = [
            path.stat().st_size
            for top in place.iterdir()
            if not top.name.startswith(NOT_COUNTED)
            for path in ([top] if top.is_file() else top.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
        ]
        return len([each for each in listed if each["name"] not in NOT_COUNTED]), sum(counted)


def built_version(dist: Path) -> str:
    """Version of the wheels in a folder.

    Raises: `SystemExit` if there is not exactly one wheel of each distribution, of one version.
    """
    found = {
        match[1]: match[2]
        for path in dist.glob("*.whl")
        if (match := re.match(r"(pellucid|pellucid_runtime)-([^-]+)-py3-none-any\.whl$", path.name))
    }
    versions = set(found.values())
    if set(found) != {"pellucid", "pellucid_runtime"} or len(versions) != 1:
        raise SystemExit(f"error: {dist}: no wheels of one version; run make wheels")
    return versions.pop()


def declared_pythons() -> list[str]:
    """Versions of Python that the package names, such as `3.11`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    return [f"3.{each.removeprefix(prefix)}" for each in project["classifiers"] if each.startswith(prefix)]


def version_of(interpreter: str) -> str | None:
    """Version of an interpreter that can make environments, such as `3.13.5`; `None` where there is none."""
    code = "import ensurepip, sys, venv; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def answers(text: str) -> list[tuple[str, str]]:
    """Name of the input and label of each row that `predict` or the runtime wrote."""
    return [(Path(row["input"]).name, row["label"]) for row in csv.DictReader(text.splitlines())]


def try_pellucid(environment: Environment, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Use every command of a first day; files are left in `folder`.

    Returns:
        What `predict` answered, by the name of each exported file.
    """
    (folder / "images").mkdir()
    environment.run("python", "-c", DRAW, folder / "images")
    (folder / "texts.csv").write_text("text\n" + "".join(f'"{each}"\n' for each in TEXTS), encoding="utf-8")
    environment.run("pellucid", "demo", "--out", folder / "run", within=folder)
    found = {}
    for name, run, inputs in (("images", "run", "images"), ("texts", "run-spam", "texts.csv")):
        if not (folder / run / "report.html").is_file():
            raise RuntimeError(f"pellucid demo: no {run}/report.html")
        found[name] = answers(
            environment.run("pellucid", "predict", folder / run, folder / inputs, within=folder)
        )
        environment.run("pellucid", "export", folder / run, "--out", folder / f"{name}.onnx", within=folder)
    environment.run(
        "pellucid", "explain", folder / "run", folder / "images/0.png", "--out", folder / "page.html"
    )
    return found


def try_runtime(environment: Environment, folder: Path, expected: dict[str, list[tuple[str, str]]]) -> None:
    """Answer the exported files without PyTorch.

    Raises: `RuntimeError` if a label differs from that of `predict`.
    """
    for name, labels in expected.items():
        inputs = folder / ("images" if name == "images" else "texts.csv")
        found = answers(environment.run("pellucid-runtime", folder / f"{name}.onnx", inputs, within=folder))
        if found != labels:
            raise RuntimeError(f"{name}.onnx: the runtime answers {found}, pellucid predict {labels}")


def write_sbom(environment: Environment, path: Path) -> bool:
    """Write what an environment contains as CycloneDX; false where `cyclonedx-bom` is not installed."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    if not tool.exists():
        return False
    command = [tool, "environment", environment.python, "--output-reproducible", "--of", "JSON", "-o", path]
    subprocess.run([str(word) for word in command], check=True)
    return True


def try_all(interpreter: str, dist: Path, folder: Path, *, sboms: bool) -> Tried:
    """Install and use both distributions with one interpreter.

    Args:
        interpreter: a path, or a name on the path.
        dist: folder of the wheels.
        folder: empty; environments and runs are made in it.
        sboms: whether the SBOMs of the environments are written beside the wheels.
    """
    began = time.monotonic()
    version = built_version(dist)
    full = Environment(interpreter, folder / "full")
    # PyTorch's small build where it can be had, as make does.
    full.run("python", ROOT / "tools" / "install_torch.py")
    full.install_built("pellucid", version, dist, EXTRAS)
    full_size = full.size()
    labels = try_pellucid(full, folder)
    runtime = Environment(interpreter, folder / "runtime")
    runtime.install_built("pellucid-runtime", version, dist)
    runtime_size = runtime.size()
    try_runtime(runtime, folder, labels)
    if sboms:
        for name, environment in (("pellucid", full), ("pellucid_runtime", runtime)):
            if write_sbom(environment, dist / f"{name}-{version}.cdx.json"):
                write_checksums(dist)
    return Tried(str(version_of(interpreter)), *full_size, *runtime_size, time.monotonic() - began)


def main() -> None:
    """Try each interpreter, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dist", type=Path, default=Path("dist"))
    parser.add_argument("--python", nargs="+", help="interpreters; default: every one that the package names")
    parser.add_argument(
        "--keep", type=Path, help="an empty folder for environments and runs; default: removed"
    )
    arguments = parser.parse_args()
    dist = arguments.dist.resolve()
    built_version(dist)
    names = arguments.python or [f"python{each}" for each in declared_pythons()]
    found = {name: version for name in names if (version := version_of(name))}
    for name in names:
        if name not in found:
            print(f"{name}: not here, not tried", flush=True)
    for index, name in enumerate(found):
        folder = Path(tempfile.mkdtemp(dir=arguments.keep, prefix=f"try-{found[name]}-"))
        try:
            tried = try_all(name, dist, folder, sboms=index == 0)
        finally:
            if arguments.keep is None:
                shutil.rmtree(folder)
        print(
            f"Python {tried.version}: demo, predict, export, explain and runtime work; "
            f"pellucid[{EXTRAS}]: {tried.packages} packages, {tried.bytes / 1e6:,.0f} MB; "
            f"pellucid-runtime: {tried.runtime_packages} packages, {tried.runtime_bytes / 1e6:,.0f} MB; "
            f"{tried.seconds:.0f} s",
            flush=True,
        )
    if not found:
        raise SystemExit("error: no interpreter was tried")


if __name__ == "__main__":
    main()
