import pytest

from pellucid.bundle import save
from small_models import untrained_model


@pytest.fixture
def model():
    return untrained_model()


@pytest.fixture
def folder(tmp_path, model):
    """A model folder as saving leaves it."""
    save(model, tmp_path / "model", {"training examples": 1000})
    return tmp_path / "model"
