"""The report shows what became of a treatment, or the form to be filled in by hand."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from app.report.pdf import write_pdf
from app.report.sections.follow_up import follow_up_section
from app.report.sections.writer import Writer
from app.report.texts import Language
from planning.follow_up.keeping import with_event, with_treatment, with_visit
from tests.planning.follow_up.samples import TODAY, empty_case, treated_case, visit


def test_without_a_treatment_the_blank_form_lists_the_occasions_of_section_e() -> None:
    found = follow_up_section(Writer(empty_case(), "fr"))
    occasions = [line[0] for line in found.table[1:6]]
    assert occasions == [
        "J0, avant le geste",
        "Bloc, 15–30 min",
        "Appel à 48 h",
        "1 semaine",
        "1 mois",
    ]
    assert found.table[4][1] == "J + 7 jours"
    assert {"Récidive de la douleur", "Décès", "Durée d'efficacité"} <= {k for k, _ in found.rows}


def test_a_treatment_is_shown_with_fall_success_and_duration() -> None:
    case = with_visit(
        treated_case(week1=3.0),
        None,
        visit("month2", 7.0, date="2026-03-31", opioid_mg_day=20.0, complication_grade=1),
        TODAY,
    )
    case = with_event(case, None, "death", "2026-06-01", TODAY)
    found = follow_up_section(Writer(case, "en"))
    lines = {line[0]: line for line in found.table}
    assert lines["1 week"][2:4] == ("3.0", "62.5 %")
    assert lines["2 months"][5] == "20"
    assert lines["2 months"][7].startswith("1: solved in the same session")
    rows = dict(found.rows)
    assert rows["Efficacy: 1 week"] == "success; response [B17]: unknown (opioids not recorded)"
    assert rows["Efficacy: 1 month"] == "missing"
    assert rows["Duration of the effect"] == "59 days"
    assert rows["Death"] == "2026-06-01"
    assert "Next due" not in rows


def test_a_duration_that_was_not_seen_to_end_is_at_least_that() -> None:
    case = with_visit(treated_case(), None, visit("month1", 2.0, date="2026-02-28"), TODAY)
    rows = dict(follow_up_section(Writer(case, "fr")).rows)
    assert rows["Durée d'efficacité"] == "au moins 28 jours"
    assert "Prochain rendez-vous" in rows


def test_several_treatments_of_a_lesion_are_told_apart() -> None:
    data = {"date": "2026-05-01", "techniques": ["cryoablation"]}
    case = with_treatment(treated_case(), data, TODAY)
    found = follow_up_section(Writer(case, "en"))
    assert "Infiltration, 2026-01-31" in [line[0] for line in found.table]
    assert "Cryoablation, 2026-05-01" in [line[0] for line in found.table]


@pytest.mark.parametrize(("language", "title"), [("fr", "Suivi"), ("en", "Follow-up")])
def test_the_pdf_has_the_section(language: Language, title: str) -> None:
    pdf = PdfReader(io.BytesIO(write_pdf(treated_case(), [], language)))
    text = "\n".join(page.extract_text() for page in pdf.pages)
    assert f"{title}\n" in text
    assert ("62,5" if language == "fr" else "62.5") in text
