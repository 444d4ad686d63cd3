"""Every entry of a small run of a generator, computed anew from its saved model and the data."""

import json
import math
import time

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

import pellucid
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import load_any
from pellucid.data import Dataset, Preprocessing
from pellucid.evaluation.generated_images import (
    GaussianOnComponents,
    frechet,
    kernel_distance,
    memorisation,
    spread,
)
from pellucid.evaluation.intervals import percentile_interval, resample
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from recomputed import Recomputed, wilson_interval

CLASSES = ("0", "1")
TRAIN, TEST = 160, 80
SEED = 3


class Run:
    """A run of a variational autoencoder on digits, and the images that it is measured with."""

    def __init__(self, folder, pixels, labels):
        self.folder = folder
        self.metrics = json.loads((folder / "metrics.json").read_text())
        self.checked = Recomputed(self.metrics)
        self.model = load_any(folder / "model")
        ledger = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
        splits = np.array([each["split"] for each in ledger])
        self.places = {name: np.flatnonzero(splits == name) for name in ("train", "validation", "test")}
        self.pixels, self.labels = pixels, labels
        draws = generator(SEED, Purpose.GENERATED_MEASURES)
        self.train = draws.permutation(self.places["train"])
        drawn = draws.permutation(self.places["test"])
        self.first, self.second = np.sort(drawn[: TEST // 2]), np.sort(drawn[TEST // 2 :])

    def judge(self, images, labels):
        """A small classifier that learns from some images alone."""
        given = {"model": "lenet", "preset": "quick", "dropout": 0.3, "batch_norm": False, "augment": False}
        settings = Settings(**given, epochs=16, seed=SEED, threads=1, precision="fp32")
        everything = np.arange(len(images))
        material = Dataset(
            images, labels, everything, everything[:0], CLASSES, Preprocessing(8, 8, 1), target=CLASSIFICATION
        )
        return NetworkLearner(settings).fit(material)[0].model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    bunch = load_digits()
    chosen = np.flatnonzero(bunch.target < len(CLASSES))[: TRAIN + TEST]
    pixels, labels = (bunch.images[chosen] * 15).astype(np.uint8)[..., None], bunch.target[chosen]
    folder, names = tmp_path_factory.mktemp("generator"), labels.astype(str)
    np.savez(
        folder / "digits.npz",
        x_train=pixels[:TRAIN], y_train=names[:TRAIN], x_test=pixels[TRAIN:], y_test=names[TRAIN:],
    )  # fmt: skip
    given = {"model": "vae", "width": 8, "epochs": 4, "threads": 1, "seed": SEED, "quiet": True}
    made = pellucid.train(folder / "digits.npz", out=folder / "run", **given)
    return Run(made.folder, pixels, labels.astype(np.int64))


def with_interval(values):
    """Mean with the ends that resampling by the seed gives it."""
    draws = resample(lambda weights: weights @ values[:, None] / len(values), len(values), SEED)
    return percentile_interval(float(values.mean()), draws[:, 0])._asdict()


def check_bound(run):
    """The bound in nats and bits, whose two terms add up to it, on validation and test."""
    for split, is_whole in (("validation", False), ("test", True)):
        places = run.places[split]
        terms = run.model.bound(run.pixels[places], run.labels[places], SEED)
        nats = terms.reconstruction + terms.divergence
        rows = {
            "bits_per_dimension": nats / (64 * math.log(2)),
            "elbo": -nats,
            "reconstruction": terms.reconstruction,
            "kl": terms.divergence,
        }
        for name, values in rows.items():
            path = f"models/vae/{split}/{name}"
            run.checked.equals(path, with_interval(values) if is_whole else float(values.mean()), rel=1e-6)


def check_entry(run):
    equals, model = run.checked.equals, run.model
    check_bound(run)
    equals("models/vae/train_examples", len(run.places["train"]))
    learnt = [each for each in model.network.parameters() if each.requires_grad]
    equals("models/vae/parameters", sum(each.numel() for each in learnt))
    files = [each for each in (run.folder / "models" / "vae").iterdir()]
    equals("models/vae/bytes", sum(each.stat().st_size for each in files))
    equals("models/vae/latent", model.network.latent)
    began = time.perf_counter()
    model.sample(model.turns(256), SEED)
    own = 1000 * (time.perf_counter() - began) / 256
    run.checked.within("models/vae/milliseconds_per_example", own / 50 - 5e-5, 50 * own + 20)
    means, variances = model.posteriors(run.pixels[run.places["test"]])
    labels, told = run.labels[run.places["test"]], np.zeros(means.shape[1])
    for code in range(len(CLASSES)):
        of_class = labels == code
        spread_of_means = means[of_class].astype(np.float64).var(axis=0)
        told += of_class.mean() * spread_of_means / (spread_of_means + variances[of_class].mean(axis=0))
    equals("models/vae/active_units", int((told > 0.01).sum()))
    # The noise that the likelihood is stated with: what is left between images and their reconstructions.
    equals("models/vae/noise_deviation", float(model.network.variance.sqrt()), rel=1e-6)


def check_measures(run):
    """Measures of real images, of the model and of a plain generator, by classifiers trained here."""
    train, labels = run.pixels[run.train], run.labels[run.train]
    of_second = run.labels[run.second]
    tested, of_tested = run.pixels[run.places["test"]], run.labels[run.places["test"]]
    real = run.judge(train, labels)
    plain = GaussianOnComponents(
        run.pixels[run.places["train"]], run.labels[run.places["train"]], len(CLASSES)
    )
    makers = {"real": None, "vae": run.model, "gaussian-on-components": plain}
    unit = float(np.sqrt(real.transform(run.pixels[run.first]).astype(np.float64).var(axis=0).mean()))
    first = real.transform(run.pixels[run.first]).astype(np.float64) / unit
    for name, maker in makers.items():
        path = f"generators/models/{name}"
        judge, shown = real, run.pixels[run.second]
        if maker is not None:
            judge = run.judge(maker.sample(labels, SEED), labels)
            shown = maker.sample(of_second, SEED + 1)
        hits = judge.predict_proba(tested).argmax(axis=1) == of_tested
        of_trained = wilson_interval(int(hits.sum()), len(hits))
        run.checked.equals(f"{path}/accuracy_trained_on_it", of_trained, rel=1e-6)
        hits = real.predict_proba(shown).argmax(axis=1) == of_second
        of_shown = wilson_interval(int(hits.sum()), len(hits))
        run.checked.equals(f"{path}/accuracy_on_it", of_shown, rel=1e-6)
        by_class = {each: float(hits[of_second == code].mean()) for code, each in enumerate(CLASSES)}
        run.checked.equals(f"{path}/recognised_by_class", by_class)
        made = real.transform(shown).astype(np.float64) / unit
        for key, found in (
            ("frechet_distance", frechet(first, made)),
            ("kernel_distance", kernel_distance(first, made)),
            ("coverage", spread(first, made).coverage),
            ("density", spread(first, made).density),
        ):
            run.checked.equals(f"{path}/{key}", found._asdict(), rel=1e-6)
        check_memorisation(run, f"{path}/memorisation", train, shown)


def check_memorisation(run, path, train, shown):
    """How near images lie to training images, and to as many that were held out."""
    flat = [each.reshape(len(each), -1).astype(float) for each in (train, run.pixels[run.first], shown)]
    others = run.pixels[run.second].reshape(len(run.second), -1).astype(float)
    learnt, held_out, made = flat
    count = min(len(learnt), len(held_out))
    copies = memorisation(learnt, held_out, others, made, SEED)
    for key, rows, share in (
        ("nearer_to_training", made, copies.share),
        ("held_out_nearer_to_training", others, copies.of_held_out),
    ):
        nearest = cdist(rows, np.concatenate([learnt[:count], held_out[:count]])).argmin(axis=1)
        run.checked.equals(f"{path}/{key}", {**share._asdict(), "value": float((nearest < count).mean())})
    run.checked.equals(f"{path}/p_value", copies.p_value)
    for key, rows in (("distance", made), ("held_out_distance", others)):
        of_nearest = cdist(rows, learnt, "sqeuclidean").min(axis=1)
        run.checked.equals(f"{path}/{key}", float(np.sqrt(np.median(of_nearest) / 64)), rel=1e-6)


def test_every_entry_of_metrics_json(run):
    equals = run.checked.equals
    equals("format", 2)
    equals("task", "image-generation")
    equals("seed", SEED)
    equals("classes", list(CLASSES))
    equals("recommended", "vae")
    equals("data/train", len(run.places["train"]))
    equals("data/validation", len(run.places["validation"]))
    equals("data/test", TEST)
    for key in ("skipped", "duplicates", "near_duplicates", "leaked", "siblings", "test_siblings"):
        equals(f"data/{key}", 0)
    rules = ("near_copies", "turned_copies", "near_turned_copies")
    equals("data/siblings_by_rule", {rule: {"sets": 0, "examples": 0} for rule in rules})
    equals("comparisons", [])
    check_entry(run)
    check_measures(run)
    measured_with = {
        "classifier": "lenet", "features": "last hidden layer", "trained_on": len(run.train),
        "tested_on": TEST, "compared": TEST // 2,
    }  # fmt: skip
    equals("generators/measured_with", measured_with)
    run.checked.left_out("reason", "models/vae/train_seconds")
    run.checked.finish()


def test_the_detector_is_calibrated_on_images_that_it_did_not_learn_from(run):
    """The labels stand where a classifier's answers would."""
    detector, model = run.model.detector, run.model
    asked = run.places["validation"]
    expected = np.sort(detector.foreignness(model.seen(run.pixels[asked])))
    np.testing.assert_allclose(detector.reference, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(detector.answers, np.bincount(run.labels[asked], minlength=len(CLASSES)))
