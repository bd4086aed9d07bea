"""Bands, edges, ceilings and corticosteroids of the infiltration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.technique.doses import bands_of, formula_volume_ml
from planning.technique.tables import tables
from tests.planning.technique.cases import BASE, DISTANCES, MIXTURE, SPINE, advise, codes


@pytest.mark.parametrize(
    ("volume_ml", "doses"),
    [
        (0.01, [1.5]),
        (9.99, [1.5]),
        (10.0, [5.0]),
        (10.01, [5.0]),
        (19.99, [5.0]),
        (20.0, [5.0, 10.0]),
        (20.01, [10.0]),
        (50.0, [10.0]),
        (50.01, [15.0]),
        (9000.0, [15.0]),
    ],
)
def test_every_edge_of_the_bands(volume_ml: float, doses: list[float]) -> None:
    length = 300.0 if volume_ml > 1000 else 100.0
    width = (volume_ml * 2000 / length) ** 0.5
    assert formula_volume_ml(length, width) == pytest.approx(volume_ml)
    assert [band.anaesthetic_ml for band in bands_of(volume_ml, tables().doses)] == doses
    if width <= length and width >= 1:
        done = advise(BASE, lesion_length_mm=length, lesion_width_mm=width).infiltration
        assert done.band_ml == (doses[0] if len(doses) == 1 else None)


def test_a_millimetre_across_an_edge_lists_both_doses() -> None:
    advice = advise(BASE, lesion_length_mm=35, lesion_width_mm=24)
    assert advice.infiltration.anaesthetic_ml == 5.0
    assert advice.infiltration.anaesthetic_choices_ml == (1.5, 5.0)
    assert "volume_edge" in codes(advice)
    assert advise(BASE).infiltration.anaesthetic_choices_ml == ()
    assert "volume_edge" not in codes(advise(BASE))


def test_a_segmented_volume_in_another_band_is_said() -> None:
    advice = advise(BASE, lesion_volume_ml=10.5)
    assert "volume_definitions_differ" in codes(advice)
    assert advice.infiltration.band_ml == 1.5
    assert advice.infiltration.anaesthetic_choices_ml == (1.5, 5.0)
    assert "volume_definitions_differ" not in codes(advise(BASE, lesion_volume_ml=9.05))


def test_without_diameters_there_is_no_dose() -> None:
    advice = advise(BASE, lesion_width_mm=None)
    done = advice.infiltration
    assert (done.volume_ml, done.band_ml, done.anaesthetic_ml) == (None, None, None)
    assert done.verdict == "insufficient"
    assert "lesion_width_mm" in advice.missing


def test_milligrams_count_the_skin_anaesthetic() -> None:
    done = advise(BASE).infiltration
    assert done.lidocaine_mg == pytest.approx(0.75 * 10 + 50)
    assert done.ropivacaine_mg == pytest.approx(0.75 * 2)
    expected = 57.5 / (3 * 70) + 1.5 / 200
    assert done.fraction_of_maximum == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weight_kg", "frail", "lidocaine_mg", "ropivacaine_mg"),
    [(40, False, 120, 120), (40, True, 84, 84), (66, False, 198, 198), (120, False, 300, 200)],
)
def test_the_strictest_ceiling_decides(
    weight_kg: float, frail: bool, lidocaine_mg: float, ropivacaine_mg: float
) -> None:
    done = advise(BASE, weight_kg=weight_kg, frail=frail).infiltration
    expected = 57.5 / lidocaine_mg + 1.5 / ropivacaine_mg
    assert done.fraction_of_maximum == pytest.approx(expected)


def test_unknown_frailty_is_said_and_stops_nothing_it_cannot_decide() -> None:
    calm = advise(BASE, frail=None)
    assert calm.infiltration.verdict == "go"
    assert "frailty_unknown" in codes(calm)
    near = {"lesion_length_mm": 62.5, "lesion_width_mm": 40, "weight_kg": 45}
    assert advise(BASE, **near, frail=False).infiltration.verdict == "go"
    unknown = advise(BASE, **near, frail=None)
    assert unknown.infiltration.verdict == "insufficient"
    assert "frail" in unknown.missing
    assert advise(BASE, **near, frail=True).infiltration.verdict == "stop"


def test_skin_anaesthetic_alone_can_stop() -> None:
    done = advise(BASE, weight_kg=30, skin_lidocaine_ml=10, anaesthetic_mixture=None).infiltration
    assert done.verdict == "stop"
    assert advise(BASE, skin_lidocaine_ml=None).infiltration.verdict == "insufficient"


def test_pure_lidocaine_needs_no_ropivacaine() -> None:
    mixture = {"lidocaine_percent": 1, "lidocaine_fraction": 1}
    done = advise(BASE, anaesthetic_mixture=mixture).infiltration
    assert done.ropivacaine_mg == 0
    assert done.lidocaine_mg == pytest.approx(65)
    assert done.verdict == "go"


def test_a_choice_above_the_ceiling_is_not_offered() -> None:
    at_20 = {"lesion_length_mm": 64, "lesion_width_mm": 25}
    advice = advise(BASE, **at_20, weight_kg=30, skin_lidocaine_ml=4)
    done = advice.infiltration
    assert done.max_permitted_ml is not None
    assert 5 < done.max_permitted_ml < 10
    assert done.anaesthetic_choices_ml == (5.0,)
    assert "ceiling_limits_choice" in codes(advice)


@settings(max_examples=150, deadline=None)
@given(
    length=st.floats(1, 300),
    share=st.floats(0.1, 1),
    weight=st.floats(10, 400),
    skin=st.floats(0, 100),
    ropivacaine=st.floats(0.1, 10),
    lidocaine=st.floats(0.1, 5),
    fraction=st.floats(0, 1),
    frail=st.sampled_from([True, False, None]),
)
def test_no_dose_proposed_passes_the_ceilings(
    length: float,
    share: float,
    weight: float,
    skin: float,
    ropivacaine: float,
    lidocaine: float,
    fraction: float,
    frail: bool | None,
) -> None:
    width = max(1.0, length * share)
    mixture = {
        "lidocaine_percent": lidocaine,
        "ropivacaine_mg_ml": ropivacaine,
        "lidocaine_fraction": fraction,
    }
    done = advise(
        BASE,
        lesion_length_mm=length,
        lesion_width_mm=width,
        weight_kg=weight,
        skin_lidocaine_ml=skin,
        anaesthetic_mixture=mixture,
        frail=frail,
    ).infiltration
    factor = 0.7 if frail else 1.0
    lidocaine_most = factor * min(3 * weight, 300)
    ropivacaine_most = factor * min(3 * weight, 200)
    proposed = [*done.anaesthetic_choices_ml]
    if done.anaesthetic_ml is not None:
        proposed.append(done.anaesthetic_ml)
    for dose_ml in proposed:
        lidocaine_mg = 10 * lidocaine * fraction * dose_ml + 10 * skin
        ropivacaine_mg = ropivacaine * (1 - fraction) * dose_ml
        assert lidocaine_mg / lidocaine_most + ropivacaine_mg / ropivacaine_most <= 1 + 1e-6
    if done.verdict == "go" and frail is None:
        assert done.fraction_of_maximum is not None
        assert done.fraction_of_maximum / 0.7 <= 1 + 1e-6


@pytest.mark.parametrize(
    ("changes", "drug"),
    [
        ({}, "cortivazol"),
        ({"level": "C4"}, "dexamethasone"),
        ({"foraminal": True}, "dexamethasone"),
        ({"spine_surgery": True}, "dexamethasone"),
        ({"spine_surgery": None}, None),
        ({"foraminal": None}, None),
        ({"infection": True}, "none"),
        ({"antithrombotics": [{"drug": "warfarin", "hours_since": 24}]}, "none"),
        ({"antithrombotics": [{"drug": "warfarin", "hours_since": 130}]}, "cortivazol"),
        ({"antithrombotics": [{"drug": "aspirin", "hours_since": 2}]}, "cortivazol"),
        ({"antithrombotics": None}, None),
        ({"platelets_g_l": 15}, "none"),
    ],
)
def test_the_steroid_of_the_spine(changes: dict[str, Any], drug: str | None) -> None:
    done = advise(SPINE, **changes).infiltration
    assert done.corticosteroid == drug
    if drug == "cortivazol":
        assert (done.corticosteroid_max.value, done.corticosteroid_max.unit) == (1.5, "mL")
        assert "steroid_stricter_than_source" in codes(advise(SPINE, **changes))


def test_the_steroid_of_the_periphery_is_counted_in_milligrams() -> None:
    most = advise(BASE).infiltration.corticosteroid_max
    assert (most.value, most.unit) == (80.0, "mg")


@pytest.mark.parametrize(
    ("changes", "near"),
    [
        ({}, False),
        ({"posterior_wall_breach": True}, True),
        ({"posterior_wall_breach": None}, True),
        ({"escc": "1a"}, True),
        ({"escc": None}, True),
        ({"foraminal": True}, True),
        ({"foraminal": None}, True),
    ],
)
def test_near_the_canal_the_physician_enters_the_volume(
    changes: dict[str, Any], near: bool
) -> None:
    advice = advise(SPINE, **changes)
    assert ("near_canal" in codes(advice)) == near
    assert (advice.infiltration.anaesthetic_ml is None) == near
    assert advice.infiltration.band_ml == 1.5
    assert ("B21" in advice.infiltration.rules) == near


def test_away_from_the_spine_no_canal_is_near() -> None:
    assert "near_canal" not in codes(advise(BASE, distance_mm=DISTANCES, escc=None))


@pytest.mark.parametrize(
    ("changes", "near"),
    [
        ({"foraminal": False, "escc": "0"}, False),
        ({"foraminal": True, "escc": "0"}, True),
        ({"foraminal": None, "escc": "0"}, False),  # B21: unknown counts in the spine
        ({"foraminal": False, "escc": "1b"}, True),
    ],
)
def test_near_the_spine_the_foramen_counts_as_near_the_canal(
    changes: dict[str, Any], near: bool
) -> None:
    advice = advise(BASE, region="near_spine", **changes)
    assert ("near_canal" in codes(advice)) == near
    assert (advice.infiltration.anaesthetic_ml is None) == near


def test_an_unnamed_bone_near_the_spine_is_asked_for_its_level() -> None:
    near = BASE | {"bone": "other", "region": "near_spine", "foraminal": False, "escc": "0"}
    assert advise(near, level="C5").infiltration.corticosteroid == "dexamethasone"
    assert advise(near, level="T5").infiltration.corticosteroid == "cortivazol"
    unknown = advise(near)
    assert unknown.infiltration.corticosteroid is None
    assert "level" in unknown.missing


def test_an_unnamed_bone_is_said_to_be_counted_as_peripheral() -> None:
    advice = advise(BASE, bone="other")
    assert "region_assumed" in codes(advice)
    assert "region" in advice.missing
    assert "region_assumed" not in codes(advise(BASE, bone="other", region="peripheral"))


def test_a_small_lesion_of_unknown_width_is_asked_for_its_unit() -> None:
    advice = advise(BASE, lesion_length_mm=3, lesion_width_mm=None)
    said = next(row.message for row in advice.warnings if row.code == "small_lesion")
    assert said.startswith("3 mm:")


def test_the_us_label_is_shown_beside() -> None:
    advice = advise(BASE, anaesthetic_mixture=MIXTURE)
    us = 57.5 / 300 + 1.5 / 200
    said = next(row.message for row in advice.warnings if row.code == "dose_us_label")
    assert f"{us:.2f}" in said
