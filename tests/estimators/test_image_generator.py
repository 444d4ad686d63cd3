"""`ImageGenerator` in scikit-learn's manner."""

import numpy as np
import pytest
from sklearn.base import clone

import pellucid
from pellucid.errors import DataError, UsageError
from pellucid.networks import NETWORKS
from pellucid.settings import ROWS
from small_models import digits

PIXELS, LABELS = digits()
IMAGES = PIXELS[..., 0]
SMALL = {"width": 8, "epochs": 2, "threads": 1}


@pytest.fixture(scope="module")
def fitted():
    return pellucid.ImageGenerator(**{**SMALL, "epochs": 12}).fit(IMAGES[:1200], LABELS[:1200])


def test_the_constructor_only_stores_and_a_clone_is_equal():
    generator = pellucid.ImageGenerator(latent=5, beta=0.5, seed=3)
    parameters = generator.get_params()
    assert parameters["model"] == "vae"
    assert clone(generator).get_params() == parameters
    assert generator.set_params(beta=2.0).beta == 2.0
    assert not {"loss", "pooling", "baselines", "dropout", "metric"} & set(parameters)
    assert "latent: Numbers by which vae describes an image" in pellucid.ImageGenerator.__doc__


def test_samples_have_the_size_that_was_learnt(fitted):
    assert fitted.sample(64).shape == (64, 8, 8)
    assert fitted.sample(64).dtype == np.uint8
    assert np.array_equal(fitted.sample(9), fitted.sample(9))
    assert not np.array_equal(fitted.sample(9), fitted.sample(9, seed=5))
    assert not np.array_equal(fitted.sample(4, label=3), fitted.sample(4, label=8))
    assert fitted.classes_.tolist() == list(range(10))
    assert len(fitted.history_) == 12
    with pytest.raises(UsageError, match="n_samples: 0 is below 1"):
        fitted.sample(0)


def test_the_same_fit_gives_the_same_images():
    one, two = (pellucid.ImageGenerator(**SMALL).fit(IMAGES[:200], LABELS[:200]) for _ in range(2))
    assert np.array_equal(one.sample(20), two.sample(20))


def test_labels_are_optional_and_colour_keeps_its_channels():
    colour = np.stack([IMAGES[:200], IMAGES[200:400], IMAGES[400:600]], axis=3)
    generator = pellucid.ImageGenerator(**SMALL).fit(colour)
    assert generator.classes_.tolist() == []
    assert generator.sample(3).shape == (3, 8, 8, 3)
    with pytest.raises(UsageError, match="is not known"):
        generator.sample(3, label=1)


def test_images_are_described_rebuilt_and_scored(fitted):
    assert fitted.transform(IMAGES[:7]).shape == (7, 16)
    rebuilt = fitted.reconstruct(IMAGES[:50])
    away = np.abs(rebuilt.astype(float) - IMAGES[:50]).mean()
    assert away < np.abs(IMAGES[:50].astype(float) - IMAGES[:50].mean(axis=0)).mean()
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8)).astype(np.uint8)
    assert fitted.score(IMAGES[1200:1250], LABELS[1200:1250]) > fitted.score(noise) + 20
    wrong = (LABELS[1200:1250] + 5) % 10
    assert fitted.score(IMAGES[1200:1250], LABELS[1200:1250]) > fitted.score(IMAGES[1200:1250], wrong)


def test_odd_images_are_told(fitted):
    novelty = fitted.novelty(IMAGES[1200:1300])
    assert (novelty > 0.95).mean() < 0.25
    assert fitted.novelty(255 - IMAGES[1200:1300]).min() > np.quantile(novelty, 0.9)
    few = pellucid.ImageGenerator(**SMALL).fit(IMAGES[:200])
    with pytest.raises(DataError, match="cannot tell what is odd; train one with an encoder on 1,000 images"):
        few.novelty(IMAGES[:5])


def test_a_saved_generator_comes_back(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert np.array_equal(loaded.novelty(IMAGES[:20]), fitted.novelty(IMAGES[:20]))
    assert isinstance(loaded, pellucid.ImageGenerator)
    assert loaded.classes_.tolist() == [str(number) for number in range(10)]
    assert np.array_equal(loaded.sample(10), fitted.sample(10))
    assert np.array_equal(loaded.sample(2, label="4"), fitted.sample(2, label=4))


def test_a_folder_without_class_folders_is_data(tmp_path, fitted):
    from pellucid.answering.generated import generate

    fitted.save(tmp_path / "model")
    generate(tmp_path / "model", 40, tmp_path / "images")
    (tmp_path / "images" / "contact-sheet.png").unlink()
    generator = pellucid.ImageGenerator(**SMALL, image_size=8).fit(tmp_path / "images")
    assert generator.sample(2).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("images", "y", "parameters", "error", "message"),
    [
        (IMAGES[:1], None, {}, DataError, "1 image to train on, and vae needs at least 16"),
        (IMAGES[:15], None, {}, DataError, "15 images to train on"),
        (IMAGES[:90], None, {"batch_size": 91}, UsageError, "batch_size: 91 is more than the 90 images"),
        (np.where(IMAGES > 200, np.nan, IMAGES)[:90], None, {}, DataError, "NaN"),
        ([IMAGES[0], IMAGES[0, :5]], None, {}, DataError, "different sizes"),
        (PIXELS.reshape(-1, 64), None, {}, DataError, "ImageGenerator takes images"),
        (["a", "b"], None, {}, DataError, "ImageGenerator takes images|no such file"),
        (IMAGES[:90], LABELS[:80], {}, DataError, "80 labels for 90 examples"),
        (IMAGES[:90], None, {"model": "cnn"}, UsageError, "cnn makes no images; choose vae"),
        (IMAGES[:90], None, {"patience": 2}, UsageError, "patience: needs a validation split"),
        (IMAGES[:90, :7], None, {}, UsageError, "at least 8x8"),
    ],
)
def test_what_cannot_be_learnt_is_refused(images, y, parameters, error, message):
    with pytest.raises(error, match=message):
        pellucid.ImageGenerator(**{**SMALL, **parameters}).fit(images, y)


@pytest.mark.parametrize("is_labelled", [True, False])
def test_a_gan_makes_images_and_rebuilds_none(is_labelled):
    generator = pellucid.ImageGenerator(model="gan", **SMALL)
    generator.fit(IMAGES[:200], LABELS[:200] if is_labelled else None)
    assert generator.sample(5).shape == (5, 8, 8)
    assert generator.transform(IMAGES[:4]).shape[0] == 4
    assert {"train_loss", "train_generator_loss", "train_discriminator_accuracy"} <= set(
        generator.history_[-1]
    )
    for ask in (generator.reconstruct, generator.score):
        with pytest.raises(DataError, match="this generator has no latent variables of images"):
            ask(IMAGES[:4])
    # What steers the other network only is ignored, as in every search over models.
    assert pellucid.ImageGenerator(model="gan", beta=2.0)._settings().beta is None
    with pytest.raises(UsageError, match="optimizer: gd takes one step"):
        pellucid.ImageGenerator(model="gan", optimizer="gd", **SMALL).fit(IMAGES[:200])


def test_estimators_that_predict_have_no_such_model():
    assert "vae" not in NETWORKS
    with pytest.raises(UsageError, match="vae makes images and predicts nothing"):
        pellucid.ImageClassifier(model="vae").fit(IMAGES[:90], LABELS[:90])


def test_parameters_are_rows_of_the_settings_table():
    rows = {row.name: row for row in ROWS}
    parameters = pellucid.ImageGenerator().get_params()
    assert parameters.pop("model") == "vae"
    assert parameters.pop("verbose") is None
    assert all(rows[name].default == value for name, value in parameters.items())
    for name in parameters:
        assert f"{name}: {rows[name].meaning}" in pellucid.ImageGenerator.__doc__
