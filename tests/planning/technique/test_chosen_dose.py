"""The physician's own volume, needles and ampoules, and figures that cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.errors import PlanningError
from planning.technique.ampoules import ampoules_for
from planning.technique.answers import answers_from
from tests.planning.technique.cases import BASE, CASES, MIXTURE, SPINE, advise, codes


def test_20_ml_is_settled_by_the_physician() -> None:
    open_dose = advise(CASES["2"]).infiltration
    assert open_dose.anaesthetic_ml is None
    assert open_dose.verdict == "insufficient"
    for chosen in (5, 10):
        done = advise(CASES["2"], chosen_anaesthetic_ml=chosen).infiltration
        assert done.anaesthetic_ml == chosen
        assert done.verdict == "go"
        assert done.band_ml is None
        assert done.ropivacaine_mg == pytest.approx(chosen)  # half of it at 2 mg/mL


def test_near_the_canal_nothing_is_proposed_until_the_physician_enters_a_volume() -> None:
    near = SPINE | {"foraminal": True}
    assert advise(near).infiltration.anaesthetic_ml is None
    done = advise(near, chosen_anaesthetic_ml=0.5)
    assert done.infiltration.anaesthetic_ml == 0.5
    assert {"near_canal", "volume_chosen"} <= codes(done)


def test_a_chosen_volume_above_the_ceiling_stops() -> None:
    small = BASE | {"weight_kg": 40, "anaesthetic_mixture": MIXTURE | {"ropivacaine_mg_ml": 10}}
    assert advise(small).infiltration.verdict == "go"
    done = advise(small, chosen_anaesthetic_ml=15)
    assert done.infiltration.verdict == "stop"
    assert done.infiltration.anaesthetic_ml is None
    assert done.infiltration.split == ()
    assert "dose_above_ceiling" in codes(done)


@pytest.mark.parametrize("chosen", [0, -1, 15.1, "5"])
def test_a_volume_that_no_document_gives_is_refused(chosen: object) -> None:
    with pytest.raises(PlanningError):
        answers_from(BASE | {"chosen_anaesthetic_ml": chosen})


def test_the_dose_is_split_evenly_over_needles() -> None:
    shared = advise(BASE).infiltration.split
    assert [row.needles for row in shared] == [1, 2, 3, 4]
    assert all(row.needles * row.anaesthetic_ml == pytest.approx(1.5) for row in shared)
    assert [row.needles for row in advise(BASE, needle_count=3).infiltration.split] == [3]


def test_lidocaine_of_skin_and_mixture_is_drawn_from_one_ampoule() -> None:
    large = BASE | {"lesion_length_mm": 70, "lesion_width_mm": 45, "weight_kg": 100}
    supplies = {row.product: row for row in advise(large).infiltration.supplies}
    assert supplies["lidocaine"].needed_ml == pytest.approx(5 + 7.5)
    assert [(one.size_ml, one.count) for one in supplies["lidocaine"].opened] == [(20.0, 1)]
    assert supplies["ropivacaine"].needed_ml == pytest.approx(7.5)
    assert supplies["triamcinolone_acetonide"].is_ceiling
    assert supplies["triamcinolone_acetonide"].needed_ml == pytest.approx(2.0)
    stronger = advise(large, anaesthetic_mixture=MIXTURE | {"lidocaine_percent": 2})
    strengths = [r.strength for r in stronger.infiltration.supplies if r.product == "lidocaine"]
    assert strengths == [20.0, 10.0]


def test_a_strength_that_is_not_sold_opens_nothing() -> None:
    odd = advise(BASE, anaesthetic_mixture=MIXTURE | {"ropivacaine_mg_ml": 3.3}).infiltration
    row = next(row for row in odd.supplies if row.product == "ropivacaine")
    assert row.opened == ()
    assert row.source is None


@given(
    need=st.floats(0.01, 60),
    sizes=st.lists(st.sampled_from([1.0, 1.5, 2.0, 5.0, 10.0, 20.0]), min_size=1, max_size=3),
)
def test_ampoules_hold_the_need_and_no_fewer_would(need: float, sizes: list[float]) -> None:
    chosen = ampoules_for(need, tuple(set(sizes)))
    held = sum(one.size_ml * one.count for one in chosen)
    assert held >= need - 1e-6
    for one in chosen:
        assert held - one.size_ml < need  # every one of them is needed


def test_a_percentage_taken_for_mg_per_ml_gives_no_milligrams() -> None:
    done = advise(BASE, anaesthetic_mixture=MIXTURE | {"ropivacaine_mg_ml": 0.75})
    assert "ropivacaine_strength" in codes(done)
    assert done.infiltration.ropivacaine_mg is None
    assert done.infiltration.verdict == "insufficient"
    assert "7.5" in next(row.message for row in done.warnings if row.code == "ropivacaine_strength")


def problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(PlanningError) as refused:
        answers_from(BASE | changes)
    return {row.where: row.code for row in refused.value.problems}


@pytest.mark.parametrize(
    ("length", "width", "volume"), [(3, 3, 30), (3, 2.4, 8.64), (300, 240, 8.64), (30, 24, 8640)]
)
def test_millimetres_and_centimetres_confused_are_refused(
    length: float, width: float, volume: float
) -> None:
    found = problems(lesion_length_mm=length, lesion_width_mm=width, lesion_volume_ml=volume)
    assert found == {"lesion_volume_ml": "units_confused"}


@pytest.mark.parametrize("share", [0.1, 0.6, 1.0, 1.047, 1.5])
def test_volumes_that_bodies_can_have_are_taken(share: float) -> None:
    formula = 30 * 24**2 / 2000
    assert answers_from(BASE | {"lesion_volume_ml": share * formula}).lesion_volume_ml


def test_a_lesion_of_few_millimetres_is_asked_about() -> None:
    assert "small_lesion" in codes(advise(BASE, lesion_length_mm=3, lesion_width_mm=2.4))
    assert "small_lesion" not in codes(advise(BASE))


def test_everything_wrong_is_told_at_once() -> None:
    found = problems(
        bone="ilium", level="C6", alignment="subluxation", long_bone_fraction=0.5, vas=11,
        lesion_length_mm=20, lesion_width_mm=30, platelets_g_l=250_000,
    )  # fmt: skip
    assert set(found) == {
        "level", "alignment", "long_bone_fraction", "vas", "lesion_length_mm", "platelets_g_l",
    }  # fmt: skip


def test_a_figure_in_another_unit_is_told_which_one_is_meant() -> None:
    with pytest.raises(PlanningError) as refused:
        answers_from(BASE | {"platelets_g_l": 250_000})
    assert "250" in refused.value.problems[0].message
    assert "G/L" in refused.value.problems[0].message
