from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imaging.geometry import BoolArray, FloatArray, Grid
from imaging.progress import Cancelled, Progress
from imaging.structures.model import Structure, Structures
from imaging.volume import Volume
from planning.ablation.coverage import margin_of, percent
from planning.ablation.ground import ground_near, ground_of, treatment_grid
from planning.ablation.limits import LimitChange, limit_of, thermal_limits
from planning.ablation.request import PlacedDevice, TreatmentRequest, checked_request
from planning.ablation.solver.materials import tissue_material
from planning.ablation.solver.protocol import Mode, Phase
from planning.ablation.solver.simulation import EXACT, QUICK
from planning.ablation.tissues import CLASSES, patient_medium, tissue_map, wide_parts
from planning.ablation.treatment import simulate_treatment, treat
from planning.errors import PlanningError

N, H = 50, 2.0
LABELS = {"body": 1, "bone": 2, "spinal_canal": 3, "colon": 4}


def request(device: str = "icerod_17g", **changes: object) -> TreatmentRequest:
    """Muscle with a block of bone, a round lytic lesion in it, a canal behind, skin in front."""
    grid = Grid.aligned((N, N, N), H, (-49.0, -49.0, -49.0))
    z, y, x = (np.indices((N, N, N)) * H) - 49.0
    hu = np.full((N, N, N), 50, np.int16)
    labels = np.ones((N, N, N), np.uint16)
    outside = y < -40
    bone = (abs(x) < 18) & (abs(y) < 18) & (abs(z) < 18)
    shell = bone & ~((abs(x) < 15) & (abs(y) < 15) & (abs(z) < 15))
    lesion = x**2 + y**2 + z**2 < 8**2
    canal = (abs(x) < 7) & (y > 20) & (y < 32)
    hu[outside], hu[bone], hu[shell], hu[lesion], hu[canal] = -1000, 250, 900, 60, 20
    labels[outside], labels[bone], labels[canal] = 0, 2, 3
    labels[(x > 40) & ~outside] = 4
    table = tuple(
        Structure(name=name, label=n, volume_ml=1.0, class_="passable", found_by="made")
        for name, n in LABELS.items()
    )
    whole = TreatmentRequest(
        Volume(hu, grid),
        lesion,
        Structures(labels, grid, table),
        (PlacedDevice(device, (0.0, 14.0, 0.0), (0.0, -1.0, 0.0)),),
        protocol=(Phase(mode=Mode.FREEZE, seconds=400),),
        spacing_mm=2.0,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_tissues_are_told_apart() -> None:
    case = request()
    found = tissue_map(case.volume, case.lesion, case.structures)
    grid = case.volume.grid

    def at(*place: float) -> str:
        voxel = grid.nearest(place)
        assert voxel is not None
        return CLASSES[int(found[voxel])]

    assert at(0, 0, 0) == "lytic_metastasis"
    assert at(13, 0, 0) == "cancellous_bone"
    assert at(17, 0, 0) == "cortical_bone"
    assert at(0, 26, 0) == "csf"
    assert at(30, 0, 0) == "muscle"
    assert at(0, -39.5, 0) == "skin"
    assert at(0, -45, 0) == "air"
    assert at(45, 0, 0) == "large_bowel"


@pytest.mark.parametrize(
    ("hu", "share"), [(150, 0.0), (300, 0.0), (600, 0.5), (800, 5.0 / 6.0), (900, 1.0), (2000, 1.0)]
)
def test_bone_conducts_by_how_dense_it_is(hu: int, share: float) -> None:
    case = request()
    dense = case.volume.hu.copy()
    dense[case.volume.hu == 250] = hu
    found = tissue_map(Volume(dense, case.volume.grid), case.lesion, case.structures)
    voxel = case.volume.grid.nearest((13.0, 0.0, 0.0))
    assert voxel is not None
    made = patient_medium(found)
    material = made.medium.materials[int(made.medium.index[voxel])]
    loose, tight = tissue_material("cancellous_bone"), tissue_material("cortical_bone")
    for name in ("electrical_conductivity_s_m", "density_kg_m3", "frozen_conductivity_w_m_k"):
        ends = getattr(loose, name), getattr(tight, name)
        assert getattr(material, name) == pytest.approx(np.interp(share, [0, 1], ends))


def test_sclerosis_conducts_worse_the_denser_it_is() -> None:
    case = request()

    def sigma(hu: int) -> float:
        dense = case.volume.hu.copy()
        dense[case.lesion] = hu
        found = tissue_map(Volume(dense, case.volume.grid), case.lesion, case.structures)
        made = patient_medium(found)
        centre = tuple(n // 2 for n in found.shape)
        return made.medium.materials[int(made.medium.index[centre])].electrical_conductivity_s_m

    rising = [sigma(hu) for hu in (60, 260, 500, 700, 1000)]
    assert rising == sorted(rising, reverse=True)
    assert len(set(rising)) == len(rising)


def test_cement_is_what_it_is_at_any_hu() -> None:
    case = request()
    table = tuple(
        one.model_copy(update={"name": "cement_L3"}) if one.name == "colon" else one
        for one in case.structures.table
    )
    cemented = replace(case.structures, table=table)
    hu = case.volume.hu.copy()
    hu[case.structures.labels == LABELS["colon"]] = 1800
    found = tissue_map(Volume(hu, case.volume.grid), case.lesion, cemented)
    voxel = case.volume.grid.nearest((45.0, 0.0, 0.0))
    assert voxel is not None
    assert CLASSES[int(found[voxel])] == "cement"


@pytest.mark.parametrize(("width", "sink"), [(2, False), (3, True), (6, True)])
def test_only_vessels_of_three_millimetres_carry_heat_away(width: int, sink: bool) -> None:
    vessel = np.zeros((20, 20, 20), dtype=bool)
    vessel[:, 8 : 8 + width, 8 : 8 + width] = True
    vessel[10, 8:, 8] = True  # a branch of one millimetre
    wide = wide_parts(vessel, (1.0, 1.0, 1.0), 3.0)
    assert wide[10, 8 : 8 + width, 8 : 8 + width].all() == sink
    assert not wide[10, 8 + width + 2 :].any()


def test_specks_of_vessel_have_no_limit_unless_one_is_set() -> None:
    case = request()
    table = tuple(
        one.model_copy(update={"name": "vessel"}) if one.name == "colon" else one
        for one in case.structures.table
    )
    labels = case.structures.labels.copy()
    labels[labels == LABELS["colon"]] = LABELS["body"]
    labels[25, 25, 42] = LABELS["colon"]  # one voxel of 2 mm
    structures = replace(case.structures, labels=labels, table=table)
    asked = replace(case, structures=structures, spacing_mm=1.0)
    placements, _ = checked_request(asked)
    grid = treatment_grid(asked, placements)
    assert "vessel" not in ground_of(asked, grid).masks
    own = replace(asked, limits=(LimitChange(name="vessel", highest_c=45.0),))
    assert "vessel" in ground_of(own, grid).masks


def test_the_part_near_a_device_tells_what_the_whole_box_tells() -> None:
    for device in ("icerod_17g", "microwave_17g_2450"):
        asked = request(device, protocol=None)
        placements, _ = checked_request(asked)
        ground = ground_of(asked, treatment_grid(asked, placements))
        near = ground_near(ground, placements, asked.margin_mm, 28.0)
        assert near.lesion.sum() == ground.lesion.sum()
        assert near.wanted.sum() == ground.wanted.sum()
        assert near.body.size < 0.7 * ground.body.size
        whole, part = (treat(asked, one).summary for one in (ground, near))
        assert part.zone_ml == pytest.approx(whole.zone_ml, rel=0.04)
        assert part.min_margin_mm == pytest.approx(whole.min_margin_mm, abs=0.2)
        seen = {row.name: row for row in whole.neighbours}
        for row in part.neighbours:
            assert row.max_c == pytest.approx(seen[row.name].max_c, abs=1.5)
            assert row.min_c == pytest.approx(seen[row.name].min_c, abs=1.5)
            assert row.passed == seen[row.name].passed


def test_a_preview_is_near_the_exact_one() -> None:
    for device in ("icerod_17g", "microwave_17g_2450"):
        asked = request(device, protocol=None)
        placements, _ = checked_request(asked)
        ground = ground_of(asked, treatment_grid(asked, placements))
        exact, quick = (treat(asked, ground, pace=pace).summary for pace in (EXACT, QUICK))
        assert quick.zone_ml == pytest.approx(exact.zone_ml, rel=0.08)
        assert quick.coverage_percent == pytest.approx(exact.coverage_percent, abs=3.0)


def test_cold_treatment_covers_the_lesion_and_counts_its_neighbours() -> None:
    done = simulate_treatment(request())
    summary = done.summary
    assert summary.technique == "cryoablation"
    assert summary.coverage_percent > 80.0
    assert summary.coverage_with_margin_percent < summary.coverage_percent
    assert summary.zone_ml == pytest.approx(float(done.zone.sum()) * done.grid.voxel_ml)
    rows = {row.name: row for row in summary.neighbours}
    assert {"spinal_canal", "skin"} <= set(rows)
    canal = rows["spinal_canal"]
    assert canal.min_c < 36.0
    assert canal.passed == (canal.min_c < 10.0)
    assert {"probe_side", "lesion_border", "spinal_canal"} <= {c.name for c in summary.curves}
    assert done.temperature_c.shape == done.grid.size_kji
    assert not done.zone[done.hottest_c > 60].any()


def test_heat_treatment_kills_and_tells_the_limit_passed() -> None:
    power = (Phase(mode=Mode.POWER, seconds=300, power_w=60.0),)
    done = simulate_treatment(request("microwave_14g5_2450", protocol=power))
    assert done.summary.technique == "microwave"
    assert done.summary.coverage_percent > 50.0
    assert (done.arrhenius[done.zone] > 0).mean() > 0.9
    canal = next(row for row in done.summary.neighbours if row.name == "spinal_canal")
    if canal.passed:
        assert canal.limit is not None
        assert canal.value > canal.limit
        assert canal.first_passed_s is not None


def test_monopolar_radiofrequency_heats_the_lesion() -> None:
    power = (Phase(mode=Mode.POWER, seconds=120, power_w=20.0),)
    done = simulate_treatment(request("cooltip_17g_20", protocol=power))
    assert done.hottest_c.max() > 50.0
    assert done.hottest_c.max() < 130.0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"applicators": (PlacedDevice("icerod_17g", (0, -48, 0), (0, 1, 0)),)}, "outside_body"),
        ({"applicators": (PlacedDevice("spoon", (0, 0, 0), (0, 1, 0)),)}, "unknown_device"),
        ({"applicators": (PlacedDevice("icerod_17g", (0, 0, 0), (0, 0, 0)),)}, "zero_axis"),
        ({"applicators": ()}, "no_applicator"),
        ({"lesion": np.zeros((N, N, N), bool)}, "empty_lesion"),
        ({"protocol": (Phase(mode=Mode.POWER, seconds=10),)}, "mode_not_possible"),
        ({"spacing_mm": 0.0}, "bad_value"),
    ],
)
def test_impossible_treatments_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(PlanningError) as refused:
        simulate_treatment(request(**changes))  # type: ignore[arg-type]
    assert code in {problem.code for problem in refused.value.problems}


def test_a_treatment_stops_when_cancelled() -> None:
    told: list[float] = []
    progress = Progress(
        report=lambda fraction, _: told.append(fraction), is_cancelled=lambda: len(told) > 5
    )
    with pytest.raises(Cancelled):
        simulate_treatment(request(), progress)


def least(lesion: BoolArray, field: FloatArray, spacing_mm: float) -> float | None:
    return margin_of(lesion, field, spacing_mm).least_mm


def test_margin_is_the_distance_between_surfaces() -> None:
    z, y, x = np.indices((60, 60, 60)) - 30
    radius = np.sqrt(x**2 + y**2 + z**2)
    lesion = radius < 8
    assert least(lesion, 13.0 - radius, 1.0) == pytest.approx(5.0, abs=0.4)  # a mask of 1 mm voxels
    assert least(lesion, 5.0 - radius, 2.0) == pytest.approx(-6.0, abs=0.8)
    assert least(lesion, 8.0 - radius, 1.0) == pytest.approx(0.0, abs=0.6)
    assert least(lesion, -1.0 - radius, 1.0) is None


def test_every_limit_has_a_source_and_sane_values() -> None:
    for row in thermal_limits().limits:
        assert row.source
        assert row.lowest_c is None or row.lowest_c < 37.0
        assert row.highest_c is None or row.highest_c > 37.0
    for name in ("spinal_canal", "skin", "colon", "aorta", "sacral_plexus"):
        assert limit_of(name) is not None
    assert limit_of("bone") is None


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0])
@pytest.mark.parametrize("margin_mm", [0.0, 3.0, 5.0])
def test_the_margin_is_counted_from_the_surface_of_the_lesion(
    spacing_mm: float, margin_mm: float
) -> None:
    asked = request(spacing_mm=spacing_mm, margin_mm=margin_mm)
    placements, _ = checked_request(asked)
    ground = ground_of(asked, treatment_grid(asked, placements))
    radius = [(3.0 * mask.sum() * spacing_mm**3 / (4.0 * np.pi)) ** (1.0 / 3.0)
              for mask in (ground.lesion, ground.wanted)]  # fmt: skip
    # The edges of the cells stick out of the round surface: a little more than the margin.
    assert -0.1 * spacing_mm < radius[1] - radius[0] - margin_mm < 0.45 * spacing_mm


@pytest.mark.parametrize("reach_mm", [4.0, 4.9, 5.2, 6.0])
def test_all_of_the_margin_is_covered_when_the_least_margin_is_as_wide(reach_mm: float) -> None:
    asked = request(spacing_mm=1.0, margin_mm=5.0)
    placements, _ = checked_request(asked)
    ground = ground_of(asked, treatment_grid(asked, placements))
    centre = np.argwhere(ground.lesion).mean(axis=0)
    away = np.linalg.norm(np.moveaxis(np.indices(ground.lesion.shape), 0, -1) - centre, axis=-1)
    field = 8.0 + reach_mm - away
    least_mm = margin_of(ground.lesion, field, 1.0).least_mm
    assert least_mm is not None
    covered = percent(field >= 0, ground.wanted)
    if least_mm >= 5.5:
        assert covered == 100.0
    if least_mm <= 4.5:
        assert covered < 100.0
    assert reach_mm - 1.0 < least_mm < reach_mm + 0.1  # an edge that sticks out is the least
