"""Commands about the lesion: outlined from a click, or measured from a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from app.cli.output import POINT, as_plain, emit, json_option, progress_bar, warn
from app.files import write_file
from imaging.files import read_volume, write_array
from imaging.geometry import BoolArray
from imaging.label_files import read_mask
from imaging.lesion.certainty import Certainty, certainty
from imaging.lesion.segment import segment_lesion
from imaging.measurement.involvement import Involvement, involvement
from imaging.measurement.lesion import LesionMeasurement, measure
from imaging.measurement.shape import shape_doubts
from imaging.structures.canal import canal_beside, canal_near
from imaging.structures.find import find_structures
from imaging.structures.labels import read_structures
from imaging.volume import Volume
from planning.edits import measures

PATH = click.Path(path_type=Path)
CERTAINTIES = {
    Certainty.CLEAR: "clear border all round",
    Certainty.CHECK: "to be checked",
    Certainty.GUESS: "partly a guess, to be confirmed or corrected",
}


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
        result = measure(volume, outline.mask, canal)
    for doubt in outline.doubts:
        warn(doubt.message)
    if out:
        write_mask(outline.mask, volume, out)
    document = {
        **as_plain(result),
        "contrast_hu": outline.contrast_hu,
        "certainty": certainty(outline.doubts).value,
        "doubts": as_plain(outline.doubts),
    }
    told = f"{as_text(result)}\nproposed outline: {CERTAINTIES[certainty(outline.doubts)]}"
    emit(document, as_json, told)


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
@click.option(
    "--structures",
    "labels",
    type=PATH,
    help="Label map of the structures: measures what the lesion does to its bone, and distances.",
)
@click.option("--names", type=PATH, help="JSON of the label map's names.")
@click.option("--find-structures", "finds", is_flag=True, help="Find the structures first.")
@json_option
def measure_command(
    path: Path,
    mask: Path,
    series_uid: str | None,
    labels: Path | None,
    names: Path | None,
    finds: bool,
    as_json: bool,
) -> None:
    """Measure MASK on the CT of PATH."""
    with progress_bar() as progress:
        volume = read_volume(path, series_uid, progress.part(0.0, 0.4))
        lesion = read_mask(mask, volume.grid)
        around = None
        if labels is not None:
            around = read_structures(labels, names, volume.grid)
        elif finds:
            around = find_structures(volume, progress.part(0.4, 0.95))
        middle = volume.grid.to_lps(np.argwhere(lesion).mean(axis=0))
        result = measure(volume, lesion, canal_beside(around, volume, middle))
        found = None if around is None else involvement(volume, lesion, around)
    doubts = shape_doubts(lesion, volume.grid)
    for doubt in doubts:
        warn(doubt.message)
    document = {**as_plain(result), "doubts": as_plain(doubts)}
    told = as_text(result)
    if found is not None:
        document |= {"involvement": as_plain(found)}
        told += "\n" + _involvement_text(found)
    emit(document | {"how": _how(document)}, as_json, told)


def _how(document: dict[str, Any]) -> dict[str, str]:
    """Return how each measure that was taken is found."""
    return {
        key: row.how["en"]
        for key, row in measures().items()
        if row.where == "lesion" or "involvement" in document
    }


def _involvement_text(found: Involvement) -> str:
    def said(value: float | None) -> str:
        return "unknown" if value is None else f"{value:.0f} %"

    wall = {True: "open", False: "closed", None: "unknown"}[found.posterior_wall_breach]
    near = ", ".join(f"{one.name} {one.distance_mm:.1f} mm" for one in found.distances[:8])
    return (
        f"bone: {found.bone or 'unknown'}, {said(found.section_percent)} of its section, "
        f"{said(found.body_percent)} of the vertebral body, "
        f"loss of height {said(found.collapse_percent)}, posterior wall {wall}\n"
        f"nearest: {near}"
    )


def as_text(result: LesionMeasurement) -> str:
    """Return the measures for people."""
    breach = {True: "yes", False: "no", None: "unknown"}[result.cortical_breach]
    if not result.cortical_breach and result.thin_cortex_mm2 is not None:
        breach += f", but cortex hardly seen over {result.thin_cortex_mm2:.0f} mm²"
    axial = result.axial
    return (
        f"length {result.length_mm:.1f} mm, width {result.width_mm:.1f} mm "
        f"(axial {axial.length_mm:.1f} × {axial.width_mm:.1f} mm in slice {axial.slice_k})\n"
        f"volume {result.volume_formula_ml:.2f} ml by length × width² / 2, "
        f"{result.volume_ml:.2f} ml segmented\n"
        f"{result.kind}, mean {result.mean_hu:.0f} HU, cortical breach: {breach}"
    )
