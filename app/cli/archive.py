"""The command that gives images away: copies without identifiers."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.output import emit, json_option, progress_bar, warn
from imaging.dicom.anonymise import anonymise

PATH = click.Path(path_type=Path)


@click.command("anonymise")
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", type=PATH)
@json_option
def anonymise_command(source: Path, out: Path, as_json: bool) -> None:
    """Copy the study IN without identifiers into the new folder OUT."""
    with progress_bar() as progress:
        done = anonymise(source, out, progress)
    for one in done.skipped:
        warn(f"{one.path}: {one.reason}")
    document = {"files": [str(file) for file in done.files], "skipped": done.skipped}
    emit(document, as_json, f"{len(done.files)} images copied without identifiers to {out}")
