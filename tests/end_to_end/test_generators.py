"""`train --model vae` as people use it: what a run leaves, what is refused, what a kill may not change."""

import json
import os
import random
import re
import signal

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import spawning
from killing import KILL_IN_SAVE
from pellucid.pipeline.judging import generated_images

pytestmark = pytest.mark.slow

# Classifiers that measure a run's images take most of its time: they learn for one epoch, except where the
# measures are looked at.
SHORT = """
from pellucid.pipeline.judging import generated_images
generated_images._MOST_EPOCHS = 1
"""

SMALL = ("--model", "vae", "--epochs", "3", "--width", "8", "--threads", "1", "--seed", "5")
SMALL_GAN = ("--model", "gan", *SMALL[2:])
MEASURES = (
    "accuracy_trained_on_it", "accuracy_on_it", "frechet_distance", "kernel_distance", "coverage", "density",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(pellucid, digits_npz, tmp_path_factory):
    """A finished run on digits with their classes."""
    folder = tmp_path_factory.mktemp("vae") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated_images, "_MOST_EPOCHS", 5)  # enough to recognise digits
        done = pellucid.succeed("train", digits_npz, "--out", folder, *SMALL, "--epochs", "12")
    return folder, done.stderr


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(generated_images, "_MOST_EPOCHS", 1)


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    """A folder of 120 digits as files without class folders."""
    folder = tmp_path_factory.mktemp("loose") / "images"
    folder.mkdir()
    for place, pixels in enumerate(load_digits().images[:120]):
        Image.fromarray((pixels * 15).astype(np.uint8)).save(folder / f"{place:03d}.png")
    return folder


def test_what_a_run_leaves(run):
    folder, said = run
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["format"], metrics["task"], metrics["recommended"]) == (2, "image-generation", "vae")
    assert metrics["classes"] == [str(number) for number in range(10)]
    entry = metrics["models"]["vae"]
    score = entry["test"]["bits_per_dimension"]
    assert score["low"] < score["value"] < score["high"]
    nats = entry["test"]["reconstruction"]["value"] + entry["test"]["kl"]["value"]
    assert entry["test"]["elbo"]["value"] == pytest.approx(-nats)
    assert score["value"] == pytest.approx(nats / (64 * np.log(2)))
    assert 0 < entry["active_units"] <= entry["latent"] == 16
    assert {path.name for path in folder.iterdir()} == {
        ".lock", "config.json", "data.jsonl", "history.jsonl", "metrics.json", "model", "models",
        "report.html",
    }  # fmt: skip
    plan = json.loads((folder / "config.json").read_text())["plan"]
    assert (plan["model"], plan["recipe"]["loss"], plan["recipe"]["beta"]) == ("vae", "elbo", 1.0)
    assert "a classifier trained only on images of vae" in said.lower()
    assert f"pellucid generate {folder}" in " ".join(said.split())


def test_measures_stand_beside_a_plain_generator_and_real_images(run):
    found = json.loads((run[0] / "metrics.json").read_text())["generators"]
    assert set(found["models"]) == {"vae", "gaussian-on-components", "real"}
    for row in found["models"].values():
        for name in MEASURES:
            assert row[name]["low"] <= row[name]["value"] <= row[name]["high"]
        assert 0 < row["memorisation"]["p_value"] <= 1
    real, vae = found["models"]["real"], found["models"]["vae"]
    assert real["frechet_distance"]["value"] < vae["frechet_distance"]["value"]
    assert real["accuracy_trained_on_it"]["value"] > vae["accuracy_trained_on_it"]["value"] > 0.3
    assert found["measured_with"]["classifier"] == "lenet"


def test_the_report_shows_every_section_and_no_foreign_word(run):
    page = (run[0] / "report.html").read_text()
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    for title in (
        "What it makes",
        "What its images are worth",
        "What it keeps of an image",
        "How it arranges images",
        "How likely real images are",
        "How training went",
        "The network",
    ):
        assert title in titles
    assert "Walks between two images" in page
    assert "PCA + Gaussian baseline" in page
    assert "confusion" not in page.lower()
    assert "<script" not in page
    assert page.count("not measured") == 0


@pytest.mark.usefixtures("short")
def test_the_same_seed_gives_the_same_bytes(pellucid, few_digits, tmp_path):
    weights = []
    for name in ("a", "b"):
        pellucid.succeed("train", few_digits, "--out", tmp_path / name, *SMALL)
        weights.append((tmp_path / name / "model" / "weights.safetensors").read_bytes())
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        weights[-1] += json.dumps([metrics["generators"], metrics["models"]["vae"]["test"]]).encode()
    assert weights[0] == weights[1]


@pytest.mark.usefixtures("short")
def test_images_without_labels_are_data(pellucid, loose, tmp_path):
    done = pellucid.succeed("train", loose, "--out", tmp_path / "run", *SMALL, "--beta", "2")
    assert "read without labels" in " ".join(done.stderr.split())
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["classes"] == []
    row = metrics["generators"]["models"]["vae"] if metrics["generators"] else None
    assert row is None or row["accuracy_trained_on_it"] is None
    pellucid.succeed("generate", tmp_path / "run", "--count", "6", "--out", tmp_path / "images")
    assert not (tmp_path / "images" / "labels.csv").exists()
    assert len(list((tmp_path / "images").glob("0*.png"))) == 6
    page = tmp_path / "page.html"
    pellucid.succeed("explain", tmp_path / "run", loose / "003.png", "--out", page)
    html = page.read_text()
    assert "its label is" not in html
    assert "The same image as of other classes" not in html
    assert html.count("a training image") == 8
    refused = pellucid("explain", tmp_path / "run", loose / "003.png", "--class", "a", "--out", page)
    assert refused.returncode == 2
    assert "the model knows no classes; leave it out" in refused.stderr


@pytest.mark.usefixtures("short")
def test_a_time_limit_is_turned_into_steps_once(pellucid, few_digits, tmp_path):
    given = [*SMALL[:2], "--width", "8", "--threads", "1", "--epochs", "9000", "--time-limit", "25s"]
    done = pellucid.succeed("train", few_digits, "--out", tmp_path / "run", *given)
    recipe = json.loads((tmp_path / "run" / "config.json").read_text())["plan"]["recipe"]
    assert recipe["epochs"] < 9000
    assert "What fits into 25s: " in done.stderr


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--loss", "mse"), 2, "--loss: steers models that predict, and vae makes images; leave it out"),
        (("--pooling", "average", "--metric", "macro-f1"), 2, "--pooling, --metric: steer models"),
        (("--backbone", "efficientnet-lite0"), 2, "--backbone"),
        (("--cell", "gru"), 2, "--cell: belongs to texts"),
        (("--batch-size", "5000"), 2, "--batch-size: 5,000 is more than the"),
        (("--model", "cnn", "--beta", "2"), 2, "--beta: belongs to vae, and --model is cnn"),
        (("--model", "svm", "--latent", "4"), 2, "--latent"),
    ],
)
def test_settings_that_mean_nothing_are_refused(pellucid, digits_npz, tmp_path, flags, code, message):
    done = pellucid("train", digits_npz, "--out", tmp_path / "run", "--model", "vae", *flags)
    assert done.returncode == code
    assert message in done.stderr
    assert not (tmp_path / "run" / "config.json").exists()


def test_data_that_cannot_be_learnt_is_refused(pellucid, loose, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    (few / "one.png").write_bytes((loose / "000.png").read_bytes())
    table = tmp_path / "sizes.csv"
    rows = [f"{loose}/{place:03d}.png,{place / 7:.4f}" for place in range(60)]
    table.write_text("\n".join(["image,length", *rows]))
    texts = tmp_path / "texts" / "a"
    texts.mkdir(parents=True)
    for place in range(40):
        (texts / f"{place}.txt").write_text(f"a text with number {place}")
    for data, code, message in (
        (few, 3, "error"),
        (table, 2, "these labels are numbers; give --target class"),
        (tmp_path / "texts", 2, "vae needs images, not texts"),
    ):
        done = pellucid("train", data, "--out", tmp_path / "run", *SMALL)
        assert done.returncode == code, done.stderr
        assert message in " ".join(done.stderr.split())


def test_explain_opens_an_image_as_of_its_class(pellucid, run, digits_npz, loose, tmp_path):
    folder, page = run[0], tmp_path / "page.html"
    done = pellucid.succeed("explain", folder, loose / "000.png", "--out", page)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"vae rebuilds the image with an error of [\d.]+ grey levels", lines[0])
    assert re.fullmatch(r"  bound .[\d,.]+ nats, [\d.]+ bits per dimension", lines[1])
    assert lines[2] == f"page: {page}"
    assert len(lines) == 3
    html = page.read_text()
    assert "of the 10 classes its bound is highest" in html
    assert "Nearest by the means of their latent variables" in html
    assert html.count("a training image of") == 8
    pellucid.succeed("explain", folder, f"{digits_npz}:x_test:1", "--out", page)
    assert "It is opened as an image of its true class" in page.read_text()
    pellucid.succeed("explain", folder, loose / "000.png", "--class", "7", "--out", page)
    assert "as was asked for" in page.read_text()
    other = pellucid("explain", folder, loose / "000.png", "--class", "cat", "--out", page)
    assert other.returncode == 2
    assert "'cat' is no class of the model; choose one of" in other.stderr


def test_commands_that_predict_refuse_a_generator(pellucid, run, digits_npz, loose, tmp_path):
    folder = run[0]
    for words in (
        ("predict", folder, loose / "000.png"),
        ("evaluate", folder, digits_npz),
        ("train", digits_npz, "--from", folder, "--out", tmp_path / "on"),
    ):
        done = pellucid(*words)
        assert done.returncode == 4, done.stderr
        assert "makes images and predicts nothing" in done.stderr
    done = pellucid(
        "compare", digits_npz, "--model", "vae", "--vary", "beta=1,2", "--out", tmp_path / "compared"
    )
    assert done.returncode == 2
    assert "vae makes images and predicts nothing" in done.stderr


@pytest.fixture(scope="module")
def gan_run(pellucid, digits_npz, tmp_path_factory):
    """A finished run of generator and discriminator on digits with their classes."""
    folder = tmp_path_factory.mktemp("gan") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated_images, "_MOST_EPOCHS", 5)  # enough to recognise digits
        done = pellucid.succeed("train", digits_npz, "--out", folder, *SMALL_GAN, "--epochs", "12")
    return folder, done.stderr


def test_what_a_gan_leaves(gan_run):
    folder, said = gan_run
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["task"], metrics["recommended"]) == ("image-generation", "gan")
    assert set(metrics["generators"]["models"]) == {"gan", "vae", "gaussian-on-components", "real"}
    assert set(metrics["models"]) == {"gan"}
    row = metrics["generators"]["models"]["gan"]
    assert set(row["recognised_by_class"]) == {str(number) for number in range(10)}
    assert row["accuracy_trained_on_it"]["value"] > 0.3
    taken = metrics["models"]["gan"]["taken_for_real"]
    assert taken["train"]["value"] > taken["made"]["value"]
    assert {finding["name"] for finding in metrics["findings"]} <= {"mode-collapse", "discriminator-winning"}
    assert "discriminator right" in said
    sheets = sorted((folder / "samples").iterdir())
    assert [sheet.name for sheet in sheets][-1] == "epoch-0012.png"
    assert len(sheets) == 8
    with Image.open(sheets[0]) as first:
        assert first.size == (64, 8)


def test_the_report_of_a_gan_shows_both_losses_and_the_same_noise_over_time(gan_run):
    page = (gan_run[0] / "report.html").read_text()
    for words in (
        "The same noise over time",
        "Mean loss of both networks",
        "classified correctly over each epoch",
    ):
        assert words in page
    for words in ("bits per dimension", "Walks between", "latent variables", "softer than real"):
        assert words not in page
    assert page.count("not measured") == 0


def test_a_gan_makes_the_same_files_for_the_same_seed(pellucid, gan_run, tmp_path):
    for name in ("a", "b"):
        given = ("--count", "12", "--class", "7", "--seed", "4", "--out", tmp_path / name)
        pellucid.succeed("generate", gan_run[0], *given)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 14
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--beta", "2"), "--beta: belongs to vae, and --model is gan"),
        (("--patience", "3"), "--patience: no score of an epoch says how good the images of gan are"),
        (("--optimizer", "gd"), "--optimizer: gd takes one step for each pass"),
        (("--loss", "mse"), "--loss: steers models that predict, and gan makes images"),
    ],
)
def test_settings_that_mean_nothing_to_a_gan_are_refused(pellucid, digits_npz, tmp_path, flags, message):
    done = pellucid("train", digits_npz, "--out", tmp_path / "run", "--model", "gan", *flags)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "run" / "config.json").exists()


def killed_in_save(count, words):
    done = spawning.run("-c", SHORT + KILL_IN_SAVE, count, *words, capture_output=True)
    return done.returncode


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("small", [SMALL, SMALL_GAN], ids=["vae", "gan"])
def test_kills_at_random_moments_change_no_byte(pellucid, few_digits, tmp_path, small):
    """One in training and one anywhere; `KILLS=20` in the environment makes more."""
    draws = random.Random(os.environ.get("KILL_SEED", "pellucid"))
    run = tmp_path / "run"
    words = ["train", str(few_digits), "--out", str(run), *small, "--epochs", "4", "--resume"]
    assert killed_in_save(20, words) == -signal.SIGKILL
    assert list((run / "checkpoints").glob("step-*"))
    for _ in range(int(os.environ.get("KILLS", "1"))):
        assert killed_in_save(draws.randint(1, 60), words) in (-signal.SIGKILL, 0)
    assert pellucid(*words).returncode == 0
    assert pellucid(*[*words[:3], str(tmp_path / "whole"), *words[4:]]).returncode == 0
    for name in ("model/weights.safetensors", "model/model.json"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (run / "checkpoints").exists()
