"""Side and level by the image against what is stated (A55)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from imaging.geometry import Grid
from imaging.measurement.involvement import Involvement
from imaging.structures.model import PassageClass, Structure, Structures
from planning.errors import PlanningError
from planning.measured_answers import completed_answers
from planning.plan import Case
from planning.procedure import answer, state_side
from planning.side import MiddleFrom, side_by_image, side_holds
from planning.side_check import Side
from planning.technique.answers import Answers

if TYPE_CHECKING:
    from imaging.phantom.cases import GeneratedCase
    from imaging.volume import Volume

SHAPE = (12, 60, 100)
CANAL, BONE, BODY = 1, 2, 3


def structure(name: str, label: int) -> Structure:
    return Structure(
        name=name, label=label, volume_ml=1.0, class_=PassageClass.PASSABLE, found_by="made"
    )


def made(
    volume: Volume,
    lesion_x_mm: float,
    bone: str | None = None,
    *,
    canal: bool = True,
    flip: bool = False,
) -> Case:
    """Return a body of 100 mm with its canal at x = 0 and a lesion beside it.

    The image's columns run towards the patient's left, or with flip towards the right.
    """
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, -1.0 if flip else 1.0], [0, 1.0, 0], [1.0, 0, 0]]
    affine[:3, 3] = [49.5 if flip else -49.5, -30.0, 0.0]
    grid = Grid(SHAPE, affine)
    labels = np.full(SHAPE, BODY, dtype=np.uint16)
    if canal:
        labels[:, 40:46, 45:55] = CANAL
    mask = np.zeros(SHAPE, dtype=bool)
    column = round((-lesion_x_mm if flip else lesion_x_mm) + 49.5)
    mask[4:8, 20:24, column - 1 : column + 2] = True
    table = (structure("spinal_canal", CANAL), structure("soft_tissue", BODY))
    base = Case.begin(volume)
    series = base.plan.series.model_copy(
        update={
            "size_kji": SHAPE,
            "affine_kji_to_lps": tuple(tuple(float(n) for n in r) for r in affine),
        }
    )
    case = replace(base, lesion=mask, structures=Structures(labels, grid, table))
    return case.with_plan(series=series, involvement=Involvement(bone=bone))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("x_mm", "side"), [(30, Side.LEFT), (-30, Side.RIGHT), (0, Side.MIDLINE), (8, Side.LEFT)]
)
def test_the_side_follows_the_orientation_and_not_the_columns(
    vertebra: GeneratedCase, x_mm: float, side: Side, flip: bool
) -> None:
    for canal in (True, False):
        found = side_by_image(made(vertebra.volume, x_mm, canal=canal, flip=flip))
        assert found is not None
        assert found.side is side
        assert found.offset_mm == pytest.approx(x_mm, abs=1.01)
        assert found.middle_from is (MiddleFrom.CANAL if canal else MiddleFrom.BODY)


def test_a_bone_with_a_side_decides(vertebra: GeneratedCase) -> None:
    found = side_by_image(made(vertebra.volume, 2, "rib_left_7"))
    assert found is not None
    assert (found.side, found.middle_from) == (Side.LEFT, MiddleFrom.NAME)
    assert not found.agrees_with(Side.MIDLINE)


@pytest.mark.parametrize(
    ("x_mm", "stated", "agrees"),
    [
        (30, Side.LEFT, True),
        (30, Side.RIGHT, False),
        (30, Side.MIDLINE, False),
        (10, Side.MIDLINE, True),
        (10, Side.LEFT, True),
        (10, Side.RIGHT, False),
        (2, Side.RIGHT, True),
        (2, Side.LEFT, True),
        (-30, Side.LEFT, False),
    ],
)
def test_what_is_stated_must_agree(
    vertebra: GeneratedCase, x_mm: float, stated: Side, agrees: bool
) -> None:
    case = made(vertebra.volume, x_mm)
    if agrees:
        assert side_holds(state_side(case, stated)) is True
        return
    with pytest.raises(PlanningError) as refused:
        state_side(case, stated)
    assert refused.value.problems[0].code == "side_mismatch"


def test_the_level_must_agree_too(vertebra: GeneratedCase) -> None:
    case = made(vertebra.volume, 30, "vertebrae_L3")
    assert side_holds(state_side(case, Side.LEFT, "L3")) is True
    with pytest.raises(PlanningError) as refused:
        state_side(case, Side.RIGHT, "L2")
    assert [row.code for row in refused.value.problems] == ["side_mismatch", "level_mismatch"]


def test_without_an_outline_nothing_can_be_checked(vertebra: GeneratedCase) -> None:
    with pytest.raises(PlanningError) as refused:
        state_side(Case.begin(vertebra.volume), Side.LEFT)
    assert refused.value.problems[0].code == "side_unknown"


def test_a_lesion_that_moved_is_no_longer_confirmed(vertebra: GeneratedCase) -> None:
    case = state_side(made(vertebra.volume, 30), Side.LEFT)
    other = made(vertebra.volume, -30)
    moved = replace(case, lesion=other.lesion)
    assert side_holds(moved) is False
    assert completed_answers(moved, Answers(side_confirmed=True)).side_confirmed is False


def test_the_rules_hear_of_the_check(vertebra: GeneratedCase) -> None:
    def warned(case: Case) -> bool:
        assert case.plan.recommendation is not None
        return "side_not_confirmed" in {row.code for row in case.plan.recommendation.warnings}

    case = answer(made(vertebra.volume, 30), Answers(vas=8.0))
    assert warned(case)
    assert not warned(state_side(case, Side.LEFT))


def test_without_a_check_the_physician_s_word_holds(vertebra: GeneratedCase) -> None:
    for said in (True, False, None):
        case = made(vertebra.volume, 30).with_plan(answers=Answers(side_confirmed=said))
        assert side_holds(case) is said


def test_answers_tables_and_result_are_kept_together(vertebra: GeneratedCase) -> None:
    case = answer(made(vertebra.volume, 30, "vertebrae_L3"), Answers(vas=8.0))
    assert case.plan.judged is not None
    assert case.plan.judged.level == "L3"
    assert case.plan.answers.level is None
    assert case.plan.recommendation is not None
    assert case.plan.recommendation.tables_version
    again: Any = answer(case, case.plan.answers).plan.recommendation
    assert again == case.plan.recommendation
