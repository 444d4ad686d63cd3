"""A run counts free cores once: it says so, and a resumed run keeps to it."""

import io

import pytest

from pellucid import cores
from pellucid.pipeline.run.context import free_cores
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training.hardware import choose_threads


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)


def _threads(folder, settings, *, resume):
    said = io.StringIO()
    journal = Journal(folder, resume=resume)
    with free_cores(settings, journal, Stages(said)):
        threads = choose_threads(settings)
    journal.begin()
    return threads, said.getvalue()


def test_a_resumed_run_computes_with_the_threads_it_began_with(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    monkeypatch.setattr(cores, "free", lambda: 3)
    with folder.opened(resume=False, overwrite=False):
        threads, said = _threads(folder, Settings(), resume=False)
    assert threads == 3
    assert "1 of 4 cores" in said
    assert "--threads 4" in said
    monkeypatch.setattr(cores, "free", lambda: 1)
    with folder.opened(resume=True, overwrite=False):
        assert _threads(folder, Settings(), resume=True)[0] == 3


def test_where_all_are_free_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "free", lambda: 4)
    folder = RunFolder(tmp_path / "run")
    with folder.opened(resume=False, overwrite=False):
        assert _threads(folder, Settings(), resume=False) == (4, "")


def test_nothing_is_counted_where_the_user_says_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "free", lambda: pytest.fail("counted"))
    folder = RunFolder(tmp_path / "run")
    with folder.opened(resume=False, overwrite=False):
        assert _threads(folder, Settings(threads=2), resume=False) == (2, "")
