"""Install PyTorch's small build where the one on PyPI would bring gigabytes of CUDA that nobody can use.

For Makefile: run by the interpreter of the environment. It does nothing where torch is there already, on
macOS and Windows (whose build is small), and beside an NVIDIA driver. Where the index of the small build does
not answer at once, what pip takes by itself serves as well, only larger. `TORCH_INDEX` names another index;
empty: none.
"""

import importlib.util
import os
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

INDEX = "https://download.pytorch.org/whl/cpu"
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
PATIENCE = 5.0
"""Seconds that the index may take to answer."""


def is_wanted() -> bool:
    """True on Linux without an NVIDIA driver and without torch."""
    has_driver = Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()
    return sys.platform == "linux" and not has_driver and importlib.util.find_spec("torch") is None


def answers(index: str) -> bool:
    """True where the index lists torch within a few seconds."""
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def main() -> int:
    """Install torch from the index of its small build, or leave it to what is installed next; always 0."""
    index = os.environ.get("TORCH_INDEX", INDEX)
    if not index or not is_wanted():
        return 0
    if not answers(index):
        print(f"{index} does not answer, so PyTorch comes from wherever pip takes it by default", flush=True)
        return 0
    needed = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    torch = next(each for each in needed if each.startswith("torch"))
    # As the Makefile does it: to compile what is never imported would take as long as all else.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--index-url", index, torch]
    if subprocess.run(pip, check=False).returncode:
        print(
            f"{index} gave no PyTorch (see above), so it comes from wherever pip takes it by default",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
