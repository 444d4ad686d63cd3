"""Corrections collected on a real report, in a real browser: by keyboard, kept, downloaded and imported."""

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from browsers import browsing, press
from data.made import written
from pellucid.data import prepare
from pellucid.data.corrections import read_corrections
from pellucid.export.app.chromium import Tab
from pellucid.pipeline.finished_run import Run
from pellucid.settings import Settings

pytestmark = pytest.mark.slow

FIRST = "document.querySelector('#labels ~ .gallery figure')"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on digits, some of which are labelled wrong."""
    folder = tmp_path_factory.mktemp("correct")
    digits, labels = load_digits(), load_digits().target.copy()
    labels[:60] = (labels[:60] + 1) % 10
    np.savez(folder / "d.npz", x_train=(digits.images * 15.9).astype(np.uint8), y_train=labels)
    given = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}
    return pellucid.train(folder / "d.npz", out=folder / "run", **given)


def press_until(page: Tab, key: str, words: str) -> None:
    """Press a key until the focus is on a control with this text or name."""
    focused = "(e => e && (e.getAttribute('aria-label') || e.textContent).trim())(document.activeElement)"
    for _ in range(200):
        if page.evaluate(focused) == words:
            return
        press(page, key)
    raise AssertionError(f"{words} is not reached by {key}; the focus is on {page.evaluate(focused)}")


def count(page: Tab) -> str:
    return str(page.evaluate("document.querySelector('.correction-tools strong').textContent"))


def test_a_label_is_corrected_by_keyboard_kept_and_downloaded(
    chromium: str, run: Run, tmp_path: Path
) -> None:
    address = run.report.as_uri()
    issue = run.metrics["label_issues"]["examples"][0]
    with browsing(chromium) as page:
        context = page.call("Target.getTargetInfo")["targetInfo"]["browserContextId"]
        given = {"behavior": "allow", "downloadPath": str(tmp_path), "browserContextId": context}
        page.call("Browser.setDownloadBehavior", **given)
        page.open(address)
        # Without correcting there are no controls, and no bar.
        assert page.evaluate("document.querySelectorAll('.fix').length") == 0
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.correction-tools')).display") == "none"
        )
        press_until(page, "Tab", "Correct labels")
        press(page, "Enter", "Tab")
        assert (
            page.evaluate("document.activeElement.textContent") == "Import"
        )  # there is nothing to download yet
        assert page.evaluate("document.querySelectorAll('.fix').length") > 40
        page.evaluate(f"{FIRST}.querySelector('.fix button').focus()")
        press(page, "Enter")  # the suggestion
        assert count(page) == "1 correction"
        press(page, "Tab")  # the classes, of which the first is chosen by typing
        assert page.evaluate("document.activeElement.tagName") == "SELECT"
        second = f"{FIRST}.nextElementSibling"
        page.evaluate(f"{second}.querySelectorAll('.fix button')[2].focus()")
        press(page, "Enter")
        assert count(page) == "2 corrections"
        assert page.evaluate(f"{second}.querySelector('.corrected').textContent") == "left out"
        # A class that is not there yet is typed.
        third = f"{second}.nextElementSibling"
        page.evaluate(
            f"(s => {{ s.value = [...s.options].at(-1).value; s.dispatchEvent(new Event('change')); }})"
            f"({third}.querySelector('select'))"
        )
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "New class"
        press(page, "z", "Enter")
        assert page.evaluate(f"{third}.querySelector('.corrected').textContent") == "→ z (a new class)"
        # A reload loses nothing, and what is pressed again is taken back.
        page.open(address)
        assert count(page) == "3 corrections"
        assert page.evaluate(f"{FIRST}.querySelector('.corrected').textContent") == f"→ {issue['suggested']}"
        page.evaluate("document.querySelector('#corrections button').click()")
        page.evaluate(f"{second}.querySelectorAll('.fix button')[2].click()")
        assert count(page) == "2 corrections"
        page.evaluate(f"{FIRST}.querySelector('.fix button').focus()")
        press(page, "Escape")  # from an example to what is to be done with all of them
        press(page, "Enter")
        path = tmp_path / "corrections.csv"
        for _ in range(100):
            if path.exists():
                break
            time.sleep(0.1)
        assert (
            page.evaluate("document.querySelector('[role=status]').textContent")
            == "Saved as corrections.csv."
        )
        # Nothing of it is printed.
        page.call("Emulation.setEmulatedMedia", media="print")
        for kind in (".correction-tools", "#corrections", ".fix", ".corrected"):
            assert page.evaluate(f"getComputedStyle(document.querySelector('{kind}')).display") == "none"
    rows = read_corrections(str(path)).rows
    assert (rows[0].input, rows[0].was, rows[0].label) == (
        Path(issue["source"]).name,  # pages name data without the folders above it
        issue["label"],
        issue["suggested"],
    )
    assert rows[0].run == str(run.folder)
    assert [row.action for row in rows] == ["label", "label"]
    assert rows[1].label == "z"
    # What the page wrote is what training takes.
    kept = path.read_text(encoding="utf-8").splitlines()
    written(path, "\n".join(kept[:2]) + "\n")
    place = str(run.folder.parent / "d.npz")
    _, check = prepare(place, Settings(corrections=str(path)))
    assert check.corrections is not None
    assert check.corrections.metrics()["relabelled"] == 1


def test_a_file_is_imported_and_gone_on_from(chromium: str, run: Run, tmp_path: Path) -> None:
    report = run.report.read_text(encoding="utf-8")
    data = json.loads(report.split('id="corrections-data">')[1].split("</script>")[0])
    one, other = data["examples"][:2]
    path = tmp_path / "corrections.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["input", "label", "action", "was", "content", "run", "model"])
        # One that was renamed since, one of no example here, like a formula, and a stale one.
        rows.writerow(["renamed.png", "3", "label", one["was"], one["content"], "", ""])
        rows.writerow(['a "b", c.png', "'=1+1", "label", "x", "", "", ""])
        rows.writerow([other["input"], "7", "label", "stale", other["content"], "", ""])
    with browsing(chromium) as page:
        page.open(run.report.as_uri())
        page.evaluate("document.querySelector('#corrections button').click()")
        node = page.call("DOM.getDocument")["root"]["nodeId"]
        field = page.call("DOM.querySelector", nodeId=node, selector=".correction-tools input[type=file]")[
            "nodeId"
        ]

        def take(file: Path) -> str:
            page.call("DOM.setFileInputFiles", nodeId=field, files=[str(file)])
            for _ in range(100):
                said = str(page.evaluate("document.querySelector('[role=status]').textContent"))
                if said and file.name in said:
                    return said
                time.sleep(0.05)
            raise AssertionError("nothing was said")

        assert take(path) == "Corrections taken over from corrections.csv: 3."
        assert count(page) == "3 corrections"
        marks = "document.querySelectorAll('[data-example=\"0\"] .corrected')"
        assert page.evaluate(f"[...{marks}].every(each => each.textContent === '→ 3')") is True
        page.evaluate("document.querySelector('.correction-tools input[type=file]').value = ''")
        bad = written(tmp_path / "bad.csv", "input,action\na.png,burn\n")
        assert take(bad) == "bad.csv: row 2 has the action burn; one of label, leave-out, right is expected"
        assert count(page) == "3 corrections"
        kept = page.evaluate("Object.values(localStorage)[0]")
    found = read_corrections(str(written(tmp_path / "kept.csv", kept))).rows
    assert [(each.input, each.label) for each in found] == [
        ('a "b", c.png', "=1+1"),
        (other["input"], "7"),
        (one["input"], "3"),
    ]


def test_nothing_overflows_and_the_console_is_silent_while_correcting(
    chromium: str, run: Run, tmp_path: Path
) -> None:
    with browsing(chromium) as page:
        page.open(run.report.as_uri())
        page.evaluate("document.querySelector('#corrections button').click()")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        for width in (360, 768, 1280):
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=900,
                deviceScaleFactor=1,
                mobile=False,
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_while_correcting(chromium: str, axe_core: Path, run: Run, tmp_path: Path) -> None:
    with browsing(chromium) as page:
        page.open(run.report.as_uri())
        page.evaluate("document.querySelector('#corrections button').click()")
        page.evaluate(f"{FIRST}.querySelector('.fix button').click()")
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        page.evaluate(axe_core.read_text(encoding="utf-8"))
        for width in (360, 1280):
            for scheme in ("light", "dark"):
                page.call(
                    "Emulation.setDeviceMetricsOverride",
                    width=width,
                    height=900,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                page.call(
                    "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                )
                found = page.call(
                    "Runtime.evaluate",
                    expression="axe.run().then(each => JSON.stringify(each.violations.map("
                    "one => [one.impact, one.id, one.nodes[0].html])))",
                    awaitPromise=True,
                    returnByValue=True,
                )
                assert json.loads(found["result"]["value"]) == []
