"""The guards of `conftest.py`: no network, no limit of this process, a cache of its own, one thread."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SWALLOWED = """
import socket
import urllib.request

def test_connects():
    with socket.socket() as client:
        try:
            client.connect(("192.0.2.1", 80))
        except OSError:
            pass

def test_asks_for_a_name():
    try:
        urllib.request.urlopen("http://example.org", timeout=1)
    except OSError:
        pass

def test_listens_to_everyone():
    with socket.socket() as server:
        try:
            server.bind(("0.0.0.0", 0))
        except OSError:
            pass

def test_works_alone():
    assert True
"""

LIMITING = """
import math
import resource
import time

def test_limits_itself():
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + 1000, resource.RLIM_INFINITY))
"""


def run(folder: Path, source: str) -> str:
    """What pytest prints about a test file beside our conftest."""
    for name in ("conftest.py", "made_once.py", "durations.py", "durations.json"):
        shutil.copy(Path(__file__).parent.with_name(name), folder)
    (folder / "test_made.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_reaching_for_the_network_fails_a_test_that_swallows_the_refusal(tmp_path: Path) -> None:
    said = run(tmp_path, SWALLOWED)
    assert "4 passed, 3 errors" in said
    for call in ("socket.connect 192.0.2.1", "socket.getaddrinfo example.org", "socket.bind 0.0.0.0"):
        assert f"this test used the network: ['{call}']" in said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no processor time")
def test_limiting_the_process_of_the_tests_fails_a_test(tmp_path: Path) -> None:
    assert "this test limited the processor time of the process of the tests" in run(tmp_path, LIMITING)


def test_loopback_is_allowed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_the_cache_is_not_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Path(os.environ["XDG_CACHE_HOME"]).is_relative_to(tmp_path_factory.getbasetemp())


def test_numerical_libraries_use_one_thread() -> None:
    import torch

    assert torch.get_num_threads() == 1
