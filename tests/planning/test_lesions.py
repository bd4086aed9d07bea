"""Several lesions of a case, measures and limits set by hand, and what is kept of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.structures.model import PassageClass, is_bone
from planning import corrections, lesions
from planning.ablation.limits import SET_BY_HAND, LimitChange, limit_of
from planning.edits import measures
from planning.errors import PlanningError
from planning.measured_answers import completed_answers, measured_distances_mm
from planning.plan import Case, ThermalField
from planning.procedure import with_lesion, with_structures
from planning.store import SCHEMA_VERSION, PlanFile
from planning.technique.answers import Answers
from planning.ways_in import find_access

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.structures.model import Structures

OLD_SCHEMA = """
CREATE TABLE plan (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL);
CREATE TABLE mask (
    name TEXT PRIMARY KEY, dtype TEXT NOT NULL, k INTEGER, j INTEGER, i INTEGER, data BLOB NOT NULL
);
CREATE TABLE thermal_field (
    position INTEGER PRIMARY KEY, spacing_mm REAL NOT NULL,
    first_x_mm REAL NOT NULL, first_y_mm REAL NOT NULL, first_z_mm REAL NOT NULL,
    k INTEGER, j INTEGER, i INTEGER, temperature BLOB NOT NULL, zone BLOB NOT NULL
);
CREATE TABLE picture (
    name TEXT PRIMARY KEY, png BLOB NOT NULL, carries_identifiers INTEGER NOT NULL
);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_utc TEXT NOT NULL, change TEXT NOT NULL
);
"""


@pytest.fixture(scope="module")
def case(vertebra: GeneratedCase, vertebra_structures: Structures) -> Case:
    begun = with_lesion(Case.begin(vertebra.volume), vertebra.volume, vertebra.lesion)
    return with_structures(begun, vertebra_structures, vertebra.volume)


def _two(case: Case, vertebra: GeneratedCase) -> Case:
    moved = np.roll(vertebra.lesion, 4, axis=0)
    return with_lesion(lesions.add_lesion(case), vertebra.volume, moved)


def test_each_lesion_has_its_own_plan(case: Case, vertebra: GeneratedCase) -> None:
    asked = case.with_plan(answers=Answers(weight_kg=70.0, vas=8))
    two = _two(asked, vertebra)
    assert [one.plan.number for one in lesions.lesions(two)] == [1, 2]
    assert two.plan.answers == Answers(weight_kg=70.0)
    assert two.structures is case.structures
    assert two.plan.involvement is not None
    planned = find_access(two, vertebra.volume)
    assert planned.plan.access is not None
    back = lesions.look_at(planned, 1)
    assert back.plan.access is None
    assert back.plan.answers.vas == 8
    assert back.lesion is not None
    np.testing.assert_array_equal(back.lesion, vertebra.lesion)
    again = lesions.look_at(back, 2)
    assert again.plan == planned.plan


def test_other_structures_take_the_ways_of_all_lesions(
    case: Case, vertebra: GeneratedCase, vertebra_structures: Structures
) -> None:
    planned = lesions.look_at(find_access(_two(case, vertebra), vertebra.volume), 1)
    assert planned.others[0].plan.access is not None
    changed = with_structures(planned, vertebra_structures, vertebra.volume)
    assert changed.others[0].plan.access is None


def test_a_lesion_is_removed_and_numbers_keep_their_meaning(
    case: Case, vertebra: GeneratedCase
) -> None:
    three = lesions.add_lesion(_two(case, vertebra))
    less = lesions.remove_lesion(lesions.look_at(three, 2))
    assert less.plan.number == 1
    assert [one.plan.number for one in lesions.lesions(less)] == [1, 3]
    assert lesions.add_lesion(less).plan.number == 4
    with pytest.raises(PlanningError) as refusal:
        lesions.remove_lesion(case)
    assert refusal.value.code == "only_lesion"
    with pytest.raises(PlanningError) as refusal:
        lesions.look_at(case, 7)
    assert refusal.value.code == "no_such_lesion"


def test_several_lesions_and_what_was_set_by_hand_are_kept(
    case: Case, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    two = corrections.edit_measure(_two(case, vertebra), "length_mm", 31.5)
    two = corrections.set_class(two, "body_cavity", PassageClass.FORBIDDEN)
    two = corrections.set_limit(two, LimitChange(name="spinal_canal", highest_c=42.0))
    block = (slice(10, 12), slice(10, 14), slice(10, 14))
    two = corrections.paint_structure(
        two, "my_nerve", block, np.ones((2, 4, 4), dtype=bool), adds=True
    )
    field = ThermalField(
        Grid.aligned((2, 2, 2), 1.0, (0, 0, 0)),
        np.zeros((2, 2, 2), np.float32),
        np.ones((2, 2, 2)) > 0,
    )
    two = replace(two, fields=(field,))
    with PlanFile.create(tmp_path / "a.osteoplan", two) as kept:
        kept.save(lesions.remove_lesion(lesions.add_lesion(two)), "another came and went")
    with PlanFile.open(tmp_path / "a.osteoplan") as kept:
        back = kept.load()
    assert back.plan == two.plan
    assert [one.plan for one in back.others] == [one.plan for one in two.others]
    assert back.structures is not None
    assert two.structures is not None
    assert back.structures.levels == two.structures.levels
    np.testing.assert_array_equal(back.structures.labels, two.structures.labels)
    assert back.structures.beneath is not None
    assert two.structures.beneath is not None
    np.testing.assert_array_equal(back.structures.beneath, two.structures.beneath)
    assert len(back.fields) == 1
    assert back.others[0].lesion is not None
    np.testing.assert_array_equal(back.others[0].lesion, vertebra.lesion)


def test_a_plan_of_one_lesion_written_before_is_migrated(
    case: Case, vertebra: GeneratedCase, tmp_path: Path
) -> None:
    new = tmp_path / "new.osteoplan"
    with PlanFile.create(new, case):
        pass
    old = tmp_path / "old.osteoplan"
    source, made = sqlite3.connect(new), sqlite3.connect(old)
    made.executescript(OLD_SCHEMA)
    (document,) = source.execute("SELECT document FROM plan").fetchone()
    made.execute("INSERT INTO plan VALUES (1, ?)", (document,))
    for name, *rest in source.execute("SELECT * FROM mask"):
        old_name = name.removesuffix(" 1")
        made.execute("INSERT INTO mask VALUES (?, ?, ?, ?, ?, ?)", (old_name, *rest))
    (application,) = source.execute("PRAGMA application_id").fetchone()
    made.execute(f"PRAGMA application_id = {application}")
    made.execute("PRAGMA user_version = 1")
    made.execute("INSERT INTO history (at_utc, change) VALUES ('2026', 'created')")
    made.commit()
    made.close()
    source.close()
    with PlanFile.open(old) as kept:
        back = kept.load()
        assert kept.history() == (("2026", "created"),)
    assert back.plan == case.plan
    assert back.lesion is not None
    np.testing.assert_array_equal(back.lesion, vertebra.lesion)
    (version,) = sqlite3.connect(old).execute("PRAGMA user_version").fetchone()
    assert version == SCHEMA_VERSION


def test_a_measure_set_by_hand_counts_and_the_measured_one_is_kept(case: Case) -> None:
    assert case.plan.lesion is not None
    edited = corrections.edit_measure(case, "length_mm", 30)
    edited = corrections.edit_measure(edited, "width_mm", 20.0)
    assert edited.plan.measures is not None
    assert edited.plan.measures.length_mm == 30.0
    assert edited.plan.measures.volume_formula_ml == pytest.approx(6.0)
    assert edited.plan.lesion == case.plan.lesion
    edit = edited.plan.edits[0]
    assert edit.measured == case.plan.lesion.length_mm
    assert edit.at_utc
    answers = completed_answers(edited, Answers())
    assert answers.lesion_length_mm == 30.0
    restored = corrections.take_back_edit(
        corrections.take_back_edit(edited, "length_mm"), "width_mm"
    )
    assert restored.plan.measures == case.plan.lesion


def test_every_measure_of_the_table_can_be_set(case: Case) -> None:
    for key, row in measures().items():
        value: Any = row.choices[-1] if row.choices else True if row.least is None else row.most
        name = "distance.spinal_canal" if key == "distance" else key
        edited = corrections.edit_measure(case, name, value)
        assert edited.plan.edits[-1].value == value
        whole = (edited.plan.measures, edited.plan.effects)
        assert whole != (case.plan.measures, case.plan.effects)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("length_mm", -3.0),
        ("length_mm", "long"),
        ("length_mm", True),
        ("kind", "soft"),
        ("cortical_breach", 1.0),
        ("nothing", 1.0),
        ("distance", 1.0),
        ("length_mm", float("nan")),
    ],
)
def test_a_value_that_does_not_fit_is_refused(case: Case, key: str, value: Any) -> None:
    with pytest.raises(PlanningError) as refusal:
        corrections.edit_measure(case, key, value)
    assert refusal.value.code in {"measure_refused", "unknown_measure"}


def test_a_corrected_outline_loses_what_was_set_for_the_one_before(
    case: Case, vertebra: GeneratedCase
) -> None:
    edited = corrections.edit_measure(case, "length_mm", 30.0)
    changed = corrections.with_outline(edited, np.roll(vertebra.lesion, 1, axis=0))
    assert changed.plan.edits == ()
    assert changed.plan.lesion is None
    assert corrections.with_outline(edited, np.zeros_like(vertebra.lesion)).lesion is None


def test_a_limit_set_for_the_case_goes_before_the_table() -> None:
    change = LimitChange(name="spinal_canal", highest_c=41.0)
    limit = limit_of("spinal_canal", (change,))
    assert limit is not None
    assert (limit.highest_c, limit.lowest_c, limit.source) == (41.0, None, SET_BY_HAND)
    table = limit_of("spinal_canal")
    assert table is not None
    assert table.highest_c == 45.0
    assert limit_of("left_toe", (LimitChange(name="left_toe", clear_mm=5.0),)) is not None


def test_every_nerve_that_no_ct_shows_has_a_nerves_limit_once_painted() -> None:
    from imaging.structures.labels import passage_class
    from imaging.tables import load_table

    for row in load_table("not_visible"):
        name = row["name"].replace("SIDE", "left")
        limit = limit_of(name)
        assert limit is not None, name
        assert limit.id == "nerve", name
        assert passage_class(name) is PassageClass.FORBIDDEN, name


def test_no_limit_passed_is_unknown_while_a_nerve_is_unpainted(
    case: Case, vertebra: GeneratedCase
) -> None:
    from planning.ablation.results import TreatmentSummary

    row = TreatmentSummary(
        device="icerod_17g", technique="cryoablation", coverage_percent=97.0,
        coverage_with_margin_percent=80.0, min_margin_mm=1.0, neighbours=(), margin_mm=5.0,
        spacing_mm=1.0, zone_ml=9.0, verified_device=False, isotherms=(), curves=(),
    )  # fmt: skip
    simulated = case.with_plan(simulation=(row,))
    assert simulated.plan.unpainted
    said = completed_answers(simulated, Answers()).simulation
    assert said is not None
    assert said[0].limits_passed is None
    first = case.plan.structures[0]
    painted = [first.model_copy(update={"name": one.name}) for one in simulated.plan.unpainted]
    whole = simulated.with_plan(structures=(*case.plan.structures, *painted))
    said = completed_answers(whole, Answers()).simulation
    assert said is not None
    assert said[0].limits_passed == ()


def test_without_any_bone_nerves_are_near_all_the_same(case: Case) -> None:
    organs = tuple(row for row in case.plan.structures if not is_bone(row.name))
    assert case.with_plan(structures=organs).plan.unpainted


def test_the_nearest_of_several_vessels_counts_as_the_radiologist_set_it(case: Case) -> None:
    assert case.plan.involvement is not None
    made = [
        case.plan.involvement.distances[0].model_copy(update={"name": name, "distance_mm": mm})
        for name, mm in (("aorta", 10.0), ("inferior_vena_cava", 20.0))
    ]
    known = case.plan.involvement.model_copy(update={"distances": tuple(made)})
    two = case.with_plan(involvement=known)
    near = corrections.edit_measure(two, "distance.inferior_vena_cava", 1.0)
    assert measured_distances_mm(near)["vessel"] == 1.0
    assert near.plan.effects is not None
    assert near.plan.effects.distances[0].name == "inferior_vena_cava"
    far = corrections.edit_measure(two, "distance.aorta", 30.0)
    assert measured_distances_mm(far)["vessel"] == 20.0


def test_a_class_set_twice_remembers_the_one_of_the_table(case: Case) -> None:
    assert case.structures is not None
    row = next(r for r in case.structures.table if r.class_ == PassageClass.FORBIDDEN)
    once = corrections.set_class(case, row.name, PassageClass.AVOID)
    twice = corrections.set_class(once, row.name, PassageClass.PASSABLE)
    assert [(c.was, c.value) for c in twice.plan.classes] == [
        (PassageClass.FORBIDDEN, PassageClass.PASSABLE)
    ]
    assert corrections.set_class(twice, row.name, PassageClass.FORBIDDEN).plan.classes == ()
