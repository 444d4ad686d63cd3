"""One contestant in a process of its own: `python -m contestants MODULE NAME DATA.npz`.

Warms up, then trains one epoch for every line on standard input. Answers in JSON lines on standard
output; whatever the library prints goes to standard error.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

from contestants import Data


def main() -> None:
    module, name, path = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    data = Data.load(Path(path))
    epoch, parameters = importlib.import_module(f"contestants.{module}").build(name, data)
    epoch(data.part(warms_up=True))
    answers.write(json.dumps({"parameters": parameters}) + "\n")
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = epoch(data.part(warms_up=False))
        rate = len(data.labels) / (time.perf_counter() - began)
        answers.write(json.dumps({"examples_per_second": rate, "loss": loss}) + "\n")


if __name__ == "__main__":
    main()
