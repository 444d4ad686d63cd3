"""One contestant in a process of its own: `python -m contestants NAME DATA.npz`.

Warms up, then trains one epoch for every line on standard input. Answers in JSON lines on standard
output; whatever the library prints goes to standard error.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from contestants import CONTESTANTS, GENERATOR_CONTESTANTS, TEXT_CONTESTANTS
from contestants.data import MEASURED, WARM_UP, Data, Texts


def main() -> None:
    """Obey standard input until it ends."""
    name, path = sys.argv[1], Path(sys.argv[2])
    answers = _take_stdout()
    data = Texts.load(path) if name in TEXT_CONTESTANTS else Data.load(path)
    module = importlib.import_module(
        f"contestants.{(CONTESTANTS | TEXT_CONTESTANTS | GENERATOR_CONTESTANTS)[name].module}"
    )
    epoch, parameters = module.build(name, data)
    epoch(WARM_UP)
    _say(answers, {"parameters": parameters})
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = epoch(MEASURED)
        seconds = time.perf_counter() - began
        _say(answers, {"examples_per_second": len(data.labels) / seconds, "loss": loss})


def _take_stdout() -> TextIO:
    """Keep the real standard output for answers and send everybody else's to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, answer: dict[str, float]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
