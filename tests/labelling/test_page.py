"""The page in a real browser: labelled by keyboard alone, with one label and with several."""

import json
import signal
import time

import pytest

from browsers import browsing
from command_line import rows_of
from labelling.served import serving, write_images, write_texts


class Keyboard:
    """A tab, and keys that are pressed in it."""

    def __init__(self, tab) -> None:
        self.tab = tab

    def press(self, key: str) -> None:
        code = {"Enter": 13, " ": 32}.get(key, 0)
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        more = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            self.tab.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **(more if kind == "keyDown" else {}),
            )

    def write(self, text: str) -> None:
        self.tab.call("Input.insertText", text=text)
        self.press("Enter")

    def until(self, expression: str) -> None:
        """Wait until something is true of the page."""
        for _ in range(300):
            if self.tab.evaluate(expression):
                return
            time.sleep(0.1)
        raise AssertionError(f"{expression}: {self.tab.evaluate('document.body.innerText')}")

    def counted(self, labelled: int) -> None:
        self.until(f"document.getElementById('counts').textContent.startsWith('{labelled} of ')")


@pytest.mark.slow
def test_texts_by_keyboard_alone(chromium: str, tmp_path) -> None:
    write_texts(tmp_path / "texts.csv", 40)
    out = tmp_path / "labels.csv"
    with browsing(chromium) as tab, serving(tmp_path / "texts.csv", out) as server:
        keys = Keyboard(tab)
        tab.open(f"http://127.0.0.1:{server.port}/")
        keys.counted(0)
        for at, name in enumerate(("sun", "<b>sea</b>"), start=1):
            keys.press("n")
            keys.write(name)
            keys.counted(at)
        shown = []
        for at, key in enumerate("1212", start=3):
            shown.append(tab.evaluate("document.getElementById('text').textContent"))
            keys.press(key)
            keys.counted(at)
        assert [each["text"] for each in rows_of(out)][2:] == shown
        assert [each["label"] for each in rows_of(out)] == [
            "sun",
            "<b>sea</b>",
            "sun",
            "<b>sea</b>",
            "sun",
            "<b>sea</b>",
        ]
        assert tab.evaluate("document.querySelectorAll('b').length") == 0
        keys.press("u")
        keys.counted(5)
        assert tab.evaluate("document.getElementById('text').textContent") == shown[-1]
        keys.press("ArrowDown")
        keys.press("ArrowDown")
        keys.press(" ")
        keys.counted(6)
        keys.press("x")
        keys.until("document.getElementById('counts').textContent.includes('1 skipped')")
        # What the model thinks is hidden until it is asked for, and again with the next question.
        keys.until("document.getElementById('state').hidden")
        for _ in range(100):
            keys.press("s")
            if tab.evaluate("document.getElementById('suggested').textContent").startswith("The model of"):
                break
            time.sleep(0.2)
        keys.until("document.getElementById('suggested').textContent.includes('%')")
        keys.press("1")
        keys.counted(7)
        assert tab.evaluate("document.getElementById('suggested').textContent") == ""
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert all("409" in each for each in tab.errors)  # no model yet
        server.end(signal.SIGKILL)
        keys.press("1")
        keys.until("document.getElementById('problem').textContent.startsWith('The server does not answer')")
    assert len(rows_of(out)) == 7


def test_images_with_several_labels(chromium: str, tmp_path) -> None:
    write_images(tmp_path / "in", 6)
    out = tmp_path / "labels.jsonl"
    flags = ("--several-labels", "--classes", "red,round")
    with browsing(chromium) as tab, serving(tmp_path / "in", out, *flags) as server:
        keys = Keyboard(tab)
        tab.open(f"http://127.0.0.1:{server.port}/")
        keys.counted(0)
        for at, pressed in enumerate((["1", "2", "Enter"], ["Enter"], ["1", "1", "2", "Enter"]), start=1):
            keys.until("document.getElementById('image').naturalWidth === 30")
            for key in pressed:
                keys.press(key)
            keys.counted(at)
        keys.press("u")
        keys.until("document.querySelector('[aria-pressed=true]')?.dataset.name === 'round'")
        keys.press("Enter")
        keys.counted(3)
        assert tab.errors == []
    found = [json.loads(line)["label"] for line in out.read_text().splitlines()]
    assert found == ["red;round", "", "round"]


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_page_is_in_one_language_and_names_what_is_labelled(chromium: str, tmp_path, language) -> None:
    write_texts(tmp_path / "texts.csv", 10)
    given = {"PELLUCID_LANGUAGE": language}
    with (
        browsing(chromium) as tab,
        serving(tmp_path / "texts.csv", tmp_path / "labels.csv", "--classes", "1", **given) as server,
    ):
        tab.open(f"http://127.0.0.1:{server.port}/")
        shown = "document.getElementById('counts').textContent"
        Keyboard(tab).until(f"{shown}.includes('10')")
        if language == "en":
            assert tab.evaluate("document.title") == "Label texts · Pellucid"
            assert tab.evaluate("document.querySelector('h1').textContent") == "Label texts"
            assert tab.evaluate("document.getElementById('example-title').textContent") == "The text"
        else:
            assert tab.evaluate(shown) == "已标注 0 / 10\uff0c其中 0 个用于审核"
        status = json.loads(server.ask("GET", "/api/status")[2])
        for each in (status["state"], *status["sentences"]):
            assert not each or each.isascii() == (language == "en"), each


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_phone_and_everyone(chromium: str, axe_core, tmp_path, theme: str) -> None:
    write_texts(tmp_path / "texts.csv", 10)
    with (
        browsing(chromium) as tab,
        serving(tmp_path / "texts.csv", tmp_path / "labels.csv", "--classes", "a,b") as server,
    ):
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=False
        )
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        tab.open(f"http://127.0.0.1:{server.port}/")
        Keyboard(tab).counted(0)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.evaluate(axe_core.read_text(encoding="utf-8") + ";0")
        found = tab.evaluate(
            "axe.run().then((found) => found.violations.map((each) => [each.id, each.nodes[0].html]))"
        )
        assert found == []
