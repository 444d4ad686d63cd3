"""FAULTS 33 to 43: files that were made to break something; each is refused, or answered finitely.

By default some hundreds, always the same; `make fuzz` goes on for `PELLUCID_FUZZ_SECONDS` at each target, and
prints the seed it began with. `PELLUCID_FUZZ_SEED` repeats one.
"""

import sys

import pytest

from fuzz.harness import budget, fuzz
from fuzz.targets import (
    IMAGE_FORMATS,
    MODEL_KINDS,
    QUICK_KINDS,
    checkpoint_trial,
    idx_trial,
    image_trial,
    model_trial,
    name_trial,
    npz_trial,
    run_trial,
    table_trial,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and limits of address space")

KINDS = MODEL_KINDS if budget() else QUICK_KINDS


@pytest.mark.parametrize("name", KINDS)
def test_models(name, tmp_path):
    fuzz(f"models: {name}", model_trial(name), 10, tmp_path)


def test_checkpoints(tmp_path):
    fuzz("checkpoints", checkpoint_trial, 4, tmp_path)


def test_runs(tmp_path):
    fuzz("runs", run_trial, 25, tmp_path)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "json", "tab", "txt", "xlsx"])
def test_tables(form, tmp_path):
    if form == "xlsx":
        pytest.importorskip("openpyxl")
    fuzz(f"tables: {form}", table_trial(form), 30, tmp_path)


def test_archives_of_arrays(tmp_path):
    fuzz("npz", npz_trial, 30, tmp_path)


def test_idx_folders(tmp_path):
    fuzz("idx", idx_trial, 30, tmp_path)


@pytest.mark.parametrize("form", IMAGE_FORMATS)
def test_images(form, tmp_path):
    fuzz(f"images: {form}", image_trial(form), 30, tmp_path)


def test_names(tmp_path):
    fuzz("names", name_trial, 4, tmp_path)
