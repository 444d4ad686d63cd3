import copy
import shutil

import pytest

from every_model import SAVED
from pellucid.bundle import save
from small_models import untrained_model

SINGLE_PRECISION = {
    "cnn": "head.linear.weight",
    "mlp of vectors, of numbers": "head.linear.weight",
    "random-forest": "predictor.threshold",
    "svm of vectors": "predictor.mean",
    "rnn": "head.weight",
    "logistic-regression of texts": "tfidf.idf",
    "svm-on-cnn": "network.head.linear.weight",
}
"""Models whose folders are damaged, and one float32 tensor of each."""


@pytest.fixture(scope="session")
def untouched():
    """A model that every test gets a copy of."""
    return untrained_model()


@pytest.fixture
def model(untouched):
    return copy.deepcopy(untouched)


@pytest.fixture(scope="session")
def untouched_folder(untouched, tmp_path_factory):
    """Its folder, which must stay as it is."""
    place = tmp_path_factory.mktemp("untouched") / "model"
    save(untouched, place, {"training examples": 1000})
    return place


@pytest.fixture
def folder(tmp_path, untouched_folder):
    """A model folder as saving leaves it."""
    return shutil.copytree(untouched_folder, tmp_path / "model")


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Save a model of a kind once; give its folder, which must stay as it is."""
    place = tmp_path_factory.mktemp("saved")
    folders = {}

    def folder_of(name):
        if name not in folders:
            folders[name] = place / str(len(folders))
            save(SAVED[name](), folders[name], {"training examples": 300})
        return folders[name]

    return folder_of


@pytest.fixture
def copied(saved, tmp_path):
    """Give a copy of a saved model's folder."""
    return lambda name: shutil.copytree(saved(name), tmp_path / "model")


@pytest.fixture(params=SINGLE_PRECISION)
def kind(request):
    """The kind of model whose folder is damaged."""
    return request.param


@pytest.fixture
def any_folder(kind, saved, tmp_path):
    """A folder of one kind, to be damaged."""
    return shutil.copytree(saved(kind), tmp_path / "model")


@pytest.fixture
def tensor(kind):
    """The name of a float32 tensor in `any_folder`."""
    return SINGLE_PRECISION[kind]
