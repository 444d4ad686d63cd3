"""`compare` on real digits: planted differences are called real, and nothing else is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import DataError, StorageError, UsageError
from pellucid.pipeline.comparing import compare as comparing
from pellucid.pipeline.comparing.compare import compare
from pellucid.pipeline.comparing.standings import ALIKE, BETTER, IDENTICAL, UNDECIDED, rank
from pellucid.pipeline.comparing.variants import make_variants, parse_vary
from pellucid.pipeline.train import train
from pellucid.safety.strict import sealed
from pellucid.settings import METRICS
from small_models import digits

TINY = {"model": "mlp", "depth": 1, "width": 16, "epochs": 3, "threads": 1, "quiet": True}
ACTIVATIONS = {"activation": ["relu", "tanh"]}
GRID = {"learning_rate": [0.02, 0.00001], "pooling": ["max", "average"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """400 digits, 100 of them a test split of the user's own."""
    pixels, labels = digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[:300], y_train=labels[:300], x_test=pixels[500:600], y_test=labels[500:600])
    return path


def read(run: Path) -> tuple[dict, list[dict]]:
    lines = (run / "history.jsonl").read_text().splitlines()
    return json.loads((run / "metrics.json").read_text()), [json.loads(line) for line in lines]


def timeless(run: Path) -> tuple[dict, list[dict]]:
    """The same without what the clock decides."""
    metrics, history = read(run)
    for entry in metrics["compare"]["variants"].values():
        del entry["train_seconds"]
    kept = [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in history]
    return metrics, kept


@pytest.fixture(scope="module")
def planted(data, tmp_path_factory) -> Path:
    """A learning rate that learns against one that cannot, in a grid with one that changes nothing."""
    return compare(data, out=tmp_path_factory.mktemp("planted") / "run", vary=GRID, seeds=2, folds=2, **TINY)


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> Path:
    return compare(data, out=tmp_path_factory.mktemp("one") / "run", vary=ACTIVATIONS, seeds=1, **TINY)


@pytest.fixture(scope="module")
def half_done(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("half") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "learner_of", killed_after(0, []))
        with pytest.raises(KeyboardInterrupt):
            compare(data, out=out, vary=ACTIVATIONS, **TINY)
    return out


def killed_after(count, done):
    real = comparing.learner_of

    def learner_of(settings, material):
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(settings.activation)
        return real(settings, material)

    return learner_of


def test_a_planted_difference_is_real_and_a_setting_without_effect_is_not(planted):
    metrics, history = read(planted)
    found = metrics["compare"]
    verdicts = {(each["a"], each["b"]): each for each in found["comparisons"]}
    variants = [
        f"learning_rate={rate} pooling={kind}" for rate in ("0.02", "1e-05") for kind in GRID["pooling"]
    ]
    assert list(found["variants"]) == variants
    assert len(verdicts) == 6
    for (a, b), each in verdicts.items():
        if a.split()[0] == b.split()[0]:
            assert each["verdict"] == f"{a} and {b}: {IDENTICAL}"
            assert each["p_value"] == each["p_value_holm"] == 1
            assert each["accuracy_difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        else:
            assert each["verdict"] == f"{a} {BETTER} {b}"
            assert each["p_value"] <= each["p_value_holm"] < 0.05
            assert each["accuracy_difference"]["low"] > 0.2
    assert found["best"] == variants[0]
    assert (metrics["format"], metrics["task"], metrics["data"]["test"]) == (2, "image-classification", 100)
    assert (found["seeds"], found["folds"], found["trainings"], found["set_aside"]) == ([0, 1], 2, 4, 100)
    assert found["train"] + found["judged"] < 300
    trainings = [(seed, fold) for seed in (0, 1) for fold in (1, 2)]
    for entry in found["variants"].values():
        assert [(each["seed"], each["fold"]) for each in entry["scores"]] == trainings
        assert entry["mean"]["value"] == pytest.approx(
            np.mean([each["accuracy"] for each in entry["scores"]])
        )
        assert entry["mean"]["low"] <= entry["mean"]["value"] <= entry["mean"]["high"] <= 1
        assert entry["parameters"] == 64 * 16 + 16 * 2 + 16 * 10 + 10
        assert entry["epochs"] == 3
    assert len({entry["steps"] for entry in found["variants"].values()}) == 1
    epochs = [(line["variant"], line["seed"], line["fold"], line["epoch"]) for line in history]
    assert epochs == [(name, *each, epoch) for name in variants for each in trainings for epoch in (1, 2, 3)]
    assert all(0 <= line["validation_accuracy"] <= 1 for line in history)


def test_the_page_says_it_and_asks_no_one(planted):
    names = {path.name for path in planted.iterdir()} - {".lock"}
    assert names == {"report.html", "metrics.json", "history.jsonl", "config.json"}
    page = (planted / "report.html").read_text()
    text = re.sub(r"<[^>]+>", "", page)
    assert read(planted)[0]["compare"]["verdict"] in text.replace("&#39;", "'")
    assert "100 images for the test were set aside and not used" in text
    assert page.count('<circle class="dot"') == 4 * 4
    assert page.count("the best is significantly better") == 2
    assert not re.search(r"https?://|<script|src=\"(?!data:)", page)


def test_the_test_split_is_not_looked_at(data, unbroken, tmp_path):
    arrays = dict(np.load(data))
    arrays["x_test"] = np.random.default_rng(0).integers(0, 256, arrays["x_test"].shape).astype(np.uint8)
    arrays["y_test"] = np.roll(arrays["y_test"], 7)
    np.savez(tmp_path / "other.npz", **arrays)
    other = compare(tmp_path / "other.npz", out=tmp_path / "run", vary=ACTIVATIONS, seeds=1, **TINY)
    mine, others = timeless(unbroken), timeless(other)
    assert mine[1] == others[1]
    assert mine[0]["compare"] == others[0]["compare"]


def test_finished_trainings_are_not_trained_again_and_the_result_is_the_same(
    data, unbroken, tmp_path, monkeypatch, capsys
):
    done, again, run = [], [], tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "learner_of", killed_after(4, done))
        with pytest.raises(KeyboardInterrupt):
            compare(data, out=run, vary=ACTIVATIONS, seeds=1, **TINY)
    assert not (run / "metrics.json").exists()
    monkeypatch.setattr(comparing, "learner_of", killed_after(99, again))
    compare(data, out=run, vary={}, resume=True, quiet=True)
    assert (done, again) == (["relu", "relu", "relu", "tanh"], ["tanh", "tanh"])
    assert timeless(run) == timeless(unbroken)
    monkeypatch.setattr(comparing, "learner_of", None)  # a finished comparison trains nothing
    capsys.readouterr()
    assert compare(data, out=run, vary=ACTIVATIONS, resume=True) == run
    assert "is finished already, so nothing was done" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vary": {"activation": ["relu", "gelu"]}}, "--resume: --vary was .* leave it out"),
        ({"seeds": 5}, "--resume: --seeds was 3, is 5"),
        ({"epochs": 4}, "--resume: settings changed .epochs was 3, is 4"),
        ({"folds": 5}, "--resume: settings changed .folds was None, is 5"),
    ],
)
def test_resuming_another_comparison_is_refused(data, half_done, changed, message):
    with pytest.raises(UsageError, match=message):
        compare(data, out=half_done, resume=True, quiet=True, **{"vary": {}, **changed})


def test_what_stands_there_and_is_another_is_refused(data, half_done, unbroken, tmp_path):
    arrays = dict(np.load(data))
    arrays["y_train"][:20] = 0
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(DataError, match="the data changed since the run was started"):
        compare(tmp_path / "other.npz", out=half_done, vary={}, resume=True, quiet=True)
    with pytest.raises(StorageError, match="already holds a run"):
        compare(data, out=unbroken, vary=ACTIVATIONS, **TINY)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_bytes(sealed({"settings": {}, "plan": {}}))
    with pytest.raises(UsageError, match="holds a run of train, not of compare"):
        compare(data, out=tmp_path / "run", vary=ACTIVATIONS, resume=True, **TINY)
    with pytest.raises(UsageError, match="the folder holds a comparison, not a run of train"):
        train(data, out=half_done, resume=True, quiet=True)


def test_what_cannot_be_trained_is_refused_before_any_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(comparing, "learner_of", None)
    with pytest.raises(UsageError, match=r"variant optimizer=gd: --batch-size: gd takes the whole"):
        compare(data, out=tmp_path / "1", vary={"optimizer": ["adam", "gd"]}, **TINY, batch_size=32)
    with pytest.raises(UsageError, match=r"variant model=ridge: --model: ridge predicts numbers"):
        compare(data, out=tmp_path / "2", vary={"model": ["svm", "ridge"]}, quiet=True)
    arrays = dict(np.load(data))
    kept = np.sort(np.concatenate([np.flatnonzero(arrays["y_train"] != 4), [4]]))
    few = {**arrays, "x_train": arrays["x_train"][kept], "y_train": arrays["y_train"][kept]}
    np.savez(tmp_path / "few.npz", **few)
    with pytest.raises(DataError, match=r"fewer than 3 examples that may be parted"):
        compare(tmp_path / "few.npz", out=tmp_path / "3", vary=ACTIVATIONS, **TINY)


def test_a_network_against_a_classical_model(data, tmp_path):
    given = {name: value for name, value in TINY.items() if name != "model"}
    compare(data, out=tmp_path / "run", vary={"model": ["mlp", "majority"]}, seeds=2, **given)
    found = read(tmp_path / "run")[0]["compare"]
    assert found["best"] == "model=mlp"
    assert found["variants"]["model=majority"]["steps"] == 0
    assert found["comparisons"][0]["verdict"] == "model=mlp is better than model=majority"


def test_numbers_are_compared_by_root_mean_squared_error(tmp_path, capsys):
    pixels, _ = digits()
    rows = ["path,brightness"]
    for place in range(120):
        Image.fromarray(pixels[place, ..., 0]).save(tmp_path / f"{place}.png")
        rows.append(f"{place}.png,{pixels[place].mean() / 7 + 0.25:.3f}")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    given = {"seeds": 1, "threads": 1, "epochs": 4}
    compare(tmp_path / "table.csv", out=tmp_path / "run", vary={"model": ["mean", "ridge"]}, **given)
    metrics = read(tmp_path / "run")[0]
    assert (metrics["task"], metrics["classes"]) == ("image-regression", [])
    assert metrics["compare"]["best"] == "model=ridge"
    (pair,) = metrics["compare"]["comparisons"]
    assert pair["root_mean_squared_error_difference"]["low"] > 0
    assert "Mean <" in (tmp_path / "run" / "report.html").read_text()
    said = capsys.readouterr().err
    assert "model=ridge is best: mean root mean squared error" in said
    assert said.splitlines()[-1].endswith("--threads 1 --model ridge")
    assert "--epochs" not in said


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["activation"], r"--vary activation: is not NAME=V1,V2"),
        (
            ["activatoin=relu,tanh"],
            r"--vary activatoin: is not known \(did you mean activation\?\); choose one of a",
        ),
        (["seed=1,2"], r"--vary seed: .* give --seeds N"),
        (["metric=accuracy,macro-f1"], r"--vary metric: cannot be varied: it decides"),
        (["time-limit=1m,2m"], r"--vary time_limit: cannot be varied: .*vary epochs"),
        (["image_size=8,16"], r"--vary image_size: is no setting of network or training"),
        (["threads=1,2"], r"--vary threads: is no setting of network or training"),
        (["epochs=3,x"], r"--vary epochs: 'x' is not a whole number"),
        (["dropout=0,half"], r"--vary dropout: 'half' is not a number"),
        (["batch-norm=true,maybe"], r"--vary batch_norm: 'maybe' is not true or false"),
        (["activation=relu,,tanh"], r"--vary activation: a value is empty"),
        (["depth=1,2", "depth=3,4"], r"--vary depth=3,4: depth is varied twice"),
    ],
)
def test_what_vary_does_not_take(texts, message):
    with pytest.raises(UsageError, match=message):
        parse_vary(texts)


@pytest.mark.parametrize(
    ("vary", "given", "message"),
    [
        ({}, {}, r"--vary is missing"),
        ({"activation": ["relu"]}, {}, r"has one value only; give two or more, or fix it with --activation"),
        ({"depth": [1, 2, 1]}, {}, r"--vary depth: 1 is there twice"),
        ({"learning_rate": [0.1, 0.10]}, {}, r"--vary learning_rate: 0.1 is there twice"),
        ({"depth": [1, 2]}, {"depth": 3}, r"--vary depth: is also fixed at 3"),
        ({"depth": [1, 99]}, {}, r"--vary depth: --depth: 99 is outside 0 to 64"),
        ({"activation": ["relu", "sine"]}, {}, r"'sine' is not known; choose one of relu, leaky-relu"),
        ({"depth": list(range(1, 52))}, {}, r"makes 51 variants, and 50 are the most"),
        (
            {"loss": ["mse", "cross-entropy"]},
            {"label_smoothing": 0.1},
            r"variant loss=mse: --label-smoothing",
        ),
        (
            {"model": ["mlp", "svm"], "depth": [1, 2]},
            {},
            r"variant model=svm depth=1: depth is about networks, and svm is none",
        ),
        ({"depth": [1, 2]}, {"model": "svm"}, r"variant depth=1: depth is about networks"),
        ({"depth": [1, 2]}, {"time_limit": "5m"}, r"--time-limit: .*give --epochs"),
        ({"depth": [1, 2]}, {"baselines": False}, r"--baselines: compare trains what --vary names"),
        ({"depth": [1, 2]}, {"lerning_rate": 1}, r"unknown setting 'lerning_rate'"),
    ],
)
def test_variants_that_cannot_be(vary, given, message):
    with pytest.raises(UsageError, match=message):
        make_variants(vary, given)


def test_a_grid_has_every_combination_in_order():
    vary = parse_vary(["batch-norm=yes,off", "learning-rate=1e-3,0.25"])
    assert vary == {"batch_norm": (True, False), "learning_rate": (0.001, 0.25)}
    variants = make_variants(vary, {"epochs": 2})
    assert [each.name for each in variants] == [
        "batch_norm=true learning_rate=0.001",
        "batch_norm=true learning_rate=0.25",
        "batch_norm=false learning_rate=0.001",
        "batch_norm=false learning_rate=0.25",
    ]
    assert {each.settings.epochs for each in variants} == {2}


def test_names_tell_close_values_apart():
    names = [each.name for each in make_variants({"learning_rate": [0.12345671, 0.12345672]}, {})]
    assert len(set(names)) == 2


@pytest.mark.parametrize("seeds", [0, 101])
def test_number_of_seeds_is_bounded(seeds, tmp_path):
    with pytest.raises(UsageError, match=f"--seeds: {seeds} is outside 1 to 100"):
        compare("nowhere", out=tmp_path / "run", vary={"depth": [1, 2]}, seeds=seeds)
    assert not (tmp_path / "run").exists()


def test_findings_by_hand():
    """Differences 1, 2 and 3 hundredths: mean 0.02, t = 0.02 / (0.01 sqrt(1/3 + 1/2)) = 2.19, p = 0.16."""
    scores = {"a": [0.91, 0.92, 0.93], "b": [0.90, 0.90, 0.90]}
    contrast = rank(scores, 20, 10, METRICS["accuracy"]).contrasts[0]
    assert contrast.difference.value == pytest.approx(0.02)
    assert contrast.difference.high == pytest.approx(0.02 + 4.302653 * 0.01 * (1 / 3 + 1 / 2) ** 0.5)
    assert contrast.p_value == pytest.approx(0.1598, abs=1e-4)
    assert (contrast.finding, contrast.better) == (UNDECIDED, None)


def test_slight_differences_are_told_from_unknown_ones():
    scores = {"a": [0.900, 0.901, 0.902, 0.903], "b": [0.901, 0.900, 0.903, 0.902]}
    assert rank(scores, 900, 100, METRICS["accuracy"]).contrasts[0].finding == ALIKE


def test_smaller_is_better_for_losses():
    standings = rank({"a": [0.5, 0.52, 0.48, 0.5], "b": [0.1, 0.11, 0.1, 0.09]}, 90, 10, METRICS["log_loss"])
    assert (standings.best, standings.contrasts[0].better) == ("b", "b")
    assert standings.sentence().startswith("b is best: mean log loss 0.1")
    assert "better beyond chance than a" in standings.sentence()


def test_the_sentence_names_each_kind_of_finding():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=9) * 0.002
    scores = {
        "best": 0.95 + noise,
        "twin": 0.95 + noise,
        "near": 0.9495 + noise + rng.normal(size=9) * 0.0005,
        "noisy": 0.9 + rng.normal(size=9) * 0.05,
        "bad": 0.5 + noise + rng.normal(size=9) * 0.001,
    }
    standings = rank({name: each.tolist() for name, each in scores.items()}, 600, 300, METRICS["accuracy"])
    against = [each for each in standings.contrasts if "best" in (each.a, each.b)]
    assert {each.b if each.a == "best" else each.a: each.finding for each in against} == {
        "twin": IDENTICAL, "near": ALIKE, "noisy": UNDECIDED, "bad": BETTER,
    }  # fmt: skip
    sentence = standings.sentence()
    for part in (
        "best has the best mean accuracy",
        "better beyond chance than bad",
        "the same in every training as twin",
        "no different in a way that matters from near",
        "not better beyond chance than noisy (too few trainings to tell)",
    ):
        assert part in sentence


def test_a_difference_is_slight_beside_the_smaller_of_two_losses():
    """5 % of 1.00 is less than the end of the interval, 5 % of 1.02 is more."""
    around = 0.01638 * np.array([-1, -1, 0, 1, 1])
    scores = {"a": [1.0] * 5, "b": (1.02 + around).tolist()}
    (contrast,) = rank(scores, 80, 20, METRICS["log_loss"]).contrasts
    assert 0.05 < -contrast.difference.low < 0.051
    assert contrast.finding == UNDECIDED
