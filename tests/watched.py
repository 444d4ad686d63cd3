"""Runs that are watched: in a process of their own, or here with a thread that asks the page's server."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import spawning


class Asked:
    """Requests to the server of a page, as the page makes them."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str):
        """Status, headers and content of a reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read().decode()
        finally:
            connection.close()

    def news(self) -> dict[str, Any]:
        """What changes from moment to moment."""
        return json.loads(self.ask("/api/news")[2])

    def stop(self, token: str | None = None, **headers: str) -> int:
        """Ask for an early end; the status of the reply."""
        content = json.dumps({"token": self.news()["token"] if token is None else token})
        given = {"content_type": "application/json", "origin": f"http://127.0.0.1:{self.port}", **headers}
        return self.ask("/api/stop", "POST", content, **given)[0]

    def until(self, condition, seconds: float = 120.0) -> dict[str, Any]:
        """The first news that fulfil a condition."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionError):
                if condition(news := self.news()):
                    return news
            time.sleep(0.05)
        raise AssertionError("this was never so")


class Watched(Asked):
    """A run in a process of its own; `said` are the lines that it wrote."""

    def __init__(self, *words: object, **environment: str) -> None:
        plain = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
        self.process = spawning.Process(
            "-m",
            "pellucid",
            *words,
            stderr=subprocess.PIPE,
            text=True,
            env={**plain, "NO_COLOR": "1", **environment},
        )
        self.said: list[str] = []
        assert self.process.stderr is not None
        port = 0
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"watch it: http://127\.0\.0\.1:(\d+)/", line):
                port = int(found[1])
                break
        assert port, "".join(self.said)
        super().__init__(port)
        self._rest = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self._rest.start()

    def wait(self, seconds: float = 120.0) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(timeout=seconds)
        self._rest.join()
        self.process.stderr.close()
        return code

    def kill(self) -> None:
        """End it at once, where it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.wait()


@contextlib.contextmanager
def watching(*words: object, **environment: str):
    """A watched run for a while."""
    run = Watched(*words, **environment)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.kill()


class Poller(threading.Thread):
    """Looks at a run in this process as a page does, but more often, and keeps all that it saw."""

    def __init__(self, addresses) -> None:
        super().__init__(daemon=True)
        self.addresses, self.news, self.sections = addresses, [], []
        self.report: tuple[int, dict[str, str], str] | None = None
        self.page: tuple[int, dict[str, str], str] | None = None
        self.seen = lambda asked, news: None
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            asked = Asked(int(re.search(r":(\d+)/", self.addresses.get(timeout=60))[1]))
            self.page = asked.ask("/")
            have = "-1"
            while self.report is None:
                self.news.append(news := asked.news())
                self.seen(asked, news)
                if news["state"] == "finished":
                    self.report = asked.ask("/report.html")
                    break
                status, headers, content = asked.ask(f"/api/sections?have={have}")
                if status == 200:
                    have = headers["x-version"]
                    self.sections.append((news, content))
                time.sleep(0.02)
        except BaseException as problem:  # shown by the test that looks at it
            self.problem = problem


def weights(run: Path, model: str = "cnn") -> bytes:
    """The weights of a model of a run."""
    return (run / "models" / model / "weights.safetensors").read_bytes()
