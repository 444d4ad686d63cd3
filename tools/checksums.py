"""Writes SHA256SUMS of a folder's files, as `sha256sum --check` reads it: `python checksums.py DIST`."""

import hashlib
import sys
from pathlib import Path

NAME = "SHA256SUMS"


def write_checksums(folder: Path) -> Path:
    """Write the checksums of every other file in a folder, sorted by name.

    Returns:
        The file that was written.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != NAME)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / NAME).write_text("".join(lines), encoding="utf-8", newline="\n")
    return folder / NAME


if __name__ == "__main__":
    print(write_checksums(Path(sys.argv[1])).read_text(encoding="utf-8"), end="")
