"""A real browser with a real keyboard, driven through the pipe of its developer tools."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CODES = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Driven:
    """One page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._count, self._left, self._session = 0, b"", {}
        (target,) = [
            each for each in self._call("Target.getTargets")["targetInfos"] if each["type"] == "page"
        ]
        attached = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": given, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._left:
                part = os.read(self._from, 1 << 20)
                assert part, "the browser went away"
                self._left += part
            answer, self._left = self._left.split(b"\0", 1)
            found = json.loads(answer)
            if found.get("id") == self._count:
                assert "error" not in found, found
                return found["result"]

    def open(self, address: str) -> None:
        """Go to a page and wait until its script has run."""
        self._call("Page.navigate", url=address)
        while self.ask("document.readyState") != "complete" or self.ask("location.href") == "about:blank":
            pass

    def ask(self, code: str) -> Any:
        """Evaluate an expression in the page."""
        return self._call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, by their names or characters."""
        for key in keys:
            code = {"windowsVirtualKeyCode": _CODES.get(key, 0)}
            text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
            self._call("Input.dispatchKeyEvent", type="keyDown", key=key, **code, **text)
            self._call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)


@contextlib.contextmanager
def browser(chromium: str, profile: Path) -> Iterator[Driven]:
    """Start a browser, and end it."""
    to_browser, from_browser = os.pipe(), os.pipe()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command = [chromium, *flags, *quiet, f"--user-data-dir={profile}", "about:blank"]
    # The browser reads from descriptor 3 and writes to descriptor 4.
    script = f'exec "$0" "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    process = subprocess.Popen(
        ["bash", "-c", script, *command],
        pass_fds=(to_browser[0], from_browser[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    try:
        yield Driven(to_browser[1], from_browser[0])
    finally:
        process.terminate()
        process.wait()
        os.close(to_browser[1])
        os.close(from_browser[0])
