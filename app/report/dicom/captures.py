"""Secondary captures in colour: the report's pictures with figures and identity burned in.

They are for archives that read nothing else. The patient's name is drawn here and nowhere else: the
pictures in the report's folder stay without it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import highdicom as hd
import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from app.report.dicom.source import CtSource, described
from app.report.pictures import HALF_MM, INK, PAPER, best_simulation
from app.report.texts import Language, texts
from app.report.views import STANDARD_AXES, needle_plane, standard_plane
from imaging.dicom.segmentation_write import MAKER
from imaging.geometry import FloatArray
from planning.plan import Case
from planning.side import side_holds
from planning.store import Picture
from planning.words import structure_name

CAPTURE_SERIES = 9002
STRIP_PIXELS = 430
MARGIN_PIXELS = 20
HEAD_PIXELS, TEXT_PIXELS, SMALL_PIXELS = 20, 17, 14  # heights of letters; none below 14
QUIET, ACCENT, WARNING = "#9FB0BD", "#56B4E9", "#F0E442"
CODE_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))  # towards −, + of x, y, z in LPS
OBLIQUE_SHARE = 0.15  # components of a direction below this are not named (about 9°)


@dataclass(frozen=True)
class Line:
    """A line of the strip.

    Parameters
    ----------
    text : str
        What it says; wrapped where it is too long.
    size : int
        Pixels.
    colour : str
        ``#RRGGBB``.
    gap : int
        Pixels above it.
    bold : bool
        For heads.
    """

    text: str
    size: int = TEXT_PIXELS
    colour: str = INK
    gap: int = 4
    bold: bool = False


def capture_objects(
    case: Case, pictures: Sequence[Picture], source: CtSource, language: Language
) -> dict[str, Dataset]:
    """Return the pictures as secondary captures.

    Parameters
    ----------
    case : Case
        Whose figures are burned in.
    pictures : sequence of Picture
        Of the report.
    source : CtSource
        The CT.
    language : str
        Of the strip.

    Returns
    -------
    dict
        Picture's name without its ending, to the object; all in one series.
    """
    series_uid = generate_uid()
    lines = strip_lines(case, source, language)
    made = {}
    for number, picture in enumerate(pictures, start=1):
        name = Path(picture.name).stem
        letters = picture_orientation(case, name)
        told = [*lines, _convention(language)] if letters else lines
        pixels = np.array(_composed(picture, told))
        made[name] = _capture(case, source, name, pixels, series_uid, number)
    return made


def _convention(language: Language) -> Line:
    return Line(texts(language)["strip"]["convention"], SMALL_PIXELS, QUIET, gap=18)


def _capture(
    case: Case,
    source: CtSource,
    name: str,
    pixels: np.ndarray,
    series_uid: str,
    number: int,
) -> Dataset:
    capture: Dataset = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source.first,
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=series_uid,
        sop_instance_uid=generate_uid(),
        series_number=CAPTURE_SERIES,
        instance_number=number,
        manufacturer=MAKER,
        patient_orientation=("L", "P"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.SeriesDescription = described("pictures")
    capture.BurnedInAnnotation = "YES"
    capture.ImageLaterality = "B"  # a slice or scene through the body shows both sides
    capture.ImageComments = name
    capture.PatientOrientation = list(picture_orientation(case, name))
    capture.SourceImageSequence = [reference(image) for image in source.images]
    return capture


def reference(image: Dataset) -> Dataset:
    """Return the item that names an image in a sequence of references.

    Parameters
    ----------
    image : pydicom.Dataset
        With its UIDs.

    Returns
    -------
    pydicom.Dataset
        Class and instance.
    """
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def picture_orientation(case: Case, name: str) -> tuple[str, ...]:
    """Return where the rows and columns of a picture run, in DICOM's letters.

    Parameters
    ----------
    case : Case
        With the way in, for the slice along the needle.
    name : str
        Picture's name without its ending.

    Returns
    -------
    tuple of str
        Two values such as ``("L", "P")``; none where the picture is not a slice.
    """
    if name in STANDARD_AXES:
        plane = standard_plane(name, np.zeros(3), HALF_MM)
    elif name == "needle" and case.plan.chosen is not None:
        chosen = case.plan.chosen
        plane = needle_plane(np.array(chosen.entry_lps_mm), np.array(chosen.target_lps_mm))
    else:
        return ()
    return _letters(plane.right), _letters(plane.down)


def _letters(direction: FloatArray) -> str:
    order = np.argsort(-np.abs(direction))
    return "".join(
        CODE_LETTERS[axis][int(direction[axis] > 0)]
        for axis in order
        if abs(direction[axis]) > OBLIQUE_SHARE
    )


def patient_words(source: CtSource) -> tuple[str, str, str]:
    """Return who the CT says the patient is.

    Parameters
    ----------
    source : CtSource
        The CT.

    Returns
    -------
    tuple of str
        Name in letters, identifier, date of birth; ``–`` for what the CT leaves empty.
    """
    first = source.first
    groups = str(first.get("PatientName") or "").split("=")  # letters, ideograms, sounds
    names = [" ".join(part for part in group.split("^") if part).strip() for group in groups]
    told = next((name for name in names if name and _drawable(name)), "–")
    born = _date(str(first.get("PatientBirthDate") or ""))
    return told, f"ID {first.get('PatientID') or '–'}", born


@cache
def _letters_of_the_font() -> frozenset[int]:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return frozenset(FT2Font(str(path)).get_charmap())


def _drawable(text: str) -> bool:
    """Tell whether the font has every letter; boxes in place of a name would be worse than none."""
    return all(ord(letter) in _letters_of_the_font() for letter in text)


def identity(source: CtSource, language: Language) -> str:
    """Return who the CT says the patient is, on one line.

    Parameters
    ----------
    source : CtSource
        The CT.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    str
        Name, identifier, date of birth.
    """
    name, identifier, born = patient_words(source)
    return f"{name}, {identifier}, {texts(language)['strip']['born']} {born}"


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 else "–"


def strip_lines(case: Case, source: CtSource, language: Language) -> list[Line]:
    """Return what the strip beside a picture says.

    Parameters
    ----------
    case : Case
        Any state; what is lacking is left out.
    source : CtSource
        Gives patient and study.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    list of Line
        From top to bottom.
    """
    words = texts(language)
    strip = words["strip"]
    name, identity, born = patient_words(source)
    ct_date = _date(str(source.first.get("StudyDate") or ""))
    plan_date = case.plan.created_utc[:10]
    confirmed = side_holds(case) is True
    lines = [
        Line(name, HEAD_PIXELS, bold=True, gap=0),
        Line(identity),
        Line(f"{strip['born']} {born}"),
        Line(f"{strip['ct']} {ct_date}  ·  {strip['plan']} {plan_date}", colour=QUIET),
        Line(strip["confirmed"] if confirmed else strip["not_confirmed"], colour=WARNING),
    ]
    lines += _lesion_lines(case, words, language)
    lines += _path_lines(case, words, language)
    lines += _zone_lines(case, words, language)
    return lines


def _number(value: float, digits: int, language: Language) -> str:
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "fr" else text


def _head(text: str) -> Line:
    return Line(text[:1].upper() + text[1:], HEAD_PIXELS, ACCENT, gap=18, bold=True)


def _lesion_lines(case: Case, words: dict[str, Any], language: Language) -> list[Line]:
    lesion = case.plan.measures
    if lesion is None:
        return []

    def said(value: float, digits: int = 1) -> str:
        return _number(value, digits, language)

    strip = words["strip"]
    return [
        _head(words["lesion"]),
        Line(f"{said(lesion.length_mm)} × {said(lesion.width_mm)} mm  ({strip['three_d']})"),
        Line(
            f"{said(lesion.axial.length_mm)} × {said(lesion.axial.width_mm)} mm  ({strip['axial']})"
        ),
        Line(f"{said(lesion.volume_formula_ml, 2)} mL  (L × W² / 2)"),
        Line(f"{said(lesion.volume_ml, 2)} mL  ({strip['segmented']})"),
        Line(f"{words['kinds'][lesion.kind]}, {said(lesion.mean_hu, 0)} HU"),
    ]


def _path_lines(case: Case, words: dict[str, Any], language: Language) -> list[Line]:
    chosen = case.plan.chosen
    if chosen is None:
        return []
    strip = words["strip"]
    depth = _number(chosen.length_mm / 10, 1, language)
    angle = _number(abs(chosen.angle_to_axial_deg), 0, language)
    towards = strip["cranial"] if chosen.angle_to_axial_deg > 0 else strip["caudal"]
    tilt = strip["in_plane"] if angle == "0" else f"{angle}° {towards}"
    return [
        _head(f"{words['path']} {chosen.rank or words['by_hand']}"),
        Line(f"{strip['depth']} {depth} cm"),
        Line(f"{strip['angle']} {tilt}"),
        Line(case.plan.needle_used, SMALL_PIXELS, QUIET),
        *(Line(words["breaks"], SMALL_PIXELS, QUIET) for _ in chosen.against[:1]),
        Line(words["positions"][case.plan.position], SMALL_PIXELS, QUIET),
    ]


def _zone_lines(case: Case, words: dict[str, Any], language: Language) -> list[Line]:
    if not case.plan.simulation:
        return []
    strip = words["strip"]
    lines = [_head(strip["zone"])]
    shown = best_simulation(case)
    for number, one in enumerate(case.plan.simulation):
        technique = words["techniques"].get(one.technique, one.technique)
        mark = f"  ({strip['drawn']})" if number == shown else ""
        covered = _number(one.coverage_percent, 0, language)
        with_margin = _number(one.coverage_with_margin_percent, 0, language)
        lines.append(Line(f"{technique}{mark}", gap=8, bold=True))
        lines.append(Line(one.device, SMALL_PIXELS, QUIET))
        lines.append(
            Line(
                f"{covered} %  ·  {with_margin} % {strip['with']} "
                f"{_number(one.margin_mm, 0, language)} mm"
            )
        )
        passed = [near.name for near in one.neighbours if near.passed]
        if passed:
            named = ", ".join(words["places"].get(n, n.replace("_", " ")) for n in passed)
            lines.append(Line(f"{strip['limit']} {named}", SMALL_PIXELS, WARNING))
    unseen = [structure_name(one.name, language) for one in case.plan.unpainted]
    if unseen:
        told = f"{words['labels']['not_visible']}: {', '.join(unseen)}"
        lines.append(Line(told, SMALL_PIXELS, WARNING, gap=8))
    return lines


def _composed(picture: Picture, lines: Sequence[Line]) -> Image.Image:
    """Return the picture with the strip to its right."""
    drawn = Image.open(io.BytesIO(picture.png)).convert("RGB")
    both = [texts("en")["disclaimer"], texts("fr")["disclaimer"]]
    feet = [Line(text, SMALL_PIXELS, WARNING, gap=8) for text in both]
    width = STRIP_PIXELS - 2 * MARGIN_PIXELS
    rows = [row for line in lines for row in _wrapped(line, width)]
    foot = [row for line in feet for row in _wrapped(line, width)]
    needed = _height(rows) + _height(foot) + 4 * MARGIN_PIXELS
    size = (drawn.width + STRIP_PIXELS, max(drawn.height, needed))
    canvas = Image.new("RGB", size, PAPER)
    canvas.paste(drawn, (0, (size[1] - drawn.height) // 2))
    pen = ImageDraw.Draw(canvas)
    left = drawn.width + MARGIN_PIXELS
    _write(pen, rows, left, MARGIN_PIXELS)
    _write(pen, foot, left, size[1] - MARGIN_PIXELS - _height(foot))
    return canvas


def _font(line: Line) -> ImageFont.FreeTypeFont:
    """Return matplotlib's own DejaVu Sans, which is there on every machine."""
    name = "DejaVuSans-Bold.ttf" if line.bold else "DejaVuSans.ttf"
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / name), line.size)


def _wrapped(line: Line, width: int) -> list[Line]:
    """Return the line in parts that fit; a word longer than the strip is cut."""
    font = _font(line)
    rows: list[str] = [""]
    for word in line.text.split(" "):
        rest = word
        joined = f"{rows[-1]} {rest}".strip() if rows[-1] else rest
        if font.getlength(joined) <= width:
            rows[-1] = joined
            continue
        if rows[-1]:
            rows.append("")
        while font.getlength(rest) > width:
            fits = next(n for n in range(len(rest), 0, -1) if font.getlength(rest[:n]) <= width)
            rows[-1] = rest[:fits]
            rows.append("")
            rest = rest[fits:]
        rows[-1] = rest
    return [
        Line(text, line.size, line.colour, line.gap if n == 0 else 2, line.bold)
        for n, text in enumerate(rows)
    ]


def _row_height(line: Line) -> int:
    return line.gap + round(line.size * 1.3)


def _height(rows: Sequence[Line]) -> int:
    return sum(_row_height(row) for row in rows)


def _write(pen: ImageDraw.ImageDraw, rows: Sequence[Line], left: int, top: int) -> None:
    for row in rows:
        pen.text((left, top + row.gap), row.text, font=_font(row), fill=row.colour)
        top += _row_height(row)
