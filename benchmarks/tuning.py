"""`pellucid tune`, killed at random moments: is it the same study in the end, and what did tuning gain?

One study is never killed; the other is killed by SIGKILL several times, each a random while after it began or
went on, and started again by the same command. Both are to have the same trials with the same scores, and no
trial twice.

Takes: about 10 minutes with two cores
"""

import json
import random
import shlex
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from measuring import PELLUCID, command_line, heading, print_table, write_json

_STARTS = 4.0  # seconds before which a process has hardly begun


def killed_after(command: Sequence[str], seconds: float) -> bool:
    """Start a command and kill it after some seconds; false where it had ended by then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def finished(command: Sequence[str]) -> float:
    """Run a command to its end; its seconds."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}: {done.stderr[-2000:]}")
    return time.perf_counter() - began


def found(run: Path) -> dict[str, Any]:
    """What a study found, without its times."""
    tuned: dict[str, Any] = json.loads((run / "metrics.json").read_text())["tune"]
    for each in tuned["trials"]:
        each["facts"].pop("seconds", None)
    return tuned


def states(run: Path) -> Mapping[str, Any]:
    """Studies in the database of a run, how its trials ended, and slots that two of them filled."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{run / 'study.db'}")
    names = optuna.get_all_study_names(storage)
    trials = [
        trial
        for name in names
        for trial in optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    ]
    ended = Counter(each.user_attrs["slot"] for each in trials if each.state.name in ("COMPLETE", "PRUNED"))
    return {
        "studies": len(names),
        "states": dict(Counter(each.state.name.lower() for each in trials)),
        "twice": sum(count > 1 for count in ended.values()),
    }


def main() -> None:
    """Tune twice, once killed and once not."""
    given = command_line(
        __doc__, data="sample:spam", model="bag", trials=30, kills=5, seed=0, threads=1, more=str
    ).parse_args()
    head = heading("torch", "numpy", "optuna")
    draws, kills = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as scratch:
        runs = {name: Path(scratch) / name for name in ("whole", "killed")}
        words = ["--model", given.model, "--trials", str(given.trials), "--threads", str(given.threads)]
        words += shlex.split(given.more or "")
        command = {
            name: [PELLUCID, "tune", given.data, "--out", str(run), *words] for name, run in runs.items()
        }
        seconds = {"whole": finished(command["whole"])}
        share, began = seconds["whole"] / (given.kills + 1), time.perf_counter()
        while kills < given.kills and killed_after(command["killed"], draws.uniform(_STARTS, 1.5 * share)):
            kills += 1
            print(f"killed for the {kills}. time: {states(runs['killed'])['states']}", flush=True)
        finished(command["killed"])
        seconds["killed"] = time.perf_counter() - began
        tuned = {name: found(run) for name, run in runs.items()}
        ended = {name: dict(states(run)) for name, run in runs.items()}
    rows = []
    for name, each in ended.items():
        in_database = ", ".join(f"{count} {state}" for state, count in sorted(each["states"].items()))
        counts = [str(kills) if name == "killed" else "0", str(len(tuned[name]["trials"])), in_database]
        rows.append([name, *counts, str(each["twice"]), f"{seconds[name]:,.0f}"])
    print_table(["study", "kills", "trials", "in the database", "slots filled twice", "s"], rows)
    is_same = tuned["whole"] == tuned["killed"]
    print(f"same trials, scores and verdict: {'yes' if is_same else 'no'}")
    print(tuned["killed"]["verdict"])
    if not is_same or any(each["twice"] or each["studies"] != 1 for each in ended.values()):
        raise SystemExit("the killed study is another one")
    write_json(given.json, {**head, "kills": kills, "seconds": seconds, "tune": tuned["killed"]})


if __name__ == "__main__":
    main()
