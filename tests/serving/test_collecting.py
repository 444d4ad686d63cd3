"""Corrections in a report that a real server serves: on the disk at once, and there for the next person."""

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from browsers import browsing, until
from pellucid.data.corrections import read_corrections
from serving.served import JSON, Server, serving

pytest.importorskip("prometheus_client")
pytestmark = pytest.mark.slow

TOKEN = "a-token-of-24-characters"
COMMAND = ("-m", "pellucid", "serve")
FIRST = "document.querySelector('#labels ~ .gallery figure')"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on digits, some of which are labelled wrong."""
    folder = tmp_path_factory.mktemp("served")
    digits, labels = load_digits(), load_digits().target.copy()
    labels[:60] = (labels[:60] + 1) % 10
    np.savez(folder / "d.npz", x_train=(digits.images * 15.9).astype(np.uint8), y_train=labels)
    given = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}
    pellucid.train(folder / "d.npz", out=folder / "run", **given)
    return folder / "run"


def collecting(run, table, *more) -> Server:
    return serving(run, "--corrections", table, "--workers", "1", *more, command=COMMAND)


def corrected(tab, at=0):
    """Take the suggestion of a likely label error, and wait until it is saved."""
    tab.evaluate(
        "document.body.classList.contains('correcting')"
        " || document.querySelector('#corrections button').click()"
    )
    tab.evaluate(
        f"document.querySelectorAll('#labels ~ .gallery figure')[{at}].querySelector('.fix button').click()"
    )
    until(
        tab,
        "document.querySelector('.correction-tools [role=status]').textContent === 'Saved by the server.'",
    )


def test_corrections_of_two_people_are_in_one_table_that_trains(run, chromium, tmp_path):
    table = tmp_path / "corrections.csv"
    issues = json.loads((run / "metrics.json").read_text())["label_issues"]["examples"]
    with collecting(run, table) as server, browsing(chromium) as tab:
        address = f"http://127.0.0.1:{server.port}/"
        tab.open(address)
        until(tab, "document.querySelector('a[href=report]')")
        tab.open(f"{address}report")
        corrected(tab)
        assert len(read_corrections(str(table)).rows) == 1  # on the disk before the page says so
        with browsing(chromium) as other:
            other.open(f"{address}report")
            until(other, "document.querySelector('.correction-tools strong').textContent === '1 correction'")
            corrected(other, 1)
        corrected(tab, 0)  # pressed again it is taken back
        tab.open(f"{address}report")
        until(tab, "document.querySelector('.correction-tools strong').textContent === '1 correction'")
    rows = read_corrections(str(table)).rows
    assert [each.input for each in rows] == [Path(issues[at]["source"]).name for at in (0, 1, 0)]
    assert rows[2].label == rows[0].was
    given = {"model": "majority", "learning_curve": False, "quiet": True}
    pellucid.train(run.parent / "d.npz", out=tmp_path / "second", corrections=str(table), **given)
    with open(tmp_path / "second" / "applied.csv", newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == [
            "replaced",
            "relabelled",
            "already true",
        ]


def test_what_is_no_correction_is_refused_and_leaves_no_row(run, tmp_path):
    table = tmp_path / "corrections.csv"
    with collecting(run, table) as server:

        def post(body, headers=JSON):
            status, _, content = server.ask("POST", "/api/corrections", body, headers)
            return status, json.loads(content)

        assert post(b'{"input": "a.png", "label": "1"}') == (201, {"row": 2})
        assert post(b'{"label": "1"}')[0] == 422
        assert post(b'{"input": "a.png", "action": "remove"}')[0] == 422
        assert post(b'["a.png"]')[0] == 422
        assert post(b"{")[0] == 400
        assert post(b"input=a.png", {"content-type": "text/plain"})[0] == 415
        assert (
            post(b'{"input": "a.png", "label": "1"}', {**JSON, "origin": "https://elsewhere.example"})[0]
            == 403
        )
        assert server.ask("GET", "/api/corrections")[2].decode().splitlines()[1].startswith("a.png,1,label")
    assert len(read_corrections(str(table)).rows) == 1


def test_with_a_token_the_report_and_its_table_are_for_those_who_have_it(run, chromium, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    table = tmp_path / "corrections.csv"
    with collecting(run, table, "--token-file", tmp_path / "token") as server, browsing(chromium) as tab:
        for path in ("/api/report", "/api/corrections"):
            assert server.ask("GET", path)[0] == 401
        assert server.ask("POST", "/api/corrections", b'{"input": "a", "label": "1"}', JSON)[0] == 401
        assert b"corrections-data" not in server.ask("GET", "/report")[2]
        tab.open(f"http://127.0.0.1:{server.port}/report")
        tab.evaluate(f"document.getElementById('token').value = {TOKEN!r}")
        tab.evaluate("document.querySelector('#unlock button').click()")
        until(tab, "document.querySelector('#corrections button')")
        corrected(tab)
    assert len(read_corrections(str(table)).rows) == 1


def test_a_full_disk_is_said_and_the_table_stays_whole(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        with collecting(run, disk / "corrections.csv") as server:
            body = json.dumps({"input": "a" * 3500, "label": "1"}).encode()
            statuses = [server.ask("POST", "/api/corrections", body, JSON)[0] for _ in range(30)]
            assert (statuses[0], statuses[-1]) == (201, 507)
            assert len(read_corrections(str(disk / "corrections.csv")).rows) == statuses.count(201)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_foreign_script_in_the_report_of_a_run_does_not_run(run, chromium, tmp_path):
    foreign = tmp_path / "run"
    subprocess.run(["cp", "-r", run, foreign], check=True)
    page = (foreign / "report.html").read_text()
    (foreign / "report.html").write_text(
        page.replace("</h1>", "</h1><script>document.title = 'taken'</script>", 1)
    )
    with collecting(foreign, tmp_path / "c.csv") as server, browsing(chromium) as tab:
        tab.open(f"http://127.0.0.1:{server.port}/report")
        until(tab, "document.querySelector('#corrections button')")
        assert tab.evaluate("document.title") != "taken"


def test_without_a_run_or_the_flag_there_is_no_report(run, tmp_path):
    with serving(run, "--workers", "1", command=COMMAND) as server:
        assert {server.ask("GET", path)[0] for path in ("/report", "/api/report", "/api/corrections")} == {
            404
        }
    for words in ([run, f"second={run}"], [run / "model"]):
        with pytest.raises(AssertionError, match="--corrections"):
            Server(*words, "--corrections", tmp_path / "c.csv", command=COMMAND)
