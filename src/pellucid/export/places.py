"""Places of files that are to be written, looked at before anything slow."""

from pathlib import Path

from pellucid.errors import StorageError, UsageError


def require_place(out: Path, ending: str) -> None:
    """Refuse a place where no file can be written.

    Raises: `UsageError` of another ending, `StorageError` without a folder.
    """
    if out.suffix.lower() != ending:
        raise UsageError(
            f"--out: {out} does not end in {ending}; end it in .onnx for a file for programs, or in "
            ".html for a page that answers in a browser"
        )
    if out.is_dir():
        raise StorageError(f"{out}: a folder stands there; choose another --out")
    if not out.absolute().parent.is_dir():
        raise StorageError(f"{out}: its folder does not exist; create it first")
