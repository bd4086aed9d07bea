"""The report hides no limit that was passed, and says what was set by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.report import export
from app.report.export import write_report
from app.report.sections.every import sections
from app.report.sections.writer import Section
from imaging.errors import Problem
from imaging.registration.model import Registration
from imaging.structures.model import PassageClass
from planning.ablation.dissection import Dissection
from planning.ablation.exposure import NeighbourRow
from planning.ablation.limits import LimitChange
from planning.ablation.request import Thermocouple
from planning.access.request import Crossing, Hand, TableFigures
from planning.comparison import Comparison
from planning.edits import ClassChange
from planning.plan import Case
from planning.procedure import answer
from planning.ways_in import overrule, with_own_way
from tests.app.report.conftest import GivenBack

Kind = Callable[[str], GivenBack]


@pytest.fixture
def made(given_back: Kind) -> GivenBack:
    return given_back("straight")


def part(found: list[Section], key: str) -> str:
    (one,) = (section for section in found if section.key == key)
    return "\n".join([*(f"{name}: {value}" for name, value in one.rows), *one.paragraphs])


def neighbour(name: str, *, passed: bool) -> NeighbourRow:
    return NeighbourRow(
        name=name, max_c=37.0, min_c=-5.0 if passed else 36.0, cem43=0.0, limit=10.0,
        passed=passed, measure="min_c", value=-5.0 if passed else 36.0, first_passed_s=None,
        clear_mm=None, source="",
    )  # fmt: skip


def test_a_limit_passed_is_said_however_many_neighbours_there_are(made: GivenBack) -> None:
    rows = [neighbour(f"nerve_root_T{n}_left", passed=False) for n in range(1, 13)]
    rows += [neighbour(f"organ_{n}", passed=False) for n in range(12)]
    (one, *_) = made.case.plan.simulation
    plan = made.case.with_plan(
        simulation=(one.model_copy(update={"neighbours": (*rows, neighbour("skin", passed=True))}),)
    )
    told = part(sections(plan, "fr"), "zone")
    assert "LIMITE DÉPASSÉE : ≥ 10,0 °C" in told
    assert "Peau: \N{MINUS SIGN}5,0 … 37,0 °C" in told


def test_what_nothing_reaches_is_named_without_figures(made: GivenBack) -> None:
    far = neighbour("skin", passed=False).model_copy(update={"min_c": 36.9})
    near = neighbour("aorta", passed=False).model_copy(update={"min_c": 20.0})
    (one, *_) = made.case.plan.simulation
    plan = made.case.with_plan(simulation=(one.model_copy(update={"neighbours": (far, near)}),))
    told = part(sections(plan, "en"), "zone")
    assert "Change by less than 1 °C: Skin" in told
    assert "Aorta: 20.0 … 37.0 °C" in told


def test_a_dose_that_kills_many_times_over_is_told_without_powers_of_ten(made: GivenBack) -> None:
    hot = neighbour("skin", passed=True).model_copy(
        update={"max_c": 86.7, "cem43": 6.87e11, "measure": "max_c", "limit": 43.0, "value": 86.7}
    )
    (one, *_) = made.case.plan.simulation
    changed = one.model_copy(update={"neighbours": (hot,), "technique": "radiofrequency"})
    told = part(sections(made.case.with_plan(simulation=(changed,)), "en"), "zone")
    assert "CEM43 > 10\N{NARROW NO-BREAK SPACE}000 min" in told
    assert "LIMIT PASSED: ≤ 43.0 °C" in told
    assert "e+" not in told


def test_limits_and_classes_set_by_hand_are_said(made: GivenBack) -> None:
    changed = made.case.with_plan(
        limits=(LimitChange(name="skin", highest_c=50.0), LimitChange(name="aorta")),
        classes=(
            ClassChange(
                name="aorta",
                was=PassageClass.FORBIDDEN,
                value=PassageClass.AVOID,
                at_utc="2026-01-01T00:00:00+00:00",
            ),
        ),
    )
    found = sections(changed, "fr")
    assert "Fixé à la main, limite, Peau : ≤ 50,0 °C" in part(found, "zone")
    assert "aucun" in part(found, "zone")
    assert "à éviter (interdit;" in part(found, "path")


def test_doubts_are_said_in_the_language_of_the_report(made: GivenBack) -> None:
    doubtful = made.case.with_plan(doubts=(Problem(code="leaves_image", message="it leaves"),))
    assert "La lésion sort du champ." in part(sections(doubtful, "fr"), "lesion")
    assert "it leaves" in part(sections(doubtful, "en"), "lesion")


def test_an_edit_that_is_not_measured_yet_is_measured_for_the_report(
    made: GivenBack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def note(case: Case, *_rest: object) -> list[Path]:
        seen.append(case.plan.lesion is not None)
        return []

    monkeypatch.setattr(export, "_write_one", note)
    bare = made.case.with_plan(lesion=None, involvement=None)
    write_report(bare, made.volume, tmp_path, "en")
    assert seen == [True]


def test_a_report_in_french_holds_no_key_of_the_program(made: GivenBack) -> None:
    access = made.case.plan.access
    assert access is not None
    access = access.model_copy(update={"not_checked": ("liver_and_spleen", "nerves")})
    case = answer(made.case.with_plan(access=access), made.case.plan.answers)
    found = sections(case, "fr")
    told = "\n".join(part(found, one.key) for one in found)
    assert "Foie et rate, Nerfs" in told
    assert "None" not in told
    for key in ("posterior_wall_breach", "life_expectancy_months", "distance_mm", access.needle):
        assert key not in told


def test_a_way_drawn_by_hand_is_told_with_what_it_breaks_and_why_it_is_taken(
    made: GivenBack,
) -> None:
    best = made.case.plan.ways[0]
    drawn = best.model_copy(
        update={
            "against": ("too_near:aorta", "flat_to_cortex"),
            "provisional": ("posture", "breathing", "not_cleared"),
        }
    )
    case = with_own_way(made.case, drawn)
    told = part(sections(case, "fr"), "path")
    assert "franchit des limites: trop près : aort" in told.lower()
    assert "aucun motif donné" in told
    assert told.count("PROVISOIRE") == 2
    told = part(sections(overrule(case, "aorta pushed away by fluid"), "en"), "path")
    assert "too flat to the cortex" in told
    assert "aorta pushed away by fluid" in told


def test_a_way_is_told_as_it_is_read_out_at_the_table(made: GivenBack) -> None:
    table = TableFigures(
        slice_z_mm=412.25, from_midline_mm=-34.5, reference="spinous_process_L3",
        from_reference_mm=(-31.0, 12.0), depth_cm=9.84, axial_angle_deg=27.4,
        axial_towards="left", tilt_deg=-6.0,
    )  # fmt: skip
    hand = Hand(angle_deg=3.0, offset_mm=2.0, safe_fraction=0.94, hit_fraction=0.7)
    crossed = (Crossing(name="body", length_mm=61.0), Crossing(name="vertebrae_L3", length_mm=20.0))
    way = made.case.plan.ways[0].model_copy(
        update={"table": table, "hand": hand, "crossed": crossed}
    )
    told = part(sections(with_own_way(made.case, way), "fr"), "path")
    for line in (
        "Coupe du point d'entrée (z): 412,2 mm",
        "ligne médiane: 34,5 mm à droite",
        "épineuse de L3: 31,0 mm à droite, 12,0 mm au-dessus",
        "depuis la verticale: 27° vers la gauche",
        "Traverse, dans l'ordre: Tissus mous 61, ",
        "94 % des aiguilles ne touchent rien d'interdit",
    ):
        assert line in told


def test_thermocouples_and_dissections_that_are_planned_stand_among_the_protections(
    made: GivenBack,
) -> None:
    changed = made.case.with_plan(
        thermocouples=(Thermocouple(name="spinal_canal", lps_mm=(1.0, -2.0, 3.0)),),
        dissections=(
            Dissection(fluid="carbon_dioxide", structure="colon", centre_lps_mm=(0.0, 0.0, 0.0)),
        ),
    )
    told = part(sections(changed, "fr"), "adjuncts")
    assert "Thermocouple, Canal rachidien: (1,0, \N{MINUS SIGN}2,0, 3,0) mm LPS" in told
    assert "dioxyde de carbone : " in told


def test_several_simulations_are_compared_in_a_table(made: GivenBack) -> None:
    (one, *_) = made.case.plan.simulation
    rows = (one, one.model_copy(update={"device": "icesphere_17g", "coverage_percent": 99.97}))
    (zone,) = (
        section
        for section in sections(made.case.with_plan(simulation=rows), "en")
        if section.key == "zone"
    )
    heads, *lines = zone.table
    assert len(lines) == 2
    assert all(len(line) == len(heads) for line in lines)
    assert "99.9 %" in lines[1]  # never rounded up to the whole


def test_a_compared_series_is_named_by_modality_date_and_fit(made: GivenBack) -> None:
    known = Comparison(
        uid="1.2.3",
        path="/somewhere",
        checksum="0",
        description="T1 of somebody",
        modality="MR",
        unit="",
        days_apart=-12,
    )
    assert "MR" not in part(sections(made.case.with_plan(comparison=known), "en"), "identity")
    laid = known.laid(Registration(np.eye(4), "bone", 0.84, False, "CT-MR"))
    said = part(sections(made.case.with_plan(comparison=laid), "en"), "identity")
    assert "MR, 12 days before the CT, registered on bone, good fit (0.8 mm)" in said
    assert "somebody" not in said
    said = part(sections(made.case.with_plan(comparison=laid), "fr"), "identity")
    assert "MR, 12 jours avant le scanner, recalée sur l'os, bon recalage (0,8 mm)" in said
