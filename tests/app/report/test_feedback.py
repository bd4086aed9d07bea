"""The page of feedback: both plans side by side, in both languages, also of an empty answer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from app.report.feedback import feedback_pdf, render_pairs, write_feedback
from app.report.texts import LANGUAGES, Language, texts
from planning.teaching.exercise import Statement
from planning.teaching.feedback import feedback
from planning.teaching.marking.mark import mark
from tests.planning.teaching.samples import ball, empty, exercise, outlined, reference, volume


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_verdict_points_and_what_to_read(language: Language, tmp_path: Path) -> None:
    stated = Statement(length_mm=33.0, width_mm=30.0, reasons="Measured twice.")
    answer, right = outlined(ball(9.0), stated), reference(Statement(reasons="The true ball."))
    found = mark(exercise(), answer, right, volume())
    page = feedback(exercise(), answer, right, found, seen_reference=True)
    written = write_feedback(page, answer, right, volume(), tmp_path, language)
    assert [one.name for one in written] == [
        "feedback-axial.png",
        "feedback-coronal.png",
        "feedback-sagittal.png",
        "feedback.pdf",
    ]
    text = " ".join(one.extract_text() for one in PdfReader(written[-1]).pages)
    plain = " ".join(text.split())
    assert page.verdict.text(language) in plain
    assert texts(language)["disclaimer"] in plain
    assert "Measured twice." in plain
    assert "The true ball." in plain
    for one in page.terms:
        assert one.name.text(language) in plain
    assert "A1" in plain


def test_an_empty_answer_has_a_page_too() -> None:
    found = mark(exercise(), empty(), reference(), volume())
    page = feedback(exercise(), empty(), reference(), found)
    pairs = render_pairs(page, empty(), reference(), volume(), "en")
    assert [left.name for left, _ in pairs] == ["axial.png", "coronal.png", "sagittal.png"]
    assert all(left.png != right.png for left, right in pairs)
    pdf = feedback_pdf(page, pairs, "en")
    assert len(PdfReader(io.BytesIO(pdf)).pages) >= 1
