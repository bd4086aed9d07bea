"""The measures of a plan as a structured report: TID 1500, Comprehensive 3D SR."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from app.report.dicom.segmentation import BY_HAND, ONE_CLICK, PREDICTED_ZONE
from app.report.dicom.source import (
    OWN_SCHEME,
    CtSource,
    described,
    device_uid,
    name_own_scheme,
)
from imaging.dicom.segmentation_write import MAKER, ascii_text
from imaging.document import Vector
from imaging.measurement.lesion import LesionMeasurement
from imaging.structures.codes import structure_code
from planning.ablation.results import TreatmentSummary
from planning.access.request import Proposal
from planning.plan import Case

MEASURE_SERIES = 9005
MILLILITER = Code("ml", "UCUM", "Milliliter")
FORMULA = Code("LENGTH_WIDTH_2", OWN_SCHEME, "Length x width x width / 2")
PERPENDICULAR = Code("WIDTH_ACROSS_LENGTH", OWN_SCHEME, "Greatest extent across the 3-D length")
AXIAL_SLICE = Code("AXIAL_GREATEST", OWN_SCHEME, "In the slice with the greatest diameter")
KIND = Code("LESION_KIND", OWN_SCHEME, "Kind of bone lesion by density")
KINDS = {
    "lytic": Code("LYTIC", OWN_SCHEME, "Lytic"),
    "mixed": Code("MIXED", OWN_SCHEME, "Mixed lytic and blastic"),
    "blastic": Code("BLASTIC", OWN_SCHEME, "Blastic"),
}
BREACH = Code("CORTICAL_BREACH", OWN_SCHEME, "Breach of the cortex")
PLANNED_PATH = Code("PLANNED_PATH", OWN_SCHEME, "Planned needle path")
SIMULATION = Code("THERMAL_SIMULATION", OWN_SCHEME, "Simulation of heat or cold in tissue")
COVERED = Code("LESION_COVERED", OWN_SCHEME, "Share of the lesion inside the zone")
COVERED_WITH_MARGIN = Code("MARGIN_COVERED", OWN_SCHEME, "Share of lesion and margin in the zone")
LEAST_MARGIN = Code("LEAST_MARGIN", OWN_SCHEME, "Least signed margin around the lesion")
TO_AXIAL = Code("ANGLE_TO_AXIAL", OWN_SCHEME, "Angle to the axial plane, cranial positive")
ANSWERS = {True: codes.SCT.Yes, False: codes.SCT.No, None: Code("261665006", "SCT", "Unknown")}
BONE_NAMES = {
    "vertebra": "vertebrae",
    "rib": "rib_",
    "clavicle": "clavicula",
    "pubis": "bone",
    "other": "bone",
}


def measurement_object(case: Case, segmentation: Dataset, source: CtSource) -> Dataset:
    """Return lesion, path and simulations as a measurement report.

    Parameters
    ----------
    case : Case
        With a measured lesion.
    segmentation : pydicom.Dataset
        The lesion's DICOM SEG, which the report refers to.
    source : CtSource
        The CT.

    Returns
    -------
    pydicom.Dataset
        Comprehensive 3D SR, unverified; its observer is this program.

    Raises
    ------
    ValueError
        When the lesion is not measured.
    """
    lesion = case.plan.measures
    if lesion is None:
        message = "there is no measured lesion to report"
        raise ValueError(message)
    groups: list[Any] = [
        _lesion_group(case, lesion, segmentation, source),
        _diameter_group(lesion, segmentation, source),
    ]
    if case.plan.chosen is not None:
        groups.append(_path_group(case.plan.chosen, source))
    groups += [_zone_group(one) for one in case.plan.simulation]
    report = hd.sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    made: Dataset = hd.sr.Comprehensive3DSR(
        evidence=[*source.images, segmentation],
        content=report,
        series_instance_uid=generate_uid(),
        series_number=MEASURE_SERIES,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=described("measures"),
        manufacturer_model_name=MAKER,
        software_versions=version("osteoplan"),
    )
    name_own_scheme(made)
    return made


def _observer() -> hd.sr.ObservationContext:
    """Return who observed: the program, no person."""
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=device_uid(),
                name=MAKER,
                manufacturer_name=MAKER,
                model_name=f"{MAKER} {version('osteoplan')}",
            ),
        )
    )


def _algorithm(name: str) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(name=name, version=version("osteoplan"))


def _line(ends: tuple[Vector, Vector], source: CtSource) -> hd.sr.CoordinatesForMeasurement3D:
    return hd.sr.CoordinatesForMeasurement3D(
        graphic_type=hd.sr.GraphicTypeValues3D.POLYLINE,
        graphic_data=np.array(ends, dtype=float),
        frame_of_reference_uid=source.frame_of_reference_uid,
    )


def _lesion_group(
    case: Case, lesion: LesionMeasurement, segmentation: Dataset, source: CtSource
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    segment = segmentation.SegmentSequence[0]
    site = finding_site(case)
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=segment.TrackingUID, identifier=str(segment.TrackingID)
        ),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=1,
            source_series=hd.sr.SourceSeriesForSegmentation(source.first.SeriesInstanceUID),
        ),
        finding_type=codes.SCT.Neoplasm,
        finding_sites=[site] if site is not None else None,
        algorithm_id=_algorithm(ONE_CLICK if case.plan.seeds_lps_mm else BY_HAND),
        measurements=[*_diameters(lesion), *_lesion_measurements(lesion)],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(KIND, KINDS[lesion.kind]),
            hd.sr.QualitativeEvaluation(BREACH, ANSWERS[lesion.cortical_breach]),
        ],
    )


def _diameter_group(
    lesion: LesionMeasurement, segmentation: Dataset, source: CtSource
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return length and width once more with their ends, which a group of a volume may not hold."""
    segment = segmentation.SegmentSequence[0]
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=segment.TrackingUID, identifier=str(segment.TrackingID)
        ),
        finding_type=codes.SCT.Neoplasm,
        algorithm_id=_algorithm("Osteoplan diameters of a mask"),
        measurements=_diameters(lesion, source),
    )


def _diameters(
    lesion: LesionMeasurement, source: CtSource | None = None
) -> list[hd.sr.Measurement]:
    """Return length and width, with their ends where a source gives the frame of reference."""
    rows = (
        (
            codes.SCT.Length,
            lesion.length_mm,
            codes.DCM.ThreeDimensionalMethod,
            lesion.length_ends_lps_mm,
        ),
        (codes.SCT.Width, lesion.width_mm, PERPENDICULAR, lesion.width_ends_lps_mm),
    )
    return [
        hd.sr.Measurement(
            name=name,
            value=value,
            unit=codes.UCUM.Millimeter,
            method=method,
            referenced_coordinates=None if source is None else [_line(ends, source)],
        )
        for name, value, method, ends in rows
    ]


def _lesion_measurements(lesion: LesionMeasurement) -> list[hd.sr.Measurement]:
    mm, ml = codes.UCUM.Millimeter, MILLILITER
    return [
        hd.sr.Measurement(
            name=codes.SCT.LongAxis, value=lesion.axial.length_mm, unit=mm, method=AXIAL_SLICE
        ),
        hd.sr.Measurement(
            name=codes.SCT.ShortAxis, value=lesion.axial.width_mm, unit=mm, method=AXIAL_SLICE
        ),
        hd.sr.Measurement(
            name=codes.SCT.Volume,
            value=lesion.volume_formula_ml,
            unit=ml,
            derivation=codes.SCT.Estimated,
            method=FORMULA,
        ),
        hd.sr.Measurement(
            name=codes.SCT.Volume,
            value=lesion.volume_ml,
            unit=ml,
            method=codes.DCM.SumOfSegmentedVoxelMethodForVolume,
        ),
        hd.sr.Measurement(
            name=codes.DCM.AttenuationCoefficient,
            value=lesion.mean_hu,
            unit=codes.UCUM.HounsfieldUnit,
            derivation=codes.SCT.Mean,
        ),
    ]


def finding_site(case: Case) -> hd.sr.FindingSite | None:
    """Return the bone of the lesion, as the physician named it.

    Parameters
    ----------
    case : Case
        With answers.

    Returns
    -------
    highdicom.sr.FindingSite or None
        None where nobody said which bone it is.
    """
    answers = case.plan.answers
    if answers.bone is None:
        return None
    bone = str(answers.bone)
    name = BONE_NAMES.get(bone, bone)
    if bone == "vertebra" and answers.level and not answers.level.startswith("S"):
        name = f"vertebrae_{answers.level}"
    code = structure_code(name)
    return hd.sr.FindingSite(anatomic_location=code.kind)


def _path_group(chosen: Proposal, source: CtSource) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    ends = (chosen.entry_lps_mm, chosen.target_lps_mm)
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=generate_uid(), identifier=f"Planned path {chosen.rank}"
        ),
        finding_type=PLANNED_PATH,
        algorithm_id=_algorithm("Osteoplan search of access"),
        measurements=[
            hd.sr.Measurement(
                name=codes.SCT.Length,
                value=chosen.length_mm,
                unit=codes.UCUM.Millimeter,
                method=codes.DCM.ThreeDimensionalMethod,
                referenced_coordinates=[_line(ends, source)],
            ),
            hd.sr.Measurement(
                name=TO_AXIAL, value=chosen.angle_to_axial_deg, unit=codes.UCUM.Degree
            ),
        ],
    )


def _zone_group(one: TreatmentSummary) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    percent, mm = codes.UCUM.Percent, codes.UCUM.Millimeter
    values = [
        (COVERED, one.coverage_percent, percent),
        (COVERED_WITH_MARGIN, one.coverage_with_margin_percent, percent),
        (codes.SCT.Volume, one.zone_ml, MILLILITER),
    ]
    if one.min_margin_mm is not None:
        values.append((LEAST_MARGIN, one.min_margin_mm, mm))
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=generate_uid(), identifier=ascii_text(f"{one.technique} {one.device}", 64)
        ),
        finding_type=PREDICTED_ZONE,
        algorithm_id=_algorithm("Osteoplan thermal simulation"),
        measurements=[
            hd.sr.Measurement(name=name, value=value, unit=unit, method=SIMULATION)
            for name, value, unit in values
        ],
    )
