"""`predict` with promises: what is said beforehand, which inputs are answered, the columns, and refusals."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet
import pytest

from command_line import rows_of
from models_with_detectors import with_detector
from number_models import number_model
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.predict import predict
from pellucid.arithmetic.probabilities import trust
from pellucid.bundle import HeldOut
from pellucid.cli.main import main
from pellucid.errors import UsageError
from pellucid.evaluation.promises import checked_on, checked_promise, coverage_of, promise
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, Labels
from small_models import CLASSES, digits, trained_model, write_digits

PIXELS, LABELS = digits()
HELD, ASKED = slice(1000, 1300), slice(1300, 1600)


@pytest.fixture(scope="module")
def model():
    """A network of digits with its detector and 300 held-out answers."""
    found = with_detector(trained_model(), train=1000, validation=300)
    said, novelty = found.answer(PIXELS[HELD])
    return found.with_held_out(HeldOut.of(Labels(LABELS[HELD], found.classes, found.target), said, novelty))


@pytest.fixture(scope="module")
def run(model, saved_run):
    return saved_run(model)


def without(model, count):
    """The model with fewer held-out answers."""
    held = model.held_out
    return model.with_held_out(
        HeldOut(held.labels[:count], held.said[:count], held.novelty[:count], held.target)
    )


def test_it_answers_those_of_most_trust_and_says_beforehand_how_many(model):
    decider = Decisions(model, PredictOptions(max_error=0.05), "run")
    said, novelty = model.answer(PIXELS[ASKED])
    decided = decider.decide(said, novelty)
    trusted = trust(said.max(axis=1), novelty, 0.05)
    assert (decided.abstained == (trusted < decider.promise.threshold)).all()
    assert 0 < decided.abstained.sum() < 300
    wrong = said.argmax(axis=1) != LABELS[ASKED]
    assert wrong[~decided.abstained].mean() < wrong[decided.abstained].mean()
    first, last = decider.announcement()
    assert first.startswith(
        "Promised with 95 % confidence: at most 5 % of the answered images get a wrong label"
    )
    assert (
        "(threshold chosen and bounded on 300 held-out images; learn then test: exact binomial tests in a "
        "fixed order)" in first
    )
    assert "are answered, the rest abstained" in first
    assert "It was not checked: the model has no test answers." in first
    assert last == (
        "This holds for images from the same source and period as the model's data, independent of each "
        "other, and not under distribution shift. The model also abstains on inputs that look unfamiliar."
    )


def test_a_foreign_input_is_abstained_however_sure_the_model_is(model):
    decider = Decisions(model, PredictOptions(max_error=0.3), "run")
    said, novelty = model.answer(PIXELS[ASKED])
    sure = said.max(axis=1) > 0.8
    assert sure.sum() > 30
    assert decider.decide(said[sure], novelty[sure]).abstained.mean() < 0.1
    assert decider.decide(said[sure], np.full(sure.sum(), 0.96)).abstained.all()
    trusting = Decisions(model, PredictOptions(max_error=0.9), "run")
    assert trusting.promise.threshold < 0.5
    assert trusting.decide(said[sure], np.full(sure.sum(), 0.96)).abstained.all()


def test_costs_choose_the_answer_and_the_error_is_that_of_the_answers_chosen(model, tmp_path):
    costs = 1 - np.eye(10)
    costs[3] = 40 * costs[3]
    lines = [",".join(["", *CLASSES])]
    lines += [",".join([name, *map(str, row)]) for name, row in zip(CLASSES, costs.tolist(), strict=True)]
    (tmp_path / "costs.csv").write_text("\n".join(lines))
    options = PredictOptions(costs=tmp_path / "costs.csv", max_error=0.1)
    decider = Decisions(model, options, "run")
    said, novelty = model.answer(PIXELS[ASKED])
    answers = decider.decide(said, novelty).answers
    assert (answers == (said @ costs).argmin(axis=1)).all()
    assert (answers == 3).sum() > (said.argmax(axis=1) == 3).sum()
    held = model.held_out
    chosen = (held.said.astype(np.float64) @ costs).argmin(axis=1)
    of_chosen = held.said[np.arange(300), chosen]
    assert decider.promise == promise(trust(of_chosen, held.novelty, 0.05), chosen != held.labels, 0.1)


def test_sets_hold_the_truth(model):
    decider = Decisions(model, PredictOptions(sets=0.95), "run")
    said, novelty = model.answer(PIXELS[ASKED])
    sets = decider.decide(said, novelty).sets
    held = [CLASSES[label] in each for label, each in zip(LABELS[ASKED], sets, strict=True)]
    assert np.mean(held) >= 0.92
    assert [each[0] for each in sets] == [CLASSES[best] for best in said.argmax(axis=1)]
    assert (
        "sets contain the true class of at least 95 % of images (split conformal" in decider.announcement()[0]
    )


def checked_by(model, wrong=0.0, count=300):
    """The model with test answers, a share of which is made wrong."""
    said, novelty = model.answer(PIXELS[ASKED])
    labels = LABELS[ASKED].copy()
    changed = np.arange(300) % 100 < 100 * wrong
    labels[changed] = (said.argmax(axis=1)[changed] + 1) % 10
    test = HeldOut.of(Labels(labels[:count], model.classes, model.target), said[:count], novelty[:count])
    return model.with_held_out(dataclasses.replace(model.held_out, test=test))


def test_a_promise_is_made_on_held_out_and_test_answers_and_refused_where_these_refute_it(model):
    decider = Decisions(checked_by(model), PredictOptions(max_error=0.05), "run")
    assert decider.promise.basis == "both"
    assert decider.promise.bounding == 600
    first = decider.announcement()[0]
    assert "(threshold chosen and bounded on 300 held-out and 300 test images; learn then test" in first
    said = (
        r"On 300 test images \d.* % \[.*\] of the answered are wrong; these had a part in choosing it\. Exp"
    )
    assert re.search(said, first)
    assert "checked" not in first.lower()
    worse = Decisions(checked_by(model, wrong=0.25), PredictOptions(max_error=0.4), "run")
    assert worse.promise.basis == "test"
    assert "held-out ones have fewer errors, so the test alone chose it" in worse.announcement()[0]
    held = model.held_out
    labels = np.where(np.arange(300) % 6 == 0, (held.said.argmax(axis=1) + 1) % 10, held.labels)
    better = checked_by(model.with_held_out(dataclasses.replace(held, labels=labels)))
    stricter = Decisions(better, PredictOptions(max_error=0.3), "run")
    assert stricter.promise.basis == "held-out"
    assert "held-out ones have more errors, so these alone chose it" in stricter.announcement()[0]
    with pytest.raises(
        UsageError,
        match=r"--max-error: 0\.05 cannot be promised: the test refutes it: 2\d\.\d % \[.*\] of the answered "
        r"among 300 test images are wrong, more than among the 300 held-out images; ask for 0\.\d+ or more",
    ) as refused:
        Decisions(checked_by(model, wrong=0.25), PredictOptions(max_error=0.05), "run")
    advised = float(re.search(r"ask for (\S+) or", str(refused.value)).group(1))
    assert Decisions(checked_by(model, wrong=0.25), PredictOptions(max_error=advised), "run").promise.answered


def test_sets_are_widened_where_the_test_finds_them_too_narrow_or_refused(model):
    alone = Decisions(model, PredictOptions(sets=0.8), "run").coverage
    kept = Decisions(checked_by(model), PredictOptions(sets=0.8), "run")
    assert (kept.coverage.cutoff, kept.coverage.is_refuted) == (alone.cutoff, False)
    assert "Checked on 300 test images: they cover 9" in kept.announcement()[0]
    alone = Decisions(model, PredictOptions(sets=0.95), "run").coverage
    wider = Decisions(checked_by(model, wrong=0.15), PredictOptions(sets=0.95), "run")
    assert wider.coverage.cutoff < alone.cutoff
    assert "Too narrow on 300 test images: they cover 7" in wider.announcement()[0]
    held = checked_by(model, wrong=0.15).held_out.test
    sets = wider.decide(held.said.astype(np.float64), held.novelty).sets
    covered = [CLASSES[label] in each for label, each in zip(held.labels, sets, strict=True)]
    assert np.mean(covered) >= 0.95
    with pytest.raises(UsageError, match=r"--sets: 0\.95 cannot be promised: .* only .* of 18 test images"):
        Decisions(checked_by(model, wrong=0.9, count=18), PredictOptions(sets=0.95), "run")


def test_intervals_of_a_model_of_numbers(tmp_path):
    model = number_model("ridge")
    said = model.predict_values(PIXELS[HELD])
    model = model.with_held_out(HeldOut.of(Labels(LABELS[HELD].astype(float), (), model.target), said, None))
    decider = Decisions(model, PredictOptions(sets=0.9), "run")
    ends = np.array(decider.decide(model.predict_values(PIXELS[ASKED]), None).sets)
    assert ((ends[:, 0] <= LABELS[ASKED]) & (LABELS[ASKED] <= ends[:, 1])).mean() == pytest.approx(
        0.9, abs=0.06
    )
    assert "intervals, " in decider.announcement()[0]
    said = model.predict_values(PIXELS[ASKED])
    off = HeldOut.of(Labels(said + 2 * decider.coverage.cutoff, (), model.target), said, None)
    shifted = model.with_held_out(dataclasses.replace(model.held_out, test=off))
    wider = Decisions(shifted, PredictOptions(sets=0.9), "run").coverage
    assert wider.is_refuted
    assert wider.cutoff > decider.coverage.cutoff
    for wish in (PredictOptions(max_error=0.1), PredictOptions(costs=tmp_path)):
        with pytest.raises(UsageError, match=r"predicts numbers, .* --sets 0\.95 gives intervals"):
            Decisions(model, wish, "run")


@pytest.mark.parametrize(
    ("options", "count", "said"),
    [
        (
            PredictOptions(max_error=0.01),
            298,
            r"--max-error: 0\.01 cannot be promised: it takes 299 .* has 298; ask for 0\.01",
        ),
        (
            PredictOptions(max_error=0.05),
            20,
            r"it takes 59 held-out images, .* run has 20; ask for 0\.14 or more",
        ),
        (
            PredictOptions(sets=0.95),
            18,
            r"--sets: 0\.95 cannot be promised: it takes 19 .* has 18; ask for 0\.94 or less",
        ),
        (
            PredictOptions(max_error=0.0),
            300,
            "--max-error: 0 does not lie between 0 and 1; give a share such as 0.05",
        ),
        (PredictOptions(max_error=float("nan")), 300, "--max-error: nan does not lie between"),
        (
            PredictOptions(sets=95),
            300,
            r"--sets: 95 does not lie between 0 and 1; give a share such as 0\.95",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused_with_what_can(options, count, said, model):
    with pytest.raises(UsageError, match=said):
        Decisions(without(model, count), options, "run")


def test_a_model_saved_without_held_out_answers_says_so():
    for options in (PredictOptions(max_error=0.1), PredictOptions(sets=0.9)):
        with pytest.raises(UsageError, match=r"run was saved without held-out answers, .*; train it again"):
            Decisions(trained_model(), options, "run")
    assert Decisions(trained_model(), PredictOptions(), "run").announcement() == []


def test_nothing_is_answered_where_no_threshold_keeps_the_promise(model):
    held = model.held_out
    wrong = model.with_held_out(dataclasses.replace(held, labels=(held.labels + 1) % 10))
    decider = Decisions(wrong, PredictOptions(max_error=0.05), "run")
    assert decider.decide(*model.answer(PIXELS[ASKED])).abstained.all()
    assert decider.announcement()[0].startswith(
        "No image will be answered: no threshold keeps the error at 5 %"
    )
    partly = model.with_held_out(
        dataclasses.replace(held, labels=np.where(np.arange(300) % 4, held.labels, 11 % 10))
    )
    assert "--max-error 0." in Decisions(partly, PredictOptions(max_error=0.02), "run").announcement()[0]


def test_the_columns_in_every_form(run, model, tmp_path):
    write_digits(tmp_path / "images", range(1300, 1340))
    (tmp_path / "images" / "0000.png").write_bytes(b"")
    options = PredictOptions(max_error=0.05, sets=0.95, probabilities=True)
    found = {}
    for ending in ("csv", "jsonl", "parquet"):
        out = tmp_path / f"answers.{ending}"
        done = predict(run, [str(tmp_path / "images")], out, Settings(), options=options)
        found[ending] = out
    rows = rows_of(found["csv"])
    assert list(rows[0])[:7] == ["input", "label", "probability", "error", "novelty", "abstained", "set"]
    assert (rows[0]["abstained"], rows[0]["set"]) == ("", "")
    decided = Decisions(model, options, "run").decide(*model.answer(PIXELS[1300:1340]))
    assert [row["abstained"] for row in rows[1:]] == [
        str(each).lower() for each in decided.abstained.tolist()
    ]
    assert [json.loads(row["set"]) for row in rows[1:]] == decided.sets
    assert done.abstained == decided.abstained.sum()
    lines = [json.loads(line) for line in found["jsonl"].read_text().splitlines()]
    assert [line["abstained"] for line in lines] == [None, *decided.abstained.tolist()]
    assert [line["set"] for line in lines] == [None, *decided.sets]
    table = pyarrow.parquet.read_table(found["parquet"])
    assert table.column("abstained").to_pylist() == [None, *decided.abstained.tolist()]
    assert table.column("set").to_pylist() == [None, *decided.sets]


def test_the_command_says_the_promise_before_and_the_share_after(run, tmp_path, capsys):
    paths = write_digits(tmp_path / "images", range(1300, 1320))
    (tmp_path / "images" / "costs.csv").write_text("true,x\n")
    assert main(["predict", str(run), *map(str, paths), "--max-error", "0.05", "--sets", "0.9"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("input,label,probability,error,novelty,abstained,set\n")
    said = " ".join(err.split())
    assert said.index("Promised with 95 % confidence") < said.index("20 images labelled")
    assert "answered, " in said
    assert "abstained: see the column abstained" in said
    assert all(len(line) <= 80 for line in err.splitlines() if line.startswith("Promised"))
    assert main(["predict", str(run), str(paths[0]), "--max-error", "0.001"]) == 2
    assert "it takes 2,995 held-out images" in capsys.readouterr().err


def test_drifted_inputs_void_the_promise(run, tmp_path):
    from PIL import Image

    (tmp_path / "noise").mkdir()
    draws = np.random.default_rng(0)
    for place in range(30):
        pixels = draws.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "noise" / f"{place}.png")
    out = tmp_path / "answers.csv"
    done = predict(run, [str(tmp_path / "noise")], out, Settings(), options=PredictOptions(max_error=0.05))
    assert "warning: these inputs have drifted, so what was promised need not hold for them" in done.warnings
    plain = predict(run, [str(tmp_path / "noise")], out, Settings())
    assert plain.warnings == ()


def test_evaluate_measures_what_became_of_the_promise(run, model, tmp_path, capsys):
    for place, path in enumerate(write_digits(tmp_path / "images", range(1300, 1600))):
        folder = tmp_path / "labelled" / CLASSES[LABELS[1300 + place]]
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    assert main(["evaluate", str(run), str(tmp_path / "labelled"), "--max-error", "0.05", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["abstention"]
    said, novelty = model.answer(PIXELS[ASKED])
    answered = ~Decisions(model, PredictOptions(max_error=0.05), "run").decide(said, novelty).abstained
    is_wrong = said.argmax(axis=1) != LABELS[ASKED]
    assert found["max_error"] == 0.05
    assert found["answered"]["value"] == pytest.approx(answered.mean(), abs=0.01)
    assert found["error"]["value"] == pytest.approx(is_wrong[answered].mean(), abs=0.01)
    assert main(["evaluate", str(run), str(tmp_path / "labelled"), "--max-error", "0.05"]) == 0
    assert "With --max-error 0.05 " in capsys.readouterr().out


def test_promises_and_sets_are_about_the_answers_that_a_threshold_gives():
    draws = np.random.default_rng(6)

    def stated(count, strength):
        codes = (draws.random(count) < 0.35).astype(np.int64)
        of_b = 1 / (1 + np.exp(-(draws.normal(size=count) + strength * (codes - 0.5))))
        said = np.stack([1 - of_b, of_b], axis=1).astype(np.float32)
        return HeldOut.of(Labels(codes, ("a", "b"), CLASSIFICATION), said, None)

    test = stated(140, 2.0)
    held_out = dataclasses.replace(stated(260, 2.0), test=test)
    model = SimpleNamespace(
        input_kind=IMAGES, classes=("a", "b"), target=CLASSIFICATION, held_out=held_out, novelty_rate=None,
        threshold={"b": 0.7},
    )  # fmt: skip
    options = PredictOptions(max_error=0.3, sets=0.8, threshold={"b": 0.2})
    found = Decisions(model, options, "run")

    def judged(each, least):
        said = each.said.astype(np.float64)
        decided = (said[:, 1] >= least).astype(np.int64)
        trusted = trust(said[np.arange(len(said)), decided], None)
        return (trusted, decided != each.labels), decided, said

    promises = {
        least: checked_promise(judged(held_out, least)[0], judged(test, least)[0], 0.3)
        for least in (0.2, 0.5)
    }
    assert found.promise == promises[0.2] != promises[0.5]
    _, decided, said = judged(test, 0.2)
    labels = Labels(test.labels, ("a", "b"), CLASSIFICATION)
    alone = coverage_of(Labels(held_out.labels, ("a", "b"), CLASSIFICATION), held_out.said, 0.8)
    by_threshold, nearest = (checked_on(alone, labels, said, each) for each in (decided, said.argmax(axis=1)))
    assert found.coverage == by_threshold != nearest
