"""`pellucid train` beside AutoGluon on texts: accuracy, time and size on disk.

    python benchmarks/automl_texts.py --autogluon FOLDER [--data r8 spam] [--times 1 4]

FOLDER is an environment with `pip install "autogluon.tabular[lightgbm,catboost,xgboost]"`, which wants other
versions of libraries than ours. AutoGluon trains on the same table as its documentation says: one call of
`fit` with the column of labels and a time limit, here the seconds that the whole of `pellucid train` took on
the same data, and multiples of it. Its time counts from the start of the process to the answers about the
test split, as ours does. Commands run one after the other.

Takes: about 8 minutes for R8 and SpamAssassin; fetches its data the first time.
"""

import json
import sys
import tempfile
from pathlib import Path

import text_data
from measuring import PELLUCID, Among, command_line, heading, print_table, ran, write_json

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

Found = tuple[float, float, str, int]  # accuracy on the test split, seconds of all, the model, its bytes


def ours(train: Path, test: Path, run: Path) -> Found:
    seconds = ran([PELLUCID, "train", train, "--test", test, "--out", run]).seconds
    metrics = json.loads((run / "metrics.json").read_bytes())
    name = metrics["recommended"]
    return metrics["models"][name]["test"]["accuracy"]["value"], seconds, name, _size(run / "model")


def theirs(environment: Path, tables: tuple[Path, Path], place: Path, seconds: float) -> Found:
    ended = ran([environment / "bin/python", "-c", _AUTOGLUON, *tables, place, f"{seconds:g}"])
    found = json.loads(ended.output.splitlines()[-1])
    return found["accuracy"], ended.seconds, found["model"], _size(place)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def main() -> int:
    data = Among(text_data.SETS, ["r8", "spam"])
    given = command_line(__doc__, autogluon=Path, data=data, times=[1.0, 4.0]).parse_args()
    facts, kept = heading("pellucid", "scikit-learn"), {}
    for name in given.data:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            tables = text_data.load(name).write(place)
            found = {"Pellucid": ours(*tables, place / "run")}
            for times in given.times if given.autogluon else ():
                limit, out = times * found["Pellucid"][1], place / f"autogluon-{times}"
                found[f"AutoGluon, {limit:.0f} s allowed"] = theirs(given.autogluon, tables, out, limit)
        print(f"\n{name}: test accuracy, whole time, model, size of what answers\n")
        rows = [
            (who, f"{accuracy:.4f}", f"{seconds:.1f} s", model, f"{size / 1e6:,.1f} MB")
            for who, (accuracy, seconds, model, size) in found.items()
        ]
        print_table(("", "accuracy", "time", "model", "on disk"), rows)
        kept[name] = found
    write_json(given.json, facts | kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
