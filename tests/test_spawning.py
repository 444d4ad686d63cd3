"""Forked interpreters behave as started ones: streams, exit codes, signals, places, and their parent."""

import os
import signal
import subprocess
import sys

import pytest

import spawning

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere interpreters are started")

FACTS = """
import json, os, sys
print(json.dumps([os.getppid(), os.getcwd(), os.environ["GIVEN"], sys.argv, __name__, sys.stdin.read()]))
print("said", file=sys.stderr)
print([each for each in sys.modules if each.partition(".")[0] == "pellucid"], "torch" in sys.modules)
sys.exit(7)
"""


def test_it_is_a_child_with_streams_a_place_and_an_exit_code_of_its_own(tmp_path) -> None:
    given = {"cwd": tmp_path, "env": {**os.environ, "GIVEN": "é"}, "stdin": subprocess.DEVNULL}
    done = spawning.run("-c", FACTS, "word", 1, capture_output=True, text=True, **given)
    facts = f'[{os.getpid()}, "{tmp_path}", "\\u00e9", ["-c", "word", "1"], "__main__", ""]'
    assert done.stdout == f"{facts}\n[] True\n"
    assert (done.stderr, done.returncode) == ("said\n", 7)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 3), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_signals_reach_it(number, code) -> None:
    waiting = (
        "import sys, time\ntry:\n    print(flush=True); time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(3)"
    )
    with spawning.Process("-c", waiting, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == code


def test_a_module_runs_as_a_program_and_an_error_ends_it_with_1() -> None:
    version = spawning.run("-m", "pellucid", "--version", capture_output=True, text=True, check=True)
    assert version.stdout.startswith("pellucid ")
    failed = spawning.run("-c", "raise ValueError('why')", capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "ValueError: why"


def test_what_is_read_at_the_start_starts_an_interpreter() -> None:
    code = "import sys; print('torch' in sys.modules, sys.flags.hash_randomization)"
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    assert spawning.run("-c", code, env=env, capture_output=True, text=True).stdout == "False 0\n"
