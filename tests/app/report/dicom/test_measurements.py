"""The structured report says the numbers of the plan, and where they were measured."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.sr.codedict import codes

from tests.app.report.conftest import GivenBack

Kind = Callable[[str], GivenBack]


def report_of(made: GivenBack) -> Any:
    return hd.sr.srread(io.BytesIO(made.files["measures-sr.dcm"])).content


def numbers(group: Any) -> dict[tuple[str, str], float]:
    """Value by meaning of name and method."""
    found = {}
    for one in group.get_measurements():
        method = str(one.method.meaning) if one.method is not None else ""
        found[str(one.name.meaning), method] = float(one.value)
    return found


@pytest.mark.parametrize("kind", ["straight", "tilted", "multi_frame", "bare"])
def test_values_equal_the_plan(given_back: Kind, kind: str) -> None:
    made = given_back(kind)
    (group,) = report_of(made).get_volumetric_roi_measurement_groups()
    lesion = made.case.plan.lesion
    assert lesion is not None
    assert numbers(group) == {
        ("Length", "Three-dimensional method"): lesion.length_mm,
        ("Width", "Greatest extent across the 3-D length"): lesion.width_mm,
        ("Long axis", "In the slice with the greatest diameter"): lesion.axial.length_mm,
        ("Short axis", "In the slice with the greatest diameter"): lesion.axial.width_mm,
        ("Volume", "Length x width x width / 2"): lesion.volume_formula_ml,
        ("Volume", "Sum of segmented voxel method for volume"): lesion.volume_ml,
        ("Attenuation Coefficient", ""): lesion.mean_hu,
    }
    units = {str(one.unit.value) for one in group.get_measurements()}
    assert units == {"mm", "ml", "[hnsf'U]"}


def test_measures_belong_to_the_segment(given_back: Kind) -> None:
    made = given_back("straight")
    (group,) = report_of(made).get_volumetric_roi_measurement_groups()
    segmentation = made.dataset("lesion-seg.dcm")
    item = group.referenced_segment[0].ReferencedSOPSequence[0]
    assert item.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
    assert item.ReferencedSegmentNumber == 1
    assert group.tracking_uid == segmentation.SegmentSequence[0].TrackingUID
    assert group.finding_type == codes.SCT.Neoplasm


def test_qualities_are_coded(given_back: Kind) -> None:
    made = given_back("straight")
    (group,) = report_of(made).get_volumetric_roi_measurement_groups()
    lesion = made.case.plan.lesion
    assert lesion is not None
    said = {
        str(one.name.meaning): str(one.value.meaning) for one in group.get_qualitative_evaluations()
    }
    breach = {True: "Yes", False: "No", None: "Unknown"}[lesion.cortical_breach]
    assert said["Breach of the cortex"] == breach
    assert said["Kind of bone lesion by density"].lower().startswith(lesion.kind)


def test_site_is_stated_only_when_someone_said_it(given_back: Kind) -> None:
    from app.report.dicom.measurements import finding_site
    from planning.technique.answers import Answers

    made = given_back("straight")
    (group,) = report_of(made).get_volumetric_roi_measurement_groups()
    assert [str(site.value.value) for site in group.finding_sites] == ["36470004"]
    assert finding_site(made.case.with_plan(answers=Answers())) is None


def test_ends_are_given_in_the_frame_of_the_ct(given_back: Kind) -> None:
    made = given_back("oblique")
    lesion, chosen = made.case.plan.lesion, made.case.plan.chosen
    assert lesion is not None
    assert chosen is not None
    lines = []
    for group in report_of(made).get_image_measurement_groups():
        for one in group.get_measurements():
            lines += [x for x in one[0].get("ContentSequence", []) if x.ValueType == "SCOORD3D"]
    assert {x.ReferencedFrameOfReferenceUID for x in lines} == {made.source.frame_of_reference_uid}
    wanted = [
        lesion.length_ends_lps_mm,
        lesion.width_ends_lps_mm,
        (chosen.entry_lps_mm, chosen.target_lps_mm),
    ]
    assert len(lines) == len(wanted)
    for line, ends in zip(lines, wanted, strict=True):
        assert line.GraphicType == "POLYLINE"
        np.testing.assert_allclose(np.reshape(line.GraphicData, (2, 3)), ends, atol=1e-3)


def test_path_and_simulation_are_told(given_back: Kind) -> None:
    made = given_back("straight")
    chosen, (simulated,) = made.case.plan.chosen, made.case.plan.simulation
    assert chosen is not None
    told: dict[str, float] = {}
    for group in report_of(made).get_image_measurement_groups():
        if group.finding_type != codes.SCT.Neoplasm:
            told |= {name: value for (name, _), value in numbers(group).items()}
    assert told["Length"] == chosen.length_mm
    assert told["Angle to the axial plane, cranial positive"] == chosen.angle_to_axial_deg
    assert told["Share of the lesion inside the zone"] == simulated.coverage_percent
    assert told["Least signed margin around the lesion"] == simulated.min_margin_mm


def test_the_observer_is_the_program_and_nobody_else(given_back: Kind) -> None:
    dataset = given_back("straight").dataset("measures-sr.dcm")
    assert dataset.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in dataset
    text = str(dataset)
    assert "Device Observer Name" in text
    assert "Person Observer" not in text
