"""Processor seconds of tests, by which the default run is chosen: a plugin of pytest that measures them.

Seconds are of the processor and not of the clock, those of processes that a test starts included, so that
they are nearly the same beside other work.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

# What the last run of `make durations` measured.
FILE = Path(__file__).with_name("durations.json")
# A test that took more, is slow by that alone: the default run leaves it
# out unless it is marked `core`.
OF_THE_DEFAULT_RUN = 0.3
# A test of the default run that takes more fails the run that measures: the file is old, or the test dear.
MOST = 3.0
# A test that takes less is not named in the file.
LEAST_NAMED = 0.3

NAME = "processor_seconds"


def _now() -> float:
    return sum(os.times()[:4])


def slow_by_seconds(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Tests that the file has as taking long."""
    seconds = json.loads(FILE.read_text(encoding="utf-8"))["tests"]
    return [each for each in items if seconds.get(each.nodeid, 0.0) > OF_THE_DEFAULT_RUN]


class Durations:
    """Measures in the workers, and adds up and writes where the run is led."""

    def __init__(self, place: str) -> None:
        self.place = Path(place)
        self.files: Counter[str] = Counter()
        self.tests: dict[str, float] = {}
        self.too_long: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Fixtures count for the file of the test that is the first to ask for them."""
        began = _now()
        yield
        item.user_properties.append((f"{NAME}_setup", _now() - began))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """The test itself."""
        began = _now()
        try:
            yield
        finally:
            item.user_properties.append((NAME, _now() - began))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a worker measured."""
        if report.when != "call":
            return
        found = dict(report.user_properties)
        seconds = float(found.get(NAME, 0.0))
        self.files[report.nodeid.partition("::")[0]] += seconds + float(found.get(f"{NAME}_setup", 0.0))
        if seconds >= LEAST_NAMED:
            self.tests[report.nodeid] = round(seconds, 1)
        if seconds > MOST and "slow" not in report.keywords:
            self.too_long[report.nodeid] = seconds

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file, and fail the run where a default test takes too long."""
        if "PYTEST_XDIST_WORKER" in os.environ:
            return
        files = {name: round(seconds, 1) for name, seconds in self.files.most_common()}
        content = {"files": files, "tests": dict(sorted(self.tests.items(), key=lambda each: -each[1]))}
        self.place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if self.too_long and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the tests that take too long."""
        for name, seconds in sorted(self.too_long.items(), key=lambda each: -each[1]):
            terminalreporter.write_line(
                f"{seconds:.1f} s of {MOST:g}: {name}; make it cheaper, or run make durations"
            )
