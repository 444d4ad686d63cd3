"""`tune`: spaces around the default recipe, trials in slots, the verdict, and a small real study."""

import contextlib
import dataclasses
import importlib.util
import itertools
import json
import math
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
import sqlalchemy
from sklearn.metrics import average_precision_score

from command_line import within
from labelled import labelled
from pellucid import load
from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.data import Dataset, prepare
from pellucid.errors import DataError, DivergedError, StorageError, UsageError
from pellucid.pipeline.learners.preparation import make_plan, prepared_for
from pellucid.pipeline.run.context import TimeBudget
from pellucid.pipeline.train import train
from pellucid.pipeline.tuning import conclusion
from pellucid.pipeline.tuning import study as studies
from pellucid.pipeline.tuning import tune as tuning
from pellucid.pipeline.tuning.conclusion import Answered, best_of, judge
from pellucid.pipeline.tuning.spaces import SPACES, Dimension, space_of
from pellucid.pipeline.tuning.study import Reporter, Search, Trained, opened_study, storage_url
from pellucid.pipeline.tuning.tune import tune
from pellucid.settings import METRICS, Settings
from pellucid.targets import CLASSIFICATION, metric_value
from small_models import digits

TINY = {"model": "mlp", "epochs": 2, "threads": 1, "quiet": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Digits with a test split of the user's own."""
    pixels, labels = digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[:300], y_train=labels[:300], x_test=pixels[500:700], y_test=labels[500:700])
    return path


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    rows = [f"the {word} number {n},{word}" for n in range(60) for word in ("odd", "even")]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


# Spaces.


@pytest.mark.parametrize("name", SPACES)
def test_a_space_is_around_the_default_recipe_and_every_corner_of_it_can_be_trained(name, data, texts):
    place = data if name in ("cnn", "lenet", "mlp") else texts
    settings = Settings(model=name, threads=1)
    dataset, _ = prepare(str(place), settings)
    prepared = prepared_for(name, dataset, settings)
    plan = make_plan(settings, prepared)
    space = space_of(settings, {}, plan, dataset.takes, len(dataset.train), {})
    named = {"optimizer": plan.recipe.optimizer}

    def planned(values):
        return make_plan(dataclasses.replace(settings, **named, **values), prepared)

    default = {each.name: each.default for each in space}
    again = planned(default)
    assert (again.network, again.recipe) == (plan.network, plan.recipe)
    assert {"learning_rate", "weight_decay", "batch_size", "width", "dropout"} <= set(default)
    for each in space:
        ends = each.values or (each.low, each.high)
        assert each.default in ends if each.values else each.low <= each.default <= each.high
        for value in ends:
            if value == each.default:
                continue
            changed = planned({**default, each.name: each.rounded(value)})
            assert (changed.network, changed.recipe) != (plan.network, plan.recipe), each.name


def test_what_the_user_fixes_is_not_varied_and_what_is_named_is(data):
    settings = Settings(model="mlp", learning_rate=0.01, threads=1)
    dataset, _ = prepare(str(data), settings)
    plan = make_plan(settings, prepared_for("mlp", dataset, settings))
    vary = {"activation": ["relu", "tanh"], "width": [5]}
    space = {
        each.name: each
        for each in space_of(settings, {"learning_rate": 0.01, "loss": "mse"}, plan, "images", 100, vary)
    }
    assert "learning_rate" not in space
    assert set(space["activation"].values) == {"relu", "tanh"}
    assert space["width"].values == (plan.network.widths[0], 5)


# Trials.


@dataclasses.dataclass
class Fake:
    """A training that takes no time: its score is a function of the settings, unless something happens."""

    happens: dict[int, BaseException] = dataclasses.field(default_factory=dict)
    seen: list[float] = dataclasses.field(default_factory=list)

    def __call__(self, values, reporter) -> Trained:
        self.seen.append(values["learning_rate"])
        error = self.happens.pop(len(self.seen), None)
        if error is not None:
            raise error
        merit = -abs(math.log(values["learning_rate"] / 0.05))
        return Trained(merit, -merit, {"seconds": 1.0})


SPACE = [studies.Dimension("learning_rate", 0.1, low=0.01, high=1.0, is_log=True)]


def searched(url, run, fake, count=6, left=lambda: math.inf) -> Search:
    run.mkdir(exist_ok=True)
    with opened_study(url, "study") as study:
        search = Search(study, SPACE, count, 1, run)
        search.work(fake, left, lambda _: None)
        return search, search.outcomes, study.get_trials()


def test_the_default_comes_first_and_a_broken_study_goes_on_as_one_that_was_not(tmp_path):
    whole = Fake()
    _, outcomes, _ = searched(storage_url(None, tmp_path), tmp_path / "a", whole)
    assert whole.seen[0] == 0.1
    assert [each.slot for each in outcomes] == list(range(6))

    url, broken = storage_url(str(tmp_path / "other.db"), tmp_path), Fake({4: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        searched(url, tmp_path / "b", broken)
    _, again, trials = searched(url, tmp_path / "b", broken)
    assert [each.values for each in again] == [each.values for each in outcomes]
    assert broken.seen == [*whole.seen[:4], *whole.seen[3:]]
    assert [each.state.name for each in trials].count("FAIL") == 1


def test_what_diverges_is_no_candidate_and_a_default_that_does_ends_the_study(tmp_path):
    _, outcomes, _ = searched(storage_url(None, tmp_path), tmp_path / "a", Fake({3: DivergedError("inf")}), 4)
    assert [each.state for each in outcomes] == ["complete", "complete", "diverged", "complete"]
    url = storage_url(str(tmp_path / "b.db"), tmp_path)
    with pytest.raises(DivergedError, match="default recipe: inf"):
        searched(url, tmp_path / "b", Fake({1: DivergedError("inf")}))


def test_an_error_of_a_training_is_raised_and_its_slot_tried_again(tmp_path):
    url, fake = storage_url(None, tmp_path), Fake({2: ValueError("broken")})
    with pytest.raises(ValueError, match="broken"):
        searched(url, tmp_path / "a", fake)
    assert len(searched(url, tmp_path / "a", fake)[1]) == 6


def test_no_trial_begins_that_has_no_time(tmp_path):
    fake = Fake()
    search, outcomes, _ = searched(
        storage_url(None, tmp_path), tmp_path / "a", fake, left=lambda: 3.5 - len(fake.seen)
    )
    assert search.is_closed
    assert len(outcomes) == 3  # after which 0.5 s are left for one of 1 s


def test_a_trial_given_up_while_it_lived_is_not_counted_twice(tmp_path):
    """As where a machine slept for longer than the grace: its slot is another's by the time it ends."""
    url = storage_url(None, tmp_path)

    class Slept(Fake):
        def __call__(self, values, reporter):
            if len(self.seen) == 2:
                reporter.trial.study.tell(reporter.trial.number, state=optuna.trial.TrialState.FAIL)
            return super().__call__(values, reporter)

    fake = Slept()
    _, outcomes, trials = searched(url, tmp_path / "a", fake, 5)
    assert [each.slot for each in outcomes] == [0, 1, 2, 3, 4]
    assert len(fake.seen) == 6
    assert [each.state.name for each in trials].count("FAIL") == 1


def test_a_trial_of_a_process_that_died_is_found_by_its_lock(tmp_path):
    url = storage_url(None, tmp_path)
    with opened_study(url, "study") as study:
        dead = Search(study, SPACE, 3, 1, tmp_path)
        study.enqueue_trial({"learning_rate": 0.1}, user_attrs={"slot": 0})
        with pytest.warns(UserWarning, match="Heartbeat"):
            study.ask().set_user_attr("worker", dead.worker)
        (tmp_path / dead.worker).touch()  # as a kill leaves it: there, and held by nobody
    fake = Fake()
    _, outcomes, _ = searched(url, tmp_path, fake, 3)
    assert [each.slot for each in outcomes] == [0, 1, 2]
    assert fake.seen[0] == 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slot", '"first"'),
        ("slot", "10000"),
        ("values", "null"),
        ("values", '{"learning_rate": "much"}'),
        ("values", '{"learning_rate": 1e9}'),
        ("values", '{"other": 1}'),
        ("score", '"good"'),
        ("score", "NaN"),
        ("facts", "[]"),
        ("facts", '{"seconds": "long"}'),
        ("facts", "{"),
    ],
)
def test_a_study_that_was_edited_is_refused(tmp_path, name, value):
    url = storage_url(None, tmp_path)
    searched(url, tmp_path / "a", Fake(), 4)
    with contextlib.closing(sqlite3.connect(str(url.database))) as database, database:
        changed = database.execute(
            "UPDATE trial_user_attributes SET value_json = ? WHERE key = ? AND trial_id = 2", (value, name)
        )
        assert changed.rowcount == 1
    with pytest.raises(
        StorageError, match=r"the study was changed by something else.*give another --storage"
    ):
        searched(url, tmp_path / "a", Fake(), 6)


# The verdict.


def planted(better_by: float, seeds: int = 3, flip: int = -1) -> dict[str, list[Answered]]:
    """Probabilities of two classes for 400 examples; the tuned ones are a bit better, but for one seed."""
    draws, found = np.random.default_rng(1), {"default": [], "tuned": []}
    for seed, name in itertools.product(range(seeds), found):
        sign = 0 if name == "default" else -0.25 if seed == flip else 1
        right = np.clip(draws.normal(0.6 + sign * better_by, 0.15, 400), 0.05, 0.95)
        found[name].append(Answered(np.stack([right, 1 - right], axis=1)))
    return found


ONE_SEED_LOST = planted(0.1, flip=2)


class Judged:
    """What `judge` asks of a data set."""

    def __init__(self, labels) -> None:
        self.labels, self.noun = labels, "image"
        self.train = self.test = np.arange(len(labels))
        self.target = labelled(labels).target

    def sets_among(self, _) -> None:
        """None belong together."""


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (planted(0.1), "gained"),
        (planted(-0.1), "lost"),
        (planted(0.0), "nothing"),
        (ONE_SEED_LOST, "nothing"),
    ],
)
@pytest.mark.parametrize("key", ["log_loss", "macro_f1"])
def test_the_verdict_needs_an_interval_beyond_chance_and_every_seed(found, finding, key):
    labels = np.zeros(400, np.int64)
    labels[:20] = 1
    metric = METRICS[key]
    verdict = judge(found, Judged(labels), metric, 9, 0)
    means = {
        name: np.mean([metric_value(metric, labelled(labels), each.answers) for each in answered])
        for name, answered in found.items()
    }
    assert verdict.difference.value == pytest.approx(means["tuned"] - means["default"])
    assert verdict.difference.low < verdict.difference.value < verdict.difference.high
    assert verdict.finding == finding
    ahead = [
        metric.better(tuned) - metric.better(default)
        for default, tuned in zip(verdict.scores["default"], verdict.scores["tuned"], strict=True)
    ]
    if found is ONE_SEED_LOST:
        if key == "log_loss":  # beyond chance all the same
            assert verdict.difference.low * verdict.difference.high > 0
        assert [each > 0 for each in ahead] == [True, True, False]
    said = verdict.sentence()
    assert said.startswith({"gained": "Tuning gained:", "lost": "Tuning made it worse:"}.get(finding, ""))
    assert ("Tuning gained nothing: the best of 9 trials has" in said) == (finding == "nothing")
    assert "on 400 test images that no trial saw, over 3 trainings of each" in said


def test_numbers_are_judged_by_the_root_of_all_squared_errors():
    labels = np.linspace(0, 1, 50)
    found = {
        "default": [Answered(labels + 0.3), Answered(labels - 0.4)],
        "tuned": [Answered(labels + 0.1)] * 2,
    }
    verdict = judge(found, Judged(labels), METRICS["root_mean_squared_error"], 2, 0)
    assert verdict.means["default"] == pytest.approx(math.sqrt((0.09 + 0.16) / 2))
    assert verdict.difference.value == pytest.approx(0.1 - math.sqrt(0.125))
    assert verdict.finding == "gained"


# A study of real digits.


@pytest.fixture(scope="module")
def studied(data, tmp_path_factory) -> Path:
    return tune(data, out=tmp_path_factory.mktemp("studied") / "run", trials=3, **TINY)


def test_a_study_leaves_an_ordinary_run(studied, data):
    metrics = json.loads((studied / "metrics.json").read_text())
    found = metrics["tune"]
    assert set(metrics["models"]) == set(found["settings"])
    assert metrics["recommended"] in metrics["models"]
    assert [each["slot"] for each in found["trials"]] == [0, 1, 2]
    assert found["trials"][0]["values"] == found["settings"]["default"]
    assert found["verdict"].startswith("Tuning ")
    assert not (studied / "checkpoints").exists()
    assert load(studied).predict(digits()[0][:3]).shape == (3,)
    assert within("predict", studied, data).returncode == 0
    for page in ("report.html", "models.html"):
        text = (studied / page).read_text()
        assert "<script src" not in text
    assert found["verdict"].partition(": ")[0] + "." in (studied / "report.html").read_text()


@pytest.mark.slow
def test_a_study_whose_time_is_over_ends_in_a_verdict_all_the_same(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_require_time", lambda _: None)
    monkeypatch.setattr(tuning, "_left", lambda _, search: math.inf if len(search.outcomes) < 2 else 0.0)
    monkeypatch.setattr(TimeBudget, "left", lambda _: -1.0)
    monkeypatch.setattr(conclusion, "best_of", lambda complete, metric: complete[-1])
    run = tune(data, out=tmp_path / "run", trials=9, time_limit="1h", **TINY)
    found = json.loads((run / "metrics.json").read_text())["tune"]
    assert (found["trials_ended"], found["trials_asked"]) == (2, 9)
    assert set(found["judged"]["test_scores"]) == {"default", "tuned"}
    assert "that were asked for" in (run / "report.html").read_text()


def test_best_toml_trains_the_best_trial(studied, data, tmp_path):
    found = json.loads((studied / "metrics.json").read_text())["tune"]
    run = tmp_path / "run"
    done = within(
        "train", data, "--out", run, "--config", studied / "best.toml", "--no-baselines", "--folds", "0"
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads((run / "config.json").read_text())["settings"]
    best = found["settings"].get("tuned", {})
    assert {name: settings[name] for name in best} == best


def test_a_finished_study_stays_as_it_is_and_is_not_taken_for_another(studied, data, tmp_path):
    before = (studied / "metrics.json").stat().st_mtime_ns
    assert tune(data, out=studied, resume=True, **TINY) == studied
    assert (studied / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(StorageError, match="already holds a run"):
        tune(data, out=studied, trials=3, **TINY)
    train(data, out=tmp_path / "run", baselines=False, **TINY)
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UsageError, match="holds no study of tune"):
        tune(data, out=tmp_path / "run", trials=3, **TINY)


@pytest.fixture
def stopped(data, tmp_path, monkeypatch) -> Path:
    """A study that was stopped in its second trial."""
    count = itertools.count()

    def stopping(*_):
        if next(count) == 1:
            raise KeyboardInterrupt
        return Trained(-1.0, 1.0, {"seconds": 0.1})

    with monkeypatch.context() as patch:
        patch.setattr("pellucid.pipeline.tuning.tune._trial", stopping)
        with pytest.raises(KeyboardInterrupt):
            tune(data, out=tmp_path / "run", trials=4, **TINY)
    return tmp_path / "run"


def test_a_study_that_goes_on_is_the_one_that_was_begun(stopped, data, tmp_path):
    with pytest.raises(UsageError, match="--trials: was 4 when the study began, is 5; leave it"):
        tune(data, out=stopped, trials=5, **TINY)
    with pytest.raises(UsageError, match="--storage: was None when the study began"):
        tune(data, out=stopped, storage=str(tmp_path / "other.db"), **TINY)
    with pytest.raises(UsageError, match="epochs was 2, is 3"):
        tune(data, out=stopped, **{**TINY, "epochs": 3})
    with pytest.raises(UsageError, match="the folder holds a study of tune"):
        train(data, out=stopped, resume=True, **TINY)
    pixels, labels = digits()
    other = tmp_path / data.name
    np.savez(other, x_train=pixels[:290], y_train=labels[:290], x_test=pixels[500:], y_test=labels[500:])
    with pytest.raises(DataError, match="the data changed since the run was started"):
        tune(other, out=stopped, **TINY)


def test_other_data_in_the_same_database_is_another_study(data, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "pellucid.pipeline.tuning.tune._search", lambda study, *_: ran.append(study.study_name) or []
    )
    monkeypatch.setattr("pellucid.pipeline.tuning.tune.conclude_study", lambda *_: None)
    pixels, labels = digits()
    other = tmp_path / "other.npz"
    np.savez(other, x_train=pixels[:290], y_train=labels[:290], x_test=pixels[500:], y_test=labels[500:])
    for number, (place, more) in enumerate([(data, {}), (data, {}), (other, {}), (data, {"dropout": 0.1})]):
        tune(place, out=tmp_path / str(number), storage=f"sqlite:///{tmp_path}/shared.db", **TINY, **more)
    assert ran[0] == ran[1]
    assert len({*ran}) == 3


# Refusals.


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "1"], "--trials: 1 is outside 2 to 10,000"),
        (["--model", "svm"], "--model: tune searches the settings of a network, and svm is none"),
        (["--vary", "model=cnn,mlp"], "--vary model: tune searches the settings of one network"),
        (["--vary", "depth=9.5"], "'9.5' is not a whole number"),
        (["--storage", "nonsense://x"], "--storage: 'nonsense://x' is no address of a database"),
        (["--storage", "sqlite://"], "names no file, so nothing could be resumed"),
        (["--storage", "mysql+mysqldb://me@127.0.0.1/x"], "the driver for mysql, MySQLdb, is not installed"),
        (["--time-limit", "1s", "--epochs", "500"], "--time-limit: a training of cnn takes about"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_written(words, message, data, tmp_path):
    done = within("tune", data, "--out", tmp_path / "run", "--threads", "1", *words)
    assert done.returncode == 2, done.stderr
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(" ".join(done.stderr.split()))
    assert not (tmp_path / "run").exists()


def test_a_database_that_cannot_be_reached_is_exit_code_5(data, tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_text("no database " * 99)
    for address in ("postgresql://me:secret@127.0.0.1:9/x", str(broken), str(tmp_path / "none" / "study.db")):
        done = within("tune", data, "--out", tmp_path / "run", "--storage", address, "--overwrite")
        assert done.returncode == 5, done.stderr
        assert "the database refuses" in " ".join(done.stderr.split())
        assert "secret" not in done.stderr


def test_without_optuna_the_message_names_the_extra(data, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else real(name, *rest)
    )
    done = within("tune", data, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "tune: needs optuna, which is not installed; pip install 'pellucid[tune]'" in done.stderr


@pytest.mark.slow
def test_several_labels_and_numbers_are_tuned_too(tmp_path):
    """One trial besides the default each, to the verdict."""
    rows = ["text,label,amount"]
    for number in range(240):
        words = [word for place, word in enumerate(("red", "round", "old")) if number >> place & 1]
        rows.append(f"a {' '.join(words)} thing no {number},{';'.join(words)},{len(words) + 0.5}")
    table = tmp_path / "things.csv"
    table.write_text("\n".join(rows) + "\n")
    for name, given in (
        ("labels", {"label_separator": ";", "unlabelled": "none"}),
        ("numbers", {"target": "number"}),
    ):
        column = "label" if name == "labels" else "amount"
        run = tune(
            table,
            out=tmp_path / name,
            trials=2,
            model="bag",
            epochs=1,
            threads=1,
            quiet=True,
            input_column="text",
            label_column=column,
            **given,
        )
        assert json.loads((run / "metrics.json").read_text())["tune"]["verdict"].startswith("Tuning ")


def test_sqlite_is_shared_without_lost_writes(tmp_path):
    """Readers beside a writer, and a transaction that locks before it reads."""
    with opened_study(storage_url(None, tmp_path), "study") as study:
        study.enqueue_trial({})
        with sqlite3.connect(tmp_path / "study.db") as file:
            assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert isinstance(storage_url("postgresql://a@b/c", tmp_path), sqlalchemy.URL)


def test_a_trial_reports_its_newest_score_for_each_tenth_that_has_ended():
    reports = []
    trial = SimpleNamespace(report=lambda *each: reports.append(each), should_prune=lambda: False)
    reporter = Reporter(trial, lambda: True)
    reporter.metric, reporter.total_steps = "accuracy", 80
    state = SimpleNamespace(step=0, history=[])
    for step, score in ((17, 0.5), (22, 0.8), (24, 0.3), (56, 0.6)):
        state.step = step
        state.history.append({"validation_accuracy": score})
        reporter.after_epoch(state)
    assert reports == [(0.5, 1), (0.5, 2), (0.3, 3), (0.6, 4), (0.6, 5), (0.6, 6), (0.6, 7)]
    reporter.has_time = lambda: False
    with pytest.raises(optuna.TrialPruned):
        reporter.after_epoch(state)


def test_a_trial_that_was_broken_off_is_tried_again_with_its_own_settings(monkeypatch):
    space = [Dimension("width", 8, (4, 8, 16)), Dimension("dropout", 0.1, low=0.0, high=0.5)]
    search = Search(None, space, 5, 0, Path("nowhere"))
    broken = [
        SimpleNamespace(user_attrs={"slot": slot}, params=params)
        for slot, params in (
            (3, {"width": 4, "dropout": 0.2}), (2, {"width": 16}), (2, {"width": 16, "dropout": 0.3})
        )
    ]  # fmt: skip
    monkeypatch.setattr(Search, "_trials", lambda self, *states: broken)
    assert search._known_of(0) == {"width": 8, "dropout": 0.1}
    assert search._known_of(2) == {"width": 16, "dropout": 0.3}
    assert search._known_of(3) == {"width": 4, "dropout": 0.2}
    assert search._known_of(4) == {}


def test_each_slot_draws_settings_of_its_own(monkeypatch):
    seeds, space = [], [Dimension("width", 8, (4, 8, 16))]
    study = SimpleNamespace(sampler=None)
    search = Search(study, space, 5, 9, Path("nowhere"))
    monkeypatch.setattr(optuna.samplers, "TPESampler", lambda seed: seeds.append(seed))
    monkeypatch.setattr(
        Search, "live", lambda self: {slot: SimpleNamespace(number=40 + slot) for slot in range(5)}
    )
    kept = {}
    for slot in (1, 2):
        trial = SimpleNamespace(
            user_attrs={"slot": slot}, number=40 + slot, set_user_attr=kept.__setitem__,
            suggest_categorical=lambda name, values: values[2],
        )  # fmt: skip
        found = search._trained(trial, lambda values, _: Trained(-0.5, 0.5, {"seconds": 1.0}), lambda: True)
        assert (found, kept["score"], kept["values"]) == (-0.5, 0.5, {"width": 16})
    assert seeds == [torch_seed(9, Purpose.TRIALS, slot) % 2**32 for slot in (1, 2)]
    assert seeds[0] != seeds[1]


def test_the_best_trial_is_that_of_least_error_and_of_equals_the_first():
    trials = [
        SimpleNamespace(slot=slot, score=score) for slot, score in ((0, 0.6), (3, 0.2), (1, 0.2), (2, 0.9))
    ]
    assert best_of(trials, METRICS["log_loss"]).slot == 1
    assert best_of(trials, METRICS["accuracy"]).slot == 2


def test_rankings_are_about_the_class_that_is_rarer_in_training():
    """In the test it is the other one."""
    labels = np.array([0] * 40 + [1] * 10 + [0] * 12 + [1] * 30)
    test, draws = np.arange(50, 92), np.random.default_rng(2)
    dataset = labelled_data(labels, np.arange(50), test)
    of_second = np.where(labels[test] == 1, draws.beta(3, 2, 42), draws.beta(2, 3, 42))
    answers = np.stack([1 - of_second, of_second], axis=1)
    found = judge(
        {"default": [Answered(answers)], "tuned": [Answered(answers)]},
        dataset,
        METRICS["average_precision"],
        4,
        0,
    )
    expected, other = (average_precision_score(labels[test] == code, answers[:, code]) for code in (1, 0))
    assert found.scores["default"] == [pytest.approx(expected)]
    assert expected != pytest.approx(other, abs=0.01)


def labelled_data(labels, train, test):
    """Two classes of vectors."""
    return Dataset(
        np.zeros((len(labels), 2), np.float32), labels, train, train[:0], ("a", "b"), None, test=test,
        together=np.arange(len(labels)), target=CLASSIFICATION,
    )  # fmt: skip
