"""Cores that other programs leave free, and what a run makes of them."""

import os
import subprocess
import sys

import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from pellucid import cores
from pellucid.settings import Settings
from pellucid.training.hardware import choose_threads

TIMES = """cpu  900 0 900 900 900 0 0 0 0 0
cpu0 100 10 200 5000 40 5 5 0 0 0
cpu1 300 0 0 6000 0 0 0 30 7 7
cpu7 999 0 0 0 0 0 0 0 0 0
intr 1 2 3
"""


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)


def test_work_of_the_cores_of_this_process_is_counted(two_cores, tmp_path, monkeypatch):
    (tmp_path / "stat").write_text(TIMES)
    monkeypatch.setattr(cores, "_TIMES", tmp_path / "stat")
    monkeypatch.setattr("os.sysconf", lambda _: 100)
    monkeypatch.setattr("os.times", lambda: os.times_result((1.0, 0.5, 0.25, 0.25, 9.0)))
    assert cores.look().others == pytest.approx((100 + 10 + 200 + 5 + 5 + 300 + 30) / 100 - 2)


@pytest.mark.parametrize(("others", "free"), [(0.0, 2), (0.4, 2), (0.9, 1), (1.1, 1), (2.0, 1)])
def test_what_other_programs_take_is_not_free(two_cores, monkeypatch, others, free):
    looks = iter([cores.Look(10.0, 47.0), *[cores.Look(11.0, 47.0 + others)] * 2])
    monkeypatch.setattr(cores, "look", lambda: next(looks))
    cores.watch()
    assert cores.free() == free


def test_where_the_kernel_does_not_tell_every_core_is_free(two_cores, tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "_TIMES", tmp_path / "missing")
    assert cores.free() == 2


@pytest.mark.skipif(not cores._TIMES.exists() or cores.usable() < 2, reason="needs Linux and two cores")
def test_a_busy_program_is_seen(monkeypatch):
    monkeypatch.setattr(cores, "_first", None)
    with subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=-1) as busy:
        busy.stdout.readline()
        found = cores.free()
        busy.kill()
    assert found < cores.usable()


def test_a_run_takes_a_thread_for_each_free_core_unless_told(two_cores, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert cores.threads(None) == 2
    with cores.sharing(None, lambda: 1) as free:
        assert free == cores.threads(None) == choose_threads(Settings()) == 1
        assert choose_threads(Settings(threads=2)) == 2
    assert cores.threads(None) == 2
    with cores.sharing(2, lambda: pytest.fail("counted")) as free:
        assert free is None
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    with cores.sharing(None, lambda: pytest.fail("counted")):
        assert cores.threads(None) == 4


def test_sums_of_tests_are_made_by_one_thread():
    """Two would round otherwise than the one that runs bind themselves to, whether xdist started or not."""
    LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    found = {(each["user_api"], each["filepath"]): each["num_threads"] for each in threadpool_info()}
    assert any(api == "blas" for api, _ in found)
    assert set(found.values()) == {1}
