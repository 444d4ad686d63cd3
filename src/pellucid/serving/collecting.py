"""Corrections through the server: the report of the served run, and the table in which it saves them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data.corrections import COLUMNS, CorrectionsFile, correction_of
from pellucid.data.tables.csv_tables import as_csv
from pellucid.errors import StorageError, UsageError
from pellucid.export.app.shell import ServedPage, locked_page
from pellucid.files import read_regular
from pellucid.pages import joined_script

_ADDRESS = "api/corrections"  # relative to that of the report
_REPORT = "report.html"
_LARGEST = 64 << 20
# Rows that one server adds, so that nobody fills the disk of the machine.
_MOST_ROWS = 100_000
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
            raise UsageError(f"--corrections: {path}: {reason}; serve the folder of a run") from error
        if _DATA not in page:
            raise UsageError(f"--corrections: {path} shows no example whose label could be corrected")
        page = _POLICY.sub("", page, count=1).replace(_DATA, f'{_DATA} data-saved-at="{_ADDRESS}"', 1)
        # A run may come from somebody else: of its scripts only that of this version of Pellucid may run.
        script = joined_script("reports/script/corrections.js")
        self._report = ServedPage(page, (script,), asks=True, styles=sorted(set(_STYLE.findall(page))))
        self._table = CorrectionsFile(table)
        self._most = len(self._table.rows) + _MOST_ROWS

    def report(self, *, needs_token: bool) -> ServedPage:
        """The report, or a page that asks for the token and fetches the report with it."""
        return locked_page(self._report) if needs_token else self._report

    def rows(self) -> str:
        """The table as CSV."""
        return as_csv([COLUMNS, *(each.cells() for each in self._table.rows)]).decode()

    def add(self, given: Mapping[str, Any]) -> int:
        """Save a correction, and return its row of the table once it is on the disk.

        Raises: `ValueError` with what is wrong with it, `StorageError` if the disk is full or the table is.
        """
        correction = correction_of(given)
        if len(self._table.rows) >= self._most:
            raise StorageError(f"{_MOST_ROWS:,} corrections were added; start the server again to go on")
        return self._table.append(correction).row
