"""The table of a class as CSV: UTF-8 with a mark, so that spreadsheets read it as such."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from planning.teaching.records import ClassRow

BYTE_ORDER_MARK = "\ufeff"  # Excel takes UTF-8 without it for the code page of the machine
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")  # OWASP, CSV injection; ' marks what we mark
COLUMNS = (
    "resident",
    "exercise",
    "version",
    "task",
    "number",
    "at_utc",
    "elapsed_s",
    "score",
    "of",
    "percent",
    "passed",
    "seen_reference",
    "faults",
)


def table_csv(rows: Sequence[ClassRow]) -> str:
    """Return the table of a class as CSV.

    Parameters
    ----------
    rows : sequence of ClassRow
        As :meth:`planning.teaching.attempts.Attempts.class_table` returns them.

    Returns
    -------
    str
        One line an attempt; text that a spreadsheet would run as a formula begins with an
        apostrophe.
    """
    buffer = io.StringIO()
    buffer.write(BYTE_ORDER_MARK)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = row.model_dump()
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return _plain(" ".join(str(one) for one in value))
    return _plain(value) if isinstance(value, str) else str(value)


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
