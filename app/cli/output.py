"""What every command shares: one JSON document on standard output, everything else on error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from pydantic import BaseModel

from imaging.errors import Problem, Refusal
from imaging.progress import Progress

EXIT_DONE = 0
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_NOTHING_FEASIBLE = 4
EXIT_CANCELLED = 130

PROGRESS_AFTER_S = 1.0  # shorter work needs no bar


class PointType(click.ParamType[tuple[float, float, float]]):
    """A place as ``X,Y,Z``, LPS millimetres."""

    name = "X,Y,Z"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        """Return the three coordinates, or fail with how to write them."""
        if isinstance(value, tuple):
            return value
        try:
            x, y, z = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}' is not a point; write it as X,Y,Z in millimetres", param, ctx)
        if not all(abs(n) < 1e6 for n in (x, y, z)):
            self.fail(f"'{value}' lies outside any scanner", param, ctx)
        return x, y, z


POINT = PointType()


def json_option(command: Any) -> Any:  # noqa: ANN401 - click decorators keep the command's own type
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(
        command
    )


def as_plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a value as JSON holds it: models dumped by alias, NaN refused by the writer."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_plain(item) for item in value]
    return value


def print_json(value: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(_printable(json.dumps(as_plain(value), ensure_ascii=False, allow_nan=False)))
    sys.stdout.write("\n")


def _printable(text: str) -> str:
    """Return a text with half a surrogate pair, as in a file name that is not UTF-8, escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def emit(value: object, as_json: bool, text: str) -> None:
    """Write the result as JSON, or as text for people."""
    if as_json:
        print_json(value)
    else:
        click.echo(_printable(text))


def warn(message: str) -> None:
    """Tell the user something on standard error."""
    click.echo(_printable(f"osteoplan: {message}"), err=True)


def print_refusal(refusal: Refusal, as_json: bool) -> None:
    """Say why input was refused: every problem, on standard error, and as JSON when asked."""
    for problem in refusal.problems:
        where = f" [{problem.where}]" if problem.where else ""
        warn(f"{problem.message}{where}")
    if as_json:
        _print_error(refusal.code, str(refusal), refusal.problems)


def print_problem(code: str, message: str, as_json: bool) -> None:
    """Write the JSON of an ending that is no refusal of input: wrong usage, or cancelled."""
    if as_json:
        _print_error(code, message, [Problem(code=code, message=message)])


def _print_error(code: str, message: str, problems: Sequence[Problem]) -> None:
    print_json({"error": {"code": code, "message": message, "problems": problems}})


class _Bar:
    """A bar on standard error that appears once work lasts."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun_s = time.monotonic()
        self._shown_percent = -1
        self._live = stream.isatty()

    def report(self, fraction: float, message: str) -> None:
        if time.monotonic() - self._begun_s < PROGRESS_AFTER_S:
            return
        percent = int(100 * fraction)
        step = 1 if self._live else 10
        if percent // step == self._shown_percent // step:
            return
        self._shown_percent = percent
        filled = "█" * (percent // 5)
        start, end = ("\r\x1b[K", "") if self._live else ("", "\n")
        self._stream.write(f"{start}{filled:<20} {percent:3d} % {message}{end}")
        self._stream.flush()

    def close(self) -> None:
        if self._live and self._shown_percent >= 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a Progress that draws on standard error.

    Yields
    ------
    Progress
        Cancelled by Ctrl-C, which raises KeyboardInterrupt.
    """
    bar = _Bar(sys.stderr)
    try:
        yield Progress(report=bar.report)
    finally:
        bar.close()
