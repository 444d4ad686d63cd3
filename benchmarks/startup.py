"""Time from the shell to the end of `pellucid --help` and of `import pellucid`, in fresh processes.

The bare interpreter is measured beside them, interleaved, so that the machine's mood hits all alike.

Takes: about 10 seconds.
"""

import os
import statistics
import subprocess
import sys
import time

from measuring import command_line, heading, print_table

CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import pellucid": [sys.executable, "-c", "import pellucid"],
    "pellucid --help": [os.path.join(os.path.dirname(sys.executable), "pellucid"), "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process, from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Measure and print a table."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--runs", type=int, default=20, help="processes of each kind (default: 20)")
    runs = parser.parse_args().runs
    heading(("pellucid",))
    for command in CASES.values():  # the first one writes the bytecode
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(runs):
        for name, command in CASES.items():
            times[name].append(seconds(command))

    print_table(
        ("seconds", f"median of {runs}", "fastest", "slowest"),
        [
            (name, f"{statistics.median(found):.3f}", f"{min(found):.3f}", f"{max(found):.3f}")
            for name, found in times.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
