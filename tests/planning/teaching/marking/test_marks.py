"""Whole marks: the reference itself, an empty answer, a dangerous one, and what lies between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.teaching.answer import Answer
from planning.teaching.exercise import Adjunct, Statement
from planning.teaching.feedback import feedback
from planning.teaching.marking.mark import mark
from planning.teaching.marking.measuring import overlap
from planning.teaching.words import term_said
from tests.planning.teaching.samples import (
    GIVEN,
    ball,
    empty,
    exercise,
    outlined,
    reference,
    volume,
)

RIGHT = Statement(
    technique="infiltration",
    adjuncts=(Adjunct.RADIOTHERAPY,),
    anaesthetic_ml=1.5,
    volume_ml=6.9,
    corticosteroid="triamcinolone_acetonide",
    reasons="A rib, two months to live.",
)


def chosen(**changes: object) -> Answer:
    return Answer(empty().case, RIGHT.model_copy(update=changes), 200.0)


def test_the_reference_itself_has_all_points() -> None:
    for task, right in (("measure", reference()), ("technique", reference(RIGHT))):
        found = mark(exercise(task), right, right, volume())
        assert found.percent == 100.0
        assert found.passed
        assert all(term.points == term.of for term in found.terms)


def test_an_empty_answer_has_none_and_a_page_of_its_own() -> None:
    for task in ("measure", "technique"):
        found = mark(exercise(task), empty(), reference(RIGHT), volume())
        assert (found.score, found.passed, found.faults) == (0.0, False, ())
        page = feedback(exercise(task), empty(), reference(RIGHT), found)
        assert page.verdict.en == "Nothing was handed in"
        assert {one.told.en for one in page.terms} == {"Not answered."}


def test_a_smaller_outline_has_fewer_points_the_smaller_it_is() -> None:
    right = reference()
    marks = [mark(exercise(), outlined(ball(radius)), right, volume()) for radius in (12, 11, 9, 5)]
    scores = [one.score for one in marks]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-2] > scores[-1] > 0
    band = marks[-1].term("dose_band")
    assert band is not None
    assert float(band.params["volume_ml"]) < float(band.params["true_ml"])


def test_diameters_that_move_the_dose_lose_the_band() -> None:
    right = reference(Statement(length_mm=30.0, width_mm=24.0))
    near = outlined(ball(12.0), Statement(length_mm=31.0, width_mm=25.0))
    far = outlined(ball(12.0), Statement(length_mm=33.0, width_mm=26.0))
    for answer, points in ((near, 20.0), (far, 0.0)):
        term = mark(exercise(), answer, right, volume()).term("dose_band")
        assert term is not None
        assert term.points == points


@settings(max_examples=20, deadline=None)
@given(one=st.floats(2.0, 12.0), shift=st.floats(0.0, 10.0))
def test_the_overlap_is_that_of_dice(one: float, shift: float) -> None:
    a, b = ball(one), ball(12.0, (shift, 0.0, 0.0))
    found = overlap(a, b)
    assert found == overlap(b, a)
    assert 0.0 <= found <= 1.0
    assert overlap(b, b) == 1.0
    shared, total = int((a & b).sum()), int(a.sum()) + int(b.sum())
    assert found == pytest.approx(2 * shared / total)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"technique": "electrochemotherapy"}, "contraindicated_technique"),
        ({"anaesthetic_ml": 40.0}, "dose_above_maximum"),
    ],
)
def test_a_dangerous_choice_fails_whatever_the_points(
    changes: dict[str, object], code: str
) -> None:
    found = mark(exercise("technique"), chosen(**changes), reference(RIGHT), volume())
    assert [fault.code for fault in found.faults] == [code]
    assert not found.passed
    critical = [term for term in found.terms if term.is_critical]
    assert [term.points for term in critical] == [0.0]
    page = feedback(exercise("technique"), chosen(**changes), reference(RIGHT), found)
    assert page.faults
    assert page.reading


def test_the_rules_that_were_missed_are_named_with_text_and_source() -> None:
    found = mark(
        exercise("technique"), chosen(technique="cementoplasty"), reference(RIGHT), volume()
    )
    assert {("A17", "for"), ("A39", "against")} <= {(one.rule, one.speaks) for one in found.missed}
    page = feedback(exercise("technique"), chosen(), reference(RIGHT), found)
    by_id = {one.rule: one for one in page.reading}
    assert by_id["A17"].source
    assert by_id["A17"].text.fr
    assert "Infiltration" in by_id["A17"].missed[0].en


def test_another_recommended_technique_has_some_points() -> None:
    right = reference(RIGHT)
    scores = []
    for technique in ("infiltration", "radiotherapy", "cryoablation"):
        term = mark(exercise("technique"), chosen(technique=technique), right, volume()).term(
            "technique"
        )
        assert term is not None
        scores.append(term.points)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1] > scores[2] > 0


def test_every_sentence_can_be_said_in_both_languages() -> None:
    for task, answer in (
        ("measure", outlined(ball(9.0))),
        ("technique", chosen(technique="microwave", anaesthetic_ml=4.0, corticosteroid="none")),
    ):
        found = mark(exercise(task), answer, reference(RIGHT), volume())
        for term in found.terms:
            for language in ("en", "fr"):
                told = term_said(term, language)
                assert told
                assert "{" not in told


def test_the_bands_are_no_excuse_near_the_canal() -> None:
    spine = {
        **GIVEN,
        "bone": "vertebra",
        "level": "L1",
        "region": "spine",
        "foraminal": True,
        "posterior_wall_breach": False,
        "escc": "0",
    }
    near = exercise("technique", given={"answers": spine})
    right = reference(RIGHT)
    answers = (chosen(anaesthetic_ml=1.5), chosen(anaesthetic_ml=5.0))
    points = [mark(near, one, right, volume()).term("anaesthetic") for one in answers]
    assert points[0] is not None
    assert points[1] is not None
    assert points[0].points == points[0].of
    assert points[1].points < points[1].of / 2
    assert points[1].params["allowed"] == "1.5"


@pytest.mark.parametrize("device", ["cooltip_17g_20", "starburst_14g_50"])
def test_a_device_is_what_is_done_whatever_it_is_called(device: str) -> None:
    right = reference(Statement(technique="cryoablation", device="icerod_17g"))
    named = Answer(empty().case, Statement(technique="cryoablation", device=device), 200.0)
    found = mark(exercise("technique"), named, right, volume())
    term = found.term("technique")
    assert term is not None
    assert (term.value, term.points) == ("radiofrequency", 0.0)
    assert [one.code for one in found.faults] == ["contraindicated_device"]  # a pacemaker (B8)
    page = feedback(exercise("technique"), named, right, found)
    assert "monopolar" in page.faults[0].told.en
    without = {**GIVEN, "implanted_cardiac_device": False}
    asked = exercise("technique", given={"answers": without})
    assert mark(asked, named, right, volume()).faults == ()
