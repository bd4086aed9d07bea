"""All DICOM objects of a report, made together so that they refer to each other."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial

from pydicom.dataset import Dataset

from app.report.dicom.captures import capture_objects
from app.report.dicom.document import document_object
from app.report.dicom.measurements import measurement_object
from app.report.dicom.segmentation import lesion_object, structures_object, zone_object
from app.report.dicom.source import CtSource, file_bytes
from app.report.sections.zone_names import zone_names
from app.report.texts import Language
from planning.plan import Case
from planning.store import Picture

log = logging.getLogger(__name__)

BAD_HEADERS = (ValueError, TypeError, AttributeError, KeyError, IndexError)
Maker = Callable[[], dict[str, Dataset]]


def dicom_objects(
    case: Case, pictures: Sequence[Picture], pdf: bytes, source: CtSource, language: Language
) -> dict[str, bytes]:
    """Return the DICOM objects of a report, each kind in a series of its own.

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
        File name to content; what the CT's headers do not allow to be made is left out and said.
    """
    makers: dict[str, Maker] = {
        "report": lambda: {"report.dcm": document_object(pdf, source)},
        "pictures": partial(_captures, case, pictures, source, language),
        "lesion": partial(_lesion, case, source),
        "structures": partial(_structures, case, source),
        "zones": partial(_zones, case, source),
    }
    made: dict[str, bytes] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' warnings repeat the patient's name
        for what, make in makers.items():
            try:
                made |= {name: file_bytes(one, source) for name, one in make().items()}
            except BAD_HEADERS as error:
                kind = type(error).__name__  # its text may hold values of the header
                log.warning("the CT's headers do not allow DICOM objects of: %s (%s)", what, kind)
    return made


def _captures(
    case: Case, pictures: Sequence[Picture], source: CtSource, language: Language
) -> dict[str, Dataset]:
    captures = capture_objects(case, pictures, source, language)
    return {f"{name}.dcm": capture for name, capture in captures.items()}


def _lesion(case: Case, source: CtSource) -> dict[str, Dataset]:
    if case.lesion is None or not case.lesion.any():
        return {}
    segmentation = lesion_object(
        case.lesion, case.plan.series.grid, source, clicked=bool(case.plan.seeds_lps_mm)
    )
    made = {"lesion-seg.dcm": segmentation}
    if case.plan.lesion is not None:
        made["measures-sr.dcm"] = measurement_object(case, segmentation, source)
    return made


def _structures(case: Case, source: CtSource) -> dict[str, Dataset]:
    if case.structures is None or not case.structures.table:
        return {}
    return {"structures-seg.dcm": structures_object(case.structures, source)}


def _zones(case: Case, source: CtSource) -> dict[str, Dataset]:
    grid = case.plan.series.grid
    made = {}
    rows = case.plan.simulation
    for number, (row, field) in enumerate(zip(rows, case.fields, strict=True)):
        zone = zone_object(field, row.device, row.technique, grid, source, number)
        if zone is not None:
            made[f"zone-{zone_names(rows)[number]}-seg.dcm"] = zone
    return made
