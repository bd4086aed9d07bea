"""Lesions put into real series, and into generated ones where no real series is at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from imaging.errors import ImagingError
from imaging.files import read_volume
from imaging.phantom.cases import GeneratedCase, generate
from imaging.phantom.insert import InsertedLesion, insert_lesion
from imaging.phantom.truth import Kind
from imaging.volume import Volume

IN_PLANE = np.ones((1, 3, 3), dtype=bool)
VERTEBRA_KJI = (53, 298, 232)  # body of a lumbar vertebra of the real series


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Volume:
    return read_volume(shared_data / "lumbar-pelvis-dicom")


@pytest.fixture(scope="module")
def generated() -> GeneratedCase:
    return generate("ilium", spacing_mm=(1.5, 0.9, 0.9), margin_mm=90.0)


@pytest.fixture(scope="module")
def inserted(real: Volume) -> InsertedLesion:
    return insert_lesion(real, real.grid.to_lps(VERTEBRA_KJI), 24.0, False, 3)


def _core(mask: np.ndarray) -> np.ndarray:
    core: np.ndarray = ndimage.binary_erosion(mask, IN_PLANE, iterations=2)
    return core


def test_it_has_the_density_of_soft_tissue(inserted: InsertedLesion) -> None:
    assert inserted.volume.hu[_core(inserted.lesion)].mean() == pytest.approx(45, abs=4)


def test_its_noise_is_that_of_the_patient(inserted: InsertedLesion, real: Volume) -> None:
    core = _core(inserted.lesion)
    slices = np.flatnonzero(core.any(axis=(1, 2)))
    smooth = ndimage.gaussian_filter(real.hu[slices].astype(float), (0, 2.5, 2.5))
    muscle = ndimage.binary_erosion((smooth > 40) & (smooth < 75), IN_PLANE, iterations=4)
    slow = (0.0, 3.5, 3.5)

    def deviation(hu: np.ndarray, where: np.ndarray) -> float:
        image = hu.astype(float)
        return float((image - ndimage.gaussian_filter(image, slow))[where].std())

    ours = deviation(inserted.volume.hu[slices], core[slices])
    assert ours == pytest.approx(deviation(real.hu[slices], muscle), rel=0.3)


def test_only_the_lesion_is_changed(inserted: InsertedLesion, real: Volume) -> None:
    changed = inserted.volume.hu != real.hu
    spacing = real.grid.spacing_mm_kji
    reach = ndimage.distance_transform_edt(~inserted.lesion, sampling=spacing)
    assert reach[changed].max() <= max(spacing) + 2.0
    core = _core(inserted.lesion)
    assert changed[core].mean() > 0.95
    assert inserted.volume.grid.same_as(real.grid)


def test_mask_and_truth_agree(inserted: InsertedLesion) -> None:
    truth = inserted.truth.lesion
    counted = inserted.lesion.sum() * inserted.volume.grid.voxel_ml
    assert counted == pytest.approx(truth.volume_ml, rel=0.1)
    index = inserted.volume.grid.nearest(truth.seed_lps_mm)
    assert index is not None
    assert inserted.lesion[index]
    assert truth.length_mm < 24 * 1.25
    assert not truth.cortical_breach


def test_without_a_breach_the_cortex_stays(inserted: InsertedLesion, real: Volume) -> None:
    edge = ndimage.binary_dilation(inserted.lesion, IN_PLANE) & ~inserted.lesion
    assert np.percentile(real.hu[edge], 5) > 60


def test_a_breach_reaches_soft_tissue_but_not_the_canal(real: Volume) -> None:
    at = real.grid.to_lps((53, 298, 240))
    result = insert_lesion(real, at, 24.0, True, 3)
    assert result.truth.lesion.cortical_breach
    outside = result.lesion & (ndimage.gaussian_filter(real.hu.astype(float), 0.7) < 100)
    assert outside.sum() * real.grid.voxel_ml > 0.3
    canal = np.zeros_like(result.lesion)
    canal[53, 325:332, 225:240] = True  # seen on the picture
    assert not (canal & result.lesion).any()


def test_the_series_gets_its_own_identity(inserted: InsertedLesion, real: Volume) -> None:
    assert inserted.truth.into == real.series.uid
    assert inserted.volume.series.uid == inserted.truth.series_uid != real.series.uid
    assert inserted.volume.series.path == ""


def test_the_same_seed_gives_the_same_lesion(generated: GeneratedCase) -> None:
    at = generated.truth.lesion.centre_lps_mm + np.array([0.0, 45.0, 10.0])
    bone = generated.volume.grid.to_lps(
        np.argwhere(generated.labels == _number(generated, "hip_left"))
    )
    at = bone[np.argmin(np.linalg.norm(bone - at, axis=1))]
    one, same, other = (insert_lesion(generated.volume, at, 16.0, True, s) for s in (1, 1, 2))
    assert np.array_equal(one.volume.hu, same.volume.hu)
    assert not np.array_equal(one.volume.hu, other.volume.hu)
    assert one.truth.lesion.cortical_breach


def _number(case: GeneratedCase, name: str) -> int:
    return next(n for n, known in case.names.items() if known == name)


def test_inside_a_generated_bone_it_stays_inside(generated: GeneratedCase) -> None:
    bone = generated.labels == _number(generated, "hip_left")
    depth = ndimage.distance_transform_edt(bone, sampling=generated.volume.grid.spacing_mm_kji)
    depth[generated.lesion] = 0
    at = generated.volume.grid.to_lps(np.unravel_index(int(np.argmax(depth)), depth.shape))
    result = insert_lesion(generated.volume, at, 12.0)
    assert (result.lesion & ~bone).sum() <= 0.02 * result.lesion.sum()


@pytest.mark.parametrize("diameter", [3.0, 0.0, -5.0, 121.0, float("nan"), float("inf")])
def test_an_absurd_diameter_is_refused(generated: GeneratedCase, diameter: float) -> None:
    with pytest.raises(ImagingError) as refused:
        insert_lesion(generated.volume, generated.truth.lesion.centre_lps_mm, diameter)
    assert refused.value.code == "diameter_out_of_range"


def test_all_that_is_wrong_is_said_at_once(generated: GeneratedCase) -> None:
    with pytest.raises(ImagingError) as refused:
        insert_lesion(generated.volume, (5000.0, 0.0, 0.0), 500.0)
    codes = [problem.code for problem in refused.value.problems]
    assert codes == ["diameter_out_of_range", "outside_volume"]


def test_a_place_far_from_bone_is_refused(generated: GeneratedCase) -> None:
    body = generated.labels == _number(generated, "colon")
    bones = np.isin(
        generated.labels,
        [
            n
            for n, name in generated.names.items()
            if name.startswith(("hip", "vert", "sac", "fem"))
        ],
    )
    far = ndimage.distance_transform_edt(~bones, sampling=generated.volume.grid.spacing_mm_kji)
    place = np.unravel_index(int(np.argmax(np.where(body, far, 0))), far.shape)
    with pytest.raises(ImagingError) as refused:
        insert_lesion(generated.volume, generated.volume.grid.to_lps(place), 10.0)
    assert refused.value.code == "not_in_bone"


def test_air_is_refused(generated: GeneratedCase) -> None:
    empty = replace(generated.volume, hu=np.full_like(generated.volume.hu, -1000))
    with pytest.raises(ImagingError) as refused:
        insert_lesion(empty, generated.truth.lesion.centre_lps_mm, 10.0)
    assert refused.value.code == "not_in_bone"


@pytest.fixture(scope="module")
def thick(generated: GeneratedCase) -> np.ndarray:
    """The deepest place of the ilium away from its own lesion."""
    bone = generated.labels == _number(generated, "hip_left")
    spacing = generated.volume.grid.spacing_mm_kji
    depth = ndimage.distance_transform_edt(bone, sampling=spacing)
    depth[ndimage.distance_transform_edt(~generated.lesion, sampling=spacing) < 12] = 0
    place: np.ndarray = generated.volume.grid.to_lps(
        np.unravel_index(int(np.argmax(depth)), depth.shape)
    )
    return place


@pytest.mark.parametrize(
    ("kind", "hu", "expected"),
    [("blastic", None, 700), ("blastic", 1100.0, 1100), ("lytic", -20.0, -20), ("lytic", None, 45)],
)
def test_it_has_the_density_asked_for(
    generated: GeneratedCase, thick: np.ndarray, kind: Kind, hu: float | None, expected: float
) -> None:
    result = insert_lesion(generated.volume, thick, 16.0, kind=kind, hu=hu)
    core = ndimage.binary_erosion(result.lesion, IN_PLANE)
    assert result.volume.hu[core].mean() == pytest.approx(expected, abs=20 + 0.08 * expected)
    assert result.truth.lesion.kind == kind
    assert kind in result.truth.title_en.lower()


def test_a_mixed_lesion_is_soft_with_dense_islands(
    generated: GeneratedCase, thick: np.ndarray
) -> None:
    for mean in (150.0, 400.0):
        result = insert_lesion(generated.volume, thick, 18.0, kind="mixed", hu=mean)
        values = result.volume.hu[result.lesion]
        assert values.mean() == pytest.approx(mean, abs=60)
        assert (values < 110).mean() > 0.1
        assert (values > 450).mean() > 0.05


def test_an_ellipsoid_lies_along_the_axes_of_the_patient(generated: GeneratedCase) -> None:
    one, solid = generated.volume, np.full_like(generated.volume.hu, 300)
    solid[:, :, :4] = -1000
    bone = replace(one, hu=solid)
    at = one.grid.to_lps((np.array(one.grid.size_kji) - 1) / 2)
    result = insert_lesion(bone, at, diameters_mm=(30.0, 16.0, 22.0))
    places = one.grid.to_lps(np.argwhere(result.lesion))
    extent = places.max(axis=0) - places.min(axis=0)
    assert extent == pytest.approx([30.0, 16.0, 22.0], abs=3.5)
    volume_ml = 4 / 3 * np.pi * 15 * 8 * 11 / 1000
    assert result.truth.lesion.volume_ml == pytest.approx(volume_ml, rel=0.15)


def test_density_and_diameters_that_do_not_fit_are_refused(generated: GeneratedCase) -> None:
    at = generated.truth.lesion.centre_lps_mm
    with pytest.raises(ImagingError) as refused:
        insert_lesion(generated.volume, at, diameters_mm=(20.0, 2.0, 500.0), kind="blastic", hu=45)
    assert [p.code for p in refused.value.problems] == ["diameter_out_of_range", "hu_out_of_range"]
    assert [p.where for p in refused.value.problems] == ["--diameters", "--hu"]
    for kind, hu in (("lytic", 400.0), ("mixed", 700.0), ("blastic", float("nan"))):
        with pytest.raises(ImagingError) as refused:
            insert_lesion(generated.volume, at, 12.0, kind=kind, hu=hu)  # type: ignore[arg-type]
        assert refused.value.code == "hu_out_of_range"
    for wrong in ({}, {"diameter_mm": 9.0, "diameters_mm": (9.0, 9.0, 9.0)}):
        with pytest.raises(ImagingError) as refused:
            insert_lesion(generated.volume, at, **wrong)  # type: ignore[arg-type]
        assert refused.value.code == "diameter_missing"
