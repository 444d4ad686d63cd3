"""What somebody who trains in a program of their own hears about busy neighbours."""

import time
import warnings

import pytest

from pellucid import cores
from pellucid.estimators import estimator
from pellucid.estimators.estimator import advice_about_neighbours

_LONG = 0.05


@pytest.fixture
def beside(monkeypatch):
    """A training beside programs that keep some cores busy; returns what was said while it ran."""

    def trained(seconds=1.0, busy=1.2, threads=2, policy=""):
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
        monkeypatch.setattr(cores, "kept_busy_since", lambda first: busy)
        monkeypatch.setattr(cores, "usable", lambda: 4)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with advice_about_neighbours(threads):
                ends = time.monotonic() + seconds
                while time.monotonic() < ends and not said:
                    time.sleep(_LONG / 10)
                found = [(str(each.message), each.filename) for each in said]
        return found

    monkeypatch.setattr(estimator, "_LONG", _LONG)
    monkeypatch.setattr(estimator, "_has_advised", False)
    return trained


def test_who_trains_beside_busy_programs_is_told_once_and_at_once_how_threads_wait(beside):
    ((said, place),) = beside(seconds=60.0)
    assert said.startswith("other programs keep 1.2 of 4 cores busy")
    assert "OMP_WAIT_POLICY=PASSIVE" in said
    assert place == __file__  # of who trains, not of Pellucid
    assert beside(seconds=_LONG * 4) == []


@pytest.mark.parametrize("less", [{"seconds": 0.0}, {"busy": 0.2}, {"threads": 1}, {"policy": "passive"}])
def test_nothing_is_said_where_it_would_not_help(beside, less):
    assert beside(**{"seconds": _LONG * 4, **less}) == []
    assert len(beside(seconds=60.0)) == 1
