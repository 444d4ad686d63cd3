"""A browser for each worker, since starting one takes a second; a test gets a tab with storage of its own."""

import contextlib
import threading
from collections.abc import Iterator

from pellucid.export.app import chromium
from pellucid.export.app.chromium import Tab

_KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

_free = threading.Lock()
_started = contextlib.ExitStack()
_tab: Tab | None = None


@contextlib.contextmanager
def browsing(program: str) -> Iterator[Tab]:
    """A tab of the worker's browser, or of another one while that has a tab open."""
    if not _free.acquire(blocking=False):
        with chromium.browsing(program) as tab:
            yield tab
        return
    try:
        with _own_storage(_browser(program)) as tab:
            yield tab
    finally:
        _free.release()


def close() -> None:
    """End the worker's browser."""
    global _tab
    _tab = None
    _started.close()


def press(tab: Tab, *keys: str) -> None:
    """Press keys, by their names or characters."""
    for key in keys:
        code = {"windowsVirtualKeyCode": _KEYS.get(key, 0)}
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        tab.call("Input.dispatchKeyEvent", type="keyDown", key=key, **code, **text)
        tab.call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)


def until(tab: Tab, expression: str) -> None:
    """Wait in the page until something is true of it."""
    wait = f"""new Promise((done, fail) => {{
      const end = Date.now() + 20000;
      const look = () => {{
        if ({expression}) done(0);
        else if (Date.now() > end) fail(new Error(document.body.innerText));
        else setTimeout(look, 20);
      }};
      look();
    }})"""
    tab.evaluate(wait)


def _browser(program: str) -> Tab:
    global _tab
    if _tab is None:
        _tab = _started.enter_context(chromium.browsing(program))
    return _tab


@contextlib.contextmanager
def _own_storage(tab: Tab) -> Iterator[Tab]:
    """The browser's connection, attached to a new tab without anything of earlier ones."""
    context = ""
    try:
        tab._session = ""
        context = tab.call("Target.createBrowserContext")["browserContextId"]
        tab.attach(browserContextId=context, width=1280, height=900)
        yield tab
        tab._session = ""
        tab.call("Target.disposeBrowserContext", browserContextId=context)
    except BaseException:
        close()  # whatever happened, the next test gets a browser that works
        raise
