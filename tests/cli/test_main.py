"""What every command does of itself at its start and at its end."""

import subprocess
import sys

AT_THE_END = """
import atexit, gc, os
def tell():
    print(gc.get_freeze_count() > 10_000, gc.get_threshold(), os.environ["OMP_WAIT_POLICY"])
atexit.register(tell)
from pellucid.cli.main import main
main(["inspect", "sample:fashion"])
print("before", gc.get_freeze_count())
"""


def test_it_ends_without_looking_through_every_object():
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-2:] == ["before 0", "True (700, 10, 100) PASSIVE"]
    assert done.stderr == ""
