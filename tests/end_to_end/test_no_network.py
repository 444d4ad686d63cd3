"""Training, answering, explaining and exporting ask the system for no connection to another machine."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# One interpreter runs every command: a process each would spend the time of the test on imports.
COMMANDS = """
import sys
from pellucid.cli.main import main

data, image, out = sys.argv[1:]
few = ["--epochs", "1", "--width", "8", "--threads", "2", "--folds", "0"]
for words in (
    ["train", data, "--out", f"{out}/run", *few],
    ["predict", f"{out}/run", image, "--out", f"{out}/answers.csv"],
    ["evaluate", f"{out}/run", data, "--confusion", f"{out}/confusion.csv"],
    ["explain", f"{out}/run", image, "--out", f"{out}/page.html"],
    ["export", f"{out}/run", "--out", f"{out}/model.onnx"],
):
    code = main(words)
    if code:
        sys.exit(code)
"""
ALLOWED = ("AF_UNIX", "AF_NETLINK")  # netlink asks the kernel which interfaces there are


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("one") / "one.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def _run(before, *arguments):
    environment = {**os.environ, "PELLUCID_BACKBONES": "none"}
    command = [*before, sys.executable, "-c", COMMANDS, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=600, env=environment, check=False
    )


def _has_all(folder):
    names = {path.name for path in folder.iterdir()}
    return {"run", "answers.csv", "confusion.csv", "page.html", "model.onnx"} <= names


def _families(calls):
    """Families of the sockets in the output of strace, each once."""
    return set(re.findall(r"\b(AF_\w+)", calls))


@pytest.fixture(scope="module")
def strace():
    path = shutil.which("strace")
    works = path and subprocess.run([path, "-f", "true"], capture_output=True, check=False).returncode == 0
    if not works:
        pytest.skip("needs strace, and the right to trace processes")
    return [path, "-f", "--seccomp-bpf", "-e", "trace=%network"]


def test_a_socket_of_the_internet_is_seen(strace, tmp_path):
    calls = tmp_path / "calls"
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()"
    subprocess.run([*strace, "-o", calls, sys.executable, "-c", code], check=True)
    assert _families(calls.read_text()) == {"AF_INET"}


@pytest.fixture(scope="module")
def without_network():
    """Words before a command that has no network at all."""
    alone = ["unshare", "--net", "--map-root-user"]
    look = [sys.executable, "-c", "import socket; print([name for _, name in socket.if_nameindex()])"]
    try:
        seen = subprocess.run([*alone, *look], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs unshare, and the right to make a namespace")
    assert seen.stdout.strip() in ("[]", "['lo']")  # a loopback that is down
    return alone


@pytest.mark.slow
def test_every_command_works_without_a_network_and_opens_no_socket_of_the_internet(
    without_network, strace, few_digits, image, tmp_path
):
    """No process that a command starts opens one, either."""
    calls = tmp_path / "calls"
    done = _run([*without_network, *strace, "-o", calls], few_digits, image, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _has_all(tmp_path)
    assert _families(calls.read_text(errors="replace")) <= set(ALLOWED)
