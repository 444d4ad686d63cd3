"""Model files of other makers that can run code when they are opened: recognised, never opened."""

import re
from pathlib import Path

from pellucid.errors import ModelFileError
from pellucid.regular import open_regular

_HEAD = 512
_TAR_MARK = slice(257, 262)  # a tar archive begins with a file name, its mark stands behind
_MARKS = (
    (b"PK", "a ZIP archive (as .pt, .pth, .keras and .npz are)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as .h5 is)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)
_PICKLE_PROTOCOLS = range(2, 6)
_OLD_PICKLE = re.compile(rb"\(?[ci][\w.]+\n[\w.]+\n|\(?[dl]p\d+\n|[\]}]q.")  # protocols 0 and 1


def refuse_foreign_file(path: Path) -> None:
    """Refuse a pickle or an archive by its first bytes; nothing is unpickled or extracted.

    Raises: `ModelFileError` if the file is of a kind that may run code.
    """
    if not path.is_file():
        return
    with open_regular(path) as file:
        head = file.read(_HEAD)
    kind = _kind(head)
    if kind is not None:
        raise ModelFileError(
            f"{path}: {kind}; such a file may run code; refused; give a model folder that Pellucid saved"
        )


def _kind(head: bytes) -> str | None:
    """Kind of a file by its first bytes; `None` where it is harmless or unknown."""
    if _is_safetensors(head):
        return None
    is_pickle = len(head) > 1 and head[0] == 0x80 and head[1] in _PICKLE_PROTOCOLS
    if is_pickle or _OLD_PICKLE.match(head):
        return "a pickle (as .pkl, .joblib and older .pt are)"
    if head[_TAR_MARK] == b"ustar":
        return "a tar archive"
    return next((words for mark, words in _MARKS if head.startswith(mark)), None)


def _is_safetensors(head: bytes) -> bool:
    """Tell a file that starts with the length of a header, below 16 MB, and the header's brace.

    Such a length may read like another mark: 640 is that of a pickle, 19,280 that of a ZIP archive,
    but neither goes on with zeros.
    """
    return head[3:9] == b"\0\0\0\0\0{"
