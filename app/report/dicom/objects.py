"""All DICOM objects of a report, made together so that they refer to each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from app.report.dicom.captures import capture_objects
from app.report.dicom.document import document_object
from app.report.dicom.measurements import measurement_object
from app.report.dicom.segmentation import lesion_object, structures_object, zone_object
from app.report.dicom.source import CtSource, file_bytes
from app.report.texts import Language
from planning.plan import Case
from planning.store import Picture


def dicom_objects(
    case: Case, pictures: Sequence[Picture], pdf: bytes, source: CtSource, language: Language
) -> dict[str, bytes]:
    """Return the DICOM objects of a report, each in a series of its own.

    Parameters
    ----------
    case : Case
        Any state; what it lacks has no object.
    pictures : sequence of Picture
        To become secondary captures.
    pdf : bytes
        The report.
    source : CtSource
        The CT that they belong to.
    language : str
        Of what is written on the captures.

    Returns
    -------
    dict
        File name to content.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' warnings repeat the patient's name
        made = {"report.dcm": document_object(pdf, source)}
        for name, capture in capture_objects(case, pictures, source, language).items():
            made[f"{name}.dcm"] = capture
        if case.lesion is not None and case.lesion.any():
            segmentation = lesion_object(case.lesion, case.plan.series.grid, source)
            made["lesion-seg.dcm"] = segmentation
            if case.plan.lesion is not None:
                made["measures-sr.dcm"] = measurement_object(case, segmentation, source)
        if case.structures is not None and case.structures.table:
            made["structures-seg.dcm"] = structures_object(case.structures, source)
        for number, (row, field) in enumerate(zip(case.plan.simulation, case.fields, strict=True)):
            grid = case.plan.series.grid
            zone = zone_object(field, row.device, row.technique, grid, source, number)
            if zone is not None:
                made[f"zone-{row.device}-seg.dcm"] = zone
        return {name: file_bytes(dataset, source) for name, dataset in made.items()}
