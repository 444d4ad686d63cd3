"""What holds for every test: one thread, an empty cache of its own, and no network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from threadpoolctl import threadpool_limits

import made_once
from durations import Durations, slow_by_seconds

# Before numpy or torch are imported: sums differ between one thread and two.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
# Threads that a test asks for must not spin while they wait: another worker needs the core.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# Plain pytest has loaded numpy by now, through jaxtyping's plugin, so its BLAS never saw these variables;
# workers of xdist inherit them.
threadpool_limits(1)

# What is installed beside Pellucid must not change what a test trains; tests of backbones undo this.
os.environ["PELLUCID_BACKBONES"] = "none"

IN_CI = os.environ.get("CI", "") not in ("", "0", "false")
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")

# Examples for each property: the default run, make test-all, and make test-types, which only needs calls.
# CI draws the same ones each time.
for _profile, _examples in (("quick", 25), ("thorough", 50), ("few", 5)):
    hypothesis.settings.register_profile(_profile, deadline=None, derandomize=IN_CI, max_examples=_examples)
hypothesis.settings.load_profile("quick")

_refused: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options that our runs of the suite have beside pytest's."""
    parser.addoption(
        "--every-shape",
        action="store_true",
        help="beside --jaxtyping-packages: fail where a function with a shape was never executed",
    )
    parser.addoption(
        "--durations-in",
        metavar="FILE",
        help="write the processor seconds of tests; fail where one takes long",
    )
    parser.addoption(
        "--but-for", metavar="FILE", help="leave out the tests named in a file, which another run has"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count executed shapes, and seconds, where asked."""
    if config.getoption("every_shape"):
        from executed_types import EveryShape

        config.pluginmanager.register(EveryShape())
    if (file := config.getoption("durations_in")) is not None:
        config.pluginmanager.register(Durations(file))


@pytest.fixture(autouse=True)
def language_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """English again after a test that runs a command in another language."""
    monkeypatch.setenv("PELLUCID_LANGUAGE", "en")


# Begun first, so that no worker is left alone with one of them in the end.
LONG_FILES = (
    "test_documented_blocks.py",
    "test_textbook.py",
    "test_graphs.py",
    "test_accessibility.py",
    "test_generators.py",
)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out by marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark slow tests, put long files first, and leave out what another run has.

    Properties are left in, since the other run tries fewer examples.
    """
    for item in slow_by_seconds(items):
        if item.get_closest_marker("core") is None:
            item.add_marker("slow")
    items.sort(key=lambda item: item.path.name not in LONG_FILES)
    if (file := config.getoption("but_for")) is None:
        return
    others = set(Path(file).read_text(encoding="utf-8").splitlines())

    def is_left(item: pytest.Item) -> bool:
        is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        return is_property or not {item.nodeid, item.nodeid.partition("[")[0]} & others

    config.hook.pytest_deselected(items=[each for each in items if not is_left(each)])
    items[:] = filter(is_left, items)


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: let Unix sockets and loopback pass, refuse and note every other address."""
    if event not in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    host = address[0] if isinstance(address, tuple) else address
    if event != "socket.getaddrinfo" and not isinstance(address, tuple):
        return
    if host is None or _is_loopback(str(host)):
        return
    _refused.append(f"{event} {host}")
    raise PermissionError(f"tests must not use the network: {event} {host}")


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


sys.addaudithook(_refuse_network)


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fail a test that reached for the network even when the code swallowed the refusal."""
    _refused.clear()
    yield
    assert not _refused, f"this test used the network: {_refused}"


def _processor_limit() -> object:
    """Seconds after which the system ends this process; `None` where it limits none."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrlimit(resource.RLIMIT_CPU)


_LIMIT = _processor_limit()


@pytest.fixture(autouse=True)
def _no_limit() -> Iterator[None]:
    """Fail a test that limits the processor time of this process, which would end in a later one."""
    yield
    found = _processor_limit()
    assert found == _LIMIT, f"this test limited the processor time of the process of the tests: {found}"


@pytest.fixture(scope="session", autouse=True)
def _shared_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What takes long to make is made once for all workers of a run."""
    folder = tmp_path_factory.getbasetemp()
    made_once.folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep decoded images of tests away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def _need(found: bool, what: str) -> None:
    """Skip where something to be installed is missing; in CI that is a failure."""
    if found:
        return
    if IN_CI:
        pytest.fail(f"{what} is missing; make test-all installs it")
    pytest.skip(f"needs {what}; make test-all installs it as root on Debian")


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """Folder with the four IDX files of the full Fashion-MNIST."""
    _need(FASHION_MNIST.is_dir(), "Debian's dataset-fashion-mnist")
    return FASHION_MNIST


@pytest.fixture(scope="session")
def bf16_lstm() -> None:
    """Skip where this processor, or what oneDNN may use of it, has no LSTM in bf16."""
    import torch

    try:
        with torch.autocast("cpu", torch.bfloat16):
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    except RuntimeError:
        pytest.skip("needs a processor on which oneDNN has an LSTM in bf16: AVX-512 or newer")


@pytest.fixture(scope="session")
def axe_core() -> Path:
    """The accessibility checker, from npm's global or local folder."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm and axe-core: npm install --global axe-core")
    done = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True)
    for root in (Path(done.stdout.strip()), Path("node_modules")):
        path = root / "axe-core" / "axe.min.js"
        if path.exists():
            return path
    pytest.skip("needs axe-core: npm install --global axe-core")


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """Path of the browser that opens pages."""
    path = shutil.which("chromium")
    _need(path is not None, "chromium")
    assert path is not None
    yield path
    import browsers

    browsers.close()


@pytest.fixture(scope="session")
def saved_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Saves a model as the one of a run; the folder must stay as it is."""
    from pellucid.bundle import save

    def saved(model: Any) -> Path:
        folder = tmp_path_factory.mktemp("run")
        save(model, folder / "model", {})
        return folder

    return saved
