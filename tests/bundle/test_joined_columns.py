"""Names of joined columns in model folders and exported files: kept, and trusted in nothing."""

from pathlib import Path

import pytest

from forged_folders import document_of
from pellucid.bundle import load, save
from pellucid.data.tables.table import joined_columns_of
from pellucid.errors import ModelFileError
from pellucid.export.export import metadata_of
from pellucid.runtime.metadata import Metadata
from small_models import sealed, trained_model
from text_models import text_model

NAMES = ("title", "body text", "größe")


def test_they_are_kept_in_folders_and_exported_files(tmp_path: Path) -> None:
    model = text_model("bag").for_data(joined_columns=NAMES)
    save(model, tmp_path / "model", {})
    assert load(tmp_path / "model").joined_columns == NAMES
    found = metadata_of(model, "bag").to_properties()
    assert Metadata.from_properties(found).joined_columns == NAMES
    with pytest.raises(ValueError, match="joined_columns: a name is there twice"):
        Metadata.from_properties({**found, "joined_columns": '["a", "a"]'})
    document = document_of(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_bytes(sealed({**document, "joined_columns": ["a,b", "c"]}))
    with pytest.raises(ModelFileError, match="joined_columns: not every one is a name of a column"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    "value", [["one"], "ab", {"a": 1}, ["a", 1], ["a", ""], ["a", " b"], ["a", "b" * 1001], ["a"] * 101, 7]
)
def test_what_no_flag_could_name_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="joined_columns: "):
        joined_columns_of(value)


def test_models_of_images_have_none(tmp_path: Path) -> None:
    save(trained_model(), tmp_path / "model", {})
    document = document_of(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_bytes(sealed({**document, "joined_columns": ["a", "b"]}))
    with pytest.raises(ModelFileError, match="of the kind image-classifier reads no columns of texts"):
        load(tmp_path / "model")


def test_a_dialect_is_kept_in_folders_and_exported_files_too(tmp_path: Path) -> None:
    dialect = {"delimiter": "^", "quote": "'"}
    for model in (text_model("bag"), trained_model()):
        known = model.for_data(dialect=dialect)
        save(known, tmp_path / known.input_kind.name, {})
        assert load(tmp_path / known.input_kind.name).dialect == dialect
        found = metadata_of(known, "net").to_properties()
        assert Metadata.from_properties(found).dialect == dialect
        with pytest.raises(ValueError, match="dialect: 'quote' is not one character of a table"):
            Metadata.from_properties({**found, "dialect": '{"quote": ","}'})
        assert "dialect" not in metadata_of(model, "net").to_properties()
