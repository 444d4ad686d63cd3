"""A real server of models in a process of its own, and clients that ask it over HTTP."""

import base64
import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from exported_models import content_of

PNG, JSON = {"content-type": "image/png"}, {"content-type": "application/json"}
IMAGES, TEXTS = "svm, with detector", "logistic-regression of texts, with detector"


def write_models(folder, **names):
    """`NAME=PATH` of each model, written to a folder."""
    words = []
    for name, kind in names.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(content_of(kind))
        words.append(f"{name}={path}")
    return words


def png_of(seed, size=(8, 8), form="PNG"):
    """Bytes of an image of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, size, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def base64_of(content):
    """Text of bytes as JSON has them."""
    return base64.b64encode(content).decode()


def as_written(numbers):
    """Probabilities with the seven significant digits of every answer."""
    return [as_written(each) if isinstance(each, list) else float(f"{each:.7g}") for each in numbers]


class Server:
    """The process, its address and what it said."""

    def __init__(self, *words, command=("-m", "pellucid.serving"), **environment) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command, *map(str, words), "--port", "0"],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        self.said: list[str] = []
        self.port = 0
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"serving at http://[^ ]+:(\d+)/", line):
                self.port = int(found[1])
                break
        if not self.port:
            self.process.wait(timeout=60)
            self.process.stderr.close()
            raise AssertionError("".join(self.said))
        self._rest = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self._rest.start()

    def ask(self, method, path, body=None, headers=()):
        """Status, headers and content of a reply on a connection of its own."""
        with self.connection() as connection:
            return ask(connection, method, path, body, headers)

    @contextlib.contextmanager
    def connection(self):
        """A connection that is kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def predict(self, body, headers=PNG, model=None, job="predict"):
        """Status and document of an answer."""
        query = "" if model is None else f"?model={model}"
        status, _, content = self.ask("POST", f"/api/{job}{query}", body, headers)
        return status, json.loads(content)

    def raw(self, *pieces, seconds=10.0):
        """Everything that is sent back on a connection, on which pieces are sent, until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as own:
            for piece in pieces:
                own.sendall(piece)
            found = b""
            with contextlib.suppress(ConnectionError):
                while more := own.recv(1 << 16):
                    found += more
            return found

    def children(self):
        """Numbers of the processes that answer."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid:
                    found.append(int(place.name))
        return found

    def memory(self):
        """Bytes of memory of the process and its children."""
        total = 0
        for number in (self.process.pid, *self.children()):
            pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
            total += pages * os.sysconf("SC_PAGE_SIZE")
        return total

    def end(self, number=signal.SIGTERM):
        """End the process, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._rest.join()
        self.process.stderr.close()
        return code


def ask(connection, method, path, body=None, headers=()):
    """Status, headers and content of a reply."""
    connection.request(method, path, body, dict(headers))
    reply = connection.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


@contextlib.contextmanager
def serving(*words, **given):
    """A server for a while."""
    server = Server(*words, **given)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)
