"""What several tests of this room share."""

import pytest

from pellucid.data import Dataset, prepare
from pellucid.settings import Settings
from photographs import class_folders


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Dataset:
    """Small photographs of two classes, 60 of each, split."""
    return prepare(
        str(class_folders(tmp_path_factory.mktemp("photos") / "data", count=60, side=40)), Settings()
    )[0]
