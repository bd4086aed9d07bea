"""The command that finds structures, or takes them from a label map."""

from __future__ import annotations

import json
from pathlib import Path

import click

from app.cli.output import POINT, emit, json_option, progress_bar, warn
from app.files import write_file
from imaging.files import read_volume, write_array
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from imaging.structures.model import Structures
from imaging.structures.not_visible import NotFound, NotVisible, not_found, not_visible
from imaging.structures.set_level import with_level
from imaging.volume import Volume

PATH = click.Path(path_type=Path)


@click.command("structures")
@click.argument("path", type=PATH)
@click.option("--labels", type=PATH, help="Label map to take the structures from.")
@click.option("--names", type=PATH, help="JSON of the labels' names.")
@click.option(
    "--out", type=PATH, help="Write the label map here, its names beside it; .dcm for a DICOM SEG."
)
@click.option("--level", metavar="L3", help="What the vertebra at --at is; the others follow.")
@click.option("--at", type=POINT, help="A place in that vertebra.")
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def structures_command(
    path: Path,
    labels: Path | None,
    names: Path | None,
    out: Path | None,
    level: str | None,
    at: tuple[float, float, float] | None,
    series_uid: str | None,
    as_json: bool,
) -> None:
    """Find the structures of PATH, or take them from a label map."""
    if (level is None) != (at is None):
        message = "--level and --at belong together: the level, and a place in that vertebra"
        raise click.UsageError(message)
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress.part(0.0, 0.3))
        if labels:
            found = read_structures(labels, names, volume.grid)
        else:
            found = find_structures(volume, progress.part(0.3, 1.0))
    if level is not None and at is not None:
        found = with_level(found, level, at)
    if found.levels is not None and found.levels.doubt is not None:
        warn(f"levels: {found.levels.doubt}")
    if out:
        write_structures(found, volume, out)
    hidden, lacking = not_visible(found.names()), not_found(found)
    answer = {
        "structures": found.table,
        "levels": found.levels,
        "not_found": lacking,
        "not_visible": hidden,
    }
    emit(answer, as_json, _as_text(found, hidden, lacking))


def write_structures(structures: Structures, volume: Volume, out: Path) -> None:
    """Write a label map in the format of its ending, and beside it the JSON of its names.

    A DICOM SEG belongs to the study of its CT, and holds the names itself.
    """
    if out.suffix.lower() == ".dcm":
        from app.report.dicom.masks import structures_file

        write_file(out.parent, out.name, structures_file(structures, volume, out))
        return
    write_array(structures.labels, structures.grid, out)
    names = {str(row.label): row.name for row in structures.table}
    write_file(out.parent, f"{out.name.split('.')[0]}.json", json.dumps(names, indent=1).encode())


def _as_text(
    structures: Structures, hidden: tuple[NotVisible, ...], lacking: tuple[NotFound, ...]
) -> str:
    rows = [
        f"{row.label:4d} {row.name:32s} {row.volume_ml:10.1f} ml  {row.class_:9s} {row.found_by}"
        for row in structures.table
    ]
    rows += [f"not found: {row.name}: {row.message}" for row in lacking]
    rows += [f"not visible: {row.name} ({row.site}): {row.message}" for row in hidden]
    return "\n".join(rows)
