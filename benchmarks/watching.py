"""Cost of `train --watch` with a page that looks on, as a ratio to the same training that nobody watches.

    python benchmarks/watching.py [DATA] [--rounds 5] [--epochs 10] [--width N] [--threads 1]

The same command runs with and without `--watch` in turns, the order changing from round to round. A client
asks as the page does: for news every 1.5 seconds, and for the sections when there are newer ones. For each
round the ratio of two times is taken: that of the training alone, as the command says it (`trained cnn ...
31.4 s`), and the processor time of the whole command, which other programs disturb less. The weights must be
the same bytes.

Takes: 8 minutes on two cores
"""

import http.client
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from measuring import PELLUCID, command_line, fashion_or_sample, heading, print_table, write_json

PLAIN = ("--no-baselines", "--no-learning-curve", "--folds", "0", "--model", "cnn")


class Cost(NamedTuple):
    """What one run took, and what was asked of it."""

    training: float  # seconds
    processor: float  # seconds of processor time, of the whole command
    asked: int  # requests that were answered
    received: int  # bytes of the answers
    weights: bytes


def look(port: int, ends: threading.Event, answers: list[int]) -> None:
    """Ask as the page does, until the run does not answer."""
    connection, version = http.client.HTTPConnection("127.0.0.1", port, timeout=30), "-1"

    def ask(path: str) -> http.client.HTTPResponse:
        connection.request("GET", path)
        return connection.getresponse()

    while not ends.wait(1.5):
        try:
            content = ask("/api/news").read()
            answers.append(len(content))
            news = json.loads(content)
            if news["state"] == "finished":
                answers.append(len(ask("/report.html").read()))
                return
            if str(news["version"]) != version:
                reply = ask(f"/api/sections?have={version}")
                answers.append(len(reply.read()))
                version = reply.headers.get("x-version", version)
        except (OSError, http.client.HTTPException):
            connection.close()


def run(words: list[str], is_watched: bool) -> Cost:
    """Train once."""
    with tempfile.TemporaryDirectory() as folder:
        out, ends, answers = Path(folder) / "run", threading.Event(), list[int]()
        environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            [PELLUCID, "train", *words, "--out", str(out), *(["--watch"] if is_watched else [])],
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "NO_COLOR": "1"},
        )
        said, client = "", None
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if client is None and (found := re.search(r"watch it: http://127\.0\.0\.1:(\d+)/", line)):
                client = threading.Thread(target=look, args=(int(found[1]), ends, answers))
                client.start()
        if process.wait():
            sys.exit(said)
        ends.set()
        if client is not None:
            client.join()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        trained = re.search(r"trained cnn.*?  ([\d.]+) s$", said, re.MULTILINE | re.DOTALL)
        assert trained is not None, said
        weights = (out / "models" / "cnn" / "weights.safetensors").read_bytes()
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(float(trained[1]), processor, len(answers), sum(answers), weights)


def main() -> int:
    parser = command_line(__doc__, rounds=5, epochs=10, width=0, threads=1)
    parser.add_argument("data", nargs="?", default=fashion_or_sample())
    given = parser.parse_args()
    facts = heading("pellucid", "torch", "starlette", "uvicorn")
    words = [given.data, *PLAIN, "--epochs", str(given.epochs), "--threads", str(given.threads)]
    words += ["--width", str(given.width)] if given.width else []
    rounds = []
    for number in range(given.rounds):
        order = (False, True) if number % 2 == 0 else (True, False)
        costs = {is_watched: run(words, is_watched) for is_watched in order}
        rounds.append((costs[False], costs[True]))
        assert costs[False].weights == costs[True].weights
        time.sleep(1)
    rows = [
        {
            "round": number,
            "alone_s": alone.training,
            "watched_s": watched.training,
            "ratio": watched.training / alone.training,
            "alone_processor_s": alone.processor,
            "watched_processor_s": watched.processor,
            "processor_ratio": watched.processor / alone.processor,
            "requests": watched.asked,
            "kilobytes": watched.received // 1000,
        }
        for number, (alone, watched) in enumerate(rounds, start=1)
    ]
    titles = ["round", "alone", "watched", "ratio", "processor", "watched", "ratio", "requests", "kB"]
    print_table(
        titles,
        [
            [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
            for row in rows
        ],
    )
    medians = {name: statistics.median(row[name] for row in rows) for name in ("ratio", "processor_ratio")}
    print(
        f"median of {len(rows)} rounds: training {medians['ratio']:.3f}, "
        f"processor time of the command {medians['processor_ratio']:.3f}; weights equal in every round"
    )
    write_json(given.json, {**facts, "rounds": rows, "medians": medians})
    return 0


if __name__ == "__main__":
    sys.exit(main())
