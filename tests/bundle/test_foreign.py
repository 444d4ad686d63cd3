"""A weights file is never taken for a pickle or an archive, whatever the length of its header."""

from pathlib import Path

import pytest

from pellucid.bundle.reading import refuse_foreign_file
from pellucid.errors import ModelFileError


@pytest.mark.parametrize("length", [640, 896, 1152, 1408, 19_280, 35_615])
def test_a_length_that_reads_like_another_mark_is_fine_before_a_header(length: int, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{" + b" " * length)
    refuse_foreign_file(path)
    path.write_bytes(length.to_bytes(8, "little") + b"<" + b" " * length)
    with pytest.raises(ModelFileError, match="such a file may run code; refused"):
        refuse_foreign_file(path)
