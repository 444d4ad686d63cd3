"""Python processes that start without the seconds of importing torch and scikit-learn: forks of one that has.

Each has a process number, streams, a working directory, an environment and an exit code of its own, and
imports Pellucid itself anew. Tests of what is imported, of memory, of the start of the interpreter or of
equal results whatever the hash seed start one with `subprocess`, as everything here does outside Linux, or
where the environment differs in what libraries read while they are loaded.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

# What a run of Pellucid imports.
PRELOADED = (
    "numpy", "scipy.optimize", "scipy.sparse", "scipy.special", "scipy.stats", "PIL.Image", "jinja2",
    "joblib", "pyarrow.parquet", "safetensors.numpy", "safetensors.torch", "sklearn.decomposition",
    "sklearn.ensemble", "sklearn.discriminant_analysis", "sklearn.linear_model", "sklearn.model_selection",
    "sklearn.svm", "torch", "torch.optim", "torch.utils.data",
)  # fmt: skip
READ_AT_START = tuple("PYTHON OMP_ MKL_ OPENBLAS_ LC_ LANG MALLOC_ ONEDNN_ ATEN_ TORCH LD_".split())
_SET_CHILD_SUBREAPER = 36


class Process(subprocess.Popen):
    """`python WORDS`, begun with `-m` or `-c`, as `subprocess.Popen` starts it."""

    def __init__(self, *words: object, env: Mapping[str, str] | None = None, **given: Any) -> None:
        self._words = list(map(str, words))
        super().__init__(
            [sys.executable, *self._words], env=dict(os.environ if env is None else env), **given
        )

    def _execute_child(self, *given: Any) -> None:
        preexec, pass_fds, (cwd, env), pipes, is_own = given[2], given[4], given[5:7], given[10:16], given[-2]
        if preexec is not None or pass_fds or not _is_forkable(self._words, env):
            super()._execute_child(*given)
            return
        request = {"words": self._words, "cwd": os.fspath(cwd or os.getcwd()), "env": env, "is_own": is_own}
        streams = (own if each == -1 else each for own, each in enumerate((pipes[0], pipes[3], pipes[5])))
        with _lock:
            self.pid = _forked(request, list(streams))
        self._child_created = True
        self._close_pipe_fds(*pipes)


def run(*words: object, timeout: float | None = None, check: bool = False, **given: Any):
    """Run `python WORDS` as `subprocess.run` does."""
    if given.pop("capture_output", False):
        given |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Process(*words, **given) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.returncode, out, errors)
    if check:
        done.check_returncode()
    return done


_lock = threading.Lock()
_servers: dict[int, tuple[socket.socket, dict[str, str], subprocess.Popen[bytes]]] = {}


def _is_forkable(words: list[str], env: Mapping[str, str]) -> bool:
    if sys.platform != "linux" or words[0] not in ("-m", "-c"):
        return False
    with _lock:
        began = _server()[1]
    read = {name for name in {*env, *began} if name.startswith(READ_AT_START)}
    return all(env.get(name) == began.get(name) for name in read)


def _server() -> tuple[socket.socket, dict[str, str], subprocess.Popen[bytes]]:
    """Connection to the process that is forked, its environment, and itself; forks of us have their own."""
    if os.getpid() not in _servers:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env = dict(os.environ)
        with theirs:  # the process ends with the connection
            server = subprocess.Popen(
                [sys.executable, __file__], stdin=theirs, stdout=subprocess.DEVNULL, env=env
            )
        _servers[os.getpid()] = ours, env, server
        atexit.register(_end, os.getpid())
    return _servers[os.getpid()]


def _end(owner: int) -> None:
    if os.getpid() == owner:
        connection, _, server = _servers.pop(owner)
        connection.close()
        server.wait()


def _forked(request: dict[str, Any], descriptors: list[int]) -> int:
    """Number of a new process, which is a child of this one."""
    connection = _server()[0]
    library = ctypes.CDLL(None)
    library.prctl(_SET_CHILD_SUBREAPER, 1)  # whose parent in between ends becomes our child
    try:
        socket.send_fds(connection, [json.dumps(request).encode()], descriptors)
        return int(connection.recv(64))
    finally:
        library.prctl(_SET_CHILD_SUBREAPER, 0)


def _serve(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request; returns in the fork alone, with what it is to become."""
    while True:
        content, descriptors, *_ = socket.recv_fds(connection, 1 << 20, 3)
        if not content:
            os._exit(0)
        number, adopted = os.pipe(), os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                os.write(number[1], str(child).encode())
                os._exit(0)
            for each in (*number, adopted[1]):
                os.close(each)
            connection.close()
            os.read(adopted[0], 1)
            os.close(adopted[0])
            return json.loads(content), descriptors
        os.waitpid(between, 0)
        connection.send(os.read(number[0], 64))
        for each in (*number, *adopted, *descriptors):
            os.close(each)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Do in this process what the interpreter would have done with the words, but for its start."""
    for at, each in enumerate(descriptors):
        os.dup2(each, at)
        os.close(each)
    if request["is_own"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have ignored it
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    is_terminal = os.isatty(1)
    sys.stdout = sys.__stdout__ = open(
        1, "w", buffering=1 if is_terminal else -1, encoding="utf-8", errors="surrogateescape", closefd=False
    )
    sys.stderr = sys.__stderr__ = open(
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    kind, what, *rest = request["words"]
    if kind == "-m":
        sys.path[0], sys.argv = request["cwd"], [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    sys.path[0], sys.argv = "", ["-c", *rest]
    sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(what, "<string>", "exec"), sys.modules["__main__"].__dict__)


if __name__ == "__main__":
    # No thread may run where a process forks, and Arrow's allocator would begin one.
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
    for _name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(_name)
    gc.freeze()
    _own_socket = socket.socket(fileno=os.dup(0))
    _own_main = sys.modules["__main__"]  # else its names would go with it
    _become(*_serve(_own_socket))
