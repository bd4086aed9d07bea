"""Each limit on bodies of simple shapes, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from imaging.geometry import Grid
from imaging.structures.labels import structures_from
from imaging.volume import Volume
from planning.access.judge import Judge
from planning.access.needles import needle_named
from planning.access.posture import Position, posture_of_ct
from planning.access.request import AccessRequest, Proposal
from planning.access.search import search_access, search_with_first_trocar
from planning.access.settings import settings_with
from planning.errors import NothingFeasible, PlanningError
from tests.planning.access.scenes import AORTA, BODY, BONE, LUNG, RIB, Block


def _angle_deg(one: Proposal) -> float:
    x, y, _ = np.subtract(one.entry_lps_mm, one.target_lps_mm)
    return float(np.degrees(np.arctan2(y, x)))


def test_a_free_body_is_entered_in_plane_and_at_the_middle() -> None:
    best = search_access(Block().request()).proposals[0]
    assert abs(best.angle_to_axial_deg) < 3.0
    assert best.bone_mm == 0.0
    assert best.length_mm == pytest.approx(90.0, abs=12.0)
    assert [one.name for one in best.crossed][-2:] == ["body", "lesion"]


def test_a_tunnel_barely_wider_than_the_margins_is_found() -> None:
    block = Block(spacing_mm=1.0, radius_mm=60.0, length_mm=120.0)
    away = np.hypot(np.hypot(block.x, block.y), block.z)
    off_axis = np.hypot(block.y - 0.4 * block.x - 3.0, block.z)
    tunnel = (block.x > 0) & (off_axis / np.hypot(1.0, 0.4) < 6.0)
    block.put(AORTA, (away > 18.0) & (away < 40.0) & ~tunnel)
    found = search_access(block.request(top=3))
    for one in found.proposals:
        assert -45.0 < _angle_deg(one) < 60.0
        assert one.clearance_mm["aorta"] >= 3.0 - 1e-6


def test_a_sealed_lesion_is_not_reached_whatever_the_trocar() -> None:
    block = Block()
    away = np.hypot(np.hypot(block.x, block.y), block.z)
    block.put(AORTA, (away > 18.0) & (away < 26.0))
    with pytest.raises(NothingFeasible) as refusal:
        search_with_first_trocar(block.request())
    assert any(one.where.endswith("aorta") for one in refusal.value.problems)


def test_a_longer_trocar_is_taken_where_the_first_is_too_short() -> None:
    found = search_with_first_trocar(Block(radius_mm=175.0, spacing_mm=3.0).request(top=1))
    assert found.needle == "trocar_13g_200"
    assert found.proposals[0].length_mm > 150.0


@pytest.mark.parametrize(
    ("position", "down"),
    [
        (Position.SUPINE, (0, 1)),
        (Position.PRONE, (0, -1)),
        (Position.LEFT, (1, 0)),
        (Position.RIGHT, (-1, 0)),
    ],
)
def test_no_way_enters_through_the_couch(position: Position, down: tuple[int, int]) -> None:
    for one in search_access(Block().request(position=position, top=8)).proposals:
        outward = np.array(one.entry_lps_mm[:2]) / np.hypot(*one.entry_lps_mm[:2])
        assert outward @ down < 0.55
        assert position in one.positions


def test_another_posture_than_that_of_the_ct_is_provisional() -> None:
    supine = Block(patient_position="HFS")
    as_in_ct = search_access(supine.request(position=Position.SUPINE, top=1)).proposals[0]
    turned = search_access(supine.request(position=Position.PRONE, top=1)).proposals[0]
    unknown = search_access(Block(patient_position="").request(top=1)).proposals[0]
    assert as_in_ct.provisional == ()
    assert turned.provisional == ("posture",)
    assert unknown.provisional == ("posture_unknown",)


def test_postures_of_dicom() -> None:
    assert posture_of_ct("FFP") == Position.PRONE
    assert posture_of_ct("HFDL") == Position.LEFT
    assert posture_of_ct("FFDR") == Position.RIGHT
    assert posture_of_ct("SITTING") is None


def test_a_way_beside_the_lung_is_provisional() -> None:
    block = Block()
    block.put(LUNG, (block.labels > 0) & (np.abs(block.z) > 9.0))
    one = search_access(block.request(top=1)).proposals[0]
    assert "breathing" in one.provisional
    assert one.clearance_mm["lung"] >= 3.0


def test_bone_met_too_flat_is_refused_and_its_angle_is_right() -> None:
    block = Block(spacing_mm=1.0, radius_mm=60.0, length_mm=100.0)
    block.put(BONE, (np.abs(block.y) <= 14.0) & block.inside)
    judge = Judge.of(block.request())
    for degrees in (30.0, 50.0, 80.0):
        slope = np.tan(np.radians(degrees))
        entry = np.array([-58.0 / np.hypot(1, slope), 58.0 * slope / np.hypot(1, slope), 0.0])
        way = judge.judge(entry, np.zeros(3))
        assert way.cortex_angle_deg == pytest.approx(degrees, abs=4.0)
        assert "flat_to_cortex" not in way.against
    flat = judge.judge(np.array([-52.0, 27.0, 0.0]), np.array([0.0, 9.0, 0.0]))
    assert "flat_to_cortex" in flat.against


def test_a_thin_needle_passes_only_where_the_cortex_is_broken() -> None:
    block = Block(spacing_mm=1.0, radius_mm=60.0, length_mm=100.0)
    away = np.hypot(np.hypot(block.x, block.y), block.z)
    shell = (away > 10.0) & (away < 11.5)
    block.put(BONE, shell & ~((block.y > 0) & (np.hypot(block.x, block.z) < 5.0)))
    for one in search_access(block.request("infiltration_22g_90", top=5)).proposals:
        assert one.entry_lps_mm[1] > 20.0
        assert one.bone_mm < 1.0


def test_a_needle_that_would_stand_out_of_the_gantry_is_refused() -> None:
    block = Block()
    narrow = settings_with(bore_mm=500.0, grip_mm=150.0)
    plain = search_access(block.request())
    tight = search_access(block.request(settings=narrow))
    assert "hits_gantry" not in plain.rejected
    assert tight.rejected["hits_gantry"] > 0
    for one in tight.proposals:
        out = 150.0 - one.length_mm + 150.0
        along = np.subtract(one.entry_lps_mm, one.target_lps_mm) / one.length_mm
        assert np.hypot(*(np.array(one.entry_lps_mm) + out * along)[:2]) <= 250.0


def test_ribs_are_passed_over_their_upper_border() -> None:
    block = Block(spacing_mm=1.0, radius_mm=70.0, length_mm=80.0)
    ring = np.abs(np.hypot(block.x, block.y) - 50.0) < 5.0
    for height in (-24.0, 0.0, 24.0):
        block.put(RIB, ring & (np.abs(block.z - height) < 6.0))
    found = search_access(block.request(top=8, settings=settings_with(costovertebral_mm=0.0)))
    assert found.assumed == ("intercostal_bundle_assumed",)
    for one in (*found.proposals, *found.front):
        way = np.linspace(one.entry_lps_mm, one.target_lps_mm, 400)
        between = way[np.abs(np.hypot(way[:, 0], way[:, 1]) - 50.0) < 5.0]
        for height in (-24.0, 0.0, 24.0):
            under = between[:, 2] - (height - 6.0)
            assert not ((under < -0.8) & (under > -4.0)).any()


def test_share_of_needles_that_stay_safe_agrees_with_the_normal_law() -> None:
    block = Block(spacing_mm=1.0, radius_mm=60.0, length_mm=100.0)
    block.lesion = np.hypot(np.hypot(block.x, block.y), block.z) <= 4.0
    block.put(AORTA, (block.x > 5.5) & (block.labels > 0))
    settings = settings_with(hand_angle_deg=0.0, hand_offset_mm=4.0)
    judge = Judge.of(block.request(settings=settings, margins_mm={"aorta": 0.0}))
    hand = judge.by_hand(np.array([[0.0, 60.0, 0.0]]), np.array([[0.0, 0.0, 0.0]]))[0]
    gap_mm = 5.5 - 2.41 / 2  # to the face of the first voxel, less the needle's radius
    assert hand[0] == pytest.approx(norm.cdf(gap_mm / 4.0), abs=0.04)
    inside = 1.0 - np.exp(-0.5 * (4.5 / 4.0) ** 2)  # of a disc, by Rayleigh's law
    assert hand[1] == pytest.approx(inside, abs=0.1)


def test_a_clumsier_hand_is_never_safer() -> None:
    block = Block()
    block.put(AORTA, (block.x > 14.0) & (block.labels > 0))
    way = np.array([[0.0, 88.0, 0.0]]), np.zeros((1, 3))
    shares = [
        Judge.of(block.request(settings=settings_with(hand_angle_deg=deg))).by_hand(*way)[0, 0]
        for deg in (0.0, 2.0, 5.0, 10.0)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < shares[0]


def test_what_an_imported_map_leaves_unnamed_comes_last() -> None:
    block = Block(radius_mm=130.0, spacing_mm=3.0)
    spine = (np.abs(block.x) < 20) & (block.y > 60) & (block.y < 80)
    block.put(BONE, spine)
    block.labels[(block.labels == 1) & (block.y < 50)] = 0
    block.lesion = np.hypot(np.hypot(block.x, block.y - 60), block.z) <= 10.0
    block.names[BODY] = "autochthon_left"
    found = search_access(block.request(top=1, needle_id="trocar_13g_200"))
    assert found.proposals[0].entry_lps_mm[1] > 60.0
    assert found.proposals[0].terms["cleared"] == 1.0
    assert "not_cleared" not in found.proposals[0].provisional
    from_the_front = Judge.of(block.request("trocar_13g_200")).judge(
        np.array([0.0, -129.0, 0.0]), np.array([0.0, 55.0, 0.0])
    )
    assert "not_cleared" in from_the_front.provisional


def test_contradictions_are_refused_together() -> None:
    block = Block()
    with pytest.raises(PlanningError) as refusal:
        search_access(block.request(targets_lps_mm=((50.0, 0.0, 0.0), (0.0, 0.0, 70.0))))
    assert [one.code for one in refusal.value.problems] == ["target_outside"] * 2
    with pytest.raises(PlanningError) as refusal:
        settings_with(bore_mm=20.0, hand_angle_deg=-1.0, spoon=3.0)
    assert {one.where for one in refusal.value.problems} == {"bore_mm", "hand_angle_deg", "spoon"}


def test_an_empty_lesion_and_a_body_beyond_the_image_are_refused() -> None:
    block = Block()
    block.lesion = np.zeros_like(block.lesion)
    with pytest.raises(PlanningError) as refusal:
        search_access(block.request())
    assert refusal.value.problems[0].code == "no_lesion"
    filled = Block()
    filled.labels[:] = 1
    with pytest.raises(PlanningError) as refusal:
        search_access(filled.request())
    assert refusal.value.problems[0].code == "no_skin"


def test_a_way_drawn_by_hand_hears_of_every_limit_it_breaks() -> None:
    block = Block()
    block.put(AORTA, (np.hypot(block.x, block.y - 50) < 8) & (block.labels > 0))
    judge = Judge.of(block.request(position=Position.SUPINE))
    way = judge.judge(np.array([0.0, 90.0, 0.0]), np.array([0.0, -20.0, 0.0]))
    assert set(way.against) == {"crosses:aorta", "target_outside_lesion", "skin_faces_couch"}
    assert way.rank == 0
    assert way.length_mm == pytest.approx(110.0, abs=2.0)


def test_a_way_that_begins_inside_the_body_or_in_the_air_is_not_from_the_skin() -> None:
    judge = Judge.of(Block().request())
    for entry in ([0.0, 40.0, 0.0], [0.0, 101.0, 0.0]):
        assert "entry_not_on_skin" in judge.judge(np.array(entry), np.zeros(3)).against
    assert judge.judge(np.array([0.0, 90.0, 0.0]), np.zeros(3)).against == ()
    assert "entry_not_on_skin" in judge.judge(np.zeros(3), np.zeros(3)).against


def test_what_lies_behind_the_first_limit_broken_is_told_too() -> None:
    block = Block(spacing_mm=1.0, radius_mm=60.0, length_mm=80.0)
    block.put(AORTA, np.hypot(block.x, block.y - 48.0) < 5.0)
    block.put(BONE, (np.abs(block.y - 25.0) < 4.0) & (np.abs(block.x) < 20.0))
    way = Judge.of(block.request("infiltration_22g_90")).judge(
        np.array([0.0, 60.0, 0.0]), np.zeros(3)
    )
    assert {"crosses:aorta", "intact_cortex", "more_bone_than_needle_passes"} <= set(way.against)
    assert way.cortex_angle_deg == pytest.approx(90.0, abs=5.0)


def test_clearance_is_that_of_the_nearest_of_two_labels_of_one_name() -> None:
    block = Block()
    block.put(AORTA, (np.hypot(block.x - 12.0, block.y - 45.0) < 4.0) & block.inside)
    block.put(7, (np.hypot(block.x + 60.0, block.y) < 4.0) & block.inside)
    block.names[7] = "aorta"
    way = Judge.of(block.request()).judge(np.array([0.0, 90.0, 0.0]), np.zeros(3))
    assert way.clearance_mm["aorta"] == pytest.approx(12.0 - 4.0 - 2.41 / 2, abs=1.5)


def test_the_cut_face_of_a_turned_image_is_no_skin() -> None:
    filled = Block()
    filled.labels[:] = 1
    filled.inside[:] = True
    cos, sin = np.cos(np.radians(30.0)), np.sin(np.radians(30.0))
    turn = np.array([[cos, -sin, 0, 0], [sin, cos, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    filled.grid = Grid(filled.grid.size_kji, turn @ filled.grid.affine_kji_to_lps)
    with pytest.raises(PlanningError) as refusal:
        search_access(filled.request())
    assert refusal.value.problems[0].code == "no_skin"


@pytest.mark.parametrize("label", [40_000, 65_535])
def test_labels_may_be_as_large_as_the_file_holds(label: int) -> None:
    block = Block()
    block.put(label, (np.abs(block.z) > 16.0) & block.inside)
    block.names[label] = "colon"
    block.put(RIB, (np.abs(np.hypot(block.x, block.y) - 70.0) < 4.0) & (np.abs(block.z) < 4.0))
    found = search_access(block.request())
    assert found.candidates == found.feasible + sum(found.rejected.values())
    assert any(reason.endswith(":colon") for reason in found.rejected)


def test_distances_are_exact_in_long_voxels() -> None:
    spacing = np.array([5.0, 0.7, 0.7])
    size = (30, 150, 150)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.diag(spacing[::-1]))
    affine[:3, 3] = -affine[:3, :3] @ (np.array(size) / 2)
    grid = Grid(size, affine)
    where = grid.to_lps(np.moveaxis(np.indices(size), 0, -1))
    x, y, z = np.moveaxis(where, -1, 0)
    body = np.hypot(x, y) <= 45.0
    labels = np.where(body, 1, 0).astype(np.uint16)
    labels[body & (y < -6.0 - 0.5 * z)] = 2
    lesion = np.linalg.norm(where - [0, 20, 0], axis=-1) <= 6.0
    structures = structures_from(labels, grid, {1: "body", 2: "liver"}, "test")
    hu = np.where(body, 40, -1000).astype(np.int16)
    request = AccessRequest(Volume(hu, grid), lesion, structures, needle_named("trocar_13g_150"))
    judge = Judge.of(request)
    boxes = where[labels == 2]
    for height in (-12.0, -3.0, 4.0, 9.0):
        ends = np.array([44.5, 6.0, height]), np.array([0.0, 20.0, 0.0])
        way = judge.judge(*ends)
        places = np.linspace(way.entry_lps_mm, way.target_lps_mm, 400)
        nearest = min(
            float(
                np.linalg.norm(
                    np.maximum(np.abs(boxes - place) - spacing[::-1] / 2, 0.0), axis=1
                ).min()
            )
            for place in places[::8]
        )
        assert way.clearance_mm["liver"] <= nearest - 2.41 / 2 + 0.02


def test_a_margin_on_what_needles_may_pass_is_refused() -> None:
    with pytest.raises(PlanningError) as refusal:
        search_access(Block().request(margins_mm={"body": 5.0}))
    assert refusal.value.problems[0].code == "margin_without_effect"
