"""The upper trunk: what a radiologist would look for, on one coarse picture of all of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imaging.geometry import BoolArray, FloatArray
from imaging.phantom import spine
from imaging.phantom.cases import GeneratedCase, cases, find_case, generate
from imaging.phantom.lesion import Epidural, build
from imaging.phantom.pressed_cord import crowding
from imaging.phantom.sites import COLUMNS, Site, anchor
from imaging.phantom.truth import Findings
from imaging.phantom.upper import shoulder
from imaging.phantom.upper.column import UPPER

SPACING_MM = 5.0
UPPER_CASES = [name for name, case in cases().items() if case.body == "upper_trunk"]


@pytest.fixture(scope="module")
def trunk() -> GeneratedCase:
    """The shoulders and the chest down to T9, coarse."""
    return generate("humerus", spacing_mm=SPACING_MM)


def _label(case: GeneratedCase, name: str) -> BoolArray:
    number = next(n for n, known in case.names.items() if known == name)
    mask: BoolArray = case.labels == number
    return mask


def _middle(case: GeneratedCase, name: str) -> FloatArray:
    return case.volume.grid.to_lps(np.argwhere(_label(case, name)).mean(axis=0))


def _findings(case: GeneratedCase) -> Findings:
    assert case.truth.findings is not None
    return case.truth.findings


# native CT, kV 120: the ranges of textbooks
HU = {
    "lung_upper_lobe_left": (-900, -780),
    "lung_lower_lobe_right": (-900, -780),
    "trachea": (-1000, -700),
    "aorta": (30, 60),
    "heart": (25, 60),
    "deltoid_left": (40, 66),
    "subscapularis_right": (40, 66),
    "vertebrae_T7": (140, 460),
    "scapula_left": (120, 900),
    "humerus_right": (120, 900),
    "spinal_cord": (-20, 60),
}


@pytest.mark.parametrize("name", HU)
def test_tissues_have_the_values_of_a_native_ct(trunk: GeneratedCase, name: str) -> None:
    mask = _label(trunk, name) & ~trunk.lesion
    inner = ndimage.binary_erosion(mask)
    low, high = HU[name]
    assert low < trunk.volume.hu[inner if inner.sum() > 20 else mask].mean() < high


def test_the_names_are_those_that_the_planning_watches(trunk: GeneratedCase) -> None:
    names = {trunk.names[int(n)] for n in np.unique(trunk.labels) if n}
    expected = {f"vertebrae_T{n}" for n in range(1, 10)} | {"sternum", "body", "spinal_canal"}
    expected |= {f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 9)}
    for side in ("left", "right"):
        expected |= {f"{bone}_{side}" for bone in ("scapula", "humerus", "clavicula")}
        expected |= {f"lung_upper_lobe_{side}", f"lung_lower_lobe_{side}"}
        expected |= {f"axillary_artery_{side}", f"subclavian_vein_{side}"}
        expected |= {f"brachial_plexus_{side}", f"axillary_nerve_{side}", f"bronchus_{side}"}
        expected |= {f"nerve_root_T4_{side}", f"subscapularis_{side}"}
    expected |= {"heart", "aorta", "trachea", "esophagus", "spinal_cord", "superior_vena_cava"}
    expected |= {"pulmonary_artery", "brachiocephalic_trunk", "lung_middle_lobe_right"}
    assert expected <= names


def test_everything_lies_on_its_side_and_in_its_order(trunk: GeneratedCase) -> None:
    for name in trunk.names.values():
        if name.endswith("_left") and _label(trunk, name).any():
            assert _middle(trunk, name)[0] > 0, name
        if name.endswith("_right") and _label(trunk, name).any():
            assert _middle(trunk, name)[0] < 0, name
    heights = [_middle(trunk, f"vertebrae_T{n}")[2] for n in range(2, 9)]
    assert (np.diff(heights) < -15).all()
    assert _middle(trunk, "heart")[0] > 0 > _middle(trunk, "superior_vena_cava")[0]
    assert _middle(trunk, "trachea")[1] < _middle(trunk, "esophagus")[1]
    assert _middle(trunk, "sternum")[1] < _middle(trunk, "heart")[1]
    for side in ("left", "right"):
        blade, rib = _middle(trunk, f"scapula_{side}"), _middle(trunk, f"rib_{side}_4")
        assert blade[1] > rib[1]
        muscle = _middle(trunk, f"subscapularis_{side}")
        assert _middle(trunk, f"infraspinatus_{side}")[1] > blade[1] > muscle[1]


def test_bones_and_organs_are_in_one_piece_and_the_body_has_no_hole(trunk: GeneratedCase) -> None:
    joined = np.ones((3, 3, 3))
    whole = ["sternum", "heart", "spinal_cord", "lung_upper_lobe_left", "trachea", "vertebrae_T5"]
    whole += ["scapula_left", "humerus_right", "clavicula_left", "subscapularis_right"]
    for name in whole:
        sizes = np.bincount(ndimage.label(_label(trunk, name), joined)[0].ravel())[1:]
        assert sizes.max() > 0.98 * sizes.sum(), name
    body = trunk.labels > 0
    assert ndimage.label(body)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(body), body)


def test_no_bone_reaches_the_skin(trunk: GeneratedCase) -> None:
    depth = ndimage.distance_transform_edt(trunk.labels > 0, sampling=SPACING_MM)
    depth[0] = depth[-1] = 99.0  # the slices at both ends are cut, not skin
    bones = [
        n for n in trunk.names.values() if n.startswith(("rib", "hum", "scap", "clav", "ster"))
    ]
    for name in bones:
        mask = _label(trunk, name)
        if mask.any():
            assert depth[mask].min() >= SPACING_MM, name


def test_left_and_right_bones_mirror_each_other(trunk: GeneratedCase) -> None:
    for bone in ("scapula", "clavicula", "humerus"):
        left, right = (_label(trunk, f"{bone}_{side}") for side in ("left", "right"))
        assert (left & right[:, :, ::-1]).sum() > 0.85 * left.sum(), bone


def test_the_shaft_of_the_humerus_has_a_thick_cortex() -> None:
    cortex = shoulder.humerus_cortex(1.0).field()
    axis = shoulder.humerus_axis(1.0) - [0.0, 0.0, 30.0]
    steps = np.arange(0.0, 20.0, 0.2)[:, None]
    for way in ([1.0, 0, 0], [-1.0, 0, 0]):
        inside = cortex.at(axis + [2.0, 6.0, 0.0] + steps * way) < 0
        assert 2.5 < inside.sum() * 0.2 < 6.5


@pytest.mark.parametrize("name", UPPER_CASES)
def test_each_case_lies_in_the_bone_it_names(close: dict[str, GeneratedCase], name: str) -> None:
    truth = close[name].truth.lesion
    expected = {
        "scapula": ("scapula", "right", "scapula_right"),
        "cord_compression": ("vertebra", "midline", "vertebrae_T8"),
        "humerus": ("humerus", "left", "humerus_left"),
        "sternum": ("sternum", "midline", "sternum"),
    }
    assert (truth.bone, truth.side, truth.structure) == expected[name]
    assert truth.cortical_breach


def test_the_lesion_of_the_scapula_invades_the_subscapularis(
    close: dict[str, GeneratedCase],
) -> None:
    case = close["scapula"]
    truth, found = case.truth.lesion, _findings(case)
    assert 33 < truth.length_mm < 39
    assert 26 < truth.width_mm < 31
    muscle = _label(case, "subscapularis_right") & case.lesion
    assert muscle.sum() * case.volume.grid.voxel_ml > 0.5
    assert not (_label(case, "infraspinatus_right") & case.lesion).any()
    assert found.nearest["joint"] == "glenohumeral_joint"
    assert 1 < found.distance_mm["joint"] < 15


def test_the_cord_gives_way_until_no_fluid_is_left(close: dict[str, GeneratedCase]) -> None:
    case = close["cord_compression"]
    found = _findings(case)
    assert (found.escc, found.posterior_wall_breach) == ("3", True)
    assert found.cortical_breach_towards == "canal"
    assert found.distance_mm["spinal_cord"] == 0
    cord = _label(case, "spinal_cord")
    assert not (cord & case.lesion).any()
    areas = cord.sum(axis=(1, 2)) * 1.0
    pressed = case.lesion.any(axis=(1, 2))
    assert areas[pressed].min() > 0.4 * areas.max()  # flat, but there
    front = [np.argwhere(cord[k])[:, 0].min() for k in range(len(cord))]
    assert max(front) - min(front) >= 3  # it lies further back where it is pressed


@pytest.mark.long
def test_the_degree_of_compression_follows_the_depth_of_the_lesion() -> None:
    case = find_case("cord_compression")
    assert case.epidural is not None
    degrees = []
    fluid = []
    for depth_mm in (5.0, 9.0, 18.0):
        _, y, z = case.epidural.offset_mm
        part = Epidural(offset_mm=(0.0, y, z), diameters_mm=(24.0, depth_mm, 18.0), indent_mm=9.0)
        lesion = build(case.model_copy(update={"epidural": part}), case.seed)
        crowded = crowding(lesion.solid, lesion.cord, UPPER)
        degrees.append(crowded.gap_mm)
        fluid.append(crowded.fluid_left)
        assert (lesion.cord is None) == (crowded.gap_mm >= 0)
    assert (np.diff(degrees) < 0).all()
    assert (np.diff(fluid) <= 0).all()
    assert fluid[0] > 0.9
    assert fluid[-1] < 0.1


def test_the_humerus_is_about_to_break(close: dict[str, GeneratedCase]) -> None:
    found = _findings(close["humerus"])
    assert found.long_bone_site == "upper_limb"
    assert found.long_bone_fraction is not None
    assert 2 / 3 < found.long_bone_fraction <= 1
    assert found.impending_fracture is True


def test_both_bodies_stand_in_one_frame() -> None:
    for level in ("T10", "T11", "T12", "L1"):
        lower, upper = spine.vertebrae()[level], spine.vertebrae(UPPER)[level]
        assert lower.frame.centre_lps_mm == pytest.approx(upper.frame.centre_lps_mm)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("part", ["scapula", "humerus", "clavicle", "sternum", "rib", "vertebra"])
def test_each_site_lies_inside_its_bone(part: str, side: str) -> None:
    levels = {"rib": "T5", "vertebra": "T6"}
    site = Site.model_validate({"part": part, "level": levels.get(part), "side": side})
    at = anchor(site, "upper_trunk")
    assert at.answer == part
    assert at.bone.field().at(at.place_lps_mm) < 0
    assert at.axes_lps @ at.axes_lps.T == pytest.approx(np.eye(3), abs=1e-9)
    if part in ("scapula", "humerus", "clavicle", "rib"):
        assert (at.place_lps_mm[0] > 0) == (side == "left")


def test_every_body_has_its_column() -> None:
    assert set(COLUMNS) == {"lower_trunk", "upper_trunk"}
