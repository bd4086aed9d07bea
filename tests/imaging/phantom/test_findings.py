"""What is said of a generated lesion, measured again on the picture and its labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.geometry import BoolArray, FloatArray
from imaging.phantom import femur, pelvis, spine
from imaging.phantom.cases import GeneratedCase, cases, generate
from imaging.phantom.lesion import build
from imaging.phantom.solids import Shape
from imaging.phantom.truth import Findings
from tests.imaging.phantom.conftest import EACH_CASE


def _findings(case: GeneratedCase) -> Findings:
    assert case.truth.findings is not None
    return case.truth.findings


def _label(case: GeneratedCase, name: str) -> BoolArray:
    number = next(n for n, known in case.names.items() if known == name)
    mask: BoolArray = case.labels == number
    return mask


def _away(mask: BoolArray, spacing_mm: float = 1.0) -> FloatArray:
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm))


@pytest.mark.parametrize("name", EACH_CASE)
def test_distances_are_those_between_the_masks(close: dict[str, GeneratedCase], name: str) -> None:
    case = close[name]
    found = _findings(case)
    seen = 0
    for group, structure in found.nearest.items():
        expected = found.distance_mm[group]
        if group in ("skin", "joint") or expected > 12:
            continue
        mask = _label(case, structure)
        if structure == "spinal_canal":
            mask |= _label(case, "spinal_cord") if "spinal_cord" in case.names.values() else False
            mask |= np.isin(
                case.labels, [n for n, s in case.names.items() if s.startswith("nerve_root")]
            ) & (_away(mask) < 3)
        if not mask.any():
            continue
        between = float(_away(mask)[case.lesion].min())
        assert between == pytest.approx(expected + (0.0 if expected == 0 else 1.0), abs=1.7)
        seen += 1
    if name.startswith(("vertebra", "posterior", "mixed", "osteo", "sacrum_s1")):
        assert seen >= 2


@pytest.mark.parametrize("name", EACH_CASE)
def test_only_the_breached_wall_is_breached(close: dict[str, GeneratedCase], name: str) -> None:
    in_spine = close[name].truth.lesion.bone in ("vertebra", "sacrum")
    breached = name in ("posterior_wall_breach", "cord_compression")
    assert _findings(close[name]).posterior_wall_breach == (breached if in_spine else None)


def test_a_breached_wall_is_told_with_what_lies_behind_it(close: dict[str, GeneratedCase]) -> None:
    found = _findings(close["posterior_wall_breach"])
    assert found.escc == "1b"
    assert found.cortical_breach_towards == "canal"
    assert found.distance_mm["spinal_canal"] == 0
    assert found.distance_mm["spinal_cord"] > 5
    assert _findings(close["posterior_wall"]).escc == "0"
    assert _findings(close["posterior_wall"]).cortical_breach_towards == "soft_tissue"


@pytest.mark.parametrize("name", EACH_CASE)
def test_the_place_of_the_breach_is_a_hole_in_the_bone(
    close: dict[str, GeneratedCase], name: str
) -> None:
    case = close[name]
    place = _findings(case).cortical_breach_lps_mm
    assert (place is not None) == case.truth.lesion.cortical_breach
    if place is None:
        return
    index = case.volume.grid.nearest(place)
    assert index is not None
    assert case.lesion[index]
    assert case.truth.lesion.structure is not None
    bone = _label(case, case.truth.lesion.structure)
    edge = bone ^ ndimage.binary_erosion(bone)
    assert _away(edge)[index] < 2.0
    assert case.volume.hu[index] < {"lytic": 200, "mixed": 700}[case.truth.lesion.kind]


def test_the_sac_is_pressed_but_the_roots_behind_stay(close: dict[str, GeneratedCase]) -> None:
    case = close["posterior_wall_breach"]
    grid = case.volume.grid
    points = grid.to_lps(np.argwhere(case.lesion))
    depth = -spine.sac_shape().field().at(points)
    assert 0.5 < depth.max() < 2.3


def test_a_collapsed_vertebra_is_lower_in_front_only() -> None:
    one = spine.vertebrae()["L2"]

    def height(collapse: float, v: float) -> float:
        ways = one.frame.lps([[4.0, v, w] for w in np.arange(-20, 20, 0.25)])
        return float((spine.bone_shape("L2", collapse).field().at(ways) < 0).sum() * 0.25)

    front, back = -one.wall_mm + 3.0, one.wall_mm - 4.0
    expected = 30.0 * (1 - 3.0 / one.depth_mm)  # the endplate falls straight from the wall
    assert 100 * (1 - height(30.0, front) / height(0.0, front)) == pytest.approx(expected, abs=6)
    assert height(30.0, back) > 0.9 * height(0.0, back)


def test_the_femur_has_a_thick_shaft_and_a_calcar() -> None:
    cortex = femur.cortex_shape(1.0).field()

    def thickness(start: FloatArray, way: FloatArray) -> float:
        steps = np.arange(0.0, 40.0, 0.2)[:, None]
        inside = cortex.at(start + steps * way) < 0
        first = int(np.argmax(inside))
        return float(np.argmin(inside[first:]) * 0.2)

    shaft = pelvis.from_s1([122.0, -15.5, -205.0])
    for way in ([1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]):
        assert 4.5 < thickness(shaft, np.array(way, dtype=float)) < 8.0
    neck = pelvis.from_s1([108.4, -18.0, -128.8])
    across = np.array([0.63, 0.0, 0.78])  # up and out, across the neck
    assert thickness(neck, -across) > thickness(neck, across) + 0.8
    head = pelvis.head_centre()
    assert 0.8 < thickness(head, np.array([0.0, 0.0, 1.0])) < 2.2
    marrow = femur.marrow_shape(1.0).field()
    assert marrow.at(shaft) < -5


def test_the_femur_is_about_to_break(close: dict[str, GeneratedCase]) -> None:
    case = close["femur"]
    found = _findings(case)
    assert found.impending_fracture is True
    assert found.long_bone_site == "peritrochanteric"
    bone = _label(case, "femur_left")
    parts = []
    for k in np.flatnonzero(case.lesion.any(axis=(1, 2))):
        for axis in (0, 1):
            taken, whole = ((m[k].any(axis=axis)).sum() for m in (case.lesion & bone, bone))
            parts.append(taken / whole)
    assert found.long_bone_fraction == pytest.approx(max(parts), abs=0.06)
    assert found.cortex_fraction is not None
    assert 0.25 < found.cortex_fraction < 0.7
    assert 2 / 3 < max(parts) < 1


@pytest.mark.long
def test_the_hip_joint_is_spared_by_the_lesion_of_the_acetabulum(
    close: dict[str, GeneratedCase],
) -> None:
    case = close["acetabulum"]
    found = _findings(case)
    assert found.nearest["joint"] == "hip_joint"
    assert 0.5 < found.distance_mm["joint"] < 4
    points = case.volume.grid.to_lps(np.argwhere(case.lesion))
    radius = np.linalg.norm(points - pelvis.head_centre(), axis=1)
    assert radius.min() - pelvis.SOCKET_RADIUS_MM == pytest.approx(
        found.distance_mm["joint"], abs=1.0
    )
    assert (_label(case, "femur_left") & case.lesion).sum() == 0


@pytest.mark.long
def test_the_first_sacral_root_passes_close_to_the_lesion_of_s1(
    close: dict[str, GeneratedCase],
) -> None:
    found = _findings(close["sacrum_s1"])
    assert found.nearest["nerve_root"] == "nerve_root_sacral"
    assert 1 < found.distance_mm["nerve_root"] < 6
    case = cases()["sacrum_s1"]
    solid = build(case, case.seed).solid
    points = solid.points_lps_mm()[solid.values < 0]
    top = spine.sacral_top()
    below = -((points - top.centre_lps_mm) @ top.axes_lps[2]).max()
    assert 0.5 < below < 6  # under the endplate


def test_a_mixed_lesion_has_both_parts(close: dict[str, GeneratedCase]) -> None:
    case = close["mixed"]
    hu = case.volume.hu[ndimage.binary_erosion(case.lesion)]
    assert 0.25 < np.mean(hu > 350) < 0.5
    assert np.mean(hu < 120) > 0.35
    assert np.percentile(hu, 95) > 550


@pytest.mark.long
def test_a_blastic_lesion_is_denser_than_its_marrow(close: dict[str, GeneratedCase]) -> None:
    case = close["blastic_ilium"]
    core = ndimage.binary_erosion(case.lesion, iterations=2)
    assert 600 < case.volume.hu[core].mean() < 900
    bone = _label(case, "hip_right")
    away = _away(case.lesion)
    deep = ndimage.distance_transform_edt(bone) > 3.5
    marrow = case.volume.hu[deep & (away > 2.5)]
    assert 60 < marrow.mean() < 200


def test_osteoporotic_bone_gives_little_contrast(close: dict[str, GeneratedCase]) -> None:
    weak, sound = close["osteoporosis"], close["vertebra"]

    def marrow(case: GeneratedCase) -> float:
        bone = _label(case, "vertebrae_L3")
        deep = ndimage.distance_transform_edt(bone) > 4.0
        return float(case.volume.hu[deep & (_away(case.lesion) > 2.5)].mean())

    assert marrow(weak) == pytest.approx(90, abs=20)
    assert marrow(sound) == pytest.approx(175, abs=30)
    core = ndimage.binary_erosion(weak.lesion, iterations=2)
    assert weak.volume.hu[core].mean() == pytest.approx(45, abs=6)


def test_the_part_of_the_body_is_that_of_the_mask(close: dict[str, GeneratedCase]) -> None:
    case = close["vertebra"]
    shape = Shape((spine.body_oval("L3"),)).field()
    places = case.volume.grid.to_lps(np.argwhere(case.lesion))
    taken = (shape.at(places) < 0).sum() * case.volume.grid.voxel_ml
    whole = (shape.values < 0).sum() * shape.step_mm**3 / 1000
    assert _findings(case).body_involved_percent == pytest.approx(100 * taken / whole, abs=1)


@pytest.mark.long
@pytest.mark.parametrize("name", EACH_CASE)
def test_the_whole_picture_of_a_case_reaches_the_skin(name: str) -> None:
    case = generate(name, spacing_mm=(2.5, 1.6, 1.6))
    body = case.labels > 0
    middle = case.volume.grid.nearest(case.truth.lesion.centre_lps_mm)
    assert middle is not None
    k = middle[0]
    assert k * 2.5 > 25
    assert (len(body) - 1 - k) * 2.5 > 25
    assert not body[:, :, (0, -1)].any()
    shows_a_hip = case.truth.lesion.bone in ("acetabulum", "femur", "ilium")
    assert (1000 if shows_a_hip else 500) < case.volume.hu.max() < 1900
