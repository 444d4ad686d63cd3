"""`pellucid train` beside AutoGluon on texts: accuracy at equal time, time at equal accuracy, size on disk.

    python benchmarks/autogluon_texts.py FOLDER [--data r8 spam] [--times 1 4]

FOLDER is an environment with `pip install "autogluon.tabular[lightgbm,catboost,xgboost]"`, which wants
other versions of libraries than ours. AutoGluon trains on the same table as its documentation says: one call
of `fit` with the column of labels and a time limit, here the seconds that the whole of `pellucid train` took
on the same data, and multiples of it. Its time counts from the start of its process to the answers about the
test split, as ours does. Commands run one after the other.

Takes: FOLDER; about 10 minutes for R8 and SpamAssassin; fetches its data the first time.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import text_data
from measuring import command_line, heading, print_table
from real_runs import program

_AUTOGLUON = """
import json, sys
import pandas
from autogluon.tabular import TabularPredictor

train, test, place, seconds = sys.argv[1:]
tables = [pandas.read_csv(path, dtype=str, keep_default_na=False) for path in (train, test)]
predictor = TabularPredictor(label="label", path=place, verbosity=0).fit(tables[0], time_limit=float(seconds))
said = predictor.predict(tables[1].drop(columns="label"))
print(json.dumps({"accuracy": float((said == tables[1]["label"]).mean()), "model": predictor.model_best}))
"""


def ours(train: Path, test: Path, run: Path) -> tuple[float, float, str, int]:
    """Accuracy of the recommended model on the test split, seconds of the whole command, its name, bytes."""
    began = time.perf_counter()
    command = [program(), "train", str(train), "--test", str(test), "--out", str(run)]
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - began
    metrics = json.loads((run / "metrics.json").read_bytes())
    name = metrics["recommended"]
    return metrics["models"][name]["test"]["accuracy"]["value"], seconds, name, _size(run / "model")


def theirs(
    environment: Path, train: Path, test: Path, place: Path, limit: float
) -> tuple[float, float, str, int]:
    """The same of AutoGluon with a time limit in seconds."""
    began = time.perf_counter()
    command = [environment / "bin/python", "-c", _AUTOGLUON, str(train), str(test), str(place), str(limit)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    return found["accuracy"], time.perf_counter() - began, found["model"], _size(place)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _row(who: str, found: tuple[float, float, str, int]) -> tuple[str, ...]:
    accuracy, seconds, name, size = found
    return who, f"{accuracy:.4f}", f"{seconds:.1f} s", name, f"{size / 1e6:,.1f} MB"


def main() -> int:
    """Measure and print a table for each data set; the exit code."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("folder", type=Path, help="environment that has autogluon.tabular")
    parser.add_argument("--data", nargs="+", default=["r8", "spam"], choices=text_data.SETS)
    parser.add_argument("--times", nargs="+", type=float, default=[1.0, 4.0], help="multiples of our time")
    given = parser.parse_args()
    heading(("pellucid", "scikit-learn"))
    for name in given.data:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            train, test = text_data.load(name).write(place)
            found = ours(train, test, place / "run")
            rows = [_row("Pellucid", found)]
            for times in given.times:
                limit = times * found[1]
                beside = theirs(given.folder, train, test, place / f"autogluon-{times}", limit)
                rows.append(_row(f"AutoGluon, {limit:.0f} s allowed", beside))
        print(f"\n{name}: test accuracy, whole time, model, size of what answers\n")
        print_table(("", "accuracy", "time", "model", "on disk"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
