"""What a lesion does to its bone, against the models of generated cases and another library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk

from imaging.errors import ImagingError
from imaging.geometry import Grid
from imaging.measurement.distances import distances
from imaging.measurement.frame import bone_of
from imaging.measurement.involvement import Involvement, involvement
from imaging.structures.labels import structures_from
from imaging.structures.model import Structures

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase

SPACING = (2.0, 1.2, 1.2)


def _labelled(case: GeneratedCase) -> Structures:
    return structures_from(case.labels, case.volume.grid, case.names, "truth")


def _measured(name: str) -> tuple[Involvement, GeneratedCase]:
    from imaging.phantom.cases import generate

    case = generate(name, spacing_mm=SPACING)
    return involvement(case.volume, case.lesion, _labelled(case)), case


def test_a_lesion_in_a_vertebra(vertebra: GeneratedCase) -> None:
    found = involvement(vertebra.volume, vertebra.lesion, _labelled(vertebra))
    truth = vertebra.truth.findings
    assert truth is not None
    assert found.bone == "vertebrae_L3"
    assert found.body_percent == pytest.approx(truth.body_involved_percent, abs=5.0)
    assert found.posterior_wall_breach is False
    assert found.collapse_percent is not None
    assert found.collapse_percent < 12.0
    assert set(found.collapse_compared_with) <= {"vertebrae_L2", "vertebrae_L4"}
    near = {one.name: one.distance_mm for one in found.distances}
    assert near["spinal_canal"] == pytest.approx(truth.distance_mm["spinal_canal"], abs=2.5)
    assert near["aorta"] == pytest.approx(truth.distance_mm["vessel"], abs=2.5)


@pytest.mark.long
def test_an_open_posterior_wall_and_lost_height_are_seen() -> None:
    found, case = _measured("posterior_wall_breach")
    truth = case.truth.findings
    assert truth is not None
    assert found.posterior_wall_breach is True
    assert found.posterior_wall_area_mm2 is not None
    assert 55.0 < found.posterior_wall_area_mm2 < 300.0
    assert found.collapse_percent is not None
    assert truth.collapse_percent == 30.0
    assert 18.0 < found.collapse_percent < 45.0
    assert found.body_percent == pytest.approx(truth.body_involved_percent, abs=8.0)


@pytest.mark.long
def test_the_part_of_a_femurs_diameter() -> None:
    found, case = _measured("femur")
    truth = case.truth.findings
    assert truth is not None
    assert found.bone == "femur_left"
    assert found.diameter_fraction == pytest.approx(truth.long_bone_fraction, abs=0.08)
    assert found.body_percent is None
    assert found.heights is None
    assert found.posterior_wall_breach is None


def test_without_canal_or_bone_it_is_unknown(vertebra: GeneratedCase) -> None:
    labels = np.where(vertebra.labels > 0, 1, 0).astype(np.uint16)
    body = structures_from(labels, vertebra.volume.grid, {1: "body"}, "truth")
    found = involvement(vertebra.volume, vertebra.lesion, body)
    assert found.bone is None
    assert found.section_percent is None
    assert found.posterior_wall_breach is None
    only_bone = structures_from(labels, vertebra.volume.grid, {1: "vertebrae_L3"}, "truth")
    found = involvement(vertebra.volume, vertebra.lesion, only_bone)
    assert found.bone == "vertebrae_L3"
    assert found.body_percent is None
    assert found.posterior_wall_breach is None


def test_an_empty_outline_is_refused(vertebra: GeneratedCase) -> None:
    with pytest.raises(ImagingError) as refusal:
        involvement(vertebra.volume, np.zeros_like(vertebra.lesion), _labelled(vertebra))
    assert refusal.value.code == "empty_mask"


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_distances_agree_with_another_library(spacing: tuple[float, float, float]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) @ np.diag(spacing)
    size = [int(70 / mm) for mm in spacing]
    grid = Grid((size[0], size[1], size[2]), affine)
    places = grid.to_lps(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    lesion = np.linalg.norm(places - (25, 30, 35), axis=-1) <= 9
    labels = np.zeros(grid.size_kji, dtype=np.uint16)
    labels[np.linalg.norm(places - (50, 40, 40), axis=-1) <= 8] = 1
    labels[places[..., 1] > 58] = 2
    table = structures_from(labels, grid, {1: "aorta", 2: "kidney_left"}, "balls")
    image = sitk.GetImageFromArray(lesion.astype(np.uint8))
    image.SetSpacing([float(spacing[n]) for n in (2, 1, 0)])
    field = sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    )
    found = {one.name: one for one in distances(lesion, table)}
    for name, label in (("aorta", 1), ("kidney_left", 2)):
        theirs = float(field[labels == label].min())  # from the surface voxel's centre
        assert found[name].distance_mm == pytest.approx(theirs, abs=1.05 * max(spacing))
        assert found[name].distance_mm <= theirs
    exact = float(np.linalg.norm(np.subtract((50, 40, 40), (25, 30, 35)))) - 17
    assert found["aorta"].distance_mm == pytest.approx(exact, abs=1.3 * max(spacing))


def test_the_bone_that_holds_most_of_the_lesion_is_taken(vertebra: GeneratedCase) -> None:
    assert bone_of(vertebra.lesion, _labelled(vertebra)) == "vertebrae_L3"
    far = np.zeros_like(vertebra.lesion)
    far[2, 2, 2] = True
    assert bone_of(far, _labelled(vertebra)) is None
