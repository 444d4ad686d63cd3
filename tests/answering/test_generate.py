"""`pellucid generate`: files, their bytes, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from command_line import rows_of
from generators import trained_generator
from pellucid.answering.generated import MOST_IMAGES, generate
from pellucid.bundle import save
from pellucid.data import prepare
from pellucid.errors import ModelFileError, StorageError, UsageError
from pellucid.settings import Settings
from small_models import CLASSES, trained_model


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_generator())


@pytest.fixture(scope="module")
def unlabelled(saved_run):
    return saved_run(trained_generator(is_labelled=False))


def pixels_of(path):
    with Image.open(path) as image:
        return np.array(image)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(run, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate(run, 25, tmp_path / name, seed=seed)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_files_have_the_size_trained_on_and_the_table_is_data(run, tmp_path):
    done = generate(run, 40, tmp_path / "out")
    assert (done.model, done.images) == ("vae", 40)
    assert pixels_of(tmp_path / "out" / "00001.png").shape == (8, 8)
    rows = rows_of(tmp_path / "out" / "labels.csv")
    assert [row["label"] for row in rows] == [CLASSES[place % 10] for place in range(40)]
    dataset, _ = prepare(str(tmp_path / "out" / "labels.csv"), Settings(skip_bad=True))
    assert dataset.classes == CLASSES
    assert len(dataset.inputs) == 40


def test_the_sheet_shows_each_class_in_a_column(run, tmp_path):
    done = generate(run, 20, tmp_path / "out")
    sheet = pixels_of(done.sheet)
    assert sheet.shape == (2 * 10 - 2, 10 * 10 - 2)
    second = pixels_of(tmp_path / "out" / "00012.png")
    assert np.array_equal(sheet[10:18, 10:18], second)


def test_one_class_alone(run, tmp_path):
    generate(run, 6, tmp_path / "out", class_name="digit 3", seed=1)
    text = (tmp_path / "out" / "labels.csv").read_text()
    assert text.count("digit 3") == 6
    made = np.stack([pixels_of(tmp_path / "out" / f"{place:05d}.png") for place in range(1, 7)])
    expected = trained_generator().sample(np.full(6, 3), 1)[..., 0]
    assert np.array_equal(made, expected)


def test_without_labels_there_is_no_table(unlabelled, tmp_path):
    generate(unlabelled, 5, tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == [*(f"0000{n}.png" for n in range(1, 6)), "contact-sheet.png"]
    with pytest.raises(UsageError, match="knows no classes; leave --class out"):
        generate(unlabelled, 5, tmp_path / "other", class_name="digit 1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"class_name": "digit 11"},
            "'digit 11' is not known .did you mean digit 1.*one of 'digit 0', 'digit 1'",
        ),
        ({"count": 0}, "--count: 0 is outside"),
        ({"count": MOST_IMAGES + 1}, "--count: 100,001 is outside"),
        ({"seed": -1}, "--seed: -1 is below 0"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(run, tmp_path, given, message):
    with pytest.raises(UsageError, match=message):
        generate(run, **{"count": 3, "out": tmp_path / "out", **given})
    assert not (tmp_path / "out").exists()


def test_an_occupied_folder_stays_as_it_is(run, tmp_path):
    (tmp_path / "out").mkdir()
    generate(run, 2, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(StorageError, match="choose another --out"):
        generate(run, 2, tmp_path / "out", seed=9)
    assert contents(tmp_path / "out") == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="choose another --out"):
        generate(run, 2, tmp_path / "file")


def test_a_run_that_predicts_makes_nothing(tmp_path):
    save(trained_model(), tmp_path / "model", {})
    with pytest.raises(UsageError, match="mlp, makes no images; train one that does with --model vae"):
        generate(tmp_path, 3, tmp_path / "out")
    with pytest.raises(ModelFileError, match="there is no such folder"):
        generate(tmp_path / "nothing", 3, tmp_path / "out")
