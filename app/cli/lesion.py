"""Commands about the lesion: outlined from a click, or measured from a mask."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from app.cli.output import POINT, as_plain, emit, json_option, progress_bar, warn
from app.files import write_file
from imaging.files import read_volume, write_array
from imaging.geometry import BoolArray
from imaging.label_files import read_mask
from imaging.lesion.segment import segment_lesion
from imaging.measurement.lesion import LesionMeasurement, measure
from imaging.structures.canal import canal_near
from imaging.volume import Volume

PATH = click.Path(path_type=Path)


@click.command("lesion")
@click.argument("path", type=PATH)
@click.option(
    "--seed", "seeds", type=POINT, multiple=True, required=True, help="Click in the lesion."
)
@click.option(
    "--outside",
    "wrong",
    type=POINT,
    multiple=True,
    help="Click on what is not lesion; the outline gives way around it.",
)
@click.option(
    "--out", type=PATH, help="Write the mask here (.nii.gz, .nrrd, .mha; .dcm for a DICOM SEG)."
)
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def lesion_command(
    path: Path,
    seeds: tuple[tuple[float, float, float], ...],
    wrong: tuple[tuple[float, float, float], ...],
    out: Path | None,
    series_uid: str | None,
    as_json: bool,
) -> None:
    """Outline and measure the lesion at the clicks."""
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress.part(0.0, 0.5))
        clicks = np.array(seeds)
        canal = canal_near(volume, clicks)
        outline = segment_lesion(
            volume,
            clicks,
            outside_lps_mm=np.array(wrong).reshape(-1, 3),
            outside=canal,
            progress=progress.part(0.6, 0.9),
        )
        result = measure(volume, outline.mask)
    for doubt in outline.doubts:
        warn(doubt.message)
    if out:
        write_mask(outline.mask, volume, out)
    document = {
        **as_plain(result),
        "contrast_hu": outline.contrast_hu,
        "doubts": as_plain(outline.doubts),
    }
    emit(document, as_json, as_text(result))


def write_mask(mask: BoolArray, volume: Volume, out: Path) -> None:
    """Write a mask in the format of its ending; a DICOM SEG belongs to the study of its CT."""
    if out.suffix.lower() != ".dcm":
        write_array(mask, volume.grid, out)
        return
    from app.report.dicom.masks import lesion_file

    write_file(out.parent, out.name, lesion_file(mask, volume, out))


@click.command("measure")
@click.argument("path", type=PATH)
@click.argument("mask", type=PATH)
@click.option("--series", "series_uid", metavar="UID", help="Series to take.")
@json_option
def measure_command(path: Path, mask: Path, series_uid: str | None, as_json: bool) -> None:
    """Measure MASK on the CT of PATH."""
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress)
        result = measure(volume, read_mask(mask, volume.grid))
    emit(result, as_json, as_text(result))


def as_text(result: LesionMeasurement) -> str:
    """Return the measures for people."""
    breach = {True: "yes", False: "no", None: "unknown"}[result.cortical_breach]
    axial = result.axial
    return (
        f"length {result.length_mm:.1f} mm, width {result.width_mm:.1f} mm "
        f"(axial {axial.length_mm:.1f} × {axial.width_mm:.1f} mm in slice {axial.slice_k})\n"
        f"volume {result.volume_formula_ml:.2f} ml by length × width² / 2, "
        f"{result.volume_ml:.2f} ml segmented\n"
        f"{result.kind}, mean {result.mean_hu:.0f} HU, cortical breach: {breach}"
    )
