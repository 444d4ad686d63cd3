"""Data for continual training: of the kind it takes, with labels of the kind it answers."""

import numpy as np
import pytest

from data.made import write_class_folders
from pellucid.data import Preprocessing
from pellucid.data.dataset import EarlierConstraints
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.pipeline.continual.starting_point import prepare_for
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from runs_to_continue import write_npz, write_texts
from small_models import write_digits


def of_images(place, settings=None, known=None, *, is_regression=False):
    known = known or EarlierConstraints(("cat",), Preprocessing(8, 8, 1))
    return prepare_for(
        str(place), settings or Settings(), known, IMAGES, REGRESSION if is_regression else CLASSIFICATION
    )


def of_texts(place, settings=None, *, is_regression=False):
    known = EarlierConstraints(() if is_regression else ("old",))
    return prepare_for(
        str(place), settings or Settings(), known, TEXTS, REGRESSION if is_regression else CLASSIFICATION
    )


def test_images_for_a_network_of_texts_are_refused(tmp_path):
    data = write_npz(tmp_path / "data.npz", range(3), slice(0, 99), slice(99, 150))
    with pytest.raises(
        DataError, match="holds images, and the network that continues training takes texts; give"
    ):
        of_texts(data)


def test_texts_for_a_network_of_images_are_refused(tmp_path):
    data = write_texts(tmp_path / "data.csv", range(3), slice(0, 99))
    with pytest.raises(
        DataError, match="holds texts, and the network that continues training takes images; give"
    ):
        of_images(data)


def test_other_refusals_of_reading_stay_as_they_are(tmp_path):
    data = write_npz(tmp_path / "data.npz", range(3), slice(0, 99), slice(99, 150))
    with pytest.raises(UsageError, match="has a test split of its own; leave --test out"):
        of_images(data, Settings(test=str(data)))


def test_numbers_for_a_network_of_classes_are_refused(tmp_path):
    data = write_texts(tmp_path / "data.csv", range(10), slice(0, 300), numbers=True)
    with pytest.raises(
        DataError, match=r"the labels are numbers, such as .*, and the network that continues training ans"
    ):
        of_texts(data)


def test_numbers_may_be_taken_as_classes_when_asked_for(tmp_path):
    data = write_texts(tmp_path / "data.csv", range(2), slice(0, 400), numbers=True)
    dataset, _ = of_texts(data, Settings(target="class"))
    assert dataset.classes[-1] == "old"
    assert "1.3" in dataset.classes


def test_classes_for_a_network_of_numbers_are_refused_with_their_rows(tmp_path):
    data = write_texts(tmp_path / "data.csv", range(3), slice(0, 99))
    with pytest.raises(
        DataError, match=r"predicts numbers, but not every label is one: 'digit 0' at .*csv:2"
    ):
        of_texts(data, is_regression=True)


def test_whole_numbers_are_numbers_for_a_network_of_numbers(tmp_path):
    write_digits(tmp_path, range(60))
    rows = [f"{row:04}.png,{row % 5}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    known = EarlierConstraints((), Preprocessing(8, 8, 1))
    dataset, check = of_images(tmp_path / "t.csv", known=known, is_regression=True)
    assert dataset.target is REGRESSION
    assert set(dataset.labels.tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert not [said for said in check.warnings if "--target" in said]


@pytest.mark.parametrize(("channels", "said"), [(1, True), (3, False)])
def test_colour_that_is_lost_is_told(tmp_path, channels, said):
    from PIL import Image

    folder = write_class_folders(tmp_path, {"a": 10, "b": 10})
    Image.fromarray(np.full((16, 16, 3), (200, 0, 0), np.uint8)).save(folder / "a" / "red.png")
    _, check = of_images(folder, known=EarlierConstraints(("a",), Preprocessing(8, 8, channels)))
    told = [each for each in check.sentences() if each.startswith("1 colour image becomes grey")]
    assert bool(told) == said
