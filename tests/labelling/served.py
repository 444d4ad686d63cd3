"""A real server of `pellucid label`, in a process of its own, and people who ask it over HTTP."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
from PIL import Image

import spawning


class Server:
    """The process, its address and what it said."""

    def __init__(self, place, out, *flags, **environment) -> None:
        words = ["-m", "pellucid", "label", place, "--out", out, "--port", "0"]
        self.process = spawning.Process(
            *words, *flags, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.said: list[str] = []
        self.port = 0
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                break
        assert self.port, "".join(self.said)
        self._rest = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self._rest.start()

    def ask(self, method, path, body=None, headers=()):
        """Status, headers and content of a reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def end(self, number=signal.SIGINT):
        """End the process, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._rest.join()
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def serving(place, out, *flags, **environment):
    """A server for a while."""
    server = Server(place, out, *flags, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


class Person:
    """Somebody with the page open."""

    def __init__(self, server, name="ann") -> None:
        self.server, self.name = server, name
        status, _, page = server.ask("GET", "/")
        assert status == 200
        found = re.search(r'id="facts">(.*?)</script>', page.decode())
        assert found is not None
        self.facts = json.loads(found[1])

    def post(self, name, **body):
        """Status and document of a reply."""
        content = json.dumps({"token": self.facts["token"], "person": self.name, **body})
        headers = {"content-type": "application/json", "origin": f"http://127.0.0.1:{self.server.port}"}
        status, _, reply = self.server.ask("POST", f"/api/{name}", content, headers)
        return status, json.loads(reply)

    def get(self, name, **body):
        """Document of a reply that must be one."""
        status, found = self.post(name, **body)
        assert status == 200, found
        return found

    def label(self, example, *labels):
        """Answer, and return the next question."""
        return self.get("label", example=example["id"], labels=list(labels), seconds=0.5)


def write_texts(path: Path, count: int = 60, seed: int = 0) -> None:
    """A table of short texts about two things, none like another."""
    draws = np.random.default_rng(seed)
    words = {"sun": "bright warm light morning sky", "sea": "deep cold water waves salt"}
    other = "one two three four five six seven eight nine ten red blue green left right up down".split()
    with path.open("w") as file:
        file.write("text\n")
        for at in range(count):
            name = ("sun", "sea")[at % 2]
            chosen = [*draws.choice(words[name].split(), 3), *draws.choice(other, 5), f"number{at}"]
            file.write(f"{' '.join(chosen)} {name}\n")


def write_images(folder: Path, count: int = 12) -> None:
    """Noise, brighter in every second image."""
    draws = np.random.default_rng(0)
    for at in range(count):
        place = folder / ("even" if at % 2 == 0 else "odd" if at % 4 == 1 else "")
        place.mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 100, (20, 30, 3)) + 150 * (at % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{at:03}.png")
