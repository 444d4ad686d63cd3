"""`pellucid train` beside AutoGluon and Ludwig on texts: accuracy, time and size on disk.

    python benchmarks/automl_texts.py [--autogluon FOLDER] [--ludwig FOLDER] [--data r8 spam]

FOLDER is an environment with `pip install "autogluon.tabular[lightgbm,catboost,xgboost]"` or with
`pip install ludwig "torch<2.12"`, which want other versions of libraries than ours. AutoGluon trains on the
same table as its documentation says: one call of `fit` with the column of labels and a time limit, here the
seconds that the whole of `pellucid train` took on the same data, and multiples of it. Ludwig knows no such
limit: it gets the two features by name, all else at its defaults, and so many epochs of its 100 as `--epochs`
says. Their time counts from the start of the process to the answers about the test split, as ours does.
Commands run one after the other.

Takes: about 15 minutes for R8 and SpamAssassin with both; fetches its data the first time.
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

_LUDWIG = """
import json, sys
import pandas
from ludwig.api import LudwigModel

train, test, place, epochs = sys.argv[1:]
tables = [pandas.read_csv(path, dtype=str, keep_default_na=False) for path in (train, test)]
model = LudwigModel({
    "input_features": [{"name": "text", "type": "text"}],
    "output_features": [{"name": "label", "type": "category"}],
    "trainer": {"epochs": int(epochs)},
})
model.train(dataset=tables[0], output_directory=place)
said, _ = model.predict(dataset=tables[1])
right = said["label_predictions"].astype(str).to_numpy() == tables[1]["label"].to_numpy()
print(json.dumps({"accuracy": float(right.mean()), "model": "parallel_cnn"}))
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
    environment: Path, script: str, tables: tuple[Path, Path], place: Path, number: float
) -> tuple[float, float, str, int]:
    """The same of a rival's script, which is told seconds or epochs."""
    began = time.perf_counter()
    command = [environment / "bin/python", "-c", script, *map(str, tables), str(place), f"{number:g}"]
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
    parser.add_argument("--autogluon", type=Path, help="environment that has autogluon.tabular")
    parser.add_argument("--ludwig", type=Path, help="environment that has ludwig")
    parser.add_argument("--data", nargs="+", default=["r8", "spam"], choices=text_data.SETS)
    parser.add_argument("--times", nargs="+", type=float, default=[1.0, 4.0], help="multiples of our time")
    parser.add_argument("--epochs", nargs="+", type=int, default=[5], help="of Ludwig")
    given = parser.parse_args()
    heading(("pellucid", "scikit-learn"))
    for name in given.data:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            tables = text_data.load(name).write(place)
            found = ours(*tables, place / "run")
            rows = [_row("Pellucid", found)]
            for times in given.times if given.autogluon else ():
                limit = times * found[1]
                beside = theirs(given.autogluon, _AUTOGLUON, tables, place / f"autogluon-{times}", limit)
                rows.append(_row(f"AutoGluon, {limit:.0f} s allowed", beside))
            for epochs in given.epochs if given.ludwig else ():
                beside = theirs(given.ludwig, _LUDWIG, tables, place / f"ludwig-{epochs}", epochs)
                rows.append(_row(f"Ludwig, {epochs} epochs", beside))
        print(f"\n{name}: test accuracy, whole time, model, size of what answers\n")
        print_table(("", "accuracy", "time", "model", "on disk"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
