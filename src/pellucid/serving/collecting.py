"""Corrections through the server: the report of the served run, and the table in which it saves them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data.corrections import CorrectionsFile, correction_line, correction_of
from pellucid.errors import StorageError, UsageError
from pellucid.export.app.shell import ServedPage, locked_page
from pellucid.language.sentence import Sentence
from pellucid.pages.assembly import joined_script
from pellucid.safety.files import read_regular

_ADDRESS = "api/corrections"  # relative to that of the report
_REPORT = "report.html"
_LARGEST = 64 << 20
# Rows and bytes that one server adds, so that nobody fills the disk of the machine, and bytes of one row:
# paths, labels and a folder, of which an honest row has some hundred.
_MOST_ROWS = 100_000
_MOST_BYTES = 32 << 20
_LONGEST_ROW = 4096
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n?')
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_DATA = '<script type="application/json" id="corrections-data"'


class Collecting:
    """The report of a run, and the table in which its corrections are saved, made where there is none.

    Args:
        run: its folder.
        table: of corrections.

    Raises:
        UsageError: if the folder has no report that corrects labels.
        DataError: if the file is no table of corrections.
    """

    def __init__(self, run: str, table: Path) -> None:
        path = Path(run) / _REPORT
        try:
            page = read_regular(path, _LARGEST).decode()
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "no text").lower()
            raise UsageError(
                "--corrections: {path}: {reason}; serve the folder of a run", path, reason
            ) from error
        if _DATA not in page:
            raise UsageError("--corrections: {path} shows no example whose label could be corrected", path)
        page = _POLICY.sub("", page, count=1).replace(_DATA, f'{_DATA} data-saved-at="{_ADDRESS}"', 1)
        # A run may come from somebody else: of its scripts only that of this version of Pellucid may run.
        script = joined_script("reports/script/corrections.js")
        self._report = ServedPage(page, (script,), asks=True, styles=sorted(set(_STYLE.findall(page))))
        self._table = CorrectionsFile(table)
        self._most, self._bytes = len(self._table.rows) + _MOST_ROWS, 0

    def report(self, *, needs_token: bool) -> ServedPage:
        """The report, or a page that asks for the token and fetches the report with it."""
        return locked_page(self._report) if needs_token else self._report

    def rows(self) -> bytes:
        """The table as CSV, in which texts are guarded as in the file."""
        return self._table.content()

    def add(self, given: Mapping[str, Any]) -> int:
        """Save a correction, and return its row of the table once it is on the disk.

        Raises: `ValueError` with what is wrong with it; `StorageError` if the disk is full or the table is;
        `ChangedFileError` if somebody else has changed the file.
        """
        correction = correction_of(given)
        size = len(correction_line(correction))
        if size > _LONGEST_ROW:
            raise ValueError(
                Sentence("a row of {size:,} bytes; {LONGEST_ROW:,} are taken at most", size, _LONGEST_ROW)
            )
        if len(self._table.rows) >= self._most or self._bytes + size > _MOST_BYTES:
            raise StorageError(
                "{MOST_ROWS:,} corrections or {MOST_BYTES} MB of them were added; start the server "
                "again to go on",
                _MOST_ROWS,
                _MOST_BYTES >> 20,
            )
        row = self._table.append(correction).row
        self._bytes += size
        return row
