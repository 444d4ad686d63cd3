"""Set-up by make: PyTorch in its small build on Linux without an NVIDIA driver, else as pip takes it."""

import contextlib
import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools/install_torch.py"


@contextlib.contextmanager
def _served(folder):
    """A package index with what lies in `folder`, on this machine; yields its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _index(folder, name):
    """An index of one wheel that holds a module `torch`."""
    place = folder / "torch"
    place.mkdir()
    with zipfile.ZipFile(place / name, "w") as wheel:
        wheel.writestr("torch.py", "small = True\n")
        told = "torch-99.0+cpu.dist-info"
        wheel.writestr(f"{told}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 99.0+cpu\n")
        wheel.writestr(f"{told}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{told}/RECORD", "")
    return folder


def _install(interpreter, index):
    environment = {**os.environ, "TORCH_INDEX": index, "PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
    environment.pop("PIP_FIND_LINKS", None)  # only the index that is served counts here
    return subprocess.run(
        [interpreter, TOOL], env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    """An environment without torch."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    return place / "bin/python"


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or Path("/proc/driver/nvidia/version").exists(),
        reason="needs Linux without NVIDIA",
    ),
]


def _installed(interpreter):
    code = "import importlib.util as u; print(u.find_spec('torch') is not None)"
    return subprocess.run([interpreter, "-c", code], stdout=-1, text=True, check=True).stdout == "True\n"


def test_an_index_that_does_not_answer_is_left_at_once(interpreter, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    began = time.monotonic()
    assert "does not answer, so PyTorch comes from wherever pip takes it" in _install(interpreter, nowhere)
    with _served(tmp_path) as without_torch:
        assert "does not answer" in _install(interpreter, without_torch)
    assert _install(interpreter, "") == ""
    assert time.monotonic() - began < 10
    assert not _installed(interpreter)


def test_an_index_without_a_fitting_build_is_left(interpreter, tmp_path):
    with _served(_index(tmp_path, "torch-99.0+cpu-cp27-none-any.whl")) as index:
        assert "gave no PyTorch (see above)" in _install(interpreter, index)
    assert not _installed(interpreter)


def test_the_small_build_comes_from_its_index_and_only_once(interpreter, tmp_path):
    with _served(_index(tmp_path, "torch-99.0+cpu-py3-none-any.whl")) as index:
        assert _install(interpreter, index) == ""
    assert _installed(interpreter)
    assert _install(interpreter, index) == ""  # nobody serves there any more, and nobody is asked
