"""Generated cases: truth against the picture, anatomy, determinism."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from scipy import ndimage

from imaging.errors import ImagingError
from imaging.geometry import BoolArray
from imaging.phantom.cases import GeneratedCase, cases, generate
from imaging.progress import Cancelled, Progress
from tests.imaging.phantom.conftest import EACH_CASE


@pytest.fixture(scope="module")
def trunk() -> GeneratedCase:
    """The whole trunk, coarse."""
    return generate("vertebra", spacing_mm=2.5)


def _label(case: GeneratedCase, name: str) -> BoolArray:
    number = next(n for n, known in case.names.items() if known == name)
    mask: BoolArray = case.labels == number
    return mask


def _inner(mask: BoolArray) -> BoolArray:
    inner: BoolArray = ndimage.binary_erosion(mask)
    return inner


# native CT, kV 120: the ranges of textbooks
HU = {
    "liver": (50, 66),
    "spleen": (42, 56),
    "kidney_left": (28, 42),
    "aorta": (36, 55),
    "inferior_vena_cava": (34, 52),
    "iliopsoas_left": (46, 64),
    "autochthon_right": (40, 64),
    "gluteus_maximus_left": (46, 64),
    "urinary_bladder": (-4, 18),
    "lung_lower_lobe_left": (-900, -780),
    "bowel_gas": (-1000, -850),
    "vertebrae_L2": (140, 420),
    "sacrum": (90, 480),
    "hip_left": (150, 700),
    "spinal_cord": (15, 60),
    "disc_L2_L3": (60, 220),
}


@pytest.mark.parametrize("name", HU)
def test_tissues_have_the_values_of_a_native_ct(trunk: GeneratedCase, name: str) -> None:
    mask = _label(trunk, name)
    inner = _inner(mask) if _inner(mask).sum() > 20 else mask
    low, high = HU[name]
    assert low < trunk.volume.hu[inner].mean() < high


def test_fat_air_and_skin(trunk: GeneratedCase) -> None:
    hu = trunk.volume.hu
    body: BoolArray = trunk.labels > 0
    outside: BoolArray = np.asarray(ndimage.distance_transform_edt(~body, sampling=2.5)) > 10
    outside[:, hu.shape[1] // 2 :] = False  # the couch lies behind
    assert np.mean(hu[outside] < -970) > 0.99
    depth = ndimage.distance_transform_edt(body, sampling=2.5)
    layer = (depth > 4.5) & (depth < 8.0) & _label(trunk, "body")
    assert -112 < np.median(hu[layer]) < -85
    shown: BoolArray = np.any(body, axis=1)
    k, i = np.nonzero(shown[:, 60:100])
    j = body[:, :, 60:100].argmax(axis=1)[k, i]
    skin = np.max([hu[k, j + n, i + 60] for n in (0, 1)], axis=0)
    assert np.median(skin) > np.median(hu[layer]) + 15


def test_no_hole_in_the_body_and_one_piece(trunk: GeneratedCase) -> None:
    pieces, count = ndimage.label(trunk.labels > 0)
    assert count == 1
    assert pieces.max() == 1
    filled = ndimage.binary_fill_holes(trunk.labels > 0)
    assert np.array_equal(filled, trunk.labels > 0)


def test_names_are_those_that_other_programs_use(trunk: GeneratedCase) -> None:
    names = {trunk.names[int(n)] for n in np.unique(trunk.labels) if n}
    expected = {f"vertebrae_{level}" for level in ("T11", "T12", "L1", "L2", "L3", "L4", "L5")}
    expected |= {"sacrum", "hip_left", "hip_right", "rib_left_11", "rib_right_12", "femur_right"}
    expected |= {"aorta", "inferior_vena_cava", "kidney_left", "kidney_right", "colon", "liver"}
    expected |= {"lung_lower_lobe_left", "lung_lower_lobe_right", "body", "spinal_canal"}
    expected |= {"spinal_cord", "bowel_gas", "small_bowel", "nerve_root_L3_left", "disc_L4_L5"}
    assert expected <= names
    table = {row.name: row for row in trunk.truth.labels}
    assert set(table) == names
    liver = _label(trunk, "liver").sum() * trunk.volume.grid.voxel_ml
    assert table["liver"].volume_ml == pytest.approx(liver)


def test_bones_lie_where_they_belong(trunk: GeneratedCase) -> None:
    grid = trunk.volume.grid

    def middle(name: str) -> np.ndarray:
        return grid.to_lps(np.argwhere(_label(trunk, name)).mean(axis=0))

    order = ["T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    heights = [middle(f"vertebrae_{level}")[2] for level in order]
    assert heights == sorted(heights, reverse=True)
    gaps = -np.diff(heights)
    assert (gaps > 27).all()
    assert (gaps < 43).all()
    for name in ("hip", "femur", "kidney", "iliopsoas"):
        assert middle(f"{name}_left")[0] > 20
        assert middle(f"{name}_right")[0] < -20
    assert middle("spinal_canal")[1] > middle("vertebrae_L3")[1] - 12
    assert middle("aorta")[0] > middle("inferior_vena_cava")[0]
    assert middle("liver")[0] < 0 < middle("spleen")[0]


def test_bones_are_symmetrical(trunk: GeneratedCase) -> None:
    for name in ("vertebrae_L2", "sacrum"):
        mask = _label(trunk, name)
        both = (mask & mask[:, :, ::-1]).sum() / mask.sum()
        assert both > 0.9, name
    left, right = _label(trunk, "hip_left"), _label(trunk, "hip_right")[:, :, ::-1]
    assert (left & right).sum() / left.sum() > 0.9


def test_the_canal_is_ringed_by_bone_at_the_pedicles(trunk: GeneratedCase) -> None:
    canal = _label(trunk, "spinal_canal") | _label(trunk, "spinal_cord")
    for level in ("L1", "L2", "L4"):
        bone = _label(trunk, f"vertebrae_{level}")
        ringed = [
            (ndimage.binary_fill_holes(bone[k]) & canal[k]).sum() >= 0.9 * canal[k].sum() > 0
            for k in np.flatnonzero(bone.any(axis=(1, 2)))
        ]
        assert any(ringed), level


def test_the_cord_ends_at_l1_l2(trunk: GeneratedCase) -> None:
    grid = trunk.volume.grid
    lowest = grid.to_lps(np.argwhere(_label(trunk, "spinal_cord"))[0])[2]
    l1, l2 = (
        grid.to_lps(np.argwhere(_label(trunk, f"vertebrae_{n}")).mean(axis=0))[2]
        for n in ("L1", "L2")
    )
    assert l2 - 10 < lowest < l1 + 5


@pytest.mark.parametrize("name", EACH_CASE)
def test_the_mask_holds_the_volume_of_the_truth(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    counted = case.lesion.sum() * case.volume.grid.voxel_ml
    assert counted == pytest.approx(case.truth.lesion.volume_ml, rel=0.04)
    assert ndimage.label(case.lesion, np.ones((3, 3, 3)))[1] == 1


@pytest.mark.parametrize("name", EACH_CASE)
def test_the_diameters_are_those_of_the_mask(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    truth = case.truth.lesion
    points = case.volume.grid.to_lps(np.argwhere(case.lesion ^ _inner(case.lesion)))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert truth.length_mm == pytest.approx(gaps.max() + 1.0, abs=1.2)
    first, last = (np.array(p) for p in truth.length_ends_lps_mm)
    axis = (last - first) / truth.length_mm
    across = points - np.outer(points @ axis, axis)
    wide = np.linalg.norm(across[:, None] - across[None], axis=-1).max()
    assert truth.width_mm == pytest.approx(wide + 1.0, abs=1.2)
    formula = truth.length_mm * truth.width_mm**2 / 2000
    assert truth.volume_formula_ml == pytest.approx(formula)


@pytest.mark.parametrize("name", EACH_CASE)
def test_centre_and_seed_lie_inside(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    for place in (case.truth.lesion.centre_lps_mm, case.truth.lesion.seed_lps_mm):
        index = case.volume.grid.nearest(place)
        assert index is not None
        assert case.lesion[index]


@pytest.mark.parametrize("name", EACH_CASE)
def test_the_lesion_has_the_density_of_its_kind(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    inner = _inner(_inner(case.lesion)) if name != "rib" else _inner(case.lesion)
    mean = case.volume.hu[inner].mean()
    low, high = {"lytic": (35, 55), "mixed": (90, 350), "blastic": (550, 800)}[
        case.truth.lesion.kind
    ]
    assert low < mean < high


@pytest.mark.parametrize("name", EACH_CASE)
def test_breach_means_reaching_outside_the_bone(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    structure = case.truth.lesion.structure
    assert structure is not None
    # outside the bone and what its joints and marrow hold: soft tissue labels
    bone = ndimage.binary_dilation(_label(case, structure))
    outside = (case.lesion & ~bone).sum() * case.volume.grid.voxel_ml
    if case.truth.lesion.cortical_breach:
        assert outside > 0.1
    else:
        assert outside == 0
    canal = _label(case, "spinal_canal") if "spinal_canal" in case.names.values() else None
    if canal is not None:
        entered = case.truth.findings is not None and case.truth.findings.posterior_wall_breach
        assert bool((canal & case.lesion).any()) == bool(entered)


@pytest.mark.long
def test_the_case_of_each_name_is_what_it_says(close: dict[str, GeneratedCase]) -> None:
    lesions = {name: close[name].truth.lesion for name in cases()}
    assert lesions["vertebra"].structure == "vertebrae_L3"
    assert 22 < lesions["vertebra"].length_mm < 28
    assert not lesions["vertebra"].cortical_breach
    assert lesions["rib"].bone == "rib"
    assert lesions["ilium"].cortical_breach
    assert lesions["ilium"].bone == "ilium"
    assert next(iter(cases())) == "vertebra"
    assert lesions["femur"].bone == "femur"
    assert lesions["femur"].structure == "femur_left"
    assert lesions["acetabulum"].bone == "acetabulum"
    assert lesions["acetabulum"].structure == "hip_left"
    assert (lesions["sacrum_s1"].bone, lesions["sacrum_s1"].level) == ("sacrum", "S1")
    assert (lesions["blastic_ilium"].kind, lesions["mixed"].kind) == ("blastic", "mixed")
    assert (lesions["mixed"].level, lesions["osteoporosis"].level) == ("T12", "L3")


NAMES_SHA256 = "8eab2a772ad396ee09c72164c8e50975980c9794a07ec94153871627308bfac2"
VOXELS = {
    "disc_L2_L3": 12307,
    "vertebrae_L3": 37941,
    "spinal_canal": 10868,
    "iliopsoas_left": 17376,
}
SUM_HU = 13560411


def test_the_lower_trunk_stays_what_references_of_exercises_rest_on(
    close: dict[str, GeneratedCase],
) -> None:
    case = close["vertebra"]
    names = json.dumps(case.names, sort_keys=True).encode()
    assert hashlib.sha256(names).hexdigest() == NAMES_SHA256
    for name, count in VOXELS.items():  # another processor may round a voxel on an edge otherwise
        assert int(_label(case, name).sum()) == pytest.approx(count, abs=3)
    assert int(case.volume.hu.astype(int).sum()) == pytest.approx(SUM_HU, abs=500)


def test_the_same_seed_gives_the_same_case_and_another_another() -> None:
    one, same, other = (generate("rib", spacing_mm=2.0, margin_mm=12.0, seed=s) for s in (5, 5, 6))
    assert np.array_equal(one.volume.hu, same.volume.hu)
    assert one.truth == same.truth
    assert one.volume.series.uid != other.volume.series.uid
    assert one.truth.lesion.volume_ml != other.truth.lesion.volume_ml


def test_noise_has_the_texture_of_a_scanner(trunk: GeneratedCase) -> None:
    case = generate("vertebra", margin_mm=55.0)
    muscle = _inner(_inner(_label(case, "iliopsoas_left")))
    deviation = case.volume.hu[muscle].std()
    assert 11 < deviation < 21
    image = case.volume.hu.astype(float) - case.volume.hu[muscle].mean()
    pairs = muscle[:, :, 1:] & muscle[:, :, :-1]
    neighbours = (image[:, :, 1:] * image[:, :, :-1])[pairs].mean() / deviation**2
    assert 0.2 < neighbours < 0.8


def test_an_unknown_case_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ImagingError) as refused:
        generate("knee")
    assert refused.value.code == "unknown_case"
    assert "vertebra" in str(refused.value)


def test_generating_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        generate("vertebra", spacing_mm=4.0, progress=Progress(is_cancelled=lambda: True))
