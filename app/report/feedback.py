"""The page of feedback on an exercise: pictures side by side, points, and what to read, as PDF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from app.files import write_file
from app.report.pdf import INK, RULED, paragraph_styles, register_fonts, set_text
from app.report.pictures import PAPER, render_plane
from app.report.texts import Language, texts
from app.report.views import Plane, needle_plane, standard_plane
from imaging.geometry import FloatArray
from imaging.progress import SILENT, Progress
from imaging.volume import Volume
from planning.ablations import with_treatment
from planning.plan import Case
from planning.store import Picture
from planning.teaching.answer import Answer
from planning.teaching.exercise import Task
from planning.teaching.feedback import Feedback
from planning.teaching.marking.treating import simulate
from planning.teaching.words import figure_said, said
from planning.ways_in import OWN_RANK

PLANES = {
    Task.MEASURE: ("axial", "coronal", "sagittal"),
    Task.INFILTRATION: ("axial", "needle"),
    Task.ABLATION: ("axial", "coronal", "needle"),
    Task.TECHNIQUE: ("axial", "coronal"),
}
HALF_MM = 70.0
PICTURE_WIDTH_MM = 86.0
NAME_WIDTH_MM, TOLD_WIDTH_MM, POINTS_WIDTH_MM = 44.0, 104.0, 26.0
RULE_WIDTH_MM = 16.0
PDF_NAME = "feedback.pdf"
GAP_PIXELS = 12


def write_feedback(
    feedback: Feedback,
    answer: Answer,
    reference: Answer,
    volume: Volume,
    folder: Path,
    language: Language,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write the page of feedback and its pictures.

    Parameters
    ----------
    feedback : Feedback
        What it says.
    answer, reference : Answer
        Drawn side by side.
    volume : Volume
        The CT.
    folder : Path
        Made when absent.
    language : str
        ``fr`` or ``en``.
    progress : Progress
        Told all along.

    Returns
    -------
    list of Path
        The pictures and the PDF.

    Raises
    ------
    AppError
        When the folder cannot be written; files are whole or absent.
    """
    pairs = render_pairs(feedback, answer, reference, volume, language, progress.part(0.0, 0.9))
    written = [
        write_file(folder, f"feedback-{name}", _joined(left.png, right.png))
        for name, left, right in ((left.name, left, right) for left, right in pairs)
    ]
    written.append(write_file(folder, PDF_NAME, feedback_pdf(feedback, pairs, language)))
    progress.update(1.0, "feedback written")
    return written


def render_pairs(
    feedback: Feedback,
    answer: Answer,
    reference: Answer,
    volume: Volume,
    language: Language,
    progress: Progress = SILENT,
) -> list[tuple[Picture, Picture]]:
    """Draw the answer and the reference on the same planes.

    Parameters
    ----------
    feedback : Feedback
        Of the exercise.
    answer, reference : Answer
        To be drawn.
    volume : Volume
        The CT.
    language : str
        ``fr`` or ``en``.
    progress : Progress
        Told all along.

    Returns
    -------
    list of tuple of Picture
        The resident's and the reference's; in line with the needle each has its own plane.
    """
    task = feedback.exercise.task
    own = _drawn(answer, reference, volume, task, progress.part(0.0, 0.4))
    right = _drawn(reference, reference, volume, task, progress.part(0.4, 0.8))
    middle = _middle(reference.case, volume)
    pairs = []
    for name in PLANES[task]:
        planes = [_plane(name, case, right, middle) for case in (own, right)]
        if planes[0] is None or planes[1] is None:
            continue
        left, beside = (
            render_plane(case, volume, plane, 0 if case.fields else None, language)
            for case, plane in zip((own, right), (planes[0], planes[1]), strict=True)
        )
        pairs.append((left, beside))
    progress.update(1.0, "pictures")
    return pairs


def _drawn(
    answer: Answer, reference: Answer, volume: Volume, task: Task, progress: Progress
) -> Case:
    """Return the case as it is drawn: on the reference's structures, simulated anew."""
    plan = answer.case.plan.model_copy(update={"simulation": ()})
    if plan.needle_set is not None:  # its first needle is drawn, not the single way beside it
        first = plan.needle_set.needles[0].model_copy(update={"rank": OWN_RANK})
        plan = plan.model_copy(update={"own_way": first, "chosen_rank": OWN_RANK})
    case = replace(answer.case, plan=plan, structures=reference.case.structures, fields=())
    if task != Task.ABLATION:
        return case
    treatment = simulate(answer, reference, volume, progress)
    return case if treatment is None else with_treatment(case, treatment)


def _middle(case: Case, volume: Volume) -> FloatArray:
    if case.plan.lesion is not None:
        return np.array(case.plan.lesion.centroid_lps_mm)
    middle: FloatArray = volume.grid.corners_lps_mm().mean(axis=0)
    return middle


def _plane(name: str, case: Case, reference: Case, middle: FloatArray) -> Plane | None:
    if name != "needle":
        return standard_plane(name, middle, HALF_MM)
    way = case.plan.chosen or reference.plan.chosen
    if way is None:
        return None
    return needle_plane(np.array(way.entry_lps_mm), np.array(way.target_lps_mm))


def _joined(left: bytes, right: bytes) -> bytes:
    """Return two pictures side by side."""
    from PIL import Image as Pixels

    one, other = Pixels.open(io.BytesIO(left)), Pixels.open(io.BytesIO(right))
    width = one.width + other.width + GAP_PIXELS
    whole = Pixels.new("RGB", (width, max(one.height, other.height)), PAPER)
    whole.paste(one, (0, 0))
    whole.paste(other, (one.width + GAP_PIXELS, 0))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def feedback_pdf(
    feedback: Feedback, pairs: Sequence[tuple[Picture, Picture]], language: Language
) -> bytes:
    """Set the page of feedback.

    Parameters
    ----------
    feedback : Feedback
        What it says.
    pairs : sequence of tuple of Picture
        The resident's and the reference's.
    language : str
        ``fr`` or ``en``.

    Returns
    -------
    bytes
        The PDF, with the mark of a planning aid on every page.
    """
    words = texts(language)
    font = register_fonts()
    page = _Page(feedback, language)
    story = [
        *page.head(),
        *page.faults(),
        *page.terms(),
        *page.pictures(pairs),
        *page.reasons(),
        *page.reading(),
    ]
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=said("labels", "feedback", language),
        author="Osteoplan",
    )

    def footer(canvas: Canvas, _document: object) -> None:
        canvas.setFont(font, 7)
        canvas.setFillColor(INK)
        canvas.drawString(18 * mm, 10 * mm, words["disclaimer"])
        number = f"{words['page']} {canvas.getPageNumber()}"
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, number)

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return buffer.getvalue()


class _Page:
    """The parts of a page of feedback in one language."""

    def __init__(self, feedback: Feedback, language: Language) -> None:
        self.feedback, self.language = feedback, language
        self.styles = paragraph_styles(register_fonts())

    def _label(self, key: str, **figures: object) -> str:
        return said("labels", key, self.language, **figures)

    def _text(self, text: str, style: str = "body") -> Paragraph:
        return Paragraph(set_text(text), self.styles[style])

    def _ruled(self, rows: list[list[Paragraph]], widths_mm: tuple[float, ...]) -> Table:
        table = Table(rows, colWidths=[width * mm for width in widths_mm])
        table.setStyle(TableStyle(RULED))
        return table

    def head(self) -> list[Flowable]:
        """Return title, verdict, points, and what was asked."""
        exercise, mark = self.feedback.exercise, self.feedback.mark
        told = exercise.texts[self.language]
        verdict = escape(self.feedback.verdict.text(self.language))
        points = self._label(
            "points",
            points=mark.score,
            of=mark.of,
            percent=mark.percent,
            pass_percent=mark.pass_percent,
        )
        parts: list[Flowable] = [
            self._text(f"{self._label('feedback')} – {told.title}", "title"),
            self._text(texts(self.language)["disclaimer"], "disclaimer"),
            Paragraph(f"<b>{verdict}</b> – {set_text(points)}", self.styles["body"]),
        ]
        if self.feedback.seen_reference:
            parts.append(self._text(self._label("seen")))
        for key, text in (("situation", told.situation), ("asked", told.asked)):
            parts += [self._text(self._label(key), "head"), self._text(text)]
        return parts

    def faults(self) -> list[Flowable]:
        """Return what fails whatever the points."""
        if not self.feedback.faults:
            return []
        rows = [self._text(one.told.text(self.language), "warning") for one in self.feedback.faults]
        return [self._text(self._label("faults"), "head"), Spacer(1, 2 * mm), *rows]

    def terms(self) -> list[Flowable]:
        """Return every term with its points."""
        rows = []
        for one in self.feedback.terms:
            reached = figure_said(one.term.points, self.language)
            most = figure_said(one.term.of, self.language)
            rows.append(
                [
                    self._text(one.name.text(self.language), "label"),
                    self._text(one.told.text(self.language)),
                    self._text(f"{reached} / {most}"),
                ]
            )
        widths = (NAME_WIDTH_MM, TOLD_WIDTH_MM, POINTS_WIDTH_MM)
        return [self._text(self._label("marked"), "head"), self._ruled(rows, widths)]

    def pictures(self, pairs: Sequence[tuple[Picture, Picture]]) -> list[Flowable]:
        """Return the resident's and the reference's, side by side."""
        titles = [self._text(self._label(key), "heading") for key in ("yours", "reference")]
        found: list[Flowable] = []
        for number, pair in enumerate(pairs):
            head = [self._text(self._label("pictures"), "head")] if number == 0 else []
            rows: list[list[object]] = [list(titles), [_image(one) for one in pair]]
            table = Table(rows, colWidths=[(PICTURE_WIDTH_MM + 1) * mm] * 2)
            table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0)]))
            found.append(KeepTogether([*head, table]))
        return found

    def reasons(self) -> list[Flowable]:
        """Return what both gave as their reason."""
        given = (
            ("yours", self.feedback.reasons),
            ("reference", self.feedback.reasons_of_reference(self.language)),
        )
        rows = [
            [self._text(self._label(key), "label"), self._text(text)] for key, text in given if text
        ]
        if not rows:
            return []
        widths = (NAME_WIDTH_MM, TOLD_WIDTH_MM + POINTS_WIDTH_MM)
        return [
            KeepTogether([self._text(self._label("reasons"), "head"), self._ruled(rows, widths)])
        ]

    def reading(self) -> list[Flowable]:
        """Return rules, their sources, and the place in the user guide."""
        rows = []
        for one in self.feedback.reading:
            missed = "; ".join(text.text(self.language) for text in one.missed)
            told = f"{one.text.text(self.language)} ({one.source})"
            rows.append(
                [
                    self._text(one.rule, "label"),
                    self._text(f"{told} – {missed}" if missed else told),
                ]
            )
        parts: list[Flowable] = [self._text(self._label("reading"), "head")]
        if rows:
            rest = NAME_WIDTH_MM + TOLD_WIDTH_MM + POINTS_WIDTH_MM - RULE_WIDTH_MM
            parts.append(self._ruled(rows, (RULE_WIDTH_MM, rest)))
        parts.append(self._text(self.feedback.guide.text(self.language)))
        return parts


def _image(picture: Picture) -> Image:
    width, height = ImageReader(io.BytesIO(picture.png)).getSize()
    wide = PICTURE_WIDTH_MM * mm
    return Image(io.BytesIO(picture.png), width=wide, height=wide * height / width)
