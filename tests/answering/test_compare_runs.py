"""Two runs on the same data: newly right and wrong, beyond chance or not, without what a run learned from."""

import csv
import json
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from command_line import within
from pellucid.answering.compare_runs import compare_runs
from pellucid.data.corrections import Correction, CorrectionsFile
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.evaluation import Groups
from pellucid.evaluation.comparisons import compare_all, mcnemar, paired_interval
from pellucid.settings import Settings
from reports.report_page import Page

QUICK = {"learning_curve": False, "baselines": False, "threads": 1, "quiet": True}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on digits, the earlier one of a model that knows nothing, and digits that neither has seen."""
    folder = tmp_path_factory.mktemp("runs")
    digits = load_digits()
    pixels, labels = (digits.images * 15.9).astype(np.uint8), digits.target
    np.savez(folder / "d.npz", x_train=pixels[:900], y_train=labels[:900])
    np.savez(folder / "new.npz", x_train=pixels[900:], y_train=labels[900:])
    for name, model in (("weak", "majority"), ("good", "logistic-regression")):
        pellucid.train(folder / "d.npz", out=folder / name, model=model, **QUICK)
    return folder


def test_it_is_better_by_mcnemar_and_tango_and_every_change_is_listed(runs):
    found = compare_runs(str(runs / "weak"), str(runs / "good"), str(runs / "new.npz"), {})
    assert found.changes.examples == 897
    answers = [
        pellucid.load(runs / name).predict(load_digits().images[900:] * 15.9) for name in ("weak", "good")
    ]
    true = load_digits().target[900:].astype(str)
    was, now = (np.array(each) == true for each in answers)
    right, wrong = (~was & now), (was & ~now)
    assert found.changes.newly_right.tolist() == np.flatnonzero(right).tolist()
    assert found.changes.newly_wrong.tolist() == np.flatnonzero(wrong).tolist()
    comparison = found.changes.comparison
    assert comparison.p_value == mcnemar(int(right.sum()), int(wrong.sum()))
    assert comparison.difference == paired_interval(int(right.sum()), int(wrong.sum()), 897)
    assert found.changes.finding == "better"
    said = found.to_text()
    assert f"{runs / 'good'} is better than {runs / 'weak'} beyond chance" in " ".join(said.split())
    assert max(map(len, (line for line in said.splitlines() if str(runs) not in line))) <= 80
    rows = list(found.table())[1:]
    assert len(rows) == int(right.sum() + wrong.sum())
    assert {row[1] for row in rows} <= {"newly right", "newly wrong"}
    backwards = compare_runs(str(runs / "good"), str(runs / "weak"), str(runs / "new.npz"), {})
    assert backwards.changes.finding == "worse"
    assert backwards.changes.newly_wrong.tolist() == found.changes.newly_right.tolist()


def test_what_a_run_learned_from_is_left_out_wherever_it_lies(runs, tmp_path):
    found = compare_runs(str(runs / "weak"), str(runs / "good"), str(runs / "d.npz"), {})
    metrics = json.loads((runs / "good" / "metrics.json").read_text())
    assert found.changes.examples == metrics["data"]["test"]
    learned = metrics["data"]["train"] + metrics["data"]["validation"]
    assert (
        f"({runs / 'weak'} was trained on {learned:,}; {runs / 'good'} was trained on {learned:,}); they are "
        in found.warnings[-1]
    )
    assert "that neither run learned from" in found.to_text()
    # A copy of the data by another name has the same contents.
    shutil.copy(runs / "d.npz", tmp_path / "other.npz")
    again = compare_runs(str(runs / "weak"), str(runs / "good"), str(tmp_path / "other.npz"), {})
    assert again.changes.examples == found.changes.examples
    # Where nothing else is there, the scores flatter, and it says so.
    seen = [json.loads(line) for line in (runs / "good" / "data.jsonl").read_text().splitlines()]
    rows = [row["id"] for row in seen if row["split"] == "train"]
    data = np.load(runs / "d.npz")
    np.savez(tmp_path / "seen.npz", x_train=data["x_train"][rows], y_train=data["y_train"][rows])
    flattered = compare_runs(str(runs / "weak"), str(runs / "good"), str(tmp_path / "seen.npz"), {})
    assert flattered.changes.examples == len(rows)
    assert flattered.to_json()["warnings"] == list(flattered.warnings)
    assert flattered.warnings[-1].startswith("warning: these runs learned from every image")


def test_labels_are_those_of_the_data_and_the_corrected_ones(runs, tmp_path):
    table = CorrectionsFile(tmp_path / "corrections.csv")
    true = load_digits().target[900:]
    for row in range(30):  # as if all of these were another digit
        table.append(
            Correction(f"{runs}/new.npz:x_train:{row + 1}", str((true[row] + 1) % 10), was=str(true[row]))
        )
    table.append(Correction(f"{runs}/new.npz:x_train:40", action="leave-out"))
    given = {"corrections": str(table.path)}
    plain = compare_runs(str(runs / "weak"), str(runs / "good"), str(runs / "new.npz"), {})
    found = compare_runs(str(runs / "weak"), str(runs / "good"), str(runs / "new.npz"), given)
    assert found.changes.examples == 896
    assert found.uncorrected is not None
    assert found.uncorrected.examples == 896
    assert (
        found.changes.scores[1]
        < found.uncorrected.scores[1]
        == pytest.approx(plain.changes.scores[1], abs=0.002)
    )
    # Two looks at one question are adjusted together.
    assert found.changes.comparison.adjusted >= found.changes.comparison.p_value
    assert "By the labels as they are in the data:" in found.to_text()


def test_the_command_writes_a_page_and_a_table(runs, tmp_path):
    page, table = tmp_path / "changes.html", tmp_path / "changes.csv"
    words = ("compare", runs / "weak", runs / "good", runs / "new.npz")
    done = within.succeed(*words, "--out", page, "--changes", table, "--json")
    document = json.loads(done.stdout)
    assert document["comparison"]["finding"] == "better"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == [each["input"] for each in document["changed"]]
    found = Page(page.read_text(encoding="utf-8"))
    assert "is better beyond chance" in found.text
    assert f"Newly right: {document['comparison']['newly_right']} images" in found.text
    assert len(found.all("figure")) >= 40
    assert "script-src" not in page.read_text(encoding="utf-8")
    assert f"pellucid compare {runs / 'weak'} {runs / 'good'} {runs / 'new.npz'} --out {page}" in found.text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["{0}/weak", "{0}/good"],
            2,
            "compare: 2 places are given; give RUN1 RUN2 DATA, or one DATA with --vary",
        ),
        (
            ["{0}/weak", "{0}/good", "{0}/new.npz", "--vary", "depth=2"],
            2,
            "--vary trains variants on one DATA",
        ),
        (["{0}/weak", "{0}/good", "{0}/new.npz", "--epochs", "2"], 2, "--epochs: belongs to training"),
        (["{0}/weak", "{0}/good", "{0}/new.npz", "--resume"], 2, "--resume: belongs to training"),
        (
            ["{0}/weak", "{0}/good", "{0}/new.npz", "--out", "x.txt"],
            2,
            "--out x.txt: of two runs it writes a .html",
        ),
        (["{0}/new.npz", "--changes", "c.csv"], 2, "--changes: belongs to the comparison of two runs"),
        (["{0}/weak", "{0}/good", "{0}/none.npz"], 3, "none.npz: no such file or folder"),
        (
            ["{0}/weak", "{0}/none", "{0}/new.npz"],
            4,
            "none: there is no such folder; give a run or a model folder",
        ),
    ],
)
def test_misuse_is_refused(runs, words, code, message):
    done = within("compare", *(word.format(runs) for word in words))
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_runs_that_do_not_do_the_same_are_refused(runs, tmp_path):
    (tmp_path / "texts.csv").write_text(
        "text,label\n"
        + "".join(f"{'good' if at % 2 else 'bad'} thing {at},{'ab'[at % 2]}\n" for at in range(60))
    )
    pellucid.train(tmp_path / "texts.csv", out=tmp_path / "texts", model="logistic-regression", **QUICK)
    with pytest.raises(
        DataError, match=r"weak: takes images, and .*texts takes texts; give two runs that do the same"
    ):
        compare_runs(str(runs / "weak"), str(tmp_path / "texts"), str(runs / "new.npz"), {})
    with pytest.raises(UsageError, match="--learning-rate: belongs to training"):
        compare_runs(str(runs / "weak"), str(runs / "good"), str(runs / "new.npz"), {"learning_rate": 1.0})
    with pytest.raises(ModelFileError, match="neither a model folder nor a finished run"):
        compare_runs(str(tmp_path), str(runs / "good"), str(runs / "new.npz"), {})


@pytest.mark.parametrize("kind", ["class", "labels", "number"])
def test_texts_of_every_target_are_compared(tmp_path, kind):
    draws = np.random.default_rng(0)
    rows = []
    for at in range(240):
        words = draws.choice(["red", "green", "blue", "warm", "cold", "wet"], 4).tolist()
        label = {
            "class": "yes" if "red" in words else "no",
            "labels": ";".join(sorted({*words} & {"red", "blue", "wet"})) or "none",
            "number": f"{len(set(words)) + words.count('red') + 0.5 + at / 1e4}",
        }[kind]
        rows.append(f"{' '.join(words)} {at},{label}")
    place = tmp_path / "texts.csv"
    place.write_text("\n".join(["text,label", *rows]) + "\n")
    good = "ridge" if kind == "number" else "logistic-regression"
    weak = "mean" if kind == "number" else "majority"
    for name, model in (("weak", weak), ("good", good)):
        pellucid.train(place, out=tmp_path / name, model=model, target=kind, **QUICK)
    done = within.succeed(
        "compare", tmp_path / "weak", tmp_path / "good", place, "--out", tmp_path / "page.html", "--json"
    )
    document = json.loads(done.stdout)
    assert document["comparison"]["finding"] == "better"
    metric = {"class": "accuracy", "labels": "micro_f1", "number": "root_mean_squared_error"}[kind]
    assert document["comparison"]["metric"] == metric
    earlier, later = (document["comparison"]["scores"][each] for each in ("earlier", "later"))
    assert later < earlier if kind == "number" else later > earlier
    metrics = json.loads((tmp_path / "good" / "metrics.json").read_text())
    of_test = metrics["models"][good]["test"][metric]["value"]
    assert later == pytest.approx(of_test, rel=1e-6)
    assert ("nearer" if kind == "number" else "newly right") in {
        each["change"] for each in document["changed"]
    }
    assert "beyond chance" in Page((tmp_path / "page.html").read_text(encoding="utf-8")).text


WORDS = {"ant": ("small", "six"), "cat": ("purrs", "whiskers"), "dog": ("barks", "fetches")}
OF_PEOPLE = {"group_column": "who", "input_column": "text", "label_column": "label"}


def said_by_people(kinds, seed):
    """Rows of text, label and who wrote it: three each, all three right or wrong for the most part."""
    draws = np.random.default_rng(seed)
    for number in range(240):
        kind = kinds[number % len(kinds)]
        shown = kind if number // 3 % 4 else kinds[(number + 1) % len(kinds)]
        filler = " ".join(draws.choice(["the", "one", "there", "again", "over", "was"], 4))
        yield f"{draws.choice(WORDS[shown])} {filler} {seed}{number}", kind, f"{seed} {number // 3}"


def write_said(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label", "who"), *rows])
    return path


@pytest.mark.core
def test_runs_of_other_data_and_classes_are_compared_by_names_and_groups(tmp_path):
    """What only one of them learned from is left out, too; people who wrote several texts count as such."""
    every, models, learned = [], {}, set()
    for name, kinds, seed in (("early", ("dog", "cat"), 1), ("late", ("cat", "ant", "dog"), 2)):
        rows = [*said_by_people(kinds, seed)]
        data = write_said(tmp_path / f"{name}.csv", rows)
        run = pellucid.train(
            data, out=tmp_path / name, model="logistic-regression", folds=0, **OF_PEOPLE, **QUICK
        )
        models[str(tmp_path / name)] = pellucid.load(run.folder)
        seen = [json.loads(line) for line in (tmp_path / name / "data.jsonl").read_text().splitlines()]
        learned |= {rows[each["id"]][0] for each in seen if each["split"] in ("train", "validation")}
        every += [*rows[:90], *said_by_people(("dog", "ant", "cat"), 2 + seed)]
    found = compare_runs(*models, str(write_said(tmp_path / "both.csv", every)), OF_PEOPLE)
    kept = [row for row in every if row[0] not in learned]
    assert 480 < len(kept) < len(every) - 60
    assert found.changes.examples == len(kept)
    assert [found.labels, found.inputs] == [[row[1] for row in kept], [row[0] for row in kept]]
    first, second = (model.predict([row[0] for row in kept]) for model in models.values())
    assert [*map(list, found.answers)] == [list(first), list(second)]
    codes, before, after = (np.array(["ant cat dog".split().index(each) for each in of])
                            for of in (found.labels, first, second))  # fmt: skip
    groups = Groups.of_sets(np.unique([row[2] for row in kept], return_inverse=True)[1])
    alone, by_people = (
        compare_all(codes, {"late": after, "early": before}, of, Settings().seed)[0].difference
        for of in (None, groups)
    )
    assert found.changes.comparison.difference == by_people != alone
    table = CorrectionsFile(tmp_path / "corrections.csv")
    for number, (text, label, _) in enumerate(every):
        if text in [row[0] for row in kept[40:70]]:  # as if the later run were wrong about all of these
            other = next(each for each in WORDS if each not in (label, second[kept.index(every[number])]))
            table.append(Correction(f"{tmp_path / 'both.csv'}:{number + 2}", other, was=label))
    corrected = compare_runs(
        *models, str(tmp_path / "both.csv"), {**OF_PEOPLE, "corrections": str(table.path)}
    )
    assert corrected.uncorrected.scores == found.changes.scores
    assert corrected.changes.scores[1] < corrected.uncorrected.scores[1]


def test_each_run_is_asked_about_images_of_its_own_size(runs, tmp_path):
    large = {
        each: np.kron(values, np.ones((2, 2), np.uint8)) if values.ndim == 3 else values
        for each, values in np.load(runs / "d.npz").items()
    }
    np.savez(tmp_path / "large.npz", **large)
    pellucid.train(tmp_path / "large.npz", out=tmp_path / "large", model="logistic-regression", **QUICK)
    found = compare_runs(str(runs / "good"), str(tmp_path / "large"), str(runs / "new.npz"), {})
    small = pellucid.load(runs / "good").predict(np.load(runs / "new.npz")["x_train"])
    assert list(found.answers[0]) == list(small)
