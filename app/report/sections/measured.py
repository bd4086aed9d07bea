"""Lengths, angles and regions that were measured in the views."""

from __future__ import annotations

from app.report.sections.writer import Heading, Row, Writer
from imaging.regions import region_values
from planning.annotations import Annotation, AnnotationKind


def measured_rows(w: Writer) -> list[Row]:
    """Return a row for each measurement, numbered in the order in which they were made.

    Parameters
    ----------
    w : Writer
        Of the case; what the voxels of a region say is told where it has the CT.

    Returns
    -------
    list of tuple
        Label and value, below a heading; empty where nothing was measured.
    """
    found = w.plan.annotations
    if not found:
        return []
    rows: list[Row] = [(Heading(w.label("in_views")), "")]
    for count, one in enumerate(found, start=1):
        rows.append((f"   {count} {w.label(f'drawn_{one.kind.value}')}", _said(w, one)))
    return rows


def _said(w: Writer, one: Annotation) -> str:
    x, y, z = one.points_lps_mm[1 if one.kind is AnnotationKind.ANGLE else 0]
    at = f"LPS {w.number(x)}; {w.number(y)}; {w.number(z)} mm"
    if one.kind is AnnotationKind.LENGTH:
        return f"{w.number(one.length_mm)} mm ({at})"
    if one.kind is AnnotationKind.ANGLE:
        return f"{w.number(one.angle_deg)}° ({at})"
    told = f"{w.number(one.ellipse.area_mm2, 0)} mm²"
    values = None if w.volume is None else region_values(w.volume, one.ellipse)
    if values is not None:
        told += (
            f", {w.number(values.mean_hu)} ± {w.number(values.sd_hu)} HU "
            f"({w.number(values.min_hu, 0)} … {w.number(values.max_hu, 0)})"
        )
    return f"{told} ({at})"
