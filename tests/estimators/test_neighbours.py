"""What somebody who trains in a program of their own hears about busy neighbours."""

import warnings

import pytest

from pellucid import cores
from pellucid.estimators import neighbours
from pellucid.estimators.neighbours import advice_about_neighbours


@pytest.fixture
def beside(monkeypatch):
    """A training of some seconds beside programs that kept some cores busy; returns what was said."""

    def trained(seconds=60.0, busy=1.2, threads=2, policy=""):
        moments = iter(
            [cores.Look(0.0, 100.0, 10.0), cores.Look(seconds, 100.0 + (busy + 1) * seconds, 10.0 + seconds)]
        )
        clock = iter([0.0, seconds])
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
        monkeypatch.setattr(cores, "look", lambda: next(moments))
        monkeypatch.setattr(cores, "usable", lambda: 4)
        monkeypatch.setattr("time.monotonic", lambda: next(clock))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with advice_about_neighbours(threads):
                pass
        return [str(each.message) for each in said]

    monkeypatch.setattr(neighbours, "_has_advised", False)
    return trained


def test_who_trains_beside_busy_programs_is_told_once_how_threads_wait(beside):
    (said,) = beside()
    assert said.startswith("other programs kept 1.2 of 4 cores busy while this model trained")
    assert "OMP_WAIT_POLICY=PASSIVE" in said
    assert beside() == []


@pytest.mark.parametrize("less", [{"seconds": 3.0}, {"busy": 0.2}, {"threads": 1}, {"policy": "passive"}])
def test_nothing_is_said_where_it_would_not_help(beside, less):
    assert beside(**less) == []
    assert len(beside()) == 1
