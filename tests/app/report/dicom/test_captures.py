"""Captures carry figures and identity in their pixels; the report's own pictures carry neither."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from app.report.dicom.captures import SMALL_PIXELS, STRIP_PIXELS, Line, strip_lines
from app.report.texts import Language
from tests.app.report.conftest import GivenBack, small_pictures
from tests.app.report.sources import IDENTIFIER

Kind = Callable[[str], GivenBack]


def told(made: GivenBack, language: Language) -> str:
    return "\n".join(line.text for line in strip_lines(made.case, made.source, language))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_strip_names_patient_and_figures(given_back: Kind, language: Language) -> None:
    made = given_back("straight")
    lesion, chosen = made.case.plan.lesion, made.case.plan.chosen
    assert lesion is not None
    assert chosen is not None
    text = told(made, language)
    plain = text.replace(",", ".")
    for wanted in (
        "Doe Jane",
        IDENTIFIER,
        "1957-03-12",
        f"{lesion.length_mm:.1f} × {lesion.width_mm:.1f} mm",
        f"{lesion.volume_formula_ml:.2f} mL",
        f"{lesion.volume_ml:.2f} mL",
        f"{chosen.length_mm / 10:.1f} cm",
        f"{abs(chosen.angle_to_axial_deg):.0f}°",
        "icerod_17g",
        "93 %",
    ):
        assert wanted in plain, wanted
    assert ("profondeur" in text) == (language == "fr")
    assert "NON confirm" in text or "NOT confirmed" in text


def test_strip_is_legible(given_back: Kind) -> None:
    made = given_back("straight")
    lines = strip_lines(made.case, made.source, "fr")
    assert min(line.size for line in lines) >= SMALL_PIXELS >= 14


def test_strip_is_burned_in_beside_the_picture(given_back: Kind) -> None:
    made = given_back("straight")
    dataset = made.dataset("axial.dcm")
    assert dataset.BurnedInAnnotation == "YES"
    pixels = dataset.pixel_array
    original = np.array(Image.open(io.BytesIO(small_pictures()[0].png)))
    assert pixels.shape[1] == original.shape[1] + STRIP_PIXELS
    top = (pixels.shape[0] - original.shape[0]) // 2
    np.testing.assert_array_equal(
        pixels[top : top + original.shape[0], : original.shape[1]], original
    )
    strip = pixels[:, original.shape[1] :].max(axis=2)
    assert (strip > 200).sum() > 2000  # bright letters
    assert not np.any(strip[:, -4:] > 100)  # none is cut at the edge
    assert not np.any(strip[-4:] > 100)


def test_another_patient_has_another_strip(given_back: Kind) -> None:
    one = given_back("straight").dataset("axial.dcm").pixel_array
    other = given_back("latin_1").dataset("axial.dcm").pixel_array
    assert one.shape == other.shape
    assert np.any(one != other)


def test_orientation_is_that_of_the_picture(given_back: Kind) -> None:
    made = given_back("straight")
    assert list(made.dataset("axial.dcm").PatientOrientation) == ["L", "P"]
    assert list(made.dataset("coronal.dcm").PatientOrientation) == ["L", "F"]
    needle = list(made.dataset("needle.dcm").PatientOrientation)
    assert len(needle) == 2
    assert needle[0][0] == "L"
    assert needle[1][0] == "P"
    assert "F" in needle[1] or "H" in needle[1]  # this way in leaves the axial plane
    assert not made.dataset("three_d.dcm").PatientOrientation


def test_long_names_are_wrapped() -> None:
    from app.report.dicom.captures import _wrapped

    rows = _wrapped(Line("A" * 200 + " and a few words more that do not fit on one row"), 390)
    assert len(rows) > 3
    assert "".join(row.text for row in rows).replace(" ", "").count("A") == 200


def test_a_name_without_letters_is_not_drawn_as_boxes(given_back: Kind) -> None:
    from app.report.dicom.captures import identity

    made = given_back("japanese")
    assert identity(made.source, "en").startswith("Yamada Tarou")
    made.source.first.PatientName = "=山田^太郎"
    try:
        assert identity(made.source, "en").startswith("–, ID HOSPITAL-4711")
    finally:
        made.source.first.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
