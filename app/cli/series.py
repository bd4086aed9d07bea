"""Commands about the images themselves: what is there, and in which values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click

from app.cli.output import as_plain, emit, json_option, progress_bar, warn
from app.files import write_file
from imaging.dicom.discover import Skipped, discover, opened
from imaging.dicom.grouping import FoundSeries
from imaging.dicom.read import DAMAGED_SLICES, load_series
from imaging.dicom.thumbnail import thumbnail
from imaging.errors import ImagingError, Problem
from imaging.files import is_image_file, read_volume, write_array
from imaging.volume import Volume

PATH = click.Path(path_type=Path)


def describe(volume: Volume) -> dict[str, Any]:
    """Return the JSON row of a volume, as `osteoplan series` prints it."""
    return {
        "uid": volume.series.uid,
        "description": volume.series.description,
        "modality": volume.series.modality,
        "slices": volume.grid.size_kji[0],
        "size_kji": list(volume.grid.size_kji),
        "spacing_mm_kji": list(volume.grid.spacing_mm_kji),
        "affine_kji_to_lps": volume.grid.affine_kji_to_lps.tolist(),
        "hu_range": [int(volume.hu.min()), int(volume.hu.max())],
        "max_position_error_mm": volume.series.max_position_error_mm,
        "problems": as_plain(
            [{"code": one.code, "message": one.message} for one in volume.series.problems]
        ),
    }


@click.command("series")
@click.argument("path", type=PATH)
@click.option("--thumbnails", type=PATH, help="Write a small picture of each series here.")
@json_option
def series_command(path: Path, thumbnails: Path | None, as_json: bool) -> None:
    """List the CT series under PATH, with their geometry and what was corrected."""
    rows: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    if is_image_file(path):
        rows.append(describe(read_volume(path)))
    else:
        with progress_bar() as progress, opened(path, progress.part(0.0, 0.2)) as files:
            found = discover(files, path, progress.part(0.2, 0.3))
            skipped.extend(found.skipped)
            problems: list[Problem] = []
            for number, series in enumerate(found.series):
                if thumbnails is not None:
                    _write_thumbnail(series, number, path, thumbnails)
                part = progress.part(0.3, 1.0).part(
                    number / len(found.series), (number + 1) / len(found.series)
                )
                try:
                    volume = load_series(series, path, part)
                    rows.append(describe(volume))
                    skipped.extend(_damaged(volume))
                except ImagingError as refusal:
                    problems.extend(refusal.problems)
                    row = Skipped(path=series.uid, reason=f"{refusal.code}: {refusal}")
                    skipped.append(row)
            if problems and not rows:
                raise ImagingError(problems)
            if not rows:
                read_volume(path)
    emit({"series": rows, "skipped": skipped}, as_json, _as_text(rows, skipped))


def _damaged(volume: Volume) -> list[Skipped]:
    return [
        Skipped(path=problem.where, reason=problem.message)
        for problem in volume.series.problems
        if problem.code == DAMAGED_SLICES
    ]


def _write_thumbnail(series: FoundSeries, number: int, path: Path, folder: Path) -> None:
    from PIL import Image

    grey = thumbnail(series, path)
    if grey is not None:
        picture = io.BytesIO()
        Image.fromarray(grey).save(picture, format="PNG")
        write_file(folder, f"series-{number + 1:02d}.png", picture.getvalue())


def _as_text(rows: list[dict[str, Any]], skipped: list[Skipped]) -> str:
    lines = []
    for row in rows:
        k, j, i = row["spacing_mm_kji"]
        lines.append(
            f"{row['uid']}\n  {row['modality']} {row['description']}: {row['slices']} slices, "
            f"{row['size_kji'][1]} × {row['size_kji'][2]}, {i:.3f} × {j:.3f} × {k:.3f} mm, "
            f"position error {row['max_position_error_mm']:.3f} mm"
        )
        lines += [f"  {problem['code']}: {problem['message']}" for problem in row["problems"]]
    lines += [f"skipped {one.path}: {one.reason}" for one in skipped[:20]]
    if len(skipped) > 20:
        lines.append(f"… and {len(skipped) - 20} more files skipped")
    return "\n".join(lines)


@click.command("convert")
@click.argument("path", type=PATH)
@click.argument("out", type=PATH)
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def convert_command(path: Path, out: Path, series_uid: str | None, as_json: bool) -> None:
    """Write the volume of PATH in Hounsfield units to OUT (.nii.gz, .nrrd, .mha)."""
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress)
        write_array(volume.hu, volume.grid, out)
    for problem in volume.series.problems:
        warn(problem.message)
    emit({**describe(volume), "files": [str(out)]}, as_json, str(out))
