"""A browser of the Chromium family without a window, spoken to through a pipe by its own protocol (DevTools).

Nothing beyond an installed browser is needed: no driver, no port that others could reach. Messages are JSON,
each ended by a zero byte, on two pipes that the browser finds as its file descriptors 3 and 4.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Names under which such browsers are installed, in the order in which they are looked for.
PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)

_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_SETTINGS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe", "--window-size=1280,900"),
)
_LONGEST_LOAD = 60.0
# The pipes are put where the browser looks for them once the process is its own, safe from other threads.
# Copies above 9 come first, lest one of them already stands where the other belongs.
_STARTER = (
    "import fcntl, os, sys; a, b = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]); "
    "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class BrowserFailed(Exception):
    """Failure of the browser itself, or of a page's script, in words."""


def find_browser() -> str | None:
    """Path of a browser that can be spoken to; `None` where none is at hand, as always on Windows."""
    if os.name != "posix":
        return None
    named = (shutil.which(name) for name in PROGRAMS)
    applications = (place for place in _APPLICATIONS if Path(place).is_file())
    return next((found for found in (*named, *applications) if found), None)


class Tab:
    """A page in a browser.

    Attributes:
        requests: addresses that the page asked for, its own file among them.
        errors: what its console complained of.
        product: name and version of the browser.

    Args:
        to_browser: file descriptor of the pipe to it.
        from_browser: of the pipe from it.
    """

    requests: list[str]
    errors: list[str]
    product: str

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from, self._buffer, self._number = to_browser, from_browser, b"", 0
        self.requests, self.errors, self._session, self._loaded = [], [], "", False
        self.product = str(self.call("Browser.getVersion")["product"])
        self.attach()

    def attach(self, **settings: Any) -> None:
        """Go on in a new page, of such settings of the protocol's `Target.createTarget`."""
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank", **settings)["targetId"]
        self._session = str(self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        self.requests, self.errors, self._loaded = [], [], False
        for domain in ("Inspector", "Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Go to an address, and wait until the page and its scripts are loaded, unless they are already.

        Raises: `BrowserFailed` if that takes longer than a minute.
        """
        self._loaded = False
        if "loaderId" not in self.call("Page.navigate", url=address):
            # Another place of the same page, which hears of it in a task queued before this one.
            self.evaluate("new Promise((done) => setTimeout(done))")
            return
        deadline = time.monotonic() + _LONGEST_LOAD
        while not self._loaded:
            self._note(self._read(deadline))

    def evaluate(self, expression: str, seconds: float = 60.0) -> Any:
        """JSON value of an expression, or of what its promise is kept with.

        Raises: `BrowserFailed` if it throws, or takes longer than so many seconds.
        """
        found = self.call(
            "Runtime.evaluate", seconds, expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise BrowserFailed(str(details.get("exception", {}).get("description", details.get("text"))))
        return found["result"].get("value")

    def call(self, method: str, seconds: float = 60.0, /, **parameters: Any) -> dict[str, Any]:
        """Result of a method of the protocol; events on the way are noted.

        Raises: `BrowserFailed` if the browser refuses, is gone, or takes longer than so many seconds.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            received = self._read(deadline)
            if received.get("id") == self._number:
                if "error" in received:
                    raise BrowserFailed(f"{method}: {received['error'].get('message')}")
                result: dict[str, Any] = received["result"]
                return result
            self._note(received)

    def processor_seconds(self) -> float:
        """Time of the processor that all processes of the browser have taken so far."""
        session, self._session = self._session, ""
        try:
            found = self.call("SystemInfo.getProcessInfo")["processInfo"]
        finally:
            self._session = session
        return sum(float(each["cpuTime"]) for each in found)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep requests and complaints.

        Raises: `BrowserFailed` if the page is gone, which would never answer.
        """
        parameters = event.get("params", {})
        if event.get("method") == "Inspector.targetCrashed":
            raise BrowserFailed("the page crashed; it may have needed more memory than there is")
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(str(details.get("exception", {}).get("description", details.get("text"))))
        if event.get("method") == "Page.loadEventFired":
            self._loaded = True
        if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(str(parameters["entry"]["text"]))

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            try:
                left = left[os.write(self._to, left) :]
            except OSError as error:
                raise BrowserFailed("the browser is gone") from error

    def _read(self, deadline: float) -> dict[str, Any]:
        """The next message."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._from, 1 << 20) if ready else b""
            if not part:
                raise BrowserFailed("the browser is gone" if ready else "the browser took too long")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextlib.contextmanager
def browsing(program: str) -> Iterator[Tab]:
    """A tab of a browser that is started for it, with a profile of its own, and ended afterwards.

    Raises: `BrowserFailed` if it does not answer.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Root has no sandbox to offer, and the page is our own.
        command = [
            program,
            *_SETTINGS,
            f"--user-data-dir={profile}",
            *(("--no-sandbox",) if os.geteuid() == 0 else ()),
        ]
        starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(to_read), str(from_write), *command]
        process = subprocess.Popen(
            starter,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_read, from_write),
        )
        os.close(to_read)
        os.close(from_write)
        try:
            tab = Tab(to_write, from_read)
            yield tab
            with contextlib.suppress(BrowserFailed):
                tab._session = ""
                tab.call("Browser.close", 5.0)
        finally:
            os.close(to_write)
            os.close(from_read)
            # Wait for a browser that was asked to end, and kill it where it does not.
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
